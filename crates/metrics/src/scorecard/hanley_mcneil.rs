//! Standard error of an area under the ROC curve.

/// Standard error of an AUC, from the AUC and the two sample sizes alone (exponential approximation).
///
/// ```text
/// SE² = [A(1 - A) + (n₊ - 1)(Q₁ - A²) + (n₋ - 1)(Q₂ - A²)] / (n₊ n₋),   Q₁ = A/(2 - A),   Q₂ = 2A²/(1 + A)
/// ```
///
/// `None` where the AUC is outside `[0, 1]` or NaN, or where a sample is empty: then there is no AUC. 0 at `A = 0` and
/// `A = 1`, which says that the approximation ends there, not that the AUC is certain. Hanley & `McNeil` 1982
/// (Radiology 143, 29), eq. 1 and 2.
///
/// ```
/// use heliacal_metrics::scorecard::hanley_mcneil_standard_error;
///
/// // At 1/2 it is the exact variance of Mann & Whitney's statistic, (n₊ + n₋ + 1) / (12 n₊ n₋).
/// let error = hanley_mcneil_standard_error(0.5, 10, 10).unwrap();
/// assert!((error * error - 21.0 / 1200.0).abs() < 1e-15);
/// // One of each: SE² = A(1 - A).
/// assert_eq!(hanley_mcneil_standard_error(0.5, 1, 1), Some(0.5));
/// ```
pub fn hanley_mcneil_standard_error(auc: f64, n_positive: u64, n_negative: u64) -> Option<f64> {
    if !(0.0..=1.0).contains(&auc) || n_positive == 0 || n_negative == 0 {
        return None;
    }
    let (m, n) = (n_positive as f64, n_negative as f64);
    // Q1 - A² and Q2 - A² with their common factor A(1 - A) taken out: no cancellation near 1.
    let spread = auc * (1.0 - auc);
    let q1 = spread * (1.0 - auc) / (2.0 - auc);
    let q2 = spread * auc / (1.0 + auc);
    Some(((spread + (m - 1.0) * q1 + (n - 1.0) * q2) / (m * n)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // The size and area of the example in Hanley & McNeil 1982: 51 abnormal, 58 normal, A = 0.893.
        let (a, m, n) = (0.893_f64, 51.0, 58.0);
        let (q1, q2) = (a / (2.0 - a), 2.0 * a * a / (1.0 + a));
        let variance = (a * (1.0 - a) + (m - 1.0) * (q1 - a * a) + (n - 1.0) * (q2 - a * a)) / (m * n);
        let error = hanley_mcneil_standard_error(0.893, 51, 58).unwrap();
        assert!((error - variance.sqrt()).abs() < 1e-15);
        assert!((error - 0.0325).abs() < 5e-5, "{error}");
    }

    #[test]
    fn edges() {
        assert_eq!(hanley_mcneil_standard_error(1.0, 10, 10), Some(0.0));
        assert_eq!(hanley_mcneil_standard_error(0.0, 10, 10), Some(0.0));
        assert_eq!(hanley_mcneil_standard_error(0.5, 0, 10), None);
        assert_eq!(hanley_mcneil_standard_error(0.5, 10, 0), None);
        assert_eq!(hanley_mcneil_standard_error(1.1, 10, 10), None);
        assert_eq!(hanley_mcneil_standard_error(f64::NAN, 10, 10), None);
    }
}
