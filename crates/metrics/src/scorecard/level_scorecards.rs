//! A scorecard at every level of a class tree.

use super::error::{ScorecardError, check_node, check_pmf, deserialize_checked};
use super::{Ranking, Scorecard, ScorecardReport, ZeroDivision};
use crate::ClassTree;
use crate::pmf::argmax;

/// The scorecard of one level.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LevelScorecard {
    /// The nodes of the level, the scorecard's classes in order: those of that depth and the leaves above it.
    nodes: Vec<usize>,
    /// Objects whose argmax at the level is not the ancestor of their argmax leaf, of all objects with a PMF.
    n_argmax_differs: u64,
    scorecard: Scorecard,
}

/// One [`Scorecard`] per level of a tree, from one pass over PMFs of leaves (ORACLE's tables and figures per level).
///
/// At each level the PMF is the roll-up of the leaves' and the prediction its argmax. An object whose true class is an
/// inner node counts at the levels down to that node's depth; a leaf above a level is a class of that level, too. Classes
/// without a hierarchy are [`ClassTree::flat`].
///
/// The argmax of a level need not lie above the argmax leaf: three leaves of 0.2 outweigh one of 0.4. How often that
/// happens is counted.
///
/// ```
/// use heliacal_metrics::ClassTree;
/// use heliacal_metrics::scorecard::{LevelScorecards, Ranking};
///
/// // root { supernova { Ia, II, Ib }, AGN }: the leaves are AGN, Ia, II, Ib.
/// let tree = ClassTree::new(&[0, 0, 0, 1, 1, 1])?;
/// let mut levels = LevelScorecards::new(tree, Ranking::Off)?;
/// levels.push(&[0.4, 0.2, 0.2, 0.2], 3)?; // a Ia
/// levels.push(&[0.1, 0.3, 0.3, 0.3], 1)?; // some supernova
/// assert_eq!(levels.levels()[1].scorecard().confusion().accuracy(), Some(1.0));
/// assert_eq!(levels.levels()[2].scorecard().confusion().accuracy(), Some(0.0)); // of the first object only
/// assert_eq!(levels.levels()[1].n_argmax_differs(), 1);
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct LevelScorecards {
    tree: ClassTree,
    n_objects: u64,
    n_missing: u64,
    levels: Vec<LevelScorecard>,
}

deserialize_checked!(LevelScorecards {
    tree: ClassTree,
    n_objects: u64,
    n_missing: u64,
    levels: Vec<LevelScorecard>,
});

/// All figures of one level.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LevelReport {
    /// The level, 0 for the root's.
    pub level: usize,
    /// The node of every class.
    pub nodes: Vec<usize>,
    /// Number of objects whose truth reaches the level, missing ones included.
    pub n_objects: u64,
    /// Share of the objects with a PMF whose argmax at the level is not the ancestor of their argmax leaf.
    pub argmax_differs: Option<f64>,
    /// The figures.
    pub scorecard: ScorecardReport,
}

impl LevelScorecard {
    /// The nodes of the level, which are the scorecard's classes in order.
    pub fn nodes(&self) -> &[usize] {
        &self.nodes
    }

    /// Objects whose argmax at the level is not the ancestor of their argmax leaf.
    pub fn n_argmax_differs(&self) -> u64 {
        self.n_argmax_differs
    }

    /// The scorecard over the nodes.
    pub fn scorecard(&self) -> &Scorecard {
        &self.scorecard
    }
}

impl LevelScorecards {
    /// No object yet.
    ///
    /// # Errors
    /// None today: every tree has a level with a class.
    pub fn new(tree: ClassTree, ranking: Ranking) -> Result<Self, ScorecardError> {
        let level = |level| {
            let nodes = tree.level(level);
            let scorecard = Scorecard::new(nodes.len(), ranking)?;
            Ok(LevelScorecard { nodes, n_argmax_differs: 0, scorecard })
        };
        let levels = (0..tree.n_levels()).map(level).collect::<Result<_, ScorecardError>>()?;
        Ok(Self { tree, n_objects: 0, n_missing: 0, levels })
    }

