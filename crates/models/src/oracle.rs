//! ORACLE (arXiv 2501.01496): two GRU layers over the light curve, joined by the object's context.

mod batch;

use candle_core::{D, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder};
use heliacal_lightcurve::{Context, LightCurveView};
use serde::{Deserialize, Serialize};

use crate::ahead::{ahead, feeding_threads};
use crate::features::{EncodedLightCurve, FeatureSpec};
use crate::model_file::{ModelFile, check_number_type};
use crate::numbers::with_numbers;
use crate::recurrent::{Dense, GpuPrecision, Gru, Head, Packed, RecurrentConfig, RecurrentState};
use crate::{Error, Result};
pub use batch::OracleBatch;
use batch::Sequence;

/// What follows a dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// Nothing.
    Linear,
    /// The larger of x and 0.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
}

/// Sizes of an [`Oracle`] network. Dense layers are named `dense1`, `dense2`, ... in the order of the fields, and the
/// last one `fc_out`.
///
/// ```text
/// a = time_dense(last GRU state)      b = static_dense(statics)
/// logits = fc_out(head([a, b]))
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleConfig {
    /// Columns of the time series.
    pub n_features: usize,
    /// Static inputs.
    pub n_statics: usize,
    /// Width of each GRU layer.
    pub hidden: usize,
    /// Number of GRU layers.
    pub n_layers: usize,
    /// The dense layer on the GRU's state.
    pub time_dense: (usize, Activation),
    /// The dense layer on the static inputs; none leaves the context out.
    pub static_dense: Option<(usize, Activation)>,
    /// The dense layers on both together.
    pub head: Vec<(usize, Activation)>,
    /// Number of logits: one for each node of the class tree.
    pub n_nodes: usize,
}

/// Wider or deeper is no light-curve classifier but a broken file.
const MAX_WIDTH: usize = 1 << 16;
const MAX_LAYERS: usize = 64;
/// Longer windows are no light curves.
const MAX_STEPS: usize = 1 << 24;

impl OracleConfig {
    /// That every size is one a network can have, before anything is made by it: a configuration comes from a file.
    pub(crate) fn check(&self, features: &FeatureSpec) -> Result<()> {
        let head = self.head.iter().map(|(width, _)| ("width of a head layer", *width, MAX_WIDTH));
        let static_dense = self.static_dense.iter().flat_map(|(width, _)| {
            let n_statics = ("number of static features of static_dense", self.n_statics, MAX_WIDTH);
            [("width of static_dense", *width, MAX_WIDTH), n_statics]
        });
        let sizes = [
            ("number of time features", self.n_features, MAX_WIDTH),
            ("GRU width", self.hidden, MAX_WIDTH),
            ("number of GRU layers", self.n_layers, MAX_LAYERS),
            ("width of time_dense", self.time_dense.0, MAX_WIDTH),
            ("number of nodes", self.n_nodes, MAX_WIDTH),
            ("number of head layers + 1", self.head.len() + 1, MAX_LAYERS),
            ("max_steps", features.max_steps.unwrap_or(1), MAX_STEPS),
        ];
        for (what, size, max) in sizes.into_iter().chain(static_dense).chain(head) {
            if size == 0 || size > max {
                return Err(Error::Config { what, expected: format!("1 to {max}"), found: size.to_string() });
            }
        }
        for (what, expected, found) in [
            ("number of time features", self.n_features, features.columns.len()),
            ("number of static features", self.n_statics, features.statics.len()),
        ] {
            if expected != found {
                return Err(Error::Config { what, expected: expected.to_string(), found: found.to_string() });
            }
        }
        Ok(())
    }

    fn recurrent(&self) -> RecurrentConfig {
        RecurrentConfig { input: self.n_features, hidden: self.hidden, n_layers: self.n_layers }
    }

    fn dense(&self) -> Vec<DenseLayer> {
        let mut layers = Vec::new();
        let mut push = |input, output, activation| {
            let name = format!("dense{}", layers.len() + 1);
            layers.push(DenseLayer { name, input, output, activation });
            output
        };
        let mut width = push(self.hidden, self.time_dense.0, self.time_dense.1);
        if let Some((static_width, activation)) = self.static_dense {
            width += push(self.n_statics, static_width, activation);
        }
        for &(next, activation) in &self.head {
            width = push(width, next, activation);
        }
        let name = "fc_out".to_owned();
        layers.push(DenseLayer { name, input: width, output: self.n_nodes, activation: Activation::Linear });
        layers
    }

