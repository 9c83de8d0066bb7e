//! Same seed, same weights; interrupted or not.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use heliacal_models::train::{Ending, Progress, TrainConfig, TrainError, Trained, Trainer};
use heliacal_models::{Error, GpuPrecision, ModelFile, Oracle};

use crate::devices::device;
use crate::train_learning::{cross_entropy, go_on, toy_config, toy_examples, toy_model};

on_every_device!(
    the_seed_decides_the_weights,
    a_resumed_training_equals_an_uninterrupted_one,
    a_training_that_is_made_longer_equals_a_long_one,
    a_killed_process_leaves_its_last_checkpoint,
    a_checkpoint_is_a_model_file_of_the_best_weights,
);

/// Every weight, to the last bit.
fn bits(model: &Oracle) -> BTreeMap<String, Vec<u32>> {
    let tensors = model.to_file().unwrap().tensors.into_iter();
    let bits = |x: Vec<f32>| x.into_iter().map(f32::to_bits).collect();
    tensors.map(|(name, t)| (name, bits(t.flatten_all().unwrap().to_vec1().unwrap()))).collect()
}

fn uninterrupted(config: &TrainConfig) -> (Trained, Oracle) {
    let examples = toy_examples();
    let mut trainer = Trainer::new(&toy_model(1), &examples, config.clone()).unwrap();
    (trainer.train(cross_entropy, go_on).unwrap(), trainer.current().unwrap())
}

/// Breaks after so many optimizer steps.
fn until_step(last: u64) -> impl FnMut(Progress<'_>) -> ControlFlow<()> {
    move |progress| match progress {
        Progress::Step(step) if step.step >= last => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    }
}

fn the_seed_decides_the_weights() {
    let (first, current) = uninterrupted(&toy_config());
    let (second, again) = uninterrupted(&toy_config());
    assert_eq!(first.history, second.history);
    assert_eq!(bits(&first.model), bits(&second.model));
    assert_eq!(bits(&current), bits(&again));
    let (other, _) = uninterrupted(&TrainConfig { seed: 6, ..toy_config() });
    assert_ne!(bits(&first.model), bits(&other.model));
    assert_ne!(bits(&toy_model(1)), bits(&toy_model(2)));
}

fn a_resumed_training_equals_an_uninterrupted_one() {
    // The decay falls into the resumed part.
    let config = TrainConfig { decay_steps: 10, decay_factor: 0.3, ..toy_config() };
    let (expected, expected_current) = uninterrupted(&config);
    let examples = toy_examples();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    // In the middle of the first epoch, at the end of one before its validation (6 batches), later, and again and again.
    for stops in [&[2][..], &[6], &[15], &[1, 2, 9, 12, 30]] {
        let mut trainer =
            Trainer::new(&toy_model(1), &examples, config.clone()).unwrap().with_checkpoints(&path, 0);
        for &stop in stops {
            let stopped = trainer.train(cross_entropy, until_step(stop)).unwrap();
            assert_eq!(stopped.ending, Ending::Callback);
            trainer = Trainer::resume(&path, &examples, &device()).unwrap().with_checkpoints(&path, 0);
        }
        let found = trainer.train(cross_entropy, go_on).unwrap();
        assert_eq!(found.history, expected.history);
        assert_eq!(bits(&found.model), bits(&expected.model));
        assert_eq!(bits(&trainer.current().unwrap()), bits(&expected_current));
        // A finished training resumes to its end.
        let mut again = Trainer::resume(&path, &examples, &device()).unwrap();
        let again = again.train(cross_entropy, |_| panic!("nothing is left to do")).unwrap();
        assert_eq!(bits(&again.model), bits(&expected.model));
    }
}

#[test]
fn a_resumed_training_keeps_its_precision() {
    let (examples, folder) = (toy_examples(), tempfile::tempdir().unwrap());
    let path = folder.path().join("checkpoint.safetensors");
    let model = toy_model(1).with_gpu_precision(GpuPrecision::Tf32);
    Trainer::new(&model, &examples, toy_config()).unwrap().save(&path).unwrap();
    let resumed = Trainer::<Oracle>::resume(&path, &examples, &device()).unwrap();
    assert_eq!(resumed.best().gpu_precision(), GpuPrecision::Tf32);
    assert_eq!(resumed.current().unwrap().gpu_precision(), GpuPrecision::Tf32);
}

