//! From the sums of gates to the states after a step.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::activation::each;
use super::cell::{Cell, KEPT, Sums};
use super::step::PackedLayer;

/// Vectors whose gates are activated together.
const TOGETHER: usize = 4;

/// Vectors of units one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Places {
    /// One block of row after row.
    RowsOf { block: usize },
    /// Block after block of a single row.
    Blocks,
}

impl Places {
    /// Row and block of one of them.
    #[inline(always)]
    pub(super) fn at(self, index: usize) -> (usize, usize) {
        match self {
            Self::RowsOf { block } => (index, block),
            Self::Blocks => (0, index),
        }
    }
}

/// From the sums of some vectors of units to their states. A call of its own, because its code is long.
pub(super) struct Finish<'a, C, const G: usize> {
    pub(super) layer: &'a PackedLayer,
    pub(super) places: Places,
    /// [`Sums`] for each place.
    pub(super) sums: &'a [f32],
    /// The memory before, or the output of a cell without.
    pub(super) before: &'a [f32],
    pub(super) output: &'a mut [f32],
    pub(super) memory: Option<&'a mut [f32]>,
    pub(super) kept: Option<&'a mut [f32]>,
    pub(super) cell: PhantomData<C>,
}

impl<C: Cell<G>, const G: usize> WithSimd for Finish<'_, C, G> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, places, sums, before, output, mut memory, mut kept, .. } = self;
        let stride = layer.state_stride();
        let vectors = S::as_simd_f32s(sums).0;
        let n = vectors.len() / (G + 1);
        for first in (0..n).step_by(TOGETHER) {
            let mut sums = [Sums::nothing(simd); TOGETHER];
            let mut at = [(0, 0); TOGETHER];
            for w in 0..TOGETHER {
                // The last ones are filled up with the last one, again.
                let index = (first + w).min(n - 1);
                at[w] = places.at(index);
                sums[w] = Sums::read(simd, &vectors[index * (G + 1)..(index + 1) * (G + 1)]);
            }
            let memories =
                each!(simd, w < TOGETHER => S::as_simd_f32s(&before[place::<S>(at[w], stride)]).0[0]);
            let updates = C::update(simd, sums, memories);
            for w in 0..TOGETHER {
                store::<S>(output, place::<S>(at[w], stride), updates[w].output);
                if let Some(memory) = &mut memory {
                    store::<S>(memory, place::<S>(at[w], stride), updates[w].memory);
                }
                if let Some(kept) = &mut kept {
                    let (row, block) = at[w];
                    for slot in 0..KEPT {
                        let place = place::<S>((row * KEPT + slot, block), layer.padded);
                        store::<S>(kept, place, updates[w].kept[slot]);
                    }
                }
            }
        }
    }
}

/// Where a block of a row begins and ends.
#[inline(always)]
fn place<S: Simd>((row, block): (usize, usize), stride: usize) -> Range<usize> {
    let begin = row * stride + block * S::F32_LANES;
    begin..begin + S::F32_LANES
}

#[inline(always)]
fn store<S: Simd>(numbers: &mut [f32], place: Range<usize>, vector: S::f32s) {
    S::as_mut_simd_f32s(&mut numbers[place]).0[0] = vector;
}
