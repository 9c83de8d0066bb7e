//! The normalization of every prefix's softmax.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, D, Layout, Shape, Tensor};

use super::real::{Real, for_dtype, has_kernel};
use super::segments::{Segments, shape_error};
use crate::Result;
use crate::numbers::{contiguous, with_numbers};

/// After every step, the logarithm of the sum of the exponentials of a sequence's `scores` `[rows]` so far, `[rows]`.
///
/// ```text
/// L_t = ln Σ_{s ≤ t} exp(e_s)      s, t in one sequence
/// ```
///
/// Differentiable.
pub(crate) fn prefix_log_sum(scores: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    let &[n_rows] = scores.dims() else { return Err(shape_error("shape of the scores", "[rows]", scores)) };
    let segments = Segments::new(lengths, n_rows)?;
    if has_kernel(scores) {
        Ok(scores.contiguous()?.apply_op1(PrefixLogSum { segments })?)
    } else {
        Ok(by_candle(scores, &segments)?)
    }
}

/// All prefixes as rows of a triangle `[batch, longest, longest]`.
fn by_candle(scores: &Tensor, segments: &Segments) -> candle_core::Result<Tensor> {
    let padded = segments.pad(scores)?;
    let (batch, longest) = padded.dims2()?;
    let steps = Tensor::arange(0, longest as u32, scores.device())?;
    let up_to = steps.unsqueeze(0)?.broadcast_le(&steps.unsqueeze(D::Minus1)?)?;
    let triangle = (batch, longest, longest);
    let up_to = up_to.broadcast_as(triangle)?.contiguous()?;
    // A finite lowest number: its exponential is 0, and so is its gradient.
    let none = Tensor::full(-1e30f32, triangle, scores.device())?.to_dtype(scores.dtype())?;
    let all = up_to.where_cond(&padded.unsqueeze(1)?.broadcast_as(triangle)?.contiguous()?, &none)?;
    segments.unpad(&all.log_sum_exp(D::Minus1)?)
}

struct PrefixLogSum {
    segments: Segments,
}

impl PrefixLogSum {
    fn forward<T: Real>(&self, scores: &[T]) -> Vec<T> {
        let mut log_sums = vec![T::ZERO; scores.len()];
        for (scores, log_sums) in
            self.segments.split(scores, 1).zip(self.segments.split_mut(&mut log_sums, 1))
        {
            let (mut max, mut sum) = (T::LOWEST, T::ZERO);
            for (&score, log_sum) in scores.iter().zip(log_sums) {
                super::running::include(&mut max, &mut sum, &mut [], score, &[]);
                *log_sum = max + sum.logarithm();
            }
        }
        log_sums
    }

    /// Backward in time: `A_s = g_s + A_(s+1) exp(L_s - L_(s+1))`, `de_s = exp(e_s - L_s) A_s`. L rises, so that no
    /// exponential is above 1.
    fn backward<T: Real>(&self, scores: &[T], log_sums: &[T], grads: &[T]) -> Vec<T> {
        let mut score_grads = vec![T::ZERO; scores.len()];
        let sequences = self.segments.split(scores, 1).zip(self.segments.split(log_sums, 1));
        let sequences = sequences.zip(self.segments.split(grads, 1));
        for (((scores, log_sums), grads), score_grads) in
            sequences.zip(self.segments.split_mut(&mut score_grads, 1))
        {
            let (mut sum, mut later) = (T::ZERO, T::ZERO);
            for step in (0..scores.len()).rev() {
                let log_sum = log_sums[step];
                let decay = if step + 1 < scores.len() { (log_sum - later).exponential() } else { T::ZERO };
                sum = grads[step] + sum * decay;
                score_grads[step] = (scores[step] - log_sum).exponential() * sum;
                later = log_sum;
            }
        }
        score_grads
    }
}

impl CustomOp1 for PrefixLogSum {
    fn name(&self) -> &'static str {
        "prefix-log-sum"
    }

    fn cpu_fwd(&self, scores: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        for_dtype!(scores.dtype(), self.name(), T => {
            let log_sums = self.forward::<T>(contiguous(scores, layout)?);
            Ok((T::into_storage(log_sums), layout.shape().clone()))
        })
    }

    fn bwd(&self, scores: &Tensor, log_sums: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        for_dtype!(scores.dtype(), self.name(), T => {
            let grad = grad.contiguous()?;
            let score_grads = with_numbers([scores, log_sums, &grad], |[scores, log_sums, grads]| {
                self.backward::<T>(scores, log_sums, grads)
            })?;
            Ok(Some(Tensor::from_vec(score_grads, scores.dims(), scores.device())?))
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::super::testing::assert_close;
    use super::*;

    #[test]
    fn candle_agrees_with_the_kernel() {
        let scores: Vec<f64> = (0..9).map(|i| 3.0 * f64::from(i * i).sin()).collect();
        let scores = Var::new(scores, &Device::Cpu).unwrap();
        let lengths = [2, 1, 6];
        let by_kernel = prefix_log_sum(&scores, &lengths).unwrap();
        let by_candle = by_candle(&scores, &Segments::new(&lengths, 9).unwrap()).unwrap();
        assert_close(&by_kernel, &by_candle, &[&scores]);
    }

    #[test]
    fn by_hand_and_far_apart() {
        let scores = Tensor::new(&[0f32, 3f32.ln(), 1e4, -1e4], &Device::Cpu).unwrap();
        let found = prefix_log_sum(&scores, &[4]).unwrap().to_vec1::<f32>().unwrap();
        assert!(found[0] == 0.0 && (found[1] - 4f32.ln()).abs() < 1e-6, "{found:?}");
        assert_eq!(found[2..], [1e4, 1e4]);
    }
}
