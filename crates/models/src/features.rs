//! How a light curve and its context become the numbers that a network sees. No tensor is made here.

use std::cell::LazyCell;

use heliacal_lightcurve::{Context, LightCurveView, NoDetection, Observation, Passband, PhotometricSystem};
use serde::{Deserialize, Serialize};

use crate::galactic::{self, Galactic};
use crate::{Error, Result};

/// Which time a light curve's days are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimeOrigin {
    /// The first observation that the encoding keeps.
    FirstObservation,
    /// The first detection; observations before it have negative days. A light curve without a detection cannot be
    /// encoded.
    FirstDetection,
}

/// Which observations the network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RowSelection {
    /// Detections and forced photometry.
    All,
    /// Detections of positive flux only: what an alert stream without forced photometry holds.
    Detections,
}

/// Which rows "until d days since trigger" keeps. The two differ for a row exactly d days after the trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TriggerWindow {
    /// Days at most d, in double precision (ORACLE's paper).
    AtMost,
    /// Days less than d, compared after the cast to single precision (ORACLE's published code).
    LessThanInF32,
}

/// One column of the network's time series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimeFeature {
    /// Days since the origin, divided by `scale`.
    Days {
        /// Divisor \[day\].
        scale: f64,
    },
    /// FLUXCAL divided by `scale`.
    Flux {
        /// Divisor \[FLUXCAL\].
        scale: f32,
    },
    /// FLUXCALERR divided by `scale`.
    FluxErr {
        /// Divisor \[FLUXCAL\].
        scale: f32,
    },
    /// AB magnitude, `27.5 - 2.5 log10 FLUXCAL`; for [`RowSelection::Detections`], where fluxes are positive.
    Magnitude,
    /// Uncertainty of the magnitude, `2.5 / ln 10 x error / flux`.
    MagnitudeErr,
    /// Mean wavelength of the passband \[µm\].
    Wavelength,
    /// 1 for a detection, 0 otherwise.
    Detection,
    /// Decades of time before or after the origin, `asinh(days / 2 scale) / ln 10`: linear within `scale`, logarithmic
    /// beyond.
    DecadesOfDays {
        /// Where linear turns logarithmic \[day\].
        scale: f64,
    },
    /// Decades of flux, `asinh(FLUXCAL / 2 scale) / ln 10`: the asinh magnitude (Lupton, Gunn and Szalay 1999, AJ 118,
    /// 1406) up to sign and zero point, which is there for negative fluxes too.
    DecadesOfFlux {
        /// Where linear turns logarithmic \[FLUXCAL\]: about the noise of a faint source.
        scale: f32,
    },
    /// Decades of signal-to-noise, `asinh(s / 2) / ln 10` of `s = FLUXCAL / √(FLUXCALERR² + (FLUXCAL / 1000)²)`: a
    /// thousandth of the flux counts as error too, so that an error of 0 does no harm.
    DecadesOfSignalToNoise,
    /// 1 for an observation in this passband, 0 otherwise.
    InPassband(Passband),
}

/// One static input of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StaticFeature {
    /// What it is.
    pub source: StaticSource,
    /// The number that stands for "not measured".
    pub missing: f32,
    /// What is done to the number, if it was measured.
    #[serde(default)]
    pub scaling: StaticScaling,
}

/// What is done to a static input before the network sees it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StaticScaling {
    /// Nothing.
    #[default]
    None,
    /// `(x - centre) / width`.
    Linear {
        /// What becomes 0.
        centre: f64,
        /// What becomes 1 beyond it.
        width: f64,
    },
    /// `asinh(x / 2 scale) / ln 10`.
    Decades {
        /// Where linear turns logarithmic.
        scale: f64,
    },
}

impl StaticScaling {
    fn apply(self, x: f64) -> f64 {
        match self {
            Self::None => x,
            Self::Linear { centre, width } => (x - centre) / width,
            Self::Decades { scale } => decades(x / scale),
        }
    }
}

/// About the logarithm to base 10 of large x, and x / (2 ln 10) of small x.
fn decades(x: f64) -> f64 {
    (0.5 * x).asinh() / std::f64::consts::LN_10
}

