//! A batch for the recurrent layers with all its inputs in the open, what the engine makes of it, and what the reference
//! does.

use candle_core::{DType, Tensor, Var};
use candle_nn::VarBuilder;
use heliacal_models::{CellKind, Isa, Recurrent, RecurrentConfig, RecurrentState, candle_core, candle_nn};

use crate::devices::{device, forward_tolerance, gradient_tolerance, on_a_gpu};
use crate::recurrent_reference::{Equations, Layer, Reference};
use crate::wave;

/// The largest error of a state, which is in [-1, 1]: about thirty roundings of it.
pub const STATE_TOLERANCE: f64 = 2e-6;
/// The largest error of a gradient, as a part of the largest of its tensor.
pub const GRADIENT_TOLERANCE: f64 = 1e-5;

/// Which equations a kind of cell has to follow.
pub fn equations<C: CellKind>() -> Equations {
    match C::NAME {
        "GRU" => Equations::Gru,
        "LSTM" => Equations::Lstm,
        other => panic!("no reference for {other}"),
    }
}

/// Layers, sequences and a loss: the sum of all outputs, each times its number in `cotangent`.
#[derive(Debug, Clone)]
pub struct Problem {
    pub equations: Equations,
    pub config: RecurrentConfig,
    pub lengths: Vec<usize>,
    /// For each layer `w_ih, w_hh, b_ih, b_hh`.
    pub weights: Vec<[Vec<f32>; 4]>,
    pub rows: Vec<f32>,
    /// For each layer `h`, or `h` and `c`: `[batch, hidden]`.
    pub state: Vec<Vec<f32>>,
    pub cotangent: Vec<f32>,
}

/// Outputs, and gradients by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub outputs: Vec<f64>,
    pub gradients: Vec<(String, Vec<f64>)>,
}

impl Problem {
    /// Weights of the size that PyTorch begins with, inputs and states in (-1, 1).
    pub fn new<C: CellKind>(config: RecurrentConfig, lengths: Vec<usize>) -> Self {
        let equations = equations::<C>();
        let RecurrentConfig { input, hidden, n_layers } = config;
        let mut index = 0;
        let mut numbers = |n: usize, scale: f32| -> Vec<f32> {
            index += n;
            (index - n..index).map(|i| scale * wave(i)).collect()
        };
        let scale = 1.0 / (hidden as f32).sqrt();
        let gates = equations.gates() * hidden;
        let mut layer = |index: usize| {
            let input = if index == 0 { input } else { hidden };
            [gates * input, gates * hidden, gates, gates].map(|n| numbers(n, scale))
        };
        let weights = (0..n_layers).map(&mut layer).collect();
        let n_rows: usize = lengths.iter().sum();
        let states = n_layers * equations.states();
        Self {
            equations,
            config,
            weights,
            rows: numbers(n_rows * input, 1.0),
            state: (0..states).map(|_| numbers(lengths.len() * hidden, 1.0)).collect(),
            cotangent: numbers(n_rows * hidden, 1.0),
            lengths,
        }
    }

    /// The same from zero states.
    pub fn starting_at_rest(mut self) -> Self {
        self.state.iter_mut().for_each(|numbers| numbers.fill(0.0));
        self
    }

    pub fn n_rows(&self) -> usize {
        self.lengths.iter().sum()
    }

