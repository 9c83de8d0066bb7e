//! Attention that grows by one step at a time: the running softmax.

use serde::{Deserialize, Serialize};

use super::real::Real;
use crate::{Error, Result};

/// Takes one more step into a running softmax.
///
/// ```text
/// m' = max(m, e)     s' = s exp(m - m') + exp(e - m')     a' = a exp(m - m') + h exp(e - m')
/// ```
///
/// after which the context is a' / s' (Milakov and Gimelshein 2018, arXiv 1805.02867, algorithm 3, with the weighted sum
/// carried along).
pub(super) fn include<T: Real>(max: &mut T, sum: &mut T, weighted: &mut [T], score: T, h: &[T]) {
    // A score of NaN is not larger than anything; it reaches the sum through its weight.
    let new_max = if score > *max { score } else { *max };
    let scale = (*max - new_max).exponential();
    let weight = (score - new_max).exponential();
    *max = new_max;
    *sum = *sum * scale + weight;
    for (a, &h) in weighted.iter_mut().zip(h) {
        *a = *a * scale + h * weight;
    }
}

/// The context of a running softmax.
pub(super) fn divide<T: Real>(weighted: &mut [T], sum: T) {
    let inverse = T::ONE / sum;
    for a in weighted {
        *a *= inverse;
    }
}

/// Attention over a sequence that is still arriving: push a score and its row, get the context of all steps so far, each
/// in O(width).
///
/// Its contexts are those of [`prefix_attention`](crate::prefix_attention) on the same scores and rows, to the last bit.
/// It serializes to plain numbers and is checked when it is read back. NaN in a score or a row stays in the state; such a
/// state cannot come back from JSON, which has no NaN.
///
/// ```
/// use heliacal_models::AttentionState;
///
/// let mut state = AttentionState::new(2);
/// state.push(0.0, &[1.0, 2.0])?;
/// let mut context = [0.0; 2];
/// state.peek(0.0, &[3.0, 4.0], &mut context)?;
/// assert_eq!(context, [2.0, 3.0]); // equal scores: the mean
/// state.context(&mut context)?;
/// assert_eq!(context, [1.0, 2.0]); // nothing was kept
///
/// let stored = serde_json::to_string(&state)?;
/// assert_eq!(serde_json::from_str::<AttentionState>(&stored)?, state);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct AttentionState {
    max: f32,
    sum: f32,
    weighted: Vec<f32>,
}

impl AttentionState {
    /// The state before any step, of rows of `width` numbers.
    pub fn new(width: usize) -> Self {
        Self { max: f32::LOWEST, sum: 0.0, weighted: vec![0.0; width] }
    }

    /// Length of a row and of the context.
    pub fn width(&self) -> usize {
        self.weighted.len()
    }

    /// Whether there was no step yet, or only steps of weight 0 (score -inf).
    pub fn is_empty(&self) -> bool {
        self.sum == 0.0
    }

    /// Takes the next step: its score and its row `h` `[width]`.
    ///
    /// # Errors
    /// [`Error::StreamState`] when the row has another width; the state is then as it was.
    pub fn push(&mut self, score: f32, h: &[f32]) -> Result<()> {
        self.check_width("numbers in its attention", h.len())?;
        include(&mut self.max, &mut self.sum, &mut self.weighted, score, h);
        Ok(())
    }

    /// Writes the context `[width]` of the steps so far.
    ///
    /// # Errors
    /// [`Error::StreamState`] when `context` has another width, [`Error::Config`] when the state is empty.
    pub fn context(&self, context: &mut [f32]) -> Result<()> {
        self.check_width("numbers in its context", context.len())?;
        if self.is_empty() {
            return Err(Error::Config {
                what: "number of attended steps",
                expected: "at least 1".into(),
                found: "0".into(),
            });
        }
        context.copy_from_slice(&self.weighted);
        divide(context, self.sum);
        Ok(())
    }

    /// Writes the context `[width]` of the steps so far and one more, which is not kept: the numbers that
    /// [`push`](Self::push) and [`context`](Self::context) would give.
    ///
    /// # Errors
    /// [`Error::StreamState`] when `h` or `context` has another width.
    pub fn peek(&self, score: f32, h: &[f32], context: &mut [f32]) -> Result<()> {
        self.check_width("numbers in its attention", h.len())?;
        self.check_width("numbers in its context", context.len())?;
        let (mut max, mut sum) = (self.max, self.sum);
        context.copy_from_slice(&self.weighted);
        include(&mut max, &mut sum, context, score, h);
        divide(context, sum);
        Ok(())
    }

    fn check_width(&self, what: &'static str, found: usize) -> Result<()> {
        let expected = self.width();
        if found == expected { Ok(()) } else { Err(Error::StreamState { what, expected, found }) }
    }
}

/// What is stored, before it is known to be a state.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    max: f32,
    sum: f32,
    weighted: Vec<f32>,
}

impl TryFrom<Unchecked> for AttentionState {
    type Error = InvalidAttentionState;

    fn try_from(Unchecked { max, sum, weighted }: Unchecked) -> Result<Self, InvalidAttentionState> {
        if !max.is_finite() {
            return Err(InvalidAttentionState::Max { found: max });
        }
        // The step of the largest score has weight 1, exactly.
        if !(sum == 0.0 || (1.0..f32::INFINITY).contains(&sum)) {
            return Err(InvalidAttentionState::Sum { found: sum });
        }
        let out_of_place = |x: &f32| !x.is_finite() || (sum == 0.0 && *x != 0.0);
        if let Some(index) = weighted.iter().position(out_of_place) {
            return Err(InvalidAttentionState::Weighted { index, found: weighted[index] });
        }
        Ok(Self { max, sum, weighted })
    }
}

/// Why stored numbers are no [`AttentionState`].
#[derive(Debug, thiserror::Error)]
enum InvalidAttentionState {
    #[error("the largest score of an attention state is {found}, expected a finite number")]
    Max { found: f32 },
    #[error("the sum of an attention state is {found}, expected 0 or a finite number of at least 1")]
    Sum { found: f32 },
    #[error(
        "number {index} of an attention state's weighted sum is {found}, expected a finite one, 0 without steps"
    )]
    Weighted { index: usize, found: f32 },
}
