//! Attention against plain loops in f64, and its gradients against finite differences.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor, Var};
use candle_nn::VarBuilder;
use heliacal_models::{
    AdditiveAttention, AdditiveAttentionConfig, Dropout, candle_core, candle_nn, masked_softmax,
    prefix_attention, segment_softmax, segment_sum,
};

use crate::devices::{device, forward_tolerance, gradient_tolerance, on_gpu};
use crate::{largest_difference, wave};

on_every_device!(
    contexts_agree_with_a_plain_loop,
    gradients_agree_with_finite_differences,
    single_precision_gradients_are_those_of_double_precision,
    operations_by_themselves_agree_with_finite_differences,
    views_are_taken_as_they_are,
    extreme_scores_stay_finite_with_finite_gradients,
    nan_stays_in_its_sequence_and_reaches_all_of_it,
    dropped_units_are_those_of_the_dropout_layer,
    masked_softmax_is_the_softmax_of_what_is_left,
    bad_shapes_are_errors_that_say_what_and_where,
);

/// Rounding of f32 sums over some hundred steps of weights that sum to 1.
const F32_FORWARD: f64 = 2e-6;
/// Relative to the largest gradient of the same tensor.
const F32_GRADIENT: f64 = 1e-5;
/// Central differences in f64 with a step of 1e-5.
const FINITE_DIFFERENCE: f64 = 1e-8;

pub(crate) const LENGTHS: [usize; 7] = [3, 1, 500, 17, 2, 1, 64];

/// Numbers of about `scale`.
pub(crate) fn numbers(n: usize, scale: f64, seed: usize) -> Vec<f64> {
    (0..n).map(|i| scale * f64::from(wave(i + 10_007 * seed))).collect()
}

pub(crate) fn tensor(numbers: &[f64], shape: &[usize], dtype: DType) -> Tensor {
    Tensor::from_slice(numbers, shape, &device()).unwrap().to_dtype(dtype).unwrap()
}

