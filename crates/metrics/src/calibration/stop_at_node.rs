//! Decisions that stop where the tree's probabilities stop being sure.

use super::error::CalibrationError;
#[cfg(feature = "serde")]
use super::error::{check_stored, check_total};
use super::rows;
use super::tree_reliability::is_right;
use crate::class_tree::{ClassTree, TreeError};
use crate::moments::ratio;

/// The deepest class that the probabilities support: from the root down, always to the most probable child, while that
/// has at least the threshold.
///
/// `probabilities`: `[n_nodes]`, as [`ClassTree::roll_up`] gives them. Ties go to the lower node. A threshold of 0 ends
/// at a leaf, one above 1 or NaN at the root; so does a NaN probability where it stands in the way.
///
/// # Errors
/// [`TreeError::Length`] where there is not one probability per node.
///
/// ```
/// use heliacal_metrics::ClassTree;
/// use heliacal_metrics::calibration::deepest;
///
/// // root { supernova { Ia, II }, AGN }
/// let tree = ClassTree::new(&[0, 0, 0, 1, 1])?;
/// let p = [1.0, 0.875, 0.125, 0.625, 0.25];
/// assert_eq!([0.9, 0.8, 0.6].map(|threshold| deepest(&tree, &p, threshold)), [Ok(0), Ok(1), Ok(3)]);
/// # Ok::<(), heliacal_metrics::TreeError>(())
/// ```
pub fn deepest(tree: &ClassTree, probabilities: &[f64], threshold: f64) -> Result<usize, TreeError> {
    if probabilities.len() != tree.n_nodes() {
        let (expected, found) = (tree.n_nodes(), probabilities.len());
        return Err(TreeError::Length { what: "the probabilities of nodes", expected, found });
    }
    Ok(walk_down(tree, probabilities, threshold))
}

fn walk_down(tree: &ClassTree, probabilities: &[f64], threshold: f64) -> usize {
    let better =
        |best: usize, node: usize| if probabilities[node] > probabilities[best] { node } else { best };
    let mut node = 0;
    while let Some(best) = tree.children(node).reduce(better)
        && probabilities[best] >= threshold
    {
        node = best;
    }
    node
}

/// Risk and coverage at one level of the tree for one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LevelRisk {
    /// The level, 0 for the root.
    pub level: usize,
    /// Number of objects whose decision reaches the level: a node of that depth or deeper, or a leaf above it.
    pub n_decided: u64,
    /// Fraction of all objects that reaches the level; `None` without an object.
    pub coverage: Option<f64>,
    /// Number of the decided whose truth is known at the level.
    pub n_judged: u64,
    /// Number of the judged whose class at the level is wrong.
    pub n_wrong: u64,
    /// Fraction of the judged that is wrong; `None` of none.
    pub risk: Option<f64>,
}

/// All about one threshold.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StopPoint {
    /// The threshold.
    pub threshold: f64,
    /// Number of objects.
    pub n_objects: u64,
    /// Number of objects whose decided node can be judged (its truth is not known only to lie above it).
    pub n_judged: u64,
    /// Number of the judged whose decided node does not hold the truth.
    pub n_wrong: u64,
    /// Fraction of the judged that is wrong; `None` of none.
    pub risk: Option<f64>,
    /// Mean depth of the decided node; `None` without an object.
    pub mean_depth: Option<f64>,
    /// Mean information of the decided node, `log2(leaves / leaves below it)` \[bit\]; `None` without an object.
    pub mean_information: Option<f64>,
    /// The same per level, from the root down.
    pub levels: Vec<LevelRisk>,
}

