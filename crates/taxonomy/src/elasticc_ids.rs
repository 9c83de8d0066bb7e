//! ELAsTiCC's numbers: class ids, GENTYPE, SNTYPE.

use crate::class_map::Placement;
use crate::code_map::CodeMap;
use crate::tree::{NodeId, Taxonomy};

/// Class ids in level order, without the root, which has none. Each level adds a digit: 2222 is
/// Variable / Non-Recurring / SN-like / Ia.
const CLASS_IDS: [i64; 42] = [
    0, 1000, 2000, // Meta, Static, Variable
    100, 200, 300, 1100, 2100, 2200, 2300, //
    2210, 2220, 2230, 2240, 2310, 2320, 2330, //
    2221, 2222, 2223, 2224, 2225, 2226, // SN-like
    2231, 2232, 2233, 2234, 2235, // Fast
    2241, 2242, 2243, 2244, 2245, 2246, // Long
    2321, 2322, 2323, 2324, 2325, 2326, // Periodic
    2331, 2332, // Non-Periodic
];

/// Class id of every GENTYPE (SIM_TYPE_INDEX) of ELAsTiCC2: LSSTDESC/tom_desc, `0016_redo_typemap.py`.
const CLASS_ID_OF_GENTYPE: &[(i64, i64)] = &[
    (10, 2222),
    (11, 2226),
    (12, 2225),
    (20, 2223),
    (21, 2223),
    (25, 2223),
    (26, 2223),
    (27, 2223),
    (30, 2224),
    (31, 2224),
    (32, 2224),
    (35, 2224),
    (36, 2224),
    (37, 2224),
    (40, 2242),
    (42, 2243),
    (45, 2244),
    (46, 2245),
    (50, 2232),
    (51, 2232),
    (59, 2246),
    (60, 2332),
    (80, 2323),
    (82, 2233),
    (83, 2325),
    (84, 2234),
    (87, 2235),
    (88, 2235),
    (89, 2235),
    (90, 2322),
    (91, 2324),
];

/// GENTYPEs of ELAsTiCC2 to which the source gives no class id: PISN of the STELLA models, lensed SNe Ia, II, Ib and
/// Ic, techno-signatures.
const GENTYPES_WITHOUT_CLASS_ID: [i64; 7] = [57, 58, 71, 72, 73, 74, 98];

/// ORACLE's class for the leaves of ELAsTiCC's tree; for those not listed it has none.
const ORACLE_OF_ELASTICC: &[(&str, &str)] = &[
    ("Ia", "SNIa"),
    ("Ib/c", "SNIb/c"),
    ("II", "SNII"),
    ("Iax", "SNIax"),
    ("91bg", "SNI91bg"),
    ("KN", "KN"),
    ("M-dwarf Flare", "M-dwarf Flare"),
    ("Dwarf Novae", "Dwarf Novae"),
    ("uLens", "uLens"),
    ("SLSN", "SLSN"),
    ("TDE", "TDE"),
    ("ILOT", "ILOT"),
    ("CART", "CART"),
    ("PISN", "PISN"),
    ("Cepheid", "Cepheid"),
    ("RR Lyrae", "RR Lyrae"),
    ("Delta Scuti", "Delta Scuti"),
    ("EB", "EB"),
    ("AGN", "AGN"),
];

/// The official class id of a node of [`Taxonomy::elasticc`]; `None` for the root, which has none.
///
/// The way back is [`CodeMap::elasticc_class_ids`].
///
/// ```
/// let elasticc = heliacal_taxonomy::Taxonomy::elasticc();
/// assert_eq!(heliacal_taxonomy::elasticc_class_id(elasticc.find("Ia")?), Some(2222));
/// # Ok::<(), heliacal_taxonomy::UnknownName>(())
/// ```
pub fn elasticc_class_id(node: NodeId) -> Option<i64> {
    CLASS_IDS.get(node.index().checked_sub(1)?).copied()
}

