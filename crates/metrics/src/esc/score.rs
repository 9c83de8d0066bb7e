//! ESC_s: how wrong was an object while its classification moved?

use super::error::check_lengths;
use super::natural_log::{ln, ln_all};
use super::weight::WeightTable;
use super::{EscError, WeightCurve};
use crate::pmf::SUM_TOLERANCE;

/// ESC_s of one history (Definition 2), or why it has none.
///
/// ```text
/// ESC_s = - Σ w(t/T) W₁(p_t, p_{t+1}) ln p_{t,⋆} / Z,   Z = Σ w(t/T) W₁(p_t, p_{t+1}),   t = 1 … T-1   [nat]
/// ```
///
/// A weighted mean of -ln p⋆, so between its least and its largest value, and never negative: a p⋆ above 1 (a PMF sums to 1
/// within its tolerance) counts as 1. Lower is better. The logarithm is taken at the
/// earlier PMF of each pair, as printed: the last one never enters. The normalization cancels how large the instability
/// was: [`raw_instability`](super::TruthScore::raw_instability) keeps it.
///
/// Reference: Beyond the Final Label, [arXiv 2604.23792](https://arxiv.org/abs/2604.23792), eq. 14 and 15.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "status", rename_all = "snake_case"))]
pub enum EscScore {
    /// It has a value.
    Defined {
        /// ESC_s \[nat\].
        value: f64,
    },
    /// 0/0.
    Undefined {
        /// Why.
        reason: NoScore,
    },
    /// The true class had probability 0 at a step with positive weight, and there is no floor.
    Infinite,
}

/// Why ESC_s is 0/0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum NoScore {
    /// A single classification.
    SingleStep,
    /// All distances are 0 and p⋆ stays as it is, and [`ConstantHistory::Undefined`] was chosen.
    ConstantHistory,
    /// All distances are 0, but p⋆ moves: between classes at no cost, under a cost that is no metric.
    FreeMotion,
    /// The weight curve is 0 wherever the history moves.
    NoWeight,
}

impl EscScore {
    /// The value \[nat\], where there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Defined { value } => Some(*value),
            Self::Undefined { .. } | Self::Infinite => None,
        }
    }
}

/// The least probability whose logarithm is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ProbabilityFloor {
    /// Smaller ones count as this, above 0 and at most 1.
    At(f64),
    /// None: a probability of 0 makes the score infinite, unless its weight is 0 too.
    Unfloored,
}

impl Default for ProbabilityFloor {
    fn default() -> Self {
        Self::At(1e-12)
    }
}

impl ProbabilityFloor {
    pub(super) fn check(self) -> Result<f64, EscError> {
        match self {
            Self::At(floor) if floor > 0.0 && floor <= 1.0 => Ok(floor),
            Self::At(floor) => Err(EscError::Floor { floor }),
            Self::Unfloored => Ok(0.0),
        }
    }
}

/// What ESC_s is of a history that stands still, 0/0 by eq. 14: two or more PMFs, all distances 0 and all p⋆ equal, within
/// twice the tolerance of a PMF's sum. Where p⋆ moves at no cost there is no one p⋆ to take:
/// [`NoScore::FreeMotion`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ConstantHistory {
    /// -ln p⋆: what every weighting of a nearly constant history gives.
    #[default]
    NegativeLogProbability,
    /// Undefined.
    Undefined,
}

