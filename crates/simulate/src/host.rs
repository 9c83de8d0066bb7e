//! Host galaxies and what a catalogue says of them.

use heliacal_lightcurve::Context;

use crate::photometry::{BANDS, flux_of_magnitude, magnitude_of_flux};
use crate::random::Random;
use crate::sky::Place;
use crate::survey::SurveyConfig;

/// The galaxies that a class lives in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HostKind {
    /// Share of red galaxies without young stars.
    pub passive: f64,
    /// How far from the centre.
    pub offset: Offset,
    /// Light of an active nucleus in it: magnitudes in u g r i z Y.
    pub nucleus: Option<[f64; 6]>,
}

/// Distance from the centre of the host.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Offset {
    /// In the nucleus: only the astrometry scatters.
    Nuclear,
    /// In an exponential disk of this scale length \[kpc\].
    Kiloparsec(f64),
}

/// Least photometric redshift.
const LEAST_PHOTOZ: f64 = 0.001;

/// Names of the static features that the simulator knows, as SNANA has them. Those of the host are absent where the
/// catalogue has none, spectroscopic redshifts where there is no spectrum.
///
/// What files need to know before the first object: every HEAD of a SNANA survey, or the one table of a Parquet file.
pub const CONTEXT_NAMES: [&str; 20] = [
    "RA",
    "DEC",
    "MWEBV",
    "MWEBV_ERR",
    "REDSHIFT_HELIO",
    "REDSHIFT_HELIO_ERR",
    "HOSTGAL_PHOTOZ",
    "HOSTGAL_PHOTOZ_ERR",
    "HOSTGAL_SPECZ",
    "HOSTGAL_SPECZ_ERR",
    "HOSTGAL_RA",
    "HOSTGAL_DEC",
    "HOSTGAL_SNSEP",
    "HOSTGAL_ELLIPTICITY",
    "HOSTGAL_MAG_u",
    "HOSTGAL_MAG_g",
    "HOSTGAL_MAG_r",
    "HOSTGAL_MAG_i",
    "HOSTGAL_MAG_z",
    "HOSTGAL_MAG_Y",
];

/// Rest wavelengths \[µm\] of the colours below.
const REST: [f64; 9] = [0.10, 0.20, 0.30, 0.36, 0.40, 0.48, 0.62, 0.80, 1.20];
/// Magnitudes minus that at 0.62 µm of a red and of a blue galaxy (about E and Scd of Coleman, Wu and Weedman 1980,
/// ApJS 43, 393).
const RED: [f64; 9] = [6.0, 4.6, 3.2, 2.5, 1.7, 0.75, 0.0, -0.45, -0.95];
const BLUE: [f64; 9] = [2.0, 1.6, 1.4, 1.2, 0.8, 0.40, 0.0, -0.22, -0.45];

fn colour(table: &[f64; 9], rest_um: f64) -> f64 {
    let upper = REST.iter().position(|&um| um > rest_um).unwrap_or(8).max(1);
    let share = ((rest_um - REST[upper - 1]) / (REST[upper] - REST[upper - 1])).clamp(0.0, 1.0);
    table[upper - 1] + share * (table[upper] - table[upper - 1])
}

/// The context of an extragalactic object.
pub(crate) fn context(
    kind: HostKind,
    redshift: f64,
    place: Place,
    mwebv: f64,
    survey: &SurveyConfig,
    random: &mut Random,
) -> Context {
    let mut context = position(place, mwebv);
    if random.chance(survey.hostless) {
        return rounded(&context);
    }
    let table = if random.chance(kind.passive) { &RED } else { &BLUE };
    let absolute_r = random.normal_within(-20.6, 1.2, -24.0, -15.0);
    let modulus = survey.cosmology.distance_modulus(redshift) - 2.5 * (1.0 + redshift).log10();
    let magnitudes: [f64; 6] = std::array::from_fn(|band| {
        let rest_um = f64::from(BANDS[band].mean_wavelength_um()) / (1.0 + redshift);
        let stars = absolute_r + modulus + colour(table, rest_um) + random.normal(0.0, 0.05);
        match kind.nucleus {
            Some(nucleus) => magnitude_of_flux(flux_of_magnitude(stars) + flux_of_magnitude(nucleus[band])),
            None => stars,
        }
    });
    let separation = match kind.offset {
        Offset::Nuclear => 0.08 * random.standard_normal().hypot(random.standard_normal()),
        // The radius of an exponential disk: a sum of two exponential deviates.
        Offset::Kiloparsec(scale) => {
            let kpc = random.exponential(scale) + random.exponential(scale);
            (kpc * survey.cosmology.arcsec_per_kpc(redshift)).min(30.0)
        }
    };
    host(&mut context, redshift, magnitudes, separation, place, survey, random);
    rounded(&context)
}

