//! A class tree as tensors.

use candle_core::{DType, Device, Tensor};
use heliacal_taxonomy::Taxonomy;

use crate::error::batch_of;
use crate::fused_leaf_softmax::FusedLeafSoftmax;
use crate::fused_log_softmax::FusedLogSoftmax;
use crate::target_rows::from_f64;
use crate::{Error, Result};

/// What the logits of a network mean on a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Parametrization {
    /// One logit per node; a softmax among siblings gives `p(C | parent)` (ORACLE,
    /// [arXiv 2501.01496](https://arxiv.org/abs/2501.01496)). The root's logit has no meaning and no gradient.
    SiblingSoftmax,
    /// One logit per leaf; a softmax over all leaves, an inner node is the sum of its leaves (Bertinetto et al. 2020,
    /// [arXiv 1912.09393](https://arxiv.org/abs/1912.09393)).
    LeafSoftmax,
}

/// A taxonomy laid out for tensors of one number type on one device: log-probabilities of all classes from logits,
/// differentiably.
///
/// ```text
/// ln p(C | parent) = l_C - ln Σ_{siblings S} exp l_S          SiblingSoftmax
/// ln p(C) - ln p(parent), ln p(C) = ln Σ_{leaves below C} exp l - ln Σ_{all leaves} exp l      LeafSoftmax
/// ```
///
/// Maxima are subtracted first: logits of ±1e4 neither overflow nor vanish. Logits beyond ±1e20, infinities included,
/// count as ±1e20 and receive no gradient; a class that cannot be then has a log-probability of -1e20 or less, where
/// [`Taxonomy::conditionals`] has a probability of 0. A family without a class that can be shares evenly. A large logit
/// takes no digits from the conditionals of other families. A NaN makes the conditionals of its family NaN, with leaf
/// logits those of the families above too, and the log-probabilities of the whole row.
///
/// Each softmax is one operation in the graph, computed on the CPU in double precision and rounded once. Logits of
/// another device come there and go back.
///
/// ```
/// use heliacal_losses::candle_core::{DType, Device, Tensor};
/// use heliacal_losses::{Parametrization, TreeLayout};
/// use heliacal_taxonomy::Taxonomy;
///
/// let oracle = Taxonomy::oracle();
/// let layout = TreeLayout::new(&oracle, Parametrization::SiblingSoftmax, DType::F64, &Device::Cpu)?;
/// let logits = Tensor::zeros((1, 26), DType::F64, &Device::Cpu)?;
/// let p = layout.class_log_probabilities(&logits)?.exp()?.to_vec2::<f64>()?;
/// let ia = oracle.find("SNIa").expect("a class");
/// assert!((p[0][ia.index()] - 1.0 / 30.0).abs() < 1e-15); // 1/2 · 1/3 · 1/5
/// # Ok::<(), heliacal_losses::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TreeLayout {
    taxonomy: Taxonomy,
    parametrization: Parametrization,
    dtype: DType,
    softmax: Softmax,
    /// `[node, node]`: 1 where the row's node is at or above the column's.
    at_or_above: Tensor,
    /// `[node, leaf]`: its columns of the leaves.
    above_leaf: Tensor,
}

