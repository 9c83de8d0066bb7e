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
/// The correction is applied at `b = c` too, where it gives `1/(b + c)`, as statsmodels' `mcnemar` does. A p-value below
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
        McNemarMethod::Exact => result(Some(fewer as f64), Some((2.0 * fair_coin_tail(fewer, n)).min(1.0))),
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

/// `P(X ≤ k)` for `X ~ Binomial(n, 1/2)`, `k < n/2`: the term at `k`, with its power of two apart, times the ratios below.
fn fair_coin_tail(k: u64, n: f64) -> f64 {
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
    let (mut ratio, mut ratios) = (1.0, 1.0);
    for i in (1..=k).rev() {
        let i = i as f64;
        ratio *= i / (n - i + 1.0);
        ratios += ratio;
        if ratio < f64::EPSILON * 1e-3 {
            break;
        }
    }
    // In two steps: the power alone may underflow where the product does not.
    let half = (0.5 * exponent).trunc();
    term * ratios * half.exp2() * (exponent - half).exp2()
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
