//! A batch cut into tiles, and the tiles spread over threads.

use std::cmp::Reverse;
use std::marker::PhantomData;

use rayon::prelude::*;

use super::cell::{Cell, KEPT};
use super::gradient::{BackwardLayer, BackwardSequence, Retreat, WeightGradients};
use super::product::ROWS;
use super::spare::Spare;
use super::step::PackedLayer;
use super::tile::{Advance, Kept, Late, Sequence, steps};
use crate::recurrent::isa::Vectors;

/// Sequences in a tile, in whole groups of rows. More would share the weights between more rows, fewer keep the states in
/// the first cache and the threads evenly loaded.
const TILE: usize = 4 * ROWS;
/// Gates that a forward pass keeps for the backward pass, in numbers: 256 MB. The others are computed again, which costs a
/// fifth of the training step.
const MAX_KEPT: usize = 1 << 26;
/// Rows whose weight gradients are summed in one place, at least, where the batch has as many.
const GROUP_ROWS: usize = 512;

/// The positions of the sequences that have steps, the longest first, cut into tiles. They depend on the
/// lengths alone: the sums over tiles are then the same on any number of threads.
fn tiles(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).filter(|&index| lengths[index] > 0).collect();
    order.sort_by_key(|&index| Reverse(lengths[index])); // stable
    order.chunks(TILE).map(<[usize]>::to_vec).collect()
}

/// A batch cut into one part for each sequence, to be taken in any order.
struct Parts<'a>(Vec<Option<&'a mut [f32]>>);

impl<'a> Parts<'a> {
    fn new(mut data: &'a mut [f32], sizes: impl Iterator<Item = usize>) -> Self {
        let part = |size| {
            let (part, rest) = std::mem::take(&mut data).split_at_mut(size);
            data = rest;
            Some(part)
        };
        Self(sizes.map(part).collect())
    }

    fn take(&mut self, index: usize) -> &'a mut [f32] {
        self.0[index].take().expect("each sequence is in one tile")
    }
}

/// Where each sequence's part begins.
fn offsets(lengths: &[usize]) -> Vec<usize> {
    let mut end = 0;
    let begin = |&length: &usize| {
        end += length;
        end - length
    };
    lengths.iter().map(begin).collect()
}

/// Runs tasks on the threads that there are, or here when there is only one task.
fn spread<T: Send, R: Send>(tasks: Vec<T>, run: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    if tasks.len() < 2 {
        return tasks.into_iter().map(run).collect();
    }
    // One by one, because the first ones are the longest.
    tasks.into_par_iter().with_max_len(1).map(run).collect()
}

/// A ragged batch for [`advance`].
#[derive(Debug)]
pub struct Run<'a> {
    /// `[sum of lengths, input]`, the sequences one after the other.
    pub(crate) rows: &'a [f32],
    pub(crate) lengths: &'a [usize],
    /// `[sequence, layer, (output, memory), hidden]`, before and after.
    pub(crate) states: &'a mut [f32],
    /// `[sum of lengths, hidden]`, if wanted.
    pub(crate) outputs: Option<&'a mut [f32]>,
    /// The last layer's memories `[sum of lengths, hidden]`, if wanted; left as they are by a cell without.
    pub(crate) memories: Option<&'a mut [f32]>,
    /// For one layer alone.
    pub(crate) late: Option<RunLate<'a>>,
}

/// The last input column, when each number of it becomes known only after its step: it is 0 in the rows, and the states
/// take it in afterwards.
#[derive(Debug)]
pub struct RunLate<'a> {
    /// `[sum of lengths]`
    pub(crate) inputs: &'a [f32],
    /// `[sum of lengths, hidden]`: receives the outputs without it.
    pub(crate) provisional: &'a mut [f32],
}

