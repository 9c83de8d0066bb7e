//! The dense layers behind the attention, which are also the naive model.

use candle_core::{D, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder};

use super::batch_norm::{BatchNorm, Statistics};
use super::config::{MAX_WIDTH, check_sizes};
use crate::oracle::Activation;
use crate::recurrent::{Head, Packed};
use crate::{Dropout, Error, Isa, Result, dropout_seed};

/// Sizes of a [`ClassifierHead`].
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadConfig {
    pub(super) input: usize,
    pub(super) widths: [usize; 3],
    pub(super) n_classes: usize,
    pub(super) dropout: f64,
}

/// Dense layers with batch normalization, ReLU and dropout behind the first two:
///
/// ```text
/// Linear BN ReLU dropout   Linear BN ReLU dropout   Linear ReLU   Linear
/// ```
///
/// with the names of PyTorch's `Sequential` of these: `head.0.weight`, ..., `head.10.bias`.
#[derive(Debug, Clone)]
pub(super) struct ClassifierHead {
    dense: [Linear; 4],
    norms: [BatchNorm; 2],
    dropout: Dropout,
    /// The layers for serving, with the normalization in the weights.
    packed: Packed<ServingHead>,
}

/// The layers of a [`ClassifierHead`] packed for the kernels.
#[derive(Debug)]
pub(super) struct ServingHead(Head);

/// Positions of the layers in PyTorch's `Sequential`.
const DENSE: [usize; 4] = [0, 4, 8, 10];
const NORMS: [usize; 2] = [1, 5];

impl HeadConfig {
    pub(super) fn check(&self) -> Result<()> {
        check_sizes([("number of classes", self.n_classes, MAX_WIDTH)])?;
        check_sizes(self.widths.map(|width| ("width of a head layer", width, MAX_WIDTH)))?;
        Dropout::new(self.dropout).map(|_| ())
    }

    /// Input and output of each dense layer.
    fn dense(&self) -> [[usize; 2]; 4] {
        let [a, b, c] = self.widths;
        [[self.input, a], [a, b], [b, c], [c, self.n_classes]]
    }

    /// In the order of PyTorch's layers.
    pub(super) fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let mut parameters = Vec::new();
        for (index, [input, output]) in self.dense().into_iter().enumerate() {
            let layer = DENSE[index];
            parameters.push((format!("head.{layer}.weight"), vec![output, input]));
            parameters.push((format!("head.{layer}.bias"), vec![output]));
            if let Some(layer) = NORMS.get(index) {
                parameters.push((format!("head.{layer}.weight"), vec![output]));
                parameters.push((format!("head.{layer}.bias"), vec![output]));
            }
        }
        parameters
    }

    pub(super) fn statistics(&self) -> Vec<(String, Vec<usize>)> {
        let of_norm = |(layer, width): (usize, usize)| {
            Statistics::names(width).map(|(name, shape)| (format!("head.{layer}.{name}"), shape))
        };
        NORMS.into_iter().zip(self.widths).flat_map(of_norm).collect()
    }
}

impl ClassifierHead {
    pub(super) fn new(config: HeadConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let vb = |layer: usize| vb.pp("head").pp(layer.to_string());
        let sizes = config.dense();
        let dense = |index: usize| candle_nn::linear(sizes[index][0], sizes[index][1], vb(DENSE[index]));
        let norm = |index: usize| BatchNorm::new(config.widths[index], vb(NORMS[index]));
        Ok(Self {
            dense: [dense(0)?, dense(1)?, dense(2)?, dense(3)?],
            norms: [norm(0)?, norm(1)?],
            dropout: Dropout::new(config.dropout)?,
            packed: Packed::default(),
        })
    }

    /// The trained weights, in the order of [`HeadConfig::parameters`].
    pub(super) fn weights(&self) -> impl Iterator<Item = &Tensor> {
        self.dense.iter().enumerate().flat_map(|(index, linear)| {
            let norm = self.norms.get(index).map(BatchNorm::weights);
            std::iter::once(linear.weight()).chain(linear.bias()).chain(norm.into_iter().flatten())
        })
    }

    /// The running statistics, in the order of [`HeadConfig::statistics`].
    pub(super) fn statistics(&self) -> impl Iterator<Item = &Tensor> {
        self.norms.iter().flat_map(|norm| norm.statistics().tensors())
    }

