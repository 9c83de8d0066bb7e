//! Prediction sets that are a class of the tree.

#[cfg(feature = "serde")]
use super::conformal_quantile::check_thresholds;
use super::conformal_quantile::{Coverage, thresholds, within};
use super::error::CalibrationError;
use super::rows;
use crate::class_tree::ClassTree;
use crate::pmf::argmax;

/// One class of the tree per object that is the true class or above it with probability at least `1 - α`: as coarse as
/// the data asks for, as fine as the promise allows.
///
/// Candidates are the nodes on the path `v_0` (the most probable leaf), `v_1` (its parent), ... up to the root; each
/// holds the one before, so that they are nested sets and split conformal prediction applies.
///
/// ```text
/// s(x, y) = P(v_j-1) where v_j is the first on the path that holds y;  0 where already the leaf v_0 is y
/// node(x) = first v_j with P(v_j) > q on the path, the root where there is none
/// node(x) holds y  ⇔  s(x, y) ≤ q,      q from conformal_quantile of s(x_i, y_i)
/// ```
///
/// So the score is the smallest threshold whose node holds the truth, and coverage follows by exchangeability alone.
/// It exceeds `1 - α` where the leaf `v_0` is right more often than that: the score is 0 for all of those. Too few
/// objects: no threshold, always the root. Nodes rise with falling `α`. Ties for the most probable leaf go to the lower
/// column. With [`Coverage::PerClass`] the node is the lowest on the path that holds every leaf within the threshold
/// of its own class; a class with too few objects is within always, which often means the root.
///
/// A true class on an inner node is held only by that node or one above it. Vovk, Gammerman & Shafer 2005; for nested
/// sets Gupta, Kuchibhotla & Ramdas 2022 ([arXiv 1910.10562](https://arxiv.org/abs/1910.10562)); for single nodes of a
/// hierarchy Mortier et al. 2026 ([arXiv 2501.19038](https://arxiv.org/abs/2501.19038)), whose candidates are all
/// nodes rather than one path.
///
/// ```
/// use heliacal_metrics::ClassTree;
/// use heliacal_metrics::calibration::{ConformalNodes, Coverage};
///
/// // root { supernova { Ia, II }, AGN }, leaves AGN, Ia, II
/// let tree = ClassTree::new(&[0, 0, 0, 1, 1])?;
/// let pmfs = [0.1, 0.6, 0.3].repeat(4);
/// // Three are Ia (score 0), one is II: held by "supernova", once 0.6 is not enough.
/// let nodes = ConformalNodes::fit(tree, Coverage::Marginal, &pmfs, &[3, 3, 3, 4], 0.2)?;
/// assert_eq!(nodes.thresholds()[1], Some(0.6)); // the 4th of 4
/// assert_eq!(nodes.predict(&[0.1, 0.6, 0.3])?, 1); // a supernova
/// assert_eq!(nodes.predict(&[0.1, 0.8, 0.1])?, 3); // a Ia
/// assert_eq!(nodes.predict(&[0.5, 0.3, 0.2])?, 0); // anything
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Raw", into = "Raw"))]
pub struct ConformalNodes {
    tree: ClassTree,
    coverage: Coverage,
    alpha: f64,
    /// Per leaf column.
    thresholds: Vec<Option<f64>>,
}

/// The public face of [`ConformalNodes`] in files.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Raw {
    tree: ClassTree,
    coverage: Coverage,
    alpha: f64,
    thresholds: Vec<Option<f64>>,
}

#[cfg(feature = "serde")]
impl TryFrom<Raw> for ConformalNodes {
    type Error = CalibrationError;

    fn try_from(raw: Raw) -> Result<Self, CalibrationError> {
        let Raw { tree, coverage, alpha, thresholds } = raw;
        rows::check_alpha(alpha)?;
        if thresholds.len() != tree.n_leaves() {
            return Err(CalibrationError::Shape { n_values: thresholds.len(), n_columns: tree.n_leaves() });
        }
        check_thresholds(coverage, &thresholds)?;
        Ok(Self { tree, coverage, alpha, thresholds })
    }
}

#[cfg(feature = "serde")]
impl From<ConformalNodes> for Raw {
    fn from(it: ConformalNodes) -> Self {
        let ConformalNodes { tree, coverage, alpha, thresholds } = it;
        Self { tree, coverage, alpha, thresholds }
    }
}

