//! The taxonomies that come with the crate.

use crate::tree::Taxonomy;
use crate::unknown_name::UnknownName;

/// A class and its children; the first family is the root's.
type Families = &'static [(&'static str, &'static [&'static str])];

/// ORACLE, arXiv 2501.01496; order of dev-ved30/Oracle at 7ddbfc4.
const ORACLE: Families = &[
    ("Alert", &["Transient", "Variable"]),
    ("Transient", &["SN", "Fast", "Long"]),
    ("Variable", &["Periodic", "AGN"]),
    ("SN", &["SNIa", "SNIb/c", "SNIax", "SNI91bg", "SNII"]),
    ("Fast", &["KN", "Dwarf Novae", "uLens", "M-dwarf Flare"]),
    ("Long", &["SLSN", "TDE", "ILOT", "CART", "PISN"]),
    ("Periodic", &["Cepheid", "RR Lyrae", "Delta Scuti", "EB"]),
];

/// ORACLE's tree for the Bright Transient Survey, same source.
const ORACLE_BTS: Families = &[
    ("Alert", &["Persistent", "Transient"]),
    ("Persistent", &["AGN", "CV"]),
    ("Transient", &["SN-Ia", "SN-II", "SN-Ib/c", "SLSN"]),
];

/// ELAsTiCC's official tree: LSSTDESC/elasticc at 818ae71, `taxonomy/taxonomy.ipynb`; siblings in the order of their
/// ids.
const ELASTICC: Families = &[
    ("Alert", &["Meta", "Static", "Variable"]),
    ("Meta", &["Meta/Other", "Residual", "NotClassified"]),
    ("Static", &["Static/Other"]),
    ("Variable", &["Variable/Other", "Non-Recurring", "Recurring"]),
    ("Non-Recurring", &["Non-Recurring/Other", "SN-like", "Fast", "Long"]),
    ("Recurring", &["Recurring/Other", "Periodic", "Non-Periodic"]),
    ("SN-like", &["SN-like/Other", "Ia", "Ib/c", "II", "Iax", "91bg"]),
    ("Fast", &["Fast/Other", "KN", "M-dwarf Flare", "Dwarf Novae", "uLens"]),
    ("Long", &["Long/Other", "SLSN", "TDE", "ILOT", "CART", "PISN"]),
    ("Periodic", &["Periodic/Other", "Cepheid", "RR Lyrae", "Delta Scuti", "EB", "LPV/Mira"]),
    ("Non-Periodic", &["Non-Periodic/Other", "AGN"]),
];

/// Beyond the Final Label, arXiv 2604.23792: the five classes of its experiments, under the names ORACLE gives them.
const SUPERNOVAE5: Families = &[("SN", &["SNIa", "SNIb/c", "SNII", "SNIax", "SNI91bg"])];

/// Variability types as catalogues name them, by cause of the variability.
const VARIABLE_STARS: Families = &[
    (
        "VARIABLE",
        &["ECLIPSING", "RR_LYRAE", "CEPHEID", "DELTA_SCUTI", "LPV", "ROTATIONAL", "ERUPTIVE_CV", "OTHER"],
    ),
    ("ECLIPSING", &["EA", "EB", "EW"]),
    ("RR_LYRAE", &["RRAB", "RRC", "RRD"]),
    ("CEPHEID", &["DCEP", "DCEPS", "CW"]),
    ("DELTA_SCUTI", &["DSCT", "HADS"]),
    ("LPV", &["M", "SR", "L"]),
    ("ROTATIONAL", &["ROT", "RS", "ELL"]),
    ("ERUPTIVE_CV", &["UG", "GCAS"]),
    ("OTHER", &["YSO", "MISC"]),
];

/// Name and families of every built-in taxonomy.
const BUILTIN: [(&str, Families); 5] = [
    ("oracle", ORACLE),
    ("oracle_bts", ORACLE_BTS),
    ("elasticc", ELASTICC),
    ("supernovae5", SUPERNOVAE5),
    ("variable_stars", VARIABLE_STARS),
];

