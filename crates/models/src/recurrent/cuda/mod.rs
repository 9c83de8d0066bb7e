//! Recurrent layers on an NVIDIA GPU.
//!
//! The input's products of all steps are one matrix product by cuBLAS, `X W_ih'`. What is left, a step that needs the step
//! before, is one kernel for the whole layer: a block keeps the recurrent weights in its shared memory and moves its share
//! of the sequences through all their steps, without ever waiting for another block (`kernels.cu`). Weights that do not
//! fit one block (an LSTM of 256 units) are shared by a cluster of eight, on GPUs that have clusters.
//!
//! Forward passes may round the factors of their products (`GpuPrecision`): then tensor cores make them, and the weights are in
//! registers.
//!
//! The backward pass is another such kernel, from the gradients of the outputs to those of the gates' sums; the gradients
//! of weights and rows are then matrix products.

#[cfg(feature = "cuda")]
mod launch;
#[cfg(feature = "cuda")]
mod layer;
#[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "its tests need no GPU"))]
mod plan;
#[cfg(feature = "cuda")]
mod tensors;

#[cfg(feature = "cuda")]
pub(super) use layer::{Layer, Passed, can_run};
#[cfg(feature = "cuda")]
pub(super) use tensors::{backward, view};