/// ESC_s from the distances between consecutive PMFs (`T - 1`) and the probabilities of the true class (`T`).
///
/// [`score_history`](super::score_history) computes both from a history; this is for distances from elsewhere.
///
/// # Errors
/// [`EscError::Length`] unless there is one distance fewer than probabilities; [`EscError::Value`] where one is negative,
/// infinite or NaN; [`EscError::Floor`]; [`EscError::Alpha`] or [`EscError::Weight`] of the curve.
///
/// ```
/// use heliacal_metrics::esc::{ConstantHistory, ProbabilityFloor, WeightCurve, esc_score};
///
/// // Moves by 0.1 at p = 1, then by 0.3 at p = 1/e: (0.1 x 0 + 0.3 x 1) / 0.4
/// let p = [1.0, (-1.0_f64).exp(), 0.9];
/// let score = esc_score(
///     &[0.1, 0.3], &p, &WeightCurve::Uniform, ProbabilityFloor::default(), ConstantHistory::default(),
/// )?;
/// assert!((score.value().unwrap() - 0.75).abs() < 1e-15);
/// # Ok::<(), heliacal_metrics::esc::EscError>(())
/// ```
pub fn esc_score(
    w1: &[f64],
    p_true: &[f64],
    weights: &WeightCurve,
    floor: ProbabilityFloor,
    constant: ConstantHistory,
) -> Result<EscScore, EscError> {
    check_lengths(w1, p_true)?;
    let floor = floor.check()?;
    let table = weights.table(p_true.len())?;
    Ok(weighted_score(w1, p_true, weights, &table, floor, constant).0)
}

/// ESC_s and its numerator with the weights as they are, `None` where that is infinite. Everything is checked.
pub(super) fn weighted_score(
    w1: &[f64],
    p_true: &[f64],
    curve: &WeightCurve,
    table: &WeightTable,
    floor: f64,
    constant: ConstantHistory,
) -> (EscScore, Option<f64>) {
    let p = &p_true[..w1.len()];
    if floor == 0.0 && p.contains(&0.0) {
        return unfloored_score(w1, p_true, curve, table, constant);
    }
    let (sum, norm) = weighted_sums(&table.weights, w1, p, floor);
    let score = if norm >= TINY {
        EscScore::Defined { value: sum / norm }
    } else {
        degenerate(w1, p_true, curve, floor, constant)
    };
    (score, Some(sum * table.scale))
}

/// A sum of weights below this has lost digits to underflow, or is 0.
const TINY: f64 = 1e-280;

/// `(-Σ w d ln p, Σ w d)` in four interleaved partial sums, which fill the vector registers. Logarithms come in blocks,
/// in a loop of their own, which is what the compiler vectorizes.
#[cfg_attr(feature = "multiversion", multiversion::multiversion(targets("x86_64+avx2")))]
fn weighted_sums(weights: &[f64], w1: &[f64], p: &[f64], floor: f64) -> (f64, f64) {
    interleaved_sums(weights, w1, p, floor)
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "takes the instruction set of its caller")]
fn interleaved_sums(weights: &[f64], w1: &[f64], p: &[f64], floor: f64) -> (f64, f64) {
    let (mut sums, mut norms) = ([0.0; 4], [0.0; 4]);
    let mut logs = [0.0; BLOCK];
    for ((weights, w1), p) in weights.chunks(BLOCK).zip(w1.chunks(BLOCK)).zip(p.chunks(BLOCK)) {
        // In whole lanes: a logarithm alone takes as long as four.
        let logs = &mut logs[..p.len().next_multiple_of(4)];
        logs[p.len()..].fill(1.0);
        logs[..p.len()].copy_from_slice(p);
        ln_all(logs, floor);
        let (weights4, weights_rest) = weights.as_chunks::<4>();
        let (w1_4, w1_rest) = w1.as_chunks::<4>();
        let (logs4, _) = logs.as_chunks::<4>();
        for ((weights, w1), logs) in weights4.iter().zip(w1_4).zip(logs4) {
            for lane in 0..4 {
                let weight = weights[lane] * w1[lane];
                sums[lane] -= weight * logs[lane];
                norms[lane] += weight;
            }
        }
        let logs_rest = logs[weights.len() - weights_rest.len()..].iter();
        for (lane, ((weight, w1), log)) in weights_rest.iter().zip(w1_rest).zip(logs_rest).enumerate() {
            let weight = weight * w1;
            sums[lane] -= weight * log;
            norms[lane] += weight;
        }
    }
    ((sums[0] + sums[1]) + (sums[2] + sums[3]), (norms[0] + norms[1]) + (norms[2] + norms[3]))
}

/// How many logarithms are taken before they are used.
const BLOCK: usize = 128;