/// Risk against coverage of [`deepest`] over a sweep of thresholds. All counts: two parts add up to the whole, to the last
/// digit.
///
/// Each object is decided at every threshold; a higher threshold stops earlier, so coverage falls with the threshold at
/// every level. A decision is wrong where its node is not the truth or above it, and wrong at a level where its
/// ancestor there is not. A true class may be an inner node: what is decided strictly below it on its own branch
/// counts as decided, not as judged. Risk-coverage: El-Yaniv & Wiener 2010; stopping on a tree: ORACLE
/// ([arXiv 2501.01496](https://arxiv.org/abs/2501.01496)).
///
/// ```
/// use heliacal_metrics::ClassTree;
/// use heliacal_metrics::calibration::StopAtNode;
///
/// // root { supernova { Ia, II }, AGN }, leaves AGN, Ia, II
/// let tree = ClassTree::new(&[0, 0, 0, 1, 1])?;
/// let mut decisions = StopAtNode::new(tree, vec![0.5, 0.8])?;
/// decisions.add(&[0.125, 0.625, 0.25], 4)?; // decided Ia at 0.5, supernova at 0.8; it is a II
/// decisions.add(&[0.125, 0.875, 0.0], 3)?; // Ia at both; it is one
/// let [at_half, at_eight] = decisions.points().try_into().unwrap();
/// assert_eq!((at_half.risk, at_half.levels[2].coverage), (Some(0.5), Some(1.0)));
/// assert_eq!((at_eight.risk, at_eight.levels[2].coverage), (Some(0.0), Some(0.5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked"))]
pub struct StopAtNode {
    tree: ClassTree,
    sweep: Vec<Counts>,
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    tree: ClassTree,
    sweep: Vec<Counts>,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Counts {
    threshold: f64,
    /// Objects decided, per node.
    decided: Vec<u64>,
    n_judged: u64,
    n_wrong: u64,
    level_judged: Vec<u64>,
    level_wrong: Vec<u64>,
}

impl StopAtNode {
    /// Starts with no object and a sweep of strictly rising thresholds.
    ///
    /// # Errors
    /// [`CalibrationError::Thresholds`] when one is not finite or not greater than the one before;
    /// [`CalibrationError::Empty`] of none.
    pub fn new(tree: ClassTree, thresholds: Vec<f64>) -> Result<Self, CalibrationError> {
        let rises = |index: usize| {
            thresholds[index].is_finite() && (index == 0 || thresholds[index] > thresholds[index - 1])
        };
        if let Some(index) = (0..thresholds.len()).find(|&index| !rises(index)) {
            return Err(CalibrationError::Thresholds { index, value: thresholds[index] });
        }
        if thresholds.is_empty() {
            return Err(CalibrationError::Empty);
        }
        let counts = |threshold| Counts {
            threshold,
            decided: vec![0; tree.n_nodes()],
            n_judged: 0,
            n_wrong: 0,
            level_judged: vec![0; tree.n_levels()],
            level_wrong: vec![0; tree.n_levels()],
        };
        Ok(Self { sweep: thresholds.into_iter().map(counts).collect(), tree })
    }

    /// Adds an object: its PMF over the leaves and its true node.
    ///
    /// # Errors
    /// [`CalibrationError::Shape`], [`CalibrationError::Pmf`], [`CalibrationError::Label`], each as of row 0.
    pub fn add(&mut self, leaf_pmf: &[f64], true_node: usize) -> Result<(), CalibrationError> {
        let tree = &self.tree;
        rows::check_pmf(0, leaf_pmf, tree.n_leaves())?;
        rows::check_label(0, true_node, tree.n_nodes())?;
        let mut probabilities = vec![0.0; tree.n_nodes()];
        tree.roll_up(leaf_pmf, &mut probabilities)?;
        for counts in &mut self.sweep {
            let node = walk_down(tree, &probabilities, counts.threshold);
            counts.decided[node] += 1;
            if let Some(right) = is_right(tree, node, true_node) {
                counts.n_judged += 1;
                counts.n_wrong += u64::from(!right);
            }
            for level in 0..tree.n_levels() {
                if !reaches(tree, node, level) {
                    break;
                }
                if let Some(right) = is_right(tree, tree.ancestor_at(node, level), true_node) {
                    counts.level_judged[level] += 1;
                    counts.level_wrong[level] += u64::from(!right);
                }
            }
        }
        Ok(())
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`CalibrationError::Mismatch`] when the trees or the thresholds differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), CalibrationError> {
        if self.tree != other.tree {
            return Err(CalibrationError::Mismatch { what: "trees" });
        }
        if !self.sweep.iter().map(|c| c.threshold).eq(other.sweep.iter().map(|c| c.threshold)) {
            return Err(CalibrationError::Mismatch { what: "thresholds" });
        }
        let add = |ours: &mut Vec<u64>, theirs: &[u64]| {
            ours.iter_mut().zip(theirs).for_each(|(count, other)| *count += other);
        };
        for (counts, other) in self.sweep.iter_mut().zip(&other.sweep) {
            add(&mut counts.decided, &other.decided);
            counts.n_judged += other.n_judged;
            counts.n_wrong += other.n_wrong;
            add(&mut counts.level_judged, &other.level_judged);
            add(&mut counts.level_wrong, &other.level_wrong);
        }
        Ok(())
    }

    /// The tree.
    pub fn tree(&self) -> &ClassTree {
        &self.tree
    }

