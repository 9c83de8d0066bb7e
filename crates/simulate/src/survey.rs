//! What the survey is like.

use crate::cadence::Cadence;
use crate::cosmology::Cosmology;
use crate::detection::Detection;
use crate::error::SimulateError;
use crate::noise::Noise;

/// A survey, LSST-like by default. Numbers that make no sense are refused by [`Simulator::new`](crate::Simulator::new).
///
/// ```
/// use heliacal_simulate::{Cadence, SurveyConfig};
///
/// // One year of a survey that looks twice as often.
/// let cadence = Cadence { days: 365.25, ..Cadence::default() };
/// let visits_per_year = cadence.visits_per_year.map(|visits| 2.0 * visits);
/// let config = SurveyConfig { cadence: Cadence { visits_per_year, ..cadence }, ..SurveyConfig::default() };
/// assert_eq!(config.seed, 0);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct SurveyConfig {
    /// Another seed, another survey.
    pub seed: u64,
    /// Id of the object with index 0; the others follow.
    pub first_id: i64,
    /// When places are visited.
    pub cadence: Cadence,
    /// How well fluxes are measured.
    pub noise: Noise,
    /// What is detected, and what enters the survey.
    pub detection: Detection,
    /// Distances.
    pub cosmology: Cosmology,
    /// Which class an object belongs to.
    pub mix: ClassMix,
    /// How events are spread over redshift.
    pub redshift_rate: RedshiftRate,
    /// What fluxes mean for sources that are always there.
    pub photometry: Photometry,
    /// Share of galaxies and halo stars that lie in deep fields.
    pub deep_fraction: f64,
    /// Share of extragalactic objects without a host galaxy in the catalogue.
    pub hostless: f64,
    /// Share of stars with a galaxy beside them that is taken for a host.
    pub chance_host: f64,
    /// Scatter of photometric redshifts over 1+z, at most 1. Those below 0.001 are drawn again.
    pub photoz_scatter: f64,
    /// Share of hosts brighter than r = 21 with a spectroscopic redshift.
    pub specz: f64,
    /// Largest number of objects drawn until one is detected. The default survey needs a few, seldom more than 50.
    pub max_attempts: u64,
}

impl Default for SurveyConfig {
    /// Three years of LSST; every class as often as the others, uniform in redshift.
    fn default() -> Self {
        Self {
            seed: 0,
            first_id: 1,
            cadence: Cadence::default(),
            noise: Noise::default(),
            detection: Detection::default(),
            cosmology: Cosmology::default(),
            mix: ClassMix::Equal,
            redshift_rate: RedshiftRate::Uniform,
            photometry: Photometry::Difference,
            deep_fraction: 0.05,
            hostless: 0.15,
            chance_host: 0.05,
            photoz_scatter: 0.03,
            specz: 0.4,
            max_attempts: 1000,
        }
    }
}

/// Which class an object belongs to. It depends on the object's index and, where it is at random, on the survey's seed;
/// not on other objects.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ClassMix {
    /// In turn: object i is of class i mod n. Each class comes equally often.
    #[default]
    Equal,
    /// At random with these weights, one for each class, not necessarily summing to 1.
    Weighted(Vec<f64>),
}

/// How events are spread between the least and the largest redshift of their class, before the survey selects.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RedshiftRate {
    /// Evenly in redshift: many near and bright events, as a training set wants.
    #[default]
    Uniform,
    /// Evenly in volume and time, with a rate that evolves: `p(z) ∝ dV/dz (1+z)^(evolution − 1)`, as nature has it. Most
    /// objects of a class are then near the survey's limit.
    Volumetric {
        /// Exponent of the rate per comoving volume; 0: the same at all times.
        evolution: f64,
    },
}

/// What fluxes mean for stars and nuclei, which are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Photometry {
    /// Of difference images: what was added or lost since the template, which holds the mean magnitude (the quiescent
    /// one of stars with outbursts). Negative half of the time.
    #[default]
    Difference,
    /// All of the light, as catalogues of variable stars have it. Only the reported flux differs: what is detected and what
    /// enters the survey is decided by the difference all the same, so objects, visits and detections are those of
    /// `Difference`.
    Total,
}

