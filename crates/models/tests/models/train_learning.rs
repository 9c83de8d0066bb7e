//! Training learns, stops when told, and says what went wrong. How much it learns is looked at on the CPU: other roundings make
//! another training.

use std::ops::ControlFlow;

use candle_core::{Result, Tensor};
use heliacal_lightcurve::{Context, LightCurve, Observation, Passband};
use heliacal_models::train::{Ending, Example, Progress, Targets, TrainConfig, TrainError, Trainer};
use heliacal_models::{Activation, Error, Oracle, OracleConfig, Preset, candle_core, candle_nn};

use crate::devices::device;
use crate::{largest_difference, wave};

on_every_device!(
    reports_count_from_the_protocol,
    patience_ends_a_training_and_the_best_weights_are_kept,
    the_callback_stops_and_training_goes_on_when_asked,
    a_loss_of_nan_names_epoch_and_step_and_the_best_weights_are_kept,
    the_loss_sees_the_fraction,
    an_embedding_is_what_the_last_layer_reads,
);

/// Nodes of the toy tree: a root and three classes.
const N_NODES: usize = 4;

/// Sixty objects of three classes, of 6 to 13 observations: constant (and negative), rising, fading.
pub fn toy_examples() -> Vec<Example> {
    let features = Preset::Paper.features();
    let example = |index: usize| {
        let class = index % 3;
        let n = 6 + index % 8;
        let observation = |i: usize| {
            let phase = i as f32 / 12.0;
            let flux = [-900.0, 100.0 + 1500.0 * phase, 1600.0 - 1500.0 * phase][class];
            Observation {
                mjd: 60_000.0 + 4.0 * i as f64,
                flux: flux + 40.0 * wave(100 * index + i),
                flux_err: 20.0,
                passband: Passband::LSST[i % 6],
                detection: i > 0,
            }
        };
        let light_curve = LightCurve::from_observations((0..n).map(observation)).unwrap();
        let context = Context::from_iter([("MWEBV", 0.05), ("RA", 150.1), ("DEC", 2.2)]);
        Example { light_curve: features.encode(light_curve.view(), &context).unwrap(), true_node: class + 1 }
    };
    (0..60).map(example).collect()
}

/// The paper's network, but narrow.
pub fn toy_model(seed: u64) -> Oracle {
    let config = OracleConfig {
        hidden: 8,
        time_dense: (8, Activation::Tanh),
        static_dense: Some((4, Activation::Linear)),
        head: vec![(12, Activation::Relu)],
        ..Preset::Paper.config(N_NODES)
    };
    Oracle::fresh(config, Preset::Paper.features(), seed, &device()).unwrap()
}

