//! One step of one layer for some sequences.

use std::marker::PhantomData;

use pulp::{Simd, WithSimd};

use super::aligned::{Aligned, row_stride};
use super::cell::{Cell, Sums};
use super::finish::{Finish, Places};
use super::gate_sums::GateWeights;
use super::product::Rows;

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

/// The same, packed for vectors of a certain length.
#[derive(Debug)]
pub struct PackedLayer {
    pub(crate) input: usize,
    pub(crate) hidden: usize,
    /// `hidden` rounded up to whole vectors; the units beyond stay 0.
    pub(crate) padded: usize,
    pub(super) gates: GateWeights,
    /// `[block][gate][lane]`: the weights of the last input column, for when it comes late.
    last_input: Aligned,
}

impl PackedLayer {
    pub(crate) fn new<C: Cell<G>, const G: usize>(weights: &Weights<'_>, lanes: usize) -> Self {
        let &Weights { input, hidden, .. } = weights;
        let padded = hidden.next_multiple_of(lanes);
        let mut last_input = Aligned::zeros(G * padded);
        for (unit, gate) in (0..hidden).flat_map(|unit| (0..G).map(move |gate| (unit, gate))) {
            last_input[(unit / lanes * G + gate) * lanes + unit % lanes] =
                weights.w_ih[(gate * hidden + unit) * input + input - 1];
        }
        Self { input, hidden, padded, gates: GateWeights::pack::<C, G>(weights, lanes), last_input }
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

/// Where a step's results go: the states as they came, and what the backward pass needs, rows of
/// [`KEPT`](super::cell::KEPT) times [`PackedLayer::padded`].
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

/// Advances `n` rows by one step.
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
    fn with_simd<S: Simd>(mut self, simd: S) {
        // Nine or twelve sums, or twice as many where there are registers for them.
        match (self.n, S::REGISTER_COUNT >= 32) {
            (1, _) => self.row(simd),
            (_, false) => self.rows::<S, 3>(simd),
            (_, true) => self.rows::<S, 6>(simd),
        }
    }
}

impl<C: Cell<G>, const G: usize> Step<'_, C, G> {
    /// Several rows, `R` at a time: a block's weights stay in the nearest caches while all rows go by.
    #[inline(always)]
    fn rows<S: Simd, const R: usize>(&mut self, simd: S) {
        let mut sums = vec![simd.splat_f32s(0.0); self.n.next_multiple_of(R) * (G + 1)];
        for block in 0..self.layer.padded / S::F32_LANES {
            for (index, sums) in sums.chunks_exact_mut(R * (G + 1)).enumerate() {
                let (mut x, mut output) = ([&[][..]; R], [&[][..]; R]);
                for m in 0..R {
                    // The last group is filled up with the last row, again.
                    (x[m], output[m]) = self.operands((index * R + m).min(self.n - 1));
                }
                let of_block = self.layer.gates.sums::<S, C, G, R, 1>(simd, block, x, output);
                for m in 0..R {
                    of_block[m][0].write(&mut sums[m * (G + 1)..(m + 1) * (G + 1)]);
                }
            }
            self.finish(simd, &mut sums[..self.n * (G + 1)], Places::RowsOf { block });
        }
    }

    /// A single row, which reads all weights once, takes several blocks at a time to have as many sums.
    #[inline(always)]
    fn row<S: Simd>(&mut self, simd: S) {
        let n_blocks = self.layer.padded / S::F32_LANES;
        let mut sums = vec![simd.splat_f32s(0.0); n_blocks * (G + 1)];
        let mut begin = 0;
        // Groups of almost equal size: a small one at the end would wait for its own sums.
        for n_groups in (1..=n_blocks.div_ceil(12 / G)).rev() {
            let size = (n_blocks - begin).div_ceil(n_groups);
            let group = &mut sums[begin * (G + 1)..(begin + size) * (G + 1)];
            match size {
                4 => self.blocks::<S, 4>(simd, begin, group),
                3 => self.blocks::<S, 3>(simd, begin, group),
                2 => self.blocks::<S, 2>(simd, begin, group),
                _ => self.blocks::<S, 1>(simd, begin, group),
            }
            begin += size;
        }
        self.finish(simd, &mut sums, Places::Blocks);
    }

    #[inline(always)]
    fn blocks<S: Simd, const B: usize>(&self, simd: S, first: usize, sums: &mut [S::f32s]) {
        let (x, output) = self.operands(0);
        let [of_row] = self.layer.gates.sums::<S, C, G, 1, B>(simd, first, [x], [output]);
        for (of_block, sums) in of_row.iter().zip(sums.chunks_exact_mut(G + 1)) {
            of_block.write(sums);
        }
    }

    /// Input and output before of one row.
    #[inline(always)]
    fn operands(&self, row: usize) -> (&[f32], &[f32]) {
        let Self { layer, x, before, .. } = self;
        let outputs = Rows { data: before.output, stride: layer.state_stride() };
        (x.row(row, layer.input), outputs.row(row, layer.hidden))
    }

    /// Gates and states, once all is summed: [`Sums`] for each place.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S, sums: &mut [S::f32s], places: Places) {
        let Self { layer, before, after, .. } = self;
        let memory = if C::HAS_MEMORY { before.memory } else { before.output };
        if let Some(late) = &mut after.late {
            let LateStep { inputs, provisional } = late;
            let finish = Finish::<C, G> {
                layer,
                places,
                sums: pulp::bytemuck::cast_slice(sums),
                before: memory,
                output: provisional,
                memory: None,
                kept: None,
                cell: PhantomData,
            };
            simd.vectorize(finish);
            for (index, sums) in sums.chunks_exact_mut(G + 1).enumerate() {
                let (row, block) = places.at(index);
                let input = simd.splat_f32s(inputs[row]);
                let mut of_place = Sums::read(simd, sums);
                C::add_input(simd, &mut of_place, block_last_input::<S, G>(layer, block), input);
                of_place.write(sums);
            }
        }
        simd.vectorize(Finish::<C, G> {
            layer,
            places,
            sums: pulp::bytemuck::cast_slice(sums),
            before: memory,
            output: after.output,
            memory: C::HAS_MEMORY.then_some(&mut *after.memory),
            kept: after.kept.as_deref_mut(),
            cell: PhantomData,
        });
    }
}

#[inline(always)]
pub(super) fn block_last_input<S: Simd, const G: usize>(layer: &PackedLayer, block: usize) -> &[S::f32s; G] {
    let width = G * S::F32_LANES;
    &S::as_simd_f32s(&layer.last_input[block * width..(block + 1) * width]).0.as_chunks::<G>().0[0]
}
