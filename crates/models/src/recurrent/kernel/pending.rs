//! A step of an LSTM whose last input is pending: all but that input is summed at once, the gates are finished
//! when it comes. To the last bit what [`LateStep`](super::step::LateStep) gives in a batch.

use pulp::{Simd, WithSimd};

use super::activation::each;
use super::cell::{Cell, LstmCell, Sums};
use super::step::{PackedLayer, block_last_input};

/// Gates of an LSTM.
const GATES: usize = <LstmCell as crate::CellKind>::GATES;
/// Blocks of units whose sums are in the registers together: as many as a product of one row takes at once.
const BLOCKS: usize = 3;
/// Vectors whose gates are activated together.
const TOGETHER: usize = 4;

/// Sums the gates of a step of some rows without their last input, which is 0 in them, and gives the outputs as if it stayed
/// 0.
#[derive(Debug)]
pub struct BeginSteps<'t, 'a> {
    pub(crate) layer: &'t PackedLayer,
    pub(crate) rows: &'t mut [BeginRow<'a>],
    /// Whether a single row reads the weights from their end. They are as many as the second cache holds: what the step
    /// before read last is still there, what it read first is not. Numbers are the same.
    pub(crate) from_the_end: bool,
}

/// One row of [`BeginSteps`].
#[derive(Debug)]
pub struct BeginRow<'a> {
    /// `[input]`
    pub(crate) input: &'a [f32],
    /// Output and memory `[hidden]` before the step.
    pub(crate) before: &'a [f32],
    pub(crate) memory: &'a [f32],
    /// Receives the sums `[gate, hidden]`, in PyTorch's order: they do not depend on the length of the machine's vectors.
    pub(crate) sums: &'a mut [f32],
    /// Receives the output `[hidden]`, if wanted.
    pub(crate) provisional: Option<&'a mut [f32]>,
}

/// Finishes a step with its last input.
#[derive(Debug)]
pub struct FinishStep<'a> {
    pub(crate) layer: &'a PackedLayer,
    /// `[gate, hidden]`, as [`BeginSteps`] left them.
    pub(crate) sums: &'a [f32],
    /// None where nothing was pending.
    pub(crate) last_input: Option<f32>,
    /// The memory `[hidden]` before the step, which becomes that after it.
    pub(crate) memory: &'a mut [f32],
    /// Receives the output `[hidden]`.
    pub(crate) output: &'a mut [f32],
}

impl WithSimd for BeginSteps<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match (self.rows.len(), S::REGISTER_COUNT >= 32) {
            (0, _) => {}
            (1, _) => self.row(simd),
            (_, false) => self.rows::<S, 3>(simd),
            (_, true) => self.rows::<S, 6>(simd),
        }
    }
}

impl BeginSteps<'_, '_> {
    /// A single row takes several blocks at a time.
    #[inline(always)]
    fn row<S: Simd>(&mut self, simd: S) {
        let n_blocks = self.layer.padded / S::F32_LANES;
        let n_groups = n_blocks.div_ceil(BLOCKS);
        for group in 0..n_groups {
            let block = BLOCKS * if self.from_the_end { n_groups - 1 - group } else { group };
            match n_blocks - block {
                1 => self.sum::<S, 1, 1>(simd, 0, block),
                2 => self.sum::<S, 1, 2>(simd, 0, block),
                _ => self.sum::<S, 1, BLOCKS>(simd, 0, block),
            }
        }
    }

    /// Several rows, `R` at a time: a block's weights stay in the nearest caches while all rows go by.
    #[inline(always)]
    fn rows<S: Simd, const R: usize>(&mut self, simd: S) {
        for block in 0..self.layer.padded / S::F32_LANES {
            for first in (0..self.rows.len()).step_by(R) {
                self.sum::<S, R, 1>(simd, first, block);
            }
        }
    }

    /// Sums `B` blocks of `R` rows.
    #[inline(always)]
    fn sum<S: Simd, const R: usize, const B: usize>(&mut self, simd: S, first: usize, block: usize) {
        let Self { layer, rows, .. } = self;
        let (mut inputs, mut before) = ([&[][..]; R], [&[][..]; R]);
        for m in 0..R {
            // The last group is filled up with the last row, again.
            let row = &rows[(first + m).min(rows.len() - 1)];
            (inputs[m], before[m]) = (row.input, row.before);
        }
        let of_rows = layer.gates.sums::<S, LstmCell, GATES, R, B>(simd, block, inputs, before);
        for (row, of_blocks) in rows[first..].iter_mut().zip(of_rows) {
            for (sums, gate) in row.sums.chunks_exact_mut(layer.hidden).zip(0..GATES) {
                for b in 0..B {
                    store(simd, sums, block + b, of_blocks[b].gates[gate]);
                }
            }
            // At once: the gates of these blocks are finished while the weights of the next ones arrive.
            if let Some(provisional) = &mut row.provisional {
                let memories = each!(simd, b < B => load(simd, row.memory, block + b));
                let updates = LstmCell::update(simd, of_blocks, memories);
                for b in 0..B {
                    store(simd, provisional, block + b, updates[b].output);
                }
            }
        }
    }
}

