//! Dwarf novae: accretion disks that flip to a hot state and back.

use crate::cadence::Exposure;
use crate::photometry::{flux_of_magnitude, logistic, ten_to};
use crate::random::Random;
use crate::source::Source;

/// A cataclysmic variable with recurrent outbursts.
///
/// ```text
/// F(t) = F_q + F_q (10^(0.4 A) − 1) · L((t − t₀)/r) · L((t₀ + D − t)/d)     in the reference band r
/// ```
/// with L the logistic function, amplitude A (2 to 6 mag), duration D (3 to 14 d), a rise r shorter than the decay d
/// (outside-in outbursts; Warner 1995, Cataclysmic Variable Stars, section 3.3). Outbursts recur after a mean time with
/// 30 % scatter. The light of the outburst is hotter than that of quiescence.
#[derive(Debug, Clone)]
pub(crate) struct DwarfNova {
    /// Magnitudes in quiescence in u g r i z Y.
    pub quiescent: [f64; 6],
    /// Colours of the light of outbursts: magnitude in each band minus that in r.
    pub outburst_colour: [f64; 6],
    /// Amplitude in r \[mag\].
    pub amplitude: f64,
    /// Duration \[day\].
    pub duration: f64,
    /// Time between outbursts \[day\].
    pub recurrence: f64,
}

impl DwarfNova {
    /// The light of one outburst over its height, `days` after it began.
    fn profile(&self, days: f64) -> f64 {
        logistic(days / 0.25) * logistic((self.duration - days) / (0.12 * self.duration))
    }
}

impl Source for DwarfNova {
    fn fluxes(&self, visits: &[Exposure], random: &mut Random) -> Vec<f64> {
        let base = self.template();
        let mut fluxes: Vec<f64> = visits.iter().map(|visit| base[visit.band]).collect();
        let (Some(first), Some(last)) = (visits.first(), visits.last()) else { return fluxes };
        let height = base[2] * (ten_to(0.4 * self.amplitude) - 1.0);
        let mut begin = first.mjd - self.recurrence * random.unit();
        while begin < last.mjd {
            let height = height * ten_to(0.4 * random.normal(0.0, 0.15));
            for (visit, flux) in visits.iter().zip(&mut fluxes) {
                let days = visit.mjd - begin;
                if (-5.0..60.0).contains(&days) {
                    *flux += height * ten_to(-0.4 * self.outburst_colour[visit.band]) * self.profile(days);
                }
            }
            begin += self.recurrence * random.normal_within(1.0, 0.3, 0.3, 2.0);
        }
        fluxes
    }

    fn template(&self) -> [f64; 6] {
        self.quiescent.map(flux_of_magnitude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outbursts_have_their_amplitude_duration_and_recurrence() {
        let star = DwarfNova {
            quiescent: [21.0; 6],
            outburst_colour: [0.0; 6],
            amplitude: 4.0,
            duration: 8.0,
            recurrence: 50.0,
        };
        let visits: Vec<_> = (0..20_000).map(|n| Exposure { mjd: 0.1 * f64::from(n), band: 2 }).collect();
        let fluxes = star.fluxes(&visits, &mut Random::new(1, 0, 0));
        let half = 0.5 * flux_of_magnitude(17.0);
        let bright = fluxes.iter().filter(|flux| **flux > half).count() as f64;
        let outbursts = fluxes.windows(2).filter(|pair| pair[0] <= half && pair[1] > half).count() as f64;
        assert!((outbursts - 40.0).abs() < 6.0, "{outbursts}");
        assert!((0.1 * bright / outbursts - 8.0).abs() < 1.0, "{}", 0.1 * bright / outbursts);
        let peak = fluxes.iter().fold(0.0_f64, |a, b| a.max(*b));
        assert!((27.5 - 2.5 * peak.log10() - 17.0).abs() < 0.6);
        // Half of the height at the beginning, by hand: L(0) L(8/0.96).
        assert!((star.profile(0.0) - 0.5).abs() < 2e-4);
    }
}
