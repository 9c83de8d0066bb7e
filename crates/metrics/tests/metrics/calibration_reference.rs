//! Against scikit-learn and SciPy: `fixtures/statistics/make_statistics.py`.

use heliacal_metrics::calibration::*;
use serde_json::Value;

fn fixture(section: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/statistics/statistics.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    document[section].clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

#[test]
fn diagrams_are_those_of_scikit_learn() {
    let fixture = fixture("reliability");
    let confidences = numbers(&fixture["confidence"]);
    for theirs in fixture["diagrams"].as_array().unwrap() {
        let bins = if theirs["strategy"] == "uniform" {
            Bins::equal_width(8).unwrap()
        } else {
            Bins::equal_mass(&confidences, 8).unwrap()
        };
        let mut reliability = Reliability::new(bins);
        for (confidence, came_true) in confidences.iter().zip(numbers(&fixture["came_true"])) {
            reliability.add(*confidence, came_true == 1.0).unwrap();
        }
        let ours = reliability.diagram();
        assert!((ours.ece.unwrap() - number(&theirs["ece"])).abs() < 1e-13);
        assert!((ours.mce.unwrap() - number(&theirs["mce"])).abs() < 1e-13);
        assert_eq!(
            ours.bins.iter().map(|bin| bin.count as f64).collect::<Vec<_>>(),
            numbers(&theirs["counts"])
        );
        let columns = numbers(&theirs["observed"]).into_iter().zip(numbers(&theirs["mean"]));
        for (bin, (observed, mean)) in ours.bins.iter().zip(columns) {
            assert!((bin.observed_frequency.unwrap() - observed).abs() < 1e-14);
            assert!((bin.mean_confidence.unwrap() - mean).abs() < 1e-14);
        }
    }
}

#[test]
fn temperatures_are_the_roots_that_scipy_finds() {
    for case in fixture("temperature").as_array().unwrap() {
        let labels: Vec<usize> = numbers(&case["labels"]).iter().map(|&label| label as usize).collect();
        let n_classes = number(&case["n_classes"]) as usize;
        let fit = fit_temperature(&numbers(&case["logits"]), n_classes, &labels).unwrap();
        assert_eq!(fit.status, TemperatureStatus::Interior);
        assert!((fit.temperature / number(&case["temperature"]) - 1.0).abs() < 1e-11, "{fit:?}");
        assert!((fit.nll_before - number(&case["nll_before"])).abs() < 1e-13);
        assert!((fit.nll_after - number(&case["nll_after"])).abs() < 1e-13);
    }
}

#[test]
fn quantiles_are_those_of_numpy() {
    let fixture = fixture("conformal");
    for case in fixture["cases"].as_array().unwrap() {
        let ours = conformal_quantile(&numbers(&fixture["scores"]), number(&case["alpha"])).unwrap();
        assert_eq!(ours, Some(number(&case["quantile"])), "{case}");
    }
}

#[test]
fn risks_are_those_of_sorted_arrays() {
    let fixture = fixture("risk_coverage");
    let mut decisions = RiskCoverage::default();
    for (confidence, correct) in
        numbers(&fixture["confidence"]).iter().zip(fixture["correct"].as_array().unwrap())
    {
        decisions.add(*confidence, correct.as_bool().unwrap()).unwrap();
    }
    let risks: Vec<f64> = decisions.curve().iter().map(|point| point.risk).collect();
    assert_eq!(risks, numbers(&fixture["risk"]));
    assert!((decisions.aurc().unwrap() - number(&fixture["aurc"])).abs() < 1e-14);
    assert!((decisions.excess_aurc().unwrap() - number(&fixture["excess_aurc"])).abs() < 1e-14);
}
