//! Weighted hierarchical cross-entropy, with one steepness or one that follows the phase.

use candle_core::Tensor;

use crate::error::check_not_negative;
use crate::path_terms::PathTerms;
use crate::{Error, Hxe, Labels, LevelLosses, Loss, NodeCounts, Result, TreeLayout};

/// `N_labels` of WHXE's class weights; only a global scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum LabelCount {
    /// All nodes, the root included (ORACLE's code).
    #[default]
    AllNodes,
    /// All nodes but the root, at least 1.
    NonRoot,
    /// The leaves.
    Leaves,
}

/// How [`Whxe`] weighs nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct WhxeOptions {
    /// α of `λ(C) = exp(-α depth(C))`, at least 0; 0.5.
    pub alpha: f64,
    /// Exponent γ of the class weights, at least 0; 1. With 0, WHXE is HXE.
    pub gamma: f64,
    /// What `N_labels` counts.
    pub label_count: LabelCount,
}

impl Default for WhxeOptions {
    fn default() -> Self {
        Self { alpha: Hxe::ALPHA, gamma: 1.0, label_count: LabelCount::default() }
    }
}

/// Weighted hierarchical cross-entropy: [`Hxe`] with each node weighed against its frequency.
///
/// ```text
/// WHXE_i = - Σ_{l=1..h} W(C_l)^γ λ(C_l) ln p(C_l | C_{l-1}),    W(C) = N_all / (N_labels N_C)    [nat]
/// ```
///
/// `N_C` counts the objects at or below C, `N_all` all of them. A node without objects has W = 0, so that a label never
/// seen in training costs nothing below its last known ancestor; with γ = 0 every weight is 1, also there.
///
/// Villar et al. 2023, [arXiv 2312.02266](https://arxiv.org/abs/2312.02266); ORACLE,
/// [arXiv 2501.01496](https://arxiv.org/abs/2501.01496), where γ is named β.
///
/// ```
/// use heliacal_losses::candle_core::{DType, Device, Tensor};
/// use heliacal_losses::{Labels, Loss, NodeCounts, Parametrization, TreeLayout, Whxe, WhxeOptions};
/// use heliacal_taxonomy::Taxonomy;
///
/// let sn = Taxonomy::flat("sn", &["SNIa", "SNII"])?;
/// let layout = TreeLayout::new(&sn, Parametrization::SiblingSoftmax, DType::F64, &Device::Cpu)?;
/// let whxe = Whxe::new(&layout, &NodeCounts::new(&sn, vec![0, 3, 1])?, WhxeOptions::default())?;
/// assert_eq!(whxe.node_weights(), [1.0 / 3.0, 4.0 / 9.0, 4.0 / 3.0]); // 4 objects, 3 nodes
/// let logits = Tensor::zeros((1, 3), DType::F64, &Device::Cpu)?;
/// let loss = whxe.forward(&logits, Labels::from(&[2]))?.to_scalar::<f64>()?;
/// assert!((loss - 4.0 / 3.0 * (-0.5f64).exp() * 2f64.ln()).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Whxe {
    terms: PathTerms,
    options: WhxeOptions,
}

impl Whxe {
    /// The loss with weights from the class counts of a training set.
    ///
    /// # Errors
    /// [`Error::Count`] and [`Error::OtherClasses`] when the counts are of another tree, [`Error::Parameter`] when α or
    /// γ is negative, NaN or infinite, [`Error::Weight`] with the node's index when `W(C)^γ` is infinite in the number
    /// type of the layout.
    pub fn new(layout: &TreeLayout, counts: &NodeCounts, options: WhxeOptions) -> Result<Self> {
        check_not_negative("gamma", options.gamma)?;
        let taxonomy = layout.taxonomy();
        counts.checked_labelled(taxonomy)?;
        let n_labels = match options.label_count {
            LabelCount::AllNodes => taxonomy.n_nodes(),
            LabelCount::NonRoot => (taxonomy.n_nodes() - 1).max(1),
            LabelCount::Leaves => taxonomy.n_leaves(),
        };
        let weight = |&n_objects: &u64| match n_objects {
            0 => 0.0,
            _ => counts.n_objects() as f64 / (n_labels as f64 * n_objects as f64),
        };
        let weights = counts.at_or_below().iter().map(|n| weight(n).powf(options.gamma)).collect();
        Ok(Self { terms: PathTerms::new(layout, options.alpha, weights)?, options })
    }

