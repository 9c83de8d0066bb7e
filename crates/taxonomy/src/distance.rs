//! Distances between classes: the price of moving probability from one to another.

use crate::tree::{NodeId, Taxonomy};

/// How long the edges of a tree are: `exp(-decay · depth)` with the depth of the edge's lower end, so that deep, fine
/// distinctions cost less. A decay of 0 is the unit tree.
///
/// ```
/// use heliacal_taxonomy::EdgeLength;
///
/// let halving = EdgeLength::exponential(2f64.ln())?;
/// assert!((halving.at_depth(3) - 0.125).abs() < 1e-15);
/// assert_eq!(EdgeLength::UNIT.at_depth(3), 1.0);
/// # Ok::<(), heliacal_taxonomy::InvalidDecay>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "f64", into = "f64")
)]
pub struct EdgeLength {
    decay: f64,
}

/// A decay of edge lengths that is negative, NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("edge lengths decay by {value} per level, expected a finite number of at least 0")]
pub struct InvalidDecay {
    /// What was given.
    pub value: f64,
}

impl EdgeLength {
    /// Every edge is 1 long.
    pub const UNIT: Self = Self { decay: 0.0 };

    /// Edges of length `exp(-decay · depth)`.
    ///
    /// # Errors
    /// [`InvalidDecay`] when the decay is negative, NaN or infinite.
    pub fn exponential(decay: f64) -> Result<Self, InvalidDecay> {
        if decay >= 0.0 && decay.is_finite() {
            Ok(Self { decay })
        } else {
            Err(InvalidDecay { value: decay })
        }
    }

    /// Decay per level.
    pub fn decay(self) -> f64 {
        self.decay
    }

    /// Length of the edge whose lower end has this depth; 0 at depth 0, for no edge leads to the root.
    pub fn at_depth(self, depth: usize) -> f64 {
        if depth == 0 { 0.0 } else { (-self.decay * depth as f64).exp() }
    }
}

impl TryFrom<f64> for EdgeLength {
    type Error = InvalidDecay;

    fn try_from(decay: f64) -> Result<Self, InvalidDecay> {
        Self::exponential(decay)
    }
}

impl From<EdgeLength> for f64 {
    fn from(edge_length: EdgeLength) -> Self {
        edge_length.decay
    }
}

impl Taxonomy {
    /// Length of the edge from every node up to its parent, in level order; 0 for the root.
    pub fn edge_lengths(&self, edge_length: EdgeLength) -> Vec<f64> {
        self.nodes().map(|node| edge_length.at_depth(self.depth(node))).collect()
    }

    /// Length of the path between two classes, up to their lowest common ancestor and down again.
    ///
    /// ```
    /// # use heliacal_taxonomy::{EdgeLength, Taxonomy};
    /// let oracle = Taxonomy::oracle();
    /// let [agn, eb] = [oracle.find("AGN")?, oracle.find("EB")?];
    /// assert_eq!(oracle.distance(agn, eb, EdgeLength::UNIT), 3.0); // AGN - Variable - Periodic - EB
    /// # Ok::<(), heliacal_taxonomy::UnknownName>(())
    /// ```
    pub fn distance(&self, a: NodeId, b: NodeId, edge_length: EdgeLength) -> f64 {
        let top = self.depth(self.lowest_common_ancestor(a, b));
        // Not `sum`, whose empty sum is -0.
        let climb =
            |node: NodeId| (top + 1..=self.depth(node)).fold(0.0, |sum, d| sum + edge_length.at_depth(d));
        climb(a) + climb(b)
    }

    /// Distances between all leaves, `[n_leaves, n_leaves]` row-major: symmetric, 0 on the diagonal, and with the
    /// triangle inequality that every tree distance has.
    pub fn leaf_cost_matrix(&self, edge_length: EdgeLength) -> Vec<f64> {
        let leaves = self.leaves();
        leaves.iter().flat_map(|&a| leaves.iter().map(move |&b| self.distance(a, b, edge_length))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_by_hand() {
        // r { a { c, d }, b }: leaves b, c, d
        let pairs = [("r", None), ("a", Some("r")), ("b", Some("r")), ("c", Some("a")), ("d", Some("a"))];
        let t = Taxonomy::from_pairs("small", pairs).unwrap();
        assert_eq!(t.edge_lengths(EdgeLength::UNIT), [0.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(t.leaf_cost_matrix(EdgeLength::UNIT), [0.0, 3.0, 3.0, 3.0, 0.0, 2.0, 3.0, 2.0, 0.0]);
        let halving = EdgeLength::exponential(2f64.ln()).unwrap();
        let expected = [0.0, 1.25, 1.25, 1.25, 0.0, 0.5, 1.25, 0.5, 0.0]; // b-r-a-c: 1/2 + 1/2 + 1/4
        for (cost, expected) in t.leaf_cost_matrix(halving).into_iter().zip(expected) {
            assert!((cost - expected).abs() < 1e-15);
        }
        assert_eq!(t.distance(NodeId::ROOT, NodeId(3), EdgeLength::UNIT), 2.0);
        let one = Taxonomy::from_pairs("one", [("r", None)]).unwrap();
        assert_eq!(one.leaf_cost_matrix(EdgeLength::UNIT), [0.0]);
    }

    #[test]
    fn decays_are_checked() {
        for bad in [-0.1, f64::NAN, f64::INFINITY] {
            assert!(EdgeLength::exponential(bad).is_err());
        }
        assert_eq!(EdgeLength::exponential(0.0), Ok(EdgeLength::UNIT));
        assert_eq!(EdgeLength::default(), EdgeLength::UNIT);
        assert_eq!(f64::from(EdgeLength::exponential(0.5).unwrap()), 0.5);
        assert_eq!(EdgeLength::exponential(0.5).unwrap().decay(), 0.5);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn json_is_the_decay_and_is_checked() {
        assert_eq!(serde_json::to_string(&EdgeLength::exponential(0.5).unwrap()).unwrap(), "0.5");
        assert_eq!(serde_json::from_str::<EdgeLength>("0.5").unwrap(), EdgeLength::exponential(0.5).unwrap());
        assert!(serde_json::from_str::<EdgeLength>("-1").is_err());
    }
}
