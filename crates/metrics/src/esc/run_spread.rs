//! Mean and standard deviation over seeds or folds.

use super::by_metric::ByMetric;
use super::{EscMetric, EscSummary, EscSummaryError};
use crate::Moments;

/// How a mean over objects varies between runs: training seeds, folds, splits.
///
/// ```
/// use heliacal_metrics::PmfHistory;
/// use heliacal_metrics::esc::{EscMetric, EscOptions, EscRunSpread, EscSummary, score_history};
///
/// let run = |last: f64| -> Result<_, Box<dyn std::error::Error>> {
///     let history = PmfHistory::new(2, vec![1.0, 0.0, last, 1.0 - last])?;
///     let mut summary = EscSummary::new(2);
///     summary.add(&score_history(&history, Some(0), None, &EscOptions::default())?)?;
///     Ok(summary)
/// };
/// let spread = EscRunSpread::new(&[run(0.75)?, run(0.25)?])?;
/// let motion = spread.overall(EscMetric::TotalMotion); // 0.25 and 0.75
/// assert_eq!((motion.mean(), motion.standard_deviation()), (Some(0.5), Some(0.125_f64.sqrt())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EscRunSpread {
    n_runs: usize,
    overall: ByMetric,
    classes: Vec<ByMetric>,
}

impl EscRunSpread {
    /// Of one summary per run. A run without a value (a class that is empty there) is left out of that value's spread; the
    /// number of runs in it is [`Moments::n`].
    ///
    /// # Errors
    /// [`EscSummaryError::NoRun`]; [`EscSummaryError::ClassCount`] where runs differ in their classes.
    pub fn new(runs: &[EscSummary]) -> Result<Self, EscSummaryError> {
        let expected = runs.first().ok_or(EscSummaryError::NoRun)?.classes().len();
        let mut spread = Self {
            n_runs: runs.len(),
            overall: ByMetric::default(),
            classes: vec![ByMetric::default(); expected],
        };
        for run in runs {
            let found = run.classes().len();
            if found != expected {
                return Err(EscSummaryError::ClassCount { expected, found });
            }
            spread.overall.extend(|metric| run.overall().mean(metric));
            for (row, class) in spread.classes.iter_mut().zip(run.classes()) {
                row.extend(|metric| class.mean(metric));
            }
        }
        Ok(spread)
    }

    /// Number of runs.
    pub fn n_runs(&self) -> usize {
        self.n_runs
    }

    /// Of the mean over all objects.
    pub fn overall(&self, metric: EscMetric) -> &Moments {
        self.overall.get(metric)
    }

    /// Of the mean over the objects of a class; `None` beyond the last.
    pub fn class(&self, class: usize, metric: EscMetric) -> Option<&Moments> {
        self.classes.get(class).map(|row| row.get(metric))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_and_empty_classes() {
        assert_eq!(EscRunSpread::new(&[]), Err(EscSummaryError::NoRun));
        let error = EscRunSpread::new(&[EscSummary::new(1), EscSummary::new(2)]).unwrap_err();
        assert_eq!(error, EscSummaryError::ClassCount { expected: 1, found: 2 });
        let spread = EscRunSpread::new(&[EscSummary::new(1)]).unwrap();
        assert_eq!((spread.n_runs(), spread.overall(EscMetric::Tau).n()), (1, 0));
        assert_eq!(spread.class(0, EscMetric::Tau).unwrap().mean(), None);
        assert_eq!(spread.class(1, EscMetric::Tau), None);
    }
}
