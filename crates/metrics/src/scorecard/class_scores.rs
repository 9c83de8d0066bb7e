//! Precision, recall and F1 of every class, and their averages.

use super::Confusion;
use super::error::ratio;

/// What a score is when its denominator is zero: scikit-learn's `zero_division`.
///
/// Precision is 0/0 for a class that was never predicted, recall for a class without objects, F1 for a class that has
/// neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ZeroDivision {
    /// It is 0 and averaged as such (`zero_division=0`; the default there gives the same with a warning).
    #[default]
    Zero,
    /// It is 1 and averaged as such (`zero_division=1`).
    One,
    /// It is undefined and left out of averages (`zero_division=nan`).
    Skip,
}

impl ZeroDivision {
    fn resolve(self, score: Option<f64>) -> Option<f64> {
        score.or(match self {
            Self::Zero => Some(0.0),
            Self::One => Some(1.0),
            Self::Skip => None,
        })
    }
}

/// Precision, recall and F1 of one class.
///
/// ```text
/// precision = correct / predicted,   recall = correct / support,   F1 = 2 correct / (predicted + support)
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClassScores {
    /// Number of objects of the class.
    pub support: u64,
    /// How often the class was predicted.
    pub predicted: u64,
    /// How often rightly.
    pub correct: u64,
    /// Share of the predictions that are right (purity).
    pub precision: Option<f64>,
    /// Share of the objects that are found (completeness).
    pub recall: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
}

impl ClassScores {
    fn new(support: u64, predicted: u64, correct: u64, zero_division: ZeroDivision) -> Self {
        Self {
            support,
            predicted,
            correct,
            precision: zero_division.resolve(ratio(correct, predicted)),
            recall: zero_division.resolve(ratio(correct, support)),
            f1: zero_division.resolve(ratio(2 * correct, predicted + support)),
        }
    }
}

/// Precision, recall and F1 of several classes in one number each.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AveragedScores {
    /// Averaged precision.
    pub precision: Option<f64>,
    /// Averaged recall.
    pub recall: Option<f64>,
    /// Averaged F1: the mean of the classes' F1, not the F1 of the means.
    pub f1: Option<f64>,
}

/// All that a confusion matrix says.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConfusionReport {
    /// Number of decisions.
    pub n_objects: u64,
    /// Number of objects without a decision, in no score below but the coverage.
    pub n_abstained: u64,
    /// Share of objects with a decision.
    pub coverage: Option<f64>,
    /// Share of right decisions.
    pub accuracy: Option<f64>,
    /// Mean recall over the classes that have objects.
    pub balanced_accuracy: Option<f64>,
    /// Cohen's kappa.
    pub cohen_kappa: Option<f64>,
    /// Matthews correlation.
    pub matthews_correlation: Option<f64>,
    /// The convention for 0/0 below.
    pub zero_division: ZeroDivision,
    /// Scores of every class.
    pub classes: Vec<ClassScores>,
    /// Mean over classes.
    pub macro_average: AveragedScores,
    /// Mean over classes weighted by support.
    pub weighted_average: AveragedScores,
    /// Of all decisions pooled: all three are the accuracy.
    pub micro_average: AveragedScores,
}

impl Confusion {
    /// Precision, recall and F1 of every class.
    pub fn class_scores(&self, zero_division: ZeroDivision) -> Vec<ClassScores> {
        self.predicted()
            .into_iter()
            .zip(self.support())
            .zip(self.rows().enumerate())
            .map(|((predicted, support), (class, row))| {
                ClassScores::new(support, predicted, row[class], zero_division)
            })
            .collect()
    }

