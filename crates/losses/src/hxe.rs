//! Hierarchical cross-entropy.

use candle_core::Tensor;

use crate::path_terms::PathTerms;
use crate::{Labels, LevelLosses, Loss, NodeCounts, Result, TreeLayout};

/// Hierarchical cross-entropy: the logarithms of the conditional probabilities on the path of the true class, those
/// deep in the tree counting less.
///
/// ```text
/// HXE_i = - Σ_{l=1..h} λ(C_l) ln p(C_l | C_{l-1}),    λ(C) = exp(-α depth(C))    [nat]
/// ```
///
/// The root has depth 0. A label on an inner node ends the sum there; on the root, the loss is 0. With α = 0 the sum is
/// `-ln p(C)`: plain cross-entropy over leaves. Labels are node indices.
///
/// Bertinetto et al. 2020, section 3.1, [arXiv 1912.09393](https://arxiv.org/abs/1912.09393); there heights and leaf
/// softmax, here the depths of ORACLE ([arXiv 2501.01496](https://arxiv.org/abs/2501.01496)) and either softmax.
///
/// ```
/// use heliacal_losses::candle_core::{DType, Device, Tensor};
/// use heliacal_losses::{Hxe, Labels, Loss, Parametrization, TreeLayout};
/// use heliacal_taxonomy::Taxonomy;
///
/// let oracle = Taxonomy::oracle();
/// let layout = TreeLayout::new(&oracle, Parametrization::SiblingSoftmax, DType::F64, &Device::Cpu)?;
/// let ia = oracle.find("SNIa").expect("a class").index() as u32;
/// let logits = Tensor::zeros((1, 26), DType::F64, &Device::Cpu)?;
/// let loss = Hxe::new(&layout, Hxe::ALPHA)?.forward(&logits, Labels::from(&[ia]))?.to_scalar::<f64>()?;
/// // Transient 1 of 2, SN 1 of 3, SNIa 1 of 5
/// let by_hand = (-0.5f64).exp() * 2f64.ln() + (-1f64).exp() * 3f64.ln() + (-1.5f64).exp() * 5f64.ln();
/// assert!((loss - by_hand).abs() < 1e-15);
/// # Ok::<(), heliacal_losses::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Hxe {
    terms: PathTerms,
}

impl Hxe {
    /// ORACLE's α.
    pub const ALPHA: f64 = 0.5;

    /// The loss with an α of at least 0.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) when α is negative, NaN or infinite.
    pub fn new(layout: &TreeLayout, alpha: f64) -> Result<Self> {
        Ok(Self { terms: PathTerms::new(layout, alpha, vec![1.0; layout.taxonomy().n_nodes()])? })
    }

    /// What each depth adds to the mean loss of a batch, without gradient.
    ///
    /// # Errors
    /// As [`Loss::per_object`].
    pub fn level_losses(&self, logits: &Tensor, labels: Labels<'_>) -> Result<LevelLosses> {
        self.terms.level_losses(logits, labels)
    }

    /// What each depth adds to the mean loss of these objects while all logits are equal: where training begins.
    ///
    /// # Errors
    /// [`Error::Count`](crate::Error::Count) and [`Error::OtherClasses`](crate::Error::OtherClasses) when the counts are
    /// of another tree.
    pub fn level_losses_at_uniform(&self, counts: &NodeCounts) -> Result<LevelLosses> {
        self.terms.level_losses_at_uniform(counts)
    }
}

impl Loss for Hxe {
    fn n_logits(&self) -> usize {
        self.terms.layout().n_logits()
    }

    fn per_object(&self, logits: &Tensor, labels: Labels<'_>) -> Result<Tensor> {
        self.terms.per_object(logits, labels)
    }
}
