//! Laws of early-stable classification, on random histories.

use heliacal_metrics::esc::{
    ClassifiedObject, ConvergenceTracker, EscGrid, EscMetric, EscOptions, EscParams, EscRunSpread,
    EscSummary, HistoryScore, HistoryScorer, WeightCurve, esc_fraction, score_histories, score_history,
};
use heliacal_metrics::transport::{GroundCost, LineCost, TreeCost};
use heliacal_metrics::{ClassTree, PmfHistory};
use proptest::prelude::*;

/// Steps that stay, move a little or jump, so that windows open and close; probabilities on a coarse raster, so that
/// thresholds are met exactly and labels tie.
fn history(n_classes: usize) -> impl Strategy<Value = PmfHistory> {
    prop::collection::vec((0..4_u8, prop::collection::vec(0..17_u32, n_classes)), 1..50).prop_map(
        move |steps| {
            let mut weights = vec![1.0; n_classes];
            let mut values = Vec::new();
            for (kind, draw) in steps {
                for (weight, draw) in weights.iter_mut().zip(draw) {
                    let draw = f64::from(draw);
                    match kind {
                        0 => (),
                        1 | 2 => *weight += draw / 8.0,
                        _ => *weight = draw,
                    }
                }
                if weights.iter().sum::<f64>() == 0.0 {
                    weights[0] = 1.0;
                }
                values.extend_from_slice(&weights);
            }
            PmfHistory::normalized(n_classes, values).unwrap()
        },
    )
}

fn options(epsilon: f64, rho: f64, k: usize) -> EscOptions {
    EscOptions { params: EscParams::new(epsilon, rho, k).unwrap(), ..EscOptions::default() }
}

fn score(history: &PmfHistory, true_class: usize, options: &EscOptions) -> HistoryScore {
    score_history(history, Some(true_class), None, options).unwrap()
}

fn esc_f(history: &PmfHistory, epsilon: f64, rho: f64, k: usize) -> f64 {
    score(history, 1, &options(epsilon, rho, k)).truth.unwrap().esc_fraction.value()
}

type Distance = fn(&[f64], &[f64]) -> f64;

/// Every ground cost, with a distance written out: on a line of three classes, and on a tree with two of them together.
fn costs() -> [(GroundCost, Distance); 3] {
    // root { 0, inner { 1, 2 } }
    let tree = ClassTree::new(&[0, 0, 0, 2, 2]).unwrap();
    [
        (GroundCost::Unit, |p, q| 0.5 * p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>()),
        (GroundCost::Line(LineCost::even(3).unwrap()), |p, q| {
            (p[0] - q[0]).abs() + (p[0] + p[1] - q[0] - q[1]).abs()
        }),
        (GroundCost::Tree(TreeCost::hops(tree)), |p, q| {
            let d: Vec<f64> = p.iter().zip(q).map(|(p, q)| p - q).collect();
            d[0].abs() + (d[1] + d[2]).abs() + d[1].abs() + d[2].abs()
        }),
    ]
}

