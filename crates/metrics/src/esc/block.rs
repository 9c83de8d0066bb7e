//! 64 steps of a history, turned so that the steps of a class lie side by side and fill the vector registers.

use std::array;

/// Steps of a block: those of one word of marks.
pub(super) const BLOCK: usize = 64;
/// Steps that are worked on at once: one register of AVX2, two of SSE2 or NEON.
pub(super) const LANES: usize = 4;

/// The probabilities of a block, `[class][step]`, after those of the step before.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Block(Vec<[f64; 1 + BLOCK]>);

impl Block {
    /// Begins a history: its first step has itself before it.
    pub(super) fn start(&mut self, first: &[f64]) {
        self.0.resize(first.len(), [0.0; 1 + BLOCK]);
        for (column, &p) in self.0.iter_mut().zip(first) {
            column[BLOCK] = p;
        }
    }

    /// The columns; a number of classes that the caller knows unrolls what loops over them.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "specialized to the length of a row and to an instruction set")]
    pub(super) fn columns(&mut self, n_classes: usize) -> Columns<'_> {
        Columns(&mut self.0[..n_classes])
    }
}

/// A [`Block`] at work.
pub(super) struct Columns<'a>(&'a mut [[f64; 1 + BLOCK]]);

#[allow(clippy::inline_always, reason = "specialized to the length of a row and to an instruction set")]
impl Columns<'_> {
    /// Takes the next steps, at most a block of them, `[step, class]`. The last one is repeated until it fills the lanes: it
    /// moves nowhere.
    #[inline(always)]
    pub(super) fn fill(&mut self, values: &[f64]) {
        let n_classes = self.0.len();
        let n_steps = values.len() / n_classes;
        for column in &mut *self.0 {
            column[0] = column[BLOCK];
        }
        for (step, row) in (1..=BLOCK).zip(values.chunks_exact(n_classes)) {
            for (column, &p) in self.0.iter_mut().zip(row) {
                column[step] = p;
            }
        }
        for column in &mut *self.0 {
            let last = column[n_steps];
            column[1 + n_steps..=n_steps.next_multiple_of(LANES)].fill(last);
        }
    }

    /// The probabilities of a class, one per step.
    #[inline(always)]
    pub(super) fn class(&self, class: usize) -> &[f64; BLOCK] {
        self.0[class].last_chunk().expect("a block and the step before")
    }

    /// Distances of unit cost from the step before, of the steps from `at` on; digit for digit those of
    /// [`unit`](crate::transport::unit).
    #[inline(always)]
    pub(super) fn distances(&self, at: usize) -> [f64; LANES] {
        let mut sum = [0.0; LANES];
        for column in &*self.0 {
            let (before, now) = (&column[at..][..LANES], &column[at + 1..][..LANES]);
            for lane in 0..LANES {
                sum[lane] += (before[lane] - now[lane]).abs();
            }
        }
        sum.map(|sum| 0.5 * sum)
    }

    /// The class of the largest probability, the first of several, and that probability, as
    /// [`argmax`](crate::pmf::argmax). Classes are floats here, as wide as what they are chosen by.
    #[inline(always)]
    pub(super) fn most_probable(&self, at: usize) -> ([f64; LANES], [f64; LANES]) {
        let mut top: [f64; LANES] = array::from_fn(|lane| self.0[0][at + 1 + lane]);
        let mut label = [0.0; LANES];
        for (class, column) in self.0.iter().enumerate().skip(1) {
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
                    }
                }
                for (step, row) in rows.iter().enumerate() {
                    assert_eq!(columns.class(n_classes - 1)[step], row[n_classes - 1]);
                }
            }
        }
    }
}
