//! Where objects stand.

use crate::cadence::Field;
use crate::random::Random;

/// Rubin's deep fields: Galactic longitude and latitude of their centres \[deg\], in the order ELAIS-S1, XMM-LSS, Extended
/// Chandra Deep Field South, COSMOS (arXiv 2501.01496, section 4).
pub const DEEP_FIELDS: [(f64, f64); 4] =
    [(311.30, -72.90), (171.20, -58.77), (224.07, -54.47), (236.83, 42.09)];
/// Objects of a deep field lie within this angle of its centre \[deg\].
const DEEP_RADIUS: f64 = 1.7;
/// Declinations that the wide survey reaches \[deg\].
const DECLINATION: (f64, f64) = (-72.0, 12.0);

/// A place on the sky \[deg\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub ra: f64,
    pub dec: f64,
    /// Galactic latitude.
    pub b: f64,
    pub field: Field,
}

/// How objects of a class are spread over the sky.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Spread {
    /// Evenly outside the Milky Way's plane (|b| > 15 deg), some in deep fields.
    Galaxies,
    /// In the plane: latitudes of a double exponential with this scale \[deg\]. Longitudes are even.
    Disk(f64),
    /// All around, denser towards the plane, some in deep fields.
    Halo,
}

/// Equatorial (ICRS) to Galactic: Hipparcos catalogue, ESA SP-1200, vol. 1, eq. 1.5.11.
const TO_GALACTIC: [[f64; 3]; 3] = [
    [-0.054_875_560_4, -0.873_437_090_2, -0.483_835_015_5],
    [0.494_109_427_9, -0.444_829_630_0, 0.746_982_244_5],
    [-0.867_666_149_0, -0.198_076_373_4, 0.455_983_776_2],
];

fn unit_vector(longitude: f64, latitude: f64) -> [f64; 3] {
    let ((sin_l, cos_l), (sin_b, cos_b)) =
        (longitude.to_radians().sin_cos(), latitude.to_radians().sin_cos());
    [cos_b * cos_l, cos_b * sin_l, sin_b]
}

fn angles([x, y, z]: [f64; 3]) -> (f64, f64) {
    (y.atan2(x).to_degrees().rem_euclid(360.0), z.atan2(x.hypot(y)).to_degrees())
}

/// Right ascension and declination of a Galactic longitude and latitude.
pub(crate) fn equatorial(l: f64, b: f64) -> (f64, f64) {
    let v = unit_vector(l, b);
    angles(std::array::from_fn(|column| (0..3).map(|row| TO_GALACTIC[row][column] * v[row]).sum()))
}

/// Galactic longitude and latitude of a right ascension and declination.
pub(crate) fn galactic(ra: f64, dec: f64) -> (f64, f64) {
    let v = unit_vector(ra, dec);
    angles(TO_GALACTIC.map(|row| (0..3).map(|column| row[column] * v[column]).sum()))
}

impl Spread {
    /// A place for an object; `deep_fraction` of those that may are in deep fields.
    pub fn draw(self, deep_fraction: f64, random: &mut Random) -> Place {
        let may_be_deep = !matches!(self, Self::Disk(_));
        if may_be_deep && random.chance(deep_fraction) {
            return deep(random);
        }
        // One place in three is in reach and wanted; the last one is taken where a thousand are not.
        let mut place = Place { ra: 0.0, dec: -30.0, b: 0.0, field: Field::Wide };
        for _ in 0..1000 {
            let (ra, dec) = match self {
                Self::Galaxies | Self::Halo => {
                    (random.uniform(0.0, 360.0), random.uniform(-1.0, 1.0).asin().to_degrees())
                }
                Self::Disk(scale) => {
                    let side = if random.chance(0.5) { 1.0 } else { -1.0 };
                    equatorial(
                        random.uniform(0.0, 360.0),
                        (side * random.exponential(scale)).clamp(-89.0, 89.0),
                    )
                }
            };
            let (_, b) = galactic(ra, dec);
            place = Place { ra, dec, b, field: Field::Wide };
            let in_reach = dec > DECLINATION.0 && dec < DECLINATION.1;
            let wanted = match self {
                Self::Galaxies => b.abs() > 15.0,
                Self::Halo => random.chance((-b.abs() / 40.0).exp()),
                Self::Disk(_) => true,
            };
            if in_reach && wanted {
                break;
            }
        }
        place
    }
}

fn deep(random: &mut Random) -> Place {
    let (l, b) = DEEP_FIELDS[random.below(DEEP_FIELDS.len())];
    let radius = DEEP_RADIUS * random.unit().sqrt();
    let (sin, cos) = (std::f64::consts::TAU * random.unit()).sin_cos();
    let b = b + radius * sin;
    let l = l + radius * cos / b.to_radians().cos();
    let (ra, dec) = equatorial(l, b);
    Place { ra, dec, b, field: Field::Deep }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_directions() {
        // Galactic centre, pole, the field COSMOS and the Orion nebula by astropy 8.
        let close = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 0.02 && (a.1 - b.1).abs() < 0.02;
        assert!(close(equatorial(0.0, 0.0), (266.405, -28.936)));
        let (_, dec) = equatorial(123.0, 90.0);
        assert!((dec - 27.128).abs() < 0.01);
        assert!(close(equatorial(236.83, 42.09), (150.097, 2.183)));
        let (l, b) = galactic(83.822, -5.391);
        assert!(close((l, b), (209.01, -19.38)), "{l} {b}");
    }

    #[test]
    fn there_and_back() {
        let mut random = Random::new(1, 0, 0);
        for _ in 0..1000 {
            let (l, b) = (random.uniform(0.0, 360.0), random.uniform(-89.0, 89.0));
            let (ra, dec) = equatorial(l, b);
            let back = galactic(ra, dec);
            assert!((back.0 - l).abs() < 1e-6 && (back.1 - b).abs() < 1e-6);
        }
    }

    #[test]
    fn spreads_are_what_they_say() {
        let mut random = Random::new(2, 0, 0);
        let places = |spread: Spread, random: &mut Random| -> Vec<Place> {
            (0..3000).map(|_| spread.draw(0.1, random)).collect()
        };
        let galaxies = places(Spread::Galaxies, &mut random);
        assert!(galaxies.iter().all(|place| place.b.abs() > 15.0));
        let n_deep = galaxies.iter().filter(|place| place.field == Field::Deep).count();
        assert!((220..380).contains(&n_deep), "{n_deep}"); // 300 ± 16
        let disk = places(Spread::Disk(4.0), &mut random);
        assert!(disk.iter().all(|place| place.field == Field::Wide));
        let mean = disk.iter().map(|place| place.b.abs()).sum::<f64>() / 3000.0;
        assert!((mean - 4.0).abs() < 0.4, "{mean}");
        for place in galaxies.iter().chain(&disk).filter(|place| place.field == Field::Wide) {
            assert!(place.dec > -72.0 && place.dec < 12.0 && (0.0..360.0).contains(&place.ra));
        }
        for place in galaxies.iter().filter(|place| place.field == Field::Deep) {
            let (l, b) = galactic(place.ra, place.dec);
            let near = DEEP_FIELDS.iter().any(|&(l0, b0)| {
                let dot: f64 = unit_vector(l, b).iter().zip(unit_vector(l0, b0)).map(|(a, b)| a * b).sum();
                dot.acos().to_degrees() < 1.75
            });
            assert!(near, "{place:?}");
        }
    }
}
