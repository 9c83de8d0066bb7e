//! Stacked recurrent layers on tensors.

use std::marker::PhantomData;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

#[cfg(feature = "cuda")]
use super::cuda;
use super::gpu_precision::GpuPrecision;
use super::isa::{Isa, Vectors};
use super::kernel::{PackedLayer, Run, Spare, Weights};
use super::kind::{CellKind, GruCell, LstmCell};
use super::layer_op::{Gives, LayerOp, Manner};
use super::packed::Packed;
use super::packing::Packing;
use super::stock;
use crate::numbers::with_numbers;
use crate::row_map::RowMap;
use crate::{Dropout, Error, Result, dropout_seed};

/// Sizes of a [`Gru`] or an [`Lstm`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecurrentConfig {
    /// Number of input features.
    pub input: usize,
    /// Width of every layer's output.
    pub hidden: usize,
    /// Number of stacked layers.
    pub n_layers: usize,
}

/// Stacked gated recurrent units (Cho et al. 2014) over sequences of unequal length.
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
/// use heliacal_models::{Gru, RecurrentConfig};
///
/// let config = RecurrentConfig { input: 2, hidden: 3, n_layers: 2 };
/// let gru = Gru::new(config, VarBuilder::zeros(DType::F32, &Device::Cpu))?;
/// // Two sequences, of one and of three steps, one after the other.
/// let rows = Tensor::ones((4, 2), DType::F32, &Device::Cpu)?;
/// assert_eq!(gru.forward(&rows, &[1, 3], None)?.dims(), [4, 3]); // the output after every step
/// assert_eq!(gru.last(&rows, &[1, 3], None)?.dims(), [2, 3]); // after the last step of each sequence
///
/// // The same, as the rows arrive.
/// let mut state = gru.zero_state(2, &Device::Cpu)?;
/// let outputs = gru.step(&Tensor::ones((2, 2), DType::F32, &Device::Cpu)?, &mut state)?;
/// assert_eq!(outputs.dims(), [2, 3]);
/// # Ok::<(), heliacal_models::Error>(())
/// ```
pub type Gru = Recurrent<GruCell>;

/// Stacked long short-term memory layers (Hochreiter & Schmidhuber 1997) over sequences of unequal length.
///
/// Parameter names, gate order (i, f, g, o) and the two biases are PyTorch's:
///
/// ```text
/// i = σ(W_ii x + b_ii + W_hi h + b_hi)      f = σ(W_if x + b_if + W_hf h + b_hf)
/// g = tanh(W_ig x + b_ig + W_hg h + b_hg)   o = σ(W_io x + b_io + W_ho h + b_ho)
/// c' = f ⊙ c + i ⊙ g
/// h' = o ⊙ tanh(c')
/// ```
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::VarBuilder;
/// use heliacal_models::{Lstm, RecurrentConfig};
///
/// let config = RecurrentConfig { input: 2, hidden: 3, n_layers: 1 };
/// let lstm = Lstm::new(config, VarBuilder::zeros(DType::F32, &Device::Cpu))?;
/// let rows = Tensor::ones((4, 2), DType::F32, &Device::Cpu)?;
/// assert_eq!(lstm.forward(&rows, &[1, 3], None)?.dims(), [4, 3]);
/// # Ok::<(), heliacal_models::Error>(())
/// ```
pub type Lstm = Recurrent<LstmCell>;

/// Stacked recurrent layers: a [`Gru`] or an [`Lstm`].
///
/// In single precision this runs on kernels of our own: on the CPU those chosen by [`Isa`], on an NVIDIA GPU (feature
/// `cuda`, compute capability 8.0) for up to 128 units, and with clusters (9.0) up to 256. Elsewhere it runs on candle's
/// operations. [`GpuPrecision`] says how exact its products are on a GPU.
/// When a weight, the rows or the initial state is a variable or depends on one, the results can be differentiated.
/// Weights that are no variables are read once, at first use. Between training steps, up to 256 MB of memory stay with the
/// layers for the next step.
#[derive(Debug, Clone)]
pub struct Recurrent<C> {
    config: RecurrentConfig,
    /// For each layer `w_ih, w_hh, b_ih, b_hh`.
    layers: Vec<[Tensor; 4]>,
    vectors: Vectors,
    gpu_precision: GpuPrecision,
    packed: Packed<Vec<PackedLayer>>,
    spare: Spare,
    cell: PhantomData<C>,
}

