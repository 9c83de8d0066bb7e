//! Taxonomies as nested text: JSON and TOML.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::error::TaxonomyError;
use crate::tree::{NodeId, Taxonomy};
use crate::validate::{LooseNode, MAX_DEPTH, MAX_NODES};

/// The longest text that is read as a taxonomy (bytes).
pub const MAX_TEXT_BYTES: usize = 16 << 20;

/// Why a text is not a taxonomy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaxonomyTextError {
    /// A text longer than [`MAX_TEXT_BYTES`].
    #[error("text of {found} bytes, a taxonomy has at most {MAX_TEXT_BYTES}")]
    TooLong {
        /// Its length (bytes).
        found: usize,
    },
    /// Not JSON or TOML, or fields other than `name`, `root` and `children`.
    #[error("not a taxonomy in {format}")]
    Syntax {
        /// `JSON` or `TOML`.
        format: &'static str,
        /// Where the text fails, and why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Well-formed text whose nodes are not one tree.
    #[error(transparent)]
    Tree(#[from] TaxonomyError),
}

impl Taxonomy {
    /// Reads `{"name": ..., "root": {"name": ..., "children": [...]}}`; a leaf has no `children`, or none in them.
    ///
    /// # Errors
    /// [`TaxonomyTextError`] when the text is too long, is not JSON, has unknown, doubled or missing fields, or when
    /// its nodes are not one tree within the size limits.
    ///
    /// ```
    /// use heliacal_taxonomy::Taxonomy;
    ///
    /// let json = r#"{"name":"sn","root":{"name":"SN","children":[{"name":"SNIa"},{"name":"SNII"}]}}"#;
    /// let taxonomy = Taxonomy::from_json(json)?;
    /// assert_eq!(taxonomy.names(), ["SN", "SNIa", "SNII"]);
    /// assert_eq!(taxonomy.to_json(), json);
    /// # Ok::<(), heliacal_taxonomy::TaxonomyTextError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self, TaxonomyTextError> {
        check_length(text)?;
        let nested: Nested = serde_json::from_str(text)
            .map_err(|source| TaxonomyTextError::Syntax { format: "JSON", source: source.into() })?;
        Ok(nested.try_into()?)
    }

    /// Reads TOML of the same shape: `name`, `[root]`, `[[root.children]]`, `[[root.children.children]]`, or inline
    /// tables.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    ///
    /// ```
    /// use heliacal_taxonomy::Taxonomy;
    ///
    /// let toml = r#"
    ///     name = "sn"
    ///     [root]
    ///     name = "SN"
    ///     children = [{ name = "SNIa" }, { name = "SNII" }]
    /// "#;
    /// assert_eq!(Taxonomy::from_toml(toml)?.n_leaves(), 2);
    /// # Ok::<(), heliacal_taxonomy::TaxonomyTextError>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, TaxonomyTextError> {
        check_length(text)?;
        let nested: Nested = toml::from_str(text)
            .map_err(|source| TaxonomyTextError::Syntax { format: "TOML", source: source.into() })?;
        Ok(nested.try_into()?)
    }

    /// Writes the taxonomy as compact JSON, the same text for equal taxonomies; [`from_json`](Self::from_json) reads
    /// it back equal.
    pub fn to_json(&self) -> String {
        compact_json(self)
    }
}

fn compact_json(taxonomy: &Taxonomy) -> String {
    serde_json::to_string(taxonomy).expect("names and lists always serialize")
}

fn check_length(text: &str) -> Result<(), TaxonomyTextError> {
    if text.len() > MAX_TEXT_BYTES { Err(TaxonomyTextError::TooLong { found: text.len() }) } else { Ok(()) }
}

impl Serialize for Taxonomy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = serializer.serialize_struct("Taxonomy", 2)?;
        text.serialize_field("name", self.name())?;
        text.serialize_field("root", &Subtree { taxonomy: self, node: NodeId::ROOT })?;
        text.end()
    }
}

/// A node with all below it; recursion ends at [`MAX_DEPTH`].
struct Subtree<'a> {
    taxonomy: &'a Taxonomy,
    node: NodeId,
}

impl Serialize for Subtree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { taxonomy, node } = *self;
        let children: Vec<_> =
            taxonomy.children(node).map(|child| Subtree { taxonomy, node: NodeId(child) }).collect();
        let mut text = serializer.serialize_struct("Node", 1 + usize::from(!children.is_empty()))?;
        text.serialize_field("name", taxonomy.class_name(node))?;
        if !children.is_empty() {
            text.serialize_field("children", &children)?;
        }
        text.end()
    }
}

impl<'de> Deserialize<'de> for Taxonomy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Nested::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

