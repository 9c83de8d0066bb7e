//! What a cascade runs on to serve: all its weights packed for the vector kernels.

use super::head::ServingHead;
use super::network::Cascade;
use crate::recurrent::{PackedLayer, Vectors};
use crate::{AdditiveScorer, Result};

/// The packed parts of a [`Cascade`].
#[derive(Clone, Copy)]
pub(super) struct Kernels<'a> {
    pub(super) vectors: Vectors,
    pub(super) layer: &'a PackedLayer,
    pub(super) scorer: &'a AdditiveScorer,
    pub(super) head: &'a ServingHead,
}

impl Cascade {
    /// Runs something on the kernels.
    pub(super) fn with_kernels<R>(&self, run: impl FnOnce(Kernels<'_>) -> Result<R>) -> Result<R> {
        self.lstm.with_layers(|vectors, layers| {
            self.with_scorer(|scorer| {
                self.head.with_packed(vectors.isa(), |head| {
                    run(Kernels { vectors, layer: &layers[0], scorer, head })
                })?
            })
        })?
    }

    /// Scores of rows `[row, hidden]`.
    fn with_scorer<R>(&self, run: impl FnOnce(&AdditiveScorer) -> Result<R>) -> Result<R> {
        self.scorer.with(self.attention.tensors().into_iter(), || self.attention.scorer(), run)?
    }
}
