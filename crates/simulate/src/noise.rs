//! How well a visit measures a flux.

use heliacal_lightcurve::Passband;

use crate::photometry::{BANDS, flux_of_magnitude};
use crate::random::Random;

/// Depth and noise of visits in u g r i z Y.
///
/// ```text
/// σ² = (0.04 − γ) F F₅ + γ F₅² + (s F)²
/// ```
/// with F the flux of the source on the image \[FLUXCAL\], F₅ the flux of a five-sigma source in that visit, and s the
/// systematic floor. At F = F₅ and without floor σ = F₅/5, whatever γ. A negative F counts as 0.
///
/// The formula is LSST's for magnitudes (Ivezić et al. 2019, ApJ 873, 111, eq. 5 with x = F₅/F), written for fluxes, with
/// γ their table 2. It depends on the flux alone: seeing, sky and moon enter only through the scatter of F₅.
///
/// ```
/// use heliacal_lightcurve::Passband;
/// use heliacal_simulate::{Noise, flux_of_magnitude};
///
/// let noise = Noise { systematic: 0.0, ..Noise::default() };
/// let f5 = flux_of_magnitude(24.23);
/// let flux_err = |flux| noise.flux_err(flux, f5, Passband::LsstR);
/// assert!((flux_err(f5).unwrap() - 0.2 * f5).abs() < 1e-12);
/// assert!((flux_err(0.0).unwrap() - 0.039_f64.sqrt() * f5).abs() < 1e-12);
/// assert_eq!(noise.flux_err(1.0, f5, Passband::ZtfR), None);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Noise {
    /// Median magnitude of a five-sigma point source in one visit \[mag\].
    pub five_sigma_depth: [f64; 6],
    /// Standard deviation of that depth from visit to visit \[mag\].
    pub depth_scatter: f64,
    /// γ, above 0 and at most 0.04: otherwise σ² of some flux is not positive.
    pub gamma: [f64; 6],
    /// Systematic error as a fraction of the flux.
    pub systematic: f64,
    /// A source brighter than this saturates and its observation is dropped \[mag\]. Departure from SNANA, whose files keep
    /// such rows with PHOTFLAG 1024; the readers of this workspace drop them, so that light curves come out alike.
    pub saturation: f64,
    /// Standard deviation of the saturation magnitude, which goes with the seeing \[mag\].
    pub saturation_scatter: f64,
}

impl Default for Noise {
    /// LSST: depths of the baseline survey, systematics of 0.005 (Ivezić et al. 2019, tables 1 and 2).
    fn default() -> Self {
        Self {
            five_sigma_depth: [23.33, 24.60, 24.23, 23.65, 22.98, 22.08],
            depth_scatter: 0.25,
            gamma: [0.038, 0.039, 0.039, 0.039, 0.039, 0.039],
            systematic: 0.005,
            saturation: 15.7,
            saturation_scatter: 0.2,
        }
    }
}

impl Noise {
    /// Uncertainty of a flux \[FLUXCAL\], one standard deviation; none for a passband that is not LSST's.
    pub fn flux_err(&self, flux: f64, five_sigma_flux: f64, band: Passband) -> Option<f64> {
        let index = BANDS.iter().position(|&known| known == band)?;
        Some(self.flux_err_of(flux, five_sigma_flux, index))
    }

    /// The same with u g r i z Y counted from 0.
    pub(crate) fn flux_err_of(&self, flux: f64, five_sigma_flux: f64, band: usize) -> f64 {
        let gamma = self.gamma[band];
        let flux = flux.max(0.0);
        ((0.04 - gamma) * flux * five_sigma_flux
            + gamma * five_sigma_flux.powi(2)
            + (self.systematic * flux).powi(2))
        .sqrt()
    }

    /// The five-sigma flux of one visit \[FLUXCAL\].
    pub(crate) fn draw_five_sigma_flux(&self, band: usize, random: &mut Random) -> f64 {
        flux_of_magnitude(random.normal(self.five_sigma_depth[band], self.depth_scatter))
    }

    /// The flux beyond which one visit saturates \[FLUXCAL\].
    pub(crate) fn draw_saturation_flux(&self, random: &mut Random) -> f64 {
        flux_of_magnitude(random.normal(self.saturation, self.saturation_scatter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ivezic_in_magnitudes() {
        // Ivezić et al. 2019, eq. 5: σ_rand² = (0.04 - γ) x + γ x², x = 10^(0.4 (m - m5)); for small errors a magnitude
        // error is the relative flux error. At m5 - 2: x = 0.158489, so σ² = 0.000158489 + 0.039 · 0.0251189.
        let noise = Noise { systematic: 0.0, ..Noise::default() };
        let (flux, f5) = (flux_of_magnitude(22.0), flux_of_magnitude(24.0));
        let relative = noise.flux_err_of(flux, f5, 3) / flux;
        assert!((relative.powi(2) - (0.000_158_489_3 + 0.039 * 0.025_118_86)).abs() < 1e-9);
        // Bright sources: the floor.
        let floor = Noise::default().flux_err_of(flux_of_magnitude(10.0), f5, 3) / flux_of_magnitude(10.0);
        assert!((floor - 0.005).abs() < 1e-5);
    }

    proptest! {
        #[test]
        fn noise_grows_with_flux_and_shrinks_with_depth(
            m in 15.0_f64..30.0, brighter in 0.01_f64..5.0, depth in 20.0_f64..26.0, band in 0_usize..6,
        ) {
            let noise = Noise::default();
            let err = |m, depth| noise.flux_err_of(flux_of_magnitude(m), flux_of_magnitude(depth), band);
            prop_assert!(err(m - brighter, depth) > err(m, depth));
            prop_assert!(err(m, depth + brighter) < err(m, depth));
            // Signal-to-noise rises with flux all the same.
            let snr = |m| flux_of_magnitude(m) / err(m, depth);
            prop_assert!(snr(m - brighter) > snr(m));
            prop_assert_eq!(noise.flux_err(-5.0, 1.0, BANDS[band]), noise.flux_err(0.0, 1.0, BANDS[band]));
        }
    }
}
