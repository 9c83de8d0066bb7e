//! The metrics of a sample, class by class and over all.

use super::by_metric::ByMetric;
use super::{EscScore, HistoryScore, TruthScore};
use crate::Moments;

/// A quantity that has a mean over objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EscMetric {
    /// Proportion of objects that converged.
    Convergence,
    /// Proportion that converged and was still converged at the end.
    SustainedConvergence,
    /// ESC_f; an object that did not converge counts as 1.
    EscFraction,
    /// ESC_f of the objects that converged (as in the paper's figure 7).
    ConvergedEscFraction,
    /// ESC_f of sustained convergence; 1 without.
    SustainedEscFraction,
    /// The classification at which objects converged, of those that did.
    Tau,
    /// ESC_f in elapsed time, of objects with times.
    ElapsedFraction,
    /// Days from the first classification to convergence, of the objects that converged; biased low where many did not.
    DaysToConvergence,
    /// ESC_s, of the objects where it is defined \[nat\].
    EscScore,
    /// Numerator of eq. 14, where it is finite \[nat\].
    RawInstability,
    /// Changes of the most probable class.
    LabelChanges,
    /// Sum of W1 between consecutive PMFs.
    TotalMotion,
    /// W1 between the first PMF and the last.
    NetDisplacement,
    /// Motion that led nowhere.
    Wobble,
    /// Proportion whose final class is the true one.
    FinalCorrect,
    /// Proportion whose most probable class settled, true or not.
    TopConvergence,
}

impl EscMetric {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Convergence,
        Self::SustainedConvergence,
        Self::EscFraction,
        Self::ConvergedEscFraction,
        Self::SustainedEscFraction,
        Self::Tau,
        Self::ElapsedFraction,
        Self::DaysToConvergence,
        Self::EscScore,
        Self::RawInstability,
        Self::LabelChanges,
        Self::TotalMotion,
        Self::NetDisplacement,
        Self::Wobble,
        Self::FinalCorrect,
        Self::TopConvergence,
    ];

    /// What one object contributes, `None` where it has no such value (no truth, not converged, undefined).
    pub fn of(self, score: &HistoryScore) -> Option<f64> {
        let truth = |read: fn(&TruthScore) -> Option<f64>| score.truth.as_ref().and_then(read);
        match self {
            Self::Convergence => truth(|t| Some(f64::from(u8::from(t.esc_fraction.converged)))),
            Self::SustainedConvergence => truth(|t| Some(f64::from(u8::from(t.esc_fraction.sustained())))),
            Self::EscFraction => truth(|t| Some(t.esc_fraction.value())),
            Self::ConvergedEscFraction => truth(|t| t.esc_fraction.converged.then(|| t.esc_fraction.value())),
            Self::SustainedEscFraction => truth(|t| Some(t.esc_fraction.sustained_value())),
            Self::Tau => truth(|t| t.esc_fraction.tau.map(|tau| tau as f64)),
            Self::ElapsedFraction => truth(|t| t.elapsed?.fraction),
            Self::DaysToConvergence => truth(|t| t.elapsed?.days_since_first),
            Self::EscScore => truth(|t| t.esc_score.value()),
            Self::RawInstability => truth(|t| t.raw_instability),
            Self::LabelChanges => Some(score.label_changes as f64),
            Self::TotalMotion => Some(score.total_motion),
            Self::NetDisplacement => Some(score.net_displacement),
            Self::Wobble => Some(score.wobble),
            Self::FinalCorrect => truth(|t| Some(f64::from(u8::from(t.final_correct)))),
            Self::TopConvergence => Some(f64::from(u8::from(score.top.esc_fraction.converged))),
        }
    }
}

/// Counts and means over objects. Two parts merge to the whole.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EscTally {
    /// Number of objects.
    pub n_objects: u64,
    /// Objects that converged.
    pub n_converged: u64,
    /// Objects whose ESC_s is 0/0: not in its mean.
    pub n_score_undefined: u64,
    /// Objects whose ESC_s is infinite: not in its mean.
    pub n_score_infinite: u64,
    /// Mean, spread and number of the objects that have each value.
    moments: ByMetric,
}

impl EscTally {
    /// Adds one object.
    pub fn add(&mut self, score: &HistoryScore) {
        self.n_objects += 1;
        if let Some(truth) = &score.truth {
            self.n_converged += u64::from(truth.esc_fraction.converged);
            match truth.esc_score {
                EscScore::Defined { .. } => (),
                EscScore::Undefined { .. } => self.n_score_undefined += 1,
                EscScore::Infinite => self.n_score_infinite += 1,
            }
        }
        self.moments.extend(|metric| metric.of(score));
    }

