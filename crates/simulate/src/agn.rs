//! Active galactic nuclei.

use crate::cadence::Exposure;
use crate::cosmology::Cosmology;
use crate::damped_random_walk::DampedRandomWalk;
use crate::photometry::{BANDS, flux_of_magnitude};
use crate::random::Random;
use crate::source::{Modulation, Source};

/// Slope of the continuum, `f_ν ∝ ν^α` (Vanden Berk et al. 2001, AJ 122, 549: −0.44).
const ALPHA: f64 = -0.44;

/// A quasar that varies as a damped random walk, more in the blue than in the red.
///
/// ```text
/// log10 p = A + B log10(λ_rest/4000 Å) + C (M_i + 23) + D log10(M_BH/10⁹ M_sun)
/// SF∞ [mag]:  A −0.51  B −0.479  C 0.131  D 0.18
/// τ   [day]:  A  2.4   B  0.17   C 0.03   D 0.21     in the rest frame; (1+z) longer in ours
/// ```
///
/// MacLeod et al. 2010 (ApJ 721, 1014), eq. 7 and table 1. Departure: one walk drives all bands, with the τ of the
/// reference wavelength (4000 Å at rest), so that the bands go together as they do in nature but without lags.
#[derive(Debug, Clone)]
pub(crate) struct Agn {
    /// Mean magnitudes in u g r i z Y.
    pub mean: [f64; 6],
    /// SF∞ in each band \[mag\].
    pub sf_infinity: [f64; 6],
    /// τ in our frame \[day\].
    pub tau: f64,
}

impl Agn {
    pub fn new(redshift: f64, absolute_i: f64, log_mass: f64, cosmology: Cosmology) -> Self {
        let i = absolute_i + cosmology.distance_modulus(redshift)
            - 2.5 * (1.0 + ALPHA) * (1.0 + redshift).log10();
        let wavelength = BANDS.map(|band| f64::from(band.mean_wavelength_um()));
        Self {
            mean: wavelength.map(|um| i + 2.5 * ALPHA * (um / wavelength[3]).log10()),
            sf_infinity: wavelength.map(|um| sf_infinity(um / (1.0 + redshift), absolute_i, log_mass)),
            tau: (1.0 + redshift) * tau(0.4, absolute_i, log_mass),
        }
    }
}

fn sf_infinity(rest_um: f64, absolute_i: f64, log_mass: f64) -> f64 {
    10_f64
        .powf(-0.51 - 0.479 * (rest_um / 0.4).log10() + 0.131 * (absolute_i + 23.0) + 0.18 * (log_mass - 9.0))
}

fn tau(rest_um: f64, absolute_i: f64, log_mass: f64) -> f64 {
    10_f64.powf(2.4 + 0.17 * (rest_um / 0.4).log10() + 0.03 * (absolute_i + 23.0) + 0.21 * (log_mass - 9.0))
}

impl Source for Agn {
    fn fluxes(&self, visits: &[Exposure], random: &mut Random) -> Vec<f64> {
        let mjd: Vec<f64> = visits.iter().map(|visit| visit.mjd).collect();
        let walk = DampedRandomWalk { sf_infinity: 1.0, tau: self.tau }.magnitudes(&mjd, random);
        let magnitude =
            |(visit, x): (&Exposure, f64)| self.mean[visit.band] + self.sf_infinity[visit.band] * x;
        visits.iter().zip(walk).map(|at| flux_of_magnitude(magnitude(at))).collect()
    }

    fn template(&self) -> [f64; 6] {
        self.mean.map(flux_of_magnitude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macleod_by_hand() {
        // At the pivots only A is left.
        assert!((sf_infinity(0.4, -23.0, 9.0) - 0.309_029_543).abs() < 1e-8);
        assert!((tau(0.4, -23.0, 9.0) - 251.188_643_151).abs() < 1e-8);
        // Ten times the mass: 10^0.18 and 10^0.21.
        assert!((sf_infinity(0.4, -23.0, 10.0) / sf_infinity(0.4, -23.0, 9.0) - 1.513_561_248).abs() < 1e-8);
        assert!((tau(0.4, -23.0, 10.0) / tau(0.4, -23.0, 9.0) - 1.621_810_097).abs() < 1e-8);
        // Brighter quasars vary less, and redder light varies less.
        assert!(sf_infinity(0.4, -26.0, 9.0) < sf_infinity(0.4, -23.0, 9.0));
        assert!(sf_infinity(0.8, -23.0, 9.0) < sf_infinity(0.4, -23.0, 9.0));
    }

    #[test]
    fn a_typical_quasar() {
        // 3C 273 has i = 12.7 or so at z = 0.158 with M_i = -26.7.
        let agn = Agn::new(0.158, -26.7, 9.0, Cosmology::default());
        assert!((agn.mean[3] - 12.6).abs() < 0.3, "{:?}", agn.mean);
        // f_ν ∝ ν^-0.44 is bluer than the Sun, redder than a hot star: g - r = 0.127.
        assert!((agn.mean[1] - agn.mean[2] - 1.1 * (0.6215_f64 / 0.476).log10()).abs() < 1e-6);
        assert!(agn.sf_infinity[0] > agn.sf_infinity[5]);
    }
}
