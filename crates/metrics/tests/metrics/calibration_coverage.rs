//! Promises kept on simulated objects: coverage, known temperatures, calibrated classifiers.

use heliacal_metrics::ClassTree;
use heliacal_metrics::calibration::*;

/// A small random source for tests (PCG's multiplier, upper bits).
pub struct Random(pub u64);

impl Random {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// A PMF, peaked the more the higher the power.
    pub fn pmf(&mut self, n_classes: usize, power: f64) -> Vec<f64> {
        let weights: Vec<f64> = (0..n_classes).map(|_| (-self.uniform().ln()).powf(power)).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    /// A class drawn from a PMF.
    pub fn class(&mut self, pmf: &[f64]) -> usize {
        let mut left = self.uniform();
        for (class, p) in pmf.iter().enumerate() {
            left -= p;
            if left < 0.0 {
                return class;
            }
        }
        pmf.len() - 1
    }

    /// Objects of a classifier that is too sure: PMFs tempered from those that the classes are drawn from.
    fn overconfident(
        &mut self,
        n: usize,
        tree: &ClassTree,
        power: f64,
    ) -> (Vec<f64>, Vec<usize>, Vec<usize>) {
        let (mut pmfs, mut columns, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..n {
            let truth = self.pmf(tree.n_leaves(), power);
            columns.push(self.class(&truth));
            nodes.push(tree.leaves()[columns[columns.len() - 1]]);
            let sharper: Vec<f64> = truth.iter().map(|p| p.powf(1.7)).collect();
            let sum: f64 = sharper.iter().sum();
            pmfs.extend(sharper.iter().map(|p| p / sum));
        }
        (pmfs, columns, nodes)
    }
}

/// root { a { c, d { f, g } }, b { e, h } }, leaves c, e, h, f, g
fn tree() -> ClassTree {
    ClassTree::new(&[0, 0, 0, 1, 1, 2, 2, 4, 4]).unwrap()
}

fn is_above(tree: &ClassTree, node: usize, leaf: usize) -> bool {
    tree.ancestor_at(leaf, tree.depth(node)) == node
}

const N_CALIBRATION: usize = 50;
const N_NEW: usize = 50;
const N_SPLITS: usize = 3000;

/// Mean coverage over many splits; of ours, four standard errors are below half a per cent: each split's coverage
/// spreads by √(α(1 - α)(1/n + 1/m)) = 0.06 about its mean, 3000 splits by 0.0011.
const SLACK: f64 = 0.0045;

fn mean_coverage(mut covered: impl FnMut(&mut Random) -> usize) -> f64 {
    let mut random = Random(2021);
    let n_covered: usize = (0..N_SPLITS).map(|_| covered(&mut random)).sum();
    n_covered as f64 / (N_SPLITS * N_NEW) as f64
}

#[test]
fn flat_sets_cover() {
    for score in [SetScore::LeastAmbiguous, SetScore::Cumulative] {
        for alpha in [0.1, 0.3] {
            let coverage = mean_coverage(|random| {
                let (pmfs, labels, _) = random.overconfident(N_CALIBRATION, &tree(), 1.0);
                let sets = ConformalSets::fit(score, Coverage::Marginal, &pmfs, 5, &labels, alpha).unwrap();
                let (pmfs, labels, _) = random.overconfident(N_NEW, &tree(), 1.0);
                let held = |(pmf, label): (&[f64], &usize)| sets.predict(pmf).unwrap().contains(label);
                pmfs.chunks_exact(5).zip(&labels).filter(|&object| held(object)).count()
            });
            // Continuous scores do not tie: the upper bound holds too.
            let upper = 1.0 - alpha + 1.0 / (N_CALIBRATION as f64 + 1.0);
            assert!(
                coverage > 1.0 - alpha - SLACK && coverage < upper + SLACK,
                "{score:?} {alpha}: {coverage}"
            );
        }
    }
}

#[test]
fn nodes_cover() {
    let tree = tree();
    for alpha in [0.1, 0.2] {
        let mut depth = 0;
        let coverage = mean_coverage(|random| {
            let (pmfs, _, nodes) = random.overconfident(N_CALIBRATION, &tree, 1.0);
            let predictor =
                ConformalNodes::fit(tree.clone(), Coverage::Marginal, &pmfs, &nodes, alpha).unwrap();
            let (pmfs, _, nodes) = random.overconfident(N_NEW, &tree, 1.0);
            let mut held = |(pmf, &leaf): (&[f64], &usize)| {
                let node = predictor.predict(pmf).unwrap();
                depth += tree.depth(node);
                is_above(&tree, node, leaf)
            };
            pmfs.chunks_exact(5).zip(&nodes).filter(|&object| held(object)).count()
        });
        // The best leaf is right in fewer than 1 - α, so scores at the quantile are continuous.
        let upper = 1.0 - alpha + 1.0 / (N_CALIBRATION as f64 + 1.0);
        assert!(coverage > 1.0 - alpha - SLACK && coverage < upper + SLACK, "{alpha}: {coverage}");
        assert!(depth > 0);
    }
}

#[test]
fn nodes_cover_more_where_the_leaf_is_enough() {
    let tree = tree();
    let coverage = mean_coverage(|random| {
        let (pmfs, _, nodes) = random.overconfident(N_CALIBRATION, &tree, 6.0);
        let predictor = ConformalNodes::fit(tree.clone(), Coverage::Marginal, &pmfs, &nodes, 0.4).unwrap();
        let (pmfs, _, nodes) = random.overconfident(N_NEW, &tree, 6.0);
        let held = |(pmf, &leaf): (&[f64], &usize)| is_above(&tree, predictor.predict(pmf).unwrap(), leaf);
        pmfs.chunks_exact(5).zip(&nodes).filter(|&object| held(object)).count()
    });
    assert!(coverage > 0.65, "{coverage}");
}

#[test]
fn each_class_is_covered() {
    let tree = tree();
    let alpha = 0.2;
    let mut random = Random(7);
    let (mut n_objects, mut in_set, mut in_node) = ([0; 5], [0; 5], [0; 5]);
    for _ in 0..1000 {
        let (pmfs, labels, nodes) = random.overconfident(100, &tree, 1.0);
        let sets =
            ConformalSets::fit(SetScore::Cumulative, Coverage::PerClass, &pmfs, 5, &labels, alpha).unwrap();
        let predictor = ConformalNodes::fit(tree.clone(), Coverage::PerClass, &pmfs, &nodes, alpha).unwrap();
        let (pmfs, labels, nodes) = random.overconfident(100, &tree, 1.0);
        for ((pmf, &label), &leaf) in pmfs.chunks_exact(5).zip(&labels).zip(&nodes) {
            n_objects[label] += 1;
            in_set[label] += usize::from(sets.predict(pmf).unwrap().contains(&label));
            in_node[label] += usize::from(is_above(&tree, predictor.predict(pmf).unwrap(), leaf));
        }
    }
    for class in 0..5 {
        let share = |covered: usize| covered as f64 / f64::from(n_objects[class]);
        // Spread of one class and split √(0.16 (1/20 + 1/20)) = 0.13, of 1000 splits 0.004; bound 4 of these.
        assert!(share(in_set[class]) > 1.0 - alpha - 0.016, "class {class}: {}", share(in_set[class]));
        assert!(share(in_set[class]) < 1.0 - alpha + 0.07, "class {class}: {}", share(in_set[class]));
        assert!(share(in_node[class]) > 1.0 - alpha - 0.016, "class {class}: {}", share(in_node[class]));
    }
}

#[test]
fn a_known_temperature_is_found() {
    let mut random = Random(3);
    for temperature in [0.4, 1.0, 3.0] {
        let (mut logits, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..20_000 {
            let truth = random.pmf(4, 1.0);
            labels.push(random.class(&truth));
            logits.extend(truth.iter().map(|p| p.ln() * temperature));
        }
        let fit = fit_temperature(&logits, 4, &labels).unwrap();
        // One standard error is about 0.9 %.
        assert!((fit.temperature / temperature - 1.0).abs() < 0.04, "{fit:?}");
        assert!(fit.nll_after <= fit.nll_before);
    }
}

#[test]
fn known_temperatures_of_groups_are_found_and_undone() {
    let tree = tree();
    let mut random = Random(4);
    // Said = truth tempered by 1/T per group, so that T undoes it.
    let set = [2.0, 0.5, 3.0, 1.0, 1.5, 1.0, 1.0, 1.0, 1.0];
    let inverse = TreeTemperatures::new(tree.clone(), set.iter().map(|t| 1.0 / t).collect()).unwrap();
    let undo = TreeTemperatures::new(tree.clone(), set.to_vec()).unwrap();
    let (mut said, mut nodes, mut ece) = (Vec::new(), Vec::new(), [0.0; 2]);
    let bins = Bins::equal_width(10).unwrap();
    for _ in 0..30_000 {
        let truth = random.pmf(5, 1.0);
        nodes.push(tree.leaves()[random.class(&truth)]);
        let row = inverse.apply(&truth).unwrap();
        for (back, p) in undo.apply(&row).unwrap().iter().zip(&truth) {
            assert!((back - p).abs() < 1e-3, "{back} {p}"); // the floor, at T = 3, is 1e-4
        }
        said.extend(row);
    }
    let (fitted, groups) = TreeTemperatures::fit(tree.clone(), &said, &nodes).unwrap();
    for parent in [0, 1, 2, 4] {
        assert!(
            (fitted.temperatures()[parent] / set[parent] - 1.0).abs() < 0.06,
            "{:?}",
            fitted.temperatures()
        );
    }
    assert!(groups.iter().all(|group| {
        let fit = group.fit.unwrap();
        fit.nll_after <= fit.nll_before && fit.status == TemperatureStatus::Interior
    }));
    let mut before = TreeReliability::new(tree.clone(), &bins);
    let mut after = TreeReliability::new(tree, &bins);
    let mut nll = [0.0; 2];
    for (row, &node) in said.chunks_exact(5).zip(&nodes) {
        let calibrated = fitted.apply(row).unwrap();
        before.add(row, node).unwrap();
        after.add(&calibrated, node).unwrap();
        let column = before.tree().column(node).unwrap();
        nll[0] -= row[column].max(1e-12).ln();
        nll[1] -= calibrated[column].ln();
    }
    assert!(nll[1] < nll[0]);
    for (ece, reliability) in ece.iter_mut().zip([&before, &after]) {
        *ece = reliability.top_label(3).unwrap().ece().unwrap();
    }
    // Perfectly calibrated data of 30,000 objects in ten bins: about 0.4 √(10/30000) = 0.007.
    assert!(ece[0] > 0.05 && ece[1] < 0.015, "{ece:?}");
}

#[test]
fn calibrated_classifiers_have_no_error_in_the_limit() {
    let mut random = Random(9);
    let mut errors = Vec::new();
    for n in [400, 6400, 102_400] {
        let mut reliability = TreeReliability::new(tree(), &Bins::equal_width(15).unwrap());
        for _ in 0..n {
            let pmf = random.pmf(5, 1.0);
            let leaf = tree().leaves()[random.class(&pmf)];
            reliability.add(&pmf, leaf).unwrap();
        }
        errors.push(reliability.top_label(3).unwrap().ece().unwrap());
        assert!(reliability.classwise_ece(3).unwrap() < 1.5 / f64::from(n).sqrt());
    }
    // Falls as 1/√n.
    assert!(errors[1] < 0.6 * errors[0] && errors[2] < 0.6 * errors[1], "{errors:?}");
    assert!(errors[2] < 0.006, "{errors:?}");
}