    #[cfg(feature = "serde")]
    pub(super) fn check(&self) -> Result<(), ScorecardError> {
        super::error::check_length("levels", self.tree.n_levels(), self.levels.len())?;
        super::error::check_total("objects", &[self.n_objects, self.n_missing])?;
        for (depth, level) in self.levels.iter().enumerate() {
            level.scorecard.check_like(&self.levels[0].scorecard).or_else(|error| match error {
                ScorecardError::ClassCount { .. } => Ok(()),
                other => Err(other),
            })?;
            super::error::check_class_count(level.nodes.len(), level.scorecard.n_classes())?;
            let confusion = level.scorecard.confusion();
            let fits = level.nodes == self.tree.level(depth)
                && level.n_argmax_differs <= self.n_objects
                && confusion.n_objects() <= self.n_objects
                && confusion.n_abstained() <= self.n_missing;
            if !fits {
                return Err(ScorecardError::Counts { what: "the levels of a scorecard" });
            }
        }
        Ok(())
    }

    /// Adds one object: its PMF over the leaves (in level order) and the node of its true class, a leaf or an inner one.
    ///
    /// # Errors
    /// [`ScorecardError::ClassCount`], [`ScorecardError::Pmf`], [`ScorecardError::Node`].
    pub fn push(&mut self, leaf_pmf: &[f64], true_node: usize) -> Result<(), ScorecardError> {
        check_pmf(leaf_pmf, self.tree.n_leaves())?;
        check_node(true_node, self.tree.n_nodes())?;
        let mut p = vec![0.0; self.tree.n_nodes()];
        self.tree.roll_up(leaf_pmf, &mut p)?;
        let mut level_pmf = Vec::with_capacity(leaf_pmf.len());
        let argmax_leaf = self.tree.leaves()[argmax(leaf_pmf)];
        for (depth, level) in self.levels.iter_mut().enumerate() {
            level_pmf.clear();
            level_pmf.extend(level.nodes.iter().map(|&node| p[node]));
            let above_leaf = self.tree.ancestor_at(argmax_leaf, depth);
            level.n_argmax_differs += u64::from(level.nodes[argmax(&level_pmf)] != above_leaf);
            if let Some(true_class) = class_at(&self.tree, &level.nodes, depth, true_node) {
                level.scorecard.push_checked(&level_pmf, true_class)?;
            }
        }
        self.n_objects += 1;
        Ok(())
    }

    /// Counts an object that has no PMF.
    ///
    /// # Errors
    /// [`ScorecardError::Node`].
    pub fn push_missing(&mut self, true_node: usize) -> Result<(), ScorecardError> {
        check_node(true_node, self.tree.n_nodes())?;
        for (depth, level) in self.levels.iter_mut().enumerate() {
            if let Some(true_class) = class_at(&self.tree, &level.nodes, depth, true_node) {
                level.scorecard.push_missing(true_class)?;
            }
        }
        self.n_missing += 1;
        Ok(())
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`ScorecardError::Different`] for another tree, or where only one keeps scores for ranking.
    pub fn merge(&mut self, other: &Self) -> Result<(), ScorecardError> {
        self.check_like(other)?;
        for (level, more) in self.levels.iter_mut().zip(&other.levels) {
            level.n_argmax_differs += more.n_argmax_differs;
            level.scorecard.merge(&more.scorecard)?;
        }
        self.n_objects += other.n_objects;
        self.n_missing += other.n_missing;
        Ok(())
    }

    pub(super) fn check_like(&self, other: &Self) -> Result<(), ScorecardError> {
        if self.tree != other.tree {
            return Err(ScorecardError::Different { what: "their tree" });
        }
        self.levels.iter().zip(&other.levels).try_for_each(|(a, b)| a.scorecard.check_like(&b.scorecard))
    }

    /// The tree.
    pub fn tree(&self) -> &ClassTree {
        &self.tree
    }

    /// The levels from the root down.
    pub fn levels(&self) -> &[LevelScorecard] {
        &self.levels
    }

    /// The level where every leaf is a class: the last one.
    pub fn leaf_level(&self) -> &LevelScorecard {
        &self.levels[self.levels.len() - 1]
    }

