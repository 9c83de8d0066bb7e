//! A batch cut into tiles, and the tiles spread over threads.

use std::cmp::Reverse;
use std::marker::PhantomData;

use rayon::prelude::*;

use super::aligned::Aligned;
use super::cell::{Cell, KEPT};
use super::gradient::{BackwardLayer, BackwardSequence, Retreat, WeightGradients};
use super::product::ROWS;
use super::step::PackedLayer;
use super::tile::{Advance, Kept, Sequence, steps};
use crate::recurrent::isa::Vectors;

/// Sequences in a tile, in whole groups of rows. More would share the weights between more rows, fewer keep the states in
/// the first cache and the threads evenly loaded.
const TILE: usize = 4 * ROWS;
/// Gates that a forward pass keeps for the backward pass, in numbers: 256 MB. The others are computed again, which costs a
/// fifth of the training step.
const MAX_KEPT: usize = 1 << 26;

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
    tasks.into_par_iter().map(run).collect()
}

/// A ragged batch for [`advance`].
#[derive(Debug)]
pub struct Run<'a> {
    /// `[sum of lengths, input]`, the sequences one after the other.
    pub(in crate::recurrent) rows: &'a [f32],
    pub(in crate::recurrent) lengths: &'a [usize],
    /// `[sequence, layer, (output, memory), hidden]`, before and after.
    pub(in crate::recurrent) states: &'a mut [f32],
    /// `[sum of lengths, hidden]`, if wanted.
    pub(in crate::recurrent) outputs: Option<&'a mut [f32]>,
}

/// Runs a batch through some layers. With `keep`, of one layer alone, gives for each tile what [`retreat`] needs.
pub(in crate::recurrent) fn advance<C: Cell<G>, const G: usize>(
    vectors: Vectors,
    layers: &[PackedLayer],
    run: Run<'_>,
    keep: bool,
) -> Vec<Kept> {
    let Run { rows, lengths, states, outputs } = run;
    let PackedLayer { input, hidden, padded, .. } = layers[0];
    let begins = offsets(lengths);
    let mut states = Parts::new(states, lengths.iter().map(|_| layers.len() * C::STATES * hidden));
    let mut outputs = outputs.map(|outputs| Parts::new(outputs, lengths.iter().map(|n| n * hidden)));
    let mut room = MAX_KEPT;
    let mut tasks = Vec::new();
    for tile in tiles(lengths) {
        let sequence = |&index: &usize| Sequence {
            rows: &rows[begins[index] * input..(begins[index] + lengths[index]) * input],
            states: states.take(index),
            outputs: outputs.as_mut().map(|outputs| outputs.take(index)),
        };
        let sequences: Vec<Sequence<'_>> = tile.iter().map(sequence).collect();
        let kept = keep.then(|| {
            let (_, n_rows) = steps(&tile.iter().map(|&index| lengths[index]).collect::<Vec<_>>());
            let n_gates = n_rows * KEPT * padded;
            let has_room = n_gates <= room;
            room -= if has_room { n_gates } else { 0 };
            (n_rows, has_room)
        });
        tasks.push((sequences, kept));
    }
    let kept = spread(tasks, |(mut sequences, kept)| {
        let mut kept = kept.map(|(n_rows, has_room)| Kept {
            gates: has_room.then(|| Aligned::zeros(n_rows * KEPT * padded)),
            memory: Aligned::zeros(if C::HAS_MEMORY { n_rows * padded } else { 0 }),
        });
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
    /// What [`advance`] kept.
    pub(in crate::recurrent) kept: &'a [Kept],
    /// Receives the gradient of the rows, if wanted.
    pub(in crate::recurrent) row_gradients: Option<&'a mut [f32]>,
    /// Receives the gradient of `initial`; 0 for a sequence without steps.
    pub(in crate::recurrent) initial_gradients: &'a mut [f32],
}

/// Runs a batch backward through one layer: the gradient of its flat weights, `w_ih, w_hh, b_ih, b_hh`.
pub(in crate::recurrent) fn retreat<C: Cell<G>, const G: usize>(
    vectors: Vectors,
    layer: &PackedLayer,
    backward: &BackwardLayer,
    batch: BackwardBatch<'_>,
) -> Vec<f32> {
    let BackwardBatch { rows, lengths, initial, outputs, output_gradients, kept, .. } = batch;
    let PackedLayer { input, hidden, .. } = *layer;
    let state = hidden * C::STATES;
    let begins = offsets(lengths);
    let mut row_gradients =
        batch.row_gradients.map(|gradients| Parts::new(gradients, lengths.iter().map(|n| n * input)));
    let mut initial_gradients = Parts::new(batch.initial_gradients, lengths.iter().map(|_| state));
    let tile = |(tile, kept): (Vec<usize>, _)| {
        let sequence = |index: usize| {
            let steps = begins[index]..begins[index] + lengths[index];
            BackwardSequence {
                rows: &rows[steps.start * input..steps.end * input],
                initial: &initial[index * state..(index + 1) * state],
                outputs: &outputs[steps.start * hidden..steps.end * hidden],
                output_gradients: &output_gradients[steps.start * hidden..steps.end * hidden],
                row_gradients: row_gradients.as_mut().map(|gradients| gradients.take(index)),
                initial_gradients: initial_gradients.take(index),
            }
        };
        (tile.into_iter().map(sequence).collect::<Vec<_>>(), kept)
    };
    let tasks: Vec<(Vec<BackwardSequence<'_>>, &Kept)> =
        tiles(lengths).into_iter().zip(kept).map(tile).collect();
    let sums: Vec<WeightGradients> = spread(tasks, |(mut sequences, kept)| {
        let sequences = &mut sequences[..];
        vectors.run(Retreat::<C, G> { layer, backward, sequences, kept, cell: PhantomData })
    });
    // In double precision: there may be thousands of tiles.
    let mut flat = vec![0.0; G * hidden * (input + hidden + 2)];
    for sums in sums {
        sums.add_to::<C, G>(layer, vectors.lanes(), &mut flat);
    }
    flat.into_iter().map(|gradient| gradient as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
