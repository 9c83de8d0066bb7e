//! The standard normal distribution.

use std::f64::consts::{PI, SQRT_2};

use libm::erfc;

/// Probability of a value at or below `z`.
pub(super) fn cdf(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// Probability of a value further from 0 than `z`.
pub(super) fn two_sided(z: f64) -> f64 {
    erfc(z.abs() / SQRT_2)
}

/// The value below which lies a probability; infinite at 0 and 1.
pub(super) fn quantile(probability: f64) -> f64 {
    if probability > 0.5 {
        return -quantile(1.0 - probability);
    }
    match probability {
        0.0 => return f64::NEG_INFINITY,
        0.5 => return 0.0,
        _ => {}
    }
    // Within 4.5e-4 (Abramowitz & Stegun 1964, 26.2.23). Halley's steps on the distribution, which has all digits, triple
    // the number of right ones.
    let t = (-2.0 * probability.ln()).sqrt();
    let start = (2.515_517 + t * (0.802_853 + t * 0.010_328))
        / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)))
        - t;
    (0..3).fold(start, |z, _| {
        let error = (cdf(z) - probability) * (2.0 * PI).sqrt() * (0.5 * z * z).exp();
        if error.is_finite() { z - error / (1.0 + 0.5 * z * error) } else { z }
    })
}

/// How far from 0 a central interval of that level reaches.
pub(super) fn half_width(level: f64) -> f64 {
    -quantile(0.5 * (1.0 - level))
}

/// Probability that a chi-square variable of one degree of freedom exceeds `x`.
pub(super) fn chi_square_1_tail(x: f64) -> f64 {
    erfc((0.5 * x).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn textbook_values() {
        assert!((half_width(0.95) - 1.959_963_984_540_054).abs() < 1e-14);
        assert!((quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-13);
        assert!((cdf(-1.0) - 0.158_655_253_931_457_05).abs() < 1e-15);
        assert!((two_sided(-1.0) - 0.317_310_507_862_914_1).abs() < 1e-15);
        assert!((chi_square_1_tail(3.841_458_820_694_124) - 0.05).abs() < 1e-15);
        assert!((quantile(0.25) + 0.674_489_750_196_081_7).abs() < 1e-15);
        assert!((quantile(0.501) / 0.002_506_630_899_571_943 - 1.0).abs() < 1e-13);
        assert_eq!([quantile(0.0), quantile(0.5), quantile(1.0)], [f64::NEG_INFINITY, 0.0, f64::INFINITY]);
        for p in [1e-300, 1e-9, 0.3, 0.9] {
            assert!((cdf(quantile(p)) / p - 1.0).abs() < 1e-12, "{p}");
        }
    }
}
