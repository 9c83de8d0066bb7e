//! The cascade and the naive model are trained: what they learn, that a seed decides all, and what cannot be trained. How right
//! they become is looked at on the CPU: other roundings make another training.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use candle_core::{Result, Tensor};
use heliacal_models::train::{
    Beginnings, Criterion, Ending, HistoryExample, Learner, Progress, ScoredSteps, Targets, TrainConfig,
    TrainError, Trained, Trainer,
};
use heliacal_models::{
    Cascade, CascadeConfig, CascadeInput, CascadeScaling, ModelFile, Naive, NaiveConfig, ScalingMode,
    candle_core, candle_nn,
};

use crate::devices::device;
use crate::wave;

on_every_device!(
    every_weight_and_every_statistic_moves,
    a_cascade_is_resumed_to_the_bit,
    a_naive_model_is_resumed_to_the_bit,
    a_checkpoint_is_a_cascade_with_its_scaling,
);

/// Sixty objects of two classes, of 4 to 9 classifications: the first ones lean to the true class, the last says nothing.
fn examples() -> Vec<HistoryExample> {
    let example = |index: usize| {
        let (true_class, n_steps) = (index % 2, 4 + index % 6);
        let p = |step: usize| match n_steps - 1 - step {
            0 => 0.5 + 0.2 * wave(31 * index),
            _ => 0.5 + (0.3 + 0.1 * wave(100 * index + step)) * (1.0 - 2.0 * true_class as f32),
        };
        let input = CascadeInput {
            mjd: (0..n_steps).map(|step| 60_000.0 + f64::from(wave(index)) + 3.0 * step as f64).collect(),
            probabilities: (0..n_steps).flat_map(|step| [p(step), 1.0 - p(step)]).collect(),
            flux: (0..n_steps).map(|step| 10.0 * wave(7 * index + step)).collect(),
        };
        HistoryExample { input, true_class }
    };
    (0..60).map(example).collect()
}

fn cascade(seed: u64) -> Cascade {
    let config = CascadeConfig {
        hidden: 8,
        attention_units: 4,
        head_widths: [8, 8, 4],
        dropout: 0.1,
        ..CascadeConfig::paper(2)
    };
    let examples = examples();
    let inputs = examples.iter().map(|example| &example.input);
    let scaling = CascadeScaling::fit(&config, ScalingMode::TrainingSet, inputs).unwrap();
    Cascade::fresh(config, scaling, seed, &device()).unwrap()
}

fn naive(seed: u64) -> Naive {
    Naive::fresh(NaiveConfig::of_cascade(cascade(1).config()), seed, &device()).unwrap()
}

fn config() -> TrainConfig {
    TrainConfig { epochs: 8, batch_size: 11, learning_rate: 0.01, seed: 3, ..TrainConfig::cascade() }
}

/// Of every row of logits; an object's class counts once for each.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that Trainer::train asks for")]
fn cross_entropy(logits: &Tensor, targets: &Targets<'_>) -> Result<Tensor> {
    let rows = targets.true_nodes.iter().zip(targets.n_rows);
    let classes: Vec<u32> = rows.flat_map(|(&class, &n)| vec![class as u32; n]).collect();
    assert_eq!(logits.dims(), [classes.len(), 2]);
    candle_nn::loss::cross_entropy(logits, &Tensor::new(classes, logits.device())?)
}

