//! From probabilities to one class.

use crate::error::{DecisionError, LengthError};
use crate::tree::{NodeId, Taxonomy};

/// How often the two ways to a label at a level disagree: the argmax at the level, and the ancestor of the argmax leaf.
///
/// That children sum to their parent does not make the two agree: three leaves of 0.2 make a family of 0.6 against a
/// single leaf of 0.4.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LevelDisagreement {
    /// Number of objects looked at.
    pub n_objects: usize,
    /// Per level from the root down: number of objects whose two labels differ. At the root and at the leaves none do.
    pub n_differing: Vec<usize>,
}

impl LevelDisagreement {
    /// Share of objects whose two labels differ at a level; `None` without objects or without such a level.
    pub fn fraction(&self, level: usize) -> Option<f64> {
        let n_differing = *self.n_differing.get(level)?;
        (self.n_objects > 0).then(|| n_differing as f64 / self.n_objects as f64)
    }
}

impl Taxonomy {
    /// The most probable class of a [`level`](Self::level); of equally probable ones the first.
    ///
    /// `probabilities`: `[n_nodes]`.
    ///
    /// # Errors
    /// [`DecisionError`] when the length does not fit or a probability is NaN.
    pub fn argmax_at_level(&self, probabilities: &[f64], level: usize) -> Result<NodeId, DecisionError> {
        self.check_row(probabilities)?;
        Ok(self.most_probable(probabilities, level))
    }

    /// The most probable leaf; of equally probable ones the first.
    ///
    /// # Errors
    /// As [`argmax_at_level`](Self::argmax_at_level).
    pub fn argmax_leaf(&self, probabilities: &[f64]) -> Result<NodeId, DecisionError> {
        self.argmax_at_level(probabilities, self.n_levels() - 1)
    }

    /// The class at a level that the most probable leaf belongs to.
    ///
    /// Labels of all levels taken this way lie on one path, which the argmax of each level does not promise.
    ///
    /// # Errors
    /// As [`argmax_at_level`](Self::argmax_at_level).
    pub fn ancestor_of_argmax_leaf(
        &self,
        probabilities: &[f64],
        level: usize,
    ) -> Result<NodeId, DecisionError> {
        Ok(self.ancestor_at(self.argmax_leaf(probabilities)?, level))
    }

    /// The deepest class that the probabilities support: from the root down, always to the most probable child, while
    /// that has at least the threshold.
    ///
    /// `probabilities`: `[n_nodes]`. The granularity of the answer follows the data (ORACLE,
    /// [arXiv 2501.01496](https://arxiv.org/abs/2501.01496)): a faint young object is "Transient", an old one "SNIa".
    /// A threshold of 0 always ends at a leaf, one above 1 or NaN at the root.
    ///
    /// # Errors
    /// As [`argmax_at_level`](Self::argmax_at_level).
    ///
    /// ```
    /// # use heliacal_taxonomy::Taxonomy;
    /// let bts = Taxonomy::oracle_bts();
    /// // Alert, Persistent, Transient, AGN, CV, SN-Ia, SN-II, SN-Ib/c, SLSN
    /// let p = [1.0, 0.1, 0.9, 0.05, 0.05, 0.6, 0.2, 0.1, 0.0];
    /// let deepest = |threshold| bts.deepest(&p, threshold).map(|node| bts.class_name(node));
    /// assert_eq!([deepest(0.95)?, deepest(0.8)?, deepest(0.5)?], ["Alert", "Transient", "SN-Ia"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deepest(&self, probabilities: &[f64], threshold: f64) -> Result<NodeId, DecisionError> {
        self.check_row(probabilities)?;
        let mut node = NodeId::ROOT;
        while let Some(best) = first_argmax(probabilities, self.children(node))
            && probabilities[best] >= threshold
        {
            node = NodeId(best);
        }
        Ok(node)
    }

    /// Counts, level by level, the objects whose argmax at the level is not the ancestor of their argmax leaf.
    ///
    /// `probabilities`: `[objects, n_nodes]`, row-major.
    ///
    /// # Errors
    /// [`DecisionError`] when the matrix is not whole rows or a probability is NaN.
    pub fn level_disagreement(&self, probabilities: &[f64]) -> Result<LevelDisagreement, DecisionError> {
        let n_objects = LengthError::rows("probabilities", probabilities.len(), self.n_nodes())?;
        let mut n_differing = vec![0; self.n_levels()];
        for (row, probabilities) in probabilities.chunks_exact(self.n_nodes()).enumerate() {
            self.check_numbers(probabilities, row)?;
            let leaf = self.most_probable(probabilities, self.n_levels() - 1);
            for (level, n_differing) in n_differing.iter_mut().enumerate() {
                let label = self.most_probable(probabilities, level);
                *n_differing += usize::from(label != self.ancestor_at(leaf, level));
            }
        }
        Ok(LevelDisagreement { n_objects, n_differing })
    }

    fn check_row(&self, probabilities: &[f64]) -> Result<(), DecisionError> {
        LengthError::check("probabilities", probabilities.len(), self.n_nodes())?;
        self.check_numbers(probabilities, 0)
    }

    fn check_numbers(&self, probabilities: &[f64], row: usize) -> Result<(), DecisionError> {
        match probabilities.iter().position(|p| p.is_nan()) {
            Some(node) => Err(DecisionError::NotANumber { class: self.names()[node].clone(), row }),
            None => Ok(()),
        }
    }

    fn most_probable(&self, probabilities: &[f64], level: usize) -> NodeId {
        let classes = self.level(level).map(NodeId::index);
        NodeId(first_argmax(probabilities, classes).expect("every level holds or covers a leaf"))
    }
}

