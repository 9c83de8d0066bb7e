//! Everything about one history of classifications.

use super::{ConstantHistory, EscElapsed, EscFraction, EscParams, EscScore, ProbabilityFloor, WeightCurve};
use crate::PmfHistory;
use crate::transport::GroundCost;

/// How histories are scored; the default is the paper's, with unit cost and a floor of 1e-12.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct EscOptions {
    /// When a classification is settled.
    pub params: EscParams,
    /// How much late changes weigh in ESC_s.
    pub weights: WeightCurve,
    /// The least probability whose logarithm ESC_s takes.
    pub floor: ProbabilityFloor,
    /// ESC_s of a history that stands still.
    pub constant: ConstantHistory,
    /// What moving probability between classes costs, in every W1.
    pub cost: GroundCost,
}

/// One object to score: its classifications, and what else is known of it.
///
/// Without a true class (a broker's stream) the label-free quantities are still there; without times those in days are not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassifiedObject<'a> {
    /// Its classifications in time order.
    pub history: &'a PmfHistory,
    /// The column of its true class.
    pub true_class: Option<usize>,
    /// The time of every classification \[day\].
    pub times: Option<&'a [f64]>,
    /// The time of the trigger \[day\], in which times since the trigger are counted.
    pub trigger_time: Option<f64>,
}

impl<'a> ClassifiedObject<'a> {
    /// Classifications and nothing else.
    pub fn new(history: &'a PmfHistory) -> Self {
        Self { history, true_class: None, times: None, trigger_time: None }
    }

    /// Classifications of an object whose class is known.
    pub fn labelled(history: &'a PmfHistory, true_class: usize) -> Self {
        Self { true_class: Some(true_class), ..Self::new(history) }
    }
}

/// Everything about one history, from one pass. Steps count from 1, classes are columns.
///
/// Made by [`score_history`](super::score_history), [`score_histories`](super::score_histories) and
/// [`HistoryScorer`](super::HistoryScorer).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HistoryScore {
    /// Number of classifications, `T`.
    pub n_steps: usize,
    /// The most probable class of the last PMF, the lowest of several.
    pub final_class: usize,
    /// Its probability.
    pub final_probability: f64,
    /// The step since which it has been the most probable.
    pub final_class_since: usize,
    /// How often the most probable class differs from that of the step before; ties go to the lowest class.
    pub label_changes: usize,
    /// Length of the path: the sum of W1 between consecutive PMFs.
    pub total_motion: f64,
    /// The same under unit cost, half the L1 distances, whatever the cost of `total_motion`.
    pub total_variation: f64,
    /// W1 between the first PMF and the last.
    pub net_displacement: f64,
    /// `total_motion - net_displacement`, motion that led nowhere; below 0 only by rounding, or under a cost that
    /// is no metric.
    pub wobble: f64,
    /// Time from the first classification to the last \[day\], where times are given.
    pub duration: Option<f64>,
    /// When the most probable class settled, true or not.
    pub top: TopScore,
    /// What the true class tells, where it is known.
    pub truth: Option<TruthScore>,
}

/// When the most probable class settled: what can be said of an object whose true class is unknown.
///
/// As ESC_f, but with the probability of the most probable class, which must be one class throughout the window.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TopScore {
    /// The class that settled first, if one did.
    pub class: Option<usize>,
    /// When.
    pub esc_fraction: EscFraction,
    /// When in time, where times are given.
    pub elapsed: Option<EscElapsed>,
}

/// What the true class tells of a history.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TruthScore {
    /// The true class.
    pub true_class: usize,
    /// ESC_f.
    pub esc_fraction: EscFraction,
    /// ESC_f in elapsed time, where times are given.
    pub elapsed: Option<EscElapsed>,
    /// ESC_s.
    pub esc_score: EscScore,
    /// The numerator of eq. 14, with the weights as they are: how much the classification moved while wrong \[nat\].
    /// 0 of a single step; `None` where ESC_s is infinite.
    pub raw_instability: Option<f64>,
    /// The last PMF's probability of the true class.
    pub final_true_probability: f64,
    /// Whether the final class is the true one.
    pub final_correct: bool,
    /// The first step at which the true class was the most probable.
    pub first_correct_step: Option<usize>,
    /// The step since which the true class has been the most probable, where it is at the end.
    pub correct_since_step: Option<usize>,
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;

    #[test]
    fn options_from_json_are_checked_and_default() {
        let options: EscOptions =
            serde_json::from_str(r#"{"params":{"epsilon":0.2,"rho":0.5,"k":3}}"#).unwrap();
        assert_eq!((options.params.k(), &options.weights), (3, &WeightCurve::default()));
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<EscOptions>(&json).unwrap(), options);
        assert!(serde_json::from_str::<EscOptions>(r#"{"params":{"epsilon":0.2,"rho":0.5,"k":1}}"#).is_err());
    }
}
