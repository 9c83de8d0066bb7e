//! Normalization of rows by their own moments, in one operation where candle has ten.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp3, Layout, Shape, Tensor, bail};
use rayon::prelude::*;

use crate::numbers::{contiguous, with_numbers};

/// Rows that one job takes. A constant, so that sums over rows have the same order for any number of threads.
const ROWS: usize = 256;

/// Takes rows `[row, width]` in single precision on the CPU, factors and terms `[width]`: `γ (x - μ) / √(σ² + ε) + β`, with the
/// mean and the variance of each column.
#[derive(Debug, Clone)]
pub(super) struct Normalize {
    epsilon: f64,
    moments: Arc<OnceLock<Moments>>,
}

/// Mean and variance (divided by n) of each column.
#[derive(Debug)]
pub(super) struct Moments {
    pub(super) mean: Vec<f64>,
    pub(super) variance: Vec<f64>,
}

impl Moments {
    fn new(x: &[f32], width: usize) -> Self {
        let n = (x.len() / width) as f64;
        let [mean] = column_sums([x], width, |_, [x]| [f64::from(x)]).map(|sums| divided(sums, n));
        let squares = column_sums([x], width, |column, [x]| [(f64::from(x) - mean[column]).powi(2)]);
        let [variance] = squares.map(|sums| divided(sums, n));
        Self { mean, variance }
    }
}

fn divided(sums: Vec<f64>, n: f64) -> Vec<f64> {
    sums.into_iter().map(|sum| sum / n).collect()
}

/// Sums over the rows of some functions of the numbers of each column.
fn column_sums<const I: usize, const O: usize>(
    inputs: [&[f32]; I],
    width: usize,
    terms: impl Fn(usize, [f32; I]) -> [f64; O] + Sync,
) -> [Vec<f64>; O] {
    let n_jobs = inputs[0].len().div_ceil(ROWS * width);
    let jobs = (0..n_jobs).into_par_iter().map(|job| {
        let mut sums: [Vec<f64>; O] = std::array::from_fn(|_| vec![0.0; width]);
        let part = job * ROWS * width..((job + 1) * ROWS * width).min(inputs[0].len());
        let part = inputs.map(|numbers| &numbers[part.clone()]);
        for row in (0..part[0].len()).step_by(width) {
            let row = part.map(|numbers| &numbers[row..row + width]);
            for column in 0..width {
                let terms = terms(column, row.map(|numbers| numbers[column]));
                for (sums, term) in sums.iter_mut().zip(terms) {
                    sums[column] += term;
                }
            }
        }
        sums
    });
    let mut total: [Vec<f64>; O] = std::array::from_fn(|_| vec![0.0; width]);
    for sums in jobs.collect::<Vec<_>>() {
        for (total, sums) in total.iter_mut().zip(sums) {
            for (total, sum) in total.iter_mut().zip(sums) {
                *total += sum;
            }
        }
    }
    total
}

impl Normalize {
    pub(super) fn new(epsilon: f64) -> Self {
        Self { epsilon, moments: Arc::default() }
    }

    /// The moments of the rows, once it has run.
    pub(super) fn moments(&self) -> Option<&Moments> {
        self.moments.get()
    }

    /// Mean and 1 / √(σ² + ε) of each column. In double precision, as all that is done with them: the gradients of a column add
    /// up to 0, and rounding of its mean would add up with them.
    fn scales(&self, moments: &Moments) -> Vec<(f64, f64)> {
        let scale = |(&mean, &variance): (&f64, &f64)| (mean, (variance + self.epsilon).sqrt().recip());
        moments.mean.iter().zip(&moments.variance).map(scale).collect()
    }

    fn forward(&self, moments: &Moments, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let scales = self.scales(moments);
        let mut y = vec![0.0; x.len()];
        let jobs = y.par_chunks_mut(ROWS * weight.len()).zip(x.par_chunks(ROWS * weight.len()));
        jobs.for_each(|(y, x)| {
            for (y, x) in y.chunks_exact_mut(weight.len()).zip(x.chunks_exact(weight.len())) {
                let columns = scales.iter().zip(weight).zip(bias);
                for ((y, &x), ((&(mean, scale), &weight), &bias)) in y.iter_mut().zip(x).zip(columns) {
                    let normalized = (f64::from(x) - mean) * scale;
                    *y = (normalized * f64::from(weight) + f64::from(bias)) as f32;
                }
            }
        });
        y
    }

    /// Gradients of rows, factors and terms. With x̂ the normalized rows and g the gradient of the results:
    ///
    /// ```text
    /// dx = γ / √(σ² + ε) (g - mean(g) - x̂ mean(g x̂))     dγ = Σ g x̂     dβ = Σ g
    /// ```
    fn backward(&self, moments: &Moments, x: &[f32], weight: &[f32], grads: &[f32]) -> [Vec<f32>; 3] {
        let (width, scales) = (weight.len(), self.scales(moments));
        let [weight_grads, bias_grads] = column_sums([x, grads], width, |column, [x, grad]| {
            let (mean, scale) = scales[column];
            [f64::from(grad) * (f64::from(x) - mean) * scale, f64::from(grad)]
        });
        let n = (x.len() / width) as f64;
        let means = weight_grads.iter().zip(&bias_grads).map(|(&a, &b)| (a / n, b / n));
        let means: Vec<(f64, f64)> = means.collect();
        let mut x_grads = vec![0.0; x.len()];
        let jobs = x_grads.par_chunks_mut(ROWS * width).zip(x.par_chunks(ROWS * width));
        jobs.zip(grads.par_chunks(ROWS * width)).for_each(|((x_grads, x), grads)| {
            let rows =
                x_grads.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(grads.chunks_exact(width));
            for ((x_grads, x), grads) in rows {
                let columns = scales.iter().zip(weight).zip(&means);
                let numbers = x_grads.iter_mut().zip(x).zip(grads);
                for (((x_grad, &x), &grad), ((&(mean, scale), &weight), &(of_weight, of_bias))) in
                    numbers.zip(columns)
                {
                    let normalized = (f64::from(x) - mean) * scale;
                    let grad = f64::from(grad) - of_bias - normalized * of_weight;
                    *x_grad = (f64::from(weight) * scale * grad) as f32;
                }
            }
        });
        let narrow = |sums: Vec<f64>| sums.into_iter().map(|sum| sum as f32).collect();
        [x_grads, narrow(weight_grads), narrow(bias_grads)]
    }
}

impl CustomOp3 for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (x, weight) = (contiguous::<f32>(x, x_layout)?, contiguous::<f32>(weight, weight_layout)?);
        let moments = self.moments.get_or_init(|| Moments::new(x, weight.len()));
        let y = self.forward(moments, x, weight, contiguous(bias, bias_layout)?);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(moments) = self.moments() else { bail!("normalize backward before forward") };
        let grad = grad.contiguous()?;
        let [of_x, of_weight, of_bias] =
            with_numbers([x, weight, &grad], |[x, weight, grads]| self.backward(moments, x, weight, grads))?;
        let tensor = |numbers, like: &Tensor| Tensor::from_vec(numbers, like.shape(), like.device());
        Ok((Some(tensor(of_x, x)?), Some(tensor(of_weight, weight)?), Some(tensor(of_bias, bias)?)))
    }
}
