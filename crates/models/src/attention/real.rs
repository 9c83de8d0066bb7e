//! What the kernels need of `f32` and `f64`.

use candle_core::{CpuStorage, DType, Tensor, WithDType};

use crate::recurrent::{Tanh, Vectors};

/// A floating point number that the kernels are written for.
pub(super) trait Real: WithDType {
    /// The lowest finite number: the largest of no scores. Not -inf, whose difference to itself is NaN.
    const LOWEST: Self;
    const ZERO: Self;
    const ONE: Self;
    fn into_storage(numbers: Vec<Self>) -> CpuStorage {
        Self::to_cpu_storage_owned(numbers)
    }
    fn exponential(self) -> Self;
    fn logarithm(self) -> Self;
    /// tanh of every number, in its place.
    fn tanh_all(numbers: &mut [Self], vectors: Vectors);
}

impl Real for f32 {
    const LOWEST: Self = Self::MIN;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    fn exponential(self) -> Self {
        self.exp()
    }
    fn logarithm(self) -> Self {
        self.ln()
    }
    fn tanh_all(numbers: &mut [Self], vectors: Vectors) {
        vectors.run(Tanh(numbers));
    }
}

impl Real for f64 {
    const LOWEST: Self = Self::MIN;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    fn exponential(self) -> Self {
        self.exp()
    }
    fn logarithm(self) -> Self {
        self.ln()
    }
    fn tanh_all(numbers: &mut [Self], _: Vectors) {
        for x in numbers {
            *x = x.tanh();
        }
    }
}

/// Runs a generic expression with `$real` the storage's number type.
macro_rules! for_dtype {
    ($dtype:expr, $name:expr, $real:ident => $run:expr) => {
        match $dtype {
            candle_core::DType::F32 => {
                type $real = f32;
                $run
            }
            candle_core::DType::F64 => {
                type $real = f64;
                $run
            }
            dtype => Err(candle_core::Error::UnsupportedDTypeForOp(dtype, $name).bt()),
        }
    };
}
pub(super) use for_dtype;

/// Whether the kernels take this tensor; candle's operations take the others.
pub(super) fn has_kernel(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && matches!(tensor.dtype(), DType::F32 | DType::F64)
}

/// Σ a b, in eight running sums: one would wait for itself, and the order is the same everywhere.
#[inline]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    const LANES: usize = 8;
    let mut sums = [T::ZERO; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut rest = T::ZERO;
    for (&a, &b) in a_chunks.remainder().iter().zip(b_chunks.remainder()) {
        rest += a * b;
    }
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.into_iter().fold(rest, |total, sum| total + sum)
}
