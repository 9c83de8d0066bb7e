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
    /// Scatter of photometric redshifts over 1+z.
    pub photoz_scatter: f64,
    /// Share of hosts brighter than r = 21 with a spectroscopic redshift.
    pub specz: f64,
    /// Largest number of objects drawn until one is detected.
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
            max_attempts: 20_000,
        }
    }
}

/// Which class an object belongs to. It depends on the object's index only.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ClassMix {
    /// In turn: object i is of class i mod n. Each class comes equally often.
    #[default]
    Equal,
    /// At random with these weights, one for each class, not necessarily summing to 1.
    Weighted(Vec<f64>),
}

/// How events are spread between the least and the largest redshift of their class, before the survey selects.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
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
pub enum Photometry {
    /// Of difference images: what was added or lost since the template, which holds the mean magnitude (the quiescent
    /// one of stars with outbursts). Negative half of the time.
    #[default]
    Difference,
    /// All of the light, as catalogues of variable stars have it.
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
        let not_negative = "a finite number of at least 0";
        for (field, values) in [
            ("noise.depth_scatter", &[noise.depth_scatter][..]),
            ("noise.gamma", &noise.gamma),
            ("noise.systematic", &[noise.systematic]),
            ("noise.saturation_scatter", &[noise.saturation_scatter]),
            ("detection.floor", &[detection.floor]),
            ("detection.days_before", &[detection.days_before]),
            ("detection.days_after", &[detection.days_after.unwrap_or(0.0)]),
            ("photoz_scatter", &[self.photoz_scatter]),
        ] {
            if let Some(&found) = values.iter().find(|value| !(**value >= 0.0 && value.is_finite())) {
                return fault(field, not_negative, found);
            }
        }
        for (field, value) in [
            ("deep_fraction", self.deep_fraction),
            ("hostless", self.hostless),
            ("chance_host", self.chance_host),
            ("specz", self.specz),
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
        assert!(refused(|c| c.cadence.days = f64::INFINITY).contains("cadence.days"));
    }
}