/// Where a static input comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StaticSource {
    /// A context feature by its name.
    Named(String),
    /// 1 where a context feature was measured, 0 where it is missing.
    Known(String),
    /// The difference of two context features, such as a colour.
    Difference(String, String),
    /// Galactic longitude \[deg\], from the context's `RA` and `DEC`.
    GalacticLongitude,
    /// Galactic latitude \[deg\], from the context's `RA` and `DEC`.
    GalacticLatitude,
    /// 1 within `within` \[deg\] of the Galactic plane, 0 outside.
    NearGalacticPlane {
        /// Largest |b| \[deg\].
        within: f64,
    },
    /// 1 within `radius` \[deg\] of a field's centre, 0 outside.
    InField {
        /// The field's centre.
        centre: Galactic,
        /// Largest angular distance \[deg\].
        radius: f64,
    },
}

/// The whole encoding: a model is stored with the one it was trained with, so that training and serving cannot drift
/// apart.
///
/// ```
/// use heliacal_lightcurve::{Context, LightCurve, Passband};
/// use heliacal_models::Preset;
///
/// let light_curve = LightCurve::new(
///     vec![60000.0, 60025.0], vec![120.0, 500.0], vec![10.0, 12.0], vec![Passband::LsstR; 2], vec![false, true],
/// )?;
/// let encoded = Preset::Paper.features().encode(light_curve.view(), &Context::new())?;
/// assert_eq!(encoded.rows[5..], [0.25, 1.0, 0.5, 0.012, 0.6215]); // days/100, detection, flux/1000, error/1000, µm
/// assert_eq!(encoded.statics, [-9.0; 23]); // nothing is known of the host
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureSpec {
    /// The survey whose passbands the network knows: what band letters mean when light curves are read for it.
    #[serde(default)]
    pub photometric_system: PhotometricSystem,
    /// Columns of the time series, in the network's order.
    pub columns: Vec<TimeFeature>,
    /// Where days are counted from.
    pub time_origin: TimeOrigin,
    /// Which observations are seen.
    pub rows: RowSelection,
    /// The rule of truncation by days since trigger.
    pub trigger_window: TriggerWindow,
    /// Longer series keep only this many last rows.
    pub max_steps: Option<usize>,
    /// Static inputs, in the network's order.
    pub statics: Vec<StaticFeature>,
}

/// A light curve as the network sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EncodedLightCurve {
    /// Time series, row-major `[step, column]`.
    pub rows: Vec<f32>,
    /// For each step, which observation of the light curve it is.
    pub observations: Vec<usize>,
    /// The first step at which the encoding was known: that of the first detection where days are counted from it,
    /// otherwise 0. A history begins there.
    pub known_from: usize,
    /// Static inputs.
    pub statics: Vec<f32>,
}

impl EncodedLightCurve {
    /// The steps of a history: those at which the encoding was known.
    pub fn steps(&self) -> std::ops::Range<usize> {
        self.known_from..self.observations.len()
    }
}

impl FeatureSpec {
    /// The same encoding with another time origin.
    #[must_use]
    pub fn with_time_origin(mut self, time_origin: TimeOrigin) -> Self {
        self.time_origin = time_origin;
        self
    }

    /// As ORACLE's published inference helper prepares light curves, which is not how its weights were trained: days from
    /// the first detection, and -9 for whatever static feature is missing.
    #[must_use]
    pub fn published_inference(mut self) -> Self {
        self.statics.iter_mut().for_each(|feature| feature.missing = -9.0);
        self.with_time_origin(TimeOrigin::FirstDetection)
    }

