//! The early-stable score against the golden histories and against plain loops.

use heliacal_losses::candle_core::DType;
use heliacal_losses::{
    ClassifiedSteps, ConstantHistory, CrossEntropy, CrossEntropyOptions, CrossEntropyWithEsc, EscLoss,
    EscOptions, Labels, Loss, TransportCost,
};
use heliacal_taxonomy::{EdgeLength, Taxonomy};

use crate::golden::{read_json, test_data};
use crate::reference::class_log_p;
use crate::{PARAMETRIZATIONS, ROUNDING, assert_close, layout, made_up, scalar, tensor, vector};

on_every_device!(
    golden_histories,
    flat_and_tree_costs_by_plain_loops,
    what_stands_behind_the_end_is_never_looked_at,
    cross_entropy_of_all_steps_weighs_histories_alike,
    single_precision_is_close_and_rounding_is_no_movement,
    an_early_flip_is_movement_however_steep_the_weights,
    rounding_after_the_flip_does_not_outweigh_it,
    a_long_history_that_moved_once_early_is_not_constant,
    flips_among_deep_classes_with_short_edges_are_movement,
    the_scale_of_the_prices_cancels,
    rounding_of_a_long_history_is_no_movement,
);

/// Eq. 14 of one history: distances between consecutive PMFs, ln of the true class.
fn score(distances: &[f64], log_truth: &[f64], alpha: f64) -> f64 {
    let n_steps = log_truth.len();
    let weight = |t: usize| ((alpha * t as f64 / n_steps as f64).exp() - 1.0) / (alpha.exp() - 1.0);
    let terms = (1..n_steps).map(|t| weight(t) * distances[t - 1]);
    let z: f64 = terms.clone().sum();
    -terms.zip(log_truth).map(|(term, log_p)| term * log_p).sum::<f64>() / z
}

fn golden_histories() {
    let Some(folder) = test_data("esc") else { return };
    let golden = read_json(folder.join("esc_golden.json"));
    let histories = golden["histories"].as_array().unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let (mut n_scored, mut largest) = (0, 0.0_f64);
    for (set, params) in golden["params"].as_array().unwrap().iter().enumerate() {
        let alpha = params["alpha"].as_f64().unwrap();
        // Histories of one width make a batch.
        for n_classes in 1..40 {
            let batch: Vec<_> = histories
                .iter()
                .filter(|history| history["pmf"][0].as_array().unwrap().len() == n_classes)
                .collect();
            if batch.is_empty() {
                continue;
            }
            let lengths: Vec<usize> =
                batch.iter().map(|history| history["pmf"].as_array().unwrap().len()).collect();
            let labels: Vec<u32> = batch.iter().map(|h| h["true_class"].as_u64().unwrap() as u32).collect();
            let longest = *lengths.iter().max().unwrap();
            let mut logits = vec![f64::NAN; batch.len() * longest * n_classes];
            for (i, history) in batch.iter().enumerate() {
                for (t, pmf) in history["pmf"].as_array().unwrap().iter().enumerate() {
                    let at = (i * longest + t) * n_classes;
                    for (logit, p) in logits[at..at + n_classes].iter_mut().zip(numbers(pmf)) {
                        *logit = p.ln(); // -infinity where p is 0
                    }
                }
            }
            let logits = tensor(&logits, &[batch.len(), longest, n_classes], DType::F64);
            let constant_history = ConstantHistory::Undefined;
            let floored = EscOptions { alpha, floor: Some(1e-12), constant_history };
            let floored = EscLoss::flat(n_classes, floored).unwrap();
            let plain =
                EscLoss::flat(n_classes, EscOptions { alpha, floor: None, constant_history }).unwrap();
            let floored = floored.forward(&logits, Labels::from(&labels), &lengths).unwrap();
            let plain = plain.forward(&logits, Labels::from(&labels), &lengths).unwrap();
            let (mut sum, mut n_defined) = (0.0, 0);
            for (i, history) in batch.iter().enumerate() {
                let result = &history["results"][set];
                let (with_floor, without) = (vector(&floored.per_object)[i], vector(&plain.per_object)[i]);
                match result["esc_s_floor"].as_f64() {
                    Some(expected) => {
                        // The PMFs come back from logarithms and a softmax with an error of some 1e-16 each.
                        largest = largest.max((with_floor - expected).abs() / expected.abs().max(1.0));
                        (sum, n_defined) = (sum + expected, n_defined + 1);
                    }
                    None => assert_eq!((with_floor, without), (0.0, 0.0), "{} is undefined", history["kind"]),
                }
                match result["esc_s_status"].as_str().unwrap() {
                    "ok" => assert_close(without, result["esc_s"].as_f64().unwrap(), 1e-11),
                    "infinite" => assert!(without > 1e10 && without.is_finite()),
                    status => assert_eq!(status, "undefined"),
                }
            }
            assert_eq!(floored.n_undefined, batch.len() - n_defined);
            if n_defined > 0 {
                assert_close(scalar(&floored.loss), sum / n_defined as f64, 1e-11);
            }
            n_scored += n_defined;
        }
    }
    eprintln!("{n_scored} golden scores, largest relative difference {largest:e}");
    assert!(n_scored > 600 && largest < 1e-11);
}

