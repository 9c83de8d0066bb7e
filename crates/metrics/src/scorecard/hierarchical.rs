//! How far off mistakes are, along the class tree.

use super::error::{ScorecardError, check_node, check_pmf, deserialize_checked, ratio};
use crate::ClassTree;

/// Counts of shared ancestors and of the height at which truth and prediction part.
///
/// Hierarchical precision, recall and F1 (Kiritchenko, Matwin & Famili 2005): with `A(c)` the class and its ancestors
/// without the root,
/// ```text
/// hP = Σ |A(pred) ∩ A(true)| / Σ |A(pred)|,   hR = Σ |A(pred) ∩ A(true)| / Σ |A(true)|,   hF1 = 2 hP hR / (hP + hR)
/// ```
/// Severity (Bertinetto et al. 2020): the height, in edges down to the deepest leaf, of the lowest common ancestor of
/// truth and prediction; its mean over mistakes, and over the `k` most probable leaves of every object.
///
/// Truth and prediction may be inner nodes: a classifier that stops at "supernova" has predicted that.
///
/// ```
/// use heliacal_metrics::ClassTree;
/// use heliacal_metrics::scorecard::HierarchicalScores;
///
/// // root { supernova { Ia, II }, AGN }
/// let mut scores = HierarchicalScores::new(ClassTree::new(&[0, 0, 0, 1, 1])?);
/// scores.add(3, 4)?; // a Ia taken for a II: share the supernova, at height 1
/// scores.add(3, 2)?; // a Ia taken for an AGN: share nothing, height 2
/// let report = scores.report();
/// assert_eq!(report.precision, Some(1.0 / 3.0));
/// assert_eq!(report.recall, Some(1.0 / 4.0));
/// assert_eq!(report.f1, Some(2.0 / 7.0));
/// assert_eq!(report.mean_mistake_height, Some(1.5));
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct HierarchicalScores {
    tree: ClassTree,
    n_objects: u64,
    n_mistakes: u64,
    shared: u64,
    true_ancestors: u64,
    predicted_ancestors: u64,
    mistake_height: u64,
    n_ranked: u64,
    /// Sums over objects of the height with the leaf at each rank.
    rank_heights: Vec<u64>,
}

deserialize_checked!(HierarchicalScores {
    tree: ClassTree,
    n_objects: u64,
    n_mistakes: u64,
    shared: u64,
    true_ancestors: u64,
    predicted_ancestors: u64,
    mistake_height: u64,
    n_ranked: u64,
    rank_heights: Vec<u64>,
});

/// All figures of [`HierarchicalScores`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HierarchicalReport {
    /// Number of objects.
    pub n_objects: u64,
    /// Number of objects whose prediction is not the true class.
    pub n_mistakes: u64,
    /// Hierarchical precision; `None` when only the root was predicted.
    pub precision: Option<f64>,
    /// Hierarchical recall; `None` when only the root was true.
    pub recall: Option<f64>,
    /// Hierarchical F1, their harmonic mean; `None` when both are undefined.
    pub f1: Option<f64>,
    /// Mean height of the lowest common ancestor over mistakes \[edge\]; `None` without mistakes.
    pub mean_mistake_height: Option<f64>,
    /// Number of objects with a PMF, for the distances below.
    pub n_ranked: u64,
    /// Mean height over objects and their `k` most probable leaves \[edge\], `k = 1` first: the hierarchical distance of
    /// top-k.
    pub top_k_height: Vec<Option<f64>>,
}

impl HierarchicalScores {
    /// No object yet.
    pub fn new(tree: ClassTree) -> Self {
        Self {
            rank_heights: vec![0; tree.n_leaves()],
            tree,
            n_objects: 0,
            n_mistakes: 0,
            shared: 0,
            true_ancestors: 0,
            predicted_ancestors: 0,
            mistake_height: 0,
            n_ranked: 0,
        }
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), ScorecardError> {
        super::error::check_length("heights by rank", self.tree.n_leaves(), self.rank_heights.len())?;
        let sums =
            [self.n_objects, self.shared, self.true_ancestors, self.predicted_ancestors, self.mistake_height];
        super::error::check_total("hierarchical scores", sums.iter().chain(&self.rank_heights))?;
        let fits = self.n_mistakes <= self.n_objects
            && self.n_ranked <= self.n_objects
            && self.shared <= self.true_ancestors.min(self.predicted_ancestors);
        if fits { Ok(()) } else { Err(ScorecardError::Counts { what: "hierarchical scores" }) }
    }

    /// Counts one decision.
    ///
    /// # Errors
    /// [`ScorecardError::Node`].
    pub fn add(&mut self, true_node: usize, predicted_node: usize) -> Result<(), ScorecardError> {
        check_node(true_node, self.tree.n_nodes())?;
        check_node(predicted_node, self.tree.n_nodes())?;
        let common = self.tree.lowest_common_ancestor(true_node, predicted_node);
        self.n_objects += 1;
        self.shared += self.tree.depth(common) as u64;
        self.true_ancestors += self.tree.depth(true_node) as u64;
        self.predicted_ancestors += self.tree.depth(predicted_node) as u64;
        if true_node != predicted_node {
            self.n_mistakes += 1;
            self.mistake_height += self.tree.height(common) as u64;
        }
        Ok(())
    }

