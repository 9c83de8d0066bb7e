//! The evaluation as a whole: what it reports is what its parts say, parts add up, and what is refused leaves no trace.

use heliacal_metrics::esc::{EscMetric, EscOptions, score_history};
use heliacal_metrics::evaluation::{
    Evaluation, EvaluationError, EvaluationOptions, EvaluationReport, SCHEMA,
};
use heliacal_metrics::scorecard::Confusion;
use heliacal_metrics::statistics::wilson_interval;
use heliacal_metrics::{ClassTree, PmfHistory};
use proptest::prelude::*;

/// root { AGN, supernova { Ia, II } }: leaves AGN, Ia, II.
const PARENTS: [usize; 5] = [0, 0, 0, 2, 2];
const NAMES: [&str; 5] = ["root", "AGN", "supernova", "Ia", "II"];

type Sample = Vec<(PmfHistory, Vec<f64>, Option<usize>)>;

fn evaluate<'a>(sample: &Sample, options: &'a EvaluationOptions) -> Evaluation<'a> {
    let tree = ClassTree::new(&PARENTS).unwrap();
    let mut evaluation = Evaluation::new(NAMES.map(String::from).to_vec(), tree, options).unwrap();
    for (history, days, truth) in sample {
        evaluation.push(history, days, *truth).unwrap();
    }
    evaluation
}

fn options() -> EvaluationOptions {
    let mut options = EvaluationOptions::default();
    options.bootstrap.n_resamples = 50;
    options
}

fn object() -> impl Strategy<Value = (PmfHistory, Vec<f64>, Option<usize>)> {
    (
        prop::collection::vec((prop::array::uniform3(0.001..1.0_f64), 0.0..20.0_f64), 1..20),
        prop::option::of(0..5_usize),
    )
        .prop_map(|(steps, truth)| {
            let weights = steps.iter().flat_map(|(weights, _)| *weights).collect();
            let mut day = -5.0;
            let days = steps
                .iter()
                .map(|(_, gap)| {
                    day += gap;
                    day
                })
                .collect();
            (PmfHistory::normalized(3, weights).unwrap(), days, truth)
        })
}

