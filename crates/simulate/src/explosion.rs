//! Transients with the colours of a cooling black body.

use std::f64::consts::LOG10_E;

use crate::blackbody::{V_WAVELENGTH, blackbody_colour};
use crate::cadence::Exposure;
use crate::light_shape::LightShape;
use crate::photometry::{BANDS, flux_of_magnitude, logistic};
use crate::random::Random;
use crate::source::Source;

/// Fainter than this no telescope sees, and no exponential is taken \[mag\].
const INVISIBLE: f64 = 35.0;

/// A transient at a redshift: a light curve at one wavelength of the rest frame, and a black body that gives the others.
///
/// ```text
/// t       = (mjd − mjd₀) / (1+z),  λ = λ_obs / (1+z)
/// m(λ, t) = M + µ(z) − 2.5 log10(1+z) − 2.5 log10 S(t) + [m_BB(λ) − m_BB(λ₀)](T(t)) + dust(λ) + lines(λ)
/// T(t)    = T_cool + (T_hot − T_cool) / (1 + exp((t − t_T) / w_T))
/// dust(λ) = 3.1 E (λ/0.55)^−1.3,   lines(λ) = 2.5 p log10(λ_c/λ) for λ < λ_c
/// S(t)   += b · exp(−(t − 26)²/98) / (1 + exp(−(λ − 0.72)/0.05))     second maximum in the near infrared
/// ```
///
/// Everything is a sum of magnitudes, that is, of logarithms. A light curve whose exponent is clipped instead leaves
/// kilonovae visible for years.
///
/// After Rainbow (Russeil et al. 2024, A&A 683, A251, [arXiv 2310.02916](https://arxiv.org/abs/2310.02916)), eq. 1 to 6.
/// Departure: Rainbow's light curve is bolometric, ours is that of a wavelength λ₀, so that a peak magnitude is what the
/// literature lists. λ₀ is the V band, but for kilonovae, which become infrared within days, 0.87 µm: with V, whose fall
/// is much faster than that of the whole light, they would brighten in the infrared for a week. Absorption by lines is the power law of Nicholl, Guillochon and Berger 2017 (ApJ 850, 55, eq. 12)
/// with a free exponent.
#[derive(Debug, Clone)]
pub(crate) struct Explosion {
    /// Redshift.
    pub redshift: f64,
    /// Time zero of the light curve \[MJD\].
    pub time: f64,
    /// λ₀, the rest wavelength of magnitude and shape \[µm\].
    pub reference_um: f64,
    /// `M + µ − 2.5 log10(1+z)`: magnitude at that wavelength at maximum.
    pub magnitude: f64,
    /// The light curve at that wavelength.
    pub shape: LightShape,
    /// How it cools.
    pub temperature: Temperature,
    /// E(B-V) in the host \[mag\].
    pub reddening: f64,
    /// Absorption by lines: wavelength \[µm\] below which, and exponent.
    pub lines: (f64, f64),
    /// Second maximum: height over the maximum in V.
    pub bump: f64,
}

/// The temperature of a black body that cools.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Temperature {
    /// Long before \[kK\].
    pub hot: f64,
    /// Long after \[kK\].
    pub cool: f64,
    /// Time halfway \[day\], rest frame.
    pub centre: f64,
    /// How long it takes \[day\], rest frame.
    pub width: f64,
}

impl Temperature {
    /// In kilokelvin at a time \[day\] in the rest frame.
    pub fn at(&self, t: f64) -> f64 {
        self.cool + (self.hot - self.cool) * logistic((self.centre - t) / self.width)
    }
}

impl Explosion {
    /// Apparent magnitude at a time and an observed wavelength.
    pub fn magnitude_at(&self, mjd: f64, observed_um: f64) -> f64 {
        let t = (mjd - self.time) / (1.0 + self.redshift);
        let wavelength = observed_um / (1.0 + self.redshift);
        let mut ln_shape = self.shape.ln_at(t);
        if self.bump > 0.0 && wavelength > 0.5 {
            let weight = logistic((wavelength - 0.72) / 0.05);
            ln_shape = ln_sum(ln_shape, (self.bump * weight).ln() - 0.5 * ((t - 26.0) / 7.0).powi(2));
        }
        let fading = -2.5 * LOG10_E * ln_shape;
        if self.magnitude + fading > INVISIBLE + 10.0 {
            return self.magnitude + fading;
        }
        let (cutoff, power) = self.lines;
        let lines = if wavelength < cutoff { 2.5 * power * (cutoff / wavelength).log10() } else { 0.0 };
        self.magnitude
            + fading
            + blackbody_colour(wavelength, self.reference_um, self.temperature.at(t))
            + 3.1 * self.reddening * (wavelength / V_WAVELENGTH).powf(-1.3)
            + lines
    }
}

