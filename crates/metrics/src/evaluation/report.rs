//! The results, in the form in which they are written as JSON.

use std::collections::BTreeMap;

use super::DaysSince;
use crate::calibration::{ReliabilityDiagram, StopPoint};
use crate::esc::{
    ConstantHistory, EarlyTrigger, EscMetric, EscParams, FlowBins, ProbabilityFloor, WeightCurve,
};
use crate::scorecard::{
    ConfidenceRule, ConfidentReport, DayReport, HierarchicalReport, LevelReport, ZeroDivision,
};
use crate::statistics::Interval;
use crate::transport::GroundCost;

/// Which form of JSON an [`EvaluationReport`] has; changes when a field changes its meaning or goes.
pub const SCHEMA: &str = "heliacal.metrics/1";

/// Everything that an [`Evaluation`](super::Evaluation) found. Its JSON is a file format (`docs/data-formats.md`): undefined
/// values are null, classes come in the order of `classes`, those of a level in the order of its `nodes`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EvaluationReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// Number of objects.
    pub n_objects: u64,
    /// Number of classifications of all objects.
    pub n_classifications: u64,
    /// Objects without a true class: they count in `early_stable.unlabelled` and in the flow, nowhere else.
    pub n_unlabelled: u64,
    /// Objects whose true class is an inner node: they count in the scorecards down to its level, in
    /// `early_stable.unlabelled` and in the flow.
    pub n_inner_truth: u64,
    /// Names of the leaves, the classes of every PMF.
    pub classes: Vec<String>,
    /// The tree that the classes are leaves of.
    pub tree: NamedTree,
    /// With what numbers this was computed.
    pub parameters: EvaluationParameters,
    /// How early and how stable.
    pub early_stable: EarlyStableReport,
    /// How right the last classification of each object was, level by level from the root down.
    pub levels: Vec<LevelEvaluation>,
    /// How far off its mistakes were along the tree.
    pub hierarchical: HierarchicalReport,
    /// How right classifications were at days since trigger.
    pub since_trigger: Vec<DayEvaluation>,
    /// How long confident classifications took, level by level from the root down.
    pub days_to_confident: Vec<LevelWaits>,
    /// What happens when the descent on the tree stops where it is not sure, for the last classification.
    pub stop_at_node: Vec<StopPoint>,
    /// Probability that moved between classes, and where to.
    pub flow: FlowReport,
}

/// A tree of named classes, in level order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NamedTree {
    /// Names of the nodes.
    pub names: Vec<String>,
    /// The parent of every node; the root is its own.
    pub parents: Vec<usize>,
}

/// The numbers that an evaluation was made with.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EvaluationParameters {
    /// Of `ESC_f`.
    pub esc: EscParams,
    /// Weights of `ESC_s` over time; `None` for a caller's own curve.
    pub weights: Option<WeightCurve>,
    /// Least probability whose logarithm `ESC_s` takes.
    pub floor: ProbabilityFloor,
    /// `ESC_s` of a history that never moves.
    pub constant: ConstantHistory,
    /// What moving probability between two classes costs, in full.
    pub cost: GroundCost,
    /// What a class counts that was never there or never predicted.
    pub zero_division: ZeroDivision,
    /// From when on an object counts as confidently classified.
    pub confidence: ConfidenceRule,
    /// When an early classifier would decide.
    pub early_trigger: EarlyTrigger,
    /// Since when days count.
    pub days_since: DaysSince,
    /// Confidence level of all intervals.
    pub level: f64,
    /// Resamples behind bootstrap intervals.
    pub n_resamples: usize,
    /// Their seed.
    pub seed: u64,
}

/// How early and how stable (Beyond the Final Label, Tables 3 to 6).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EarlyStableReport {
    /// All objects whose true class is a leaf: means over objects, which are class averages weighted by class size.
    pub overall: EscRow,
    /// By true class, in the order of `classes`.
    pub by_class: Vec<EscRow>,
    /// Objects without such a truth: what needs none.
    pub unlabelled: EscRow,
    /// Accuracy and earliness of a classifier that decides when it is sure (TEASER).
    pub early: EarlyReport,
    /// Heat map over epsilon and rho; `None` where no axis was asked for.
    pub grid: Option<GridReport>,
}

