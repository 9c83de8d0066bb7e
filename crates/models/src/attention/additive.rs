//! Additive attention (Bahdanau, Cho and Bengio 2015, arXiv 1409.0473, appendix A.1.2, without a query).

use candle_core::Tensor;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::additive_scores::additive_scores;
use super::prefix_attention::prefix_attention;
use super::scorer::AdditiveScorer;
use super::segment_softmax::segment_softmax;
use super::segment_sum::segment_sum;
use super::segments::shape_error;
use crate::recurrent::Vectors;
use crate::{Dropout, Error, Isa, Result};

/// Sizes of an [`AdditiveAttention`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdditiveAttentionConfig {
    /// Width of the rows it attends to, and of the context.
    pub hidden: usize,
    /// Number of tanh units that score a row.
    pub units: usize,
}

impl AdditiveAttentionConfig {
    /// PyTorch's name and the shape of every weight.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        vec![
            ("wa.weight".into(), vec![self.units, self.hidden]),
            ("wa.bias".into(), vec![self.units]),
            ("v.weight".into(), vec![1, self.units]),
        ]
    }
}

/// Attention that scores each row of a sequence by itself and takes the mean of the rows, weighted by the softmax of the
/// scores: the attention of the cascade (arXiv 2604.23792, section IV.2).
///
/// ```text
/// u_t = tanh(W h_t + b)     e_t = v · dropout(u_t)     w_t = softmax_t(e)     c = Σ_t w_t h_t
/// ```
///
/// Rows are a ragged batch `[rows, hidden]`, the sequences one after the other, with their lengths. All passes are
/// differentiable in the rows and the weights.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::VarBuilder;
/// use heliacal_models::{AdditiveAttention, AdditiveAttentionConfig, candle_core, candle_nn};
///
/// let zero = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let attention = AdditiveAttention::new(AdditiveAttentionConfig { hidden: 2, units: 4 }, zero)?;
/// let rows = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu)?;
/// // Weights of zero make all scores equal and the context the plain mean.
/// assert_eq!(attention.forward(&rows, &[1, 2])?.to_vec2::<f32>()?, [[1.0, 2.0], [4.0, 5.0]]);
/// let prefixes = attention.forward_prefixes(&rows, &[1, 2])?;
/// assert_eq!(prefixes.to_vec2::<f32>()?, [[1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct AdditiveAttention {
    config: AdditiveAttentionConfig,
    /// `[units, hidden]`
    weight: Tensor,
    /// `[units]`
    bias: Tensor,
    /// `[1, units]`
    v: Tensor,
    vectors: Vectors,
}

impl AdditiveAttention {
    /// Reads `wa.weight`, `wa.bias` and `v.weight`.
    ///
    /// # Errors
    /// [`Error::Config`] for a size of zero, or when `HELIACAL_ISA` names no instruction set of this machine;
    /// [`Error::Candle`] when a weight is missing or has another shape.
    #[allow(clippy::needless_pass_by_value, reason = "candle passes a VarBuilder by value everywhere")]
    pub fn new(config: AdditiveAttentionConfig, vb: VarBuilder<'_>) -> Result<Self> {
        for (what, size) in [("attention hidden", config.hidden), ("attention units", config.units)] {
            if size == 0 {
                return Err(Error::Config { what, expected: "at least 1".into(), found: "0".into() });
            }
        }
        Ok(Self {
            config,
            weight: vb.get((config.units, config.hidden), "wa.weight")?,
            bias: vb.get(config.units, "wa.bias")?,
            v: vb.get((1, config.units), "v.weight")?,
            vectors: Vectors::checked(Isa::current()?)?,
        })
    }

    /// The sizes.
    pub fn config(&self) -> AdditiveAttentionConfig {
        self.config
    }

    /// The score of every row, `[rows]`, before any softmax.
    ///
    /// # Errors
    /// [`Error::Config`] when the rows have another width.
    pub fn scores(&self, rows: &Tensor) -> Result<Tensor> {
        self.scores_with(rows, None)
    }

    /// The context of every sequence, `[batch, hidden]`.
    ///
    /// # Errors
    /// [`Error::Config`] when the rows have another width, the lengths do not add up to the rows, or a length is 0: there
    /// is nothing to attend to.
    pub fn forward(&self, rows: &Tensor, lengths: &[usize]) -> Result<Tensor> {
        segment_sum(&self.weights(rows, lengths)?, rows, lengths)
    }

    /// [`forward`](Self::forward) in training: some of the tanh units of each row are dropped, as `seed` says.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_train(
        &self,
        rows: &Tensor,
        lengths: &[usize],
        dropout: Dropout,
        seed: u64,
    ) -> Result<Tensor> {
        let scores = self.scores_with(rows, Some((dropout, seed)))?;
        segment_sum(&segment_softmax(&scores, lengths)?, rows, lengths)
    }

    /// The weight of every row in its sequence's context, `[rows]`: what the network listens to.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn weights(&self, rows: &Tensor, lengths: &[usize]) -> Result<Tensor> {
        segment_softmax(&self.scores(rows)?, lengths)
    }

    /// The context after every step, `[rows, hidden]`: what [`forward`](Self::forward) gives for each truncated sequence,
    /// in one pass (see [`prefix_attention`](crate::prefix_attention)).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_prefixes(&self, rows: &Tensor, lengths: &[usize]) -> Result<Tensor> {
        prefix_attention(&self.scores(rows)?, rows, lengths)
    }

    /// The score function on plain numbers, with the weights as they are now, for streams.
    ///
    /// # Errors
    /// [`Error::Candle`] when the weights are not f32 or cannot be copied from the device.
    pub fn scorer(&self) -> Result<AdditiveScorer> {
        AdditiveScorer::new(&self.weight, &self.bias, &self.v, self.vectors.isa())
    }

    /// The weights, in the order of [`AdditiveAttentionConfig::parameters`].
    pub(crate) fn tensors(&self) -> [&Tensor; 3] {
        [&self.weight, &self.bias, &self.v]
    }

    /// [`scores`](Self::scores), in training with some of the tanh units of each row dropped.
    pub(crate) fn scores_with(&self, rows: &Tensor, dropout: Option<(Dropout, u64)>) -> Result<Tensor> {
        let hidden = self.config.hidden;
        if !matches!(rows.dims(), &[_, width] if width == hidden) {
            return Err(shape_error("shape of the attended rows", format!("[rows, {hidden}]"), rows));
        }
        if rows.elem_count() == 0 {
            return Ok(Tensor::zeros(0, rows.dtype(), rows.device())?);
        }
        Ok(additive_scores(
            &rows.matmul(&self.weight.t()?)?,
            &self.bias,
            &self.v.squeeze(0)?,
            dropout,
            self.vectors,
        )?)
    }
}
