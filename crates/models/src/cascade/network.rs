//! The cascade's network.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::batch::CascadeBatch;
use super::config::CascadeConfig;
use super::head::ClassifierHead;
use super::scaling::CascadeScaling;
use crate::model_file::check_number_type;
use crate::recurrent::{GpuPrecision, Packed, Spare};
use crate::{AdditiveAttention, AdditiveScorer, Dropout, Error, Lstm, ModelFile, Result, dropout_seed};

/// A classifier on top of another one: it reads the history of its classifications of an object, and gives a
/// classification of its own after each (arXiv 2604.23792, section IV.2).
///
/// ```text
/// x_t                  probabilities, flux, times at step t
/// h_t, c_t             = LSTM(x_t, h_(t-1), c_(t-1))
/// e_t                  = v · tanh(W h_t + b)
/// z_t                  = Σ_(s ≤ t) softmax_s(e) h_s
/// logits               = head(z_t): Linear BN ReLU, Linear BN ReLU, Linear ReLU, Linear
/// ```
///
/// One of the times is that to the next classification, which the newest one does not have yet. The classification after
/// step t is therefore made with 0 there at step t, and with the true time at the steps before: what the network would
/// give if the history ended at t. A history still costs O(steps), see [`predict_history`](Self::predict_history).
///
/// ```
/// use candle_core::Device;
/// use heliacal_models::{Cascade, CascadeConfig, CascadeInput, CascadeScaling, ScalingMode};
///
/// let config = CascadeConfig { hidden: 8, ..CascadeConfig::paper(2) };
/// let history = CascadeInput {
///     mjd: vec![60000.0, 60001.0, 60004.0],
///     probabilities: vec![0.5, 0.5, 0.7, 0.3, 0.9, 0.1],
///     flux: vec![1.0, 2.0, 3.0],
/// };
/// let scaling = CascadeScaling::fit(&config, ScalingMode::TrainingSet, [&history])?;
/// let cascade = Cascade::fresh(config, scaling, 1, &Device::Cpu)?;
/// let probabilities = cascade.predict_history(&history)?;
/// assert_eq!(probabilities.len(), 3 * 2); // two classes after each of three classifications
/// assert_eq!(probabilities[..4], cascade.predict_history(&history.truncated(2))?); // no future in the past
///
/// // A second cascade, behind the first one.
/// let second = Cascade::fresh(cascade.config().clone(), cascade.scaling().clone(), 2, &Device::Cpu)?;
/// let probabilities = second.predict_history(&history.with_probabilities(probabilities, 2))?;
/// assert_eq!(probabilities.len(), 3 * 2);
/// # Ok::<(), heliacal_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cascade {
    config: CascadeConfig,
    scaling: CascadeScaling,
    pub(super) lstm: Lstm,
    pub(super) attention: AdditiveAttention,
    pub(super) head: ClassifierHead,
    pub(super) dropout: Dropout,
    /// The attention's scores for serving, once they were needed.
    pub(super) scorer: Packed<AdditiveScorer>,
    /// Memory for the steps of histories.
    pub(super) spare: Spare,
    /// From which end the next push of any stream reads the weights; see [`BeginSteps`](crate::recurrent::BeginSteps).
    pub(super) from_the_end: Arc<AtomicBool>,
    device: Device,
}

/// What a pass in training gives.
#[derive(Debug, Clone)]
pub struct TrainPass {
    /// One row of logits `[row, class]` for each classification asked for.
    pub logits: Tensor,
    /// The running statistics of batch normalization after this batch, by PyTorch's names. They have no gradient: keep them
    /// beside the weights, and give them to the network for the next step ([`Cascade::set_statistics`]).
    pub statistics: Vec<(String, Tensor)>,
}

impl Cascade {
    /// Builds the network on PyTorch's parameter names: `lstm.weight_ih_l0`, ..., `wa.weight`, `wa.bias`, `v.weight`,
    /// `head.0.weight`, ..., `head.10.bias`, and the running statistics `head.1.running_mean`, ...
    ///
    /// # Errors
    /// [`Error::Config`] when a size is zero or absurd, the scaling is none or the weights are not of f32; [`Error::Candle`]
    /// when a weight is missing or has another shape.
    #[allow(clippy::needless_pass_by_value, reason = "candle passes a VarBuilder by value everywhere")]
    pub fn new(config: CascadeConfig, scaling: CascadeScaling, vb: VarBuilder<'_>) -> Result<Self> {
        config.check()?;
        scaling.check()?;
        check_number_type(&vb)?;
        Ok(Self {
            lstm: Lstm::new(config.lstm(), vb.pp("lstm"))?,
            attention: AdditiveAttention::new(config.attention(), vb.clone())?,
            head: ClassifierHead::new(config.head(), &vb)?,
            dropout: Dropout::new(config.dropout)?,
            scorer: Packed::default(),
            spare: Spare::default(),
            from_the_end: Arc::default(),
            device: vb.device().clone(),
            config,
            scaling,
        })
    }

    /// Builds the network from a model file that says what it is, as [`to_file`](Self::to_file) makes them.
    ///
    /// # Errors
    /// [`Error::NoConfig`] for a file of weights alone, else as [`from_weights`](Self::from_weights).
    pub fn from_file(file: &ModelFile, device: &Device) -> Result<Self> {
        Self::from_weights(file.config("cascade")?, file.config("scaling")?, file, device)
    }

