//! The formulas once more: plain loops over one object, in double precision, without tensors.

use heliacal_losses::candle_core::DType;
use heliacal_losses::{Labels, NodeCounts, Parametrization, PhaseAwareWhxe, Whxe, WhxeOptions};
use heliacal_taxonomy::{EdgeLength, NodeId, Taxonomy};

use crate::{PARAMETRIZATIONS, ROUNDING, assert_close, layout, made_up, tensor, tree_losses, vector};

on_every_device!(
    every_loss_on_every_tree_in_both_parametrizations,
    single_precision_is_as_good_as_its_rounding,
    phase_aware_alphas_object_by_object,
);

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = values.clone().fold(f64::NEG_INFINITY, f64::max);
    values.map(|value| (value - max).exp()).sum::<f64>().ln() + max
}

/// `ln p(C | parent)` of every node.
pub fn log_conditionals(t: &Taxonomy, parametrization: Parametrization, logits: &[f64]) -> Vec<f64> {
    let of = |node: NodeId| {
        let Some(parent) = t.parent(node) else { return 0.0 };
        match parametrization {
            Parametrization::SiblingSoftmax => {
                logits[node.index()] - log_sum_exp(logits[t.children(parent)].iter().copied())
            }
            Parametrization::LeafSoftmax => {
                let below = |node| {
                    log_sum_exp(
                        t.leaves_below(node).map(|leaf| logits[leaf.index()]).collect::<Vec<_>>().into_iter(),
                    )
                };
                below(node) - below(parent)
            }
        }
    };
    t.nodes().map(of).collect()
}

/// `ln p(C)` of every node.
pub fn class_log_p(t: &Taxonomy, parametrization: Parametrization, logits: &[f64]) -> Vec<f64> {
    let conditionals = log_conditionals(t, parametrization, logits);
    t.nodes().map(|node| t.path(node).iter().map(|node| conditionals[node.index()]).sum()).collect()
}

/// HXE with a weight per node; weights of 1 for HXE itself.
pub fn path_loss(t: &Taxonomy, conditionals: &[f64], label: usize, alpha: f64, weights: &[f64]) -> f64 {
    let mut sum = 0.0;
    for node in t.path(t.node(label).unwrap()) {
        sum -= weights[node.index()] * (-alpha * t.depth(node) as f64).exp() * conditionals[node.index()];
    }
    sum
}

/// Cross-entropy of one object on a tree: weights, smoothing over the leaves, focal.
fn tree_entropy(
    t: &Taxonomy,
    log_p: &[f64],
    label: usize,
    weights: &[f64],
    smoothing: f64,
    gamma: f64,
) -> f64 {
    let term = |class: usize, q: f64| {
        -weights[class] * q * (1.0 - log_p[class].exp()).max(0.0).powf(gamma) * log_p[class]
    };
    let smooth: f64 = t.leaves().iter().map(|leaf| term(leaf.index(), smoothing / t.n_leaves() as f64)).sum();
    term(label, 1.0 - smoothing) + smooth
}

fn soft(
    t: &Taxonomy,
    log_p: &[f64],
    label: usize,
    hardness: f64,
    distance: impl Fn(NodeId, NodeId) -> f64,
) -> f64 {
    let truth = t.node(label).unwrap();
    let likeness = |leaf: &NodeId| (-hardness * distance(truth, *leaf)).exp();
    let sum: f64 = t.leaves().iter().map(likeness).sum();
    t.leaves().iter().map(|leaf| -likeness(leaf) / sum * log_p[leaf.index()]).sum()
}

/// W(C) as DESIGN writes it, for the counts of `tree_losses`.
fn weights(t: &Taxonomy, gamma: f64, n_labels: usize) -> Vec<f64> {
    let labelled = |node: NodeId| if node.index() == 1 { 0 } else { 1 + node.index() * node.index() % 7 };
    let all: usize = t.nodes().map(labelled).sum();
    let weight = |node: NodeId| {
        let below: usize = t.nodes().filter(|&n| n == node || t.is_ancestor(node, n)).map(labelled).sum();
        if below == 0 { 0.0 } else { (all as f64 / (n_labels * below) as f64).powf(gamma) }
    };
    t.nodes().map(weight).collect()
}

/// Every loss of `tree_losses`, in its order.
fn all_by_reference(
    t: &Taxonomy,
    parametrization: Parametrization,
    logits: &[f64],
    label: usize,
) -> Vec<f64> {
    let conditionals = log_conditionals(t, parametrization, logits);
    let log_p = class_log_p(t, parametrization, logits);
    let n = t.n_nodes();
    let (ones, uneven) = (vec![1.0; n], (0..n).map(|i| 0.5 + (i % 3) as f64).collect::<Vec<_>>());
    let decaying = EdgeLength::exponential(0.5).unwrap();
    let height = t.height(NodeId::ROOT).max(1) as f64;
    vec![
        path_loss(t, &conditionals, label, 0.5, &ones),
        path_loss(t, &conditionals, label, 0.5, &weights(t, 1.0, n)),
        path_loss(t, &conditionals, label, 0.2, &weights(t, 0.5, t.n_leaves())),
        -log_p[label],
        -uneven[label] * log_p[label],
        tree_entropy(t, &log_p, label, &uneven, 0.1, 0.0),
        tree_entropy(t, &log_p, label, &ones, 0.0, 2.0),
        tree_entropy(t, &log_p, label, &uneven, 0.05, 0.5),
        soft(t, &log_p, label, 1.5, |a, b| t.distance(a, b, decaying)),
        soft(t, &log_p, label, 4.0, |a, b| t.lca_height(a, b) as f64 / height),
    ]
}

