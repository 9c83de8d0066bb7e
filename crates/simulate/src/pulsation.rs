//! Pulsating stars as Fourier series.

use std::f64::consts::TAU;

use crate::random::Random;
use crate::source::Modulation;

/// One period of a pulsating star: a Fourier series in magnitudes.
///
/// ```text
/// m(φ) = A Σ_k R_k1 sin(2π k φ + k φ₁ + φ_k1),   R_11 = 1, φ_11 = 0
/// ```
///
/// The shape is given by the ratios R_k1 and the phase differences φ_k1 = φ_k − k φ₁ of Simon and Lee 1981
/// (ApJ 248, 291), here of sines. `peak_to_peak` is the amplitude of the whole series, not of its first term.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pulsation {
    /// Period \[day\].
    pub period: f64,
    /// Phase at MJD 0, in periods.
    pub phase: f64,
    /// Faintest minus brightest magnitude.
    pub peak_to_peak: f64,
    /// (R_21, φ_21), (R_31, φ_31) and so on; phases in radian.
    pub harmonics: Vec<(f64, f64)>,
    /// Modulation of the amplitude, if any; that of the phase is left out.
    pub blazhko: Option<Blazhko>,
    /// Peak to peak of the series for A = 1.
    range: f64,
}

/// The Blazhko effect: the amplitude waxes and wanes (Blažko 1907).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Blazhko {
    /// Amplitude of the modulation over the amplitude of the pulsation.
    pub strength: f64,
    /// Its period \[day\].
    pub period: f64,
    /// Its phase at MJD 0, in periods.
    pub phase: f64,
}

impl Pulsation {
    pub fn new(period: f64, phase: f64, peak_to_peak: f64, harmonics: &[(f64, f64)]) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for step in 0..200 {
            let value = series(f64::from(step) / 200.0, harmonics);
            (low, high) = (low.min(value), high.max(value));
        }
        Self { period, phase, peak_to_peak, harmonics: harmonics.to_vec(), blazhko: None, range: high - low }
    }

    /// Departure from the mean magnitude at a time.
    fn at(&self, mjd: f64) -> f64 {
        let amplitude = self.peak_to_peak / self.range;
        let modulation = self.blazhko.map_or(1.0, |blazhko| {
            1.0 + blazhko.strength * (TAU * (mjd / blazhko.period + blazhko.phase)).sin()
        });
        amplitude * modulation * series(mjd / self.period + self.phase, &self.harmonics)
    }
}

fn series(phase: f64, harmonics: &[(f64, f64)]) -> f64 {
    let angle = TAU * phase.rem_euclid(1.0);
    let higher =
        harmonics.iter().zip(2..).map(|(&(ratio, shift), k)| ratio * (f64::from(k) * angle + shift).sin());
    angle.sin() + higher.sum::<f64>()
}

impl Modulation for Pulsation {
    fn magnitudes(&self, mjd: &[f64], _: &mut Random) -> Vec<f64> {
        mjd.iter().map(|&mjd| self.at(mjd)).collect()
    }
}

/// Amplitudes in u g r i z Y over that in g: RR Lyrae (Sesar et al. 2010, ApJ 708, 717, figure 7), Cepheids and delta Scuti
/// stars (between those and a black body's).
pub(crate) const RR_LYRAE_RESPONSE: [f64; 6] = [1.0, 1.0, 0.71, 0.57, 0.52, 0.50];
pub(crate) const CEPHEID_RESPONSE: [f64; 6] = [1.35, 1.0, 0.70, 0.56, 0.49, 0.45];
pub(crate) const DELTA_SCUTI_RESPONSE: [f64; 6] = [1.05, 1.0, 0.72, 0.56, 0.46, 0.42];

/// Shapes, phases for sines: RRab (Jurcsik and Kovács 1996, A&A 312, 111), first overtones, and the two sides of the
/// Hertzsprung progression of Cepheids (Simon and Lee 1981).
pub(crate) const RRAB_SHAPE: [(f64, f64); 5] =
    [(0.48, 2.4), (0.35, 5.1), (0.22, 1.4), (0.13, 4.1), (0.08, 0.5)];
