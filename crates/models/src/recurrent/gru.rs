//! Gated recurrent units (Cho et al. 2014) as PyTorch defines them.

use candle_core::{D, Device, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::sigmoid;
use serde::{Deserialize, Serialize};

use super::packing::Packing;
use crate::{Error, Result};

/// Sizes of a [`Gru`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GruConfig {
    /// Number of input features.
    pub input: usize,
    /// Width of every layer's state.
    pub hidden: usize,
    /// Number of stacked layers.
    pub n_layers: usize,
}

impl GruConfig {
    /// PyTorch's name and the shape of every weight.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let gates = 3 * self.hidden;
        (0..self.n_layers)
            .flat_map(|layer| {
                [
                    (format!("weight_ih_l{layer}"), vec![gates, self.layer_input(layer)]),
                    (format!("weight_hh_l{layer}"), vec![gates, self.hidden]),
                    (format!("bias_ih_l{layer}"), vec![gates]),
                    (format!("bias_hh_l{layer}"), vec![gates]),
                ]
            })
            .collect()
    }

    fn layer_input(&self, layer: usize) -> usize {
        if layer == 0 { self.input } else { self.hidden }
    }
}

/// Stacked GRU layers over sequences of unequal length.
///
/// Parameter names, gate order (r, z, n) and the two biases are PyTorch's:
///
/// ```text
/// r = σ(W_ir x + b_ir + W_hr h + b_hr)
/// z = σ(W_iz x + b_iz + W_hz h + b_hz)
/// n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))
/// h' = (1 - z) ⊙ n + z ⊙ h
/// ```
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::VarBuilder;
/// use heliacal_models::{Gru, GruConfig};
///
/// let gru = Gru::new(GruConfig { input: 2, hidden: 3, n_layers: 2 }, VarBuilder::zeros(DType::F32, &Device::Cpu))?;
/// // Two sequences, of one and of three steps, one after the other.
/// let rows = Tensor::ones((4, 2), DType::F32, &Device::Cpu)?;
/// assert_eq!(gru.forward(&rows, &[1, 3], None)?.dims(), [4, 3]); // the state after every step
/// # Ok::<(), heliacal_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gru {
    config: GruConfig,
    layers: Vec<Layer>,
}

/// The states of a batch of sequences: one tensor `[batch, hidden]` per layer.
#[derive(Debug, Clone)]
pub struct GruState {
    layers: Vec<Tensor>,
}

#[derive(Debug, Clone)]
struct Layer {
    /// `[input, 3 hidden]`: transposed once, read every step.
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor,
    b_hh: Tensor,
}

impl Gru {
    /// Takes the weights `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, and so on for each layer.
    ///
    /// # Errors
    /// [`Error::Config`] for a size of zero, [`Error::Candle`] when a weight is missing or has another shape.
    #[allow(clippy::needless_pass_by_value, reason = "candle passes a VarBuilder by value everywhere")]
    pub fn new(config: GruConfig, vb: VarBuilder<'_>) -> Result<Self> {
        for (what, size) in
            [("GRU input", config.input), ("GRU hidden", config.hidden), ("GRU n_layers", config.n_layers)]
        {
            if size == 0 {
                return Err(Error::Config { what, expected: "at least 1".into(), found: "0".into() });
            }
        }
        let weights = config.parameters().into_iter().map(|(name, shape)| vb.get(shape, &name));
        let weights = weights.collect::<candle_core::Result<Vec<_>>>()?;
        let layer = |weights: &[Tensor]| -> Result<Layer> {
            let [w_ih, w_hh, b_ih, b_hh] = weights else { unreachable!("chunks of four") };
            Ok(Layer { w_ih: w_ih.t()?, w_hh: w_hh.t()?, b_ih: b_ih.clone(), b_hh: b_hh.clone() })
        };
        Ok(Self { config, layers: weights.chunks_exact(4).map(layer).collect::<Result<_>>()? })
    }

    /// The weights in the order of [`GruConfig::parameters`].
    pub(crate) fn weights(&self) -> Result<Vec<Tensor>> {
        let mut weights = Vec::new();
        for layer in &self.layers {
            weights.extend([layer.w_ih.t()?, layer.w_hh.t()?, layer.b_ih.clone(), layer.b_hh.clone()]);
        }
        Ok(weights)
    }

    /// The sizes.
    pub fn config(&self) -> GruConfig {
        self.config
    }

