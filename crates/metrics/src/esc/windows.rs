//! Windows of classifications that hold, found 64 steps at a time.

use super::fraction::Streak;

/// One bit per step, from the lowest bit of the first word on; the bits past the last step are 0.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps(Vec<u64>);

impl Steps {
    /// Marks the steps whose number passes a test, which NaN must not. Always 64 numbers, which the compiler does many at a
    /// time.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "specialized to the test")]
    pub(super) fn mark_where(&mut self, column: &[f64], test: impl Fn(f64) -> bool) {
        let word = |values: &[f64; 64]| {
            let mut bytes = [0_u8; 64];
            for (byte, &value) in bytes.iter_mut().zip(values) {
                *byte = u8::from(test(value));
            }
            pack(&bytes)
        };
        self.0.clear();
        let (whole, rest) = column.as_chunks::<64>();
        for values in whole {
            self.0.push(word(values));
        }
        if !rest.is_empty() {
            let mut values = [f64::NAN; 64];
            values[..rest.len()].copy_from_slice(rest);
            self.0.push(word(&values));
        }
    }

    /// Marks the steps whose label is not that of the one before.
    pub(super) fn mark_changes(&mut self, labels: &[u32]) {
        self.0.clear();
        let mut before = labels.first().copied().unwrap_or_default();
        for labels in labels.chunks(64) {
            let last = labels[labels.len() - 1];
            // The one before, then the labels, the last one repeated to the end: no change there.
            let mut row = [last; 65];
            row[0] = before;
            row[1..=labels.len()].copy_from_slice(labels);
            let mut bytes = [0_u8; 64];
            for i in 0..64 {
                bytes[i] = u8::from(row[i] != row[i + 1]);
            }
            before = last;
            self.0.push(pack(&bytes));
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

    fn get(&self, step: usize) -> bool {
        self.0[step / 64] >> (step % 64) & 1 == 1
    }
}

/// Bytes of 0 or 1 as bits, the first one lowest; of eight at a time each partial product lands in a place of its own.
fn pack(bytes: &[u8; 64]) -> u64 {
    let gather = |bytes: [u8; 8]| u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    let (eights, _) = bytes.as_chunks::<8>();
    eights.iter().rev().fold(0, |word, eight| (word << 8) | gather(*eight))
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

    #[test]
    fn changes_across_words() {
        let mut labels = vec![3; 130];
        labels[64..].fill(5);
        labels[129] = 3;
        let mut changes = Steps::default();
        changes.mark_changes(&labels);
        assert_eq!((changes.count(), changes.get(64), changes.last()), (2, true, Some(129)));
        changes.mark_changes(&[7]);
        assert_eq!((changes.count(), changes.last()), (0, None));
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
            let (mut close, mut sure, mut broken) = (Steps::default(), Steps::default(), Steps::default());
            close.mark_where(&closes, |x| x > 0.0);
            sure.mark_where(&sures, |x| x > 0.0);
            broken.mark_where(&breaks, |x| x == 0.0);
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
