//! Galactic coordinates, for the flags that ORACLE makes of an object's place on the sky.

use serde::{Deserialize, Serialize};

/// A direction in Galactic coordinates (IAU 1958 system, J2000 pole).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Galactic {
    /// Longitude \[deg\], 0 to 360.
    pub l: f64,
    /// Latitude \[deg\].
    pub b: f64,
}

/// Right ascension of the north Galactic pole, J2000 \[deg\]; with the next two, the Hipparcos catalogue's numbers
/// (ESA SP-1200, vol. 1, section 1.5.3).
const POLE_RA: f64 = 192.859_48;
/// Declination of the north Galactic pole, J2000 \[deg\].
const POLE_DEC: f64 = 27.128_25;
/// Galactic longitude of the north celestial pole \[deg\].
const CELESTIAL_POLE_L: f64 = 122.931_92;

impl Galactic {
    /// Angular distance to another direction \[deg\] (Vincenty's form: accurate at every distance).
    pub fn distance(self, other: Self) -> f64 {
        let (sin_dl, cos_dl) = (other.l - self.l).to_radians().sin_cos();
        let (sin_a, cos_a) = self.b.to_radians().sin_cos();
        let (sin_b, cos_b) = other.b.to_radians().sin_cos();
        let across = (cos_b * sin_dl).hypot(cos_a * sin_b - sin_a * cos_b * cos_dl);
        across.atan2(sin_a * sin_b + cos_a * cos_b * cos_dl).to_degrees()
    }
}

/// Galactic coordinates of an equatorial J2000 position \[deg\].
pub(crate) fn from_equatorial(ra: f64, dec: f64) -> Galactic {
    let (sin_dec, cos_dec) = dec.to_radians().sin_cos();
    let (sin_pole, cos_pole) = POLE_DEC.to_radians().sin_cos();
    let (sin_da, cos_da) = (ra - POLE_RA).to_radians().sin_cos();
    let sin_b = sin_dec * sin_pole + cos_dec * cos_pole * cos_da;
    let y = cos_dec * sin_da;
    let x = sin_dec * cos_pole - cos_dec * sin_pole * cos_da;
    let l = (CELESTIAL_POLE_L - y.atan2(x).to_degrees()).rem_euclid(360.0);
    Galactic { l, b: sin_b.clamp(-1.0, 1.0).asin().to_degrees() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_directions() {
        // Computed with astropy 8.0.2: SkyCoord(ra, dec, unit="deg").galactic.
        for (ra, dec, l, b) in [
            (266.404_988, -28.936_178, 0.0, 0.0), // the Galactic centre
            (9.45, -44.0, 311.300_493_050_422_4, -72.905_971_255_899_35), // ELAIS-S1
            (150.1, 2.181_94, 236.833_484_829_789_63, 42.092_166_714_835_42), // COSMOS
            (53.125, -28.1, 224.071_400_094_697_17, -54.472_500_972_091_53), // ECDFS
            (0.0, 90.0, 122.931_925_255_416_62, 27.128_252_414_968),
        ] {
            let found = from_equatorial(ra, dec);
            let expected = Galactic { l, b };
            assert!(found.distance(expected) < 1e-4, "{ra} {dec}: {found:?}, expected {expected:?}");
        }
    }

    #[test]
    fn distances_by_hand() {
        let at = |l, b| Galactic { l, b };
        assert!((at(10.0, 0.0).distance(at(30.0, 0.0)) - 20.0).abs() < 1e-12);
        assert!((at(0.0, 89.0).distance(at(180.0, 89.0)) - 2.0).abs() < 1e-12);
        assert!((at(0.0, 0.0).distance(at(180.0, 0.0)) - 180.0).abs() < 1e-12);
        assert!((at(359.0, 0.0).distance(at(1.0, 0.0)) - 2.0).abs() < 1e-12);
    }
}