/// The context of a star: no host, but for a galaxy that happens to stand beside it.
pub(crate) fn star_context(place: Place, mwebv: f64, survey: &SurveyConfig, random: &mut Random) -> Context {
    let mut context = position(place, mwebv);
    // Through the dust of the plane no galaxies are seen.
    if place.b.abs() > 8.0 && random.chance(survey.chance_host) {
        let redshift = 0.05 + random.exponential(0.25) + random.exponential(0.25);
        let r = random.normal_within(22.5, 1.5, 17.0, 25.5);
        let table = if random.chance(0.3) { &RED } else { &BLUE };
        let at = |band: usize| colour(table, f64::from(BANDS[band].mean_wavelength_um()) / (1.0 + redshift));
        let magnitudes = std::array::from_fn(|band| r + at(band) - at(2) + random.normal(0.0, 0.05));
        let separation = 5.0 * random.unit().sqrt();
        host(&mut context, redshift, magnitudes, separation, place, survey, random);
    }
    rounded(&context)
}

fn position(place: Place, mwebv: f64) -> Context {
    Context::from_iter([("RA", place.ra), ("DEC", place.dec), ("MWEBV", mwebv), ("MWEBV_ERR", 0.05 * mwebv)])
}

fn host(
    context: &mut Context,
    redshift: f64,
    magnitudes: [f64; 6],
    separation: f64,
    place: Place,
    survey: &SurveyConfig,
    random: &mut Random,
) {
    // Drawn again where it is not positive: a bound would pile up the near ones at one value, and so tell their class.
    let scatter = survey.photoz_scatter * (1.0 + redshift);
    let photoz = random.normal_within(redshift, scatter, LEAST_PHOTOZ, f64::INFINITY);
    // From what is known: of the true redshift it would tell the value.
    let photoz_err = (survey.photoz_scatter * (1.0 + photoz)).max(1e-4);
    let specz = (magnitudes[2] < 21.0 && random.chance(survey.specz)).then_some(redshift);
    context.set("HOSTGAL_PHOTOZ", photoz);
    context.set("HOSTGAL_PHOTOZ_ERR", photoz_err);
    if let Some(specz) = specz {
        context.set("HOSTGAL_SPECZ", specz);
        context.set("HOSTGAL_SPECZ_ERR", 0.0005);
    }
    // SNANA's best redshift: from the spectrum if there is one.
    context.set("REDSHIFT_HELIO", specz.unwrap_or(photoz));
    context.set("REDSHIFT_HELIO_ERR", if specz.is_some() { 0.001 } else { photoz_err });
    let (sin, cos) = (std::f64::consts::TAU * random.unit()).sin_cos();
    let degrees = separation / 3600.0;
    context.set("HOSTGAL_RA", (place.ra + degrees * sin / place.dec.to_radians().cos()).rem_euclid(360.0));
    context.set("HOSTGAL_DEC", place.dec + degrees * cos);
    context.set("HOSTGAL_SNSEP", separation);
    context.set("HOSTGAL_ELLIPTICITY", 0.9 * random.unit() * random.unit().sqrt());
    for (band, magnitude) in BANDS.iter().zip(magnitudes) {
        context.set(format!("HOSTGAL_MAG_{}", band.letter()), magnitude);
    }
}

