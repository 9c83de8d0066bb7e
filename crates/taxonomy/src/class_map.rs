//! Names that other people give to classes.

use crate::tree::{NodeId, Taxonomy};
use crate::unknown_name::UnknownName;

/// Where a known name or code belongs in a taxonomy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Placement {
    /// This class, a leaf or an inner node.
    Node(NodeId),
    /// Nowhere: known, and of a kind that the taxonomy leaves out. Such objects are anomalies to a classifier of its
    /// classes, and cannot be a label.
    NotInTaxonomy,
}

impl Placement {
    /// The class, if the taxonomy has one.
    pub fn node(self) -> Option<NodeId> {
        match self {
            Self::Node(node) => Some(node),
            Self::NotInTaxonomy => None,
        }
    }

    /// The placement under a class name of the taxonomy, or outside it.
    pub(crate) fn find(taxonomy: &Taxonomy, class: Option<&str>) -> Result<Self, UnknownName> {
        class.map_or(Ok(Self::NotInTaxonomy), |class| taxonomy.find(class).map(Self::Node))
    }
}

/// Why entries are not a class map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClassMapError {
    /// A class that the taxonomy does not have, or an alias of a name that the map does not have.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// A name or code with two different meanings.
    #[error("{key:?} is mapped twice, to different classes")]
    Conflict {
        /// The name, or the code as text.
        key: String,
    },
}

/// A table of names, class by class; `None` for those in no class.
pub(crate) type ByClass = &'static [(Option<&'static str>, &'static [&'static str])];

/// A map from names, exactly as a survey, simulation or catalogue writes them, to the classes of a taxonomy.
///
/// Nothing is guessed: a name that differs by a letter or by case is an error that names the nearest known ones.
///
/// Built in: [`snana_models`](Self::snana_models), [`bts_types`](Self::bts_types). For the compound types of VSX, see
/// [`VsxTypes`](crate::VsxTypes); for integer codes, [`CodeMap`](crate::CodeMap).
///
/// ```
/// use heliacal_taxonomy::{ClassMap, Placement, Taxonomy};
///
/// let oracle = Taxonomy::oracle();
/// let entries = [("kilonova", Some("KN")), ("supernova", Some("SN")), ("asteroid", None)];
/// let map = ClassMap::new("label", &oracle, entries)?.with_aliases([("KNe", "kilonova")])?;
/// assert_eq!(map.get("KNe")?, Placement::Node(oracle.find("KN")?));
/// assert_eq!(map.get("asteroid")?, Placement::NotInTaxonomy);
/// assert_eq!(map.get("Kilonova").unwrap_err().nearest, ["kilonova", "supernova", "KNe"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMap {
    kind: String,
    /// Sorted by name, names unique.
    entries: Vec<(String, Placement)>,
}

impl ClassMap {
    /// Builds a map from pairs of a name and a class of the taxonomy, `None` for what is not in it. `kind` says what
    /// the names are, in the singular, for errors.
    ///
    /// # Errors
    /// [`ClassMapError`] when the taxonomy has no such class, or a name has two meanings.
    pub fn new<'a, N: Into<String>>(
        kind: impl Into<String>,
        taxonomy: &Taxonomy,
        entries: impl IntoIterator<Item = (N, Option<&'a str>)>,
    ) -> Result<Self, ClassMapError> {
        let mut map = Self { kind: kind.into(), entries: Vec::new() };
        for (name, class) in entries {
            map.entries.push((name.into(), Placement::find(taxonomy, class)?));
        }
        map.sorted()
    }

    /// The same map with more names for what it knows: pairs of an alias and a known name.
    ///
    /// # Errors
    /// [`ClassMapError`] when the map does not know the name, or the alias already means another class.
    pub fn with_aliases<A: Into<String>, N: AsRef<str>>(
        mut self,
        aliases: impl IntoIterator<Item = (A, N)>,
    ) -> Result<Self, ClassMapError> {
        let mut entries = Vec::new();
        for (alias, name) in aliases {
            entries.push((alias.into(), self.get(name.as_ref())?));
        }
        self.entries.append(&mut entries);
        self.sorted()
    }

