//! All classifications of a history at the cost of one pass.

use candle_core::DType;
use rayon::prelude::*;

use super::batch::CascadeBatch;
use super::head::softmax_rows;
use super::input::CascadeInput;
use super::network::Cascade;
use crate::recurrent::{Run, RunLate};
use crate::{AdditiveScorer, AttentionState, Result};

/// Histories that go through the network together: what the LSTM's kernels take at once.
const TOGETHER: usize = 24;

/// The steps of some histories behind the LSTM.
pub(super) struct Steps {
    /// Outputs `[step, hidden]` of steps that know the time to their next one.
    pub(super) settled: Vec<f32>,
    /// Outputs `[step, hidden]` of steps that do not; empty when there are no time features, and they are the same.
    pub(super) newest: Vec<f32>,
}

impl Steps {
    pub(super) fn newest(&self) -> &[f32] {
        if self.newest.is_empty() { &self.settled } else { &self.newest }
    }
}

impl Cascade {
    /// Class probabilities `[step, class]`, row-major, after each of the first `max_steps` classifications of an object:
    /// for each step what the network gives for the history truncated there, and, to the last bit, what a
    /// [`CascadeStream`](crate::CascadeStream) gives when the steps arrive one by one.
    ///
    /// The cost is one pass of the LSTM. All its products are shared between the step that does not know the time to the
    /// next one, which is classified, and the step that does, which goes on.
    ///
    /// With [`ScalingMode::PerObject`](crate::ScalingMode::PerObject) all steps are scaled by the whole history, and a
    /// truncated one would give other numbers.
    ///
    /// # Errors
    /// As [`CascadeBatch::new`]; [`Error::Candle`](crate::Error::Candle) when the device fails.
    pub fn predict_history(&self, input: &CascadeInput) -> Result<Vec<f32>> {
        Ok(self.predict_together(&[input])?.swap_remove(0))
    }

    /// [`predict_history`](Self::predict_history) for many objects, on all threads; the same numbers.
    ///
    /// # Errors
    /// Those of [`predict_history`](Self::predict_history) for one of the objects.
    pub fn predict_histories(&self, inputs: &[CascadeInput]) -> Result<Vec<Vec<f32>>> {
        // Objects of like length together, the longest first.
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(inputs[index].n_steps()));
        let together = inputs.len().div_ceil(rayon::current_num_threads()).clamp(1, TOGETHER);
        let groups: Vec<&[usize]> = order.chunks(together).collect();
        let found = groups.par_iter().map(|group| {
            let group: Vec<&CascadeInput> = group.iter().map(|&index| &inputs[index]).collect();
            self.predict_together(&group)
        });
        let mut histories = vec![Vec::new(); inputs.len()];
        for (group, found) in groups.iter().zip(found.collect::<Result<Vec<_>>>()?) {
            for (&index, history) in group.iter().zip(found) {
                histories[index] = history;
            }
        }
        Ok(histories)
    }

    fn predict_together(&self, inputs: &[&CascadeInput]) -> Result<Vec<Vec<f32>>> {
        let batch = CascadeBatch::new(self.config(), self.scaling(), inputs)?;
        let lengths = batch.lengths().to_vec();
        let probabilities = if self.lstm.has_kernels() {
            let n_rows = batch.n_rows();
            let contexts = self.contexts(batch)?;
            self.head.probabilities(self.lstm.isa(), n_rows, &contexts)?
        } else {
            let logits = self.logits_prefixes(&batch)?.flatten_all()?;
            let mut rows = logits.to_dtype(DType::F32)?.to_vec1()?;
            softmax_rows(&mut rows, batch.n_rows());
            rows
        };
        let mut rest = &probabilities[..];
        let history = |length: usize| {
            let (history, later) = rest.split_at(length * self.config().n_classes);
            rest = later;
            history.to_vec()
        };
        Ok(lengths.into_iter().map(history).collect())
    }

    /// What the head gets after every step, `[sum of lengths, hidden]`, by the kernels.
    fn contexts(&self, batch: CascadeBatch) -> Result<Vec<f32>> {
        let hidden = self.config().hidden;
        let lengths = batch.lengths().to_vec();
        let mut states = vec![0.0; 2 * hidden * lengths.len()];
        let steps = self.run_steps(batch, &mut states, None)?;
        let (settled_scores, newest_scores) = self.with_scorer(|scorer| {
            let settled = scorer.scores(&steps.settled)?;
            let newest =
                if steps.newest.is_empty() { settled.clone() } else { scorer.scores(&steps.newest)? };
            Ok((settled, newest))
        })?;
        let mut contexts = vec![0.0; steps.settled.len()];
        let settled = settled_scores.iter().zip(steps.settled.chunks_exact(hidden));
        let newest = newest_scores.iter().zip(steps.newest().chunks_exact(hidden));
        let mut rows = settled.zip(newest).zip(contexts.chunks_exact_mut(hidden));
        for length in lengths {
            let mut attention = AttentionState::new(hidden);
            for (((score, h), (newest_score, newest)), context) in rows.by_ref().take(length) {
                attention.peek(*newest_score, newest, context)?;
                attention.push(*score, h)?;
            }
        }
        Ok(contexts)
    }

    /// Moves the LSTM's states `[sequence, (output, memory), hidden]` over the steps of a batch. `memories`, if wanted, gets
    /// the cell states `[step, hidden]` of the steps that know the time to their next one.
    pub(super) fn run_steps(
        &self,
        batch: CascadeBatch,
        states: &mut [f32],
        memories: Option<&mut [f32]>,
    ) -> Result<Steps> {
        let n_numbers = batch.n_rows() * self.config().hidden;
        let lengths = batch.lengths().to_vec();
        let mut settled = vec![0.0; n_numbers];
        let mut newest = vec![0.0; if self.config().time_features { n_numbers } else { 0 }];
        let (rows, to_next) =
            if newest.is_empty() { (batch.rows, Vec::new()) } else { batch.split_last_column() };
        let late = RunLate { inputs: &to_next, provisional: &mut newest };
        self.lstm.run_batch(Run {
            rows: &rows,
            lengths: &lengths,
            states,
            outputs: Some(&mut settled),
            memories,
            late: self.config().time_features.then_some(late),
        })?;
        Ok(Steps { settled, newest })
    }

    /// Scores of rows `[row, hidden]`.
    pub(super) fn with_scorer<R>(&self, run: impl FnOnce(&AdditiveScorer) -> Result<R>) -> Result<R> {
        self.scorer.with(self.attention.tensors().into_iter(), || self.attention.scorer(), run)?
    }
}
