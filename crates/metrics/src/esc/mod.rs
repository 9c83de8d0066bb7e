//! Early-stable classification: when did a history of classifications settle, how wrong was it meanwhile, how did it move?
//!
//! | question | item |
//! |---|---|
//! | everything about one history, or about many | [`score_history`], [`score_histories`], [`HistoryScorer`] |
//! | after what part of its history had it converged (ESC_f)? | [`EscFraction`], [`esc_fraction`]; in days [`EscElapsed`] |
//! | how wrong was it while it moved (ESC_s)? | [`EscScore`], [`esc_score`], [`WeightCurve`] |
//! | what of an object of unknown class? | [`TopScore`]; motion and labels in [`HistoryScore`] |
//! | has it converged by this alert? | [`ConvergenceTracker`] |
//! | means per class and over all; over seeds or folds | [`EscSummary`], [`class_weighted_mean`]; [`EscRunSpread`] |
//! | what if epsilon and rho were others? | [`EscGrid`] |
//! | from which class to which did probability go, and when? | [`MassFlow`] |
//! | how accurate would an early decision have been? | [`EarlyTrigger`], [`EarlyClassification`] |
//!
//! ESC_f and ESC_s: Beyond the Final Label, [arXiv 2604.23792](https://arxiv.org/abs/2604.23792), Definitions 1 and 2, eq. 13
//! to 15. Where the paper is silent the choice stands at the item and in `docs/equations.md`.
//!
//! ```
//! use heliacal_metrics::PmfHistory;
//! use heliacal_metrics::esc::{EscOptions, score_history};
//!
//! // Undecided twice, then sure of class 0 to the end.
//! let history = PmfHistory::new(2, [[0.5; 2].repeat(2), [0.9, 0.1].repeat(6)].concat())?;
//! let truth = score_history(&history, Some(0), None, &EscOptions::default())?.truth.unwrap();
//! assert_eq!(truth.esc_fraction.tau, Some(7)); // five classifications alike: 3 to 7
//! assert_eq!(truth.esc_fraction.value(), 7.0 / 8.0);
//! assert!((truth.esc_score.value().unwrap() - 2.0_f64.ln()).abs() < 1e-15); // it moved once, at p = 1/2
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "serde")]
mod bits;
mod block;
mod by_metric;
mod early;
mod error;
mod fraction;
mod grid;
mod history_score;
mod mass_flow;
mod natural_log;
mod params;
mod path;
mod run_spread;
mod score;
mod scorer;
mod summary;
mod tracker;
mod walk;
mod weight;
mod windows;

pub use early::{EarlyClassification, EarlyDecision, EarlyTrigger, EarlyTriggerError};
pub use error::EscError;
pub use fraction::{EscElapsed, EscFraction, esc_fraction};
pub use grid::{EscGrid, EscGridError};
pub use history_score::{ClassifiedObject, EscOptions, HistoryScore, TopScore, TruthScore};
pub use mass_flow::{FlowBins, MassFlow, MassFlowError};
pub use params::{EscParams, EscParamsError};
pub use run_spread::EscRunSpread;
pub use score::{ConstantHistory, EscScore, NoScore, ProbabilityFloor, esc_score};
pub use scorer::{HistoryScorer, score_histories, score_history};
pub use summary::{EscMetric, EscSummary, EscSummaryError, EscTally, class_weighted_mean};
pub use tracker::{ConvergenceStatus, ConvergenceTracker, TrackerError};
pub use weight::{CustomWeight, WeightCurve};