impl ConformalNodes {
    /// Takes the thresholds from objects that the classifier was not trained on.
    ///
    /// `leaf_pmfs`: `[objects, n_leaves]`, row-major. `true_nodes`: per object a leaf, or for [`Coverage::Marginal`]
    /// also an inner node.
    ///
    /// # Errors
    /// [`CalibrationError::Shape`], [`CalibrationError::RowCount`], [`CalibrationError::Empty`],
    /// [`CalibrationError::Pmf`], [`CalibrationError::Label`], [`CalibrationError::NotALeaf`],
    /// [`CalibrationError::Alpha`].
    pub fn fit(
        tree: ClassTree,
        coverage: Coverage,
        leaf_pmfs: &[f64],
        true_nodes: &[usize],
        alpha: f64,
    ) -> Result<Self, CalibrationError> {
        rows::check_pmfs(leaf_pmfs, tree.n_leaves(), true_nodes, tree.n_nodes())?;
        let mut probabilities = vec![0.0; tree.n_nodes()];
        let mut scores = Vec::with_capacity(true_nodes.len());
        let mut columns = Vec::with_capacity(true_nodes.len());
        for (row, (leaf_pmf, &node)) in leaf_pmfs.chunks_exact(tree.n_leaves()).zip(true_nodes).enumerate() {
            tree.roll_up(leaf_pmf, &mut probabilities)?;
            scores.push(score(&tree, &probabilities, tree.leaves()[argmax(leaf_pmf)], node));
            match tree.column(node) {
                Some(column) => columns.push(column),
                None if coverage == Coverage::Marginal => (),
                None => return Err(CalibrationError::NotALeaf { row, node }),
            }
        }
        let thresholds = thresholds(&scores, &columns, tree.n_leaves(), alpha, coverage)?;
        Ok(Self { tree, coverage, alpha, thresholds })
    }

    /// The node of the answer.
    ///
    /// # Errors
    /// [`CalibrationError::Shape`], [`CalibrationError::Pmf`], each as of row 0.
    pub fn predict(&self, leaf_pmf: &[f64]) -> Result<usize, CalibrationError> {
        rows::check_pmf(0, leaf_pmf, self.tree.n_leaves())?;
        let mut probabilities = vec![0.0; self.tree.n_nodes()];
        self.tree.roll_up(leaf_pmf, &mut probabilities)?;
        let top = self.tree.leaves()[argmax(leaf_pmf)];
        if self.coverage == Coverage::Marginal {
            return Ok(self.first_above(&probabilities, top));
        }
        let held = |(&leaf, &threshold): (&usize, &Option<f64>)| {
            within(score(&self.tree, &probabilities, top, leaf), threshold)
                .then(|| self.tree.lowest_common_ancestor(top, leaf))
        };
        // All lie on one path, where the smaller number is the higher node.
        Ok(self.tree.leaves().iter().zip(&self.thresholds).filter_map(held).fold(top, usize::min))
    }

    /// The first node from a leaf up whose probability exceeds the one threshold.
    fn first_above(&self, probabilities: &[f64], mut node: usize) -> usize {
        while node > 0 && within(probabilities[node], self.thresholds[0]) {
            node = self.tree.parents()[node];
        }
        node
    }

    /// The tree.
    pub fn tree(&self) -> &ClassTree {
        &self.tree
    }

    /// The threshold of every leaf column (all equal for [`Coverage::Marginal`]); `None` where too few objects were
    /// given and the class is always held.
    pub fn thresholds(&self) -> &[Option<f64>] {
        &self.thresholds
    }

    /// For whom the coverage is promised.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// The miscoverage `α`.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }
}

/// The smallest threshold at which the returned node holds the true one.
fn score(tree: &ClassTree, probabilities: &[f64], top: usize, true_node: usize) -> f64 {
    let holds = tree.lowest_common_ancestor(top, true_node);
    if holds == top { 0.0 } else { probabilities[tree.ancestor_at(top, tree.depth(holds) + 1)] }
}