/// The states of a batch of sequences: for each layer the outputs `[batch, hidden]`, and for an LSTM the cell states
/// after them.
#[derive(Debug, Clone)]
pub struct RecurrentState {
    tensors: Vec<Tensor>,
}

impl RecurrentState {
    /// A state from tensors `[batch, hidden]`: for each layer the outputs, and for an LSTM the cell states after them.
    /// Those that are variables receive a gradient from [`Recurrent::forward`].
    pub fn from_tensors(tensors: Vec<Tensor>) -> Self {
        Self { tensors }
    }

    /// The tensors, in the order of [`from_tensors`](Self::from_tensors).
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The numbers, `[layer, batch, hidden]`, or `[layer, (output, cell state), batch, hidden]` for an LSTM.
    ///
    /// # Errors
    /// [`Error::Candle`] when they cannot be copied from the device.
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        let mut numbers = Vec::new();
        for tensor in &self.tensors {
            numbers.extend(tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?);
        }
        Ok(numbers)
    }

    /// The same numbers without the graph they came from.
    fn detach(&self) -> Self {
        Self { tensors: self.tensors.iter().map(Tensor::detach).collect() }
    }
}

/// What runs the layers of a [`Recurrent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// The kernels on plain numbers.
    Cpu,
    /// The kernels of a GPU.
    #[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "without a GPU nothing goes there"))]
    Cuda,
    /// candle's operations.
    Stock,
}

/// Of all rows of a batch those at the ends of the sequences, `[batch, hidden]`; of a sequence without steps that where it
/// began.
fn at_ends(all: &Tensor, began: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    let n_rows = all.dim(0)?;
    let mut end = 0;
    let mut ends = Vec::with_capacity(lengths.len());
    for (index, &length) in lengths.iter().enumerate() {
        end += length;
        // A sequence without steps is in the rows behind.
        ends.push(if length > 0 { end - 1 } else { n_rows + index } as u32);
    }
    let candidates = if lengths.contains(&0) { Tensor::cat(&[all, began], 0)? } else { all.clone() };
    Ok(RowMap::new(ends, candidates.dim(0)?, all.device())?.apply(&candidates)?)
}

impl<C: CellKind> Recurrent<C> {
    /// PyTorch's name and the shape of every weight.
    pub fn parameters(config: RecurrentConfig) -> Vec<(String, Vec<usize>)> {
        let RecurrentConfig { input, hidden, n_layers } = config;
        let rows = C::GATES * hidden;
        let of_layer = |layer| {
            [
                (format!("weight_ih_l{layer}"), vec![rows, if layer == 0 { input } else { hidden }]),
                (format!("weight_hh_l{layer}"), vec![rows, hidden]),
                (format!("bias_ih_l{layer}"), vec![rows]),
                (format!("bias_hh_l{layer}"), vec![rows]),
            ]
        };
        (0..n_layers).flat_map(of_layer).collect()
    }

    /// Takes the weights `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, and so on for each layer.
    ///
    /// # Errors
    /// [`Error::Config`] for a size of zero, or when `HELIACAL_ISA` names no instruction set of this machine;
    /// [`Error::Candle`] when a weight is missing or has another shape.
    #[allow(clippy::needless_pass_by_value, reason = "candle passes a VarBuilder by value everywhere")]
    pub fn new(config: RecurrentConfig, vb: VarBuilder<'_>) -> Result<Self> {
        for (what, size) in [
            ("recurrent input", config.input),
            ("recurrent hidden", config.hidden),
            ("recurrent n_layers", config.n_layers),
        ] {
            if size == 0 {
                return Err(Error::Config { what, expected: "at least 1".into(), found: "0".into() });
            }
        }
        let weights = Self::parameters(config).into_iter().map(|(name, shape)| vb.get(shape, &name));
        let weights = weights.collect::<candle_core::Result<Vec<_>>>()?;
        let layers = weights.as_chunks::<4>().0.to_vec();
        let vectors = Vectors::checked(Isa::current()?)?;
        let (gpu_precision, packed, spare) = (GpuPrecision::F32, Packed::default(), Spare::default());
        Ok(Self { config, layers, vectors, gpu_precision, packed, spare, cell: PhantomData })
    }

    /// The same layers on the kernels of another instruction set.
    ///
    /// # Errors
    /// [`Error::Config`] when this machine does not have it.
    pub fn with_isa(self, isa: Isa) -> Result<Self> {
        Ok(Self { vectors: Vectors::checked(isa)?, packed: Packed::default(), ..self })
    }

    /// The instruction set of the kernels.
    pub fn isa(&self) -> Isa {
        self.vectors.isa()
    }

