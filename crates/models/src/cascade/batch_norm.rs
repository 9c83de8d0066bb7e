//! Batch normalization with running statistics.

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;

use super::normalize::Normalize;
use crate::{Error, Result};

/// Keeps the quotient finite; PyTorch's.
const EPSILON: f64 = 1e-5;
/// Share of the newest batch in the running statistics; PyTorch's.
const MOMENTUM: f64 = 0.1;

/// Batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167) of rows `[row, width]`, as PyTorch's `BatchNorm1d`.
///
/// ```text
/// y = γ (x - μ) / √(σ² + 1e-5) + β
/// training     μ, σ² of the batch, σ² divided by n
/// prediction   the running μ, σ²: after each batch 0.9 of the old and 0.1 of the batch's, σ² divided by n - 1
/// ```
#[derive(Debug, Clone)]
pub(super) struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    statistics: Statistics,
}

/// What training leaves for prediction.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    pub(super) mean: Tensor,
    pub(super) variance: Tensor,
    /// Number of batches, of rank 0.
    pub(super) n_batches: Tensor,
}

impl Statistics {
    /// PyTorch's names and the shapes for this width.
    pub(super) fn names(width: usize) -> [(&'static str, Vec<usize>); 3] {
        [("running_mean", vec![width]), ("running_var", vec![width]), ("num_batches_tracked", vec![])]
    }

    /// In the order of the names.
    pub(super) fn tensors(&self) -> [&Tensor; 3] {
        [&self.mean, &self.variance, &self.n_batches]
    }

    pub(super) fn from_tensors([mean, variance, n_batches]: [Tensor; 3]) -> Result<Self> {
        // A count, whatever the type of the weights.
        Ok(Self { mean, variance, n_batches: n_batches.to_dtype(DType::I64)? })
    }
}

impl BatchNorm {
    #[allow(clippy::needless_pass_by_value, reason = "candle passes a VarBuilder by value everywhere")]
    pub(super) fn new(width: usize, vb: VarBuilder<'_>) -> Result<Self> {
        let [mean, variance, n_batches] = Statistics::names(width).map(|(name, shape)| vb.get(shape, name));
        Ok(Self {
            weight: vb.get(width, "weight")?,
            bias: vb.get(width, "bias")?,
            statistics: Statistics::from_tensors([mean?, variance?, n_batches?])?,
        })
    }

    pub(super) fn weights(&self) -> [&Tensor; 2] {
        [&self.weight, &self.bias]
    }

    pub(super) fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    pub(super) fn set_statistics(&mut self, statistics: Statistics) {
        self.statistics = statistics;
    }

    /// Normalizes by the batch; gives the statistics after it too.
    pub(super) fn forward_train(&self, x: &Tensor) -> Result<(Tensor, Statistics)> {
        let n = x.dim(0)?;
        if n < 2 {
            let what = "rows of a batch in training";
            return Err(Error::Config { what, expected: "at least 2".into(), found: n.to_string() });
        }
        let (y, mean, variance) = if x.device().is_cpu() { self.by_kernel(x)? } else { self.by_candle(x)? };
        let Statistics { mean: old_mean, variance: old_variance, n_batches } = &self.statistics;
        let unbiased = (variance * (n as f64 / (n - 1) as f64))?;
        let mix = |old: &Tensor, new: &Tensor| (old * (1.0 - MOMENTUM))? + (new * MOMENTUM)?;
        let statistics = Statistics {
            mean: mix(old_mean, &mean)?,
            variance: mix(old_variance, &unbiased)?,
            n_batches: (n_batches + 1.0)?,
        };
        Ok((y, statistics))
    }

    /// The normalized rows, and the mean and the variance of the batch without a gradient.
    fn by_kernel(&self, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let normalize = Normalize::new(EPSILON);
        let y = x.contiguous()?.apply_op3(&self.weight, &self.bias, normalize.clone())?;
        let moments = normalize.moments().expect("the operation has run");
        let tensor = |numbers: &[f64]| Tensor::new(numbers, x.device())?.to_dtype(DType::F32);
        Ok((y, tensor(&moments.mean)?, tensor(&moments.variance)?))
    }

    fn by_candle(&self, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let mean = x.mean_keepdim(0)?;
        let centered = x.broadcast_sub(&mean)?;
        let variance = centered.sqr()?.mean_keepdim(0)?;
        let normalized = centered.broadcast_div(&(&variance + EPSILON)?.sqrt()?)?;
        let y = normalized.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)?;
        Ok((y, mean.squeeze(0)?.detach(), variance.squeeze(0)?.detach()))
    }

