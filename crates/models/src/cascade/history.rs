//! All classifications of a history at the cost of one pass.

use candle_core::DType;
use rayon::prelude::*;

use super::batch::CascadeBatch;
use super::config::CascadeConfig;
use super::head::softmax_rows;
use super::input::CascadeInput;
use super::network::Cascade;
use crate::recurrent::{BeginStep, FinishStep, Run, RunLate};
use crate::{AdditiveScorer, AttentionState, CellKind, Error, LstmCell, Result};

/// Histories that go through the network together: what the LSTM's kernels take at once.
const TOGETHER: usize = 24;

/// The same on a device without our kernels for the CPU.
const TOGETHER_ON_A_DEVICE: usize = 2048;

/// The steps of some histories behind the LSTM.
struct Steps {
    /// Outputs `[step, hidden]` of steps that know the time to their next one.
    settled: Vec<f32>,
    /// Outputs `[step, hidden]` of steps that do not; empty when there are no time features, and they are the same.
    newest: Vec<f32>,
}

impl Steps {
    fn newest(&self) -> &[f32] {
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
    /// [`Error::Config`] for a history without classifications or with columns of another size,
    /// [`Error::InvalidClassification`] for a number that is not finite or a time before the previous one, [`Error::Candle`]
    /// when the device fails.
    pub fn predict_history(&self, input: &CascadeInput) -> Result<Vec<f32>> {
        match self.predict_together(&[input]) {
            Ok(mut histories) => Ok(histories.swap_remove(0)),
            Err(Error::History { source, .. }) => Err(*source),
            Err(error) => Err(error),
        }
    }

    /// [`predict_history`](Self::predict_history) for many objects, on all threads; the same numbers.
    ///
    /// # Errors
    /// [`Error::History`] names an object whose history is not valid; [`Error::Candle`] when the device fails.
    pub fn predict_histories(&self, inputs: &[CascadeInput]) -> Result<Vec<Vec<f32>>> {
        // Objects of like length together, the longest first.
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(inputs[index].n_steps()));
        let together = inputs.len().div_ceil(rayon::current_num_threads()).clamp(1, TOGETHER);
        let predict = |group: &&[usize]| {
            let group: Vec<&CascadeInput> = group.iter().map(|&index| &inputs[index]).collect();
            self.predict_together(&group)
        };
        // A device takes many at once, and its work from one thread: each has a stream of its own, and nothing orders them.
        let (groups, found): (Vec<&[usize]>, Vec<_>) = if self.lstm.has_kernels() {
            let groups: Vec<_> = order.chunks(together).collect();
            let found = groups.par_iter().map(predict).collect();
            (groups, found)
        } else {
            let groups: Vec<_> = order.chunks(TOGETHER_ON_A_DEVICE).collect();
            let found = groups.iter().map(predict).collect();
            (groups, found)
        };
        let mut histories = vec![Vec::new(); inputs.len()];
        for (group, found) in groups.iter().zip(found) {
            let found = found.map_err(|error| match error {
                Error::History { index, source } => Error::History { index: group[index], source },
                error => error,
            });
            for (&index, history) in group.iter().zip(found?) {
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
        let steps = self.run_steps(batch)?;
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

    /// The LSTM's outputs after every step of a batch.
    fn run_steps(&self, batch: CascadeBatch) -> Result<Steps> {
        let &CascadeConfig { hidden, time_features, .. } = self.config();
        let lengths = batch.lengths().to_vec();
        let n_numbers = batch.n_rows() * hidden;
        let mut settled = vec![0.0; n_numbers];
        let mut newest = vec![0.0; if time_features { n_numbers } else { 0 }];
        let (rows, to_next) =
            if time_features { batch.split_last_column() } else { (batch.rows, Vec::new()) };
        if let [_] = lengths[..] {
            self.run_alone(&rows, &to_next, &mut settled, &mut newest)?;
        } else {
            let late = RunLate { inputs: &to_next, provisional: &mut newest };
            self.lstm.run_batch(Run {
                rows: &rows,
                lengths: &lengths,
                states: &mut vec![0.0; 2 * hidden * lengths.len()],
                outputs: Some(&mut settled),
                memories: None,
                late: time_features.then_some(late),
            })?;
        }
        Ok(Steps { settled, newest })
    }

    /// [`run_steps`](Self::run_steps) of one history, as a stream goes through it: the same numbers in less time.
    fn run_alone(
        &self,
        rows: &[f32],
        to_next: &[f32],
        settled: &mut [f32],
        newest: &mut [f32],
    ) -> Result<()> {
        let hidden = self.config().hidden;
        let (mut memory, mut sums) = (vec![0.0; hidden], vec![0.0; LstmCell::GATES * hidden]);
        let mut newest = newest.chunks_exact_mut(hidden);
        self.lstm.with_layers(|vectors, layers| {
            let layer = &layers[0];
            let nothing = vec![0.0; hidden];
            let mut before = &nothing[..];
            let outputs = settled.chunks_exact_mut(hidden);
            for (step, (row, output)) in rows.chunks_exact(layer.input).zip(outputs).enumerate() {
                let (memory, sums) = (&mut memory, &mut sums);
                let (provisional, from_the_end) = (newest.next(), step % 2 == 1);
                vectors.run(BeginStep { layer, row, before, memory, sums, provisional, from_the_end });
                let last_input = to_next.get(step).copied();
                vectors.run(FinishStep { layer, sums, last_input, memory, output: &mut *output });
                before = output;
            }
        })
    }

    /// Scores of rows `[row, hidden]`.
    pub(super) fn with_scorer<R>(&self, run: impl FnOnce(&AdditiveScorer) -> Result<R>) -> Result<R> {
        self.scorer.with(self.attention.tensors().into_iter(), || self.attention.scorer(), run)?
    }
}