impl SurveyConfig {
    pub(crate) fn check(&self, n_classes: usize) -> Result<(), SimulateError> {
        let fault = |field, expected, found| Err(SimulateError::Config { field, expected, found });
        let (noise, detection) = (&self.noise, &self.detection);
        if n_classes == 0 {
            return Err(SimulateError::NoClass);
        }
        self.cadence.check()?;
        if let ClassMix::Weighted(weights) = &self.mix {
            if weights.len() != n_classes {
                return Err(SimulateError::Weights { expected: n_classes, found: weights.len() });
            }
            let sum: f64 = weights.iter().sum();
            if let Some(&found) = weights.iter().find(|weight| weight.is_nan() || **weight < 0.0) {
                return fault("mix", "weights of at least 0", found);
            }
            if !(sum > 0.0 && sum.is_finite()) {
                return fault("sum of mix", "a finite number above 0", sum);
            }
        }
        for (field, value) in [
            ("noise.systematic", noise.systematic),
            ("detection.floor", detection.floor),
            ("detection.days_before", detection.days_before),
            ("detection.days_after", detection.days_after.unwrap_or(0.0)),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return fault(field, "a finite number of at least 0", value);
            }
        }
        if let Some(&found) = noise.gamma.iter().find(|gamma| !(**gamma > 0.0 && **gamma <= 0.04)) {
            return fault("noise.gamma", "a number above 0, at most 0.04", found);
        }
        for (field, needed) in
            [("detection.needed", detection.needed), ("detection.needed_of_fast", detection.needed_of_fast)]
        {
            if needed == 0 {
                return fault(field, "at least 1", 0.0);
            }
        }
        for (field, value) in [
            ("deep_fraction", self.deep_fraction),
            ("hostless", self.hostless),
            ("chance_host", self.chance_host),
            ("specz", self.specz),
            ("photoz_scatter", self.photoz_scatter),
            ("cosmology.omega_m", self.cosmology.omega_m),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return fault(field, "a number from 0 to 1", value);
            }
        }
        for (field, value, expected, low, high) in [
            ("cosmology.h0", self.cosmology.h0, "from 1 to 1000 km/s/Mpc", 1.0, 1e3),
            ("detection.width", detection.width, "from 0.001 to 100", 1e-3, 100.0),
            ("detection.threshold", detection.threshold, "from -1000 to 1000", -1e3, 1e3),
            ("noise.depth_scatter", noise.depth_scatter, "from 0 to 5 mag", 0.0, 5.0),
            ("noise.saturation_scatter", noise.saturation_scatter, "from 0 to 5 mag", 0.0, 5.0),
            ("noise.saturation", noise.saturation, "from -50 to 50 mag", -50.0, 50.0),
        ] {
            if !(low..=high).contains(&value) {
                return fault(field, expected, value);
            }
        }
        if let Some(&found) = noise.five_sigma_depth.iter().find(|depth| !(0.0..=40.0).contains(*depth)) {
            return fault("noise.five_sigma_depth", "from 0 to 40 mag", found);
        }
        if let RedshiftRate::Volumetric { evolution } = self.redshift_rate
            && !(-20.0..=20.0).contains(&evolution)
        {
            return fault("redshift_rate.evolution", "from -20 to 20", evolution);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "serde")]
    #[test]
    fn a_configuration_reads_back_and_what_is_left_out_is_the_default() {
        let mut config = SurveyConfig { mix: ClassMix::Weighted(vec![1.0, 0.5]), ..SurveyConfig::default() };
        config.redshift_rate = RedshiftRate::Volumetric { evolution: 2.0 };
        config.detection.days_after = Some(10.0);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<SurveyConfig>(&text).unwrap(), config);
        let short = r#"{"seed": 3, "cadence": {"days": 365.0}}"#;
        let read: SurveyConfig = serde_json::from_str(short).unwrap();
        let cadence = Cadence { days: 365.0, ..Cadence::default() };
        assert_eq!(read, SurveyConfig { seed: 3, cadence, ..SurveyConfig::default() });
        assert!(serde_json::from_str::<SurveyConfig>(r#"{"sede": 3}"#).is_err());
    }

    #[test]
    fn the_default_is_sound_and_absurd_numbers_are_named() {
        let good = SurveyConfig::default();
        assert_eq!(good.check(1), Ok(()));
        assert_eq!(good.check(0), Err(SimulateError::NoClass));
        let refused = |change: fn(&mut SurveyConfig)| {
            let mut config = SurveyConfig::default();
            change(&mut config);
            config.check(2).unwrap_err().to_string()
        };
        assert_eq!(
            refused(|c| c.cadence.visits_per_year[2] = -1.0),
            "configuration: cadence.visits_per_year is -1, expected from 0 to 10,000"
        );
        assert_eq!(
            refused(|c| c.hostless = f64::NAN),
            "configuration: hostless is NaN, expected a number from 0 to 1"
        );
        assert_eq!(
            refused(|c| c.mix = ClassMix::Weighted(vec![1.0])),
            "configuration: 1 weights for 2 classes"
        );
        assert!(refused(|c| c.mix = ClassMix::Weighted(vec![0.0, 0.0])).contains("sum of mix is 0"));
        assert!(refused(|c| c.mix = ClassMix::Weighted(vec![1.0, f64::NAN])).contains("mix is NaN"));
        assert!(refused(|c| c.cadence.season_days = (200.0, 100.0)).contains("season_days"));
        assert!(refused(|c| c.noise.five_sigma_depth[0] = f64::INFINITY).contains("five_sigma_depth"));
        assert_eq!(
            refused(|c| c.noise.gamma[3] = 0.05),
            "configuration: noise.gamma is 0.05, expected a number above 0, at most 0.04"
        );
        assert!(refused(|c| c.noise.gamma[0] = 0.0).contains("noise.gamma is 0,"));
        assert!(refused(|c| c.noise.depth_scatter = 6.0).contains("depth_scatter is 6"));
        assert!(refused(|c| c.noise.saturation_scatter = -1.0).contains("saturation_scatter is -1"));
        assert!(refused(|c| c.detection.needed = 0).contains("detection.needed is 0"));
        assert!(refused(|c| c.detection.needed_of_fast = 0).contains("needed_of_fast is 0"));
        assert!(refused(|c| c.photoz_scatter = 1.5).contains("photoz_scatter is 1.5"));
        assert!(refused(|c| c.cadence.visits_per_year = [0.0; 6]).contains("visits_per_year is 0"));
        assert!(refused(|c| c.cadence.days = f64::INFINITY).contains("cadence.days"));
    }
}