fn flat_and_tree_costs_by_plain_loops() {
    let t = Taxonomy::oracle();
    let (lengths, longest, alpha) = ([7, 4, 2], 7, 3.0);
    let edge_length = EdgeLength::exponential(0.5).unwrap();
    for parametrization in PARAMETRIZATIONS {
        let layout = layout(&t, parametrization, DType::F64);
        let n = layout.n_logits();
        let logits = made_up(3 * longest * n, 3.0);
        let labels = [8, 3, 25]; // one of them an inner node
        let options = EscOptions { alpha, ..Default::default() };
        let batch = tensor(&logits, &[3, longest, n], DType::F64);
        let found = |cost| {
            let esc = EscLoss::on_tree(&layout, cost, options).unwrap();
            vector(&esc.forward(&batch, Labels::from(&labels), &lengths).unwrap().per_object)
        };
        let (unit, tree) = (found(TransportCost::Unit), found(TransportCost::Tree(edge_length)));
        for (i, &length) in lengths.iter().enumerate() {
            let log_p: Vec<Vec<f64>> = (0..length)
                .map(|step| class_log_p(&t, parametrization, &logits[(i * longest + step) * n..][..n]))
                .collect();
            let log_truth: Vec<f64> = log_p.iter().map(|row| row[labels[i] as usize]).collect();
            let distances = |of: &dyn Fn(&[f64], &[f64]) -> f64| -> Vec<f64> {
                log_p.windows(2).map(|pair| of(&pair[0], &pair[1])).collect()
            };
            let half_l1 = distances(&|a, b| {
                t.leaves()
                    .iter()
                    .map(|leaf| 0.5 * (a[leaf.index()].exp() - b[leaf.index()].exp()).abs())
                    .sum()
            });
            let below = |row: &[f64], node| -> f64 {
                t.leaves_below(node).map(|leaf| row[t.node_of(leaf).index()].exp()).sum()
            };
            let along_edges = distances(&|a, b| {
                t.nodes()
                    .map(|node| edge_length.at_depth(t.depth(node)) * (below(a, node) - below(b, node)).abs())
                    .sum()
            });
            assert_close(unit[i], score(&half_l1, &log_truth, alpha), ROUNDING);
            assert_close(tree[i], score(&along_edges, &log_truth, alpha), ROUNDING);
        }
    }
}

fn what_stands_behind_the_end_is_never_looked_at() {
    let esc = EscLoss::flat(3, EscOptions::default()).unwrap();
    let short = made_up(4 * 3, 2.0);
    let alone = esc.forward(&tensor(&short, &[1, 4, 3], DType::F64), Labels::from(&[1]), &[4]).unwrap();
    let padded = [short, vec![f64::NAN; 9]].concat();
    let padded = esc.forward(&tensor(&padded, &[1, 7, 3], DType::F64), Labels::from(&[1]), &[4]).unwrap();
    assert_eq!(scalar(&alone.loss), scalar(&padded.loss));
}

