//! What each pair of PMFs weighs in the early-stable score of its history.

/// Rounding of a distance between PMFs, in units of the number type's epsilon times the largest price: a pair no farther
/// apart does not move.
const ROUNDING_STEPS: f64 = 16.0;

/// Weights of the pairs of all histories.
#[derive(Debug, PartialEq)]
pub(crate) struct EscWeights {
    /// `[history, pair]`: factors of the distances, which then sum to 1; of a constant history, the weights themselves,
    /// which sum to 1.
    pub(crate) weights: Vec<f64>,
    /// Whether each history has two or more PMFs that do not change.
    pub(crate) is_constant: Vec<bool>,
}

impl EscWeights {
    /// From the distances `[history, pair]` at a largest price of 1.
    ///
    /// Only ratios of weights matter. They are taken to the weight of the last pair that moves, so that neither α nor
    /// the length of the history makes them vanish; pairs after it are rounding and weigh 0.
    pub(crate) fn new(distances: &[f64], lengths: &[usize], alpha: f64, epsilon: f64) -> Self {
        let n_pairs = distances.len() / lengths.len().max(1);
        let mut weights = vec![0.0; distances.len()];
        let mut is_constant = vec![false; lengths.len()];
        for (i, &length) in lengths.iter().enumerate().filter(|(_, length)| **length >= 2) {
            let distances = &distances[i * n_pairs..][..length - 1];
            let weights = &mut weights[i * n_pairs..][..length - 1];
            // A NaN moves: it has to show in the loss.
            let last = distances.iter().rposition(|d| *d > ROUNDING_STEPS * epsilon || d.is_nan());
            is_constant[i] = last.is_none();
            let last = last.unwrap_or(length - 2);
            let x = |pair: usize| (pair + 1) as f64 / length as f64;
            for (pair, weight) in weights[..=last].iter_mut().enumerate() {
                *weight = relative_weight(x(pair), x(last), alpha);
            }
            let sum: f64 = if is_constant[i] {
                weights.iter().sum()
            } else {
                weights[..=last].iter().zip(distances).map(|(weight, distance)| weight * distance).sum()
            };
            for weight in weights {
                *weight /= sum;
            }
        }
        Self { weights, is_constant }
    }
}

/// `w(x) / w(last)` of eq. 15, `0 < x <= last < 1`, written so that no α overflows; `x / last` where α is 0.
fn relative_weight(x: f64, last: f64, alpha: f64) -> f64 {
    // Below this, eq. 15 is linear to the last digit, and denormal α have no digits to divide.
    if alpha < 1e-17 {
        x / last
    } else {
        (alpha * (x - last)).exp() * ((-alpha * x).exp_m1() / (-alpha * last).exp_m1())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(distances: &[f64], length: usize, alpha: f64) -> EscWeights {
        EscWeights::new(distances, &[length], alpha, f64::EPSILON)
    }

    #[test]
    fn relative_weights_by_hand() {
        let expected = (1f64.exp() - 1.0) / (1.6f64.exp() - 1.0);
        assert!((relative_weight(0.5, 0.8, 2.0) - expected).abs() < 1e-15);
        assert_eq!((relative_weight(0.25, 0.5, 0.0), relative_weight(0.9, 0.9, 1e5)), (0.5, 1.0));
        assert!((relative_weight(0.25, 0.5, 1e-9) - 0.5).abs() < 1e-9);
        assert_eq!(relative_weight(0.25, 0.5, f64::from_bits(1)), 0.5);
    }

    #[test]
    fn factors_of_the_distances_sum_to_1() {
        let distances = [0.1, 0.0, 0.3, 9.0]; // the last one behind the end
        let found = of(&distances, 4, 0.0);
        assert_eq!(found.is_constant, [false]);
        // t/T = 1/4, 2/4, 3/4: Σ w d = (0.1 + 3 · 0.3) / 4
        for (found, expected) in found.weights.iter().zip([1.0, 2.0, 3.0, 0.0]) {
            assert!((found - expected).abs() < 1e-14);
        }
    }

    #[test]
    fn an_early_flip_counts_however_steep_the_weights() {
        for alpha in [0.0, 2.0, 50.0, 1e5, f64::MAX] {
            let found = of(&[0.5, 0.0, 1e-16, 0.0], 5, alpha);
            assert_eq!((found.weights, found.is_constant), (vec![2.0, 0.0, 0.0, 0.0], vec![false]));
        }
    }

    #[test]
    fn constant_histories_keep_the_weights_of_time() {
        let found = of(&[0.0, 1e-16, 0.0], 4, 0.0);
        assert_eq!(found.is_constant, [true]);
        for (found, expected) in found.weights.iter().zip([1.0 / 6.0, 1.0 / 3.0, 0.5]) {
            assert!((found - expected).abs() < 1e-15);
        }
        assert_eq!(of(&[0.0; 3], 4, 1e5).weights, [0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_nan_is_no_constant_history_and_a_short_one_has_no_weights() {
        let found = of(&[0.0, f64::NAN, 0.0], 4, 2.0);
        assert!(!found.is_constant[0] && found.weights[0].is_nan());
        let found = EscWeights::new(&[0.5, 0.5], &[1, 0], 2.0, f64::EPSILON);
        assert_eq!((found.weights, found.is_constant), (vec![0.0; 2], vec![false; 2]));
    }
}