    /// The same layers with products of another precision on a GPU.
    #[must_use]
    pub fn with_gpu_precision(self, precision: GpuPrecision) -> Self {
        Self { gpu_precision: precision, ..self }
    }

    /// How exact products are on a GPU.
    pub fn gpu_precision(&self) -> GpuPrecision {
        self.gpu_precision
    }

    /// The sizes.
    pub fn config(&self) -> RecurrentConfig {
        self.config
    }

    /// The weights in the order of [`parameters`](Self::parameters).
    pub(crate) fn weights(&self) -> impl Iterator<Item = &Tensor> {
        self.layers.iter().flatten()
    }

    /// The last layer's output after every step of every sequence.
    ///
    /// `rows` is `[sum of lengths, input]`, the sequences one after the other; so is the result,
    /// `[sum of lengths, hidden]`. Sequences start from `state`, or from zero. A sequence of length 0 has no rows.
    ///
    /// # Errors
    /// [`Error::Config`] when the lengths do not add up to the rows or the state is of another batch; [`Error::Candle`]
    /// when rows or state are on another device or of another number type than the weights.
    pub fn forward(
        &self,
        rows: &Tensor,
        lengths: &[usize],
        state: Option<&RecurrentState>,
    ) -> Result<Tensor> {
        self.forward_dropping(rows, lengths, state, None)
    }

