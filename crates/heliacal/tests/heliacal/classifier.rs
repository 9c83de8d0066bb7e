//! A classifier on our own small survey and model.

use heliacal::io::{ReadOptions, Record, Survey};
use heliacal::models::Oracle;
use heliacal::{Classifier, Device, Error, Preset, Taxonomy};

use crate::{fixture, largest_difference};

/// Rounding between the products of a batch and of a single sequence.
const TOLERANCE: f64 = 1e-5;

fn toy() -> Classifier {
    Classifier::load(fixture("toy_oracle.safetensors"), None, &Device::Cpu).unwrap()
}

fn survey() -> Vec<Record> {
    Survey::open([fixture("survey")], &ReadOptions::default()).unwrap().map(Result::unwrap).collect()
}

#[test]
fn history_and_stream_agree_with_predict_on_every_prefix() {
    let classifier = toy();
    for record in survey().iter().step_by(9) {
        let (light_curve, context) = (record.object.light_curve.view(), &record.object.context);
        let history = classifier.predict_history(light_curve, context).unwrap();
        assert_eq!(history.len(), light_curve.len());
        let mut stream = classifier.stream(context);
        for ((n, from_history), observation) in history.iter().zip(light_curve.iter()) {
            let expected = classifier.predict(light_curve.first_n(n + 1), context).unwrap();
            // The state goes through storage between observations.
            let state = serde_json::to_string(stream.state()).unwrap();
            stream = classifier.resume(serde_json::from_str(&state).unwrap()).unwrap();
            let streamed = stream.push(observation).unwrap().unwrap();
            for found in [from_history, &streamed] {
                let worst = largest_difference(found.probabilities(), expected.probabilities());
                assert!(worst < TOLERANCE, "object {}, observation {n}: {worst:e}", record.object.id);
            }
        }
    }
}

#[test]
fn every_level_is_a_distribution() {
    let classifier = toy();
    let record = &survey()[0];
    let prediction = classifier.predict(record.object.light_curve.view(), &record.object.context).unwrap();
    let taxonomy = classifier.taxonomy();
    for (level, n_classes) in [1, 2, 5, 19].into_iter().enumerate() {
        assert_eq!(prediction.level(level).count(), n_classes);
        let sum: f64 = prediction.level(level).map(|(_, p)| p).sum();
        assert!((sum - 1.0).abs() < 1e-6, "level {level}: {sum}");
        let best = prediction.level(level).map(|(_, p)| p).fold(0.0, f64::max);
        assert_eq!(prediction.best(level).unwrap().1, best);
    }
    assert_eq!(prediction.leaf_pmf().len(), taxonomy.n_leaves());
    assert_eq!(prediction.probability("Alert").unwrap(), 1.0);
    assert_eq!(prediction.deepest(1.1).unwrap(), "Alert");
    assert!(matches!(prediction.probability("Nova"), Err(Error::UnknownName(_))));
}

#[test]
fn a_batch_gives_what_one_by_one_gives() {
    let classifier = toy();
    let records = survey();
    let objects: Vec<_> = records.iter().map(|r| (r.object.light_curve.view(), &r.object.context)).collect();
    for (found, &(light_curve, context)) in classifier.predict_batch(&objects).unwrap().iter().zip(&objects) {
        let expected = classifier.predict(light_curve, context).unwrap();
        assert!(largest_difference(found.probabilities(), expected.probabilities()) < TOLERANCE);
    }
    assert!(classifier.predict_batch(&[]).unwrap().is_empty());
    assert!(classifier.predict_batch(&[(objects[0].0.first_n(0), objects[0].1)]).is_err());
}

#[test]
fn a_saved_classifier_is_the_same_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.safetensors");
    let classifier = toy();
    classifier.save(&path).unwrap();
    let copy = Classifier::load(&path, None, &Device::Cpu).unwrap();
    assert_eq!((copy.name(), copy.taxonomy()), (classifier.name(), classifier.taxonomy()));
    let object = &survey()[5].object;
    let predict = |classifier: &Classifier| {
        classifier.predict(object.light_curve.view(), &object.context).unwrap().probabilities().to_vec()
    };
    assert_eq!(predict(&copy), predict(&classifier));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_ne!(mode & 0o044, 0, "others may read a model: {mode:o}");
    }
}

#[test]
fn presets_and_trees_that_do_not_fit_are_errors() {
    let path = fixture("toy_oracle.safetensors");
    let error = Classifier::load(&path, Some(Preset::Paper), &Device::Cpu).unwrap_err();
    assert!(matches!(error, Error::PresetNotNeeded { preset: Preset::Paper }), "{error}");
    let oracle: Oracle = toy().oracle().clone();
    let error = Classifier::new("x", oracle, Taxonomy::oracle_bts()).unwrap_err();
    assert_eq!(error.to_string(), "the network gives 26 logits, taxonomy \"oracle_bts\" has 9 classes");
    assert!(Classifier::load(fixture("survey"), None, &Device::Cpu).is_err());
}