impl TreeLayout {
    /// Lays out a taxonomy for logits of a number type (`F32` or `F64`) on a device.
    ///
    /// # Errors
    /// [`Error::NumberType`] for any other number type; [`Error::Candle`] when the device fails.
    pub fn new(
        taxonomy: &Taxonomy,
        parametrization: Parametrization,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        if !matches!(dtype, DType::F32 | DType::F64) {
            return Err(Error::NumberType { what: "logits", expected: "F32 or F64", found: dtype });
        }
        let n = taxonomy.n_nodes();
        let mut at_or_above = vec![0.0; n * n];
        for node in taxonomy.nodes() {
            for ancestor in taxonomy.path(node) {
                at_or_above[ancestor.index() * n + node.index()] = 1.0;
            }
        }
        let softmax = match parametrization {
            Parametrization::SiblingSoftmax => {
                Softmax::Siblings(FusedLogSoftmax::new(taxonomy.sibling_groups().collect()))
            }
            Parametrization::LeafSoftmax => {
                let all = std::iter::once(0..taxonomy.n_leaves()).collect();
                Softmax::Leaves {
                    conditionals: FusedLeafSoftmax::new(taxonomy),
                    leaves: FusedLogSoftmax::new(all),
                }
            }
        };
        let leaves: Vec<u32> = taxonomy.leaves().iter().map(|leaf| leaf.index() as u32).collect();
        let at_or_above = from_f64(at_or_above, (n, n), dtype, device)?;
        Ok(Self {
            taxonomy: taxonomy.clone(),
            parametrization,
            dtype,
            softmax,
            above_leaf: at_or_above.index_select(&Tensor::new(leaves, device)?, 1)?,
            at_or_above,
        })
    }

    /// The tree.
    pub fn taxonomy(&self) -> &Taxonomy {
        &self.taxonomy
    }

    /// What the logits mean.
    pub fn parametrization(&self) -> Parametrization {
        self.parametrization
    }

    /// Number of columns of the logits: nodes, or leaves.
    pub fn n_logits(&self) -> usize {
        match self.parametrization {
            Parametrization::SiblingSoftmax => self.taxonomy.n_nodes(),
            Parametrization::LeafSoftmax => self.taxonomy.n_leaves(),
        }
    }

    /// `ln p(C | parent)` \[nat\] of every node: `[batch, n_logits] -> [batch, n_nodes]`. 0 for the root and for an only
    /// child; never above 0.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NumberType`], [`Error::Device`], [`Error::EmptyBatch`] when the logits are not those
    /// of the layout.
    pub fn log_conditionals(&self, logits: &Tensor) -> Result<Tensor> {
        self.check(logits)?;
        match &self.softmax {
            Softmax::Siblings(siblings) => siblings.of(logits),
            Softmax::Leaves { conditionals, .. } => conditionals.of(logits),
        }
    }

    /// `ln p(C)` \[nat\] of every node, the sum of the logarithms on the path from the root:
    /// `[batch, n_logits] -> [batch, n_nodes]`.
    ///
    /// # Errors
    /// As [`log_conditionals`](Self::log_conditionals).
    pub fn class_log_probabilities(&self, logits: &Tensor) -> Result<Tensor> {
        Ok(self.log_conditionals(logits)?.matmul(&self.at_or_above)?)
    }

    /// `ln p` \[nat\] of every leaf: `[batch, n_logits] -> [batch, n_leaves]`.
    ///
    /// # Errors
    /// As [`log_conditionals`](Self::log_conditionals).
    pub fn leaf_log_probabilities(&self, logits: &Tensor) -> Result<Tensor> {
        match &self.softmax {
            Softmax::Siblings(_) => Ok(self.log_conditionals(logits)?.matmul(&self.above_leaf)?),
            Softmax::Leaves { leaves, .. } => {
                self.check(logits)?;
                leaves.of(logits)
            }
        }
    }

    /// One row of equal logits.
    pub(crate) fn zero_logits(&self) -> Result<Tensor> {
        Ok(Tensor::zeros((1, self.n_logits()), self.dtype, self.at_or_above.device())?)
    }

    /// The batch size of logits that fit.
    pub(crate) fn check(&self, logits: &Tensor) -> Result<usize> {
        let batch = batch_of(logits, self.n_logits())?;
        self.check_kind(logits)?;
        Ok(batch)
    }

    /// The number type and the device, whatever the shape.
    pub(crate) fn check_kind(&self, logits: &Tensor) -> Result<()> {
        if logits.dtype() != self.dtype {
            let expected = if self.dtype == DType::F32 { "F32, as the layout" } else { "F64, as the layout" };
            return Err(Error::NumberType { what: "logits", expected, found: logits.dtype() });
        }
        let (expected, found) = (self.at_or_above.device(), logits.device());
        if expected.same_device(found) {
            Ok(())
        } else {
            Err(Error::Device { what: "logits", expected: expected.location(), found: found.location() })
        }
    }

