//! The training loop.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::adam::{Adam, Weights};
use super::batches::{self, Batch};
use super::checkpoint::{Checkpoint, Parts, Position};
use super::example::{self, Example, Targets};
use super::split::{Split, cap_classes, stratified_split};
use super::{EpochReport, Progress, StepReport, TrainConfig, TrainError};
use crate::{FeatureSpec, Oracle, OracleConfig};

type Result<T, E = TrainError> = std::result::Result<T, E>;

/// A training under way: model, optimizer and position. See the [module](crate::train) for an example.
///
/// Each epoch goes once through the training objects, each cut to a fresh random fraction. Then the loss of the
/// validation objects is taken at fixed fractions; the weights of the epoch with the lowest mean are kept.
#[derive(Debug)]
pub struct Trainer<'a> {
    examples: &'a [Example],
    digest: u64,
    split: Split,
    config: TrainConfig,
    oracle: OracleConfig,
    features: FeatureSpec,
    device: Device,
    adam: Adam,
    best: Weights,
    position: Position,
    checkpoints: Option<(PathBuf, u64)>,
}

/// Why a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// All epochs are done.
    Epochs,
    /// The validation loss did not fall for as long as patience lasts.
    Patience,
    /// The callback asked for it; [`Trainer::train`] would go on.
    Callback,
}

/// The result of a training.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The network with the weights of the best epoch; those of the beginning if no epoch was completed.
    pub model: Oracle,
    /// The epoch with the lowest validation loss, if one was completed.
    pub best_epoch: Option<usize>,
    /// Every completed epoch, those before a resumption included.
    pub history: Vec<EpochReport>,
    /// Why it ended.
    pub ending: Ending,
}

impl<'a> Trainer<'a> {
    /// Begins a training with the weights of a model: [`Oracle::fresh`] ones, or trained ones to be refined.
    ///
    /// Classes are capped, and each is divided into objects to learn from and objects for validation.
    ///
    /// # Errors
    /// [`TrainError::Config`] for impossible numbers, [`TrainError::Object`] for an object that does not fit the model
    /// or holds NaN, [`TrainError::NoObjects`] when nothing is left to learn from or to validate on.
    pub fn new(model: &Oracle, examples: &'a [Example], config: TrainConfig) -> Result<Self> {
        config.check()?;
        let digest = example::check(examples, model.config())?;
        let best: Weights = model.to_file()?.tensors;
        let best: Weights = best
            .into_iter()
            .map(|(name, weight)| Ok((name, weight.detach().copy()?)))
            .collect::<candle_core::Result<_>>()?;
        Ok(Self {
            examples,
            digest,
            split: split(examples, &config)?,
            config,
            oracle: model.config().clone(),
            features: model.features().clone(),
            device: model.device().clone(),
            adam: Adam::new(&best)?,
            best,
            position: Position::default(),
            checkpoints: None,
        })
    }

    /// Goes on with a training from its checkpoint, with the same objects in the same order. The weights will be those
    /// of a training that was never interrupted, to the last bit, given the same device and number of threads.
    ///
    /// # Errors
    /// [`TrainError::Model`] when the file cannot be read, is truncated or no checkpoint; [`TrainError::Checkpoint`]
    /// when its numbers contradict one another; [`TrainError::OtherObjects`] for other objects; else as
    /// [`new`](Self::new).
    pub fn resume(path: impl AsRef<Path>, examples: &'a [Example], device: &Device) -> Result<Self> {
        let Checkpoint { oracle, features, config, position, adam, best, digest } =
            Checkpoint::read(path.as_ref(), device)?;
        let found = example::check(examples, &oracle)?;
        if found != digest {
            return Err(TrainError::OtherObjects { expected: digest, found });
        }
        let split = split(examples, &config)?;
        let device = device.clone();
        Ok(Self {
            examples,
            digest,
            split,
            config,
            oracle,
            features,
            device,
            adam,
            best,
            position,
            checkpoints: None,
        })
    }

