//! Who is above whom: ancestors, paths, levels, lowest common ancestors.

use crate::tree::{LeafIndex, NodeId, Taxonomy};

impl Taxonomy {
    /// A node, its parent, and so on up to the root.
    pub fn ancestors(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(Some(node), |&node| self.parent(node))
    }

    /// The nodes from the root down to a node, both included.
    ///
    /// ```
    /// # use heliacal_taxonomy::Taxonomy;
    /// let oracle = Taxonomy::oracle();
    /// let path = oracle.path(oracle.find("KN")?);
    /// let names: Vec<_> = path.into_iter().map(|node| oracle.class_name(node)).collect();
    /// assert_eq!(names, ["Alert", "Transient", "Fast", "KN"]);
    /// # Ok::<(), heliacal_taxonomy::UnknownName>(())
    /// ```
    pub fn path(&self, node: NodeId) -> Vec<NodeId> {
        let mut path: Vec<NodeId> = self.ancestors(node).collect();
        path.reverse();
        path
    }

    /// Whether `ancestor` lies on the path from the root to `node`, `node` itself not counting.
    pub fn is_ancestor(&self, ancestor: NodeId, node: NodeId) -> bool {
        ancestor != node && self.ancestor_at(node, self.depth(ancestor)) == ancestor
    }

    /// The ancestor of a node at a level: the node itself where it lies at that depth or above it.
    ///
    /// For a leaf, this is its class at the level, as [`level`](Self::level) counts leaves above the level's depth.
    pub fn ancestor_at(&self, node: NodeId, level: usize) -> NodeId {
        let mut ancestor = node.0;
        for _ in level..self.depth(node) {
            ancestor = self.parents()[ancestor];
        }
        NodeId(ancestor)
    }

    /// The classes of a level in level order: the nodes of that depth and the leaves above it.
    ///
    /// Every leaf is below, or is, exactly one class of a level, so the classes of a level share out the probability.
    /// From the deepest level on, they are the leaves.
    ///
    /// ```
    /// let oracle = heliacal_taxonomy::Taxonomy::oracle();
    /// assert_eq!([0, 1, 2, 3].map(|level| oracle.level(level).count()), [1, 2, 5, 19]);
    /// ```
    pub fn level(&self, level: usize) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes()
            .take_while(move |&node| self.depth(node) <= level)
            .filter(move |&node| self.depth(node) == level || self.is_leaf(node))
    }

    /// The leaves at or below a node, in level order.
    pub fn leaves_below(&self, node: NodeId) -> impl Iterator<Item = LeafIndex> + '_ {
        let is_below = move |&(_, &leaf): &(usize, &NodeId)| self.ancestor_at(leaf, self.depth(node)) == node;
        self.leaves().iter().enumerate().filter(is_below).map(|(index, _)| LeafIndex(index))
    }

    /// The lowest common ancestor: the deepest node at or above both.
    pub fn lowest_common_ancestor(&self, a: NodeId, b: NodeId) -> NodeId {
        let (mut a, mut b) = (a.0, b.0);
        // In level order a parent comes before its children: the later of the two is never above the other.
        while a != b {
            if a > b {
                a = self.parents()[a];
            } else {
                b = self.parents()[b];
            }
        }
        NodeId(a)
    }

    /// Height of the lowest common ancestor of two classes, the severity of mistaking one for the other (Bertinetto et
    /// al. 2020, [arXiv 1912.09393](https://arxiv.org/abs/1912.09393)). 0 for a leaf and itself.
    ///
    /// ```
    /// # use heliacal_taxonomy::Taxonomy;
    /// let oracle = Taxonomy::oracle();
    /// let [ia, ii, tde, agn] = ["SNIa", "SNII", "TDE", "AGN"].map(|name| oracle.find(name).expect("a class"));
    /// assert_eq!([ii, tde, agn].map(|mistake| oracle.lca_height(ia, mistake)), [1, 2, 3]);
    /// ```
    pub fn lca_height(&self, a: NodeId, b: NodeId) -> usize {
        self.height(self.lowest_common_ancestor(a, b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_of_oracle_by_hand() {
        let t = Taxonomy::oracle();
        let node = |name| t.find(name).unwrap();
        let lca = |a, b| t.class_name(t.lowest_common_ancestor(node(a), node(b)));
        assert_eq!([lca("KN", "uLens"), lca("AGN", "EB"), lca("AGN", "SNIa")], ["Fast", "Variable", "Alert"]);
        assert_eq!([lca("SN", "SNIa"), lca("SN", "SN"), lca("Alert", "PISN")], ["SN", "SN", "Alert"]);
        assert_eq!(t.ancestor_at(node("AGN"), 3), node("AGN"));
        assert_eq!(t.ancestor_at(node("EB"), 1), node("Variable"));
        assert_eq!(t.ancestor_at(node("EB"), 0), NodeId::ROOT);
        assert!(t.is_ancestor(node("Variable"), node("AGN")));
        assert!(!t.is_ancestor(node("AGN"), node("AGN")) && !t.is_ancestor(node("AGN"), node("Variable")));
        assert!(!t.is_ancestor(node("Transient"), node("AGN")));
        assert_eq!([t.lca_height(node("AGN"), node("EB")), t.lca_height(node("AGN"), node("AGN"))], [2, 0]);
        let below: Vec<_> = t.leaves_below(node("Variable")).map(|l| t.class_name(t.node_of(l))).collect();
        assert_eq!(below, ["AGN", "Cepheid", "RR Lyrae", "Delta Scuti", "EB"]);
        assert_eq!(t.leaves_below(node("AGN")).collect::<Vec<_>>(), [LeafIndex(0)]);
    }

    #[test]
    fn leaves_count_at_every_level_below_them() {
        let t = Taxonomy::oracle();
        let names = |d| t.level(d).map(|n| t.class_name(n)).collect::<Vec<_>>();
        assert_eq!(names(2), ["SN", "Fast", "Long", "Periodic", "AGN"]);
        assert_eq!(names(3)[..2], ["AGN", "SNIa"]);
        assert_eq!(names(3), names(99));
    }
}