/// A taxonomy as it stands in a text, its nodes not yet checked.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename = "taxonomy")]
struct Nested {
    name: String,
    root: Nodes,
}

impl TryFrom<Nested> for Taxonomy {
    type Error = TaxonomyError;

    fn try_from(nested: Nested) -> Result<Self, TaxonomyError> {
        match nested.root.fault {
            Some(fault) => Err(fault),
            None => Self::from_loose_nodes(nested.name, nested.root.nodes),
        }
    }
}

/// The nodes of a nested text, in the order of the text. Where it is too deep or too large, the rest is skipped
/// without recursion and the fault noted, so that it reaches the caller as a value and not as a parser's message.
#[derive(Default)]
struct Nodes {
    nodes: Vec<LooseNode>,
    fault: Option<TaxonomyError>,
}

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut into = Self::default();
        OneNode { into: &mut into, parent: None, depth: 0 }.deserialize(deserializer)?;
        Ok(into)
    }
}

/// Reads one node, and all below it, into the list.
struct OneNode<'a> {
    into: &'a mut Nodes,
    parent: Option<usize>,
    depth: usize,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Name,
    Children,
}

impl<'de> DeserializeSeed<'de> for OneNode<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > MAX_DEPTH || self.into.nodes.len() >= MAX_NODES {
            // The name of the deepest node allowed may follow its children in the text: `Visitor` sets it.
            let name = String::new();
            let too_deep = TaxonomyError::TooDeep { name, max_depth: MAX_DEPTH };
            let too_many = TaxonomyError::TooManyNodes { max_nodes: MAX_NODES };
            self.into.fault.get_or_insert(if self.depth > MAX_DEPTH { too_deep } else { too_many });
            return IgnoredAny::deserialize(deserializer).map(|_| ());
        }
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneNode<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a class with a name and, unless a leaf, children")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let position = self.into.nodes.len();
        self.into.nodes.push((String::new(), self.parent));
        let (mut name, mut has_children) = (None, false);
        while let Some(field) = map.next_key()? {
            match field {
                Field::Name if name.is_some() => return Err(A::Error::duplicate_field("name")),
                Field::Children if has_children => return Err(A::Error::duplicate_field("children")),
                Field::Name => name = Some(map.next_value::<String>()?),
                Field::Children => {
                    map.next_value_seed(Children {
                        into: self.into,
                        parent: position,
                        depth: self.depth + 1,
                    })?;
                    has_children = true;
                }
            }
        }
        self.into.nodes[position].0 = name.ok_or_else(|| A::Error::missing_field("name"))?;
        if let Some(TaxonomyError::TooDeep { name, .. }) = &mut self.into.fault
            && name.is_empty()
        {
            name.clone_from(&self.into.nodes[position].0);
        }
        Ok(())
    }
}

