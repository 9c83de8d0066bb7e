//! The recurrent layers against PyTorch's equations written plainly in double precision.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use heliacal_models::{Error, Gru, RecurrentConfig, candle_core, candle_nn};
use proptest::prelude::*;

use crate::{largest_difference, wave};

struct Reference {
    config: RecurrentConfig,
    /// Per layer: weight_ih, weight_hh, bias_ih, bias_hh.
    weights: Vec<Vec<f64>>,
}

impl Reference {
    fn new(config: RecurrentConfig, scale: f32) -> Self {
        let mut index = 0;
        let weights = Gru::parameters(config).into_iter().map(|(_, shape)| {
            let n = shape.iter().product::<usize>();
            index += n;
            (index - n..index).map(|i| f64::from(scale * wave(i))).collect()
        });
        Self { config, weights: weights.collect() }
    }

    fn gru(&self) -> Gru {
        let tensors =
            Gru::parameters(self.config).into_iter().zip(&self.weights).map(|((name, shape), weights)| {
                let numbers: Vec<f32> = weights.iter().map(|&w| w as f32).collect();
                (name, Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap())
            });
        Gru::new(self.config, VarBuilder::from_tensors(tensors.collect(), DType::F32, &Device::Cpu)).unwrap()
    }

    /// The last layer's states of one sequence.
    fn forward(&self, x: &[Vec<f64>], h0: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let hidden = self.config.hidden;
        let mut x = x.to_vec();
        for (layer, h0) in self.weights.chunks_exact(4).zip(h0) {
            let mut h = h0.clone();
            for x in &mut x {
                let product = |w: &[f64], b: &[f64], v: &[f64], row: usize| -> f64 {
                    b[row]
                        + w[row * v.len()..(row + 1) * v.len()].iter().zip(v).map(|(w, v)| w * v).sum::<f64>()
                };
                let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
                let input = |row| product(&layer[0], &layer[2], x, row);
                let recurrent = |row| product(&layer[1], &layer[3], &h, row);
                h = (0..hidden)
                    .map(|k| {
                        let r = sigmoid(input(k) + recurrent(k));
                        let z = sigmoid(input(hidden + k) + recurrent(hidden + k));
                        let n = (input(2 * hidden + k) + r * recurrent(2 * hidden + k)).tanh();
                        (1.0 - z) * n + z * h[k]
                    })
                    .collect();
                x.clone_from(&h);
            }
        }
        x
    }
}

fn check(config: RecurrentConfig, lengths: &[usize], scale: f32, with_state: bool) -> f64 {
    let reference = Reference::new(config, scale);
    let gru = reference.gru();
    let n_rows: usize = lengths.iter().sum();
    let rows: Vec<f32> = (0..n_rows * config.input).map(|i| 3.0 * wave(i + 17)).collect();
    let batch = lengths.len();
    let numbers: Vec<f32> = (0..config.n_layers * batch * config.hidden)
        .map(|i| if with_state { wave(i + 5) } else { 0.0 })
        .collect();
    let state = with_state.then(|| gru.state_from_slice(&numbers, batch, &Device::Cpu).unwrap());
    let tensor = Tensor::from_slice(&rows, (n_rows, config.input), &Device::Cpu).unwrap();
    let found = gru.forward(&tensor, lengths, state.as_ref()).unwrap().to_vec2::<f32>().unwrap();

    let mut worst: f64 = 0.0;
    let mut begin = 0;
    for (sequence, &length) in lengths.iter().enumerate() {
        let x: Vec<Vec<f64>> = rows[begin * config.input..(begin + length) * config.input]
            .chunks_exact(config.input)
            .map(|row| row.iter().map(|&v| f64::from(v)).collect())
            .collect();
        let h0: Vec<Vec<f64>> = (0..config.n_layers)
            .map(|layer| {
                let begin = (layer * batch + sequence) * config.hidden;
                numbers[begin..begin + config.hidden].iter().map(|&v| f64::from(v)).collect()
            })
            .collect();
        for (found, expected) in found[begin..begin + length].iter().zip(reference.forward(&x, &h0)) {
            worst = worst.max(largest_difference(found.iter().map(|&v| f64::from(v)), expected));
        }
        begin += length;
    }
    worst
}

/// Single-precision rounding of a product over 100 inputs, damped by the gates at every step.
const TOLERANCE: f64 = 2e-6;

