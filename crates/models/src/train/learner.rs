//! What a network needs so that it can be trained.

use std::fmt::Debug;

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::adam::Weights;
use crate::{GpuPrecision, ModelFile, Result, TrainPass};

/// A network that [`Trainer`](super::Trainer) can train: [`Oracle`](crate::Oracle), [`Cascade`](crate::Cascade),
/// [`Naive`](crate::Naive), or one of your own.
///
/// An example is a sequence of steps with a true class. A network sees its beginnings: `(example, n)` stands for the first n
/// steps, at least 1 and at most all.
pub trait Learner: Clone + Debug + Sync {
    /// An object to learn from.
    type Example: Debug + Sync;

    /// What goes through the network together: beginnings of some examples, packed, on the CPU.
    type Batch: Send;

    /// Least number of objects that a training pass needs: 2 where it normalizes by its batch.
    const LEAST_BATCH: usize = 1;

    /// Whether logit c is that of true class c, so that the largest one is the answer: then there is an accuracy.
    const LOGITS_ARE_CLASSES: bool;

    /// Whether a tensor of this name is not trained, but follows from training passes: running statistics.
    fn is_statistic(_name: &str) -> bool {
        false
    }

    /// All tensors and the description.
    ///
    /// # Errors
    /// When the device fails.
    fn to_file(&self) -> Result<ModelFile>;

    /// The network of a file; tensors and entries that are not its own are left alone.
    ///
    /// # Errors
    /// When the file holds no such network.
    fn from_file(file: &ModelFile, device: &Device) -> Result<Self>;

    /// The same network with other tensors, which stay connected to it for gradients.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    fn with_tensors(&self, tensors: VarBuilder<'static>) -> Result<Self>;

    /// Where it runs.
    fn device(&self) -> &Device;

    /// How exact its recurrent layers are on a GPU, if it has any.
    fn gpu_precision(&self) -> GpuPrecision {
        GpuPrecision::default()
    }

    /// The same network with another one.
    #[must_use]
    fn with_gpu_precision(self, _precision: GpuPrecision) -> Self {
        self
    }

    /// That every example fits the network. Gives a digest of the examples, by which a checkpoint knows them again.
    ///
    /// # Errors
    /// [`TrainError::Object`] for the first that does not fit.
    fn check(&self, examples: &[Self::Example]) -> Result<u64, TrainError>;

    /// The true class of an example.
    fn true_class(example: &Self::Example) -> usize;

    /// Number of steps of an example.
    fn n_steps(example: &Self::Example) -> usize;

    /// Number of steps that a fraction of an example keeps: `max(1, floor(f n))`, unless it says otherwise.
    fn steps_at(example: &Self::Example, fraction: f64) -> usize {
        let n = Self::n_steps(example);
        ((fraction * n as f64) as usize).max(1).min(n)
    }

    /// Packs beginnings for a pass. [`Trainer`](super::Trainer) has it done on other threads, ahead of the passes: it leaves
    /// the weights and the device alone.
    ///
    /// # Errors
    /// When a beginning does not fit, or the network does not know the scored steps.
    fn pack(&self, beginnings: &[(&Self::Example, usize)], scored: ScoredSteps) -> Result<Self::Batch>;

    /// Logits of packed beginnings, for training: with dropout masks from the seed, statistics of the batch, and gradients.
    ///
    /// # Errors
    /// When the device fails.
    fn training_pass(&self, batch: &Self::Batch, scored: ScoredSteps, seed: u64) -> Result<TrainPass>;

    /// Logits of packed beginnings as in use.
    ///
    /// # Errors
    /// As [`training_pass`](Self::training_pass).
    fn evaluation_pass(&self, batch: &Self::Batch, scored: ScoredSteps) -> Result<Tensor>;
}

/// After which steps of a beginning the loss wants logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoredSteps {
    /// After the last one.
    #[default]
    Last,
    /// After each: for losses that look at how the answer moves. Only networks of histories give these.
    All,
}

/// How much of an example training sees each time it comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beginnings {
    /// A fraction drawn uniformly from (0, 1], anew in every epoch.
    #[default]
    Random,
    /// All of it.
    Whole,
}

/// What decides which weights are the best, and when patience is at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// The lowest validation loss.
    #[default]
    Loss,
    /// The highest validation accuracy; of networks whose logits are classes.
    Accuracy,
}

/// A network with weights, variables or not.
pub(super) fn with_weights<M: Learner>(model: &M, weights: Weights) -> Result<M> {
    let tensors = weights.into_iter().collect();
    model.with_tensors(VarBuilder::from_tensors(tensors, candle_core::DType::F32, model.device()))
}
