//! The numbers of a training.

use serde::{Deserialize, Serialize};

use super::{Beginnings, Criterion, Learner, ScoredSteps, TrainError};

/// The protocol; the default is ORACLE's (arXiv 2501.01496, section 5). [`cascade`](Self::cascade) is that of the cascade.
///
/// Class weights are the loss function's affair.
///
/// ```
/// use heliacal_models::train::TrainConfig;
///
/// let config = TrainConfig { epochs: 20, patience: Some(5), ..TrainConfig::default() };
/// assert_eq!(config.learning_rate_at(9_999), 2e-4);
/// assert_eq!(config.learning_rate_at(10_000), 2e-4 * 0.9);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Epochs at most.
    pub epochs: usize,
    /// Objects in a batch.
    pub batch_size: usize,
    /// So many batches are filled together, sorted by length: short light curves then share a batch. 1 leaves lengths
    /// mixed.
    pub batches_per_bucket: usize,
    /// Learning rate of the first steps.
    pub learning_rate: f64,
    /// Factor on the learning rate every `decay_steps` steps.
    pub decay_factor: f64,
    /// Optimizer steps between decays.
    pub decay_steps: u64,
    /// How much of an example is seen each time it comes by.
    pub beginnings: Beginnings,
    /// After which steps of it the loss wants logits.
    pub scored_steps: ScoredSteps,
    /// Share of each class's objects that is for validation.
    pub validation_share: f64,
    /// Fractions of the examples at which the validation loss and accuracy are taken; their mean decides.
    pub validation_fractions: Vec<f64>,
    /// What is best in validation.
    pub criterion: Criterion,
    /// Epochs without a better one after which training ends; never by default.
    pub patience: Option<usize>,
    /// Objects of a class at most, those for validation included.
    pub max_per_class: Option<usize>,
    /// Seed of the split, of the order of objects and of their truncation. The weights have their own:
    /// [`Oracle::fresh`](crate::Oracle::fresh).
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 1000,
            batch_size: 1024,
            batches_per_bucket: 8,
            learning_rate: 2e-4,
            decay_factor: 0.9,
            decay_steps: 10_000,
            beginnings: Beginnings::Random,
            scored_steps: ScoredSteps::Last,
            validation_share: 0.05,
            validation_fractions: vec![0.1, 0.4, 0.6, 1.0],
            criterion: Criterion::Loss,
            patience: None,
            max_per_class: Some(40_000),
            seed: 0,
        }
    }
}

impl TrainConfig {
    /// The protocol of the cascade and of the naive model (Beyond the Final Label, arXiv 2604.23792, section V.1): whole
    /// histories, 30 % for validation, 200 epochs, patience of 20 on the validation accuracy. The paper names neither batch
    /// size nor learning rate; 256 and Adam's usual 0.001 are ours.
    pub fn cascade() -> Self {
        Self {
            epochs: 200,
            batch_size: 256,
            batches_per_bucket: 1,
            learning_rate: 1e-3,
            decay_factor: 1.0,
            beginnings: Beginnings::Whole,
            validation_share: 0.3,
            validation_fractions: vec![1.0],
            criterion: Criterion::Accuracy,
            patience: Some(20),
            max_per_class: None,
            ..Self::default()
        }
    }

