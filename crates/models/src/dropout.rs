//! Dropout whose masks are a function of a seed.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor, WithDType, bail};
use rayon::prelude::*;

use crate::numbers::contiguous;
use crate::train::random::{Purpose, Random};
use crate::{Error, Result};

/// Inverted dropout (Srivastava et al. 2014, JMLR 15, 1929): each number is set to 0 with a probability p and otherwise
/// divided by 1 - p, so that the mean stays. For training only; at prediction, leave it out.
///
/// Whether element i is dropped is a function of (seed, i) alone, i counted in row-major order: the same on every
/// machine and device and for any number of threads. candle's own dropout cannot be seeded on the CPU.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use heliacal_models::{Dropout, candle_core, dropout_seed};
///
/// let dropout = Dropout::new(0.5)?;
/// let x = Tensor::ones(8, DType::F32, &Device::Cpu)?;
/// // In step 3 of a training run with seed 1, the mask of layer 0.
/// let y = dropout.apply(&x, dropout_seed(1, 3, 0))?.to_vec1::<f32>()?;
/// assert!(y.iter().all(|&y| y == 0.0 || y == 2.0));
/// assert_eq!(dropout.apply(&x, dropout_seed(1, 3, 0))?.to_vec1::<f32>()?, y);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    probability: f64,
}

/// A seed for the mask of one layer in one step: every (seed, step, layer) has its own.
pub fn dropout_seed(seed: u64, step: u64, layer: u64) -> u64 {
    let of_step = Random::new(seed, Purpose::Dropout, step).next_u64();
    Random::new(of_step, Purpose::Dropout, layer).next_u64()
}

impl Dropout {
    /// Dropout with probability `probability` in \[0, 1).
    ///
    /// # Errors
    /// [`Error::Config`] for another number or NaN.
    pub fn new(probability: f64) -> Result<Self> {
        if (0.0..1.0).contains(&probability) {
            Ok(Self { probability })
        } else {
            Err(Error::Config {
                what: "dropout probability",
                expected: "0 or more and below 1".into(),
                found: probability.to_string(),
            })
        }
    }

    /// The probability that a number is dropped.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    /// `x`, of any shape, with some of its numbers dropped; `x` itself at probability 0. NaN that is dropped stays NaN.
    ///
    /// Differentiable: the gradient goes through the same mask.
    ///
    /// # Errors
    /// [`Error::Candle`] when the numbers are neither f32 nor f64.
    pub fn apply(&self, x: &Tensor, seed: u64) -> Result<Tensor> {
        Ok(self.apply_to(x, seed)?)
    }

    /// [`apply`](Self::apply) with candle's error.
    pub(crate) fn apply_to(self, x: &Tensor, seed: u64) -> candle_core::Result<Tensor> {
        match self.mask(seed) {
            None => Ok(x.clone()),
            Some(mask) if x.device().is_cpu() => x.contiguous()?.apply_op1(mask),
            Some(mask) => x * mask.factors(x)?,
        }
    }

    /// The mask of a seed; none if it drops nothing.
    pub(crate) fn mask(self, seed: u64) -> Option<Mask> {
        let Self { probability } = self;
        (probability > 0.0).then(|| Mask {
            random: Random::new(seed, Purpose::Dropout, 0),
            dropped_below: (probability * 2f64.powi(64)) as u64,
            scale: 1.0 / (1.0 - probability),
        })
    }
}

/// What each element is multiplied with: 0 or 1 / (1 - p).
#[derive(Debug, Clone)]
pub(crate) struct Mask {
    random: Random,
    dropped_below: u64,
    scale: f64,
}

/// Numbers that one job takes.
const CHUNK: usize = 1 << 14;

impl Mask {
    /// The factors of the elements from `first` on.
    pub(crate) fn fill<T: WithDType>(&self, factors: &mut [T], first: u64) {
        let scale = T::from_f64(self.scale);
        for (index, factor) in (first..).zip(factors) {
            *factor = if self.keeps(index) { scale } else { T::zero() };
        }
    }

    #[inline]
    fn keeps(&self, index: u64) -> bool {
        self.random.nth(index) >= self.dropped_below
    }

    /// The factors of all elements of a tensor, in its shape and on its device: made here, and sent as a byte each.
    fn factors(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let mut kept = vec![0u8; x.elem_count()];
        let jobs = kept.par_chunks_mut(CHUNK).enumerate();
        jobs.for_each(|(job, kept)| {
            let first = (job * CHUNK) as u64;
            for (index, kept) in (first..).zip(kept) {
                *kept = u8::from(self.keeps(index));
            }
        });
        Tensor::from_vec(kept, x.shape(), x.device())?.to_dtype(x.dtype())? * self.scale
    }

