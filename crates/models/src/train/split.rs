//! Which objects are for what.

use std::collections::BTreeMap;

use super::random::{Purpose, Random};

/// Two disjoint parts of a set of objects, as rising positions in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The greater part: to learn from.
    pub training: Vec<usize>,
    /// The rest: for validation or test.
    pub held_out: Vec<usize>,
}

/// Splits objects so that each class is divided in the same way.
///
/// ```text
/// held out of a class of n = round(share · n), but at least 1 and at most n - 1;   none of a class of 1
/// ```
///
/// `true_nodes` has the class of each object. A share that is NaN counts as 0. The same seed gives the same split.
///
/// ```
/// use heliacal_models::train::stratified_split;
///
/// let split = stratified_split(&[4, 4, 4, 4, 9, 9], 0.3, 1);
/// assert_eq!((split.training.len(), split.held_out.len()), (4, 2)); // one of each class
/// ```
pub fn stratified_split(true_nodes: &[usize], share: f64, seed: u64) -> Split {
    let mut split = Split { training: Vec::new(), held_out: Vec::new() };
    let mut random = Random::new(seed, Purpose::Split, 0);
    for mut objects in by_class(true_nodes).into_values() {
        random.shuffle(&mut objects);
        let n = objects.len();
        let n_held_out = ((share * n as f64).round() as usize).max(1).min(n - 1);
        split.held_out.extend(objects.drain(..n_held_out));
        split.training.extend(objects);
    }
    split.training.sort_unstable();
    split.held_out.sort_unstable();
    split
}

/// Random objects, `max_per_class` of a class at most: their positions, rising.
///
/// ```
/// let kept = heliacal_models::train::cap_classes(&[4, 4, 4, 4, 9], 2, 1);
/// assert_eq!(kept.len(), 3);
/// assert!(kept.contains(&4));
/// ```
pub fn cap_classes(true_nodes: &[usize], max_per_class: usize, seed: u64) -> Vec<usize> {
    let mut random = Random::new(seed, Purpose::Cap, 0);
    let mut kept = Vec::new();
    for mut objects in by_class(true_nodes).into_values() {
        random.shuffle(&mut objects);
        objects.truncate(max_per_class);
        kept.extend(objects);
    }
    kept.sort_unstable();
    kept
}

/// Positions of each class's objects.
fn by_class(true_nodes: &[usize]) -> BTreeMap<usize, Vec<usize>> {
    let mut classes = BTreeMap::<usize, Vec<usize>>::new();
    for (object, &node) in true_nodes.iter().enumerate() {
        classes.entry(node).or_default().push(object);
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(true_nodes: &[usize], objects: &[usize], node: usize) -> usize {
        objects.iter().filter(|&&object| true_nodes[object] == node).count()
    }

    proptest! {
        #[test]
        fn a_split_is_disjoint_complete_and_stratified(
            true_nodes in proptest::collection::vec(0usize..5, 0..200), share in 0.0..1.0f64, seed: u64,
        ) {
            let split = stratified_split(&true_nodes, share, seed);
            let mut all = [split.training.clone(), split.held_out.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..true_nodes.len()).collect::<Vec<_>>());
            for node in 0..5 {
                let n = true_nodes.iter().filter(|&&c| c == node).count();
                let held_out = count(&true_nodes, &split.held_out, node);
                let ideal = share * n as f64;
                let in_bounds = if n < 2 { held_out == 0 } else { (1..n).contains(&held_out) };
                prop_assert!(in_bounds, "{} of {}", held_out, n);
                prop_assert!(n < 2 || (held_out as f64 - ideal).abs() <= 1.0, "{} of {}", held_out, n);
            }
            prop_assert_eq!(stratified_split(&true_nodes, share, seed), split);
        }

        #[test]
        fn caps_bind_and_spare_the_rest(
            true_nodes in proptest::collection::vec(0usize..4, 0..100), cap in 0usize..40, seed: u64,
        ) {
            let kept = cap_classes(&true_nodes, cap, seed);
            prop_assert!(kept.is_sorted_by(|a, b| a < b));
            for node in 0..4 {
                let n = true_nodes.iter().filter(|&&c| c == node).count();
                prop_assert_eq!(count(&true_nodes, &kept, node), n.min(cap));
            }
        }
    }

    #[test]
    fn another_seed_is_another_split() {
        let true_nodes = vec![1; 100];
        assert_ne!(stratified_split(&true_nodes, 0.5, 1), stratified_split(&true_nodes, 0.5, 2));
        assert_ne!(cap_classes(&true_nodes, 50, 1), cap_classes(&true_nodes, 50, 2));
    }
}
