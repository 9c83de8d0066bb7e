//! One object as drawn, before the survey looks at it.

use crate::agn::Agn;
use crate::class::SimulatedClass;
use crate::host::{HostKind, Offset};
use crate::random::Random;
use crate::redshift;
use crate::sky::Spread;
use crate::source::Source;
use crate::survey::SurveyConfig;
use crate::{stars, supernova};

/// A source and what goes with it.
pub(crate) struct Drawn {
    pub source: Box<dyn Source>,
    pub redshift: Option<f64>,
    /// Time zero of an event \[MJD\].
    pub time: Option<f64>,
    /// Main period \[day\].
    pub period: Option<f64>,
    pub blazhko: bool,
    pub spread: Spread,
    /// Its galaxy; none for stars.
    pub host: Option<HostKind>,
}

impl Drawn {
    /// A star of the disk.
    pub fn new(source: impl Source + 'static) -> Self {
        Self {
            source: Box::new(source),
            redshift: None,
            time: None,
            period: None,
            blazhko: false,
            spread: Spread::Disk(8.0),
            host: None,
        }
    }
}

/// An object of a class.
pub(crate) fn draw(class: SimulatedClass, survey: &SurveyConfig, random: &mut Random) -> Drawn {
    if let Some(recipe) = supernova::recipe(class) {
        return supernova::draw(&recipe, survey, random);
    }
    match class {
        SimulatedClass::Tde => supernova::draw_disruption(survey, random),
        SimulatedClass::Agn => agn(survey, random),
        star => stars::draw(star, survey, random),
    }
}

/// Quasars of the luminosities at which wide surveys see them vary; the mass goes with the luminosity.
fn agn(survey: &SurveyConfig, random: &mut Random) -> Drawn {
    let z = redshift::draw(2.5, survey, random).max(0.02);
    // Farther ones are seen only where they are brighter.
    let absolute_i = random.normal_within(-22.3 - 1.5 * z.min(2.5), 1.0, -28.5, -20.0);
    let log_mass = random.normal(8.6 - 0.3 * (absolute_i + 24.5), 0.35);
    let agn = Agn::new(z, absolute_i, log_mass, survey.cosmology);
    Drawn {
        redshift: Some(z),
        spread: Spread::Galaxies,
        host: Some(HostKind { passive: 0.4, offset: Offset::Nuclear, nucleus: Some(agn.mean) }),
        ..Drawn::new(agn)
    }
}
