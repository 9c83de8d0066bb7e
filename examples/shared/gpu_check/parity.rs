//! Whether a device gives the numbers of the CPU, and those of double precision.

mod cascade;
mod layers;
mod oracle;

pub use cascade::fresh as fresh_cascade;
pub use oracle::leaves;

use std::error::Error;
use std::path::Path;

use heliacal::Device;
use heliacal::models::candle_core::backprop::GradStore;
use heliacal::models::candle_core::{DType, Tensor, Var};
use serde::Serialize;

/// What a forward pass may be off by, as a part of the largest number of its tensor.
const FORWARD: f64 = 1e-5;
/// The same for a gradient.
const GRADIENT: f64 = 1e-4;
/// The same for both where products are rounded to TF32's 11 binary digits, and for forward passes to bfloat16's 8: some ten
/// times what the emulation of the kernels gave (2.3e-4 and 1.6e-3).
const TF32: f64 = 2e-3;
const BF16: f64 = 2e-2;
/// A gradient counts as at least this part of the largest one of its network: some, such as those of biases before batch
/// normalization, are nothing but rounding.
const GRADIENT_FLOOR: f64 = 1e-2;
/// What the loss of one of the first steps of a training may be off by, as a part of the largest.
const LOSSES: f64 = 1e-4;
/// Logits of ORACLE's published weights, which reach 27, against PyTorch in double precision: the CPU's tolerance.
const GOLDEN: f64 = 1e-4;

/// Tensors by name; `gradient of ...` for gradients.
type Numbers = Vec<(String, Vec<f64>)>;

/// The worst of some tensors.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub name: String,
    /// The tensor that is off most, or the error that came instead.
    pub tensor: String,
    /// Its largest difference, as a part of its largest number; null for NaN.
    pub error: f64,
    pub allowed: f64,
    pub passes: bool,
}

/// All comparisons on a device, or some that only try the program.
pub fn check(device: &Device, thorough: bool, golden: Option<&Path>) -> Vec<Check> {
    let mut checks = Vec::new();
    layers::check(device, thorough, &mut checks);
    oracle::check(device, thorough, &mut checks);
    cascade::check(device, thorough, &mut checks);
    if let Some(folder) = golden {
        try_check("ORACLE's published weights", &mut checks, |checks| {
            oracle::check_golden(device, folder, checks)
        });
    }
    checks
}

/// Runs some comparisons. An error is a failed one, and the others go on.
fn try_check(
    name: &str,
    checks: &mut Vec<Check>,
    run: impl FnOnce(&mut Vec<Check>) -> Result<(), Box<dyn Error>>,
) {
    eprintln!("{name} ...");
    if let Err(error) = run(checks) {
        let (name, tensor) = (name.to_owned(), error.to_string());
        checks.push(Check { name, tensor, error: f64::NAN, allowed: 0.0, passes: false });
    }
}

/// Compares forward passes and gradients, each by its worst tensor.
fn compare(name: &str, found: &Numbers, expected: &Numbers, checks: &mut Vec<Check>) {
    compare_within(name, [FORWARD, GRADIENT], found, expected, checks);
}

/// The same with other tolerances.
fn compare_within(
    name: &str,
    [forward, gradient]: [f64; 2],
    found: &Numbers,
    expected: &Numbers,
    checks: &mut Vec<Check>,
) {
    let gradients = |numbers: &Numbers, wanted: bool| -> Numbers {
        let is_gradient = |name: &str| name.starts_with("gradient of ");
        numbers.iter().filter(|(name, _)| is_gradient(name) == wanted).cloned().collect()
    };
    for (kind, wanted, allowed, floor) in
        [("forward", false, forward, 0.0), ("gradients", true, gradient, GRADIENT_FLOOR)]
    {
        let (found, expected) = (gradients(found, wanted), gradients(expected, wanted));
        let floor = floor * expected.iter().map(|(_, numbers)| largest(numbers)).fold(0.0, f64::max);
        checks.push(check_all(format!("{name}, {kind}"), &found, &expected, allowed, floor));
    }
}

/// Compares tensors relative to their largest numbers, which count as `floor` at least.
fn check_all(name: String, found: &Numbers, expected: &Numbers, allowed: f64, floor: f64) -> Check {
    let errors = found.iter().zip(expected).map(|((tensor, found), (of, expected))| {
        let fits = tensor == of && found.len() == expected.len();
        let scale = largest(expected).max(floor).max(f64::MIN_POSITIVE);
        (tensor.clone(), if fits { difference(found, expected) / scale } else { f64::NAN })
    });
    // NaN is worse than any number.
    let worst = errors.reduce(|a, b| if a.1.is_nan() || a.1 >= b.1 { a } else { b });
    let (tensor, error) = worst.unwrap_or_else(|| ("none".to_owned(), f64::NAN));
    let passes = error <= allowed && found.len() == expected.len();
    Check { name, tensor, error, allowed, passes }
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()))
}

/// Largest absolute difference; NaN if one is.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    found.iter().zip(expected).fold(0.0, |worst: f64, (a, b)| {
        let difference = (a - b).abs();
        if difference.is_nan() || worst.is_nan() { f64::NAN } else { worst.max(difference) }
    })
}

/// A tensor's numbers.
fn numbers(tensor: &Tensor) -> Result<Vec<f64>, Box<dyn Error>> {
    Ok(tensor.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1()?)
}

/// The gradient of every variable; one that has none is an error.
fn gradients(variables: &[(String, Var)], gradients: &GradStore) -> Result<Numbers, Box<dyn Error>> {
    let gradient = |(name, variable): &(String, Var)| {
        let gradient = gradients.get(variable).ok_or_else(|| format!("{name} has no gradient"))?;
        Ok((format!("gradient of {name}"), numbers(gradient)?))
    };
    variables.iter().map(gradient).collect()
}

/// Variables on a device that begin with these tensors.
fn variables(
    tensors: impl IntoIterator<Item = (String, Tensor)>,
    device: &Device,
) -> Result<Vec<(String, Var)>, Box<dyn Error>> {
    let variable =
        |(name, tensor): (String, Tensor)| Ok((name, Var::from_tensor(&tensor.to_device(device)?)?));
    tensors.into_iter().map(variable).collect()
}