impl WithSimd for FinishStep<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, sums, last_input, memory, output } = self;
        let n_blocks = layer.padded / S::F32_LANES;
        for first in (0..n_blocks).step_by(TOGETHER) {
            // The last group is filled up with the last block, again.
            let mut blocks = [n_blocks - 1; TOGETHER];
            let mut of_blocks = [Sums::nothing(simd); TOGETHER];
            for w in 0..TOGETHER {
                blocks[w] = blocks[w].min(first + w);
                for (gate, sums) in of_blocks[w].gates.iter_mut().zip(sums.chunks_exact(layer.hidden)) {
                    *gate = load(simd, sums, blocks[w]);
                }
                if let Some(input) = last_input {
                    let weights = block_last_input::<S, GATES>(layer, blocks[w]);
                    LstmCell::add_input(simd, &mut of_blocks[w], weights, simd.splat_f32s(input));
                }
            }
            let memories = each!(simd, w < TOGETHER => load(simd, memory, blocks[w]));
            let updates = LstmCell::update(simd, of_blocks, memories);
            for w in 0..TOGETHER {
                store(simd, memory, blocks[w], updates[w].memory);
                store(simd, output, blocks[w], updates[w].output);
            }
        }
    }
}

/// One vector of a row of units, which may end within it.
#[inline(always)]
fn load<S: Simd>(simd: S, row: &[f32], block: usize) -> S::f32s {
    let (vectors, rest) = S::as_simd_f32s(row);
    vectors.get(block).copied().unwrap_or_else(|| simd.partial_load_f32s(rest))
}

/// The other way.
#[inline(always)]
fn store<S: Simd>(simd: S, row: &mut [f32], block: usize, vector: S::f32s) {
    let (vectors, rest) = S::as_mut_simd_f32s(row);
    match vectors.get_mut(block) {
        Some(place) => *place = vector,
        None => simd.partial_store_f32s(rest, vector),
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::{Run, RunLate, advance};
    use super::super::step::Weights;
    use super::*;
    use crate::Isa;
    use crate::recurrent::isa::Vectors;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i + seed) as f32 * 0.7).sin()).collect()
    }

    #[test]
    fn steps_are_those_of_a_batch_to_the_last_bit() {
        // Whole vectors, and units that end within one; groups of rows of all sizes.
        for ((input, hidden), n) in [((3, 21), 1), ((3, 21), 5), ((5, 64), 7), ((1, 1), 2), ((2, 100), 12)] {
            let (w_ih, w_hh) = (numbers(GATES * hidden * input, 1), numbers(GATES * hidden * hidden, 2));
            let (b_ih, b_hh) = (numbers(GATES * hidden, 3), numbers(GATES * hidden, 4));
            let weights = Weights { input, hidden, w_ih: &w_ih, w_hh: &w_hh, b_ih: &b_ih, b_hh: &b_hh };
            for isa in Isa::available() {
                let vectors = Vectors::checked(isa).unwrap();
                let layer = PackedLayer::new::<LstmCell, GATES>(&weights, vectors.lanes());
                let n_steps = 6;
                let (mut rows, last) = (numbers(n * n_steps * input, 9), numbers(n * n_steps, 5));
                rows.iter_mut().skip(input - 1).step_by(input).for_each(|x| *x = 0.0);
                let mut outputs = vec![0.0; n * n_steps * hidden];
                let mut provisional = outputs.clone();
                let run = Run {
                    rows: &rows,
                    lengths: &vec![n_steps; n],
                    states: &mut vec![0.0; n * 2 * hidden],
                    outputs: Some(&mut outputs),
                    memories: None,
                    late: Some(RunLate { inputs: &last, provisional: &mut provisional }),
                };
                advance::<LstmCell, GATES>(vectors, std::slice::from_ref(&layer), run, None);

                let mut sums = vec![0.0; n * GATES * hidden];
                let mut memories = vec![0.0; n * hidden];
                let mut before = vec![0.0; n * hidden];
                for step in 0..n_steps {
                    let place = |sequence: usize, width: usize| {
                        (sequence * n_steps + step) * width..(sequence * n_steps + step + 1) * width
                    };
                    let mut newest = vec![0.0; n * hidden];
                    let states = before.chunks_exact(hidden).zip(memories.chunks_exact(hidden));
                    let places = sums.chunks_exact_mut(GATES * hidden).zip(newest.chunks_exact_mut(hidden));
                    let begin = |(sequence, ((before, memory), (sums, newest)))| BeginRow {
                        input: &rows[place(sequence, input)],
                        before,
                        memory,
                        sums,
                        provisional: Some(newest),
                    };
                    let mut begun: Vec<_> = states.zip(places).enumerate().map(begin).collect();
                    let from_the_end = step % 3 == 1;
                    vectors.run(BeginSteps { layer: &layer, rows: &mut begun, from_the_end });

                    let sums = sums.chunks_exact(GATES * hidden);
                    let states = memories.chunks_exact_mut(hidden).zip(before.chunks_exact_mut(hidden));
                    for (sequence, (sums, (memory, output))) in sums.zip(states).enumerate() {
                        let layer = &layer;
                        let newest = &newest[sequence * hidden..(sequence + 1) * hidden];
                        assert_eq!(*newest, provisional[place(sequence, hidden)], "{isa}");
                        let last_input = Some(last[sequence * n_steps + step]);
                        vectors.run(FinishStep { layer, sums, last_input, memory, output });
                        assert_eq!(*output, outputs[place(sequence, hidden)], "{isa}");
                    }
                }
            }
        }
    }
}
