//! From the answers of base classifiers to a cascade, scored beside them.

use std::collections::HashMap;
use std::ops::ControlFlow;

use heliacal::io::ObjectHistory;
use heliacal::metrics::PmfHistory;
use heliacal::metrics::esc::{EscMetric, EscOptions, score_history};
use heliacal::models::train::{TrainConfig, Trainer};
use heliacal::models::{Cascade, CascadeConfig, CascadeScaling, ModelFile, ScalingMode};
use heliacal::pipeline::{
    BaseHistories, CASCADE, CascadeLoss, CascadeMetric, CascadeProtocol, CascadeReport, CascadeResults,
    CascadeRun, HistorySelection, LabelledHistories, LeftOut, NAIVE,
};
use heliacal::{Device, Error, LightCurve, ObjectId, Passband};

const CLASSES: [&str; 3] = ["SNIa", "SNIb/c", "SNII"];

/// Deterministic numbers in (0, 1).
fn wave(index: usize) -> f64 {
    let x = (index as f64 * 12.9898 + 78.233).sin() * 43_758.545_3;
    x - x.floor()
}

/// A history that leans to its class and wavers.
fn object(id: usize, n_steps: usize) -> ObjectHistory {
    let class = id % 3;
    let row = |step: usize| {
        let weights = (0..3).map(|k| {
            let noise = 2.0 * wave(1000 * id + 7 * step + 131 * k);
            (noise + if k == class { 1.0 } else { 0.0 }).exp()
        });
        let weights: Vec<f64> = weights.collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(move |weight| (weight / sum) as f32)
    };
    ObjectHistory {
        object_id: (id as i64).into(),
        mjd: (0..n_steps).map(|step| 60_000.0 + 2.0 * step as f64).collect(),
        n_obs: (1..=n_steps as u32).collect(),
        probabilities: (0..n_steps).flat_map(row).collect(),
        days: None,
        true_class: Some(CLASSES[class].into()),
    }
}

fn base(objects: Vec<ObjectHistory>) -> BaseHistories {
    BaseHistories { name: "base".into(), classes: CLASSES.map(str::to_owned).to_vec(), objects }
}

fn light_curve(n: usize) -> LightCurve {
    LightCurve::new(
        (0..2 * n).map(|i| 60_000.0 + i as f64).collect(),
        (0..2 * n).map(|i| i as f32).collect(),
        vec![1.0; 2 * n],
        vec![Passband::LsstR; 2 * n],
        vec![true; 2 * n],
    )
    .unwrap()
}

#[test]
fn selection_counts_what_it_leaves_out() {
    let mut objects: Vec<_> = (0..6).map(|id| object(id, 20)).collect();
    objects[1] = object(1, 14);
    objects[2].true_class = None;
    objects[3].true_class = Some("TDE".into());
    objects[4].probabilities[3] += 0.5;
    objects.push(object(6, 150));
    let gathered = LabelledHistories::gather(&[base(objects)], None, &HistorySelection::default()).unwrap();
    let lengths: Vec<_> = gathered.objects().iter().map(|object| object.mjd.len()).collect();
    assert_eq!(lengths, [20, 20, 100]);
    assert_eq!(gathered.true_classes(), [0, 2, 0]);
    let left_out: Vec<_> = gathered.left_out().iter().map(|(why, n)| (*why, *n)).collect();
    let expected = [LeftOut::TooShort, LeftOut::NoTruth, LeftOut::OtherClass, LeftOut::NotAProbability]
        .map(|why| (why, 1));
    assert_eq!(left_out, expected);
    assert_eq!(gathered.base_history(2, 0).n_steps(), 100);

    let none = LabelledHistories::gather(&[base(vec![object(0, 3)])], None, &HistorySelection::default());
    assert_eq!(
        none.unwrap_err().to_string(),
        "no object is left to learn from; left out: 1 (too few classifications)"
    );
}

