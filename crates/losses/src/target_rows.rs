//! Rows of a host table, one per object, as a tensor.

use candle_core::{DType, Device, Tensor};

use crate::Result;

/// `[batch, width]` from one row per object, in the number type and on the device of the logits.
///
/// Rows are gathered on the host and sent at once: labels are checked there anyway, and 1024 rows of 26 numbers take
/// microseconds.
pub(crate) fn target_rows<'a>(
    rows: impl ExactSizeIterator<Item = &'a [f64]>,
    width: usize,
    like: &Tensor,
) -> Result<Tensor> {
    let shape = (rows.len(), width);
    let values: Vec<f64> = rows.flatten().copied().collect();
    from_f64(values, shape, like.dtype(), like.device())
}

/// A tensor of `F32` or `F64` from doubles, rounded on the host.
pub(crate) fn from_f64(
    values: Vec<f64>,
    shape: (usize, usize),
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    Ok(match dtype {
        DType::F32 => {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::from_vec(values, shape, device)?
        }
        _ => Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?,
    })
}
