//! The score of one row, without tensors.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candle_nn::Linear;

use crate::oracle::Activation;
use crate::recurrent::Head;
use crate::{Error, Isa, Result};

/// The score function of an [`AdditiveAttention`](crate::AdditiveAttention) on plain numbers: a copy of its weights, packed
/// for the vector kernels.
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
#[derive(Debug, Clone)]
pub struct AdditiveScorer {
    hidden: usize,
    layers: Arc<Head>,
}

impl AdditiveScorer {
    /// From `weight` `[units, hidden]`, `bias` `[units]` and `v` `[1, units]`.
    pub(super) fn new(weight: &Tensor, bias: &Tensor, v: &Tensor, isa: Isa) -> Result<Self> {
        let hidden = weight.dim(1)?;
        let on_cpu = |tensor: &Tensor| tensor.to_device(&Device::Cpu);
        let units = (Linear::new(on_cpu(weight)?, Some(on_cpu(bias)?)), Activation::Tanh);
        let sum = (Linear::new(on_cpu(v)?, None), Activation::Linear);
        Ok(Self { hidden, layers: Arc::new(Head::pack(isa, &units, None, &[sum])?) })
    }

    /// The score of a row `h` `[hidden]`.
    ///
    /// # Errors
    /// [`Error::Config`] when the row has another width.
    pub fn score(&self, h: &[f32]) -> Result<f32> {
        if h.len() != self.hidden {
            return Err(Self::width_error(self.hidden.to_string(), h));
        }
        Ok(self.layers.run(1, 1, h, &[])[0])
    }

    /// The scores `[row]` of rows `[row, hidden]`, one after the other: each is what [`score`](Self::score) gives, to the
    /// last bit.
    ///
    /// # Errors
    /// [`Error::Config`] when they are no whole rows.
    pub fn scores(&self, rows: &[f32]) -> Result<Vec<f32>> {
        if !rows.len().is_multiple_of(self.hidden) {
            return Err(Self::width_error(format!("a multiple of {}", self.hidden), rows));
        }
        Ok(self.layers.run(rows.len() / self.hidden, 1, rows, &[]))
    }

    fn width_error(expected: String, found: &[f32]) -> Error {
        Error::Config { what: "width of an attended row", expected, found: found.len().to_string() }
    }
}