/// Without a floor and with probabilities of 0: infinite if one of them has weight, else as if it were not there.
fn unfloored_score(
    w1: &[f64],
    p_true: &[f64],
    curve: &WeightCurve,
    table: &WeightTable,
    constant: ConstantHistory,
) -> (EscScore, Option<f64>) {
    let p = &p_true[..w1.len()];
    // Weights of eq. 15 are positive even where they underflow.
    let weighs = |i: usize| matches!(curve, WeightCurve::Exponential { .. }) || table.weights[i] > 0.0;
    if (0..p.len()).any(|i| p[i] == 0.0 && w1[i] > 0.0 && weighs(i)) {
        return (EscScore::Infinite, None);
    }
    if w1.iter().all(|&d| d == 0.0) {
        // It stands still at a p of 0, or nearly.
        let score = match constant {
            _ if !stands_still(p_true) => EscScore::Undefined { reason: NoScore::FreeMotion },
            ConstantHistory::NegativeLogProbability => EscScore::Infinite,
            ConstantHistory::Undefined => EscScore::Undefined { reason: NoScore::ConstantHistory },
        };
        return (score, Some(0.0));
    }
    let p: Vec<f64> = p.iter().map(|&p| if p == 0.0 { 1.0 } else { p }).collect();
    let (sum, norm) = weighted_sums(&table.weights, w1, &p, 0.0);
    let score = if norm >= TINY {
        EscScore::Defined { value: sum / norm }
    } else {
        degenerate(w1, &p, curve, 0.0, constant)
    };
    (score, Some(sum * table.scale))
}

/// Where the sum of weights is 0 or nearly: one step, a constant history, a curve that is 0, or underflow.
fn degenerate(w1: &[f64], p: &[f64], curve: &WeightCurve, floor: f64, constant: ConstantHistory) -> EscScore {
    if w1.is_empty() {
        return EscScore::Undefined { reason: NoScore::SingleStep };
    }
    let Some(last) = w1.iter().rposition(|&d| d > 0.0) else {
        return match constant {
            _ if !stands_still(p) => EscScore::Undefined { reason: NoScore::FreeMotion },
            ConstantHistory::NegativeLogProbability => {
                EscScore::Defined { value: positive(-ln(p[0].max(floor).min(1.0))) }
            }
            ConstantHistory::Undefined => EscScore::Undefined { reason: NoScore::ConstantHistory },
        };
    };
    // Weights relative to that of the last move cannot all vanish.
    let relative = curve.relative_to(last, w1.len() + 1);
    let largest = w1.iter().copied().fold(0.0, f64::max);
    let weights: Vec<f64> = match &relative {
        Some(weight) => (0..=last).map(|i| weight(i) * (w1[i] / largest)).collect(),
        None => (0..=last)
            .map(|i| curve.weight((i + 1) as f64 / (w1.len() + 1) as f64).unwrap_or(0.0) * (w1[i] / largest))
            .collect(),
    };
    let (sum, norm) = weighted_sums(&weights, &vec![1.0; last + 1], &p[..=last], floor);
    if norm > 0.0 {
        EscScore::Defined { value: sum / norm }
    } else {
        EscScore::Undefined { reason: NoScore::NoWeight }
    }
}

/// Whether the probability of the true class stays as it is. Costs that scale sums are 0 between PMFs that differ in their
/// sums alone, each within its tolerance.
fn stands_still(p: &[f64]) -> bool {
    let (least, largest) = p.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &p| (a.min(p), b.max(p)));
    largest - least <= 2.0 * SUM_TOLERANCE
}