pub(crate) fn to_vec(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// What the attention is made of, in f64.
#[derive(Clone)]
pub(crate) struct Problem {
    pub hidden: usize,
    pub units: usize,
    /// Rows, weight, bias and v.
    pub inputs: [Vec<f64>; 4],
}

impl Problem {
    pub(crate) fn new(hidden: usize, units: usize, lengths: &[usize]) -> Self {
        let n_rows: usize = lengths.iter().sum();
        let inputs = [
            numbers(n_rows * hidden, 1.0, 1),
            numbers(units * hidden, 2.0 / (hidden as f64).sqrt(), 2),
            numbers(units, 0.5, 3),
            numbers(units, 3.0 / (units as f64).sqrt(), 4),
        ];
        Self { hidden, units, inputs }
    }

    /// The inputs as variables, and an attention made of them.
    pub(crate) fn variables(&self, dtype: DType) -> ([Var; 4], AdditiveAttention) {
        let &Self { hidden, units, .. } = self;
        let n_rows = self.inputs[0].len() / hidden;
        let shapes: [&[usize]; 4] = [&[n_rows, hidden], &[units, hidden], &[units], &[1, units]];
        let variables: [Var; 4] =
            std::array::from_fn(|i| Var::from_tensor(&tensor(&self.inputs[i], shapes[i], dtype)).unwrap());
        let names = ["wa.weight", "wa.bias", "v.weight"];
        let weights = names.iter().zip(&variables[1..]);
        let weights: HashMap<_, _> =
            weights.map(|(name, var)| ((*name).to_owned(), var.as_tensor().clone())).collect();
        let config = AdditiveAttentionConfig { hidden, units };
        let vb = VarBuilder::from_tensors(weights, dtype, &device());
        (variables, AdditiveAttention::new(config, vb).unwrap())
    }

    fn scores(&self) -> Vec<f64> {
        let [rows, weight, bias, v] = &self.inputs;
        let score = |h: &[f64]| -> f64 {
            let unit = |j: usize| {
                let products = weight[j * self.hidden..][..self.hidden].iter().zip(h).map(|(w, h)| w * h);
                v[j] * (products.sum::<f64>() + bias[j]).tanh()
            };
            (0..self.units).map(unit).sum()
        };
        rows.chunks_exact(self.hidden).map(score).collect()
    }

    /// The context of every sequence, as it is written in the paper.
    pub(crate) fn contexts(&self, lengths: &[usize]) -> Vec<f64> {
        let (scores, rows) = (self.scores(), &self.inputs[0]);
        let mut contexts = Vec::new();
        let mut first = 0;
        for &length in lengths {
            let steps = first..first + length;
            let sum: f64 = steps.clone().map(|t| scores[t].exp()).sum();
            let mean =
                |k| steps.clone().map(|t| scores[t].exp() / sum * rows[t * self.hidden + k]).sum::<f64>();
            contexts.extend((0..self.hidden).map(mean));
            first += length;
        }
        contexts
    }
}

/// A scalar that depends on every output in its own way.
fn scalar(output: &Tensor) -> Tensor {
    let factors = tensor(&numbers(output.elem_count(), 1.0, 9), output.dims(), output.dtype());
    (output * factors).unwrap().sum_all().unwrap()
}

/// Central differences of every `stride`-th number of a variable against its gradient.
fn check_differences(
    what: &str,
    variable: &Var,
    gradients: &GradStore,
    loss: impl Fn() -> Tensor,
    stride: usize,
) {
    const STEP: f64 = 1e-5;
    let gradient = to_vec(gradients.get(variable).unwrap_or_else(|| panic!("{what} has no gradient")));
    let original = variable.as_tensor().copy().unwrap();
    let at = to_vec(&original);
    let shape = original.dims();
    let loss_at = |index: usize, step: f64| {
        let mut moved = at.clone();
        moved[index] += step;
        variable.set(&tensor(&moved, shape, DType::F64)).unwrap();
        loss().to_scalar::<f64>().unwrap()
    };
    for index in (0..at.len()).step_by(stride) {
        let difference = (loss_at(index, STEP) - loss_at(index, -STEP)) / (2.0 * STEP);
        assert!(
            (difference - gradient[index]).abs() < FINITE_DIFFERENCE,
            "{what}[{index}]: {difference} {}",
            gradient[index]
        );
    }
    variable.set(&original).unwrap();
}

fn contexts_agree_with_a_plain_loop() {
    for (hidden, units) in [(1, 1), (5, 7), (7, 1), (10, 100), (101, 64), (256, 64)] {
        let problem = Problem::new(hidden, units, &LENGTHS);
        let expected = problem.contexts(&LENGTHS);
        for (dtype, tolerance) in [(DType::F32, forward_tolerance(F32_FORWARD)), (DType::F64, 1e-13)] {
            let (inputs, attention) = problem.variables(dtype);
            let contexts = to_vec(&attention.forward(&inputs[0], &LENGTHS).unwrap());
            let difference = largest_difference(contexts, expected.iter().copied());
            assert!(difference < tolerance, "{hidden} {units} {dtype:?}: {difference:e}");
        }
    }
}

fn gradients_agree_with_finite_differences() {
    let lengths = [3, 1, 12];
    let problem = Problem::new(5, 9, &lengths);
    let (inputs, attention) = problem.variables(DType::F64);
    let dropout = Dropout::new(0.4).unwrap();
    let passes: [(&str, &dyn Fn() -> Tensor); 3] = [
        ("forward", &|| attention.forward(&inputs[0], &lengths).unwrap()),
        ("forward_train", &|| attention.forward_train(&inputs[0], &lengths, dropout, 3).unwrap()),
        ("forward_prefixes", &|| attention.forward_prefixes(&inputs[0], &lengths).unwrap()),
    ];
    for (pass, forward) in passes {
        let loss = || scalar(&forward());
        let gradients = loss().backward().unwrap();
        for (name, variable) in ["rows", "wa.weight", "wa.bias", "v.weight"].iter().zip(&inputs) {
            check_differences(&format!("{pass} {name}"), variable, &gradients, loss, 1);
        }
    }
}

fn single_precision_gradients_are_those_of_double_precision() {
    let problem = Problem::new(101, 64, &LENGTHS);
    let gradients = |dtype| {
        let (inputs, attention) = problem.variables(dtype);
        let contexts = attention.forward(&inputs[0], &LENGTHS).unwrap();
        let prefixes = attention.forward_prefixes(&inputs[0], &LENGTHS).unwrap();
        let gradients = (scalar(&contexts) + scalar(&prefixes)).unwrap().backward().unwrap();
        inputs.map(|input| to_vec(gradients.get(&input).unwrap()))
    };
    for (single, double) in gradients(DType::F32).into_iter().zip(gradients(DType::F64)) {
        let largest = double.iter().fold(0f64, |largest, x| largest.max(x.abs()));
        let difference = largest_difference(single, double) / largest;
        assert!(difference < gradient_tolerance(F32_GRADIENT), "{difference:e}");
    }
}

fn operations_by_themselves_agree_with_finite_differences() {
    let lengths = [4, 1, 30];
    let variable = |n: usize, shape: &[usize], scale, seed| {
        Var::from_tensor(&tensor(&numbers(n, scale, seed), shape, DType::F64)).unwrap()
    };
    let (scores, rows) = (variable(35, &[35], 4.0, 1), variable(35 * 3, &[35, 3], 1.0, 2));
    let softmax = || scalar(&segment_softmax(&scores, &lengths).unwrap());
    check_differences("softmax", &scores, &softmax().backward().unwrap(), softmax, 1);
    // Weights that are no softmax.
    let sum = || scalar(&segment_sum(&scores, &rows, &lengths).unwrap());
    check_differences("sum weights", &scores, &sum().backward().unwrap(), sum, 1);
    check_differences("sum rows", &rows, &sum().backward().unwrap(), sum, 1);
    let prefixes = || scalar(&prefix_attention(&scores, &rows, &lengths).unwrap());
    check_differences("prefix scores", &scores, &prefixes().backward().unwrap(), prefixes, 1);
    check_differences("prefix rows", &rows, &prefixes().backward().unwrap(), prefixes, 1);
}

fn views_are_taken_as_they_are() {
    // A column of a matrix and a transposed matrix: not contiguous, and with an offset.
    let matrix = tensor(&numbers(15, 1.0, 1), &[3, 5], DType::F64);
    let (scores, rows) = (matrix.narrow(0, 1, 1).unwrap().squeeze(0).unwrap(), matrix.t().unwrap());
    let copied = (scores.copy().unwrap(), rows.contiguous().unwrap());
    let lengths = [2, 3];
    let by = |scores: &Tensor, rows: &Tensor| {
        let weights = segment_softmax(scores, &lengths).unwrap();
        let sum = segment_sum(&weights, rows, &lengths).unwrap();
        [to_vec(&sum), to_vec(&prefix_attention(scores, rows, &lengths).unwrap())]
    };
    assert_eq!(by(&scores, &rows), by(&copied.0, &copied.1));
}

fn extreme_scores_stay_finite_with_finite_gradients() {
    let lengths = [3, 4, 2];
    let scores = [1e4f32, -1e4, 0.0, -1e4, -1e4, -1e4, 1e4, f32::NEG_INFINITY, 1.0];
    let scores = Var::from_tensor(&Tensor::new(&scores, &device()).unwrap()).unwrap();
    let weights = segment_softmax(&scores, &lengths).unwrap();
    assert_eq!(weights.to_vec1::<f32>().unwrap(), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
    let rows = Var::from_tensor(&tensor(&numbers(9 * 3, 1.0, 1), &[9, 3], DType::F32)).unwrap();
    let contexts = segment_sum(&weights, &rows, &lengths).unwrap();
    // The last sequence begins with a step of no weight: alone, it has no context.
    let kept = prefix_attention(&scores, &rows, &lengths).unwrap().narrow(0, 0, 7).unwrap();
    let gradients = (scalar(&contexts) + scalar(&kept)).unwrap().backward().unwrap();
    assert!(to_vec(&kept).iter().all(|x| x.is_finite()));
    assert!(to_vec(gradients.get(&scores).unwrap())[..7].iter().all(|x| x.is_finite()));
    assert!(to_vec(gradients.get(&rows).unwrap())[..21].iter().all(|x| x.is_finite()));
}

fn nan_stays_in_its_sequence_and_reaches_all_of_it() {
    let lengths = [2, 3, 2];
    let mut problem = Problem::new(4, 6, &lengths);
    let clean = problem.contexts(&lengths);
    problem.inputs[0][3 * 4 + 1] = f64::NAN; // the second step of the second sequence
    let (inputs, attention) = problem.variables(DType::F32);
    let contexts = to_vec(&attention.forward(&inputs[0], &lengths).unwrap());
    assert!(contexts[4..8].iter().all(|x| x.is_nan()));
    for untouched in [0..4, 8..12] {
        let difference =
            largest_difference(contexts[untouched.clone()].to_vec(), clean[untouched].iter().copied());
        assert!(difference < forward_tolerance(F32_FORWARD));
    }
    let prefixes = to_vec(&attention.forward_prefixes(&inputs[0], &lengths).unwrap());
    let is_nan: Vec<bool> =
        prefixes.chunks_exact(4).map(|context| context.iter().all(|x| x.is_nan())).collect();
    // By candle's operations it reaches the steps before it as well.
    assert_eq!(is_nan, [false, false, on_gpu(), true, true, false, false]);
}

#[test]
fn the_number_of_threads_changes_no_digit() {
    let lengths: Vec<usize> = (0..40).map(|i| 1 + (i * 37) % 90).collect();
    let problem = Problem::new(64, 16, &lengths);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (inputs, attention) = problem.variables(DType::F32);
            let dropout = Dropout::new(0.4).unwrap();
            let contexts = attention.forward_train(&inputs[0], &lengths, dropout, 5).unwrap();
            let prefixes = attention.forward_prefixes(&inputs[0], &lengths).unwrap();
            let dropped = dropout.apply(&inputs[0], 5).unwrap();
            let loss = (scalar(&contexts) + scalar(&prefixes)).unwrap();
            let gradients = loss.backward().unwrap();
            let gradients = inputs.map(|input| to_vec(gradients.get(&input).unwrap()));
            (to_vec(&contexts), to_vec(&prefixes), to_vec(&dropped), gradients)
        })
    };
    let one = run(1);
    assert!(one == run(2));
    assert!(one == run(5));
}

