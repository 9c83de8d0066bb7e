//! Products of a few rows with a packed matrix, the sums of which never leave the registers.

use pulp::{Simd, WithSimd};

use super::aligned::Aligned;

/// Rows that go through a product together: with three vectors of columns that makes twelve sums, enough to hide the
/// latency of a multiply-add and few enough for 16 registers. Buffers of rows are padded to a multiple of it.
pub(crate) const ROWS: usize = 4;
/// Vectors of columns in a panel.
const VECTORS: usize = 3;
/// Panels that a single row goes through together.
pub(crate) const PANELS: usize = 4;

/// A matrix `[depth, columns]` cut into panels of a few vectors of columns, `[panel][depth][vector][lane]`, so that a
/// product reads it from front to back. Columns are padded with zeros to whole vectors.
#[derive(Debug)]
pub(crate) struct Panels {
    depth: usize,
    lanes: usize,
    /// Vectors of columns in all.
    vectors: usize,
    /// Vectors in each panel but the last, which may have fewer.
    vectors_per_panel: usize,
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
        Self::with_panels(depth, columns, lanes, VECTORS, element)
    }

    /// Packs with so many vectors in each panel.
    pub(crate) fn with_panels(
        depth: usize,
        columns: usize,
        lanes: usize,
        vectors_per_panel: usize,
        element: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let vectors = columns.div_ceil(lanes);
        let mut data = Aligned::zeros(depth * vectors * lanes);
        let mut places = data.iter_mut();
        for panel in (0..vectors).step_by(vectors_per_panel) {
            for k in 0..depth {
                let begin = panel * lanes;
                let end = (panel + vectors_per_panel).min(vectors) * lanes;
                for (column, place) in (begin..end).zip(&mut places) {
                    if column < columns {
                        *place = element(k, column);
                    }
                }
            }
        }
        Self { depth, lanes, vectors, vectors_per_panel, data }
    }

    /// Width of a row of results, padding included.
    pub(crate) fn padded_columns(&self) -> usize {
        self.vectors * self.lanes
    }

    /// One panel, `[depth][vector][lane]`.
    #[inline(always)]
    pub(crate) fn panel(&self, index: usize) -> &[f32] {
        let whole = self.depth * self.vectors_per_panel * self.lanes;
        let end = (whole * (index + 1)).min(self.data.len());
        &self.data[whole * index..end]
    }

    /// `out += rows x matrix` for `n` rows, each `stride` apart. More than one row are rounded up to a multiple of
    /// [`ROWS`]: the buffers must be that long, and what is in the rows beyond is overwritten.
    #[inline(always)]
    pub(crate) fn multiply<S: Simd>(
        &self,
        simd: S,
        n: usize,
        rows: &[f32],
        stride: usize,
        out: &mut [f32],
        out_stride: usize,
    ) {
        // A call, not inlined: all products share its code.
        simd.vectorize(Multiply { panels: self, n, rows, stride, out, out_stride });
    }

    #[inline(always)]
    fn one_row<S: Simd, const P: usize, const V: usize>(
        &self,
        simd: S,
        first_panel: usize,
        row: &[f32],
        out: &mut [f32],
    ) {
        let begin = first_panel * VECTORS * S::F32_LANES;
        let out = &mut S::as_mut_simd_f32s(&mut out[begin..begin + P * V * S::F32_LANES]).0[..P * V];
        let mut sums = [[simd.splat_f32s(0.0); V]; P];
        let mut panels = [&[][..]; P];
        for p in 0..P {
            panels[p] = self.panel(first_panel + p);
            sums[p].copy_from_slice(&out[p * V..(p + 1) * V]);
        }
        let sums = row_times_panels(simd, sums, row, panels);
        for p in 0..P {
            out[p * V..(p + 1) * V].copy_from_slice(&sums[p]);
        }
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "two matrices, each with its place and stride")]
    fn some_rows<S: Simd, const V: usize>(
        &self,
        simd: S,
        panel: usize,
        n: usize,
        rows: &[f32],
        stride: usize,
        out: &mut [f32],
        out_stride: usize,
    ) {
        let begin = panel * VECTORS * S::F32_LANES;
        let width = V * S::F32_LANES;
        let panel = self.panel(panel);
        for first in (0..n).step_by(ROWS) {
            let group = rows_of::<ROWS>(&rows[first * stride..], stride, self.depth);
            let mut sums = [[simd.splat_f32s(0.0); V]; ROWS];
            let mut place = first * out_stride + begin;
            for sums in &mut sums {
                sums.copy_from_slice(&S::as_simd_f32s(&out[place..place + width]).0[..V]);
                place += out_stride;
            }
            let sums = rows_times_panel(simd, sums, group, panel);
            let mut place = first * out_stride + begin;
            for sums in &sums {
                S::as_mut_simd_f32s(&mut out[place..place + width]).0[..V].copy_from_slice(sums);
                place += out_stride;
            }
        }
    }
}