#[test]
fn fluxes_are_those_at_the_times_of_the_classifications() {
    let objects = vec![object(0, 20), object(1, 20), object(2, 20)];
    let mut light_curves =
        HashMap::from([(ObjectId::from(0), light_curve(20)), (ObjectId::from(1), light_curve(5))]);
    light_curves.insert(ObjectId::from(9), light_curve(20));
    let gathered =
        LabelledHistories::gather(&[base(objects)], Some(&light_curves), &HistorySelection::default())
            .unwrap();
    assert!(gathered.has_flux());
    // Object 1's light curve ends too early, object 2 has none.
    assert_eq!(gathered.left_out()[&LeftOut::NoFlux], 2);
    let expected: Vec<f32> = (0..20).map(|step| 2.0 * step as f32).collect();
    assert_eq!(gathered.objects()[0].flux, expected);
}

#[test]
fn bases_side_by_side_know_nothing_of_the_future() {
    let first = base((0..2).map(|id| object(id, 20)).collect());
    // The second one speaks a day later and every third night, its classes are in another order.
    let later = |id: usize| {
        let object = object(id, 12);
        ObjectHistory {
            mjd: (0..12).map(|step| 60_001.0 + 3.0 * step as f64).collect(),
            probabilities: object.probabilities.chunks(3).flat_map(|p| [p[2], p[0], p[1]]).collect(),
            ..object
        }
    };
    let second = BaseHistories {
        name: "second".into(),
        classes: ["SNII", "SNIa", "SNIb/c"].map(str::to_owned).to_vec(),
        objects: vec![later(0)],
    };
    let bases = [first, second];
    let gathered = LabelledHistories::gather(&bases, None, &HistorySelection::default()).unwrap();
    assert_eq!(gathered.left_out()[&LeftOut::NotInEveryBase], 1);
    let found = &gathered.objects()[0];
    // Nothing of the second base at the first classification: that step is left out.
    assert_eq!((found.mjd[0], found.n_obs[0], found.mjd.len()), (60_002.0, 2, 19));
    let plain = object(0, 20);
    for (step, &mjd) in found.mjd.iter().enumerate() {
        let latest = (0..12).rfind(|t| 60_001.0 + 3.0 * f64::from(*t) <= mjd).unwrap() as usize;
        let row = &found.probabilities[6 * step..6 * step + 6];
        assert_eq!(row[..3], *plain.probabilities_at(step + 1));
        assert_eq!(row[3..], *object(0, 12).probabilities_at(latest));
    }
    let other = BaseHistories { classes: vec!["AGN".into(), "TDE".into()], ..bases[1].clone() };
    let error = LabelledHistories::gather(&[bases[0].clone(), other], None, &HistorySelection::default());
    assert!(matches!(error, Err(Error::Columns(_))));
}

#[test]
fn some_of_the_classes_are_scaled_to_sum_to_one() {
    let classes = Some(vec!["SNII".to_owned(), "SNIa".to_owned()]);
    let selection = HistorySelection { classes, ..HistorySelection::default() };
    let objects = (0..3).map(|id| object(id, 20)).collect();
    let gathered = LabelledHistories::gather(&[base(objects)], None, &selection).unwrap();
    assert_eq!(
        (gathered.classes(), gathered.true_classes()),
        (&["SNII".into(), "SNIa".into()][..], vec![1, 0])
    );
    let p = object(0, 20).probabilities_at(4).to_vec();
    let found = &gathered.objects()[0].probabilities[8..10];
    assert!((found[0] - p[2] / (p[0] + p[2])).abs() < 1e-6);
    let unknown = HistorySelection { classes: Some(vec!["AGN".into()]), ..selection };
    let objects = vec![object(0, 20)];
    assert!(matches!(LabelledHistories::gather(&[base(objects)], None, &unknown), Err(Error::Projection(_))));
}

fn protocol() -> CascadeProtocol {
    CascadeProtocol {
        network: CascadeConfig {
            hidden: 8,
            attention_units: 4,
            head_widths: [8, 8, 4],
            dropout: 0.1,
            ..CascadeConfig::paper(2)
        },
        train: TrainConfig { epochs: 6, batch_size: 16, learning_rate: 0.01, ..TrainConfig::cascade() },
        ..CascadeProtocol::default()
    }
}

fn histories() -> LabelledHistories {
    let mut objects: Vec<_> = (0..90).map(|id| object(id, 15 + id % 7)).collect();
    for (day, object) in objects.iter_mut().enumerate() {
        object.mjd.iter_mut().for_each(|mjd| *mjd += day as f64);
    }
    LabelledHistories::gather(&[base(objects)], None, &HistorySelection::default()).unwrap()
}

