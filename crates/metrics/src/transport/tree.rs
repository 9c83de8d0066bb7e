//! Classes as leaves of a tree.

use super::error::{COST_LIMIT, CostError, TransportError, same_classes};
use super::{TransportPlan, masses::GridMasses, unit::north_west};
use crate::{ClassTree, Pmf};

/// A tree whose edges have lengths; moving mass from leaf to leaf costs the length of the way.
///
/// Two kinds of supernova are then closer to each other than to an AGN. An edge belongs to the node below it.
///
/// ```
/// use heliacal_metrics::{ClassTree, Pmf, transport::{TreeCost, tree_w1}};
///
/// // root { supernova { Ia, II }, AGN }; columns AGN, Ia, II
/// let cost = TreeCost::hops(ClassTree::new(&[0, 0, 0, 1, 1])?);
/// let ia = Pmf::new(vec![0.0, 1.0, 0.0])?;
/// let ii = Pmf::new(vec![0.0, 0.0, 1.0])?;
/// let agn = Pmf::new(vec![1.0, 0.0, 0.0])?;
/// assert_eq!(tree_w1(&ia, &ii, &cost)?, 2.0);
/// assert_eq!(tree_w1(&ia, &agn, &cost)?, 3.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "TreeParts", into = "TreeParts"))]
pub struct TreeCost {
    tree: ClassTree,
    edge_lengths: Vec<f64>,
}

/// What a tree cost is written as.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct TreeParts {
    tree: ClassTree,
    edge_lengths: Vec<f64>,
}

impl TreeCost {
    /// Takes the length of the edge above each node, the root's included and ignored.
    ///
    /// # Errors
    /// [`CostError::EdgeCount`]; [`CostError::Edge`]: NaN, infinite or negative, or lengths that add up to more than
    /// 5e299.
    pub fn new(tree: ClassTree, edge_lengths: Vec<f64>) -> Result<Self, CostError> {
        let (expected, found) = (tree.n_nodes(), edge_lengths.len());
        if expected != found {
            return Err(CostError::EdgeCount { expected, found });
        }
        let mut sum = 0.0;
        for (node, &value) in edge_lengths.iter().enumerate().skip(1) {
            sum += value;
            if value.is_nan() || value < 0.0 || sum > 0.5 * COST_LIMIT {
                return Err(CostError::Edge { node, value });
            }
        }
        Ok(Self { tree, edge_lengths })
    }

    /// Every edge has length 1: the cost is the number of edges on the way.
    pub fn hops(tree: ClassTree) -> Self {
        let edge_lengths = vec![1.0; tree.n_nodes()];
        Self { tree, edge_lengths }
    }

    /// Number of leaves.
    pub fn n_classes(&self) -> usize {
        self.tree.n_leaves()
    }

    /// The tree.
    pub fn tree(&self) -> &ClassTree {
        &self.tree
    }

    /// The length of the edge above each node; what stands for the root means nothing.
    pub fn edge_lengths(&self) -> &[f64] {
        &self.edge_lengths
    }

    /// The length of the way between two leaf columns.
    pub(super) fn distance(&self, a: usize, b: usize) -> f64 {
        let leaves = self.tree.leaves();
        let up = |mut node: usize, top: usize| {
            let mut length = 0.0;
            while node != top {
                length += self.edge_lengths[node];
                node = self.tree.parents()[node];
            }
            length
        };
        let top = self.tree.lowest_common_ancestor(leaves[a], leaves[b]);
        // Each way is summed from its leaf up: the same digits there and back.
        up(leaves[a], top) + up(leaves[b], top)
    }

    /// The distance between two rows of as many values as there are leaves, with memory for a value per node.
    pub(super) fn between(&self, a: &[f64], b: &[f64], below: &mut Vec<f64>) -> f64 {
        below.clear();
        below.resize(self.tree.n_nodes(), 0.0);
        for ((&leaf, a), b) in self.tree.leaves().iter().zip(a).zip(b) {
            below[leaf] = a - b;
        }
        let mut sum = 0.0;
        let parents = self.tree.parents();
        for node in (1..below.len()).rev() {
            sum += below[node].abs() * self.edge_lengths[node];
            below[parents[node]] += below[node];
        }
        sum
    }
}

#[cfg(feature = "serde")]
impl TryFrom<TreeParts> for TreeCost {
    type Error = CostError;

    fn try_from(parts: TreeParts) -> Result<Self, CostError> {
        Self::new(parts.tree, parts.edge_lengths)
    }
}

#[cfg(feature = "serde")]
impl From<TreeCost> for TreeParts {
    fn from(cost: TreeCost) -> Self {
        Self { tree: cost.tree, edge_lengths: cost.edge_lengths }
    }
}

/// W1 between PMFs over the leaves of a tree: what has to pass each edge, times its length (Evans & Matsen 2012, Eq. 5;
/// Le et al. 2019, Eq. 3).
///
/// ```text
/// W1(a, b) = Σ_v ℓ_v · |a(below v) - b(below v)|       over all nodes v but the root
/// ```
///
/// The values are taken as they are; sums that differ by `δ` (at most 2e-4) add up to `δ` times the longest way from the
/// root to a leaf. A tree of one node costs nothing.
///
/// # Errors
/// [`TransportError::ClassCount`].
pub fn tree_w1(a: &Pmf, b: &Pmf, cost: &TreeCost) -> Result<f64, TransportError> {
    same_classes(cost.n_classes(), a.n_classes())?;
    same_classes(cost.n_classes(), b.n_classes())?;
    Ok(cost.between(a.as_slice(), b.as_slice(), &mut Vec::new()))
}

