//! Stars with disks: gamma Cassiopeiae and young stellar objects.

use crate::random::Random;
use crate::source::Modulation;

/// Amplitudes in u g r i z Y over that in g: a Be star's disk adds red light; dust and accretion of young stars act in
/// the blue.
pub(crate) const GAMMA_CAS_RESPONSE: [f64; 6] = [0.6, 1.0, 1.15, 1.25, 1.3, 1.35];
pub(crate) const YOUNG_RESPONSE: [f64; 6] = [1.25, 1.0, 0.80, 0.65, 0.52, 0.45];

/// Events that come at random: outbursts of a disk, or dips behind dust.
///
/// ```text
/// m(t) = Σ_i ± h_i [t < t_i: e^(−(t−t_i)²/2r²)   t ≥ t_i: e^(−(t−t_i)/d)],   r = d/5
/// ```
/// Heights h and times d are log-normal, times t_i a Poisson process. Outbursts of Be stars rise in weeks and fade over
/// months (Labadie-Bartz et al. 2017, AJ 153, 252); dips of young stars last days (Cody et al. 2014, AJ 147, 82). The
/// sign: brighter for outbursts, fainter for dips.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Events {
    /// Whether they brighten or dim.
    pub sign: Sign,
    /// Mean time between events \[day\].
    pub every: f64,
    /// Median of h \[mag\].
    pub height: f64,
    /// Median of d \[day\].
    pub days: f64,
}

/// Which way events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Outburst,
    Dip,
}

impl Modulation for Events {
    fn magnitudes(&self, mjd: &[f64], random: &mut Random) -> Vec<f64> {
        let mut sum = vec![0.0; mjd.len()];
        let (Some(&first), Some(&last)) = (mjd.first(), mjd.last()) else { return sum };
        let sign = if self.sign == Sign::Outburst { -1.0 } else { 1.0 };
        let mut time = first - 3.0 * self.days;
        // A bound for the number of events, whatever `every` is.
        for _ in 0..10_000 {
            time += random.exponential(self.every);
            if time > last + self.days {
                break;
            }
            let height = sign * random.log_normal(self.height, 0.4);
            let days = random.log_normal(self.days, 0.4);
            for (sum, &t) in sum.iter_mut().zip(mjd) {
                let x = (t - time) / days;
                if (-1.0..12.0).contains(&x) {
                    *sum += height * if x < 0.0 { (-12.5 * x * x).exp() } else { (-x).exp() };
                }
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outbursts_brighten_and_dips_dim() {
        let mjd: Vec<f64> = (0..2000).map(f64::from).collect();
        for (sign, factor) in [(Sign::Outburst, -1.0), (Sign::Dip, 1.0)] {
            let events = Events { sign, every: 200.0, height: 0.3, days: 40.0 };
            let m = events.magnitudes(&mjd, &mut Random::new(2, 0, 0));
            assert!(m.iter().all(|m| m * factor >= 0.0));
            assert!(m.iter().any(|m| m * factor > 0.15));
            // Campbell's theorem: the mean is h (d + r √(π/2)) / every, with the means of the log-normals.
            let mean = m.iter().sum::<f64>() / 2000.0 * factor;
            let expected = 0.3 * 40.0 * 0.16_f64.exp() * (1.0 + 0.2 * 1.2533) / 200.0;
            assert!((mean / expected - 1.0).abs() < 0.6, "{mean} {expected}");
        }
        let never = Events { sign: Sign::Dip, every: 1e-9, height: 0.3, days: 4.0 };
        assert!(never.magnitudes(&[], &mut Random::new(2, 0, 0)).is_empty());
        assert!(never.magnitudes(&[0.0, 1.0], &mut Random::new(2, 0, 0)).iter().all(|m| m.is_finite()));
    }
}
