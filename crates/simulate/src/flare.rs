//! Flares of M dwarfs.

use crate::blackbody::blackbody_colour;
use crate::cadence::Exposure;
use crate::photometry::{BANDS, flux_of_magnitude};
use crate::random::Random;
use crate::source::Source;

/// Brightness of a flare over its peak, for the time from its peak in units of the time it spends above half of it.
///
/// ```text
/// 1 + 1.941 t − 0.175 t² − 2.246 t³ − 1.125 t⁴        −1 < t ≤ 0
/// 0.6890 e^(−1.600 t) + 0.3030 e^(−0.2783 t)          t > 0
/// ```
///
/// Davenport et al. 2014 (ApJ 797, 122), eq. 1 and 4, from the flares of GJ 1243. The two pieces miss each other by 0.8 %
/// at the peak, as published. 0 before −1.
///
/// ```
/// use heliacal_simulate::flare_profile;
///
/// assert_eq!(flare_profile(0.0), 1.0);
/// assert!((flare_profile(1.0) - (0.6890 * 0.201897 + 0.3030 * 0.757069)).abs() < 1e-6); // 0.3685
/// assert_eq!(flare_profile(-1.5), 0.0);
/// ```
pub fn flare_profile(t: f64) -> f64 {
    if t > 0.0 {
        0.6890 * (-1.600 * t).exp() + 0.3030 * (-0.2783 * t).exp()
    } else if t > -1.0 {
        (1.0 + t * (1.941 + t * (-0.175 + t * (-2.246 - 1.125 * t)))).max(0.0)
    } else {
        0.0
    }
}

/// Temperature of a flare \[kK\] (Kowalski et al. 2013, ApJS 207, 15).
const FLARE_TEMPERATURE: f64 = 9.5;

/// A cool star that flares when somebody looks.
///
/// LSST sees a place for a minute in a thousand, so nearly all flares are missed. Simulating them all to keep the few
/// that are seen would be a waste: the flares here are put near visits, as they are in the sample that a survey detects.
/// Their number therefore says nothing about rates.
#[derive(Debug, Clone)]
pub(crate) struct FlareStar {
    /// Magnitudes in quiescence in u g r i z Y.
    pub quiescent: [f64; 6],
    /// Flares near visits.
    pub n_flares: usize,
    /// Median magnitude of a flare's light in r at its peak, on its own.
    pub flare_r: f64,
    /// Median time above half of the peak \[minute\].
    pub half_minutes: f64,
}

impl Source for FlareStar {
    fn fluxes(&self, visits: &[Exposure], random: &mut Random) -> Vec<f64> {
        let base = self.template();
        let mut fluxes: Vec<f64> = visits.iter().map(|visit| base[visit.band]).collect();
        if visits.is_empty() {
            return fluxes;
        }
        let colour = BANDS
            .map(|band| blackbody_colour(f64::from(band.mean_wavelength_um()), 0.6215, FLARE_TEMPERATURE));
        for _ in 0..self.n_flares {
            let near = visits[random.below(visits.len())].mjd;
            let half = random.log_normal(self.half_minutes, 0.6) / 1440.0;
            let peak = near - half * random.uniform(-0.3, 2.0);
            let r = self.flare_r + random.exponential(0.6) - 0.4;
            for (visit, flux) in visits.iter().zip(&mut fluxes) {
                let t = (visit.mjd - peak) / half;
                if (-1.0..60.0).contains(&t) {
                    *flux += flux_of_magnitude(r + colour[visit.band]) * flare_profile(t);
                }
            }
        }
        fluxes
    }

    fn template(&self) -> [f64; 6] {
        self.quiescent.map(flux_of_magnitude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_by_hand() {
        // Eq. 1 at t = -0.5: 1 - 0.9705 - 0.04375 + 0.28075 - 0.0703125.
        assert!((flare_profile(-0.5) - 0.196_187_5).abs() < 1e-12);
        assert!((flare_profile(1e-12) - 0.992).abs() < 1e-9);
        assert_eq!(flare_profile(-1.0), 0.0);
        // Above half of the peak for one unit of time, within the template's own accuracy.
        let steps = 100_000;
        let above = (0..steps).filter(|&i| flare_profile(-1.0 + 3.0 * f64::from(i) / f64::from(steps)) > 0.5);
        let width = 3.0 * above.count() as f64 / f64::from(steps);
        assert!((width - 1.0).abs() < 0.15, "{width}");
    }

    #[test]
    fn flares_are_blue_short_and_positive() {
        let star = FlareStar { quiescent: [22.0; 6], n_flares: 1, flare_r: 18.0, half_minutes: 15.0 };
        let visits: Vec<_> =
            (0..400).map(|day| Exposure { mjd: f64::from(day), band: (day % 6) as usize }).collect();
        let base = star.template();
        for seed in 0..50 {
            let fluxes = star.fluxes(&visits, &mut Random::new(seed, 0, 0));
            let brighter =
                visits.iter().zip(&fluxes).filter(|(visit, flux)| **flux > 1.01 * base[visit.band]).count();
            assert!(brighter <= 2, "{brighter}");
            assert!(visits.iter().zip(&fluxes).all(|(visit, flux)| *flux >= base[visit.band]));
        }
        assert!(star.fluxes(&[], &mut Random::new(0, 0, 0)).is_empty());
    }
}
