//! Weighted sum of each sequence's own rows.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, Layout, Shape, Tensor};

use super::real::{Real, dot, for_dtype, has_kernel};
use super::segments::{Segments, check_rows};
use crate::Result;
use crate::numbers::{contiguous, with_numbers};

/// Sum of each sequence's `rows` `[rows, width]`, weighted by `weights` `[rows]`: `[batch, width]`.
///
/// ```text
/// c_b = Σ_t w_t h_t      t in sequence b
/// ```
///
/// Differentiable in both. NaN in a row stays in its sequence.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) when a length is 0, the lengths do not add up to the rows, there are more or
/// fewer weights than rows, or the rows have no width.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use heliacal_models::{candle_core, segment_sum};
///
/// let rows = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu)?;
/// let weights = Tensor::new(&[1f32, 0.5, 0.5], &Device::Cpu)?;
/// let sums = segment_sum(&weights, &rows, &[1, 2])?;
/// assert_eq!(sums.to_vec2::<f32>()?, [[1.0, 2.0], [4.0, 5.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn segment_sum(weights: &Tensor, rows: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    let width = check_rows("shape of the weights", weights, rows)?;
    let segments = Segments::new(lengths, rows.dim(0)?)?;
    if has_kernel(rows) {
        Ok(weights.contiguous()?.apply_op2(&rows.contiguous()?, SegmentSum { segments, width })?)
    } else {
        Ok(by_candle(weights, rows, &segments)?)
    }
}

/// One product `[1, longest] x [longest, width]` for each sequence.
fn by_candle(weights: &Tensor, rows: &Tensor, segments: &Segments) -> candle_core::Result<Tensor> {
    if segments.len() == 0 {
        return Ok(rows.clone());
    }
    let weights = segments.pad(weights)?.unsqueeze(1)?;
    weights.matmul(&segments.pad(rows)?)?.squeeze(1)
}

struct SegmentSum {
    segments: Segments,
    width: usize,
}

impl CustomOp2 for SegmentSum {
    fn name(&self) -> &'static str {
        "segment-sum"
    }

    fn cpu_fwd(
        &self,
        weights: &CpuStorage,
        weights_layout: &Layout,
        rows: &CpuStorage,
        rows_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        for_dtype!(rows.dtype(), self.name(), T => {
            let weights = self.segments.split(contiguous::<T>(weights, weights_layout)?, 1);
            let rows = self.segments.split(contiguous::<T>(rows, rows_layout)?, self.width);
            let mut sums = vec![T::ZERO; self.segments.len() * self.width];
            let jobs = sums.chunks_exact_mut(self.width).zip(weights).zip(rows);
            self.segments.for_each(self.width, jobs, |((sum, weights), rows)| {
                for (&weight, row) in weights.iter().zip(rows.chunks_exact(self.width)) {
                    add_scaled(sum, weight, row);
                }
            });
            Ok((T::into_storage(sums), (self.segments.len(), self.width).into()))
        })
    }

    fn bwd(
        &self,
        weights: &Tensor,
        rows: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        for_dtype!(rows.dtype(), self.name(), T => {
            let grad = grad.contiguous()?;
            let mut weight_grads = vec![T::ZERO; weights.elem_count()];
            let mut row_grads = vec![T::ZERO; rows.elem_count()];
            with_numbers([weights, rows, &grad], |[weights, rows, grads]| {
                let jobs = grads.chunks_exact(self.width).zip(self.segments.split(weights, 1));
                let jobs = jobs.zip(self.segments.split(rows, self.width));
                let jobs = jobs.zip(self.segments.split_mut(&mut weight_grads, 1));
                let jobs = jobs.zip(self.segments.split_mut(&mut row_grads, self.width));
                self.segments.for_each(self.width, jobs, |((((grad, weights), rows), weight_grads), row_grads)| {
                    let steps = weights.iter().zip(rows.chunks_exact(self.width));
                    let grads = weight_grads.iter_mut().zip(row_grads.chunks_exact_mut(self.width));
                    for ((&weight, row), (weight_grad, row_grad)) in steps.zip(grads) {
                        *weight_grad = dot(grad, row);
                        add_scaled(row_grad, weight, grad);
                    }
                });
            })?;
            Ok((
                Some(Tensor::from_vec(weight_grads, weights.dims(), weights.device())?),
                Some(Tensor::from_vec(row_grads, rows.dims(), rows.device())?),
            ))
        })
    }
}

fn add_scaled<T: Real>(sum: &mut [T], weight: T, row: &[T]) {
    for (sum, &x) in sum.iter_mut().zip(row) {
        *sum += weight * x;
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::super::testing::assert_close;
    use super::*;

    #[test]
    fn candle_agrees_with_the_kernel() {
        let weights =
            Var::new((0..9).map(|i| f64::from(i * i).sin()).collect::<Vec<_>>(), &Device::Cpu).unwrap();
        let rows = Tensor::arange(0.0, 36.0, &Device::Cpu).unwrap().cos().unwrap().reshape((9, 4)).unwrap();
        let rows = Var::from_tensor(&rows).unwrap();
        let lengths = [2, 1, 6];
        let sums = segment_sum(&weights, &rows, &lengths).unwrap();
        let by_candle = by_candle(&weights, &rows, &Segments::new(&lengths, 9).unwrap()).unwrap();
        assert_close(&sums, &by_candle, &[&weights, &rows]);
    }
}
