//! The crate's own random numbers, so that a survey does not change with the version of a library.

use std::f64::consts::TAU;

/// xoshiro256++ (Blackman and Vigna 2021, ACM Trans. Math. Softw. 47, 36), seeded through SplitMix64.
///
/// Written out because neither `rand`'s `StdRng` nor `rand_distr`'s distributions promise the same numbers from one
/// release to the next. The integers are the same on every machine; logarithms and sines are the platform's and may differ
/// in their last digit from one to another. Where that carries a number over a threshold, an object differs altogether.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 4],
    spare: Option<f64>,
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// The stream of one attempt at one object of one survey. Nothing else enters, so an object does not depend on
    /// how many there are or on who draws them.
    pub fn new(seed: u64, index: u64, attempt: u64) -> Self {
        let mut key = [seed, index, attempt]
            .into_iter()
            .fold(0_u64, |key, part| mix(key.wrapping_add(GOLDEN) ^ mix(part.wrapping_add(GOLDEN))));
        let state = std::array::from_fn(|_| {
            key = key.wrapping_add(GOLDEN);
            mix(key)
        });
        Self { state, spare: None }
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in (0, 1]: never 0, so its logarithm is finite.
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform between two numbers.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in the logarithm between two positive numbers.
    pub fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.unit())
    }

    /// A standard normal deviate (Box and Muller 1958).
    pub fn standard_normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * self.unit().ln()).sqrt();
        let (sin, cos) = (TAU * self.unit()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// A normal deviate.
    pub fn normal(&mut self, mean: f64, sigma: f64) -> f64 {
        mean + sigma * self.standard_normal()
    }

    /// A normal deviate within bounds: those outside are drawn again, at most 100 times; then it is the mean, put within
    /// the bounds.
    pub fn normal_within(&mut self, mean: f64, sigma: f64, low: f64, high: f64) -> f64 {
        for _ in 0..100 {
            let value = self.normal(mean, sigma);
            if (low..=high).contains(&value) {
                return value;
            }
        }
        mean.clamp(low, high)
    }

    /// A log-normal deviate: its median, and the standard deviation of its natural logarithm.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.standard_normal()).exp()
    }

    /// An exponential deviate.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() <= probability
    }

    /// An index below `n`; 0 where `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        // The bias of a multiplication is below n / 2^53.
        ((self.unit() * n as f64).ceil() as usize).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // First outputs of the authors' C program from the state 1, 2, 3, 4.
        let mut random = Random { state: [1, 2, 3, 4], spare: None };
        let expected =
            [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386, 9_228_616_714_210_784_205];
        assert_eq!(std::array::from_fn(|_| random.next()), expected);
    }

    #[test]
    fn streams_are_fixed_for_ever_and_differ_in_every_key() {
        // Golden, also by the same steps written in Python. A change of these is a change of every survey.
        assert_eq!(Random::new(1, 2, 3).next(), Random::new(1, 2, 3).next());
        let first = |seed, index, attempt| Random::new(seed, index, attempt).next();
        assert_eq!([first(0, 0, 0), first(1, 2, 3)], GOLDEN_FIRST);
        let mut all: Vec<_> =
            (0..1000).flat_map(|n| [first(n, 0, 0), first(0, n, 1), first(1, 1, n)]).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 3000);
    }

    const GOLDEN_FIRST: [u64; 2] = [4_340_726_926_619_482_022, 12_402_166_087_981_721_512];

    #[test]
    fn moments_are_those_of_the_distributions() {
        let n = 200_000;
        let mut random = Random::new(5, 0, 0);
        let mut mean = |draw: &mut dyn FnMut(&mut Random) -> f64| {
            (0..n).map(|_| draw(&mut random)).sum::<f64>() / f64::from(n)
        };
        // Bounds are five standard errors.
        assert!((mean(&mut Random::unit) - 0.5).abs() < 0.0033);
        assert!(mean(&mut Random::standard_normal).abs() < 0.0112);
        assert!((mean(&mut |r| r.standard_normal().powi(2)) - 1.0).abs() < 0.016);
        assert!((mean(&mut |r| r.standard_normal().powi(4)) - 3.0).abs() < 0.11);
        assert!((mean(&mut |r| r.exponential(2.0)) - 2.0).abs() < 0.023);
        assert!((mean(&mut |r| r.log_normal(3.0, 0.5).ln()) - 3.0_f64.ln()).abs() < 0.0056);
        assert!((mean(&mut |r| f64::from(u8::from(r.chance(0.3)))) - 0.3).abs() < 0.0052);
        assert!((mean(&mut |r| r.below(5) as f64) - 2.0).abs() < 0.016);
        assert!((mean(&mut |r| r.log_uniform(1.0, 100.0).log10()) - 1.0).abs() < 0.0065);
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::new(9, 9, 9);
        for _ in 0..10_000 {
            assert!((-1.0..=0.5).contains(&random.normal_within(0.0, 3.0, -1.0, 0.5)));
            assert!(random.below(3) < 3);
            assert!(random.unit() > 0.0);
        }
        assert_eq!(random.normal_within(0.0, 1e-9, 5.0, 6.0), 5.0);
        assert_eq!(random.below(0), 0);
    }
}