    /// Replaces the running statistics, given in the order of [`HeadConfig::statistics`].
    pub(super) fn set_statistics(&mut self, statistics: &[Tensor]) -> Result<()> {
        let expected = self.statistics().count();
        if statistics.len() != expected {
            let (expected, found) = (expected.to_string(), statistics.len().to_string());
            return Err(Error::Config { what: "number of running statistics", expected, found });
        }
        for (norm, tensors) in self.norms.iter_mut().zip(statistics.as_chunks::<3>().0) {
            norm.set_statistics(Statistics::from_tensors(tensors.clone())?);
        }
        self.packed = Packed::default();
        Ok(())
    }

    /// Logits `[row, class]` in training, with the batch's own statistics, and the running statistics after it. The two
    /// dropout masks are those of layers 1 and 2 of the seed.
    pub(super) fn forward_train(&self, x: &Tensor, seed: u64) -> Result<(Tensor, Vec<Tensor>)> {
        let mut x = x.clone();
        let mut statistics = Vec::new();
        for (index, (linear, norm)) in self.dense.iter().zip(&self.norms).enumerate() {
            let (normalized, after) = norm.forward_train(&linear.forward(&x)?)?;
            statistics.extend(after.tensors().map(Tensor::clone));
            x = self.dropout.apply(&normalized.relu()?, dropout_seed(seed, 0, 1 + index as u64))?;
        }
        Ok((self.last_layers(&x)?, statistics))
    }

    /// Logits `[row, class]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (linear, norm) in self.dense.iter().zip(&self.norms) {
            x = norm.forward(&linear.forward(&x)?)?.relu()?;
        }
        self.last_layers(&x)
    }

    fn last_layers(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.dense[2].forward(x)?.relu()?;
        Ok(self.dense[3].forward(&x)?)
    }

    /// Class probabilities `[row, class]` of rows on the CPU in single precision, by the kernels.
    pub(super) fn probabilities(&self, isa: Isa, n_rows: usize, x: &[f32]) -> Result<Vec<f32>> {
        self.with_packed(isa, |head| head.probabilities(n_rows, x))
    }

    /// Runs something on the packed layers.
    pub(super) fn with_packed<R>(&self, isa: Isa, run: impl FnOnce(&ServingHead) -> R) -> Result<R> {
        self.packed.with(self.weights(), || self.pack(isa), run)
    }

    /// The layers with their normalization in weights and biases.
    fn pack(&self, isa: Isa) -> Result<ServingHead> {
        let mut layers = Vec::new();
        for (index, linear) in self.dense.iter().enumerate() {
            let linear = match self.norms.get(index) {
                Some(norm) => {
                    let (factor, term) = norm.affine()?;
                    let weight = linear.weight().broadcast_mul(&factor.unsqueeze(D::Minus1)?)?;
                    let bias = linear.bias().map(|bias| (bias * &factor)? + &term).transpose()?;
                    Linear::new(weight, bias)
                }
                None => linear.clone(),
            };
            let on_cpu = |tensor: &Tensor| tensor.to_device(&Device::Cpu);
            let linear = Linear::new(on_cpu(linear.weight())?, linear.bias().map(on_cpu).transpose()?);
            let is_last = index + 1 == self.dense.len();
            layers.push((linear, if is_last { Activation::Linear } else { Activation::Relu }));
        }
        Ok(ServingHead(Head::pack(isa, &layers[0], None, &layers[1..])?))
    }
}

impl ServingHead {
    /// Class probabilities `[row, class]` of rows `[row, input]`.
    pub(super) fn probabilities(&self, n_rows: usize, x: &[f32]) -> Vec<f32> {
        let mut rows = self.0.run(n_rows, DENSE.len() - 1, x, &[]);
        softmax_rows(&mut rows, n_rows);
        rows
    }
}

/// Logits to class probabilities, row by row: in double precision, the largest subtracted first.
pub(super) fn softmax_rows(rows: &mut [f32], n_rows: usize) {
    let width = rows.len() / n_rows.max(1);
    for row in rows.chunks_exact_mut(width.max(1)) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: f32| f64::from(logit - largest).exp();
        let sum: f64 = row.iter().map(|&logit| weight(logit)).sum();
        for logit in row {
            *logit = (weight(*logit) / sum) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_by_hand() {
        let mut rows = [0.0, 3f32.ln(), 1e4, 1e4];
        softmax_rows(&mut rows, 2);
        assert!((rows[0] - 0.25).abs() < 1e-7 && (rows[1] - 0.75).abs() < 1e-7);
        assert_eq!(rows[2..], [0.5, 0.5]);
        softmax_rows(&mut [], 0);
    }
}
