//! What the numbers of a level say, before it is put into words.

use heliacal_metrics::calibration::ReliabilityDiagram;
use heliacal_metrics::evaluation::{LevelEvaluation, NamedTree};

/// Below so many objects a class is not called the best, nor a confusion the worst, unless all are as small.
pub(super) const FEW: u64 = 10;

/// A class taken for another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct WorstConfusion {
    pub true_class: usize,
    pub predicted_class: usize,
    pub n: u64,
    pub support: u64,
}

/// The class that is most often, as a share of its objects, taken for one other class. Small classes count only where there are
/// no others.
pub(super) fn worst_confusion(level: &LevelEvaluation) -> Option<WorstConfusion> {
    let confusions = |least: u64| {
        let rows = level.report.scorecard.confusion.iter().enumerate();
        let of_row = move |(true_class, row): (usize, &Vec<u64>)| {
            let support = sum(row);
            let (predicted_class, &n) = row
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != true_class)
                .rev()
                .max_by_key(|(_, n)| **n)?;
            (n > 0 && support >= least).then_some(WorstConfusion { true_class, predicted_class, n, support })
        };
        let share = |confusion: &WorstConfusion| confusion.n as f64 / confusion.support as f64;
        rows.filter_map(of_row)
            .reduce(move |worst, next| if share(&next) > share(&worst) { next } else { worst })
    };
    confusions(FEW).or_else(|| confusions(1))
}

/// The classes with the highest and the lowest F1 among those that have objects, with their F1.
pub(super) fn extremes(level: &LevelEvaluation) -> Option<[(usize, f64); 2]> {
    let scores = &level.report.scorecard.scores.classes;
    let of_at_least = |least: u64| -> Vec<(usize, f64)> {
        let classes = scores.iter().enumerate().filter(|(_, class)| class.support >= least);
        classes.filter_map(|(class, scores)| Some((class, scores.f1.filter(|f1| f1.is_finite())?))).collect()
    };
    let many = of_at_least(FEW);
    let classes = if many.is_empty() { of_at_least(1) } else { many };
    let best = classes.iter().copied().reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    let worst = classes.iter().copied().reduce(|worst, next| if next.1 < worst.1 { next } else { worst })?;
    Some([best, worst])
}

/// The share of right answers of whoever always names the most frequent class, and that class.
pub(super) fn commonest(level: &LevelEvaluation) -> Option<(usize, f64)> {
    let support: Vec<u64> = level.report.scorecard.confusion.iter().map(|row| sum(row)).collect();
    let (class, &n) = support.iter().enumerate().rev().max_by_key(|(_, n)| **n)?;
    let all = sum(&support);
    (all > 0).then(|| (class, n as f64 / all as f64))
}

/// Whether no class that has objects has more than twice as many as another.
pub(super) fn are_alike_in_size(level: &LevelEvaluation) -> bool {
    let support = || level.report.scorecard.confusion.iter().map(|row| sum(row)).filter(|&n| n > 0);
    support().max() <= support().min().map(|least| least.saturating_mul(2))
}

/// Of the mistakes among the classes of a level, the share that stays within the family, their ancestor at level 1.
pub(super) fn mistakes_within_families(level: &LevelEvaluation, tree: &NamedTree) -> Option<f64> {
    let family = |class: usize| {
        let mut node = *level.report.nodes.get(class)?;
        // A node's parent comes before it, so that this ends even on a tree that is none.
        loop {
            let parent = *tree.parents.get(node)?;
            if parent == 0 || parent >= node {
                return Some(node);
            }
            node = parent;
        }
    };
    let (mut n_mistakes, mut n_within) = (0_u64, 0_u64);
    for (true_class, row) in level.report.scorecard.confusion.iter().enumerate() {
        for (predicted_class, &n) in row.iter().enumerate().filter(|(other, _)| *other != true_class) {
            n_mistakes = n_mistakes.saturating_add(n);
            if family(true_class)? == family(predicted_class)? {
                n_within = n_within.saturating_add(n);
            }
        }
    }
    (n_mistakes > 0).then(|| n_within as f64 / n_mistakes as f64)
}

