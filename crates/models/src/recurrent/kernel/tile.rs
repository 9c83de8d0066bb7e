//! Some sequences, advanced together through all layers and all steps.

use pulp::{Simd, WithSimd};
use std::marker::PhantomData;

use super::aligned::{Aligned, row_stride};
use super::cell::{Cell, KEPT};
use super::product::{Rows, padded_rows};
use super::spare::Spare;
use super::step::{After, Before, LateStep, PackedLayer, step};

/// One sequence of a tile, with at least one step.
#[derive(Debug)]
pub(crate) struct Sequence<'a> {
    /// `[step, input]`.
    pub(crate) rows: &'a [f32],
    /// `[layer, (output, memory), hidden]`, before and after.
    pub(crate) states: &'a mut [f32],
    /// `[step, hidden]`: the last layer's output after every step, if wanted.
    pub(crate) outputs: Option<&'a mut [f32]>,
    /// `[step, hidden]`: the last layer's memory after every step, if wanted and if it has one.
    pub(crate) memories: Option<&'a mut [f32]>,
    /// For all sequences of a tile or for none, and for one layer alone.
    pub(crate) late: Option<Late<'a>>,
}

/// The last input column of a sequence, when it becomes known only after each step.
#[derive(Debug)]
pub(crate) struct Late<'a> {
    /// `[step]`
    pub(crate) inputs: &'a [f32],
    /// `[step, hidden]`: receives the outputs without it.
    pub(crate) provisional: &'a mut [f32],
}

/// What the forward pass of one layer leaves for its backward pass, a row for each step of each sequence in the order
/// of [`steps`]; between the steps there may be rows of no meaning.
#[derive(Debug)]
pub struct Kept {
    /// `[row, KEPT, padded]`; none when there was no room, and it is computed again.
    pub(crate) gates: Option<Aligned>,
    /// `[row, padded]`: the memory after each step; empty for a cell without.
    pub(crate) memory: Aligned,
    /// Where the memory of both goes in the end.
    pub(crate) spare: Spare,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let memory = std::mem::replace(&mut self.memory, Aligned::zeros(0));
        self.spare.give(self.gates.take().into_iter().chain([memory]));
    }
}

/// A step of a tile: how many of its sequences run, and the first of its rows among those of all steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TileStep {
    pub(crate) running: usize,
    pub(crate) first_row: usize,
}

/// The steps of sequences of these falling lengths, and the number of rows in all.
pub(crate) fn steps(lengths: &[usize]) -> (Vec<TileStep>, usize) {
    let mut running = lengths.len();
    let mut first_row = 0;
    let steps = (0..lengths.first().copied().unwrap_or(0)).map(|step| {
        while lengths[running - 1] <= step {
            running -= 1;
        }
        let this = TileStep { running, first_row };
        first_row += padded_rows(running);
        this
    });
    (steps.collect(), first_row)
}

/// Runs the sequences of a tile, the longest first, through the layers.
#[derive(Debug)]
pub(crate) struct Advance<'t, 'a, C, const G: usize> {
    pub(crate) layers: &'t [PackedLayer],
    pub(crate) sequences: &'t mut [Sequence<'a>],
    /// For one layer alone.
    pub(crate) kept: Option<&'t mut Kept>,
    pub(crate) cell: PhantomData<C>,
}

/// The states of one layer, before and after the step at hand.
struct LayerStates {
    output: [Aligned; 2],
    memory: [Aligned; 2],
}

