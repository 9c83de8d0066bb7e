//! The cascade against PyTorch: `fixtures/pytorch/cascade.py`.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Tensor, Var};
use candle_nn::VarBuilder;
use heliacal_models::{
    Cascade, CascadeBatch, CascadeConfig, CascadeInput, CascadeScaling, FluxMoments, ScalingMode, TimeRange,
    TrainPass, candle_core, candle_nn,
};

use crate::devices::device;

on_every_device!(logits_equal_pytorch, a_training_step_equals_pytorch, parameters_are_pytorchs,);

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pytorch/cascade.safetensors");
/// Of logits, which are of the order of 1.
const LOGITS: f64 = 1e-5;
/// Of gradients, as a part of the largest of their tensor.
const GRADIENTS: f64 = 1e-4;

/// The script's formula.
fn number(index: usize) -> f32 {
    let mut h = u32::try_from(index).unwrap();
    for (shift, factor) in [(16, 0x7feb_352d), (15, 0x846c_a68b_u32)] {
        h = (h ^ (h >> shift)).wrapping_mul(factor);
    }
    h ^= h >> 16;
    (f64::from(h >> 8) / f64::from(1 << 23) - 1.0 + 0.5f64.powi(24)) as f32
}

/// The script's weights and running statistics, in the order of PyTorch's state dictionary.
fn state_dict(config: &CascadeConfig) -> Vec<(String, Tensor)> {
    let statistics = config.statistics();
    let mut all = Vec::new();
    for (name, shape) in config.parameters() {
        let layer = name.strip_suffix(".bias").map(|layer| format!("{layer}.running_mean"));
        all.push((name, shape));
        if let Some(first) = statistics.iter().position(|(name, _)| Some(name) == layer.as_ref()) {
            all.extend(statistics[first..first + 3].iter().cloned());
        }
    }
    let mut begin = 0;
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let n: usize = shape.iter().product();
        let scale = if let [_, input] = shape[..] { (input as f64).sqrt() } else { 1.0 };
        let formula = |index| match () {
            () if name.ends_with("num_batches_tracked") => 3.0,
            () if name.ends_with("running_var") => (1.0 + f64::from(number(index)) / 2.0) as f32,
            () => (f64::from(number(index)) / scale) as f32,
        };
        let numbers: Vec<f32> = (begin..begin + n).map(formula).collect();
        begin += n;
        (name.clone(), Tensor::from_vec(numbers, shape, &device()).unwrap())
    };
    all.into_iter().map(tensor).collect()
}

fn scaling() -> CascadeScaling {
    let days = |max| TimeRange { min: 0.0, max };
    CascadeScaling {
        mode: ScalingMode::TrainingSet,
        flux: FluxMoments { mean: 0.0, std: 1.0 },
        mjd: TimeRange { min: 60_000.0, max: 60_100.0 },
        since_first: days(64.0),
        since_previous: days(8.0),
        to_next: days(8.0),
    }
}

/// The network, its variables, and what PyTorch says of it.
struct Golden {
    config: CascadeConfig,
    prefix: &'static str,
    tensors: HashMap<String, Tensor>,
    vars: BTreeMap<String, Var>,
}

impl Golden {
    fn new(prefix: &'static str, config: &CascadeConfig) -> Self {
        let config = CascadeConfig { dropout: 0.0, ..config.clone() };
        let trained: Vec<String> = config.parameters().into_iter().map(|(name, _)| name).collect();
        let vars = state_dict(&config).into_iter().filter(|(name, _)| trained.contains(name));
        let vars = vars.map(|(name, tensor)| (name, Var::from_tensor(&tensor).unwrap())).collect();
        let tensors = candle_core::safetensors::load(GOLDEN, &device()).unwrap();
        Self { config, prefix, tensors, vars }
    }

    fn get(&self, name: &str) -> &Tensor {
        &self.tensors[&format!("{}.{name}", self.prefix)]
    }

    fn expected(&self, name: &str) -> Vec<f64> {
        self.get(name).flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
    }