fn cross_entropy_of_all_steps_weighs_histories_alike() {
    let entropy = CrossEntropy::flat(4, &CrossEntropyOptions::default()).unwrap();
    let esc = EscLoss::flat(4, EscOptions::default()).unwrap();
    let logits = made_up(3 * 5 * 4, 2.0);
    let (batch, labels, lengths) = (tensor(&logits, &[3, 5, 4], DType::F64), [0, 3, 2], [5, 2, 0]);
    let alone = |i: usize, step: usize| {
        let row = tensor(&logits[(i * 5 + step) * 4..][..4], &[1, 4], DType::F64);
        scalar(&entropy.forward(&row, Labels::from(&labels[i..=i])).unwrap())
    };
    let mean = |i: usize| (0..lengths[i]).map(|step| alone(i, step)).sum::<f64>() / lengths[i] as f64;
    for (steps, expected) in [
        (ClassifiedSteps::Last, f64::midpoint(alone(0, 4), alone(1, 1))),
        (ClassifiedSteps::All, f64::midpoint(mean(0), mean(1))),
    ] {
        let both = CrossEntropyWithEsc::new(entropy.clone(), esc.clone(), 0.3, steps).unwrap();
        let parts = both.forward(&batch, Labels::from(&labels), &lengths).unwrap();
        assert_close(scalar(&parts.cross_entropy), expected, 1e-14);
        assert_close(scalar(&parts.loss), expected + 0.3 * scalar(&parts.esc.loss), 1e-14);
        assert_eq!(parts.esc.n_undefined, 1);
        let without = CrossEntropyWithEsc::new(entropy.clone(), esc.clone(), 0.0, steps).unwrap();
        let without = without.forward(&batch, Labels::from(&labels), &lengths).unwrap();
        assert_eq!(scalar(&without.loss), scalar(&without.cross_entropy));
    }
}

fn single_precision_is_close_and_rounding_is_no_movement() {
    /// PMFs of f32 carry 1e-7 each, and W1 of similar PMFs is their small difference.
    const ROUNDING_F32: f64 = 1e-5;
    let esc = EscLoss::flat(5, EscOptions::default()).unwrap();
    let logits: Vec<f64> = made_up(4 * 50 * 5, 3.0).into_iter().map(|x| f64::from(x as f32)).collect();
    let scores = |dtype| {
        let batch = tensor(&logits, &[4, 50, 5], dtype);
        vector(&esc.forward(&batch, Labels::from(&[0, 1, 2, 3]), &[50, 31, 2, 9]).unwrap().per_object)
    };
    for (found, expected) in scores(DType::F32).into_iter().zip(scores(DType::F64)) {
        assert_close(found, expected, ROUNDING_F32);
    }
    // A constant added to all logits rounds them differently; the history still does not move.
    let still: Vec<f64> =
        (0..8).flat_map(|t| [0.3, 0.7, 1.1].map(|x| x + 10.0 * crate::wave(t + 1))).collect();
    let esc = EscLoss::flat(3, EscOptions::default()).unwrap();
    let score = esc.forward(&tensor(&still, &[1, 8, 3], DType::F32), Labels::from(&[0]), &[8]).unwrap();
    assert_eq!(score.n_constant, 1);
    let p = 1.0 / (1.0 + 0.4f64.exp() + 0.8f64.exp());
    assert_close(scalar(&score.loss), -p.ln(), ROUNDING_F32);
}

/// One flip from p = 1 / (1 + e^5) to its complement after the first of ten steps.
const FLIP: f64 = 5.006_715_348_489_118;

fn an_early_flip_is_movement_however_steep_the_weights() {
    let logits: Vec<f64> = (0..10).flat_map(|t| [if t == 0 { -5.0 } else { 5.0 }, 0.0]).collect();
    for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-14)] {
        for alpha in [0.0, 2.0, 20.0, 50.0, 1e5] {
            let esc = EscLoss::flat(2, EscOptions { alpha, ..Default::default() }).unwrap();
            let score = esc.forward(&tensor(&logits, &[1, 10, 2], dtype), Labels::from(&[0]), &[10]).unwrap();
            assert_eq!(score.n_constant, 0, "{dtype:?}, alpha {alpha}");
            assert_close(scalar(&score.loss), FLIP, tolerance);
        }
    }
}

