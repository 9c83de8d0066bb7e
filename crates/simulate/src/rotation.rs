//! Spotted stars.

use std::f64::consts::TAU;

use crate::random::Random;
use crate::source::Modulation;

/// Amplitudes in u g r i z Y over that in g of cool spots.
pub(crate) const SPOT_RESPONSE: [f64; 6] = [1.1, 1.0, 0.87, 0.75, 0.66, 0.60];

/// A star whose spots come and go with its rotation.
///
/// ```text
/// m(t) = (A/2) [1 + e sin(2π t/P_s + ψ)] [cos 2πφ + q cos(4πφ + χ)] + (e A/2) sin(2π t/P_c + ω)
/// ```
/// The spots grow and fade over P_s with the strength e, and the mean brightness follows the activity cycle P_c: both small
/// for chemically peculiar stars (ROT), large for RS Canum Venaticorum stars (Strassmeier 2009, A&ARv 17, 251).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rotation {
    /// Period \[day\].
    pub period: f64,
    /// A \[mag\].
    pub peak_to_peak: f64,
    /// q, the second spot.
    pub second: f64,
    /// e.
    pub evolution: f64,
    /// P_s and P_c \[day\].
    pub slow: (f64, f64),
}

impl Modulation for Rotation {
    fn magnitudes(&self, mjd: &[f64], random: &mut Random) -> Vec<f64> {
        let [phase, chi, psi, omega] = std::array::from_fn(|_| random.unit());
        mjd.iter()
            .map(|&t| {
                let angle = TAU * (t / self.period + phase).rem_euclid(1.0);
                let spots = 1.0 + self.evolution * (TAU * (t / self.slow.0 + psi)).sin();
                let cycle = self.evolution * (TAU * (t / self.slow.1 + omega)).sin();
                let wave = angle.cos() + self.second * (2.0 * angle + TAU * chi).cos();
                0.5 * self.peak_to_peak * (spots * wave + cycle)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_evolution_it_is_a_cosine() {
        let star =
            Rotation { period: 5.0, peak_to_peak: 0.2, second: 0.0, evolution: 0.0, slow: (100.0, 1000.0) };
        let mjd: Vec<f64> = (0..1000).map(|i| 0.01 * f64::from(i)).collect();
        let m = star.magnitudes(&mjd, &mut Random::new(1, 0, 0));
        let range = m.iter().copied().fold(f64::MIN, f64::max) - m.iter().copied().fold(f64::MAX, f64::min);
        assert!((range - 0.2).abs() < 1e-4);
        assert!((0..500).all(|i| (m[i] - m[i + 500]).abs() < 1e-9));
    }

    #[test]
    fn spots_that_evolve_change_the_amplitude() {
        let star =
            Rotation { period: 5.0, peak_to_peak: 0.2, second: 0.2, evolution: 0.8, slow: (200.0, 2000.0) };
        let mjd: Vec<f64> = (0..20_000).map(|i| 0.01 * f64::from(i)).collect();
        let m = star.magnitudes(&mjd, &mut Random::new(1, 0, 0));
        let range = |part: &[f64]| {
            part.iter().copied().fold(f64::MIN, f64::max) - part.iter().copied().fold(f64::MAX, f64::min)
        };
        let ranges: Vec<f64> = m.chunks(500).map(range).collect();
        let (low, high) =
            (ranges.iter().copied().fold(f64::MAX, f64::min), ranges.iter().copied().fold(0.0, f64::max));
        assert!(high > 3.0 * low, "{low} {high}");
    }
}
