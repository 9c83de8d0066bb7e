//! Colours of a black body.

use crate::photometry::BANDS;

/// `h c / k` \[µm kK\].
const HC_OVER_K: f64 = 14.387_768_775;

/// Rest wavelength at which absolute magnitudes and light curves of transients are given \[µm\]: the V band.
pub(crate) const V_WAVELENGTH: f64 = 0.55;

/// AB magnitude of a black body at one wavelength minus that at another \[mag\], both in the body's rest frame \[µm\],
/// for a temperature in kilokelvin.
///
/// ```text
/// m(λ) − m(λ₀) = −2.5 log10 [ B_ν(λ, T) / B_ν(λ₀, T) ]
/// B_ν ∝ λ⁻³ / (exp(hc/λkT) − 1),  hc/k = 14.3878 µm kK
/// ```
///
/// Evaluated in logarithms: the flux of a cold body far in the blue is a large magnitude and never an underflow to a flux
/// of zero. Positive, finite arguments are expected; otherwise the result is not a number.
///
/// ```
/// use heliacal_simulate::blackbody_colour;
///
/// // In the Rayleigh-Jeans limit B_ν goes as λ⁻²: 5 log10 2 = 1.505 mag for a factor of two.
/// assert!((blackbody_colour(1.0, 0.5, 1e6) - 1.505).abs() < 1e-3);
/// // The Sun, 5.77 kK: g - r = 0.477 for a black body (0.44 measured; Willmer 2018).
/// assert!((blackbody_colour(0.476, 0.6215, 5.77) - 0.477).abs() < 1e-3);
/// ```
pub fn blackbody_colour(wavelength_um: f64, reference_um: f64, temperature_kk: f64) -> f64 {
    -2.5 * std::f64::consts::LOG10_E
        * (ln_planck(wavelength_um, temperature_kk) - ln_planck(reference_um, temperature_kk))
}

/// `ln B_ν` up to a constant.
fn ln_planck(wavelength_um: f64, temperature_kk: f64) -> f64 {
    let x = HC_OVER_K / (wavelength_um * temperature_kk);
    // ln(eˣ − 1) = x + ln(1 − e⁻ˣ), finite for every positive x.
    -3.0 * wavelength_um.ln() - x - (-(-x).exp_m1()).ln()
}

/// Magnitudes in u g r i z Y minus the one in r of a star as a black body.
pub(crate) fn star_colours(temperature_kk: f64) -> [f64; 6] {
    BANDS.map(|band| {
        let wavelength = f64::from(band.mean_wavelength_um());
        blackbody_colour(wavelength, 0.6215, temperature_kk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn planck_by_hand_and_by_astropy() {
        // astropy 8, BlackBody(T)(λ): -2.5 log10 of the ratio of values at 0.36, 0.476, 1.015 to that at 0.55 µm.
        for (temperature, expected) in BLACKBODY {
            for (wavelength, colour) in [0.36, 0.476, 1.015].into_iter().zip(expected) {
                assert!((blackbody_colour(wavelength, V_WAVELENGTH, temperature) - colour).abs() < 1e-6);
            }
        }
        // Wien's limit by hand: x = 143.88 at 0.1 µm and 1 kK, 71.94 at 0.2 µm.
        let by_hand =
            2.5 * std::f64::consts::LOG10_E * (143.877_687_75 - 71.938_843_875) - 7.5 * 2_f64.log10();
        assert!((blackbody_colour(0.1, 0.2, 1.0) - by_hand).abs() < 1e-9);
    }

    const BLACKBODY: [(f64, [f64; 3]); 3] = [
        (2.6, [4.385_039_699, 1.227_637_699, -3.013_435_545]),
        (5.77, [1.228_154_546, 0.300_529_347, -0.344_901_346]),
        (20.0, [-0.446_875_971, -0.178_280_613, 0.951_528_207]),
    ];

    proptest! {
        #[test]
        fn hotter_is_bluer_and_all_is_finite(t in 0.5_f64..50.0, hotter in 0.1_f64..20.0, w in 0.05_f64..0.5) {
            let colour = |t| blackbody_colour(w, V_WAVELENGTH, t);
            prop_assert!(colour(t).is_finite());
            prop_assert!(colour(t + hotter) < colour(t));
            prop_assert!((colour(t) + blackbody_colour(V_WAVELENGTH, w, t)).abs() < 1e-9);
        }
    }
}
