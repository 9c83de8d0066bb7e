//! Classifications against the truth: the glue against plain counting.

use heliacal::io::{ObjectHistory, ReadOptions, Record, Survey};
use heliacal::metrics::evaluation::EvaluationOptions;
use heliacal::models::Oracle;
use heliacal::pipeline::{Times, TrainingLoss, classify_survey, evaluate_survey, score_since_trigger};
use heliacal::{Classifier, Device, Error, LightCurve, Preset, Taxonomy, TruthMap};

use crate::fixture;

fn toy() -> Classifier {
    Classifier::load(fixture("toy_oracle.safetensors"), None, &Device::Cpu).unwrap()
}

fn records() -> impl Iterator<Item = heliacal::io::Result<Record>> {
    Survey::open([fixture("survey")], &ReadOptions::default()).unwrap()
}

fn histories(classifier: &Classifier, times: &Times) -> Vec<ObjectHistory> {
    let mut histories = Vec::new();
    let keep = |history| {
        histories.push(history);
        Ok(())
    };
    let truth = TruthMap::new(classifier.taxonomy());
    classify_survey(classifier, records(), &truth, times, keep, |skipped| panic!("{}", skipped.error))
        .unwrap();
    histories
}

/// Position of the largest number.
fn argmax(row: impl Iterator<Item = f32>) -> usize {
    row.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
}

#[test]
fn histories_since_trigger_are_the_end_of_the_whole_histories() {
    let classifier = toy();
    let whole = histories(&classifier, &Times::EveryObservation);
    let since = histories(&classifier, &Times::SinceTrigger);
    assert_eq!(since.len(), 98);
    for ((record, whole), since) in records().map(Result::unwrap).zip(&whole).zip(&since) {
        let light_curve = &record.object.light_curve;
        let trigger = light_curve.view().first_detection().unwrap();
        assert_eq!(since.mjd, whole.mjd[trigger..]);
        assert_eq!(since.n_obs, whole.n_obs[trigger..]);
        let days: Vec<f64> = since.mjd.iter().map(|mjd| mjd - light_curve.mjd()[trigger]).collect();
        assert_eq!((since.days.as_deref(), days[0]), (Some(&days[..]), 0.0));
        let expected = &whole.probabilities[trigger * 19..];
        assert!(since.probabilities.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

#[test]
fn an_object_without_a_detection_has_no_history_since_trigger() {
    let classifier = toy();
    let mut record = records().next().unwrap().unwrap();
    let light_curve = &record.object.light_curve;
    let undetected = light_curve.view().iter().map(|o| heliacal::Observation { detection: false, ..o });
    record.object.light_curve = LightCurve::from_observations(undetected).unwrap();
    let mut why = Vec::new();
    let truth = TruthMap::new(classifier.taxonomy());
    let on_skipped = |skipped: &heliacal::pipeline::Skipped| why.push(skipped.error.to_string());
    let summary =
        classify_survey(&classifier, [Ok(record)], &truth, &Times::SinceTrigger, |_| Ok(()), on_skipped)
            .unwrap();
    assert_eq!((summary.n_objects, summary.n_skipped), (0, 1));
    assert!(why[0].contains("detection"), "{why:?}");
}

#[test]
fn scores_since_trigger_count_what_the_histories_say() {
    let classifier = toy();
    let taxonomy = classifier.taxonomy();
    let days = [1.0, 8.0];
    let truth = TruthMap::new(taxonomy);
    let reports = score_since_trigger(&classifier, taxonomy, records(), &truth, &days, |_| ()).unwrap();
    let histories = histories(&classifier, &Times::DaysSinceTrigger(days.to_vec()));
    for (step, report) in reports.iter().enumerate() {
        let right = histories.iter().filter(|history| {
            let leaf = argmax(history.probabilities_at(step).iter().copied());
            Some(taxonomy.class_name(taxonomy.leaves()[leaf])) == history.true_class.as_deref()
        });
        let found = report.levels.last().unwrap().scorecard.scores.accuracy.unwrap();
        assert_eq!((report.days_since_trigger, report.n_objects), (days[step], 98));
        assert!((found - right.count() as f64 / 98.0).abs() < 1e-12, "{found}");
    }
}

#[test]
fn an_evaluation_sees_every_classification_and_hands_out_every_history() {
    let classifier = toy();
    let taxonomy = classifier.taxonomy();
    let mut handed_out = Vec::new();
    let options = EvaluationOptions { days: vec![1.0, 8.0], ..EvaluationOptions::default() };
    let keep = |history| {
        handed_out.push(history);
        Ok(())
    };
    let truth = TruthMap::new(taxonomy);
    let report = evaluate_survey(&classifier, taxonomy, records(), &truth, &options, keep, |_| ()).unwrap();
    let expected = histories(&classifier, &Times::SinceTrigger);
    assert_eq!(report.n_classifications, expected.iter().map(|history| history.len() as u64).sum::<u64>());
    assert_eq!(handed_out, expected);
    // The last classification at or before a day is the one with what was known then.
    let at_days = score_since_trigger(&classifier, taxonomy, records(), &truth, &[1.0, 8.0], |_| ()).unwrap();
    for (a, b) in report.since_trigger.iter().zip(&at_days) {
        for (a, b) in a.report.levels.iter().zip(&b.levels) {
            assert_eq!(a.scorecard.confusion, b.scorecard.confusion);
        }
    }
}

#[test]
fn a_classifier_without_a_tree_is_scored_on_one() {
    let oracle = Taxonomy::oracle();
    let flat = TrainingLoss::CrossEntropy { gamma: 0.0 }.network_taxonomy(&oracle).unwrap();
    let features = Preset::Paper.features();
    let network = Oracle::fresh(Preset::Paper.config(flat.n_nodes()), features, 3, &Device::Cpu);
    let classifier = Classifier::new("flat", network.unwrap(), flat.clone()).unwrap();
    let truth = TruthMap::new(&flat);
    let reports = score_since_trigger(&classifier, &oracle, records(), &truth, &[1000.0], |_| ()).unwrap();
    let levels = &reports[0].levels;
    assert_eq!(levels.iter().map(|level| level.nodes.len()).collect::<Vec<_>>(), [1, 2, 5, 19]);
    // By hand: the leaves of each of the two classes below the root, added up.
    let histories = histories(&classifier, &Times::Last);
    let of_first_class = |name: &str| oracle.ancestor_at(oracle.find(name).unwrap(), 1).index() == 1;
    let right = histories.iter().filter(|history| {
        let leaves = oracle.leaves().iter().zip(history.probabilities_at(0));
        let first: f32 =
            leaves.filter(|(leaf, _)| of_first_class(oracle.class_name(**leaf))).map(|(_, p)| p).sum();
        (first > 0.5) == of_first_class(history.true_class.as_deref().unwrap())
    });
    let accuracy = levels[1].scorecard.scores.accuracy.unwrap();
    assert!((accuracy - right.count() as f64 / 98.0).abs() < 1e-12, "{accuracy}");

    let other = Taxonomy::supernovae5();
    let error = score_since_trigger(&classifier, &other, records(), &truth, &[1.0], |_| ()).unwrap_err();
    assert!(matches!(error, Error::Columns(_)), "{error}");
}
