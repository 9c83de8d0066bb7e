//! The backward pass of one layer over a tile.

use pulp::{Simd, WithSimd};
use std::marker::PhantomData;
use std::ops::{AddAssign, Range};

use super::aligned::{Aligned, row_stride};
use super::cell::{Cell, KEPT};
use super::product::{AddOuter, AddProduct, Panels, Rows, padded_rows};
use super::step::{After, Before, PackedLayer, Weights, step};
use super::tile::{Kept, TileStep, steps};

/// Rows whose gradients are summed into the weights together: few enough to stay in the second cache.
const CHUNK: usize = 128;

/// The weights of one layer, packed for the way back: from the gradients of the sums, by slot, to those of the inputs and
/// of the outputs before.
#[derive(Debug)]
pub struct BackwardLayer {
    to_input: Panels,
    to_output: Panels,
}

impl BackwardLayer {
    pub(crate) fn new<C: Cell<G>, const G: usize>(weights: &Weights<'_>, lanes: usize) -> Self {
        let &Weights { input, hidden, w_ih, w_hh, .. } = weights;
        let padded = hidden.next_multiple_of(lanes);
        let pack = |width: usize, w: &[f32], gate_of_slot: [usize; G]| {
            Panels::pack(G * padded, width, lanes, |k, column| {
                let (gate, unit) = (gate_of_slot[k / padded], k % padded);
                if unit < hidden { w[(gate * hidden + unit) * width + column] } else { 0.0 }
            })
        };
        let mut gate_of_slot = [0; G];
        for (gate, &slot) in C::RECURRENT_SLOTS.iter().enumerate() {
            gate_of_slot[slot] = gate;
        }
        Self {
            to_input: pack(input, w_ih, std::array::from_fn(|gate| gate)),
            to_output: pack(hidden, w_hh, gate_of_slot),
        }
    }
}

/// One sequence of a tile on its way back.
#[derive(Debug)]
pub(crate) struct BackwardSequence<'a> {
    /// `[step, input]`.
    pub(crate) rows: &'a [f32],
    /// `[(output, memory), hidden]` before the first step.
    pub(crate) initial: &'a [f32],
    /// `[step, hidden]`: what the forward pass gave.
    pub(crate) outputs: &'a [f32],
    /// `[step, hidden]`: the gradient of that.
    pub(crate) output_gradients: &'a [f32],
    /// `[step, hidden]`: the gradient of the memories, if anything depends on them.
    pub(crate) memory_gradients: Option<&'a [f32]>,
    /// `[step, input]`: receives the gradient of the rows, if wanted.
    pub(crate) row_gradients: Option<&'a mut [f32]>,
    /// Receives the gradient of `initial`.
    pub(crate) initial_gradients: &'a mut [f32],
}

impl BackwardSequence<'_> {
    /// Adds the gradients of the states after one step; of no memory, to none.
    #[inline(always)]
    fn add_gradients(&self, step: Range<usize>, output: &mut [f32], memory: &mut [f32]) {
        add(output, &self.output_gradients[step.clone()]);
        if let Some(gradients) = self.memory_gradients {
            add(memory, &gradients[step]);
        }
    }
}

/// Gradients of a layer's weights, by slot and padded.
#[derive(Debug)]
pub(crate) struct WeightGradients {
    /// `[slot, padded, input in whole vectors]`.
    input: Aligned,
    /// `[slot, padded, padded]`.
    recurrent: Aligned,
    /// `[slot, padded]`.
    bias: Aligned,
}

impl WeightGradients {
    pub(crate) fn zeros<const G: usize>(layer: &PackedLayer, lanes: usize) -> Self {
        let (padded, padded_input) = (layer.padded, layer.input.next_multiple_of(lanes));
        Self {
            input: Aligned::zeros(G * padded * padded_input),
            recurrent: Aligned::zeros(G * padded * padded),
            bias: Aligned::zeros(KEPT * padded),
        }
    }

    /// Adds those of `n` rows.
    #[inline(always)]
    fn add_chunk<S: Simd, C: Cell<G>, const G: usize>(
        &mut self,
        simd: S,
        layer: &PackedLayer,
        chunk: &Chunk,
        n: usize,
        [x_stride, stride, slot_stride]: [usize; 3],
    ) {
        add(&mut self.bias, &chunk.bias);
        let a_columns = G * layer.padded;
        simd.vectorize(AddOuter {
            n,
            a: Rows { data: &chunk.slots[C::INPUT_SLOT * layer.padded..], stride: slot_stride },
            a_columns,
            b: Rows { data: &chunk.x, stride: x_stride },
            vectors: layer.input.div_ceil(S::F32_LANES),
            sums: &mut self.input,
        });
        simd.vectorize(AddOuter {
            n,
            a: Rows { data: &chunk.slots, stride: slot_stride },
            a_columns,
            b: Rows { data: &chunk.output, stride },
            vectors: layer.padded / S::F32_LANES,
            sums: &mut self.recurrent,
        });
    }