    /// The last layer's state after every step of every sequence.
    ///
    /// `rows` is `[sum of lengths, input]`, the sequences one after the other; so is the result,
    /// `[sum of lengths, hidden]`. Sequences start from `state`, or from zero. A sequence of length 0 has no rows.
    ///
    /// # Errors
    /// [`Error::Config`] when the lengths do not add up to the rows or the state is of another batch.
    pub fn forward(&self, rows: &Tensor, lengths: &[usize], state: Option<&GruState>) -> Result<Tensor> {
        let n_rows: usize = lengths.iter().sum();
        let (found_rows, found_input) = rows.dims2()?;
        if found_rows != n_rows || found_input != self.config.input {
            return Err(Error::Config {
                what: "shape of the sequences",
                expected: format!("[{n_rows}, {}]", self.config.input),
                found: format!("{:?}", rows.dims()),
            });
        }
        if n_rows == 0 {
            return Ok(Tensor::zeros((0, self.config.hidden), rows.dtype(), rows.device())?);
        }
        let state = match state {
            Some(state) if state.batch()? == lengths.len() => state.clone(),
            Some(state) => {
                return Err(Error::Config {
                    what: "batch of the initial state",
                    expected: lengths.len().to_string(),
                    found: state.batch()?.to_string(),
                });
            }
            None => self.zero_state(lengths.len(), rows.device())?,
        };
        let packing = Packing::new(lengths);
        let mut packed = packing.pack(rows)?;
        for (layer, h0) in self.layers.iter().zip(&state.layers) {
            packed = layer.forward(&packed, &packing.active, &packing.sort(h0)?)?;
        }
        Ok(packing.unpack(&packed)?)
    }

    /// Advances a batch of sequences by one step: `x` is `[batch, input]`, the result the last layer's states
    /// `[batch, hidden]`, and `state` holds every layer's.
    ///
    /// # Errors
    /// [`Error::Candle`] when the shapes do not fit.
    pub fn step(&self, x: &Tensor, state: &mut GruState) -> Result<Tensor> {
        let mut x = x.clone();
        for (layer, h) in self.layers.iter().zip(&mut state.layers) {
            *h = layer.cell(&layer.input_product(&x)?, h)?;
            x = h.clone();
        }
        Ok(x)
    }

    /// The state before any step.
    ///
    /// # Errors
    /// [`Error::Candle`] when the device is out of memory.
    pub fn zero_state(&self, batch: usize, device: &Device) -> Result<GruState> {
        let zeros = Tensor::zeros((batch, self.config.hidden), self.layers[0].b_hh.dtype(), device)?;
        Ok(GruState { layers: vec![zeros; self.config.n_layers] })
    }

    /// A state from plain numbers, `[layer, batch, hidden]`, as [`GruState::to_vec`] gives them.
    ///
    /// # Errors
    /// [`Error::StreamState`] when there are more or fewer numbers than `n_layers x batch x hidden`.
    pub fn state_from_slice(&self, numbers: &[f32], batch: usize, device: &Device) -> Result<GruState> {
        let GruConfig { hidden, n_layers, .. } = self.config;
        let expected = n_layers * batch * hidden;
        if numbers.len() != expected || expected == 0 {
            return Err(Error::StreamState { what: "numbers", expected, found: numbers.len() });
        }
        let layers = numbers
            .chunks_exact(batch * hidden)
            .map(|layer| Tensor::from_slice(layer, (batch, hidden), device))
            .collect::<candle_core::Result<_>>()?;
        Ok(GruState { layers })
    }
}

impl GruState {
    /// The numbers, `[layer, batch, hidden]`.
    ///
    /// # Errors
    /// [`Error::Candle`] when they cannot be copied from the device.
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        let mut numbers = Vec::new();
        for layer in &self.layers {
            numbers.extend(layer.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(numbers)
    }

    fn batch(&self) -> Result<usize> {
        Ok(self.layers[0].dim(0)?)
    }
}

impl Layer {
    /// All states of packed sequences.
    fn forward(&self, packed: &Tensor, active: &[usize], h0: &Tensor) -> Result<Tensor> {
        // One product for the inputs of all steps; only the recurrent one has to wait for the step before.
        let inputs = self.input_product(packed)?;
        let mut h = h0.clone();
        let mut states = Vec::with_capacity(active.len());
        let mut row = 0;
        for &running in active {
            h = self.cell(&inputs.narrow(0, row, running)?, &h.narrow(0, 0, running)?)?;
            states.push(h.clone());
            row += running;
        }
        Ok(Tensor::cat(&states, 0)?)
    }

    fn input_product(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.matmul(&self.w_ih)?.broadcast_add(&self.b_ih)?)
    }

    /// One step from the input's product and the state before.
    fn cell(&self, input: &Tensor, h: &Tensor) -> Result<Tensor> {
        let recurrent = h.contiguous()?.matmul(&self.w_hh)?.broadcast_add(&self.b_hh)?;
        let hidden = h.dim(D::Minus1)?;
        let gate = |tensor: &Tensor, index: usize| tensor.narrow(D::Minus1, index * hidden, hidden);
        let r = sigmoid(&(gate(input, 0)? + gate(&recurrent, 0)?)?)?;
        let z = sigmoid(&(gate(input, 1)? + gate(&recurrent, 1)?)?)?;
        let n = (gate(input, 2)? + (r * gate(&recurrent, 2)?)?)?.tanh()?;
        // (1 - z) n + z h with one product less.
        Ok((&n + (z * (h - &n)?)?)?)
    }
}
