//! The shape of a class hierarchy, as the metrics need it.

use std::ops::Range;

/// Why numbers do not describe a tree of classes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// No node at all.
    #[error("no node given, a tree has at least its root")]
    NoNode,
    /// A first node that is not its own parent.
    #[error("the first node is the root and its own parent, 0; its parent is given as {found}")]
    Root {
        /// What was given.
        found: usize,
    },
    /// Nodes that are not numbered in level order.
    #[error(
        "node {node} has parent {parent}: in level order a parent comes before its children and parents never decrease"
    )]
    Order {
        /// The node.
        node: usize,
        /// Its parent.
        parent: usize,
    },
    /// A slice of another length than the tree has leaves or nodes.
    #[error("{what} has {found} values, the tree has {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// Number of leaves or nodes.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
}

/// A class hierarchy as parent indices: nodes in level order, so that the children of a node are one range, and leaves
/// in that order as the columns of a PMF.
///
/// Names, probabilities from logits and all else about classes is the taxonomy crate's;
/// `ClassTree::new(taxonomy.parents())` takes its shape from there.
///
/// ```
/// use heliacal_metrics::ClassTree;
///
/// // root { supernova { Ia, II }, AGN }
/// let tree = ClassTree::new(&[0, 0, 0, 1, 1])?;
/// assert_eq!(tree.leaves(), [2, 3, 4]); // AGN, Ia, II
/// assert_eq!(tree.grouping(1), [1, 0, 0]); // AGN alone, both supernovae together
/// # Ok::<(), heliacal_metrics::TreeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<usize>", into = "Vec<usize>"))]
pub struct ClassTree {
    parents: Vec<usize>,
    /// The children of node `i` are `first_child[i]..first_child[i + 1]`.
    first_child: Vec<usize>,
    depths: Vec<usize>,
    heights: Vec<usize>,
    leaves: Vec<usize>,
}

impl ClassTree {
    /// Takes the parent of every node in level order (breadth first); the root is its own (position 0 holds 0).
    ///
    /// # Errors
    /// [`TreeError::NoNode`], [`TreeError::Root`], [`TreeError::Order`].
    pub fn new(parents: &[usize]) -> Result<Self, TreeError> {
        let n = parents.len();
        match parents.first() {
            None => return Err(TreeError::NoNode),
            Some(0) => (),
            Some(&found) => return Err(TreeError::Root { found }),
        }
        let mut first_child = Vec::with_capacity(n + 1);
        let mut depths = vec![0; n];
        for node in 1..n {
            let parent = parents[node];
            if parent >= node || parent < parents[node - 1] {
                return Err(TreeError::Order { node, parent });
            }
            depths[node] = depths[parent] + 1;
            while first_child.len() <= parent {
                first_child.push(node);
            }
        }
        first_child.resize(n + 1, n);
        let mut heights = vec![0; n];
        for node in (1..n).rev() {
            let parent = parents[node];
            heights[parent] = heights[parent].max(heights[node] + 1);
        }
        let leaves = (0..n).filter(|&node| heights[node] == 0).collect();
        Ok(Self { parents: parents.to_vec(), first_child, depths, heights, leaves })
    }

    /// A root with `n_classes` leaves below it: classes without a hierarchy. Of one class the root is the leaf.
    #[allow(clippy::missing_panics_doc)] // zeros are a root and its children
    pub fn flat(n_classes: usize) -> Self {
        let n_nodes = if n_classes > 1 { n_classes + 1 } else { 1 };
        Self::new(&vec![0; n_nodes]).expect("zeros are a root and its children")
    }

    /// Number of classes, inner ones included.
    pub fn n_nodes(&self) -> usize {
        self.parents.len()
    }

    /// Number of leaves.
    pub fn n_leaves(&self) -> usize {
        self.leaves.len()
    }

    /// Number of levels, the root's included.
    pub fn n_levels(&self) -> usize {
        self.heights[0] + 1
    }

    /// The parent of every node; the root is its own.
    pub fn parents(&self) -> &[usize] {
        &self.parents
    }

    /// The children of a node, empty for a leaf.
    ///
    /// # Panics
    /// Past the last node, as indexing does.
    pub fn children(&self, node: usize) -> Range<usize> {
        self.first_child[node]..self.first_child[node + 1]
    }

    /// Number of edges from the root to a node.
    ///
    /// # Panics
    /// Past the last node, as indexing does.
    pub fn depth(&self, node: usize) -> usize {
        self.depths[node]
    }

    /// Number of edges from a node down to the deepest leaf below it.
    ///
    /// # Panics
    /// Past the last node, as indexing does.
    pub fn height(&self, node: usize) -> usize {
        self.heights[node]
    }

    /// The node of every leaf, in level order: what column `j` of a PMF stands for.
    pub fn leaves(&self) -> &[usize] {
        &self.leaves
    }

    /// The column of a leaf, `None` for an inner node.
    pub fn column(&self, node: usize) -> Option<usize> {
        self.leaves.binary_search(&node).ok()
    }