    /// Risk, coverage, depth and information at every threshold, from the lowest up.
    pub fn points(&self) -> Vec<StopPoint> {
        let information = self.information();
        self.sweep.iter().map(|counts| self.point(counts, &information)).collect()
    }

    fn point(&self, counts: &Counts, information: &[f64]) -> StopPoint {
        let tree = &self.tree;
        let n_objects: u64 = counts.decided.iter().sum();
        let mean = |per_node: &dyn Fn(usize) -> f64| {
            let sum: f64 =
                counts.decided.iter().enumerate().map(|(node, &n)| n as f64 * per_node(node)).sum();
            (n_objects > 0).then(|| sum / n_objects as f64)
        };
        let levels = (0..tree.n_levels()).map(|level| {
            let n_decided = n_decided(tree, &counts.decided, level);
            let (n_judged, n_wrong) = (counts.level_judged[level], counts.level_wrong[level]);
            LevelRisk {
                level,
                n_decided,
                coverage: ratio(n_decided, n_objects),
                n_judged,
                n_wrong,
                risk: ratio(n_wrong, n_judged),
            }
        });
        StopPoint {
            threshold: counts.threshold,
            n_objects,
            n_judged: counts.n_judged,
            n_wrong: counts.n_wrong,
            risk: ratio(counts.n_wrong, counts.n_judged),
            mean_depth: mean(&|node| tree.depth(node) as f64),
            mean_information: mean(&|node| information[node]),
            levels: levels.collect(),
        }
    }

