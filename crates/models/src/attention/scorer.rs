//! The score of one row, without tensors.

use super::tanh::tanh;
use crate::{Error, Result};

/// Units that are computed side by side, in registers.
const LANES: usize = 16;

/// The score function of an [`AdditiveAttention`](crate::AdditiveAttention) on plain numbers: a copy of its weights, laid
/// out for one row at a time.
///
/// Scores agree with [`scores`](crate::AdditiveAttention::scores) up to the rounding of sums in another order.
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_nn::VarBuilder;
/// use heliacal_models::{AdditiveAttention, AdditiveAttentionConfig, AttentionState, candle_core, candle_nn};
///
/// let zero = VarBuilder::zeros(DType::F32, &Device::Cpu);
/// let attention = AdditiveAttention::new(AdditiveAttentionConfig { hidden: 2, units: 4 }, zero)?;
/// let scorer = attention.scorer()?;
/// let mut state = AttentionState::new(2);
/// for h in [[1.0, 2.0], [3.0, 4.0]] {
///     state.push(scorer.score(&h)?, &h)?;
/// }
/// let mut context = [0.0; 2];
/// state.context(&mut context)?;
/// assert_eq!(context, [2.0, 3.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AdditiveScorer {
    hidden: usize,
    blocks: Vec<Block>,
}

/// [`LANES`] units; those beyond the last one are zero and add nothing.
#[derive(Debug, Clone, PartialEq)]
struct Block {
    /// `[hidden][LANES]`
    weight: Vec<[f32; LANES]>,
    bias: [f32; LANES],
    v: [f32; LANES],
}

impl AdditiveScorer {
    /// From `weight` `[units, hidden]`, `bias` `[units]` and `v` `[units]`.
    pub(super) fn new(weight: &[f32], bias: &[f32], v: &[f32]) -> Self {
        let hidden = weight.len() / v.len();
        let lanes = |numbers: &[f32], first: usize| -> [f32; LANES] {
            std::array::from_fn(|lane| numbers.get(first + lane).copied().unwrap_or(0.0))
        };
        let block = |first: usize| {
            let column = |k: usize| {
                std::array::from_fn(|lane| weight.get((first + lane) * hidden + k).copied().unwrap_or(0.0))
            };
            Block { weight: (0..hidden).map(column).collect(), bias: lanes(bias, first), v: lanes(v, first) }
        };
        Self { hidden, blocks: (0..v.len()).step_by(LANES).map(block).collect() }
    }

    /// The score of a row `h` `[hidden]`.
    ///
    /// # Errors
    /// [`Error::Config`] when the row has another width.
    pub fn score(&self, h: &[f32]) -> Result<f32> {
        if h.len() != self.hidden {
            return Err(Error::Config {
                what: "width of an attended row",
                expected: self.hidden.to_string(),
                found: h.len().to_string(),
            });
        }
        Ok(self.blocks.iter().map(|block| block.score(h)).sum())
    }
}

impl Block {
    fn score(&self, h: &[f32]) -> f32 {
        let mut u = self.bias;
        for (&h, weight) in h.iter().zip(&self.weight) {
            for lane in 0..LANES {
                u[lane] += h * weight[lane];
            }
        }
        let mut terms = [0.0; LANES];
        for lane in 0..LANES {
            terms[lane] = self.v[lane] * tanh(u[lane]);
        }
        terms.iter().sum()
    }
}
