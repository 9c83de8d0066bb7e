//! Attention over every prefix of every sequence, in one pass.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, D, Layout, Shape, Tensor};

use super::masked_softmax::masked_softmax_unchecked;
use super::real::{Real, dot, for_dtype, has_kernel};
use super::running::{divide, include};
use super::segments::{Segments, check_rows};
use crate::Result;
use crate::numbers::{contiguous, with_numbers};

/// The context after every step: for row t of a sequence the mean of its `rows` `[rows, width]` up to t, weighted by the
/// softmax of their `scores` `[rows]`; `[rows, width]`.
///
/// ```text
/// c_t = Σ_{s ≤ t} exp(e_s) h_s / Σ_{s ≤ t} exp(e_s)      s, t in one sequence
/// ```
///
/// By a running softmax, so O(rows x width), and differentiable in both. It is what [`segment_sum`](crate::segment_sum)
/// with the [`segment_softmax`](crate::segment_softmax) gives for each truncated sequence, up to rounding, and what
/// [`AttentionState`](crate::AttentionState) gives, to the last bit. On devices other than the CPU it takes
/// O(longest length) times more work and memory, and NaN spreads over its whole sequence instead of the steps after it.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) when a length is 0, the lengths do not add up to the rows, there are more or
/// fewer scores than rows, or the rows have no width.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use heliacal_models::{candle_core, prefix_attention};
///
/// let rows = Tensor::new(&[[7f32], [1.0], [3.0], [11.0]], &Device::Cpu)?;
/// let scores = Tensor::new(&[5f32, 0.0, 0.0, 1e4], &Device::Cpu)?;
/// let contexts = prefix_attention(&scores, &rows, &[1, 3])?;
/// assert_eq!(contexts.to_vec2::<f32>()?, [[7.0], [1.0], [2.0], [11.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn prefix_attention(scores: &Tensor, rows: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    let width = check_rows("shape of the scores", scores, rows)?;
    let segments = Segments::new(lengths, rows.dim(0)?)?;
    if has_kernel(rows) {
        Ok(scores.contiguous()?.apply_op2(&rows.contiguous()?, PrefixAttention { segments, width })?)
    } else {
        Ok(by_candle(scores, rows, &segments)?)
    }
}

/// All prefixes as rows of a triangle of weights `[batch, longest, longest]`: candle has no running maximum.
fn by_candle(scores: &Tensor, rows: &Tensor, segments: &Segments) -> candle_core::Result<Tensor> {
    let scores = segments.pad(scores)?;
    let (batch, longest) = scores.dims2()?;
    let steps = Tensor::arange(0, longest as u32, scores.device())?;
    let up_to = steps.unsqueeze(0)?.broadcast_le(&steps.unsqueeze(D::Minus1)?)?;
    let triangle = (batch, longest, longest);
    let scores = scores.unsqueeze(1)?.broadcast_as(triangle)?.contiguous()?;
    let weights = masked_softmax_unchecked(&scores, &up_to.broadcast_as(triangle)?.contiguous()?)?;
    segments.unpad(&weights.matmul(&segments.pad(rows)?)?)
}

struct PrefixAttention {
    segments: Segments,
    width: usize,
}

