//! Objects to learn from.

use super::TrainError;
use crate::{EncodedLightCurve, OracleConfig};

/// An object whose class is known: its whole light curve, encoded; training truncates it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// As the model's [`FeatureSpec::encode`](crate::FeatureSpec::encode) makes it.
    pub light_curve: EncodedLightCurve,
    /// The true class, as a node of the class tree.
    pub true_node: usize,
}

/// What a loss function compares logits with; one entry for each row of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Targets<'a> {
    /// True classes, as nodes of the class tree.
    pub true_nodes: &'a [usize],
    /// Fraction of each light curve that the network has seen, more than 0, at most 1: for losses that know the phase.
    pub fractions: &'a [f64],
}

impl Example {
    /// Number of steps of the light curve.
    pub(super) fn n_steps(&self) -> usize {
        self.light_curve.observations.len()
    }

    /// Number of steps that a fraction keeps.
    ///
    /// ```text
    /// max(1, floor(f n)), or up to the first step at which the encoding was known
    /// ```
    pub(super) fn steps_at(&self, fraction: f64) -> usize {
        let n = self.n_steps();
        ((fraction * n as f64) as usize).max(self.light_curve.known_from + 1).min(n)
    }
}

/// That every object fits the model. Gives a digest of the objects, by which a checkpoint knows them again.
pub(super) fn check(examples: &[Example], config: &OracleConfig) -> Result<u64, TrainError> {
    let mut digest = Digest::new();
    for (object, example) in examples.iter().enumerate() {
        let fault =
            |what, expected: String, found: String| Err(TrainError::Object { object, what, expected, found });
        let Example { light_curve, true_node } = example;
        let n_steps = example.n_steps();
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
            digest.take(numbers.len() as u64);
            for number in numbers {
                digest.take(u64::from(number.to_bits()));
            }
        }
        digest.take(*true_node as u64);
        digest.take(light_curve.known_from as u64);
    }
    Ok(digest.0)
}

/// A digest in the manner of FNV-1a (Fowler, Noll and Vo), of 64-bit words instead of bytes and with a rotation, so that
/// high bits count too. It tells one data set from another; it is no protection against malice.
struct Digest(u64);

impl Digest {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn take(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }
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
        assert_eq!([0.05, 0.1, 0.25, 0.99, 1.0].map(|f| example(10, 0).steps_at(f)), [1, 1, 2, 9, 10]);
        assert_eq!([0.1, 0.5, 1.0].map(|f| example(10, 6).steps_at(f)), [7, 7, 10]);
        assert_eq!(example(1, 0).steps_at(0.3), 1);
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