#[test]
fn states_equal_the_equations() {
    for (config, lengths) in [
        (RecurrentConfig { input: 1, hidden: 1, n_layers: 1 }, vec![1]),
        (RecurrentConfig { input: 5, hidden: 7, n_layers: 2 }, vec![3, 1, 4, 1, 5]),
        (RecurrentConfig { input: 5, hidden: 100, n_layers: 2 }, vec![60, 0, 13, 61]),
        (RecurrentConfig { input: 10, hidden: 33, n_layers: 3 }, vec![2, 2, 2]),
    ] {
        for with_state in [false, true] {
            let worst = check(config, &lengths, 0.3, with_state);
            assert!(worst < TOLERANCE, "{config:?} {lengths:?}: {worst:e}");
        }
    }
}

#[test]
fn saturated_gates_stay_finite() {
    // Gate inputs of several hundred, whose last digit in single precision is 3e-5.
    let worst = check(RecurrentConfig { input: 5, hidden: 16, n_layers: 2 }, &[20, 3], 60.0, true);
    assert!(worst < 1e-4, "{worst:e}");
}

#[test]
fn nan_stays_in_its_own_sequence() {
    let config = RecurrentConfig { input: 2, hidden: 4, n_layers: 2 };
    let gru = Reference::new(config, 0.3).gru();
    let rows = Tensor::new(&[[1f32, 2.0], [f32::NAN, 0.0], [1.0, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap();
    let states = gru.forward(&rows, &[2, 2], None).unwrap().to_vec2::<f32>().unwrap();
    assert!(states[1].iter().all(|v| v.is_nan()));
    assert!(states[0].iter().chain(&states[2]).chain(&states[3]).all(|v| v.is_finite()));
}

#[test]
fn gradients_reach_every_weight_and_equal_finite_differences() {
    let config = RecurrentConfig { input: 3, hidden: 4, n_layers: 2 };
    let lengths = [3, 1, 2];
    let reference = Reference::new(config, 0.5);
    let names: Vec<_> = Gru::parameters(config);
    let variables: Vec<Var> = names
        .iter()
        .zip(&reference.weights)
        .map(|((_, shape), w)| Var::from_vec(w.clone(), shape.clone(), &Device::Cpu).unwrap())
        .collect();
    let rows: Vec<f64> = (0..18).map(|i| f64::from(wave(i + 40))).collect();
    let rows = Var::from_vec(rows, (6, 3), &Device::Cpu).unwrap();
    let loss = || {
        let tensors =
            names.iter().zip(&variables).map(|((name, _), v)| (name.clone(), v.as_tensor().clone()));
        let vb = VarBuilder::from_tensors(tensors.collect(), DType::F64, &Device::Cpu);
        let states = Gru::new(config, vb).unwrap().forward(&rows, &lengths, None).unwrap();
        let weight: Vec<f64> = (0..24).map(|i| f64::from(wave(i + 90))).collect();
        (states * Tensor::from_vec(weight, (6, 4), &Device::Cpu).unwrap()).unwrap().sum_all().unwrap()
    };
    let gradients = loss().backward().unwrap();
    for variable in variables.iter().chain([&rows]) {
        let gradient = gradients.get(variable).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let shape = variable.dims().to_vec();
        let numbers = variable.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        for (index, gradient) in gradient.iter().enumerate() {
            let at = |shift: f64| {
                let mut shifted = numbers.clone();
                shifted[index] += shift;
                variable.set(&Tensor::from_vec(shifted, shape.clone(), &Device::Cpu).unwrap()).unwrap();
                loss().to_scalar::<f64>().unwrap()
            };
            let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient - expected).abs() < 1e-8, "{shape:?}[{index}]: {gradient} {expected}");
        }
        variable.set(&Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()).unwrap();
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let config = RecurrentConfig { input: 2, hidden: 4, n_layers: 1 };
    let gru = Reference::new(config, 0.3).gru();
    let rows = Tensor::zeros((3, 2), DType::F32, &Device::Cpu).unwrap();
    assert!(matches!(gru.forward(&rows, &[1, 1], None), Err(Error::Config { .. })));
    let state = gru.zero_state(1, &Device::Cpu).unwrap();
    assert!(matches!(gru.forward(&rows, &[2, 1], Some(&state)), Err(Error::Config { .. })));
    assert!(matches!(gru.state_from_slice(&[0.0; 3], 1, &Device::Cpu), Err(Error::StreamState { .. })));
    assert!(gru.forward(&rows.narrow(0, 0, 0).unwrap(), &[0, 0], None).unwrap().dims() == [0, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_batch_equals_the_equations(
        lengths in prop::collection::vec(0usize..9, 1..6), input in 1usize..4, hidden in 1usize..6, n_layers in 1usize..3,
    ) {
        let worst = check(RecurrentConfig { input, hidden, n_layers }, &lengths, 0.5, true);
        prop_assert!(worst < TOLERANCE, "{worst:e}");
    }
}
