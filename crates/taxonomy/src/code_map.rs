//! Numbers that stand for classes: ELAsTiCC's ids, SNANA's types.

use crate::class_map::{ClassMapError, Placement};
use crate::tree::Taxonomy;

/// A code that a map does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {code}")]
pub struct UnknownCode {
    /// What was looked up: `ELAsTiCC class id`, `GENTYPE`, ...
    pub kind: String,
    /// The code.
    pub code: i64,
}

/// A map from integer codes to the classes of a taxonomy.
///
/// The same code means different things in different surveys (GENTYPE 90 is a Cepheid in ELAsTiCC and was a SN Ia in
/// the alert-production starter kit), so the table is always a value that one chooses or makes.
///
/// Built in: [`elasticc_class_ids`](Self::elasticc_class_ids), [`elasticc_gentypes`](Self::elasticc_gentypes),
/// [`oracle_class_ids`](Self::oracle_class_ids), [`oracle_gentypes`](Self::oracle_gentypes).
///
/// ```
/// use heliacal_taxonomy::{CodeMap, Placement, Taxonomy};
///
/// let oracle = Taxonomy::oracle();
/// let mine = CodeMap::new("SNTYPE", &oracle, [(90, Some("SNIa")), (99, None)])?;
/// assert_eq!(mine.get(90)?, Placement::Node(oracle.find("SNIa")?));
/// assert_eq!(mine.get(99)?, Placement::NotInTaxonomy);
/// assert_eq!(mine.get(91).unwrap_err().to_string(), "unknown SNTYPE 91");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeMap {
    kind: String,
    /// Sorted by code, codes unique.
    entries: Vec<(i64, Placement)>,
}

impl CodeMap {
    /// Builds a map from pairs of a code and a class of the taxonomy, `None` for what is not in it. `kind` says what
    /// the codes are, in the singular, for errors.
    ///
    /// # Errors
    /// [`ClassMapError`] when the taxonomy has no such class, or a code has two meanings.
    pub fn new<'a>(
        kind: impl Into<String>,
        taxonomy: &Taxonomy,
        entries: impl IntoIterator<Item = (i64, Option<&'a str>)>,
    ) -> Result<Self, ClassMapError> {
        let mut placed = Vec::new();
        for (code, class) in entries {
            placed.push((code, Placement::find(taxonomy, class)?));
        }
        Self::of_placements(kind, placed)
    }

    fn of_placements(
        kind: impl Into<String>,
        mut entries: Vec<(i64, Placement)>,
    ) -> Result<Self, ClassMapError> {
        entries.sort_by_key(|&(code, _)| code);
        entries.dedup();
        match entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(ClassMapError::Conflict { key: pair[0].0.to_string() }),
            None => Ok(Self { kind: kind.into(), entries }),
        }
    }

    /// One of our own tables; its tests hold it to the taxonomy.
    pub(crate) fn built_in(kind: &str, entries: impl IntoIterator<Item = (i64, Placement)>) -> Self {
        Self::of_placements(kind, entries.into_iter().collect()).expect("codes of built-in tables are unique")
    }

    /// Where a code belongs.
    ///
    /// # Errors
    /// [`UnknownCode`] when the map does not hold it.
    pub fn get(&self, code: impl Into<i64>) -> Result<Placement, UnknownCode> {
        let code = code.into();
        let found = self.entries.binary_search_by_key(&code, |&(code, _)| code);
        found.map(|index| self.entries[index].1).map_err(|_| UnknownCode { kind: self.kind.clone(), code })
    }

    /// Gives a code a meaning, in place of the one it had; returns that.
    pub fn insert(&mut self, code: i64, placement: Placement) -> Option<Placement> {
        match self.entries.binary_search_by_key(&code, |&(code, _)| code) {
            Ok(index) => Some(std::mem::replace(&mut self.entries[index].1, placement)),
            Err(index) => {
                self.entries.insert(index, (code, placement));
                None
            }
        }
    }

    /// The codes in ascending order and where they belong.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (i64, Placement)> {
        self.entries.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_one_meaning_and_can_be_given_another() {
        let oracle = Taxonomy::oracle();
        let kn = Placement::Node(oracle.find("KN").unwrap());
        let mut map = CodeMap::new("code", &oracle, [(5, None), (1, Some("KN")), (1, Some("KN"))]).unwrap();
        assert_eq!(map.iter().collect::<Vec<_>>(), [(1, kn), (5, Placement::NotInTaxonomy)]);
        assert_eq!(map.insert(5, kn), Some(Placement::NotInTaxonomy));
        assert_eq!(map.insert(3, kn), None);
        assert_eq!([map.get(1i16), map.get(3u32), map.get(5i64)], [Ok(kn), Ok(kn), Ok(kn)]);
        let conflict = ClassMapError::Conflict { key: "1".into() };
        assert_eq!(CodeMap::new("code", &oracle, [(1, Some("KN")), (1, None)]), Err(conflict));
        assert!(matches!(CodeMap::new("code", &oracle, [(1, Some("?"))]), Err(ClassMapError::Unknown(_))));
    }
}
