//! Trees of classes, laid out in level order.

use std::ops::Range;

use crate::error::TaxonomyError;
use crate::unknown_name::UnknownName;
use crate::validate::{LooseNode, level_order, with_parent_positions};

/// A node of a [`Taxonomy`]: its position in level order, the root being 0.
///
/// An id belongs to the taxonomy that gave it; in another one it names another class or, out of range, panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// The root of every taxonomy.
    pub const ROOT: Self = Self(0);

    /// Position in level order, the column of the class in node probabilities.
    pub const fn index(self) -> usize {
        self.0
    }
}

impl From<NodeId> for usize {
    fn from(node: NodeId) -> Self {
        node.0
    }
}

/// A leaf of a [`Taxonomy`]: its position among the leaves in level order, the column of the class in a leaf PMF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(pub(crate) usize);

impl LeafIndex {
    /// Position among the leaves.
    pub const fn index(self) -> usize {
        self.0
    }
}

impl From<LeafIndex> for usize {
    fn from(leaf: LeafIndex) -> Self {
        leaf.0
    }
}

/// A rooted tree of classes.
///
/// Nodes are numbered in level order: breadth first, children in declared order. The children of a node are therefore
/// one contiguous range, a parent comes before its children, and the leaves are ordered by depth first. A tree of a
/// single node is valid: its root is its only leaf.
///
/// Valid by construction: one root, one parent each, no cycle, unique non-empty names, at most
/// [`MAX_DEPTH`](crate::MAX_DEPTH) edges deep and [`MAX_NODES`](crate::MAX_NODES) nodes large.
///
/// ```
/// use heliacal_taxonomy::Taxonomy;
///
/// let pairs = [
///     ("KN", Some("Fast")),
///     ("Alert", None),
///     ("AGN", Some("Alert")),
///     ("Fast", Some("Alert")),
///     ("uLens", Some("Fast")),
/// ];
/// let taxonomy = Taxonomy::from_pairs("fast", pairs)?;
/// assert_eq!(taxonomy.names(), ["Alert", "AGN", "Fast", "KN", "uLens"]);
/// let leaves: Vec<_> = taxonomy.leaves().iter().map(|&leaf| taxonomy.class_name(leaf)).collect();
/// assert_eq!(leaves, ["AGN", "KN", "uLens"]);
/// assert_eq!(taxonomy.children(taxonomy.find("Fast")?), 3..5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taxonomy {
    name: String,
    names: Vec<String>,
    /// The root is its own parent.
    parents: Vec<usize>,
    /// The children of node i are `first_child[i]..first_child[i + 1]`: one longer than there are nodes.
    first_child: Vec<usize>,
    depths: Vec<usize>,
    heights: Vec<usize>,
    leaves: Vec<NodeId>,
    leaf_of: Vec<Option<LeafIndex>>,
    /// Positions sorted by name.
    by_name: Vec<usize>,
}

impl Taxonomy {
    /// Builds a taxonomy from pairs of a class and its parent, in any order; the root has none. Siblings keep the order
    /// in which they come.
    ///
    /// # Errors
    /// [`TaxonomyError`] when the pairs are not one tree of unique non-empty names within the size limits.
    pub fn from_pairs<S: Into<String>>(
        name: impl Into<String>,
        pairs: impl IntoIterator<Item = (S, Option<S>)>,
    ) -> Result<Self, TaxonomyError> {
        let pairs = pairs.into_iter().map(|(class, parent)| (class.into(), parent.map(Into::into))).collect();
        Self::from_loose_nodes(name.into(), with_parent_positions(pairs)?)
    }

