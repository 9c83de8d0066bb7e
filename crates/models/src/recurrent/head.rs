//! The dense layers behind a recurrent one, for serving.

use candle_core::{Device, Tensor};
use candle_nn::Linear;
use rayon::prelude::*;

use super::isa::{Isa, Vectors};
use super::kernel::{HEAD_ROWS, PackedDense, PackedHead, RunHead};
use crate::Result;
use crate::numbers::with_numbers;
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
            let weight = linear.weight().to_device(&Device::Cpu)?.contiguous()?;
            let input = weight.dim(1)?;
            let bias = match linear.bias() {
                Some(bias) => bias.to_device(&Device::Cpu)?.contiguous()?,
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

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn wave(index: usize) -> f32 {
        (index as f32 * 0.7).sin()
    }

    fn dense(input: usize, output: usize, activation: Activation, bias: bool) -> Dense {
        let numbers = |n: usize, seed: usize| (0..n).map(|i| wave(i + seed)).collect::<Vec<f32>>();
        let weight = Tensor::from_vec(numbers(input * output, input), (output, input), &Device::Cpu).unwrap();
        let weight = (weight / (input as f64).sqrt()).unwrap();
        let bias = bias.then(|| Tensor::from_vec(numbers(output, 3), output, &Device::Cpu).unwrap());
        (Linear::new(weight, bias), activation)
    }

    /// One row through a layer in double precision.
    fn plain((linear, activation): &Dense, x: &[f64]) -> Vec<f64> {
        let weight = linear.weight().to_vec2::<f32>().unwrap();
        let bias = linear.bias().map_or(vec![0.0; weight.len()], |bias| bias.to_vec1::<f32>().unwrap());
        let output = |(row, bias): (&Vec<f32>, &f32)| {
            let sum = row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum::<f64>() + f64::from(*bias);
            match activation {
                Activation::Linear => sum,
                Activation::Relu => sum.max(0.0),
                Activation::Tanh => sum.tanh(),
            }
        };
        weight.iter().zip(&bias).map(output).collect()
    }

    #[test]
    fn equals_double_precision_and_does_not_depend_on_the_company() {
        use Activation::{Linear, Relu, Tanh};
        // Layers one number, one vector and a bit, and more than one product deep.
        for (inputs, widths) in
            [((1, 1), [1, 1, 1, 1]), ((7, 19), [17, 3, 33, 5]), ((200, 9), [101, 31, 16, 65])]
        {
            let first = dense(inputs.0, widths[0], Tanh, true);
            let second = dense(inputs.1, widths[1], Relu, false);
            for second in [None, Some(&second)] {
                let joined = widths[0] + second.map_or(0, |_| widths[1]);
                let rest = [dense(joined, widths[2], Linear, true), dense(widths[2], widths[3], Tanh, true)];
                for isa in Isa::available() {
                    let head = Head::pack(isa, &first, second, &rest).unwrap();
                    for (n_rows, n_rest) in [(1, 2), (5, 0), (64, 1), (65, 2), (130, 0)] {
                        let x: Vec<f32> = (0..n_rows * inputs.0).map(|i| wave(5 * i)).collect();
                        let y: Vec<f32> = (0..n_rows * inputs.1).map(|i| wave(3 * i + 1)).collect();
                        let found = head.run(n_rows, n_rest, &x, &y);
                        let width = found.len() / n_rows;
                        for (row, found) in found.chunks_exact(width).enumerate() {
                            let case = format!("{isa}, {inputs:?}, row {row} of {n_rows}, {n_rest}");
                            let (x, y) = (&x[row * inputs.0..][..inputs.0], &y[row * inputs.1..][..inputs.1]);
                            assert_eq!(head.run(1, n_rest, x, y), found, "{case}");
                            let widen = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
                            let mut expected = plain(&first, &widen(x));
                            if let Some(second) = second {
                                expected.extend(plain(second, &widen(y)));
                            }
                            for layer in &rest[..n_rest] {
                                expected = plain(layer, &expected);
                            }
                            assert_eq!(found.len(), expected.len(), "{case}");
                            for (found, expected) in found.iter().zip(expected) {
                                let error = (f64::from(*found) - expected).abs();
                                // Rounding of sums of up to 200 products, three layers deep.
                                assert!(error < 5e-6 * expected.abs().max(1.0), "{case}: {error:e}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nan_stays_in_its_row() {
        let first = dense(3, 5, Activation::Relu, true);
        for isa in Isa::available() {
            let head = Head::pack(isa, &first, None, &[]).unwrap();
            let mut x: Vec<f32> = (0..21).map(wave).collect();
            let clean = head.run(7, 0, &x, &[]);
            x[4] = f32::NAN;
            let found = head.run(7, 0, &x, &[]);
            assert!(found[5..10].iter().all(|x| x.is_nan()));
            assert_eq!((&found[..5], &found[10..]), (&clean[..5], &clean[10..]));
        }
    }
}
