//! The published trees and tables, where `HELIACAL_TEST_DATA` names the folder that holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use heliacal_taxonomy::{
    ClassMap, CodeMap, NodeId, Placement, Taxonomy, elasticc_class_id, gentype_of_sntype,
};
use serde_json::Value;

/// A file of the test data; `None`, with a line on standard error, where there is no test data.
fn data(path: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os("HELIACAL_TEST_DATA") else {
        eprintln!("skipped: HELIACAL_TEST_DATA is not set, {path} not read");
        return None;
    };
    let text = std::fs::read_to_string(PathBuf::from(folder).join(path)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(text).collect()
}

fn leaf_names(t: &Taxonomy) -> Vec<&str> {
    t.leaves().iter().map(|&leaf| t.class_name(leaf)).collect()
}

/// Compares names, parents, depths and leaves with a list of nodes in any order.
fn assert_same_nodes(t: &Taxonomy, nodes: &[Value]) {
    assert_eq!(t.n_nodes(), nodes.len());
    for value in nodes {
        let node = t.find(text(&value["name"])).unwrap();
        assert_eq!(t.parent(node).map(|parent| t.class_name(parent)), value["parent"].as_str());
        assert_eq!(t.depth(node), value["depth"].as_u64().unwrap() as usize);
        assert_eq!(t.is_leaf(node), value["leaf"].as_bool().unwrap());
    }
}

#[test]
fn oracles_trees_are_in_level_order() {
    for (path, t) in [
        ("taxonomies/oracle_elasticc.json", Taxonomy::oracle()),
        ("taxonomies/oracle_bts.json", Taxonomy::oracle_bts()),
    ] {
        let Some(file) = data(path) else { return };
        let nodes = file["nodes"].as_array().unwrap();
        assert_same_nodes(&t, nodes);
        assert_eq!(t.names(), nodes.iter().map(|node| text(&node["name"])).collect::<Vec<_>>());
        assert_eq!(leaf_names(&t), texts(&file["leaf_order"]));
    }
}

#[test]
fn oracles_published_weights_use_the_same_order() {
    for (path, t) in [
        ("oracle-elasticc/taxonomy_elasticc.json", Taxonomy::oracle()),
        ("oracle-elasticc/taxonomy_bts.json", Taxonomy::oracle_bts()),
    ] {
        let Some(file) = data(path) else { return };
        assert_eq!(t.names(), texts(&file["level_order"]));
        assert_eq!(leaf_names(&t), texts(&file["leaves"]));
        let parents: Vec<&str> =
            t.nodes().map(|node| t.parent(node).map_or("", |parent| t.class_name(parent))).collect();
        assert_eq!(parents, texts(&file["parent"]));
        // The file lists the groups in the order of their parents' names.
        let groups: BTreeSet<Vec<usize>> = t.sibling_groups().map(Iterator::collect).collect();
        let expected: BTreeSet<Vec<usize>> = serde_json::from_value(file["sibling_groups"].clone()).unwrap();
        assert_eq!(groups, expected);
    }
}

#[test]
fn elasticcs_tree_and_ids() {
    let Some(file) = data("taxonomies/elasticc.json") else { return };
    let (t, ids) = (Taxonomy::elasticc(), CodeMap::elasticc_class_ids());
    let nodes = file["nodes"].as_array().unwrap();
    assert_same_nodes(&t, nodes);
    for value in nodes {
        let (node, id) = (t.find(text(&value["name"])).unwrap(), value["id"].as_i64());
        assert_eq!(elasticc_class_id(node), id);
        assert!(id.is_none_or(|id| ids.get(id) == Ok(Placement::Node(node))));
    }
    assert_eq!(ids.iter().len() + 1, nodes.len());
}

#[test]
fn every_gentype_has_the_class_of_its_model() {
    let Some(file) = data("taxonomies/elasticc_gentype.json") else { return };
    let (elasticc, oracle) = (CodeMap::elasticc_gentypes(), CodeMap::oracle_gentypes());
    let table: BTreeMap<String, i64> = serde_json::from_value(file["class_id_of_gentype"].clone()).unwrap();
    for (gentype, &class_id) in &table {
        let node = elasticc.get(gentype.parse::<i64>().unwrap()).unwrap().node().unwrap();
        assert_eq!(elasticc_class_id(node), Some(class_id));
    }
    let without: Vec<i64> = serde_json::from_value(file["gentypes_without_class_id"].clone()).unwrap();
    assert!(without.iter().all(|&gentype| elasticc.get(gentype) == Ok(Placement::NotInTaxonomy)));
    assert_eq!(elasticc.iter().len(), table.len() + without.len());

    // Two independent sources: the class of a model's GENTYPE, and the class of its name.
    let models = ClassMap::snana_models();
    for list in ["models_elasticc2", "models_survey_config"] {
        for model in file[list].as_array().unwrap() {
            let (gentype, name) = (model["gentype"].as_i64().unwrap(), text(&model["model"]));
            match oracle.get(gentype) {
                Ok(class @ Placement::Node(_)) => assert_eq!(models.get(name), Ok(class), "{name}"),
                Ok(Placement::NotInTaxonomy) => assert!(without.contains(&gentype)),
                Err(_) => assert_eq!((gentype, name), (81, "Mdwarf")), // in the older list only, without a class
            }
        }
    }
}

/// Every entry of a table of names, its classes in `t` or, as "Anomaly", in none.
fn assert_same_map(map: &ClassMap, t: &Taxonomy, table: &Value) -> usize {
    let table = table.as_object().unwrap();
    for (name, class) in table {
        let expected = match text(class) {
            "Anomaly" => Placement::NotInTaxonomy,
            class => Placement::Node(t.find(class).unwrap()),
        };
        assert_eq!(map.get(name), Ok(expected), "{name}");
    }
    table.len()
}

#[test]
fn oracles_label_tables() {
    let Some(file) = data("taxonomies/oracle_label_maps.json") else { return };
    let (models, bts) = (ClassMap::snana_models(), ClassMap::bts_types());
    let table = &file["ELAsTiCC_to_Astrophysical_mappings"];
    assert_eq!(assert_same_map(&models, &Taxonomy::oracle(), table), 32);
    let n_types = assert_same_map(&bts, &Taxonomy::oracle_bts(), &file["BTS_to_Astrophysical_mappings"]);
    assert_eq!(bts.iter().len(), n_types); // no type of our own
}

#[test]
fn real_objects_have_their_class_by_folder_and_by_sntype() {
    let Some(file) = data("oracle-elasticc/index.json") else { return };
    let (oracle, models, gentypes) =
        (Taxonomy::oracle(), ClassMap::snana_models(), CodeMap::oracle_gentypes());
    for object in file["objects"].as_array().unwrap() {
        let class = Placement::Node(oracle.find(text(&object["true_class"])).unwrap());
        assert_eq!(models.get_suffix(text(&object["folder"])), Ok(class));
        let (gentype, _) = gentype_of_sntype(object["sntype"].as_i64().unwrap());
        assert_eq!(gentypes.get(gentype), Ok(class));
    }
}

#[test]
fn the_root_of_every_built_in_tree_is_node_0() {
    for name in Taxonomy::builtin_names() {
        let t = Taxonomy::by_name(name).unwrap();
        assert_eq!(t.parent(NodeId::ROOT), None);
        assert!(t.nodes().skip(1).all(|node| t.is_ancestor(NodeId::ROOT, node)));
    }
}
