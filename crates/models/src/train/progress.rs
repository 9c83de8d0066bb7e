//! What a training says while it runs.

use serde::{Deserialize, Serialize};

/// An event of a training; the callback that gets it may stop the training.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The optimizer made a step.
    Step(&'a StepReport),
    /// An epoch is over and validated.
    Epoch(&'a EpochReport),
}

/// One optimizer step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Epoch, counted from 0.
    pub epoch: usize,
    /// Batch of the epoch, counted from 0.
    pub batch: usize,
    /// Number of batches in the epoch.
    pub n_batches: usize,
    /// Steps since the training began, this one included.
    pub step: u64,
    /// Loss of the batch, before the step \[the loss function's unit\].
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
}

/// One epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Epoch, counted from 0.
    pub epoch: usize,
    /// Steps since the training began.
    pub step: u64,
    /// Mean loss over the training objects, each with the weights of its step.
    pub training_loss: f64,
    /// Mean loss over the validation objects, at each of the validation fractions.
    pub validation_losses: Vec<f64>,
    /// Mean of the validation losses.
    pub validation_loss: f64,
    /// Mean share of validation objects whose largest logit is that of their class, over the validation fractions; of
    /// networks whose logits are classes.
    #[serde(default)]
    pub validation_accuracy: Option<f64>,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Whether it is the best so far by the criterion, and the weights are kept.
    pub best: bool,
}
