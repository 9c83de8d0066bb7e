//! Laws over random trees.

use heliacal_taxonomy::{EdgeLength, NodeId, Projection, ProjectionOptions, Taxonomy};
use proptest::prelude::*;
use proptest::sample::Index;

/// Sums of at most 40 terms of at most 1, rounded at each step: DESIGN asks for 1e-6, f64 gives far better.
const ROUNDING: f64 = 1e-12;

/// Random trees of 1 to 40 nodes, their pairs in random order.
fn tree() -> impl Strategy<Value = Taxonomy> {
    prop::collection::vec(any::<Index>(), 0..40)
        .prop_map(|parents| {
            let name = |i: usize| format!("class {i}");
            let child = |(i, parent): (usize, &Index)| (name(i + 1), Some(name(parent.index(i + 1))));
            let mut pairs = vec![(name(0), None)];
            pairs.extend(parents.iter().enumerate().map(child));
            pairs
        })
        .prop_shuffle()
        .prop_map(|pairs| Taxonomy::from_pairs("random", pairs).unwrap())
}

/// A tree with `rows` rows of logits.
fn tree_and_logits(rows: usize) -> impl Strategy<Value = (Taxonomy, Vec<f32>)> {
    tree().prop_flat_map(move |t| {
        let n = rows * t.n_nodes();
        (Just(t), prop::collection::vec(prop_oneof![-5f32..5.0, -1e4f32..1e4], n))
    })
}

/// A tree with two of its nodes.
fn tree_and_two() -> impl Strategy<Value = (Taxonomy, NodeId, NodeId)> {
    (tree(), any::<Index>(), any::<Index>()).prop_map(|(t, a, b)| {
        let node = |i: Index| t.node(i.index(t.n_nodes())).unwrap();
        let (a, b) = (node(a), node(b));
        (t, a, b)
    })
}

fn probabilities(t: &Taxonomy, logits: &[f32]) -> Vec<f64> {
    let mut p = vec![0.0; logits.len()];
    t.probabilities_from_logits(logits, &mut p).unwrap();
    p
}

fn close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < ROUNDING)
}

