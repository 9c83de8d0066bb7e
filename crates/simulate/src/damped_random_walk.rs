//! The damped random walk.

use crate::random::Random;
use crate::source::Modulation;

/// An Ornstein-Uhlenbeck process in magnitudes: what a quasar's light does.
///
/// ```text
/// x(t+Δ) = x(t) e^(−Δ/τ) + √(1 − e^(−2Δ/τ)) SF∞/√2 · N(0, 1)
/// SF(Δ)  = √⟨(x(t+Δ) − x(t))²⟩ = SF∞ √(1 − e^(−Δ/τ))
/// ```
///
/// The steps are exact for any spacing of times; the first value is drawn from the stationary distribution.
///
/// Reference: Kelly, Bechtold and Siemiginowska 2009 (ApJ 698, 895); MacLeod et al. 2010 (ApJ 721, 1014), eq. 1 to 4.
///
/// ```
/// use heliacal_simulate::DampedRandomWalk;
///
/// let walk = DampedRandomWalk { sf_infinity: 0.2, tau: 200.0 };
/// assert!((walk.structure_function(1e6) - 0.2).abs() < 1e-12);
/// assert!((walk.structure_function(200.0) - 0.2 * (1.0 - (-1.0_f64).exp()).sqrt()).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DampedRandomWalk {
    /// SF∞, the structure function at long times \[mag\]: √2 times the standard deviation.
    pub sf_infinity: f64,
    /// τ, the time after which it forgets \[day\].
    pub tau: f64,
}

impl DampedRandomWalk {
    /// Root of the mean squared difference of two values `days` apart \[mag\].
    pub fn structure_function(&self, days: f64) -> f64 {
        self.sf_infinity * (-(-days.abs() / self.tau).exp_m1()).sqrt()
    }

    /// One realization \[mag\] at these times \[day\], which must not decrease. The same seed gives the same walk. Where τ is
    /// not positive the values are not numbers.
    pub fn realization(&self, times: &[f64], seed: u64) -> Vec<f64> {
        self.magnitudes(times, &mut Random::new(seed, 0, 0))
    }
}

impl Modulation for DampedRandomWalk {
    fn magnitudes(&self, mjd: &[f64], random: &mut Random) -> Vec<f64> {
        let sigma = self.sf_infinity * std::f64::consts::FRAC_1_SQRT_2;
        let (mut last, mut x) = (f64::NEG_INFINITY, 0.0);
        let step = |&t: &f64| {
            // From minus infinity the past counts for nothing: the stationary distribution.
            let kept = (-(t - last) / self.tau).exp();
            x = x * kept + sigma * (1.0 - kept * kept).max(0.0).sqrt() * random.standard_normal();
            last = t;
            x
        };
        mjd.iter().map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_function_is_that_of_the_formula() {
        let walk = DampedRandomWalk { sf_infinity: 0.3, tau: 100.0 };
        // Uneven times, to show that the steps are exact.
        let times = [0.0, 1.0, 4.0, 30.0, 100.0, 101.0, 600.0];
        let n = 40_000;
        let mut squares = [[0.0; 7]; 7];
        let mut variance = [0.0; 7];
        for seed in 0..n {
            let x = walk.realization(&times, seed);
            for i in 0..7 {
                variance[i] += x[i] * x[i] / n as f64;
                for j in 0..7 {
                    squares[i][j] += (x[i] - x[j]).powi(2) / n as f64;
                }
            }
        }
        // The variance of a mean of squares is 2/n: 0.7 %; bounds are five of it.
        for i in 0..7 {
            assert!((variance[i] / 0.045 - 1.0).abs() < 0.036, "{variance:?}");
            for j in 0..i {
                let expected = walk.structure_function(times[i] - times[j]).powi(2);
                assert!((squares[i][j] / expected - 1.0).abs() < 0.036, "{i} {j}");
            }
        }
    }

    #[test]
    fn equal_times_have_equal_values() {
        let x = DampedRandomWalk { sf_infinity: 0.3, tau: 100.0 }.realization(&[5.0, 5.0, 5.0], 1);
        assert!(x[0] == x[1] && x[1] == x[2] && x[0] != 0.0);
        assert!(DampedRandomWalk { sf_infinity: 0.3, tau: 100.0 }.realization(&[], 1).is_empty());
    }
}