fn a_training_that_is_made_longer_equals_a_long_one() {
    let (expected, expected_current) = uninterrupted(&toy_config());
    let examples = toy_examples();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let short = TrainConfig { epochs: 2, ..toy_config() };
    let mut trainer = Trainer::new(&toy_model(1), &examples, short).unwrap().with_checkpoints(&path, 0);
    assert_eq!(trainer.train(cross_entropy, go_on).unwrap().ending, Ending::Epochs);
    let mut longer = Trainer::resume(&path, &examples, &device()).unwrap().with_epochs(6);
    let found = longer.train(cross_entropy, go_on).unwrap();
    assert_eq!(found.history, expected.history);
    assert_eq!(bits(&found.model), bits(&expected.model));
    assert_eq!(bits(&longer.current().unwrap()), bits(&expected_current));
}

fn a_killed_process_leaves_its_last_checkpoint() {
    let (expected, _) = uninterrupted(&toy_config());
    let examples = toy_examples();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    // A panic in the callback is as sudden as a kill: no checkpoint is written for step 11, the last is of step 9.
    let killed = std::panic::catch_unwind(|| {
        let trainer = Trainer::new(&toy_model(1), &examples, toy_config()).unwrap();
        let _ = trainer.with_checkpoints(&path, 3).train(cross_entropy, |progress| match progress {
            Progress::Step(step) if step.step == 11 => std::panic::resume_unwind(Box::new("killed")),
            _ => ControlFlow::Continue(()),
        });
    });
    assert!(killed.is_err());
    let mut steps = Vec::new();
    let mut resumed = Trainer::resume(&path, &examples, &device()).unwrap();
    let found = resumed
        .train(cross_entropy, |progress| {
            if let Progress::Step(step) = progress {
                steps.push(step.step);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(steps.first(), Some(&10));
    assert_eq!(bits(&found.model), bits(&expected.model));
    // Nothing but the checkpoint is left.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn write_checkpoint(path: &Path) {
    let examples = toy_examples();
    let mut trainer = Trainer::new(&toy_model(1), &examples, toy_config()).unwrap().with_checkpoints(path, 0);
    trainer.train(cross_entropy, until_step(14)).unwrap();
}

fn a_checkpoint_is_a_model_file_of_the_best_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    write_checkpoint(&path);
    let model = Oracle::from_file(&ModelFile::read(&path).unwrap(), &device()).unwrap();
    let examples = toy_examples();
    let trainer = Trainer::resume(&path, &examples, &device()).unwrap();
    assert_eq!(bits(&model), bits(trainer.best()));
    assert_ne!(bits(&model), bits(&trainer.current().unwrap()));
    assert_eq!((trainer.history().len(), trainer.config()), (2, &toy_config()));
}

#[test]
fn damaged_and_foreign_checkpoints_are_typed_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    write_checkpoint(&path);
    let examples = toy_examples();
    let resume = |path: &Path| Trainer::<Oracle>::resume(path, &examples, &device()).unwrap_err();

    let bytes = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut");
    for end in (0..bytes.len()).step_by(bytes.len() / 40).chain([bytes.len() - 1]) {
        std::fs::write(&cut, &bytes[..end]).unwrap();
        let error = resume(&cut);
        assert!(matches!(error, TrainError::Model(Error::NotAModel { .. })), "{end}: {error}");
    }
    assert!(matches!(resume(&folder.path().join("none")), TrainError::Model(Error::Io { .. })));

    // A model that is no checkpoint, a checkpoint without a moment, one whose numbers contradict one another.
    let plain = folder.path().join("plain");
    toy_model(1).to_file().unwrap().write(&plain).unwrap();
    assert!(matches!(resume(&plain), TrainError::Model(Error::NoConfig { key: "training" })));
    let mut file = ModelFile::read(&path).unwrap();
    file.tensors.remove("adam.first.fc_out.bias");
    file.write(&plain).unwrap();
    assert!(matches!(resume(&plain), TrainError::Model(Error::MissingTensor { .. })));
    let mut file = ModelFile::read(&path).unwrap();
    let mut training: serde_json::Value = file.config("training").unwrap();
    training["position"]["epoch"] = 1.into();
    file.set_config("training", &training);
    file.write(&plain).unwrap();
    assert!(matches!(resume(&plain), TrainError::Checkpoint { .. }));

    // Other objects.
    let error = Trainer::<Oracle>::resume(&path, &examples[1..], &device()).unwrap_err();
    assert!(matches!(error, TrainError::OtherObjects { .. }), "{error}");
}