    /// Adds all that another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.n_objects += other.n_objects;
        self.n_converged += other.n_converged;
        self.n_score_undefined += other.n_score_undefined;
        self.n_score_infinite += other.n_score_infinite;
        self.moments.merge(&other.moments);
    }

    /// Mean, spread and number of the objects that have this value.
    pub fn moments(&self, metric: EscMetric) -> &Moments {
        self.moments.get(metric)
    }

    /// The mean over the objects that have this value, `None` of none.
    pub fn mean(&self, metric: EscMetric) -> Option<f64> {
        self.moments(metric).mean()
    }
}

/// Why partial summaries do not add up, or averages cannot be weighted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EscSummaryError {
    /// Another number of classes.
    #[error("{found} classes, {expected} were expected")]
    ClassCount {
        /// What there was.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// An object of a class beyond the last.
    #[error("true class {true_class} is none of the {n_classes} classes")]
    TrueClass {
        /// Its class.
        true_class: usize,
        /// Number of classes.
        n_classes: usize,
    },
    /// No summary at all.
    #[error("no run to summarize")]
    NoRun,
}

/// The metrics of a sample per class and over all. Two parts, computed apart, merge to the whole.
///
/// `overall` is the mean over objects, which is the same as class averages weighted by class size
/// ([`class_weighted_mean`](Self::class_weighted_mean), as the paper words it). Objects without a true class are kept apart.
///
/// ```
/// use heliacal_metrics::PmfHistory;
/// use heliacal_metrics::esc::{EscMetric, EscOptions, EscSummary, score_history};
///
/// let mut summary = EscSummary::new(2);
/// for last in [0.75, 0.25] {
///     let history = PmfHistory::new(2, vec![1.0, 0.0, last, 1.0 - last])?;
///     summary.add(&score_history(&history, Some(0), None, &EscOptions::default())?)?;
/// }
/// assert_eq!(summary.overall().mean(EscMetric::LabelChanges), Some(0.5));
/// assert_eq!(summary.class(1).and_then(|class| class.mean(EscMetric::TotalMotion)), None); // an empty class
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EscSummary {
    classes: Vec<EscTally>,
    overall: EscTally,
    unlabelled: EscTally,
}

impl EscSummary {
    /// Of no object yet.
    pub fn new(n_classes: usize) -> Self {
        Self {
            classes: vec![EscTally::default(); n_classes],
            overall: EscTally::default(),
            unlabelled: EscTally::default(),
        }
    }

    /// Adds one object.
    ///
    /// # Errors
    /// [`EscSummaryError::TrueClass`] of a class beyond the last.
    pub fn add(&mut self, score: &HistoryScore) -> Result<(), EscSummaryError> {
        let Some(truth) = &score.truth else {
            self.unlabelled.add(score);
            return Ok(());
        };
        let (true_class, n_classes) = (truth.true_class, self.classes.len());
        let class =
            self.classes.get_mut(true_class).ok_or(EscSummaryError::TrueClass { true_class, n_classes })?;
        class.add(score);
        self.overall.add(score);
        Ok(())
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`EscSummaryError::ClassCount`] of another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<(), EscSummaryError> {
        check_class_count(self.classes.len(), other.classes.len())?;
        for (ours, theirs) in self.classes.iter_mut().zip(&other.classes) {
            ours.merge(theirs);
        }
        self.overall.merge(&other.overall);
        self.unlabelled.merge(&other.unlabelled);
        Ok(())
    }

    /// All objects with a true class.
    pub fn overall(&self) -> &EscTally {
        &self.overall
    }

    /// The objects without a true class: label-free quantities only.
    pub fn unlabelled(&self) -> &EscTally {
        &self.unlabelled
    }

    /// The objects of each true class.
    pub fn classes(&self) -> &[EscTally] {
        &self.classes
    }

    /// The objects of one true class; `None` beyond the last.
    pub fn class(&self, class: usize) -> Option<&EscTally> {
        self.classes.get(class)
    }

    /// Class averages weighted by the number of objects that have the value: equal to the mean over objects.
    pub fn class_weighted_mean(&self, metric: EscMetric) -> Option<f64> {
        let (averages, sizes): (Vec<_>, Vec<_>) = self
            .classes
            .iter()
            .map(|class| (class.mean(metric).unwrap_or(0.0), class.moments(metric).n()))
            .unzip();
        class_weighted_mean(&averages, &sizes).ok().flatten()
    }

    /// Class averages with equal weights, over the classes that have the value; `None` of none.
    pub fn macro_mean(&self, metric: EscMetric) -> Option<f64> {
        self.classes.iter().filter_map(|class| class.mean(metric)).collect::<Moments>().mean()
    }
}

