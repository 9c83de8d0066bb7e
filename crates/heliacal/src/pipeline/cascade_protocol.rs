//! Training a cascade as its paper does: one seed after the other, beside the base classifier and the naive model.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use heliacal_lightcurve::ObjectId;
use heliacal_metrics::PmfHistory;
use heliacal_metrics::esc::EscOptions;
use heliacal_models::candle_core::Device;
use heliacal_models::train::{
    HistoryExample, Learner, Progress, Split, TrainConfig, Trained, Trainer, stratified_split,
};
use heliacal_models::{
    Cascade, CascadeConfig, CascadeInput, CascadeScaling, Naive, NaiveConfig, ScalingMode,
};

use super::cascade_checkpoints::CascadeCheckpoints;
use super::{CascadeLoss, CascadeScores, LabelledHistories};
use crate::{Error, Result};

/// The protocol of Beyond the Final Label, section V.1, every number a field.
///
/// For each seed the objects are divided anew, class by class: 30 % are held out, and of the rest 30 % are for validation. The
/// cascade and the naive model are trained on the same objects, and scored with the base classifier on those held out.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CascadeProtocol {
    /// Sizes of the network. Classes, base classifiers and flux are those of the histories, whatever it says.
    pub network: CascadeConfig,
    /// From which objects the scaling of times and fluxes comes.
    pub scaling: ScalingMode,
    /// What training pushes down.
    pub loss: CascadeLoss,
    /// Share of each class that is held out.
    pub test_share: f64,
    /// How the networks are trained. Its seed is that of the run, its scored steps are those that the loss needs.
    pub train: TrainConfig,
}

impl Default for CascadeProtocol {
    fn default() -> Self {
        Self {
            network: CascadeConfig::paper(2),
            scaling: ScalingMode::TrainingSet,
            loss: CascadeLoss::default(),
            test_share: 0.3,
            train: TrainConfig::cascade(),
        }
    }
}

/// What comes of one seed.
#[derive(Debug, Clone)]
pub struct CascadeRun {
    /// The seed.
    pub seed: u64,
    /// Which objects were learned from, those for validation included, and which were held out.
    pub split: Split,
    /// The cascade.
    pub cascade: Trained<Cascade>,
    /// The naive model.
    pub naive: Trained<Naive>,
    /// Every classifier on the held-out objects: the bases, the naive model, the cascade.
    pub classifiers: Vec<ScoredClassifier>,
}

/// A classifier on held-out objects.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredClassifier {
    /// Its name: that of a base, `naive`, or `cascade`.
    pub name: String,
    /// Its weights that are trained; none are known of a base.
    pub n_parameters: Option<usize>,
    /// What it said of each held-out object, in the order of the split.
    pub histories: Vec<PmfHistory>,
    /// What that is worth.
    pub scores: CascadeScores,
}

/// Name of the naive model among the classifiers.
pub const NAIVE: &str = "naive";
/// Name of the cascade among the classifiers.
pub const CASCADE: &str = "cascade";

impl CascadeProtocol {
    /// The network that histories ask for.
    pub fn network_of(&self, histories: &LabelledHistories) -> CascadeConfig {
        CascadeConfig {
            n_classes: histories.n_classes(),
            n_bases: histories.bases().len(),
            flux: histories.has_flux(),
            ..self.network.clone()
        }
    }

    /// The same with what the histories and the loss decide filled in.
    pub(super) fn for_histories(&self, histories: &LabelledHistories) -> Self {
        let train = TrainConfig { scored_steps: self.loss.scored_steps(), ..self.train.clone() };
        Self { network: self.network_of(histories), train, ..self.clone() }
    }

