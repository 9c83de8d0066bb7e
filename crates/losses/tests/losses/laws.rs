//! Laws over random trees and logits.

use heliacal_losses::candle_core::{DType, Tensor};
use heliacal_losses::{CrossEntropy, CrossEntropyOptions, Hxe, Labels, Loss, Parametrization};
use heliacal_taxonomy::Taxonomy;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::{PARAMETRIZATIONS, ROUNDING, layout, scalar, tensor, tree_losses, vector};

const ROWS: usize = 3;

type Pairs = Vec<(String, Option<String>)>;

/// Classes and parents of random trees of 1 to 25 nodes.
fn pairs() -> impl Strategy<Value = Pairs> {
    prop::collection::vec(any::<Index>(), 0..24).prop_map(|parents| {
        let name = |i: usize| format!("class {i}");
        let child = |(i, parent): (usize, &Index)| (name(i + 1), Some(name(parent.index(i + 1))));
        std::iter::once((name(0), None)).chain(parents.iter().enumerate().map(child)).collect()
    })
}

fn tree(pairs: &Pairs) -> Taxonomy {
    Taxonomy::from_pairs("random", pairs.iter().cloned()).unwrap()
}

/// A tree, three rows of a logit per node, and three labels.
fn tree_logits_labels() -> impl Strategy<Value = (Taxonomy, Vec<f64>, Vec<u32>)> {
    pairs().prop_flat_map(|pairs| {
        let t = tree(&pairs);
        let n = t.n_nodes();
        let logits = prop::collection::vec(prop_oneof![-5f64..5.0, -1e4f64..1e4], ROWS * n);
        (Just(t), logits, prop::collection::vec(0..n as u32, ROWS))
    })
}

