//! What can go wrong with a model.

use std::path::PathBuf;

use heliacal_lightcurve::{NoDetection, Observation};

/// Shorthand for this crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure to load, run or save a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor operation failed; for the shapes that this crate makes, that is a bug here or in candle.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// The model file cannot be opened, read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file holds no weights that can be read.
    #[error("{}: not a readable model file (safetensors or PyTorch .pth): {reason}", .path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file says nothing of how its weights were trained.
    #[error("the model file has no entry {key:?} in its heliacal.config; name the preset of these weights")]
    NoConfig {
        /// The missing entry.
        key: &'static str,
    },
    /// The file's own description of its weights cannot be understood.
    #[error("heliacal.config, entry {key:?}: {source}")]
    InvalidConfig {
        /// The entry.
        key: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A weight that the architecture needs is not in the file.
    #[error("no tensor {name} in the weights; there are {}", .found.join(", "))]
    MissingTensor {
        /// PyTorch's name of the tensor.
        name: String,
        /// The tensors that are there, by name.
        found: Vec<String>,
    },
    /// A weight has another shape than the architecture's.
    #[error("tensor {name} has shape {found:?}, the architecture needs {expected:?}")]
    TensorShape {
        /// PyTorch's name of the tensor.
        name: String,
        /// The architecture's shape.
        expected: Vec<usize>,
        /// The file's shape.
        found: Vec<usize>,
    },
    /// A configuration that describes no network.
    #[error("{what} is {found}, expected {expected}")]
    Config {
        /// The quantity.
        what: &'static str,
        /// What would do.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Days since trigger or an origin at the first detection were asked of a light curve without one.
    #[error(transparent)]
    NoDetection(#[from] NoDetection),
    /// No observation is left to classify: the light curve is empty, or the preset uses detections only.
    #[error("no observation to classify: the preset keeps 0 of {n_observations}")]
    NoObservations {
        /// How many observations the light curve has.
        n_observations: usize,
    },
    /// An observation older than the last one: the recurrent state cannot go back. Replay the stream to insert it.
    #[error("observation at MJD {mjd} comes after the one at MJD {last_mjd}; replay the stream to insert it")]
    OutOfOrder {
        /// Time of the observation \[day\].
        mjd: f64,
        /// Time of the newest observation of the stream \[day\].
        last_mjd: f64,
    },
    /// An observation that the stream has already seen: pushing it would count it twice.
    #[error("observation in {} at MJD {} was pushed before", .observation.passband, .observation.mjd)]
    Repeated {
        /// The observation.
        observation: Observation,
    },
    /// An observation with a number that cannot be: NaN, infinite, or a negative error.
    #[error("observation is not valid: {0}")]
    InvalidObservation(#[from] heliacal_lightcurve::LightCurveError),
    /// A base classification with a number that cannot be: NaN, infinite, or a time before the previous one.
    #[error("{what} of classification {step} is {found}, expected {expected}")]
    InvalidClassification {
        /// Position of the classification in its history.
        step: usize,
        /// The quantity.
        what: &'static str,
        /// What would do.
        expected: String,
        /// What is there.
        found: String,
    },
    /// One of several histories is not valid.
    #[error("history {index}: {source}")]
    History {
        /// Its position among those given.
        index: usize,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A slot of a stream arena that holds no object.
    #[error("slot {slot} of the arena holds no object")]
    NoSuchObject {
        /// The slot.
        slot: usize,
    },
    /// An observation or classification that was pushed together with another one, for which the device failed.
    #[error("not classified: the device failed on those that were pushed together")]
    NotClassified,
    /// A stored stream state does not belong to this model.
    #[error("stream state has {found} {what}, this model has {expected}")]
    StreamState {
        /// What differs.
        what: &'static str,
        /// The model's number.
        expected: usize,
        /// The state's number.
        found: usize,
    },
}
