//! A temperature for every group of siblings of a tree.

use super::error::CalibrationError;
use super::rows;
use super::temperature::{PROBABILITY_FLOOR, TemperatureFit, fit_temperature};
use crate::class_tree::{ClassTree, TreeError};

/// The fit of one group of siblings.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupTemperature {
    /// The parent of the group.
    pub parent: usize,
    /// The fit on the objects whose true class lies below the parent; `None` where there is no such object (the
    /// temperature is then 1).
    pub fit: Option<TemperatureFit>,
}

/// Temperatures, one per group of siblings, that calibrate PMFs over the leaves of a tree.
///
/// ```text
/// p(C | parent) = P(C) / P(parent)                                          (0/0: uniform in the group)
/// p_T(C | parent) = max(p(C | parent), 1e-12)^(1/T) / Σ_siblings ...        T = T(parent)
/// P_T(leaf) = Π p_T(C | parent) from the root down
/// ```
///
/// Each group is fitted on its own ([`fit_temperature`]), on the objects whose truth passes below its parent; the
/// log-likelihood of a leaf is the sum over its path, so that the likelihood of the leaves never falls either. Works
/// from PMFs over the leaves alone. The floor ([`PROBABILITY_FLOOR`]) applies to the fit and to the result alike: a
/// class of probability 0 comes out with about `1e-12^(1/T)`. At `T = 1` a PMF comes back within 1e-11. A group of one
/// has probability 1 at every temperature.
///
/// ```
/// use heliacal_metrics::ClassTree;
/// use heliacal_metrics::calibration::TreeTemperatures;
///
/// // root { supernova { Ia, II }, AGN }, leaves AGN, Ia, II; T = 2 between Ia and II
/// let tree = ClassTree::new(&[0, 0, 0, 1, 1])?;
/// let temperatures = TreeTemperatures::new(tree, vec![1.0, 2.0, 1.0, 1.0, 1.0])?;
/// let calibrated = temperatures.apply(&[0.5, 0.45, 0.05])?; // Ia : II = 9 : 1 becomes 3 : 1
/// assert!((calibrated[1] - 0.375).abs() < 1e-11);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Raw", into = "Raw"))]
pub struct TreeTemperatures {
    tree: ClassTree,
    temperatures: Vec<f64>,
}

/// The public face of [`TreeTemperatures`] in files.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Raw {
    tree: ClassTree,
    temperatures: Vec<f64>,
}

#[cfg(feature = "serde")]
impl TryFrom<Raw> for TreeTemperatures {
    type Error = CalibrationError;

    fn try_from(raw: Raw) -> Result<Self, CalibrationError> {
        Self::new(raw.tree, raw.temperatures)
    }
}

#[cfg(feature = "serde")]
impl From<TreeTemperatures> for Raw {
    fn from(it: TreeTemperatures) -> Self {
        Self { tree: it.tree, temperatures: it.temperatures }
    }
}

impl TreeTemperatures {
    /// Takes a temperature per node: that of the group of its children. Those of leaves and of parents of one are not
    /// used, but positive too.
    ///
    /// # Errors
    /// [`CalibrationError::Tree`] when there is not one per node, [`CalibrationError::Temperature`].
    pub fn new(tree: ClassTree, temperatures: Vec<f64>) -> Result<Self, CalibrationError> {
        if temperatures.len() != tree.n_nodes() {
            let (expected, found) = (tree.n_nodes(), temperatures.len());
            return Err(TreeError::Length { what: "the temperatures", expected, found }.into());
        }
        if let Some(node) = temperatures.iter().position(|t| !(t.is_finite() && *t > 0.0)) {
            return Err(CalibrationError::Temperature { node, value: temperatures[node] });
        }
        Ok(Self { tree, temperatures })
    }