/// Early-stable metrics of a group of objects.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EscRow {
    /// Number of objects.
    pub n_objects: u64,
    /// Objects that converged.
    pub n_converged: u64,
    /// Objects whose `ESC_s` is 0/0: not in its mean.
    pub n_score_undefined: u64,
    /// Objects whose `ESC_s` is infinite: not in its mean.
    pub n_score_infinite: u64,
    /// Wilson's interval of the proportion that converged; `None` without objects or without truth.
    pub convergence_interval: Option<Interval>,
    /// Every metric that some object has.
    pub metrics: BTreeMap<EscMetric, Spread>,
}

/// A mean over objects.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Spread {
    /// Objects that have the value.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation; `None` of one object.
    pub standard_deviation: Option<f64>,
}

/// Accuracy against earliness.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EarlyReport {
    /// Objects that were never decided for; they take their final class at earliness 1.
    pub n_undecided: u64,
    /// Share of right decisions.
    pub accuracy: Option<f64>,
    /// Mean share of the history used up at the decision.
    pub earliness: Option<f64>,
    /// Harmonic mean of accuracy and 1 - earliness.
    pub harmonic_mean: Option<f64>,
    /// Share of right decisions among the decided.
    pub decided_accuracy: Option<f64>,
    /// Mean share of the history used up, of the decided.
    pub decided_earliness: Option<f64>,
}

/// Convergence over a grid of epsilon and rho (Beyond the Final Label, fig. 9).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GridReport {
    /// Rows.
    pub epsilons: Vec<f64>,
    /// Columns.
    pub rhos: Vec<f64>,
    /// Length of the window.
    pub k: usize,
    /// Number of objects.
    pub n_objects: u64,
    /// Proportion that converged, `[epsilon][rho]`.
    pub convergence: Vec<Vec<Option<f64>>>,
    /// Mean `ESC_f`, `[epsilon][rho]`.
    pub esc_fraction: Vec<Vec<Option<f64>>>,
}

/// The last classification of every object at one level.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LevelEvaluation {
    /// Names of the level's classes.
    pub classes: Vec<String>,
    /// The figures.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub report: LevelReport,
    /// Wilson's interval of the accuracy.
    pub accuracy_interval: Option<Interval>,
    /// Bootstrap percentiles of the balanced accuracy.
    pub balanced_accuracy_interval: Option<Interval>,
    /// Bootstrap percentiles of macro-F1.
    pub macro_f1_interval: Option<Interval>,
    /// Whether the greatest probability is what it says.
    pub reliability: ReliabilityDiagram,
    /// Mean calibration error of the level's classes.
    pub classwise_ece: Option<f64>,
}

/// Every level at one day since trigger.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DayEvaluation {
    /// The scorecards.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub report: DayReport,
    /// Calibration error of the greatest probability of each level, from the root down.
    pub ece: Vec<Option<f64>>,
    /// How far off mistakes were along the tree.
    pub hierarchical: HierarchicalReport,
}

/// How long confident classifications took at one level (ORACLE, fig. 10).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LevelWaits {
    /// The level, 0 for the root.
    pub level: usize,
    /// Medians and quartiles.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub report: ConfidentReport,
    /// Share still without a confident classification after each of the evaluation's days (Kaplan-Meier).
    pub still_waiting: Vec<StillWaiting>,
}

/// A point of a Kaplan-Meier curve.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StillWaiting {
    /// Days since trigger \[day\].
    pub days_since_trigger: f64,
    /// Share still waiting; `None` past the last object.
    pub share: Option<f64>,
    /// Greenwood's standard error.
    pub standard_error: Option<f64>,
}

/// Probability that moved between the classes of `classes`, summed over objects: what an alluvial figure draws.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FlowReport {
    /// The bins of time.
    pub bins: FlowBins,
    /// Number of objects.
    pub n_objects: u64,
    /// From the PMF in force at the start of a bin to the one at its end, `[bin][from][to]`; what stays is on the diagonal.
    pub net: Vec<Vec<Vec<f64>>>,
    /// Between consecutive classifications, to and fro, `[bin][from][to]`.
    pub gross: Vec<Vec<Vec<f64>>>,
    /// How often the most probable class changed, `[bin][from][to]`.
    pub label_transitions: Vec<Vec<Vec<u64>>>,
}
