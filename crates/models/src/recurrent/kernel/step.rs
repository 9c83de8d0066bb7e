//! One step of one layer for some sequences.

use std::marker::PhantomData;

use pulp::{Simd, WithSimd};

use super::aligned::{Aligned, row_stride};
use super::cell::{Cell, KEPT};
use super::product::{AddProduct, Panels, Rows, VECTORS, padded_rows};

/// The weights of one layer as PyTorch has them: gates one after the other, `[gates x hidden, ...]` row-major.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    pub(crate) input: usize,
    pub(crate) hidden: usize,
    pub(crate) w_ih: &'a [f32],
    pub(crate) w_hh: &'a [f32],
    pub(crate) b_ih: &'a [f32],
    pub(crate) b_hh: &'a [f32],
}

/// The same, packed for vectors of a certain length: units in blocks of one vector, each gate's weights of a block side
/// by side.
#[derive(Debug)]
pub struct PackedLayer {
    pub(crate) input: usize,
    pub(crate) hidden: usize,
    /// `hidden` rounded up to whole vectors; the units beyond stay 0.
    pub(crate) padded: usize,
    pub(super) w_ih: Panels,
    pub(super) w_hh: Panels,
    /// `[block][gates + 1][lane]`: what the sums begin with, and what [`Cell::between`] is given.
    bias: Aligned,
    /// `[block][gate][lane]`: the weights of the last input column, for when it comes late.
    last_input: Aligned,
}

impl PackedLayer {
    pub(crate) fn new<C: Cell<G>, const G: usize>(weights: &Weights<'_>, lanes: usize) -> Self {
        let &Weights { input, hidden, .. } = weights;
        let padded = hidden.next_multiple_of(lanes);
        let gates = |depth: usize, w: &[f32]| {
            Panels::pack(depth, G * padded, lanes, |k, column| {
                let (block, gate, lane) = (column / lanes / G, column / lanes % G, column % lanes);
                let unit = block * lanes + lane;
                if unit < hidden { w[(gate * hidden + unit) * depth + k] } else { 0.0 }
            })
        };
        let mut bias = Aligned::zeros((G + 1) * padded);
        for unit in 0..hidden {
            let place = |row: usize| (unit / lanes * (G + 1) + row) * lanes + unit % lanes;
            for gate in 0..G {
                bias[place(gate)] = weights.b_ih[gate * hidden + unit];
                // One sum for both products, or one each.
                let shared = C::RECURRENT_SLOTS[gate] == C::INPUT_SLOT + gate;
                bias[place(if shared { gate } else { G })] += weights.b_hh[gate * hidden + unit];
            }
        }
        let mut last_input = Aligned::zeros(G * padded);
        for (unit, gate) in (0..hidden).flat_map(|unit| (0..G).map(move |gate| (unit, gate))) {
            last_input[(unit / lanes * G + gate) * lanes + unit % lanes] =
                weights.w_ih[(gate * hidden + unit) * input + input - 1];
        }
        Self {
            input,
            hidden,
            padded,
            w_ih: gates(input, weights.w_ih),
            w_hh: gates(hidden, weights.w_hh),
            bias,
            last_input,
        }
    }

    /// Distance between rows of states.
    pub(crate) fn state_stride(&self) -> usize {
        row_stride(self.padded)
    }
}

/// The states before a step, a row for each sequence, [`PackedLayer::state_stride`] apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    pub(crate) output: &'a [f32],
    /// Empty for a cell without memory.
    pub(crate) memory: &'a [f32],
}

/// Where a step's results go: the states as they came, and what the backward pass needs, rows of [`KEPT`] times
/// [`PackedLayer::padded`].
#[derive(Debug)]
pub(crate) struct After<'a> {
    pub(crate) output: &'a mut [f32],
    pub(crate) memory: &'a mut [f32],
    pub(crate) kept: Option<&'a mut [f32]>,
    pub(crate) late: Option<LateStep<'a>>,
}

/// The last input column, when it becomes known only after the step: it is 0 in the rows, and the states take it in
/// afterwards.
#[derive(Debug)]
pub(crate) struct LateStep<'a> {
    /// A number for each row.
    pub(crate) inputs: &'a [f32],
    /// Receives the outputs without it, rows [`PackedLayer::state_stride`] apart.
    pub(crate) provisional: &'a mut [f32],
}

/// Advances `n` rows by one step. The buffers must have room for [`padded_rows`].
#[inline(always)]
pub(crate) fn step<S: Simd, C: Cell<G>, const G: usize>(
    simd: S,
    layer: &PackedLayer,
    n: usize,
    x: Rows<'_>,
    before: Before<'_>,
    after: After<'_>,
) {
    // A call, not inlined: forward and backward pass share its code.
    simd.vectorize(Step::<C, G> { layer, n, x, before, after, cell: PhantomData });
}

