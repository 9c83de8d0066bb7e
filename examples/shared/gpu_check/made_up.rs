//! Inputs of no meaning and of real lengths: the same on every machine, and in `fixtures/pytorch/time_cuda.py`.

use heliacal::FeatureSpec;
use heliacal::models::train::{Example, HistoryExample};
use heliacal::models::{CascadeConfig, CascadeInput, EncodedLightCurve};
use rayon::prelude::*;

/// Observations of ELAsTiCC2's light curves (346 objects of its 1 % sample): the quantiles 0, 5, ..., 100 %.
const LENGTHS: [usize; 21] =
    [23, 33, 68, 84, 94, 104, 116, 131, 143, 151, 158, 162, 167, 172, 179, 186, 195, 208, 230, 258, 351];

/// SplitMix64, which takes a few lines in any language.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in [0, 1), of 53 bits.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Numbers in (-scale, scale).
    pub fn many(&mut self, n: usize, scale: f64) -> Vec<f32> {
        (0..n).map(|_| (scale * (2.0 * self.uniform() - 1.0)) as f32).collect()
    }
}

/// Lengths between the quantiles of real ones, of mean 151.
pub fn real_lengths(n: usize, seed: u64) -> Vec<usize> {
    let mut numbers = Numbers::new(seed);
    let length = |_| {
        let at = numbers.uniform() * (LENGTHS.len() - 1) as f64;
        let below = at as usize;
        let (least, most) = (LENGTHS[below], LENGTHS[below + 1]);
        least + ((most - least) as f64 * (at - below as f64)) as usize
    };
    (0..n).map(length).collect()
}

/// Encoded light curves of these lengths: numbers of the size that networks like.
pub fn light_curves(features: &FeatureSpec, lengths: &[usize], seed: u64) -> Vec<EncodedLightCurve> {
    let light_curve = |(index, &n): (usize, &usize)| {
        let mut numbers = Numbers::new(seed + 1_000_003 * (index as u64 + 1));
        EncodedLightCurve {
            rows: numbers.many(n * features.columns.len(), 1.0),
            observations: (0..n).collect(),
            known_from: 0,
            statics: numbers.many(features.statics.len(), 1.0),
        }
    };
    lengths.par_iter().enumerate().map(light_curve).collect()
}

/// The same with classes, in turn.
pub fn examples(features: &FeatureSpec, lengths: &[usize], classes: &[usize], seed: u64) -> Vec<Example> {
    let light_curves = light_curves(features, lengths, seed).into_iter().enumerate();
    let example = |(index, light_curve)| Example { light_curve, true_node: classes[index % classes.len()] };
    light_curves.map(example).collect()
}

/// Histories of classifications of these lengths, with classes in turn.
pub fn histories(config: &CascadeConfig, lengths: &[usize], seed: u64) -> Vec<HistoryExample> {
    let history = |(index, &n): (usize, &usize)| {
        let mut numbers = Numbers::new(seed + 1_000_003 * (index as u64 + 1));
        let mut mjd = 60_000.0;
        let times = (0..n).map(|_| {
            mjd += 10.0 * numbers.uniform();
            mjd
        });
        let mjd = times.collect();
        let mut probabilities = Vec::new();
        for _ in 0..n * config.n_bases {
            let weights: Vec<f64> = (0..config.n_classes).map(|_| 0.1 + numbers.uniform()).collect();
            let sum: f64 = weights.iter().sum();
            probabilities.extend(weights.iter().map(|weight| (weight / sum) as f32));
        }
        let input = CascadeInput { mjd, probabilities, flux: numbers.many(n, 100.0) };
        HistoryExample { input, true_class: index % config.n_classes }
    };
    lengths.iter().enumerate().map(history).collect()
}
