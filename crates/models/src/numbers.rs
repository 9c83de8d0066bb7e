//! The plain numbers behind candle's tensors.

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, WithDType, bail};

/// The numbers of an operation's input.
pub(crate) fn contiguous<'s, T: WithDType>(storage: &'s CpuStorage, layout: &Layout) -> Result<&'s [T]> {
    let Some((begin, end)) = layout.contiguous_offsets() else { bail!("input is not contiguous") };
    Ok(&T::cpu_storage_as_slice(storage)?[begin..end])
}

/// The numbers of contiguous tensors on the CPU.
pub(crate) fn with_numbers<T: WithDType, const N: usize, R>(
    tensors: [&Tensor; N],
    run: impl FnOnce([&[T]; N]) -> R,
) -> Result<R> {
    let storages = tensors.map(Tensor::storage_and_layout);
    let mut numbers = [&[][..]; N];
    for (numbers, (storage, layout)) in numbers.iter_mut().zip(&storages) {
        let Storage::Cpu(storage) = &**storage else { bail!("tensor is not on the CPU") };
        *numbers = contiguous(storage, layout)?;
    }
    Ok(run(numbers))
}
