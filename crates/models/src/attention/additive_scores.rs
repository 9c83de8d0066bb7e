//! The score of every row: `v · dropout(tanh(x + b))` in one pass, without its intermediate tensors.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Shape, Tensor};
use rayon::prelude::*;

use super::real::{Real, dot, for_dtype, has_kernel};
use crate::Dropout;
use crate::dropout::Mask;
use crate::numbers::{contiguous, with_numbers};
use crate::recurrent::Vectors;

/// Rows that one job takes. A constant, so that sums over rows have the same order for any number of threads.
const ROWS: usize = 128;

/// Scores `[rows]` of products `[rows, units]` with a bias `[units]` and a vector `v` `[units]`.
pub(super) fn additive_scores(
    products: &Tensor,
    bias: &Tensor,
    v: &Tensor,
    dropout: Option<(Dropout, u64)>,
    vectors: Vectors,
) -> candle_core::Result<Tensor> {
    if !has_kernel(products) {
        return by_candle(products, bias, v, dropout);
    }
    let mask = dropout.and_then(|(dropout, seed)| dropout.mask(seed));
    let op = AdditiveScores { units: v.elem_count(), mask, vectors };
    products.contiguous()?.apply_op3(&bias.contiguous()?, &v.contiguous()?, op)
}

fn by_candle(
    products: &Tensor,
    bias: &Tensor,
    v: &Tensor,
    dropout: Option<(Dropout, u64)>,
) -> candle_core::Result<Tensor> {
    let mut u = products.broadcast_add(bias)?.tanh()?;
    if let Some((dropout, seed)) = dropout {
        u = dropout.apply_to(&u, seed)?;
    }
    u.matmul(&v.unsqueeze(1)?)?.squeeze(1)
}

struct AdditiveScores {
    units: usize,
    mask: Option<Mask>,
    vectors: Vectors,
}

impl AdditiveScores {
    /// `u = tanh(x + b)` of one row.
    fn activate<T: Real>(&self, u: &mut [T], products: &[T], bias: &[T]) {
        for ((u, &x), &b) in u.iter_mut().zip(products).zip(bias) {
            *u = x + b;
        }
        T::tanh_all(u, self.vectors);
    }

    /// The dropout factors of row `row`; they stay 1 where nothing is dropped.
    fn fill_factors<T: Real>(&self, factors: &mut [T], row: usize) {
        if let Some(mask) = &self.mask {
            mask.fill(factors, (row * self.units) as u64);
        }
    }

    fn forward<T: Real>(&self, products: &[T], bias: &[T], v: &[T]) -> Vec<T> {
        let mut scores = vec![T::ZERO; products.len() / self.units];
        let jobs = scores.par_chunks_mut(ROWS).zip(products.par_chunks(ROWS * self.units)).enumerate();
        jobs.for_each(|(job, (scores, products))| {
            let (mut u, mut factors) = (vec![T::ZERO; self.units], vec![T::ONE; self.units]);
            for (i, (score, products)) in scores.iter_mut().zip(products.chunks_exact(self.units)).enumerate()
            {
                self.activate(&mut u, products, bias);
                self.fill_factors(&mut factors, job * ROWS + i);
                multiply(&mut u, &factors);
                *score = dot(&u, v);
            }
        });
        scores
    }

    /// Gradients of the products, and of bias and v one after the other.
    fn backward<T: Real>(&self, products: &[T], bias: &[T], v: &[T], grads: &[T]) -> (Vec<T>, Vec<T>) {
        let mut product_grads = vec![T::ZERO; products.len()];
        let jobs =
            product_grads.par_chunks_mut(ROWS * self.units).zip(products.par_chunks(ROWS * self.units));
        let jobs = jobs.zip(grads.par_chunks(ROWS)).enumerate();
        let sums = jobs.map(|(job, ((product_grads, products), grads))| {
            let (mut u, mut factors) = (vec![T::ZERO; self.units], vec![T::ONE; self.units]);
            let mut sums = vec![T::ZERO; 2 * self.units];
            let (bias_grad, v_grad) = sums.split_at_mut(self.units);
            let rows = product_grads.chunks_exact_mut(self.units).zip(products.chunks_exact(self.units));
            for (i, ((product_grads, products), &grad)) in rows.zip(grads).enumerate() {
                self.activate(&mut u, products, bias);
                self.fill_factors(&mut factors, job * ROWS + i);
                for j in 0..self.units {
                    let through = grad * factors[j];
                    product_grads[j] = through * v[j] * (T::ONE - u[j] * u[j]);
                    bias_grad[j] += product_grads[j];
                    v_grad[j] += through * u[j];
                }
            }
            sums
        });
        let sums: Vec<Vec<T>> = sums.collect();
        let mut total = vec![T::ZERO; 2 * self.units];
        for sums in sums {
            for (total, sum) in total.iter_mut().zip(sums) {
                *total += sum;
            }
        }
        (product_grads, total)
    }
}

impl CustomOp3 for AdditiveScores {
    fn name(&self) -> &'static str {
        "additive-scores"
    }

    fn cpu_fwd(
        &self,
        products: &CpuStorage,
        products_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        for_dtype!(products.dtype(), self.name(), T => {
            let (bias, v) = (contiguous(bias, bias_layout)?, contiguous(v, v_layout)?);
            let scores = self.forward::<T>(contiguous(products, products_layout)?, bias, v);
            let n_rows = scores.len();
            Ok((T::into_storage(scores), n_rows.into()))
        })
    }

    fn bwd(
        &self,
        products: &Tensor,
        bias: &Tensor,
        v: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        for_dtype!(products.dtype(), self.name(), T => {
            let grad = grad.contiguous()?;
            let (product_grads, sums) = with_numbers(
                [products, bias, v, &grad],
                |[products, bias, v, grads]| self.backward::<T>(products, bias, v, grads),
            )?;
            let (bias_grad, v_grad) = sums.split_at(self.units);
            Ok((
                Some(Tensor::from_vec(product_grads, products.dims(), products.device())?),
                Some(Tensor::from_slice(bias_grad, bias.dims(), bias.device())?),
                Some(Tensor::from_slice(v_grad, v.dims(), v.device())?),
            ))
        })
    }
}

fn multiply<T: Real>(u: &mut [T], factors: &[T]) {
    for (u, &factor) in u.iter_mut().zip(factors) {
        *u *= factor;
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::super::testing::assert_close;
    use super::*;
    use crate::Isa;

    #[test]
    fn candle_agrees_with_the_kernel() {
        let wave = |n: f64| Tensor::arange(0.0, n, &Device::Cpu).unwrap().cos().unwrap();
        let products = Var::from_tensor(&wave(600.0).reshape((200, 3)).unwrap()).unwrap();
        let (bias, v) = (Var::from_tensor(&wave(3.0)).unwrap(), Var::from_tensor(&wave(3.0)).unwrap());
        let vectors = Vectors::checked(Isa::Portable).unwrap();
        for dropout in [None, Some((Dropout::new(0.3).unwrap(), 5))] {
            let scores = additive_scores(&products, &bias, &v, dropout, vectors).unwrap();
            let by_candle = by_candle(&products, &bias, &v, dropout).unwrap();
            assert_close(&scores, &by_candle, &[&products, &bias, &v]);
        }
    }
}
