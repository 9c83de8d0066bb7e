//! The batches of an epoch: random beginnings of light curves in a random order, similar lengths together.

use super::random::{Purpose, Random};
use super::{Beginnings, Learner, ScoredSteps, TrainConfig};

/// What a loss function compares logits with: one entry for each object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Targets<'a> {
    /// True classes: columns of the logits, or nodes of the class tree whose logits they are.
    pub true_nodes: &'a [usize],
    /// Fraction of each example that the network has seen, more than 0, at most 1: for losses that know the phase.
    pub fractions: &'a [f64],
    /// How many rows of the logits are an object's: 1, or its number of steps with [`ScoredSteps::All`].
    pub n_rows: &'a [usize],
}

/// Objects that go through the network together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Batch {
    /// Positions of the objects.
    objects: Vec<usize>,
    /// Number of steps seen of each.
    n_steps: Vec<usize>,
    true_nodes: Vec<usize>,
    fractions: Vec<f64>,
    n_rows: Vec<usize>,
}

impl Batch {
    /// Objects with the number of steps seen of each.
    fn new<M: Learner>(examples: &[M::Example], objects: &[(usize, usize)], scored: ScoredSteps) -> Self {
        let mut batch = Self::default();
        for &(object, n_steps) in objects {
            let example = &examples[object];
            batch.objects.push(object);
            batch.n_steps.push(n_steps);
            batch.true_nodes.push(M::true_class(example));
            batch.fractions.push(n_steps as f64 / M::n_steps(example) as f64);
            batch.n_rows.push(if scored == ScoredSteps::All { n_steps } else { 1 });
        }
        batch
    }

    pub fn len(&self) -> usize {
        self.objects.len()
    }

    pub fn targets(&self) -> Targets<'_> {
        Targets { true_nodes: &self.true_nodes, fractions: &self.fractions, n_rows: &self.n_rows }
    }

    /// What the network gets.
    pub fn beginnings<'a, E>(&self, examples: &'a [E]) -> Vec<(&'a E, usize)> {
        self.objects.iter().map(|&object| &examples[object]).zip(self.n_steps.iter().copied()).collect()
    }
}

/// The batches of an epoch, a function of the seed and the epoch alone.
///
/// Every object comes once, whole or cut to a fraction drawn uniformly from (0, 1]. Objects are shuffled, sorted by length
/// within buckets of so many batches, and the batches are shuffled. A last batch that is too small for the network goes with
/// the one before it.
pub(super) fn of_epoch<M: Learner>(
    examples: &[M::Example],
    training: &[usize],
    config: &TrainConfig,
    epoch: usize,
) -> Vec<Batch> {
    let mut random = Random::new(config.seed, Purpose::Epoch, epoch as u64);
    let steps = |random: &mut Random, object: usize| match config.beginnings {
        Beginnings::Random => M::steps_at(&examples[object], 1.0 - random.uniform()),
        Beginnings::Whole => M::n_steps(&examples[object]),
    };
    let mut objects: Vec<(usize, usize)> =
        training.iter().map(|&object| (object, steps(&mut random, object))).collect();
    random.shuffle(&mut objects);
    let mut batches: Vec<Vec<(usize, usize)>> = Vec::new();
    for bucket in objects.chunks_mut(config.batch_size.saturating_mul(config.batches_per_bucket)) {
        bucket.sort_by_key(|&(_, n_steps)| n_steps); // stable
        for batch in bucket.chunks(config.batch_size) {
            match batches.last_mut() {
                Some(before) if batch.len() < M::LEAST_BATCH => before.extend_from_slice(batch),
                _ => batches.push(batch.to_vec()),
            }
        }
    }
    random.shuffle(&mut batches);
    batches.iter().map(|objects| Batch::new::<M>(examples, objects, config.scored_steps)).collect()
}