fn dropped_units_are_those_of_the_dropout_layer() {
    // With W = 0 every unit is tanh(b), so that a score is the sum of the kept units' v tanh(b) / (1 - p).
    let problem = Problem::new(2, 8, &[300]);
    let (inputs, attention) = problem.variables(DType::F64);
    inputs[1].set(&inputs[1].zeros_like().unwrap()).unwrap();
    let dropout = Dropout::new(0.4).unwrap();
    let units = inputs[2].tanh().unwrap().broadcast_as((300, 8)).unwrap();
    let scores =
        dropout.apply(&units, 11).unwrap().matmul(&inputs[3].t().unwrap()).unwrap().squeeze(1).unwrap();
    let expected =
        segment_sum(&segment_softmax(&scores, &[300]).unwrap(), inputs[0].as_tensor(), &[300]).unwrap();
    let found = attention.forward_train(&inputs[0], &[300], dropout, 11).unwrap();
    assert!(largest_difference(to_vec(&found), to_vec(&expected)) < 1e-13);
    let plain = attention.forward(&inputs[0], &[300]).unwrap();
    assert!(largest_difference(to_vec(&found), to_vec(&plain)) > 1e-3);
    let never = attention.forward_train(&inputs[0], &[300], Dropout::new(0.0).unwrap(), 11).unwrap();
    assert_eq!(to_vec(&never), to_vec(&plain));
}