fn rounding_after_the_flip_does_not_outweigh_it() {
    let jitter = |t: usize| if t == 0 { [-5.0, 0.0] } else { [5.0, 0.0].map(|x| x + crate::wave(t)) };
    let logits: Vec<f64> = (0..10).flat_map(jitter).collect();
    let esc = EscLoss::flat(2, EscOptions { alpha: 1e3, ..Default::default() }).unwrap();
    let batch = tensor(&logits, &[1, 10, 2], DType::F32);
    let score = esc.forward(&batch, Labels::from(&[0]), &[10]).unwrap();
    assert_close(scalar(&score.loss), FLIP, 1e-6);
}

fn a_long_history_that_moved_once_early_is_not_constant() {
    // p of class 0 goes from 0.4985 to 0.5 after the first of 500 steps.
    let mut logits = vec![0.0; 500 * 2];
    logits[0] = -0.006;
    let expected = (1.0 + 0.006_f64.exp()).ln();
    assert!((expected - 0.696).abs() < 2e-4);
    for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-14)] {
        let options = EscOptions { constant_history: ConstantHistory::Undefined, ..Default::default() };
        let esc = EscLoss::flat(2, options).unwrap();
        let score = esc.forward(&tensor(&logits, &[1, 500, 2], dtype), Labels::from(&[0]), &[500]).unwrap();
        assert_eq!((score.n_constant, score.n_undefined), (0, 0));
        assert_close(scalar(&score.loss), expected, tolerance);
    }
}

fn flips_among_deep_classes_with_short_edges_are_movement() {
    let t = Taxonomy::oracle();
    let [ia, ii] = ["SNIa", "SNII"].map(|name| t.find(name).unwrap().index());
    let mut logits = vec![0.0; 10 * 26];
    for (step, row) in logits.chunks_mut(26).enumerate() {
        row[ia] = if step % 2 == 0 { 4.0 } else { -4.0 };
        row[ii] = -row[ia];
    }
    for decay in [0.0, 3.0, 5.0] {
        let cost = TransportCost::Tree(EdgeLength::exponential(decay).unwrap());
        let scores = [DType::F32, DType::F64].map(|dtype| {
            let layout = layout(&t, PARAMETRIZATIONS[0], dtype);
            let esc = EscLoss::on_tree(&layout, cost, EscOptions::default()).unwrap();
            let batch = tensor(&logits, &[1, 10, 26], dtype);
            let score = esc.forward(&batch, Labels::from(&[ia as u32]), &[10]).unwrap();
            assert_eq!(score.n_constant, 0, "{dtype:?}, decay {decay}");
            scalar(&score.loss)
        });
        assert_close(scores[0], scores[1], 1e-5);
    }
}

fn the_scale_of_the_prices_cancels() {
    // On a flat tree every edge has the same length, here exp(-1000): 0 in any number type.
    let t = Taxonomy::flat("flat", &["a", "b", "c"]).unwrap();
    let layout = layout(&t, PARAMETRIZATIONS[1], DType::F32);
    let batch = tensor(&made_up(6 * 3, 2.0), &[1, 6, 3], DType::F32);
    let score = |decay| {
        let cost = TransportCost::Tree(EdgeLength::exponential(decay).unwrap());
        let esc = EscLoss::on_tree(&layout, cost, EscOptions::default()).unwrap();
        scalar(&esc.forward(&batch, Labels::from(&[1]), &[6]).unwrap().loss)
    };
    assert_eq!(score(1000.0), score(0.0));
}

fn rounding_of_a_long_history_is_no_movement() {
    for dtype in [DType::F32, DType::F64] {
        for n in [8, 100, 500] {
            let still: Vec<f64> = (0..n)
                .flat_map(|t| [0.3, 0.7, 1.1, -0.4, 0.2].map(|x| x + 10.0 * crate::wave(t + 1)))
                .collect();
            let options = EscOptions { constant_history: ConstantHistory::Undefined, ..Default::default() };
            let esc = EscLoss::flat(5, options).unwrap();
            let score = esc.forward(&tensor(&still, &[1, n, 5], dtype), Labels::from(&[0]), &[n]).unwrap();
            assert_eq!((score.n_constant, score.n_undefined), (1, 1), "{dtype:?}, {n} steps");
        }
    }
}
