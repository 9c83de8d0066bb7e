//! How well a score separates positives from negatives: area under the ROC curve, average precision.
//!
//! No full sort. The positives are sorted; every negative is then located among them by a table over the bits of the
//! score that leads to the right place within a few steps. One versus the rest of many classes, positives are few and
//! negatives nearly everything, and sorting all scores with their labels takes longer (`docs/performance.md`).

use super::error::{ScorecardError, check_finite, check_length};

/// At most 2¹⁶ buckets: their table still fits the second-level cache.
const MOST_BUCKET_BITS: u32 = 16;

/// Area under the ROC curve: the probability that a positive scores higher than a negative, ties counting half.
///
/// ```text
/// AUC = (#{s₊ > s₋} + ½ #{s₊ = s₋}) / (n₊ n₋)
/// ```
/// The pairs are counted in integers, without pairing: exact up to the final division (Mann & Whitney 1947; Hanley &
/// McNeil 1982). `None` without positives or without negatives.
///
/// # Errors
/// [`ScorecardError::Length`], [`ScorecardError::NotFinite`].
///
/// ```
/// use heliacal_metrics::scorecard::roc_auc;
///
/// // Pairs: 0.8 over 0.5 and 0.1, 0.5 ties with 0.5 and beats 0.1.
/// let auc = roc_auc(&[0.8, 0.5, 0.5, 0.1], &[true, true, false, false])?;
/// assert_eq!(auc, Some(3.5 / 4.0));
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
pub fn roc_auc(scores: &[f64], positive: &[bool]) -> Result<Option<f64>, ScorecardError> {
    check_labelled(scores, positive)?;
    Ok(Positives::new(labelled(scores, positive, true))
        .and_then(|positives| positives.against(labelled(scores, positive, false)).auc()))
}

/// Average precision: the mean precision over the positives, each at the threshold of its own score.
///
/// ```text
/// AP = Σ_n (R_n - R_{n-1}) P_n      over distinct thresholds, descending
/// ```
/// scikit-learn's definition: no interpolation, equal scores pass the threshold together. `None` without positives; 1
/// without negatives.
///
/// # Errors
/// [`ScorecardError::Length`], [`ScorecardError::NotFinite`].
///
/// ```
/// use heliacal_metrics::scorecard::average_precision;
///
/// // The first positive at precision 1, the second at 2/3.
/// let average = average_precision(&[0.8, 0.4, 0.35, 0.1], &[true, false, true, false])?;
/// assert!((average.unwrap() - 5.0 / 6.0).abs() < 1e-15);
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
pub fn average_precision(scores: &[f64], positive: &[bool]) -> Result<Option<f64>, ScorecardError> {
    check_labelled(scores, positive)?;
    Ok(Positives::new(labelled(scores, positive, true))
        .map(|positives| positives.against(labelled(scores, positive, false)).average_precision()))
}

pub(super) fn check_labelled(scores: &[f64], positive: &[bool]) -> Result<(), ScorecardError> {
    check_length("labels", scores.len(), positive.len())?;
    check_finite("score", scores)
}

pub(super) fn labelled(scores: &[f64], positive: &[bool], label: bool) -> impl Iterator<Item = f64> {
    scores.iter().zip(positive).filter(move |(_, is)| **is == label).map(|(score, _)| *score)
}

/// A number whose order is that of the scores; both zeros are one.
fn key(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    let negative = ((bits as i64) >> 63) as u64;
    bits ^ (negative | 1 << 63)
}

/// The scores of the positives, sorted, with a table to find a place among them.
pub(super) struct Positives {
    /// Distinct keys, ascending; at least one.
    keys: Vec<u64>,
    /// How many positives have each.
    counts: Vec<u64>,
    /// Keys of bucket `b` are `starts[b]..starts[b + 1]`; the bucket of a key is `(key - keys[0]) >> shift`.
    starts: Vec<u32>,
    shift: u32,
}

