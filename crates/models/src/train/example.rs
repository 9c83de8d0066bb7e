//! Light curves to learn from, and how ORACLE learns from them.

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;

use super::digest::Digest;
use super::{Learner, ScoredSteps, TrainError};
use crate::{
    EncodedLightCurve, Error, GpuPrecision, ModelFile, Oracle, OracleBatch, OracleConfig, Result, TrainPass,
};

/// An object whose class is known: its whole light curve, encoded; training truncates it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// As the model's [`FeatureSpec::encode`](crate::FeatureSpec::encode) makes it.
    pub light_curve: EncodedLightCurve,
    /// The true class, as a node of the class tree.
    pub true_node: usize,
}

impl Learner for Oracle {
    type Example = Example;
    type Batch = OracleBatch;

    /// Its logits are of all nodes of a tree.
    const LOGITS_ARE_CLASSES: bool = false;

    fn to_file(&self) -> Result<ModelFile> {
        self.to_file()
    }

    fn from_file(file: &ModelFile, device: &Device) -> Result<Self> {
        Self::from_file(file, device)
    }

    fn with_tensors(&self, tensors: VarBuilder<'static>) -> Result<Self> {
        let network = Self::new(self.config().clone(), self.features().clone(), tensors)?;
        Ok(network.with_gpu_precision(self.gpu_precision()))
    }

    fn device(&self) -> &Device {
        self.device()
    }

    fn gpu_precision(&self) -> GpuPrecision {
        Oracle::gpu_precision(self)
    }

    fn with_gpu_precision(self, precision: GpuPrecision) -> Self {
        Oracle::with_gpu_precision(self, precision)
    }

    fn check(&self, examples: &[Example]) -> Result<u64, TrainError> {
        check(examples, self.config())
    }

    fn true_class(example: &Example) -> usize {
        example.true_node
    }

    fn n_steps(example: &Example) -> usize {
        example.light_curve.observations.len()
    }

    /// `max(1, floor(f n))`, or up to the first step at which the encoding was known.
    fn steps_at(example: &Example, fraction: f64) -> usize {
        let n = Self::n_steps(example);
        ((fraction * n as f64) as usize).max(example.light_curve.known_from + 1).min(n)
    }

    fn pack(&self, beginnings: &[(&Example, usize)], scored: ScoredSteps) -> Result<OracleBatch> {
        if scored == ScoredSteps::All {
            let (what, expected) = ("scored_steps", "last: ORACLE is trained on its last logits".to_owned());
            return Err(Error::Config { what, expected, found: "all".to_owned() });
        }
        let beginnings: Vec<_> = beginnings.iter().map(|&(example, n)| (&example.light_curve, n)).collect();
        self.batch(&beginnings)
    }

    fn training_pass(&self, batch: &OracleBatch, _: ScoredSteps, _seed: u64) -> Result<TrainPass> {
        Ok(TrainPass { logits: self.forward_batch(batch)?, statistics: Vec::new() })
    }

    fn evaluation_pass(&self, batch: &OracleBatch, _: ScoredSteps) -> Result<Tensor> {
        self.forward_batch(batch)
    }
}

/// That every object fits the model. Gives a digest of the objects, by which a checkpoint knows them again.
fn check(examples: &[Example], config: &OracleConfig) -> Result<u64, TrainError> {
    let mut digest = Digest::new();
    for (object, example) in examples.iter().enumerate() {
        let fault =
            |what, expected: String, found: String| Err(TrainError::Object { object, what, expected, found });
        let Example { light_curve, true_node } = example;
        let n_steps = Oracle::n_steps(example);
        if *true_node >= config.n_nodes {
            return fault("true node", format!("below {}", config.n_nodes), true_node.to_string());
        }
        if light_curve.known_from >= n_steps {
            let expected = format!("more than {}", light_curve.known_from);
            return fault("number of steps", expected, n_steps.to_string());
        }
        for (what, expected, found) in [
            ("number of time features", n_steps * config.n_features, light_curve.rows.len()),
            ("number of static features", config.n_statics, light_curve.statics.len()),
        ] {
            if expected != found {
                return fault(what, expected.to_string(), found.to_string());
            }
        }
        for (what, numbers) in [("time feature", &light_curve.rows), ("static feature", &light_curve.statics)]
        {
            if let Some(index) = numbers.iter().position(|x| !x.is_finite()) {
                let found = format!("{} at position {index}", numbers[index]);
                return fault(what, "a finite number".to_owned(), found);
            }
            digest.take_all(numbers);
        }
        digest.take(*true_node as u64);
        digest.take(light_curve.known_from as u64);
    }
    Ok(digest.finish())
}

#[cfg(test)]
mod tests {
    use crate::Preset;

    use super::*;

    fn example(n: usize, known_from: usize) -> Example {
        let light_curve = EncodedLightCurve {
            rows: vec![0.5; 5 * n],
            observations: (0..n).collect(),
            known_from,
            statics: vec![],
        };
        Example { light_curve, true_node: 1 }
    }

    #[test]
    fn steps_by_hand() {
        let steps = |n, known_from, f| Oracle::steps_at(&example(n, known_from), f);
        assert_eq!([0.05, 0.1, 0.25, 0.99, 1.0].map(|f| steps(10, 0, f)), [1, 1, 2, 9, 10]);
        assert_eq!([0.1, 0.5, 1.0].map(|f| steps(10, 6, f)), [7, 7, 10]);
        assert_eq!(steps(1, 0, 0.3), 1);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let config = Preset::PublishedLite.config(3);
        let digest = check(&[example(4, 0)], &config).unwrap();
        assert_ne!(check(&[example(4, 1)], &config).unwrap(), digest);
        assert_ne!(check(&[example(5, 0)], &config).unwrap(), digest);

        let fault = |change: &dyn Fn(&mut Example)| {
            let mut bad = example(4, 0);
            change(&mut bad);
            check(&[example(4, 0), bad], &config).unwrap_err().to_string()
        };
        assert_eq!(fault(&|e| e.true_node = 3), "object 1: true node is 3, expected below 3");
        assert_eq!(fault(&|e| *e = example(0, 0)), "object 1: number of steps is 0, expected more than 0");
        assert!(
            fault(&|e| e.light_curve.statics.push(0.0))
                .contains("number of static features is 1, expected 0")
        );
        assert!(
            fault(&|e| e.light_curve.rows.truncate(3)).contains("number of time features is 3, expected 20")
        );
        assert!(fault(&|e| e.light_curve.rows[7] = f32::NAN).contains("time feature is NaN at position 7"));
    }
}
