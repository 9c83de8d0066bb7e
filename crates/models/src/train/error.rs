//! What can go wrong in training.

/// A failure to begin, run or resume a training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The model failed, or its file could not be read or written.
    #[error(transparent)]
    Model(#[from] crate::Error),
    /// A tensor operation failed, most often in the loss function.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A number of the configuration that no training can have.
    #[error("training configuration: {what} is {found}, expected {expected}")]
    Config {
        /// The field.
        what: &'static str,
        /// What would do.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// No object is left to learn from, or to validate on.
    #[error("{n_objects} objects leave none for {purpose}; a class needs at least 2 to be in both parts")]
    NoObjects {
        /// The part that is empty.
        purpose: &'static str,
        /// Number of objects given.
        n_objects: usize,
    },
    /// An object that does not fit the model.
    #[error("object {object}: {what} is {found}, expected {expected}")]
    Object {
        /// Position of the object.
        object: usize,
        /// What does not fit.
        what: &'static str,
        /// What would do.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The loss is NaN or infinite. The best weights so far are kept: `Trainer::best`.
    #[error("the loss is {loss} in epoch {epoch}, step {step}, expected a finite number")]
    NotFinite {
        /// Epoch, counted from 0.
        epoch: usize,
        /// Optimizer steps done before.
        step: u64,
        /// The loss.
        loss: f64,
    },
    /// The checkpoint belongs to other objects: going on would not be the same training.
    #[error("the checkpoint was made with other objects: of digest {expected:016x}, these have {found:016x}")]
    OtherObjects {
        /// Digest in the checkpoint.
        expected: u64,
        /// Digest of the objects given.
        found: u64,
    },
    /// The numbers in the checkpoint contradict one another or its configuration.
    #[error("checkpoint: {what} is {found}, expected {expected}")]
    Checkpoint {
        /// The number.
        what: &'static str,
        /// What would do.
        expected: String,
        /// What is there.
        found: String,
    },
}
