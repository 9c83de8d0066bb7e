//! Numbers of the exploding classes.

use crate::blackbody::V_WAVELENGTH;
use crate::class::SimulatedClass;
use crate::drawn::Drawn;
use crate::explosion::{Explosion, Temperature};
use crate::host::{HostKind, Offset};
use crate::light_shape::LightShape;
use crate::random::Random;
use crate::redshift;
use crate::sky::Spread;
use crate::survey::SurveyConfig;

/// What a class of explosions is like, on average.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe {
    /// Absolute magnitude at maximum and its scatter.
    magnitude: (f64, f64),
    /// Rest wavelength of that magnitude, and of rise and fall \[µm\].
    reference_um: f64,
    /// Magnitudes by which a fall that is longer by a tenth in its natural logarithm is brighter (Phillips 1993); the
    /// scatter of `magnitude` comes on top.
    width_luminosity: f64,
    /// Rise and fall \[day\]; behind a plateau the fall is [`PLATEAU_FALL`] of this.
    rise_fall: (f64, f64),
    /// Length of the plateau and its scatter \[day\], and the largest share of light that is lost along it.
    plateau: Option<(f64, f64, f64)>,
    /// Share of the radioactive tail.
    tail: f64,
    /// Temperatures before and after \[kK\].
    temperature: (f64, f64),
    /// When it cools and how long that takes \[day\]; `None`: 0.6 and 0.3 of the fall.
    cooling: Option<(f64, f64)>,
    /// Absorption by lines: wavelength \[µm\] below which, and exponent.
    lines: (f64, f64),
    /// Height of the second maximum in the infrared.
    bump: f64,
    /// Mean E(B-V) in the host \[mag\].
    reddening: f64,
    /// Largest redshift.
    max_redshift: f64,
    /// Share of passive hosts, and scale length of offsets \[kpc\].
    host: (f64, f64),
}

/// Fall behind a plateau over that of the recipe: the end of a plateau is steeper than the fall of other supernovae. Those
/// of SNII and ILOT are thus 7 and 5 days.
const PLATEAU_FALL: f64 = 0.35;

/// Everything that has no plateau and no second maximum.
const PLAIN: Recipe = Recipe {
    magnitude: (-17.0, 0.5),
    reference_um: V_WAVELENGTH,
    width_luminosity: 0.0,
    rise_fall: (3.0, 20.0),
    plateau: None,
    tail: 0.0,
    temperature: (10.0, 5.0),
    cooling: None,
    lines: (0.40, 4.0),
    bump: 0.0,
    reddening: 0.08,
    max_redshift: 0.5,
    host: (0.0, 3.0),
};

/// Peak magnitudes and rates of decline: Richardson et al. 2014 (AJ 147, 118) for supernovae, Gal-Yam 2019 (ARA&A 57, 305)
/// for superluminous ones, Kasen et al. 2011 (ApJ 734, 102) for pair instability, Kasliwal 2012 (PASA 29, 482) for the gap
/// and calcium-rich transients, Villar et al. 2017 (ApJ 851, L21) for AT2017gfo. Rounded.
pub(crate) fn recipe(class: SimulatedClass) -> Option<Recipe> {
    supernova(class).or_else(|| other_transient(class))
}

fn supernova(class: SimulatedClass) -> Option<Recipe> {
    use SimulatedClass::{Sn91bg, SnII, SnIa, SnIax, SnIbc};
    Some(match class {
        SnIa => Recipe {
            magnitude: (-19.3, 0.12),
            width_luminosity: 0.10,
            rise_fall: (3.5, 20.0),
            tail: 0.06,
            temperature: (13.0, 5.5),
            lines: (0.40, 5.0),
            bump: 0.14,
            reddening: 0.05,
            max_redshift: 1.1,
            host: (0.35, 4.0),
            ..PLAIN
        },
        Sn91bg => Recipe {
            magnitude: (-17.7, 0.35),
            width_luminosity: 0.10,
            rise_fall: (3.0, 12.0),
            tail: 0.05,
            temperature: (8.5, 4.3),
            lines: (0.44, 5.0),
            reddening: 0.03,
            host: (0.85, 5.0),
            ..PLAIN
        },
        SnIax => Recipe {
            magnitude: (-16.8, 1.0),
            rise_fall: (3.0, 17.0),
            tail: 0.06,
            lines: (0.38, 4.0),
            host: (0.05, 3.0),
            ..PLAIN
        },
        SnIbc => Recipe {
            magnitude: (-17.4, 0.7),
            rise_fall: (4.5, 20.0),
            tail: 0.08,
            temperature: (9.5, 5.0),
            reddening: 0.18,
            max_redshift: 0.6,
            host: (0.0, 2.5),
            ..PLAIN
        },
        SnII => Recipe {
            magnitude: (-17.0, 1.0),
            rise_fall: (3.0, 20.0),
            plateau: Some((90.0, 15.0, 0.75)),
            tail: 0.15,
            temperature: (16.0, 5.5),
            cooling: Some((12.0, 8.0)),
            lines: (0.36, 2.5),
            reddening: 0.10,
            max_redshift: 0.6,
            ..PLAIN
        },
        _ => return None,
    })
}

