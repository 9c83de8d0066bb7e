//! Windows of classifications that hold, found 64 steps at a time.

use super::block::{BLOCK, LANES};
use super::fraction::Streak;

/// Marks of a block while it is read, each lane's steps in a word of its own: so they stay in one vector register.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Marks([u64; LANES]);

impl Marks {
    /// Marks those of the next steps, whose `bits` are given, of which something holds.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "takes the instruction set of its caller")]
    #[allow(clippy::needless_range_loop, reason = "lanes of three vectors at once")]
    pub(super) fn mark(&mut self, bits: [u64; LANES], holds: impl Fn(usize) -> bool) {
        for lane in 0..LANES {
            self.0[lane] |= if holds(lane) { bits[lane] } else { 0 };
        }
    }
}

/// One bit per step, from the lowest bit of the first word on; the bits past the last step are 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Steps(Vec<u64>);

impl Steps {
    /// Unmarks and forgets all steps.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds the next block, of which `n_steps` are steps.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "takes the instruction set of its caller")]
    pub(super) fn push(&mut self, marks: Marks, n_steps: usize) {
        let word = marks.0.into_iter().fold(0, |word, lane| word | lane);
        self.0.push(word & (!0 >> (BLOCK - n_steps)));
    }

    /// Unmarks the first step.
    pub(super) fn unmark_first(&mut self) {
        if let Some(word) = self.0.first_mut() {
            *word &= !1;
        }
    }

    /// Number of marked steps.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The last marked step, from 0.
    pub(super) fn last(&self) -> Option<usize> {
        let word = self.0.iter().rposition(|&word| word != 0)?;
        Some(word * 64 + self.0[word].ilog2() as usize)
    }

    /// The first marked step, from 0.
    pub(super) fn first(&self) -> Option<usize> {
        let word = self.0.iter().position(|&word| word != 0)?;
        Some(word * 64 + self.0[word].trailing_zeros() as usize)
    }

    fn get(&self, step: usize) -> bool {
        self.0[step / 64] >> (step % 64) & 1 == 1
    }
}

/// The streak at the last step, and the first step whose window holds: what [`Streak::step`] finds step by step.
///
/// `close`: steps that are close to the one before (the first one's bit is not read); `broken`: those that are another class
/// than the one before; `sure`: those with enough probability.
pub(super) fn streak(
    close: &Steps,
    broken: Option<&Steps>,
    sure: &Steps,
    n_steps: usize,
    k: usize,
) -> Streak {
    let joined = |word: usize| {
        let close = close.0[word] & !broken.map_or(0, |broken| broken.0[word]);
        close & sure.0[word] & if word == 0 { !1 } else { !0 }
    };
    // From the end: steps joined to the one before, and the one that they lead back to.
    let mut last = n_steps - 1;
    while last > 0 && joined(last / 64) >> (last % 64) & 1 == 1 {
        let word = joined(last / 64) << (63 - last % 64);
        last -= (word.leading_ones() as usize).min(last);
    }
    let length = n_steps - 1 - last + usize::from(sure.get(last));
    Streak { length, tau: first_window(joined, sure, k) }
}

/// The first step, from 1, that ends `k - 1` joined steps with a sure one before them; 0 without any.
fn first_window(joined: impl Fn(usize) -> u64, sure: &Steps, k: usize) -> usize {
    let n_joined = k - 1;
    if n_joined >= 64 {
        return first_long_window(joined, sure, k);
    }
    let (mut before_joined, mut before_sure) = (0, 0);
    for word in 0..sure.0.len() {
        let (now, sure) = (joined(word), sure.0[word]);
        // This word above the one before: shifts within 64 steps never leave the pair.
        let mut run = (u128::from(now) << 64) | u128::from(before_joined);
        let mut have = 1;
        while have < n_joined {
            let shift = have.min(n_joined - have);
            run &= run << shift;
            have += shift;
        }
        let starts = ((u128::from(sure) << 64) | u128::from(before_sure)) << n_joined;
        let holds = ((run & starts) >> 64) as u64;
        if holds != 0 {
            return word * 64 + holds.trailing_zeros() as usize + 1;
        }
        (before_joined, before_sure) = (now, sure);
    }
    0
}

/// The same for windows longer than a word, step by step.
fn first_long_window(joined: impl Fn(usize) -> u64, sure: &Steps, k: usize) -> usize {
    let mut streak = Streak::default();
    for step in 0..sure.0.len() * 64 {
        let close = joined(step / 64) >> (step % 64) & 1 == 1;
        streak.step(step + 1, close, sure.get(step), k);
        if streak.tau > 0 {
            break;
        }
    }
    streak.tau
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marks(column: &[f64], test: impl Fn(f64) -> bool) -> Steps {
        let mut steps = Steps::default();
        for values in column.chunks(BLOCK) {
            let mut marks = Marks::default();
            for (group, lanes) in values.chunks(LANES).enumerate() {
                let bits = std::array::from_fn(|lane| 1 << (group * LANES + lane));
                // Past the end everything holds, which must not be seen.
                marks.mark(bits, |lane| lanes.get(lane).is_none_or(|&x| test(x)));
            }
            steps.push(marks, values.len());
        }
        steps
    }

    #[test]
    fn marks_across_words() {
        let mut column = vec![0.0; 130];
        (column[3], column[64], column[129]) = (1.0, 1.0, 1.0);
        let found = marks(&column, |x| x > 0.0);
        assert_eq!((found.count(), found.first(), found.last()), (3, Some(3), Some(129)));
        assert!(found.get(64) && !found.get(63));
        let none = marks(&[0.0], |x| x > 0.0);
        assert_eq!((none.count(), none.first(), none.last()), (0, None, None));
    }

    proptest! {
        #[test]
        fn as_step_by_step(
            steps in prop::collection::vec((0..8_u8, 0..16_u8, 0..16_u8), 1..400),
            k in 2..150_usize,
            short in 2..12_usize,
        ) {
            let column = |read: fn(&(u8, u8, u8)) -> u8| steps.iter().map(|s| f64::from(read(s))).collect::<Vec<_>>();
            let (closes, sures, breaks) = (column(|s| s.0), column(|s| s.1), column(|s| s.2));
            let (close, sure) = (marks(&closes, |x| x > 0.0), marks(&sures, |x| x > 0.0));
            let broken = marks(&breaks, |x| x == 0.0);
            for k in [k, short] {
                let mut direct = Streak::default();
                for i in 0..steps.len() {
                    direct.step(i + 1, closes[i] > 0.0 && breaks[i] > 0.0, sures[i] > 0.0, k);
                }
                prop_assert_eq!(streak(&close, Some(&broken), &sure, steps.len(), k), direct);
            }
        }
    }
}