    /// Learning rate of an optimizer step, counted from 0.
    ///
    /// ```text
    /// learning_rate · decay_factor ^ floor(step / decay_steps)
    /// ```
    ///
    /// With `decay_steps` 0, which no training accepts, it does not decay.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        let n_decays = step.checked_div(self.decay_steps).unwrap_or(0);
        self.learning_rate * self.decay_factor.powi(i32::try_from(n_decays).unwrap_or(i32::MAX))
    }

    /// That a training of this kind of network can have these numbers.
    pub(super) fn check<M: Learner>(&self) -> Result<(), TrainError> {
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let fractions = &self.validation_fractions;
        let wrong_fraction = fractions.iter().find(|&&f| !(f > 0.0 && f <= 1.0));
        for (what, fits, expected, found) in [
            ("batch_size", self.batch_size > 0, "at least 1", self.batch_size.to_string()),
            (
                "batches_per_bucket",
                self.batches_per_bucket > 0,
                "at least 1",
                self.batches_per_bucket.to_string(),
            ),
            ("learning_rate", positive(self.learning_rate), "positive", self.learning_rate.to_string()),
            ("decay_factor", positive(self.decay_factor), "positive", self.decay_factor.to_string()),
            ("decay_steps", self.decay_steps > 0, "at least 1", self.decay_steps.to_string()),
            (
                "validation_share",
                positive(self.validation_share) && self.validation_share < 1.0,
                "more than 0, less than 1",
                self.validation_share.to_string(),
            ),
            ("number of validation_fractions", !fractions.is_empty(), "at least 1", "0".to_owned()),
            (
                "validation fraction",
                wrong_fraction.is_none(),
                "more than 0, at most 1",
                wrong_fraction.map_or_else(String::new, f64::to_string),
            ),
            (
                "criterion",
                self.criterion == Criterion::Loss || M::LOGITS_ARE_CLASSES,
                "loss: the logits are those of a tree",
                "accuracy".to_owned(),
            ),
            (
                "batch_size",
                self.batch_size >= M::LEAST_BATCH,
                "at least 2: the network normalizes by its batch",
                self.batch_size.to_string(),
            ),
            ("patience", self.patience != Some(0), "none or at least 1", "0".to_owned()),
            (
                "max_per_class",
                self.max_per_class.is_none_or(|n| n >= 2),
                "none or at least 2",
                self.max_per_class.map_or_else(String::new, |n| n.to_string()),
            ),
        ] {
            if !fits {
                return Err(TrainError::Config { what, expected, found });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Cascade, Oracle};

    use super::*;

    #[test]
    fn the_default_fits_and_survives_json() {
        let config = TrainConfig { seed: u64::MAX, ..TrainConfig::default() };
        config.check::<Oracle>().unwrap();
        TrainConfig::cascade().check::<Cascade>().unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<TrainConfig>(&json).unwrap(), config);
        assert_eq!(serde_json::from_str::<TrainConfig>("{}").unwrap(), TrainConfig::default());
    }

    #[test]
    fn wrong_numbers_are_named() {
        let default = TrainConfig::default;
        for (config, what) in [
            (TrainConfig { batch_size: 0, ..default() }, "batch_size"),
            (TrainConfig { batches_per_bucket: 0, ..default() }, "batches_per_bucket"),
            (TrainConfig { learning_rate: f64::NAN, ..default() }, "learning_rate"),
            (TrainConfig { decay_factor: 0.0, ..default() }, "decay_factor"),
            (TrainConfig { decay_steps: 0, ..default() }, "decay_steps"),
            (TrainConfig { validation_share: 1.0, ..default() }, "validation_share"),
            (TrainConfig { validation_fractions: vec![], ..default() }, "validation_fractions"),
            (TrainConfig { validation_fractions: vec![0.5, 1.5], ..default() }, "validation fraction is 1.5"),
            (TrainConfig { criterion: Criterion::Accuracy, ..default() }, "criterion is accuracy"),
            (TrainConfig { patience: Some(0), ..default() }, "patience"),
            (TrainConfig { max_per_class: Some(1), ..default() }, "max_per_class"),
        ] {
            assert!(config.check::<Oracle>().unwrap_err().to_string().contains(what), "{what}");
        }
        let lone = TrainConfig { batch_size: 1, ..TrainConfig::cascade() };
        assert!(lone.check::<Cascade>().unwrap_err().to_string().contains("normalizes by its batch"));
        assert_eq!(TrainConfig { decay_steps: 0, ..default() }.learning_rate_at(5), 2e-4);
    }
}
