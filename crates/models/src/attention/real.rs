//! What the kernels need of `f32` and `f64`, and their way into candle's memory.

use candle_core::{CpuStorage, DType, Layout, Result, Storage, StorageRef, Tensor, WithDType, bail};

use super::tanh::tanh;

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
    fn hyperbolic_tangent(self) -> Self;
}

impl Real for f32 {
    const LOWEST: Self = Self::MIN;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    fn exponential(self) -> Self {
        self.exp()
    }
    #[inline]
    fn hyperbolic_tangent(self) -> Self {
        tanh(self)
    }
}

impl Real for f64 {
    const LOWEST: Self = Self::MIN;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    fn exponential(self) -> Self {
        self.exp()
    }
    fn hyperbolic_tangent(self) -> Self {
        self.tanh()
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

/// The numbers of an operation's input.
pub(super) fn numbers<'s, T: Real>(storage: &'s CpuStorage, layout: &Layout) -> Result<&'s [T]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("the kernels need contiguous tensors")
    };
    Ok(&T::cpu_storage_as_slice(storage)?[start..end])
}

/// Read access to a contiguous tensor on the CPU, for backward passes.
pub(super) struct Reading<'t> {
    storage: StorageRef<'t>,
    layout: &'t Layout,
}

impl<'t> Reading<'t> {
    pub(super) fn new(tensor: &'t Tensor) -> Self {
        let (storage, layout) = tensor.storage_and_layout();
        Self { storage, layout }
    }

    pub(super) fn numbers<T: Real>(&self) -> Result<&[T]> {
        match &*self.storage {
            Storage::Cpu(storage) => numbers(storage, self.layout),
            _ => bail!("the kernels run on the CPU"),
        }
    }
}

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