    /// Adds them to the gradient of the flat weights, `w_ih, w_hh, b_ih, b_hh`.
    pub(crate) fn add_to<C: Cell<G>, const G: usize>(
        &self,
        layer: &PackedLayer,
        lanes: usize,
        flat: &mut [f64],
    ) {
        let &PackedLayer { input, hidden, padded, .. } = layer;
        let (w_ih, rest) = flat.split_at_mut(G * hidden * input);
        let (w_hh, rest) = rest.split_at_mut(G * hidden * hidden);
        let (b_ih, b_hh) = rest.split_at_mut(G * hidden);
        for gate in 0..G {
            for unit in 0..hidden {
                let row = gate * hidden + unit;
                let slot = C::RECURRENT_SLOTS[gate] * padded + unit;
                let input_slot = gate * padded + unit;
                let from_input = &self.input[input_slot * input.next_multiple_of(lanes)..];
                add(&mut w_ih[row * input..(row + 1) * input], from_input);
                add(&mut w_hh[row * hidden..(row + 1) * hidden], &self.recurrent[slot * padded..]);
                b_ih[row] += f64::from(self.bias[C::INPUT_SLOT * padded + input_slot]);
                b_hh[row] += f64::from(self.bias[slot]);
            }
        }
    }
}

/// `sums += numbers`, as far as there are sums.
#[inline(always)]
fn add<T: AddAssign + From<f32>>(sums: &mut [T], numbers: &[f32]) {
    for (sum, &number) in sums.iter_mut().zip(numbers) {
        *sum += number.into();
    }
}

/// Runs the sequences of a tile, the longest first, backward through a layer.
#[derive(Debug)]
pub(crate) struct Retreat<'t, 'a, C, const G: usize> {
    pub(crate) layer: &'t PackedLayer,
    pub(crate) backward: &'t BackwardLayer,
    pub(crate) sequences: &'t mut [BackwardSequence<'a>],
    pub(crate) kept: &'t Kept,
    /// The gradients of the weights are added to these, if wanted.
    pub(crate) sums: Option<&'t mut WeightGradients>,
    pub(crate) cell: PhantomData<C>,
}

/// The rows of some consecutive steps, and room for what is found of them.
struct Chunk {
    x: Aligned,
    /// Output and memory before each step, and memory after.
    output: Aligned,
    memory: Aligned,
    memory_after: Aligned,
    /// Gates computed again, and outputs nobody needs.
    gates: Aligned,
    scratch: [Aligned; 2],
    /// Gradients of the sums, `[row, slot, padded]`.
    slots: Aligned,
    row_gradients: Aligned,
    /// Gradients of the biases, `[slot, padded]`: summed for each chunk apart, so that small ones are not lost in a long sum.
    bias: Aligned,
}

