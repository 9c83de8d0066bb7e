//! All metrics of a classifier from one pass over its histories.
//!
//! [`Evaluation`] takes history after history, says of each object what there is to say at once ([`ObjectEvaluation`]), and
//! in the end reports on all ([`EvaluationReport`], whose JSON is a file format). Everything in it can be had from the
//! other modules piece by piece.

mod accumulate;
mod error;
mod options;
mod report;
mod tables;

pub use accumulate::{Evaluation, ObjectEvaluation};
pub use error::EvaluationError;
pub use options::{DaysSince, EvaluationOptions};
pub use report::{
    DayEvaluation, EarlyReport, EarlyStableReport, EscRow, EvaluationParameters, EvaluationReport,
    FlowReport, GridReport, LevelEvaluation, LevelWaits, NamedTree, SCHEMA, Spread, StillWaiting,
};
