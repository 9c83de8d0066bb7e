//! Compound types of the AAVSO's International Variable Star Index.

use crate::class_map::{ClassMap, Placement};
use crate::tree::Taxonomy;
use crate::unknown_name::UnknownName;
use crate::vsx_types::TYPES;

/// What a type string of VSX says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VsxClass {
    /// The class in [`Taxonomy::variable_stars`].
    pub placement: Placement,
    /// Whether the type carries the catalogue's mark of doubt, `:`.
    pub is_uncertain: bool,
}

/// Reads type strings of the International Variable Star Index
/// ([VSX](https://www.aavso.org/vsx/index.php?view=about.vartypes)) as classes of [`Taxonomy::variable_stars`].
///
/// The signs, from the loosest to the tightest:
///
/// | sign | VSX's meaning | here |
/// |---|---|---|
/// | `A\|B` | one or the other | the lowest common ancestor of both |
/// | `A+B` | both in one system | the first |
/// | `A/B` | A of subtype B | A (any subtype) |
/// | `A:` | uncertain | [`is_uncertain`](VsxClass::is_uncertain) |
///
/// Generic types are inner nodes: E, RR, CEP, LPV, CV. Case and surrounding blanks do not count (`RRab`, `RRAB`).
/// Supernovae (`SN`, `SN IIP`, ...), active galaxies, and constant stars are known and
/// [`NotInTaxonomy`](Placement::NotInTaxonomy), and so is an alternative to one of them.
///
/// ```
/// use heliacal_taxonomy::{Taxonomy, VsxTypes};
///
/// let (types, tree) = (VsxTypes::new(), Taxonomy::variable_stars());
/// let class = |text| types.get(text).map(|class| class.placement.node().map(|node| tree.class_name(node)));
/// assert_eq!(class("EA/SD+DSCT")?, Some("EA"));
/// assert_eq!(class("EB|EW")?, Some("ECLIPSING"));
/// assert_eq!(class("RR")?, Some("RR_LYRAE"));
/// assert!(types.get("UGSU:")?.is_uncertain);
/// assert_eq!(types.get("RRX").unwrap_err().nearest[0], "RR");
/// # Ok::<(), heliacal_taxonomy::UnknownName>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct VsxTypes {
    taxonomy: Taxonomy,
    types: ClassMap,
}

impl Default for VsxTypes {
    fn default() -> Self {
        Self::new()
    }
}

impl VsxTypes {
    /// Prepares the table.
    pub fn new() -> Self {
        let taxonomy = Taxonomy::variable_stars();
        let types = ClassMap::built_in("VSX type", &taxonomy, TYPES, &[]);
        Self { taxonomy, types }
    }

    /// The class of a type string.
    ///
    /// # Errors
    /// [`UnknownName`] for the first part that is no type, with the nearest ones.
    pub fn get(&self, text: &str) -> Result<VsxClass, UnknownName> {
        let mut alternatives = text.split('|');
        let mut class = self.alternative(alternatives.next().unwrap_or_default())?;
        for other in alternatives {
            let other = self.alternative(other)?;
            class.is_uncertain |= other.is_uncertain;
            class.placement = match (class.placement, other.placement) {
                (Placement::Node(a), Placement::Node(b)) => {
                    Placement::Node(self.taxonomy.lowest_common_ancestor(a, b))
                }
                _ => Placement::NotInTaxonomy,
            };
        }
        Ok(class)
    }

    /// The first of several types joined by `+`.
    fn alternative(&self, text: &str) -> Result<VsxClass, UnknownName> {
        let first = text.split('+').next().unwrap_or_default();
        let placement = self.placement(&first.replace(':', ""))?;
        Ok(VsxClass { placement, is_uncertain: first.contains(':') })
    }