struct Step<'a, C, const G: usize> {
    layer: &'a PackedLayer,
    n: usize,
    x: Rows<'a>,
    before: Before<'a>,
    after: After<'a>,
    cell: PhantomData<C>,
}

impl<C: Cell<G>, const G: usize> WithSimd for Step<'_, C, G> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, n, x, before, mut after, .. } = self;
        let n_blocks = layer.padded / S::F32_LANES;
        // A single row reads all weights once. With more, the weights of a few blocks, as few as make whole panels, stay in
        // the first cache while all rows go by.
        let blocks_at_once = match (n, G % VECTORS) {
            (1, _) => n_blocks,
            (_, 0) => 1,
            _ => VECTORS,
        };
        let stride = (blocks_at_once * G).next_multiple_of(VECTORS);
        let mut sums = vec![simd.splat_f32s(0.0); padded_rows(n) * stride];
        let mut held = vec![simd.splat_f32s(0.0); n * blocks_at_once];
        for first in (0..n_blocks).step_by(blocks_at_once) {
            let blocks = first..(first + blocks_at_once).min(n_blocks);
            let panels = blocks.start * G / VECTORS..(blocks.end * G).div_ceil(VECTORS);
            for row in sums.chunks_exact_mut(stride) {
                for (block, sums) in blocks.clone().zip(row.as_chunks_mut::<G>().0) {
                    sums.copy_from_slice(&block_bias::<S, G>(layer, block)[..G]);
                }
            }
            let add = |rows, matrix, sums: &mut [S::f32s]| {
                let (sums, panels) = (pulp::bytemuck::cast_slice_mut(sums), panels.clone());
                simd.vectorize(AddProduct {
                    n,
                    rows,
                    matrix,
                    panels,
                    sums,
                    sums_stride: stride * S::F32_LANES,
                });
            };
            add(x, &layer.w_ih, &mut sums);
            for (row, held) in sums.chunks_exact_mut(stride).zip(held.chunks_exact_mut(blocks_at_once)) {
                for ((block, sums), held) in blocks.clone().zip(row.as_chunks_mut::<G>().0).zip(held) {
                    *held = C::between::<S>(sums, block_bias::<S, G>(layer, block)[G]);
                }
            }
            let outputs = Rows { data: before.output, stride: layer.state_stride() };
            add(outputs, &layer.w_hh, &mut sums);
            for (index, (row, held)) in
                sums.chunks_exact(stride).zip(held.chunks_exact(blocks_at_once)).enumerate()
            {
                for ((block, &sums), &held) in blocks.clone().zip(row.as_chunks::<G>().0).zip(held) {
                    finish::<S, C, G>(simd, layer, sums, held, index, block, before, &mut after);
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn block_last_input<S: Simd, const G: usize>(layer: &PackedLayer, block: usize) -> &[S::f32s; G] {
    let width = G * S::F32_LANES;
    &S::as_simd_f32s(&layer.last_input[block * width..(block + 1) * width]).0.as_chunks::<G>().0[0]
}

#[inline(always)]
pub(super) fn block_bias<S: Simd, const G: usize>(layer: &PackedLayer, block: usize) -> &[S::f32s] {
    let width = (G + 1) * S::F32_LANES;
    S::as_simd_f32s(&layer.bias[block * width..(block + 1) * width]).0
}

/// Gates and state of one row's block.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "all that a step knows of one vector of units")]
fn finish<S: Simd, C: Cell<G>, const G: usize>(
    simd: S,
    layer: &PackedLayer,
    mut sums: [S::f32s; G],
    mut held: S::f32s,
    row: usize,
    block: usize,
    before: Before<'_>,
    after: &mut After<'_>,
) {
    let begin = row * layer.state_stride() + block * S::F32_LANES;
    let place = begin..begin + S::F32_LANES;
    let memory = if C::HAS_MEMORY { before.memory } else { before.output };
    let memory = S::as_simd_f32s(&memory[place.clone()]).0[0];
    if let Some(late) = &mut after.late {
        let provisional = C::update(simd, sums, held, memory).output;
        S::as_mut_simd_f32s(&mut late.provisional[place.clone()]).0[0] = provisional;
        let input = simd.splat_f32s(late.inputs[row]);
        C::add_input(simd, &mut sums, &mut held, block_last_input::<S, G>(layer, block), input);
    }
    let update = C::update(simd, sums, held, memory);
    S::as_mut_simd_f32s(&mut after.output[place.clone()]).0[0] = update.output;
    if C::HAS_MEMORY {
        S::as_mut_simd_f32s(&mut after.memory[place]).0[0] = update.memory;
    }
    if let Some(kept) = &mut after.kept {
        for (slot, value) in update.kept.into_iter().enumerate() {
            let begin = (row * KEPT + slot) * layer.padded + block * S::F32_LANES;
            S::as_mut_simd_f32s(&mut kept[begin..begin + S::F32_LANES]).0[0] = value;
        }
    }
}
