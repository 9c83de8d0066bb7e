//! What must hold of every scorecard.

use heliacal_metrics::scorecard::{
    AnomalyScores, ConfidenceRule, ConfidentDays, Confusion, HierarchicalScores, LevelConfidentDays,
    LevelScorecards, ProbabilityReport, ProbabilityScores, Ranking, RankingScores, Scorecard,
    SinceTriggerScorecards, SlicedScorecards, ZeroDivision, days_to_confident, roc_auc,
};
use heliacal_metrics::{ClassTree, PmfHistory};
use proptest::prelude::*;

/// Sums of some dozen terms in another order.
const REORDERED: f64 = 1e-13;

/// root { a { c, d { f, g } }, b { e } }: leaves c, e, f, g.
fn tree() -> ClassTree {
    ClassTree::new(&[0, 0, 0, 1, 1, 2, 4, 4]).unwrap()
}

/// PMFs over four leaves with many ties, and a true node each.
fn objects() -> impl Strategy<Value = Vec<(Vec<f64>, usize)>> {
    let pmf = prop::collection::vec(0_u8..5, 4).prop_map(|weights| {
        let sum: u32 = weights.iter().map(|&weight| u32::from(weight) + 1).sum();
        weights.iter().map(|&weight| f64::from(weight + 1) / f64::from(sum)).collect()
    });
    prop::collection::vec((pmf, 0_usize..8), 0..40)
}

/// The same among the leaves' columns.
fn leaf_objects() -> impl Strategy<Value = Vec<(Vec<f64>, usize)>> {
    objects().prop_map(|objects| objects.into_iter().map(|(pmf, node)| (pmf, node % 4)).collect())
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= REORDERED,
        (a, b) => a == b,
    }
}

fn same_probabilities(a: &ProbabilityReport, b: &ProbabilityReport) -> bool {
    a.n_objects == b.n_objects
        && a.n_impossible == b.n_impossible
        && a.top_k_accuracy == b.top_k_accuracy
        && close(a.log_loss, b.log_loss)
        && close(a.macro_log_loss, b.macro_log_loss)
        && close(a.brier, b.brier)
        && close(a.mean_true_probability, b.mean_true_probability)
}

fn same_levels(a: &LevelScorecards, b: &LevelScorecards) -> bool {
    let (a, b) = (a.report(ZeroDivision::Skip), b.report(ZeroDivision::Skip));
    a.iter().zip(&b).all(|(a, b)| {
        a.argmax_differs == b.argmax_differs
            && a.scorecard.scores == b.scorecard.scores
            && a.scorecard.ranking == b.scorecard.ranking
            && same_probabilities(&a.scorecard.probability, &b.scorecard.probability)
    })
}

fn histories() -> impl Strategy<Value = Vec<(PmfHistory, Vec<f64>, usize)>> {
    let history =
        (prop::collection::vec((0_u8..4, 0_u8..4, 0_u8..9), 1..8), 0_usize..4).prop_map(|(steps, node)| {
            let mut day = -3.0;
            let mut days = Vec::new();
            let mut weights = Vec::new();
            for (a, b, gap) in steps {
                weights.extend([f64::from(a) + 0.5, f64::from(b), 0.5]);
                day += f64::from(gap);
                days.push(day);
            }
            (PmfHistory::normalized(3, weights).unwrap(), days, node)
        });
    prop::collection::vec(history, 0..12)
}

