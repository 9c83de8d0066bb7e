//! A whole history at once: one pass over its PMFs into columns, then windows from the columns.

use super::EscParams;
use super::path::Path;
use super::windows::{Steps, streak};
use crate::transport::unit;

/// Columns of a history, one value per step; kept from one history to the next for their memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    /// Distance from the step before; the first value stands for nothing.
    w1: Vec<f64>,
    p_true: Vec<f64>,
    p_top: Vec<f64>,
    /// The most probable class.
    labels: Vec<u32>,
    close: Steps,
    sure: Steps,
    broken: Steps,
}

impl Columns {
    /// Distances between consecutive PMFs.
    pub(super) fn w1(&self) -> &[f64] {
        self.w1.get(1..).unwrap_or_default()
    }

    /// Probabilities of the true class; empty where that is unknown.
    pub(super) fn p_true(&self) -> &[f64] {
        &self.p_true
    }

    /// Reads a history, `[step, class]` with at least one step, with distances of unit cost or those `given`. Ends as
    /// [`Path::step`] would, taken step by step.
    pub(super) fn read(
        &mut self,
        values: &[f64],
        n_classes: usize,
        true_class: Option<usize>,
        params: EscParams,
        given: Option<&[f64]>,
    ) -> Path {
        let n_steps = values.len() / n_classes;
        self.w1.resize(n_steps, 0.0);
        self.p_top.resize(n_steps, 0.0);
        self.p_true.resize(n_steps, 0.0);
        self.labels.resize(n_steps, 0);
        // Rows of known length unroll; the others run the same code.
        macro_rules! unrolled {
            ($($n:literal)*) => {
                match n_classes {
                    $($n => self.read_rows(values.as_chunks::<$n>().0.iter().map(|row| &row[..]), true_class, given),)*
                    _ => self.read_rows(values.chunks_exact(n_classes), true_class, given),
                }
            };
        }
        let total_motion = unrolled!(2 3 4 5 6 7 8);
        let labels = &self.labels[..];
        let label = labels[n_steps - 1];
        let k = params.k();
        self.close.mark_where(&self.w1, |w1| w1 <= params.epsilon());
        self.sure.mark_where(&self.p_top, |p| p >= params.rho());
        self.broken.mark_changes(labels);
        let top = streak(&self.close, Some(&self.broken), &self.sure, n_steps, k);
        let mut path = Path {
            n_steps,
            label: label as usize,
            label_since: self.broken.last().map_or(1, |step| step + 1),
            label_changes: self.broken.count(),
            total_motion,
            top,
            top_class: labels[top.tau.max(1) - 1] as usize,
            truth: super::fraction::Streak::default(),
            first_correct: 0,
        };
        match true_class {
            Some(class) => {
                self.sure.mark_where(&self.p_true, |p| p >= params.rho());
                path.truth = streak(&self.close, None, &self.sure, n_steps, k);
                let is_true = |label: &u32| *label as usize == class;
                path.first_correct = labels.iter().position(is_true).map_or(0, |step| step + 1);
            }
            None => self.p_true.clear(),
        }
        path
    }

    /// Fills the columns; gives the sum of the distances, added up in time order as a tracker does. The second loop carries
    /// nothing from step to step, and several steps run at once.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "specialized to the length of a row")]
    fn read_rows<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r [f64]> + Clone,
        true_class: Option<usize>,
        given: Option<&[f64]>,
    ) -> f64 {
        let Self { w1, p_top, p_true, labels, .. } = self;
        let mut total_motion = 0.0;
        w1[0] = 0.0;
        match given {
            Some(given) => {
                w1[1..].copy_from_slice(given);
                for w1 in given {
                    total_motion += w1;
                }
            }
            None => {
                for ((before, row), w1) in rows.clone().zip(rows.clone().skip(1)).zip(&mut w1[1..]) {
                    *w1 = unit(before, row);
                    total_motion += *w1;
                }
            }
        }
        for (((row, label), p_top), p_true) in rows.zip(labels).zip(p_top).zip(p_true) {
            // Without a truth any column will do.
            *p_true = row[true_class.unwrap_or(0).min(row.len() - 1)];
            (*label, *p_top) = first_argmax(row);
        }
        total_motion
    }
}

/// The class of the largest value, the first of several, and that value; as `argmax`, without a branch to mispredict.
#[inline(always)]
#[allow(clippy::inline_always, reason = "specialized to the length of a row")]
fn first_argmax(row: &[f64]) -> (u32, f64) {
    let (mut best, mut largest) = (0, row[0]);
    for (class, &value) in row.iter().enumerate().skip(1) {
        let larger = value > largest;
        best = if larger { class as u32 } else { best };
        largest = if larger { value } else { largest };
    }
    (best, largest)
}
