//! Memory that a GPU's tensors give back.

use candle_core::Device;

use crate::Result;

/// Has a GPU keep the memory that dropped tensors give back, for those that come; nothing on the CPU.
///
/// CUDA's own allocator, which candle uses, otherwise returns it to the driver whenever the host waits for the device, after
/// every step of a training, say, and asks for it again. Memory then stays with this process until it ends.
/// [`Trainer`](crate::train::Trainer) does this by itself.
///
/// # Errors
/// [`Error::Candle`](crate::Error::Candle) when the driver refuses.
///
/// ```
/// use heliacal_models::{candle_core::Device, keep_device_memory};
///
/// let device = Device::cuda_if_available(0)?;
/// keep_device_memory(&device)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn keep_device_memory(device: &Device) -> Result<()> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return Ok(keep(device).map_err(candle_core::Error::wrap)?);
    }
    debug_assert!(!device.is_cuda(), "only a build with the feature `cuda` has such devices");
    Ok(())
}

#[cfg(feature = "cuda")]
#[allow(unsafe_code, reason = "cudarc has no safe call for the attributes of a memory pool")]
fn keep(
    device: &candle_core::CudaDevice,
) -> std::result::Result<(), candle_core::cuda::cudarc::driver::DriverError> {
    use candle_core::cuda::cudarc::driver::{result, sys};

    let stream = device.cuda_stream();
    if !stream.context().has_async_alloc() {
        return Ok(());
    }
    stream.context().bind_to_thread()?;
    let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    let mut threshold = u64::MAX;
    // SAFETY: the device is that of a live context; a default pool is never destroyed; the attribute is a `cuuint64_t`, which
    // the driver reads during the call.
    unsafe {
        let pool = result::device::get_default_mem_pool(stream.context().cu_device())?;
        result::mem_pool::set_attribute(pool, attribute, (&raw mut threshold).cast())
    }
}
