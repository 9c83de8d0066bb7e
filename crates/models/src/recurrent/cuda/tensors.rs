//! Between candle's tensors and the buffers of a layer.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::op::BackpropOp;
use candle_core::{CudaStorage, Layout, Result, Storage, Tensor, bail};

use super::layer::{Layer, Passed, Start, Wanted};

/// The numbers of an operation's input.
pub(in crate::recurrent) fn view<'s>(storage: &'s CudaStorage, layout: &Layout) -> Result<CudaView<'s, f32>> {
    let Some((begin, end)) = layout.contiguous_offsets() else { bail!("input is not contiguous") };
    Ok(storage.as_cuda_slice::<f32>()?.slice(begin..end))
}

/// The gradients of rows, flat weights and initial states, where there is one.
pub(in crate::recurrent) fn backward(
    layer: &Layer<'_>,
    passed: &Passed,
    [rows, weights, states, given, gradient]: [&Tensor; 5],
) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
    let device = given.device().as_cuda_device()?;
    let wanted = Wanted { rows: rows.track_op(), weights: weights.track_op() };
    let storages = [rows, weights, states, given, gradient].map(Tensor::storage_and_layout);
    let mut views = Vec::with_capacity(storages.len());
    for (storage, layout) in &storages {
        let Storage::Cuda(storage) = &**storage else { bail!("tensor is not on the GPU") };
        views.push(view(storage, layout)?);
    }
    let [of_rows, of_weights, initial, of_given, of_gradient] = &views[..] else {
        unreachable!("five tensors")
    };
    let from = Start {
        rows: of_rows.slice(..),
        weights: of_weights.slice(..),
        initial: initial.slice(..),
        given: of_given.slice(..),
        gradient: of_gradient.slice(..),
    };
    let gradients = layer.backward(device, passed, &from, &wanted)?;
    let tensor = |numbers: CudaSlice<f32>, like: &Tensor| {
        let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(numbers, device.clone()));
        Tensor::from_storage(storage, like.shape(), BackpropOp::none(), false)
    };
    Ok((
        gradients.rows.map(|numbers| tensor(numbers, rows)),
        gradients.weights.map(|numbers| tensor(numbers, weights)),
        Some(tensor(gradients.initial, states)),
    ))
}
