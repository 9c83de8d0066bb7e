//! A step of one row of an LSTM whose last input is pending: all but that input is summed at once, the gates are finished
//! when it comes. To the last bit what [`LateStep`](super::step::LateStep) gives in a batch.

use pulp::{Simd, WithSimd};

use super::cell::{Cell, LstmCell, Sums};
use super::step::{PackedLayer, block_last_input};

/// Gates of an LSTM.
const GATES: usize = 4;
/// Blocks of units whose sums are in the registers together: as many as a product of one row takes at once.
const BLOCKS: usize = 3;

/// Sums the gates of a step without its last input, which is 0 in its row, and gives the output as if it stayed 0.
#[derive(Debug)]
pub struct BeginStep<'a> {
    pub(crate) layer: &'a PackedLayer,
    /// `[input]`
    pub(crate) row: &'a [f32],
    /// Output and memory `[hidden]` before the step.
    pub(crate) before: &'a [f32],
    pub(crate) memory: &'a [f32],
    /// Receives the sums `[gate, hidden]`, in PyTorch's order: they do not depend on the length of the machine's vectors.
    pub(crate) sums: &'a mut [f32],
    /// Receives the output `[hidden]`, if wanted.
    pub(crate) provisional: Option<&'a mut [f32]>,
    /// Reads the weights from their end. They are as many as the second cache holds: what the step before read last is still
    /// there, what it read first is not. Numbers are the same.
    pub(crate) from_the_end: bool,
}

/// Finishes a step with its last input.
#[derive(Debug)]
pub struct FinishStep<'a> {
    pub(crate) layer: &'a PackedLayer,
    /// `[gate, hidden]`, as [`BeginStep`] left them.
    pub(crate) sums: &'a [f32],
    /// None where nothing was pending.
    pub(crate) last_input: Option<f32>,
    /// The memory `[hidden]` before the step, which becomes that after it.
    pub(crate) memory: &'a mut [f32],
    /// Receives the output `[hidden]`.
    pub(crate) output: &'a mut [f32],
}

impl WithSimd for BeginStep<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let n_blocks = self.layer.padded / S::F32_LANES;
        let n_groups = n_blocks.div_ceil(BLOCKS);
        for group in 0..n_groups {
            let first = BLOCKS * if self.from_the_end { n_groups - 1 - group } else { group };
            match n_blocks - first {
                1 => self.blocks::<S, 1>(simd, first),
                2 => self.blocks::<S, 2>(simd, first),
                _ => self.blocks::<S, BLOCKS>(simd, first),
            }
        }
    }
}

impl BeginStep<'_> {
    #[inline(always)]
    fn blocks<S: Simd, const B: usize>(&mut self, simd: S, first: usize) {
        let Self { layer, row, before, memory, sums, provisional, .. } = self;
        let [of_blocks] = layer.gates.sums::<S, LstmCell, GATES, 1, B>(simd, first, [row], [before]);
        let mut memories = [simd.splat_f32s(0.0); B];
        for b in 0..B {
            for (sums, sum) in sums.chunks_exact_mut(layer.hidden).zip(of_blocks[b].gates) {
                store(simd, sums, first + b, sum);
            }
            memories[b] = load(simd, memory, first + b);
        }
        if let Some(provisional) = provisional {
            let updates = LstmCell::update(simd, of_blocks, memories);
            for b in 0..B {
                store(simd, provisional, first + b, updates[b].output);
            }
        }
    }
}

impl WithSimd for FinishStep<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, sums, last_input, memory, output } = self;
        for block in 0..layer.padded / S::F32_LANES {
            let mut of_block = Sums::nothing(simd);
            for (of_block, sums) in of_block.gates.iter_mut().zip(sums.chunks_exact(layer.hidden)) {
                *of_block = load(simd, sums, block);
            }
            if let Some(input) = last_input {
                let (weights, input) = (block_last_input::<S, GATES>(layer, block), simd.splat_f32s(input));
                LstmCell::add_input(simd, &mut of_block, weights, input);
            }
            let [update] = LstmCell::update(simd, [of_block], [load(simd, memory, block)]);
            store(simd, memory, block, update.memory);
            store(simd, output, block, update.output);
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
    fn steps_of_one_row_are_those_of_a_batch_to_the_last_bit() {
        // Whole vectors, and units that end within one.
        for (input, hidden) in [(3, 21), (5, 64), (1, 1)] {
            let (w_ih, w_hh) = (numbers(GATES * hidden * input, 1), numbers(GATES * hidden * hidden, 2));
            let (b_ih, b_hh) = (numbers(GATES * hidden, 3), numbers(GATES * hidden, 4));
            let weights = Weights { input, hidden, w_ih: &w_ih, w_hh: &w_hh, b_ih: &b_ih, b_hh: &b_hh };
            for isa in Isa::available() {
                let vectors = Vectors::checked(isa).unwrap();
                let layer = PackedLayer::new::<LstmCell, GATES>(&weights, vectors.lanes());
                let (lengths, n_rows) = ([6, 4], 10);
                let (mut rows, last) = (numbers(n_rows * input, 9), numbers(n_rows, 5));
                rows.iter_mut().skip(input - 1).step_by(input).for_each(|x| *x = 0.0);
                let mut outputs = vec![0.0; n_rows * hidden];
                let mut provisional = outputs.clone();
                let run = Run {
                    rows: &rows,
                    lengths: &lengths,
                    states: &mut vec![0.0; lengths.len() * 2 * hidden],
                    outputs: Some(&mut outputs),
                    memories: None,
                    late: Some(RunLate { inputs: &last, provisional: &mut provisional }),
                };
                advance::<LstmCell, GATES>(vectors, std::slice::from_ref(&layer), run, None);

                let mut step = 0;
                for length in lengths {
                    let (mut sums, mut memory) = (vec![0.0; GATES * hidden], vec![0.0; hidden]);
                    let (mut output, mut newest) = (vec![0.0; hidden], vec![0.0; hidden]);
                    for _ in 0..length {
                        vectors.run(BeginStep {
                            layer: &layer,
                            row: &rows[step * input..(step + 1) * input],
                            before: &output,
                            memory: &memory,
                            sums: &mut sums,
                            provisional: Some(&mut newest),
                            from_the_end: step % 3 == 1,
                        });
                        vectors.run(FinishStep {
                            layer: &layer,
                            sums: &sums,
                            last_input: Some(last[step]),
                            memory: &mut memory,
                            output: &mut output,
                        });
                        let at = step * hidden..(step + 1) * hidden;
                        assert_eq!(
                            (&newest[..], &output[..]),
                            (&provisional[at.clone()], &outputs[at]),
                            "{isa}"
                        );
                        step += 1;
                    }
                }
            }
        }
    }
}
