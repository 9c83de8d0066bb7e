//! Softmax over each sequence's own steps.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};

use super::masked_softmax::masked_softmax_unchecked;
use super::real::{Real, dot, for_dtype, has_kernel};
use super::segments::{Segments, shape_error};
use crate::Result;
use crate::numbers::{contiguous, with_numbers};

/// Softmax of `scores` `[rows]` over the steps of each sequence of a ragged batch.
///
/// ```text
/// w_t = exp(e_t - max_s e_s) / Σ_s exp(e_s - max_s e_s)      s, t in one sequence
/// ```
///
/// Differentiable. A score of -inf has weight 0; NaN, +inf, or nothing but -inf makes the sequence's weights NaN.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) when a length is 0 or the lengths do not add up to the rows.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use heliacal_models::{candle_core, segment_softmax};
///
/// let scores = Tensor::new(&[7f32, -1e4, -1e4, 0.0, 3f32.ln()], &Device::Cpu)?;
/// let weights = segment_softmax(&scores, &[1, 2, 2])?.to_vec1::<f32>()?;
/// assert_eq!(weights[..3], [1.0, 0.5, 0.5]);
/// assert!((weights[4] - 0.75).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn segment_softmax(scores: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    if scores.rank() != 1 {
        return Err(shape_error("shape of the scores", "[rows]", scores));
    }
    let segments = Segments::new(lengths, scores.elem_count())?;
    if has_kernel(scores) {
        Ok(scores.contiguous()?.apply_op1(SegmentSoftmax { segments })?)
    } else {
        Ok(by_candle(scores, &segments)?)
    }
}

fn by_candle(scores: &Tensor, segments: &Segments) -> candle_core::Result<Tensor> {
    let weights = masked_softmax_unchecked(&segments.pad(scores)?, &segments.mask(scores.device())?)?;
    segments.unpad(&weights)
}

struct SegmentSoftmax {
    segments: Segments,
}

impl CustomOp1 for SegmentSoftmax {
    fn name(&self) -> &'static str {
        "segment-softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        for_dtype!(storage.dtype(), self.name(), T => {
            let mut weights = contiguous::<T>(storage, layout)?.to_vec();
            self.segments.for_each(1, self.segments.split_mut(&mut weights, 1), softmax);
            Ok((T::into_storage(weights), layout.shape().clone()))
        })
    }

    fn bwd(&self, _: &Tensor, weights: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        for_dtype!(weights.dtype(), self.name(), T => {
            let grad = grad.contiguous()?;
            let grads = with_numbers([weights, &grad], |[weights, grads]| {
                let mut grads = grads.to_vec();
                let jobs = self.segments.split(weights, 1).zip(self.segments.split_mut(&mut grads, 1));
                self.segments.for_each(1, jobs, |(weights, grads)| {
                    let mean = dot::<T>(weights, grads);
                    for (grad, &weight) in grads.iter_mut().zip(weights) {
                        *grad = weight * (*grad - mean);
                    }
                });
                grads
            })?;
            Ok(Some(Tensor::from_vec(grads, weights.dims(), weights.device())?))
        })
    }
}

fn softmax<T: Real>(scores: &mut [T]) {
    // NaN is passed over here and comes back in the sum.
    let max = scores.iter().fold(T::LOWEST, |max, &score| if score > max { score } else { max });
    let mut sum = T::ZERO;
    for score in &mut *scores {
        *score = (*score - max).exponential();
        sum += *score;
    }
    for weight in scores {
        *weight /= sum;
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::super::testing::assert_close;
    use super::*;

    #[test]
    fn candle_agrees_with_the_kernel() {
        let scores: Vec<f64> = (0..9).map(|i| 5.0 * f64::from(i * i).sin()).collect();
        let scores = Var::new(scores, &Device::Cpu).unwrap();
        let lengths = [2, 1, 6];
        let weights = segment_softmax(&scores, &lengths).unwrap();
        let by_candle = by_candle(&scores, &Segments::new(&lengths, 9).unwrap()).unwrap();
        assert_close(&weights, &by_candle, &[&scores]);
    }
}