fn masked_softmax_is_the_softmax_of_what_is_left() {
    let lengths = [2, 5, 1];
    let ragged = numbers(8, 3.0, 1);
    let expected = to_vec(&segment_softmax(&tensor(&ragged, &[8], DType::F64), &lengths).unwrap());
    let (mut padded, mut mask) = (vec![f64::NAN; 15], vec![0u8; 15]);
    let mut row = 0;
    let mut places = Vec::new();
    for (sequence, &length) in lengths.iter().enumerate() {
        for step in 0..length {
            places.push(sequence * 5 + step);
            (padded[sequence * 5 + step], mask[sequence * 5 + step]) = (ragged[row], 1);
            row += 1;
        }
    }
    let scores = Var::from_tensor(&tensor(&padded, &[3, 5], DType::F64)).unwrap();
    let mask = Tensor::from_vec(mask, (3, 5), &device()).unwrap();
    let weights = to_vec(&masked_softmax(&scores, &mask).unwrap());
    for (place, weight) in weights.iter().enumerate() {
        match places.iter().position(|&kept| kept == place) {
            Some(row) => assert!((weight - expected[row]).abs() < 1e-15),
            None => assert_eq!(*weight, 0.0),
        }
    }
    // NaN at a masked place has no say in the gradient either.
    let loss = || scalar(&masked_softmax(&scores, &mask).unwrap());
    let gradients = loss().backward().unwrap();
    let gradient = to_vec(gradients.get(&scores).unwrap());
    assert!(gradient.iter().enumerate().all(|(i, g)| places.contains(&i) || *g == 0.0), "{gradient:?}");
    scores.set(&tensor(&numbers(15, 3.0, 2), &[3, 5], DType::F64)).unwrap();
    check_differences("masked softmax", &scores, &loss().backward().unwrap(), loss, 1);
}

