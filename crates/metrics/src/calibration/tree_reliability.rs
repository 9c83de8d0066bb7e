//! Reliability of every class of a tree.

use super::bins::Bins;
use super::error::CalibrationError;
#[cfg(feature = "serde")]
use super::error::check_stored;
use super::reliability::Reliability;
use super::rows;
use crate::class_tree::ClassTree;

/// Reliability of every class of a tree and of the most probable class of every level, from PMFs over the leaves.
///
/// A class counts as come true when it is the true class or above it. A true class may be an inner node: whether a
/// class strictly below it is right is then unknown, and that object is left out for that class. A flat set of classes
/// is [`ClassTree::flat`]: its nodes `1..=n_classes` are the classes and level 1 is their level.
///
/// ```text
/// classwise ECE (level) = mean over the classes c of the level of ECE_c
/// ```
///
/// Kull et al. 2019 ([arXiv 1910.12656](https://arxiv.org/abs/1910.12656)), eq. 3, at every level of the tree. The
/// top-label ECE of the leaves is the ECE of Guo et al. 2017.
///
/// ```
/// use heliacal_metrics::ClassTree;
/// use heliacal_metrics::calibration::{Bins, TreeReliability};
///
/// // root { supernova { Ia, II }, AGN }, leaves AGN, Ia, II
/// let tree = ClassTree::new(&[0, 0, 0, 1, 1])?;
/// let mut reliability = TreeReliability::new(tree, &Bins::equal_width(1)?);
/// reliability.add(&[0.25, 0.5, 0.25], 4)?; // a II
/// assert_eq!(reliability.node(1).unwrap().ece(), Some(0.25)); // a supernova, said with 0.75
/// assert_eq!(reliability.top_label(2).unwrap().ece(), Some(0.5)); // no Ia, said with 0.5
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked"))]
pub struct TreeReliability {
    tree: ClassTree,
    nodes: Vec<Reliability>,
    top_labels: Vec<Reliability>,
    #[cfg_attr(feature = "serde", serde(skip))]
    levels: Vec<Vec<usize>>,
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    tree: ClassTree,
    nodes: Vec<Reliability>,
    top_labels: Vec<Reliability>,
}

impl TreeReliability {
    /// Starts with no object; all classes share the bins.
    pub fn new(tree: ClassTree, bins: &Bins) -> Self {
        let empty = Reliability::new(bins.clone());
        let levels: Vec<_> = (0..tree.n_levels()).map(|level| tree.level(level)).collect();
        Self {
            nodes: vec![empty.clone(); tree.n_nodes()],
            top_labels: vec![empty; levels.len()],
            levels,
            tree,
        }
    }

