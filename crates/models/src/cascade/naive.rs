//! The naive model: the cascade's head alone, without history.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::config::{CascadeConfig, MAX_STEPS, MAX_WIDTH, check_sizes};
use super::head::{ClassifierHead, HeadConfig, softmax_rows};
use super::input::{CascadeInput, check_classification, of_history};
use super::network::{TrainPass, named_tensors};
use crate::model_file::check_number_type;
use crate::{Error, Isa, ModelFile, Result};

/// Sizes of a [`Naive`] model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NaiveConfig {
    /// Number of classes, K.
    pub n_classes: usize,
    /// Number of base classifiers side by side, each with K probabilities.
    pub n_bases: usize,
    /// Widths of the dense layers before the last one.
    pub head_widths: [usize; 3],
    /// Probability of dropout behind the first two dense layers.
    pub dropout: f64,
    /// Only so many classifications of an object are looked at, the first ones.
    pub max_steps: Option<usize>,
}

impl NaiveConfig {
    /// The head of the paper's cascade: 128, 64 and 32, dropout 0.4.
    pub fn paper(n_classes: usize) -> Self {
        Self::of_cascade(&CascadeConfig::paper(n_classes))
    }

    /// The head of a cascade, to be compared with it.
    pub fn of_cascade(cascade: &CascadeConfig) -> Self {
        let &CascadeConfig { n_classes, n_bases, head_widths, dropout, max_steps, .. } = cascade;
        Self { n_classes, n_bases, head_widths, dropout, max_steps }
    }

    /// Probabilities of one step: those of all bases.
    pub fn n_probabilities(&self) -> usize {
        self.n_bases * self.n_classes
    }

    /// As [`CascadeConfig::check`].
    ///
    /// # Errors
    /// [`Error::Config`] for a size of 0 or an absurd one, or a dropout that is no probability below 1.
    pub fn check(&self) -> Result<()> {
        check_sizes([
            ("number of classes", self.n_classes, MAX_WIDTH),
            ("number of base classifiers", self.n_bases, MAX_WIDTH),
            ("max_steps", self.max_steps.unwrap_or(1), MAX_STEPS),
        ])?;
        check_sizes([("number of probabilities of a step", self.n_probabilities(), MAX_WIDTH)])?;
        self.head().check()
    }

    /// PyTorch's name and the shape of every weight that is trained.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        self.head().parameters()
    }

    /// PyTorch's name and the shape of the running statistics.
    pub fn statistics(&self) -> Vec<(String, Vec<usize>)> {
        self.head().statistics()
    }

    /// Number of weights that are trained: 11,653 for five classes.
    pub fn n_parameters(&self) -> usize {
        self.parameters().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    fn head(&self) -> HeadConfig {
        HeadConfig {
            input: self.n_probabilities(),
            widths: self.head_widths,
            n_classes: self.n_classes,
            dropout: self.dropout,
        }
    }
}

/// The cascade's head alone on the newest probabilities: what a [`Cascade`](crate::Cascade) is worth beside it is what the
/// history, with its fluxes and times, is worth.
///
/// ```
/// use candle_core::Device;
/// use heliacal_models::{Naive, NaiveConfig};
///
/// let naive = Naive::fresh(NaiveConfig::paper(5), 1, &Device::Cpu)?;
/// assert_eq!(naive.config().n_parameters(), 11_653);
/// let history = [0.2; 3 * 5]; // three classifications, each by itself
/// assert_eq!(naive.predict(&history)?.len(), 3 * 5);
/// # Ok::<(), heliacal_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Naive {
    config: NaiveConfig,
    head: ClassifierHead,
    isa: Isa,
    device: Device,
}

impl Naive {
    /// Builds the network on PyTorch's parameter names, those of the cascade's head.
    ///
    /// # Errors
    /// [`Error::Config`] when a size is zero or absurd or the weights are not of f32; [`Error::Candle`] when a weight is missing
    /// or has another shape.
    #[allow(clippy::needless_pass_by_value, reason = "candle passes a VarBuilder by value everywhere")]
    pub fn new(config: NaiveConfig, vb: VarBuilder<'_>) -> Result<Self> {
        config.check()?;
        check_number_type(&vb)?;
        let head = ClassifierHead::new(config.head(), &vb)?;
        Ok(Self { head, isa: Isa::current()?, device: vb.device().clone(), config })
    }

    /// Builds the network from a model file that says what it is, as [`to_file`](Self::to_file) makes them.
    ///
    /// # Errors
    /// [`Error::NoConfig`] for a file of weights alone; [`Error::MissingTensor`] or [`Error::TensorShape`] when the weights
    /// are of another architecture, else as [`new`](Self::new).
    pub fn from_file(file: &ModelFile, device: &Device) -> Result<Self> {
        let config: NaiveConfig = file.config("naive")?;
        config.check()?;
        for (name, shape) in config.parameters().into_iter().chain(config.statistics()) {
            file.check(&name, &shape)?;
        }
        Self::new(config, file.var_builder(device)?)
    }

