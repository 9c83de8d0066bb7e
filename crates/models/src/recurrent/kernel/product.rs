//! Products of rows with a packed matrix, the sums of which never leave the registers.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::aligned::Aligned;

/// Rows and vectors of columns that a product takes together. That makes twelve sums, enough to hide the latency of a
/// multiply-add, and with two vectors of weights and one number of a row they fit 16 registers; a single sum in memory
/// would halve the speed.
pub(crate) const ROWS: usize = 6;
pub(crate) const VECTORS: usize = 2;
/// Rows that go through several panels together, so that the matrix is read once. More go through one panel after the other.
const FEW: usize = 2;
/// Panels that a single row goes through together, and half as many for two: twelve sums again.
const PANELS: usize = 6;
/// Depth of a product that is summed in one go: the part of a panel that then stays in the first cache while all rows go
/// by.
const DEPTH: usize = 128;

/// Rows that are `stride` apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    pub(crate) fn row(self, index: usize, len: usize) -> &'a [f32] {
        &self.data[index * self.stride..][..len]
    }
}

/// Rows that a buffer needs for `n`: a few have their own way, more go in whole groups.
pub(crate) fn padded_rows(n: usize) -> usize {
    if n > FEW { n.next_multiple_of(ROWS) } else { n }
}

/// A matrix `[depth, columns]` cut into panels of two vectors of columns, `[panel][depth][vector][lane]`, so that a
/// product reads it from front to back. Columns are padded with zeros to whole panels.
#[derive(Debug)]
pub(crate) struct Panels {
    depth: usize,
    /// Columns of a panel.
    width: usize,
    count: usize,
    data: Aligned,
}

impl Panels {
    /// Packs `[depth, columns]`, given by element.
    pub(crate) fn pack(
        depth: usize,
        columns: usize,
        lanes: usize,
        element: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let width = VECTORS * lanes;
        let count = columns.div_ceil(width);
        let mut data = Aligned::zeros(depth * count * width);
        for (index, row) in data.chunks_exact_mut(width).enumerate() {
            let (panel, k) = (index / depth, index % depth);
            for (column, place) in (panel * width..columns).zip(row) {
                *place = element(k, column);
            }
        }
        Self { depth, width, count, data }
    }

    /// Width of a row of results, padding included.
    pub(crate) fn padded_columns(&self) -> usize {
        self.count * self.width
    }

    pub(crate) fn all(&self) -> Range<usize> {
        0..self.count
    }

    /// One panel, `[depth][vector]`.
    #[inline(always)]
    fn panel<S: Simd>(&self, index: usize) -> &[[S::f32s; VECTORS]] {
        let size = self.depth * self.width;
        S::as_simd_f32s(&self.data[index * size..(index + 1) * size]).0.as_chunks().0
    }
}

/// `sums += rows x matrix` for some of the matrix's panels, of which the first is the first of the sums' columns. Every
/// sum is in the order of the depth, whatever goes together with it.
///
/// The buffers must have room for [`padded_rows`]; what is in the rows beyond `n` is overwritten.
pub(crate) struct AddProduct<'a> {
    pub(crate) n: usize,
    pub(crate) rows: Rows<'a>,
    pub(crate) matrix: &'a Panels,
    pub(crate) panels: Range<usize>,
    pub(crate) sums: &'a mut [f32],
    pub(crate) sums_stride: usize,
}

impl WithSimd for AddProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { n, rows, matrix, panels, sums, sums_stride } = self;
        match n {
            1 => return add_few_rows::<S, 1>(simd, rows, matrix, panels, sums, sums_stride),
            FEW => return add_few_rows::<S, FEW>(simd, rows, matrix, panels, sums, sums_stride),
            _ => {}
        }
        for (place, panel) in panels.enumerate() {
            let sums = &mut sums[place * matrix.width..];
            for (index, panel) in matrix.panel::<S>(panel).chunks(DEPTH).enumerate() {
                let rows = Rows { data: &rows.data[index * DEPTH..], stride: rows.stride };
                add_panel_product(simd, n, rows, panel, sums, sums_stride);
            }
        }
    }
}

/// `sums += rows x panel`.
#[inline(always)]
fn add_panel_product<S: Simd>(
    simd: S,
    n: usize,
    rows: Rows<'_>,
    panel: &[[S::f32s; VECTORS]],
    sums: &mut [f32],
    sums_stride: usize,
) {
    let width = VECTORS * S::F32_LANES;
    for first in (0..n).step_by(ROWS) {
        let mut group = [&[][..]; ROWS];
        let mut block = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        for m in 0..ROWS {
            let begin = (first + m) * rows.stride;
            group[m] = &rows.data[begin..begin + panel.len()]; // so that no index below needs a check
            let begin = (first + m) * sums_stride;
            block[m].copy_from_slice(&S::as_simd_f32s(&sums[begin..begin + width]).0[..VECTORS]);
        }
        for (k, weights) in panel.iter().enumerate() {
            for m in 0..ROWS {
                let x = simd.splat_f32s(group[m][k]);
                for v in 0..VECTORS {
                    block[m][v] = simd.mul_add_e_f32s(x, weights[v], block[m][v]);
                }
            }
        }
        for m in 0..ROWS {
            let begin = (first + m) * sums_stride;
            S::as_mut_simd_f32s(&mut sums[begin..begin + width]).0[..VECTORS].copy_from_slice(&block[m]);
        }
    }
}

