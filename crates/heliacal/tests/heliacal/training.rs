//! From labelled light curves to a classifier: the whole way, on a survey that fits into a second.

use std::ops::ControlFlow;

use heliacal::models::train::{TrainConfig, Trainer, stratified_split};
use heliacal::models::{Activation, Oracle, OracleConfig};
use heliacal::pipeline::{LabelledSurvey, TrainingLoss, loss_function, score_since_trigger};
use heliacal::{Classifier, Device, Error, LightCurve, Observation, Preset, Taxonomy, TruthMap};
use heliacal_simulate::{SimulatedClass, Simulator, SurveyConfig};

/// Supernovae, flares and RR Lyrae: easy to tell apart.
fn easy_survey(taxonomy: &Taxonomy) -> LabelledSurvey {
    let classes = [SimulatedClass::SnIa, SimulatedClass::MDwarfFlare, SimulatedClass::RrLyrae];
    let mut config = SurveyConfig { seed: 3, deep_fraction: 0.0, ..SurveyConfig::default() };
    config.cadence.days = 300.0;
    let objects = Simulator::new(config, &classes).unwrap().objects(0..90).unwrap();
    LabelledSurvey::of_objects(objects, &TruthMap::new(taxonomy))
}

#[test]
fn a_small_network_learns_easy_classes_with_and_without_a_hierarchy() {
    let taxonomy = Taxonomy::oracle();
    let survey = easy_survey(&taxonomy);
    assert_eq!((survey.len(), survey.n_unknown()), (90, 0));
    for loss in [TrainingLoss::Whxe { alpha: 0.5, gamma: 1.0 }, TrainingLoss::CrossEntropy { gamma: 1.0 }] {
        let tree = loss.network_taxonomy(&taxonomy).unwrap();
        let truth = TruthMap::new(&tree);
        let survey = LabelledSurvey::read(survey.records().iter().cloned().map(Ok), &truth, |_| ());
        let classes: Vec<usize> = survey.true_nodes().iter().map(|node| node.index()).collect();
        let split = stratified_split(&classes, 0.3, 1);
        let features = Preset::Paper.features();
        let examples = survey.examples(&features, split.training).unwrap();
        let config = OracleConfig {
            hidden: 8,
            time_dense: (8, Activation::Tanh),
            head: vec![(16, Activation::Relu)],
            ..Preset::Paper.config(tree.n_nodes())
        };
        let fresh = Oracle::fresh(config, features, 1, &Device::Cpu).unwrap();
        let protocol =
            TrainConfig { epochs: 12, batch_size: 8, learning_rate: 0.01, ..TrainConfig::default() };
        let labels: Vec<u32> = examples.iter().map(|example| example.true_node as u32).collect();
        let function = loss.of(&tree, &labels, &Device::Cpu).unwrap();
        let mut trainer = Trainer::new(&fresh, &examples, protocol).unwrap();
        let trained = trainer.train(loss_function(&*function), |_| ControlFlow::Continue(())).unwrap();

        let score = |network| {
            let classifier = Classifier::new("test", network, tree.clone()).unwrap();
            let records = split.held_out.iter().map(|&position| Ok(survey.records()[position].clone()));
            let days =
                score_since_trigger(&classifier, &taxonomy, records, &truth, &[1024.0], |_| ()).unwrap();
            assert_eq!(days[0].n_objects, 27);
            days[0].levels.last().unwrap().scorecard.scores.accuracy.unwrap()
        };
        let (before, after) = (score(fresh), score(trained.model));
        eprintln!("{loss:?}: {before:.2} before, {after:.2} after training");
        assert!(after > 0.85 && after > before, "{loss:?}: {before} {after}");
    }
}

#[test]
fn an_object_met_twice_is_taken_once() {
    let taxonomy = Taxonomy::oracle();
    let survey = easy_survey(&taxonomy);
    let twice = survey.records().iter().chain(&survey.records()[..2]).cloned().map(Ok);
    let mut why = Vec::new();
    let read =
        LabelledSurvey::read(twice, &TruthMap::new(&taxonomy), |skipped| why.push(skipped.error.to_string()));
    assert_eq!(
        (read.len(), &why[..]),
        (90, &["object 1 was met before".into(), "object 2 was met before".into()][..])
    );
}

#[test]
fn an_object_that_cannot_be_encoded_is_named() {
    let taxonomy = Taxonomy::oracle();
    let mut object = easy_survey(&taxonomy).records()[0].object.clone();
    object.light_curve = LightCurve::from_observations([]).unwrap();
    let survey = LabelledSurvey::of_objects([object], &TruthMap::new(&taxonomy));
    let error = survey.examples(&Preset::Paper.features(), [0]).unwrap_err();
    assert!(matches!(error, Error::Object { .. }), "{error}");
    assert!(error.to_string().starts_with("object 1: "), "{error}");
}

#[test]
fn objects_that_were_never_detected_can_be_left_out() {
    let taxonomy = Taxonomy::oracle();
    let survey = easy_survey(&taxonomy);
    let objects = (0..3).map(|i| {
        let mut object = survey.records()[i].object.clone();
        if i == 1 {
            let undetected = object.light_curve.view().iter().map(|o| Observation { detection: false, ..o });
            object.light_curve = LightCurve::from_observations(undetected).unwrap();
        }
        object
    });
    let mut survey = LabelledSurvey::of_objects(objects, &TruthMap::new(&taxonomy));
    let nodes = [survey.true_nodes()[0], survey.true_nodes()[2]];
    assert!(survey.examples(&Preset::Heliacal.features(), [1]).is_err());
    assert_eq!(survey.leave_out_undetected(), 1);
    assert_eq!((survey.len(), survey.true_nodes()), (2, &nodes[..]));
    assert_eq!(survey.examples(&Preset::Heliacal.features(), 0..2).unwrap().len(), 2);
}