    /// Counts the most probable leaf as the decision, and the heights of all leaves in their order (of equally probable
    /// ones the first comes first).
    ///
    /// # Errors
    /// [`ScorecardError::ClassCount`], [`ScorecardError::Pmf`], [`ScorecardError::Node`].
    pub fn push(&mut self, leaf_pmf: &[f64], true_node: usize) -> Result<(), ScorecardError> {
        check_pmf(leaf_pmf, self.tree.n_leaves())?;
        check_node(true_node, self.tree.n_nodes())?;
        let mut order: Vec<usize> = (0..leaf_pmf.len()).collect();
        // Adding zero makes both zeros one.
        order.sort_by(|&a, &b| (leaf_pmf[b] + 0.0).total_cmp(&(leaf_pmf[a] + 0.0)));
        self.add(true_node, self.tree.leaves()[order[0]])?;
        self.n_ranked += 1;
        for (sum, column) in self.rank_heights.iter_mut().zip(order) {
            let common = self.tree.lowest_common_ancestor(true_node, self.tree.leaves()[column]);
            *sum += self.tree.height(common) as u64;
        }
        Ok(())
    }

    /// Adds all that another has counted.
    ///
    /// # Errors
    /// [`ScorecardError::Different`] for another tree.
    pub fn merge(&mut self, other: &Self) -> Result<(), ScorecardError> {
        if self.tree != other.tree {
            return Err(ScorecardError::Different { what: "their tree" });
        }
        self.n_objects += other.n_objects;
        self.n_mistakes += other.n_mistakes;
        self.shared += other.shared;
        self.true_ancestors += other.true_ancestors;
        self.predicted_ancestors += other.predicted_ancestors;
        self.mistake_height += other.mistake_height;
        self.n_ranked += other.n_ranked;
        self.rank_heights.iter_mut().zip(&other.rank_heights).for_each(|(sum, more)| *sum += more);
        Ok(())
    }

    /// All figures.
    pub fn report(&self) -> HierarchicalReport {
        let mut within = 0;
        let top_k_height = (1_u64..)
            .zip(&self.rank_heights)
            .map(|(k, heights)| {
                within += heights;
                ratio(within, k * self.n_ranked)
            })
            .collect();
        HierarchicalReport {
            n_objects: self.n_objects,
            n_mistakes: self.n_mistakes,
            precision: ratio(self.shared, self.predicted_ancestors),
            recall: ratio(self.shared, self.true_ancestors),
            f1: ratio(2 * self.shared, self.predicted_ancestors + self.true_ancestors),
            mean_mistake_height: ratio(self.mistake_height, self.n_mistakes),
            n_ranked: self.n_ranked,
            top_k_height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// root { a { c, d { f, g } }, b { e } }: leaves c, e, f, g (3, 5, 6, 7)
    fn tree() -> ClassTree {
        ClassTree::new(&[0, 0, 0, 1, 1, 2, 4, 4]).unwrap()
    }

    #[test]
    fn by_hand() {
        let mut scores = HierarchicalScores::new(tree());
        // Leaves by probability: g, e, c, f (c before f at equal probability); heights with f: d 1, root 3, a 2, f 0.
        scores.push(&[0.125, 0.25, 0.125, 0.5], 6).unwrap();
        let report = scores.report();
        assert_eq!(report.top_k_height, [Some(1.0), Some(2.0), Some(2.0), Some(1.5)]);
        assert_eq!((report.precision, report.mean_mistake_height), (Some(2.0 / 3.0), Some(1.0)));
        // Stopping at d is no wrong step, but short: precision 1, recall 2/3 of this object.
        scores.add(6, 4).unwrap();
        let report = scores.report();
        assert_eq!(
            (report.precision, report.recall, report.f1),
            (Some(4.0 / 5.0), Some(4.0 / 6.0), Some(8.0 / 11.0))
        );
        assert_eq!((report.n_objects, report.n_mistakes, report.n_ranked), (2, 2, 1));
    }

    #[test]
    fn nothing_to_share() {
        let mut scores = HierarchicalScores::new(tree());
        assert_eq!((scores.report().precision, scores.report().top_k_height[0]), (None, None));
        scores.add(0, 0).unwrap();
        let report = scores.report();
        assert_eq!((report.precision, report.recall, report.f1), (None, None, None));
        assert_eq!((report.n_mistakes, report.mean_mistake_height), (0, None));
        assert!(scores.add(8, 0).is_err());
        assert!(scores.push(&[1.0], 0).is_err());
        assert!(scores.merge(&HierarchicalScores::new(ClassTree::flat(2))).is_err());
    }
}
