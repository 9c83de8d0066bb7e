//! 200 histories and four sets of parameters against an independent NumPy reference (`fixtures/esc`).

use heliacal_metrics::PmfHistory;
use heliacal_metrics::esc::{
    ConstantHistory, EscOptions, EscParams, EscScore, ProbabilityFloor, TruthScore, WeightCurve,
    esc_fraction, esc_score, score_history,
};
use serde_json::Value;

/// Only exp, ln and the order of a sum differ between implementations.
const TOLERANCE: f64 = 1e-12;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/esc/esc_golden.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn floats(values: &Value) -> Vec<f64> {
    values.as_array().into_iter().flatten().map(|v| v.as_f64().unwrap()).collect()
}

fn agree(found: EscScore, status: &Value, value: &Value, what: &str) {
    match status.as_str().unwrap() {
        "ok" => {
            let (found, expected) = (found.value().unwrap(), value.as_f64().unwrap());
            assert!(
                (found - expected).abs() <= TOLERANCE * expected.abs(),
                "{what}: {found}, not {expected}"
            );
        }
        "infinite" => assert_eq!(found, EscScore::Infinite, "{what}"),
        "undefined" => assert!(matches!(found, EscScore::Undefined { .. }), "{what}"),
        other => panic!("{other}"),
    }
}

fn options(params: &Value, floor: ProbabilityFloor) -> EscOptions {
    let number = |name: &str| params[name].as_f64().unwrap();
    let k = params["k"].as_u64().unwrap() as usize;
    EscOptions {
        params: EscParams::new(number("eps"), number("rho"), k).unwrap(),
        weights: WeightCurve::Exponential { alpha: number("alpha") },
        floor,
        // The file leaves Z = 0 undefined.
        constant: ConstantHistory::Undefined,
        ..EscOptions::default()
    }
}

#[test]
fn histories_agree_with_the_reference() {
    let golden = golden();
    let histories = golden["histories"].as_array().unwrap();
    assert_eq!(histories.len(), 200);
    let mut n_checked = 0;
    for object in histories {
        let rows: Vec<Vec<f64>> = object["pmf"].as_array().unwrap().iter().map(floats).collect();
        let history = PmfHistory::new(rows[0].len(), rows.concat()).unwrap();
        let true_class = object["true_class"].as_u64().unwrap() as usize;
        let w1 = floats(&object["w1"]);
        let p_true: Vec<f64> = rows.iter().map(|row| row[true_class]).collect();
        for (params, expected) in
            golden["params"].as_array().unwrap().iter().zip(object["results"].as_array().unwrap())
        {
            let what = format!("history {} ({})", object["id"], object["kind"]);
            let score = |floor| {
                let options = options(params, floor);
                let score = score_history(&history, Some(true_class), None, &options).unwrap();
                assert_eq!(score.label_changes as u64, object["label_changes"].as_u64().unwrap(), "{what}");
                assert_eq!(score.total_motion, w1.iter().sum::<f64>(), "{what}");
                let truth: TruthScore = score.truth.unwrap();
                assert_eq!(esc_fraction(&w1, &p_true, options.params), Ok(truth.esc_fraction), "{what}");
                let again = esc_score(&w1, &p_true, &options.weights, floor, options.constant);
                assert_eq!(again, Ok(truth.esc_score), "{what}");
                truth
            };
            let floored = score(ProbabilityFloor::default());
            assert_eq!(Some(floored.esc_fraction.converged), expected["converged"].as_bool(), "{what}");
            let tau = floored.esc_fraction.tau.map(|tau| tau as u64);
            assert_eq!(tau, expected["tau"].as_u64(), "{what}");
            assert_eq!(Some(floored.esc_fraction.value()), expected["esc_f"].as_f64(), "{what}");
            agree(floored.esc_score, &expected["esc_s_floor_status"], &expected["esc_s_floor"], &what);
            let unfloored = score(ProbabilityFloor::Unfloored);
            agree(unfloored.esc_score, &expected["esc_s_status"], &expected["esc_s"], &what);
            n_checked += 1;
        }
    }
    assert_eq!(n_checked, 800);
}

#[test]
fn a_constant_history_scores_its_surprise() {
    let golden = golden();
    let constant = golden["histories"].as_array().unwrap().iter().filter(|object| {
        let w1 = floats(&object["w1"]);
        !w1.is_empty() && w1.iter().all(|&w1| w1 == 0.0)
    });
    let mut n_constant = 0;
    for object in constant {
        let rows: Vec<Vec<f64>> = object["pmf"].as_array().unwrap().iter().map(floats).collect();
        let history = PmfHistory::new(rows[0].len(), rows.concat()).unwrap();
        let true_class = object["true_class"].as_u64().unwrap() as usize;
        let score = score_history(&history, Some(true_class), None, &EscOptions::default()).unwrap();
        let expected = -rows[0][true_class].max(1e-12).ln();
        assert!((score.truth.unwrap().esc_score.value().unwrap() - expected).abs() <= 1e-14 * expected);
        n_constant += 1;
    }
    assert!(n_constant >= 5);
}