    fn cascade(&self, with_variables: bool) -> Cascade {
        let mut tensors: HashMap<String, Tensor> = state_dict(&self.config).into_iter().collect();
        if with_variables {
            tensors.extend(self.vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())));
        }
        let vb = VarBuilder::from_tensors(tensors, DType::F32, &device());
        Cascade::new(self.config.clone(), scaling(), vb).unwrap()
    }

    fn inputs(&self) -> Vec<CascadeInput> {
        let mjd = self.expected("mjd");
        let single = |name| self.get(name).flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (probabilities, flux) = (single("probabilities"), single("flux"));
        let k = self.config.n_classes;
        let mut end = 0;
        let input = |length: i64| {
            let begin = end;
            end += usize::try_from(length).unwrap();
            CascadeInput {
                mjd: mjd[begin..end].to_vec(),
                probabilities: probabilities[begin * k..end * k].to_vec(),
                flux: flux[begin..end].to_vec(),
            }
        };
        self.get("lengths").to_vec1::<i64>().unwrap().into_iter().map(input).collect()
    }

    fn batch(&self) -> CascadeBatch {
        let inputs = self.inputs();
        CascadeBatch::new(&self.config, &scaling(), &inputs.iter().collect::<Vec<_>>()).unwrap()
    }

    fn check_logits(&self, name: &str, found: &Tensor) {
        let (found, expected) = (in_double(found), self.expected(name));
        assert_eq!(found.len(), expected.len(), "{name}");
        let worst = crate::largest_difference(found, expected);
        assert!(worst < LOGITS, "{} {name}: off by {worst:.1e}", self.prefix);
    }

    /// Logits, gradients of the cross-entropy and running statistics of a step.
    fn check_step(&self, step: &str, pass: &TrainPass) {
        self.check_logits(&format!("{step}.logits"), &pass.logits);
        let n = pass.logits.dim(0).unwrap();
        let labels: Vec<u32> = (0..n).map(|i| (i * 7 % self.config.n_classes) as u32).collect();
        let labels = Tensor::new(labels, &device()).unwrap();
        let gradients = candle_nn::loss::cross_entropy(&pass.logits, &labels).unwrap().backward().unwrap();
        for (name, var) in &self.vars {
            let found = in_double(gradients.get(var).unwrap_or_else(|| panic!("{name} has no gradient")));
            let expected = self.expected(&format!("{step}.gradient of {name}"));
            self.check_gradient(&format!("{} {step} {name}", self.prefix), &found, &expected);
        }
        for (name, found) in &pass.statistics {
            let expected = self.expected(&format!("{step}.{name}"));
            let worst = crate::largest_difference(in_double(found), expected);
            assert!(worst < LOGITS, "{} {step} {name}: off by {worst:.1e}", self.prefix);
        }
    }

    fn check_gradient(&self, case: &str, found: &[f64], expected: &[f64]) {
        let largest = |numbers: &[f64]| numbers.iter().fold(0f64, |m, x| m.max(x.abs()));
        // Biases before batch normalization have no gradient but rounding.
        let floor = 2e-3;
        if self.prefix == "small" {
            assert_eq!(found.len(), expected.len(), "{case}");
            let worst = crate::largest_difference(found.iter().copied(), expected.iter().copied());
            let allowed = GRADIENTS * largest(expected).max(floor);
            assert!(worst < allowed, "{case}: off by {worst:.1e} of {:.1e}", largest(expected));
            return;
        }
        let &[first, second, size] = expected else { panic!("{case}: two sums and the largest") };
        assert!((largest(found) - size).abs() < GRADIENTS * size.max(floor), "{case}: largest");
        for (k, expected) in [(1, first), (2, second)] {
            let sum: f64 =
                found.iter().enumerate().map(|(i, x)| x * f64::from(number(9_000_000 * k + i))).sum();
            let allowed = GRADIENTS * size.max(floor) * (found.len() as f64).sqrt();
            assert!((sum - expected).abs() < allowed, "{case}: sum {k} is {sum:e}, not {expected:e}");
        }
    }
}

fn in_double(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn both() -> [Golden; 2] {
    let small =
        CascadeConfig { hidden: 13, attention_units: 5, head_widths: [11, 7, 6], ..CascadeConfig::paper(3) };
    [Golden::new("small", &small), Golden::new("paper", &CascadeConfig::paper(5))]
}

fn logits_equal_pytorch() {
    for golden in both() {
        let (cascade, batch) = (golden.cascade(false), golden.batch());
        golden.check_logits("logits", &cascade.logits(&batch).unwrap());
        golden.check_logits("prefixes", &cascade.logits_prefixes(&batch).unwrap());
        // By the kernels, as probabilities.
        let probabilities = cascade.predict_histories(&golden.inputs()).unwrap().concat();
        let expected = candle_nn::ops::softmax(golden.get("prefixes"), 1).unwrap();
        let found = probabilities.iter().map(|&p| f64::from(p));
        let worst = crate::largest_difference(found, in_double(&expected));
        assert!(worst < LOGITS, "{}: off by {worst:.1e}", golden.prefix);
    }
}

fn a_training_step_equals_pytorch() {
    for golden in both() {
        let (cascade, batch) = (golden.cascade(true), golden.batch());
        golden.check_step("train", &cascade.forward_train(&batch, 1).unwrap());
        golden.check_step("train_prefixes", &cascade.forward_train_prefixes(&batch, 1).unwrap());
    }
}

fn parameters_are_pytorchs() {
    let paper = &both()[1];
    let count: usize = paper.vars.values().map(|var| var.elem_count()).sum();
    assert_eq!((count, paper.config.n_parameters()), (334_725, 334_725));
    for name in paper.vars.keys() {
        assert!(paper.tensors.contains_key(&format!("paper.train.gradient of {name}")), "{name}");
    }
}