/// The validation objects cut to a fraction, sorted by length.
pub(super) fn at_fraction<M: Learner>(
    examples: &[M::Example],
    objects: &[usize],
    fraction: f64,
    config: &TrainConfig,
) -> Vec<Batch> {
    let mut objects: Vec<(usize, usize)> =
        objects.iter().map(|&object| (object, M::steps_at(&examples[object], fraction))).collect();
    objects.sort_by_key(|&(_, n_steps)| n_steps);
    objects
        .chunks(config.batch_size)
        .map(|objects| Batch::new::<M>(examples, objects, config.scored_steps))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::train::Example;
    use crate::{EncodedLightCurve, Oracle};

    use super::*;

    /// Object i has i + 1 steps.
    fn examples(n: usize) -> Vec<Example> {
        let example = |i: usize| {
            let observations = (0..=i).collect();
            let light_curve = EncodedLightCurve { observations, ..EncodedLightCurve::default() };
            Example { light_curve, true_node: i % 3 }
        };
        (0..n).map(example).collect()
    }

    #[test]
    fn an_epoch_has_every_object_once_and_is_a_function_of_seed_and_epoch() {
        let examples = examples(50);
        let training: Vec<usize> = (0..50).filter(|i| i % 5 != 0).collect();
        let config = TrainConfig { batch_size: 6, batches_per_bucket: 3, ..TrainConfig::default() };
        let batches = of_epoch::<Oracle>(&examples, &training, &config, 4);
        assert_eq!(batches.len(), 7);
        let mut all: Vec<usize> = batches.iter().flat_map(|batch| batch.objects.clone()).collect();
        all.sort_unstable();
        assert_eq!(all, training);
        for batch in &batches {
            assert!(batch.len() <= 6 && batch.n_steps.is_sorted());
            for (i, &object) in batch.objects.iter().enumerate() {
                assert_eq!(batch.true_nodes[i], object % 3);
                assert_eq!(batch.fractions[i], batch.n_steps[i] as f64 / (object + 1) as f64);
                assert!((1..=object + 1).contains(&batch.n_steps[i]));
            }
        }
        assert_eq!(of_epoch::<Oracle>(&examples, &training, &config, 4), batches);
        assert_ne!(of_epoch::<Oracle>(&examples, &training, &config, 5), batches);
        assert_ne!(of_epoch::<Oracle>(&examples, &training, &TrainConfig { seed: 1, ..config }, 4), batches);
    }

    #[test]
    fn one_bucket_sorts_everything() {
        let examples = examples(40);
        let training: Vec<usize> = (0..40).collect();
        let config = TrainConfig { batch_size: 10, batches_per_bucket: 4, ..TrainConfig::default() };
        let mut ranges: Vec<(usize, usize)> = of_epoch::<Oracle>(&examples, &training, &config, 0)
            .iter()
            .map(|batch| (batch.n_steps[0], batch.n_steps[batch.len() - 1]))
            .collect();
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{ranges:?}");
    }

    #[test]
    fn fractions_are_uniform() {
        let long = EncodedLightCurve { observations: (0..1000).collect(), ..EncodedLightCurve::default() };
        let examples = vec![Example { light_curve: long, true_node: 0 }; 2000];
        let training: Vec<usize> = (0..2000).collect();
        let batches = of_epoch::<Oracle>(&examples, &training, &TrainConfig::default(), 0);
        let mean = batches.iter().flat_map(|batch| &batch.fractions).sum::<f64>() / 2000.0;
        assert!((mean - 0.5).abs() < 0.03, "{mean}"); // standard deviation 0.0065
    }

    #[test]
    fn validation_is_cut_to_the_fraction() {
        let examples = examples(9);
        let config = TrainConfig { batch_size: 2, ..TrainConfig::default() };
        let batches = at_fraction::<Oracle>(&examples, &[3, 8, 1], 0.5, &config);
        assert_eq!(batches.len(), 2);
        assert_eq!(batches[0].objects, [1, 3]);
        assert_eq!((&batches[1].objects[..], &batches[1].n_steps[..]), (&[8][..], &[4][..]));
    }
}