    /// The ancestor of a node at a level, or the node itself where it lies at or above that level.
    ///
    /// # Panics
    /// Past the last node, as indexing does.
    pub fn ancestor_at(&self, mut node: usize, level: usize) -> usize {
        while self.depths[node] > level {
            node = self.parents[node];
        }
        node
    }

    /// The deepest node that is above both, or one of them.
    ///
    /// # Panics
    /// Past the last node, as indexing does.
    pub fn lowest_common_ancestor(&self, mut a: usize, mut b: usize) -> usize {
        // In level order the larger number is never the shallower node.
        while a != b {
            if a > b {
                a = self.parents[a];
            } else {
                b = self.parents[b];
            }
        }
        a
    }

    /// The nodes of a level: those of that depth and the leaves above it, in level order.
    pub fn level(&self, level: usize) -> Vec<usize> {
        (0..self.n_nodes())
            .filter(|&node| {
                self.depths[node] == level || (self.heights[node] == 0 && self.depths[node] < level)
            })
            .collect()
    }

    /// For every leaf column the position of its class among the nodes of a level ([`level`](Self::level)).
    #[allow(clippy::missing_panics_doc)] // a leaf has an ancestor at each level
    pub fn grouping(&self, level: usize) -> Vec<usize> {
        let nodes = self.level(level);
        self.leaves
            .iter()
            .map(|&leaf| {
                nodes
                    .binary_search(&self.ancestor_at(leaf, level))
                    .expect("a leaf has an ancestor at each level")
            })
            .collect()
    }

    /// The probability of every node from a PMF over the leaves: an inner node is the sum of its children.
    ///
    /// # Errors
    /// [`TreeError::Length`] where `leaf_pmf` is not one value per leaf or `out` not one per node.
    pub fn roll_up(&self, leaf_pmf: &[f64], out: &mut [f64]) -> Result<(), TreeError> {
        let check = |what, expected, found| {
            if expected == found { Ok(()) } else { Err(TreeError::Length { what, expected, found }) }
        };
        check("the PMF over leaves", self.n_leaves(), leaf_pmf.len())?;
        check("the output over nodes", self.n_nodes(), out.len())?;
        out.fill(0.0);
        for (&leaf, &p) in self.leaves.iter().zip(leaf_pmf) {
            out[leaf] = p;
        }
        for node in (1..self.n_nodes()).rev() {
            out[self.parents[node]] += out[node];
        }
        Ok(())
    }
}

impl TryFrom<Vec<usize>> for ClassTree {
    type Error = TreeError;

    fn try_from(parents: Vec<usize>) -> Result<Self, TreeError> {
        Self::new(&parents)
    }
}

impl From<ClassTree> for Vec<usize> {
    fn from(tree: ClassTree) -> Self {
        tree.parents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oracle_by_hand() {
        // root { a { c, d { f, g } }, b { e } }
        let tree = ClassTree::new(&[0, 0, 0, 1, 1, 2, 4, 4]).unwrap();
        assert_eq!((tree.n_nodes(), tree.n_leaves(), tree.n_levels()), (8, 4, 4));
        assert_eq!(tree.leaves(), [3, 5, 6, 7]);
        assert_eq!((tree.children(1), tree.children(4), tree.children(7)), (3..5, 6..8, 8..8));
        assert_eq!(tree.children(3), 6..6);
        assert_eq!((tree.depth(6), tree.height(0), tree.height(1), tree.height(2)), (3, 3, 2, 1));
        assert_eq!(tree.level(2), [3, 4, 5]);
        assert_eq!(tree.level(3), [3, 5, 6, 7]);
        assert_eq!(tree.grouping(2), [0, 2, 1, 1]);
        assert_eq!(tree.grouping(1), [0, 1, 0, 0]);
        assert_eq!(tree.grouping(0), [0, 0, 0, 0]);
        assert_eq!(tree.lowest_common_ancestor(6, 3), 1);
        assert_eq!(tree.lowest_common_ancestor(5, 7), 0);
        assert_eq!(tree.lowest_common_ancestor(4, 7), 4);
        assert_eq!((tree.column(5), tree.column(4)), (Some(1), None));
        let mut p = [0.0; 8];
        tree.roll_up(&[0.125, 0.5, 0.25, 0.125], &mut p).unwrap();
        assert_eq!(p, [1.0, 0.5, 0.5, 0.125, 0.375, 0.5, 0.25, 0.125]);
        assert!(tree.roll_up(&[1.0], &mut p).is_err());
    }

    #[test]
    fn flat_and_single() {
        let flat = ClassTree::flat(3);
        assert_eq!((flat.leaves(), flat.grouping(1)), (&[1, 2, 3][..], vec![0, 1, 2]));
        let one = ClassTree::flat(1);
        assert_eq!((one.n_nodes(), one.leaves(), one.n_levels()), (1, &[0][..], 1));
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(ClassTree::new(&[]), Err(TreeError::NoNode));
        assert_eq!(ClassTree::new(&[1, 0]), Err(TreeError::Root { found: 1 }));
        assert_eq!(ClassTree::new(&[0, 0, 2]), Err(TreeError::Order { node: 2, parent: 2 }));
        assert_eq!(ClassTree::new(&[0, 0, 1, 0]), Err(TreeError::Order { node: 3, parent: 0 }));
    }
}