/// Turns -0 into 0, as -ln 1 is written.
fn positive(value: f64) -> f64 {
    value + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINEAR: WeightCurve = WeightCurve::Exponential { alpha: 0.0 };

    fn score(w1: &[f64], p: &[f64], curve: &WeightCurve, floor: ProbabilityFloor) -> EscScore {
        esc_score(w1, p, curve, floor, ConstantHistory::default()).unwrap()
    }

    #[test]
    fn instruction_sets_agree_to_the_last_bit() {
        let column = |n: usize, factor: usize| -> Vec<f64> {
            (0..n).map(|i| ((i * factor + 5) % 997) as f64 / 997.0).collect()
        };
        for n in (0..300).step_by(7) {
            let (weights, w1, p) = (column(n, 31), column(n, 173), column(n, 409));
            for floor in [0.0, 1e-12, 0.3] {
                // Inlined here, it is compiled for the least processor.
                let (sum, norm) = interleaved_sums(&weights, &w1, &p, floor);
                let (found_sum, found_norm) = weighted_sums(&weights, &w1, &p, floor);
                assert_eq!((sum.to_bits(), norm.to_bits()), (found_sum.to_bits(), found_norm.to_bits()));
            }
        }
    }

    #[test]
    fn edges_by_hand() {
        let floored = |w1: &[f64], p: &[f64]| score(w1, p, &LINEAR, ProbabilityFloor::default());
        assert_eq!(floored(&[], &[0.3]), EscScore::Undefined { reason: NoScore::SingleStep });
        assert_eq!(floored(&[0.0, 0.0], &[1.0; 3]), EscScore::Defined { value: 0.0 });
        assert_eq!(floored(&[0.0, 0.0], &[0.25; 3]), EscScore::Defined { value: -ln(0.25) });
        assert_eq!(floored(&[0.0], &[0.0; 2]), EscScore::Defined { value: -ln(1e-12) });
        assert_eq!(floored(&[0.5], &[0.5, 0.0]), EscScore::Defined { value: -ln(0.5) });
        let strict =
            esc_score(&[0.0], &[0.5; 2], &LINEAR, ProbabilityFloor::default(), ConstantHistory::Undefined);
        assert_eq!(strict, Ok(EscScore::Undefined { reason: NoScore::ConstantHistory }));
    }

    #[test]
    fn probability_zero_without_a_floor() {
        let unfloored = |w1: &[f64], p: &[f64]| score(w1, p, &LINEAR, ProbabilityFloor::Unfloored);
        assert_eq!(unfloored(&[0.5], &[0.0, 0.5]), EscScore::Infinite);
        assert_eq!(unfloored(&[0.0], &[0.0, 0.0]), EscScore::Infinite);
        // Nothing moves where p is 0: 0 x ln 0 counts as 0.
        assert_eq!(unfloored(&[0.0, 0.5], &[0.0, 0.5, 0.1]), EscScore::Defined { value: -ln(0.5) });
        // p is 0 where the curve is.
        let late = WeightCurve::custom(|x| f64::from(x > 0.5));
        let found = score(&[0.5, 0.5], &[0.0, 0.5, 0.1], &late, ProbabilityFloor::Unfloored);
        assert_eq!(found, EscScore::Defined { value: -ln(0.5) });
        let denormal = unfloored(&[0.5], &[5e-324, 0.5]).value().unwrap();
        assert!((denormal - 744.440_071_921_381_3).abs() < 1e-10);
    }

    #[test]
    fn steep_weights_look_at_the_last_move() {
        let steep = WeightCurve::Exponential { alpha: 1e6 };
        let p = [0.5, 0.25, 0.125, 0.0625];
        let found = score(&[0.1, 0.1, 0.0], &p, &steep, ProbabilityFloor::default());
        assert_eq!(found, EscScore::Defined { value: -ln(0.25) });
        // w(1/3) / w(2/3) = e^{-α/3}, even where both are below any float.
        let alpha = 3.0 * 800.0;
        let found = score(
            &[1.0, (-800.0_f64).exp(), 0.0],
            &p,
            &WeightCurve::Exponential { alpha },
            ProbabilityFloor::default(),
        );
        assert_eq!(found, EscScore::Defined { value: -ln(0.5) }, "exp(-800) is 0: only one move");
        let nowhere = WeightCurve::custom(|_| 0.0);
        let found = score(&[0.1], &[0.5, 0.4], &nowhere, ProbabilityFloor::default());
        assert_eq!(found, EscScore::Undefined { reason: NoScore::NoWeight });
        let faint = WeightCurve::custom(|_| 1e-300);
        let found = score(&[0.1, 0.1], &[0.5, 0.5, 0.4], &faint, ProbabilityFloor::default());
        assert_eq!(found, EscScore::Defined { value: -ln(0.5) });
    }

    #[test]
    fn motion_at_no_cost_has_no_score() {
        // A pseudo-metric that does not tell two classes apart.
        let found = |p: &[f64], floor| score(&[0.0, 0.0], p, &LINEAR, floor);
        let free = EscScore::Undefined { reason: NoScore::FreeMotion };
        assert_eq!(found(&[0.25, 0.5, 0.75], ProbabilityFloor::default()), free);
        assert_eq!(found(&[0.5, 0.5, 0.75], ProbabilityFloor::default()), free);
        assert_eq!(found(&[0.5, 0.0, 0.5], ProbabilityFloor::Unfloored), free);
        let still = found(&[0.5, 0.500_05, 0.5], ProbabilityFloor::default());
        assert_eq!(still, EscScore::Defined { value: -ln(0.5) });
    }

    #[test]
    fn a_probability_above_1_does_not_make_it_negative() {
        let above = 1.0 + 0.9e-4;
        let moving = score(&[0.1, 0.1], &[above, above, 0.9], &LINEAR, ProbabilityFloor::default());
        assert_eq!(moving, EscScore::Defined { value: 0.0 });
        let still = score(&[0.0], &[above; 2], &LINEAR, ProbabilityFloor::default());
        assert_eq!(still, EscScore::Defined { value: 0.0 });
        let unfloored = score(&[0.1, 0.1], &[above, above, 0.9], &LINEAR, ProbabilityFloor::Unfloored);
        assert_eq!(unfloored, EscScore::Defined { value: 0.0 });
    }

    #[test]
    fn bad_floors_are_refused() {
        for floor in [0.0, -1.0, 1.5, f64::NAN] {
            let found = esc_score(
                &[0.0],
                &[0.5; 2],
                &LINEAR,
                ProbabilityFloor::At(floor),
                ConstantHistory::default(),
            );
            assert!(matches!(found, Err(EscError::Floor { .. })));
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn json_names_the_status() {
        let json = |score: EscScore| serde_json::to_string(&score).unwrap();
        assert_eq!(json(EscScore::Defined { value: 0.5 }), r#"{"status":"defined","value":0.5}"#);
        assert_eq!(json(EscScore::Infinite), r#"{"status":"infinite"}"#);
        let undefined = EscScore::Undefined { reason: NoScore::SingleStep };
        assert_eq!(json(undefined), r#"{"status":"undefined","reason":"single_step"}"#);
        assert_eq!(serde_json::from_str::<EscScore>(&json(undefined)).unwrap(), undefined);
    }

    proptest! {
        /// A weighted mean lies between its extremes, and equals the sum written out with `f64::ln`.
        #[test]
        fn between_the_extremes(
            steps in prop::collection::vec((0.001..1.0_f64, 0.0..1.0_f64), 2..60),
            alpha in -30.0..900.0_f64,
        ) {
            let p: Vec<f64> = steps.iter().map(|s| s.0).collect();
            let w1: Vec<f64> = steps[1..].iter().map(|s| s.1).collect();
            let curve = WeightCurve::Exponential { alpha };
            if let Some(value) = score(&w1, &p, &curve, ProbabilityFloor::default()).value() {
                let logs = || p[..w1.len()].iter().map(|p| -p.ln());
                prop_assert!(value >= logs().fold(f64::INFINITY, f64::min) * (1.0 - 1e-14));
                prop_assert!(value <= logs().fold(0.0, f64::max) * (1.0 + 1e-14));
                let weights: Vec<f64> = (0..w1.len())
                    .map(|i| (alpha / p.len() as f64 * (i as f64 + 1.0 - w1.len() as f64)).exp() * w1[i]
                        * (-alpha * (i + 1) as f64 / p.len() as f64).exp_m1().abs())
                    .collect();
                let direct = weights.iter().zip(logs()).map(|(w, l)| w * l).sum::<f64>() / weights.iter().sum::<f64>();
                prop_assert!((value / direct - 1.0).abs() < 1e-11);
            }
        }
    }
}