impl<C: Cell<G>, const G: usize> WithSimd for Retreat<'_, '_, C, G> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, backward, sequences, kept, mut sums, .. } = self;
        let &PackedLayer { input, hidden, padded, .. } = layer;
        let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.rows.len() / input).collect();
        let (steps, n_rows) = steps(&lengths);
        let stride = layer.state_stride();
        let padded_input = input.next_multiple_of(S::F32_LANES);
        let x_stride = row_stride(padded_input);
        let slot_stride = row_stride(KEPT * padded);

        let capacity = padded_rows(CHUNK.max(padded_rows(sequences.len())).min(n_rows));
        let recompute = kept.gates.is_none();
        let row_gradient_stride = backward.to_input.padded_columns();
        let mut chunk = Chunk::new::<C, G>(
            layer,
            capacity,
            recompute,
            [x_stride, stride, slot_stride, row_gradient_stride],
        );
        // What comes back from the step after.
        let rows = padded_rows(sequences.len());
        let mut output_gradient = Aligned::zeros(rows * stride);
        let mut memory_gradient = Aligned::zeros(rows * if C::HAS_MEMORY { stride } else { 0 });

        let mut end = steps.len();
        while end > 0 {
            let begin = chunk_before(&steps, end, n_rows);
            let first_row = steps[begin].first_row;
            let n = row_after(&steps, end, n_rows) - first_row;
            chunk.gather::<C, G>(layer, sequences, kept, &steps, begin..end, [x_stride, stride]);
            if recompute {
                let [output, memory] = &mut chunk.scratch;
                let after = After { output, memory, kept: Some(&mut chunk.gates), late: None };
                let before = Before { output: &chunk.output, memory: &chunk.memory };
                step::<S, C, G>(simd, layer, n, Rows { data: &chunk.x, stride: x_stride }, before, after);
            }
            chunk.slots.fill(0.0);
            chunk.bias.fill(0.0);
            for t in (begin..end).rev() {
                let TileStep { running, first_row: row_of_step } = steps[t];
                let local = row_of_step - first_row;
                for (row, sequence) in sequences[..running].iter().enumerate() {
                    let gates = match &kept.gates {
                        Some(gates) => &gates[(row_of_step + row) * KEPT * padded..],
                        None => &chunk.gates[(local + row) * KEPT * padded..],
                    };
                    let states = (local + row) * stride..(local + row) * stride + padded;
                    let (before, after) = if C::HAS_MEMORY {
                        (&chunk.memory[states.clone()], &chunk.memory_after[states])
                    } else {
                        (&chunk.output[states.clone()], &chunk.output[states])
                    };
                    let output = &mut output_gradient[row * stride..row * stride + padded];
                    let memory: &mut [f32] = if C::HAS_MEMORY {
                        &mut memory_gradient[row * stride..row * stride + padded]
                    } else {
                        &mut []
                    };
                    sequence.add_gradients(t * hidden..(t + 1) * hidden, output, memory);
                    let slots = &mut chunk.slots[(local + row) * slot_stride..][..KEPT * padded];
                    one_row::<S, C, G>(simd, gates, before, after, output, memory, slots, &mut chunk.bias);
                }
                simd.vectorize(AddProduct {
                    n: running,
                    rows: Rows { data: &chunk.slots[local * slot_stride..], stride: slot_stride },
                    matrix: &backward.to_output,
                    panels: backward.to_output.all(),
                    sums: &mut output_gradient,
                    sums_stride: stride,
                });
            }

            if let Some(sums) = &mut sums {
                sums.add_chunk::<S, C, G>(simd, layer, &chunk, n, [x_stride, stride, slot_stride]);
            }
            if sequences[0].row_gradients.is_some() {
                chunk.row_gradients.fill(0.0);
                simd.vectorize(AddProduct {
                    n,
                    rows: Rows { data: &chunk.slots[C::INPUT_SLOT * padded..], stride: slot_stride },
                    matrix: &backward.to_input,
                    panels: backward.to_input.all(),
                    sums: &mut chunk.row_gradients,
                    sums_stride: row_gradient_stride,
                });
                chunk.scatter(sequences, &steps, begin..end, input, row_gradient_stride);
            }
            end = begin;
        }
        for (row, sequence) in sequences.iter_mut().enumerate() {
            let place = row * stride..row * stride + hidden;
            sequence.initial_gradients[..hidden].copy_from_slice(&output_gradient[place.clone()]);
            if C::HAS_MEMORY {
                sequence.initial_gradients[hidden..].copy_from_slice(&memory_gradient[place]);
            }
        }
    }
}

/// The row after the last one of the steps before `end`.
fn row_after(steps: &[TileStep], end: usize, n_rows: usize) -> usize {
    steps.get(end).map_or(n_rows, |step| step.first_row)
}

/// The first of the steps that make up a chunk with the one before `end`.
fn chunk_before(steps: &[TileStep], end: usize, n_rows: usize) -> usize {
    let last = row_after(steps, end, n_rows);
    let mut begin = end - 1;
    while begin > 0 && last - steps[begin - 1].first_row <= CHUNK {
        begin -= 1;
    }
    begin
}

impl Chunk {
    fn new<C: Cell<G>, const G: usize>(
        layer: &PackedLayer,
        capacity: usize,
        recompute: bool,
        [x_stride, stride, slot_stride, row_gradient_stride]: [usize; 4],
    ) -> Self {
        // A row more than there are, for [`AddOuter`].
        let zeros = |width: usize| Aligned::zeros((capacity + 1) * width);
        let if_memory = |width: usize| if C::HAS_MEMORY { width } else { 0 };
        let if_recompute = |width: usize| if recompute { width } else { 0 };
        Self {
            x: zeros(x_stride),
            output: zeros(stride),
            memory: zeros(if_memory(stride)),
            memory_after: zeros(if_memory(stride)),
            gates: zeros(if_recompute(KEPT * layer.padded)),
            scratch: [zeros(if_recompute(stride)), zeros(if_recompute(if_memory(stride)))],
            slots: zeros(slot_stride),
            row_gradients: zeros(row_gradient_stride),
            bias: Aligned::zeros(KEPT * layer.padded),
        }
    }

