//! One step of one layer for some sequences.

use std::marker::PhantomData;

use pulp::{Simd, WithSimd};

use super::aligned::{Aligned, row_stride};
use super::cell::{Cell, KEPT};
use super::product::{PANELS, Panels, ROWS, Rows, row_times_panels, rows_of, rows_times_panel};

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
    w_ih: Panels,
    w_hh: Panels,
    /// `[block][gates + 1][lane]`: what the sums begin with, and what [`Cell::between`] is given.
    bias: Aligned,
}

impl PackedLayer {
    pub(crate) fn new<C: Cell<G>, const G: usize>(weights: &Weights<'_>, lanes: usize) -> Self {
        let &Weights { input, hidden, .. } = weights;
        let padded = hidden.next_multiple_of(lanes);
        let gates = |depth: usize, w: &[f32]| {
            Panels::with_panels(depth, G * padded, lanes, G, |k, column| {
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
        Self { input, hidden, padded, w_ih: gates(input, weights.w_ih), w_hh: gates(hidden, weights.w_hh), bias }
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
}

/// Advances `n` rows by one step. As in [`Panels::multiply`], more than one are rounded up to a multiple of [`ROWS`].
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
        if n == 1 {
            one_row::<S, C, G>(simd, layer, x.data, before, &mut after);
        } else if G == 4 && S::REGISTER_COUNT < 32 {
            some_rows::<S, C, G, { ROWS / 2 }>(simd, layer, n, x, before, &mut after);
        } else {
            some_rows::<S, C, G, ROWS>(simd, layer, n, x, before, &mut after);
        }
    }
}

#[inline(always)]
fn some_rows<S: Simd, C: Cell<G>, const G: usize, const M: usize>(
    simd: S,
    layer: &PackedLayer,
    n: usize,
    x: Rows<'_>,
    before: Before<'_>,
    after: &mut After<'_>,
) {
    let stride = layer.state_stride();
    // The weights of a block stay in the first cache while all rows go by.
    for block in 0..layer.padded / S::F32_LANES {
        let bias = block_bias::<S, G>(layer, block);
        let (w_ih, w_hh) = (layer.w_ih.panel(block), layer.w_hh.panel(block));
        for first in (0..n).step_by(M) {
            let mut sums = [[simd.splat_f32s(0.0); G]; M];
            for sums in &mut sums {
                sums.copy_from_slice(&bias[..G]);
            }
            let rows = rows_of::<M>(&x.data[first * x.stride..], x.stride, layer.input);
            let mut sums = rows_times_panel(simd, sums, rows, w_ih);
            let mut held = [bias[G]; M];
            for m in 0..M {
                held[m] = C::between::<S>(&mut sums[m], bias[G]);
            }
            let rows = rows_of::<M>(&before.output[first * stride..], stride, layer.hidden);
            let sums = rows_times_panel(simd, sums, rows, w_hh);
            for m in 0..M {
                finish::<S, C, G>(simd, layer, sums[m], held[m], first + m, block, before, after);
            }
        }
    }
}

#[inline(always)]
fn one_row<S: Simd, C: Cell<G>, const G: usize>(
    simd: S,
    layer: &PackedLayer,
    x: &[f32],
    before: Before<'_>,
    after: &mut After<'_>,
) {
    let blocks = layer.padded / S::F32_LANES;
    let mut block = 0;
    while block + PANELS <= blocks {
        some_blocks::<S, C, G, PANELS>(simd, layer, block, x, before, after);
        block += PANELS;
    }
    match blocks - block {
        1 => some_blocks::<S, C, G, 1>(simd, layer, block, x, before, after),
        2 => some_blocks::<S, C, G, 2>(simd, layer, block, x, before, after),
        3 => some_blocks::<S, C, G, 3>(simd, layer, block, x, before, after),
        _ => {}
    }
}

#[inline(always)]
fn some_blocks<S: Simd, C: Cell<G>, const G: usize, const P: usize>(
    simd: S,
    layer: &PackedLayer,
    first: usize,
    x: &[f32],
    before: Before<'_>,
    after: &mut After<'_>,
) {
    let mut sums = [[simd.splat_f32s(0.0); G]; P];
    let (mut w_ih, mut w_hh) = ([&[][..]; P], [&[][..]; P]);
    for p in 0..P {
        sums[p].copy_from_slice(&block_bias::<S, G>(layer, first + p)[..G]);
        w_ih[p] = layer.w_ih.panel(first + p);
        w_hh[p] = layer.w_hh.panel(first + p);
    }
    let mut sums = row_times_panels(simd, sums, &x[..layer.input], w_ih);
    let mut held = [simd.splat_f32s(0.0); P];
    for p in 0..P {
        held[p] = C::between::<S>(&mut sums[p], block_bias::<S, G>(layer, first + p)[G]);
    }
    let sums = row_times_panels(simd, sums, &before.output[..layer.hidden], w_hh);
    for p in 0..P {
        finish::<S, C, G>(simd, layer, sums[p], held[p], 0, first + p, before, after);
    }
}

#[inline(always)]
fn block_bias<S: Simd, const G: usize>(layer: &PackedLayer, block: usize) -> &[S::f32s] {
    let width = (G + 1) * S::F32_LANES;
    S::as_simd_f32s(&layer.bias[block * width..(block + 1) * width]).0
}

/// Gates and state of one row's block.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "all that a step knows of one vector of units")]
fn finish<S: Simd, C: Cell<G>, const G: usize>(
    simd: S,
    layer: &PackedLayer,
    sums: [S::f32s; G],
    held: S::f32s,
    row: usize,
    block: usize,
    before: Before<'_>,
    after: &mut After<'_>,
) {
    let begin = row * layer.state_stride() + block * S::F32_LANES;
    let place = begin..begin + S::F32_LANES;
    let memory = if C::HAS_MEMORY { before.memory } else { before.output };
    let update = C::update(simd, sums, held, S::as_simd_f32s(&memory[place.clone()]).0[0]);
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
