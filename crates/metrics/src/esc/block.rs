//! 64 steps of a history, turned so that the steps of a class lie side by side and fill the vector registers.

use std::array;

/// Steps of a block: those of one word of marks.
pub(super) const BLOCK: usize = 64;
/// Steps that are worked on at once: one register of AVX2, two of SSE2 or NEON.
pub(super) const LANES: usize = 4;

/// The probabilities of a block, `[class][step]`, after those of the step before.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Block {
    columns: Vec<[f64; 1 + BLOCK]>,
    /// The last steps of a history that ends within the lanes.
    rest: Vec<f64>,
}

impl Block {
    /// Begins a history: its first step has itself before it.
    pub(super) fn start(&mut self, first: &[f64]) {
        self.columns.resize(first.len(), [0.0; 1 + BLOCK]);
        for (column, &p) in self.columns.iter_mut().zip(first) {
            column[BLOCK] = p;
        }
    }

    /// The columns; a number of classes that the caller knows unrolls what loops over them.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "specialized to the length of a row and to an instruction set")]
    pub(super) fn columns(&mut self, n_classes: usize) -> Columns<'_> {
        Columns { columns: &mut self.columns[..n_classes], rest: &mut self.rest }
    }
}

/// A [`Block`] at work.
pub(super) struct Columns<'a> {
    columns: &'a mut [[f64; 1 + BLOCK]],
    rest: &'a mut Vec<f64>,
}

/// No probability is as large.
const TOO_LARGE: f64 = 2.0;

#[allow(clippy::inline_always, reason = "specialized to the length of a row and to an instruction set")]
impl Columns<'_> {
    /// Takes the next steps, at most a block of them, `[step, class]`. The last one is repeated until it fills the lanes: it
    /// moves nowhere.
    ///
    /// What goes into memory number by number is what this crate's one pass over a history waits for longest. A comparison
    /// that no probability fails gives the compiler something to do with whole lanes, and so it writes them whole. The
    /// repetition stays within the loop, which keeps it from taking many rows at once, last ones first: they would come
    /// late from memory.
    #[inline(always)]
    pub(super) fn fill(&mut self, values: &[f64]) {
        let n_classes = self.columns.len();
        for column in &mut *self.columns {
            column[0] = column[BLOCK];
        }
        for (group, rows) in (0..BLOCK / LANES).zip(values.chunks(LANES * n_classes)) {
            let rows =
                if rows.len() < LANES * n_classes { repeat_last(rows, n_classes, self.rest) } else { rows };
            let rows = &rows[..LANES * n_classes];
            for (class, column) in self.columns.iter_mut().enumerate() {
                let p = |lane: usize| {
                    let p = rows[lane * n_classes + class];
                    if p < TOO_LARGE { p } else { TOO_LARGE }
                };
                column[1 + group * LANES..][..LANES].copy_from_slice(&[p(0), p(1), p(2), p(3)]);
            }
        }
    }

    /// The probabilities of a class, of the steps from `at` on.
    #[inline(always)]
    pub(super) fn class(&self, class: usize, at: usize) -> [f64; LANES] {
        array::from_fn(|lane| self.columns[class][at + 1 + lane])
    }

    /// Distances of unit cost from the step before, of the steps from `at` on; digit for digit those of
    /// [`unit`](crate::transport::unit).
    #[inline(always)]
    pub(super) fn distances(&self, at: usize) -> [f64; LANES] {
        let mut sum = [0.0; LANES];
        for column in &*self.columns {
            let (before, now) = (&column[at..][..LANES], &column[at + 1..][..LANES]);
            for lane in 0..LANES {
                sum[lane] += (before[lane] - now[lane]).abs();
            }
        }
        for sum in &mut sum {
            *sum *= 0.5;
        }
        sum
    }

    /// The class of the largest probability, the first of several, and that probability, as
    /// [`argmax`](crate::pmf::argmax). Classes are floats here, as wide as what they are chosen by.
    #[inline(always)]
    pub(super) fn most_probable(&self, at: usize) -> ([f64; LANES], [f64; LANES]) {
        let mut top = self.class(0, at);
        let mut label = [0.0; LANES];
        for (class, column) in self.columns.iter().enumerate().skip(1) {
            let p = &column[at + 1..][..LANES];
            for lane in 0..LANES {
                let larger = p[lane] > top[lane];
                label[lane] = if larger { class as f64 } else { label[lane] };
                top[lane] = if larger { p[lane] } else { top[lane] };
            }
        }
        (label, top)
    }
}

/// Fewer rows than lanes, with copies of the last one.
fn repeat_last<'a>(rows: &[f64], n_classes: usize, whole: &'a mut Vec<f64>) -> &'a [f64] {
    whole.clear();
    whole.extend_from_slice(rows);
    while whole.len() < LANES * n_classes {
        whole.extend_from_within(whole.len() - n_classes..);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pmf::argmax;
    use crate::transport::unit;

    #[test]
    fn turned_rows_are_the_rows() {
        for n_classes in [1, 2, 5, 19] {
            for n_steps in [1, 3, 4, 63, 64] {
                let value = |i: usize| f64::from(i as u32 * 37 % 11) / 13.0;
                let values: Vec<f64> = (0..n_steps * n_classes).map(value).collect();
                let rows: Vec<&[f64]> = values.chunks(n_classes).collect();
                let mut block = Block::default();
                block.start(rows[0]);
                let mut columns = block.columns(n_classes);
                columns.fill(&values);
                for at in (0..n_steps).step_by(LANES) {
                    let (w1, (label, top)) = (columns.distances(at), columns.most_probable(at));
                    for lane in 0..LANES {
                        // Past the end, the last step again.
                        let row = rows[(at + lane).min(n_steps - 1)];
                        let before = rows[(at + lane).saturating_sub(1).min(n_steps - 1)];
                        assert_eq!(w1[lane], unit(before, row));
                        assert_eq!((label[lane], top[lane]), (argmax(row) as f64, row[argmax(row)]));
                        assert_eq!(columns.class(n_classes - 1, at)[lane], row[n_classes - 1]);
                    }
                }
            }
        }
    }
}
