//! Do two classifiers err equally often on the same objects?

use super::error::StatisticsError;
use super::normal;

/// How the p-value of [`mcnemar`] is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum McNemarMethod {
    /// From the binomial distribution, right for any number of objects.
    #[default]
    Exact,
    /// From the chi-square distribution of one degree of freedom.
    ChiSquare,
    /// The same with the continuity correction of Edwards 1948.
    ChiSquareCorrected,
}

/// The result of McNemar's test.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct McNemar {
    /// Number of objects that only the first classifier has right.
    pub only_first: u64,
    /// Number of objects that only the second classifier has right.
    pub only_second: u64,
    /// How the p-value was computed.
    pub method: McNemarMethod,
    /// The smaller of the two counts (exact) or chi-square; `None` where undefined.
    pub statistic: Option<f64>,
    /// Two-sided p-value; `None` where undefined.
    pub p_value: Option<f64>,
}

/// McNemar's test: given that two classifiers differ on an object, is each as likely to be the right one?
///
/// ```text
/// exact        min(1, 2 P(X ≤ min(b, c))),   X ~ Binomial(b + c, 1/2)
/// chi-square   (b - c)² / (b + c),   corrected (|b - c| - 1)² / (b + c)
/// ```
///
/// Only objects on which exactly one is right count (`b`, `c`). Of none the exact test says 1, chi-square is undefined.
/// Exact is exact to about ten digits up to 10¹² objects on which the two differ; beyond, the normal distribution with
/// continuity correction stands for the binomial, which differs from it by less than 1e-12. The correction is applied at `b = c` too, where it gives `1/(b + c)`, as statsmodels' `mcnemar` does. A p-value below
/// the smallest `f64` is 0. `McNemar` 1947.
///
/// ```
/// use heliacal_metrics::statistics::{McNemarMethod, mcnemar};
///
/// // 2 (1 + 4) / 2⁴
/// assert_eq!(mcnemar(1, 3, McNemarMethod::Exact).p_value, Some(0.625));
/// assert_eq!(mcnemar(1, 3, McNemarMethod::ChiSquare).statistic, Some(1.0));
/// ```
pub fn mcnemar(only_first: u64, only_second: u64, method: McNemarMethod) -> McNemar {
    let fewer = only_first.min(only_second);
    let apart = only_first.abs_diff(only_second) as f64;
    let n = only_first as f64 + only_second as f64;
    let result = |statistic, p_value| McNemar { only_first, only_second, method, statistic, p_value };
    let chi_square = |root: f64| {
        let statistic = (n > 0.0).then(|| root * root / n);
        result(statistic, statistic.map(normal::chi_square_1_tail))
    };
    match method {
        McNemarMethod::Exact if apart == 0.0 => result(Some(fewer as f64), Some(1.0)),
        McNemarMethod::Exact => {
            result(Some(fewer as f64), Some((2.0 * fair_coin_tail(fewer, n, apart)).min(1.0)))
        }
        McNemarMethod::ChiSquare => chi_square(apart),
        McNemarMethod::ChiSquareCorrected => chi_square(apart - 1.0),
    }
}

/// [`mcnemar`] from what the two classifiers had right, object by object.
///
/// # Errors
/// [`StatisticsError::Unpaired`].
pub fn mcnemar_paired(
    first_right: &[bool],
    second_right: &[bool],
    method: McNemarMethod,
) -> Result<McNemar, StatisticsError> {
    if first_right.len() != second_right.len() {
        return Err(StatisticsError::Unpaired { first: first_right.len(), second: second_right.len() });
    }
    let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count() as u64;
    Ok(mcnemar(only(first_right, second_right), only(second_right, first_right), method))
}

/// Up to this count the term of the binomial is a product of ratios.
const LONGEST_PRODUCT: u64 = 100_000;

/// Beyond this the normal distribution is closer than 1e-12, and a sum over some `√n` terms too long.
const LARGEST_BINOMIAL: f64 = 1e12;

/// `P(X ≤ k)` for `X ~ Binomial(n, 1/2)`, `k < n/2`, where `n - 2k` is `apart`.
fn fair_coin_tail(k: u64, n: f64, apart: f64) -> f64 {
    if k <= LONGEST_PRODUCT {
        product_tail(k, n)
    } else if n <= LARGEST_BINOMIAL {
        large_term(k as f64, n, apart) * ratios_below(k, n)
    } else {
        normal_tail(n, apart)
    }
}

/// The normal distribution at `k + 1/2`.
fn normal_tail(n: f64, apart: f64) -> f64 {
    0.5 * normal::two_sided((apart - 1.0) / n.sqrt())
}

