//! A recurrent layer made of candle's own operations, step by step: for other devices and other number types than the
//! kernels'.

use candle_core::{Result, Tensor};

use super::kind::CellKind;
use super::packing::Packing;

/// All states of packed sequences, and their last ones: `weights` as PyTorch has them (`w_ih, w_hh, b_ih, b_hh`),
/// `states` one tensor `[batch, hidden]` for each of [`CellKind::STATES`], in packed order.
pub(super) fn layer<C: CellKind>(
    packed: &Tensor,
    packing: &Packing,
    weights: &[Tensor; 4],
    states: Vec<Tensor>,
) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
    let [w_ih, w_hh, b_ih, b_hh] = weights;
    // One product for the inputs of all steps; only the recurrent one has to wait for the step before.
    let inputs = packed.matmul(&w_ih.t()?)?.broadcast_add(b_ih)?;
    let w_hh = w_hh.t()?.contiguous()?;
    let mut running_states = states;
    // The states of sequences that have ended, those that ended last in front.
    let mut ended: Vec<Vec<Tensor>> = Vec::new();
    let mut all: Vec<Vec<Tensor>> = Vec::with_capacity(packing.active.len());
    let mut row = 0;
    for &running in &packing.active {
        let batch = running_states[0].dim(0)?;
        if running < batch {
            ended.push(rows(&running_states, running, batch - running)?);
            running_states = rows(&running_states, 0, running)?;
        }
        let recurrent = running_states[0].matmul(&w_hh)?.broadcast_add(b_hh)?;
        running_states = C::stock_step(&inputs.narrow(0, row, running)?, &recurrent, &running_states)?;
        all.push(running_states.clone());
        row += running;
    }
    let finals = (0..C::STATES).map(|part| {
        let parts = std::iter::once(&running_states).chain(ended.iter().rev()).map(|states| &states[part]);
        Tensor::cat(&parts.collect::<Vec<_>>(), 0)
    });
    let all = (0..C::STATES).map(|part| {
        let parts: Vec<&Tensor> = all.iter().map(|states| &states[part]).collect();
        Tensor::cat(&parts, 0)
    });
    Ok((all.collect::<Result<_>>()?, finals.collect::<Result<_>>()?))
}

fn rows(states: &[Tensor], begin: usize, n: usize) -> Result<Vec<Tensor>> {
    states.iter().map(|states| states.narrow(0, begin, n)?.contiguous()).collect()
}
