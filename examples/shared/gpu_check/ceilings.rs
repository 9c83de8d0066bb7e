//! What the device can do at most, measured: the roof of the roofline.

use std::error::Error;
use std::time::Duration;

use heliacal::Device;
use heliacal::models::candle_core::{Tensor, Var, cuda};
use serde::Serialize;

use super::made_up::Numbers;
use super::stopwatch::{Timing, time_calls};

/// Products in one call, so that launching them is lost beside them.
const PRODUCTS: usize = 4;

/// Rates of the device, each from the median of some calls.
#[derive(Debug, Clone, Serialize)]
pub struct Ceilings {
    /// Rows of the square matrices.
    pub matrix_rows: usize,
    /// A copy on the device, bytes read and bytes written \[byte/s\].
    pub copy_byte_per_s: f64,
    /// From pageable memory of the host to the device \[byte/s\].
    pub upload_byte_per_s: f64,
    /// A large product of square matrices in single precision \[1/s\].
    pub f32_flop_per_s: f64,
    /// The same with TF32's short mantissa; on a GPU only \[1/s\].
    pub tf32_flop_per_s: Option<f64>,
}

impl Ceilings {
    /// With `n` x `n` matrices, and copies of `n` x `n` x 4 numbers.
    pub fn measure(device: &Device, n: usize, budget: Duration) -> Result<Self, Box<dyn Error>> {
        let mut numbers = Numbers::new(1);
        let (a, b) = (numbers.many(n * n, 1.0), numbers.many(n * n, 1.0));
        let upload = time_calls(device, budget, || Ok(Tensor::from_slice(&a, (n, n), device)?))?;
        let matrix = |numbers: &[f32]| Tensor::from_slice(numbers, (n, n), device);
        let (a, b) = (matrix(&a)?, matrix(&b)?);
        let large = Tensor::cat(&[&a, &b, &a, &b], 0)?;
        let place = Var::from_tensor(&large.zeros_like()?)?;
        let copy = time_calls(device, budget, || {
            place.set(&large)?;
            Ok(())
        })?;
        let product = || {
            time_calls(device, budget, || {
                for _ in 0..PRODUCTS {
                    a.matmul(&b)?;
                }
                Ok(())
            })
        };
        let n_bytes = (4 * n * n) as f64;
        let flops = PRODUCTS as f64 * 2.0 * (n as f64).powi(3);
        let flop_per_s = |timing: &Timing| flops / timing.median_s;
        Ok(Self {
            matrix_rows: n,
            copy_byte_per_s: 2.0 * 4.0 * n_bytes / copy.median_s,
            upload_byte_per_s: n_bytes / upload.median_s,
            f32_flop_per_s: flop_per_s(&product()?),
            tf32_flop_per_s: if device.is_cuda() { Some(flop_per_s(&with_tf32(product)?)) } else { None },
        })
    }

    /// Seconds that so much arithmetic and so many bytes take at least \[s\].
    pub fn floor_s(&self, flops: f64, n_bytes: f64) -> f64 {
        (flops / self.f32_flop_per_s).max(n_bytes / self.copy_byte_per_s)
    }
}

/// Runs something with candle's products in TF32, where they go through cuBLAS.
pub fn with_tf32<T>(run: impl FnOnce() -> T) -> T {
    cuda::set_gemm_reduced_precision_f32(true);
    let outcome = run();
    cuda::set_gemm_reduced_precision_f32(false);
    outcome
}
