//! All beginnings of a history in one pass, on tensors that can be differentiated.

use candle_core::Tensor;
use candle_nn::ops::sigmoid;

use super::batch::CascadeBatch;
use super::network::{Cascade, TrainPass};
use crate::attention::{mixed_rows, prefix_log_sum, previous_rows};
use crate::{Dropout, RecurrentState, Result, dropout_seed, prefix_attention};

/// Before the first step there is nothing: its weight is e to this.
const NOTHING: f32 = -1e30;
/// The attention's dropout masks of a seed, those of steps that have a next one and of steps that end a beginning; 1 and 2
/// are the head's.
const SETTLED_MASK: u64 = 0;
const NEWEST_MASK: u64 = 3;

impl Cascade {
    /// Logits `[sum of lengths, class]` after every step of every history, in training: for losses on whole histories. Each
    /// row is what [`forward_train`](Self::forward_train) gives for the history truncated there, but for the dropout masks
    /// and for the batch that batch normalization sees: here all rows are one batch. A step's attention units are dropped
    /// once for all beginnings that go on behind it, and, where the times are told, once more for the one that ends with
    /// it.
    ///
    /// A batch scaled [`PerObject`](crate::ScalingMode::PerObject) is scaled by its whole histories in every row.
    ///
    /// # Errors
    /// As [`forward_train`](Self::forward_train), with rows in the place of histories.
    pub fn forward_train_prefixes(&self, batch: &CascadeBatch, seed: u64) -> Result<TrainPass> {
        let contexts = self.prefix_contexts(batch, Some((self.dropout, seed)))?;
        let (logits, statistics) = self.head.forward_train(&contexts, seed)?;
        Ok(TrainPass { logits, statistics: self.name_statistics(statistics) })
    }

    /// Logits `[sum of lengths, class]` after every step of every history: what [`logits`](Self::logits) gives for each
    /// truncated one, unless the batch is scaled [`PerObject`](crate::ScalingMode::PerObject).
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn logits_prefixes(&self, batch: &CascadeBatch) -> Result<Tensor> {
        if batch.is_empty() {
            return self.logits(batch);
        }
        self.head.forward(&self.prefix_contexts(batch, None)?)
    }

    /// What the head gets after every step, `[sum of lengths, hidden]`.
    fn prefix_contexts(&self, batch: &CascadeBatch, dropout: Option<(Dropout, u64)>) -> Result<Tensor> {
        self.check_batch(batch)?;
        let lengths = batch.lengths();
        let rows = batch.tensor(self.device())?;
        let scores = |rows: &Tensor, mask| {
            let dropout = dropout.map(|(dropout, seed)| (dropout, dropout_seed(seed, 0, mask)));
            self.attention.scores_with(rows, dropout)
        };
        if !self.config().time_features {
            let states = self.lstm.forward(&rows, lengths, None)?;
            return prefix_attention(&scores(&states, SETTLED_MASK)?, &states, lengths);
        }
        // The chain goes through steps that know the time to their next one; from each of its states branches off a step
        // that does not know it.
        let states = self.lstm.states(&rows, lengths, None)?;
        let starts = states.tensors().iter().map(|states| previous_rows(states, lengths, 0.0));
        let starts = RecurrentState::from_tensors(starts.collect::<Result<_>>()?);
        let (newest, _) = batch.clone().split_last_column();
        let newest = Tensor::from_vec(newest, rows.shape(), self.device())?;
        let newest = self.lstm.forward(&newest, &vec![1; batch.n_rows()], Some(&starts))?;

        // The context of the steps before, and the newest step mixed in with its share of the softmax:
        //   z = c + σ(e - ln Σ exp(e_s)) (h - c)
        let settled = &states.tensors()[0];
        let settled_scores = scores(settled, SETTLED_MASK)?;
        let contexts = prefix_attention(&settled_scores, settled, lengths)?;
        let contexts = previous_rows(&contexts, lengths, 0.0)?;
        let log_sums = previous_rows(&prefix_log_sum(&settled_scores, lengths)?, lengths, NOTHING)?;
        let share = sigmoid(&(scores(&newest, NEWEST_MASK)? - log_sums)?)?;
        Ok(mixed_rows(&contexts, &newest, &share)?)
    }
}
