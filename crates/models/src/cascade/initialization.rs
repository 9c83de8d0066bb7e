//! The weights that training begins with.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::config::CascadeConfig;
use super::naive::{Naive, NaiveConfig};
use super::network::Cascade;
use super::scaling::CascadeScaling;
use crate::Result;
use crate::train::random::{Purpose, Random};

impl Cascade {
    /// A network with fresh random weights, PyTorch's way.
    ///
    /// ```text
    /// LSTM weights and biases     U(-1/√H, 1/√H),   H the width of the state
    /// dense weights and biases    U(-1/√n, 1/√n),   n the width of the layer's input
    /// batch normalization         factor 1, term 0; running mean 0, running variance 1
    /// ```
    ///
    /// The same seed gives the same weights on every machine; they are not PyTorch's numbers for that seed.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn fresh(config: CascadeConfig, scaling: CascadeScaling, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let tensors = fresh(config.parameters(), &config.statistics(), config.hidden, seed, device)?;
        Self::new(config, scaling, tensors)
    }
}

impl Naive {
    /// A network with fresh random weights, as [`Cascade::fresh`] has them.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn fresh(config: NaiveConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let tensors = fresh(config.parameters(), &config.statistics(), 1, seed, device)?;
        Self::new(config, tensors)
    }
}

fn fresh(
    parameters: Vec<(String, Vec<usize>)>,
    statistics: &[(String, Vec<usize>)],
    hidden: usize,
    seed: u64,
    device: &Device,
) -> Result<VarBuilder<'static>> {
    let mut random = Random::new(seed, Purpose::Weights, 0);
    let mut tensors = HashMap::new();
    let is_norm = |name: &str| statistics.iter().any(|(other, _)| layer(other) == layer(name));
    let mut fan_in = 1;
    for (name, shape) in parameters {
        // A bias follows its weight, of shape [output, input].
        if let [_, input] = shape[..] {
            fan_in = input;
        }
        let width = if name.starts_with("lstm.") { hidden } else { fan_in };
        let bound = 1.0 / (width as f64).sqrt();
        let n: usize = shape.iter().product();
        let numbers: Vec<f32> = match (is_norm(&name), name.ends_with("weight")) {
            (true, true) => vec![1.0; n],
            (true, false) => vec![0.0; n],
            (false, _) => (0..n).map(|_| (bound * (2.0 * random.uniform() - 1.0)) as f32).collect(),
        };
        tensors.insert(name, Tensor::from_vec(numbers, shape, device)?);
    }
    for (name, shape) in statistics {
        let number: f32 = if name.ends_with("running_var") { 1.0 } else { 0.0 };
        tensors.insert(name.clone(), Tensor::full(number, shape.as_slice(), device)?);
    }
    Ok(VarBuilder::from_tensors(tensors, DType::F32, device))
}

/// The layer that a weight is of.
fn layer(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(layer, _)| layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tensor_fills_its_range() {
        let scaling = CascadeScaling::default();
        let cascade = Cascade::fresh(CascadeConfig::paper(5), scaling, 3, &Device::Cpu).unwrap();
        let tensors = cascade.to_file().unwrap().tensors;
        assert_eq!(tensors.len(), 19 + 6); // weights and biases, running statistics
        for (name, tensor) in tensors {
            let bound: f32 = match name.as_str() {
                name if name.starts_with("head.1.") || name.starts_with("head.5.") => continue,
                name if name.starts_with("v.") || name.starts_with("head.8.") => 64.0,
                name if name.starts_with("head.4.") => 128.0,
                name if name.starts_with("head.10.") => 32.0,
                _ => 256.0,
            };
            let bound = 1.0 / bound.sqrt();
            let numbers = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let largest = numbers.iter().fold(0f32, |m, x| m.max(x.abs()));
            assert!(largest <= bound && largest > 0.6 * bound, "{name}: {largest} of {bound}");
        }
        for (name, tensor) in cascade.statistics() {
            let sum = tensor.to_dtype(DType::F64).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            let ones = if name.ends_with("running_var") { tensor.elem_count() as f64 } else { 0.0 };
            assert_eq!(sum, ones, "{name}");
        }
    }

    #[test]
    fn seeds_differ_and_repeat() {
        let weights = |seed| {
            let naive = Naive::fresh(NaiveConfig::paper(5), seed, &Device::Cpu).unwrap();
            let file = naive.to_file().unwrap();
            file.tensors["head.10.bias"].to_vec1::<f32>().unwrap()
        };
        assert_eq!(weights(1), weights(1));
        assert_ne!(weights(1), weights(2));
    }
}