    /// The place of one type, with or without subtype.
    fn placement(&self, text: &str) -> Result<Placement, UnknownName> {
        let main = text.split('/').next().unwrap_or_default().trim().to_ascii_uppercase();
        // Supernova types are many (SN Ia-91T-like, SN-pec, ...) and all the same here.
        let main = if main.starts_with("SN ") || main.starts_with("SN-") { "SN" } else { main.as_str() };
        self.types.get(main)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Option<String> {
        let types = VsxTypes::new();
        let class = types.get(text).unwrap();
        class.placement.node().map(|node| types.taxonomy.class_name(node).to_owned())
    }

    fn assert_classes(expected: &[(&str, &str)]) {
        for &(text, name) in expected {
            assert_eq!(class(text).as_deref(), Some(name), "{text}");
        }
    }

    #[test]
    fn simple_types() {
        assert_classes(&[
            ("EA", "EA"),
            ("EB", "EB"),
            ("EW", "EW"),
            ("RRAB", "RRAB"),
            ("RRab", "RRAB"),
            ("RRC", "RRC"),
            ("RRD", "RRD"),
            ("DCEP", "DCEP"),
            ("DCEPS", "DCEPS"),
            ("DCEP(B)", "DCEP"),
            ("CWA", "CW"),
            ("CWB", "CW"),
            ("DSCT", "DSCT"),
            ("DSCTC", "DSCT"),
            ("HADS", "HADS"),
            ("HADS(B)", "HADS"),
            ("M", "M"),
            ("SRB", "SR"),
            ("SRS", "SR"),
            ("LB", "L"),
            ("ROT", "ROT"),
            ("BY", "ROT"),
            ("RS", "RS"),
            ("ELL", "ELL"),
            ("UGWZ", "UG"),
            ("GCAS", "GCAS"),
            ("TTS", "YSO"),
            ("INS", "YSO"),
            ("MISC", "MISC"),
            ("roAp", "MISC"),
        ]);
    }

    #[test]
    fn generic_types_are_inner_nodes() {
        assert_classes(&[
            ("E", "ECLIPSING"),
            ("RR", "RR_LYRAE"),
            ("CEP", "CEPHEID"),
            ("LPV", "LPV"),
            ("CV", "ERUPTIVE_CV"),
            ("VAR", "VARIABLE"),
        ]);
    }

    #[test]
    fn signs_by_hand() {
        assert_classes(&[
            ("EA/SD", "EA"),
            ("EW/KW:", "EW"),
            ("EA/AR/RS", "EA"),
            ("CTTS/ROT", "YSO"),
            ("UGZ/IW", "UG"),
            ("RRAB/BL", "RRAB"),
            ("ELL+DSCT", "ELL"),
            ("UGSU+E", "UG"),
            ("DSCT+EA|HADS", "DELTA_SCUTI"),
            ("EA|EB", "ECLIPSING"),
            ("EA|EB/GS:|EW", "ECLIPSING"),
            ("ELL|DSCT", "VARIABLE"),
            ("SR|SRB", "SR"),
            (" RR : | RRC", "RR_LYRAE"),
        ]);
    }

    #[test]
    fn doubt_is_kept_for_the_part_that_counts() {
        let types = VsxTypes::new();
        let doubt = |text| types.get(text).unwrap().is_uncertain;
        assert!(doubt("EA:") && doubt("EA/SD:") && doubt("EA:/SD") && doubt("E|EB:") && doubt("EA:+DSCT"));
        assert!(!doubt("EA") && !doubt("EA|EB") && !doubt("EA+DSCT:"));
    }

    #[test]
    fn what_is_no_variable_star_is_known_and_outside() {
        for text in ["SN", "SN Ia", "SN IIP:", "SN-pec", "AGN", "CST", "UG|SN", "SN|UG"] {
            assert_eq!(class(text), None, "{text}");
        }
    }

    #[test]
    fn unknown_parts_are_named() {
        let types = VsxTypes::new();
        let error = types.get("EA|RRBB+X").unwrap_err();
        assert_eq!((error.kind.as_str(), error.name.as_str()), ("VSX type", "RRBB"));
        assert_eq!(error.nearest[0], "RRAB");
        for text in ["", " ", "|", "EA|", "+EA", "/SD", ":", "SNX"] {
            assert!(types.get(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_class_is_reached_and_types_are_upper_case() {
        let tree = Taxonomy::variable_stars();
        for (class, types) in TYPES {
            assert!(types.iter().all(|name| *name == name.to_ascii_uppercase()));
            assert!(class.is_none_or(|class| tree.find(class).is_ok()));
        }
        // Names of the tree are types too, so that a column of either can be read.
        for node in tree.nodes() {
            assert_eq!(class(tree.class_name(node)).as_deref(), Some(tree.class_name(node)));
        }
    }
}
