//! What shines, and how it enters the survey.

use crate::cadence::Exposure;
use crate::photometry::flux_of_magnitude;
use crate::random::Random;

/// Light that varies, before the dust of the Milky Way.
pub(crate) trait Source {
    /// Flux at each visit \[FLUXCAL\].
    fn fluxes(&self, visits: &[Exposure], random: &mut Random) -> Vec<f64>;

    /// Flux in the template image from which differences are taken \[FLUXCAL\]; none for what was not there.
    fn template(&self) -> [f64; 6] {
        [0.0; 6]
    }
}

/// Magnitudes of a star or nucleus around its mean.
pub(crate) trait Modulation {
    /// Departure from the mean magnitude in the reference band at each time \[mag\], positive when fainter. Times grow.
    fn magnitudes(&self, mjd: &[f64], random: &mut Random) -> Vec<f64>;
}

/// A source that is always there: mean magnitudes, and a modulation that each band follows by its own factor.
pub(crate) struct Variable<M> {
    /// Mean magnitudes in u g r i z Y.
    pub mean: [f64; 6],
    /// Amplitude in each band over that of the reference band.
    pub response: [f64; 6],
    /// How it varies in the reference band.
    pub modulation: M,
}

impl<M: Modulation> Source for Variable<M> {
    fn fluxes(&self, visits: &[Exposure], random: &mut Random) -> Vec<f64> {
        let mjd: Vec<f64> = visits.iter().map(|visit| visit.mjd).collect();
        let departures = self.modulation.magnitudes(&mjd, random);
        let magnitude = |(visit, departure): (&Exposure, f64)| {
            flux_of_magnitude(self.mean[visit.band] + self.response[visit.band] * departure)
        };
        visits.iter().zip(departures).map(magnitude).collect()
    }

    fn template(&self) -> [f64; 6] {
        self.mean.map(flux_of_magnitude)
    }
}

impl Modulation for Box<dyn Modulation> {
    fn magnitudes(&self, mjd: &[f64], random: &mut Random) -> Vec<f64> {
        (**self).magnitudes(mjd, random)
    }
}

/// Modulations added in magnitudes, such as spots on an irregular star.
pub(crate) struct Sum(pub Vec<Box<dyn Modulation>>);

impl Modulation for Sum {
    fn magnitudes(&self, mjd: &[f64], random: &mut Random) -> Vec<f64> {
        let mut sum = vec![0.0; mjd.len()];
        for part in &self.0 {
            for (sum, value) in sum.iter_mut().zip(part.magnitudes(mjd, random)) {
                *sum += value;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Step(f64);
    impl Modulation for Step {
        fn magnitudes(&self, mjd: &[f64], _: &mut Random) -> Vec<f64> {
            mjd.iter().map(|&t| if t > 1.0 { self.0 } else { 0.0 }).collect()
        }
    }

    #[test]
    fn bands_follow_by_their_factors_and_parts_add() {
        let parts: Vec<Box<dyn Modulation>> = vec![Box::new(Step(1.0)), Box::new(Step(1.5))];
        let star =
            Variable { mean: [22.5; 6], response: [2.0, 1.0, 0.0, 0.0, 0.0, 0.0], modulation: Sum(parts) };
        let visits =
            [0.0, 2.0, 2.0, 2.0].into_iter().zip([0, 0, 1, 2]).map(|(mjd, band)| Exposure { mjd, band });
        let visits: Vec<_> = visits.collect();
        let fluxes = star.fluxes(&visits, &mut Random::new(0, 0, 0));
        for (flux, expected) in fluxes.iter().zip([100.0, 1.0, 10.0, 100.0]) {
            assert!((flux - expected).abs() < 1e-9);
        }
        assert!((star.template()[3] - 100.0).abs() < 1e-9);
    }
}