fn run(seed: u64, folder: Option<&std::path::Path>) -> CascadeRun {
    let esc = EscOptions::default();
    let go_on = |_: &str, _: heliacal::models::train::Progress<'_>| ControlFlow::Continue(());
    protocol().run(&histories(), seed, &esc, &Device::Cpu, folder, go_on).unwrap()
}

#[test]
fn a_run_scores_every_classifier_on_the_same_held_out_objects() {
    let histories = histories();
    let run = run(1, None);
    assert_eq!(run.split.held_out.len(), 27);
    let names: Vec<&str> = run.classifiers.iter().map(|classifier| classifier.name.as_str()).collect();
    assert_eq!(names, ["base", NAIVE, CASCADE]);
    for classifier in &run.classifiers {
        for (&position, history) in run.split.held_out.iter().zip(&classifier.histories) {
            assert_eq!(history.n_steps(), histories.objects()[position].mjd.len());
        }
    }
    // What the cascade says after each step is what it says of the history cut off there.
    let position = run.split.held_out[4];
    let input = histories.objects()[position].input();
    let cut = run.cascade.model.predict_history(&input.truncated(9)).unwrap();
    let whole: Vec<f32> = run.classifiers[2].histories[4].as_slice().iter().map(|&p| p as f32).collect();
    assert_eq!(cut, whole[..27]);
    // Objects to validate on have no part in the scaling.
    let (examples, network) = (histories.examples(&run.split.training), run.cascade.model.config());
    let config = TrainConfig { seed: 1, ..protocol().train };
    let trainer = Trainer::new(&run.cascade.model, &examples, config).unwrap();
    let learned = trainer.split().training.iter().map(|&index| &examples[index].input);
    let fitted = CascadeScaling::fit(network, ScalingMode::TrainingSet, learned.collect::<Vec<_>>()).unwrap();
    assert_eq!(run.cascade.model.scaling(), &fitted);
}