/// Runs a batch through some layers. Given memory for it, and for one layer alone, gives for each tile what [`retreat`] needs.
pub(in crate::recurrent) fn advance<C: Cell<G>, const G: usize>(
    vectors: Vectors,
    layers: &[PackedLayer],
    run: Run<'_>,
    keep: Option<&Spare>,
) -> Vec<Kept> {
    let Run { rows, lengths, states, outputs, memories, late } = run;
    let PackedLayer { input, hidden, padded, .. } = layers[0];
    let begins = offsets(lengths);
    let mut states = Parts::new(states, lengths.iter().map(|_| layers.len() * C::STATES * hidden));
    let by_step = |numbers| Parts::new(numbers, lengths.iter().map(|n| n * hidden));
    let (mut outputs, mut memories) = (outputs.map(by_step), memories.map(by_step));
    let mut late = late.map(|late| (late.inputs, by_step(late.provisional)));
    let mut room = MAX_KEPT;
    let mut tasks = Vec::new();
    for tile in tiles(lengths) {
        let sequence = |&index: &usize| Sequence {
            rows: &rows[begins[index] * input..(begins[index] + lengths[index]) * input],
            states: states.take(index),
            outputs: outputs.as_mut().map(|outputs| outputs.take(index)),
            memories: memories.as_mut().map(|memories| memories.take(index)),
            late: late.as_mut().map(|(inputs, provisional)| Late {
                inputs: &inputs[begins[index]..begins[index] + lengths[index]],
                provisional: provisional.take(index),
            }),
        };
        let sequences: Vec<Sequence<'_>> = tile.iter().map(sequence).collect();
        let kept = keep.map(|spare| {
            let (_, n_rows) = steps(&tile.iter().map(|&index| lengths[index]).collect::<Vec<_>>());
            let n_gates = n_rows * KEPT * padded;
            let has_room = n_gates <= room;
            room -= if has_room { n_gates } else { 0 };
            Kept {
                gates: has_room.then(|| spare.take(n_gates)),
                memory: spare.take(if C::HAS_MEMORY { n_rows * padded } else { 0 }),
                spare: spare.clone(),
            }
        });
        tasks.push((sequences, kept));
    }
    let kept = spread(tasks, |(mut sequences, mut kept)| {
        let sequences = &mut sequences[..];
        vectors.run(Advance::<C, G> { layers, sequences, kept: kept.as_mut(), cell: PhantomData });
        kept
    });
    kept.into_iter().flatten().collect()
}

/// A ragged batch and what came of it, for [`retreat`].
#[derive(Debug)]
pub struct BackwardBatch<'a> {
    pub(in crate::recurrent) rows: &'a [f32],
    pub(in crate::recurrent) lengths: &'a [usize],
    /// `[sequence, (output, memory), hidden]` before the first step.
    pub(in crate::recurrent) initial: &'a [f32],
    /// `[sum of lengths, hidden]`, and the gradient of them.
    pub(in crate::recurrent) outputs: &'a [f32],
    pub(in crate::recurrent) output_gradients: &'a [f32],
    /// `[sum of lengths, hidden]`: the gradient of the memories after every step, if anything depends on them.
    pub(in crate::recurrent) memory_gradients: Option<&'a [f32]>,
    /// What [`advance`] kept.
    pub(in crate::recurrent) kept: &'a [Kept],
    /// Whether the gradient of the weights is wanted.
    pub(in crate::recurrent) of_weights: bool,
    /// Receives the gradient of the rows, if wanted.
    pub(in crate::recurrent) row_gradients: Option<&'a mut [f32]>,
    /// Receives the gradient of `initial`; 0 for a sequence without steps.
    pub(in crate::recurrent) initial_gradients: &'a mut [f32],
}