    /// Per node `log2(leaves / leaves below it)` \[bit\].
    fn information(&self) -> Vec<f64> {
        let mut n_leaves = vec![0.0_f64; self.tree.n_nodes()];
        for &leaf in self.tree.leaves() {
            n_leaves[leaf] = 1.0;
        }
        for node in (1..n_leaves.len()).rev() {
            n_leaves[self.tree.parents()[node]] += n_leaves[node];
        }
        n_leaves.iter().map(|n| (n_leaves[0] / n).log2()).collect()
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for StopAtNode {
    type Error = CalibrationError;

    fn try_from(stored: Unchecked) -> Result<Self, CalibrationError> {
        let Unchecked { tree, sweep } = stored;
        let mut whole = Self::new(tree, sweep.iter().map(|counts| counts.threshold).collect())?;
        let tree = &whole.tree;
        let mut n_objects = None;
        for counts in &sweep {
            let per_level = [&counts.level_judged, &counts.level_wrong];
            let fits = counts.decided.len() == tree.n_nodes()
                && per_level.iter().all(|counts| counts.len() == tree.n_levels());
            check_stored(fits, "tree and counts")?;
            let n = check_total("counts", counts.decided.iter().copied())?;
            check_stored(n == *n_objects.get_or_insert(n), "numbers of objects")?;
            check_stored(counts.n_wrong <= counts.n_judged && counts.n_judged <= n, "counts")?;
            for (level, (&judged, &wrong)) in counts.level_judged.iter().zip(&counts.level_wrong).enumerate()
            {
                let decided = n_decided(tree, &counts.decided, level);
                check_stored(wrong <= judged && judged <= decided, "counts of levels")?;
            }
        }
        whole.sweep = sweep;
        Ok(whole)
    }
}

/// Number of objects whose decision reaches a level.
fn n_decided(tree: &ClassTree, decided: &[u64], level: usize) -> u64 {
    let reach = decided.iter().enumerate().filter(|&(node, _)| reaches(tree, node, level));
    reach.map(|(_, &n)| n).sum()
}

/// Whether a decision for the node decides the level.
fn reaches(tree: &ClassTree, node: usize, level: usize) -> bool {
    tree.depth(node) >= level || tree.height(node) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// r { a { c, d { f, g } }, b { e } }, leaves c, e, f, g
    fn tree() -> ClassTree {
        ClassTree::new(&[0, 0, 0, 1, 1, 2, 4, 4]).unwrap()
    }

    #[test]
    fn walks_as_the_design_says() {
        let t = tree();
        let p = [1.0, 0.5, 0.5, 0.25, 0.25, 0.5, 0.25, 0.0];
        assert_eq!(deepest(&t, &p, 0.0), Ok(3)); // ties to the lower node
        assert_eq!(deepest(&t, &p, 0.5), Ok(1)); // inclusive
        assert_eq!([deepest(&t, &p, 0.51), deepest(&t, &p, f64::NAN)], [Ok(0), Ok(0)]);
        assert!(deepest(&t, &p[1..], 0.5).is_err());
    }

    #[test]
    fn sweep_by_hand() {
        let mut decisions = StopAtNode::new(tree(), vec![0.25, 0.6, 0.9]).unwrap();
        // p(a) 0.75, p(d) 0.625, p(f) 0.5
        decisions.add(&[0.125, 0.25, 0.5, 0.125], 7).unwrap();
        let points = decisions.points();
        let (low, mid, high) = (&points[0], &points[1], &points[2]);
        assert_eq!((low.n_wrong, low.mean_depth, low.mean_information), (1, Some(3.0), Some(2.0)));
        assert_eq!((low.levels[3].risk, low.levels[2].risk), (Some(1.0), Some(0.0)));
        assert_eq!((mid.n_wrong, mid.mean_depth, mid.mean_information), (0, Some(2.0), Some(1.0)));
        assert_eq!((mid.levels[3].coverage, mid.levels[3].risk), (Some(0.0), None));
        assert_eq!(
            (high.mean_depth, high.levels[0].coverage, high.levels[1].n_decided),
            (Some(0.0), Some(1.0), 0)
        );
        // A leaf above a level decides it.
        let mut decisions = StopAtNode::new(tree(), vec![0.5]).unwrap();
        decisions.add(&[1.0, 0.0, 0.0, 0.0], 3).unwrap();
        assert_eq!(
            decisions.points()[0].levels[3],
            LevelRisk {
                level: 3,
                n_decided: 1,
                coverage: Some(1.0),
                n_judged: 1,
                n_wrong: 0,
                risk: Some(0.0),
            }
        );
    }

    #[test]
    fn truth_above_the_decision_is_not_judged() {
        let mut decisions = StopAtNode::new(tree(), vec![0.1]).unwrap();
        decisions.add(&[0.0, 0.0, 1.0, 0.0], 4).unwrap();
        let point = &decisions.points()[0];
        assert_eq!((point.n_objects, point.n_judged, point.risk), (1, 0, None));
        assert_eq!(
            (point.levels[2].n_judged, point.levels[3].n_judged, point.levels[3].n_decided),
            (1, 0, 1)
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn parts_from_other_processes_add_up() {
        let empty = || StopAtNode::new(tree(), vec![0.25, 0.6]).unwrap();
        let (mut whole, mut left, mut right) = (empty(), empty(), empty());
        for (part, pmf, truth) in
            [(&mut left, [0.125, 0.25, 0.5, 0.125], 7), (&mut right, [0.0, 0.0, 1.0, 0.0], 4)]
        {
            whole.add(&pmf, truth).unwrap();
            part.add(&pmf, truth).unwrap();
        }
        let json = serde_json::to_string(&right).unwrap();
        left.merge(&serde_json::from_str(&json).unwrap()).unwrap();
        assert_eq!(left, whole);
        for (good, bad) in [
            ("\"threshold\":0.6", "\"threshold\":0.2"),
            ("[0,0,0,1,1,2,4,4]", "[0,0,0,1,1,2,4]"),
            ("\"n_wrong\":0", "\"n_wrong\":9"),
            ("\"level_judged\":[1,1,1,0]", "\"level_judged\":[1,1,2,0]"),
            ("\"decided\":[0,0,0,0,0,0,1,0]", "\"decided\":[0,0,0,0,0,0,2,0]"),
            ("\"decided\":[0,0,0,0,0,0,1,0]", "\"decided\":[0,0,0,0,0,0,18446744073709551615,1]"),
        ] {
            assert!(json.contains(good), "{json}");
            assert!(serde_json::from_str::<StopAtNode>(&json.replacen(good, bad, 1)).is_err(), "{bad}");
        }
    }

    #[test]
    fn empty_and_bad_input() {
        assert_eq!(StopAtNode::new(tree(), vec![]), Err(CalibrationError::Empty));
        let thresholds = |values: &[f64]| StopAtNode::new(tree(), values.to_vec());
        assert_eq!(thresholds(&[0.5, 0.5]), Err(CalibrationError::Thresholds { index: 1, value: 0.5 }));
        assert!(thresholds(&[f64::NAN]).is_err());
        let nothing = &thresholds(&[0.5]).unwrap().points()[0];
        assert_eq!((nothing.risk, nothing.mean_depth, nothing.levels[1].coverage), (None, None, None));
        let mut one = thresholds(&[0.5]).unwrap();
        assert!(one.merge(&thresholds(&[0.6]).unwrap()).is_err());
        assert!(one.add(&[0.5; 4], 0).is_err());
    }
}
