//! A class tree as tensors.

use candle_core::{DType, Device, Tensor};
use heliacal_taxonomy::{LeafIndex, NodeId, Taxonomy};

use crate::error::batch_of;
use crate::fused_roll_up::FusedRollUp;
use crate::log_softmax::{GroupedColumns, RangeLogSumExp};
use crate::target_rows::from_f64;
use crate::{Error, Result};

/// What the logits of a network mean on a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
/// count as ±1e20 and receive no gradient; a class that cannot be then has a log-probability of about -1e20, where
/// [`Taxonomy::conditionals`] has a probability of 0. A NaN makes the log-probabilities of its family and of all below
/// NaN, or those of the whole row.
///
/// On CPU each softmax is one operation in the graph; on other devices it is made of candle's own.
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
    siblings: GroupedColumns,
    /// From leaf logits to node logits, where there are only leaf logits, and the softmax over the leaves.
    roll_up: Option<LeafSoftmax>,
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
        let roll_up = match parametrization {
            Parametrization::SiblingSoftmax => None,
            Parametrization::LeafSoftmax => Some(LeafSoftmax {
                fused: FusedRollUp::new(taxonomy),
                composed: roll_up(taxonomy, dtype, device)?,
                leaves: GroupedColumns::new(
                    std::iter::once(0..taxonomy.n_leaves()).collect(),
                    dtype,
                    device,
                )?,
            }),
        };
        let leaves: Vec<u32> = taxonomy.leaves().iter().map(|leaf| leaf.index() as u32).collect();
        let at_or_above = from_f64(at_or_above, (n, n), dtype, device)?;
        Ok(Self {
            taxonomy: taxonomy.clone(),
            parametrization,
            dtype,
            siblings: GroupedColumns::new(taxonomy.sibling_groups().collect(), dtype, device)?,
            roll_up,
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
    /// [`Error::Shape`], [`Error::NumberType`], [`Error::EmptyBatch`] when the logits are not those of the layout.
    pub fn log_conditionals(&self, logits: &Tensor) -> Result<Tensor> {
        self.check(logits)?;
        match &self.roll_up {
            None => self.siblings.log_softmax(logits),
            Some(leaf_softmax) => self.siblings.log_softmax(&leaf_softmax.node_logits(logits)?),
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
        match &self.roll_up {
            None => Ok(self.log_conditionals(logits)?.matmul(&self.above_leaf)?),
            Some(leaf_softmax) => {
                self.check(logits)?;
                leaf_softmax.leaves.log_softmax(logits)
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
        if logits.dtype() == self.dtype {
            Ok(batch)
        } else {
            let expected = if self.dtype == DType::F32 { "F32, as the layout" } else { "F64, as the layout" };
            Err(Error::NumberType { what: "logits", expected, found: logits.dtype() })
        }
    }
}

/// What leaf logits need.
#[derive(Debug, Clone)]
struct LeafSoftmax {
    fused: FusedRollUp,
    composed: RangeLogSumExp,
    leaves: GroupedColumns,
}

impl LeafSoftmax {
    /// One operation on CPU, the same made of candle's on other devices.
    fn node_logits(&self, logits: &Tensor) -> Result<Tensor> {
        if logits.device().is_cpu() {
            Ok(logits.contiguous()?.apply_op1(self.fused.clone())?)
        } else {
            self.composed.apply(logits)
        }
    }
}

/// Leaves in depth-first order, so that those below a node are one range.
fn roll_up(taxonomy: &Taxonomy, dtype: DType, device: &Device) -> Result<RangeLogSumExp> {
    let mut order = Vec::with_capacity(taxonomy.n_leaves());
    let mut first = vec![0; taxonomy.n_nodes()];
    let mut to_visit = vec![NodeId::ROOT];
    while let Some(node) = to_visit.pop() {
        first[node.index()] = order.len();
        order.extend(taxonomy.leaf_of(node).map(LeafIndex::index));
        to_visit.extend(taxonomy.children(node).rev().filter_map(|child| taxonomy.node(child)));
    }
    let below = |node| first[NodeId::index(node)]..first[node.index()] + taxonomy.leaves_below(node).count();
    RangeLogSumExp::new(&order, taxonomy.nodes().map(below).collect(), dtype, device)
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

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
    #[test]
    fn fused_and_composed_roll_up_are_the_same_function() {
        /// Scores of -2e4 are rounded to 4e-12, and so are the shares that come of their differences.
        const ROUNDING: f64 = 2e-11;
        let taxonomy = Taxonomy::oracle();
        let layout =
            TreeLayout::new(&taxonomy, Parametrization::LeafSoftmax, DType::F64, &Device::Cpu).unwrap();
        let leaf_softmax = layout.roll_up.as_ref().unwrap();
        let values: Vec<f64> = (0..4 * 19)
            .map(|i| match i % 13 {
                5 => 1e4,
                8 if i > 40 => f64::NEG_INFINITY,
                _ => f64::from(i * 37 % 19) / 4.0 - 2.0,
            })
            .collect();
        let factors: Vec<f64> = (0..4 * 26).map(|i| f64::from(i * 29 % 23) / 7.0 - 1.0).collect();
        let factors = Tensor::from_vec(factors, (4, 26), &Device::Cpu).unwrap();
        let input = Var::from_vec(values, (4, 19), &Device::Cpu).unwrap();
        let both = [leaf_softmax.node_logits(&input), leaf_softmax.composed.apply(&input)].map(|scores| {
            let scores = scores.unwrap();
            let gradients = (&scores * &factors).unwrap().sum_all().unwrap().backward().unwrap();
            [scores, gradients.get(&input).unwrap().clone()]
        });
        for (fused, composed) in both[0].iter().zip(&both[1]) {
            let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            for (a, b) in numbers(fused).into_iter().zip(numbers(composed)) {
                assert!((a - b).abs() <= ROUNDING * b.abs().max(1.0), "{a} {b}");
            }
        }
    }
}
