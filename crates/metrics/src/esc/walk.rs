//! A whole history at once: one pass over its PMFs into columns and marks, then windows from the marks.

use super::EscParams;
use super::block::{BLOCK, Block, LANES};
use super::fraction::Streak;
use super::path::Path;
use super::windows::{Marks, Steps, streak};

/// What is known of each step of a history; kept from one history to the next for its memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Walk {
    n_steps: usize,
    true_class: Option<usize>,
    /// Distance from the step before, 0 at the first and after the last.
    w1: Vec<[f64; LANES]>,
    /// The most probable class; after the last step that of the last.
    labels: Vec<[f64; LANES]>,
    /// Probability of the true class, or of class 0 without one; after the last step that of the last.
    p_true: Vec<[f64; LANES]>,
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
        self.w1.as_flattened().get(1..self.n_steps).unwrap_or_default()
    }

    /// Probabilities of the true class; empty where that is unknown.
    pub(super) fn p_true(&self) -> &[f64] {
        self.true_class.map_or(&[], |_| &self.p_true.as_flattened()[..self.n_steps])
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
            let w1 = self.w1.as_flattened_mut();
            w1[0] = 0.0;
            w1[1..n_steps].copy_from_slice(given);
            w1[n_steps..].fill(0.0);
        }
        let total_motion = read_lanes(self, values, n_classes, params, given.is_some());
        let top = streak(&self.close, Some(&self.broken), &self.sure, n_steps, params.k());
        let label = |step: usize| self.labels[step / LANES][step % LANES] as usize;
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
            first_correct: true_class.and_then(|_| self.right.first()).map_or(0, |step| step + 1),
        }
    }

    fn start(&mut self, values: &[f64], n_classes: usize, true_class: Option<usize>) -> usize {
        self.n_steps = values.len() / n_classes;
        self.true_class = true_class;
        let n_lanes = self.n_steps.div_ceil(LANES);
        for column in [&mut self.w1, &mut self.labels, &mut self.p_true] {
            column.resize(n_lanes, [0.0; LANES]);
        }
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
fn read_lanes(walk: &mut Walk, values: &[f64], n_classes: usize, params: EscParams, given: bool) -> f64 {
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
    let (epsilon, rho) = (params.epsilon(), params.rho());
    let true_class = walk.true_class.unwrap_or(0);
    let class = true_class as f64;
    let mut turned = walk.block.columns(n_classes);
    let mut total_motion = 0.0;
    let mut label_before = 0.0;
    let values = values.chunks(BLOCK * n_classes);
    let columns = walk.w1.chunks_mut(BLOCK / LANES);
    let columns =
        columns.zip(walk.labels.chunks_mut(BLOCK / LANES)).zip(walk.p_true.chunks_mut(BLOCK / LANES));
    for (values, ((w1, labels), p_true)) in values.zip(columns) {
        turned.fill(values);
        let [mut close, mut broken, mut sure, mut sure_of_truth, mut right] = [Marks::default(); 5];
        let mut bits = [1, 2, 4, 8];
        let lanes = w1.iter_mut().zip(labels).zip(p_true).zip((0..BLOCK).step_by(LANES));
        for (((w1, labels), p_true), at) in lanes {
            if !given {
                *w1 = turned.distances(at);
            }
            let (label, top) = turned.most_probable(at);
            *labels = label;
            *p_true = turned.class(true_class, at);
            // In time order, as a tracker adds them up; a chain of sums that hides behind the rest of this loop.
            for w1 in &*w1 {
                total_motion += w1;
            }
            close.mark(bits, |lane| w1[lane] <= epsilon);
            broken.mark(bits, |lane| label[lane] != if lane == 0 { label_before } else { label[lane - 1] });
            sure.mark(bits, |lane| top[lane] >= rho);
            sure_of_truth.mark(bits, |lane| p_true[lane] >= rho);
            right.mark(bits, |lane| label[lane] == class);
            label_before = label[LANES - 1];
            for bit in &mut bits {
                *bit <<= LANES;
            }
        }
        let n_steps = values.len() / n_classes;
        walk.close.push(close, n_steps);
        walk.broken.push(broken, n_steps);
        walk.sure.push(sure, n_steps);
        walk.sure_of_truth.push(sure_of_truth, n_steps);
        walk.right.push(right, n_steps);
    }
    // The first step has none before it.
    walk.broken.unmark_first();
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
                let motion = read_lanes(&mut chosen, &values, n_classes, params, false);
                let expected = read_rows(&mut portable, &values, n_classes, params, false);
                assert_eq!(motion.to_bits(), expected.to_bits());
                assert_eq!(chosen, portable);
            }
        }
    }
}