/// The fewest nodes whose leaves are exactly the given leaf columns: how a flat prediction set reads on the tree.
///
/// A node stands in for its leaves where all of them are in the set. The nodes are in level order and none is above
/// another; of an empty set there are none. Columns may repeat and come in any order.
///
/// # Errors
/// [`CalibrationError::Label`] for a column that the tree does not have, with its position as row.
///
/// ```
/// use heliacal_metrics::ClassTree;
/// use heliacal_metrics::calibration::antichain;
///
/// // root { supernova { Ia, II }, AGN { QSO, Seyfert } }, leaves Ia, II, QSO, Seyfert
/// let tree = ClassTree::new(&[0, 0, 0, 1, 1, 2, 2])?;
/// assert_eq!(antichain(&tree, &[0, 1, 3])?, [1, 6]); // a supernova or a Seyfert
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn antichain(tree: &ClassTree, columns: &[usize]) -> Result<Vec<usize>, CalibrationError> {
    let mut full = vec![true; tree.n_nodes()];
    tree.leaves().iter().for_each(|&leaf| full[leaf] = false);
    for (row, &column) in columns.iter().enumerate() {
        rows::check_label(row, column, tree.n_leaves())?;
        full[tree.leaves()[column]] = true;
    }
    for node in (1..tree.n_nodes()).rev() {
        let parent = tree.parents()[node];
        full[parent] &= full[node];
    }
    Ok((0..tree.n_nodes()).filter(|&node| full[node] && (node == 0 || !full[tree.parents()[node]])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// r { a { c, d { f, g } }, b { e } }, leaves c, e, f, g
    fn tree() -> ClassTree {
        ClassTree::new(&[0, 0, 0, 1, 1, 2, 4, 4]).unwrap()
    }

    fn with_threshold(threshold: Option<f64>) -> ConformalNodes {
        ConformalNodes {
            tree: tree(),
            coverage: Coverage::Marginal,
            alpha: 0.1,
            thresholds: vec![threshold; 4],
        }
    }

    #[test]
    fn scores_and_nodes_by_hand() {
        let pmf = [0.125, 0.25, 0.5, 0.125];
        let mut p = [0.0; 8];
        tree().roll_up(&pmf, &mut p).unwrap();
        let scores = [6, 7, 4, 3, 1, 5, 0].map(|truth| score(&tree(), &p, 6, truth));
        assert_eq!(scores, [0.0, 0.5, 0.5, 0.625, 0.625, 0.75, 0.75]);
        for (threshold, node) in [(0.0, 6), (0.4999, 6), (0.5, 4), (0.625, 1), (0.75, 0), (1.0, 0)] {
            assert_eq!(with_threshold(Some(threshold)).predict(&pmf).unwrap(), node, "{threshold}");
        }
        assert_eq!(with_threshold(None).predict(&pmf).unwrap(), 0);
    }

    #[test]
    fn an_only_child_does_not_hide_its_parent() {
        // The truth "b" has one leaf, e: the same probability, another node.
        let pmf = [0.125, 0.625, 0.125, 0.125];
        let mut p = [0.0; 8];
        tree().roll_up(&pmf, &mut p).unwrap();
        assert_eq!(score(&tree(), &p, 5, 2), 0.625);
        assert_eq!(with_threshold(Some(0.5)).predict(&pmf).unwrap(), 5);
        assert_eq!(with_threshold(Some(0.625)).predict(&pmf).unwrap(), 0);
    }

    #[test]
    fn too_few_objects_give_the_root() {
        let pmf = [0.0, 0.0, 1.0, 0.0];
        let nodes = ConformalNodes::fit(tree(), Coverage::Marginal, &pmf, &[6], 0.1).unwrap();
        assert_eq!((nodes.thresholds()[0], nodes.predict(&pmf).unwrap()), (None, 0));
    }

    #[test]
    fn classes_have_their_own_thresholds() {
        let pmfs = [0.0, 0.0, 0.75, 0.25].repeat(19);
        let mut truths = [6; 19];
        truths[..9].fill(7);
        let nodes = ConformalNodes::fit(tree(), Coverage::PerClass, &pmfs, &truths, 0.1).unwrap();
        assert_eq!(nodes.thresholds(), [None, None, Some(0.0), Some(0.75)]);
        // c and e are always within: the root.
        assert_eq!(nodes.predict(&[0.0, 0.0, 0.9, 0.1]).unwrap(), 0);
        let refused = ConformalNodes::fit(tree(), Coverage::PerClass, &pmfs, &[4; 19], 0.1);
        assert_eq!(refused, Err(CalibrationError::NotALeaf { row: 0, node: 4 }));
        assert!(ConformalNodes::fit(tree(), Coverage::Marginal, &pmfs, &[4; 19], 0.1).is_ok());
    }

    #[test]
    fn sets_as_few_nodes() {
        let t = tree();
        assert!(antichain(&t, &[]).unwrap().is_empty());
        assert_eq!(antichain(&t, &[1]).unwrap(), [2]); // b has only e
        assert_eq!(antichain(&t, &[3, 2, 2]).unwrap(), [4]);
        assert_eq!(antichain(&t, &[0, 2, 3]).unwrap(), [1]);
        assert_eq!(antichain(&t, &[0, 2, 1]).unwrap(), [2, 3, 6]);
        assert_eq!(antichain(&t, &[0, 1, 2, 3]).unwrap(), [0]);
        assert!(antichain(&t, &[4]).is_err());
    }
}
