//! ORACLE (arXiv 2501.01496): two GRU layers over the light curve, joined by the object's context.

use candle_core::{D, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder};
use heliacal_lightcurve::{Context, LightCurveView};
use serde::{Deserialize, Serialize};

use crate::features::{EncodedLightCurve, FeatureSpec};
use crate::model_file::ModelFile;
use crate::recurrent::{Gru, GruConfig};
use crate::{Error, Result};

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

impl OracleConfig {
    fn gru(&self) -> GruConfig {
        GruConfig { input: self.n_features, hidden: self.hidden, n_layers: self.n_layers }
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
        let gru = self.gru().parameters().into_iter().map(|(name, shape)| (format!("gru.{name}"), shape));
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
    pub(crate) gru: Gru,
    dense: Vec<(Linear, Activation)>,
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

/// How many windows of a history longer than `max_steps` go through the network together.
const WINDOW_BATCH: usize = 64;

/// Sequences that go through the network together: rows one after the other, a length and the static inputs each.
#[derive(Debug, Default)]
struct Batch {
    rows: Vec<f32>,
    lengths: Vec<usize>,
    statics: Vec<f32>,
}

impl Oracle {
    /// Builds the network on PyTorch's parameter names: `gru.weight_ih_l0`, ..., `dense1.weight`, ..., `fc_out.bias`.
    ///
    /// # Errors
    /// [`Error::Config`] when the encoding does not have the configured numbers of columns and static inputs, or a size
    /// is zero; [`Error::Candle`] when a weight is missing or has another shape.
    pub fn new(config: OracleConfig, features: FeatureSpec, vb: VarBuilder<'_>) -> Result<Self> {
        for (what, expected, found) in [
            ("number of time features", config.n_features, features.columns.len()),
            ("number of static features", config.n_statics, features.statics.len()),
        ] {
            if expected != found {
                return Err(Error::Config { what, expected: expected.to_string(), found: found.to_string() });
            }
        }
        if features.max_steps == Some(0) || config.n_nodes == 0 {
            let what = "max_steps or n_nodes";
            return Err(Error::Config { what, expected: "at least 1".into(), found: "0".into() });
        }
        let gru = Gru::new(config.gru(), vb.pp("gru"))?;
        let dense = config
            .dense()
            .into_iter()
            .map(|layer| {
                let linear = candle_nn::linear(layer.input, layer.output, vb.pp(layer.name))?;
                Ok((linear, layer.activation))
            })
            .collect::<Result<_>>()?;
        Ok(Self { gru, dense, device: vb.device().clone(), config, features })
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
        let gru = self.gru.weights()?;
        let dense =
            self.dense.iter().flat_map(|(linear, _)| [Some(linear.weight().clone()), linear.bias().cloned()]);
        let weights = gru.into_iter().chain(dense.flatten());
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

    /// Logits `[node]` after the last observation.
    ///
    /// # Errors
    /// As [`FeatureSpec::encode`]; [`Error::Candle`] when the device fails.
    pub fn logits(&self, light_curve: LightCurveView<'_>, context: &Context) -> Result<Vec<f32>> {
        Ok(self.logits_batch(&[self.features.encode(light_curve, context)?])?.swap_remove(0))
    }

    /// Logits after the last observation of each light curve.
    ///
    /// # Errors
    /// [`Error::Candle`] when the device fails.
    pub fn logits_batch(&self, light_curves: &[EncodedLightCurve]) -> Result<Vec<Vec<f32>>> {
        let mut batch = Batch::default();
        for encoded in light_curves {
            batch.push(self.last_steps(&encoded.rows), self.config.n_features, &encoded.statics);
        }
        let states = self.states(&batch)?;
        let last: Vec<u32> = batch.row_ends().map(|end| end as u32 - 1).collect();
        let last = states.index_select(&Tensor::from_slice(&last, last.len(), &self.device)?, 0)?;
        let statics = self.statics(&batch.statics, batch.lengths.len())?;
        let logits = self.head(&last, statics.as_ref())?;
        Ok(logits.to_vec2()?)
    }

    /// Logits after every observation that the encoding keeps, in one pass over the light curve.
    ///
    /// With days counted from the first detection, the history begins at that detection: before it, no origin was known.
    /// Beyond `max_steps` every row needs a pass over its own window.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn logits_history(
        &self,
        light_curve: LightCurveView<'_>,
        context: &Context,
    ) -> Result<LogitsHistory> {
        Ok(self.logits_histories(&[self.features.encode(light_curve, context)?])?.swap_remove(0))
    }

    /// [`logits_history`](Self::logits_history) of several light curves at once.
    ///
    /// # Errors
    /// [`Error::Candle`] when the device fails.
    pub fn logits_histories(&self, light_curves: &[EncodedLightCurve]) -> Result<Vec<LogitsHistory>> {
        let columns = self.config.n_features;
        let limit = self.features.max_steps.unwrap_or(usize::MAX);
        // One pass over the first `limit` rows gives the rows of a history up to there.
        let mut batch = Batch::default();
        for encoded in light_curves {
            let n_steps = encoded.observations.len().min(limit);
            batch.push(&encoded.rows[..n_steps * columns], columns, &encoded.statics);
        }
        let states = self.states(&batch)?;
        let owner: Vec<u32> =
            (0u32..).zip(&batch.lengths).flat_map(|(i, &n)| std::iter::repeat_n(i, n)).collect();
        let owner = Tensor::from_slice(&owner, owner.len(), &self.device)?;
        let statics = self.statics(&batch.statics, batch.lengths.len())?;
        let statics = statics.map(|statics| statics.index_select(&owner, 0)).transpose()?;
        let logits = self.head(&states, statics.as_ref())?.flatten_all()?.to_vec1::<f32>()?;

        let n_nodes = self.config.n_nodes;
        let mut histories = Vec::with_capacity(light_curves.len());
        let mut begin = 0;
        for (encoded, end) in light_curves.iter().zip(batch.row_ends()) {
            let first = begin + encoded.known_from.min(end - begin);
            let mut logits = logits[first * n_nodes..end * n_nodes].to_vec();
            let window_ends =
                limit.saturating_add(1).max(encoded.known_from + 1)..=encoded.observations.len();
            for ends in window_ends.collect::<Vec<_>>().chunks(WINDOW_BATCH) {
                let windows: Vec<_> = ends.iter().map(|&end| encoded.first_steps(end, columns)).collect();
                logits.extend(self.logits_batch(&windows)?.into_iter().flatten());
            }
            histories.push(LogitsHistory {
                observations: encoded.observations[encoded.known_from..].to_vec(),
                logits,
            });
            begin = end;
        }
        Ok(histories)
    }

    /// Logits `[batch, node]` from last GRU states `[batch, hidden]` and static inputs `[batch, static]`.
    pub(crate) fn head(&self, states: &Tensor, statics: Option<&Tensor>) -> Result<Tensor> {
        let mut dense = self.dense.iter();
        let mut next = |x: &Tensor| -> Result<Tensor> {
            let (linear, activation) = dense.next().expect("the configuration lists every dense layer");
            let y = linear.forward(x)?;
            Ok(match activation {
                Activation::Linear => y,
                Activation::Relu => y.relu()?,
                Activation::Tanh => y.tanh()?,
            })
        };
        let mut x = next(states)?;
        if let Some(statics) = statics {
            x = Tensor::cat(&[x, next(statics)?], D::Minus1)?;
        }
        for _ in 0..=self.config.head.len() {
            x = next(&x)?;
        }
        Ok(x)
    }

    /// Static inputs as a tensor, where the network has a layer for them.
    pub(crate) fn statics(&self, statics: &[f32], batch: usize) -> Result<Option<Tensor>> {
        let Some(_) = self.config.static_dense else { return Ok(None) };
        Ok(Some(Tensor::from_slice(statics, (batch, self.config.n_statics), &self.device)?))
    }

    fn states(&self, batch: &Batch) -> Result<Tensor> {
        let shape = (batch.lengths.iter().sum::<usize>(), self.config.n_features);
        self.gru.forward(&Tensor::from_slice(&batch.rows, shape, &self.device)?, &batch.lengths, None)
    }

    fn last_steps<'a>(&self, rows: &'a [f32]) -> &'a [f32] {
        let limit =
            self.features.max_steps.map_or(usize::MAX, |steps| steps.saturating_mul(self.config.n_features));
        &rows[rows.len().saturating_sub(limit)..]
    }
}

impl Batch {
    fn push(&mut self, rows: &[f32], n_features: usize, statics: &[f32]) {
        self.rows.extend_from_slice(rows);
        self.lengths.push(rows.len() / n_features);
        self.statics.extend_from_slice(statics);
    }

    /// For each sequence, the row after its last.
    fn row_ends(&self) -> impl Iterator<Item = usize> {
        self.lengths.iter().scan(0, |end, &length| {
            *end += length;
            Some(*end)
        })
    }
}