    /// Number of objects with a PMF.
    pub fn n_objects(&self) -> u64 {
        self.n_objects
    }

    /// Number of objects without.
    pub fn n_missing(&self) -> u64 {
        self.n_missing
    }

    /// All figures of every level, from the root down.
    pub fn report(&self, zero_division: ZeroDivision) -> Vec<LevelReport> {
        let report = |(depth, level): (usize, &LevelScorecard)| {
            let confusion = level.scorecard.confusion();
            LevelReport {
                level: depth,
                nodes: level.nodes.clone(),
                n_objects: confusion.n_objects() + confusion.n_abstained(),
                argmax_differs: super::error::ratio(level.n_argmax_differs, self.n_objects),
                scorecard: level.scorecard.report(zero_division),
            }
        };
        self.levels.iter().enumerate().map(report).collect()
    }
}

/// The class of a true node among the nodes of a level; `None` for an inner node above it.
pub(super) fn class_at(tree: &ClassTree, nodes: &[usize], level: usize, true_node: usize) -> Option<usize> {
    nodes.binary_search(&tree.ancestor_at(true_node, level)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// root { a { c, d { f, g } }, b { e } }: leaves c, e, f, g (3, 5, 6, 7)
    fn tree() -> ClassTree {
        ClassTree::new(&[0, 0, 0, 1, 1, 2, 4, 4]).unwrap()
    }

    #[test]
    fn inner_truths_stop_at_their_depth() {
        let mut levels = LevelScorecards::new(tree(), Ranking::Exact).unwrap();
        levels.push(&[0.25, 0.0, 0.25, 0.5], 4).unwrap(); // d: levels 0, 1, 2
        levels.push(&[0.25, 0.0, 0.25, 0.5], 3).unwrap(); // c, a leaf: levels 0 to 3
        levels.push(&[0.0, 1.0, 0.0, 0.0], 0).unwrap(); // nothing known: level 0
        levels.push_missing(2).unwrap(); // b: levels 0 and 1
        let seen: Vec<_> = levels.report(ZeroDivision::Zero).iter().map(|level| level.n_objects).collect();
        assert_eq!(seen, [4, 3, 2, 1]);
        assert_eq!((levels.n_objects(), levels.n_missing()), (3, 1));
        let second = levels.levels()[2].scorecard().confusion(); // c, d, e
        assert_eq!((second.row(0), second.row(1)), (&[0, 1, 0][..], &[0, 1, 0][..]));
        assert_eq!(levels.leaf_level().nodes(), [3, 5, 6, 7]);
    }

    #[test]
    fn a_level_may_differ_from_its_leaf() {
        let mut levels = LevelScorecards::new(tree(), Ranking::Off).unwrap();
        levels.push(&[0.25, 0.375, 0.1875, 0.1875], 5).unwrap();
        let differs: Vec<_> = levels.levels().iter().map(LevelScorecard::n_argmax_differs).collect();
        // Leaf e at 0.375, but a at 0.625; at level 2 c 0.25, d 0.375, e 0.375: d comes first.
        assert_eq!(differs, [0, 1, 1, 0]);
        assert_eq!(levels.report(ZeroDivision::Zero)[1].argmax_differs, Some(1.0));
    }

    #[test]
    fn flat_classes_and_faults() {
        let mut flat = LevelScorecards::new(ClassTree::flat(2), Ranking::Off).unwrap();
        flat.push(&[0.25, 0.75], 2).unwrap();
        assert_eq!(flat.leaf_level().scorecard().confusion().count(1, 1), 1);
        let before = flat.clone();
        assert!(matches!(flat.push(&[0.25, 0.75], 3), Err(ScorecardError::Node { node: 3, n_nodes: 3 })));
        assert!(flat.push(&[1.0], 1).is_err());
        assert!(flat.push_missing(3).is_err());
        assert!(flat.merge(&LevelScorecards::new(tree(), Ranking::Off).unwrap()).is_err());
        assert!(flat.merge(&LevelScorecards::new(ClassTree::flat(2), Ranking::Exact).unwrap()).is_err());
        assert_eq!(flat, before);
    }
}