    /// All scores of the matrix.
    ///
    /// The macro average is over all classes of the matrix, those without an object and without a prediction included
    /// (scikit-learn with `labels` given; without, it drops such classes). Under [`ZeroDivision::Skip`] an average is
    /// over the classes whose score is defined, and `None` where none is. The weighted average is `None` without objects.
    ///
    /// ```
    /// use heliacal_metrics::scorecard::{Confusion, ZeroDivision};
    ///
    /// // Class 2 has no objects and is never predicted.
    /// let confusion = Confusion::from_labels(3, &[0, 0, 1, 1], &[0, 1, 1, 1])?;
    /// let report = confusion.report(ZeroDivision::Zero);
    /// assert_eq!(report.classes[1].precision, Some(2.0 / 3.0));
    /// assert_eq!(report.macro_average.recall, Some((0.5 + 1.0 + 0.0) / 3.0));
    /// assert_eq!(report.micro_average.f1, Some(0.75));
    /// assert_eq!(confusion.report(ZeroDivision::Skip).macro_average.recall, Some(0.75));
    /// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
    /// ```
    pub fn report(&self, zero_division: ZeroDivision) -> ConfusionReport {
        let classes = self.class_scores(zero_division);
        let (n_objects, n_correct) = (self.n_objects(), self.n_correct());
        let pooled = ClassScores::new(n_objects, n_objects, n_correct, zero_division);
        ConfusionReport {
            n_objects,
            n_abstained: self.n_abstained(),
            coverage: self.coverage(),
            accuracy: self.accuracy(),
            balanced_accuracy: self.balanced_accuracy(),
            cohen_kappa: self.cohen_kappa(),
            matthews_correlation: self.matthews_correlation(),
            zero_division,
            macro_average: averaged(&classes, |_| 1.0),
            weighted_average: averaged(&classes, |class| class.support as f64),
            micro_average: AveragedScores {
                precision: pooled.precision,
                recall: pooled.recall,
                f1: pooled.f1,
            },
            classes,
        }
    }
}

/// Mean of the defined values under weights; `None` when nothing is defined or all weights are zero.
pub(super) fn weighted_mean(values: impl Iterator<Item = (Option<f64>, f64)>) -> Option<f64> {
    let defined = values.filter_map(|(value, weight)| value.map(|value| (value, weight)));
    let (sum, weights) = defined.fold((0.0, 0.0), |(s, w), (value, weight)| (s + value * weight, w + weight));
    (weights > 0.0).then(|| sum / weights)
}

fn averaged(classes: &[ClassScores], weight: impl Fn(&ClassScores) -> f64) -> AveragedScores {
    let mean = |score: fn(&ClassScores) -> Option<f64>| {
        weighted_mean(classes.iter().map(|class| (score(class), weight(class))))
    };
    AveragedScores {
        precision: mean(|class| class.precision),
        recall: mean(|class| class.recall),
        f1: mean(|class| class.f1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // support 4, 3, 0; predicted 3, 3, 1; correct 3, 2, 0
        let confusion = Confusion::from_counts(3, vec![3, 1, 0, 0, 2, 1, 0, 0, 0]).unwrap();
        let report = confusion.report(ZeroDivision::Zero);
        let third = |x: f64| Some(x / 3.0);
        assert_eq!(report.classes[0].precision, Some(1.0));
        assert_eq!((report.classes[0].recall, report.classes[0].f1), (Some(0.75), Some(6.0 / 7.0)));
        assert_eq!((report.classes[2].recall, report.classes[2].precision), (Some(0.0), Some(0.0)));
        assert_eq!(report.macro_average.recall, third(0.75 + 2.0 / 3.0));
        assert_eq!(report.weighted_average.recall, Some(5.0 / 7.0));
        assert_eq!(report.micro_average.precision, Some(5.0 / 7.0));
        let one = confusion.report(ZeroDivision::One);
        assert_eq!((one.classes[2].recall, one.classes[2].precision), (Some(1.0), Some(0.0)));
        assert_eq!(one.classes[2].f1, Some(0.0));
        let skip = confusion.report(ZeroDivision::Skip);
        assert_eq!((skip.classes[2].recall, skip.macro_average.recall), (None, report.balanced_accuracy));
    }

    #[test]
    fn without_objects() {
        let empty = Confusion::new(2).unwrap();
        let skip = empty.report(ZeroDivision::Skip);
        assert_eq!(
            (skip.macro_average.f1, skip.weighted_average.f1, skip.micro_average.f1),
            (None, None, None)
        );
        let zero = empty.report(ZeroDivision::Zero);
        assert_eq!((zero.macro_average.f1, zero.weighted_average.f1), (Some(0.0), None));
    }
}
