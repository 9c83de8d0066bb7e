//! Random numbers that are the same everywhere and for ever.

/// The generator SplitMix64 (Steele, Lea and Flood 2014, OOPSLA, figure 16).
///
/// ```text
/// s ← s + 0x9E3779B97F4A7C15
/// z ← (s ⊕ s>>30) · 0xBF58476D1CE4E5B9;   z ← (z ⊕ z>>27) · 0x94D049BB133111EB;   out z ⊕ z>>31
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

/// 2^64 / golden ratio, odd.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// What random numbers are for: each purpose has its own sequence, so that a change to one leaves the others.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Weights = 1,
    Split,
    Cap,
    Epoch,
    Dropout,
}

impl Random {
    fn from_state(state: u64) -> Self {
        Self { state }
    }

    /// The sequence of a seed, for a purpose and an index, such as an epoch.
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut mixed = Self::from_state(seed).next_u64();
        for word in [purpose as u64, index] {
            mixed = Self::from_state(mixed ^ word).next_u64();
        }
        Self::from_state(mixed)
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let next = self.nth(0);
        self.state = self.state.wrapping_add(STEP);
        next
    }

    /// The random bits after `n` others, in one leap: the sequence stays where it is.
    #[inline]
    pub fn nth(&self, n: u64) -> u64 {
        let mut z = self.state.wrapping_add(STEP.wrapping_mul(n.wrapping_add(1)));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in \[0, 1), of 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An index below `n`, by the high half of a product (Lemire 2019): off from uniform by at most n / 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Fisher and Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_sequence() {
        // The first outputs for seed 1234567, as the public domain splitmix64.c prints them.
        let mut random = Random::from_state(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.nth(0), 3_203_168_211_198_807_973);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn uniform_numbers_are_uniform() {
        let mut random = Random::new(7, Purpose::Epoch, 0);
        let n = 10_000;
        let numbers: Vec<f64> = (0..n).map(|_| random.uniform()).collect();
        assert!(numbers.iter().all(|u| (0.0..1.0).contains(u)));
        // Standard deviation of the mean is 0.29 / 100.
        assert!((numbers.iter().sum::<f64>() / f64::from(n) - 0.5).abs() < 0.015);
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_every_place_is_reached() {
        let mut counts = [[0; 4]; 4];
        let mut random = Random::new(7, Purpose::Epoch, 1);
        for _ in 0..4000 {
            let mut items = [0, 1, 2, 3];
            random.shuffle(&mut items);
            for (place, &item) in items.iter().enumerate() {
                counts[item][place] += 1;
            }
        }
        // 1000 expected, standard deviation 27.
        assert!(counts.iter().flatten().all(|count| (880..1120).contains(count)), "{counts:?}");
    }

    #[test]
    fn purposes_and_indices_have_their_own_sequences() {
        let first = |seed, purpose, index| Random::new(seed, purpose, index).next_u64();
        let mut all =
            vec![first(1, Purpose::Weights, 0), first(1, Purpose::Epoch, 0), first(1, Purpose::Epoch, 1)];
        all.push(first(2, Purpose::Epoch, 0));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4);
    }
}
