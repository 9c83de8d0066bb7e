//! Weights in the kernels' order, made when they are needed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use candle_core::Tensor;

use crate::Result;

/// Packed weights: kept when the tensors they are made of cannot change, made anew each time when one is a variable.
pub(crate) struct Packed<T>(Arc<OnceLock<T>>);

impl<T> Packed<T> {
    pub(crate) fn with<'t, R>(
        &self,
        mut weights: impl Iterator<Item = &'t Tensor>,
        pack: impl FnOnce() -> Result<T>,
        run: impl FnOnce(&T) -> R,
    ) -> Result<R> {
        if weights.any(Tensor::track_op) {
            return Ok(run(&pack()?));
        }
        if let Some(packed) = self.0.get() {
            return Ok(run(packed));
        }
        let packed = pack()?;
        Ok(run(self.0.get_or_init(|| packed)))
    }
}

/// Whether they are there: their numbers are many, and say little.
impl<T> fmt::Debug for Packed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Packed(made)" } else { "Packed(not yet)" })
    }
}

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Packed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
