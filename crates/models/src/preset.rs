//! ORACLE's presets: which features, which architecture.

use std::fmt;
use std::str::FromStr;

use heliacal_lightcurve::{Passband, PhotometricSystem};
use serde::{Deserialize, Serialize};

use crate::features::{
    FeatureSpec, RowSelection, StaticFeature, StaticScaling, StaticSource, TimeFeature, TimeOrigin,
    TriggerWindow,
};
use crate::galactic::Galactic;
use crate::oracle::{Activation, OracleConfig};

/// A published variant of ORACLE: its architecture together with the encoding that its weights were trained on.
///
/// | preset | weights | classes | context |
/// |---|---|---|---|
/// | `published` | the PyTorch rewrite's `ELAsTiCC` model | 26 nodes, 19 leaves | 18 static features |
/// | `published-lite` | its `ELAsTiCC-lite` model | the same | none |
/// | `published-bts` | its `BTS` model | 9 nodes, 6 leaves | 30 static features |
/// | `paper` | the architecture of arXiv 2501.01496, sections 4 and 5 | any tree | 23 static features |
/// | `heliacal` | on an encoding of our own, every input of the order of 1 | any tree | 23 static features |
///
/// ```
/// use heliacal_models::Preset;
///
/// let preset: Preset = "published-lite".parse()?;
/// assert_eq!(preset.config(26).n_parameters(), 102_214);
/// # Ok::<(), heliacal_models::UnknownPreset>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Preset {
    /// Raw FLUXCAL, days since first observation, SNANA's own codes for what is missing.
    ///
    /// The published training code counts days from the first *observation*, its inference helper from the first
    /// *detection* and writes -9 for everything that is missing; this preset follows the training.
    /// [`FeatureSpec::published_inference`] gives the other preparation, [`FeatureSpec::with_time_origin`] its days alone.
    Published,
    /// [`Published`](Self::Published) without context.
    PublishedLite,
    /// ZTF magnitudes of the Bright Transient Survey, detections only.
    ///
    /// 22 of its static features are of the newest alert (`fwhm`, `ndethist`, ...), under the names of ZTF's alerts: a
    /// stream sets them with each alert ([`Stream::set_context`](crate::Stream::set_context)); in a history made at once
    /// the early rows see today's.
    PublishedBts,
    /// Scaled features, position flags, the last 500 observations.
    Paper,
    /// Our own encoding for LSST: inputs between about -3 and 3 (hundreds of days go further in a light curve of years),
    /// fluxes and times in decades, passbands one by one, days from the trigger, flags for what is known of the host, no sky
    /// coordinates. The network is that of `paper` with 32 tanh units on the static features.
    ///
    /// With `paper` a bright source is ten thousand times as large as a faint one and right ascensions outweigh redshifts;
    /// a network has to learn that away before it learns anything. Made for transients: the few tenths of a magnitude of a
    /// variable star are little in decades of flux.
    Heliacal,
}

/// A name that is no preset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown preset {name:?}, expected one of published, published-lite, published-bts, paper, heliacal")]
pub struct UnknownPreset {
    /// The name as given.
    pub name: String,
}

/// Width of both recurrent layers in every variant.
const HIDDEN: usize = 100;
/// Code of the paper (and of the BTS model) for a missing static feature.
const MISSING: f32 = -9.0;

/// Static features of the ELAsTiCC variants with the sentinel that SNANA writes for each when it is missing: the
/// published weights were trained on those.
const ELASTICC_STATICS: [(&str, f32); 18] = [
    ("MWEBV", -9.0),
    ("MWEBV_ERR", -9.0),
    ("REDSHIFT_HELIO", -9.0),
    ("REDSHIFT_HELIO_ERR", -9.0),
    ("HOSTGAL_PHOTOZ", -9.0),
    ("HOSTGAL_PHOTOZ_ERR", -9.0),
    ("HOSTGAL_SPECZ", -9.0),
    ("HOSTGAL_SPECZ_ERR", -9.0),
    ("HOSTGAL_RA", -999.0),
    ("HOSTGAL_DEC", -999.0),
    ("HOSTGAL_SNSEP", -9.0),
    ("HOSTGAL_ELLIPTICITY", -9999.0),
    ("HOSTGAL_MAG_u", 999.0),
    ("HOSTGAL_MAG_g", 999.0),
    ("HOSTGAL_MAG_r", 999.0),
    ("HOSTGAL_MAG_i", 999.0),
    ("HOSTGAL_MAG_z", 999.0),
    ("HOSTGAL_MAG_Y", 999.0),
];

