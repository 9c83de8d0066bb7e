//! The log-softmax over ranges of columns as one operation: one node in the graph, one pass over the rows.
//!
//! The maximum that is subtracted carries no gradient: the result does not depend on it, and candle's gradient of a
//! maximum counts ties more than once.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Shape, Tensor, WithDType, bail};

use crate::Result;
use crate::fused_op::{apply, is_beyond, limited, numbers};

/// `x_c - ln Σ_{k in the range of c} exp x_k`, rows in double precision whatever the number type.
#[derive(Debug, Clone)]
pub(crate) struct FusedLogSoftmax {
    /// Every column once, in order.
    ranges: Arc<[Range<usize>]>,
}

impl FusedLogSoftmax {
    /// `ranges` hold every column once, in order; none is empty.
    pub(crate) fn new(ranges: Vec<Range<usize>>) -> Self {
        Self { ranges: ranges.into() }
    }

    /// `[batch, columns]` of the same.
    pub(crate) fn of(&self, logits: &Tensor) -> Result<Tensor> {
        apply(logits, self.clone())
    }

    fn forward<T: WithDType>(&self, logits: &[T]) -> Vec<T> {
        let n = self.ranges.last().map_or(1, |range| range.end);
        let mut out = Vec::with_capacity(logits.len());
        let mut row = vec![0.0; n];
        for logits in logits.chunks_exact(n) {
            for (value, logit) in row.iter_mut().zip(logits) {
                *value = limited(logit);
            }
            for range in self.ranges.iter() {
                let group = &mut row[range.clone()];
                let max = group.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = group.iter().map(|value| (value - max).exp()).sum();
                let log_sum = sum.ln();
                out.extend(group.iter().map(|value| T::from_f64(value - max - log_sum)));
            }
        }
        out
    }
}

/// `g_c - p_c Σ_{k in the range of c} g_k` from logits, log-probabilities and the gradient g of these.
struct Backward(FusedLogSoftmax);

impl Backward {
    fn gradient<T: WithDType>(&self, logits: &[T], log_p: &[T], gradient: &[T]) -> Vec<T> {
        let ranges = &self.0.ranges;
        let n = ranges.last().map_or(1, |range| range.end);
        let mut out = Vec::with_capacity(logits.len());
        for ((logits, log_p), gradient) in
            logits.chunks_exact(n).zip(log_p.chunks_exact(n)).zip(gradient.chunks_exact(n))
        {
            for range in ranges.iter() {
                let sum: f64 = gradient[range.clone()].iter().map(|g| g.to_f64()).sum();
                out.extend(range.clone().map(|c| {
                    let g = gradient[c].to_f64() - log_p[c].to_f64().exp() * sum;
                    T::from_f64(if is_beyond(&logits[c]) { 0.0 } else { g })
                }));
            }
        }
        out
    }
}

impl CustomOp1 for FusedLogSoftmax {
    fn name(&self) -> &'static str {
        "grouped-log-softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let out = match storage {
            CpuStorage::F32(_) => CpuStorage::F32(self.forward(numbers(storage, layout)?)),
            CpuStorage::F64(_) => CpuStorage::F64(self.forward(numbers(storage, layout)?)),
            _ => bail!("a fused log-softmax needs F32 or F64"),
        };
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, logits: &Tensor, log_p: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let (logits, gradient) = (logits.contiguous()?, gradient.contiguous()?);
        logits.apply_op3_no_bwd(log_p, &gradient, &Backward(self.clone())).map(Some)
    }
}

impl CustomOp3 for Backward {
    fn name(&self) -> &'static str {
        "grouped-log-softmax-backward"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        of_logits: &Layout,
        log_p: &CpuStorage,
        of_log_p: &Layout,
        gradient: &CpuStorage,
        of_gradient: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        macro_rules! gradient {
            ($kind:ident) => {
                CpuStorage::$kind(self.gradient(
                    numbers(logits, of_logits)?,
                    numbers(log_p, of_log_p)?,
                    numbers(gradient, of_gradient)?,
                ))
            };
        }
        let out = match logits {
            CpuStorage::F32(_) => gradient!(F32),
            CpuStorage::F64(_) => gradient!(F64),
            _ => bail!("a fused log-softmax needs F32 or F64"),
        };
        Ok((out, of_logits.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::fused_op::LARGEST_LOGIT;

    fn of_row(values: &[f64]) -> Vec<f64> {
        let row = Tensor::from_slice(values, (1, values.len()), &Device::Cpu).unwrap();
        let found = FusedLogSoftmax::new(vec![0..1, 1..values.len()]).of(&row).unwrap();
        found.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn groups_by_hand() {
        let found = of_row(&[7.0, 3f64.ln(), 0.0]);
        assert_eq!(found[0], 0.0);
        assert!((found[1] - 0.75f64.ln()).abs() < 1e-15 && (found[2] - 0.25f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn infinities_are_limited_and_nan_stays_in_its_group() {
        assert_eq!(of_row(&[f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0]), [0.0, -LARGEST_LOGIT, 0.0]);
        assert_eq!(of_row(&[0.0, f64::INFINITY, 1.0]), [0.0, 0.0, -LARGEST_LOGIT]);
        let found = of_row(&[0.0, f64::NAN, 1.0]);
        assert!(found[0] == 0.0 && found[1].is_nan() && found[2].is_nan());
    }
}
