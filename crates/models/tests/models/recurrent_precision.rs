//! Products of fewer digits on a GPU: near the exact ones there, and of no effect on the CPU. Gradients that come out the same
//! each time.

use candle_core::{DType, Tensor, Var};
use candle_nn::VarBuilder;
use heliacal_models::train::Learner;
use heliacal_models::{
    CellKind, GpuPrecision, GruCell, LstmCell, Oracle, Preset, Recurrent, RecurrentConfig, candle_core,
    candle_nn,
};

use crate::devices::{device, on_every_device, on_gpu};
use crate::{largest_difference, made_up_oracle, made_up_weights, wave};

for_both_cells!(
    outputs_are_near_on_a_gpu_and_equal_on_the_cpu,
    a_training_rounds_no_further_than_tf32,
    gradients_of_last_states_are_the_same_twice,
);

/// What rounding may do to outputs, relative to 1, their largest: ten times what the emulation of the kernels gave.
const TOLERANCES: [(GpuPrecision, f64); 2] = [(GpuPrecision::Tf32, 2e-3), (GpuPrecision::Bf16, 2e-2)];
const LENGTHS: [usize; 6] = [7, 0, 31, 1, 12, 30];

struct Problem {
    config: RecurrentConfig,
    weights: Vec<(String, Var)>,
    rows: Var,
}

impl Problem {
    fn new<C: CellKind>(input: usize, hidden: usize, n_layers: usize) -> Self {
        let config = RecurrentConfig { input, hidden, n_layers };
        let mut index = 0;
        let mut numbers = |shape: &[usize], scale: f32| {
            let n: usize = shape.iter().product();
            let numbers: Vec<f32> = (index..index + n).map(|i| scale * wave(i)).collect();
            index += n;
            Var::from_tensor(&Tensor::from_vec(numbers, shape, &device()).unwrap()).unwrap()
        };
        let scale = 1.0 / (hidden as f32).sqrt();
        let parameters = Recurrent::<C>::parameters(config).into_iter();
        let weights = parameters.map(|(name, shape)| (name, numbers(&shape, scale))).collect();
        let rows = numbers(&[LENGTHS.iter().sum(), input], 1.0);
        Self { config, weights, rows }
    }

    fn engine<C: CellKind>(&self, precision: GpuPrecision, tracked: bool) -> Recurrent<C> {
        let tensors = self.weights.iter().map(|(name, weight)| {
            (name.clone(), if tracked { weight.as_tensor().clone() } else { weight.as_detached_tensor() })
        });
        let weights = VarBuilder::from_tensors(tensors.collect(), DType::F32, &device());
        Recurrent::new(self.config, weights).unwrap().with_gpu_precision(precision)
    }

    fn outputs<C: CellKind>(&self, precision: GpuPrecision) -> Vec<f64> {
        let rows = self.rows.as_detached_tensor();
        flat(&self.engine::<C>(precision, false).forward(&rows, &LENGTHS, None).unwrap())
    }

    /// Outputs, and the gradients of weights and rows by the last states.
    fn trained<C: CellKind>(&self, precision: GpuPrecision) -> (Vec<f64>, Vec<Vec<f64>>) {
        let engine = self.engine::<C>(precision, true);
        let last = engine.last(&self.rows, &LENGTHS, None).unwrap();
        let gradients = last.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let variables = self.weights.iter().map(|(_, weight)| weight).chain([&self.rows]);
        (flat(&last), variables.map(|variable| flat(gradients.get(variable).unwrap())).collect())
    }
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn difference(a: &[f64], b: &[f64]) -> f64 {
    largest_difference(a.iter().copied(), b.iter().copied())
}

fn outputs_are_near_on_a_gpu_and_equal_on_the_cpu<C: CellKind>() {
    on_every_device(|| {
        for (input, hidden, n_layers) in [(5, 100, 2), (10, 256, 1), (3, 17, 1)] {
            let problem = Problem::new::<C>(input, hidden, n_layers);
            let exact = problem.outputs::<C>(GpuPrecision::F32);
            for (precision, allowed) in TOLERANCES {
                let worst = difference(&problem.outputs::<C>(precision), &exact);
                let allowed = if on_gpu() { allowed } else { 0.0 };
                assert!(worst <= allowed, "{precision:?}, {hidden} units: {worst:e}");
                // So few units have a kernel for it, which rounds.
                assert!(hidden > 17 || (worst > 0.0) == on_gpu(), "{precision:?} was not used");
            }
        }
    });
}

fn a_training_rounds_no_further_than_tf32<C: CellKind>() {
    on_every_device(|| {
        let problem = Problem::new::<C>(5, 64, 2);
        let (exact, exact_gradients) = problem.trained::<C>(GpuPrecision::F32);
        for (precision, allowed) in [(GpuPrecision::Tf32, 2e-3), (GpuPrecision::Bf16, 0.0)] {
            let allowed = if on_gpu() { allowed } else { 0.0 };
            let (outputs, gradients) = problem.trained::<C>(precision);
            assert!(difference(&outputs, &exact) <= allowed, "{precision:?}");
            let largest = exact_gradients.iter().flatten().fold(0.0, |largest: f64, x| largest.max(x.abs()));
            for (found, expected) in gradients.iter().zip(&exact_gradients) {
                assert!(difference(found, expected) <= allowed * largest, "gradients in {precision:?}");
            }
        }
    });
}

fn gradients_of_last_states_are_the_same_twice<C: CellKind>() {
    on_every_device(|| {
        let problem = Problem::new::<C>(5, 33, 2);
        assert_eq!(problem.trained::<C>(GpuPrecision::F32), problem.trained::<C>(GpuPrecision::F32));
    });
}

#[test]
fn a_network_that_is_trained_keeps_its_precision() {
    let oracle: Oracle = made_up_oracle(Preset::Published);
    assert_eq!(oracle.gpu_precision(), GpuPrecision::F32);
    let rounded = oracle.with_gpu_precision(GpuPrecision::Bf16);
    let with_others = rounded.with_tensors(made_up_weights(rounded.config())).unwrap();
    assert_eq!(with_others.gpu_precision(), GpuPrecision::Bf16);
}
