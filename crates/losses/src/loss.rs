//! What all classification losses have in common.

use std::fmt::Debug;

use candle_core::Tensor;

use crate::{Labels, Result};

/// A differentiable loss of `[batch, width]` logits against the true classes.
///
/// Of losses behind one trait a training loop can choose by name: `Box<dyn Loss>`.
///
/// ```
/// use heliacal_losses::candle_core::{DType, Device, Tensor};
/// use heliacal_losses::{CrossEntropy, CrossEntropyOptions, Labels, Loss};
///
/// let loss: Box<dyn Loss> = Box::new(CrossEntropy::flat(4, &CrossEntropyOptions::default())?);
/// let logits = Tensor::zeros((2, 4), DType::F64, &Device::Cpu)?;
/// let mean = loss.forward(&logits, Labels::from(&[0, 3]))?.to_scalar::<f64>()?;
/// assert!((mean - 4f64.ln()).abs() < 1e-15);
/// # Ok::<(), heliacal_losses::Error>(())
/// ```
pub trait Loss: Debug + Send + Sync {
    /// Number of columns of the logits.
    fn n_logits(&self) -> usize;

    /// The loss of every object \[nat\], `[batch]`, for weights of one's own.
    ///
    /// # Errors
    /// [`Error`](crate::Error) when the logits are not `[batch, n_logits]` in `F32` or `F64`, or not of the number type
    /// and on the device of the tree's layout, when the batch is empty, when the labels are too few, too many or no
    /// classes, or when a weight is infinite in the number type.
    fn per_object(&self, logits: &Tensor, labels: Labels<'_>) -> Result<Tensor>;

    /// The mean over the objects of a batch \[nat\], a scalar.
    ///
    /// # Errors
    /// As [`per_object`](Self::per_object).
    fn forward(&self, logits: &Tensor, labels: Labels<'_>) -> Result<Tensor> {
        Ok(self.per_object(logits, labels)?.mean_all()?)
    }
}
