//! The dense layers behind a recurrent one, for serving.

use candle_core::Tensor;
use candle_nn::Linear;
use rayon::prelude::*;

use super::isa::{Isa, Vectors};
use super::kernel::{HEAD_ROWS, PackedDense, PackedHead, RunHead};
use super::layer_op::with_numbers;
use crate::Result;
use crate::oracle::Activation;

/// A dense layer and what follows it.
pub(crate) type Dense = (Linear, Activation);

/// Dense layers packed for the kernels: the first on states, the second, if there is one, on other inputs, the rest on
/// both results side by side.
#[derive(Debug)]
pub(crate) struct Head {
    vectors: Vectors,
    packed: PackedHead,
}

impl Head {
    pub(crate) fn pack(isa: Isa, first: &Dense, second: Option<&Dense>, rest: &[Dense]) -> Result<Self> {
        let vectors = Vectors::checked(isa)?;
        let pack = |(linear, activation): &Dense| -> Result<PackedDense> {
            let weight = linear.weight().contiguous()?;
            let input = weight.dim(1)?;
            let bias = match linear.bias() {
                Some(bias) => bias.contiguous()?,
                None => Tensor::zeros(weight.dim(0)?, weight.dtype(), weight.device())?,
            };
            Ok(with_numbers([&weight, &bias], |[weight, bias]| {
                PackedDense::new(input, weight, bias, *activation, vectors)
            })?)
        };
        let packed = PackedHead {
            first: pack(first)?,
            second: second.map(pack).transpose()?,
            rest: rest.iter().map(pack).collect::<Result<_>>()?,
        };
        Ok(Self { vectors, packed })
    }

    /// Results `[row, width]` after the first `n_rest` of the layers behind, of inputs that stand one row after the
    /// other.
    pub(crate) fn run(&self, n_rows: usize, n_rest: usize, first: &[f32], second: &[f32]) -> Vec<f32> {
        let head = &self.packed;
        let width = head.width(n_rest);
        let (first_width, second_width) = head.inputs();
        let mut out = vec![0.0; n_rows * width];
        let run = |index: usize, out: &mut [f32]| {
            let rows = index * HEAD_ROWS..index * HEAD_ROWS + out.len() / width;
            self.vectors.run(RunHead {
                head,
                n_rest,
                first: &first[rows.start * first_width..rows.end * first_width],
                second: &second[rows.start * second_width..rows.end * second_width],
                out,
            });
        };
        if n_rows <= HEAD_ROWS {
            run(0, &mut out);
        } else {
            out.par_chunks_mut(HEAD_ROWS * width).enumerate().for_each(|(index, out)| run(index, out));
        }
        out
    }
}