    /// Fits every group of two siblings or more, and tells how each fit went.
    ///
    /// `leaf_pmfs`: `[objects, n_leaves]`, row-major. `true_nodes`: per object a leaf or an inner node; an object takes
    /// part in the groups along its path.
    ///
    /// # Errors
    /// [`CalibrationError::Shape`], [`CalibrationError::RowCount`], [`CalibrationError::Empty`],
    /// [`CalibrationError::Pmf`], [`CalibrationError::Label`].
    pub fn fit(
        tree: ClassTree,
        leaf_pmfs: &[f64],
        true_nodes: &[usize],
    ) -> Result<(Self, Vec<GroupTemperature>), CalibrationError> {
        rows::check_pmfs(leaf_pmfs, tree.n_leaves(), true_nodes, tree.n_nodes())?;
        let mut logits = vec![Vec::new(); tree.n_nodes()];
        let mut labels = vec![Vec::new(); tree.n_nodes()];
        let mut probabilities = vec![0.0; tree.n_nodes()];
        for (leaf_pmf, &true_node) in leaf_pmfs.chunks_exact(tree.n_leaves()).zip(true_nodes) {
            tree.roll_up(leaf_pmf, &mut probabilities)?;
            let mut node = true_node;
            while node > 0 {
                let parent = tree.parents()[node];
                if tree.children(parent).len() > 1 {
                    labels[parent].push(node - tree.children(parent).start);
                    logits[parent].extend(log_conditionals(&tree, &probabilities, parent));
                }
                node = parent;
            }
        }
        let mut temperatures = vec![1.0; tree.n_nodes()];
        let mut groups = Vec::new();
        for parent in (0..tree.n_nodes()).filter(|&node| tree.children(node).len() > 1) {
            let n_siblings = tree.children(parent).len();
            let fit = if labels[parent].is_empty() {
                None
            } else {
                Some(fit_temperature(&logits[parent], n_siblings, &labels[parent])?)
            };
            temperatures[parent] = fit.map_or(1.0, |fit| fit.temperature);
            groups.push(GroupTemperature { parent, fit });
        }
        Ok((Self { tree, temperatures }, groups))
    }

    /// The calibrated PMF over the leaves.
    ///
    /// # Errors
    /// [`CalibrationError::Shape`], [`CalibrationError::Pmf`], each as of row 0.
    pub fn apply(&self, leaf_pmf: &[f64]) -> Result<Vec<f64>, CalibrationError> {
        rows::check_pmf(0, leaf_pmf, self.tree.n_leaves())?;
        let mut probabilities = vec![0.0; self.tree.n_nodes()];
        self.tree.roll_up(leaf_pmf, &mut probabilities)?;
        Ok(self.calibrated_leaves(|parent| log_conditionals(&self.tree, &probabilities, parent)))
    }

    /// The calibrated PMF over the leaves from conditional probabilities `p(C | parent)` of all nodes, as a hierarchical
    /// classifier gives them: they say something also below a parent of probability 0.
    ///
    /// # Errors
    /// [`CalibrationError::Shape`] when there is not one per node; [`CalibrationError::Pmf`] with the parent as row when
    /// the children of a node do not sum to 1.
    pub fn apply_to_conditionals(&self, conditionals: &[f64]) -> Result<Vec<f64>, CalibrationError> {
        let n_nodes = self.tree.n_nodes();
        if conditionals.len() != n_nodes {
            return Err(CalibrationError::Shape { n_values: conditionals.len(), n_columns: n_nodes });
        }
        for parent in 0..n_nodes {
            let children = self.tree.children(parent);
            if !children.is_empty() {
                rows::check_pmf(parent, &conditionals[children.clone()], children.len())?;
            }
        }
        Ok(self.calibrated_leaves(|parent| {
            conditionals[self.tree.children(parent)].iter().map(|&p| log_floored(p)).collect()
        }))
    }

    /// The tree.
    pub fn tree(&self) -> &ClassTree {
        &self.tree
    }

    /// The temperature of the children of every node; 1 for leaves and where nothing could be fitted.
    pub fn temperatures(&self) -> &[f64] {
        &self.temperatures
    }

