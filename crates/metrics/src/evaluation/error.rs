//! Why an evaluation cannot be made.

use crate::calibration::CalibrationError;
use crate::esc::{EscError, EscGridError, EscSummaryError, MassFlowError};
use crate::scorecard::ScorecardError;
use crate::statistics::StatisticsError;

/// Why an evaluation cannot be made, or does not take an object. An object that is refused leaves no trace.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// Names that are not one per node of the tree.
    #[error("{found} class names for {expected} nodes of the tree")]
    Names {
        /// Number of nodes.
        expected: usize,
        /// Number of names.
        found: usize,
    },
    /// A history over another number of classes than the tree has leaves.
    #[error("a history of {found} classes for a tree of {expected} leaves")]
    ClassCount {
        /// Number of leaves.
        expected: usize,
        /// Number of classes of the history.
        found: usize,
    },
    /// A true class that is no node of the tree.
    #[error("true class {node} is none of the {n_nodes} nodes of the tree")]
    Node {
        /// What was given.
        node: usize,
        /// Number of nodes.
        n_nodes: usize,
    },
    /// Two evaluations of other classes or options.
    #[error("two evaluations differ in {what}, they do not add up")]
    Different {
        /// In what.
        what: &'static str,
    },
    /// From the early-stable metrics.
    #[error(transparent)]
    Esc(#[from] EscError),
    /// From the heat map's axes.
    #[error(transparent)]
    Grid(#[from] EscGridError),
    /// From sums over objects.
    #[error(transparent)]
    Summary(#[from] EscSummaryError),
    /// From the flow of probability.
    #[error(transparent)]
    Flow(#[from] MassFlowError),
    /// From the scorecards.
    #[error(transparent)]
    Scorecard(#[from] ScorecardError),
    /// From reliability and decisions.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// From intervals.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
}
