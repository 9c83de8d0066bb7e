//! The two kinds of recurrent cell, from the weights' names down to the kernels.

use candle_core::{D, Tensor};
use candle_nn::ops::sigmoid;

use super::isa::Vectors;
use super::kernel::{self, BackwardBatch, BackwardLayer, Cell, Kept, PackedLayer, Run, Spare, Weights};

pub use super::kernel::{GruCell, LstmCell};

/// A kind of recurrent cell: [`GruCell`] or [`LstmCell`].
pub trait CellKind: Kernels {
    /// Name, for messages.
    const NAME: &'static str;
    /// Gates, each with its rows in the weights.
    const GATES: usize;
    /// Numbers that a unit remembers: its output, and for the LSTM its cell state.
    const STATES: usize;
}

/// What a cell can do; no other crate can make one.
pub trait Kernels: Send + Sync + 'static {
    #[doc(hidden)]
    fn pack(weights: &Weights<'_>, lanes: usize) -> PackedLayer;
    #[doc(hidden)]
    fn pack_backward(weights: &Weights<'_>, lanes: usize) -> BackwardLayer;
    #[doc(hidden)]
    fn advance(vectors: Vectors, layers: &[PackedLayer], run: Run<'_>, keep: Option<&Spare>) -> Vec<Kept>;
    #[doc(hidden)]
    fn retreat(
        vectors: Vectors,
        layer: &PackedLayer,
        backward: &BackwardLayer,
        batch: BackwardBatch<'_>,
    ) -> Option<Vec<f32>>;
    /// One step by candle's operations: the sums of both products `[batch, gates x hidden]` and the states before, to
    /// the states after.
    #[doc(hidden)]
    fn stock_step(input: &Tensor, recurrent: &Tensor, states: &[Tensor]) -> candle_core::Result<Vec<Tensor>>;
}

impl CellKind for GruCell {
    const NAME: &'static str = "GRU";
    const GATES: usize = 3;
    const STATES: usize = <Self as Cell<3>>::STATES;
}

impl CellKind for LstmCell {
    const NAME: &'static str = "LSTM";
    const GATES: usize = 4;
    const STATES: usize = <Self as Cell<4>>::STATES;
}

macro_rules! kernels {
    ($cell:ty, $gates:literal, $stock:path) => {
        impl Kernels for $cell {
            fn pack(weights: &Weights<'_>, lanes: usize) -> PackedLayer {
                PackedLayer::new::<Self, $gates>(weights, lanes)
            }

            fn pack_backward(weights: &Weights<'_>, lanes: usize) -> BackwardLayer {
                BackwardLayer::new::<Self, $gates>(weights, lanes)
            }

            fn advance(
                vectors: Vectors,
                layers: &[PackedLayer],
                run: Run<'_>,
                keep: Option<&Spare>,
            ) -> Vec<Kept> {
                kernel::advance::<Self, $gates>(vectors, layers, run, keep)
            }

            fn retreat(
                vectors: Vectors,
                layer: &PackedLayer,
                backward: &BackwardLayer,
                batch: BackwardBatch<'_>,
            ) -> Option<Vec<f32>> {
                kernel::retreat::<Self, $gates>(vectors, layer, backward, batch)
            }

            fn stock_step(
                input: &Tensor,
                recurrent: &Tensor,
                states: &[Tensor],
            ) -> candle_core::Result<Vec<Tensor>> {
                $stock(input, recurrent, states)
            }
        }
    };
}

kernels!(GruCell, 3, gru_step);
kernels!(LstmCell, 4, lstm_step);

fn gru_step(input: &Tensor, recurrent: &Tensor, states: &[Tensor]) -> candle_core::Result<Vec<Tensor>> {
    let h = &states[0];
    let r = sigmoid(&(gate(h, input, 0)? + gate(h, recurrent, 0)?)?)?;
    let z = sigmoid(&(gate(h, input, 1)? + gate(h, recurrent, 1)?)?)?;
    let n = (gate(h, input, 2)? + (r * gate(h, recurrent, 2)?)?)?.tanh()?;
    Ok(vec![(&n + (z * (h - &n)?)?)?])
}

fn lstm_step(input: &Tensor, recurrent: &Tensor, states: &[Tensor]) -> candle_core::Result<Vec<Tensor>> {
    let (h, c) = (&states[0], &states[1]);
    let sums = (input + recurrent)?;
    let i = sigmoid(&gate(h, &sums, 0)?)?;
    let f = sigmoid(&gate(h, &sums, 1)?)?;
    let g = gate(h, &sums, 2)?.tanh()?;
    let o = sigmoid(&gate(h, &sums, 3)?)?;
    let c = ((f * c)? + (i * g)?)?;
    Ok(vec![(o * c.tanh()?)?, c])
}

fn gate(h: &Tensor, sums: &Tensor, index: usize) -> candle_core::Result<Tensor> {
    let hidden = h.dim(D::Minus1)?;
    sums.narrow(D::Minus1, index * hidden, hidden)
}
