//! Dense layers on plain rows.

use pulp::{Simd, WithSimd};

use super::activation::{Relu, Tanh, map};
use super::aligned::{Aligned, row_stride};
use super::product::{AddProduct, Panels, Rows, padded_rows};
use crate::oracle::Activation;
use crate::recurrent::isa::Vectors;

/// One dense layer, packed.
#[derive(Debug)]
pub(crate) struct PackedDense {
    input: usize,
    output: usize,
    weights: Panels,
    bias: Vec<f32>,
    activation: Activation,
}

impl PackedDense {
    /// From PyTorch's weights `[output, input]` and bias.
    pub(crate) fn new(
        input: usize,
        weight: &[f32],
        bias: &[f32],
        activation: Activation,
        vectors: Vectors,
    ) -> Self {
        let output = bias.len();
        let element = |k: usize, column: usize| weight[column * input + k];
        let weights = Panels::pack(input, output, vectors.lanes(), element);
        Self { input, output, weights, bias: bias.to_vec(), activation }
    }

    /// Room that a row of results needs, the first at `begin`: the last vector reaches beyond the last column.
    fn end(&self, begin: usize) -> usize {
        begin + self.weights.padded_columns()
    }

    /// Results of `n` rows into the columns from `begin` on; what is behind them is overwritten.
    #[inline(always)]
    fn apply<S: Simd>(
        &self,
        simd: S,
        n: usize,
        rows: Rows<'_>,
        out: &mut [f32],
        stride: usize,
        begin: usize,
    ) {
        let end = self.end(begin);
        for row in out.chunks_exact_mut(stride).take(n) {
            row[begin..begin + self.output].copy_from_slice(&self.bias);
            row[begin + self.output..end].fill(0.0);
        }
        simd.vectorize(AddProduct {
            n,
            rows,
            matrix: &self.weights,
            panels: self.weights.all(),
            sums: &mut out[begin..],
            sums_stride: stride,
        });
        for row in out.chunks_exact_mut(stride).take(n) {
            let row = &mut row[begin..begin + self.output];
            match self.activation {
                Activation::Linear => {}
                Activation::Relu => map::<S, Relu>(simd, row),
                Activation::Tanh => map::<S, Tanh<'_>>(simd, row),
            }
        }
    }
}

/// A network of dense layers on two inputs: the first layer on one, the second, if there is one, on the other, and the
/// rest on both results side by side.
#[derive(Debug)]
pub(crate) struct PackedHead {
    pub(crate) first: PackedDense,
    pub(crate) second: Option<PackedDense>,
    pub(crate) rest: Vec<PackedDense>,
}

impl PackedHead {
    /// Widths of the two inputs.
    pub(crate) fn inputs(&self) -> (usize, usize) {
        (self.first.input, self.second.as_ref().map_or(0, |second| second.input))
    }

    /// Width of the results after so many of the `rest`.
    pub(crate) fn width(&self, n_rest: usize) -> usize {
        match n_rest.checked_sub(1) {
            Some(last) => self.rest[last].output,
            None => self.first.output + self.second.as_ref().map_or(0, |second| second.output),
        }
    }
}

/// Rows that go through a head together: few enough to stay in the first caches.
pub(crate) const HEAD_ROWS: usize = 64;

/// Runs at most [`HEAD_ROWS`] rows through the layers of a head and the first `n_rest` of those behind.
#[derive(Debug)]
pub(crate) struct RunHead<'a> {
    pub(crate) head: &'a PackedHead,
    pub(crate) n_rest: usize,
    /// `[row, input of the first]`, one after the other.
    pub(crate) first: &'a [f32],
    /// `[row, input of the second]`.
    pub(crate) second: &'a [f32],
    /// `[row, width]`.
    pub(crate) out: &'a mut [f32],
}

impl WithSimd for RunHead<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { head, n_rest, first, second, out } = self;
        let width = head.width(n_rest);
        let n = out.len() / width;
        // Two buffers in turn, wide enough for every layer; a product takes whole groups of rows.
        let rows = padded_rows(n);
        let joined = head.second.as_ref().map_or(0, |second| second.end(head.first.output));
        let widest = head.rest[..n_rest].iter().map(|layer| layer.end(0));
        let stride =
            row_stride(widest.chain([joined, head.first.end(0), head.first.input]).max().unwrap_or(0));
        let mut x = Aligned::zeros(rows * stride);
        let mut y = Aligned::zeros(rows * stride);

        fill(&mut y, stride, first, head.first.input);
        head.first.apply(simd, n, Rows { data: &y, stride }, &mut x, stride, 0);
        if let Some(layer) = &head.second {
            let second_stride = row_stride(layer.input);
            let mut inputs = Aligned::zeros(rows * second_stride);
            fill(&mut inputs, second_stride, second, layer.input);
            layer.apply(
                simd,
                n,
                Rows { data: &inputs, stride: second_stride },
                &mut x,
                stride,
                head.first.output,
            );
        }
        for layer in &head.rest[..n_rest] {
            layer.apply(simd, n, Rows { data: &x, stride }, &mut y, stride, 0);
            std::mem::swap(&mut x, &mut y);
        }
        for (row, out) in x.chunks_exact(stride).zip(out.chunks_exact_mut(width)) {
            out.copy_from_slice(&row[..width]);
        }
    }
}

/// Rows one after the other into a buffer with a stride.
#[inline(always)]
fn fill(buffer: &mut [f32], stride: usize, rows: &[f32], width: usize) {
    for (place, row) in buffer.chunks_exact_mut(stride).zip(rows.chunks_exact(width)) {
        place[..width].copy_from_slice(row);
    }
}
