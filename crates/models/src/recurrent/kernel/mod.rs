//! Recurrent layers on plain slices: what the layers on tensors are made of.
//!
//! The vector code is written once, over [`pulp::Simd`], and compiled for each instruction set; `pulp` keeps the
//! intrinsics behind safe functions, so that there is no `unsafe` here. Everything that a kernel calls is
//! `inline(always)`: a function that is not inlined would not be compiled for the instruction set.

#![allow(clippy::inline_always, reason = "only what is inlined is compiled for the instruction set")]
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed number of registers read best by their index"
)]

mod activation;
mod aligned;
mod batch;
mod cell;
mod dense;
mod finish;
mod gate_sums;
mod gradient;
mod pending;
mod product;
mod spare;
mod step;
mod tile;

pub(crate) use activation::Tanh;
pub(super) use batch::{BackwardBatch, advance, retreat};
pub use batch::{Run, RunLate};
pub(super) use cell::Cell;
pub use cell::{GruCell, LstmCell};
pub(super) use dense::{HEAD_ROWS, PackedDense, PackedHead, RunHead};
pub(super) use gradient::BackwardLayer;
pub(crate) use pending::{BeginRow, BeginSteps, FinishStep};
pub(crate) use spare::Spare;
pub(crate) use step::PackedLayer;
pub(super) use step::Weights;
pub(super) use tile::Kept;