/// Same shape, same numbers up to the rounding of logits of 1e4.
fn close(a: &Tensor, b: &Tensor, tolerance: f64) -> bool {
    let near = |(a, b): (f64, f64)| (a - b).abs() <= tolerance * b.abs().max(1.0);
    a.dims() == b.dims() && vector(a).into_iter().zip(vector(b)).all(near)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tensors_and_slices_propagate_alike((t, logits, _) in tree_logits_labels()) {
        let n = t.n_nodes();
        let layout = layout(&t, Parametrization::SiblingSoftmax, DType::F64);
        let batch = tensor(&logits, &[ROWS, n], DType::F64);
        let mut expected = vec![0.0; logits.len()];
        t.conditionals(&logits, &mut expected).unwrap();
        let found = layout.log_conditionals(&batch).unwrap().exp().unwrap();
        prop_assert!(vector(&found).iter().zip(&expected).all(|(a, b)| (a - b).abs() < ROUNDING));
        t.probabilities_from_logits(&logits, &mut expected).unwrap();
        let found = layout.class_log_probabilities(&batch).unwrap().exp().unwrap();
        prop_assert!(vector(&found).iter().zip(&expected).all(|(a, b)| (a - b).abs() < ROUNDING));
        let mut leaves = vec![0.0; ROWS * t.n_leaves()];
        t.leaf_pmf(&expected, &mut leaves).unwrap();
        let found = layout.leaf_log_probabilities(&batch).unwrap().exp().unwrap();
        prop_assert!(vector(&found).iter().zip(&leaves).all(|(a, b)| (a - b).abs() < ROUNDING));
    }

    #[test]
    fn rolling_up_on_tensors_is_rolling_up_on_slices((t, logits, _) in tree_logits_labels()) {
        let n = t.n_leaves();
        let batch = tensor(&logits[..ROWS * n], &[ROWS, n], DType::F64);
        let layout = layout(&t, Parametrization::LeafSoftmax, DType::F64);
        let leaves = vector(&layout.leaf_log_probabilities(&batch).unwrap().exp().unwrap());
        let mut expected = vec![0.0; ROWS * t.n_nodes()];
        t.roll_up(&leaves, &mut expected).unwrap();
        let found = vector(&layout.class_log_probabilities(&batch).unwrap().exp().unwrap());
        prop_assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < ROUNDING));
    }

    #[test]
    fn both_parametrizations_of_one_distribution_cost_the_same((t, logits, labels) in tree_logits_labels()) {
        let (siblings, leaves) =
            (layout(&t, Parametrization::SiblingSoftmax, DType::F64), layout(&t, Parametrization::LeafSoftmax, DType::F64));
        let batch = tensor(&logits, &[ROWS, t.n_nodes()], DType::F64);
        // The leaves' log-probabilities are leaf logits of the same distribution.
        let leaf_batch = siblings.leaf_log_probabilities(&batch).unwrap();
        for ((name, a), (_, b)) in tree_losses_of(&siblings).into_iter().zip(tree_losses_of(&leaves)) {
            let a = a.per_object(&batch, Labels::from(&labels)).unwrap();
            let b = b.per_object(&leaf_batch, Labels::from(&labels)).unwrap();
            // Log-probabilities of -4e4 less their maximum keep 1e-11 at least.
            prop_assert!(close(&b, &a, 1e-10), "{}: {:?} {:?}", name, vector(&a), vector(&b));
        }
    }

    #[test]
    fn the_order_of_siblings_means_nothing((pairs, shuffled) in pairs().prop_flat_map(|p| (Just(p.clone()), Just(p).prop_shuffle())), seed in 1usize..1000) {
        let (t, other) = (tree(&pairs), tree(&shuffled));
        let n = t.n_nodes();
        let logit = |name: &str| 4.0 * crate::wave(seed + name.bytes().map(usize::from).fold(7, |h, b| (h * 31 + b) % 9973));
        let logits_of = |t: &Taxonomy| t.names().iter().map(|name| logit(name)).collect::<Vec<f64>>();
        let label = t.node(seed % n).unwrap();
        let label_there = other.find(t.class_name(label)).unwrap();
        let options = CrossEntropyOptions { label_smoothing: 0.1, focal_gamma: 2.0, ..Default::default() };
        let here = layout(&t, Parametrization::SiblingSoftmax, DType::F64);
        let there = layout(&other, Parametrization::SiblingSoftmax, DType::F64);
        let losses = |layout| -> [Box<dyn Loss>; 2] {
            [Box::new(Hxe::new(layout, 0.5).unwrap()), Box::new(CrossEntropy::on_tree(layout, &options).unwrap())]
        };
        for (a, b) in losses(&here).iter().zip(losses(&there)) {
            let a = a.forward(&tensor(&logits_of(&t), &[1, n], DType::F64), Labels::from(&[label.index() as u32])).unwrap();
            let b = b.forward(&tensor(&logits_of(&other), &[1, n], DType::F64), Labels::from(&[label_there.index() as u32])).unwrap();
            prop_assert!(close(&a, &b, ROUNDING));
        }
    }

    #[test]
    fn hxe_without_decay_is_cross_entropy((t, logits, labels) in tree_logits_labels()) {
        for parametrization in PARAMETRIZATIONS {
            let layout = layout(&t, parametrization, DType::F64);
            let n = layout.n_logits();
            let batch = tensor(&logits[..ROWS * n], &[ROWS, n], DType::F64);
            let hxe = Hxe::new(&layout, 0.0).unwrap().per_object(&batch, Labels::from(&labels)).unwrap();
            let entropy = CrossEntropy::on_tree(&layout, &CrossEntropyOptions::default()).unwrap();
            prop_assert!(close(&hxe, &entropy.per_object(&batch, Labels::from(&labels)).unwrap(), ROUNDING));
        }
    }

    #[test]
    fn on_a_flat_tree_it_is_the_flat_one(logits in prop::collection::vec(-1e4f64..1e4, ROWS * 6), labels in prop::collection::vec(0u32..6, ROWS)) {
        let t = Taxonomy::flat("flat", &["a", "b", "c", "d", "e", "f"]).unwrap();
        let layout = layout(&t, Parametrization::LeafSoftmax, DType::F64);
        let batch = tensor(&logits, &[ROWS, 6], DType::F64);
        let below_root: Vec<u32> = labels.iter().map(|label| label + 1).collect();
        let flat = CrossEntropy::flat(6, &CrossEntropyOptions::default()).unwrap();
        let flat = flat.forward(&batch, Labels::from(&labels)).unwrap();
        let hxe = Hxe::new(&layout, 0.0).unwrap().forward(&batch, Labels::from(&below_root)).unwrap();
        prop_assert!(close(&hxe, &flat, ROUNDING));
        // candle-nn and PyTorch: mean of log-softmax at the label.
        let log_p: f64 = logits.chunks(6).zip(&labels).map(|(row, &label)| {
            let max = row.iter().copied().fold(f64::MIN, f64::max);
            row[label as usize] - max - row.iter().map(|x| (x - max).exp()).sum::<f64>().ln()
        }).sum();
        prop_assert!((scalar(&flat) + log_p / ROWS as f64).abs() <= ROUNDING * log_p.abs().max(1.0));
    }

    #[test]
    fn a_batch_is_the_mean_of_its_objects((t, logits, labels) in tree_logits_labels()) {
        for parametrization in PARAMETRIZATIONS {
            let layout = layout(&t, parametrization, DType::F64);
            let n = layout.n_logits();
            let batch = tensor(&logits[..ROWS * n], &[ROWS, n], DType::F64);
            for (name, loss) in tree_losses_of(&layout) {
                let mean = scalar(&loss.forward(&batch, Labels::from(&labels)).unwrap());
                let alone: Vec<f64> = (0..ROWS)
                    .map(|i| scalar(&loss.forward(&batch.narrow(0, i, 1).unwrap(), Labels::from(&labels[i..=i])).unwrap()))
                    .collect();
                let expected = alone.iter().sum::<f64>() / ROWS as f64;
                prop_assert!((mean - expected).abs() <= ROUNDING * expected.abs().max(1.0), "{}", name);
                prop_assert!(alone.iter().all(|loss| *loss >= 0.0), "{}", name);
            }
        }
    }
}

/// As [`tree_losses`] without the focal square root, which magnifies the rounding of `1 - p` near p = 1.
fn tree_losses_of(layout: &heliacal_losses::TreeLayout) -> Vec<(&'static str, Box<dyn Loss>)> {
    tree_losses(layout).into_iter().filter(|(name, _)| *name != "focal, square root").collect()
}
