//! Cross-entropy: weighted, label-smoothed, focal, with soft targets.

use candle_core::{DType, Tensor};
use heliacal_taxonomy::EdgeLength;

use crate::error::{check_not_negative, check_weight};
use crate::outputs::Outputs;
use crate::target_rows::target_rows;
use crate::{Error, Labels, Loss, Result, TreeLayout};

/// What is done to plain cross-entropy; by default nothing.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct CrossEntropyOptions {
    /// A weight per class, of at least 0 and finite in the type of the logits: columns of a flat classifier, nodes of a
    /// tree.
    pub class_weights: Option<Vec<f64>>,
    /// Probability ε, 0 to 1, that the target gives away evenly to all classes, the true one included; on a tree, to
    /// all leaves.
    pub label_smoothing: f64,
    /// Exponent γ of the focal factor `(1 - p)^γ`, at least 0.
    pub focal_gamma: f64,
}

/// How far apart classes lie for soft targets.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ClassDistance {
    /// Length of the path between the two.
    Path(EdgeLength),
    /// Height of the lowest common ancestor as a fraction of the tree's (Bertinetto et al. 2020).
    AncestorHeight,
}

/// Cross-entropy against a target distribution per class.
///
/// ```text
/// L_i = - Σ_c w_c q_c(y_i) (1 - p_c)^γ ln p_c    [nat]
/// hard target     q = 1 at the true class
/// smoothed        q = (1 - ε) hard + ε / K
/// soft            q_c ∝ exp(-h d(y, c)) over leaves c
/// ```
///
/// On a tree, labels are node indices and p_c is the probability of the node in either parametrization: a label on an
/// inner node asks for no more than that node. Equal to [`Hxe`](crate::Hxe) with α = 0 when nothing is weighted,
/// smoothed or focal.
///
/// The mean is over objects. PyTorch's weighted mean divides by the sum of the objects' weights instead; to get that,
/// divide by the mean weight. `1 - p` is summed from the other classes, so that it keeps its digits near p = 1; below
/// the smallest normal number it counts as that.
///
/// Smoothing: Szegedy et al. 2016, [arXiv 1512.00567](https://arxiv.org/abs/1512.00567), section 7. Focal: Lin et al.
/// 2017, eq. 5, [arXiv 1708.02002](https://arxiv.org/abs/1708.02002). Soft targets: Bertinetto et al. 2020, section 3.2,
/// [arXiv 1912.09393](https://arxiv.org/abs/1912.09393).
///
/// ```
/// use heliacal_losses::candle_core::{Device, Tensor};
/// use heliacal_losses::{CrossEntropy, CrossEntropyOptions, Labels, Loss};
///
/// let options = CrossEntropyOptions { focal_gamma: 2.0, ..Default::default() };
/// let focal = CrossEntropy::flat(2, &options)?;
/// let logits = Tensor::new(&[[3f64.ln(), 0.0]], &Device::Cpu)?; // p = 3/4, 1/4
/// let loss = focal.forward(&logits, Labels::from(&[0]))?.to_scalar::<f64>()?;
/// assert!((loss + 0.0625 * 0.75f64.ln()).abs() < 1e-15);
/// # Ok::<(), heliacal_losses::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CrossEntropy {
    outputs: Outputs,
    /// `[label, class]`: minus weight times target.
    rows: Vec<f64>,
    /// Index and value of the largest class weight.
    heaviest: (usize, f64),
    focal_gamma: f64,
}

impl CrossEntropy {
    /// Over the columns of a flat classifier.
    ///
    /// # Errors
    /// [`Error::Parameter`] for no class or more than 16384, a smoothing outside \[0, 1\] or a negative γ; [`Error::Count`] and
    /// [`Error::Weight`] for class weights that are too few, too many, negative, NaN or infinite.
    pub fn flat(n_classes: usize, options: &CrossEntropyOptions) -> Result<Self> {
        Self::hard(Outputs::flat(n_classes)?, options)
    }

    /// Over the classes of a tree.
    ///
    /// # Errors
    /// As [`flat`](Self::flat).
    pub fn on_tree(layout: &TreeLayout, options: &CrossEntropyOptions) -> Result<Self> {
        Self::hard(Outputs::tree(layout), options)
    }