/// Mean stated confidence minus the share that came true: above 0 for a classifier that is too sure of itself.
pub(super) fn overconfidence(diagram: &ReliabilityDiagram) -> Option<f64> {
    let mut sum = 0.0;
    for bin in diagram.bins.iter().filter(|bin| bin.count > 0) {
        sum += (bin.mean_confidence? - bin.observed_frequency?) * bin.count as f64;
    }
    (diagram.count > 0 && sum.is_finite()).then(|| sum / diagram.count as f64)
}

fn sum(counts: &[u64]) -> u64 {
    counts.iter().fold(0, |sum, &n| sum.saturating_add(n))
}

#[cfg(test)]
mod tests {
    use heliacal_metrics::evaluation::{Evaluation, EvaluationOptions, EvaluationReport};
    use heliacal_metrics::{ClassTree, PmfHistory};

    use super::*;

    /// root { A { a, b }, B { c, d } }, and objects as true leaf, predicted leaf, how many; each prediction has 0.7.
    fn report(objects: &[(usize, usize, usize)]) -> EvaluationReport {
        let names = ["root", "A", "B", "a", "b", "c", "d"].map(str::to_owned).to_vec();
        let mut options = EvaluationOptions::default();
        options.bootstrap.n_resamples = 0;
        let tree = ClassTree::new(&[0, 0, 0, 1, 1, 2, 2]).unwrap();
        let mut evaluation = Evaluation::new(names, tree, &options).unwrap();
        for &(true_leaf, predicted, n) in objects {
            let pmf = (0..4).map(|leaf| if leaf == predicted { 0.7 } else { 0.1 }).collect();
            let history = PmfHistory::new(4, pmf).unwrap();
            for _ in 0..n {
                evaluation.push(&history, &[0.0], Some(3 + true_leaf)).unwrap();
            }
        }
        evaluation.report().unwrap()
    }

    #[test]
    fn by_hand() {
        // a: 8 right, 4 as b; b: 9 right, 1 as c; c: 12 right; d: 1 as a.
        let report = report(&[(0, 0, 8), (0, 1, 4), (1, 1, 9), (1, 2, 1), (2, 2, 12), (3, 0, 1)]);
        let fine = report.levels.last().unwrap();
        // d is always taken for a, but it is one object; of a, a third is taken for b.
        let worst = WorstConfusion { true_class: 0, predicted_class: 1, n: 4, support: 12 };
        assert_eq!(worst_confusion(fine), Some(worst));
        // F1: a 16/21, b 18/23, c 24/25.
        assert_eq!(extremes(fine), Some([(2, 24.0 / 25.0), (0, 16.0 / 21.0)]));
        assert_eq!(commonest(fine), Some((0, 12.0 / 35.0)));
        assert!(!are_alike_in_size(fine));
        // Of six mistakes four stay in A.
        assert_eq!(mistakes_within_families(fine, &report.tree), Some(4.0 / 6.0));
        // 0.7 was said, 29 of 35 came true.
        let surplus = overconfidence(&fine.reliability).unwrap();
        assert!((surplus - (0.7 - 29.0 / 35.0)).abs() < 1e-12, "{surplus}");
    }

    #[test]
    fn few_objects_and_none() {
        let report_of_few = report(&[(3, 0, 1), (1, 1, 2)]);
        let fine = report_of_few.levels.last().unwrap();
        let worst = WorstConfusion { true_class: 3, predicted_class: 0, n: 1, support: 1 };
        assert_eq!(worst_confusion(fine), Some(worst));
        assert!(are_alike_in_size(fine));
        let report_of_none = report(&[]);
        let fine = report_of_none.levels.last().unwrap();
        assert_eq!((worst_confusion(fine), extremes(fine), commonest(fine)), (None, None, None));
        assert_eq!(mistakes_within_families(fine, &report_of_none.tree), None);
        assert_eq!(overconfidence(&fine.reliability), None);
    }
}
