//! ROC and precision-recall curves, threshold by threshold.

use super::error::ScorecardError;
use super::separation::check_labelled;

/// The receiver operating characteristic: one point per distinct score, thresholds descending.
///
/// Point 0 is (0, 0), above every score; point `i + 1` takes as positive what scores at least `thresholds[i]`; the last is
/// (1, 1). No point is dropped (scikit-learn's `drop_intermediate=False`; its first threshold, infinity, is left out here).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RocCurve {
    /// Distinct scores, descending; one fewer than points.
    pub thresholds: Vec<f64>,
    /// Share of the negatives at or above the threshold.
    pub false_positive_rate: Vec<f64>,
    /// Share of the positives at or above the threshold.
    pub true_positive_rate: Vec<f64>,
    /// Number of positives.
    pub n_positive: u64,
    /// Number of negatives.
    pub n_negative: u64,
}

/// Precision against recall: one point per distinct score, thresholds descending.
///
/// Point 0 is recall 0 at precision 1, by convention; point `i + 1` takes as positive what scores at least
/// `thresholds[i]`; the last has recall 1 (scikit-learn's curve read backwards).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PrecisionRecallCurve {
    /// Distinct scores, descending; one fewer than points.
    pub thresholds: Vec<f64>,
    /// Share of the objects at or above the threshold that are positive.
    pub precision: Vec<f64>,
    /// Share of the positives at or above the threshold.
    pub recall: Vec<f64>,
    /// Number of positives.
    pub n_positive: u64,
    /// Number of negatives.
    pub n_negative: u64,
}

impl RocCurve {
    /// Area under the curve by trapezoids; [`roc_auc`](super::roc_auc) counts the same in integers.
    pub fn area(&self) -> f64 {
        let steps = self.false_positive_rate.windows(2).zip(self.true_positive_rate.windows(2));
        steps.map(|(x, y)| (x[1] - x[0]) * f64::midpoint(y[0], y[1])).sum()
    }
}

/// The ROC curve of a score; `None` without positives or without negatives.
///
/// # Errors
/// [`ScorecardError::Length`], [`ScorecardError::NotFinite`].
///
/// ```
/// use heliacal_metrics::scorecard::roc_curve;
///
/// let curve = roc_curve(&[0.8, 0.5, 0.5, 0.1], &[true, true, false, false])?.expect("both kinds are there");
/// assert_eq!(curve.thresholds, [0.8, 0.5, 0.1]);
/// assert_eq!(curve.true_positive_rate, [0.0, 0.5, 1.0, 1.0]);
/// assert_eq!(curve.false_positive_rate, [0.0, 0.0, 0.5, 1.0]);
/// assert_eq!(curve.area(), 3.5 / 4.0);
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
pub fn roc_curve(scores: &[f64], positive: &[bool]) -> Result<Option<RocCurve>, ScorecardError> {
    let passed = passed(scores, positive)?;
    let Some(&(_, n_positive, n_negative)) = passed.last() else { return Ok(None) };
    if n_positive == 0 || n_negative == 0 {
        return Ok(None);
    }
    let rates = |n: u64, count: fn(&Passed) -> u64| {
        std::iter::once(0.0).chain(passed.iter().map(|at| count(at) as f64 / n as f64)).collect()
    };
    Ok(Some(RocCurve {
        thresholds: passed.iter().map(|at| at.0).collect(),
        false_positive_rate: rates(n_negative, |at| at.2),
        true_positive_rate: rates(n_positive, |at| at.1),
        n_positive,
        n_negative,
    }))
}

/// The precision-recall curve of a score; `None` without positives.
///
/// # Errors
/// [`ScorecardError::Length`], [`ScorecardError::NotFinite`].
///
/// ```
/// use heliacal_metrics::scorecard::precision_recall_curve;
///
/// let curve = precision_recall_curve(&[0.8, 0.5, 0.5, 0.1], &[true, true, false, false])?.expect("positives are there");
/// assert_eq!(curve.recall, [0.0, 0.5, 1.0, 1.0]);
/// assert_eq!(curve.precision, [1.0, 1.0, 2.0 / 3.0, 0.5]);
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
pub fn precision_recall_curve(
    scores: &[f64],
    positive: &[bool],
) -> Result<Option<PrecisionRecallCurve>, ScorecardError> {
    let passed = passed(scores, positive)?;
    let Some(&(_, n_positive, n_negative)) = passed.last() else { return Ok(None) };
    if n_positive == 0 {
        return Ok(None);
    }
    let after = |start: f64, value: &dyn Fn(&Passed) -> f64| {
        std::iter::once(start).chain(passed.iter().map(value)).collect()
    };
    Ok(Some(PrecisionRecallCurve {
        thresholds: passed.iter().map(|at| at.0).collect(),
        precision: after(1.0, &|at| at.1 as f64 / (at.1 + at.2) as f64),
        recall: after(0.0, &|at| at.1 as f64 / n_positive as f64),
        n_positive,
        n_negative,
    }))
}

/// A distinct score, and how many positives and negatives score at least that.
type Passed = (f64, u64, u64);

/// By descending score.
fn passed(scores: &[f64], positive: &[bool]) -> Result<Vec<Passed>, ScorecardError> {
    check_labelled(scores, positive)?;
    let mut sorted: Vec<(f64, bool)> =
        scores.iter().map(|score| score + 0.0).zip(positive.iter().copied()).collect();
    sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut positives, mut negatives) = (0, 0);
    Ok(sorted
        .chunk_by(|a, b| a.0 == b.0)
        .map(|equal| {
            let right = equal.iter().filter(|(_, is)| *is).count() as u64;
            positives += right;
            negatives += equal.len() as u64 - right;
            (equal[0].0, positives, negatives)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::roc_auc;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_kind_only() {
        assert_eq!(roc_curve(&[], &[]), Ok(None));
        assert_eq!(roc_curve(&[0.1, 0.2], &[true, true]), Ok(None));
        assert_eq!(precision_recall_curve(&[0.1], &[false]), Ok(None));
        let all = precision_recall_curve(&[0.1, 0.2], &[true, true]).unwrap().unwrap();
        assert_eq!((all.recall, all.precision), (vec![0.0, 0.5, 1.0], vec![1.0, 1.0, 1.0]));
        assert!(roc_curve(&[f64::INFINITY], &[true]).is_err());
    }

    proptest! {
        #[test]
        fn trapezoids_are_pairs(labelled in prop::collection::vec((0_u8..9, any::<bool>()), 0..50)) {
            let (scores, positive): (Vec<f64>, Vec<bool>) =
                labelled.into_iter().map(|(score, is)| (f64::from(score), is)).unzip();
            let area = roc_curve(&scores, &positive).unwrap().map(|curve| curve.area());
            match (area, roc_auc(&scores, &positive).unwrap()) {
                (Some(area), Some(auc)) => prop_assert!((area - auc).abs() < 1e-13),
                (area, auc) => prop_assert_eq!(area, auc),
            }
        }
    }
}
