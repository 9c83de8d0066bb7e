//! The training loop.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};

use super::adam::{Adam, Weights};
use super::batches::{self, Batch, Targets};
use super::checkpoint::{Checkpoint, Parts, Position};
use super::learner::with_weights;
use super::split::{Split, cap_classes, stratified_split};
use super::{Criterion, EpochReport, Learner, Progress, ScoredSteps, StepReport, TrainConfig, TrainError};
use crate::ahead::{ahead, feeding_threads};
use crate::{Oracle, dropout_seed, keep_device_memory};

type Result<T, E = TrainError> = std::result::Result<T, E>;

/// A training under way: network, optimizer and position. See the [module](crate::train) for an example.
///
/// Each epoch goes once through the training objects, whole or each cut to a fresh random fraction. Then the loss of the
/// validation objects, and their accuracy where logits are classes, is taken at fixed fractions; the weights of the epoch that is
/// best by the criterion are kept, with the running statistics that belong to them.
#[derive(Debug)]
pub struct Trainer<'a, M: Learner = Oracle> {
    examples: &'a [M::Example],
    digest: u64,
    split: Split,
    config: TrainConfig,
    /// With the weights that are the best so far.
    best: M,
    adam: Adam,
    statistics: Weights,
    position: Position,
    checkpoints: Option<(PathBuf, u64)>,
}

/// Why a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// All epochs are done.
    Epochs,
    /// Validation did not become better for as long as patience lasts.
    Patience,
    /// The callback asked for it; [`Trainer::train`] would go on.
    Callback,
}

/// The result of a training.
#[derive(Debug, Clone)]
pub struct Trained<M = Oracle> {
    /// The network with the weights of the best epoch; those of the beginning if no epoch was completed.
    pub model: M,
    /// The epoch that was best in validation, if one was completed.
    pub best_epoch: Option<usize>,
    /// Every completed epoch, those before a resumption included.
    pub history: Vec<EpochReport>,
    /// Why it ended.
    pub ending: Ending,
}