    /// The options it was made with.
    pub fn options(&self) -> WhxeOptions {
        self.options
    }

    /// `W(C)^γ` of every node.
    pub fn node_weights(&self) -> &[f64] {
        self.terms.node_weights()
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
    /// [`Error::Count`] and [`Error::OtherClasses`] when the counts are of another tree.
    pub fn level_losses_at_uniform(&self, counts: &NodeCounts) -> Result<LevelLosses> {
        self.terms.level_losses_at_uniform(counts)
    }
}

impl Loss for Whxe {
    fn n_logits(&self) -> usize {
        self.terms.layout().n_logits()
    }

    fn per_object(&self, logits: &Tensor, labels: Labels<'_>) -> Result<Tensor> {
        self.terms.per_object(logits, labels)
    }
}

/// [`Whxe`] whose steepness follows how much of a light curve has been seen: early, coarse classes count for more.
///
/// ```text
/// α_i = α β^{f_i},    f_i = fraction of the light curve seen, 0 to 1
/// ```
///
/// With β < 1 the deep levels gain weight as the light curve fills; with β = 1 this is WHXE. β is to be tuned and has no
/// default.
///
/// ```
/// use heliacal_losses::candle_core::{DType, Device, Tensor};
/// use heliacal_losses::{Labels, NodeCounts, Parametrization, PhaseAwareWhxe, TreeLayout, Whxe, WhxeOptions};
/// use heliacal_taxonomy::Taxonomy;
///
/// let sn = Taxonomy::flat("sn", &["SNIa", "SNII"])?;
/// let layout = TreeLayout::new(&sn, Parametrization::SiblingSoftmax, DType::F64, &Device::Cpu)?;
/// let options = WhxeOptions { gamma: 0.0, ..Default::default() };
/// let whxe = Whxe::new(&layout, &NodeCounts::new(&sn, vec![0, 1, 1])?, options)?;
/// let logits = Tensor::zeros((2, 3), DType::F64, &Device::Cpu)?;
/// let loss = PhaseAwareWhxe::new(whxe, 0.5)?.per_object(&logits, Labels::from(&[1, 1]), &[0.0, 1.0])?;
/// let loss = loss.to_vec1::<f64>()?;
/// assert!((loss[0] - (-0.5f64).exp() * 2f64.ln()).abs() < 1e-15); // α = 0.5
/// assert!((loss[1] - (-0.25f64).exp() * 2f64.ln()).abs() < 1e-15); // α = 0.25
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PhaseAwareWhxe {
    whxe: Whxe,
    beta: f64,
}

impl PhaseAwareWhxe {
    /// The loss from WHXE, whose α is that at f = 0, and β.
    ///
    /// # Errors
    /// [`Error::Parameter`] when β is not a finite number above 0; [`Error::Weight`] with a node's index when α β is
    /// infinite.
    pub fn new(whxe: Whxe, beta: f64) -> Result<Self> {
        if beta > 0.0 && beta.is_finite() {
            whxe.terms.check_steepness(whxe.options.alpha * beta)?;
            Ok(Self { whxe, beta })
        } else {
            Err(Error::Parameter { parameter: "beta", expected: "a finite number above 0", found: beta })
        }
    }

    /// The loss of every object \[nat\], `[batch]`; `fractions` has one number per object.
    ///
    /// # Errors
    /// As [`Loss::per_object`]; [`Error::Fraction`] for a fraction outside \[0, 1\], [`Error::Count`] for too few or too
    /// many.
    pub fn per_object(&self, logits: &Tensor, labels: Labels<'_>, fractions: &[f64]) -> Result<Tensor> {
        if let Some(index) = fractions.iter().position(|f| !(0.0..=1.0).contains(f)) {
            return Err(Error::Fraction { index, value: fractions[index] });
        }
        let alphas: Vec<f64> =
            fractions.iter().map(|&f| self.whxe.options.alpha * self.beta.powf(f)).collect();
        self.whxe.terms.per_object_with_alphas(logits, labels, &alphas)
    }

    /// The mean over the objects of a batch \[nat\], a scalar.
    ///
    /// # Errors
    /// As [`per_object`](Self::per_object).
    pub fn forward(&self, logits: &Tensor, labels: Labels<'_>, fractions: &[f64]) -> Result<Tensor> {
        Ok(self.per_object(logits, labels, fractions)?.mean_all()?)
    }
}
