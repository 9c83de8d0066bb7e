//! Recurrent layers over sequences of unequal length.
//!
//! Sequences come as one ragged batch, their rows one after the other in the caller's order: `[rows, features]` and a
//! length each. There is no padding to skip, to mask or to get wrong.

#[cfg(any(feature = "cuda", test))]
mod cuda;
mod gpu_precision;
mod head;
mod isa;
mod kernel;
mod kind;
mod layer_op;
mod layers;
mod packed;
mod packing;
mod stock;

pub use gpu_precision::GpuPrecision;
pub(crate) use head::{Dense, Head};
pub use isa::Isa;
pub(crate) use isa::Vectors;
pub(crate) use kernel::{BeginRow, BeginSteps, FinishStep, PackedLayer, Run, RunLate, Spare, Tanh};
pub use kind::{CellKind, GruCell, LstmCell};
pub use layers::{Gru, Lstm, Recurrent, RecurrentConfig, RecurrentState};
pub(crate) use packed::Packed;