impl<'a, M: Learner> Trainer<'a, M> {
    /// Begins a training with the weights of a network: fresh ones ([`Oracle::fresh`]), or trained ones to be refined.
    ///
    /// Classes are capped, and each is divided into objects to learn from and objects for validation.
    ///
    /// # Errors
    /// [`TrainError::Config`] for impossible numbers, [`TrainError::Object`] for an object that does not fit the network
    /// or holds NaN, [`TrainError::NoObjects`] when nothing is left to learn from or to validate on.
    pub fn new(model: &M, examples: &'a [M::Example], config: TrainConfig) -> Result<Self> {
        config.check::<M>()?;
        let digest = model.check(examples)?;
        let (statistics, weights): (Weights, Weights) =
            model.to_file()?.tensors.into_iter().partition(|(name, _)| M::is_statistic(name));
        let adam = Adam::new(&weights)?;
        let best = with_weights(model, adam.weights()?.into_iter().chain(statistics.clone()).collect())?;
        Ok(Self {
            examples,
            digest,
            split: split::<M>(examples, &config)?,
            config,
            best,
            adam,
            statistics,
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
    pub fn resume(path: impl AsRef<Path>, examples: &'a [M::Example], device: &Device) -> Result<Self> {
        let Checkpoint::<M> { best, config, position, adam, statistics, digest } =
            Checkpoint::read(path.as_ref(), device)?;
        let found = best.check(examples)?;
        if found != digest {
            return Err(TrainError::OtherObjects { expected: digest, found });
        }
        let split = split::<M>(examples, &config)?;
        Ok(Self { examples, digest, split, config, best, adam, statistics, position, checkpoints: None })
    }

    /// Writes a checkpoint after every epoch and every so many optimizer steps (0: after epochs only), and when the
    /// callback ends the training.
    ///
    /// The file is written beside its place and renamed, so at any moment a whole one is there. It is also a model file:
    /// the network's `from_file` reads the best weights so far from it.
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
    /// `loss` gets logits with the objects' true classes, and gives a scalar: the mean over the batch. Of each object there is
    /// one row of logits, after the last step; with [`ScoredSteps::All`](super::ScoredSteps::All) one after each step, the
    /// objects in turn.
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
    ) -> Result<Trained<M>> {
        keep_device_memory(self.best.device())?;
        loop {
            if let Some(ending) = self.ending() {
                return Ok(self.trained(ending));
            }
            let epoch = self.position.epoch;
            let batches = batches::of_epoch::<M>(self.examples, &self.split.training, &self.config, epoch);
            if self.steps(&batches, &loss, &mut progress)?.is_break() {
                return Ok(self.trained(Ending::Callback));
            }
            let report = self.finish_epoch(&loss)?;
            self.write_checkpoint()?;
            if progress(Progress::Epoch(&report)).is_break() {
                return Ok(self.trained(Ending::Callback));
            }
        }
    }

    /// The steps of an epoch that are still to be made, until the callback breaks.
    fn steps(
        &mut self,
        batches: &[Batch],
        loss: impl Fn(&Tensor, &Targets<'_>) -> candle_core::Result<Tensor>,
        progress: &mut impl FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let rest = &batches[self.position.batch..];
        // Packing looks at sizes and scaling alone, which are those of any network of this training.
        let packer = self.best.clone();
        packed(&packer, self.examples, rest, self.config.scored_steps, |packed| {
            for (batch, packed) in rest.iter().zip(packed) {
                let report = self.step(batch, &packed?, batches.len(), &loss)?;
                let broke = progress(Progress::Step(&report)).is_break();
                let due = |every: u64| every > 0 && report.step.is_multiple_of(every);
                if broke || self.checkpoints.as_ref().is_some_and(|(_, every)| due(*every)) {
                    self.write_checkpoint()?;
                }
                if broke {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// The network with the best weights so far, also after [`train`](Self::train) has failed.
    pub fn best(&self) -> &M {
        &self.best
    }

    /// The network with the weights of now.
    ///
    /// # Errors
    /// [`TrainError::Model`] when the device fails.
    pub fn current(&self) -> Result<M> {
        let tensors = self.adam.weights()?.into_iter().chain(self.statistics.clone());
        Ok(with_weights(&self.best, tensors.collect())?)
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
            best: self.best.to_file()?,
            config: &self.config,
            position: &self.position,
            adam: &self.adam,
            statistics: &self.statistics,
            digest: self.digest,
            gpu_precision: self.best.gpu_precision(),
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
        packed: &M::Batch,
        n_batches: usize,
        loss: impl Fn(&Tensor, &Targets<'_>) -> candle_core::Result<Tensor>,
    ) -> Result<StepReport> {
        let learning_rate = self.config.learning_rate_at(self.adam.step);
        // The network is put together anew at each step: its layers may keep weights in a form of their own.
        let tensors = self.adam.variables().chain(&self.statistics);
        let network = with_weights(&self.best, tensors.map(|(name, t)| (name.clone(), t.clone())).collect())?;
        let seed = dropout_seed(self.config.seed, self.adam.step, 0);
        let pass = network.training_pass(packed, self.config.scored_steps, seed)?;
        let loss = loss(&pass.logits, &batch.targets())?;
        let mean = self.finite(&loss)?;
        self.adam.step(&loss.backward()?, learning_rate)?;
        for (name, statistic) in pass.statistics {
            self.statistics.insert(name, statistic.detach());
        }
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
        let network = self.current()?;
        let (mut validation_losses, mut n_right) = (Vec::new(), 0);
        let held_out = &self.split.held_out;
        for &fraction in &self.config.validation_fractions {
            let batches = batches::at_fraction::<M>(self.examples, held_out, fraction, &self.config);
            let scored = self.config.scored_steps;
            let sum = packed(&network, self.examples, &batches, scored, |packed| {
                let mut sum = 0.0;
                for (batch, packed) in batches.iter().zip(packed) {
                    let logits = network.evaluation_pass(&packed?, scored)?;
                    let targets = batch.targets();
                    sum += self.finite(&loss(&logits, &targets)?)? * batch.len() as f64;
                    n_right += if M::LOGITS_ARE_CLASSES { count_right(&logits, &targets)? } else { 0 };
                }
                Ok::<_, TrainError>(sum)
            })?;
            validation_losses.push(sum / held_out.len() as f64);
        }
        let validation_loss = validation_losses.iter().sum::<f64>() / validation_losses.len() as f64;
        let n_validated = held_out.len() * validation_losses.len();
        let validation_accuracy = M::LOGITS_ARE_CLASSES.then(|| n_right as f64 / n_validated as f64);
        let position = &mut self.position;
        let mut report = EpochReport {
            epoch: position.epoch,
            step: self.adam.step,
            training_loss: position.loss_sum / self.split.training.len() as f64,
            validation_losses,
            validation_loss,
            validation_accuracy,
            learning_rate: self.config.learning_rate_at(self.adam.step.saturating_sub(1)),
            best: false,
        };
        let criterion = |epoch: &EpochReport| match self.config.criterion {
            Criterion::Loss => -epoch.validation_loss,
            Criterion::Accuracy => epoch.validation_accuracy.unwrap_or(f64::NEG_INFINITY),
        };
        let best_before = position.history.iter().map(criterion).fold(f64::NEG_INFINITY, f64::max);
        report.best = criterion(&report) > best_before;
        if report.best {
            self.best = network;
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

    fn trained(&self, ending: Ending) -> Trained<M> {
        let history = self.position.history.clone();
        Trained { model: self.best.clone(), best_epoch: self.best_epoch(), history, ending }
    }
}

/// Gives `take` the batches, packed by other threads ahead of it.
fn packed<M: Learner, R>(
    network: &M,
    examples: &[M::Example],
    batches: &[Batch],
    scored: ScoredSteps,
    take: impl FnOnce(&mut dyn Iterator<Item = crate::Result<M::Batch>>) -> R,
) -> R {
    let pack = |index: usize| network.pack(&batches[index].beginnings(examples), scored);
    ahead(feeding_threads(network.device()), batches.len(), pack, take)
}

/// Objects whose largest logit, after the last step, is that of their class.
fn count_right(logits: &Tensor, targets: &Targets<'_>) -> candle_core::Result<usize> {
    let rows = logits.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    let mut end = 0;
    let right = targets.true_nodes.iter().zip(targets.n_rows).filter(|&(&class, &n_rows)| {
        end += n_rows;
        let row = &rows[end - 1];
        row.iter()
            .enumerate()
            .all(|(c, &logit)| logit < row[class] || c == class || (logit == row[class] && c > class))
    });
    Ok(right.count())
}

/// Caps the classes and divides them.
fn split<M: Learner>(examples: &[M::Example], config: &TrainConfig) -> Result<Split> {
    let true_nodes: Vec<usize> = examples.iter().map(M::true_class).collect();
    let kept = cap_classes(&true_nodes, config.max_per_class.unwrap_or(usize::MAX), config.seed);
    let kept_nodes: Vec<usize> = kept.iter().map(|&object| true_nodes[object]).collect();
    let Split { training, held_out } = stratified_split(&kept_nodes, config.validation_share, config.seed);
    for (purpose, part, least) in [("training", &training, M::LEAST_BATCH), ("validation", &held_out, 1)] {
        if part.len() < least {
            return Err(TrainError::NoObjects { purpose, n_objects: examples.len() });
        }
    }
    let objects = |part: Vec<usize>| part.into_iter().map(|index| kept[index]).collect();
    Ok(Split { training: objects(training), held_out: objects(held_out) })
}