    /// Validates nodes in any order and lays them out.
    pub(crate) fn from_loose_nodes(name: String, mut nodes: Vec<LooseNode>) -> Result<Self, TaxonomyError> {
        let order = level_order(&nodes)?;
        let n_nodes = order.len();
        let mut position_of = vec![0; n_nodes];
        for (position, &loose) in order.iter().enumerate() {
            position_of[loose] = position;
        }
        let mut parents = vec![0; n_nodes];
        let mut depths = vec![0; n_nodes];
        let mut n_children = vec![0; n_nodes];
        for node in 1..n_nodes {
            let parent = position_of[nodes[order[node]].1.expect("only the root has no parent")];
            parents[node] = parent;
            depths[node] = depths[parent] + 1;
            n_children[parent] += 1;
        }
        let mut first_child = Vec::with_capacity(n_nodes + 1);
        let mut next = 1;
        first_child.push(next);
        for n in &n_children {
            next += n;
            first_child.push(next);
        }
        let mut heights = vec![0; n_nodes];
        for node in (1..n_nodes).rev() {
            heights[parents[node]] = heights[parents[node]].max(heights[node] + 1);
        }
        let leaves: Vec<NodeId> = (0..n_nodes).filter(|&node| n_children[node] == 0).map(NodeId).collect();
        let mut leaf_of = vec![None; n_nodes];
        for (leaf, node) in leaves.iter().enumerate() {
            leaf_of[node.0] = Some(LeafIndex(leaf));
        }
        let names: Vec<String> = order.iter().map(|&loose| std::mem::take(&mut nodes[loose].0)).collect();
        let mut by_name: Vec<usize> = (0..n_nodes).collect();
        by_name.sort_unstable_by_key(|&node| &names[node]);
        Ok(Self { name, names, parents, first_child, depths, heights, leaves, leaf_of, by_name })
    }

    /// Name of the taxonomy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of nodes, the root included.
    pub fn n_nodes(&self) -> usize {
        self.names.len()
    }

    /// Number of leaves, at least one.
    pub fn n_leaves(&self) -> usize {
        self.leaves.len()
    }

    /// Number of levels: one more than the depth of the deepest leaf.
    pub fn n_levels(&self) -> usize {
        self.depths[self.n_nodes() - 1] + 1
    }