/// Sums of floats depend on their order in the last digits; everything else is equal.
fn assert_close(left: &EvaluationReport, right: &EvaluationReport) {
    fn close(left: &serde_json::Value, right: &serde_json::Value, path: &str) {
        use serde_json::Value::{Array, Number, Object};
        match (left, right) {
            (Array(a), Array(b)) if a.len() == b.len() => {
                a.iter().zip(b).enumerate().for_each(|(i, (a, b))| close(a, b, &format!("{path}/{i}")));
            }
            (Object(a), Object(b)) if a.len() == b.len() => {
                for (key, a) in a {
                    close(a, &b[key], &format!("{path}/{key}"));
                }
            }
            (Number(a), Number(b)) => {
                let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
                assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{path}: {a} {b}");
            }
            _ => assert_eq!(left, right, "{path}"),
        }
    }
    let value = |report| serde_json::to_value(report).unwrap();
    close(&value(left), &value(right), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn two_parts_make_the_whole(sample in prop::collection::vec(object(), 0..12), cut in 0..12_usize) {
        let options = options();
        let (left, right) = sample.split_at(cut.min(sample.len()));
        let mut merged = evaluate(&left.to_vec(), &options);
        merged.merge(&evaluate(&right.to_vec(), &options)).unwrap();
        assert_close(&merged.report().unwrap(), &evaluate(&sample, &options).report().unwrap());
    }

    #[test]
    fn the_report_is_what_its_parts_say(sample in prop::collection::vec(object(), 1..12)) {
        let options = options();
        let report = evaluate(&sample, &options).report().unwrap();
        let json = serde_json::to_string(&report).unwrap();
        prop_assert_eq!(&serde_json::from_str::<EvaluationReport>(&json).unwrap(), &report);
        prop_assert_eq!(report.schema.as_str(), SCHEMA);
        prop_assert_eq!(report.n_objects, sample.len() as u64);

        let leaves = [1, 3, 4];
        let (mut confusion, mut esc_f) = (Confusion::new(3).unwrap(), Vec::new());
        for (history, days, truth) in &sample {
            let Some(true_class) = truth.and_then(|node| leaves.iter().position(|&leaf| leaf == node)) else { continue };
            let score = score_history(history, Some(true_class), Some(days), &EscOptions::default()).unwrap();
            esc_f.push(score.truth.as_ref().unwrap().esc_fraction.value());
            confusion.add(true_class, score.final_class).unwrap();
        }
        let overall = &report.early_stable.overall;
        prop_assert_eq!(overall.n_objects, esc_f.len() as u64);
        if let Some(found) = overall.metrics.get(&EscMetric::EscFraction) {
            let mean = esc_f.iter().sum::<f64>() / esc_f.len() as f64;
            prop_assert!((found.mean - mean).abs() < 1e-12);
        } else {
            prop_assert!(esc_f.is_empty());
        }
        let level = report.levels.last().unwrap();
        prop_assert_eq!(&level.classes, &["AGN", "Ia", "II"]);
        prop_assert_eq!(level.report.scorecard.scores.accuracy, confusion.accuracy());
        let interval = wilson_interval(confusion.n_correct(), confusion.n_objects(), 0.95).unwrap();
        prop_assert_eq!(level.accuracy_interval, interval);
        // At the last day of all, everything has been classified, as at the end.
        let last_day = report.since_trigger.last().unwrap();
        prop_assert_eq!(last_day.report.n_missing, 0);
        prop_assert_eq!(&last_day.report.levels[2].scorecard.confusion, &level.report.scorecard.confusion);
    }
}

#[test]
fn an_object_that_is_refused_leaves_no_trace() {
    let options = options();
    let history = PmfHistory::new(3, vec![0.2, 0.6, 0.2, 0.1, 0.8, 0.1]).unwrap();
    let sample = vec![(history.clone(), vec![0.0, 3.0], Some(3))];
    let mut evaluation = evaluate(&sample, &options);
    let before = evaluation.report().unwrap();
    let two = PmfHistory::new(2, vec![0.5, 0.5]).unwrap();
    let refused = evaluation.push(&two, &[0.0], None);
    assert_eq!(refused, Err(EvaluationError::ClassCount { expected: 3, found: 2 }));
    let refused = evaluation.push(&history, &[0.0, 3.0], Some(5));
    assert_eq!(refused, Err(EvaluationError::Node { node: 5, n_nodes: 5 }));
    for days in [&[0.0][..], &[3.0, 0.0], &[0.0, f64::NAN], &[f64::INFINITY, 4.0]] {
        assert!(matches!(evaluation.push(&history, days, Some(3)), Err(EvaluationError::Esc(_))), "{days:?}");
    }
    assert_eq!(evaluation.report().unwrap(), before);
}

#[test]
fn unlike_evaluations_do_not_add_up() {
    let (options, mut others) = (options(), options());
    others.level = 0.9;
    let mut evaluation = evaluate(&vec![], &options);
    assert!(evaluation.merge(&evaluate(&vec![], &others)).is_err());
    let flat = Evaluation::new(NAMES[..4].iter().map(|&n| n.into()).collect(), ClassTree::flat(3), &options)
        .unwrap();
    assert!(evaluation.merge(&flat).is_err());
    let names = Evaluation::new(vec![], ClassTree::flat(3), &options);
    assert_eq!(names.err(), Some(EvaluationError::Names { expected: 4, found: 0 }));
    others.level = 1.0;
    assert!(Evaluation::new(vec!["one".into()], ClassTree::flat(1), &others).is_err());
}

#[test]
fn nothing_seen_is_nothing_said() {
    let options = options();
    let report = evaluate(&vec![], &options).report().unwrap();
    assert_eq!((report.n_objects, report.early_stable.overall.metrics.len()), (0, 0));
    assert!(
        report
            .levels
            .iter()
            .all(|level| level.accuracy_interval.is_none() && level.macro_f1_interval.is_none())
    );
    assert!(report.days_to_confident.iter().all(|waits| waits.report.median.is_none()));
}

#[test]
fn tables_of_a_damaged_report_do_not_panic() {
    let options = options();
    let history = PmfHistory::new(3, vec![0.2, 0.6, 0.2]).unwrap();
    let mut report = evaluate(&vec![(history, vec![0.0], Some(3))], &options).report().unwrap();
    assert!(report.to_string().contains("Ia"));
    report.levels.last_mut().unwrap().classes.truncate(1);
    report.levels.last_mut().unwrap().report.scorecard.confusion.clear();
    let _ = report.to_string();
    report.levels.clear();
    report.since_trigger.iter_mut().for_each(|day| day.report.levels.clear());
    let _ = report.to_string();
}