struct Multiply<'a> {
    panels: &'a Panels,
    n: usize,
    rows: &'a [f32],
    stride: usize,
    out: &'a mut [f32],
    out_stride: usize,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { panels, n, rows, stride, out, out_stride } = self;
        let whole_panels = panels.vectors / VECTORS;
        let rest = panels.vectors % VECTORS;
        if n == 1 {
            let row = &rows[..panels.depth];
            let mut panel = 0;
            while panel + PANELS <= whole_panels {
                panels.one_row::<S, PANELS, VECTORS>(simd, panel, row, out);
                panel += PANELS;
            }
            for panel in panel..whole_panels {
                panels.one_row::<S, 1, VECTORS>(simd, panel, row, out);
            }
            match rest {
                1 => panels.one_row::<S, 1, 1>(simd, whole_panels, row, out),
                2 => panels.one_row::<S, 1, 2>(simd, whole_panels, row, out),
                _ => {}
            }
            return;
        }
        for panel in 0..whole_panels {
            panels.some_rows::<S, VECTORS>(simd, panel, n, rows, stride, out, out_stride);
        }
        match rest {
            1 => panels.some_rows::<S, 1>(simd, whole_panels, n, rows, stride, out, out_stride),
            2 => panels.some_rows::<S, 2>(simd, whole_panels, n, rows, stride, out, out_stride),
            _ => {}
        }
    }
}

/// The first numbers of `M` rows that are `stride` apart.
#[inline(always)]
pub(crate) fn rows_of<const M: usize>(rows: &[f32], stride: usize, width: usize) -> [&[f32]; M] {
    let mut group = [&[][..]; M];
    for (m, row) in group.iter_mut().enumerate() {
        *row = &rows[m * stride..m * stride + width];
    }
    group
}

/// `sums[m] += rows[m] x panel`, every sum in the order of the depth.
#[inline(always)]
pub(crate) fn rows_times_panel<S: Simd, const M: usize, const V: usize>(
    simd: S,
    mut sums: [[S::f32s; V]; M],
    rows: [&[f32]; M],
    panel: &[f32],
) -> [[S::f32s; V]; M] {
    let panel = S::as_simd_f32s(panel).0.as_chunks::<V>().0;
    let mut rows = rows;
    for row in &mut rows {
        *row = &row[..panel.len()]; // so that no index below needs a check
    }
    for (k, weights) in panel.iter().enumerate() {
        for m in 0..M {
            let x = simd.splat_f32s(rows[m][k]);
            for v in 0..V {
                sums[m][v] = simd.mul_add_e_f32s(x, weights[v], sums[m][v]);
            }
        }
    }
    sums
}

/// `sums[p] += row x panels[p]`: the same sums in the same order for one row, which needs several panels to keep the
/// multipliers busy.
#[inline(always)]
pub(crate) fn row_times_panels<S: Simd, const P: usize, const V: usize>(
    simd: S,
    mut sums: [[S::f32s; V]; P],
    row: &[f32],
    panels: [&[f32]; P],
) -> [[S::f32s; V]; P] {
    let mut chunks = [&[][..]; P];
    for p in 0..P {
        chunks[p] = &S::as_simd_f32s(panels[p]).0.as_chunks::<V>().0[..row.len()];
    }
    for (k, &x) in row.iter().enumerate() {
        let x = simd.splat_f32s(x);
        for p in 0..P {
            for v in 0..V {
                sums[p][v] = simd.mul_add_e_f32s(x, chunks[p][k][v], sums[p][v]);
            }
        }
    }
    sums
}

/// Rows that are `stride` apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
}

/// `sums[i][j] += a[r][i] b[r][j]` summed over `n` rows r: `a` with a multiple of [`ROWS`] columns, `b` with `vectors`
/// vectors of them, and `sums` with rows of that width.
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
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { n, a, a_columns, b, vectors, sums } = self;
        let mut j = 0;
        while j + VECTORS <= vectors {
            add_outer_columns::<S, VECTORS>(simd, n, a, a_columns, b, j, vectors, sums);
            j += VECTORS;
        }
        match vectors - j {
            1 => add_outer_columns::<S, 1>(simd, n, a, a_columns, b, j, vectors, sums),
            2 => add_outer_columns::<S, 2>(simd, n, a, a_columns, b, j, vectors, sums),
            _ => {}
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "two matrices and which part of them")]
fn add_outer_columns<S: Simd, const V: usize>(
    simd: S,
    n: usize,
    a: Rows<'_>,
    a_columns: usize,
    b: Rows<'_>,
    j: usize,
    vectors: usize,
    sums: &mut [f32],
) {
    let width = vectors * S::F32_LANES;
    let (begin, end) = (j * S::F32_LANES, (j + V) * S::F32_LANES);
    for i in (0..a_columns).step_by(ROWS) {
        let mut block = [[simd.splat_f32s(0.0); V]; ROWS];
        for (m, block) in block.iter_mut().enumerate() {
            let row = &sums[(i + m) * width + begin..(i + m) * width + end];
            block.copy_from_slice(&S::as_simd_f32s(row).0[..V]);
        }
        let rows = a.data.chunks(a.stride).zip(b.data.chunks(b.stride)).take(n);
        for (a, b) in rows {
            let a = &a[i..i + ROWS];
            let b = &S::as_simd_f32s(&b[begin..end]).0[..V];
            for m in 0..ROWS {
                let a = simd.splat_f32s(a[m]);
                for v in 0..V {
                    block[m][v] = simd.mul_add_e_f32s(a, b[v], block[m][v]);
                }
            }
        }
        for (m, block) in block.iter().enumerate() {
            let row = &mut sums[(i + m) * width + begin..(i + m) * width + end];
            S::as_mut_simd_f32s(row).0[..V].copy_from_slice(block);
        }
    }
}