/// Alert features of the BTS variant that follow its position and WISE features, as ZTF alerts name them.
const BTS_ALERT_FEATURES: [&str; 22] = [
    "sky",
    "sgscore1",
    "sgscore2",
    "distpsnr1",
    "distpsnr2",
    "fwhm",
    "diffmaglim",
    "ndethist",
    "nmtchps",
    "drb",
    "ncovhist",
    "chinr",
    "sharpnr",
    "scorr",
    "sgmag1",
    "srmag1",
    "simag1",
    "szmag1",
    "sgmag2",
    "srmag2",
    "simag2",
    "szmag2",
];

/// Rubin's deep fields (Galactic coordinates of their centres) in the order of the paper's flags.
const DEEP_FIELDS: [Galactic; 4] = [
    Galactic { l: 311.30, b: -72.90 }, // ELAIS-S1
    Galactic { l: 171.20, b: -58.77 }, // XMM-LSS
    Galactic { l: 224.07, b: -54.47 }, // Extended Chandra Deep Field South
    Galactic { l: 236.83, b: 42.09 },  // COSMOS
];

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 5] =
        [Self::Published, Self::PublishedLite, Self::PublishedBts, Self::Paper, Self::Heliacal];

    /// The name on the command line and in model files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::PublishedLite => "published-lite",
            Self::PublishedBts => "published-bts",
            Self::Paper => "paper",
            Self::Heliacal => "heliacal",
        }
    }

    /// The encoding.
    pub fn features(self) -> FeatureSpec {
        match self {
            Self::Published => FeatureSpec { statics: elasticc_statics().collect(), ..published_lite() },
            Self::PublishedLite => published_lite(),
            Self::PublishedBts => published_bts(),
            Self::Paper => paper(),
            Self::Heliacal => heliacal(),
        }
    }

    /// The architecture, with one logit for each of `n_nodes` nodes of a class tree.
    pub fn config(self, n_nodes: usize) -> OracleConfig {
        use Activation::{Linear, Relu, Tanh};
        let features = self.features();
        let published_head = vec![(100, Relu), (64, Tanh), (32, Tanh), (16, Relu)];
        let (time_dense, static_dense, head) = match self {
            Self::Published | Self::PublishedBts => ((100, Tanh), Some((30, Tanh)), published_head),
            Self::PublishedLite => ((64, Tanh), None, vec![(32, Tanh), (16, Relu)]),
            Self::Paper => ((100, Tanh), Some((10, Linear)), vec![(100, Relu), (64, Relu)]),
            Self::Heliacal => ((100, Tanh), Some((32, Tanh)), vec![(100, Relu), (64, Relu)]),
        };
        OracleConfig {
            n_features: features.columns.len(),
            n_statics: features.statics.len(),
            hidden: HIDDEN,
            n_layers: 2,
            time_dense,
            static_dense,
            head,
            n_nodes,
        }
    }
}

fn elasticc_statics() -> impl Iterator<Item = StaticFeature> {
    ELASTICC_STATICS.iter().map(|&(name, missing)| named(name, missing))
}

fn named(name: &str, missing: f32) -> StaticFeature {
    unscaled(StaticSource::Named(name.to_owned()), missing)
}

fn unscaled(source: StaticSource, missing: f32) -> StaticFeature {
    StaticFeature { source, missing, scaling: StaticScaling::None }
}

fn published_lite() -> FeatureSpec {
    FeatureSpec {
        photometric_system: PhotometricSystem::Lsst,
        columns: vec![
            TimeFeature::Days { scale: 1.0 },
            TimeFeature::Flux { scale: 1.0 },
            TimeFeature::FluxErr { scale: 1.0 },
            TimeFeature::Wavelength,
            TimeFeature::Detection,
        ],
        time_origin: TimeOrigin::FirstObservation,
        rows: RowSelection::All,
        trigger_window: TriggerWindow::LessThanInF32,
        max_steps: None,
        statics: Vec::new(),
    }
}

fn published_bts() -> FeatureSpec {
    let difference = |a: &str, b: &str| StaticSource::Difference(a.to_owned(), b.to_owned());
    let statics = [StaticSource::GalacticLongitude, StaticSource::GalacticLatitude]
        .into_iter()
        .chain(["W1mag", "W2mag", "W3mag", "W4mag"].map(|name| StaticSource::Named(name.to_owned())))
        .chain([difference("W1mag", "W3mag"), difference("W2mag", "W3mag")])
        .chain(BTS_ALERT_FEATURES.map(|name| StaticSource::Named(name.to_owned())))
        .map(|source| unscaled(source, MISSING))
        .collect();
    FeatureSpec {
        photometric_system: PhotometricSystem::Ztf,
        columns: vec![
            TimeFeature::Days { scale: 1.0 },
            TimeFeature::Magnitude,
            TimeFeature::MagnitudeErr,
            TimeFeature::Wavelength,
            TimeFeature::Detection,
        ],
        rows: RowSelection::Detections,
        statics,
        ..published_lite()
    }
}

