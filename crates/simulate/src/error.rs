//! Why a survey cannot be simulated.

use heliacal_lightcurve::LightCurveError;

/// Why a survey cannot be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// No class was asked for.
    #[error("no class to simulate, expected at least one")]
    NoClass,
    /// A class without a recipe.
    #[error("class {class:?} is not simulated, expected a leaf of the taxonomies oracle or variable_stars")]
    NotSimulated {
        /// Its name.
        class: String,
    },
    /// A number of the configuration, or an argument, that makes no sense.
    #[error("configuration: {field} is {found}, expected {expected}")]
    Config {
        /// Which number.
        field: &'static str,
        /// What would do.
        expected: &'static str,
        /// What was given.
        found: f64,
    },
    /// Weights of classes that are not one for each class.
    #[error("configuration: {found} weights for {expected} classes")]
    Weights {
        /// Number of classes.
        expected: usize,
        /// Number of weights.
        found: usize,
    },
    /// The survey never detected an object of this class: it is too faint or too short for its depth and cadence.
    #[error("object {index}: no {class:?} was detected in {attempts} attempts")]
    Unseen {
        /// Index of the object.
        index: u64,
        /// Its class.
        class: &'static str,
        /// How many were drawn.
        attempts: u64,
    },
    /// An index that leaves no room for an id.
    #[error("object {index}: its id is beyond {}", i64::MAX)]
    Index {
        /// The index.
        index: u64,
    },
    /// Columns that are no light curve: a fault of this crate, or a configuration with absurd numbers.
    #[error("object {index}: its observations are no light curve")]
    LightCurve {
        /// Index of the object.
        index: u64,
        /// What is wrong.
        #[source]
        source: LightCurveError,
    },
}