fn check_class_count(expected: usize, found: usize) -> Result<(), EscSummaryError> {
    if expected == found { Ok(()) } else { Err(EscSummaryError::ClassCount { expected, found }) }
}

/// Class averages weighted by class size; `None` where all classes are empty. The average of an empty class is not read.
///
/// # Errors
/// [`EscSummaryError::ClassCount`] unless there is one size per average.
///
/// ```
/// use heliacal_metrics::esc::class_weighted_mean;
///
/// assert_eq!(class_weighted_mean(&[0.5, 1.0], &[3, 1])?, Some(0.625));
/// # Ok::<(), heliacal_metrics::esc::EscSummaryError>(())
/// ```
pub fn class_weighted_mean(averages: &[f64], sizes: &[u64]) -> Result<Option<f64>, EscSummaryError> {
    check_class_count(averages.len(), sizes.len())?;
    let n: u128 = sizes.iter().map(|&n| u128::from(n)).sum();
    let sum: f64 =
        averages.iter().zip(sizes).filter(|(_, n)| **n > 0).map(|(mean, &n)| mean * n as f64).sum();
    Ok((n > 0).then(|| sum / n as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PmfHistory;
    use crate::esc::{EscOptions, EscParams, ProbabilityFloor, score_history};

    fn score(values: &[f64], true_class: Option<usize>) -> HistoryScore {
        let history = PmfHistory::new(2, values.to_vec()).unwrap();
        let options = EscOptions {
            params: EscParams::new(0.1, 0.5, 2).unwrap(),
            floor: ProbabilityFloor::Unfloored,
            ..EscOptions::default()
        };
        let times: Vec<f64> = (0..history.n_steps()).map(|t| t as f64).collect();
        score_history(&history, true_class, Some(&times), &options).unwrap()
    }

    #[test]
    fn by_hand() {
        let mut summary = EscSummary::new(3);
        summary.add(&score(&[0.5, 0.5, 0.5, 0.5, 0.0, 1.0, 0.0, 1.0], Some(0))).unwrap(); // converges at 2 of 4
        summary.add(&score(&[0.0, 1.0, 1.0, 0.0], Some(0))).unwrap(); // never, infinite
        summary.add(&score(&[0.0, 1.0], Some(1))).unwrap(); // one step, undefined
        summary.add(&score(&[0.0, 1.0, 0.0, 1.0], None)).unwrap();
        let overall = summary.overall();
        assert_eq!((overall.n_objects, overall.n_converged), (3, 1));
        assert_eq!((overall.n_score_undefined, overall.n_score_infinite), (1, 1));
        assert_eq!(overall.mean(EscMetric::EscFraction), Some(2.5 / 3.0));
        assert_eq!(overall.mean(EscMetric::ConvergedEscFraction), Some(0.5));
        assert_eq!(overall.mean(EscMetric::DaysToConvergence), Some(1.0));
        assert_eq!(overall.mean(EscMetric::SustainedConvergence), Some(0.0));
        assert!((overall.mean(EscMetric::EscScore).unwrap() - 2.0_f64.ln()).abs() < 1e-15);
        assert_eq!(summary.class(0).unwrap().mean(EscMetric::LabelChanges), Some(1.0));
        assert_eq!(summary.class(2).unwrap().mean(EscMetric::LabelChanges), None);
        assert_eq!(summary.unlabelled().mean(EscMetric::TopConvergence), Some(1.0));
        assert_eq!(summary.unlabelled().mean(EscMetric::EscFraction), None);
        assert_eq!(summary.macro_mean(EscMetric::FinalCorrect), Some(0.75));
    }

    #[test]
    fn faults_are_named() {
        let mut summary = EscSummary::new(1);
        let error = summary.add(&score(&[0.0, 1.0], Some(1))).unwrap_err();
        assert_eq!(error, EscSummaryError::TrueClass { true_class: 1, n_classes: 1 });
        let error = summary.merge(&EscSummary::new(2)).unwrap_err();
        assert_eq!(error, EscSummaryError::ClassCount { expected: 1, found: 2 });
        assert_eq!(class_weighted_mean(&[f64::NAN], &[0]), Ok(None));
        assert!(class_weighted_mean(&[1.0], &[]).is_err());
        assert_eq!(class_weighted_mean(&[1.0; 2], &[u64::MAX; 2]), Ok(Some(1.0)));
    }

    #[test]
    fn metrics_stand_in_the_order_of_all() {
        for (i, metric) in EscMetric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, i);
        }
    }
}
