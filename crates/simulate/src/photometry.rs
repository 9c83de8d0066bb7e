//! Fluxes, magnitudes and bands.

use heliacal_lightcurve::Passband;

/// Zero point of FLUXCAL \[mag\].
pub(crate) const ZERO_POINT: f64 = 27.5;

/// The passbands u g r i z Y, in whose order every array of six stands.
pub(crate) const BANDS: [Passband; 6] = Passband::LSST;

/// Extinction over E(B-V) in u g r i z Y \[mag/mag\].
///
/// Schlafly and Finkbeiner 2011 (ApJ 737, 103), table 6, R_V = 3.1: A of LSST's bands over the E(B-V) of Schlegel,
/// Finkbeiner and Davis 1998 is 4.145, 3.237, 2.273, 1.684, 1.323, 1.088.
pub const EXTINCTION_COEFFICIENTS: [f64; 6] = [4.145, 3.237, 2.273, 1.684, 1.323, 1.088];

/// Flux of a magnitude \[FLUXCAL\].
///
/// ```text
/// F = 10^(0.4 (27.5 − m))
/// ```
/// ```
/// assert_eq!(heliacal_simulate::flux_of_magnitude(27.5), 1.0);
/// assert!((heliacal_simulate::flux_of_magnitude(22.5) - 100.0).abs() < 1e-9);
/// ```
pub fn flux_of_magnitude(magnitude: f64) -> f64 {
    ten_to(0.4 * (ZERO_POINT - magnitude))
}

/// Magnitude of a flux \[mag\]; infinity at 0, not a number below.
pub fn magnitude_of_flux(flux: f64) -> f64 {
    ZERO_POINT - 2.5 * flux.log10()
}

/// `10^x`.
pub(crate) fn ten_to(x: f64) -> f64 {
    (std::f64::consts::LN_10 * x).exp()
}

/// `1 / (1 + exp(-x))` for every x.
pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn logistic_ends() {
        assert_eq!([logistic(-1e4), logistic(0.0), logistic(1e4)], [0.0, 0.5, 1.0]);
    }

    proptest! {
        #[test]
        fn magnitudes_and_fluxes_are_inverse(m in -10.0_f64..40.0) {
            prop_assert!((magnitude_of_flux(flux_of_magnitude(m)) - m).abs() < 1e-9);
            // Five magnitudes are a factor of one hundred.
            prop_assert!((flux_of_magnitude(m - 5.0) / flux_of_magnitude(m) - 100.0).abs() < 1e-9);
        }
    }
}
