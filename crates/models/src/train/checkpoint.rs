//! The state of a training on disk.

use std::path::Path;

use candle_core::Device;
use serde::{Deserialize, Serialize};

use super::adam::{Adam, Weights};
use super::{EpochReport, TrainConfig, TrainError};
use crate::{Error, FeatureSpec, ModelFile, OracleConfig, Result};

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
}

/// Everything that a training needs to go on.
///
/// A checkpoint is a model file: the weights under their plain names are the best so far, and
/// [`Oracle::from_file`](crate::Oracle::from_file) reads them.
pub(super) struct Checkpoint {
    pub oracle: OracleConfig,
    pub features: FeatureSpec,
    pub config: TrainConfig,
    pub position: Position,
    pub adam: Adam,
    pub best: Weights,
    pub digest: u64,
}

/// What is written, borrowed.
pub(super) struct Parts<'a> {
    pub oracle: &'a OracleConfig,
    pub features: &'a FeatureSpec,
    pub config: &'a TrainConfig,
    pub position: &'a Position,
    pub adam: &'a Adam,
    pub best: &'a Weights,
    pub digest: u64,
}

impl Parts<'_> {
    /// Writes the file; a file of that name is replaced whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut file = ModelFile::default();
        file.set_config("oracle", self.oracle);
        file.set_config("features", self.features);
        let description = Description {
            config: self.config.clone(),
            position: self.position.clone(),
            step: self.adam.step,
            digest: self.digest,
        };
        file.set_config(KEY, &description);
        file.tensors.extend(self.best.clone());
        let current = self.adam.variables();
        file.tensors.extend(current.map(|(name, weight)| (format!("{CURRENT}{name}"), weight.clone())));
        for (name, [first, second]) in self.adam.moments() {
            file.tensors.insert(format!("{FIRST}{name}"), first.clone());
            file.tensors.insert(format!("{SECOND}{name}"), second.clone());
        }
        file.write(path)
    }
}

impl Checkpoint {
    pub fn read(path: &Path, device: &Device) -> Result<Self, TrainError> {
        let file = ModelFile::read(path)?;
        let oracle: OracleConfig = file.config("oracle")?;
        let features: FeatureSpec = file.config("features")?;
        oracle.check(&features)?;
        let Description { config, position, step, digest } = file.config(KEY)?;
        config.check()?;
        for (what, expected, found) in [
            ("number of epochs in the history", position.epoch, position.history.len()),
            ("last epoch in the history", position.epoch, position.history.last().map_or(0, |e| e.epoch + 1)),
        ] {
            if expected != found {
                let (expected, found) = (expected.to_string(), found.to_string());
                return Err(TrainError::Checkpoint { what, expected, found });
            }
        }
        let tensors = |prefix: &str| -> Result<Weights> {
            let tensor = |(name, shape): (String, Vec<usize>)| {
                let stored = format!("{prefix}{name}");
                file.check(&stored, &shape)?;
                let tensor = file.tensors[&stored].to_dtype(candle_core::DType::F32)?.to_device(device)?;
                Ok((name, tensor))
            };
            oracle.parameters().into_iter().map(tensor).collect()
        };
        let adam = Adam::with_moments(&tensors(CURRENT)?, &tensors(FIRST)?, &tensors(SECOND)?, step)
            .map_err(Error::from)?;
        Ok(Self { best: tensors("")?, oracle, features, config, position, adam, digest })
    }
}