/// The term at `k`, for large `k`: Stirling's formula with its corrections, and the deviance without cancellation
/// (Loader 2000).
///
/// ```text
/// C(n, k) / 2ⁿ = √(n / (2π k (n - k))) exp(δ(n) - δ(k) - δ(n - k) - D),   δ(m) = 1/(12m) - 1/(360m³)
/// D = n/2 [(1 - x) ln(1 - x) + (1 + x) ln(1 + x)] = n Σ_{j ≥ 1} x²ʲ / (2j (2j - 1)),   x = (n - 2k)/n
/// ```
fn large_term(k: f64, n: f64, apart: f64) -> f64 {
    let (rest, x) = (k + apart, apart / n);
    let delta = |m: f64| (1.0 / 12.0 - 1.0 / (360.0 * m * m)) / m;
    // Ten terms have all digits up to x = 0.1. Beyond, D exceeds 1000 at such k, with ten terms too: the answer is 0.
    let square = x * x;
    let term = |sum: f64, j: i32| sum * square + 1.0 / f64::from(j * (2 * j - 1));
    let bracket = square * (1..=10).rev().fold(0.0, term);
    let exponent = delta(n) - delta(k) - delta(rest) - 0.5 * n * bracket;
    (n / k / rest / std::f64::consts::TAU).sqrt() * exponent.exp()
}

/// The sum of the terms up to `k` over the term at `k`.
fn ratios_below(k: u64, n: f64) -> f64 {
    let (mut ratio, mut ratios) = (1.0, 1.0);
    for i in (1..=k).rev() {
        let i = i as f64;
        ratio *= i / (n - i + 1.0);
        ratios += ratio;
        if ratio < f64::EPSILON * 1e-3 {
            break;
        }
    }
    ratios
}

/// The term at `k`, multiplied up with its power of two apart, times the ratios below.
fn product_tail(k: u64, n: f64) -> f64 {
    const STEP: i32 = 512;
    let (shrink, grown) = (0.5_f64.powi(STEP), 2.0_f64.powi(STEP));
    let mut term = 1.0;
    let mut exponent = -n;
    for i in 1..=k {
        let i = i as f64;
        term *= (n - i + 1.0) / i;
        if term > grown {
            term *= shrink;
            exponent += f64::from(STEP);
        }
    }
    // In two steps: the power alone may underflow where the product does not.
    let half = (0.5 * exponent).trunc();
    term * ratios_below(k, n) * half.exp2() * (exponent - half).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(b: u64, c: u64, method: McNemarMethod) -> Option<f64> {
        mcnemar(b, c, method).p_value
    }

    #[test]
    fn exact_by_hand() {
        assert_eq!(p(0, 1, McNemarMethod::Exact), Some(1.0));
        assert_eq!(p(0, 5, McNemarMethod::Exact), Some(0.0625));
        assert_eq!(p(7, 7, McNemarMethod::Exact), Some(1.0));
        // 2 · 2^-1000, and far below the smallest f64
        assert_eq!(p(0, 1000, McNemarMethod::Exact), Some(2.0 * 0.5_f64.powi(1000)));
        assert_eq!(p(0, 5000, McNemarMethod::Exact), Some(0.0));
        // Nearly even and large: close to 1 from below.
        let even = p(500_000, 500_001, McNemarMethod::Exact).unwrap();
        assert!((even - 1.0).abs() < 1e-10, "{even}");
    }

    #[test]
    fn three_ways_to_one_tail() {
        for (k, apart) in [(100_001, 1), (120_000, 700), (150_000, 12_000), (400_000, 33_000)] {
            let n = (2 * k + apart) as f64;
            let (product, large) = (product_tail(k, n), fair_coin_tail(k, n, apart as f64));
            assert!(
                (large / product - 1.0).abs() < 1e-9 && (large - product).abs() < 1e-10,
                "{k}: {large} {product}"
            );
        }
        assert_eq!(fair_coin_tail(400_000, 950_000.0, 150_000.0), product_tail(400_000, 950_000.0));
        for apart in [1_u64, 1_000_001, 3_000_000] {
            let n = 1e12;
            let k = (1_000_000_000_000 - apart) / 2;
            let apart = n - 2.0 * k as f64;
            let (sum, normal) = (fair_coin_tail(k, n, apart), normal_tail(n, apart));
            // The sum of millions of terms rounds.
            assert!((sum - normal).abs() < 1e-11, "{apart}: {sum} {normal}");
        }
    }

    #[test]
    fn huge_counts_take_no_time() {
        let half = u64::MAX / 2;
        assert_eq!(p(half, half + 1, McNemarMethod::Exact), Some(1.0));
        assert_eq!(p(half, u64::MAX, McNemarMethod::Exact), Some(0.0));
        // One standard deviation, √n, apart.
        let one = p(half, half + (1 << 32), McNemarMethod::Exact).unwrap();
        assert!((one - normal::two_sided(1.0)).abs() < 1e-9, "{one}");
    }

    #[test]
    fn nothing_to_compare() {
        assert_eq!(p(0, 0, McNemarMethod::Exact), Some(1.0));
        assert_eq!(p(0, 0, McNemarMethod::ChiSquare), None);
        assert_eq!(mcnemar(0, 0, McNemarMethod::ChiSquareCorrected).statistic, None);
    }

    #[test]
    fn pairs_are_counted() {
        let (a, b) = ([true, true, false, false, true], [true, false, true, false, false]);
        let test = mcnemar_paired(&a, &b, McNemarMethod::Exact).unwrap();
        assert_eq!((test.only_first, test.only_second), (2, 1));
        assert!(mcnemar_paired(&a, &b[1..], McNemarMethod::Exact).is_err());
    }
}