fn bad_shapes_are_errors_that_say_what_and_where() {
    let (inputs, attention) = Problem::new(4, 3, &[2, 3]).variables(DType::F32);
    let rows = inputs[0].as_tensor();
    let message = |result: heliacal_models::Result<Tensor>| result.unwrap_err().to_string();
    assert_eq!(
        message(attention.forward(rows, &[2, 0, 3])),
        "length of an attended sequence is 0 at sequence 1, expected at least 1"
    );
    assert!(message(attention.forward_prefixes(rows, &[2, 3, 0])).contains("0 at sequence 2"));
    assert_eq!(
        message(attention.forward(rows, &[2, 2])),
        "number of rows is 5, expected 4, the sum of the lengths"
    );
    assert_eq!(
        message(attention.forward(&rows.narrow(1, 0, 3).unwrap(), &[2, 3])),
        "shape of the attended rows is [5, 3], expected [rows, 4]"
    );
    let scores = attention.scores(rows).unwrap();
    assert!(message(segment_sum(&scores.narrow(0, 0, 4).unwrap(), rows, &[2, 3])).contains("[5]"));
    assert!(message(segment_softmax(rows, &[2, 3])).contains("[rows]"));
    assert!(message(prefix_attention(&scores, &rows.narrow(1, 0, 0).unwrap(), &[2, 3])).contains("[5, 0]"));
    let mask = Tensor::new(&[[1u8, 0], [0, 0]], &device()).unwrap();
    let scores = Tensor::zeros((2, 2), DType::F32, &device()).unwrap();
    assert!(message(masked_softmax(&scores, &mask)).contains("0 in sequence 1"));
    assert!(message(masked_softmax(&scores, &mask.narrow(0, 0, 1).unwrap())).contains("[1, 2]"));
    let config = AdditiveAttentionConfig { hidden: 4, units: 0 };
    assert!(AdditiveAttention::new(config, VarBuilder::zeros(DType::F32, &device())).is_err());
    // An empty batch is no error.
    let none = rows.narrow(0, 0, 0).unwrap();
    assert_eq!(attention.forward(&none, &[]).unwrap().dims(), [0, 4]);
    assert_eq!(attention.forward_prefixes(&none, &[]).unwrap().dims(), [0, 4]);
}

#[test]
fn parameters_are_named_and_shaped_as_read() {
    let config = AdditiveAttentionConfig { hidden: 256, units: 64 };
    let tensors = config.parameters().into_iter().map(|(name, shape)| {
        let zeros = Tensor::zeros(shape, DType::F32, &device()).unwrap();
        (format!("attention.{name}"), zeros)
    });
    let vb = VarBuilder::from_tensors(tensors.collect(), DType::F32, &device());
    assert_eq!(AdditiveAttention::new(config, vb.pp("attention")).unwrap().config(), config);
    let n: usize = config.parameters().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    assert_eq!(n, 256 * 64 + 64 + 64);
}
