//! Names of SNANA's models, as the folders of ELAsTiCC's simulations carry them.

use crate::class_map::{ByClass, ClassMap};
use crate::tree::Taxonomy;

/// ORACLE (arXiv 2501.01496), Appendix A: 32 models of 19 classes.
const MODELS: ByClass = &[
    (Some("AGN"), &["CLAGN"]),
    (Some("SNIa"), &["SNIa-SALT3"]),
    (
        Some("SNIb/c"),
        &["SNIb+HostXT_V19", "SNIb-Templates", "SNIc+HostXT_V19", "SNIc-Templates", "SNIcBL+HostXT_V19"],
    ),
    (Some("SNIax"), &["SNIax"]),
    (Some("SNI91bg"), &["SNIa-91bg"]),
    (
        Some("SNII"),
        &[
            "SNII+HostXT_V19",
            "SNII-NMF",
            "SNII-Templates",
            "SNIIb+HostXT_V19",
            "SNIIn+HostXT_V19",
            "SNIIn-MOSFIT",
        ],
    ),
    (Some("KN"), &["KN_B19", "KN_K17"]),
    (Some("Dwarf Novae"), &["dwarf-nova"]),
    (Some("uLens"), &["uLens-Binary", "uLens-Single-GenLens", "uLens-Single_PyLIMA"]),
    (Some("M-dwarf Flare"), &["Mdwarf-flare"]),
    (Some("SLSN"), &["SLSN-I+host", "SLSN-I_no_host"]),
    (Some("TDE"), &["TDE"]),
    (Some("ILOT"), &["ILOT"]),
    (Some("CART"), &["CART"]),
    (Some("PISN"), &["PISN"]),
    (Some("Cepheid"), &["Cepheid"]),
    (Some("RR Lyrae"), &["RRL"]),
    (Some("Delta Scuti"), &["d-Sct"]),
    (Some("EB"), &["EB"]),
];

/// Other names of the same models in ELAsTiCC's and ELAsTiCC2's lists and folders.
const ALIASES: &[(&str, &str)] = &[
    ("AGN", "CLAGN"),
    ("CaRT", "CART"),
    ("PISN-MOSFIT", "PISN"),
    ("PISN-STELLA-HECORE", "PISN"),
    ("PISN-STELLA-HYDROGENIC", "PISN"),
    ("PISN-STELLA_HECORE", "PISN"),
    ("PISN-STELLA_HYDROGENIC", "PISN"),
    ("SLSN-I", "SLSN-I+host"),
    ("SNIa-SALT2", "SNIa-SALT3"),
    ("dSct", "d-Sct"),
];

impl ClassMap {
    /// SNANA's model names in ELAsTiCC and ELAsTiCC2, to the classes of [`Taxonomy::oracle`].
    ///
    /// The 32 names of ORACLE's Appendix A and their exact aliases (CaRT for CART, dSct for d-Sct, SALT2 for SALT3, the
    /// PISN variants). Models without a class in ORACLE (lensed supernovae, techno-signatures, quiet M dwarfs) are
    /// unknown. The folders of the simulations end in the model name: [`get_suffix`](Self::get_suffix).
    pub fn snana_models() -> Self {
        Self::built_in("SNANA model", &Taxonomy::oracle(), MODELS, ALIASES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_names_cover_nineteen_classes() {
        let oracle = Taxonomy::oracle();
        assert_eq!(MODELS.iter().map(|(_, models)| models.len()).sum::<usize>(), 32);
        let classes: Vec<_> = MODELS.iter().map(|(class, _)| class.unwrap()).collect();
        let leaves: Vec<_> = oracle.leaves().iter().map(|&leaf| oracle.class_name(leaf)).collect();
        assert_eq!(classes.len(), 19);
        assert!(leaves.iter().all(|leaf| classes.contains(leaf)));
        assert_eq!(ClassMap::snana_models().names().count(), 32 + ALIASES.len());
    }

    #[test]
    fn the_longest_ending_counts() {
        let map = ClassMap::snana_models();
        let oracle = Taxonomy::oracle();
        let class =
            |folder: &str| oracle.class_name(map.get_suffix(folder).unwrap().node().unwrap()).to_owned();
        assert_eq!(class("ELASTICC2_TRAIN_01_1percent_SNIb-Templates"), "SNIb/c");
        assert_eq!(class("ELASTICC2_TRAIN_02_SLSN-I_no_host"), "SLSN");
        assert_eq!(class("ELASTICC2_TRAIN_02_uLens-Single_PyLIMA"), "uLens");
        assert_eq!(class("ELASTICC_TRAIN_SNIcBL+HostXT_V19"), "SNIb/c");
        assert_eq!(class("CaRT"), "CART");
        assert!(map.get_suffix("TRAIN_KN_K17_").is_err() && map.get_suffix("TRAIN-KN_K17x").is_err());
        assert!(map.get_suffix("").is_err());
        assert!(map.get_suffix("TRAIN_01_SL-SNIa").is_err());
    }
}
