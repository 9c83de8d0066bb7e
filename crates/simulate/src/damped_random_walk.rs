//! The damped random walk.

use crate::error::SimulateError;
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

    /// One realization \[mag\] at these times \[day\], which do not decrease. The same seed gives the same walk.
    ///
    /// # Errors
    /// [`SimulateError::Config`] with the number: SF∞ that is not finite or below 0, τ that is not finite or not above 0, a
    /// time that is not finite or before the one that precedes it.
    ///
    /// ```
    /// use heliacal_simulate::DampedRandomWalk;
    ///
    /// let walk = DampedRandomWalk { sf_infinity: 0.2, tau: 200.0 };
    /// assert_eq!(walk.realization(&[0.0, 1.0], 7)?, walk.realization(&[0.0, 1.0], 7)?);
    /// assert!(walk.realization(&[1.0, 0.0], 7).is_err());
    /// # Ok::<(), heliacal_simulate::SimulateError>(())
    /// ```
    pub fn realization(&self, times: &[f64], seed: u64) -> Result<Vec<f64>, SimulateError> {
        let fault = |field, expected, found| Err(SimulateError::Config { field, expected, found });
        if !(self.sf_infinity >= 0.0 && self.sf_infinity.is_finite()) {
            return fault("sf_infinity", "a finite number of at least 0", self.sf_infinity);
        }
        if !(self.tau > 0.0 && self.tau.is_finite()) {
            return fault("tau", "a finite number above 0", self.tau);
        }
        let mut last = f64::MIN;
        for &time in times {
            if !(time >= last && time.is_finite()) {
                return fault("time", "a finite number, not before the last one", time);
            }
            last = time;
        }
        Ok(self.magnitudes(times, &mut Random::new(seed, 0, 0)))
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
            let x = walk.realization(&times, seed).unwrap();
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
        let x = DampedRandomWalk { sf_infinity: 0.3, tau: 100.0 }.realization(&[5.0, 5.0, 5.0], 1).unwrap();
        assert!(x[0] == x[1] && x[1] == x[2] && x[0] != 0.0);
        assert!(DampedRandomWalk { sf_infinity: 0.3, tau: 100.0 }.realization(&[], 1).unwrap().is_empty());
    }

    #[test]
    fn what_would_not_be_a_number_is_refused() {
        let refused = |sf_infinity, tau, times: &[f64]| {
            DampedRandomWalk { sf_infinity, tau }.realization(times, 1).unwrap_err().to_string()
        };
        assert_eq!(refused(0.3, -1.0, &[0.0]), "configuration: tau is -1, expected a finite number above 0");
        assert!(refused(0.3, 0.0, &[]).contains("tau is 0"));
        assert!(refused(f64::NAN, 1.0, &[]).contains("sf_infinity is NaN"));
        assert!(refused(0.3, 1.0, &[0.0, f64::NAN]).contains("time is NaN"));
        assert!(refused(0.3, 1.0, &[0.0, 2.0, 1.0]).contains("time is 1"));
    }
}