/// A plan on the tree: from the leaves up, each node matches what its children have too much with what they lack, and
/// only the remainder goes to its parent. So no edge is passed both ways, which makes the plan optimal.
///
/// # Errors
/// [`TransportError::ClassCount`].
pub fn tree_plan(a: &Pmf, b: &Pmf, cost: &TreeCost) -> Result<TransportPlan, TransportError> {
    same_classes(cost.n_classes(), a.n_classes())?;
    same_classes(cost.n_classes(), b.n_classes())?;
    let masses = GridMasses::of(a.as_slice(), b.as_slice());
    let n_nodes = cost.tree.n_nodes();
    // Per node what waits there for a partner: (leaf column, units). One of the two is empty once the node is done.
    let mut surplus: Vec<Vec<(usize, i64)>> = vec![Vec::new(); n_nodes];
    let mut deficit = surplus.clone();
    let mut flows = Vec::new();
    for (column, &leaf) in cost.tree.leaves().iter().enumerate() {
        let (before, after) = (masses.before[column], masses.after[column]);
        flows.push((column, column, before.min(after)));
        if before > after {
            surplus[leaf].push((column, before - after));
        } else if after > before {
            deficit[leaf].push((column, after - before));
        }
    }
    for node in (0..n_nodes).rev() {
        let (mut sources, mut sinks) =
            (std::mem::take(&mut surplus[node]), std::mem::take(&mut deficit[node]));
        if !sources.is_empty() && !sinks.is_empty() {
            let matched = flows.len();
            north_west(&sources, &sinks, |from, to, units| flows.push((from, to, units)));
            for &(from, to, units) in &flows[matched..] {
                take(&mut sources, from, units);
                take(&mut sinks, to, units);
            }
        }
        let parent = cost.tree.parents()[node];
        if node != 0 {
            surplus[parent].append(&mut sources);
            deficit[parent].append(&mut sinks);
        }
    }
    Ok(TransportPlan::on_grid(&masses, flows.into_iter()))
}

/// Takes units off a column's entry and drops it when nothing is left.
fn take(waiting: &mut Vec<(usize, i64)>, column: usize, units: i64) {
    if let Some(at) = waiting.iter().position(|entry| entry.0 == column) {
        waiting[at].1 -= units;
        if waiting[at].1 == 0 {
            waiting.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::CostMatrix;

    /// root { a { c, d }, b { e }, f }; columns f, c, d, e
    fn small() -> TreeCost {
        let tree = ClassTree::new(&[0, 0, 0, 0, 1, 1, 2]).unwrap();
        TreeCost::new(tree, vec![f64::NAN, 1.0, 2.0, 4.0, 0.5, 0.25, 8.0]).unwrap()
    }

    #[test]
    fn by_hand() {
        let cost = small();
        let a = Pmf::new(vec![0.0, 0.5, 0.25, 0.25]).unwrap();
        let b = Pmf::new(vec![0.5, 0.0, 0.5, 0.0]).unwrap();
        // c down 0.5, d up 0.25, e down 0.25, f up 0.5; below a 0.25 less, below b 0.25 less.
        let w1 = 0.5 * 0.5 + 0.25 * 0.25 + 0.25 * 8.0 + 0.5 * 4.0 + 0.25 * 1.0 + 0.25 * 2.0;
        assert_eq!(tree_w1(&a, &b, &cost), Ok(w1));
        let plan = tree_plan(&a, &b, &cost).unwrap();
        assert_eq!(plan.cost(&CostMatrix::from_tree(&cost)), Ok(w1));
        assert_eq!((plan.row_sums(), plan.column_sums()), (a.as_slice().to_vec(), b.as_slice().to_vec()));
        assert_eq!(cost.distance(1, 3), 0.5 + 1.0 + 2.0 + 8.0);
    }

    #[test]
    fn faults_are_named() {
        let tree = ClassTree::flat(2);
        let fault = |lengths: &[f64]| TreeCost::new(tree.clone(), lengths.to_vec()).unwrap_err();
        assert_eq!(fault(&[0.0, 1.0]), CostError::EdgeCount { expected: 3, found: 2 });
        assert_eq!(fault(&[0.0, 1.0, -1.0]), CostError::Edge { node: 2, value: -1.0 });
        assert!(matches!(fault(&[0.0, f64::INFINITY, 1.0]), CostError::Edge { node: 1, .. }));
        assert!(matches!(fault(&[0.0, 1.0, f64::NAN]), CostError::Edge { node: 2, .. }));
        let two = Pmf::new(vec![0.5, 0.5]).unwrap();
        assert_eq!(tree_w1(&two, &two, &small()), Err(TransportError::ClassCount { expected: 4, found: 2 }));
    }

    #[test]
    fn one_class_costs_nothing() {
        let one = Pmf::new(vec![1.0]).unwrap();
        let cost = TreeCost::hops(ClassTree::flat(1));
        assert_eq!(tree_w1(&one, &one, &cost), Ok(0.0));
        assert_eq!(tree_plan(&one, &one, &cost).unwrap().flows().len(), 1);
    }
}
