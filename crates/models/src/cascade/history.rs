//! All classifications of a history at the cost of one pass.

use candle_core::DType;
use rayon::prelude::*;

use super::batch::CascadeBatch;
use super::config::CascadeConfig;
use super::groups::group_size;
use super::head::softmax_rows;
use super::input::CascadeInput;
use super::kernels::Kernels;
use super::network::Cascade;
use crate::recurrent::{BeginRow, BeginSteps, FinishStep, Run, RunLate};
use crate::{AttentionState, CellKind, Error, LstmCell, Result};

/// Histories that go together through a network on a device without our kernels for the CPU.
const TOGETHER_ON_A_DEVICE: usize = 2048;

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

    /// [`predict_history`](Self::predict_history) for many objects, on all threads; the same numbers. Some memory, 10 MB for
    /// each thread at the paper's sizes and 256 MB at most, stays with the network and its clones for the next call.
    ///
    /// # Errors
    /// [`Error::History`] names an object whose history is not valid; [`Error::Candle`] when the device fails.
    pub fn predict_histories(&self, inputs: &[CascadeInput]) -> Result<Vec<Vec<f32>>> {
        // Objects of like length together, the longest first.
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(inputs[index].n_steps()));
        let together = group_size(inputs.len());
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
            self.probabilities(batch)?
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

    /// Class probabilities `[sum of lengths, class]` after every step, by the kernels.
    fn probabilities(&self, batch: CascadeBatch) -> Result<Vec<f32>> {
        let &CascadeConfig { hidden, time_features, n_classes, .. } = self.config();
        let lengths = batch.lengths().to_vec();
        let n_numbers = batch.n_rows() * hidden;
        let mut outputs = self.spare.take(if time_features { 2 * n_numbers } else { n_numbers });
        let (settled, newest) = outputs.split_at_mut(n_numbers);
        self.run_steps(batch, settled, newest)?;
        let newest = if time_features { &*newest } else { &*settled };

        let probabilities = self.with_kernels(|Kernels { scorer, head, .. }| {
            let settled_scores = scorer.scores(settled)?;
            let newest_scores = if time_features { scorer.scores(newest)? } else { settled_scores.clone() };
            let settled = settled_scores.iter().zip(settled.chunks_exact(hidden));
            let newest = newest_scores.iter().zip(newest.chunks_exact(hidden));
            let mut rows = settled.zip(newest);
            let mut probabilities = Vec::with_capacity(settled_scores.len() * n_classes);
            let mut contexts = Vec::new();
            for length in lengths {
                contexts.resize(length * hidden, 0.0);
                let mut attention = AttentionState::new(hidden);
                // The contexts first: they end, and nothing more of the rows is taken.
                let steps = contexts.chunks_exact_mut(hidden).zip(rows.by_ref());
                for (context, ((score, settled), (newest_score, newest))) in steps {
                    attention.peek(*newest_score, newest, context)?;
                    attention.push(*score, settled)?;
                }
                probabilities.extend(head.probabilities(length, &contexts));
            }
            Ok(probabilities)
        });
        self.spare.give([outputs]);
        probabilities
    }

    /// The LSTM's outputs `[sum of lengths, hidden]` after every step of a batch: of steps that know the time to their next
    /// one, and, if there are time features, of steps that do not.
    fn run_steps(&self, batch: CascadeBatch, settled: &mut [f32], newest: &mut [f32]) -> Result<()> {
        let &CascadeConfig { hidden, time_features, .. } = self.config();
        let lengths = batch.lengths().to_vec();
        let (rows, to_next) =
            if time_features { batch.split_last_column() } else { (batch.rows, Vec::new()) };
        if let [_] = lengths[..] {
            return self.run_alone(&rows, &to_next, settled, newest);
        }
        let late = RunLate { inputs: &to_next, provisional: newest };
        self.lstm.run_batch(Run {
            rows: &rows,
            lengths: &lengths,
            states: &mut vec![0.0; 2 * hidden * lengths.len()],
            outputs: Some(settled),
            memories: None,
            late: time_features.then_some(late),
        })
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
            for (step, (input, output)) in rows.chunks_exact(layer.input).zip(outputs).enumerate() {
                let (from_the_end, provisional) = (step % 2 == 1, newest.next());
                let begun = &mut [BeginRow { input, before, memory: &memory, sums: &mut sums, provisional }];
                vectors.run(BeginSteps { layer, rows: begun, from_the_end });
                let (sums, memory) = (&sums, &mut memory);
                let last_input = to_next.get(step).copied();
                vectors.run(FinishStep { layer, sums, last_input, memory, output: &mut *output });
                before = output;
            }
        })
    }
}
