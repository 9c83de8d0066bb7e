//! Random indices that depend on a seed and nothing else.

/// SplitMix64 (Steele, Lea & Flood 2014).
pub(super) struct SplitMix64(u64);

/// Bijective scrambling of 64 bits.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl SplitMix64 {
    /// The stream of one replicate. Streams start at scrambled places of one cycle of 2^64 numbers, so that neither
    /// neighbouring seeds nor neighbouring replicates overlap but by a chance of 1e-6 at 10,000 replicates of 40,000.
    pub(super) fn of_replicate(seed: u64, replicate: usize) -> Self {
        Self(mix(mix(seed.wrapping_add(GOLDEN_GAMMA)) ^ (replicate as u64).wrapping_mul(GOLDEN_GAMMA)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        mix(self.0)
    }

    /// A number below `n`, each equally likely (Lemire 2019).
    pub(super) fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        loop {
            let wide = u128::from(self.next()) * u128::from(n);
            let low = wide as u64;
            // 2^64 mod n values would come up once too often.
            if low >= n || low >= n.wrapping_neg() % n {
                return (wide >> 64) as usize;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_sequence() {
        // The first outputs for seed 1234567 in the reference code's tests.
        let mut random = SplitMix64(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn indices_are_even() {
        let mut counts = [0_i32; 7];
        let mut random = SplitMix64::of_replicate(1, 2);
        (0..70_000).for_each(|_| counts[random.below(7)] += 1);
        // Five standard deviations of 10,000 ± 93.
        assert!(counts.iter().all(|count| (count - 10_000).abs() < 465), "{counts:?}");
        assert_eq!(random.below(1), 0);
    }
}