#[test]
fn a_report_is_what_the_runs_say() {
    let runs: Vec<CascadeRun> = (0..3).map(|seed| run(seed, None)).collect();
    let mut results = CascadeResults::new(&histories(), &protocol(), &EscOptions::default());
    for run in &runs {
        results.push(run);
    }
    let report = results.report().unwrap();
    assert_eq!(report.protocol.network, runs[0].cascade.model.config().clone());
    assert_eq!((report.seeds.as_slice(), report.n_objects.as_slice()), (&[0, 1, 2][..], &[30, 30, 30][..]));
    assert_eq!(report.classifiers[2].n_parameters, Some(run(0, None).cascade.model.config().n_parameters()));

    // By plain loops over the held-out objects.
    let score = |run: &CascadeRun, index: usize, object: usize, metric: EscMetric| {
        let class = histories().objects()[run.split.held_out[object]].true_class;
        let history: &PmfHistory = &run.classifiers[index].histories[object];
        metric.of(&score_history(history, Some(class), None, &EscOptions::default()).unwrap())
    };
    for (index, classifier) in report.classifiers.iter().enumerate() {
        for (metric, of_object) in [
            (CascadeMetric::Accuracy, EscMetric::FinalCorrect),
            (CascadeMetric::EscFraction, EscMetric::EscFraction),
            (CascadeMetric::LabelChanges, EscMetric::LabelChanges),
        ] {
            let means: Vec<f64> = runs
                .iter()
                .map(|run| {
                    (0..27).filter_map(|object| score(run, index, object, of_object)).sum::<f64>() / 27.0
                })
                .collect();
            let mean = means.iter().sum::<f64>() / 3.0;
            let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 2.0;
            let found = classifier.overall[&metric];
            assert!((found.mean - mean).abs() < 1e-12);
            assert!((found.standard_deviation.unwrap() - variance.sqrt()).abs() < 1e-12);
            assert_eq!(classifier.by_seed.len(), 3);
            assert!((classifier.by_seed[1][&metric] - means[1]).abs() < 1e-12);
        }
        assert!((classifier.confusion.iter().flatten().sum::<f64>() - 27.0).abs() < 1e-12);
        assert_eq!(classifier.by_class.len(), 3);
    }
    let against_base = &report.comparisons[0];
    assert_eq!((against_base.metric, against_base.against.as_str()), (CascadeMetric::Accuracy, "base"));
    let difference =
        |m: CascadeMetric| report.classifiers[2].overall[&m].mean - report.classifiers[0].overall[&m].mean;
    assert!((against_base.difference.mean - difference(CascadeMetric::Accuracy)).abs() < 1e-12);
    let held_out: std::collections::BTreeSet<_> = runs.iter().flat_map(|run| &run.split.held_out).collect();
    assert_eq!(against_base.n_objects, held_out.len());
    let only = |a: usize, b: usize| {
        let right = |index, object| score(&runs[0], index, object, EscMetric::FinalCorrect) == Some(1.0);
        (0..27).filter(|&object| right(a, object) && !right(b, object)).count() as u64
    };
    let mcnemar = against_base.mcnemar.unwrap();
    assert_eq!((mcnemar.only_first, mcnemar.only_second), (only(2, 0), only(0, 2)));
    assert_eq!(report.comparisons.len(), 14);

    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<CascadeReport>(&json).unwrap(), report);
    assert!(json.starts_with(r#"{"schema":"heliacal.cascade/1""#));
    assert!(json.contains(r#""weights":{"exponential":{"alpha":2.0}}"#), "ESC_s depends on it");
}

#[test]
fn the_same_seed_gives_the_same_run_and_checkpoints_go_on() {
    let whole = run(2, None);
    let folder = tempfile::tempdir().unwrap();
    // Broken off in the first epochs of the cascade.
    let mut n_epochs = 0;
    let esc = EscOptions::default();
    let stopped = protocol()
        .run(&histories(), 2, &esc, &Device::Cpu, Some(folder.path()), |name, _| {
            n_epochs += usize::from(name == CASCADE);
            if n_epochs == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert!(stopped.cascade.history.len() < whole.cascade.history.len());
    for _ in 0..2 {
        let resumed = run(2, Some(folder.path()));
        assert!(resumed.classifiers == whole.classifiers);
        assert_eq!(resumed.cascade.history, whole.cascade.history);
    }
    let checkpoint = ModelFile::read(folder.path().join("cascade.checkpoint.safetensors")).unwrap();
    let kept = Cascade::from_file(&checkpoint, &Device::Cpu).unwrap();
    let input = histories().objects()[0].input();
    assert_eq!(kept.predict_history(&input).unwrap(), whole.cascade.model.predict_history(&input).unwrap());
    assert!(run(3, None).classifiers != whole.classifiers);
    // Another protocol, or another seed, has no business in the folder.
    let go_on = |_: &str, _: heliacal::models::train::Progress<'_>| ControlFlow::Continue(());
    let other = CascadeProtocol { loss: CascadeLoss { gamma: 1.0, ..CascadeLoss::default() }, ..protocol() };
    let error = other.run(&histories(), 2, &esc, &Device::Cpu, Some(folder.path()), go_on).unwrap_err();
    assert!(matches!(error, Error::OtherProtocol { field, .. } if field == "loss.gamma"));
    let error = protocol().run(&histories(), 3, &esc, &Device::Cpu, Some(folder.path()), go_on).unwrap_err();
    assert!(matches!(error, Error::OtherProtocol { field, .. } if field == "seed"));
}

#[test]
fn an_object_that_no_network_takes_is_named() {
    let mut objects: Vec<_> = (0..90).map(|id| object(id, 15)).collect();
    for object in &mut objects[40..] {
        object.mjd.reverse();
    }
    let histories = LabelledHistories::gather(&[base(objects)], None, &HistorySelection::default()).unwrap();
    let go_on = |_: &str, _: heliacal::models::train::Progress<'_>| ControlFlow::Continue(());
    let error = protocol().run(&histories, 1, &EscOptions::default(), &Device::Cpu, None, go_on).unwrap_err();
    let Error::Object { object: ObjectId::Integer(id), source } = error else { panic!("{error}") };
    assert!(id >= 40);
    assert_eq!(source.to_string(), "MJD of classification 1 is 60026, expected 60028 or later");
}