    /// Writes a checkpoint after every epoch and every so many optimizer steps (0: after epochs only), and when the
    /// callback ends the training.
    ///
    /// The file is written beside its place and renamed, so at any moment a whole one is there. It is also a model file:
    /// [`Oracle::from_file`] reads the best weights so far from it.
    #[must_use]
    pub fn with_checkpoints(mut self, path: impl Into<PathBuf>, every_steps: u64) -> Self {
        self.checkpoints = Some((path.into(), every_steps));
        self
    }

    /// Another number of epochs, and nothing else: how a resumed training is made longer.
    #[must_use]
    pub fn with_epochs(mut self, epochs: usize) -> Self {
        self.config.epochs = epochs;
        self
    }

    /// Trains to the end, or until the callback breaks.
    ///
    /// `loss` gets logits `[batch, node]` with the objects' true nodes, and gives a scalar: the mean over the batch.
    /// `progress` is called after every step and every epoch.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when the loss is NaN or infinite: [`best`](Self::best) still has the best weights, and
    /// so has the last checkpoint. [`TrainError::Candle`] when the loss function fails, [`TrainError::Model`] when the
    /// model does or a checkpoint cannot be written.
    pub fn train(
        &mut self,
        loss: impl Fn(&Tensor, &Targets<'_>) -> candle_core::Result<Tensor>,
        mut progress: impl FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Trained> {
        loop {
            if let Some(ending) = self.ending() {
                return self.trained(ending);
            }
            let batches =
                batches::of_epoch(self.examples, &self.split.training, &self.config, self.position.epoch);
            for batch in batches.iter().skip(self.position.batch) {
                let report = self.step(batch, batches.len(), &loss)?;
                let broke = progress(Progress::Step(&report)).is_break();
                let due = |every: u64| every > 0 && report.step.is_multiple_of(every);
                if broke || self.checkpoints.as_ref().is_some_and(|(_, every)| due(*every)) {
                    self.write_checkpoint()?;
                }
                if broke {
                    return self.trained(Ending::Callback);
                }
            }
            let report = self.finish_epoch(&loss)?;
            self.write_checkpoint()?;
            if progress(Progress::Epoch(&report)).is_break() {
                return self.trained(Ending::Callback);
            }
        }
    }

    /// The network with the best weights so far, also after [`train`](Self::train) has failed.
    ///
    /// # Errors
    /// [`TrainError::Model`] when the device fails.
    pub fn best(&self) -> Result<Oracle> {
        self.model(self.best.iter())
    }

    /// The network with the weights of now.
    ///
    /// # Errors
    /// [`TrainError::Model`] when the device fails.
    pub fn current(&self) -> Result<Oracle> {
        self.model(self.adam.weights()?.iter())
    }

    /// The protocol.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// Which objects are for training and which for validation; those beyond the cap are in neither.
    pub fn split(&self) -> &Split {
        &self.split
    }

    /// Every completed epoch.
    pub fn history(&self) -> &[EpochReport] {
        &self.position.history
    }

    /// Writes a checkpoint now.
    ///
    /// # Errors
    /// [`TrainError::Model`] when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let parts = Parts {
            oracle: &self.oracle,
            features: &self.features,
            config: &self.config,
            position: &self.position,
            adam: &self.adam,
            best: &self.best,
            digest: self.digest,
        };
        Ok(parts.write(path.as_ref())?)
    }

    fn write_checkpoint(&self) -> Result<()> {
        self.checkpoints.as_ref().map_or(Ok(()), |(path, _)| self.save(path))
    }