fn other_transient(class: SimulatedClass) -> Option<Recipe> {
    use SimulatedClass::{Cart, Ilot, Kilonova, Pisn, Slsn};
    Some(match class {
        Slsn => Recipe {
            magnitude: (-21.7, 0.6),
            rise_fall: (18.0, 50.0),
            temperature: (15.0, 7.0),
            lines: (0.30, 1.5),
            reddening: 0.03,
            max_redshift: 2.5,
            host: (0.0, 1.5),
            ..PLAIN
        },
        Pisn => Recipe {
            magnitude: (-20.6, 0.6),
            rise_fall: (38.0, 110.0),
            temperature: (10.5, 5.0),
            lines: (0.38, 2.5),
            reddening: 0.03,
            max_redshift: 1.8,
            host: (0.0, 1.5),
            ..PLAIN
        },
        Ilot => Recipe {
            magnitude: (-13.2, 0.8),
            rise_fall: (6.0, 15.0),
            plateau: Some((60.0, 20.0, 0.7)),
            tail: 0.02,
            temperature: (6.5, 3.5),
            cooling: Some((40.0, 20.0)),
            lines: (0.40, 2.0),
            reddening: 0.15,
            max_redshift: 0.06,
            ..PLAIN
        },
        Cart => Recipe {
            magnitude: (-16.1, 0.4),
            rise_fall: (3.5, 10.0),
            tail: 0.04,
            temperature: (9.0, 4.3),
            reddening: 0.03,
            max_redshift: 0.3,
            host: (0.7, 12.0),
            ..PLAIN
        },
        Kilonova => Recipe {
            magnitude: (-15.9, 0.7),
            reference_um: 0.87,
            rise_fall: (0.35, 2.3),
            temperature: (9.0, 2.6),
            lines: (0.40, 1.0),
            reddening: 0.03,
            max_redshift: 0.12,
            host: (0.5, 4.0),
            ..PLAIN
        },
        _ => return None,
    })
}

/// An explosion of a class with such a recipe, at a time and redshift drawn from the survey's.
pub(crate) fn draw(recipe: &Recipe, survey: &SurveyConfig, random: &mut Random) -> Drawn {
    let z = redshift::draw(recipe.max_redshift, survey, random);
    let (rise, fall) = recipe.rise_fall;
    // How slow it is, and how bright for that.
    let slowness = random.normal_within(0.0, 0.15, -0.4, 0.4);
    let fall = fall * slowness.exp();
    let rise = rise * (0.5 * slowness + random.normal(0.0, 0.12)).exp();
    let (mean, sigma) = recipe.magnitude;
    let absolute = mean - 10.0 * recipe.width_luminosity * slowness + random.normal(0.0, sigma);
    let heat = random.log_normal(1.0, 0.06);
    let (hot, cool) = recipe.temperature;
    let (centre, width) = recipe.cooling.unwrap_or((0.6 * fall, 0.3 * fall));
    let shape = match recipe.plateau {
        None => LightShape::bazin(rise, fall, recipe.tail * random.log_normal(1.0, 0.2).min(3.0)),
        Some((days, scatter, decline)) => {
            let days = random.normal_within(days, scatter, 0.4 * days, 1.8 * days);
            let decline = decline * random.unit();
            LightShape::plateau(
                rise,
                days,
                decline,
                PLATEAU_FALL * fall,
                recipe.tail * random.log_normal(1.0, 0.4).min(3.0),
            )
        }
    };
    let explosion = Explosion {
        redshift: z,
        time: random.uniform(survey.cadence.begin - 60.0 * (1.0 + z), survey.cadence.end()),
        reference_um: recipe.reference_um,
        magnitude: absolute + survey.cosmology.distance_modulus(z) - 2.5 * (1.0 + z).log10(),
        shape,
        temperature: Temperature { hot: hot * heat, cool: cool * heat, centre, width },
        reddening: random.exponential(recipe.reddening),
        lines: recipe.lines,
        bump: recipe.bump * random.log_normal(1.0, 0.15),
    };
    let (passive, scale) = recipe.host;
    Drawn {
        redshift: Some(z),
        time: Some(explosion.time),
        host: Some(HostKind { passive, offset: Offset::Kiloparsec(scale), nucleus: None }),
        spread: Spread::Galaxies,
        ..Drawn::new(explosion)
    }
}

