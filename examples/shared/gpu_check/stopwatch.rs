//! Times of calls, the device having finished.

use std::error::Error;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use heliacal::Device;
use heliacal::models::train::Progress;
use serde::Serialize;

/// Calls that are timed at least and at most.
const CALLS: (usize, usize) = (3, 500);

/// Seconds of some calls.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    pub median_s: f64,
    pub mean_s: f64,
    pub least_s: f64,
    pub lower_quartile_s: f64,
    pub upper_quartile_s: f64,
    pub n_calls: usize,
}

impl Timing {
    /// Of one call or more.
    pub fn of(mut seconds: Vec<f64>) -> Result<Self, Box<dyn Error>> {
        seconds.sort_by(f64::total_cmp);
        let last = seconds.len().checked_sub(1).ok_or("no call was timed")?;
        let quantile = |share: f64| seconds[(share * last as f64).round() as usize];
        Ok(Self {
            median_s: quantile(0.5),
            mean_s: seconds.iter().sum::<f64>() / seconds.len() as f64,
            least_s: seconds[0],
            lower_quartile_s: quantile(0.25),
            upper_quartile_s: quantile(0.75),
            n_calls: seconds.len(),
        })
    }
}

/// Times the steps of a training: what its callback is told, until it breaks.
pub struct StepClock {
    warm_up: usize,
    n_steps: usize,
    ends: Vec<Instant>,
}

impl StepClock {
    /// For so many steps after others that are not timed.
    pub fn new(warm_up: usize, n_steps: usize) -> Self {
        Self { warm_up, n_steps, ends: Vec::new() }
    }

    /// Takes note of a step. Its last kernels may still run; the next step's loss waits for them.
    pub fn tell(&mut self, progress: Progress<'_>) -> ControlFlow<()> {
        if matches!(progress, Progress::Step(_)) {
            self.ends.push(Instant::now());
        }
        if self.ends.len() > self.warm_up + self.n_steps {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// From the end of each step to the end of the next.
    pub fn timing(self) -> Result<Timing, Box<dyn Error>> {
        let steps = self.ends.windows(2).skip(self.warm_up);
        Timing::of(steps.map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect())
    }
}

/// Times calls for so long, after two that are not timed. A device is waited for after each.
pub fn time_calls<T>(
    device: &Device,
    budget: Duration,
    mut call: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<Timing, Box<dyn Error>> {
    for _ in 0..2 {
        call()?;
    }
    device.synchronize()?;
    let begin = Instant::now();
    let mut seconds = Vec::new();
    while seconds.len() < CALLS.0 || (seconds.len() < CALLS.1 && begin.elapsed() < budget) {
        let start = Instant::now();
        call()?;
        device.synchronize()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Timing::of(seconds)
}