    /// Names of the context features that the encoding reads: what a reader of files has to look for.
    pub fn context_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for feature in &self.statics {
            match &feature.source {
                StaticSource::Named(name) | StaticSource::Known(name) => names.push(name.as_str()),
                StaticSource::Difference(a, b) => names.extend([a.as_str(), b.as_str()]),
                StaticSource::GalacticLongitude
                | StaticSource::GalacticLatitude
                | StaticSource::NearGalacticPlane { .. }
                | StaticSource::InField { .. } => names.extend(["RA", "DEC"]),
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Encodes a light curve and its context; all its rows are kept, whatever `max_steps` says: a model applies that.
    ///
    /// # Errors
    /// [`Error::NoObservations`] when no row is kept, [`Error::NoDetection`] when days are counted from the first
    /// detection and there is none.
    pub fn encode(&self, light_curve: LightCurveView<'_>, context: &Context) -> Result<EncodedLightCurve> {
        let observations: Vec<usize> =
            light_curve.iter().enumerate().filter(|(_, o)| self.keeps(o)).map(|(index, _)| index).collect();
        let known_from = self.origin_step(light_curve, &observations)?;
        let origin = light_curve.mjd()[observations[known_from]];
        let mut rows = Vec::with_capacity(observations.len() * self.columns.len());
        for observation in observations.iter().filter_map(|&index| light_curve.get(index)) {
            self.push_row(&observation, origin, &mut rows);
        }
        Ok(EncodedLightCurve { rows, observations, known_from, statics: self.statics(context) })
    }

    /// The part of a light curve that was known `days` after its trigger, by this encoding's rule.
    ///
    /// # Errors
    /// [`Error::NoDetection`] when no observation is a detection.
    pub fn truncate<'a>(&self, light_curve: LightCurveView<'a>, days: f64) -> Result<LightCurveView<'a>> {
        match self.trigger_window {
            TriggerWindow::AtMost => Ok(light_curve.until_days_since_trigger(days)?),
            TriggerWindow::LessThanInF32 => {
                let mjd = light_curve.mjd();
                let no_detection = NoDetection { n_observations: mjd.len() };
                let trigger = light_curve.first_detection().ok_or(no_detection)?;
                let origin = match self.time_origin {
                    TimeOrigin::FirstObservation => mjd[0],
                    TimeOrigin::FirstDetection => mjd[trigger],
                };
                let day = |mjd: f64| (mjd - origin) as f32;
                let trigger_day = day(mjd[trigger]);
                Ok(light_curve.first_n(mjd.partition_point(|&mjd| day(mjd) - trigger_day < days as f32)))
            }
        }
    }

    /// The static inputs of an object.
    pub fn statics(&self, context: &Context) -> Vec<f32> {
        // Up to five features ask for it, or none.
        let position = LazyCell::new(|| {
            Option::zip(context.get("RA"), context.get("DEC"))
                .map(|(ra, dec)| galactic::from_equatorial(ra, dec))
        });
        let flag = |inside: bool| if inside { 1.0 } else { 0.0 };
        self.statics
            .iter()
            .map(|feature| {
                let value = match &feature.source {
                    StaticSource::Named(name) => context.get(name),
                    StaticSource::Known(name) => Some(flag(context.get(name).is_some())),
                    StaticSource::Difference(a, b) => {
                        Option::zip(context.get(a), context.get(b)).map(|(a, b)| a - b)
                    }
                    StaticSource::GalacticLongitude => position.map(|p| p.l),
                    StaticSource::GalacticLatitude => position.map(|p| p.b),
                    StaticSource::NearGalacticPlane { within } => position.map(|p| flag(p.b.abs() < *within)),
                    StaticSource::InField { centre, radius } => {
                        position.map(|p| flag(p.distance(*centre) <= *radius))
                    }
                };
                value.map_or(feature.missing, |value| feature.scaling.apply(value) as f32)
            })
            .collect()
    }

    /// Whether the network sees this observation.
    pub(crate) fn keeps(&self, observation: &Observation) -> bool {
        match self.rows {
            RowSelection::All => true,
            RowSelection::Detections => observation.detection && observation.flux > 0.0,
        }
    }

