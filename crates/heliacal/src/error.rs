//! What can go wrong between the parts.

use heliacal_taxonomy::{DecisionError, TaxonomyTextError, UnknownName};

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
    /// once.
    #[error("object {object} was classified before")]
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
