//! Laws of reliability, temperatures, prediction sets and risk-coverage.

use heliacal_metrics::ClassTree;
use heliacal_metrics::calibration::*;
use proptest::prelude::*;

const N_LEAVES: usize = 5;

/// root { a { c, d { f, g } }, b { e, h } }, leaves c, e, h, f, g
fn tree() -> ClassTree {
    ClassTree::new(&[0, 0, 0, 1, 1, 2, 2, 4, 4]).unwrap()
}

/// PMFs with ties, zeros and certainties among them, and true nodes.
fn objects(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(Vec<f64>, usize)>> {
    let pmf = prop::collection::vec(0_u32..6, N_LEAVES).prop_filter_map("no mass", |weights| {
        let sum: u32 = weights.iter().sum();
        (sum > 0).then(|| weights.iter().map(|&w| f64::from(w) / f64::from(sum)).collect::<Vec<f64>>())
    });
    prop::collection::vec((pmf, 0_usize..9), n)
}

fn split(objects: &[(Vec<f64>, usize)]) -> (Vec<f64>, Vec<usize>) {
    (
        objects.iter().flat_map(|object| object.0.clone()).collect(),
        objects.iter().map(|object| object.1).collect(),
    )
}

proptest! {
    #[test]
    fn two_parts_of_reliability_are_the_whole(all in objects(1..40), cut in 0_usize..40) {
        let cut = cut.min(all.len());
        let of = |objects: &[(Vec<f64>, usize)]| {
            let mut it = TreeReliability::new(tree(), &Bins::equal_width(7).unwrap());
            for (pmf, node) in objects {
                it.add(pmf, *node).unwrap();
            }
            it
        };
        let mut parts = of(&all[..cut]);
        parts.merge(&of(&all[cut..])).unwrap();
        let whole = of(&all);
        let same = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-13,
            (a, b) => a == b,
        };
        for node in 0..9 {
            let (a, b) = (parts.node(node).unwrap().diagram(), whole.node(node).unwrap().diagram());
            prop_assert_eq!(a.count, b.count);
            prop_assert!(same(a.ece, b.ece) && same(a.mce, b.mce));
            prop_assert!(a.ece.is_none_or(|ece| (0.0..=1.0).contains(&ece)));
            prop_assert!(a.ece.is_none_or(|ece| ece <= a.mce.unwrap() + 1e-15));
            prop_assert!(a.bins.iter().zip(&b.bins).all(|(a, b)| a.count == b.count));
        }
        for level in 0..4 {
            prop_assert!(same(parts.classwise_ece(level), whole.classwise_ece(level)));
            prop_assert!(same(parts.top_label(level).unwrap().ece(), whole.top_label(level).unwrap().ece()));
        }
    }

    #[test]
    fn likelihood_never_rises(all in objects(1..30)) {
        let (pmfs, nodes) = split(&all);
        let (fitted, groups) = TreeTemperatures::fit(tree(), &pmfs, &nodes).unwrap();
        for group in groups {
            prop_assert!(group.fit.is_some() || fitted.temperatures()[group.parent] == 1.0);
            if let Some(fit) = group.fit {
                prop_assert!(fit.nll_after <= fit.nll_before, "{fit:?}");
                prop_assert!(fit.temperature >= 0.01 - 1e-15 && fit.temperature <= 100.0 + 1e-9);
                prop_assert!(fit.nll_before.is_finite() && fit.nll_after.is_finite());
            }
        }
        for pmf in pmfs.chunks_exact(N_LEAVES) {
            let calibrated = fitted.apply(pmf).unwrap();
            prop_assert!((calibrated.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(calibrated.iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }

    #[test]
    fn a_fitted_classifier_needs_no_second_fit(
        logits in prop::collection::vec(-4.0..4.0_f64, 60),
        labels in prop::collection::vec(0_usize..3, 20),
    ) {
        let fit = fit_temperature(&logits, 3, &labels).unwrap();
        let calibrated: Vec<f64> = logits.iter().map(|z| z / fit.temperature).collect();
        let again = fit_temperature(&calibrated, 3, &labels).unwrap();
        if fit.status == TemperatureStatus::Interior {
            prop_assert!((again.temperature - 1.0).abs() < 1e-7, "{fit:?} {again:?}");
        }
        // A constant added to a row changes nothing.
        let shifted: Vec<f64> = logits.chunks(3).zip(0_u32..).flat_map(|(row, i)| {
            row.iter().map(move |z| z + f64::from(i)).collect::<Vec<_>>()
        }).collect();
        let moved = fit_temperature(&shifted, 3, &labels).unwrap();
        prop_assert!((moved.temperature / fit.temperature - 1.0).abs() < 1e-7, "{fit:?} {moved:?}");
    }

    #[test]
    fn at_temperature_one_nothing_changes(all in objects(1..10)) {
        let ones = TreeTemperatures::new(tree(), vec![1.0; 9]).unwrap();
        for (pmf, _) in &all {
            for (a, b) in ones.apply(pmf).unwrap().iter().zip(pmf) {
                prop_assert!((a - b).abs() < 1e-11);
            }
        }
    }

    #[test]
    fn sets_and_nodes_grow_as_the_promise_does(all in objects(1..60), new in objects(1..5)) {
        let (pmfs, nodes) = split(&all);
        let labels: Vec<usize> = nodes.iter().map(|node| node % N_LEAVES).collect();
        let leaves: Vec<usize> = labels.iter().map(|&label| tree().leaves()[label]).collect();
        for coverage in [Coverage::Marginal, Coverage::PerClass] {
            for score in [SetScore::LeastAmbiguous, SetScore::Cumulative] {
                let sets = [0.05, 0.2, 0.5, 0.9].map(|alpha| {
                    ConformalSets::fit(score, coverage, &pmfs, N_LEAVES, &labels, alpha).unwrap()
                });
                for (pmf, _) in &new {
                    for pair in sets.windows(2) {
                        let (wide, narrow) = (pair[0].predict(pmf).unwrap(), pair[1].predict(pmf).unwrap());
                        prop_assert!(narrow.iter().all(|class| wide.contains(class)));
                        let nodes = antichain(&tree(), &wide).unwrap();
                        let t = tree();
                        let is_covered = |leaf| nodes.iter().any(|&node| t.ancestor_at(leaf, t.depth(node)) == node);
                        let covered = t.leaves().iter().filter(|&&leaf| is_covered(leaf));
                        prop_assert_eq!(covered.count(), wide.len());
                    }
                }
            }
            let predictors = [0.05, 0.2, 0.5, 0.9].map(|alpha| {
                ConformalNodes::fit(tree(), coverage, &pmfs, &leaves, alpha).unwrap()
            });
            for (pmf, _) in &new {
                for pair in predictors.windows(2) {
                    let (wide, narrow) = (pair[0].predict(pmf).unwrap(), pair[1].predict(pmf).unwrap());
                    prop_assert_eq!(tree().ancestor_at(narrow, tree().depth(wide)), wide);
                }
            }
        }
    }

    /// On the objects fitted on, at least ⌈(n + 1)(1 - α)⌉ are held: the definition of the quantile.
    #[test]
    fn the_fitted_objects_are_covered(all in objects(1..60), alpha in 0.01..0.99_f64) {
        let (pmfs, nodes) = split(&all);
        let predictor = ConformalNodes::fit(tree(), Coverage::Marginal, &pmfs, &nodes, alpha).unwrap();
        let held = all.iter().filter(|(pmf, truth)| {
            let node = predictor.predict(pmf).unwrap();
            tree().ancestor_at(*truth, tree().depth(node)) == node
        }).count();
        let rank = ((all.len() + 1) as f64 * (1.0 - alpha) - 1e-9).ceil() as usize;
        prop_assert!(held >= rank.min(all.len()), "{held} of {}", all.len());
    }

    #[test]
    fn risk_coverage_rises_and_merges(
        all in prop::collection::vec((0_u32..20, any::<bool>()), 1..60),
        cut in 0_usize..60,
    ) {
        let of = |decisions: &[(u32, bool)]| {
            let mut it = RiskCoverage::default();
            for &(c, correct) in decisions {
                it.add(f64::from(c) / 20.0, correct).unwrap();
            }
            it
        };
        let cut = cut.min(all.len());
        let mut parts = of(&all[cut..]);
        parts.merge(&of(&all[..cut]));
        let curve = of(&all).curve();
        prop_assert_eq!(&parts.curve(), &curve);
        prop_assert!(curve.windows(2).all(|p| p[0].coverage < p[1].coverage && p[0].threshold > p[1].threshold));
        prop_assert_eq!(curve.last().unwrap().coverage, 1.0);
        let whole = of(&all);
        let (aurc, excess) = (whole.aurc().unwrap(), whole.excess_aurc().unwrap());
        prop_assert!((0.0..=1.0).contains(&aurc) && (0.0..=aurc).contains(&excess));
    }

    #[test]
    fn stopping_earlier_decides_less(all in objects(1..40), cut in 0_usize..40) {
        let thresholds = vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2];
        let of = |objects: &[(Vec<f64>, usize)]| {
            let mut it = StopAtNode::new(tree(), thresholds.clone()).unwrap();
            for (pmf, node) in objects {
                it.add(pmf, *node).unwrap();
            }
            it
        };
        let cut = cut.min(all.len());
        let mut parts = of(&all[..cut]);
        parts.merge(&of(&all[cut..])).unwrap();
        prop_assert_eq!(&parts, &of(&all));
        let points = parts.points();
        for pair in points.windows(2) {
            prop_assert!(pair[1].mean_depth <= pair[0].mean_depth);
            prop_assert!(pair[1].mean_information.unwrap() <= pair[0].mean_information.unwrap() + 1e-12);
            for (low, high) in pair[0].levels.iter().zip(&pair[1].levels) {
                prop_assert!(high.n_decided <= low.n_decided);
            }
        }
        for point in &points {
            prop_assert_eq!(point.levels[0].coverage, Some(1.0));
            prop_assert_eq!(point.levels[0].n_wrong, 0);
            prop_assert!(point.levels.windows(2).all(|l| l[1].n_decided <= l[0].n_decided));
            prop_assert!(point.n_wrong <= point.n_judged && point.n_judged <= point.n_objects);
        }
        prop_assert_eq!(points[0].levels[3].coverage, Some(1.0));
        prop_assert_eq!(points[6].mean_depth, Some(0.0));
    }
}

/// Sums in parts of fixed size: one thread or many, the same digits.
#[cfg(feature = "rayon")]
#[test]
fn threads_change_no_digit() {
    let mut random = super::calibration_coverage::Random(1);
    let logits: Vec<f64> = (0..30_000 * 3).map(|_| 4.0 * random.uniform()).collect();
    let labels: Vec<usize> =
        (0..30_000).map(|i| usize::from(logits[3 * i] < 3.0 * random.uniform())).collect();
    let run = |n_threads| {
        let pool = rayon_core::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| fit_temperature(&logits, 3, &labels).unwrap())
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(5));
}

#[cfg(feature = "serde")]
#[test]
fn models_and_results_travel_as_json() {
    let tree = tree();
    let pmfs = [0.1, 0.2, 0.3, 0.15, 0.25].repeat(12);
    let (temperatures, groups) =
        TreeTemperatures::fit(tree.clone(), &pmfs, &[3, 5, 6, 7, 8, 4, 3, 5, 6, 7, 8, 1]).unwrap();
    let text = serde_json::to_string(&temperatures).unwrap();
    assert_eq!(serde_json::from_str::<TreeTemperatures>(&text).unwrap(), temperatures);
    assert!(serde_json::from_str::<TreeTemperatures>(&text.replacen("[0,", "[1,", 1)).is_err());
    assert!(serde_json::to_string(&groups).unwrap().contains("\"status\":"));
    for alpha in [0.01, 0.2] {
        let nodes = ConformalNodes::fit(tree.clone(), Coverage::Marginal, &pmfs, &[3; 12], alpha).unwrap();
        let text = serde_json::to_string(&nodes).unwrap();
        assert_eq!(serde_json::from_str::<ConformalNodes>(&text).unwrap(), nodes);
        let sets =
            ConformalSets::fit(SetScore::Cumulative, Coverage::PerClass, &pmfs, 5, &[2; 12], alpha).unwrap();
        let text = serde_json::to_string(&sets).unwrap();
        assert_eq!(serde_json::from_str::<ConformalSets>(&text).unwrap(), sets);
    }
    let bins = Bins::equal_width(3).unwrap();
    let mut reliability = Reliability::new(bins.clone());
    reliability.add(0.5, true).unwrap();
    let text = serde_json::to_string(&reliability.diagram()).unwrap();
    assert_eq!(serde_json::from_str::<ReliabilityDiagram>(&text).unwrap(), reliability.diagram());
    assert_eq!(serde_json::from_str::<Bins>(&serde_json::to_string(&bins).unwrap()).unwrap(), bins);
    assert!(serde_json::from_str::<Bins>("[0.0,0.5,0.5,1.0]").is_err());
}
