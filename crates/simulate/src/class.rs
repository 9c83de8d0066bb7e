//! The classes that can be simulated.

use heliacal_taxonomy::Taxonomy;

use crate::error::SimulateError;

/// Declares the enum together with its table of names, so that no class is forgotten in either.
macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident: $name:literal $(, $model:literal, $gentype:literal)?;)*) => {
        /// A class of objects that the survey can simulate: the 19 leaves of [`Taxonomy::oracle`] and the 21 of
        /// [`Taxonomy::variable_stars`].
        ///
        /// `EclipsingBinary` and `BetaLyrae` are both named `EB`: ORACLE's class holds all eclipsing binaries, that of
        /// the variable stars the beta Lyrae type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum SimulatedClass {
            $($(#[$doc])* $variant,)*
        }

        impl SimulatedClass {
            /// Every class, ORACLE's first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Name in its taxonomy; the true class of its objects.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Name of the model in SNANA's simulations, where ELAsTiCC has one: its folders end in it.
            pub fn snana_model(self) -> Option<&'static str> {
                match self { $($(Self::$variant => Some($model),)?)* _ => None }
            }

            /// SNANA's type code (GENTYPE) of that model in ELAsTiCC2.
            pub fn gentype(self) -> Option<i64> {
                match self { $($(Self::$variant => Some($gentype),)?)* _ => None }
            }
        }
    };
}

classes! {
    /// Normal type Ia supernova.
    SnIa: "SNIa", "SNIa-SALT3", 10;
    /// Supernova that lost its hydrogen.
    SnIbc: "SNIb/c", "SNIb-Templates", 20;
    /// 2002cx-like supernova.
    SnIax: "SNIax", "SNIax", 12;
    /// 1991bg-like supernova.
    Sn91bg: "SNI91bg", "SNIa-91bg", 11;
    /// Hydrogen-rich core-collapse supernova. Its plateau ends with a fall of 7 days: 0.35 of the 20 of its recipe.
    SnII: "SNII", "SNII-Templates", 31;
    /// Kilonova.
    Kilonova: "KN", "KN_K17", 50;
    /// Dwarf nova in outburst.
    DwarfNova: "Dwarf Novae", "dwarf-nova", 84;
    /// Star lensed by another one.
    Microlensing: "uLens", "uLens-Single-GenLens", 87;
    /// Flare of an M dwarf.
    MDwarfFlare: "M-dwarf Flare", "Mdwarf-flare", 82;
    /// Superluminous supernova.
    Slsn: "SLSN", "SLSN-I+host", 40;
    /// Tidal disruption event.
    Tde: "TDE", "TDE", 42;
    /// Intermediate-luminosity optical transient. Its plateau ends with a fall of 5 days: 0.35 of the 15 of its recipe.
    Ilot: "ILOT", "ILOT", 45;
    /// Calcium-rich transient.
    Cart: "CART", "CART", 46;
    /// Pair-instability supernova.
    Pisn: "PISN", "PISN-MOSFIT", 59;
    /// Cepheid of any kind.
    Cepheid: "Cepheid", "Cepheid", 90;
    /// RR Lyrae star of any kind.
    RrLyrae: "RR Lyrae", "RRL", 80;
    /// Delta Scuti star of any amplitude.
    DeltaScuti: "Delta Scuti", "d-Sct", 91;
    /// Eclipsing binary of any kind.
    EclipsingBinary: "EB", "EB", 83;
    /// Active galactic nucleus.
    Agn: "AGN", "CLAGN", 60;
    /// Algol: detached eclipsing binary.
    Algol: "EA";
    /// Beta Lyrae: eclipsing binary of deformed stars.
    BetaLyrae: "EB";
    /// W Ursae Majoris: contact binary.
    WUrsaeMajoris: "EW";
    /// RR Lyrae star of the fundamental mode.
    RrAb: "RRAB";
    /// RR Lyrae star of the first overtone.
    RrC: "RRC";
    /// RR Lyrae star of both modes.
    RrD: "RRD";
    /// Classical Cepheid of the fundamental mode.
    DeltaCephei: "DCEP";
    /// Classical Cepheid of the first overtone.
    DeltaCepheiOvertone: "DCEPS";
    /// Type II Cepheid.
    WVirginis: "CW";
    /// Delta Scuti star of low amplitude.
    LowDeltaScuti: "DSCT";
    /// Delta Scuti star of high amplitude.
    HighDeltaScuti: "HADS";
    /// Mira.
    Mira: "M";
    /// Semiregular giant.
    Semiregular: "SR";
    /// Irregular giant.
    Irregular: "L";
    /// Rotating star with lasting spots.
    Rotating: "ROT";
    /// RS Canum Venaticorum: spots that evolve.
    RsCanumVenaticorum: "RS";
    /// Ellipsoidal binary.
    Ellipsoidal: "ELL";
    /// U Geminorum: dwarf nova.
    UGeminorum: "UG";
    /// Gamma Cassiopeiae: Be star with a changing disk.
    GammaCassiopeiae: "GCAS";
    /// Young stellar object.
    YoungStellarObject: "YSO";
    /// What fits nowhere else: trends, slow walks, several periods at once.
    Miscellaneous: "MISC";
}