/// `sums += rows x panels` for `R` rows: so few need several panels at a time to keep the multipliers busy.
#[inline(always)]
fn add_few_rows<S: Simd, const R: usize>(
    simd: S,
    rows: Rows<'_>,
    matrix: &Panels,
    panels: Range<usize>,
    sums: &mut [f32],
    sums_stride: usize,
) {
    let mut first = panels.start;
    let mut sums = sums;
    // Groups of almost equal size: a small one at the end would wait for its own sums.
    for n_groups in (1..=panels.len().div_ceil(PANELS / R)).rev() {
        let size = (panels.end - first).div_ceil(n_groups);
        match size {
            6 if R == 1 => add_group::<S, R, 6>(simd, rows, matrix, first, sums, sums_stride),
            5 if R == 1 => add_group::<S, R, 5>(simd, rows, matrix, first, sums, sums_stride),
            4 if R == 1 => add_group::<S, R, 4>(simd, rows, matrix, first, sums, sums_stride),
            3 => add_group::<S, R, 3>(simd, rows, matrix, first, sums, sums_stride),
            2 => add_group::<S, R, 2>(simd, rows, matrix, first, sums, sums_stride),
            _ => add_group::<S, R, 1>(simd, rows, matrix, first, sums, sums_stride),
        }
        first += size;
        sums = &mut sums[size * matrix.width..];
    }
}

#[inline(always)]
fn add_group<S: Simd, const R: usize, const P: usize>(
    simd: S,
    rows: Rows<'_>,
    matrix: &Panels,
    first: usize,
    sums: &mut [f32],
    sums_stride: usize,
) {
    let width = P * matrix.width;
    let mut panels = [&[][..]; P];
    let mut group = [&[][..]; R];
    let mut block = [[[simd.splat_f32s(0.0); VECTORS]; P]; R];
    for p in 0..P {
        panels[p] = &matrix.panel::<S>(first + p)[..matrix.depth];
    }
    for m in 0..R {
        group[m] = rows.row(m, matrix.depth);
        block[m].copy_from_slice(S::as_simd_f32s(&sums[m * sums_stride..][..width]).0.as_chunks().0);
    }
    for k in 0..matrix.depth {
        let mut x = [simd.splat_f32s(0.0); R];
        for m in 0..R {
            x[m] = simd.splat_f32s(group[m][k]);
        }
        for p in 0..P {
            for v in 0..VECTORS {
                for m in 0..R {
                    block[m][p][v] = simd.mul_add_e_f32s(x[m], panels[p][k][v], block[m][p][v]);
                }
            }
        }
    }
    for m in 0..R {
        let sums = &mut sums[m * sums_stride..][..width];
        S::as_mut_simd_f32s(sums).0.as_chunks_mut().0.copy_from_slice(&block[m]);
    }
}

/// `sums[i][j] += a[r][i] b[r][j]` summed over `n` rows r: `a` with an even number of columns, `b` with `vectors` of them,
/// and `sums` with rows of that width. The buffers must have room for a row more than `n`.
pub(crate) struct AddOuter<'a> {
    pub(crate) n: usize,
    pub(crate) a: Rows<'a>,
    pub(crate) a_columns: usize,
    pub(crate) b: Rows<'a>,
    pub(crate) vectors: usize,
    pub(crate) sums: &'a mut [f32],
}

impl WithSimd for AddOuter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for j in (0..self.vectors).step_by(VECTORS) {
            // Twelve sums fit any processor.
            match (S::REGISTER_COUNT >= 32, self.vectors - j) {
                (true, 1) => self.add_columns::<S, 12, 1>(simd, j),
                (true, _) => self.add_columns::<S, 12, VECTORS>(simd, j),
                (false, 1) => self.add_columns::<S, 6, 1>(simd, j),
                (false, _) => self.add_columns::<S, 6, VECTORS>(simd, j),
            }
        }
    }
}

impl AddOuter<'_> {
    /// Vectors `j` to `j + V` of `b`, `M` columns of `a` at a time, then the rest.
    #[inline(always)]
    fn add_columns<S: Simd, const M: usize, const V: usize>(&mut self, simd: S, j: usize) {
        let whole = self.a_columns / M * M;
        for i in (0..whole).step_by(M) {
            self.add_block::<S, M, V>(simd, i, j);
        }
        for i in (whole..self.a_columns).step_by(2) {
            self.add_block::<S, 2, V>(simd, i, j);
        }
    }

    #[inline(always)]
    fn add_block<S: Simd, const M: usize, const V: usize>(&mut self, simd: S, i: usize, j: usize) {
        let width = self.vectors * S::F32_LANES;
        let (begin, end) = (j * S::F32_LANES, (j + V) * S::F32_LANES);
        let mut block = [[simd.splat_f32s(0.0); V]; M];
        for (m, block) in block.iter_mut().enumerate() {
            let row = &self.sums[(i + m) * width + begin..(i + m) * width + end];
            block.copy_from_slice(&S::as_simd_f32s(row).0[..V]);
        }
        // Whole strides, so that the loop has no lengths to check.
        let a = self.a.data[i..].chunks_exact(self.a.stride);
        let b = self.b.data[begin..].chunks_exact(self.b.stride);
        for (a, b) in a.zip(b).take(self.n) {
            let a = &a[..M];
            let b = &S::as_simd_f32s(&b[..V * S::F32_LANES]).0[..V];
            for m in 0..M {
                let a = simd.splat_f32s(a[m]);
                for v in 0..V {
                    block[m][v] = simd.mul_add_e_f32s(a, b[v], block[m][v]);
                }
            }
        }
        for (m, block) in block.iter().enumerate() {
            let row = &mut self.sums[(i + m) * width + begin..(i + m) * width + end];
            S::as_mut_simd_f32s(row).0[..V].copy_from_slice(block);
        }
    }
}