    /// [`forward`](Self::forward) with dropout between the layers, as PyTorch's `dropout` has it: on the outputs of every
    /// layer but the last, for training. Each layer has a mask of its own, made of `seed`; take another seed for every
    /// step ([`dropout_seed`]).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::VarBuilder;
    /// use heliacal_models::{Dropout, Gru, RecurrentConfig, candle_core, candle_nn, dropout_seed};
    ///
    /// let config = RecurrentConfig { input: 2, hidden: 3, n_layers: 2 };
    /// let gru = Gru::new(config, VarBuilder::zeros(DType::F32, &Device::Cpu))?;
    /// let rows = Tensor::ones((4, 2), DType::F32, &Device::Cpu)?;
    /// // Step 7 of a training run with seed 1.
    /// let outputs = gru.forward_with_dropout(&rows, &[1, 3], None, &Dropout::new(0.4)?, dropout_seed(1, 7, 0))?;
    /// assert_eq!(outputs.dims(), [4, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forward_with_dropout(
        &self,
        rows: &Tensor,
        lengths: &[usize],
        state: Option<&RecurrentState>,
        dropout: &Dropout,
        seed: u64,
    ) -> Result<Tensor> {
        let drops = self.config.n_layers > 1 && dropout.probability() > 0.0;
        self.forward_dropping(rows, lengths, state, drops.then_some((*dropout, seed)))
    }

    fn forward_dropping(
        &self,
        rows: &Tensor,
        lengths: &[usize],
        state: Option<&RecurrentState>,
        dropout: Option<(Dropout, u64)>,
    ) -> Result<Tensor> {
        let state = self.begin(rows, lengths, state)?;
        if rows.dim(0)? == 0 {
            return Ok(Tensor::zeros((0, self.config.hidden), rows.dtype(), rows.device())?);
        }
        let keep = self.is_tracked(rows, &state);
        match self.path() {
            Path::Stock => {
                let mut all = self.stock(rows, lengths, &state, dropout)?.0.tensors;
                return Ok(all.swap_remove(self.last_output()));
            }
            Path::Cpu if dropout.is_none() && !keep => {
                let mut outputs = vec![0.0; rows.dim(0)? * self.config.hidden];
                self.run(rows, lengths, &state, Some(&mut outputs))?;
                return Ok(Tensor::from_vec(outputs, (rows.dim(0)?, self.config.hidden), rows.device())?);
            }
            _ => {}
        }
        let shared: Arc<[usize]> = lengths.into();
        let mut x = rows.contiguous()?;
        for index in 0..self.config.n_layers {
            x = self.layer(index, &x, &shared, &state, Gives::Outputs, keep)?;
            x = self.drop_behind(index, x, dropout)?;
        }
        Ok(x)
    }

    /// One layer by the kernels, as an operation that can be differentiated.
    fn layer(
        &self,
        index: usize,
        x: &Tensor,
        lengths: &Arc<[usize]>,
        state: &RecurrentState,
        gives: Gives,
        keep: bool,
    ) -> Result<Tensor> {
        let hidden = self.config.hidden;
        let (lengths, spare) = (Arc::clone(lengths), self.spare.clone());
        let manner = Manner { vectors: self.vectors, gpu_precision: self.gpu_precision, gives, keep };
        let op = LayerOp::<C>::new(manner, x.dim(1)?, hidden, lengths, spare);
        let flat = self.layers[index].iter().map(Tensor::flatten_all);
        let flat = flat.collect::<candle_core::Result<Vec<_>>>()?;
        let states = &state.tensors[index * C::STATES..(index + 1) * C::STATES];
        let states = Tensor::cat(states, 1)?.contiguous()?;
        Ok(x.apply_op3(&Tensor::cat(&flat, 0)?, &states, op)?)
    }

    /// The states after every step of every sequence: for each layer the outputs `[sum of lengths, hidden]`, and for an
    /// LSTM the cell states. Each row is one from which a sequence can begin.
    ///
    /// Outputs and cell states both have gradients, also when something depends on a state in the middle of a sequence.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::VarBuilder;
    /// use heliacal_models::{Lstm, RecurrentConfig, candle_core, candle_nn};
    ///
    /// let config = RecurrentConfig { input: 2, hidden: 3, n_layers: 1 };
    /// let lstm = Lstm::new(config, VarBuilder::zeros(DType::F32, &Device::Cpu))?;
    /// let rows = Tensor::ones((4, 2), DType::F32, &Device::Cpu)?;
    /// // Two sequences, of one and of three steps; from every state, one more step.
    /// let states = lstm.states(&rows, &[1, 3], None)?;
    /// assert_eq!(lstm.forward(&rows, &[1; 4], Some(&states))?.dims(), [4, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn states(
        &self,
        rows: &Tensor,
        lengths: &[usize],
        state: Option<&RecurrentState>,
    ) -> Result<RecurrentState> {
        let state = self.begin(rows, lengths, state)?;
        let n_rows = rows.dim(0)?;
        if n_rows == 0 {
            return self.zero_state(0, rows.device());
        }
        if self.path() == Path::Stock {
            return Ok(self.stock(rows, lengths, &state, None)?.0);
        }
        self.all_states(rows, lengths, &state, self.is_tracked(rows, &state))
    }

    /// The states after every step by the kernels.
    fn all_states(
        &self,
        rows: &Tensor,
        lengths: &[usize],
        state: &RecurrentState,
        keep: bool,
    ) -> Result<RecurrentState> {
        let n_rows = rows.dim(0)?;
        let shared: Arc<[usize]> = lengths.into();
        let mut x = rows.contiguous()?;
        let mut tensors = Vec::with_capacity(state.tensors.len());
        for index in 0..self.config.n_layers {
            let states = self.layer(index, &x, &shared, state, Gives::States, keep)?;
            for part in 0..C::STATES {
                tensors.push(states.narrow(0, part * n_rows, n_rows)?);
            }
            x = tensors[index * C::STATES].clone();
        }
        Ok(RecurrentState { tensors })
    }

    /// The last layer's output among the tensors of a state.
    fn last_output(&self) -> usize {
        (self.config.n_layers - 1) * C::STATES
    }

    /// A layer's outputs as the next layer gets them.
    fn drop_behind(&self, layer: usize, x: Tensor, dropout: Option<(Dropout, u64)>) -> Result<Tensor> {
        match dropout {
            Some((dropout, seed)) if layer + 1 < self.config.n_layers => {
                dropout.apply(&x, dropout_seed(seed, 0, layer as u64))
            }
            _ => Ok(x),
        }
    }

    /// The last layer's output after the last step of each sequence, `[batch, hidden]`; that of the initial state for a
    /// sequence of length 0.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn last(&self, rows: &Tensor, lengths: &[usize], state: Option<&RecurrentState>) -> Result<Tensor> {
        let mut state = self.begin(rows, lengths, state)?;
        let last_output = self.last_output();
        if !self.is_tracked(rows, &state) {
            self.advance(rows, lengths, &mut state)?;
            return Ok(state.tensors.swap_remove(last_output));
        }
        let outputs = self.forward(rows, lengths, Some(&state))?;
        at_ends(&outputs, &state.tensors[last_output], lengths)
    }

    /// Moves the states of a batch over its rows, as [`forward`](Self::forward) does, without an output for every step:
    /// to serve, not to train. The states have no gradient.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn advance(&self, rows: &Tensor, lengths: &[usize], state: &mut RecurrentState) -> Result<()> {
        let before = self.begin(rows, lengths, Some(state))?;
        if rows.dim(0)? == 0 {
            *state = before.detach();
            return Ok(());
        }
        *state = match self.path() {
            Path::Cpu => self.run(rows, lengths, &before, None)?,
            Path::Cuda => {
                let all = self.all_states(rows, lengths, &before, false)?.tensors;
                let ends = all.iter().zip(&before.tensors).map(|(all, before)| at_ends(all, before, lengths));
                RecurrentState { tensors: ends.collect::<Result<_>>()? }.detach()
            }
            Path::Stock => self.stock(rows, lengths, &before.detach(), None)?.1.detach(),
        };
        Ok(())
    }

    /// Moves a batch of sequences by one step: `x` is `[batch, input]`, the result the last layer's outputs
    /// `[batch, hidden]`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn step(&self, x: &Tensor, state: &mut RecurrentState) -> Result<Tensor> {
        self.advance(x, &vec![1; x.dim(0)?], state)?;
        Ok(state.tensors[self.last_output()].clone())
    }

    /// The state before any step.
    ///
    /// # Errors
    /// [`Error::Candle`] when the device is out of memory.
    pub fn zero_state(&self, batch: usize, device: &Device) -> Result<RecurrentState> {
        let zeros = Tensor::zeros((batch, self.config.hidden), self.layers[0][0].dtype(), device)?;
        Ok(RecurrentState { tensors: vec![zeros; self.config.n_layers * C::STATES] })
    }

    /// A state from plain numbers, in the order of [`RecurrentState::to_vec`].
    ///
    /// # Errors
    /// [`Error::StreamState`] when there are more or fewer numbers than that.
    pub fn state_from_slice(&self, numbers: &[f32], batch: usize, device: &Device) -> Result<RecurrentState> {
        let RecurrentConfig { hidden, n_layers, .. } = self.config;
        let expected = n_layers * C::STATES * batch * hidden;
        if numbers.len() != expected || expected == 0 {
            return Err(Error::StreamState { what: "numbers", expected, found: numbers.len() });
        }
        let tensors = numbers
            .chunks_exact(batch * hidden)
            .map(|numbers| {
                let dtype = self.layers[0][0].dtype();
                Tensor::from_slice(numbers, (batch, hidden), device)?.to_dtype(dtype)
            })
            .collect::<candle_core::Result<_>>()?;
        Ok(RecurrentState { tensors })
    }

    /// The state to begin with, once everything fits together.
    fn begin(
        &self,
        rows: &Tensor,
        lengths: &[usize],
        state: Option<&RecurrentState>,
    ) -> Result<RecurrentState> {
        let RecurrentConfig { input, hidden, n_layers } = self.config;
        let n_rows = lengths.iter().fold(0, |sum: usize, &length| sum.saturating_add(length));
        if rows.dims() != [n_rows, input] {
            return Err(Error::Config {
                what: "shape of the sequences",
                expected: format!("[{n_rows}, {input}]"),
                found: format!("{:?}", rows.dims()),
            });
        }
        let Some(state) = state else { return self.zero_state(lengths.len(), rows.device()) };
        let (found, expected) = (state.tensors.len(), n_layers * C::STATES);
        if found != expected {
            return Err(Error::Config {
                what: "number of tensors of the initial state",
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
        match state.tensors.iter().find(|tensor| tensor.dims() != [lengths.len(), hidden]) {
            None => Ok(state.clone()),
            Some(tensor) => Err(Error::Config {
                what: "shape of the initial state",
                expected: format!("[{}, {hidden}]", lengths.len()),
                found: format!("{:?}", tensor.dims()),
            }),
        }
    }

    fn is_tracked(&self, rows: &Tensor, state: &RecurrentState) -> bool {
        self.weights().chain(&state.tensors).chain([rows]).any(Tensor::track_op)
    }

    /// Runs all layers at once, without a graph.
    fn run(
        &self,
        rows: &Tensor,
        lengths: &[usize],
        state: &RecurrentState,
        outputs: Option<&mut [f32]>,
    ) -> Result<RecurrentState> {
        let hidden = self.config.hidden;
        let n_tensors = state.tensors.len();
        // From a tensor for each part of the state to a row for each sequence.
        let mut states = vec![0.0; lengths.len() * n_tensors * hidden];
        for (part, tensor) in state.tensors.iter().enumerate() {
            with_numbers([&tensor.contiguous()?], |[numbers]| {
                for (sequence, numbers) in numbers.chunks_exact(hidden).enumerate() {
                    let begin = (sequence * n_tensors + part) * hidden;
                    states[begin..begin + hidden].copy_from_slice(numbers);
                }
            })?;
        }
        with_numbers([&rows.contiguous()?], |[rows]| self.run_numbers(rows, lengths, &mut states, outputs))??;
        let tensor = |part| {
            let mut numbers = Vec::with_capacity(lengths.len() * hidden);
            for sequence in 0..lengths.len() {
                let begin = (sequence * n_tensors + part) * hidden;
                numbers.extend_from_slice(&states[begin..begin + hidden]);
            }
            Tensor::from_vec(numbers, (lengths.len(), hidden), rows.device())
        };
        Ok(RecurrentState { tensors: (0..n_tensors).map(tensor).collect::<candle_core::Result<_>>()? })
    }

    /// What runs the layers.
    fn path(&self) -> Path {
        let weight = &self.layers[0][0];
        match (weight.dtype(), weight.device()) {
            (DType::F32, Device::Cpu) => Path::Cpu,
            #[cfg(feature = "cuda")]
            (DType::F32, Device::Cuda(device)) if cuda::can_run(device, C::GATES, self.config.hidden) => {
                Path::Cuda
            }
            _ => Path::Stock,
        }
    }

    /// Whether the weights are where [`run_numbers`](Self::run_numbers) can run.
    pub(crate) fn has_kernels(&self) -> bool {
        self.path() == Path::Cpu
    }

    /// Runs all layers on plain numbers: `states` is `[sequence, layer, (output, memory), hidden]`, before and after, and
    /// `outputs`, if wanted, `[sum of lengths, hidden]`.
    pub(crate) fn run_numbers(
        &self,
        rows: &[f32],
        lengths: &[usize],
        states: &mut [f32],
        outputs: Option<&mut [f32]>,
    ) -> Result<()> {
        self.run_batch(Run { rows, lengths, states, outputs, memories: None, late: None })
    }

    /// [`run_numbers`](Self::run_numbers) with more to ask for.
    pub(crate) fn run_batch(&self, run: Run<'_>) -> Result<()> {
        self.with_layers(|vectors, layers| {
            C::advance(vectors, layers, run, None);
        })
    }

    /// Runs something of the kernels' on the layers.
    pub(crate) fn with_layers<R>(&self, run: impl FnOnce(Vectors, &[PackedLayer]) -> R) -> Result<R> {
        self.packed.with(self.weights(), || self.pack(), |layers| run(self.vectors, layers))
    }

    fn pack(&self) -> Result<Vec<PackedLayer>> {
        let hidden = self.config.hidden;
        let pack = |weights: &[Tensor; 4]| {
            let input = weights[0].dim(1)?;
            let contiguous = weights.iter().map(|weight| weight.to_device(&Device::Cpu)?.contiguous());
            let contiguous = contiguous.collect::<candle_core::Result<Vec<_>>>()?;
            let [w_ih, w_hh, b_ih, b_hh] = &contiguous[..] else { unreachable!("four weights") };
            with_numbers([w_ih, w_hh, b_ih, b_hh], |[w_ih, w_hh, b_ih, b_hh]| {
                C::pack(&Weights { input, hidden, w_ih, w_hh, b_ih, b_hh }, self.vectors.lanes())
            })
        };
        Ok(self.layers.iter().map(pack).collect::<candle_core::Result<_>>()?)
    }

    /// The states after every step, and the final ones, by candle's operations.
    fn stock(
        &self,
        rows: &Tensor,
        lengths: &[usize],
        state: &RecurrentState,
        dropout: Option<(Dropout, u64)>,
    ) -> Result<(RecurrentState, RecurrentState)> {
        let packing = Packing::new(lengths);
        let mut x = rows.clone();
        let (mut all, mut tensors) = (Vec::new(), Vec::new());
        let layers = self.layers.iter().zip(state.tensors.chunks_exact(C::STATES));
        for (index, (weights, states)) in layers.enumerate() {
            let states = states.iter().map(|states| packing.sort(states));
            let states = states.collect::<candle_core::Result<_>>()?;
            let (steps, finals) = stock::layer::<C>(&packing.pack(&x)?, &packing, weights, states)?;
            for states in finals {
                tensors.push(packing.unsort(&states)?);
            }
            for states in steps {
                all.push(packing.unpack(&states)?);
            }
            // In the caller's order: masks are then those of the kernels.
            x = self.drop_behind(index, all[index * C::STATES].clone(), dropout)?;
        }
        Ok((RecurrentState { tensors: all }, RecurrentState { tensors }))
    }
}