fn every_loss_on_every_tree_in_both_parametrizations() {
    for t in [Taxonomy::oracle(), Taxonomy::elasticc(), Taxonomy::variable_stars(), Taxonomy::supernovae5()] {
        for parametrization in PARAMETRIZATIONS {
            let layout = layout(&t, parametrization, DType::F64);
            let labels: Vec<u32> = (0..t.n_nodes() as u32).collect();
            let logits = made_up(labels.len() * layout.n_logits(), 5.0);
            let batch = tensor(&logits, &[labels.len(), layout.n_logits()], DType::F64);
            let expected: Vec<Vec<f64>> = (0..t.n_nodes())
                .map(|label| {
                    all_by_reference(
                        &t,
                        parametrization,
                        &logits[label * layout.n_logits()..][..layout.n_logits()],
                        label,
                    )
                })
                .collect();
            for (kind, (name, loss)) in tree_losses(&layout).into_iter().enumerate() {
                let found = vector(&loss.per_object(&batch, Labels::from(&labels)).unwrap());
                for (label, found) in found.into_iter().enumerate() {
                    // 1 - p of the root is 0 up to rounding, and the square root of rounding is large.
                    assert!(
                        (found - expected[label][kind]).abs() < 1e-7 * expected[label][kind].abs().max(1.0),
                        "{name}"
                    );
                    if kind != 7 {
                        assert_close(found, expected[label][kind], ROUNDING);
                    }
                }
            }
        }
    }
}

fn single_precision_is_as_good_as_its_rounding() {
    /// Four conditionals of size 10, each rounded to 6e-8, and their sum.
    const ROUNDING_F32: f64 = 1e-6;
    let t = Taxonomy::oracle();
    for parametrization in PARAMETRIZATIONS {
        let (single, double) =
            (layout(&t, parametrization, DType::F32), layout(&t, parametrization, DType::F64));
        let labels: Vec<u32> = (0..26).collect();
        let n = single.n_logits();
        let logits: Vec<f64> = made_up(26 * n, 10.0).into_iter().map(|x| f64::from(x as f32)).collect();
        for ((name, loss), (_, expected)) in tree_losses(&single).into_iter().zip(tree_losses(&double)) {
            let of = |loss: &dyn heliacal_losses::Loss, dtype| {
                vector(&loss.per_object(&tensor(&logits, &[26, n], dtype), Labels::from(&labels)).unwrap())
            };
            let (found, expected) = (of(loss.as_ref(), DType::F32), of(expected.as_ref(), DType::F64));
            for (found, expected) in found.into_iter().zip(expected) {
                assert!(
                    (found - expected).abs() < ROUNDING_F32 * expected.abs().max(10.0),
                    "{name} {found} {expected}"
                );
            }
        }
    }
}

fn phase_aware_alphas_object_by_object() {
    let t = Taxonomy::oracle();
    let labelled: Vec<u64> = (0..26).map(|i| if i == 1 { 0 } else { 1 + i * i % 7 }).collect();
    let counts = NodeCounts::new(&t, labelled).unwrap();
    for parametrization in PARAMETRIZATIONS {
        let layout = layout(&t, parametrization, DType::F64);
        let n = layout.n_logits();
        let whxe = Whxe::new(&layout, &counts, WhxeOptions::default()).unwrap();
        let loss = PhaseAwareWhxe::new(whxe, 0.4).unwrap();
        let (labels, fractions) = ([8, 13, 3, 25, 0], [0.0, 0.3, 1.0, 0.75, 0.5]);
        let logits = made_up(5 * n, 4.0);
        let found = loss
            .per_object(&tensor(&logits, &[5, n], DType::F64), Labels::from(&labels), &fractions)
            .unwrap();
        for (i, found) in vector(&found).into_iter().enumerate() {
            let conditionals = log_conditionals(&t, parametrization, &logits[i * n..][..n]);
            let alpha = 0.5 * 0.4f64.powf(fractions[i]);
            let expected = path_loss(&t, &conditionals, labels[i] as usize, alpha, &weights(&t, 1.0, 26));
            assert_close(found, expected, ROUNDING);
        }
        let said = loss.forward(
            &tensor(&logits, &[5, n], DType::F64),
            Labels::from(&labels),
            &[0.0, 0.5, 1.5, 0.1, 0.2],
        );
        assert_eq!(said.unwrap_err().to_string(), "fraction 2 is 1.5, expected 0 to 1");
        let said = loss.forward(&tensor(&logits, &[5, n], DType::F64), Labels::from(&labels), &[0.5]);
        assert_eq!(said.unwrap_err().to_string(), "1 fractions, expected 5");
    }
}
