//! The row of the step before.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};

use super::real::{Real, for_dtype, has_kernel};
use super::segments::Segments;
use crate::Result;
use crate::numbers::{contiguous, with_numbers};
use crate::row_map::{NOTHING, RowMap};

/// For every row of a ragged batch `[rows, ...]` the row of the step before; `nothing`, everywhere in the row, for the first
/// step of a sequence. Differentiable.
pub(crate) fn previous_rows(rows: &Tensor, lengths: &[usize], nothing: f32) -> Result<Tensor> {
    let segments = Segments::new(lengths, rows.dim(0)?)?;
    if has_kernel(rows) {
        Ok(rows.contiguous()?.apply_op1(PreviousRows { segments, nothing })?)
    } else {
        Ok(by_candle(rows, lengths, nothing)?)
    }
}

fn by_candle(rows: &Tensor, lengths: &[usize], nothing: f32) -> candle_core::Result<Tensor> {
    let n_rows = rows.dim(0)?;
    let (mut taken, mut added) = (Vec::with_capacity(n_rows), vec![0.0; n_rows]);
    for &length in lengths.iter().filter(|&&length| length > 0) {
        let begin = taken.len();
        added[begin] = nothing;
        taken.push(NOTHING);
        taken.extend((begin..begin + length - 1).map(|row| row as u32));
    }
    let moved = RowMap::new(taken, n_rows, rows.device())?.apply(rows)?;
    let mut shape = vec![1; rows.rank()];
    shape[0] = n_rows;
    moved.broadcast_add(&Tensor::from_vec(added, shape, rows.device())?.to_dtype(rows.dtype())?)
}

struct PreviousRows {
    segments: Segments,
    nothing: f32,
}

impl PreviousRows {
    fn forward<T: Real>(&self, rows: &[T], shape: &Shape) -> Vec<T> {
        let width: usize = shape.dims()[1..].iter().product();
        let mut previous = vec![T::from_f64(f64::from(self.nothing)); rows.len()];
        let jobs = self.segments.split(rows, width).zip(self.segments.split_mut(&mut previous, width));
        self.segments.for_each(width, jobs, |(rows, previous)| {
            previous[width..].copy_from_slice(&rows[..rows.len() - width]);
        });
        previous
    }

    fn backward<T: Real>(&self, grads: &[T], shape: &Shape) -> Vec<T> {
        let width: usize = shape.dims()[1..].iter().product();
        let mut row_grads = vec![T::ZERO; grads.len()];
        let jobs = self.segments.split(grads, width).zip(self.segments.split_mut(&mut row_grads, width));
        self.segments.for_each(width, jobs, |(grads, row_grads)| {
            row_grads[..grads.len() - width].copy_from_slice(&grads[width..]);
        });
        row_grads
    }
}

impl CustomOp1 for PreviousRows {
    fn name(&self) -> &'static str {
        "previous-rows"
    }

    fn cpu_fwd(&self, rows: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        for_dtype!(rows.dtype(), self.name(), T => {
            let previous = self.forward::<T>(contiguous(rows, layout)?, layout.shape());
            Ok((T::into_storage(previous), layout.shape().clone()))
        })
    }

    fn bwd(&self, rows: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        for_dtype!(rows.dtype(), self.name(), T => {
            let row_grads =
                with_numbers([&grad.contiguous()?], |[grads]| self.backward::<T>(grads, rows.shape()))?;
            Ok(Some(Tensor::from_vec(row_grads, rows.shape(), rows.device())?))
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
        let rows = Tensor::arange(0.0, 18.0, &Device::Cpu).unwrap();
        for shape in [vec![9, 2], vec![18]] {
            let rows = Var::from_tensor(&rows.reshape(shape.as_slice()).unwrap()).unwrap();
            let lengths = [2 * shape[0] / 9, shape[0] / 9, 6 * shape[0] / 9];
            let previous = previous_rows(&rows, &lengths, -1.0).unwrap();
            assert_close(&previous, &by_candle(&rows, &lengths, -1.0).unwrap(), &[&rows]);
        }
    }

    #[test]
    fn by_hand() {
        let rows = Tensor::new(&[1f32, 2.0, 3.0], &Device::Cpu).unwrap();
        let previous = previous_rows(&rows, &[2, 1], -7.0).unwrap();
        assert_eq!(previous.to_vec1::<f32>().unwrap(), [-7.0, 1.0, -7.0]);
    }
}
