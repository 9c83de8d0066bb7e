//! What a check ran on.

use std::process::Command;

use heliacal::Device;
use serde::Serialize;

/// The device and the machine around it.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// `cuda` or `cpu`.
    pub kind: &'static str,
    /// Name, compute capability and number of multiprocessors of a GPU.
    pub gpu: Option<Gpu>,
    /// What `nvidia-smi` says: name, driver, memory, clocks, temperature, power.
    pub nvidia_smi: Option<String>,
    pub cpu: Option<String>,
    pub n_cores: usize,
}

/// What CUDA's driver says of a GPU.
#[derive(Debug, Serialize)]
pub struct Gpu {
    pub name: String,
    pub compute_capability: String,
    pub n_multiprocessors: i32,
}

impl Machine {
    pub fn new(device: &Device) -> Self {
        let query =
            "--query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm,temperature.gpu,power.draw";
        Self {
            kind: if device.is_cuda() { "cuda" } else { "cpu" },
            gpu: gpu(device),
            nvidia_smi: output("nvidia-smi", &[query, "--format=csv,noheader"]).filter(|_| device.is_cuda()),
            cpu: cpu(),
            n_cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        }
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cpu() -> Option<String> {
    let about = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = about.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(feature = "cuda")]
fn gpu(device: &Device) -> Option<Gpu> {
    use heliacal::models::candle_core::cuda::cudarc::driver::sys::CUdevice_attribute_enum as Attribute;

    let Device::Cuda(cuda) = device else { return None };
    let stream = cuda.cuda_stream();
    let context = stream.context();
    let (major, minor) = context.compute_capability().ok()?;
    Some(Gpu {
        name: context.name().ok()?,
        compute_capability: format!("{major}.{minor}"),
        n_multiprocessors: context.attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT).ok()?,
    })
}

#[cfg(not(feature = "cuda"))]
fn gpu(_: &Device) -> Option<Gpu> {
    None
}