proptest! {
    #[test]
    fn the_layout_is_a_level_order(t in tree()) {
        for node in t.nodes().skip(1) {
            let parent = t.parent(node).unwrap();
            prop_assert!(parent < node && t.children(parent).contains(&node.index()));
            prop_assert_eq!(t.depth(node), t.depth(parent) + 1);
            prop_assert!(t.height(parent) > t.height(node));
        }
        prop_assert!(t.nodes().zip(t.nodes().skip(1)).all(|(a, b)| t.depth(a) <= t.depth(b)));
        let grouped: Vec<usize> = t.sibling_groups().flatten().collect();
        prop_assert_eq!(grouped, (0..t.n_nodes()).collect::<Vec<_>>());
        prop_assert!(t.nodes().all(|node| t.is_leaf(node) == t.children(node).is_empty()));
        prop_assert!(t.nodes().all(|node| t.find(t.class_name(node)) == Ok(node)));
    }

    #[test]
    fn every_level_shares_out_the_leaves(t in tree()) {
        for level in 0..t.n_levels() {
            let mut leaves: Vec<_> = t.level(level).flat_map(|class| t.leaves_below(class)).collect();
            leaves.sort_unstable();
            prop_assert_eq!(leaves.len(), t.n_leaves());
            leaves.dedup();
            prop_assert_eq!(leaves.len(), t.n_leaves());
            for &leaf in t.leaves() {
                prop_assert!(t.level(level).any(|class| class == t.ancestor_at(leaf, level)));
            }
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn json_reads_back_equal(t in tree()) {
        let json = t.to_json();
        let back = Taxonomy::from_json(&json).unwrap();
        prop_assert_eq!(back.to_json(), json.clone());
        prop_assert_eq!(serde_json::from_str::<Taxonomy>(&json).unwrap(), back.clone());
        prop_assert_eq!(back, t);
    }

    #[test]
    fn children_sum_to_their_parent((t, logits) in tree_and_logits(1)) {
        let p = probabilities(&t, &logits);
        prop_assert!(p[0] == 1.0 && p.iter().all(|p| (0.0..=1.0).contains(p)));
        for node in t.nodes().filter(|&node| !t.is_leaf(node)) {
            let sum: f64 = p[t.children(node)].iter().sum();
            prop_assert!((sum - p[node.index()]).abs() < ROUNDING);
        }
        for level in 0..t.n_levels() {
            let mut pmf = vec![0.0; t.level(level).count()];
            t.level_pmf(&p, level, &mut pmf).unwrap();
            prop_assert!((pmf.iter().sum::<f64>() - 1.0).abs() < ROUNDING);
        }
    }

    #[test]
    fn rolling_up_the_leaves_changes_nothing((t, logits) in tree_and_logits(3)) {
        let p = probabilities(&t, &logits);
        let mut leaves = vec![0.0; 3 * t.n_leaves()];
        t.leaf_pmf(&p, &mut leaves).unwrap();
        let mut up = vec![0.0; p.len()];
        t.roll_up(&leaves, &mut up).unwrap();
        prop_assert!(close(&up, &p));
    }

    #[test]
    fn conditionals_and_probabilities_make_each_other((t, logits) in tree_and_logits(2)) {
        let mut conditionals = vec![0.0; logits.len()];
        t.conditionals(&logits, &mut conditionals).unwrap();
        let mut p = vec![0.0; logits.len()];
        t.class_probabilities(&conditionals, &mut p).unwrap();
        prop_assert_eq!(&p, &probabilities(&t, &logits));
        let mut back = vec![0.0; logits.len()];
        t.conditionals_from_probabilities(&p, &mut back).unwrap();
        let mut again = vec![0.0; logits.len()];
        t.class_probabilities(&back, &mut again).unwrap();
        prop_assert!(close(&again, &p));
        // Where a group holds no probability its conditionals are forgotten; elsewhere they come back.
        for (row, (back, conditionals)) in back.chunks(t.n_nodes()).zip(conditionals.chunks(t.n_nodes())).enumerate() {
            for group in t.sibling_groups() {
                let held: f64 = p[row * t.n_nodes()..][group.clone()].iter().sum();
                if held > 1e-290 {
                    prop_assert!(close(&back[group.clone()], &conditionals[group]));
                } else if held == 0.0 {
                    prop_assert!(close(&back[group.clone()], &vec![1.0 / group.len() as f64; group.len()]));
                }
            }
        }
    }

    #[test]
    fn a_constant_on_all_siblings_is_no_information((t, logits) in tree_and_logits(1), shift in -100f64..100.0) {
        let logits: Vec<f64> = logits.into_iter().map(f64::from).collect();
        let shifted: Vec<f64> = logits.iter().map(|logit| logit + shift).collect();
        let (mut a, mut b) = (vec![0.0; logits.len()], vec![0.0; logits.len()]);
        t.conditionals(&logits, &mut a).unwrap();
        t.conditionals(&shifted, &mut b).unwrap();
        // Adding the shift rounds a logit of 1e4 by up to 1e-12, and with it the probability.
        prop_assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-11));
    }

    #[test]
    fn the_lowest_common_ancestor_ends_the_common_path((t, a, b) in tree_and_two()) {
        let (path_a, path_b) = (t.path(a), t.path(b));
        let common = path_a.iter().zip(&path_b).take_while(|(a, b)| a == b).count();
        let lca = t.lowest_common_ancestor(a, b);
        prop_assert_eq!(lca, path_a[common - 1]);
        prop_assert_eq!(t.lowest_common_ancestor(b, a), lca);
        prop_assert_eq!(t.is_ancestor(a, b), path_b.contains(&a) && a != b);
        let n_edges = path_a.len() + path_b.len() - 2 * common;
        prop_assert_eq!(t.distance(a, b, EdgeLength::UNIT), n_edges as f64);
        let deepest = t.leaves_below(lca).map(|leaf| t.depth(t.node_of(leaf))).max().unwrap();
        prop_assert_eq!(t.lca_height(a, b), deepest - t.depth(lca));
    }

    #[test]
    fn the_cost_matrix_is_a_metric(t in tree(), decay in 0f64..2.0) {
        let edge_length = EdgeLength::exponential(decay).unwrap();
        let (cost, n) = (t.leaf_cost_matrix(edge_length), t.n_leaves());
        let edges = t.edge_lengths(edge_length);
        for a in 0..n {
            prop_assert_eq!(cost[a * n + a].to_bits(), 0);
            for b in 0..n {
                prop_assert_eq!(cost[a * n + b], cost[b * n + a]);
                prop_assert!(a == b || cost[a * n + b] > 0.0);
                prop_assert!((0..n).all(|c| cost[a * n + b] <= cost[a * n + c] + cost[c * n + b] + ROUNDING));
                // The same distance as the metrics compute it, from parents and edge lengths.
                let (mut up_a, mut up_b, mut sum) = (t.leaves()[a].index(), t.leaves()[b].index(), 0.0);
                while up_a != up_b {
                    let lower = if up_a > up_b { &mut up_a } else { &mut up_b };
                    sum += edges[*lower];
                    *lower = t.parents()[*lower];
                }
                prop_assert!((sum - cost[a * n + b]).abs() < ROUNDING);
            }
        }
    }

    #[test]
    fn decisions_are_consistent((t, logits) in tree_and_logits(1), threshold in 0f64..1.0) {
        let p = probabilities(&t, &logits);
        let node = t.deepest(&p, threshold).unwrap();
        for pair in t.path(node).windows(2) {
            prop_assert!(p[pair[1].index()] >= threshold);
            prop_assert!(t.children(pair[0]).all(|sibling| p[sibling] <= p[pair[1].index()]));
        }
        prop_assert!(t.children(node).all(|child| p[child] < threshold));
        for level in 0..t.n_levels() {
            let best = t.argmax_at_level(&p, level).unwrap();
            prop_assert!(t.level(level).all(|class| p[class.index()] <= p[best.index()]));
            let differs = best != t.ancestor_of_argmax_leaf(&p, level).unwrap();
            prop_assert_eq!(t.level_disagreement(&p).unwrap().fraction(level), Some(f64::from(u8::from(differs))));
        }
    }

    #[test]
    fn projecting_onto_a_level_is_the_level_pmf((t, logits) in tree_and_logits(1), level in 0usize..5) {
        let p = probabilities(&t, &logits);
        let classes: Vec<NodeId> = t.level(level).collect();
        let projection = Projection::new(&t, &classes, ProjectionOptions::default()).unwrap();
        let (mut leaves, mut expected) = (vec![0.0; t.n_leaves()], vec![0.0; classes.len()]);
        t.leaf_pmf(&p, &mut leaves).unwrap();
        t.level_pmf(&p, level, &mut expected).unwrap();
        let mut projected = vec![0.0; projection.n_columns()];
        let residual = projection.project(&leaves, &mut projected).unwrap();
        prop_assert!(residual == 0.0 && close(&projected, &expected));
    }

    #[test]
    fn a_projection_is_a_pmf_and_mass_is_kept((t, logits) in tree_and_logits(1), node in any::<Index>()) {
        let p = probabilities(&t, &logits);
        let node = t.node(node.index(t.n_nodes())).unwrap();
        let mut leaves = vec![0.0; t.n_leaves()];
        t.leaf_pmf(&p, &mut leaves).unwrap();
        // The leaves below one node: their conditional distribution, or next to no mass at all.
        let classes: Vec<NodeId> = t.leaves_below(node).map(|leaf| t.node_of(leaf)).collect();
        let projection = Projection::new(&t, &classes, ProjectionOptions::default()).unwrap();
        let mut projected = vec![0.0; classes.len()];
        match projection.project(&leaves, &mut projected) {
            Ok(residual) => {
                prop_assert!((residual + p[node.index()] - 1.0).abs() < ROUNDING);
                prop_assert!((projected.iter().sum::<f64>() - 1.0).abs() < ROUNDING);
            }
            Err(_) => prop_assert!(p[node.index()] < 1.1e-6),
        }
    }
}