    fn weight_names(&self) -> impl Iterator<Item = String> {
        let of_layer =
            |layer| ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|name| format!("{name}_l{layer}"));
        (0..self.config.n_layers).flat_map(of_layer)
    }

    fn weight_shapes(&self) -> impl Iterator<Item = Vec<usize>> {
        let RecurrentConfig { input, hidden, n_layers } = self.config;
        let gates = self.equations.gates() * hidden;
        (0..n_layers).flat_map(move |layer| {
            let input = if layer == 0 { input } else { hidden };
            [vec![gates, input], vec![gates, hidden], vec![gates], vec![gates]]
        })
    }

    /// The engine with these weights, fixed.
    pub fn engine<C: CellKind>(&self, isa: Isa) -> Recurrent<C> {
        self.engine_in(isa, DType::F32)
    }

    /// The same with weights of a number type.
    pub fn engine_in<C: CellKind>(&self, isa: Isa, dtype: DType) -> Recurrent<C> {
        let tensor = |(shape, numbers): (Vec<usize>, &Vec<f32>)| {
            Tensor::from_slice(numbers, shape, &device()).unwrap()
        };
        let tensors: Vec<_> = self.weight_shapes().zip(self.weights.iter().flatten()).map(tensor).collect();
        self.engine_of(&tensors, isa, dtype)
    }

    fn engine_of<C: CellKind>(&self, weights: &[Tensor], isa: Isa, dtype: DType) -> Recurrent<C> {
        let tensors = self.weight_names().zip(weights.iter().cloned()).collect();
        let vb = VarBuilder::from_tensors(tensors, dtype, &device());
        Recurrent::new(self.config, vb).unwrap().with_isa(isa).unwrap()
    }

    pub fn rows_tensor(&self) -> Tensor {
        Tensor::from_slice(&self.rows, (self.n_rows(), self.config.input), &device()).unwrap()
    }

    pub fn state_tensors(&self) -> RecurrentState {
        let shape = (self.lengths.len(), self.config.hidden);
        let tensor = |numbers: &Vec<f32>| Tensor::from_slice(numbers, shape, &device()).unwrap();
        RecurrentState::from_tensors(self.state.iter().map(tensor).collect())
    }

    /// The engine's outputs without a graph, as bits can be compared.
    pub fn outputs<C: CellKind>(&self, isa: Isa) -> Vec<f32> {
        let engine = self.engine::<C>(isa);
        flat(&engine.forward(&self.rows_tensor(), &self.lengths, Some(&self.state_tensors())).unwrap())
    }

    /// What the engine makes of it, every input being a variable.
    pub fn found<C: CellKind>(&self, isa: Isa) -> Outcome {
        self.found_by::<C>(isa, DType::F32, |engine, rows, state| {
            engine.forward(rows, &self.lengths, Some(state)).unwrap()
        })
    }

    /// The same of `Recurrent::last`, where only the last `cotangent` of a sequence counts.
    pub fn found_of_last<C: CellKind>(&self, isa: Isa) -> Outcome {
        self.found_by::<C>(isa, DType::F32, |engine, rows, state| {
            engine.last(rows, &self.lengths, Some(state)).unwrap()
        })
    }

    /// What some run makes of it, in single precision by the kernels and in double precision by candle's operations.
    pub fn found_by<C: CellKind>(
        &self,
        isa: Isa,
        dtype: DType,
        run: impl Fn(&Recurrent<C>, &Tensor, &RecurrentState) -> Tensor,
    ) -> Outcome {
        let var = |numbers: &[f32], shape: Vec<usize>| {
            let tensor = Tensor::from_slice(numbers, shape, &device()).unwrap();
            Var::from_tensor(&tensor.to_dtype(dtype).unwrap()).unwrap()
        };
        let weights: Vec<Var> = self
            .weight_shapes()
            .zip(self.weights.iter().flatten())
            .map(|(shape, numbers)| var(numbers, shape))
            .collect();
        let rows = var(&self.rows, vec![self.n_rows(), self.config.input]);
        let state: Vec<Var> = self
            .state
            .iter()
            .map(|numbers| var(numbers, vec![self.lengths.len(), self.config.hidden]))
            .collect();
        let tensors = |vars: &[Var]| vars.iter().map(|v| v.as_tensor().clone()).collect::<Vec<_>>();
        let engine = self.engine_of(&tensors(&weights), isa, dtype);
        let outputs = run(&engine, &rows, &RecurrentState::from_tensors(tensors(&state)));
        let cotangent = if outputs.dim(0).unwrap() == self.n_rows() {
            self.cotangent.clone()
        } else {
            self.last_rows(&self.cotangent)
        };
        let cotangent = Tensor::from_vec(cotangent, outputs.shape(), &device()).unwrap();
        let cotangent = cotangent.to_dtype(dtype).unwrap();
        let gradients = (&outputs * cotangent).unwrap().sum_all().unwrap().backward().unwrap();
        let names = self.weight_names().chain(["rows".to_owned()]);
        let names = names.chain((0..state.len()).map(|part| format!("state {part}")));
        let variables = weights.iter().chain([&rows]).chain(&state);
        let gradient = |(name, variable): (String, &Var)| {
            let gradient = gradients.get(variable).unwrap_or_else(|| panic!("{name} has no gradient"));
            assert_eq!(gradient.dims(), variable.dims(), "{name}");
            (name, in_double(gradient))
        };
        Outcome { outputs: in_double(&outputs), gradients: names.zip(variables).map(gradient).collect() }
    }

    /// Of numbers for every output those of each sequence's last step; zero for a sequence without steps.
    fn last_rows(&self, numbers: &[f32]) -> Vec<f32> {
        let hidden = self.config.hidden;
        let mut end = 0;
        let mut last = Vec::new();
        for length in &self.lengths {
            end += length * hidden;
            if *length == 0 {
                last.extend(vec![0.0; hidden]);
            } else {
                last.extend(&numbers[end - hidden..end]);
            }
        }
        last
    }

    /// The same with a cotangent of zero but after each sequence's last step.
    pub fn with_last_only(mut self) -> Self {
        let hidden = self.config.hidden;
        let mut begin = 0;
        for length in &self.lengths {
            let end = begin + length * hidden;
            self.cotangent[begin..end.max(begin + hidden) - hidden].fill(0.0);
            begin = end;
        }
        self
    }

    pub fn reference(&self) -> Reference {
        let layer = |[w_ih, w_hh, b_ih, b_hh]: &[Vec<f32>; 4]| Layer {
            w_ih: widen(w_ih),
            w_hh: widen(w_hh),
            b_ih: widen(b_ih),
            b_hh: widen(b_hh),
        };
        let layers = self.weights.iter().map(layer).collect();
        Reference { equations: self.equations, config: self.config, layers }
    }

    /// What the reference makes of it.
    pub fn expected(&self) -> Outcome {
        let RecurrentConfig { input, hidden, .. } = self.config;
        let reference = self.reference();
        let mut weights = reference.no_gradients();
        let (mut outputs, mut rows) = (Vec::new(), Vec::new());
        let mut state = vec![Vec::new(); self.state.len()];
        let mut begin = 0;
        for (sequence, length) in self.lengths.iter().enumerate() {
            let initial = |numbers: &Vec<f32>| widen(&numbers[sequence * hidden..(sequence + 1) * hidden]);
            let initial: Vec<Vec<f64>> = self.state.iter().map(initial).collect();
            let end = begin + length;
            let x = widen(&self.rows[begin * input..end * input]);
            let cotangent = widen(&self.cotangent[begin * hidden..end * hidden]);
            let (out, dx, dstate) = reference.backward(&x, &initial, &cotangent, &mut weights);
            outputs.extend(out);
            rows.extend(dx);
            for (all, this) in state.iter_mut().zip(dstate) {
                all.extend(this);
            }
            begin = end;
        }
        let of_layer = |(index, layer): (usize, &Layer)| {
            layer.named().map(|(name, numbers)| (format!("{name}_l{index}"), numbers.clone()))
        };
        let mut gradients: Vec<_> = weights.iter().enumerate().flat_map(of_layer).collect();
        gradients.push(("rows".to_owned(), rows));
        gradients
            .extend(state.into_iter().enumerate().map(|(part, numbers)| (format!("state {part}"), numbers)));
        Outcome { outputs, gradients }
    }
}

