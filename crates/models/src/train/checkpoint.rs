//! The state of a training on disk.

use std::path::Path;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::adam::{Adam, Weights};
use super::{EpochReport, Learner, TrainConfig, TrainError};
use crate::{Error, GpuPrecision, ModelFile, Result};

/// Entry of the file's description.
const KEY: &str = "training";
/// Prefixes of the tensors beside the best weights, which have plain names.
const CURRENT: &str = "current.";
const FIRST: &str = "adam.first.";
const SECOND: &str = "adam.second.";

/// How far a training is. The random state is a position: order and truncation follow from (seed, epoch).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Position {
    /// Epoch under way.
    pub epoch: usize,
    /// Batches of it that are done.
    pub batch: usize,
    /// Sum of the losses of the epoch's objects so far.
    pub loss_sum: f64,
    /// Epochs that are done.
    pub history: Vec<EpochReport>,
}

#[derive(Serialize, Deserialize)]
struct Description {
    config: TrainConfig,
    position: Position,
    step: u64,
    digest: u64,
    #[serde(default)]
    gpu_precision: GpuPrecision,
}

/// Everything that a training needs to go on.
///
/// A checkpoint is a model file: the tensors under their plain names are the best so far, and the network's own
/// `from_file` reads them.
pub(super) struct Checkpoint<M> {
    /// With the best weights.
    pub best: M,
    pub config: TrainConfig,
    pub position: Position,
    pub adam: Adam,
    /// Running statistics that belong to Adam's weights.
    pub statistics: Weights,
    pub digest: u64,
}

/// What is written, borrowed.
pub(super) struct Parts<'a> {
    /// The network with the best weights.
    pub best: ModelFile,
    pub config: &'a TrainConfig,
    pub position: &'a Position,
    pub adam: &'a Adam,
    pub statistics: &'a Weights,
    pub digest: u64,
    pub gpu_precision: GpuPrecision,
}

impl Parts<'_> {
    /// Writes the file; a file of that name is replaced whole or not at all.
    pub fn write(self, path: &Path) -> Result<()> {
        let mut file = self.best;
        let description = Description {
            config: self.config.clone(),
            position: self.position.clone(),
            step: self.adam.step,
            digest: self.digest,
            gpu_precision: self.gpu_precision,
        };
        file.set_config(KEY, &description);
        let current = self.adam.variables().chain(self.statistics);
        file.tensors.extend(current.map(|(name, tensor)| (format!("{CURRENT}{name}"), tensor.clone())));
        for moments in self.adam.moments() {
            let (name, [first, second]) = moments?;
            file.tensors.insert(format!("{FIRST}{name}"), first);
            file.tensors.insert(format!("{SECOND}{name}"), second);
        }
        file.write(path)
    }
}

impl<M: Learner> Checkpoint<M> {
    pub fn read(path: &Path, device: &Device) -> Result<Self, TrainError> {
        let file = ModelFile::read(path)?;
        let Description { config, position, step, digest, gpu_precision } = file.config(KEY)?;
        let best = M::from_file(&file, device)?.with_gpu_precision(gpu_precision);
        config.check::<M>()?;
        for (what, expected, found) in [
            ("number of epochs in the history", position.epoch, position.history.len()),
            ("last epoch in the history", position.epoch, position.history.last().map_or(0, |e| e.epoch + 1)),
        ] {
            if expected != found {
                let (expected, found) = (expected.to_string(), found.to_string());
                return Err(TrainError::Checkpoint { what, expected, found });
            }
        }
        let own = best.to_file()?.tensors;
        let tensors = |prefix: &str, statistics: bool| -> Result<Weights> {
            let names = own.iter().filter(|(name, _)| M::is_statistic(name) == statistics);
            let tensor = |(name, own): (&String, &Tensor)| {
                let stored = format!("{prefix}{name}");
                file.check(&stored, own.dims())?;
                let tensor = file.tensors[&stored].to_dtype(own.dtype())?.to_device(device)?;
                Ok((name.clone(), tensor))
            };
            names.map(tensor).collect()
        };
        let (first, second) = (tensors(FIRST, false)?, tensors(SECOND, false)?);
        let adam =
            Adam::with_moments(&tensors(CURRENT, false)?, &first, &second, step).map_err(Error::from)?;
        Ok(Self { adam, statistics: tensors(CURRENT, true)?, best, config, position, digest })
    }
}
