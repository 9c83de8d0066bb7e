//! A whole history at once: one pass over its PMFs into columns and marks, then windows from the marks.

use super::EscParams;
use super::block::{BLOCK, Block, LANES};
use super::fraction::Streak;
use super::path::Path;
use super::windows::{Steps, streak};
use crate::pmf::argmax;

/// What is known of each step of a history; kept from one history to the next for its memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Walk {
    n_steps: usize,
    true_class: Option<usize>,
    /// Distance from the step before, 0 at the first; whole blocks, with 0 from the last step to the end of its lanes.
    w1: Vec<f64>,
    /// Whole blocks too; what follows the last step stands for nothing.
    p_true: Vec<f64>,
    block: Block,
    /// Steps close to the one before.
    close: Steps,
    /// Steps whose most probable class is not that of the one before.
    broken: Steps,
    /// Steps sure of their most probable class.
    sure: Steps,
    /// Steps sure of the true class.
    sure_of_truth: Steps,
    /// Steps whose most probable class is the true one.
    right: Steps,
}

impl Walk {
    /// Distances between consecutive PMFs.
    pub(super) fn w1(&self) -> &[f64] {
        self.w1.get(1..self.n_steps).unwrap_or_default()
    }

    /// Probabilities of the true class; empty where that is unknown.
    pub(super) fn p_true(&self) -> &[f64] {
        self.true_class.map_or(&[], |_| &self.p_true[..self.n_steps])
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
        let n_steps = self.start(values, n_classes, true_class);
        if let Some(given) = given {
            self.w1[0] = 0.0;
            self.w1[1..n_steps].copy_from_slice(given);
            self.w1[n_steps..].fill(0.0);
        }
        let total_motion = read_blocks(self, values, n_classes, params, given.is_some());
        let top = streak(&self.close, Some(&self.broken), &self.sure, n_steps, params.k());
        let label = |step: usize| argmax(&values[step * n_classes..][..n_classes]);
        Path {
            n_steps,
            label: label(n_steps - 1),
            label_since: self.broken.last().map_or(1, |step| step + 1),
            label_changes: self.broken.count(),
            total_motion,
            top,
            top_class: label(top.tau.max(1) - 1),
            truth: match true_class {
                Some(_) => streak(&self.close, None, &self.sure_of_truth, n_steps, params.k()),
                None => Streak::default(),
            },
            first_correct: self.right.first().map_or(0, |step| step + 1),
        }
    }

    fn start(&mut self, values: &[f64], n_classes: usize, true_class: Option<usize>) -> usize {
        self.n_steps = values.len() / n_classes;
        self.true_class = true_class;
        let whole = self.n_steps.next_multiple_of(BLOCK);
        self.w1.resize(whole, 0.0);
        self.p_true.resize(whole, 0.0);
        self.block.start(&values[..n_classes]);
        let Self { close, broken, sure, sure_of_truth, right, .. } = self;
        for marks in [close, broken, sure, sure_of_truth, right] {
            marks.clear();
        }
        self.n_steps
    }
}

/// Fills columns and marks; gives the sum of the distances. Compiled for several instruction sets, with the same digits:
/// no operation is fused or reordered. Rows of known length unroll; the others run the same code.
#[cfg_attr(feature = "multiversion", multiversion::multiversion(targets("x86_64+avx2")))]
fn read_blocks(walk: &mut Walk, values: &[f64], n_classes: usize, params: EscParams, given: bool) -> f64 {
    macro_rules! unrolled {
        ($($n:literal)*) => {
            match n_classes {
                $($n => read_rows(walk, values, $n, params, given),)*
                _ => read_rows(walk, values, n_classes, params, given),
            }
        };
    }
    unrolled!(2 3 4 5 6 7 8)
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "specialized to the length of a row and to an instruction set")]
fn read_rows(walk: &mut Walk, values: &[f64], n_classes: usize, params: EscParams, given: bool) -> f64 {
    let mut total_motion = 0.0;
    let mut columns = walk.block.columns(n_classes);
    // The label of the step before, then those of the block; the first step has itself before it.
    let mut labels = [0.0; 1 + BLOCK];
    labels[BLOCK] = argmax(&values[..n_classes]) as f64;
    let (w1, _) = walk.w1.as_chunks_mut::<BLOCK>();
    let (p_true, _) = walk.p_true.as_chunks_mut::<BLOCK>();
    for ((values, w1), p_true) in values.chunks(BLOCK * n_classes).zip(w1).zip(p_true) {
        let n_steps = values.len() / n_classes;
        columns.fill(values);
        labels[0] = labels[BLOCK];
        let mut top = [0.0; BLOCK];
        for at in (0..BLOCK).step_by(LANES).take(n_steps.div_ceil(LANES)) {
            if !given {
                w1[at..][..LANES].copy_from_slice(&columns.distances(at));
            }
            let (label, p_top) = columns.most_probable(at);
            labels[1 + at..][..LANES].copy_from_slice(&label);
            top[at..][..LANES].copy_from_slice(&p_top);
            // In time order, as a tracker adds them up; a chain of sums that hides behind the rest of this loop.
            for w1 in &w1[at..][..LANES] {
                total_motion += w1;
            }
        }
        walk.close.mark_where(w1, n_steps, |w1| w1 <= params.epsilon());
        walk.sure.mark_where(&top, n_steps, |p| p >= params.rho());
        if let Some(true_class) = walk.true_class {
            *p_true = *columns.class(true_class);
            walk.sure_of_truth.mark_where(p_true, n_steps, |p| p >= params.rho());
            let labels = labels.last_chunk().expect("a block and the step before");
            walk.right.mark_where(labels, n_steps, |label| label == true_class as f64);
        }
        let changes = std::array::from_fn(|step| labels[step + 1] - labels[step]);
        walk.broken.mark_where(&changes, n_steps, |change| change != 0.0);
    }
    total_motion
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The portable code is what the dispatcher would choose on the least processor: inlined here, it is compiled for that.
    #[test]
    fn instruction_sets_agree_to_the_last_bit() {
        let params = EscParams::default();
        for n_classes in [1, 2, 3, 5, 8, 9, 26] {
            for n_steps in [1, 2, 63, 64, 65, 100, 131] {
                let values: Vec<f64> = (0..n_steps * n_classes)
                    .map(|i| ((i * i * 131 + i * 17) % 1009) as f64 / 1009.0)
                    .collect();
                let (mut chosen, mut portable) = (Walk::default(), Walk::default());
                chosen.start(&values, n_classes, Some(n_classes - 1));
                portable.start(&values, n_classes, Some(n_classes - 1));
                let motion = read_blocks(&mut chosen, &values, n_classes, params, false);
                let expected = read_rows(&mut portable, &values, n_classes, params, false);
                assert_eq!(motion.to_bits(), expected.to_bits());
                assert_eq!(chosen, portable);
            }
        }
    }
}