impl CodeMap {
    /// ELAsTiCC's class ids, as brokers send them, to the nodes of [`Taxonomy::elasticc`]: 42 ids, the root has none.
    pub fn elasticc_class_ids() -> Self {
        Self::built_in(
            "ELAsTiCC class id",
            CLASS_IDS.into_iter().zip((1..).map(|node| Placement::Node(NodeId(node)))),
        )
    }

    /// ELAsTiCC2's GENTYPE (SIM_TYPE_INDEX) to the leaves of [`Taxonomy::elasticc`].
    ///
    /// 57 and 58 (PISN, STELLA models), 71 to 74 (lensed supernovae) and 98 (techno-signatures) have no class id in
    /// ELAsTiCC's own table and are [`Placement::NotInTaxonomy`]; [`insert`](Self::insert) them elsewhere if wanted.
    pub fn elasticc_gentypes() -> Self {
        Self::of_gentypes(&Self::elasticc_class_ids())
    }

    /// ELAsTiCC's class ids to the classes of [`Taxonomy::oracle`].
    ///
    /// A leaf goes to the ORACLE class of the same objects, an inner node to the lowest ORACLE class above all that its
    /// leaves go to: 2220 SN-like to SN, 2200 Non-Recurring to Transient, 2300 Recurring to Variable, 2330
    /// Non-Periodic to AGN, and 2000 Variable, which is everything that varies, to the root. ORACLE has no place for
    /// Meta, Static, LPV/Mira and the classes named Other: [`Placement::NotInTaxonomy`].
    pub fn oracle_class_ids() -> Self {
        Self::built_in(
            "ELAsTiCC class id",
            CLASS_IDS.into_iter().zip(oracle_placements().into_iter().skip(1)),
        )
    }

    /// ELAsTiCC2's GENTYPE (SIM_TYPE_INDEX) to the classes of [`Taxonomy::oracle`], by way of the class ids.
    ///
    /// GENTYPEs without a class id are [`Placement::NotInTaxonomy`], as in
    /// [`elasticc_gentypes`](Self::elasticc_gentypes).
    pub fn oracle_gentypes() -> Self {
        Self::of_gentypes(&Self::oracle_class_ids())
    }

    fn of_gentypes(class_ids: &Self) -> Self {
        let place = |&(gentype, class_id): &(i64, i64)| {
            (gentype, class_ids.get(class_id).expect("the table holds official ids"))
        };
        let without = GENTYPES_WITHOUT_CLASS_ID.map(|gentype| (gentype, Placement::NotInTaxonomy));
        Self::built_in("GENTYPE", CLASS_ID_OF_GENTYPE.iter().map(place).chain(without))
    }
}

/// The place in ORACLE's tree of every node of ELAsTiCC's.
fn oracle_placements() -> Vec<Placement> {
    let (elasticc, oracle) = (Taxonomy::elasticc(), Taxonomy::oracle());
    let mut placements = vec![Placement::NotInTaxonomy; elasticc.n_nodes()];
    for (from, to) in ORACLE_OF_ELASTICC {
        let from = elasticc.find(from).expect("the left column is ELAsTiCC's");
        let to = oracle.find(to).expect("the right column is ORACLE's");
        for node in elasticc.ancestors(from) {
            let placement = &mut placements[node.index()];
            let above_both = placement.node().map_or(to, |other| oracle.lowest_common_ancestor(other, to));
            *placement = Placement::Node(above_both);
        }
    }
    placements
}

/// How SNANA says that the type of an object was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identification {
    /// From a spectrum: SNTYPE is the GENTYPE.
    Spectroscopic,
    /// From photometry alone: SNTYPE is the GENTYPE + 100.
    Photometric,
}