    /// Builds a network of a known architecture from the weights of a file, such as those that PyTorch has written.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] or [`Error::TensorShape`] when the weights are of another architecture, else as
    /// [`new`](Self::new).
    pub fn from_weights(
        config: CascadeConfig,
        scaling: CascadeScaling,
        file: &ModelFile,
        device: &Device,
    ) -> Result<Self> {
        config.check()?;
        for (name, shape) in config.parameters().into_iter().chain(config.statistics()) {
            file.check(&name, &shape)?;
        }
        Self::new(config, scaling, file.var_builder(device)?)
    }

    /// The weights and running statistics with their configuration and scaling, ready to be written. What the classes are
    /// called is for the caller to add.
    ///
    /// # Errors
    /// [`Error::Candle`] when a tensor cannot be copied from the device.
    pub fn to_file(&self) -> Result<ModelFile> {
        let mut file = ModelFile::default();
        file.set_config("cascade", &self.config);
        file.set_config("scaling", &self.scaling);
        let weights = self.lstm.weights().chain(self.attention.tensors()).chain(self.head.weights());
        let names = self.config.parameters().into_iter().map(|(name, _)| name);
        file.tensors.extend(names.zip(weights.cloned()));
        file.tensors.extend(self.statistics());
        Ok(file)
    }

    /// The sizes.
    pub fn config(&self) -> &CascadeConfig {
        &self.config
    }

    /// The scaling of its inputs.
    pub fn scaling(&self) -> &CascadeScaling {
        &self.scaling
    }

    /// The device that the weights are on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The same network with products of another precision in its LSTM on a GPU.
    #[must_use]
    pub fn with_gpu_precision(self, precision: GpuPrecision) -> Self {
        Self { lstm: self.lstm.with_gpu_precision(precision), ..self }
    }

    /// How exact the products of its LSTM are on a GPU.
    pub fn gpu_precision(&self) -> GpuPrecision {
        self.lstm.gpu_precision()
    }

    /// The running statistics, by PyTorch's names.
    pub fn statistics(&self) -> Vec<(String, Tensor)> {
        self.name_statistics(self.head.statistics().cloned().collect())
    }

    /// Replaces the running statistics, as a training step gives them.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] when one is not there, [`Error::TensorShape`] for one of another shape.
    pub fn set_statistics(&mut self, statistics: &[(String, Tensor)]) -> Result<()> {
        let tensors = named_tensors(&self.config.statistics(), statistics)?;
        self.head.set_statistics(&tensors)
    }

    pub(super) fn name_statistics(&self, tensors: Vec<Tensor>) -> Vec<(String, Tensor)> {
        self.config.statistics().into_iter().map(|(name, _)| name).zip(tensors).collect()
    }

    /// Logits `[batch, class]` after the last step of each history, in training: with dropout, whose masks are functions of
    /// the seed, and with the batch's own statistics in batch normalization. Take another seed for every step
    /// ([`dropout_seed`]).
    ///
    /// # Errors
    /// [`Error::Config`] for a batch of fewer than two histories, of which no statistics can be made (as in PyTorch), or of
    /// another number of channels; [`Error::Candle`] when the device fails.
    pub fn forward_train(&self, batch: &CascadeBatch, seed: u64) -> Result<TrainPass> {
        let states = self.states(batch)?;
        let attention_seed = dropout_seed(seed, 0, 0);
        let context = self.attention.forward_train(&states, batch.lengths(), self.dropout, attention_seed)?;
        let (logits, statistics) = self.head.forward_train(&context, seed)?;
        Ok(TrainPass { logits, statistics: self.name_statistics(statistics) })
    }

    /// Logits `[batch, class]` after the last step of each history.
    ///
    /// # Errors
    /// [`Error::Config`] for a batch of another number of channels; [`Error::Candle`] when the device fails.
    pub fn logits(&self, batch: &CascadeBatch) -> Result<Tensor> {
        if batch.is_empty() {
            return Ok(Tensor::zeros((0, self.config.n_classes), DType::F32, &self.device)?);
        }
        self.head.forward(&self.attention.forward(&self.states(batch)?, batch.lengths())?)
    }

    /// The LSTM's outputs after every step.
    fn states(&self, batch: &CascadeBatch) -> Result<Tensor> {
        self.check_batch(batch)?;
        self.lstm.forward(&batch.tensor(&self.device)?, batch.lengths(), None)
    }

    pub(super) fn check_batch(&self, batch: &CascadeBatch) -> Result<()> {
        let (expected, found) = (self.config.n_channels(), batch.n_channels);
        if expected == found {
            return Ok(());
        }
        let (expected, found) = (expected.to_string(), found.to_string());
        Err(Error::Config { what: "number of channels of a batch", expected, found })
    }
}

/// The tensors of these names and shapes, in their order.
pub(super) fn named_tensors(
    names: &[(String, Vec<usize>)],
    tensors: &[(String, Tensor)],
) -> Result<Vec<Tensor>> {
    let mut file = ModelFile::default();
    file.tensors.extend(tensors.iter().cloned());
    names
        .iter()
        .map(|(name, shape)| {
            file.check(name, shape)?;
            Ok(file.tensors[name].clone())
        })
        .collect()
}
