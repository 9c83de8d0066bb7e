//! Softmax over the steps that a mask leaves, for padded batches.

use candle_core::{D, DType, Tensor};

use super::segments::shape_error;
use crate::{Error, Result};

/// Softmax of `scores` `[batch, time]` over the steps where `mask` `[batch, time]` is not 0; 0 at the others.
///
/// ```text
/// w_bt = mask_bt exp(e_bt) / Σ_s mask_bs exp(e_bs)
/// ```
///
/// Differentiable in the scores. Whatever stands at a masked step, NaN included, changes nothing; NaN at another step
/// makes its sequence's weights NaN. For sequences one after the other, without padding, see
/// [`segment_softmax`](crate::segment_softmax).
///
/// # Errors
/// [`Error::Config`] when the mask has another shape, or leaves a sequence no step.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use heliacal_models::{candle_core, masked_softmax};
///
/// let scores = Tensor::new(&[[0f32, 0.0, 9.0], [1e4, 1e4, 1e4]], &Device::Cpu)?;
/// let mask = Tensor::new(&[[1u8, 1, 0], [1, 0, 0]], &Device::Cpu)?;
/// let weights = masked_softmax(&scores, &mask)?;
/// assert_eq!(weights.to_vec2::<f32>()?, [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn masked_softmax(scores: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let (batch, time) = scores.dims2()?;
    if mask.dims() != [batch, time] {
        return Err(shape_error("shape of the mask", format!("[{batch}, {time}]"), mask));
    }
    let kept = mask.ne(&mask.zeros_like()?)?;
    let n_kept = kept.to_dtype(DType::U32)?.sum(D::Minus1)?.to_vec1::<u32>()?;
    if let Some(sequence) = n_kept.iter().position(|&n| n == 0) {
        return Err(Error::Config {
            what: "number of steps that the mask leaves",
            expected: "at least 1".into(),
            found: format!("0 in sequence {sequence}"),
        });
    }
    Ok(masked_softmax_unchecked(scores, &kept)?)
}

/// [`masked_softmax`] over the last dimension of any shape; NaN where nothing is left.
pub(super) fn masked_softmax_unchecked(scores: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
    let masked =
        Tensor::full(f32::NEG_INFINITY, scores.shape(), scores.device())?.to_dtype(scores.dtype())?;
    let scores = mask.where_cond(scores, &masked)?;
    // Softmax does not change when all scores move: the maximum is a constant for the gradient.
    let max = scores.detach().max_keepdim(D::Minus1)?;
    let weights = scores.broadcast_sub(&max)?.exp()?;
    weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)
}