    fn calibrated_leaves(&self, logarithms: impl Fn(usize) -> Vec<f64>) -> Vec<f64> {
        let mut probabilities = vec![1.0; self.tree.n_nodes()];
        for parent in 0..self.tree.n_nodes() {
            let children = self.tree.children(parent);
            if children.is_empty() {
                continue;
            }
            let logarithms = logarithms(parent);
            let maximum = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> =
                logarithms.iter().map(|l| ((l - maximum) / self.temperatures[parent]).exp()).collect();
            let sum: f64 = weights.iter().sum();
            for (child, weight) in children.zip(weights) {
                probabilities[child] = probabilities[parent] * weight / sum;
            }
        }
        self.tree.leaves().iter().map(|&leaf| probabilities[leaf]).collect()
    }
}

fn log_floored(probability: f64) -> f64 {
    probability.max(PROBABILITY_FLOOR).ln()
}

/// Logarithms of the conditional probabilities of the children of a node.
fn log_conditionals(tree: &ClassTree, probabilities: &[f64], parent: usize) -> Vec<f64> {
    let whole = probabilities[parent];
    let conditional = |&p: &f64| if whole > 0.0 { log_floored(p / whole) } else { 0.0 };
    probabilities[tree.children(parent)].iter().map(conditional).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// root { supernova { Ia, II }, AGN }, leaves AGN, Ia, II
    fn tree() -> ClassTree {
        ClassTree::new(&[0, 0, 0, 1, 1]).unwrap()
    }

    #[test]
    fn groups_are_fitted_apart() {
        // Root: AGN said 0.5, true in 2 of 6: no temperature helps. Ia : II said 9:1, true 3:1 among supernovae.
        let pmfs = [0.5, 0.45, 0.05].repeat(6);
        let (fitted, groups) = TreeTemperatures::fit(tree(), &pmfs, &[2, 2, 3, 3, 3, 4]).unwrap();
        assert_eq!(groups.len(), 2);
        assert!((fitted.temperatures()[1] - 2.0).abs() < 1e-9, "{fitted:?}");
        assert_eq!((groups[0].fit.unwrap().n_objects, groups[1].fit.unwrap().n_objects), (6, 4));
        // Truth on an inner node takes part above it only.
        let (_, groups) = TreeTemperatures::fit(tree(), &pmfs, &[1; 6]).unwrap();
        assert_eq!((groups[0].fit.unwrap().n_objects, groups[1].fit), (6, None));
    }

    #[test]
    fn empty_families_are_uniform() {
        let ones = TreeTemperatures::new(tree(), vec![1.0; 5]).unwrap();
        let out = ones.apply(&[1.0, 0.0, 0.0]).unwrap();
        assert!((out[0] - 1.0).abs() < 2e-12 && out[1] == out[2] && out[1] > 0.0, "{out:?}");
        let out = ones.apply_to_conditionals(&[1.0, 0.0, 1.0, 0.75, 0.25]).unwrap();
        assert!((out[1] / out[2] - 3.0).abs() < 1e-9, "{out:?}");
        let chain = TreeTemperatures::new(ClassTree::new(&[0, 0, 1]).unwrap(), vec![5.0; 3]).unwrap();
        assert_eq!(chain.apply(&[1.0]).unwrap(), [1.0]);
        assert_eq!(
            TreeTemperatures::new(ClassTree::flat(1), vec![1.0]).unwrap().apply(&[1.0]).unwrap(),
            [1.0]
        );
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(matches!(TreeTemperatures::new(tree(), vec![1.0]), Err(CalibrationError::Tree(_))));
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = TreeTemperatures::new(tree(), vec![1.0, value, 1.0, 1.0, 1.0]).unwrap_err();
            assert!(matches!(error, CalibrationError::Temperature { node: 1, .. }));
        }
        let ones = TreeTemperatures::new(tree(), vec![1.0; 5]).unwrap();
        assert!(matches!(ones.apply(&[1.0]), Err(CalibrationError::Shape { .. })));
        assert!(ones.apply_to_conditionals(&[1.0, 0.5, 0.5, 0.5, 0.4]).is_err());
        assert_eq!(TreeTemperatures::fit(tree(), &[], &[]), Err(CalibrationError::Empty));
        assert!(TreeTemperatures::fit(tree(), &[1.0, 0.0, 0.0], &[5]).is_err());
    }
}