/// A tidal disruption event (van Velzen et al. 2021, ApJ 908, 4): blue for months, in the centre of its galaxy.
pub(crate) fn draw_disruption(survey: &SurveyConfig, random: &mut Random) -> Drawn {
    let z = redshift::draw(1.2, survey, random);
    let heat = random.log_normal(1.0, 0.12);
    let explosion = Explosion {
        redshift: z,
        time: random.uniform(survey.cadence.begin - 60.0 * (1.0 + z), survey.cadence.end()),
        reference_um: V_WAVELENGTH,
        magnitude: random.normal(-19.8, 0.7) + survey.cosmology.distance_modulus(z) - 2.5 * (1.0 + z).log10(),
        shape: LightShape::Disruption {
            rise: random.uniform(8.0, 25.0),
            decay: random.log_normal(60.0, 0.25),
        },
        temperature: Temperature { hot: 30.0 * heat, cool: 20.0 * heat, centre: 60.0, width: 20.0 },
        reddening: random.exponential(0.02),
        lines: (0.0, 0.0),
        bump: 0.0,
    };
    Drawn {
        redshift: Some(z),
        time: Some(explosion.time),
        host: Some(HostKind { passive: 0.6, offset: Offset::Nuclear, nucleus: None }),
        spread: Spread::Galaxies,
        ..Drawn::new(explosion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_plan() {
        use SimulatedClass::{Cart, Ilot, Kilonova, Pisn, Slsn, Sn91bg, SnII, SnIa, SnIax, SnIbc};
        let numbers = |class| {
            let r = recipe(class).unwrap();
            [r.magnitude.0, r.rise_fall.0, r.rise_fall.1, r.temperature.0, r.temperature.1, r.max_redshift]
        };
        for (class, expected) in [
            (SnIa, [-19.3, 3.5, 20.0, 13.0, 5.5, 1.1]),
            (Sn91bg, [-17.7, 3.0, 12.0, 8.5, 4.3, 0.5]),
            (SnIax, [-16.8, 3.0, 17.0, 10.0, 5.0, 0.5]),
            (SnIbc, [-17.4, 4.5, 20.0, 9.5, 5.0, 0.6]),
            (SnII, [-17.0, 3.0, 20.0, 16.0, 5.5, 0.6]),
            (Slsn, [-21.7, 18.0, 50.0, 15.0, 7.0, 2.5]),
            (Pisn, [-20.6, 38.0, 110.0, 10.5, 5.0, 1.8]),
            (Ilot, [-13.2, 6.0, 15.0, 6.5, 3.5, 0.06]),
            (Cart, [-16.1, 3.5, 10.0, 9.0, 4.3, 0.3]),
            (Kilonova, [-15.9, 0.35, 2.3, 9.0, 2.6, 0.12]),
        ] {
            assert_eq!(numbers(class), expected, "{class:?}");
        }
        let plateau = |class| recipe(class).unwrap().plateau;
        assert_eq!(plateau(SnII), Some((90.0, 15.0, 0.75)));
        assert_eq!(plateau(Ilot), Some((60.0, 20.0, 0.7)));
        // The disruption has a form of its own: the ranges of its rise and redshift.
        let survey = SurveyConfig::default();
        for seed in 0..200 {
            let drawn = draw_disruption(&survey, &mut Random::new(seed, 0, 0));
            assert!(drawn.redshift.is_some_and(|z| (0.004..=1.2).contains(&z)));
        }
        assert!(recipe(SimulatedClass::RrLyrae).is_none());
    }

    #[test]
    fn drawn_explosions_are_finite_whatever_the_stream() {
        let survey = SurveyConfig::default();
        for &class in SimulatedClass::oracle() {
            let Some(recipe) = recipe(class) else { continue };
            for seed in 0..200 {
                let mut random = Random::new(seed, 0, 0);
                let drawn = draw(&recipe, &survey, &mut random);
                let visits = survey.cadence.draw(10.0, crate::cadence::Field::Wide, &mut random);
                assert!(drawn.source.fluxes(&visits, &mut random).iter().all(|f| f.is_finite() && *f >= 0.0));
                assert_eq!(drawn.source.template(), [0.0; 6]);
            }
        }
    }
}