/// Takes SNANA's SNTYPE apart: the GENTYPE to look up in a [`CodeMap`], and how it was found.
///
/// Simulated objects carry their GENTYPE plus 100 where the simulated survey took no spectrum, so 50 and 150 are both
/// kilonovae. Codes below 100, missing values such as -9 among them, come back as they are.
///
/// ```
/// use heliacal_taxonomy::{CodeMap, Identification, Taxonomy, gentype_of_sntype};
///
/// let (gentype, identification) = gentype_of_sntype(150);
/// assert_eq!((gentype, identification), (50, Identification::Photometric));
/// let kn = Taxonomy::oracle().find("KN")?;
/// assert_eq!(CodeMap::oracle_gentypes().get(gentype)?.node(), Some(kn));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn gentype_of_sntype(sntype: i64) -> (i64, Identification) {
    if sntype >= 100 {
        (sntype - 100, Identification::Photometric)
    } else {
        (sntype, Identification::Spectroscopic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_nodes_go_both_ways_and_digits_are_the_tree() {
        let (elasticc, ids) = (Taxonomy::elasticc(), CodeMap::elasticc_class_ids());
        assert_eq!((elasticc.n_nodes(), elasticc.n_leaves(), ids.iter().len()), (43, 32, 42));
        for (id, placement) in ids.iter() {
            let node = placement.node().unwrap();
            assert_eq!(elasticc_class_id(node), Some(id));
            // The parent's id is the same with its last digit other than 0 removed; Meta (0) is the exception, whose
            // children are 100, 200, 300.
            let parent_id = if (1..1000).contains(&id) {
                Some(0)
            } else {
                [10, 100, 1000]
                    .map(|unit| id / unit * unit)
                    .into_iter()
                    .find(|&parent| parent != id && parent > 0)
            };
            let parent = parent_id.map_or(NodeId::ROOT, |parent| ids.get(parent).unwrap().node().unwrap());
            assert_eq!(elasticc.parent(node), Some(parent), "{id}");
        }
        assert_eq!(elasticc_class_id(NodeId::ROOT), None);
        assert_eq!(ids.get(111).unwrap_err().to_string(), "unknown ELAsTiCC class id 111");
        assert_eq!(ids.get(2227).unwrap_err().code, 2227);
    }

    #[test]
    fn oracle_classes_of_ids() {
        let (oracle, map) = (Taxonomy::oracle(), CodeMap::oracle_class_ids());
        let class = |id: i64| map.get(id).unwrap().node().map(|node| oracle.class_name(node).to_owned());
        let some = |name: &str| Some(name.to_owned());
        assert_eq!([class(2222), class(2226), class(2332)], [some("SNIa"), some("SNI91bg"), some("AGN")]);
        assert_eq!([class(2220), class(2230), class(2240)], [some("SN"), some("Fast"), some("Long")]);
        assert_eq!(
            [class(2200), class(2300), class(2320)],
            [some("Transient"), some("Variable"), some("Periodic")]
        );
        assert_eq!([class(2000), class(2330)], [some("Alert"), some("AGN")]);
        for id in [0, 100, 200, 300, 1000, 1100, 2100, 2210, 2221, 2231, 2241, 2310, 2321, 2326, 2331] {
            assert_eq!(class(id), None, "{id}");
        }
    }

    #[test]
    fn gentypes_without_an_id_are_known_and_outside() {
        for map in [CodeMap::elasticc_gentypes(), CodeMap::oracle_gentypes()] {
            assert_eq!(map.iter().len(), 38);
            assert_eq!(map.get(72), Ok(Placement::NotInTaxonomy));
            assert_eq!(map.get(81).unwrap_err().to_string(), "unknown GENTYPE 81");
        }
        let rr_lyrae = Taxonomy::elasticc().find("RR Lyrae").unwrap();
        assert_eq!(CodeMap::elasticc_gentypes().get(80), Ok(Placement::Node(rr_lyrae)));
    }

    #[test]
    fn photometric_twins() {
        assert_eq!(gentype_of_sntype(20), (20, Identification::Spectroscopic));
        assert_eq!(gentype_of_sntype(120), (20, Identification::Photometric));
        assert_eq!(gentype_of_sntype(-9), (-9, Identification::Spectroscopic));
    }
}
