//! Eclipsing and ellipsoidal binaries.

use std::f64::consts::TAU;

use crate::random::Random;
use crate::source::Modulation;

/// A binary as two Gaussian eclipses on a cosine.
///
/// ```text
/// m(φ) = Σ_i Σ_n d_i exp(−(φ − µ_i + n)² / 2σ_i²) + A_ell cos(4π(φ − µ_1)),   n = −2..2
/// ```
/// in magnitudes; the eclipses have depths d, phases µ and widths σ, the cosine is the tidal deformation of the stars, which
/// are brightest from the side. Mowlavi et al. 2017 (A&A 606, A92), eq. 1 and 2. With depths of 0 an ellipsoidal variable
/// is left, whose minima may differ by `unequal`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binary {
    /// Orbital period \[day\].
    pub period: f64,
    /// Phase at MJD 0, in periods.
    pub phase: f64,
    /// Depth \[mag\], phase and width \[period\] of both eclipses.
    pub eclipses: [(f64, f64, f64); 2],
    /// A_ell, half of the peak-to-peak amplitude \[mag\].
    pub ellipsoidal: f64,
    /// Half of the difference of the ellipsoidal minima \[mag\].
    pub unequal: f64,
}

impl Binary {
    fn at(&self, mjd: f64) -> f64 {
        let phase = (mjd / self.period + self.phase).rem_euclid(1.0);
        let eclipses: f64 = self
            .eclipses
            .iter()
            .flat_map(|&(depth, centre, width)| {
                (-2..=2)
                    .map(move |n| depth * (-0.5 * ((phase - centre + f64::from(n)) / width).powi(2)).exp())
            })
            .sum();
        let angle = TAU * (phase - self.eclipses[0].1);
        eclipses + self.ellipsoidal * (2.0 * angle).cos() + self.unequal * angle.cos()
    }
}

impl Modulation for Binary {
    fn magnitudes(&self, mjd: &[f64], _: &mut Random) -> Vec<f64> {
        mjd.iter().map(|&mjd| self.at(mjd)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn algol_by_hand() {
        let algol = Binary {
            period: 2.867,
            phase: 0.0,
            eclipses: [(1.2, 0.0, 0.025), (0.1, 0.5, 0.025)],
            ellipsoidal: 0.0,
            unequal: 0.0,
        };
        let m = |phase: f64| algol.at(2.867 * phase);
        assert!((m(0.0) - 1.2).abs() < 1e-12 && (m(0.5) - 0.1).abs() < 1e-12);
        assert!((m(0.025) - 1.2 * (-0.5_f64).exp()).abs() < 1e-12);
        assert!(m(0.25).abs() < 1e-15);
        // A width at phase 0 goes around the end of the period.
        assert!((m(-0.025) - m(0.025)).abs() < 1e-9);
    }

    #[test]
    fn ellipsoidal_stars_have_two_maxima_a_period() {
        let star = Binary {
            period: 1.0,
            phase: 0.0,
            eclipses: [(0.0, 0.0, 0.1), (0.0, 0.5, 0.1)],
            ellipsoidal: 0.1,
            unequal: 0.02,
        };
        for (phase, expected) in [(0.0, 0.12), (0.25, -0.1), (0.5, 0.08), (0.75, -0.1)] {
            assert!((star.at(phase) - expected).abs() < 1e-12);
        }
    }

    proptest! {
        #[test]
        fn eclipses_are_periodic_and_bounded(t in 0.0_f64..1e4, d in 0.0_f64..2.0, s in 0.01_f64..0.12) {
            let star = Binary {
                period: 0.7, phase: 0.3, eclipses: [(d, 0.0, s), (0.5 * d, 0.5, s)], ellipsoidal: 0.0, unequal: 0.0,
            };
            prop_assert!((star.at(t) - star.at(t + 0.7)).abs() < 1e-6 * (1.0 + d));
            prop_assert!(star.at(t) >= 0.0 && star.at(t) <= 1.01 * d + 1e-12);
        }
    }
}