proptest! {
    #[test]
    fn parts_add_up(objects in objects(), cut in 0_usize..40) {
        let (first, second) = objects.split_at(cut.min(objects.len()));
        let levels = |objects: &[(Vec<f64>, usize)]| {
            let mut levels = LevelScorecards::new(tree(), Ranking::Exact).unwrap();
            for (pmf, node) in objects { levels.push(pmf, *node).unwrap(); }
            levels.push_missing(3).unwrap();
            levels
        };
        let mut whole = levels(&objects);
        whole.push_missing(3).unwrap();
        let mut sum = levels(first);
        sum.merge(&levels(second)).unwrap();
        prop_assert_eq!((sum.n_objects(), sum.n_missing()), (whole.n_objects(), whole.n_missing()));
        prop_assert!(same_levels(&sum, &whole));

        let hierarchical = |objects: &[(Vec<f64>, usize)]| {
            let mut scores = HierarchicalScores::new(tree());
            for (pmf, node) in objects { scores.push(pmf, *node).unwrap(); }
            scores
        };
        let mut sum = hierarchical(first);
        sum.merge(&hierarchical(second)).unwrap();
        prop_assert_eq!(sum, hierarchical(&objects));

        let anomaly = |objects: &[(Vec<f64>, usize)]| {
            let mut scores = AnomalyScores::default();
            for (pmf, node) in objects { scores.push(pmf[0], node % 2 == 0).unwrap(); }
            scores
        };
        let mut sum = anomaly(first);
        sum.merge(&anomaly(second));
        prop_assert_eq!(sum.report(), anomaly(&objects).report());
    }

    #[test]
    fn slices_of_a_partition_sum_to_the_whole(objects in objects(), cut in 0_usize..40) {
        let sliced = |objects: &[(Vec<f64>, usize)], start: usize| {
            let mut sliced = SlicedScorecards::new(tree(), &["even", "odd", "third"], Ranking::Exact).unwrap();
            sliced.declare_partition("parity", &["even", "odd"]).unwrap();
            for (index, (pmf, node)) in (start..).zip(objects) {
                sliced.push(pmf, *node, &[index % 2 == 0, index % 2 == 1, index % 3 == 0]).unwrap();
            }
            sliced
        };
        let all = sliced(&objects, 0);
        all.check_counts().unwrap();
        let mut sum = all.slices()[0].clone();
        sum.merge(&all.slices()[1]).unwrap();
        prop_assert!(same_levels(&sum, all.whole()));
        let cut = cut.min(objects.len());
        let mut merged = sliced(&objects[..cut], 0);
        merged.merge(&sliced(&objects[cut..], cut)).unwrap();
        merged.check_counts().unwrap();
        prop_assert!(same_levels(merged.whole(), all.whole()));
        prop_assert!(same_levels(&merged.slices()[2], &all.slices()[2]));
    }

    #[test]
    fn a_level_is_the_scorecard_of_rolled_up_pmfs(objects in leaf_objects()) {
        let tree = tree();
        let mut levels = LevelScorecards::new(tree.clone(), Ranking::Exact).unwrap();
        let mut leaves = Scorecard::new(4, Ranking::Exact).unwrap();
        let mut coarse = Scorecard::new(2, Ranking::Exact).unwrap();
        let grouping = tree.grouping(1);
        for (pmf, column) in &objects {
            levels.push(pmf, tree.leaves()[*column]).unwrap();
            leaves.push(pmf, *column).unwrap();
            let mut families = vec![0.0; 2];
            // By the tree's own sums: children before parents.
            let mut p = vec![0.0; tree.n_nodes()];
            tree.roll_up(pmf, &mut p).unwrap();
            families.copy_from_slice(&p[1..3]);
            coarse.push(&families, grouping[*column]).unwrap();
        }
        prop_assert_eq!(levels.leaf_level().scorecard(), &leaves);
        prop_assert_eq!(levels.levels()[1].scorecard(), &coarse);
        prop_assert_eq!(levels.levels()[3].n_argmax_differs() + levels.levels()[0].n_argmax_differs(), 0);
    }

    #[test]
    fn permuted_classes_permute_scores(objects in leaf_objects()) {
        let turn = [2_usize, 0, 3, 1]; // new position of every class
        let (mut plain, mut turned) = (Scorecard::new(4, Ranking::Exact).unwrap(), Scorecard::new(4, Ranking::Exact).unwrap());
        for (pmf, class) in &objects {
            // Distinct values, so that ties do not depend on positions.
            let pmf: Vec<f64> = pmf.iter().enumerate().map(|(c, p)| 0.999 * p + 1e-5 * (c * c) as f64).collect();
            let sum: f64 = pmf.iter().sum();
            let pmf: Vec<f64> = pmf.iter().map(|p| p / sum).collect();
            let mut other = vec![0.0; 4];
            turn.iter().zip(&pmf).for_each(|(&to, &p)| other[to] = p);
            plain.push(&pmf, *class).unwrap();
            turned.push(&other, turn[*class]).unwrap();
        }
        let (plain, turned) = (plain.report(ZeroDivision::Zero), turned.report(ZeroDivision::Zero));
        prop_assert_eq!(plain.scores.accuracy, turned.scores.accuracy);
        prop_assert_eq!(plain.scores.cohen_kappa, turned.scores.cohen_kappa);
        prop_assert!(close(plain.scores.macro_average.f1, turned.scores.macro_average.f1));
        prop_assert!(close(plain.scores.matthews_correlation, turned.scores.matthews_correlation));
        prop_assert!(same_probabilities(&plain.probability, &turned.probability));
        let (plain_ranking, turned_ranking) = (plain.ranking.unwrap(), turned.ranking.unwrap());
        prop_assert!(close(plain_ranking.macro_auc, turned_ranking.macro_auc));
        for (class, &to) in turn.iter().enumerate() {
            prop_assert_eq!(plain.scores.classes[class], turned.scores.classes[to]);
            prop_assert_eq!(plain_ranking.classes[class], turned_ranking.classes[to]);
        }
    }

    #[test]
    fn coarse_confusion_is_the_confusion_of_coarse_labels(
        labels in prop::collection::vec((0_usize..6, 0_usize..6), 0..60),
        grouping in prop::collection::vec(0_usize..4, 6),
    ) {
        let (truth, predicted): (Vec<usize>, Vec<usize>) = labels.into_iter().unzip();
        let coarse = |labels: &[usize]| labels.iter().map(|&class| grouping[class]).collect::<Vec<_>>();
        let n_coarse = grouping.iter().max().unwrap() + 1;
        prop_assert_eq!(
            Confusion::from_labels(6, &truth, &predicted).unwrap().coarse(&grouping).unwrap(),
            Confusion::from_labels(n_coarse, &coarse(&truth), &coarse(&predicted)).unwrap()
        );
    }

    #[test]
    fn hierarchical_scores_of_a_flat_tree_are_accuracy(objects in leaf_objects()) {
        let mut scores = HierarchicalScores::new(ClassTree::flat(4));
        let mut flat = Scorecard::new(4, Ranking::Off).unwrap();
        for (pmf, column) in &objects {
            scores.push(pmf, column + 1).unwrap();
            flat.push(pmf, *column).unwrap();
        }
        let (report, accuracy) = (scores.report(), flat.confusion().accuracy());
        prop_assert_eq!((report.precision, report.recall, report.f1), (accuracy, accuracy, accuracy));
        prop_assert!(report.mean_mistake_height.is_none_or(|height| height == 1.0));
    }

    #[test]
    fn one_against_the_rest_is_the_binary_area(objects in leaf_objects(), cut in 0_usize..40) {
        let scores = |objects: &[(Vec<f64>, usize)]| {
            let mut scores = RankingScores::new(4).unwrap();
            for (pmf, class) in objects { scores.push(pmf, *class).unwrap(); }
            scores
        };
        let whole = scores(&objects);
        let report = whole.report();
        for (class, ranking) in report.classes.iter().enumerate() {
            prop_assert_eq!(ranking.auc, roc_auc(whole.scores_of(class), &whole.is_of(class)).unwrap());
        }
        // Order does not matter: the second part first.
        let (first, second) = objects.split_at(cut.min(objects.len()));
        let mut sum = scores(second);
        sum.merge(&scores(first)).unwrap();
        prop_assert_eq!(sum.report(), report);
        prop_assert_eq!(sum.hand_till_auc(), whole.hand_till_auc());
    }

    #[test]
    fn probabilities_add_up(objects in leaf_objects(), cut in 0_usize..40) {
        let scores = |objects: &[(Vec<f64>, usize)]| {
            let mut scores = ProbabilityScores::new(4).unwrap();
            for (pmf, class) in objects { scores.push(pmf, *class).unwrap(); }
            scores
        };
        let (first, second) = objects.split_at(cut.min(objects.len()));
        let mut sum = scores(first);
        sum.merge(&scores(second)).unwrap();
        prop_assert!(same_probabilities(&sum.report(), &scores(&objects).report()));
    }

    #[test]
    fn days_are_prefixes(histories in histories(), cut in 0_usize..12) {
        let days = vec![0.0, 1.0, 5.0, 20.0];
        let since = |histories: &[(PmfHistory, Vec<f64>, usize)]| {
            let mut since = SinceTriggerScorecards::new(ClassTree::flat(3), days.clone(), Ranking::Exact).unwrap();
            for (history, days, node) in histories { since.push(history, days, *node).unwrap(); }
            since
        };
        let whole = since(&histories);
        for (day, scorecards) in days.iter().zip(whole.scorecards()) {
            let mut expected = LevelScorecards::new(ClassTree::flat(3), Ranking::Exact).unwrap();
            for (history, at, node) in &histories {
                match at.iter().rposition(|at| at <= day) {
                    Some(step) => expected.push(history.step(step), *node).unwrap(),
                    None => expected.push_missing(*node).unwrap(),
                }
            }
            prop_assert_eq!(scorecards, &expected);
        }
        let (first, second) = histories.split_at(cut.min(histories.len()));
        let mut sum = since(first);
        sum.merge(&since(second)).unwrap();
        prop_assert!(sum.scorecards().iter().zip(whole.scorecards()).all(|(a, b)| same_levels(a, b)));
    }

    #[test]
    fn waits_add_up_and_grow_with_the_threshold(histories in histories(), cut in 0_usize..12) {
        let rule = ConfidenceRule::default();
        let waits = |histories: &[(PmfHistory, Vec<f64>, usize)]| {
            let mut waits = LevelConfidentDays::new(ClassTree::flat(3), rule).unwrap();
            for (history, days, node) in histories { waits.push(history, days, *node).unwrap(); }
            waits
        };
        let whole = waits(&histories);
        let (first, second) = histories.split_at(cut.min(histories.len()));
        let mut sum = waits(first);
        sum.merge(&waits(second)).unwrap();
        prop_assert_eq!(&sum, &whole);
        let leaves: &ConfidentDays = &whole.levels()[1];
        prop_assert_eq!(leaves.reached_days().len(), leaves.n_reached());
        let stricter = ConfidenceRule { threshold: 0.7, ..rule };
        for (history, days, node) in &histories {
            let wait = |rule| days_to_confident(&ClassTree::flat(3), 1, history, days, *node, rule).unwrap();
            if let (Some(wait), Some(longer)) = (wait(&rule), wait(&stricter)) {
                prop_assert!(wait.days <= longer.days && wait.reached >= longer.reached);
            }
        }
    }
}
