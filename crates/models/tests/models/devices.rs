//! The devices that tests run on, one after the other: helpers make their tensors on the current one.

use std::cell::{OnceCell, RefCell};

use candle_core::Device;

thread_local! {
    static CURRENT: RefCell<Device> = const { RefCell::new(Device::Cpu) };
    /// One for each thread: a GPU's handles are not to be shared, and its kernels take a while to load.
    static GPU: OnceCell<Option<Device>> = const { OnceCell::new() };
}

/// Rounding of single precision on a GPU, whose sums have an order of their own, relative to the largest number.
const GPU_FORWARD: f64 = 1e-5;
/// The same of gradients.
const GPU_GRADIENT: f64 = 1e-4;

/// Where tensors go: the CPU, unless [`on_every_device`] says otherwise.
pub fn device() -> Device {
    CURRENT.with_borrow(Device::clone)
}

pub fn on_gpu() -> bool {
    device().is_cuda()
}

/// What a forward pass in single precision may be off by.
pub fn forward_tolerance(on_cpu: f64) -> f64 {
    if on_gpu() { on_cpu.max(GPU_FORWARD) } else { on_cpu }
}

/// What a gradient in single precision may be off by.
pub fn gradient_tolerance(on_cpu: f64) -> f64 {
    if on_gpu() { on_cpu.max(GPU_GRADIENT) } else { on_cpu }
}

/// Runs a test on the CPU, and with feature `cuda` on the first GPU where there is one.
pub fn on_every_device(test: impl Fn()) {
    test();
    on_a_gpu(test);
}

/// Runs a test on the first GPU, if there is one.
pub fn on_a_gpu(test: impl FnOnce()) {
    if let Some(gpu) = GPU.with(|gpu| gpu.get_or_init(first_gpu).clone()) {
        eprintln!("on {gpu:?}");
        let _back = OnCpuAgain;
        CURRENT.replace(gpu);
        test();
    }
}

/// After a failed test, too.
struct OnCpuAgain;

impl Drop for OnCpuAgain {
    fn drop(&mut self) {
        CURRENT.replace(Device::Cpu);
    }
}

fn first_gpu() -> Option<Device> {
    if !cfg!(feature = "cuda") {
        return None;
    }
    Device::new_cuda(0).inspect_err(|error| eprintln!("skipped on the GPU: {error}")).ok()
}