/// `ln(eᵃ + eᵇ)`.
pub(crate) fn ln_sum(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

impl Source for Explosion {
    fn fluxes(&self, visits: &[Exposure], _: &mut Random) -> Vec<f64> {
        let wavelength = BANDS.map(|band| f64::from(band.mean_wavelength_um()));
        let flux = |visit: &Exposure| {
            let magnitude = self.magnitude_at(visit.mjd, wavelength[visit.band]);
            if magnitude < INVISIBLE { flux_of_magnitude(magnitude) } else { 0.0 }
        };
        visits.iter().map(flux).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kilonova(redshift: f64) -> Explosion {
        Explosion {
            redshift,
            time: 60_000.0,
            reference_um: V_WAVELENGTH,
            magnitude: 20.0,
            shape: LightShape::bazin(0.35, 2.3, 0.0),
            temperature: Temperature { hot: 9.0, cool: 2.6, centre: 1.4, width: 0.7 },
            reddening: 0.0,
            lines: (0.0, 0.0),
            bump: 0.0,
        }
    }

    #[test]
    fn the_maximum_in_v_is_the_peak_magnitude() {
        for z in [0.0, 0.5] {
            let at = |days: f64| kilonova(z).magnitude_at(60_000.0 + days, V_WAVELENGTH * (1.0 + z));
            assert!((at(0.0) - 20.0).abs() < 1e-9);
            assert!(at(-0.2) > 20.0 && at(0.2) > 20.0);
            // Long after, e-folding in 2.3 days of the rest frame: 1.0857/2.3 magnitudes a day.
            let slope = (at(40.0 * (1.0 + z)) - at(30.0 * (1.0 + z))) / 10.0;
            assert!((slope - 2.5 * LOG10_E / 2.3).abs() < 1e-6);
        }
    }

    #[test]
    fn a_kilonova_does_not_stay_for_years() {
        let visits: Vec<_> = (0..1000)
            .flat_map(|day| (0..6).map(move |band| Exposure { mjd: 60_000.0 + f64::from(day), band }))
            .collect();
        let fluxes = kilonova(0.02).fluxes(&visits, &mut Random::new(0, 0, 0));
        assert!(fluxes.iter().all(|flux| flux.is_finite() && *flux >= 0.0));
        for (visit, flux) in visits.iter().zip(fluxes) {
            assert!(visit.mjd < 60_045.0 || flux == 0.0, "{visit:?} {flux}");
        }
    }

    #[test]
    fn dust_and_lines_by_hand() {
        let plain = kilonova(0.0);
        let dusty = Explosion { reddening: 0.1, ..plain.clone() };
        let difference = |a: &Explosion, w| a.magnitude_at(60_001.0, w) - plain.magnitude_at(60_001.0, w);
        assert!((difference(&dusty, 0.55) - 0.31).abs() < 1e-12); // A_V = 3.1 E(B-V)
        assert!(difference(&dusty, 0.36) > difference(&dusty, 0.48));
        let lined = Explosion { lines: (0.4, 2.0), ..plain.clone() };
        assert!((difference(&lined, 0.2) - 5.0 * 2_f64.log10()).abs() < 1e-9);
        assert_eq!(difference(&lined, 0.41), 0.0);
    }

    #[test]
    fn temperature_by_hand() {
        let t = Temperature { hot: 13.0, cool: 5.0, centre: 12.0, width: 6.0 };
        assert_eq!([t.at(-1e6), t.at(12.0), t.at(1e6)], [13.0, 9.0, 5.0]);
        assert!((t.at(18.0) - (5.0 + 8.0 / (1.0 + 1_f64.exp()))).abs() < 1e-12);
    }

    #[test]
    fn the_second_maximum_is_red() {
        let shape = LightShape::bazin(3.5, 20.0, 0.05);
        let temperature = Temperature { hot: 13.0, cool: 5.5, centre: 12.0, width: 6.0 };
        let ia = Explosion { shape, temperature, bump: 0.2, ..kilonova(0.0) };
        let at = |day: f64, w| ia.magnitude_at(60_000.0 + day, w);
        assert!(at(26.0, 0.9) < at(15.0, 0.9), "{} {}", at(26.0, 0.9), at(15.0, 0.9));
        assert!(at(26.0, 0.48) > at(15.0, 0.48));
    }

    #[test]
    fn logarithms_of_sums() {
        assert!((ln_sum(0.0, 0.0) - 2_f64.ln()).abs() < 1e-15);
        assert_eq!(ln_sum(f64::NEG_INFINITY, 3.0), 3.0);
        assert_eq!(ln_sum(f64::NEG_INFINITY, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!(ln_sum(-1e6, 1e6), 1e6);
    }
}