    /// Divides, trains and scores with one seed.
    ///
    /// With a folder for checkpoints the trainings write theirs there after every epoch, and go on from those that they find; a
    /// training that had ended is not run again. The same seed gives the same weights, interrupted or not. The folder is for one
    /// seed of one protocol, which is written into it as `protocol.json`; another one is an error, but for more or fewer epochs.
    ///
    /// `progress` gets the name of the network, [`NAIVE`] or [`CASCADE`], and what happened; breaking ends that training
    /// early.
    ///
    /// # Errors
    /// [`Error::Train`] when a training cannot be made or gone on with, [`Error::OtherProtocol`] and [`Error::Protocol`] when the
    /// checkpoints are of another one or do not say of which, [`Error::Loss`] for numbers that make no loss, [`Error::Model`]
    /// when a network cannot be made, [`Error::Object`] for a history that no network can take, [`Error::Esc`] for options
    /// that make no sense.
    pub fn run(
        &self,
        histories: &LabelledHistories,
        seed: u64,
        esc: &EscOptions,
        device: &Device,
        checkpoints: Option<&Path>,
        mut progress: impl FnMut(&str, Progress<'_>) -> ControlFlow<()>,
    ) -> Result<CascadeRun> {
        let split = stratified_split(&histories.true_classes(), self.test_share, seed);
        let examples = histories.examples(&split.training);
        let protocol = self.for_histories(histories);
        let checkpoints = checkpoints
            .map(|folder| CascadeCheckpoints::claim(folder, &protocol, seed, &[NAIVE, CASCADE]))
            .transpose()?;
        let network = protocol.network;
        // The trainer divides in the same way for the same seed: the scaling knows nothing of the validation objects.
        let classes: Vec<usize> = examples.iter().map(|example| example.true_class).collect();
        let learned = stratified_split(&classes, self.train.validation_share, seed).training;
        let inputs: Vec<&CascadeInput> = learned.iter().map(|&index| &examples[index].input).collect();
        let object = |position: usize| histories.objects()[position].object_id.clone();
        let scaling = CascadeScaling::fit(&network, self.scaling, inputs)
            .map_err(|error| named(error, |index| object(split.training[learned[index]])))?;

        let naive = Naive::fresh(NaiveConfig::of_cascade(&network), seed, device)?;
        let n_classes = histories.n_classes();
        let of = |name: &str| checkpoints.as_ref().map(|checkpoints| checkpoints.of(name));
        let naive =
            self.train(&naive, &examples, n_classes, seed, of(NAIVE), |event| progress(NAIVE, event))?;
        let cascade = Cascade::fresh(network, scaling, seed, device)?;
        let cascade =
            self.train(&cascade, &examples, n_classes, seed, of(CASCADE), |event| progress(CASCADE, event))?;

        let held_out: Vec<CascadeInput> =
            split.held_out.iter().map(|&position| histories.objects()[position].input()).collect();
        let true_classes: Vec<usize> =
            split.held_out.iter().map(|&position| histories.objects()[position].true_class).collect();
        let scored = |name: &str, n_parameters, histories_of: Vec<PmfHistory>| {
            let scores = CascadeScores::new(histories.n_classes(), &histories_of, &true_classes, esc)?;
            Ok::<_, Error>(ScoredClassifier {
                name: name.to_owned(),
                n_parameters,
                histories: histories_of,
                scores,
            })
        };
        let mut classifiers = Vec::new();
        for (base, name) in histories.bases().iter().enumerate() {
            let said = split.held_out.iter().map(|&position| histories.base_history(position, base));
            classifiers.push(scored(name, None, said.collect())?);
        }
        let said = held_out.iter().zip(&split.held_out).map(|(input, &position)| {
            let said = naive.model.predict(&input.probabilities);
            said.map_err(|source| Error::Object { object: object(position), source })
        });
        let said = histories.pmfs(&split.held_out, &said.collect::<Result<Vec<_>>>()?)?;
        classifiers.push(scored(NAIVE, Some(naive.model.config().n_parameters()), said)?);
        let said = cascade.model.predict_histories(&held_out);
        let said = said.map_err(|error| named(error, |index| object(split.held_out[index])))?;
        let said = histories.pmfs(&split.held_out, &said)?;
        classifiers.push(scored(CASCADE, Some(cascade.model.config().n_parameters()), said)?);
        Ok(CascadeRun { seed, split, cascade, naive, classifiers })
    }

    fn train<M: Learner<Example = HistoryExample>>(
        &self,
        fresh: &M,
        examples: &[HistoryExample],
        n_classes: usize,
        seed: u64,
        checkpoint: Option<PathBuf>,
        progress: impl FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Trained<M>> {
        let config = TrainConfig { seed, scored_steps: self.loss.scored_steps(), ..self.train.clone() };
        let mut trainer = match &checkpoint {
            Some(path) if path.exists() => {
                Trainer::resume(path, examples, fresh.device())?.with_epochs(config.epochs)
            }
            _ => Trainer::new(fresh, examples, config)?,
        };
        if let Some(path) = checkpoint {
            trainer = trainer.with_checkpoints(path, 0);
        }
        let learned = trainer.split().training.iter().map(|&index| examples[index].true_class);
        let loss = self.loss.of(n_classes, learned.collect::<Vec<_>>())?;
        Ok(trainer.train(loss, progress)?)
    }
}

/// Names the object of a history that a network did not take.
fn named(error: heliacal_models::Error, object: impl FnOnce(usize) -> ObjectId) -> Error {
    match error {
        heliacal_models::Error::History { index, source } => {
            Error::Object { object: object(index), source: *source }
        }
        error => error.into(),
    }
}