impl Outcome {
    /// Compares with the reference and names what is off.
    pub fn check(&self, expected: &Self, case: &str) {
        self.check_states(expected, case);
        self.check_gradients(expected, GRADIENT_TOLERANCE, case);
    }

    pub fn check_states(&self, expected: &Self, case: &str) {
        let worst = crate::largest_difference(self.outputs.iter().copied(), expected.outputs.iter().copied());
        assert_eq!(self.outputs.len(), expected.outputs.len(), "{case}");
        assert!(worst <= forward_tolerance(STATE_TOLERANCE), "{case}: a state is off by {worst:.1e}");
    }

    pub fn check_gradients(&self, expected: &Self, tolerance: f64, case: &str) {
        self.check_gradients_above(expected, tolerance, 0.0, case);
    }

    /// With the tolerance of a gradient at least that of `floor` times the largest of all: for problems of any size, where
    /// the gradient of a lone unit can cancel to almost nothing.
    pub fn check_gradients_above(&self, expected: &Self, tolerance: f64, floor: f64, case: &str) {
        let size = |numbers: &[f64]| numbers.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
        let largest_of_all = expected.gradients.iter().map(|(_, numbers)| size(numbers)).fold(0.0, f64::max);
        assert_eq!(self.gradients.len(), expected.gradients.len(), "{case}");
        for ((name, found), (_, expected)) in self.gradients.iter().zip(&expected.gradients) {
            assert_eq!(found.len(), expected.len(), "{case} {name}");
            let largest = size(expected);
            let worst = crate::largest_difference(found.iter().copied(), expected.iter().copied());
            // Gradients below single precision's smallest number are zero.
            let allowed = gradient_tolerance(tolerance) * largest.max(floor * largest_of_all);
            let allowed = allowed.max(f64::from(f32::MIN_POSITIVE));
            assert!(
                worst <= allowed,
                "{case}: the gradient of {name} is off by {:.1e} of its largest, {largest:.1e}",
                worst / largest
            );
        }
    }
}

pub fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn in_double(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

pub fn widen(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&v| f64::from(v)).collect()
}

/// Lengths of `n` sequences: the longest, none, one, and others in between, in no order.
pub fn mixed_lengths(n: usize, longest: usize) -> Vec<usize> {
    let length = |i: usize| match i {
        0 => longest,
        1 => 0,
        2 => 1,
        i => 1 + (i * 7919) % (longest.min(40)),
    };
    (0..n).map(length).collect()
}

/// Runs a test for every instruction set of this machine, and on a GPU.
pub fn every_engine(mut test: impl FnMut(Isa)) {
    every_isa(&mut test);
    on_a_gpu(|| test(Isa::Portable));
}

/// Runs a test for every instruction set of this machine, or for that alone which `HELIACAL_ISA` names (in an emulator time is
/// dear): tests of bits, which are the kernels' of the CPU.
pub fn every_isa(mut test: impl FnMut(Isa)) {
    if std::env::var_os("HELIACAL_ISA").is_some() {
        return test(Isa::current().unwrap());
    }
    let available = Isa::available();
    assert!(available.contains(&Isa::Portable));
    available.into_iter().for_each(&mut test);
}