    /// The number type of the logits.
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }
}

/// From logits to log-conditionals.
#[derive(Debug, Clone)]
enum Softmax {
    Siblings(FusedLogSoftmax),
    Leaves {
        conditionals: FusedLeafSoftmax,
        /// Over all leaves at once.
        leaves: FusedLogSoftmax,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// r { a { c, d }, b }: leaves b, c, d
    fn small(parametrization: Parametrization) -> TreeLayout {
        let pairs = [("r", None), ("a", Some("r")), ("b", Some("r")), ("c", Some("a")), ("d", Some("a"))];
        let taxonomy = Taxonomy::from_pairs("small", pairs).unwrap();
        TreeLayout::new(&taxonomy, parametrization, DType::F64, &Device::Cpu).unwrap()
    }

    fn close(found: &Tensor, expected: &[f64]) {
        let found = found.exp().unwrap().to_vec2::<f64>().unwrap();
        assert_eq!(found[0].len(), expected.len());
        assert!(found[0].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{found:?}");
    }

    #[test]
    fn both_parametrizations_by_hand() {
        let layout = small(Parametrization::SiblingSoftmax);
        let logits = Tensor::new(&[[5.0, 3f64.ln(), 0.0, 0.0, 0.0]], &Device::Cpu).unwrap();
        close(&layout.log_conditionals(&logits).unwrap(), &[1.0, 0.75, 0.25, 0.5, 0.5]);
        close(&layout.class_log_probabilities(&logits).unwrap(), &[1.0, 0.75, 0.25, 0.375, 0.375]);
        close(&layout.leaf_log_probabilities(&logits).unwrap(), &[0.25, 0.375, 0.375]);
        let layout = small(Parametrization::LeafSoftmax);
        let logits = Tensor::new(&[[2f64.ln(), 3f64.ln(), 3f64.ln()]], &Device::Cpu).unwrap();
        close(&layout.log_conditionals(&logits).unwrap(), &[1.0, 0.75, 0.25, 0.5, 0.5]);
        close(&layout.class_log_probabilities(&logits).unwrap(), &[1.0, 0.75, 0.25, 0.375, 0.375]);
        close(&layout.leaf_log_probabilities(&logits).unwrap(), &[0.25, 0.375, 0.375]);
        assert_eq!((layout.n_logits(), layout.taxonomy().n_nodes()), (3, 5));
    }

    #[test]
    fn other_logits_are_refused() {
        let layout = small(Parametrization::LeafSoftmax);
        let logits = Tensor::zeros((1, 3), DType::F32, &Device::Cpu).unwrap();
        let said = layout.log_conditionals(&logits).unwrap_err().to_string();
        assert_eq!(said, "logits are F32, expected F64, as the layout");
        let logits = Tensor::zeros((1, 5), DType::F64, &Device::Cpu).unwrap();
        assert!(layout.leaf_log_probabilities(&logits).is_err());
        let half = TreeLayout::new(layout.taxonomy(), layout.parametrization(), DType::F16, &Device::Cpu);
        assert_eq!(half.unwrap_err().to_string(), "logits are F16, expected F32 or F64");
    }

    #[test]
    fn a_tree_of_one_node() {
        let taxonomy = Taxonomy::from_pairs("one", [("Alert", None)]).unwrap();
        for parametrization in [Parametrization::SiblingSoftmax, Parametrization::LeafSoftmax] {
            let layout = TreeLayout::new(&taxonomy, parametrization, DType::F64, &Device::Cpu).unwrap();
            close(
                &layout.class_log_probabilities(&Tensor::new(&[[3.0]], &Device::Cpu).unwrap()).unwrap(),
                &[1.0],
            );
        }
    }
}