    /// Over the leaves of a tree with targets that fall off with the distance d from the true class,
    /// `q_c ∝ exp(-hardness d)`. Hardness 0 is uniform; infinity would be the hard target.
    ///
    /// From an inner node, the nearest leaves are those just below it.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the hardness is negative, NaN or infinite.
    ///
    /// ```
    /// use heliacal_losses::candle_core::{Device, Tensor};
    /// use heliacal_losses::{ClassDistance, CrossEntropy, Labels, Loss, Parametrization, TreeLayout};
    /// use heliacal_losses::candle_core::DType;
    /// use heliacal_taxonomy::{EdgeLength, Taxonomy};
    ///
    /// let sn = Taxonomy::flat("sn", &["SNIa", "SNII"])?;
    /// let layout = TreeLayout::new(&sn, Parametrization::LeafSoftmax, DType::F64, &Device::Cpu)?;
    /// // The other leaf is two edges away: exp(-ln 2 · 2) = 1/4, targets 4/5 and 1/5.
    /// let soft = CrossEntropy::soft(&layout, 2f64.ln(), ClassDistance::Path(EdgeLength::UNIT))?;
    /// let logits = Tensor::new(&[[3f64.ln(), 0.0]], &Device::Cpu)?;
    /// let loss = soft.forward(&logits, Labels::from(&[1]))?.to_scalar::<f64>()?;
    /// assert!((loss + 0.8 * 0.75f64.ln() + 0.2 * 0.25f64.ln()).abs() < 1e-15);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn soft(layout: &TreeLayout, hardness: f64, distance: ClassDistance) -> Result<Self> {
        check_not_negative("hardness", hardness)?;
        let taxonomy = layout.taxonomy();
        let tree_height = taxonomy.n_levels().saturating_sub(1).max(1) as f64;
        let mut rows = Vec::with_capacity(taxonomy.n_nodes().pow(2));
        for truth in taxonomy.nodes() {
            let distance = |&leaf| match distance {
                ClassDistance::Path(edge_length) => taxonomy.distance(truth, leaf, edge_length),
                ClassDistance::AncestorHeight => taxonomy.lca_height(truth, leaf) as f64 / tree_height,
            };
            let distances: Vec<f64> = taxonomy.leaves().iter().map(distance).collect();
            let nearest = distances.iter().copied().fold(f64::INFINITY, f64::min);
            let likeness: Vec<f64> = distances.iter().map(|d| (-hardness * (d - nearest)).exp()).collect();
            let sum: f64 = likeness.iter().sum();
            let mut row = vec![0.0; taxonomy.n_nodes()];
            for (leaf, likeness) in taxonomy.leaves().iter().zip(likeness) {
                row[leaf.index()] = -likeness / sum;
            }
            rows.extend(row);
        }
        Ok(Self { outputs: Outputs::tree(layout), rows, heaviest: (0, 1.0), focal_gamma: 0.0 })
    }

    fn hard(outputs: Outputs, options: &CrossEntropyOptions) -> Result<Self> {
        let (n, smoothing) = (outputs.n_classes(), options.label_smoothing);
        if !(0.0..=1.0).contains(&smoothing) {
            let parameter = "label_smoothing";
            return Err(Error::Parameter { parameter, expected: "0 to 1", found: smoothing });
        }
        check_not_negative("focal_gamma", options.focal_gamma)?;
        let ones = vec![1.0; n];
        let weights = options.class_weights.as_ref().unwrap_or(&ones);
        let heaviest = heaviest(weights, n)?;
        let finest = outputs.finest();
        let mut rows = vec![0.0; n * n];
        for (label, row) in rows.chunks_mut(n).enumerate() {
            row[label] -= (1.0 - smoothing) * weights[label];
            for &class in &finest {
                row[class] -= smoothing / finest.len() as f64 * weights[class];
            }
        }
        Ok(Self { outputs, rows, heaviest, focal_gamma: options.focal_gamma })
    }

    /// Number of classes that a label may name.
    pub fn n_classes(&self) -> usize {
        self.outputs.n_classes()
    }

    /// What a label names.
    pub(crate) fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// `(1 - p)^γ`.
    fn focal_factor(&self, log_probabilities: &Tensor) -> Result<Tensor> {
        let (dtype, device) = (log_probabilities.dtype(), log_probabilities.device());
        let elsewhere = log_probabilities.exp()?.matmul(&self.outputs.elsewhere(dtype, device)?)?;
        let smallest = if dtype == DType::F32 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
        Ok(elsewhere.maximum(smallest)?.powf(self.focal_gamma)?)
    }
}

