//! Two rows mixed into one.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, D, Layout, Shape, Tensor};
use rayon::prelude::*;

use super::real::{Real, dot, for_dtype, has_kernel};
use crate::numbers::{contiguous, with_numbers};

/// Numbers that one job takes.
const CHUNK: usize = 1 << 14;

/// Rows `a + share (b - a)` of rows `[rows, width]` and shares `[rows]`, in one pass. Differentiable in all three.
pub(crate) fn mixed_rows(a: &Tensor, b: &Tensor, share: &Tensor) -> candle_core::Result<Tensor> {
    if has_kernel(a) {
        a.contiguous()?.apply_op3(&b.contiguous()?, &share.contiguous()?, MixedRows)
    } else {
        by_candle(a, b, share)
    }
}

fn by_candle(a: &Tensor, b: &Tensor, share: &Tensor) -> candle_core::Result<Tensor> {
    a + share.unsqueeze(D::Minus1)?.broadcast_mul(&(b - a)?)?
}

struct MixedRows;

/// Rows for one job, at least one.
fn job_rows(width: usize) -> usize {
    (CHUNK / width).max(1)
}

fn forward<T: Real>(a: &[T], b: &[T], share: &[T]) -> Vec<T> {
    let width = (a.len() / share.len().max(1)).max(1);
    let n = job_rows(width);
    let mut mixed = vec![T::ZERO; a.len()];
    let jobs = mixed.par_chunks_mut(n * width).zip(a.par_chunks(n * width)).zip(b.par_chunks(n * width));
    jobs.zip(share.par_chunks(n)).for_each(|(((mixed, a), b), share)| {
        let rows = mixed.chunks_exact_mut(width).zip(a.chunks_exact(width)).zip(b.chunks_exact(width));
        for (((mixed, a), b), &share) in rows.zip(share) {
            for ((mixed, &a), &b) in mixed.iter_mut().zip(a).zip(b) {
                *mixed = a + share * (b - a);
            }
        }
    });
    mixed
}

/// Gradients of a, b and the shares.
fn backward<T: Real>(a: &[T], b: &[T], share: &[T], grads: &[T]) -> [Vec<T>; 3] {
    let width = (a.len() / share.len().max(1)).max(1);
    let n = job_rows(width);
    let mut of_a = vec![T::ZERO; a.len()];
    let mut of_b = vec![T::ZERO; a.len()];
    let mut of_share = vec![T::ZERO; share.len()];
    let inputs = a.par_chunks(n * width).zip(b.par_chunks(n * width)).zip(grads.par_chunks(n * width));
    let outputs = of_a.par_chunks_mut(n * width).zip(of_b.par_chunks_mut(n * width));
    let shares = share.par_chunks(n).zip(of_share.par_chunks_mut(n));
    inputs.zip(outputs).zip(shares).for_each(|((((a, b), grads), (of_a, of_b)), (share, of_share))| {
        let inputs = a.chunks_exact(width).zip(b.chunks_exact(width)).zip(grads.chunks_exact(width));
        let outputs = of_a.chunks_exact_mut(width).zip(of_b.chunks_exact_mut(width));
        let shares = share.iter().zip(of_share);
        for ((((a, b), grads), (of_a, of_b)), (&share, of_share)) in inputs.zip(outputs).zip(shares) {
            for ((difference, &a), &b) in of_a.iter_mut().zip(a).zip(b) {
                *difference = b - a;
            }
            *of_share = dot(grads, of_a);
            for ((of_a, of_b), &grad) in of_a.iter_mut().zip(of_b).zip(grads) {
                *of_b = share * grad;
                *of_a = grad - *of_b;
            }
        }
    });
    [of_a, of_b, of_share]
}

impl CustomOp3 for MixedRows {
    fn name(&self) -> &'static str {
        "mixed-rows"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
        share: &CpuStorage,
        share_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        for_dtype!(a.dtype(), self.name(), T => {
            let (b, share) = (contiguous(b, b_layout)?, contiguous(share, share_layout)?);
            let mixed = forward::<T>(contiguous(a, a_layout)?, b, share);
            Ok((T::into_storage(mixed), a_layout.shape().clone()))
        })
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        share: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        for_dtype!(a.dtype(), self.name(), T => {
            let grad = grad.contiguous()?;
            let [of_a, of_b, of_share] =
                with_numbers([a, b, share, &grad], |[a, b, share, grads]| backward::<T>(a, b, share, grads))?;
            let tensor = |numbers, like: &Tensor| Tensor::from_vec(numbers, like.shape(), like.device());
            Ok((Some(tensor(of_a, a)?), Some(tensor(of_b, b)?), Some(tensor(of_share, share)?)))
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
        // More than one job, and the last one short.
        let (n, width) = (2 * CHUNK / 512 + 3, 512);
        let wave = |n: usize, from: f64| {
            let wave = Tensor::arange(from, from + n as f64, &Device::Cpu).unwrap().sin().unwrap();
            Var::from_tensor(&wave).unwrap()
        };
        let rows = |from| Var::from_tensor(&wave(n * width, from).reshape((n, width)).unwrap()).unwrap();
        let (a, b, share) = (rows(0.0), rows(0.3), wave(n, 0.7));
        let mixed = mixed_rows(&a, &b, &share).unwrap();
        assert_close(&mixed, &by_candle(&a, &b, &share).unwrap(), &[&a, &b, &share]);
    }
}