    /// Gives the gradients of the rows to their sequences.
    fn scatter(
        &self,
        sequences: &mut [BackwardSequence<'_>],
        steps: &[TileStep],
        range: Range<usize>,
        input: usize,
        stride: usize,
    ) {
        let first_row = steps[range.start].first_row;
        for t in range {
            for (row, sequence) in sequences[..steps[t].running].iter_mut().enumerate() {
                let Some(gradients) = &mut sequence.row_gradients else { continue };
                let place = (steps[t].first_row - first_row + row) * stride;
                gradients[t * input..(t + 1) * input]
                    .copy_from_slice(&self.row_gradients[place..place + input]);
            }
        }
    }

    /// Fetches inputs and states of some steps.
    #[inline(always)]
    fn gather<C: Cell<G>, const G: usize>(
        &mut self,
        layer: &PackedLayer,
        sequences: &[BackwardSequence<'_>],
        kept: &Kept,
        steps: &[TileStep],
        range: Range<usize>,
        [x_stride, stride]: [usize; 2],
    ) {
        let &PackedLayer { input, hidden, padded, .. } = layer;
        let first_row = steps[range.start].first_row;
        for t in range {
            for (row, sequence) in sequences[..steps[t].running].iter().enumerate() {
                let kept_row = steps[t].first_row + row;
                let local = kept_row - first_row;
                self.x[local * x_stride..local * x_stride + input]
                    .copy_from_slice(&sequence.rows[t * input..(t + 1) * input]);
                let place = local * stride..local * stride + hidden;
                let output = match t {
                    0 => &sequence.initial[..hidden],
                    t => &sequence.outputs[(t - 1) * hidden..t * hidden],
                };
                self.output[place.clone()].copy_from_slice(output);
                if C::HAS_MEMORY {
                    let memory = match t {
                        0 => &sequence.initial[hidden..],
                        t => &kept.memory[(steps[t - 1].first_row + row) * padded..][..hidden],
                    };
                    self.memory[place.clone()].copy_from_slice(memory);
                    self.memory_after[place].copy_from_slice(&kept.memory[kept_row * padded..][..hidden]);
                }
            }
        }
    }
}

/// Backward through the gates of one row. `output` and `memory` hold the gradients after the step and receive those
/// before it, but for what goes through the recurrent product.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "all that a step knows of one row")]
fn one_row<S: Simd, C: Cell<G>, const G: usize>(
    simd: S,
    gates: &[f32],
    before: &[f32],
    after: &[f32],
    output: &mut [f32],
    memory: &mut [f32],
    slots: &mut [f32],
    bias: &mut [f32],
) {
    let blocks = before.len() / S::F32_LANES;
    let gates = &S::as_simd_f32s(gates).0[..KEPT * blocks];
    let before = &S::as_simd_f32s(before).0[..blocks];
    let after = &S::as_simd_f32s(after).0[..blocks];
    let output = &mut S::as_mut_simd_f32s(output).0[..blocks];
    let memory = S::as_mut_simd_f32s(memory).0;
    let slots = &mut S::as_mut_simd_f32s(slots).0[..KEPT * blocks];
    let bias = &mut S::as_mut_simd_f32s(bias).0[..KEPT * blocks];
    for block in 0..blocks {
        let mut kept = [simd.splat_f32s(0.0); KEPT];
        for slot in 0..KEPT {
            kept[slot] = gates[slot * blocks + block];
        }
        let from_memory = if C::HAS_MEMORY { memory[block] } else { simd.splat_f32s(0.0) };
        let gradient = C::backward(simd, kept, before[block], after[block], output[block], from_memory);
        output[block] = gradient.output;
        if C::HAS_MEMORY {
            memory[block] = gradient.memory;
        }
        for slot in 0..KEPT {
            let place = slot * blocks + block;
            slots[place] = gradient.slots[slot];
            bias[place] = simd.add_f32s(bias[place], gradient.slots[slot]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_all_steps_and_stay_small() {
        let (steps, n_rows) = steps(&[300, 41, 40, 40, 40, 7]);
        let mut end = steps.len();
        let mut n_chunks = 0;
        while end > 0 {
            let begin = chunk_before(&steps, end, n_rows);
            assert!(begin < end && row_after(&steps, end, n_rows) - steps[begin].first_row <= CHUNK);
            end = begin;
            n_chunks += 1;
        }
        assert!(n_chunks <= n_rows.div_ceil(CHUNK) * 2);
    }
}
