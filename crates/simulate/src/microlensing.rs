//! Gravitational microlensing by a single lens.

use crate::cadence::Exposure;
use crate::photometry::flux_of_magnitude;
use crate::random::Random;
use crate::source::Source;

/// Magnification of a point source by a point lens, for their separation u in Einstein radii.
///
/// ```text
/// A(u) = (u² + 2) / (u √(u² + 4))
/// ```
///
/// Paczyński 1986 (ApJ 304, 1, eq. 1). The sign of u does not matter; at u = 0 it is infinite, far away 1.
///
/// ```
/// use heliacal_simulate::magnification;
///
/// assert!((magnification(1.0) - 3.0 / 5_f64.sqrt()).abs() < 1e-15); // 1.342, at the edge of the Einstein ring
/// assert_eq!(magnification(f64::INFINITY), 1.0);
/// ```
pub fn magnification(u: f64) -> f64 {
    let u = u.abs();
    if u > 1e6 {
        return 1.0;
    }
    (u * u + 2.0) / (u * (u * u + 4.0).sqrt())
}

/// A star lensed once: straight motion, no parallax, one lens, light of neighbours that is not lensed.
#[derive(Debug, Clone)]
pub(crate) struct Microlensing {
    /// Magnitudes of all the light in u g r i z Y, far from the event.
    pub base: [f64; 6],
    /// Share of the light that belongs to the source.
    pub share: f64,
    /// Time of the closest approach \[MJD\].
    pub time: f64,
    /// Einstein time \[day\].
    pub einstein_days: f64,
    /// Smallest separation \[Einstein radius\].
    pub impact: f64,
}

impl Source for Microlensing {
    fn fluxes(&self, visits: &[Exposure], _: &mut Random) -> Vec<f64> {
        let base = self.template();
        let flux = |visit: &Exposure| {
            let u = self.impact.hypot((visit.mjd - self.time) / self.einstein_days);
            base[visit.band] * (1.0 + self.share * (magnification(u) - 1.0))
        };
        visits.iter().map(flux).collect()
    }

    fn template(&self) -> [f64; 6] {
        self.base.map(flux_of_magnitude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_by_hand() {
        let event =
            Microlensing { base: [22.5; 6], share: 0.5, time: 100.0, einstein_days: 25.0, impact: 0.6 };
        let visits: Vec<_> = [100.0, 120.0, 80.0, 1e7].map(|mjd| Exposure { mjd, band: 2 }).into();
        let flux = event.fluxes(&visits, &mut Random::new(0, 0, 0));
        // u = 0.6: A = 2.36 / (0.6 · 2.08806); 20 days later u = √(0.36 + 0.64) = 1.
        assert!((flux[0] - 100.0 * (0.5 + 0.5 * 2.36 / (0.6 * 4.36_f64.sqrt()))).abs() < 1e-9);
        assert!((flux[1] - 100.0 * (0.5 + 1.5 / 5_f64.sqrt())).abs() < 1e-9);
        assert!((flux[1] - flux[2]).abs() < 1e-9);
        assert!((flux[3] - 100.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn closer_is_brighter(u in 1e-4_f64..10.0, step in 1e-3_f64..1.0) {
            prop_assert!(magnification(u) > magnification(u + step));
            prop_assert!(magnification(u) > 1.0);
            // Close by it is 1/u, within 3u/8 of it relative; far away it is 1 + 2/u⁴.
            if u < 0.1 {
                prop_assert!((magnification(u) * u - 1.0).abs() < 0.375 * u * u + 1e-12);
            }
            prop_assert!((magnification(10.0 + u) - 1.0 - 2.0 / (10.0 + u).powi(4)).abs() < 2e-5);
        }
    }
}
