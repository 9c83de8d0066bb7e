//! What the fused operations share: where they run, what they read, how large a logit may be.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Tensor, WithDType, bail};

use crate::Result;

/// Logits beyond this count as this, so that no sum over a batch overflows in single precision.
pub(crate) const LARGEST_LOGIT: f64 = 1e20;

/// A logit within ±[`LARGEST_LOGIT`]; a NaN stays.
pub(crate) fn limited<T: WithDType>(logit: &T) -> f64 {
    logit.to_f64().clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
}

/// Whether a logit is beyond the limit: a constant, without gradient.
pub(crate) fn is_beyond<T: WithDType>(logit: &T) -> bool {
    logit.to_f64().abs() > LARGEST_LOGIT
}

/// One node of the graph, computed on the CPU. Logits of another device come here and the result goes back, and so do
/// the gradients.
pub(crate) fn apply(logits: &Tensor, op: impl CustomOp1 + Send + Sync + 'static) -> Result<Tensor> {
    let here = logits.to_device(&Device::Cpu)?.contiguous()?.apply_op1(op)?;
    Ok(here.to_device(logits.device())?)
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
