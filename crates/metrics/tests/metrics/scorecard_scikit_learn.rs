//! scikit-learn's and statsmodels' values: `fixtures/scikit_learn`, beside the script that made them.

use heliacal_metrics::scorecard::{
    AnomalyScores, AveragedScores, ClassScores, Confusion, KaplanMeier, Ranking, Scorecard, ZeroDivision,
    average_precision, precision_recall_curve, roc_auc, roc_curve,
};
use serde_json::Value;

/// Sums of a few hundred rounded terms in another order.
const TOLERANCE: f64 = 1e-12;

fn fixture() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/scikit_learn/scikit_learn.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|item| item.as_f64().unwrap()).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|item| item.as_u64().unwrap() as usize).collect()
}

fn flags(value: &Value) -> Vec<bool> {
    value.as_array().unwrap().iter().map(|item| item.as_u64() == Some(1)).collect()
}

#[track_caller]
fn same(found: Option<f64>, expected: &Value) {
    match (found, expected.as_f64()) {
        (Some(found), Some(expected)) => {
            assert!((found - expected).abs() <= TOLERANCE, "{found} is not {expected}");
        }
        (found, expected) => assert_eq!(found, expected),
    }
}

#[track_caller]
fn all_same(found: &[f64], expected: &Value) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).for_each(|(&found, expected)| same(Some(found), expected));
}

fn scorecard(case: &Value) -> Scorecard {
    let pmfs = case["pmfs"].as_array().unwrap();
    let mut scorecard = Scorecard::new(pmfs[0].as_array().unwrap().len(), Ranking::Exact).unwrap();
    for (pmf, true_class) in pmfs.iter().zip(indices(&case["true_classes"])) {
        scorecard.push(&floats(pmf), true_class).unwrap();
    }
    scorecard
}