pub(crate) const OVERTONE_SHAPE: [(f64, f64); 2] = [(0.16, 2.9), (0.05, 5.6)];
pub(crate) const HIGH_AMPLITUDE_DELTA_SCUTI_SHAPE: [(f64, f64); 3] = [(0.38, 2.4), (0.18, 4.9), (0.08, 1.2)];

/// Shape of a Cepheid of the fundamental mode: the second harmonic is weak near ten days, where the bump stands on top.
pub(crate) fn cepheid_shape(period: f64) -> [(f64, f64); 3] {
    let from_ten_days = (period / 10.0).log10();
    let dip = 1.0 - 0.75 * (-(from_ten_days / 0.13).powi(2)).exp();
    let phase = 2.6 + 0.8 * (period.log10() - 0.5).clamp(-0.5, 0.9);
    [(0.44 * dip, phase), (0.25 * dip, 5.2 + 0.9 * (phase - 2.6)), (0.12 * dip, 1.6)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(star: &Pulsation, n: usize) -> Vec<f64> {
        let mjd: Vec<f64> = (0..n).map(|i| star.period * i as f64 / n as f64).collect();
        star.magnitudes(&mjd, &mut Random::new(0, 0, 0))
    }

    #[test]
    fn a_sine_by_hand() {
        let star = Pulsation::new(2.0, 0.0, 0.6, &[]);
        let m = star.magnitudes(&[0.0, 0.5, 1.0, 1.5, 2.5], &mut Random::new(0, 0, 0));
        for (found, expected) in m.iter().zip([0.0, 0.3, 0.0, -0.3, 0.3]) {
            assert!((found - expected).abs() < 1e-9, "{m:?}");
        }
    }

    #[test]
    fn rr_lyrae_rise_fast_and_fall_slowly() {
        for (shape, longest) in [(RRAB_SHAPE.to_vec(), 0.25), (cepheid_shape(4.0).to_vec(), 0.35)] {
            let star = Pulsation::new(0.55, 0.0, 1.0, &shape);
            let m = values(&star, 1000);
            let faintest = (0..1000).max_by(|&a, &b| m[a].total_cmp(&m[b])).unwrap();
            let brightest = (0..1000).min_by(|&a, &b| m[a].total_cmp(&m[b])).unwrap();
            let rise = (brightest as f64 - faintest as f64).rem_euclid(1000.0) / 1000.0;
            assert!(rise < longest, "{rise}");
            assert!((m[faintest] - m[brightest] - 1.0).abs() < 0.01);
        }
        // Mean magnitude zero, whatever the shape.
        let mean = values(&Pulsation::new(0.55, 0.3, 1.0, &RRAB_SHAPE), 1000).iter().sum::<f64>() / 1000.0;
        assert!(mean.abs() < 1e-12);
    }

    #[test]
    fn blazhko_moves_the_amplitude_by_its_strength() {
        let mut star = Pulsation::new(0.5, 0.0, 1.0, &[]);
        star.blazhko = Some(Blazhko { strength: 0.4, period: 50.0, phase: 0.0 });
        let mjd: Vec<f64> = (0..100_000).map(|i| 0.001 * f64::from(i)).collect();
        let m = star.magnitudes(&mjd, &mut Random::new(0, 0, 0));
        let highest = m.iter().copied().fold(0.0, f64::max);
        assert!((highest - 0.7).abs() < 0.01);
        let weak: f64 = m[37_000..38_000].iter().copied().fold(0.0, f64::max);
        assert!((weak - 0.3).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn the_period_is_the_period(period in 0.03_f64..100.0, phase in 0.0_f64..1.0, t in 0.0_f64..1000.0) {
            let star = Pulsation::new(period, phase, 0.8, &cepheid_shape(period));
            let m = star.magnitudes(&[t, t + period], &mut Random::new(0, 0, 0));
            prop_assert!((m[0] - m[1]).abs() < 1e-6);
            prop_assert!(m[0].abs() <= 0.81);
        }
    }
}
