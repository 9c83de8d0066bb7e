//! Light curves of transients in one band, as logarithms.

use crate::explosion::ln_sum;

/// The e-folding time of a tail powered by cobalt with some of its gamma rays escaping \[day\].
const TAIL_DAYS: f64 = 70.0;

/// A light curve in one band, 1 at its maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum LightShape {
    /// Rise and fall.
    ///
    /// ```text
    /// S(x) ∝ [(1−f) e^(−x/τ_fall) + f e^(−x/70 d)] / (1 + e^(−x/τ_rise)),  x = t + τ_rise ln(τ_fall/τ_rise − 1)
    /// ```
    /// Bazin et al. 2009 (A&A 499, 653, eq. 1) with a tail; time is counted from the maximum (that of f = 0).
    Bazin {
        /// τ_rise \[day\].
        rise: f64,
        /// τ_fall \[day\].
        fall: f64,
        /// f, the share of the tail.
        tail: f64,
        /// x at the maximum \[day\].
        shift: f64,
        /// ln S before normalization, at the maximum.
        ln_peak: f64,
    },
    /// Rise, plateau and fall.
    ///
    /// ```text
    /// S(t) ∝ (1 − s t/D) / (1 + e^(−t/τ_rise))                                   t < D
    ///      ∝ (1 − s) [(1−f) e^(−(t−D)/τ_fall) + f e^(−(t−D)/70 d)] / (1 + e^(−t/τ_rise))   t ≥ D
    /// ```
    /// Villar et al. 2019 (ApJ 884, 83, eq. 1) with a tail; time is counted from the middle of the rise. For t < 0 the
    /// first factor is 1.
    Plateau {
        /// τ_rise \[day\].
        rise: f64,
        /// D \[day\].
        plateau: f64,
        /// s, the share that is lost along the plateau.
        decline: f64,
        /// τ_fall \[day\].
        fall: f64,
        /// f, the share of the tail.
        tail: f64,
        /// ln S before normalization, at the maximum.
        ln_peak: f64,
    },
    /// Stars torn apart: a Gaussian rise, then the fallback of debris.
    ///
    /// ```text
    /// S(t) = e^(−t²/2σ²)          t < 0
    ///      = (1 + t/t₀)^(−5/3)    t ≥ 0
    /// ```
    /// van Velzen et al. 2021 (ApJ 908, 4, eq. 4 and 5) with the exponent of Phinney 1989.
    Disruption {
        /// σ \[day\].
        rise: f64,
        /// t₀ \[day\].
        decay: f64,
    },
}

impl LightShape {
    /// Rise and fall. A fall that is not 1.2 times the rise is taken as that: otherwise there is no maximum.
    pub fn bazin(rise: f64, fall: f64, tail: f64) -> Self {
        let fall = fall.max(1.2 * rise);
        let shift = rise * (fall / rise - 1.0).ln();
        let ln_peak = ln_bazin(shift, rise, fall, tail);
        Self::Bazin { rise, fall, tail, shift, ln_peak }
    }

    /// Rise, plateau and fall.
    pub fn plateau(rise: f64, plateau: f64, decline: f64, fall: f64, tail: f64) -> Self {
        let ln_peak = (0..=200)
            .map(|step| ln_plateau(f64::from(step) / 200.0 * plateau, rise, plateau, decline, fall, tail))
            .fold(f64::NEG_INFINITY, f64::max);
        Self::Plateau { rise, plateau, decline, fall, tail, ln_peak }
    }

    /// Natural logarithm of the light curve at a time \[day\] in the rest frame.
    pub fn ln_at(&self, t: f64) -> f64 {
        match *self {
            Self::Bazin { rise, fall, tail, shift, ln_peak } => {
                ln_bazin(t + shift, rise, fall, tail) - ln_peak
            }
            Self::Plateau { rise, plateau, decline, fall, tail, ln_peak } => {
                ln_plateau(t, rise, plateau, decline, fall, tail) - ln_peak
            }
            Self::Disruption { rise, .. } if t < 0.0 => -0.5 * (t / rise).powi(2),
            Self::Disruption { decay, .. } => -5.0 / 3.0 * (t / decay).ln_1p(),
        }
    }
}

