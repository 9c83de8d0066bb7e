//! What to evaluate, and how.

use std::fmt;

use crate::calibration::Bins;
use crate::esc::{EarlyTrigger, EscOptions, FlowBins};
use crate::scorecard::{ConfidenceRule, DAYS_SINCE_TRIGGER, Ranking, ZeroDivision};
use crate::statistics::{Bootstrap, Jackknife};

/// Since when the days of classifications count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum DaysSince {
    /// Since the trigger, the first detection.
    #[default]
    Trigger,
    /// Since the first classification, where the trigger is not known.
    FirstClassification,
}

impl fmt::Display for DaysSince {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trigger => "trigger",
            Self::FirstClassification => "first classification",
        })
    }
}

/// What to evaluate, and how. The default is the papers': `ESC_f(0.1, 0.5, 5)` and `ESC_s(2)` under unit cost, days 1, 2,
/// 4, ... 1024 since trigger, confident from a probability of 0.5. Classes that are neither there nor predicted are left
/// out of averages, so that a survey of few classes can reach 1.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationOptions {
    /// Early-stable classification: its parameters, and the cost of moving probability between leaves.
    pub esc: EscOptions,
    /// Values of epsilon for the heat map, increasing; none for no heat map.
    pub grid_epsilons: Vec<f64>,
    /// Values of rho for the heat map, increasing.
    pub grid_rhos: Vec<f64>,
    /// Into which bins of time the flow of probability between classes is sorted.
    pub flow_bins: FlowBins,
    /// When an early classifier would decide, for earliness and its harmonic mean with accuracy.
    pub early_trigger: EarlyTrigger,
    /// Since when the days of classifications count.
    pub days_since: DaysSince,
    /// Days since then at which scorecards are made, increasing \[day\].
    pub days: Vec<f64>,
    /// Whether the scores of every last classification are kept for areas under curves: 8 bytes per object, level and class.
    pub ranking: Ranking,
    /// The same of the classifications at each of [`days`](Self::days): as many times the memory.
    pub since_trigger_ranking: Ranking,
    /// What a class counts that was never there or never predicted.
    pub zero_division: ZeroDivision,
    /// From when on an object counts as confidently classified.
    pub confidence: ConfidenceRule,
    /// Bins of the reliability diagrams.
    pub reliability_bins: Bins,
    /// Thresholds of the descent on the tree that stops where it is not sure, increasing.
    pub stop_thresholds: Vec<f64>,
    /// Resamples behind the intervals of macro-F1 and balanced accuracy; `n_resamples` 0 for no such intervals.
    pub bootstrap: Bootstrap,
    /// Confidence level of all intervals.
    pub level: f64,
}

impl Default for EvaluationOptions {
    fn default() -> Self {
        Self {
            esc: EscOptions::default(),
            grid_epsilons: (1..=10).map(|i| f64::from(i) * 0.05).collect(),
            grid_rhos: (1..=10).map(|i| f64::from(i) * 0.1).collect(),
            flow_bins: FlowBins::HistoryFraction(10),
            early_trigger: EarlyTrigger::new(0.9, 1).expect("a probability and a count above 0"),
            days_since: DaysSince::default(),
            days: DAYS_SINCE_TRIGGER.to_vec(),
            ranking: Ranking::Exact,
            since_trigger_ranking: Ranking::Off,
            zero_division: ZeroDivision::Skip,
            confidence: ConfidenceRule::default(),
            reliability_bins: Bins::equal_width(10).expect("more than no bin"),
            stop_thresholds: vec![0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99],
            bootstrap: Bootstrap { n_resamples: 1000, seed: 0, jackknife: Jackknife::Skip },
            level: 0.95,
        }
    }
}