fn go_on(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Every number of a network, running statistics included, to the last bit.
fn bits<M: Learner>(model: &M) -> BTreeMap<String, Vec<u32>> {
    let bits = |tensor: Tensor| {
        let numbers = tensor.to_dtype(candle_core::DType::F32).unwrap().flatten_all().unwrap();
        numbers.to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
    };
    model.to_file().unwrap().tensors.into_iter().map(|(name, tensor)| (name, bits(tensor))).collect()
}

fn train<M: Learner<Example = HistoryExample>>(fresh: &M, config: TrainConfig) -> Trained<M> {
    Trainer::new(fresh, &examples(), config).unwrap().train(cross_entropy, go_on).unwrap()
}

#[test]
fn the_cascade_learns_what_only_the_history_tells_and_the_naive_model_does_not() {
    let long = || TrainConfig { epochs: 60, patience: None, ..config() };
    let of_cascade = train(&cascade(1), long());
    let of_naive = train(&naive(1), long());
    let best = |history: &[heliacal_models::train::EpochReport]| {
        history.iter().filter_map(|epoch| epoch.validation_accuracy).fold(0.0, f64::max)
    };
    assert!(best(&of_cascade.history) >= 0.94, "{}", best(&of_cascade.history));
    assert!(best(&of_naive.history) <= 0.8, "{}", best(&of_naive.history));
    let losses: Vec<f64> = of_cascade.history.iter().map(|epoch| epoch.training_loss).collect();
    assert!(losses[59] < 0.6 * losses[0], "{losses:?}");

    // The best epoch is the first of the highest accuracy, and the network that is kept has it.
    let kept = of_cascade.best_epoch.unwrap();
    let accuracy = |epoch: usize| of_cascade.history[epoch].validation_accuracy.unwrap();
    assert!((0..kept).all(|epoch| accuracy(epoch) < accuracy(kept)));
    assert!((kept..60).all(|epoch| accuracy(epoch) <= accuracy(kept)));
    let examples = examples();
    let trainer = Trainer::new(&cascade(1), &examples, long()).unwrap();
    let held_out = &trainer.split().held_out;
    let right = held_out.iter().filter(|&&object| {
        let HistoryExample { input, true_class } = &examples[object];
        let pmfs = of_cascade.model.predict_history(input).unwrap();
        pmfs[pmfs.len() - 2..][*true_class] > 0.5
    });
    assert_eq!(right.count() as f64 / held_out.len() as f64, accuracy(kept));
}

fn every_weight_and_every_statistic_moves() {
    let fresh = cascade(1);
    for scored_steps in [ScoredSteps::Last, ScoredSteps::All] {
        let examples = examples();
        let one = TrainConfig { epochs: 2, scored_steps, ..config() };
        let mut trainer = Trainer::new(&fresh, &examples, one).unwrap();
        trainer.train(cross_entropy, go_on).unwrap();
        let (before, after) = (bits(&fresh), bits(&trainer.current().unwrap()));
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
        for (name, before) in before {
            // A term that all attention scores share has no part in a softmax.
            assert!(before != after[&name] || name == "v.bias", "{name} with {scored_steps:?}");
        }
    }
}

fn a_resumed_training_equals_an_uninterrupted_one<M: Learner<Example = HistoryExample>>(fresh: &M) {
    let examples = examples();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    for scored_steps in [ScoredSteps::Last, ScoredSteps::All] {
        for beginnings in [Beginnings::Whole, Beginnings::Random] {
            let config = TrainConfig { scored_steps, beginnings, ..config() };
            let expected = train(fresh, config.clone());
            assert_eq!(bits(&train(fresh, config.clone()).model), bits(&expected.model));
            // 42 objects less 12 for validation are 3 batches: in the middle of an epoch, at its end, again and again.
            for stops in [&[2u64][..], &[6], &[1, 4, 11]] {
                let mut trainer =
                    Trainer::new(fresh, &examples, config.clone()).unwrap().with_checkpoints(&path, 0);
                for &stop in stops {
                    let until = |progress: Progress<'_>| match progress {
                        Progress::Step(step) if step.step >= stop => ControlFlow::Break(()),
                        _ => ControlFlow::Continue(()),
                    };
                    assert_eq!(trainer.train(cross_entropy, until).unwrap().ending, Ending::Callback);
                    let resumed = Trainer::resume(&path, &examples, &device()).unwrap();
                    trainer = resumed.with_checkpoints(&path, 0);
                }
                let found = trainer.train(cross_entropy, go_on).unwrap();
                assert_eq!(found.history, expected.history);
                assert_eq!(bits(&found.model), bits(&expected.model));
            }
        }
    }
    let other = train(fresh, TrainConfig { seed: 4, ..config() });
    assert_ne!(bits(&other.model), bits(&train(fresh, config()).model));
    assert!(matches!(
        Trainer::<M>::resume(&path, &examples[1..], &device()),
        Err(TrainError::OtherObjects { .. })
    ));
}

fn a_cascade_is_resumed_to_the_bit() {
    a_resumed_training_equals_an_uninterrupted_one(&cascade(1));
}

