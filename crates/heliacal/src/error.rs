//! What can go wrong between the parts.

use std::path::PathBuf;

use heliacal_taxonomy::{ColumnsError, DecisionError, TaxonomyError, TaxonomyTextError, UnknownName};

/// Shorthand for this crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of a part, or of two parts that do not fit together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] heliacal_io::Error),
    /// A model could not be loaded, run or saved.
    #[error(transparent)]
    Model(#[from] heliacal_models::Error),
    /// A taxonomy in a model file is not valid.
    #[error("taxonomy of the model file: {0}")]
    Taxonomy(#[from] TaxonomyTextError),
    /// A class or taxonomy name that is not known.
    #[error(transparent)]
    UnknownName(#[from] UnknownName),
    /// Probabilities that allow no decision: the network gave NaN.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// A training could not begin, go on, or end.
    #[error(transparent)]
    Train(#[from] heliacal_models::train::TrainError),
    /// A loss that cannot be made, or does not fit the logits.
    #[error(transparent)]
    Loss(#[from] heliacal_losses::Error),
    /// The classifier's classes are not the leaves of the tree that it is scored on.
    #[error("the classifier on another tree: {0}")]
    Columns(#[from] ColumnsError),
    /// A tree whose leaves alone make no tree.
    #[error("the leaves without their tree: {0}")]
    FlatTaxonomy(#[from] TaxonomyError),
    /// A tree that metrics cannot be made for.
    #[error(transparent)]
    ClassTree(#[from] heliacal_metrics::TreeError),
    /// Scores that cannot be made.
    #[error(transparent)]
    Scorecard(#[from] heliacal_metrics::scorecard::ScorecardError),
    /// Metrics that cannot be made.
    #[error(transparent)]
    Evaluation(#[from] heliacal_metrics::evaluation::EvaluationError),
    /// Early-stable metrics that cannot be made.
    #[error(transparent)]
    Esc(#[from] heliacal_metrics::esc::EscError),
    /// Early-stable metrics that do not add up.
    #[error(transparent)]
    EscSummary(#[from] heliacal_metrics::esc::EscSummaryError),
    /// A test that cannot be made.
    #[error(transparent)]
    Statistics(#[from] heliacal_metrics::statistics::StatisticsError),
    /// Classes that cannot be kept of a classifier's.
    #[error("the classes to keep: {0}")]
    Projection(#[from] heliacal_taxonomy::ProjectionError),
    /// No history is left to learn from.
    #[cfg(feature = "parquet")]
    #[error("no object is left to learn from; left out: {}", crate::pipeline::LeftOut::in_words(.left_out))]
    NoHistories {
        /// How many objects were left out, and why.
        left_out: std::collections::BTreeMap<crate::pipeline::LeftOut, usize>,
    },
    /// A folder of checkpoints whose trainings were begun with other numbers: going on would not be the same training.
    #[error("{}: {field} was {expected} when the training began, now {found}", .path.display())]
    OtherProtocol {
        /// The file with the numbers of then.
        path: PathBuf,
        /// The first one that differs, such as `train.batch_size`.
        field: String,
        /// Its value then, as JSON.
        expected: String,
        /// Its value now.
        found: String,
    },
    /// Checkpoints of which it cannot be told what they were trained with.
    #[error("{}, which says what the checkpoints beside it are: {source}", .path.display())]
    Protocol {
        /// The file that should say it.
        path: PathBuf,
        /// Why it does not.
        source: std::io::Error,
    },
    /// Realizations of a light curve that have not the same steps.
    #[error("realization {realization} has {found} {what}, the first one has {expected}")]
    Realization {
        /// Its number, counted from 0.
        realization: usize,
        /// Steps or classes.
        what: &'static str,
        /// Those of the first one.
        expected: usize,
        /// Its own.
        found: usize,
    },
    /// A history whose rows are no probabilities.
    #[error("object {object}: {source}")]
    Pmf {
        /// The object.
        object: heliacal_lightcurve::ObjectId,
        /// Which row, and what is wrong with it.
        source: heliacal_metrics::PmfError,
    },
    /// A light curve that cannot be encoded, or a history that a network cannot take.
    #[error("object {object}: {source}")]
    Object {
        /// The object.
        object: heliacal_lightcurve::ObjectId,
        /// Why.
        source: heliacal_models::Error,
    },
    /// The network and the taxonomy are of different sizes.
    #[error("the network gives {n_logits} logits, taxonomy {taxonomy:?} has {n_nodes} classes")]
    SizeMismatch {
        /// Number of logits.
        n_logits: usize,
        /// Name of the taxonomy.
        taxonomy: String,
        /// Its number of nodes.
        n_nodes: usize,
    },
    /// A preset was named for a file that says itself how its weights were trained.
    #[error("the model file describes its own encoding; preset {preset} cannot be applied to it")]
    PresetNotNeeded {
        /// The preset that was asked for.
        preset: heliacal_models::Preset,
    },
    /// A day since trigger that is no number.
    #[error("{day} is no day since trigger")]
    InvalidDay {
        /// What was asked for.
        day: f64,
    },
    /// An object of which nothing was known at any of the days that were asked for.
    #[error("no observation at any of the days asked for: the first of its {n_observations} comes later")]
    TooEarly {
        /// How many observations it has in the end.
        n_observations: usize,
    },
    /// An object whose id was met before: in a file given twice, or in another survey. A history file holds each object
    /// once, and an object to learn from must not be one to test with.
    #[error("object {object} was met before")]
    Repeated {
        /// The object.
        object: heliacal_lightcurve::ObjectId,
    },
    /// The network's answer is not a number: an input far outside what it was trained on, or broken weights.
    #[error("the network's logits are not finite for object {object}")]
    NotFinite {
        /// The object.
        object: heliacal_lightcurve::ObjectId,
    },
}
