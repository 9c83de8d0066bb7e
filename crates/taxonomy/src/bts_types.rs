//! Types of the Zwicky Transient Facility's Bright Transient Survey.

use crate::class_map::{ByClass, ClassMap};
use crate::tree::Taxonomy;

/// ORACLE's table for its BTS models; what it calls "Anomaly" is in no class.
const TYPES: ByClass = &[
    (
        Some("AGN"),
        &[
            "AGN", "BL Lac", "Blazar", "CLAGN", "NLS1", "NLSy1?", "QSO", "QSO?", "Seyfert", "blazar",
            "blazar?",
        ],
    ),
    (Some("CV"), &["AM CVn", "CV", "Cataclysmic", "nova", "nova-like", "nova?"]),
    (
        Some("SN-Ia"),
        &[
            "SN Ia",
            "SN Ia-00cx",
            "SN Ia-03fg",
            "SN Ia-91T",
            "SN Ia-91bg",
            "SN Ia-91bg?",
            "SN Ia-99aa",
            "SN Ia-CSM",
            "SN Ia-CSM?",
            "SN Ia-norm",
            "SN Ia-pec",
            "SN Ia?",
            "SN Iax",
        ],
    ),
    (
        Some("SN-II"),
        &[
            "SN II",
            "SN II-norm",
            "SN II-pec",
            "SN II?",
            "SN IIL",
            "SN IIP",
            "SN IIb",
            "SN IIb-pec",
            "SN IIb?",
            "SN IIn",
            "SN IIn?",
        ],
    ),
    (
        Some("SN-Ib/c"),
        &[
            "SN Ib",
            "SN Ib-pec",
            "SN Ib/c",
            "SN Ib/c?",
            "SN Ib?",
            "SN Ibn",
            "SN Ibn?",
            "SN Ic",
            "SN Ic-BL",
            "SN Ic-BL?",
            "SN Ic-SL",
            "SN Ic?",
            "SN Icn",
            "SN-Ib/c",
        ],
    ),
    (Some("SLSN"), &["SLSN-I", "SLSN-I.5", "SLSN-I?", "SLSN-II", "SN II-SL"]),
    (
        None,
        &[
            "AGN?",
            "CV?",
            "Ca-rich",
            "FBOT",
            "ILRT",
            "Ien",
            "LBV",
            "LINER",
            "LRN",
            "TDE",
            "afterglow",
            "bogus?",
            "microlensing",
            "rock",
            "star",
            "varstar",
        ],
    ),
];

impl ClassMap {
    /// The types of the Bright Transient Survey, to the classes of [`Taxonomy::oracle_bts`].
    ///
    /// As ORACLE's models for BTS were trained: doubtful AGN and CV count as neither, doubtful supernovae as their
    /// type, and what ORACLE calls an anomaly (TDE, FBOT, asteroids, ...) is
    /// [`NotInTaxonomy`](crate::Placement::NotInTaxonomy).
    pub fn bts_types() -> Self {
        Self::built_in("BTS type", &Taxonomy::oracle_bts(), TYPES, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Placement;

    #[test]
    fn doubtful_and_foreign_types() {
        let (map, bts) = (ClassMap::bts_types(), Taxonomy::oracle_bts());
        let class = |name| map.get(name).unwrap().node().map(|node| bts.class_name(node).to_owned());
        assert_eq!(class("SN Ia?").as_deref(), Some("SN-Ia"));
        assert_eq!(class("SN Ic-SL").as_deref(), Some("SN-Ib/c"));
        assert_eq!(class("SN II-SL").as_deref(), Some("SLSN"));
        assert_eq!(map.get("TDE"), Ok(Placement::NotInTaxonomy));
        assert_eq!(class("AGN?"), None);
        assert_eq!(map.get("SNIa").unwrap_err().nearest[0], "SN Ia");
    }
}