    /// The nodes in level order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeId> + use<> {
        (0..self.n_nodes()).map(NodeId)
    }

    /// The node at a position in level order, if there is one.
    pub fn node(&self, index: usize) -> Option<NodeId> {
        (index < self.n_nodes()).then_some(NodeId(index))
    }

    /// Names of the classes in level order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Name of a class.
    pub fn class_name(&self, node: NodeId) -> &str {
        &self.names[node.0]
    }

    /// The class of exactly this name.
    ///
    /// # Errors
    /// [`UnknownName`] with the nearest known names when there is none.
    ///
    /// ```
    /// let error = heliacal_taxonomy::Taxonomy::oracle().find("SNIbc").unwrap_err();
    /// assert_eq!(error.nearest[0], "SNIb/c");
    /// ```
    pub fn find(&self, name: &str) -> Result<NodeId, UnknownName> {
        self.by_name
            .binary_search_by(|&node| self.names[node].as_str().cmp(name))
            .map(|rank| NodeId(self.by_name[rank]))
            .map_err(|_| {
                let known = self.names.iter().map(String::as_str);
                UnknownName::new(format!("class of {}", self.name), name, known)
            })
    }

    /// The parent of a node, `None` for the root.
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        (node != NodeId::ROOT).then_some(NodeId(self.parents[node.0]))
    }

    /// Parent of every node in level order; the root is its own (position 0 holds 0).
    ///
    /// With [`edge_lengths`](Self::edge_lengths), this is the tree in the form that the metrics take.
    pub fn parents(&self) -> &[usize] {
        &self.parents
    }

    /// The children of a node: positions in level order, empty for a leaf.
    pub fn children(&self, node: NodeId) -> Range<usize> {
        self.first_child[node.0]..self.first_child[node.0 + 1]
    }

    /// The groups of siblings as ranges of positions, in level order. Together they hold every node once; the first
    /// is the root alone.
    pub fn sibling_groups(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let families = self.first_child.windows(2).map(|bounds| bounds[0]..bounds[1]);
        std::iter::once(0..1).chain(families.filter(|family| !family.is_empty()))
    }

    /// Number of edges from the root to a node.
    pub fn depth(&self, node: NodeId) -> usize {
        self.depths[node.0]
    }

    /// Number of edges from a node down to the deepest leaf below it, 0 for a leaf.
    pub fn height(&self, node: NodeId) -> usize {
        self.heights[node.0]
    }

    /// The leaves in level order: the node of every column of a leaf PMF.
    pub fn leaves(&self) -> &[NodeId] {
        &self.leaves
    }

    /// Whether a node has no children.
    pub fn is_leaf(&self, node: NodeId) -> bool {
        self.leaf_of[node.0].is_some()
    }

    /// The leaf at a position among the leaves, if there is one.
    pub fn leaf(&self, index: usize) -> Option<LeafIndex> {
        (index < self.n_leaves()).then_some(LeafIndex(index))
    }

    /// The position of a node among the leaves, `None` for an inner node.
    pub fn leaf_of(&self, node: NodeId) -> Option<LeafIndex> {
        self.leaf_of[node.0]
    }

    /// The node of a leaf.
    pub fn node_of(&self, leaf: LeafIndex) -> NodeId {
        self.leaves[leaf.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_order_by_hand() {
        // r { a { c, d { f } }, b, e }, written in depth-first order
        let pairs = [("r", ""), ("a", "r"), ("c", "a"), ("d", "a"), ("f", "d"), ("b", "r"), ("e", "r")];
        let t = Taxonomy::from_pairs("t", pairs.map(|(n, p)| (n, (!p.is_empty()).then_some(p)))).unwrap();
        assert_eq!(t.names(), ["r", "a", "b", "e", "c", "d", "f"]);
        assert_eq!(t.parents(), [0, 0, 0, 0, 1, 1, 5]);
        assert_eq!(t.sibling_groups().collect::<Vec<_>>(), [0..1, 1..4, 4..6, 6..7]);
        assert_eq!(t.nodes().map(|n| t.depth(n)).collect::<Vec<_>>(), [0, 1, 1, 1, 2, 2, 3]);
        assert_eq!(t.nodes().map(|n| t.height(n)).collect::<Vec<_>>(), [3, 2, 0, 0, 0, 1, 0]);
        assert_eq!(t.leaves().iter().map(|n| n.index()).collect::<Vec<_>>(), [2, 3, 4, 6]);
        assert_eq!((t.n_nodes(), t.n_leaves(), t.n_levels(), t.name()), (7, 4, 4, "t"));
        assert!(t.children(NodeId(2)).is_empty());
        assert_eq!(t.children(NodeId(0)), 1..4);
        assert_eq!((t.parent(NodeId(0)), t.parent(NodeId(6))), (None, Some(NodeId(5))));
        assert_eq!((t.leaf_of(NodeId(4)), t.leaf_of(NodeId(5))), (Some(LeafIndex(2)), None));
        assert_eq!(t.node_of(t.leaf(3).unwrap()), NodeId(6));
        assert_eq!((t.leaf(4), t.node(7), t.node(6)), (None, None, Some(NodeId(6))));
        assert!(t.is_leaf(NodeId(6)) && !t.is_leaf(NodeId(5)));
        assert_eq!((usize::from(NodeId(6)), usize::from(LeafIndex(3)), LeafIndex(3).index()), (6, 3, 3));
    }

    #[test]
    fn every_name_is_found_and_no_other() {
        let t = Taxonomy::oracle();
        for node in t.nodes() {
            assert_eq!(t.find(t.class_name(node)), Ok(node));
        }
        let error = t.find("rr lyrae").unwrap_err();
        assert_eq!(error.kind, "class of oracle");
        assert_eq!(error.nearest[0], "RR Lyrae");
        assert!(t.find("").unwrap_err().nearest.is_empty());
    }

    #[test]
    fn a_single_node_is_root_and_leaf() {
        let t = Taxonomy::from_pairs("one", [("Alert", None)]).unwrap();
        assert_eq!((t.n_nodes(), t.n_leaves(), t.n_levels()), (1, 1, 1));
        assert_eq!((t.parents(), t.children(NodeId::ROOT).len()), (&[0][..], 0));
        assert!(t.sibling_groups().eq(std::iter::once(0..1)));
        assert_eq!(t.leaf_of(NodeId::ROOT), Some(LeafIndex(0)));
    }
}