    /// One step of the optimizer.
    fn step(
        &mut self,
        batch: &Batch,
        n_batches: usize,
        loss: impl Fn(&Tensor, &Targets<'_>) -> candle_core::Result<Tensor>,
    ) -> Result<StepReport> {
        let learning_rate = self.config.learning_rate_at(self.adam.step);
        // The network is put together anew at each step: its layers may keep weights in a form of their own.
        let logits = self.model(self.adam.variables())?.forward_after(&batch.beginnings(self.examples))?;
        let loss = loss(&logits, &batch.targets())?;
        let mean = self.finite(&loss)?;
        self.adam.step(&loss.backward()?, learning_rate)?;
        let position = &mut self.position;
        let report = StepReport {
            epoch: position.epoch,
            batch: position.batch,
            n_batches,
            step: self.adam.step,
            loss: mean,
            learning_rate,
        };
        position.loss_sum += mean * batch.len() as f64;
        position.batch += 1;
        Ok(report)
    }

    /// Validates, keeps the weights if they are the best, and moves on to the next epoch.
    fn finish_epoch(
        &mut self,
        loss: impl Fn(&Tensor, &Targets<'_>) -> candle_core::Result<Tensor>,
    ) -> Result<EpochReport> {
        let weights = self.adam.weights()?;
        let model = self.model(weights.iter())?;
        let mut validation_losses = Vec::new();
        for &fraction in &self.config.validation_fractions {
            let mut sum = 0.0;
            for batch in
                batches::at_fraction(self.examples, &self.split.held_out, fraction, self.config.batch_size)
            {
                let logits = model.forward_after(&batch.beginnings(self.examples))?;
                sum += self.finite(&loss(&logits, &batch.targets())?)? * batch.len() as f64;
            }
            validation_losses.push(sum / self.split.held_out.len() as f64);
        }
        let validation_loss = validation_losses.iter().sum::<f64>() / validation_losses.len() as f64;
        let position = &mut self.position;
        let best_before =
            position.history.iter().map(|epoch| epoch.validation_loss).fold(f64::INFINITY, f64::min);
        let report = EpochReport {
            epoch: position.epoch,
            step: self.adam.step,
            training_loss: position.loss_sum / self.split.training.len() as f64,
            validation_losses,
            validation_loss,
            learning_rate: self.config.learning_rate_at(self.adam.step.saturating_sub(1)),
            best: validation_loss < best_before,
        };
        if report.best {
            self.best = weights;
        }
        position.history.push(report.clone());
        (position.epoch, position.batch, position.loss_sum) = (position.epoch + 1, 0, 0.0);
        Ok(report)
    }

    /// The loss as a number, which has to be one.
    fn finite(&self, loss: &Tensor) -> Result<f64> {
        let loss = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        if loss.is_finite() {
            return Ok(loss);
        }
        Err(TrainError::NotFinite { epoch: self.position.epoch, step: self.adam.step, loss })
    }

    /// Whether there is nothing left to do.
    fn ending(&self) -> Option<Ending> {
        let Position { epoch, batch, .. } = self.position;
        let waited = epoch.saturating_sub(self.best_epoch().map_or(0, |best| best.saturating_add(1)));
        if epoch >= self.config.epochs {
            Some(Ending::Epochs)
        } else if batch == 0 && self.config.patience.is_some_and(|patience| waited >= patience) {
            Some(Ending::Patience)
        } else {
            None
        }
    }

    fn best_epoch(&self) -> Option<usize> {
        self.position.history.iter().rfind(|epoch| epoch.best).map(|epoch| epoch.epoch)
    }

    fn trained(&self, ending: Ending) -> Result<Trained> {
        let history = self.position.history.clone();
        Ok(Trained { model: self.best()?, best_epoch: self.best_epoch(), history, ending })
    }

    fn model<'t>(&self, weights: impl Iterator<Item = (&'t String, &'t Tensor)>) -> Result<Oracle> {
        let weights = weights.map(|(name, weight)| (name.clone(), weight.clone())).collect();
        let weights = VarBuilder::from_tensors(weights, DType::F32, &self.device);
        Ok(Oracle::new(self.oracle.clone(), self.features.clone(), weights)?)
    }
}

/// Caps the classes and divides them.
fn split(examples: &[Example], config: &TrainConfig) -> Result<Split> {
    let true_nodes: Vec<usize> = examples.iter().map(|example| example.true_node).collect();
    let kept = cap_classes(&true_nodes, config.max_per_class.unwrap_or(usize::MAX), config.seed);
    let kept_nodes: Vec<usize> = kept.iter().map(|&object| true_nodes[object]).collect();
    let Split { training, held_out } = stratified_split(&kept_nodes, config.validation_share, config.seed);
    for (purpose, part) in [("training", &training), ("validation", &held_out)] {
        if part.is_empty() {
            return Err(TrainError::NoObjects { purpose, n_objects: examples.len() });
        }
    }
    let objects = |part: Vec<usize>| part.into_iter().map(|index| kept[index]).collect();
    Ok(Split { training: objects(training), held_out: objects(held_out) })
}