impl Positives {
    /// `None` of no score.
    pub(super) fn new(scores: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<u64> = scores.map(key).collect();
        sorted.sort_unstable();
        let (keys, counts): (Vec<u64>, Vec<u64>) =
            sorted.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as u64)).unzip();
        let (first, last) = (*keys.first()?, *keys.last()?);
        // Four buckets per key: most are empty or hold one.
        let bits = (4 * keys.len()).ilog2().min(MOST_BUCKET_BITS);
        let shift = (u64::BITS - (last - first).leading_zeros()).saturating_sub(bits);
        let mut starts = vec![0_u32; ((last - first) >> shift) as usize + 2];
        for key in &keys {
            starts[((key - first) >> shift) as usize + 1] += 1;
        }
        for bucket in 1..starts.len() {
            starts[bucket] += starts[bucket - 1];
        }
        Some(Self { keys, counts, starts, shift })
    }

    /// Where a score lies: `2i` just below distinct key `i`, `2i + 1` at it, `2m` above all `m`.
    fn slot(&self, score: f64) -> usize {
        let key = key(score);
        let (first, last) = (self.keys[0], self.keys[self.keys.len() - 1]);
        if key < first {
            return 0;
        }
        if key > last {
            return 2 * self.keys.len();
        }
        let bucket = ((key - first) >> self.shift) as usize;
        let (start, end) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        let place = start + self.keys[start..end].partition_point(|&other| other < key);
        2 * place + usize::from(self.keys[place] == key)
    }

    /// Locates negatives among the positives.
    pub(super) fn against(&self, negatives: impl Iterator<Item = f64>) -> Separation<'_> {
        let mut slots = vec![0; 2 * self.keys.len() + 1];
        negatives.for_each(|score| slots[self.slot(score)] += 1);
        Separation { counts: &self.counts, slots }
    }

    /// Locates the negatives among all scores, the positives included.
    pub(super) fn against_rest(&self, all: impl Iterator<Item = f64>) -> Separation<'_> {
        let mut separation = self.against(all);
        for (slot, count) in separation.slots[1..].iter_mut().step_by(2).zip(&self.counts) {
            *slot -= count;
        }
        separation
    }
}

/// A share of won pairs, and how many objects have it.
pub(super) type Placement = (f64, u64);

/// How negatives lie among positives.
pub(super) struct Separation<'a> {
    /// Positives by distinct score, ascending.
    counts: &'a [u64],
    /// Negatives below, at, below, at, ... and above those scores.
    slots: Vec<u64>,
}

