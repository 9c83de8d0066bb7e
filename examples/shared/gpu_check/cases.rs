//! How fast the networks are. `fixtures/pytorch/time_cuda.py` has the same cases under the same names.

mod cascade;
mod oracle;

use std::error::Error;
use std::time::Duration;

use heliacal::Device;
use heliacal::models::GpuPrecision;
use serde::Serialize;

use super::ceilings::{Ceilings, with_tf32};
use super::stopwatch::Timing;

/// Sizes of the cases.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// Light curves in a batch of inference.
    pub batches: [usize; 2],
    /// Steps of the light curves that are all of one length.
    pub n_steps: usize,
    /// Steps of the light curve that is classified alone.
    pub alone: usize,
    /// Light curves in a batch of training, and batches that are timed.
    pub training: (usize, usize),
    /// Histories in a batch of training, and batches that are timed.
    pub cascade: (usize, usize),
    /// Light curves of an epoch, which is left after so many seconds.
    pub epoch: (usize, f64),
    /// Time for each case.
    pub budget: Duration,
}

/// One case.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// Task, batch and lengths.
    pub name: String,
    /// From where to where it was timed.
    pub what: &'static str,
    pub timing: Option<Timing>,
    /// Light curves or histories in a call.
    pub n_objects: usize,
    /// Steps in a call.
    pub n_rows: usize,
    pub objects_per_s: Option<f64>,
    /// Multiplications and additions that the task takes.
    pub flops: f64,
    pub flop_per_s: Option<f64>,
    /// Bytes that have to be read or written at least: inputs and outputs once.
    pub least_bytes: f64,
    pub bytes_per_s: Option<f64>,
    /// The time at the measured ceilings (single precision) \[s\], and the part of the measured time that this is.
    pub floor_s: f64,
    pub of_roofline: Option<f64>,
    /// Why there is no time.
    pub error: Option<String>,
}

/// What a case takes.
#[derive(Debug, Clone, Copy)]
struct Work {
    n_objects: usize,
    n_rows: usize,
    flops: f64,
    least_bytes: f64,
}

/// Who gets the cases, one after the other.
pub type Sink<'s> = &'s mut dyn FnMut(Case) -> Result<(), Box<dyn Error>>;

/// Times every case.
pub fn measure(
    device: &Device,
    sizes: &Sizes,
    ceilings: &Ceilings,
    sink: Sink<'_>,
) -> Result<(), Box<dyn Error>> {
    let mut cases = Cases { ceilings, sink };
    oracle::measure(device, sizes, &mut cases)?;
    cascade::measure(device, sizes, &mut cases)?;
    oracle::epoch(device, sizes, &mut cases)
}

struct Cases<'c> {
    ceilings: &'c Ceilings,
    sink: Sink<'c>,
}

impl Cases<'_> {
    /// Times a case. One that fails, for want of memory, say, is noted, and the others go on.
    fn push(
        &mut self,
        name: String,
        what: &'static str,
        work: Work,
        time: impl FnOnce() -> Result<Timing, Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let (timing, error) = match time() {
            Ok(timing) => (Some(timing), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let Work { n_objects, n_rows, flops, least_bytes } = work;
        let floor_s = self.ceilings.floor_s(flops, least_bytes);
        let per_s = |amount: f64| timing.as_ref().map(|timing| amount / timing.median_s);
        (self.sink)(Case {
            objects_per_s: per_s(n_objects as f64),
            flop_per_s: per_s(flops),
            bytes_per_s: per_s(least_bytes),
            of_roofline: per_s(floor_s),
            name,
            what,
            timing,
            n_objects,
            n_rows,
            flops,
            least_bytes,
            floor_s,
            error,
        })
    }
}

/// Single precision, and on a GPU the others, with what they add to the name of a case.
fn precisions(device: &Device) -> impl Iterator<Item = (GpuPrecision, &'static str)> {
    let rounded = [(GpuPrecision::Tf32, "_tf32"), (GpuPrecision::Bf16, "_bf16")];
    std::iter::once((GpuPrecision::F32, "")).chain(rounded.into_iter().filter(|_| device.is_cuda()))
}

/// Runs something with candle's products as exact as recurrent layers of this precision are, or more: it has no bfloat16 for
/// numbers of single precision.
fn at_precision<T>(precision: GpuPrecision, run: impl FnOnce() -> T) -> T {
    if precision == GpuPrecision::F32 { run() } else { with_tf32(run) }
}

/// Multiplications and additions of a recurrent layer's step: `n_gates` rows of weights for each unit.
fn flops_of_step(n_gates: usize, input: usize, hidden: usize) -> f64 {
    2.0 * (n_gates * hidden * (input + hidden)) as f64
}

/// Bytes of so many numbers in single precision.
fn bytes_of(n_numbers: usize) -> f64 {
    4.0 * n_numbers as f64
}