/// As files hold them: singles, but for positions.
fn rounded(context: &Context) -> Context {
    let is_position = |name: &str| name.ends_with("RA") || name.ends_with("DEC");
    context
        .iter()
        .map(|(name, value)| {
            (name.to_owned(), if is_position(name) { value } else { f64::from(value as f32) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cadence::Field;

    const PLACE: Place = Place { ra: 359.9999, dec: -40.0, b: -60.0, field: Field::Wide };
    const KIND: HostKind = HostKind { passive: 0.3, offset: Offset::Kiloparsec(3.0), nucleus: None };

    #[test]
    fn colours_by_hand() {
        assert_eq!(colour(&RED, 0.62), 0.0);
        assert!((colour(&RED, 0.38) - 2.1).abs() < 1e-12); // half way from 0.36 to 0.40
        assert_eq!([colour(&BLUE, 0.01), colour(&BLUE, 9.0)], [2.0, -0.45]);
    }

    #[test]
    fn photometric_redshifts_scatter_as_said_and_some_hosts_are_missing() {
        let survey = SurveyConfig::default();
        let mut random = Random::new(1, 0, 0);
        let (mut n, mut squares, mut separation) = (0.0, 0.0, 0.0);
        for _ in 0..4000 {
            let context = context(KIND, 0.5, PLACE, 0.05, &survey, &mut random);
            assert_eq!(context.get("MWEBV"), Some(f64::from(0.05_f32)));
            let Some(photoz) = context.get("HOSTGAL_PHOTOZ") else {
                assert_eq!(context.len(), 4);
                continue;
            };
            n += 1.0;
            squares += (photoz - 0.5).powi(2);
            separation += context.get("HOSTGAL_SNSEP").unwrap();
            assert!((0.0..360.0).contains(&context.get("HOSTGAL_RA").unwrap()));
            assert!((context.get("HOSTGAL_DEC").unwrap() + 40.0).abs() < 0.01);
            assert!(context.get("HOSTGAL_MAG_u").unwrap() > context.get("HOSTGAL_MAG_Y").unwrap());
            assert!((0.0..1.0).contains(&context.get("HOSTGAL_ELLIPTICITY").unwrap()));
            let best = context.get("REDSHIFT_HELIO").unwrap();
            assert_eq!(best, context.get("HOSTGAL_SPECZ").unwrap_or(photoz));
        }
        assert!((n / 4000.0 - 0.85_f64).abs() < 0.025, "{n}");
        assert!(((squares / n).sqrt() / 0.045 - 1.0_f64).abs() < 0.06);
        // Twice the scale length on average: 6 kpc, 6.1 kpc/arcsec at z = 0.5.
        assert!((separation / n - 6.0 / 6.10).abs() < 0.06, "{}", separation / n);
    }

    #[test]
    fn photometric_redshifts_of_near_hosts_do_not_pile_up() {
        let survey = SurveyConfig { hostless: 0.0, ..SurveyConfig::default() };
        let mut random = Random::new(3, 0, 0);
        let mut photoz: Vec<f64> = (0..3000)
            .map(|_| context(KIND, 0.01, PLACE, 0.05, &survey, &mut random))
            .map(|context| context.get("HOSTGAL_PHOTOZ").unwrap())
            .collect();
        photoz.sort_by(f64::total_cmp);
        assert!(photoz[0] >= f64::from(LEAST_PHOTOZ as f32));
        photoz.dedup();
        // Singles have room for 3000 values; one or two may agree by chance, but a third of all stood at the bound.
        assert!(photoz.len() > 2990, "{}", photoz.len());
    }

    #[test]
    fn stars_have_no_host_but_by_chance() {
        let survey = SurveyConfig { chance_host: 0.2, ..SurveyConfig::default() };
        let mut random = Random::new(2, 0, 0);
        let with_host = |b: f64, random: &mut Random| {
            let place = Place { b, ..PLACE };
            (0..2000).filter(|_| star_context(place, 0.1, &survey, random).len() > 4).count()
        };
        assert!((340..460).contains(&with_host(40.0, &mut random)));
        assert_eq!(with_host(2.0, &mut random), 0);
    }
}