pub fn toy_config() -> TrainConfig {
    TrainConfig {
        epochs: 6,
        batch_size: 8,
        batches_per_bucket: 2,
        learning_rate: 0.01,
        validation_share: 0.2,
        seed: 5,
        ..TrainConfig::default()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that Trainer::train asks for")]
pub fn cross_entropy(logits: &Tensor, targets: &Targets<'_>) -> Result<Tensor> {
    let nodes: Vec<u32> = targets.true_nodes.iter().map(|&node| node as u32).collect();
    candle_nn::loss::cross_entropy(logits, &Tensor::new(nodes, logits.device())?)
}

pub fn go_on(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Fraction of objects whose largest logit, after the whole light curve, is that of their class.
fn accuracy(model: &Oracle, examples: &[Example], objects: &[usize]) -> f64 {
    let right = objects.iter().filter(|&&object| {
        let Example { light_curve, true_node } = &examples[object];
        let last = light_curve.observations.len() - 1;
        let logits = model.logits_at(&[(light_curve, &[last])]).unwrap().swap_remove(0);
        (0..N_NODES).max_by(|&a, &b| logits[a].total_cmp(&logits[b])) == Some(*true_node)
    });
    right.count() as f64 / objects.len() as f64
}

#[test]
fn a_toy_problem_is_learned_and_every_variable_moves() {
    let examples = toy_examples();
    let fresh = toy_model(1);
    let mut trainer = Trainer::new(&fresh, &examples, TrainConfig { epochs: 60, ..toy_config() }).unwrap();
    let trained = trainer.train(cross_entropy, go_on).unwrap();
    let history = &trained.history;
    assert_eq!((history.len(), trained.ending), (60, Ending::Epochs));
    assert!(history[59].training_loss < 0.5 * history[0].training_loss, "{history:?}");

    let held_out = &trainer.split().held_out;
    let (before, after) =
        (accuracy(&fresh, &examples, held_out), accuracy(&trained.model, &examples, held_out));
    eprintln!("toy problem: held-out accuracy {before:.2} before, {after:.2} after");
    assert!(after >= 0.9 && after > before, "{before} {after}");
    let best = &history[trained.best_epoch.unwrap()];
    assert!(best.best);
    let lowest = history.iter().map(|epoch| epoch.validation_loss).fold(f64::INFINITY, f64::min);
    assert_eq!(best.validation_loss, lowest);

    let (before, after) = (fresh.to_file().unwrap(), trainer.current().unwrap().to_file().unwrap());
    for (name, tensor) in &before.tensors {
        let numbers =
            |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f64::from);
        let moved = largest_difference(numbers(tensor), numbers(&after.tensors[name]));
        assert!(moved > 1e-3 && moved.is_finite(), "{name} moved by {moved}");
    }
}

fn reports_count_from_the_protocol() {
    let examples = toy_examples();
    let config = TrainConfig { epochs: 2, decay_steps: 4, decay_factor: 0.5, ..toy_config() };
    let mut trainer = Trainer::new(&toy_model(1), &examples, config).unwrap();
    let (mut steps, mut epochs) = (Vec::new(), Vec::new());
    let trained = trainer
        .train(cross_entropy, |progress| {
            match progress {
                Progress::Step(step) => steps.push(*step),
                Progress::Epoch(epoch) => epochs.push(epoch.clone()),
                _ => {}
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(epochs, trained.history);
    // 48 objects to learn from (4 of each class of 20 held out): 6 batches of 8.
    assert_eq!(steps.len(), 12);
    for (i, step) in steps.iter().enumerate() {
        assert_eq!((step.step, step.epoch, step.batch, step.n_batches), (i as u64 + 1, i / 6, i % 6, 6));
        assert_eq!(step.learning_rate, 0.01 * 0.5f64.powi(i as i32 / 4));
    }
    let mean = steps[..6].iter().map(|step| step.loss).sum::<f64>() / 6.0;
    assert!((epochs[0].training_loss - mean).abs() < 1e-12);
    assert_eq!((epochs[1].step, epochs[1].learning_rate), (12, 0.0025));
}

#[test]
fn caps_bind_and_the_split_is_disjoint() {
    let mut examples = toy_examples();
    examples.truncate(50); // 17, 17, 16
    let config = TrainConfig { max_per_class: Some(10), ..toy_config() };
    let trainer = Trainer::new(&toy_model(1), &examples, config).unwrap();
    let split = trainer.split();
    for node in 1..=3 {
        let count =
            |part: &[usize]| part.iter().filter(|&&object| examples[object].true_node == node).count();
        assert_eq!((count(&split.training), count(&split.held_out)), (8, 2));
    }
    assert!(split.training.iter().all(|object| !split.held_out.contains(object)));
}

fn patience_ends_a_training_and_the_best_weights_are_kept() {
    let examples = toy_examples();
    // Steps so small that nothing is learned, and a loss that grows: the first epoch stays the best.
    let config = TrainConfig { epochs: 50, patience: Some(3), learning_rate: 1e-12, ..toy_config() };
    let calls = std::cell::Cell::new(0.0);
    let worse = |logits: &Tensor, targets: &Targets<'_>| {
        calls.set(calls.get() + 1.0);
        cross_entropy(logits, targets)? + calls.get()
    };
    let trained = Trainer::new(&toy_model(1), &examples, config).unwrap().train(worse, go_on).unwrap();
    assert_eq!(trained.ending, Ending::Patience);
    assert_eq!((trained.history.len(), trained.best_epoch), (4, Some(0)));
}

fn the_callback_stops_and_training_goes_on_when_asked() {
    let examples = toy_examples();
    let mut trainer = Trainer::new(&toy_model(1), &examples, toy_config()).unwrap();
    let stop = |_: Progress<'_>| ControlFlow::Break(());
    let stopped = trainer.train(cross_entropy, stop).unwrap();
    assert_eq!((stopped.ending, stopped.best_epoch, stopped.history.len()), (Ending::Callback, None, 0));
    let trained = trainer.train(cross_entropy, go_on).unwrap();
    assert_eq!((trained.ending, trained.history.len()), (Ending::Epochs, 6));
    // Nothing is left to do: the same result at once.
    assert_eq!(trainer.train(cross_entropy, go_on).unwrap().history, trained.history);
}

fn a_loss_of_nan_names_epoch_and_step_and_the_best_weights_are_kept() {
    let examples = toy_examples();
    let mut trainer = Trainer::new(&toy_model(1), &examples, toy_config()).unwrap();
    let calls = std::cell::Cell::new(0);
    let broken = |logits: &Tensor, targets: &Targets<'_>| {
        calls.set(calls.get() + 1);
        // An epoch is 6 steps and 8 batches of validation: the 17th loss is that of step 8.
        cross_entropy(logits, targets)? * (if calls.get() == 17 { f64::NAN } else { 1.0 })
    };
    let mut best = None;
    let error = trainer
        .train(broken, |progress| {
            if let Progress::Epoch(epoch) = progress {
                best = Some(epoch.validation_loss);
            }
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { epoch: 1, step: 8, loss } if loss.is_nan()), "{error}");
    assert_eq!(error.to_string(), "the loss is NaN in epoch 1, step 8, expected a finite number");
    assert_eq!(Some(trainer.history()[0].validation_loss), best);
    let bias = |model: &Oracle| model.to_file().unwrap().tensors["fc_out.bias"].to_vec1::<f32>().unwrap();
    let kept = bias(trainer.best());
    assert!(kept.iter().all(|b| b.is_finite()));
    assert_ne!(kept, bias(&toy_model(1)));
}

#[test]
fn what_cannot_be_trained_is_an_error() {
    let examples = toy_examples();
    let model = toy_model(1);
    let error = |examples: &[Example], config| Trainer::new(&model, examples, config).unwrap_err();
    let no_batch = TrainConfig { batch_size: 0, ..toy_config() };
    assert!(matches!(error(&examples, no_batch), TrainError::Config { what: "batch_size", .. }));
    assert!(matches!(error(&[], toy_config()), TrainError::NoObjects { purpose: "training", n_objects: 0 }));
    let lone = error(&examples[..3], toy_config());
    assert!(matches!(lone, TrainError::NoObjects { purpose: "validation", n_objects: 3 }), "{lone}");
    let mut bad = examples.clone();
    bad[7].light_curve.rows[3] = f32::INFINITY;
    assert!(matches!(error(&bad, toy_config()), TrainError::Object { object: 7, .. }));
    // A loss that is no scalar, and one that fails.
    let mut trainer = Trainer::new(&model, &examples, toy_config()).unwrap();
    let error = trainer.train(|logits, _| Ok(logits.clone()), go_on).unwrap_err();
    assert!(matches!(error, TrainError::Candle(_)), "{error}");
    let fails = |_: &Tensor, _: &Targets<'_>| candle_core::bail!("no loss today");
    assert!(trainer.train(fails, go_on).unwrap_err().to_string().contains("no loss today"));
}

fn the_loss_sees_the_fraction() {
    let examples = toy_examples();
    let config = TrainConfig { epochs: 1, ..toy_config() };
    let seen = std::cell::RefCell::new(Vec::new());
    let loss = |logits: &Tensor, targets: &Targets<'_>| {
        assert_eq!(logits.dims(), [targets.fractions.len(), N_NODES]);
        seen.borrow_mut().extend_from_slice(targets.fractions);
        cross_entropy(logits, targets)
    };
    Trainer::new(&toy_model(1), &examples, config).unwrap().train(loss, go_on).unwrap();
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 48 + 4 * 12);
    assert!(seen.iter().all(|&f| f > 0.0 && f <= 1.0));
    assert!(seen[48 + 3 * 12..].iter().all(|&f| f == 1.0)); // the last validation is on whole light curves
}

fn an_embedding_is_what_the_last_layer_reads() {
    let model = toy_model(3);
    let examples = toy_examples();
    let curves: Vec<_> = examples[..5].iter().map(|example| &example.light_curve).collect();
    let steps: Vec<Vec<usize>> = curves.iter().map(|curve| vec![0, curve.observations.len() - 1]).collect();
    let asked: Vec<_> = curves.iter().copied().zip(steps.iter().map(Vec::as_slice)).collect();
    let (latent, logits) = (model.embedding_at(&asked).unwrap(), model.logits_at(&asked).unwrap());
    let file = model.to_file().unwrap();
    let weight = file.tensors["fc_out.weight"].to_vec2::<f32>().unwrap();
    let bias = file.tensors["fc_out.bias"].to_vec1::<f32>().unwrap();
    for (latent, logits) in latent.iter().zip(&logits) {
        assert_eq!(latent.len(), 2 * 12);
        for (latent, logits) in latent.chunks(12).zip(logits.chunks(N_NODES)) {
            for ((row, bias), &logit) in weight.iter().zip(&bias).zip(logits) {
                let expected = row.iter().zip(latent).map(|(w, x)| w * x).sum::<f32>() + bias;
                assert!((expected - logit).abs() < 1e-5, "{expected} {logit}"); // rounding of a sum of 12
            }
        }
    }
    // Training's forward pass on beginnings is the batch form of logits.
    let beginnings: Vec<_> = curves.iter().map(|&curve| (curve, 1)).collect();
    let rows = model.forward_after(&beginnings).unwrap().to_vec2::<f32>().unwrap();
    for (row, logits) in rows.iter().zip(&logits) {
        assert!(row.iter().zip(logits).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    assert!(matches!(model.forward_after(&[(curves[0], 0)]), Err(Error::NoObservations { .. })));
    assert!(matches!(model.forward_after(&[(curves[0], 99)]), Err(Error::Config { .. })));
}
