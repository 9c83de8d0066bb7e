//! The log-softmax over ranges of columns as one operation on CPU: one node in the graph, one pass over the rows.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Shape, Tensor, WithDType, bail};

use crate::log_softmax::LARGEST_LOGIT;

/// `x_c - ln Σ_{k in the range of c} exp x_k`, rows in double precision whatever the number type.
#[derive(Debug, Clone)]
pub(crate) struct FusedLogSoftmax {
    /// Every column once, in order.
    pub(crate) ranges: Arc<[Range<usize>]>,
}

impl FusedLogSoftmax {
    fn forward<T: WithDType>(&self, logits: &[T]) -> Vec<T> {
        let n = self.ranges.last().map_or(1, |range| range.end);
        let mut out = Vec::with_capacity(logits.len());
        let mut row = vec![0.0; n];
        for logits in logits.chunks_exact(n) {
            for (value, logit) in row.iter_mut().zip(logits) {
                *value = logit.to_f64().clamp(-LARGEST_LOGIT, LARGEST_LOGIT);
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
                    // A logit beyond the limit is a constant.
                    let is_constant = logits[c].to_f64().abs() > LARGEST_LOGIT;
                    let g = gradient[c].to_f64() - log_p[c].to_f64().exp() * sum;
                    T::from_f64(if is_constant { 0.0 } else { g })
                }));
            }
        }
        out
    }
}

/// The numbers of a contiguous tensor.
pub(crate) fn numbers<'a, T: WithDType>(
    storage: &'a CpuStorage,
    layout: &Layout,
) -> candle_core::Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice()?[start..end]),
        None => bail!("a fused operation needs contiguous rows, found {layout:?}"),
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