    /// PyTorch's name and the shape of every weight.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let gru =
            Gru::parameters(self.recurrent()).into_iter().map(|(name, shape)| (format!("gru.{name}"), shape));
        let dense = self.dense().into_iter().flat_map(|layer| {
            let weight = (format!("{}.weight", layer.name), vec![layer.output, layer.input]);
            [weight, (format!("{}.bias", layer.name), vec![layer.output])]
        });
        gru.chain(dense).collect()
    }

    /// Number of weights.
    pub fn n_parameters(&self) -> usize {
        self.parameters().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

/// One dense layer of a configuration.
struct DenseLayer {
    name: String,
    input: usize,
    output: usize,
    activation: Activation,
}

/// The ORACLE network with the encoding that its weights belong to: light curves in, one logit per node of a class tree
/// out. Turning logits into probabilities is the taxonomy's work.
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_nn::VarBuilder;
/// use heliacal_lightcurve::{Context, LightCurve, Passband};
/// use heliacal_models::{Oracle, Preset};
///
/// let weights = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let oracle = Oracle::new(Preset::Paper.config(26), Preset::Paper.features(), weights)?;
/// let light_curve = LightCurve::new(
///     vec![60000.0, 60002.0], vec![20.0, 60.0], vec![4.0, 4.0], vec![Passband::LsstG; 2], vec![true, true],
/// )?;
///
/// assert_eq!(oracle.logits(light_curve.view(), &Context::new())?, [0.0; 26]);
/// assert_eq!(oracle.logits_history(light_curve.view(), &Context::new())?.len(), 2); // after every observation
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Oracle {
    config: OracleConfig,
    features: FeatureSpec,
    gru: Gru,
    dense: Vec<Dense>,
    /// The dense layers for serving, once they were needed.
    packed_head: Packed<Head>,
    device: Device,
}

/// Logits after each observation of one light curve, from [`Oracle::logits_history`].
#[derive(Debug, Clone, PartialEq)]
pub struct LogitsHistory {
    /// For each row, the observation it was made after, as a position in the light curve.
    pub observations: Vec<usize>,
    /// Logits, row-major `[row, node]`.
    pub logits: Vec<f32>,
}

impl LogitsHistory {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.observations.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.observations.is_empty()
    }

    /// Each row's observation and logits.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let n_nodes = self.logits.len() / self.observations.len().max(1);
        self.observations.iter().copied().zip(self.logits.chunks_exact(n_nodes.max(1)))
    }
}

/// Rows that go through the network together on the CPU: enough to load all threads evenly, few enough to stay in memory (26
/// MB at this width when all their states are wanted).
const ROWS_PER_PASS: usize = 1 << 16;
/// The same on a GPU, which takes thousands of sequences side by side.
const ROWS_PER_GPU_PASS: usize = 1 << 20;

/// Which layer's numbers a pass gives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output {
    /// Those before the last dense layer.
    Latent,
    Logits,
}

impl Oracle {
    /// Builds the network on PyTorch's parameter names: `gru.weight_ih_l0`, ..., `dense1.weight`, ..., `fc_out.bias`.
    ///
    /// # Errors
    /// [`Error::Config`] when the encoding does not have the configured numbers of columns and static inputs, a size is zero
    /// or absurd, or the weights are not of f32; [`Error::Candle`] when a weight is missing or has another shape.
    #[allow(clippy::needless_pass_by_value, reason = "candle passes a VarBuilder by value everywhere")]
    pub fn new(config: OracleConfig, features: FeatureSpec, vb: VarBuilder<'_>) -> Result<Self> {
        config.check(&features)?;
        check_number_type(&vb)?;
        let gru = Gru::new(config.recurrent(), vb.pp("gru"))?;
        let dense = config
            .dense()
            .into_iter()
            .map(|layer| {
                let linear = candle_nn::linear(layer.input, layer.output, vb.pp(layer.name))?;
                Ok((linear, layer.activation))
            })
            .collect::<Result<_>>()?;
        Ok(Self { gru, dense, packed_head: Packed::default(), device: vb.device().clone(), config, features })
    }

