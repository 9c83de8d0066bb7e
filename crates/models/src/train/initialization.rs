//! The weights that training begins with.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::random::{Purpose, Random};
use crate::{FeatureSpec, Oracle, OracleConfig, Result};

impl Oracle {
    /// A network with fresh random weights, PyTorch's way.
    ///
    /// ```text
    /// GRU weights and biases     U(-1/√H, 1/√H),   H the width of the state
    /// dense weights and biases   U(-1/√n, 1/√n),   n the width of the layer's input
    /// ```
    ///
    /// The same seed gives the same weights on every machine; they are not PyTorch's numbers for that seed.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// ```
    /// use candle_core::Device;
    /// use heliacal_models::{Oracle, Preset};
    ///
    /// let fresh = |seed| Oracle::fresh(Preset::Paper.config(26), Preset::Paper.features(), seed, &Device::Cpu);
    /// let bias = fresh(1)?.to_file()?.tensors["fc_out.bias"].to_vec1::<f32>()?;
    /// assert!(bias.iter().all(|b| b.abs() <= 1.0 / 64f32.sqrt()));
    /// assert_eq!(fresh(1)?.to_file()?.tensors["fc_out.bias"].to_vec1::<f32>()?, bias);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fresh(config: OracleConfig, features: FeatureSpec, seed: u64, device: &Device) -> Result<Self> {
        config.check(&features)?;
        let mut random = Random::new(seed, Purpose::Weights, 0);
        let mut weights = HashMap::new();
        let mut fan_in = 1;
        for (name, shape) in config.parameters() {
            // A bias follows its weight, of shape [output, input].
            if let [_, input] = shape[..] {
                fan_in = input;
            }
            let width = if name.starts_with("gru.") { config.hidden } else { fan_in };
            let bound = 1.0 / (width.max(1) as f64).sqrt();
            let n: usize = shape.iter().product();
            let numbers: Vec<f32> = (0..n).map(|_| (bound * (2.0 * random.uniform() - 1.0)) as f32).collect();
            weights.insert(name, Tensor::from_vec(numbers, shape, device)?);
        }
        Self::new(config, features, VarBuilder::from_tensors(weights, DType::F32, device))
    }
}

#[cfg(test)]
mod tests {
    use crate::Preset;

    use super::*;

    #[test]
    fn every_tensor_fills_its_range() {
        let oracle =
            Oracle::fresh(Preset::Paper.config(26), Preset::Paper.features(), 3, &Device::Cpu).unwrap();
        for (name, tensor) in oracle.to_file().unwrap().tensors {
            let bound = match name.as_str() {
                name if name.starts_with("gru.") => 1.0 / 100f32.sqrt(),
                name if name.starts_with("dense1.") => 1.0 / 100f32.sqrt(),
                name if name.starts_with("dense2.") => 1.0 / 23f32.sqrt(),
                name if name.starts_with("dense3.") => 1.0 / 110f32.sqrt(),
                name if name.starts_with("dense4.") => 1.0 / 100f32.sqrt(),
                _ => 1.0 / 64f32.sqrt(),
            };
            let numbers = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let largest = numbers.iter().fold(0f32, |m, x| m.max(x.abs()));
            assert!(largest <= bound && largest > 0.7 * bound, "{name}: {largest} of {bound}");
        }
    }

    #[test]
    fn absurd_sizes_are_errors() {
        let config = OracleConfig { hidden: usize::MAX, ..Preset::Paper.config(26) };
        assert!(Oracle::fresh(config, Preset::Paper.features(), 3, &Device::Cpu).is_err());
    }
}
