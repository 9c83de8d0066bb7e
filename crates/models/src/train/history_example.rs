//! Histories of classifications to learn from, and how the cascade and the naive model learn from them.

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;

use super::digest::Digest;
use super::{Learner, ScoredSteps, TrainError};
use crate::{Cascade, CascadeBatch, CascadeInput, Error, GpuPrecision, ModelFile, Naive, Result, TrainPass};

/// An object whose class is known, with what a base classifier said of it as time went by.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryExample {
    /// The history; no longer than the network looks at.
    pub input: CascadeInput,
    /// The true class, as a column of the network's logits.
    pub true_class: usize,
}

/// Running statistics, by PyTorch's names.
fn is_running_statistic(name: &str) -> bool {
    ["running_mean", "running_var", "num_batches_tracked"].iter().any(|end| name.ends_with(end))
}

fn check(
    examples: &[HistoryExample],
    n_classes: usize,
    n_probabilities: usize,
    has_flux: bool,
    max_steps: Option<usize>,
) -> Result<u64, TrainError> {
    let mut digest = Digest::new();
    for (object, HistoryExample { input, true_class }) in examples.iter().enumerate() {
        let fault =
            |what, expected: String, found: String| TrainError::Object { object, what, expected, found };
        let n_steps = input.n_steps();
        if *true_class >= n_classes {
            return Err(fault("true class", format!("below {n_classes}"), true_class.to_string()));
        }
        let longest = max_steps.unwrap_or(usize::MAX);
        if n_steps == 0 || n_steps > longest {
            let expected = format!("1 to {longest}");
            return Err(fault("number of classifications", expected, n_steps.to_string()));
        }
        for (what, expected, found) in [
            ("number of probabilities", n_steps * n_probabilities, input.probabilities.len()),
            ("number of fluxes", if has_flux { n_steps } else { input.flux.len() }, input.flux.len()),
        ] {
            if expected != found {
                return Err(fault(what, expected.to_string(), found.to_string()));
            }
        }
        for (what, numbers) in [("probability", &input.probabilities), ("flux", &input.flux)] {
            if let Some(index) = numbers.iter().position(|x| !x.is_finite()) {
                let found = format!("{} at position {index}", numbers[index]);
                return Err(fault(what, "a finite number".to_owned(), found));
            }
            digest.take_all(numbers);
        }
        for (step, &mjd) in input.mjd.iter().enumerate() {
            let previous = if step > 0 { input.mjd[step - 1] } else { f64::NEG_INFINITY };
            if !mjd.is_finite() || mjd < previous {
                let expected = "finite numbers that do not fall".to_owned();
                return Err(fault("MJD", expected, format!("{mjd} at position {step}")));
            }
            digest.take(mjd.to_bits());
        }
        digest.take(*true_class as u64);
    }
    Ok(digest.finish())
}

impl Learner for Cascade {
    type Example = HistoryExample;
    type Batch = CascadeBatch;
    const LEAST_BATCH: usize = 2;
    const LOGITS_ARE_CLASSES: bool = true;

    fn is_statistic(name: &str) -> bool {
        is_running_statistic(name)
    }

    fn to_file(&self) -> Result<ModelFile> {
        self.to_file()
    }

    fn from_file(file: &ModelFile, device: &Device) -> Result<Self> {
        Self::from_file(file, device)
    }

    fn with_tensors(&self, tensors: VarBuilder<'static>) -> Result<Self> {
        let network = Self::new(self.config().clone(), self.scaling().clone(), tensors)?;
        Ok(network.with_gpu_precision(self.gpu_precision()))
    }

    fn device(&self) -> &Device {
        self.device()
    }

    fn gpu_precision(&self) -> GpuPrecision {
        Cascade::gpu_precision(self)
    }

    fn with_gpu_precision(self, precision: GpuPrecision) -> Self {
        Cascade::with_gpu_precision(self, precision)
    }

    fn check(&self, examples: &[HistoryExample]) -> Result<u64, TrainError> {
        let config = self.config();
        check(examples, config.n_classes, config.n_probabilities(), config.flux, config.max_steps)
    }

    fn true_class(example: &HistoryExample) -> usize {
        example.true_class
    }

    fn n_steps(example: &HistoryExample) -> usize {
        example.input.n_steps()
    }

    fn pack(&self, beginnings: &[(&HistoryExample, usize)], _: ScoredSteps) -> Result<CascadeBatch> {
        let inputs: Vec<CascadeInput> =
            beginnings.iter().map(|&(example, n_steps)| example.input.truncated(n_steps)).collect();
        CascadeBatch::new(self.config(), self.scaling(), &inputs.iter().collect::<Vec<_>>())
    }

    fn training_pass(&self, batch: &CascadeBatch, scored: ScoredSteps, seed: u64) -> Result<TrainPass> {
        match scored {
            ScoredSteps::Last => self.forward_train(batch, seed),
            ScoredSteps::All => self.forward_train_prefixes(batch, seed),
        }
    }

    fn evaluation_pass(&self, batch: &CascadeBatch, scored: ScoredSteps) -> Result<Tensor> {
        match scored {
            ScoredSteps::Last => self.logits(batch),
            ScoredSteps::All => self.logits_prefixes(batch),
        }
    }
}

impl Learner for Naive {
    type Example = HistoryExample;
    type Batch = Tensor;
    const LEAST_BATCH: usize = 2;
    const LOGITS_ARE_CLASSES: bool = true;

    fn is_statistic(name: &str) -> bool {
        is_running_statistic(name)
    }

    fn to_file(&self) -> Result<ModelFile> {
        self.to_file()
    }

    fn from_file(file: &ModelFile, device: &Device) -> Result<Self> {
        Self::from_file(file, device)
    }

    fn with_tensors(&self, tensors: VarBuilder<'static>) -> Result<Self> {
        Self::new(self.config().clone(), tensors)
    }

    fn device(&self) -> &Device {
        self.device()
    }

    fn check(&self, examples: &[HistoryExample]) -> Result<u64, TrainError> {
        let config = self.config();
        check(examples, config.n_classes, config.n_probabilities(), false, config.max_steps)
    }

    fn true_class(example: &HistoryExample) -> usize {
        example.true_class
    }

    fn n_steps(example: &HistoryExample) -> usize {
        example.input.n_steps()
    }

    /// The rows of the scored steps.
    fn pack(&self, beginnings: &[(&HistoryExample, usize)], scored: ScoredSteps) -> Result<Tensor> {
        let width = self.config().n_probabilities();
        let mut rows = Vec::new();
        for &(example, n_steps) in beginnings {
            let first = if scored == ScoredSteps::All { 0 } else { n_steps.saturating_sub(1) };
            let all = &example.input.probabilities;
            rows.extend_from_slice(all.get(first * width..n_steps * width).ok_or_else(|| {
                let (expected, found) = (format!("at least {}", n_steps * width), all.len().to_string());
                Error::Config { what: "number of probabilities of a history", expected, found }
            })?);
        }
        Ok(Tensor::from_vec(rows, ((), width), &Device::Cpu)?)
    }

    fn training_pass(&self, rows: &Tensor, _: ScoredSteps, seed: u64) -> Result<TrainPass> {
        self.forward_train(&rows.to_device(self.device())?, seed)
    }

    fn evaluation_pass(&self, rows: &Tensor, _: ScoredSteps) -> Result<Tensor> {
        self.logits(&rows.to_device(self.device())?)
    }
}