    /// Builds the network from a model file that says how its weights were trained, as
    /// [`to_file`](Self::to_file) makes them.
    ///
    /// # Errors
    /// [`Error::NoConfig`] for a file of weights alone, else as [`new`](Self::new).
    pub fn from_file(file: &ModelFile, device: &Device) -> Result<Self> {
        let config: OracleConfig = file.config("oracle")?;
        let features: FeatureSpec = file.config("features")?;
        Self::from_weights(config, features, file, device)
    }

    /// Builds a network of a known architecture from the weights of a file, such as published ones.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] or [`Error::TensorShape`] when the weights are of another architecture, else as
    /// [`new`](Self::new).
    pub fn from_weights(
        config: OracleConfig,
        features: FeatureSpec,
        file: &ModelFile,
        device: &Device,
    ) -> Result<Self> {
        config.check(&features)?;
        for (name, shape) in config.parameters() {
            file.check(&name, &shape)?;
        }
        Self::new(config, features, file.var_builder(device)?)
    }

    /// The weights with their configuration, ready to be written.
    ///
    /// # Errors
    /// [`Error::Candle`] when a tensor cannot be copied from the device.
    pub fn to_file(&self) -> Result<ModelFile> {
        let mut file = ModelFile::default();
        file.set_config("oracle", &self.config);
        file.set_config("features", &self.features);
        let gru = self.gru.weights().cloned();
        let dense =
            self.dense.iter().flat_map(|(linear, _)| [Some(linear.weight().clone()), linear.bias().cloned()]);
        let weights = gru.chain(dense.flatten());
        file.tensors.extend(self.config.parameters().into_iter().map(|(name, _)| name).zip(weights));
        Ok(file)
    }

    /// The sizes.
    pub fn config(&self) -> &OracleConfig {
        &self.config
    }

    /// The encoding.
    pub fn features(&self) -> &FeatureSpec {
        &self.features
    }

    /// The device that the weights are on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The same network with products of another precision in its GRU on a GPU.
    #[must_use]
    pub fn with_gpu_precision(self, precision: GpuPrecision) -> Self {
        Self { gru: self.gru.with_gpu_precision(precision), ..self }
    }

    /// How exact the products of its GRU are on a GPU.
    pub fn gpu_precision(&self) -> GpuPrecision {
        self.gru.gpu_precision()
    }

    /// Logits `[node]` after the last observation.
    ///
    /// # Errors
    /// As [`FeatureSpec::encode`]; [`Error::Candle`] when the device fails.
    pub fn logits(&self, light_curve: LightCurveView<'_>, context: &Context) -> Result<Vec<f32>> {
        let encoded = self.features.encode(light_curve, context)?;
        Ok(self.logits_at(&[(&encoded, &[encoded.observations.len() - 1])])?.swap_remove(0))
    }