fn ln_fall(x: f64, fall: f64, tail: f64) -> f64 {
    ln_sum((1.0 - tail).ln() - x / fall, tail.ln() - x / TAIL_DAYS)
}

/// `-ln(1 + e^(-x))` for every x.
fn ln_logistic(x: f64) -> f64 {
    if x < 0.0 { x - x.exp().ln_1p() } else { -(-x).exp().ln_1p() }
}

fn ln_bazin(x: f64, rise: f64, fall: f64, tail: f64) -> f64 {
    ln_fall(x, fall, tail) + ln_logistic(x / rise)
}

fn ln_plateau(t: f64, rise: f64, plateau: f64, decline: f64, fall: f64, tail: f64) -> f64 {
    let level = if t < plateau {
        (-decline * t.max(0.0) / plateau).ln_1p()
    } else {
        (1.0 - decline).ln() + ln_fall(t - plateau, fall, tail)
    };
    level + ln_logistic(t / rise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bazin_by_hand() {
        // rise 1, fall 3: x = ln 2 at the maximum, where S = 2^(-1/3) / 1.5.
        let shape = LightShape::bazin(1.0, 3.0, 0.0);
        let LightShape::Bazin { shift, ln_peak, .. } = shape else { unreachable!() };
        assert!((shift - 2_f64.ln()).abs() < 1e-15);
        assert!((ln_peak - (2_f64.powf(-1.0 / 3.0) / 1.5).ln()).abs() < 1e-12);
        // At x = 0: S = 1/2.
        assert!((shape.ln_at(-shift) - (0.5_f64.ln() - ln_peak)).abs() < 1e-12);
    }

    #[test]
    fn plateau_by_hand() {
        // A very steep rise: the maximum is at the beginning, 1; half is lost along the plateau.
        let shape = LightShape::plateau(0.01, 100.0, 0.5, 20.0, 0.0);
        assert!(shape.ln_at(0.2).exp() > 0.998);
        assert!((shape.ln_at(50.0).exp() - 0.75).abs() < 0.003);
        assert!((shape.ln_at(120.0).exp() - 0.5 / 1_f64.exp()).abs() < 0.002);
        assert!((shape.ln_at(99.999_999) - shape.ln_at(100.000_001)).abs() < 1e-6);
    }

    #[test]
    fn disruption_by_hand() {
        let shape = LightShape::Disruption { rise: 10.0, decay: 60.0 };
        assert!((shape.ln_at(-10.0) + 0.5).abs() < 1e-15);
        // (1 + 7)^(-5/3) = 1/32.
        assert!((shape.ln_at(420.0).exp() - 1.0 / 32.0).abs() < 1e-12);
        assert_eq!(shape.ln_at(0.0), 0.0);
    }

    proptest! {
        #[test]
        fn never_above_one_and_never_clipped(
            rise in 0.1_f64..40.0, ratio in 1.5_f64..10.0, t in -500.0_f64..3000.0, tail in 0.0_f64..0.1,
            decline in 0.0_f64..0.8,
        ) {
            let bazin = LightShape::bazin(rise, rise * ratio, 0.0);
            prop_assert!(bazin.ln_at(t) <= 1e-12);
            prop_assert!(bazin.ln_at(t).is_finite());
            for shape in [bazin, LightShape::bazin(rise, rise * ratio, tail)] {
                // Beyond ten falls it keeps falling, and before ten rises it keeps rising.
                let late = 10.0 * rise * ratio + t.abs();
                prop_assert!(shape.ln_at(late + 1.0) < shape.ln_at(late));
                let early = -10.0 * rise - t.abs();
                prop_assert!(shape.ln_at(early - 1.0) < shape.ln_at(early));
            }
            let plateau = LightShape::plateau(rise, 90.0, decline, 20.0, tail);
            prop_assert!(plateau.ln_at(t) <= 0.01);
        }
    }
}
