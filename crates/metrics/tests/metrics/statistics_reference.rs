//! Against SciPy and statsmodels: `fixtures/statistics/make_statistics.py`.

use heliacal_metrics::statistics::*;
use serde_json::Value;

/// Both sides sum a few hundred terms in double precision.
const TOLERANCE: f64 = 1e-10;

fn fixture(section: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/statistics/statistics.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    document[section].as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn assert_close(ours: f64, theirs: &Value, what: &str) {
    let theirs = number(theirs);
    // SciPy's tails end a rounding error above 0 or below 1, ours may end at it.
    let scale = theirs.abs().max(1e-15);
    assert!(ours == theirs || (ours - theirs).abs() <= TOLERANCE * scale, "{what}: {ours} for {theirs}");
}

#[test]
fn wilson_is_that_of_statsmodels() {
    for case in fixture("wilson") {
        let (k, n) = (count(&case["k"]), count(&case["n"]));
        let interval = wilson_interval(k, n, number(&case["level"])).unwrap().unwrap();
        // statsmodels subtracts there: only 1e-16 absolute of its lower end is right.
        assert!((interval.lower - number(&case["lower"])).abs() < 1e-15 + 1e-12 * interval.lower, "{case}");
        assert_close(interval.upper, &case["upper"], &format!("upper of {case}"));
    }
}

#[test]
fn hanley_mcneil_is_the_formula() {
    for case in fixture("hanley_mcneil") {
        let (auc, m, n) = (number(&case["auc"]), count(&case["n_positive"]), count(&case["n_negative"]));
        assert_close(hanley_mcneil_standard_error(auc, m, n).unwrap(), &case["standard_error"], "error");
        let interval = hanley_mcneil_interval(auc, m, n, 0.95).unwrap().unwrap();
        assert_close(interval.lower, &case["lower"], "lower");
        assert_close(interval.upper, &case["upper"], "upper");
    }
}

#[test]
fn mcnemar_is_that_of_statsmodels() {
    let methods = [
        ("exact", McNemarMethod::Exact),
        ("chi_square", McNemarMethod::ChiSquare),
        ("chi_square_corrected", McNemarMethod::ChiSquareCorrected),
    ];
    for case in fixture("mcnemar") {
        for (name, method) in methods {
            let test = mcnemar(count(&case["only_first"]), count(&case["only_second"]), method);
            let theirs = &case[name];
            // (|0 - 0| - 1)² / 0 is infinite there and no number in the file; undefined here.
            assert_eq!(test.statistic.is_none(), theirs["statistic"].is_null(), "{name} {case}");
            if let Some(statistic) = test.statistic {
                assert_close(statistic, &theirs["statistic"], name);
                assert_close(test.p_value.unwrap(), &theirs["p_value"], &format!("{name} of {case}"));
            } else {
                assert_eq!(test.p_value, None);
            }
        }
    }
}

#[test]
fn wilcoxon_is_that_of_scipy() {
    let mut n_cases = 0;
    for sample in fixture("wilcoxon") {
        let differences = numbers(&sample["differences"]);
        for case in sample["cases"].as_array().unwrap() {
            let zeros = match case["zero_method"].as_str().unwrap() {
                "wilcox" => ZeroDifferences::Drop,
                "pratt" => ZeroDifferences::Pratt,
                _ => ZeroDifferences::Split,
            };
            let alternative = match case["alternative"].as_str().unwrap() {
                "two-sided" => Alternative::TwoSided,
                "less" => Alternative::Less,
                _ => Alternative::Greater,
            };
            let method = match (case["method"].as_str().unwrap(), case["correction"].as_bool().unwrap()) {
                ("auto", _) => WilcoxonMethod::Auto,
                (_, true) => WilcoxonMethod::NormalCorrected,
                _ => WilcoxonMethod::Normal,
            };
            let test = wilcoxon_signed_rank(&differences, alternative, zeros, method).unwrap();
            let what = format!("{} {case}", sample["name"]);
            assert_close(test.statistic, &case["statistic"], &what);
            assert_close(test.p_value.unwrap(), &case["p_value"], &what);
            if let Some(z) = case["z"].as_f64() {
                let ours = if alternative == Alternative::TwoSided {
                    -test.z.unwrap().abs()
                } else {
                    test.z.unwrap()
                };
                assert!((ours - z).abs() < 1e-12, "{what}: z {ours}");
            }
            n_cases += 1;
        }
    }
    assert_eq!(n_cases, 270);
}

#[test]
fn holm_is_that_of_statsmodels() {
    for case in fixture("holm") {
        for (ours, theirs) in
            holm(&numbers(&case["p_values"])).unwrap().iter().zip(numbers(&case["adjusted"]))
        {
            assert!((ours - theirs).abs() < 1e-15);
        }
    }
}

/// The same replicates and jackknife values give SciPy's intervals; how replicates are drawn is each one's own.
#[test]
fn bootstrap_intervals_are_those_of_scipy() {
    for case in fixture("bootstrap") {
        let name = case["name"].as_str().unwrap();
        let without_each: Vec<Vec<f64>> =
            case["without_each"].as_array().unwrap().iter().map(numbers).collect();
        let sample = BootstrapSample {
            estimate: number(&case["estimate"]),
            replicates: numbers(&case["replicates"]),
            n_undefined: 0,
            acceleration: acceleration(&without_each),
        };
        let scale = sample.standard_error().unwrap();
        assert!((sample.acceleration.unwrap() - number(&case["acceleration"])).abs() < 1e-12, "{name}");
        assert_close(scale, &case["standard_error"], name);
        for theirs in case["intervals"].as_array().unwrap() {
            let level = number(&theirs["level"]);
            let ours =
                if theirs["method"] == "BCa" { sample.bca(level) } else { sample.percentile(level) }.unwrap();
            let apart =
                (ours.lower - number(&theirs["lower"])).abs() + (ours.upper - number(&theirs["upper"])).abs();
            assert!(apart < 1e-11 * scale, "{name}: {ours:?} for {theirs}");
        }
    }
}

/// Jackknife and estimate of our own run on SciPy's data, one sample and two (strata).
#[test]
fn our_jackknife_is_that_of_scipy() {
    let options = Bootstrap { n_resamples: 1, seed: 0, jackknife: Jackknife::LeaveOneOut };
    for case in fixture("bootstrap") {
        let data: Vec<Vec<f64>> = case["data"].as_array().unwrap().iter().map(numbers).collect();
        let strata: Vec<usize> = (0..data.len()).flat_map(|j| vec![j; data[j].len()]).collect();
        let values = data.concat();
        let mean = |indices: &[usize], stratum: usize| {
            let of = indices.iter().filter(|&&i| strata[i] == stratum).map(|&i| values[i]);
            of.collect::<heliacal_metrics::Moments>().mean()
        };
        let sample = match case["name"].as_str().unwrap() {
            "mean_skewed" => bootstrap(values.len(), |i: &[usize]| mean(i, 0), &options),
            "difference_of_two_samples" => {
                bootstrap_strata(&strata, |i: &[usize]| Some(mean(i, 0)? - mean(i, 1)?), &options)
            }
            "std_small" => {
                let deviation = |i: &[usize]| {
                    let moments: heliacal_metrics::Moments = i.iter().map(|&i| values[i]).collect();
                    moments.standard_deviation()
                };
                bootstrap(values.len(), deviation, &options)
            }
            _ => continue,
        }
        .unwrap();
        assert_close(sample.estimate, &case["estimate"], "estimate");
        assert!((sample.acceleration.unwrap() - number(&case["acceleration"])).abs() < 1e-12, "{case}");
    }
}