impl<C: Cell<G>, const G: usize> WithSimd for Advance<'_, '_, C, G> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layers, sequences, mut kept, .. } = self;
        let (first, last) = (&layers[0], &layers[layers.len() - 1]);
        let lengths = sequences.iter().map(|sequence| sequence.rows.len() / first.input).collect::<Vec<_>>();
        let hidden = first.hidden;
        let capacity = padded_rows(sequences.len());

        let mut states: Vec<LayerStates> = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate() {
            let zeros = || Aligned::zeros(capacity * layer.state_stride());
            let none = || Aligned::zeros(0);
            let memory = if C::HAS_MEMORY { [zeros(), zeros()] } else { [none(), none()] };
            let mut states_of_layer = LayerStates { output: [zeros(), zeros()], memory };
            for (row, sequence) in sequences.iter().enumerate() {
                let place = row * layer.state_stride();
                let state = &sequence.states[index * C::STATES * hidden..];
                states_of_layer.output[0][place..place + hidden].copy_from_slice(&state[..hidden]);
                if C::HAS_MEMORY {
                    states_of_layer.memory[0][place..place + hidden]
                        .copy_from_slice(&state[hidden..2 * hidden]);
                }
            }
            states.push(states_of_layer);
        }
        let x_stride = row_stride(first.input);
        let mut x = Aligned::zeros(capacity * x_stride);
        let has_late = sequences.iter().any(|sequence| sequence.late.is_some());
        let mut late_inputs = vec![0.0; if has_late { capacity } else { 0 }];
        let mut provisional = Aligned::zeros(late_inputs.len() * first.state_stride());

        let (steps, _) = steps(&lengths);
        for (t, &TileStep { running, first_row }) in steps.iter().enumerate() {
            for (row, sequence) in sequences[..running].iter().enumerate() {
                x[row * x_stride..row * x_stride + first.input]
                    .copy_from_slice(&sequence.rows[t * first.input..(t + 1) * first.input]);
                if let Some(late) = &sequence.late {
                    late_inputs[row] = late.inputs[t];
                }
            }
            for (index, layer) in layers.iter().enumerate() {
                let (below, this) = states.split_at_mut(index);
                let LayerStates { output, memory } = &mut this[0];
                let [output, next_output] = output;
                let [memory, next_memory] = memory;
                // The layer below has this step's output in its second buffer.
                let input = match below.last() {
                    Some(below) => Rows { data: &below.output[1], stride: layers[index - 1].state_stride() },
                    None => Rows { data: &x, stride: x_stride },
                };
                let gates = kept.as_deref_mut().and_then(|kept| kept.gates.as_mut());
                let gates = gates.map(|gates| &mut gates[first_row * KEPT * layer.padded..]);
                let late = LateStep { inputs: &late_inputs, provisional: &mut provisional };
                let late = has_late.then_some(late);
                let after = After { output: next_output, memory: next_memory, kept: gates, late };
                step::<S, C, G>(simd, layer, running, input, Before { output, memory }, after);
            }
            let LayerStates { output: [_, outputs], memory: [_, memories] } = &states[layers.len() - 1];
            for (row, sequence) in sequences[..running].iter_mut().enumerate() {
                let place = row * last.state_stride()..row * last.state_stride() + hidden;
                let step = t * hidden..(t + 1) * hidden;
                if let Some(out) = &mut sequence.outputs {
                    out[step.clone()].copy_from_slice(&outputs[place.clone()]);
                }
                if let (true, Some(out)) = (C::HAS_MEMORY, &mut sequence.memories) {
                    out[step.clone()].copy_from_slice(&memories[place.clone()]);
                }
                if let Some(late) = &mut sequence.late {
                    late.provisional[step].copy_from_slice(&provisional[place]);
                }
            }
            if let (true, Some(kept)) = (C::HAS_MEMORY, kept.as_deref_mut()) {
                let (padded, stride) = (last.padded, last.state_stride());
                for row in 0..running {
                    kept.memory[(first_row + row) * padded..(first_row + row + 1) * padded]
                        .copy_from_slice(&states[0].memory[1][row * stride..row * stride + padded]);
                }
            }
            // Sequences that end here leave with their states.
            let going_on = steps.get(t + 1).map_or(0, |next| next.running);
            for (index, (layer, states)) in layers.iter().zip(&mut states).enumerate() {
                for row in going_on..running {
                    let place = row * layer.state_stride();
                    let state = &mut sequences[row].states[index * C::STATES * hidden..];
                    state[..hidden].copy_from_slice(&states.output[1][place..place + hidden]);
                    if C::HAS_MEMORY {
                        state[hidden..2 * hidden].copy_from_slice(&states.memory[1][place..place + hidden]);
                    }
                }
                states.output.swap(0, 1);
                states.memory.swap(0, 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_by_hand() {
        let (steps, n_rows) = steps(&[3, 2, 2, 2, 2]);
        let by_hand = [(5, 0), (5, 6), (1, 12)];
        let by_hand = by_hand.map(|(running, first_row)| TileStep { running, first_row });
        assert_eq!(steps, by_hand);
        assert_eq!(n_rows, 13);
    }
}