fn close(a: Option<f64>, b: Option<f64>, tolerance: f64) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance * (1.0 + a.abs()),
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn esc_f_grows_with_rho_and_k_and_shrinks_with_epsilon(
        history in history(3),
        epsilon in 0.0..0.4_f64, more_epsilon in 0.0..0.4_f64,
        rho in 0.0..0.6_f64, more_rho in 0.0..0.4_f64,
        k in 2..8_usize, more_k in 0..5_usize,
    ) {
        let base = esc_f(&history, epsilon, rho, k);
        prop_assert!(esc_f(&history, epsilon + more_epsilon, rho, k) <= base);
        prop_assert!(esc_f(&history, epsilon, rho + more_rho, k) >= base);
        prop_assert!(esc_f(&history, epsilon, rho, k + more_k) >= base);
    }

    #[test]
    fn order_of_classes_is_nothing(history in history(4), shift in 0..4_usize, true_class in 0..4_usize) {
        let rotated: Vec<f64> = history
            .steps()
            .flat_map(|pmf| (0..4).map(move |class| pmf[(class + shift) % 4]))
            .collect();
        let rotated = PmfHistory::new(4, rotated).unwrap();
        // Sums over classes in another order may differ in the last digit, which no threshold here meets.
        let options = options(0.1001, 0.5001, 3);
        let a = score(&history, true_class, &options);
        let b = score(&rotated, (true_class + 4 - shift) % 4, &options);
        let (s, t) = (a.truth.unwrap(), b.truth.unwrap());
        prop_assert_eq!(s.esc_fraction, t.esc_fraction);
        prop_assert!(close(s.esc_score.value(), t.esc_score.value(), 1e-12));
        prop_assert!(close(Some(a.total_motion), Some(b.total_motion), 1e-13));
        let ties = history.steps().any(|pmf| {
            let largest = pmf.iter().copied().fold(0.0, f64::max);
            pmf.iter().filter(|&&p| p == largest).count() > 1
        });
        if !ties {
            prop_assert_eq!(a.label_changes, b.label_changes);
            prop_assert_eq!(a.final_class, (b.final_class + shift) % 4);
        }
    }

    #[test]
    fn the_tracker_is_the_batch_on_every_prefix(history in history(5), truth in prop::option::of(0..5_usize)) {
        let options = options(0.125, 0.5, 3);
        let mut tracker = ConvergenceTracker::new(5, truth, options.params).unwrap();
        for step in 0..history.n_steps() {
            let time = step as f64 * 2.0;
            let status = tracker.push(history.step(step), Some(time)).unwrap();
            let prefix = PmfHistory::new(5, history.as_slice()[..(step + 1) * 5].to_vec()).unwrap();
            let times: Vec<f64> = (0..=step).map(|t| t as f64 * 2.0).collect();
            let score = score_history(&prefix, truth, Some(&times), &options).unwrap();
            prop_assert_eq!(status.n_steps, score.n_steps);
            prop_assert_eq!(status.total_motion, score.total_motion);
            prop_assert_eq!(status.label, score.final_class);
            prop_assert_eq!(status.label_probability, score.final_probability);
            prop_assert_eq!(status.label_since, score.final_class_since);
            prop_assert_eq!(status.label_changes, score.label_changes);
            prop_assert_eq!(status.top, score.top.esc_fraction);
            let elapsed = if let Some(truth) = score.truth {
                prop_assert_eq!(status.truth, Some(truth.esc_fraction));
                prop_assert_eq!(status.converged, truth.esc_fraction.converged);
                prop_assert_eq!(status.holds, truth.esc_fraction.sustained());
                truth.elapsed
            } else {
                prop_assert_eq!(status.converged, score.top.esc_fraction.converged);
                score.top.elapsed
            };
            prop_assert_eq!(status.converged_at, elapsed.unwrap().days_since_first);
        }
    }

    /// The fast path against the definitions, one quantity at a time, for every unrolled number of classes and beyond.
    #[test]
    fn one_pass_is_many_passes(
        (history, true_class) in (1..11_usize).prop_flat_map(|n| (history(n), 0..n)),
        k in 2..70_usize,
    ) {
        let options = options(0.125, 0.25, k);
        let found = score(&history, true_class, &options);
        let argmax = |pmf: &[f64]| (0..pmf.len()).rev().max_by(|&a, &b| pmf[a].total_cmp(&pmf[b])).unwrap();
        let labels: Vec<usize> = history.steps().map(argmax).collect();
        prop_assert_eq!(found.final_class, *labels.last().unwrap());
        prop_assert_eq!(found.label_changes, labels.windows(2).filter(|pair| pair[0] != pair[1]).count());
        let since = labels.iter().rposition(|label| label != labels.last().unwrap()).map_or(1, |step| step + 2);
        prop_assert_eq!(found.final_class_since, since);
        let w1 = |a: &[f64], b: &[f64]| 0.5 * a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>();
        let distances: Vec<f64> = history.steps().zip(history.steps().skip(1)).map(|(a, b)| w1(a, b)).collect();
        prop_assert!((found.total_motion - distances.iter().sum::<f64>()).abs() < 1e-13);
        prop_assert!((found.net_displacement - w1(history.step(0), history.last())).abs() < 1e-15);
        prop_assert!(found.wobble > -1e-13);
        let truth = found.truth.clone().unwrap();
        prop_assert_eq!(truth.first_correct_step, labels.iter().position(|&l| l == true_class).map(|step| step + 1));
        // The most probable class settled: the same window with its own probabilities, one label throughout.
        let tau = (k..=history.n_steps()).find(|&tau| {
            let window = &labels[tau - k..tau];
            window.iter().all(|&label| label == window[0])
                && distances[tau - k..tau - 1].iter().all(|&w1| w1 <= 0.125)
                && (tau - k..tau).all(|step| history.step(step)[window[0]] >= 0.25)
        });
        prop_assert_eq!(found.top.esc_fraction.tau, tau);
        prop_assert_eq!(found.top.class, tau.map(|tau| labels[tau - 1]));
        let unlabelled = score_history(&history, None, None, &options).unwrap();
        prop_assert_eq!(HistoryScore { truth: Some(truth), ..unlabelled }, found);
    }

    #[test]
    fn any_ground_cost(history in history(3), true_class in 0..3_usize) {
        for (cost, distance) in costs() {
            let params = EscParams::new(0.2001, 0.3001, 3).unwrap();
            let options = EscOptions { params, cost, ..EscOptions::default() };
            let found = score(&history, true_class, &options);
            let steps = || history.steps().zip(history.steps().skip(1));
            let w1: Vec<f64> = steps().map(|(a, b)| distance(a, b)).collect();
            prop_assert!(close(Some(found.total_motion), Some(w1.iter().sum()), 1e-12));
            let net = distance(history.step(0), history.last());
            prop_assert!(close(Some(found.net_displacement), Some(net), 1e-12));
            let variation: f64 = steps().map(|(a, b)| costs()[0].1(a, b)).sum();
            prop_assert!(close(Some(found.total_variation), Some(variation), 1e-12));
            let p_true: Vec<f64> = history.steps().map(|pmf| pmf[true_class]).collect();
            let truth = found.truth.unwrap();
            prop_assert_eq!(truth.esc_fraction, esc_fraction(&w1, &p_true, params).unwrap());
        }
    }

    #[test]
    fn weights_do_not_matter_to_a_mean_of_equals(history in history(3), alpha in -50.0..50.0_f64) {
        let options = EscOptions { weights: WeightCurve::Exponential { alpha }, ..EscOptions::default() };
        let truth = score(&history, 2, &options).truth.unwrap();
        if let Some(value) = truth.esc_score.value() {
            let logs = || history.steps().map(|pmf| -pmf[2].max(1e-12).ln());
            prop_assert!(value >= logs().fold(f64::INFINITY, f64::min) - 1e-13);
            prop_assert!(value <= logs().fold(0.0, f64::max) * (1.0 + 1e-14));
        }
    }

    #[test]
    fn parts_make_the_whole(
        objects in prop::collection::vec((history(3), prop::option::of(0..3_usize)), 1..20),
        cut in 0..20_usize,
    ) {
        let options = options(0.125, 0.4, 2);
        let objects: Vec<_> = objects
            .iter()
            .map(|(history, true_class)| ClassifiedObject { true_class: *true_class, ..ClassifiedObject::new(history) })
            .collect();
        let scores = score_histories(&objects, &options).unwrap();
        let mut scorer = HistoryScorer::new(&options).unwrap();
        for (object, score) in objects.iter().zip(&scores) {
            prop_assert_eq!(&scorer.score(object).unwrap(), score);
        }
        let mut whole = EscSummary::new(3);
        let mut parts = [EscSummary::new(3), EscSummary::new(3)];
        for (i, score) in scores.iter().enumerate() {
            whole.add(score).unwrap();
            parts[usize::from(i >= cut)].add(score).unwrap();
        }
        let [mut left, right] = parts;
        left.merge(&right).unwrap();
        prop_assert_eq!(left.overall().n_objects, whole.overall().n_objects);
        prop_assert_eq!(left.overall().n_score_undefined, whole.overall().n_score_undefined);
        for metric in EscMetric::ALL {
            let mean = whole.overall().mean(metric);
            prop_assert!(close(left.overall().mean(metric), mean, 1e-12));
            // The paper's words: class averages weighted by class size.
            prop_assert!(close(whole.class_weighted_mean(metric), mean, 1e-12));
            prop_assert!(close(left.unlabelled().mean(metric), whole.unlabelled().mean(metric), 1e-12));
            for (a, b) in left.classes().iter().zip(whole.classes()) {
                prop_assert!(close(a.mean(metric), b.mean(metric), 1e-12));
                let spread = |tally: &heliacal_metrics::esc::EscTally| tally.moments(metric).standard_deviation();
                prop_assert!(close(spread(a), spread(b), 1e-9));
            }
        }
        let spread = EscRunSpread::new(&[whole.clone(), whole.clone(), whole]).unwrap();
        let changes = spread.overall(EscMetric::LabelChanges);
        prop_assert!(changes.n() == 0 || changes.standard_deviation() == Some(0.0));
    }

    #[test]
    fn the_grid_is_the_score(histories in prop::collection::vec(history(3), 1..6), k in 2..6_usize) {
        let (epsilons, rhos) = ([0.0, 0.1, 0.25, 0.5], [0.0, 0.25, 0.5, 0.9]);
        let (mut grid, mut by_parts) = (EscGrid::new(&epsilons, &rhos, k).unwrap(), EscGrid::new(&epsilons, &rhos, k).unwrap());
        let paper = EscOptions::default();
        let mut scorer = HistoryScorer::new(&paper).unwrap();
        for history in &histories {
            grid.add_history(history, 1).unwrap();
            scorer.score(&ClassifiedObject::labelled(history, 1)).unwrap();
            by_parts.add(scorer.w1(), scorer.true_probabilities()).unwrap();
        }
        prop_assert_eq!(&grid, &by_parts);
        for (i, &epsilon) in epsilons.iter().enumerate() {
            for (j, &rho) in rhos.iter().enumerate() {
                let values: Vec<f64> = histories.iter().map(|history| esc_f(history, epsilon, rho, k)).collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                prop_assert!(close(grid.mean_esc_fraction(i, j), Some(mean), 1e-14));
            }
        }
    }
}