impl Taxonomy {
    /// ORACLE's taxonomy of ELAsTiCC's classes: 26 nodes, 19 leaves, levels of 1, 2, 5 and 19 classes, in the order of
    /// the published models' outputs (Shah et al. 2025, [arXiv 2501.01496](https://arxiv.org/abs/2501.01496)).
    ///
    /// ```
    /// let oracle = heliacal_taxonomy::Taxonomy::oracle();
    /// assert_eq!((oracle.n_nodes(), oracle.n_leaves()), (26, 19));
    /// ```
    pub fn oracle() -> Self {
        of_families("oracle", ORACLE)
    }

    /// ORACLE's taxonomy for the Bright Transient Survey: 9 nodes, 6 leaves.
    pub fn oracle_bts() -> Self {
        of_families("oracle_bts", ORACLE_BTS)
    }

    /// The official taxonomy of ELAsTiCC: 43 nodes, 32 leaves. Its ids:
    /// [`elasticc_class_id`](crate::elasticc_class_id).
    pub fn elasticc() -> Self {
        of_families("elasticc", ELASTICC)
    }

    /// Five kinds of supernovae below one root, `SN`: SNIa, SNIb/c, SNII, SNIax, SNI91bg
    /// ([arXiv 2604.23792](https://arxiv.org/abs/2604.23792)).
    pub fn supernovae5() -> Self {
        of_families("supernovae5", SUPERNOVAE5)
    }

    /// Variable stars in eight families, named by the types of the General Catalogue of Variable Stars and the AAVSO's
    /// Variable Star Index: 30 nodes, 21 leaves. Types of that index: [`VsxTypes`](crate::VsxTypes).
    pub fn variable_stars() -> Self {
        of_families("variable_stars", VARIABLE_STARS)
    }

    /// The names that [`by_name`](Self::by_name) knows.
    pub fn builtin_names() -> impl ExactSizeIterator<Item = &'static str> {
        BUILTIN.iter().map(|&(name, _)| name)
    }

    /// The built-in taxonomy of a name.
    ///
    /// # Errors
    /// [`UnknownName`] with the nearest names when there is none.
    ///
    /// ```
    /// use heliacal_taxonomy::Taxonomy;
    /// assert_eq!(Taxonomy::by_name("supernovae5")?.n_leaves(), 5);
    /// assert_eq!(Taxonomy::by_name("elastic").unwrap_err().nearest[0], "elasticc");
    /// # Ok::<(), heliacal_taxonomy::UnknownName>(())
    /// ```
    pub fn by_name(name: &str) -> Result<Self, UnknownName> {
        BUILTIN
            .iter()
            .find(|(builtin, _)| *builtin == name)
            .map(|(name, families)| of_families(name, families))
            .ok_or_else(|| UnknownName::new("built-in taxonomy", name, Self::builtin_names()))
    }
}

fn of_families(name: &str, families: Families) -> Taxonomy {
    let root = families.iter().take(1).map(|&(root, _)| (root, None));
    let others = families
        .iter()
        .flat_map(|&(parent, children)| children.iter().map(move |&child| (child, Some(parent))));
    Taxonomy::from_pairs(name, root.chain(others)).expect("built-in tables are trees")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_all() {
        let sizes: Vec<_> = Taxonomy::builtin_names()
            .map(|name| {
                let t = Taxonomy::by_name(name).unwrap();
                assert_eq!(t.name(), name);
                (t.n_nodes(), t.n_leaves(), t.n_levels())
            })
            .collect();
        assert_eq!(sizes, [(26, 19, 4), (9, 6, 3), (43, 32, 5), (6, 5, 2), (30, 21, 3)]);
    }

    #[test]
    fn constructors_are_the_named_ones() {
        assert_eq!(Taxonomy::by_name("oracle"), Ok(Taxonomy::oracle()));
        assert_eq!(Taxonomy::by_name("oracle_bts"), Ok(Taxonomy::oracle_bts()));
        assert_eq!(Taxonomy::by_name("elasticc"), Ok(Taxonomy::elasticc()));
        assert_eq!(Taxonomy::by_name("supernovae5"), Ok(Taxonomy::supernovae5()));
        assert_eq!(Taxonomy::by_name("variable_stars"), Ok(Taxonomy::variable_stars()));
    }
}