fn paper() -> FeatureSpec {
    let flags = std::iter::once(StaticSource::NearGalacticPlane { within: 15.0 })
        .chain(DEEP_FIELDS.map(|centre| StaticSource::InField { centre, radius: 1.75 }))
        .map(|source| unscaled(source, MISSING));
    FeatureSpec {
        photometric_system: PhotometricSystem::Lsst,
        columns: vec![
            TimeFeature::Days { scale: 100.0 },
            TimeFeature::Detection,
            TimeFeature::Flux { scale: 1000.0 },
            TimeFeature::FluxErr { scale: 1000.0 },
            TimeFeature::Wavelength,
        ],
        time_origin: TimeOrigin::FirstObservation,
        rows: RowSelection::All,
        trigger_window: TriggerWindow::AtMost,
        max_steps: Some(500),
        statics: elasticc_statics().map(|f| StaticFeature { missing: MISSING, ..f }).chain(flags).collect(),
    }
}

fn heliacal() -> FeatureSpec {
    use StaticScaling::{Decades, Linear};
    let scaled = |name: &str, scaling| StaticFeature { scaling, ..named(name, 0.0) };
    let colour = |blue: char, red: char| {
        let magnitude = |band| format!("HOSTGAL_MAG_{band}");
        let source = StaticSource::Difference(magnitude(blue), magnitude(red));
        StaticFeature { source, missing: 0.0, scaling: Linear { centre: 0.5, width: 0.5 } }
    };
    let known = |name: &str| unscaled(StaticSource::Known(name.to_owned()), 0.0);
    let mut statics = vec![
        scaled("MWEBV", Decades { scale: 0.02 }),
        scaled("REDSHIFT_HELIO", Decades { scale: 0.01 }),
        scaled("REDSHIFT_HELIO_ERR", Decades { scale: 0.01 }),
        scaled("HOSTGAL_PHOTOZ", Decades { scale: 0.01 }),
        scaled("HOSTGAL_PHOTOZ_ERR", Decades { scale: 0.01 }),
        scaled("HOSTGAL_SPECZ", Decades { scale: 0.01 }),
        scaled("HOSTGAL_SNSEP", Decades { scale: 0.1 }),
        scaled("HOSTGAL_ELLIPTICITY", Linear { centre: 0.3, width: 0.2 }),
        known("REDSHIFT_HELIO"),
        known("HOSTGAL_PHOTOZ"),
        known("HOSTGAL_SPECZ"),
        known("HOSTGAL_MAG_r"),
    ];
    statics.extend(
        "ugrizY"
            .chars()
            .map(|band| scaled(&format!("HOSTGAL_MAG_{band}"), Linear { centre: 20.0, width: 3.5 })),
    );
    let neighbours = "ugriz".chars().zip("grizY".chars());
    statics.extend(neighbours.map(|(blue, red)| colour(blue, red)));
    FeatureSpec {
        photometric_system: PhotometricSystem::Lsst,
        columns: [
            TimeFeature::Days { scale: 100.0 },
            TimeFeature::DecadesOfDays { scale: 1.0 },
            TimeFeature::DecadesOfFlux { scale: 10.0 },
            TimeFeature::DecadesOfSignalToNoise,
            TimeFeature::Detection,
        ]
        .into_iter()
        .chain(Passband::LSST.map(TimeFeature::InPassband))
        .collect(),
        time_origin: TimeOrigin::FirstDetection,
        rows: RowSelection::All,
        trigger_window: TriggerWindow::AtMost,
        max_steps: Some(500),
        statics,
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, UnknownPreset> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownPreset { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts() {
        // The paper's count is in its Table of the architecture with two GRU biases; the others are the sizes of the
        // published files.
        for (preset, n_nodes, expected) in [
            (Preset::Paper, 26, 122_294),
            (Preset::Published, 26, 125_984),
            (Preset::PublishedLite, 26, 102_214),
        ] {
            assert_eq!(preset.config(n_nodes).n_parameters(), expected, "{preset}");
        }
        assert_eq!(Preset::PublishedBts.config(9).n_statics, 30);
        assert_eq!(Preset::Paper.config(26).n_statics, 23);
        let heliacal = Preset::Heliacal.config(26);
        assert_eq!((heliacal.n_features, heliacal.n_statics), (11, 23));
    }

    #[test]
    fn names_read_back_and_specs_survive_json() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
            assert_eq!(serde_json::to_value(preset).unwrap(), preset.name());
            let features = preset.features();
            let json = serde_json::to_string(&features).unwrap();
            assert_eq!(serde_json::from_str::<FeatureSpec>(&json).unwrap(), features);
            let config = preset.config(26);
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<OracleConfig>(&json).unwrap(), config);
        }
        assert!("oracle".parse::<Preset>().unwrap_err().to_string().contains("published-lite"));
    }
}
