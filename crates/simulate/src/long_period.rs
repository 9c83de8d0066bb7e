//! Red giants that pulsate over months.

use std::f64::consts::TAU;

use crate::random::Random;
use crate::source::Modulation;

/// Amplitudes in u g r i z Y over that in g: most of the light of a Mira's minimum is in the infrared, where its molecules
/// do not absorb (Iwanek et al. 2021, ApJS 257, 23, figure 3, simplified).
pub(crate) const LONG_PERIOD_RESPONSE: [f64; 6] = [1.0, 1.0, 0.85, 0.60, 0.45, 0.38];

/// A Mira, semiregular or irregular giant: a skewed wave whose height differs from cycle to cycle, and a second period.
///
/// ```text
/// m(φ) = (A/2) a_n [cos 2πφ + 0.2 cos(4πφ + 0.8)] / 1.03 + (B/2) sin(2π t/P₂ + ψ)
/// ```
/// The height a_n of each cycle is drawn around 1 and goes over into the next linearly.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LongPeriod {
    /// Period \[day\].
    pub period: f64,
    /// Phase at MJD 0, in periods.
    pub phase: f64,
    /// A \[mag\].
    pub peak_to_peak: f64,
    /// Standard deviation of a_n.
    pub irregularity: f64,
    /// P₂ \[day\] and B \[mag\].
    pub second: Option<(f64, f64)>,
}

impl Modulation for LongPeriod {
    fn magnitudes(&self, mjd: &[f64], random: &mut Random) -> Vec<f64> {
        let (Some(first), Some(last)) = (mjd.first(), mjd.last()) else { return Vec::new() };
        let cycle = |t: f64| t / self.period + self.phase;
        let begin = cycle(*first).floor();
        let n_cycles = (cycle(*last).floor() - begin) as usize + 2;
        let heights: Vec<f64> =
            (0..n_cycles).map(|_| random.normal_within(1.0, self.irregularity, 0.2, 1.8)).collect();
        let psi = random.unit();
        mjd.iter()
            .map(|&t| {
                let (whole, phase) = ((cycle(t).floor() - begin) as usize, cycle(t).rem_euclid(1.0));
                let next = heights.get(whole + 1).copied().unwrap_or(1.0);
                let height = heights.get(whole).copied().unwrap_or(1.0) * (1.0 - phase) + next * phase;
                let wave = (TAU * phase).cos() + 0.2 * (2.0 * TAU * phase + 0.8).cos();
                let second = self
                    .second
                    .map_or(0.0, |(period, amplitude)| 0.5 * amplitude * (TAU * (t / period + psi)).sin());
                0.5 * self.peak_to_peak * height * wave / 1.03 + second
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_one_repeats_with_its_amplitude() {
        let mira =
            LongPeriod { period: 300.0, phase: 0.0, peak_to_peak: 5.0, irregularity: 0.0, second: None };
        let mjd: Vec<f64> = (0..900).map(f64::from).collect();
        let m = mira.magnitudes(&mjd, &mut Random::new(0, 0, 0));
        assert!((0..300).all(|i| (m[i] - m[i + 300]).abs() < 1e-9));
        let range = m.iter().copied().fold(f64::MIN, f64::max) - m.iter().copied().fold(f64::MAX, f64::min);
        assert!((range - 5.0).abs() < 0.1, "{range}");
    }

    #[test]
    fn an_irregular_one_does_not_repeat_and_does_not_jump() {
        let giant = LongPeriod {
            period: 100.0,
            phase: 0.2,
            peak_to_peak: 1.0,
            irregularity: 0.3,
            second: Some((900.0, 0.4)),
        };
        let mjd: Vec<f64> = (0..20_000).map(|i| 0.1 * f64::from(i)).collect();
        let m = giant.magnitudes(&mjd, &mut Random::new(3, 0, 0));
        assert!((m[0] - m[1000]).abs() > 1e-3);
        assert!(m.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.02));
        assert!(giant.magnitudes(&[], &mut Random::new(3, 0, 0)).is_empty());
    }
}