fn a_naive_model_is_resumed_to_the_bit() {
    a_resumed_training_equals_an_uninterrupted_one(&naive(1));
}

fn a_checkpoint_is_a_cascade_with_its_scaling() {
    let examples = examples();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let mut trainer = Trainer::new(&cascade(1), &examples, config()).unwrap().with_checkpoints(&path, 0);
    let trained = trainer.train(cross_entropy, go_on).unwrap();
    let read = Cascade::from_file(&ModelFile::read(&path).unwrap(), &device()).unwrap();
    assert_eq!(bits(&read), bits(&trained.model));
    assert_eq!(read.scaling(), trained.model.scaling());
    let input = &examples[5].input;
    assert_eq!(read.predict_history(input).unwrap(), trained.model.predict_history(input).unwrap());
    // A naive model's training is another one.
    assert!(Trainer::<Naive>::resume(&path, &examples, &device()).is_err());
}

#[test]
fn patience_looks_at_the_accuracy() {
    let examples = examples();
    // Nothing is learned: accuracy stays what it was after the first epoch, though the loss falls a little.
    let still = TrainConfig { epochs: 50, learning_rate: 1e-12, patience: Some(3), ..config() };
    let one_loss = |logits: &Tensor, _: &Targets<'_>| logits.sqr()?.mean_all();
    let mut trainer = Trainer::new(&naive(1), &examples, still.clone()).unwrap();
    let trained = trainer.train(one_loss, go_on).unwrap();
    assert_eq!((trained.ending, trained.best_epoch), (Ending::Patience, Some(0)));
    assert_eq!(trained.history.len(), 4);
    let by_loss = TrainConfig { criterion: Criterion::Loss, epochs: 5, learning_rate: 1e-3, ..still };
    let mut trainer = Trainer::new(&naive(1), &examples, by_loss).unwrap();
    assert_eq!(trainer.train(one_loss, go_on).unwrap().ending, Ending::Epochs);
}

#[test]
fn a_batch_of_one_object_goes_with_the_one_before() {
    let examples = examples();
    // 30 objects to learn from in batches of 29: the last would be one object alone.
    let odd = TrainConfig { batch_size: 29, epochs: 1, ..config() };
    let mut sizes = Vec::new();
    let count = std::cell::RefCell::new(&mut sizes);
    let loss = |logits: &Tensor, targets: &Targets<'_>| {
        count.borrow_mut().push(targets.true_nodes.len());
        cross_entropy(logits, targets)
    };
    let mut trainer = Trainer::new(&cascade(1), &examples[..43], odd).unwrap();
    assert_eq!(trainer.split().training.len(), 30);
    trainer.train(loss, go_on).unwrap();
    assert_eq!(sizes[0], 30);
}

#[test]
fn what_cannot_be_learned_from_is_named() {
    let model = cascade(1);
    let said = |change: &dyn Fn(&mut HistoryExample)| {
        let mut examples = examples();
        change(&mut examples[7]);
        Trainer::new(&model, &examples, config()).unwrap_err().to_string()
    };
    assert_eq!(said(&|e| e.true_class = 2), "object 7: true class is 2, expected below 2");
    assert!(said(&|e| e.input = CascadeInput::default()).contains("number of classifications is 0"));
    assert!(said(&|e| e.input.probabilities.truncate(3)).contains("number of probabilities is 3, expected"));
    assert!(said(&|e| e.input.flux.clear()).contains("number of fluxes is 0"));
    assert!(said(&|e| e.input.flux[2] = f32::NAN).contains("flux is NaN at position 2"));
    assert!(said(&|e| e.input.mjd[2] = f64::NAN).contains("MJD is NaN at position 2"));
    assert!(said(&|e| e.input.mjd[2] = 0.0).contains("MJD is 0 at position 2"));
    let long = |e: &mut HistoryExample| {
        e.input.mjd = (0..101).map(f64::from).collect();
        e.input.probabilities = vec![0.5; 202];
        e.input.flux = vec![0.0; 101];
    };
    assert!(said(&long).contains("number of classifications is 101, expected 1 to 100"));
    let lone = Trainer::new(&model, &examples()[..2], config()).unwrap_err();
    assert!(matches!(lone, TrainError::NoObjects { .. }), "{lone}");
}