    /// Logits after every observation that the encoding keeps, in one pass over the light curve.
    ///
    /// With days counted from the first detection, the history begins at that detection: before it, no origin was
    /// known. Beyond `max_steps`, every row needs a pass over its own window.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn logits_history(
        &self,
        light_curve: LightCurveView<'_>,
        context: &Context,
    ) -> Result<LogitsHistory> {
        let encoded = self.features.encode(light_curve, context)?;
        let steps: Vec<usize> = encoded.steps().collect();
        let logits = self.logits_at(&[(&encoded, &steps)])?.swap_remove(0);
        Ok(LogitsHistory { observations: encoded.observations[encoded.known_from..].to_vec(), logits })
    }

    /// Logits after chosen steps of many light curves, `[step, node]` row-major for each: the batch form of
    /// [`logits`](Self::logits) and [`logits_history`](Self::logits_history), which are its cases "the last step" and
    /// "every step". Each light curve is passed over once, whatever the number of steps.
    ///
    /// # Errors
    /// [`Error::Config`] for a step that a light curve does not have, steps not in rising order, or a light curve of
    /// another encoding; [`Error::Candle`] when the device fails.
    pub fn logits_at(&self, light_curves: &[(&EncodedLightCurve, &[usize])]) -> Result<Vec<Vec<f32>>> {
        self.outputs_at(light_curves, Output::Logits)
    }

    /// The latent vector after the last observation: what the last dense layer makes logits of, 64 numbers in the paper's
    /// network. Objects that the network takes for alike lie close together there.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    ///
    /// ```
    /// use candle_core::Device;
    /// use heliacal_lightcurve::{Context, LightCurve, Passband};
    /// use heliacal_models::{Oracle, Preset};
    ///
    /// let oracle = Oracle::fresh(Preset::Paper.config(26), Preset::Paper.features(), 1, &Device::Cpu)?;
    /// let light_curve = LightCurve::new(vec![60000.0], vec![20.0], vec![4.0], vec![Passband::LsstG], vec![true])?;
    /// let latent = oracle.embedding(light_curve.view(), &Context::new())?;
    /// assert_eq!(latent.len(), 64);
    /// assert!(latent.iter().all(|&x| x >= 0.0)); // it comes out of a ReLU
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn embedding(&self, light_curve: LightCurveView<'_>, context: &Context) -> Result<Vec<f32>> {
        let encoded = self.features.encode(light_curve, context)?;
        Ok(self.embedding_at(&[(&encoded, &[encoded.observations.len() - 1])])?.swap_remove(0))
    }

    /// Latent vectors after chosen steps of many light curves, `[step, width]` row-major for each.
    ///
    /// # Errors
    /// As [`logits_at`](Self::logits_at).
    pub fn embedding_at(&self, light_curves: &[(&EncodedLightCurve, &[usize])]) -> Result<Vec<Vec<f32>>> {
        self.outputs_at(light_curves, Output::Latent)
    }

    /// One layer's numbers after chosen steps of many light curves, in passes. Threads pack the next passes meanwhile, and a
    /// pass's numbers are read when the next one is under way.
    fn outputs_at(
        &self,
        light_curves: &[(&EncodedLightCurve, &[usize])],
        output: Output,
    ) -> Result<Vec<Vec<f32>>> {
        let mut sequences = Vec::new();
        for (owner, &(encoded, steps)) in light_curves.iter().enumerate() {
            self.plan(owner, encoded, steps, &mut sequences)?;
        }
        let passes = self.passes(&sequences);
        let mut numbers = vec![Vec::new(); light_curves.len()];
        let mut take = |pass: &[Sequence<'_>], found: &Tensor| -> Result<()> {
            let width = found.dim(1)?;
            let found = found.flatten_all()?.to_vec1::<f32>()?;
            let owners = pass.iter().flat_map(|s| std::iter::repeat_n(s.owner, s.outputs.len()));
            for (owner, row) in owners.zip(found.chunks_exact(width)) {
                numbers[owner].extend_from_slice(row);
            }
            Ok(())
        };
        let pack = |index: usize| self.pack(passes[index], |owner| &light_curves[owner].0.statics);
        ahead(feeding_threads(&self.device), passes.len(), pack, |batches| {
            let mut under_way = None;
            for (pass, batch) in passes.iter().zip(batches) {
                let found = self.outputs(&batch?, output)?;
                if let Some((pass, found)) = under_way.replace((pass, found)) {
                    take(pass, &found)?;
                }
            }
            under_way.map_or(Ok(()), |(pass, found)| take(pass, &found))
        })?;
        Ok(numbers)
    }

    /// Divides sequences into passes. A sequence longer than a pass goes alone.
    fn passes<'s, 'a>(&self, sequences: &'s [Sequence<'a>]) -> Vec<&'s [Sequence<'a>]> {
        let most = if self.device.is_cpu() { ROWS_PER_PASS } else { ROWS_PER_GPU_PASS };
        let mut passes = Vec::new();
        let mut rest = sequences;
        while !rest.is_empty() {
            let mut n_rows = 0;
            let fits = |sequence: &&Sequence<'_>| {
                n_rows += sequence.rows.len() / self.config.n_features;
                n_rows <= most
            };
            let (pass, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            passes.push(pass);
            rest = later;
        }
        passes
    }

    /// Logits `[batch, node]` after the last step of each light curve, as a tensor that knows where it came from: what a
    /// training loss takes.
    ///
    /// # Errors
    /// [`Error::NoObservations`] for a light curve without a step, [`Error::Config`] for one of another encoding,
    /// [`Error::Candle`] when the device fails.
    pub fn forward(&self, light_curves: &[EncodedLightCurve]) -> Result<Tensor> {
        let whole = |encoded: &'_ EncodedLightCurve| encoded.rows.len() / self.config.n_features;
        let whole: Vec<_> = light_curves.iter().map(|encoded| (encoded, whole(encoded))).collect();
        self.forward_after(&whole)
    }

    /// Logits `[batch, node]` after the first so many steps of each light curve: [`forward`](Self::forward) on
    /// truncated light curves, without copying them.
    ///
    /// # Errors
    /// [`Error::NoObservations`] for 0 steps, [`Error::Config`] for more steps than a light curve has or one of another
    /// encoding, [`Error::Candle`] when the device fails.
    pub fn forward_after(&self, beginnings: &[(&EncodedLightCurve, usize)]) -> Result<Tensor> {
        self.forward_batch(&self.batch(beginnings)?)
    }

    /// Logits `[batch, node]` of light curves that were [packed](Self::batch): [`forward_after`](Self::forward_after), from a
    /// batch of any device.
    ///
    /// # Errors
    /// [`Error::Config`] for the batch of a network of other inputs, [`Error::Candle`] when the device fails.
    pub fn forward_batch(&self, batch: &OracleBatch) -> Result<Tensor> {
        self.outputs_tensor(batch, Output::Logits)
    }

    /// A layer's numbers `[output, width]` at the outputs of a batch, with their history in candle's graph.
    fn outputs_tensor(&self, batch: &OracleBatch, output: Output) -> Result<Tensor> {
        let (found, expected) = (batch.statics.is_some(), self.config.static_dense.is_some());
        if found != expected {
            let in_words = |has: bool| (if has { "there" } else { "not there" }).to_owned();
            let (expected, found) = (in_words(expected), in_words(found));
            return Err(Error::Config { what: "table of static features of a batch", expected, found });
        }
        let batch = batch.to_device(&self.device)?;
        let states = match &batch.outputs {
            None => self.gru.last(&batch.rows, &batch.lengths, None)?,
            Some(outputs) => {
                let states = self.gru.forward(&batch.rows, &batch.lengths, None)?;
                states.index_select(&Tensor::from_slice(outputs, outputs.len(), &self.device)?, 0)?
            }
        };
        self.head_tensor(&states, batch.statics.as_ref(), output)
    }

    /// The same, for prediction: where there are kernels, without a graph.
    fn outputs(&self, batch: &OracleBatch, output: Output) -> Result<Tensor> {
        if !self.gru.has_kernels() {
            return self.outputs_tensor(batch, output);
        }
        let hidden = self.config.hidden;
        let mut states = vec![0.0; batch.len() * self.state_width()];
        let mut all = vec![0.0; if batch.outputs.is_some() { batch.n_rows() * hidden } else { 0 }];
        let outputs = batch.outputs.as_ref().map(|_| &mut all[..]);
        with_numbers([&batch.rows], |[rows]| {
            self.gru.run_numbers(rows, &batch.lengths, &mut states, outputs)
        })??;
        let wanted: Vec<f32> = match &batch.outputs {
            None => states
                .chunks_exact(self.state_width())
                .flat_map(|state| self.last_layer(state))
                .copied()
                .collect(),
            Some(outputs) => {
                let state = |&output: &u32| &all[output as usize * hidden..(output as usize + 1) * hidden];
                outputs.iter().flat_map(state).copied().collect()
            }
        };
        let numbers = match &batch.statics {
            Some(statics) => {
                with_numbers([statics], |[statics]| self.head_numbers(&wanted, statics, output))??
            }
            None => self.head_numbers(&wanted, &[], output)?,
        };
        let n_outputs = wanted.len() / hidden;
        Ok(Tensor::from_vec(numbers, (n_outputs, self.width(output)), &Device::Cpu)?)
    }

    /// Numbers of a layer's output.
    fn width(&self, output: Output) -> usize {
        let (linear, _) = self.dense.last().expect("the configuration ends with the layer of logits");
        let [logits, latent] = [0, 1].map(|side| linear.weight().dims()[side]);
        match output {
            Output::Latent => latent,
            Output::Logits => logits,
        }
    }

    /// Numbers in the recurrent state of one object, `[layer, hidden]`.
    pub(crate) fn state_width(&self) -> usize {
        self.config.n_layers * self.config.hidden
    }

    /// The part of an object's recurrent state that the head reads.
    pub(crate) fn last_layer<'a>(&self, state: &'a [f32]) -> &'a [f32] {
        &state[self.state_width() - self.config.hidden..]
    }

    /// Moves the recurrent states of some objects, `[object, layer, hidden]`, over their rows.
    pub(crate) fn advance(&self, rows: &[f32], lengths: &[usize], states: &mut [f32]) -> Result<()> {
        if self.gru.has_kernels() {
            return self.gru.run_numbers(rows, lengths, states, None);
        }
        let (batch, layers, hidden) = (lengths.len(), self.config.n_layers, self.config.hidden);
        let rows = Tensor::from_slice(rows, (rows.len() / self.config.n_features, ()), &self.device)?;
        let by_object = Tensor::from_slice(states, (batch, layers, hidden), &self.device)?;
        let tensors = (0..layers).map(|layer| by_object.narrow(1, layer, 1)?.squeeze(1)?.contiguous());
        let mut state = RecurrentState::from_tensors(tensors.collect::<candle_core::Result<_>>()?);
        self.gru.advance(&rows, lengths, &mut state)?;
        states.copy_from_slice(&Tensor::stack(state.tensors(), 1)?.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }

    /// A layer's numbers from last recurrent states `[row, hidden]` and static inputs `[row, static]`.
    pub(crate) fn head_numbers(&self, states: &[f32], statics: &[f32], output: Output) -> Result<Vec<f32>> {
        let n_rows = states.len() / self.config.hidden;
        if !self.gru.has_kernels() {
            let states = Tensor::from_slice(states, (n_rows, self.config.hidden), &self.device)?;
            let statics = match self.config.static_dense {
                Some(_) => Some(Tensor::from_slice(statics, (n_rows, self.config.n_statics), &self.device)?),
                None => None,
            };
            return Ok(self.head_tensor(&states, statics.as_ref(), output)?.flatten_all()?.to_vec1()?);
        }
        let n_rest = self.config.head.len() + usize::from(matches!(output, Output::Logits));
        let run = |head: &Head| head.run(n_rows, n_rest, states, statics);
        let weights =
            self.dense.iter().flat_map(|(linear, _)| std::iter::once(linear.weight()).chain(linear.bias()));
        self.packed_head.with(weights, || self.pack_head(), run)
    }

    fn pack_head(&self) -> Result<Head> {
        let behind = 1 + usize::from(self.config.static_dense.is_some());
        let second = self.config.static_dense.is_some().then(|| &self.dense[1]);
        Head::pack(self.gru.isa(), &self.dense[0], second, &self.dense[behind..])
    }

    /// A layer's numbers `[batch, width]` from last GRU states `[batch, hidden]` and static inputs `[batch, static]`.
    fn head_tensor(&self, states: &Tensor, statics: Option<&Tensor>, output: Output) -> Result<Tensor> {
        let latent = self.latent(states, statics)?;
        let (linear, activation) =
            self.dense.last().expect("the configuration ends with the layer of logits");
        match output {
            Output::Latent => Ok(latent),
            Output::Logits => dense(linear, *activation, &latent),
        }
    }

    /// What the last dense layer gets, `[batch, width]`.
    fn latent(&self, states: &Tensor, statics: Option<&Tensor>) -> Result<Tensor> {
        let mut layers = self.dense.iter();
        let mut next = |x: &Tensor| -> Result<Tensor> {
            let (linear, activation) = layers.next().expect("the configuration lists every dense layer");
            dense(linear, *activation, x)
        };
        let mut x = next(states)?;
        if let Some(statics) = statics {
            x = Tensor::cat(&[x, next(statics)?], D::Minus1)?;
        }
        for _ in &self.config.head {
            x = next(&x)?;
        }
        Ok(x)
    }
}

fn dense(linear: &Linear, activation: Activation, x: &Tensor) -> Result<Tensor> {
    let y = linear.forward(x)?;
    Ok(match activation {
        Activation::Linear => y,
        Activation::Relu => y.relu()?,
        Activation::Tanh => y.tanh()?,
    })
}
