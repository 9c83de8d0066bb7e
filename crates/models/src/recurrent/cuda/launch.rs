//! Everything here that the compiler cannot check: memory that is not written yet, matrix products and launches of kernels.

#![allow(unsafe_code, reason = "a GPU's memory and kernels are out of the compiler's sight")]

use candle_core::Result;
use candle_core::cuda_backend::cudarc::cublas::sys::cublasOperation_t::{CUBLAS_OP_N, CUBLAS_OP_T};
use candle_core::cuda_backend::cudarc::cublas::sys::{
    cublasComputeType_t as ComputeType, cublasGemmAlgo_t as Algorithm, cudaDataType_t::CUDA_R_32F,
};
use candle_core::cuda_backend::cudarc::cublas::{Gemm, GemmConfig, result};
use candle_core::cuda_backend::cudarc::driver::sys::CUfunction_attribute_enum as FunctionAttribute;
use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, CudaView, CudaViewMut, DevicePtr, DevicePtrMut, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::{CudaDevice, WrapErr};

use super::plan::Plan;
use crate::GpuPrecision;

/// Kernels of one block, for compute capability 8.0 and later.
const BLOCKS: &str = include_str!("kernels_80.ptx");
/// Kernels of clusters, for compute capability 9.0 and later.
const CLUSTERS: &str = include_str!("kernels_90.ptx");

/// Room for `n` numbers, to be written before it is read.
pub(super) fn unwritten(device: &CudaDevice, n: usize) -> Result<CudaSlice<f32>> {
    // SAFETY: any bits are a number; what is made here is written by a kernel or a product before anything reads it.
    unsafe { device.alloc(n) }
}

/// Row-major numbers with `stride` numbers from one row to the next.
pub(super) struct Matrix<'a> {
    pub(super) numbers: CudaView<'a, f32>,
    pub(super) stride: usize,
    /// Whether it is read column by column.
    pub(super) transposed: bool,
}

/// `to = a b`, for `a` of `[m, k]` and `b` of `[k, n]` once they are read as they say; `to` has a stride too. Factors are
/// rounded as the precision says.
pub(super) fn product(
    device: &CudaDevice,
    [m, n, k]: [usize; 3],
    a: &Matrix<'_>,
    b: &Matrix<'_>,
    to: &mut CudaViewMut<'_, f32>,
    to_stride: usize,
    precision: GpuPrecision,
) -> Result<()> {
    let holds = |matrix: &Matrix<'_>, rows: usize, columns: usize| {
        let (rows, columns) = if matrix.transposed { (columns, rows) } else { (rows, columns) };
        columns <= matrix.stride && (rows - 1) * matrix.stride + columns <= matrix.numbers.len()
    };
    assert!(
        m > 0 && n > 0 && k > 0 && n <= to_stride,
        "a product of {m} x {k} x {n} into rows of {to_stride}"
    );
    assert!(
        holds(a, m, k) && holds(b, k, n) && (m - 1) * to_stride + n <= to.len(),
        "a product out of bounds"
    );
    // cuBLAS counts column by column, where our matrices look transposed: to' = b' a'.
    let operation = |matrix: &Matrix<'_>| if matrix.transposed { CUBLAS_OP_T } else { CUBLAS_OP_N };
    let config = GemmConfig {
        transa: operation(b),
        transb: operation(a),
        m: n as i32,
        n: m as i32,
        k: k as i32,
        alpha: 1.0,
        lda: b.stride as i32,
        ldb: a.stride as i32,
        beta: 0.0,
        ldc: to_stride as i32,
    };
    let blas = device.cublas_handle();
    let compute_type = match precision {
        // SAFETY: all three matrices lie within their buffers, as asserted.
        GpuPrecision::F32 => return unsafe { blas.gemm(config, &b.numbers, &a.numbers, to) }.w(),
        GpuPrecision::Tf32 => ComputeType::CUBLAS_COMPUTE_32F_FAST_TF32,
        GpuPrecision::Bf16 => ComputeType::CUBLAS_COMPUTE_32F_FAST_16BF,
    };
    let stream = device.cuda_stream();
    let (first, _first_is_read) = b.numbers.device_ptr(&stream);
    let (second, _second_is_read) = a.numbers.device_ptr(&stream);
    let (to, _to_is_written) = to.device_ptr_mut(&stream);
    // SAFETY: as above; both factors of a sum are read during the call, and the handle is that of the device's stream.
    unsafe {
        result::gemm_ex(
            *blas.handle(),
            config.transa,
            config.transb,
            config.m,
            config.n,
            config.k,
            (&raw const config.alpha).cast(),
            first as *const _,
            CUDA_R_32F,
            config.lda,
            second as *const _,
            CUDA_R_32F,
            config.ldb,
            (&raw const config.beta).cast(),
            to as *mut _,
            CUDA_R_32F,
            config.ldc,
            compute_type,
            Algorithm::CUBLAS_GEMM_DEFAULT,
        )
    }
    .w()
}