    /// Adds an object: its PMF over the leaves and its true node.
    ///
    /// # Errors
    /// [`CalibrationError::Shape`], [`CalibrationError::Pmf`], [`CalibrationError::Label`], each as of row 0.
    pub fn add(&mut self, leaf_pmf: &[f64], true_node: usize) -> Result<(), CalibrationError> {
        rows::check_pmf(0, leaf_pmf, self.tree.n_leaves())?;
        rows::check_label(0, true_node, self.tree.n_nodes())?;
        let mut probabilities = vec![0.0; self.tree.n_nodes()];
        self.tree.roll_up(leaf_pmf, &mut probabilities)?;
        for (node, reliability) in self.nodes.iter_mut().enumerate() {
            if let Some(right) = is_right(&self.tree, node, true_node) {
                reliability.add_checked(probabilities[node], right);
            }
        }
        for (nodes, reliability) in self.levels.iter().zip(&mut self.top_labels) {
            let better = |best: usize, node: usize| {
                if probabilities[node] > probabilities[best] { node } else { best }
            };
            let top = nodes.iter().copied().reduce(better).unwrap_or(0);
            if let Some(right) = is_right(&self.tree, top, true_node) {
                reliability.add_checked(probabilities[top], right);
            }
        }
        Ok(())
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`CalibrationError::Mismatch`] when the trees or the bins differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), CalibrationError> {
        if self.tree != other.tree {
            return Err(CalibrationError::Mismatch { what: "trees" });
        }
        let ours = self.nodes.iter_mut().chain(&mut self.top_labels);
        for (reliability, other) in ours.zip(other.nodes.iter().chain(&other.top_labels)) {
            reliability.merge(other)?;
        }
        Ok(())
    }

    /// The tree.
    pub fn tree(&self) -> &ClassTree {
        &self.tree
    }

    /// Reliability of the probability of a class, `None` past the last node.
    pub fn node(&self, node: usize) -> Option<&Reliability> {
        self.nodes.get(node)
    }

    /// Reliability of the greatest probability of a level, `None` past the last level. Ties go to the lower node.
    pub fn top_label(&self, level: usize) -> Option<&Reliability> {
        self.top_labels.get(level)
    }

    /// Mean of the expected calibration errors of the classes of a level. Classes that saw no object whose truth is
    /// known at their depth are left out; `None` of none.
    pub fn classwise_ece(&self, level: usize) -> Option<f64> {
        let errors: crate::Moments =
            self.levels.get(level)?.iter().filter_map(|&node| self.nodes[node].ece()).collect();
        errors.mean()
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for TreeReliability {
    type Error = CalibrationError;

    fn try_from(stored: Unchecked) -> Result<Self, CalibrationError> {
        let Unchecked { tree, nodes, top_labels } = stored;
        let fits = nodes.len() == tree.n_nodes() && top_labels.len() == tree.n_levels();
        check_stored(fits, "tree and reliabilities")?;
        let bins = nodes[0].bins().clone();
        let alike = nodes.iter().chain(&top_labels).all(|reliability| *reliability.bins() == bins);
        check_stored(alike, "bins of classes")?;
        // The root is judged for every object, every other class at most for each of them.
        let n = nodes[0].count();
        let counted = nodes.iter().chain(&top_labels).all(|reliability| reliability.count() <= n);
        check_stored(counted, "counts of classes")?;
        Ok(Self { nodes, top_labels, ..Self::new(tree, &bins) })
    }
}

/// Whether a class holds the true class; `None` where the truth is known only to lie somewhere above the class.
pub(super) fn is_right(tree: &ClassTree, node: usize, true_node: usize) -> Option<bool> {
    if tree.ancestor_at(true_node, tree.depth(node)) == node {
        return Some(true);
    }
    let below_the_truth = tree.ancestor_at(node, tree.depth(true_node)) == true_node;
    (!below_the_truth).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// r { a { c, d { f, g } }, b { e } }
    fn tree() -> ClassTree {
        ClassTree::new(&[0, 0, 0, 1, 1, 2, 4, 4]).unwrap()
    }

    #[test]
    fn truth_on_an_inner_node_leaves_its_descendants_open() {
        let t = tree();
        assert_eq!(is_right(&t, 0, 6), Some(true));
        assert_eq!(is_right(&t, 4, 6), Some(true));
        assert_eq!(is_right(&t, 6, 4), None);
        assert_eq!(is_right(&t, 3, 4), Some(false));
        assert_eq!(is_right(&t, 5, 4), Some(false));
        assert_eq!(is_right(&t, 4, 3), Some(false));
    }

    #[test]
    fn levels_by_hand() {
        let mut reliability = TreeReliability::new(tree(), &Bins::equal_width(1).unwrap());
        // leaves c, e, f, g
        reliability.add(&[0.125, 0.375, 0.25, 0.25], 4).unwrap();
        assert_eq!(reliability.node(1).unwrap().ece(), Some(0.375)); // a: right, said with 0.625
        assert_eq!(reliability.node(6).unwrap().count(), 0); // f: open
        assert_eq!(reliability.top_label(1).unwrap().ece(), Some(0.375));
        assert_eq!(reliability.top_label(3).unwrap().ece(), Some(0.375)); // e: wrong, said with 0.375
        // a and b miss by 0.375 each.
        assert_eq!(reliability.classwise_ece(1), Some(0.375));
        // Known at the leaves: c missed by 0.125, e by 0.375.
        assert_eq!(reliability.classwise_ece(3), Some(0.25));
        assert_eq!(reliability.classwise_ece(0), Some(0.0));
        assert_eq!((reliability.classwise_ece(9), reliability.top_label(9)), (None, None));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn parts_from_other_processes_add_up() {
        let bins = Bins::equal_width(1).unwrap();
        let empty = || TreeReliability::new(tree(), &bins);
        let (mut whole, mut left, mut right) = (empty(), empty(), empty());
        for (part, pmf, truth) in
            [(&mut left, [0.125, 0.375, 0.25, 0.25], 4), (&mut right, [0.5, 0.25, 0.25, 0.0], 3)]
        {
            whole.add(&pmf, truth).unwrap();
            part.add(&pmf, truth).unwrap();
        }
        let json = serde_json::to_string(&right).unwrap();
        left.merge(&serde_json::from_str(&json).unwrap()).unwrap();
        assert_eq!(left, whole);
        for (good, bad) in
            [("[0,0,0,1,1,2,4,4]", "[0,0,0,1,1,2,4]"), (r#""count":1,"n_true":1"#, r#""count":0,"n_true":0"#)]
        {
            assert!(json.contains(good), "{json}");
            assert!(serde_json::from_str::<TreeReliability>(&json.replacen(good, bad, 1)).is_err(), "{bad}");
        }
    }

    #[test]
    fn bad_input_is_refused() {
        let mut reliability = TreeReliability::new(tree(), &Bins::equal_width(1).unwrap());
        assert!(matches!(reliability.add(&[1.0], 3), Err(CalibrationError::Shape { .. })));
        assert!(matches!(reliability.add(&[0.5; 4], 3), Err(CalibrationError::Pmf { .. })));
        assert!(matches!(reliability.add(&[0.25; 4], 8), Err(CalibrationError::Label { label: 8, .. })));
        let flat = TreeReliability::new(ClassTree::flat(4), &Bins::equal_width(1).unwrap());
        assert!(reliability.merge(&flat).is_err());
    }
}