impl SimulatedClass {
    /// The 19 classes of ORACLE.
    pub fn oracle() -> &'static [Self] {
        Self::ALL.split_at(19).0
    }

    /// The 21 classes of variable stars.
    pub fn variable_stars() -> &'static [Self] {
        Self::ALL.split_at(19).1
    }

    /// The leaves of a taxonomy as simulated classes, in the order of the leaves.
    ///
    /// # Errors
    /// [`SimulateError::NotSimulated`] names the first leaf that no recipe exists for.
    ///
    /// ```
    /// use heliacal_simulate::SimulatedClass;
    /// use heliacal_taxonomy::Taxonomy;
    ///
    /// let classes = SimulatedClass::of_taxonomy(&Taxonomy::supernovae5())?;
    /// assert_eq!(classes[0], SimulatedClass::SnIa);
    /// assert!(SimulatedClass::of_taxonomy(&Taxonomy::elasticc()).is_err()); // has classes such as Meta
    /// # Ok::<(), heliacal_simulate::SimulateError>(())
    /// ```
    pub fn of_taxonomy(taxonomy: &Taxonomy) -> Result<Vec<Self>, SimulateError> {
        // Beta Lyrae stars are meant where their sisters stand beside them.
        let has_algols = taxonomy.find("EA").is_ok();
        let find = |name: &str| {
            let mut candidates = Self::ALL.iter().copied().filter(|class| class.name() == name);
            if has_algols { candidates.next_back() } else { candidates.next() }
        };
        taxonomy
            .leaves()
            .iter()
            .map(|&leaf| taxonomy.class_name(leaf))
            .map(|name| find(name).ok_or_else(|| SimulateError::NotSimulated { class: name.to_owned() }))
            .collect()
    }

    /// Whether one detection lets it into the survey: kilonovae and flares.
    pub const fn is_fast(self) -> bool {
        matches!(self, Self::Kilonova | Self::MDwarfFlare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heliacal_taxonomy::{ClassMap, CodeMap};

    #[test]
    fn every_leaf_of_both_trees_is_simulated() {
        for (taxonomy, own) in [
            (Taxonomy::oracle(), SimulatedClass::oracle()),
            (Taxonomy::variable_stars(), SimulatedClass::variable_stars()),
        ] {
            let mut classes = SimulatedClass::of_taxonomy(&taxonomy).unwrap();
            for (class, &leaf) in classes.iter().zip(taxonomy.leaves()) {
                assert_eq!(class.name(), taxonomy.class_name(leaf));
            }
            classes.sort_unstable();
            assert_eq!(classes, own);
        }
        assert_eq!(SimulatedClass::ALL.len(), 40);
    }

    #[test]
    fn model_names_and_codes_are_elasticcs() {
        let (oracle, models, codes) =
            (Taxonomy::oracle(), ClassMap::snana_models(), CodeMap::oracle_gentypes());
        for class in SimulatedClass::oracle() {
            let leaf = oracle.find(class.name()).unwrap();
            let folder = format!("SIMULATED_{}", class.snana_model().unwrap());
            assert_eq!(models.get_suffix(&folder).unwrap().node(), Some(leaf), "{class:?}");
            assert_eq!(codes.get(class.gentype().unwrap()).unwrap().node(), Some(leaf), "{class:?}");
        }
        assert!(SimulatedClass::variable_stars().iter().all(|class| class.snana_model().is_none()));
    }

    #[test]
    fn a_tree_with_other_classes_names_the_first() {
        let error = SimulatedClass::of_taxonomy(&Taxonomy::elasticc()).unwrap_err();
        assert!(error.to_string().starts_with("class \""), "{error}");
    }
}
