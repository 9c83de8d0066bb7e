//! The finite-sample quantile of split conformal prediction.

use super::error::CalibrationError;
use super::rows::check_alpha;

/// For whom the coverage is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Coverage {
    /// On average over all objects: one threshold.
    #[default]
    Marginal,
    /// Within each true class (Mondrian, class-conditional): a threshold per class. A class with fewer than about
    /// `1/α` objects to calibrate on has no threshold and is always included.
    PerClass,
}

/// The score that a new object stays at or below with probability at least `1 - α`: the `k`-th smallest of `n` scores.
///
/// ```text
/// k = ⌈(n + 1)(1 - α)⌉          1 - α ≤ P(s_new ≤ s_(k)) ≤ 1 - α + 1/(n + 1)   (the right side without ties)
/// ```
///
/// `None` where `k > n`: too few objects to promise anything, no finite threshold does. `(n + 1)(1 - α)` is taken as
/// whole where it is so within rounding. Order of the scores and ties make no difference. Vovk, Gammerman & Shafer
/// 2005; Angelopoulos & Bates 2021 ([arXiv 2107.07511](https://arxiv.org/abs/2107.07511)), section 1.
///
/// # Errors
/// [`CalibrationError::Alpha`]; [`CalibrationError::NotAProbability`] for a score that is NaN.
///
/// ```
/// use heliacal_metrics::calibration::conformal_quantile;
///
/// let scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/// assert_eq!(conformal_quantile(&scores, 0.2)?, Some(0.8)); // the 8th of 9
/// assert_eq!(conformal_quantile(&scores, 0.05)?, None); // the 10th of 9
/// # Ok::<(), heliacal_metrics::calibration::CalibrationError>(())
/// ```
pub fn conformal_quantile(scores: &[f64], alpha: f64) -> Result<Option<f64>, CalibrationError> {
    check_alpha(alpha)?;
    if let Some(&value) = scores.iter().find(|score| score.is_nan()) {
        return Err(CalibrationError::NotAProbability { value });
    }
    let mut scores = scores.to_vec();
    let n_and_one = scores.len() as f64 + 1.0;
    // (n + 1)(1 - α) of decimal α misses a whole number by rounding alone.
    let rank = (n_and_one * (1.0 - alpha) - 1e-12 * n_and_one).ceil().max(1.0) as usize;
    if rank > scores.len() {
        return Ok(None);
    }
    Ok(Some(*scores.select_nth_unstable_by(rank - 1, f64::total_cmp).1))
}

/// That thresholds from a file can have been fitted: scores are probabilities, but for the tolerance of a sum.
#[cfg(feature = "serde")]
pub(super) fn check_thresholds(
    coverage: Coverage,
    thresholds: &[Option<f64>],
) -> Result<(), CalibrationError> {
    use crate::pmf::SUM_TOLERANCE;
    if thresholds.is_empty() {
        return Err(CalibrationError::Empty);
    }
    // Twice the tolerance: the masses may have been added up in another order.
    let possible = -2.0 * SUM_TOLERANCE..=1.0 + 2.0 * SUM_TOLERANCE;
    if let Some(value) = thresholds.iter().copied().flatten().find(|value| !possible.contains(value)) {
        return Err(CalibrationError::NotAProbability { value });
    }
    let alike = coverage == Coverage::PerClass || thresholds.windows(2).all(|pair| pair[0] == pair[1]);
    super::error::check_stored(alike, "coverage and thresholds")
}

/// The thresholds: one for all, or one per class.
pub(super) fn thresholds(
    scores: &[f64],
    classes: &[usize],
    n_classes: usize,
    alpha: f64,
    coverage: Coverage,
) -> Result<Vec<Option<f64>>, CalibrationError> {
    match coverage {
        Coverage::Marginal => Ok(vec![conformal_quantile(scores, alpha)?; n_classes]),
        Coverage::PerClass => {
            let mut by_class = vec![Vec::new(); n_classes];
            for (&score, &class) in scores.iter().zip(classes) {
                by_class[class].push(score);
            }
            by_class.iter().map(|scores| conformal_quantile(scores, alpha)).collect()
        }
    }
}

/// Whether a score stays within a threshold; without a threshold each does.
pub(super) fn within(score: f64, threshold: Option<f64>) -> bool {
    threshold.is_none_or(|threshold| score <= threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_by_hand() {
        let scores: Vec<f64> = (1..=19).map(f64::from).collect();
        let quantile = |alpha| conformal_quantile(&scores, alpha).unwrap();
        assert_eq!(quantile(0.05), Some(19.0));
        assert_eq!(quantile(0.049), None);
        assert_eq!(quantile(0.1), Some(18.0));
        assert_eq!(quantile(0.3), Some(14.0));
        assert_eq!(quantile(0.7), Some(6.0));
        assert_eq!(quantile(0.999_999), Some(1.0));
        assert_eq!(conformal_quantile(&[], 0.5), Ok(None));
        assert_eq!(conformal_quantile(&[3.0], 0.5), Ok(Some(3.0)));
    }

    #[test]
    fn bad_input_is_refused() {
        for alpha in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(matches!(conformal_quantile(&[0.5], alpha), Err(CalibrationError::Alpha { .. })));
        }
        assert!(conformal_quantile(&[f64::NAN], 0.1).is_err());
    }
}