/// Reads a list of siblings.
struct Children<'a> {
    into: &'a mut Nodes,
    parent: usize,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Children<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Children<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of classes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { into, parent, depth } = self;
        while seq.next_element_seed(OneNode { into, parent: Some(parent), depth })?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(root: &str) -> Result<Taxonomy, TaxonomyTextError> {
        Taxonomy::from_json(&format!(r#"{{"name":"t","root":{root}}}"#))
    }

    fn syntax(result: Result<Taxonomy, TaxonomyTextError>) -> String {
        match result.unwrap_err() {
            TaxonomyTextError::Syntax { source, .. } => source.to_string(),
            other => panic!("{other}"),
        }
    }

    fn tree(result: Result<Taxonomy, TaxonomyTextError>) -> TaxonomyError {
        match result.unwrap_err() {
            TaxonomyTextError::Tree(fault) => fault,
            other => panic!("{other}: {:?}", std::error::Error::source(&other)),
        }
    }

    #[test]
    fn fields_in_any_order_and_empty_children_are_the_same_tree() {
        let plain = json(r#"{"name":"a","children":[{"name":"b"}]}"#).unwrap();
        assert_eq!(json(r#"{"children":[{"children":[],"name":"b"}],"name":"a"}"#).unwrap(), plain);
        assert_eq!(plain.to_json(), r#"{"name":"t","root":{"name":"a","children":[{"name":"b"}]}}"#);
        assert_eq!(json(r#"{"name":"a"}"#).unwrap().n_leaves(), 1);
    }

    #[test]
    fn toml_by_headers_and_inline_are_the_same_tree() {
        let headers = "name = 't'\n[root]\nname = 'a'\n[[root.children]]\nname = 'b'\n[[root.children.children]]\n\
                       name = 'c'\n[[root.children]]\nname = 'd'\n";
        let inline = "name='t'\nroot={name='a', children=[{name='b', children=[{name='c'}]}, {name='d'}]}";
        assert_eq!(Taxonomy::from_toml(headers).unwrap(), Taxonomy::from_toml(inline).unwrap());
        assert!(syntax(Taxonomy::from_toml(&inline.replace("'d'", "'d', colour=1"))).contains("colour"));
        assert!(!syntax(Taxonomy::from_toml("name = ")).is_empty());
    }

    #[test]
    fn malformed_texts_each_say_what_is_wrong() {
        assert!(syntax(json(r#"{"name":"a","kind":1}"#)).contains("unknown field `kind`"));
        assert!(syntax(json(r#"{"children":[]}"#)).contains("missing field `name`"));
        assert!(syntax(json(r#"{"name":"a","name":"b"}"#)).contains("duplicate field `name`"));
        assert!(
            syntax(json(r#"{"name":"a","children":[],"children":[]}"#))
                .contains("duplicate field `children`")
        );
        assert!(syntax(json(r#"{"name":"a","children":{}}"#)).contains("expected a list of classes"));
        assert!(syntax(json(r#"{"name":"a","children":["b"]}"#)).contains("expected a class"));
        assert!(syntax(json(r#"{"name":7}"#)).contains("expected a string"));
        assert!(syntax(Taxonomy::from_json(r#"{"name":"t"}"#)).contains("missing field `root`"));
        assert!(
            syntax(Taxonomy::from_json(r#"{"name":"t","root":{"name":"a"},"x":1}"#))
                .contains("unknown field `x`")
        );
        assert!(syntax(Taxonomy::from_json("{")).contains("EOF"));
        assert_eq!(
            Taxonomy::from_json("[]").unwrap_err().to_string(),
            "not a taxonomy in JSON" // the reason is the source
        );
    }

    #[test]
    fn faults_of_the_tree_come_out_typed() {
        assert_eq!(tree(json(r#"{"name":""}"#)), TaxonomyError::EmptyName { parent: None });
        assert_eq!(
            tree(json(r#"{"name":"a","children":[{"name":"b"},{"name":"c","children":[{"name":"b"}]}]}"#)),
            TaxonomyError::DuplicateName { name: "b".into() }
        );
        let many: Vec<String> = (0..MAX_NODES).map(|i| format!(r#"{{"name":"{i}"}}"#)).collect();
        assert_eq!(
            tree(json(&format!(r#"{{"name":"a","children":[{}]}}"#, many.join(",")))),
            TaxonomyError::TooManyNodes { max_nodes: MAX_NODES }
        );
        let long = " ".repeat(MAX_TEXT_BYTES + 1);
        assert!(matches!(Taxonomy::from_json(&long), Err(TaxonomyTextError::TooLong { .. })));
        assert!(matches!(Taxonomy::from_toml(&long), Err(TaxonomyTextError::TooLong { .. })));
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        let deep = |depth: usize| {
            let open: Vec<_> = (0..depth).map(|i| format!(r#"{{"name":"{i}","children":["#)).collect();
            let open = open.concat();
            format!(r#"{open}{{"name":"leaf"}}{}"#, "]}".repeat(depth))
        };
        let deepest = json(&deep(MAX_DEPTH)).unwrap();
        assert_eq!(deepest.n_levels(), MAX_DEPTH + 1);
        assert_eq!(Taxonomy::from_json(&deepest.to_json()).unwrap(), deepest);
        let too_deep = TaxonomyError::TooDeep { name: MAX_DEPTH.to_string(), max_depth: MAX_DEPTH };
        for depth in [MAX_DEPTH + 1, 100, 200_000] {
            assert_eq!(tree(json(&deep(depth))), too_deep, "{depth}");
        }
        // Names after children: the deepest allowed node still names itself.
        let tail: Vec<_> = (0..=MAX_DEPTH).rev().map(|i| format!(r#"],"name":"{i}"}}"#)).collect();
        let tail = tail.concat();
        let backwards = format!(r#"{}{{"name":"leaf"}}{tail}"#, r#"{"children":["#.repeat(MAX_DEPTH + 1));
        assert_eq!(tree(json(&backwards)), too_deep);

        let toml = |depth: usize| {
            let json = deep(depth).replace(r#""name":"#, "name=").replace(r#""children":"#, "children=");
            Taxonomy::from_toml(&format!("name='t'\nroot={json}"))
        };
        assert_eq!(toml(MAX_DEPTH).unwrap(), deepest);
        assert_eq!(tree(toml(MAX_DEPTH + 1)), too_deep);
        for depth in [100, 100_000] {
            assert!(toml(depth).is_err()); // the parser's own limit
        }
        let header = format!("name='t'\n[[root{}]]\nname='x'", ".children".repeat(100_000));
        assert!(Taxonomy::from_toml(&header).is_err());
    }
}