    fn multiply<T: WithDType>(&self, x: &[T]) -> Vec<T> {
        let mut product = vec![T::zero(); x.len()];
        let jobs = product.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).enumerate();
        jobs.for_each(|(job, (product, x))| {
            self.fill(product, (job * CHUNK) as u64);
            for (product, &x) in product.iter_mut().zip(x) {
                *product *= x;
            }
        });
        product
    }
}

impl CustomOp1 for Mask {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let product = match storage {
            CpuStorage::F32(_) => CpuStorage::F32(self.multiply(contiguous(storage, layout)?)),
            CpuStorage::F64(_) => CpuStorage::F64(self.multiply(contiguous(storage, layout)?)),
            _ => bail!("dropout is for f32 and f64"),
        };
        Ok((product, layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        Ok(Some(grad.contiguous()?.apply_op1_no_bwd(self)?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;

    fn to_vec(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_right_share_is_dropped_and_the_mean_stays() {
        let n = 100_000;
        let ones = Tensor::ones(n, DType::F32, &Device::Cpu).unwrap();
        for probability in [0.1, 0.4, 0.9] {
            let kept = to_vec(&Dropout::new(probability).unwrap().apply(&ones, 1).unwrap());
            let mean = kept.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
            // Five standard deviations.
            let tolerance = 5.0 * (probability / (1.0 - probability) / n as f64).sqrt();
            assert!((mean - 1.0).abs() < tolerance, "{probability}: {mean}");
            let scale = (1.0 / (1.0 - probability)) as f32;
            assert!(kept.iter().all(|&x| x == 0.0 || x == scale));
        }
    }

    #[test]
    fn the_mask_is_the_seeds_sequence() {
        // Element by element, one draw each, across the borders of jobs.
        let n = 2 * CHUNK + 5;
        let x = Tensor::arange(1f32, 1.0 + n as f32, &Device::Cpu).unwrap();
        let found = to_vec(&Dropout::new(0.25).unwrap().apply(&x, 77).unwrap());
        let mut random = Random::new(77, Purpose::Dropout, 0);
        for (index, found) in found.into_iter().enumerate() {
            let expected = if random.uniform() < 0.25 { 0.0 } else { (index + 1) as f32 * (1.0f32 / 0.75) };
            assert_eq!(found, expected, "{index}");
        }
    }

    #[test]
    fn the_gradient_is_the_mask() {
        let x = Var::from_tensor(&Tensor::rand(-1f32, 1.0, (7, 5), &Device::Cpu).unwrap()).unwrap();
        let dropout = Dropout::new(0.5).unwrap();
        let transposed = x.t().unwrap(); // not contiguous
        let dropped = dropout.apply(&transposed, 3).unwrap();
        let gradients = dropped.sum_all().unwrap().backward().unwrap();
        let mask = dropout.apply(&transposed.ones_like().unwrap(), 3).unwrap().t().unwrap();
        assert_eq!(to_vec(gradients.get(&x).unwrap()), to_vec(&mask));
        assert_eq!(to_vec(&dropped), to_vec(&(&transposed * mask.t().unwrap()).unwrap()));
    }

    #[test]
    fn other_devices_get_the_same_factors() {
        let dropout = Dropout::new(0.3).unwrap();
        for dtype in [DType::F32, DType::F64] {
            let ones = Tensor::ones((40, 3), dtype, &Device::Cpu).unwrap();
            let by_kernel = dropout.apply(&ones, 9).unwrap().to_dtype(DType::F32).unwrap();
            let factors = dropout.mask(9).unwrap().factors(&ones).unwrap();
            assert_eq!(factors.dtype(), dtype);
            assert_eq!(to_vec(&by_kernel), to_vec(&factors.to_dtype(DType::F32).unwrap()));
        }
    }

    #[test]
    fn nothing_dropped_is_the_tensor_itself() {
        let x = Tensor::ones(3, DType::U32, &Device::Cpu).unwrap();
        assert_eq!(Dropout::new(0.0).unwrap().apply(&x, 1).unwrap().id(), x.id());
        assert!(Dropout::new(0.1).unwrap().apply(&x, 1).is_err());
    }

    #[test]
    fn a_probability_is_below_one() {
        for probability in [-0.1, 1.0, 1.5, f64::NAN, f64::INFINITY] {
            assert!(Dropout::new(probability).is_err());
        }
    }

    #[test]
    fn every_seed_step_and_layer_has_a_mask_of_its_own() {
        let mut seeds: Vec<u64> = Vec::new();
        for seed in 0..5 {
            for step in 0..5 {
                seeds.extend((0..5).map(|layer| dropout_seed(seed, step, layer)));
            }
        }
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 125);
    }
}