    /// Appends the row of an observation.
    pub(crate) fn push_row(&self, observation: &Observation, origin: f64, rows: &mut Vec<f32>) {
        rows.extend(self.columns.iter().map(|column| match column {
            TimeFeature::Days { scale } => ((observation.mjd - origin) / scale) as f32,
            TimeFeature::Flux { scale } => observation.flux / scale,
            TimeFeature::FluxErr { scale } => observation.flux_err / scale,
            TimeFeature::Magnitude => (27.5 - 2.5 * f64::from(observation.flux).log10()) as f32,
            TimeFeature::MagnitudeErr => {
                (2.5 / std::f64::consts::LN_10 * f64::from(observation.flux_err)
                    / f64::from(observation.flux)) as f32
            }
            TimeFeature::Wavelength => observation.passband.mean_wavelength_um(),
            TimeFeature::Detection => f32::from(u8::from(observation.detection)),
            TimeFeature::DecadesOfDays { scale } => decades((observation.mjd - origin) / scale) as f32,
            TimeFeature::DecadesOfFlux { scale } => {
                decades(f64::from(observation.flux) / f64::from(*scale)) as f32
            }
            TimeFeature::DecadesOfSignalToNoise => {
                let flux = f64::from(observation.flux);
                let error = f64::from(observation.flux_err).hypot(flux / 1000.0);
                decades(flux / error.max(f64::MIN_POSITIVE)) as f32
            }
            TimeFeature::InPassband(passband) => f32::from(u8::from(observation.passband == *passband)),
        }));
    }

    /// The step from which days are counted.
    fn origin_step(&self, light_curve: LightCurveView<'_>, kept: &[usize]) -> Result<usize> {
        let n_observations = light_curve.len();
        match self.time_origin {
            _ if kept.is_empty() => Err(Error::NoObservations { n_observations }),
            TimeOrigin::FirstObservation => Ok(0),
            TimeOrigin::FirstDetection => kept
                .iter()
                .position(|&index| light_curve.detection()[index])
                .ok_or(Error::NoDetection(NoDetection { n_observations })),
        }
    }
}

#[cfg(test)]
mod tests {
    use heliacal_lightcurve::LightCurve;

    use crate::Preset;

    use super::*;

    #[test]
    fn decades_are_logarithms_of_large_numbers_and_linear_near_zero() {
        for x in [1e3, 1e5, 1e12] {
            assert!((decades(x) - x.log10()).abs() < 1e-6);
            assert_eq!(decades(-x), -decades(x));
        }
        for x in [0.0, 1e-9, 1e-4] {
            assert!((decades(x) - 0.5 * x / std::f64::consts::LN_10).abs() <= 1e-9 * x);
        }
    }

    #[test]
    fn our_own_encoding_by_hand() {
        let features = Preset::Heliacal.features();
        // Ten days before the trigger a flux of -20 ± 5, at the trigger one of 10,000 without an error.
        let (g, y) = (Passband::LsstG, Passband::LsstY);
        let (mjd, flux, flux_err) = (vec![60000.0, 60010.0], vec![-20.0, 1e4], vec![5.0, 0.0]);
        let light_curve = LightCurve::new(mjd, flux, flux_err, vec![g, y], vec![false, true]).unwrap();
        let mut context = Context::new();
        context.set("REDSHIFT_HELIO", 1.0);
        context.set("HOSTGAL_MAG_g", 24.0);
        context.set("HOSTGAL_MAG_r", 23.0);
        let encoded = features.encode(light_curve.view(), &context).unwrap();
        let expected = [
            [-0.1, -1.004_27, -0.382_78, -0.626_96, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 3.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        ];
        assert_eq!(encoded.known_from, 1);
        for (found, expected) in encoded.rows.iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-5, "{:?}", encoded.rows);
        }
        let position =
            |source: &StaticSource| features.statics.iter().position(|f| f.source == *source).unwrap();
        let found = |source: StaticSource| encoded.statics[position(&source)];
        let named = |name: &str| StaticSource::Named(name.to_owned());
        let known = |name: &str| StaticSource::Known(name.to_owned());
        assert!((found(named("REDSHIFT_HELIO")) - 2.000_04).abs() < 1e-5);
        assert_eq!((found(known("REDSHIFT_HELIO")), found(known("HOSTGAL_SPECZ"))), (1.0, 0.0));
        assert!((found(named("HOSTGAL_MAG_g")) - 4.0 / 3.5).abs() < 1e-6);
        let colour = StaticSource::Difference("HOSTGAL_MAG_g".into(), "HOSTGAL_MAG_r".into());
        assert_eq!(found(colour), 1.0);
        assert_eq!(found(named("HOSTGAL_MAG_u")), 0.0, "what is missing is in the middle");
    }
}
