//! How far away.

use crate::random::Random;
use crate::survey::{RedshiftRate, SurveyConfig};

/// Nearest redshift of any class: nearer ones saturate.
const NEAREST: f64 = 0.004;

/// A redshift below the largest one of a class, with the survey's rate.
pub(crate) fn draw(largest: f64, survey: &SurveyConfig, random: &mut Random) -> f64 {
    let RedshiftRate::Volumetric { evolution } = survey.redshift_rate else {
        return random.uniform(NEAREST, largest);
    };
    let rate = |z: f64| survey.cosmology.comoving_volume_element_mpc3(z) * (1.0 + z).powf(evolution - 1.0);
    // Smooth and with one maximum at most: a grid finds it within a percent.
    let highest = 1.02
        * (1..=40)
            .map(|step| rate(NEAREST + (largest - NEAREST) * f64::from(step) / 40.0))
            .fold(0.0, f64::max);
    for _ in 0..10_000 {
        let z = random.uniform(NEAREST, largest);
        if highest * random.unit() <= rate(z) {
            return z;
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_redshifts_follow_the_volume() {
        let mut survey = SurveyConfig {
            redshift_rate: RedshiftRate::Volumetric { evolution: 1.0 },
            ..SurveyConfig::default()
        };
        // Without matter dV/dz goes as z²: half lies beyond 0.5^(1/3) of the largest.
        survey.cosmology.omega_m = 0.0;
        let mut random = Random::new(1, 0, 0);
        let n = 10_000;
        let beyond = (0..n).filter(|_| draw(0.2, &survey, &mut random) > 0.2 * 0.5_f64.cbrt()).count() as f64
            / f64::from(n);
        assert!((beyond - 0.5).abs() < 0.02, "{beyond}");
        survey.redshift_rate = RedshiftRate::Uniform;
        let mean = (0..n).map(|_| draw(1.0, &survey, &mut random)).sum::<f64>() / f64::from(n);
        assert!((mean - 0.502).abs() < 0.015, "{mean}");
    }
}