impl CustomOp2 for PrefixAttention {
    fn name(&self) -> &'static str {
        "prefix-attention"
    }

    fn cpu_fwd(
        &self,
        scores: &CpuStorage,
        scores_layout: &Layout,
        rows: &CpuStorage,
        rows_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        for_dtype!(rows.dtype(), self.name(), T => {
            let scores = self.segments.split(contiguous::<T>(scores, scores_layout)?, 1);
            let all_rows = contiguous::<T>(rows, rows_layout)?;
            let rows = self.segments.split(all_rows, self.width);
            let mut contexts = vec![T::ZERO; all_rows.len()];
            let jobs = scores.zip(rows).zip(self.segments.split_mut(&mut contexts, self.width));
            self.segments.for_each(self.width, jobs, |((scores, rows), contexts)| {
                let (mut max, mut sum, mut weighted) = (T::LOWEST, T::ZERO, vec![T::ZERO; self.width]);
                let steps = scores.iter().zip(rows.chunks_exact(self.width));
                for ((&score, h), context) in steps.zip(contexts.chunks_exact_mut(self.width)) {
                    include(&mut max, &mut sum, &mut weighted, score, h);
                    context.copy_from_slice(&weighted);
                    divide(context, sum);
                }
            });
            Ok((T::into_storage(contexts), rows_layout.shape().clone()))
        })
    }

    fn bwd(
        &self,
        scores: &Tensor,
        rows: &Tensor,
        contexts: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        for_dtype!(rows.dtype(), self.name(), T => {
            let grad = grad.contiguous()?;
            let mut score_grads = vec![T::ZERO; scores.elem_count()];
            let mut row_grads = vec![T::ZERO; rows.elem_count()];
            with_numbers([scores, rows, contexts, &grad], |[scores, rows, contexts, grads]| {
                let jobs = self.segments.split(scores, 1).zip(self.segments.split(rows, self.width));
                let jobs = jobs.zip(self.segments.split(contexts, self.width));
                let jobs = jobs.zip(self.segments.split(grads, self.width));
                let jobs = jobs.zip(self.segments.split_mut(&mut score_grads, 1));
                let jobs = jobs.zip(self.segments.split_mut(&mut row_grads, self.width));
                self.segments.for_each(
                    self.width,
                    jobs,
                    |(((((scores, rows), contexts), grads), score_grads), row_grads)| {
                        let sequence = Sequence { scores, rows, contexts, width: self.width };
                        sequence.backward(grads, score_grads, row_grads);
                    },
                );
            })?;
            Ok((
                Some(Tensor::from_vec(score_grads, scores.dims(), scores.device())?),
                Some(Tensor::from_vec(row_grads, rows.dims(), rows.device())?),
            ))
        })
    }
}

/// One sequence after its forward pass.
struct Sequence<'n, T> {
    scores: &'n [T],
    rows: &'n [T],
    contexts: &'n [T],
    width: usize,
}

impl<T: Real> Sequence<'_, T> {
    /// Backward in time, with `g_t` the gradient of context t and `s_t` the sum of weights up to t:
    ///
    /// ```text
    /// G_s = Σ_{t ≥ s} g_t / s_t     D_s = Σ_{t ≥ s} g_t·c_t / s_t     dh_s = w_s G_s     de_s = w_s (G_s·h_s - D_s)
    /// ```
    ///
    /// All relative to the running maximum, which only falls on the way back: no exponent is ever positive.
    fn backward(&self, grads: &[T], score_grads: &mut [T], row_grads: &mut [T]) {
        let (mut max, mut sum) = (T::LOWEST, T::ZERO);
        let forward = self.scores.iter().map(|&score| {
            include(&mut max, &mut sum, &mut [], score, &[]);
            (max, sum)
        });
        let running: Vec<(T, T)> = forward.collect();
        let at = |t: usize| t * self.width..(t + 1) * self.width;
        let (mut g, mut d) = (vec![T::ZERO; self.width], T::ZERO);
        for t in (0..self.scores.len()).rev() {
            let (max_t, sum_t) = running[t];
            let (context, grad) = (&self.contexts[at(t)], &grads[at(t)]);
            let scale = (max_t - max).exponential();
            max = max_t;
            let inverse = T::ONE / sum_t;
            d = d * scale + inverse * dot(grad, context);
            for (g, &grad) in g.iter_mut().zip(grad) {
                *g = *g * scale + inverse * grad;
            }
            let weight = (self.scores[t] - max_t).exponential();
            score_grads[t] = weight * (dot(&g, &self.rows[at(t)]) - d);
            for (row_grad, &g) in row_grads[at(t)].iter_mut().zip(&g) {
                *row_grad = weight * g;
            }
        }
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
        let rows = Tensor::arange(0.0, 36.0, &Device::Cpu).unwrap().cos().unwrap().reshape((9, 4)).unwrap();
        let rows = Var::from_tensor(&rows).unwrap();
        let lengths = [2, 1, 6];
        let contexts = prefix_attention(&scores, &rows, &lengths).unwrap();
        let by_candle = by_candle(&scores, &rows, &Segments::new(&lengths, 9).unwrap()).unwrap();
        assert_close(&contexts, &by_candle, &[&scores, &rows]);
    }
}