/// Runs a batch backward through one layer: the gradient of its flat weights, `w_ih, w_hh, b_ih, b_hh`, if wanted.
pub(in crate::recurrent) fn retreat<C: Cell<G>, const G: usize>(
    vectors: Vectors,
    layer: &PackedLayer,
    backward: &BackwardLayer,
    batch: BackwardBatch<'_>,
) -> Option<Vec<f32>> {
    let BackwardBatch {
        rows,
        lengths,
        initial,
        outputs,
        output_gradients,
        memory_gradients,
        kept,
        of_weights,
        ..
    } = batch;
    let PackedLayer { input, hidden, .. } = *layer;
    let state = hidden * C::STATES;
    let begins = offsets(lengths);
    let mut row_gradients =
        batch.row_gradients.map(|gradients| Parts::new(gradients, lengths.iter().map(|n| n * input)));
    let mut initial_gradients = Parts::new(batch.initial_gradients, lengths.iter().map(|_| state));
    let mut tile = |(tile, kept): (Vec<usize>, _)| {
        let sequence = |index: usize| {
            let steps = begins[index]..begins[index] + lengths[index];
            BackwardSequence {
                rows: &rows[steps.start * input..steps.end * input],
                initial: &initial[index * state..(index + 1) * state],
                outputs: &outputs[steps.start * hidden..steps.end * hidden],
                output_gradients: &output_gradients[steps.start * hidden..steps.end * hidden],
                memory_gradients: memory_gradients
                    .map(|gradients| &gradients[steps.start * hidden..steps.end * hidden]),
                row_gradients: row_gradients.as_mut().map(|gradients| gradients.take(index)),
                initial_gradients: initial_gradients.take(index),
            }
        };
        (tile.into_iter().map(sequence).collect::<Vec<_>>(), kept)
    };
    // Short tiles share their sums, which are as large as the weights.
    let mut tasks: Vec<Vec<(Vec<BackwardSequence<'_>>, &Kept)>> = Vec::new();
    let mut n_rows = GROUP_ROWS;
    for (positions, kept) in tiles(lengths).into_iter().zip(kept) {
        if n_rows >= GROUP_ROWS {
            tasks.push(Vec::new());
            n_rows = 0;
        }
        n_rows += positions.iter().map(|&index| lengths[index]).sum::<usize>();
        tasks.last_mut().expect("pushed above").push(tile((positions, kept)));
    }
    let sums = spread(tasks, |group| {
        let mut sums = of_weights.then(|| WeightGradients::zeros::<G>(layer, vectors.lanes()));
        for (mut sequences, kept) in group {
            let sequences = &mut sequences[..];
            let sums = sums.as_mut();
            vectors.run(Retreat::<C, G> { layer, backward, sequences, kept, sums, cell: PhantomData });
        }
        sums
    });
    if !of_weights {
        return None;
    }
    // In double precision: there may be thousands of them.
    let mut flat = vec![0.0; G * hidden * (input + hidden + 2)];
    for sums in sums.into_iter().flatten() {
        sums.add_to::<C, G>(layer, vectors.lanes(), &mut flat);
    }
    Some(flat.into_iter().map(|gradient| gradient as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::super::cell::{GruCell, LstmCell};
    use super::super::step::Weights;
    use super::*;
    use crate::Isa;

    #[test]
    fn tiles_hold_each_sequence_once_by_falling_length() {
        let lengths: Vec<usize> = (0..100).map(|i| i * 37 % 60).collect();
        let tiles = tiles(&lengths);
        assert!(tiles.iter().all(|tile| tile.len() <= TILE));
        let order: Vec<usize> = tiles.concat();
        assert!(order.windows(2).all(|pair| lengths[pair[0]] >= lengths[pair[1]]));
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).filter(|&i| lengths[i] > 0).collect::<Vec<_>>());
        assert!(super::tiles(&[0, 0]).is_empty());
    }

    /// A last input column that comes late gives the states that it gives in time, and outputs as if it were 0.
    fn late_column<C: Cell<G>, const G: usize>() {
        let (input, hidden) = (3, 21);
        let numbers =
            |n: usize, seed: usize| -> Vec<f32> { (0..n).map(|i| ((i + seed) as f32 * 0.7).sin()).collect() };
        let (w_ih, w_hh) = (numbers(G * hidden * input, 1), numbers(G * hidden * hidden, 2));
        let (b_ih, b_hh) = (numbers(G * hidden, 3), numbers(G * hidden, 4));
        let w_hh: Vec<f32> = w_hh.iter().map(|w| w / 4.0).collect();
        let weights = Weights { input, hidden, w_ih: &w_ih, w_hh: &w_hh, b_ih: &b_ih, b_hh: &b_hh };
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-6);
        for isa in Isa::available() {
            let vectors = Vectors::checked(isa).unwrap();
            let layer = [PackedLayer::new::<C, G>(&weights, vectors.lanes())];
            for lengths in [&[1][..], &[5], &[4, 9, 1, 0, 3, 3, 2]] {
                let n_rows: usize = lengths.iter().sum();
                let rows = numbers(n_rows * input, 9);
                let run = |rows: &[f32], states: &mut [f32], lengths: &[usize], late: Option<RunLate<'_>>| {
                    let n = rows.len() / input * hidden;
                    let (mut outputs, mut memories) = (vec![0.0; n], vec![0.0; n]);
                    let (outputs_of, memories_of) = (Some(&mut outputs[..]), Some(&mut memories[..]));
                    let run = Run { rows, lengths, states, outputs: outputs_of, memories: memories_of, late };
                    advance::<C, G>(vectors, &layer, run, None);
                    (outputs, memories)
                };
                let width = hidden * C::STATES;
                let mut in_time = numbers(lengths.len() * width, 8);
                let (mut late, initial) = (in_time.clone(), in_time.clone());
                let (outputs, memories) = run(&rows, &mut in_time, lengths, None);
                let mut without = rows.clone();
                without.iter_mut().skip(input - 1).step_by(input).for_each(|x| *x = 0.0);
                let inputs: Vec<f32> = rows.iter().skip(input - 1).step_by(input).copied().collect();
                let mut provisional = vec![0.0; n_rows * hidden];
                let column = RunLate { inputs: &inputs, provisional: &mut provisional };
                let (late_outputs, late_memories) = run(&without, &mut late, lengths, Some(column));
                assert!(close(&late_outputs, &outputs) && close(&late_memories, &memories), "{isa}");
                assert!(close(&late, &in_time), "{isa}");

                // From every state, one step without the column.
                let mut starts = Vec::new();
                for ((begin, &length), initial) in
                    offsets(lengths).into_iter().zip(lengths).zip(initial.chunks_exact(width))
                {
                    for step in begin..begin + length {
                        if step == begin {
                            starts.extend(initial);
                            continue;
                        }
                        let before = (step - 1) * hidden..step * hidden;
                        starts.extend(&late_outputs[before.clone()]);
                        starts.extend(&late_memories[before][..width - hidden]);
                    }
                }
                let (expected, _) = run(&without, &mut starts, &vec![1; n_rows], None);
                assert_eq!(provisional, expected, "{isa}, {lengths:?}");
            }
        }
    }

    #[test]
    fn a_column_may_come_late() {
        late_column::<GruCell, 3>();
        late_column::<LstmCell, 4>();
    }
}