/// A score by name: of a class, of an average.
type Column = (&'static str, fn(&ClassScores) -> Option<f64>, fn(&AveragedScores) -> Option<f64>);

fn check_scores(confusion: &Confusion, zero_division: ZeroDivision, expected: &Value) {
    let report = confusion.report(zero_division);
    let columns: [Column; 3] = [
        ("precision", |class| class.precision, |average| average.precision),
        ("recall", |class| class.recall, |average| average.recall),
        ("f1", |class| class.f1, |average| average.f1),
    ];
    for (name, of_class, of_average) in columns {
        for (class, expected) in report.classes.iter().zip(expected["classes"][name].as_array().unwrap()) {
            same(of_class(class), expected);
        }
        same(of_average(&report.macro_average), &expected["macro"][name]);
        same(of_average(&report.weighted_average), &expected["weighted"][name]);
        same(of_average(&report.micro_average), &expected["micro"][name]);
    }
}

fn check_curves(scores: &[f64], positive: &[bool], expected: &Value) {
    let roc = roc_curve(scores, positive).unwrap().unwrap();
    all_same(&roc.thresholds, &expected["roc"]["thresholds"]);
    all_same(&roc.false_positive_rate, &expected["roc"]["fpr"]);
    all_same(&roc.true_positive_rate, &expected["roc"]["tpr"]);
    let mut curve = precision_recall_curve(scores, positive).unwrap().unwrap();
    // scikit-learn goes by ascending thresholds.
    for column in [&mut curve.thresholds, &mut curve.precision, &mut curve.recall] {
        column.reverse();
    }
    all_same(&curve.thresholds, &expected["precision_recall"]["thresholds"]);
    all_same(&curve.precision, &expected["precision_recall"]["precision"]);
    all_same(&curve.recall, &expected["precision_recall"]["recall"]);
    same(roc_auc(scores, positive).unwrap(), &expected["auc"]);
    same(Some(roc.area()), &expected["auc"]);
    same(average_precision(scores, positive).unwrap(), &expected["average_precision"]);
}

fn check_case(case: &Value) {
    let scorecard = scorecard(case);
    let confusion = scorecard.confusion();
    for (row, expected) in confusion.rows().zip(case["confusion"].as_array().unwrap()) {
        assert_eq!(row.iter().map(|&count| count as usize).collect::<Vec<_>>(), indices(expected));
    }
    same(confusion.accuracy(), &case["accuracy"]);
    same(confusion.balanced_accuracy(), &case["balanced_accuracy"]);
    same(confusion.cohen_kappa(), &case["cohen_kappa"]);
    same(confusion.matthews_correlation(), &case["matthews_correlation"]);
    check_scores(confusion, ZeroDivision::Zero, &case["zero"]);
    check_scores(confusion, ZeroDivision::One, &case["one"]);
    check_scores(confusion, ZeroDivision::Skip, &case["skip"]);

    let probability = scorecard.probability().report();
    same(probability.log_loss, &case["log_loss"]);
    same(probability.brier, &case["brier"]);
    for (found, expected) in probability.top_k_accuracy.iter().zip(case["top_k_accuracy"].as_array().unwrap())
    {
        same(*found, expected);
    }

    let ranking = scorecard.ranking().unwrap();
    let report = ranking.report();
    for (position, class) in indices(&case["present"]).into_iter().enumerate() {
        same(report.classes[class].auc, &case["auc"][position]);
        same(report.classes[class].average_precision, &case["average_precision"][position]);
    }
    same(report.macro_auc, &case["macro_auc"]);
    same(report.weighted_auc, &case["weighted_auc"]);
    same(report.macro_average_precision, &case["macro_average_precision"]);
    same(report.weighted_average_precision, &case["weighted_average_precision"]);
    same(ranking.hand_till_auc(), &case["hand_till_auc"]);
    let class = case["curve_class"].as_u64().unwrap() as usize;
    check_curves(ranking.scores_of(class), &ranking.is_of(class), &case["curves"]);
}

#[test]
fn five_classes_with_ties_and_absent_ones() {
    let fixture = fixture();
    check_case(&fixture["ties"]);
    let report = scorecard(&fixture["ties"]).report(ZeroDivision::Skip);
    assert_eq!((report.scores.classes[3].support, report.scores.classes[4].predicted), (0, 0));
    assert_eq!((report.scores.classes[3].recall, report.scores.classes[4].precision), (None, None));
    assert_eq!(report.ranking.unwrap().n_undefined, 1);
}

#[test]
fn twenty_one_classes() {
    check_case(&fixture()["many"]);
}

#[test]
fn binary_scores_with_heavy_ties() {
    let case = &fixture()["binary"];
    let (scores, positive) = (floats(&case["scores"]), flags(&case["positive"]));
    check_curves(&scores, &positive, case);
    let anomaly = AnomalyScores::new(scores, positive).unwrap().report().unwrap();
    same(Some(anomaly.auc), &case["auc"]);
    same(Some(anomaly.average_precision), &case["average_precision"]);
    // Two ways to one standard error; they differ by the model of the scores.
    let ratio = anomaly.delong_error.unwrap() / anomaly.hanley_mcneil_error;
    assert!((0.8..1.25).contains(&ratio), "{ratio}");
}

#[test]
fn survival_is_that_of_statsmodels() {
    for case in fixture()["survival"].as_array().unwrap() {
        let waiting = KaplanMeier::new(&floats(&case["days"]), &flags(&case["reached"])).unwrap();
        assert_eq!(waiting.times, floats(&case["times"]));
        all_same(&waiting.n_at_risk.iter().map(|&n| n as f64).collect::<Vec<_>>(), &case["n_at_risk"]);
        all_same(&waiting.n_events.iter().map(|&n| n as f64).collect::<Vec<_>>(), &case["n_events"]);
        all_same(&waiting.survival, &case["survival"]);
        for (found, expected) in waiting.standard_error.iter().zip(case["standard_error"].as_array().unwrap())
        {
            same(*found, expected);
        }
        same(waiting.median(), &case["median"]);
    }
}