    /// The weights and running statistics with their configuration, ready to be written.
    ///
    /// # Errors
    /// [`Error::Candle`] when a tensor cannot be copied from the device.
    pub fn to_file(&self) -> Result<ModelFile> {
        let mut file = ModelFile::default();
        file.set_config("naive", &self.config);
        let names = self.config.parameters().into_iter().map(|(name, _)| name);
        file.tensors.extend(names.zip(self.head.weights().cloned()));
        file.tensors.extend(self.statistics());
        Ok(file)
    }

    /// The sizes.
    pub fn config(&self) -> &NaiveConfig {
        &self.config
    }

    /// The device that the weights are on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The running statistics, by PyTorch's names.
    pub fn statistics(&self) -> Vec<(String, Tensor)> {
        self.name_statistics(self.head.statistics().cloned().collect())
    }

    /// Replaces the running statistics, as a training step gives them.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] when one is not there, [`Error::TensorShape`] for one of another shape.
    pub fn set_statistics(&mut self, statistics: &[(String, Tensor)]) -> Result<()> {
        self.head.set_statistics(&named_tensors(&self.config.statistics(), statistics)?)
    }

    fn name_statistics(&self, tensors: Vec<Tensor>) -> Vec<(String, Tensor)> {
        self.config.statistics().into_iter().map(|(name, _)| name).zip(tensors).collect()
    }

    /// The newest probabilities of some histories, each cut to the first `max_steps`: `[batch, base x class]`, what training
    /// takes.
    ///
    /// # Errors
    /// [`Error::History`] names a history without classifications, of another number of probabilities, or with one that is not
    /// finite.
    pub fn batch(&self, inputs: &[&CascadeInput]) -> Result<Tensor> {
        let width = self.config.n_probabilities();
        let mut rows = Vec::with_capacity(inputs.len() * width);
        for (index, input) in inputs.iter().enumerate() {
            rows.extend_from_slice(self.newest(&input.probabilities).map_err(of_history(index))?);
        }
        Ok(Tensor::from_vec(rows, (inputs.len(), width), &self.device)?)
    }

    /// Logits `[row, class]` in training, as [`Cascade::forward_train`](crate::Cascade::forward_train) has it.
    ///
    /// # Errors
    /// [`Error::Config`] for fewer than two rows; [`Error::Candle`] when the rows are of another width.
    pub fn forward_train(&self, rows: &Tensor, seed: u64) -> Result<TrainPass> {
        let (logits, statistics) = self.head.forward_train(rows, seed)?;
        Ok(TrainPass { logits, statistics: self.name_statistics(statistics) })
    }

    /// Logits `[row, class]`.
    ///
    /// # Errors
    /// [`Error::Candle`] when the rows are of another width.
    pub fn logits(&self, rows: &Tensor) -> Result<Tensor> {
        self.head.forward(rows)
    }

    /// Class probabilities `[row, class]` of probabilities `[row, base x class]`, row-major: of one classification, of a
    /// whole history, or of many.
    ///
    /// # Errors
    /// [`Error::Config`] when they are no whole rows, [`Error::InvalidClassification`] for a number that is not finite,
    /// [`Error::Candle`] when the device fails.
    pub fn predict(&self, probabilities: &[f32]) -> Result<Vec<f32>> {
        self.check_rows(probabilities)?;
        let n_rows = probabilities.len() / self.config.n_probabilities();
        if n_rows == 0 {
            return Ok(Vec::new());
        }
        if self.device.is_cpu() {
            return self.head.probabilities(self.isa, n_rows, probabilities);
        }
        let rows = Tensor::from_slice(probabilities, (n_rows, self.config.n_probabilities()), &self.device)?;
        let mut rows = self.logits(&rows)?.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?;
        softmax_rows(&mut rows, n_rows);
        Ok(rows)
    }

    /// The last of the probabilities that count.
    fn newest<'p>(&self, probabilities: &'p [f32]) -> Result<&'p [f32]> {
        self.check_rows(probabilities)?;
        let rows = probabilities.chunks_exact(self.config.n_probabilities());
        rows.take(self.config.max_steps.unwrap_or(usize::MAX)).next_back().ok_or_else(|| Error::Config {
            what: "number of classifications",
            expected: "at least 1".into(),
            found: "0".into(),
        })
    }

    fn check_rows(&self, probabilities: &[f32]) -> Result<()> {
        let width = self.config.n_probabilities();
        if !probabilities.len().is_multiple_of(width) {
            let expected = format!("a multiple of {width}");
            let found = probabilities.len().to_string();
            return Err(Error::Config { what: "number of probabilities of a history", expected, found });
        }
        for (step, row) in probabilities.chunks_exact(width).enumerate() {
            check_classification(step, 0.0, row, None)?;
        }
        Ok(())
    }
}