impl Separation<'_> {
    pub(super) fn n_positive(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) fn n_negative(&self) -> u64 {
        self.slots.iter().sum()
    }

    /// `None` without negatives.
    pub(super) fn auc(&self) -> Option<f64> {
        // Twice the number of won pairs.
        let (mut below, mut doubled) = (0, 0_u128);
        for (count, slots) in self.counts.iter().zip(self.slots.chunks_exact(2)) {
            below += slots[0];
            doubled += u128::from(*count) * u128::from(2 * below + slots[1]);
            below += slots[1];
        }
        let pairs = u128::from(self.n_positive()) * u128::from(self.n_negative());
        (pairs > 0).then(|| doubled as f64 / (2 * pairs) as f64)
    }

    /// Share of the negatives that each positive beats and share of the positives that beat each negative, ties half, each
    /// with how often it occurs.
    pub(super) fn placements(&self) -> (Vec<Placement>, Vec<Placement>) {
        let (n_positive, n_negative) = (self.n_positive(), self.n_negative());
        let share = |doubled: u64, n: u64| doubled as f64 / (2 * n) as f64;
        let (mut wins, mut losses) = (Vec::new(), Vec::new());
        let (mut negatives, mut positives) = (0, 0);
        for (&count, slots) in self.counts.iter().zip(self.slots.chunks_exact(2)) {
            losses.push((share(2 * (n_positive - positives), n_positive), slots[0]));
            negatives += slots[0];
            wins.push((share(2 * negatives + slots[1], n_negative), count));
            losses.push((share(2 * (n_positive - positives) - count, n_positive), slots[1]));
            negatives += slots[1];
            positives += count;
        }
        losses.push((0.0, self.slots[2 * self.counts.len()]));
        (wins, losses)
    }

    pub(super) fn average_precision(&self) -> f64 {
        let (mut true_positives, mut false_positives) = (0, self.slots[2 * self.counts.len()]);
        let mut weighted = 0.0;
        for (count, slots) in self.counts.iter().zip(self.slots.chunks_exact(2)).rev() {
            true_positives += count;
            false_positives += slots[1];
            weighted += (count * true_positives) as f64 / (true_positives + false_positives) as f64;
            false_positives += slots[0];
        }
        weighted / true_positives as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every pair looked at.
    fn by_pairs(scores: &[f64], positive: &[bool]) -> Option<f64> {
        let (mut wins, mut pairs) = (0.0, 0.0);
        for (a, _) in scores.iter().zip(positive).filter(|(_, is)| **is) {
            for (b, _) in scores.iter().zip(positive).filter(|(_, is)| !**is) {
                wins += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
                pairs += 1.0;
            }
        }
        (pairs > 0.0).then(|| wins / pairs)
    }

    /// Every threshold looked at.
    fn by_thresholds(scores: &[f64], positive: &[bool]) -> Option<f64> {
        let n = positive.iter().filter(|is| **is).count() as f64;
        let mut thresholds = scores.to_vec();
        thresholds.sort_by(|a, b| b.total_cmp(a));
        thresholds.dedup();
        let (mut sum, mut recall) = (0.0, 0.0);
        for threshold in thresholds {
            let passed = scores.iter().zip(positive).filter(|(score, _)| **score >= threshold);
            let (all, right) = passed
                .fold((0.0, 0.0), |(all, right), (_, is)| (all + 1.0, right + f64::from(u8::from(*is))));
            sum += (right / n - recall) * right / all;
            recall = right / n;
        }
        (n > 0.0).then_some(sum)
    }

    fn any_labelled() -> impl Strategy<Value = Vec<(f64, bool)>> {
        let score = prop_oneof![
            (-3_i32..4).prop_map(|n| f64::from(n) / 2.0),
            0.0..1.0_f64,
            -1e300..1e300_f64,
            Just(-0.0),
            Just(f64::MIN_POSITIVE / 8.0),
        ];
        prop::collection::vec((score, any::<bool>()), 0..60)
    }

    proptest! {
        #[test]
        fn pairs_and_thresholds_agree(labelled in any_labelled()) {
            let (scores, positive): (Vec<f64>, Vec<bool>) = labelled.into_iter().unzip();
            prop_assert_eq!(roc_auc(&scores, &positive).unwrap(), by_pairs(&scores, &positive));
            match (average_precision(&scores, &positive).unwrap(), by_thresholds(&scores, &positive)) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-12, "{} {}", a, b),
                (a, b) => prop_assert_eq!(a, b),
            }
        }

        #[test]
        fn monotone_maps_change_nothing(labelled in prop::collection::vec((-20_i32..20, any::<bool>()), 0..80)) {
            let positive: Vec<bool> = labelled.iter().map(|(_, is)| *is).collect();
            let plain: Vec<f64> = labelled.iter().map(|(n, _)| f64::from(*n)).collect();
            let mapped: Vec<f64> = plain.iter().map(|x| (x / 5.0).exp() - 3.0).collect();
            prop_assert_eq!(roc_auc(&plain, &positive).unwrap(), roc_auc(&mapped, &positive).unwrap());
            let reversed: Vec<f64> = plain.iter().map(|x| -x).collect();
            if let Some(auc) = roc_auc(&plain, &positive).unwrap() {
                prop_assert!((roc_auc(&reversed, &positive).unwrap().unwrap() - (1.0 - auc)).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn edges() {
        assert_eq!(roc_auc(&[], &[]), Ok(None));
        assert_eq!(roc_auc(&[0.5], &[true]), Ok(None));
        assert_eq!(average_precision(&[0.5], &[false]), Ok(None));
        assert_eq!(average_precision(&[0.5], &[true]), Ok(Some(1.0)));
        assert_eq!(roc_auc(&[0.0, -0.0], &[true, false]), Ok(Some(0.5)));
        assert!(matches!(
            roc_auc(&[0.5, f64::NAN], &[true, false]),
            Err(ScorecardError::NotFinite { position: 1, .. })
        ));
        assert!(matches!(roc_auc(&[0.5], &[]), Err(ScorecardError::Length { .. })));
    }

    #[test]
    fn crowded_buckets() {
        // All positives but one within one bucket, negatives between them.
        let mut scores = vec![-1e300];
        scores.extend((0..2000).map(|i| 1.0 + f64::from(i) * 1e-12));
        let positive: Vec<bool> = (0..2001).map(|i| i % 2 == 0).collect();
        assert_eq!(roc_auc(&scores, &positive).unwrap(), by_pairs(&scores, &positive));
    }
}