    /// One of our own tables; its tests hold it to the taxonomy.
    pub(crate) fn built_in(
        kind: &str,
        taxonomy: &Taxonomy,
        table: ByClass,
        aliases: &[(&'static str, &'static str)],
    ) -> Self {
        let entries = table.iter().flat_map(|&(class, names)| names.iter().map(move |&name| (name, class)));
        Self::new(kind, taxonomy, entries)
            .and_then(|map| map.with_aliases(aliases.iter().copied()))
            .expect("the built-in table agrees with the built-in taxonomy")
    }

    fn sorted(mut self) -> Result<Self, ClassMapError> {
        self.entries.sort_by(|a, b| a.0.cmp(&b.0));
        self.entries.dedup();
        match self.entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(ClassMapError::Conflict { key: pair[0].0.clone() }),
            None => Ok(self),
        }
    }

    /// Where a name belongs.
    ///
    /// # Errors
    /// [`UnknownName`] with the nearest known names.
    pub fn get(&self, name: &str) -> Result<Placement, UnknownName> {
        self.position(name).ok_or_else(|| UnknownName::new(&self.kind, name, self.names()))
    }

    /// Where the name at the end of a folder or file name belongs: the longest known name that is all of it or follows
    /// a `_` and ends it. No path and no extension: `ELASTICC2_TRAIN_01_1percent_KN_K17`.
    ///
    /// # Errors
    /// [`UnknownName`] with the names nearest to any such ending.
    ///
    /// ```
    /// use heliacal_taxonomy::{ClassMap, Placement, Taxonomy};
    ///
    /// let models = ClassMap::snana_models();
    /// let kn = Taxonomy::oracle().find("KN")?;
    /// assert_eq!(models.get_suffix("ELASTICC2_TRAIN_01_1percent_KN_K17")?, Placement::Node(kn));
    /// assert_eq!(models.get_suffix("ELASTICC2_TRAIN_01_1percent_KN_K18").unwrap_err().nearest[0], "KN_K17");
    /// # Ok::<(), heliacal_taxonomy::UnknownName>(())
    /// ```
    pub fn get_suffix(&self, folder: &str) -> Result<Placement, UnknownName> {
        let endings =
            std::iter::once(folder).chain(folder.match_indices('_').map(|(at, _)| &folder[at + 1..]));
        endings.clone().find_map(|ending| self.position(ending)).ok_or_else(|| {
            let endings: Vec<&str> = endings.collect();
            UnknownName::among(&self.kind, folder, &endings, self.names())
        })
    }

    /// The known names in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// The known names and where they belong, in the order of the alphabet.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Placement)> {
        self.entries.iter().map(|(name, placement)| (name.as_str(), *placement))
    }

    fn position(&self, name: &str) -> Option<Placement> {
        let found = self.entries.binary_search_by(|(own, _)| own.as_str().cmp(name));
        found.ok().map(|index| self.entries[index].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact_and_have_one_meaning() {
        let oracle = Taxonomy::oracle();
        let map = |entries: &[(&'static str, Option<&'static str>)]| {
            ClassMap::new("label", &oracle, entries.iter().copied())
        };
        let known = map(&[("a", Some("KN")), ("a", Some("KN")), ("b", None)]).unwrap();
        assert_eq!(known.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(known.iter().len(), 2);
        assert!(known.get("A").is_err() && known.get("a ").is_err());
        assert_eq!(known.get("a").unwrap().node(), Some(oracle.find("KN").unwrap()));
        assert_eq!(known.get("b").unwrap().node(), None);
        let conflict = ClassMapError::Conflict { key: "a".into() };
        assert_eq!(map(&[("a", Some("KN")), ("a", None)]), Err(conflict.clone()));
        assert!(matches!(map(&[("a", Some("Kn"))]), Err(ClassMapError::Unknown(e)) if e.nearest[0] == "KN"));
        assert_eq!(known.clone().with_aliases([("a", "b")]), Err(conflict));
        assert!(known.with_aliases([("c", "x")]).is_err());
    }
}