/// The first of the candidates with the greatest probability, `None` without candidates.
fn first_argmax(probabilities: &[f64], candidates: impl Iterator<Item = usize>) -> Option<usize> {
    candidates.reduce(|best, other| if probabilities[other] > probabilities[best] { other } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// r { a { c, d, e }, b }
    fn small() -> Taxonomy {
        let pairs = [("r", ""), ("a", "r"), ("b", "r"), ("c", "a"), ("d", "a"), ("e", "a")];
        Taxonomy::from_pairs("small", pairs.map(|(n, p)| (n, (!p.is_empty()).then_some(p)))).unwrap()
    }

    #[test]
    fn levels_may_disagree() {
        let t = small();
        let split = [1.0, 0.6, 0.4, 0.2, 0.2, 0.2];
        let clear = [1.0, 0.9, 0.1, 0.8, 0.1, 0.0];
        assert_eq!(t.class_name(t.argmax_at_level(&split, 1).unwrap()), "a");
        assert_eq!(t.class_name(t.argmax_leaf(&split).unwrap()), "b");
        assert_eq!(t.class_name(t.ancestor_of_argmax_leaf(&split, 1).unwrap()), "b");
        let batch = [split, clear, clear, clear].concat();
        let disagreement = t.level_disagreement(&batch).unwrap();
        assert_eq!(disagreement, LevelDisagreement { n_objects: 4, n_differing: vec![0, 1, 0] });
        assert_eq!([disagreement.fraction(1), disagreement.fraction(3)], [Some(0.25), None]);
        assert_eq!(t.level_disagreement(&[]).unwrap().fraction(1), None);
    }

    #[test]
    fn ties_go_to_the_lower_index() {
        let t = small();
        let p = [1.0, 0.5, 0.5, 0.25, 0.25, 0.0];
        assert_eq!(t.argmax_at_level(&p, 1).unwrap(), NodeId(1));
        assert_eq!(t.argmax_at_level(&p, 2).unwrap(), NodeId(2)); // leaves b .5, c .25, d .25, e 0
        assert_eq!(t.deepest(&p, 0.25).unwrap(), NodeId(3));
        assert_eq!(t.deepest(&[1.0, 0.5, 0.5, 0.2, 0.3, 0.0], 0.3).unwrap(), NodeId(4));
    }

    #[test]
    fn the_threshold_is_inclusive() {
        let t = small();
        let p = [1.0, 0.75, 0.25, 0.75, 0.0, 0.0];
        assert_eq!(t.deepest(&p, 0.75).unwrap(), NodeId(3));
        for (threshold, expected) in [(0.0, 3), (0.750_000_1, 0), (2.0, 0), (f64::NAN, 0)] {
            assert_eq!(t.deepest(&p, threshold).unwrap().index(), expected, "{threshold}");
        }
    }

    #[test]
    fn bad_rows_are_errors() {
        let t = small();
        assert!(matches!(t.argmax_leaf(&[0.0; 5]), Err(DecisionError::Length(_))));
        let mut p = [0.0; 12];
        p[9] = f64::NAN;
        let error = t.level_disagreement(&p).unwrap_err();
        assert_eq!(error.to_string(), "the probability of \"c\" in row 1 is not a number");
        assert!(matches!(t.deepest(&p[6..], 0.5), Err(DecisionError::NotANumber { row: 0, .. })));
    }
}