/// An argument of a kernel.
pub(super) enum Argument<'a> {
    Read(CudaView<'a, f32>),
    Write(CudaViewMut<'a, f32>),
    Schedule(CudaView<'a, u32>),
    Count(usize),
    /// A null pointer.
    Nothing,
}

impl<'a> Argument<'a> {
    pub(super) fn read(numbers: &'a CudaSlice<f32>) -> Self {
        Self::Read(numbers.as_view())
    }

    pub(super) fn write(numbers: &'a mut CudaSlice<f32>) -> Self {
        Self::Write(numbers.as_view_mut())
    }
}

/// Launches one of the kernels of `kernels.cu` over a batch.
pub(super) fn over_batch(
    device: &CudaDevice,
    name: &str,
    plan: &Plan,
    arguments: &mut [Argument<'_>],
) -> Result<()> {
    let ranks = plan.kernel.ranks;
    let name = format!("{name}_{}", plan.kernel.variant());
    let config = LaunchConfig {
        grid_dim: ((plan.blocks * ranks) as u32, 1, 1),
        block_dim: (plan.threads as u32, 1, 1),
        shared_mem_bytes: plan.shared_bytes as u32,
    };
    let (module, ptx) =
        if ranks == 1 { ("heliacal_blocks", BLOCKS) } else { ("heliacal_clusters", CLUSTERS) };
    launch(device, &name, (module, ptx), config, arguments)
}

/// Launches the kernel that sums the parts of bias gradients.
pub(super) fn sum_parts(device: &CudaDevice, n_sums: usize, arguments: &mut [Argument<'_>]) -> Result<()> {
    const THREADS: u32 = 64;
    let config = LaunchConfig {
        grid_dim: ((n_sums as u32).div_ceil(THREADS), 1, 1),
        block_dim: (THREADS, 1, 1),
        shared_mem_bytes: 0,
    };
    launch(device, "sum_parts", ("heliacal_blocks", BLOCKS), config, arguments)
}

fn launch(
    device: &CudaDevice,
    name: &str,
    (module, ptx): (&str, &str),
    config: LaunchConfig,
    arguments: &mut [Argument<'_>],
) -> Result<()> {
    const NULL: u64 = 0;
    let kernel = device.get_or_load_custom_func(name, module, ptx)?;
    let shared = FunctionAttribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    kernel.set_attribute(shared, config.shared_mem_bytes as i32).w()?;
    let counts: Vec<i32> = arguments
        .iter()
        .map(|argument| if let Argument::Count(count) = argument { *count as i32 } else { 0 })
        .collect();
    let mut builder = kernel.builder();
    for (argument, count) in arguments.iter_mut().zip(&counts) {
        match argument {
            Argument::Read(numbers) => builder.arg(&*numbers),
            Argument::Write(numbers) => builder.arg(numbers),
            Argument::Schedule(numbers) => builder.arg(&*numbers),
            Argument::Count(_) => builder.arg(count),
            Argument::Nothing => builder.arg(&NULL),
        };
    }
    // SAFETY: the callers give the arguments that the kernel of this name declares, in buffers of the sizes that its source
    // names; the emulation runs the same kernels under an address sanitizer.
    unsafe { builder.launch(config) }.w()?;
    Ok(())
}
