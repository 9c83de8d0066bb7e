//! How exact recurrent layers are on a GPU.

use serde::{Deserialize, Serialize};

/// How exact the matrix products of recurrent layers are on an NVIDIA GPU: the less, the faster. The CPU does not know of it.
///
/// Factors of a product are rounded to fewer digits; sums, gates and states stay in single precision. That holds for the
/// products of [`Gru`](crate::Gru) and [`Lstm`](crate::Lstm), with their inputs and with their states, of the layers that our
/// kernels run ([`Recurrent`](crate::Recurrent)) and that have one for it: GRUs of up to 112 units in TF32 and 128 in bfloat16,
/// LSTMs of up to 96 and 128, and of up to 256 in both on GPUs with clusters (compute capability 9.0). Other layers stay in single
/// precision, and so do all other products: those of dense layers are candle's, with a switch for the whole program
/// (`candle_core::cuda::set_gemm_reduced_precision_f32`).
///
/// It is a way to run a network, not a part of it: model files do not hold it. A training that is resumed goes on with its own.
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_nn::VarBuilder;
/// use heliacal_models::{GpuPrecision, Gru, RecurrentConfig, candle_core, candle_nn};
///
/// let config = RecurrentConfig { input: 2, hidden: 3, n_layers: 2 };
/// let gru = Gru::new(config, VarBuilder::zeros(DType::F32, &Device::Cpu))?;
/// assert_eq!(gru.gpu_precision(), GpuPrecision::F32);
/// let gru = gru.with_gpu_precision(GpuPrecision::Tf32);
/// assert_eq!(gru.gpu_precision(), GpuPrecision::Tf32);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum GpuPrecision {
    /// Single precision: 24 binary digits.
    #[default]
    F32,
    /// 11 digits, in passes without gradients and in the forward passes of a training; its backward passes are in single
    /// precision.
    Tf32,
    /// 8 digits, in passes without gradients alone; wherever a weight is a variable, single precision.
    Bf16,
}