impl Loss for CrossEntropy {
    fn n_logits(&self) -> usize {
        self.outputs.n_logits()
    }

    fn per_object(&self, logits: &Tensor, labels: Labels<'_>) -> Result<Tensor> {
        let n = self.n_classes();
        let labels = labels.checked(self.outputs.check(logits)?, n)?;
        check_weight("class weight", self.heaviest.0, self.heaviest.1, logits.dtype())?;
        let row = |&label: &u32| &self.rows[label as usize * n..][..n];
        let targets = target_rows(labels.iter().map(row), n, logits)?;
        let log_probabilities = self.outputs.log_probabilities(logits)?;
        let terms = (&log_probabilities * targets)?;
        if self.focal_gamma == 0.0 {
            return Ok(terms.sum(1)?);
        }
        Ok((terms * self.focal_factor(&log_probabilities)?)?.sum(1)?)
    }
}

/// Index and value of the largest of the class weights, all of them checked.
fn heaviest(weights: &[f64], n_classes: usize) -> Result<(usize, f64)> {
    if weights.len() != n_classes {
        return Err(Error::Count { what: "class weights", expected: n_classes, found: weights.len() });
    }
    let mut heaviest = (0, 0.0);
    for (index, &weight) in weights.iter().enumerate() {
        check_weight("class weight", index, weight, DType::F64)?;
        if weight > heaviest.1 {
            heaviest = (index, weight);
        }
    }
    Ok(heaviest)
}

/// Weights against class frequencies, `N / (K n_c)` with N objects in K classes; 0 for a class without objects.
///
/// On a tree, give [`NodeCounts::labelled`](crate::NodeCounts::labelled), the objects whose true class is exactly each
/// node. K then counts all nodes, those without objects too: only a global scale. Counts at or below each node would
/// count an object once per level.
///
/// ```
/// assert_eq!(heliacal_losses::balanced_class_weights(&[3, 1, 0]), [4.0 / 9.0, 4.0 / 3.0, 0.0]);
/// ```
pub fn balanced_class_weights(counts: &[u64]) -> Vec<f64> {
    let n_objects: f64 = counts.iter().map(|&n| n as f64).sum();
    let weight = |&n: &u64| if n == 0 { 0.0 } else { n_objects / (counts.len() as f64 * n as f64) };
    counts.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_weight_beyond_single_precision_is_named() {
        let class_weights = Some(vec![1.0, 1e39]);
        let options = CrossEntropyOptions { class_weights, ..Default::default() };
        let entropy = CrossEntropy::flat(2, &options).unwrap();
        let loss = |dtype| {
            let logits = Tensor::zeros((1, 2), dtype, &candle_core::Device::Cpu).unwrap();
            entropy.forward(&logits, Labels::from(&[0]))
        };
        assert!(matches!(loss(DType::F32), Err(Error::Weight { index: 1, .. })));
        assert!(loss(DType::F64).is_ok());
    }

    #[test]
    fn options_out_of_range_are_named() {
        let said = |options: CrossEntropyOptions| CrossEntropy::flat(2, &options).unwrap_err().to_string();
        let none = CrossEntropyOptions::default();
        let smoothed = CrossEntropyOptions { label_smoothing: 1.5, ..none.clone() };
        assert_eq!(said(smoothed), "label_smoothing is 1.5, expected 0 to 1");
        let focal = CrossEntropyOptions { focal_gamma: -1.0, ..none.clone() };
        assert_eq!(said(focal), "focal_gamma is -1, expected a finite number of at least 0");
        let weighted = |weights| CrossEntropyOptions { class_weights: Some(weights), ..none.clone() };
        assert_eq!(said(weighted(vec![1.0])), "1 class weights, expected 2");
        let negative = weighted(vec![1.0, -0.5]);
        assert_eq!(
            said(negative),
            "class weight 1 is -0.5, expected a number of at least 0 and finite in the type of the logits"
        );
        for (n, found) in [(0, "0"), (16385, "16385"), (usize::MAX, "18446744073709552000")] {
            let said = CrossEntropy::flat(n, &none).unwrap_err().to_string();
            assert_eq!(said, format!("n_classes is {found}, expected 1 to 16384"));
        }
    }
}