    /// Factor and term, `[width]` each, of prediction: y = factor x + term.
    pub(super) fn affine(&self) -> Result<(Tensor, Tensor)> {
        let Statistics { mean, variance, .. } = &self.statistics;
        let factor = (&self.weight / (variance + EPSILON)?.sqrt()?)?;
        let term = (&self.bias - (mean * &factor)?)?;
        Ok((factor, term))
    }

    /// Normalizes by the running statistics.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (factor, term) = self.affine()?;
        Ok(x.broadcast_mul(&factor)?.broadcast_add(&term)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use candle_core::{Device, Var};

    use super::*;

    fn norm() -> BatchNorm {
        let tensor = |numbers: &[f32]| Tensor::new(numbers, &Device::Cpu).unwrap();
        let tensors = HashMap::from([
            ("weight".into(), tensor(&[2.0, 1.0])),
            ("bias".into(), tensor(&[0.0, 5.0])),
            ("running_mean".into(), tensor(&[1.0, 0.0])),
            ("running_var".into(), tensor(&[4.0, 1.0])),
            ("num_batches_tracked".into(), Tensor::new(3f32, &Device::Cpu).unwrap()),
        ]);
        BatchNorm::new(2, VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)).unwrap()
    }

    #[test]
    fn a_batch_by_hand() {
        let x = Tensor::new(&[[1f32, 7.0], [3.0, 7.0]], &Device::Cpu).unwrap();
        let (y, statistics) = norm().forward_train(&x).unwrap();
        let y = y.to_vec2::<f32>().unwrap();
        // Deviations of 1 and 0 around the means 2 and 7.
        assert!((y[0][0] + 2.0).abs() < 2e-5 && (y[1][0] - 2.0).abs() < 2e-5);
        assert_eq!([y[0][1], y[1][1]], [5.0, 5.0]);
        let close = |tensor: &Tensor, expected: [f32; 2]| {
            let found = tensor.to_vec1::<f32>().unwrap();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        };
        close(&statistics.mean, [0.9 + 0.2, 0.7]);
        close(&statistics.variance, [3.6 + 0.1 * 2.0, 0.9]);
        assert_eq!(statistics.n_batches.to_scalar::<i64>().unwrap(), 4);
    }

    #[test]
    fn candle_agrees_with_the_kernel() {
        // More than one job, and the last one short.
        let (n, width) = (600, 2);
        let x = Tensor::arange(0f32, (n * width) as f32, &Device::Cpu).unwrap().sin().unwrap();
        let x = Var::from_tensor(&(x.reshape((n, width)).unwrap() + 0.5).unwrap()).unwrap();
        let weights = [[2f32, 1.0], [0.0, 5.0]].map(|w| Var::new(&w, &Device::Cpu).unwrap());
        let [weight, bias] = weights.each_ref().map(|w| w.as_tensor().clone());
        let norm = BatchNorm { weight, bias, ..norm() };
        let factors = Tensor::arange(0f32, (n * width) as f32, &Device::Cpu).unwrap().cos().unwrap();
        let factors = factors.reshape((n, width)).unwrap();
        let close = |a: &Tensor, b: &Tensor| {
            let off = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
            let size = b.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
            // Rounding of candle's sums of 600 numbers.
            assert!(off.to_scalar::<f32>().unwrap() < 2e-5 * size.max(1.0), "{a} {b}");
        };
        let (found, expected) = (norm.by_kernel(&x).unwrap(), norm.by_candle(&x).unwrap());
        close(&found.1, &expected.1);
        close(&found.2, &expected.2);
        close(&found.0, &expected.0);
        let [found, expected] = [found.0, expected.0].map(|y| (y * &factors).unwrap().sum_all().unwrap());
        let (found, expected) = (found.backward().unwrap(), expected.backward().unwrap());
        for variable in [&x, &weights[0], &weights[1]] {
            close(found.get(variable).unwrap(), expected.get(variable).unwrap());
        }
    }

    #[test]
    fn prediction_by_hand() {
        let x = Tensor::new(&[[5f32, 1.0]], &Device::Cpu).unwrap();
        let y = norm().forward(&x).unwrap().to_vec2::<f32>().unwrap();
        assert!((y[0][0] - 4.0).abs() < 1e-5 && (y[0][1] - 6.0).abs() < 1e-5);
        let error = norm().forward_train(&x).unwrap_err().to_string();
        assert_eq!(error, "rows of a batch in training is 1, expected at least 2");
    }
}
