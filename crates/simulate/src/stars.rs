//! Numbers of the stars: which periods, amplitudes, colours and places each class has.

use crate::blackbody::star_colours;
use crate::class::SimulatedClass;
use crate::damped_random_walk::DampedRandomWalk;
use crate::drawn::Drawn;
use crate::dwarf_nova::DwarfNova;
use crate::eclipsing::Binary;
use crate::eruption::{Events, GAMMA_CAS_RESPONSE, Sign, YOUNG_RESPONSE};
use crate::flare::FlareStar;
use crate::long_period::{LONG_PERIOD_RESPONSE, LongPeriod};
use crate::microlensing::Microlensing;
use crate::pulsation::{
    Blazhko, CEPHEID_RESPONSE, DELTA_SCUTI_RESPONSE, HIGH_AMPLITUDE_DELTA_SCUTI_SHAPE, OVERTONE_SHAPE,
    Pulsation, RR_LYRAE_RESPONSE, RRAB_SHAPE, cepheid_shape,
};
use crate::random::Random;
use crate::rotation::{Rotation, SPOT_RESPONSE};
use crate::sky::Spread;
use crate::source::{Modulation, Sum, Variable};
use crate::survey::SurveyConfig;

/// A star of a class.
pub(crate) fn draw(class: SimulatedClass, survey: &SurveyConfig, random: &mut Random) -> Drawn {
    use SimulatedClass as C;
    match class {
        C::DwarfNova | C::UGeminorum => dwarf_nova(random),
        C::Microlensing => microlensing(survey, random),
        C::MDwarfFlare => flare_star(random),
        // Shares of the types in the catalogue of ASAS-SN, rounded.
        C::RrLyrae => rr_lyrae([C::RrAb, C::RrAb, C::RrAb, C::RrC][random.below(4)], random),
        C::Cepheid => {
            cepheid([C::DeltaCephei, C::DeltaCephei, C::DeltaCepheiOvertone][random.below(3)], random)
        }
        C::DeltaScuti => delta_scuti([C::LowDeltaScuti, C::HighDeltaScuti][random.below(2)], random),
        C::EclipsingBinary => {
            binary([C::Algol, C::BetaLyrae, C::WUrsaeMajoris, C::WUrsaeMajoris][random.below(4)], random)
        }
        C::RrAb | C::RrC | C::RrD => rr_lyrae(class, random),
        C::DeltaCephei | C::DeltaCepheiOvertone | C::WVirginis => cepheid(class, random),
        C::LowDeltaScuti | C::HighDeltaScuti => delta_scuti(class, random),
        C::Algol | C::BetaLyrae | C::WUrsaeMajoris | C::Ellipsoidal => binary(class, random),
        C::Mira | C::Semiregular | C::Irregular => giant(class, random),
        C::Rotating | C::RsCanumVenaticorum => rotating(class, random),
        C::GammaCassiopeiae => gamma_cassiopeiae(random),
        C::YoungStellarObject => young(random),
        _ => miscellaneous(random),
    }
}

/// Magnitudes in u g r i z Y of a black body of this temperature \[kK\], with r between two limits.
fn magnitudes(temperature: f64, r: (f64, f64), random: &mut Random) -> [f64; 6] {
    let r = random.uniform(r.0, r.1);
    star_colours(temperature).map(|colour| r + colour)
}

fn star<M: Modulation + 'static>(
    mean: [f64; 6],
    response: [f64; 6],
    period: Option<f64>,
    modulation: M,
) -> Drawn {
    Drawn { period, ..Drawn::new(Variable { mean, response, modulation }) }
}

/// Periods and amplitudes in g after Soszyński et al. 2019 (AcA 69, 87); Bailey's relation for RRab, P₁/P₀ = 0.744 for RRd.
fn rr_lyrae(class: SimulatedClass, random: &mut Random) -> Drawn {
    let mean = magnitudes(random.uniform(6.2, 7.2), (16.2, 21.8), random);
    let phase = random.unit();
    let drawn = match class {
        SimulatedClass::RrAb => {
            let period = random.normal_within(0.57, 0.07, 0.40, 0.90);
            let amplitude = random.normal_within(1.15 - 2.4 * (period - 0.55), 0.15, 0.25, 1.6);
            let mut pulsation = Pulsation::new(period, phase, amplitude, &RRAB_SHAPE);
            if random.chance(0.3) {
                pulsation.blazhko = Some(Blazhko {
                    strength: random.uniform(0.1, 0.4),
                    period: random.log_uniform(20.0, 100.0),
                    phase: random.unit(),
                });
            }
            let blazhko = pulsation.blazhko.is_some();
            Drawn { blazhko, ..star(mean, RR_LYRAE_RESPONSE, Some(period), pulsation) }
        }
        SimulatedClass::RrC => {
            let period = random.normal_within(0.33, 0.04, 0.22, 0.45);
            let amplitude = random.normal_within(0.48, 0.08, 0.2, 0.7);
            star(
                mean,
                RR_LYRAE_RESPONSE,
                Some(period),
                Pulsation::new(period, phase, amplitude, &OVERTONE_SHAPE),
            )
        }
        _ => {
            let fundamental = random.normal_within(0.48, 0.03, 0.42, 0.60);
            let first = random.normal_within(0.744, 0.001, 0.74, 0.75) * fundamental;
            let amplitude = random.normal_within(0.45, 0.06, 0.25, 0.65);
            let parts: Vec<Box<dyn Modulation>> = vec![
                Box::new(Pulsation::new(first, phase, amplitude, &OVERTONE_SHAPE)),
                Box::new(Pulsation::new(
                    fundamental,
                    random.unit(),
                    amplitude * random.uniform(0.3, 0.8),
                    &[(0.25, 2.4)],
                )),
            ];
            star(mean, RR_LYRAE_RESPONSE, Some(first), Sum(parts))
        }
    };
    Drawn { spread: Spread::Halo, ..drawn }
}

/// Periods after Soszyński et al. 2017 (AcA 67, 103), amplitudes rising with the period.
fn cepheid(class: SimulatedClass, random: &mut Random) -> Drawn {
    let (phase, r) = (random.unit(), (16.2, 20.5));
    let (period, amplitude, shape) = match class {
        SimulatedClass::DeltaCephei => {
            let period = 10_f64.powf(random.normal_within(0.75, 0.28, 0.2, 1.8));
            let amplitude = random.normal_within(0.85 + 0.35 * (period.log10() - 0.75), 0.18, 0.3, 1.8);
            (period, amplitude, cepheid_shape(period).to_vec())
        }
        SimulatedClass::DeltaCepheiOvertone => {
            let period = 10_f64.powf(random.normal_within(0.35, 0.2, -0.3, 0.8));
            (period, random.normal_within(0.45, 0.08, 0.15, 0.7), OVERTONE_SHAPE.to_vec())
        }
        _ => {
            // BL Herculis and W Virginis stars.
            let period =
                if random.chance(0.4) { random.log_uniform(1.0, 4.0) } else { random.log_uniform(4.0, 30.0) };
            (
                period,
                random.normal_within(0.8, 0.2, 0.3, 1.4),
                vec![(0.25, random.uniform(2.0, 4.5)), (0.08, 4.0)],
            )
        }
    };
    let temperature = random.normal_within(5.9 - 0.4 * period.log10(), 0.2, 4.8, 6.8);
    let mean = magnitudes(temperature, r, random);
    let spread = if class == SimulatedClass::WVirginis { Spread::Halo } else { Spread::Disk(4.0) };
    let pulsation = Pulsation::new(period, phase, amplitude, &shape);
    Drawn { spread, ..star(mean, CEPHEID_RESPONSE, Some(period), pulsation) }
}

/// Several sines of low amplitude, or one strong mode (McNamara 2000, ASPC 210, 373).
fn delta_scuti(class: SimulatedClass, random: &mut Random) -> Drawn {
    let mean = magnitudes(random.uniform(6.9, 8.3), (16.2, 20.0), random);
    if class == SimulatedClass::HighDeltaScuti {
        let period = random.log_uniform(0.05, 0.2);
        let amplitude = random.normal_within(0.5, 0.15, 0.3, 0.9);
        let pulsation = Pulsation::new(period, random.unit(), amplitude, &HIGH_AMPLITUDE_DELTA_SCUTI_SHAPE);
        return star(mean, DELTA_SCUTI_RESPONSE, Some(period), pulsation);
    }
    let period = random.log_uniform(0.03, 0.22);
    let amplitude = random.log_uniform(0.05, 0.25);
    let parts = (0..3).map(|n| -> Box<dyn Modulation> {
        let period = if n == 0 { period } else { period * random.uniform(0.65, 1.1) };
        let amplitude = if n == 0 { amplitude } else { amplitude * random.uniform(0.2, 0.6) };
        Box::new(Pulsation::new(period, random.unit(), amplitude, &[(0.1, 2.5)]))
    });
    let parts = Sum(parts.collect());
    star(mean, DELTA_SCUTI_RESPONSE, Some(period), parts)
}

/// Ranges after Mowlavi et al. 2017, figures 9 to 12: widths and depths grow from detached to contact systems.
fn binary(class: SimulatedClass, random: &mut Random) -> Drawn {
    let (phase, temperature) = (random.unit(), random.log_uniform(4.2, 9.0));
    let (period, primary, ratio, width, ellipsoidal) = match class {
        SimulatedClass::Algol => (
            random.log_uniform(0.7, 20.0),
            random.log_uniform(0.15, 1.6),
            random.uniform(0.05, 1.0),
            random.log_uniform(0.008, 0.05),
            0.0,
        ),
        SimulatedClass::BetaLyrae => (
            random.log_uniform(0.4, 12.0),
            random.log_uniform(0.25, 1.0),
            random.uniform(0.2, 0.7),
            random.uniform(0.045, 0.085),
            random.uniform(0.05, 0.15),
        ),
        SimulatedClass::WUrsaeMajoris => {
            let depth = random.uniform(0.08, 0.4);
            (
                random.uniform(0.23, 0.6),
                depth,
                random.uniform(0.8, 1.0),
                random.uniform(0.07, 0.10),
                0.35 * depth,
            )
        }
        _ => (random.log_uniform(0.3, 10.0), 0.0, 0.0, 0.1, random.uniform(0.05, 0.18)),
    };
    let unequal =
        if class == SimulatedClass::Ellipsoidal { random.uniform(0.0, 0.3) * ellipsoidal } else { 0.0 };
    // Only detached stars have eccentric orbits, and then eclipses of unequal width.
    let (second_phase, second_width) = if class == SimulatedClass::Algol && random.chance(0.25) {
        (random.uniform(0.38, 0.62), width * random.uniform(0.7, 1.4))
    } else {
        (0.5, width)
    };
    let mean = magnitudes(temperature, (16.2, 20.8), random);
    let binary = Binary {
        period,
        phase,
        eclipses: [(primary, 0.0, width), (primary * ratio, second_phase, second_width)],
        ellipsoidal,
        unequal,
    };
    // An eclipse takes light of all colours; a hotter star behind makes it a little deeper in the blue.
    let tilt = random.normal_within(0.0, 0.05, -0.1, 0.15);
    let response = [1.0 + tilt, 1.0 + 0.6 * tilt, 1.0, 1.0 - 0.4 * tilt, 1.0 - 0.6 * tilt, 1.0 - 0.8 * tilt];
    star(mean, response, Some(period), binary)
}

/// Periods and amplitudes after Soszyński et al. 2009 (AcA 59, 239).
fn giant(class: SimulatedClass, random: &mut Random) -> Drawn {
    let phase = random.unit();
    let (temperature, giant) = match class {
        SimulatedClass::Mira => {
            let period = random.normal_within(290.0, 90.0, 120.0, 550.0);
            let peak_to_peak = random.uniform(2.8, 6.5);
            (2.9, LongPeriod { period, phase, peak_to_peak, irregularity: 0.08, second: None })
        }
        SimulatedClass::Semiregular => {
            let period = random.log_uniform(40.0, 300.0);
            let peak_to_peak = random.uniform(0.3, 1.8);
            let second = Some((period * random.uniform(6.0, 10.0), 0.4 * peak_to_peak));
            (3.3, LongPeriod { period, phase, peak_to_peak, irregularity: 0.3, second })
        }
        _ => {
            let walk = DampedRandomWalk {
                sf_infinity: random.uniform(0.2, 0.8),
                tau: random.log_uniform(80.0, 400.0),
            };
            let mean = magnitudes(random.normal_within(3.5, 0.15, 3.1, 4.0), (16.2, 19.5), random);
            return star(mean, LONG_PERIOD_RESPONSE, None, walk);
        }
    };
    let mean = magnitudes(random.normal_within(temperature, 0.15, 2.5, 4.0), (16.8, 20.0), random);
    star(mean, LONG_PERIOD_RESPONSE, Some(giant.period), giant)
}

fn rotating(class: SimulatedClass, random: &mut Random) -> Drawn {
    let evolves = class == SimulatedClass::RsCanumVenaticorum;
    let rotation = Rotation {
        period: if evolves { random.log_uniform(0.8, 40.0) } else { random.log_uniform(0.4, 30.0) },
        peak_to_peak: if evolves { random.uniform(0.12, 0.45) } else { random.log_uniform(0.06, 0.25) },
        second: random.uniform(0.0, 0.5),
        evolution: if evolves { random.uniform(0.4, 0.9) } else { 0.05 },
        slow: (random.log_uniform(60.0, 500.0), random.uniform(1500.0, 5000.0)),
    };
    let temperature = if evolves { random.uniform(4.3, 5.3) } else { random.uniform(4.0, 7.0) };
    let mean = magnitudes(temperature, (16.2, 19.5), random);
    star(mean, SPOT_RESPONSE, Some(rotation.period), rotation)
}

fn gamma_cassiopeiae(random: &mut Random) -> Drawn {
    let parts: Vec<Box<dyn Modulation>> = vec![
        Box::new(Events {
            sign: Sign::Outburst,
            every: random.log_uniform(150.0, 600.0),
            height: random.log_uniform(0.1, 0.35),
            days: random.log_uniform(20.0, 100.0),
        }),
        Box::new(DampedRandomWalk {
            sf_infinity: random.uniform(0.02, 0.08),
            tau: random.log_uniform(20.0, 300.0),
        }),
    ];
    let mean = magnitudes(random.uniform(15.0, 28.0), (16.3, 19.0), random);
    Drawn { spread: Spread::Disk(3.0), ..star(mean, GAMMA_CAS_RESPONSE, None, Sum(parts)) }
}

fn young(random: &mut Random) -> Drawn {
    let mut parts: Vec<Box<dyn Modulation>> = vec![
        Box::new(DampedRandomWalk {
            sf_infinity: random.uniform(0.15, 0.7),
            tau: random.log_uniform(1.0, 40.0),
        }),
        Box::new(Rotation {
            period: random.uniform(1.0, 12.0),
            peak_to_peak: random.uniform(0.05, 0.3),
            second: 0.2,
            evolution: 0.3,
            slow: (200.0, 3000.0),
        }),
    ];
    if random.chance(0.6) {
        parts.push(Box::new(Events {
            sign: Sign::Dip,
            every: random.log_uniform(8.0, 60.0),
            height: random.log_uniform(0.3, 1.5),
            days: random.log_uniform(0.8, 6.0),
        }));
    }
    let mean = magnitudes(random.uniform(3.5, 4.8), (16.5, 20.5), random);
    Drawn { spread: Spread::Disk(4.0), ..star(mean, YOUNG_RESPONSE, None, Sum(parts)) }
}

fn miscellaneous(random: &mut Random) -> Drawn {
    let mean = magnitudes(random.log_uniform(3.2, 20.0), (16.3, 20.0), random);
    let parts: Vec<Box<dyn Modulation>> = match random.below(3) {
        // A slow walk that looks like a trend.
        0 => vec![Box::new(DampedRandomWalk {
            sf_infinity: random.uniform(0.3, 1.2),
            tau: random.log_uniform(1000.0, 5000.0),
        })],
        // Stochastic, and faster than any disk of a galaxy.
        1 => vec![Box::new(DampedRandomWalk {
            sf_infinity: random.uniform(0.15, 0.5),
            tau: random.log_uniform(0.05, 3.0),
        })],
        // Periods without a common cause.
        _ => (0..3)
            .map(|_| -> Box<dyn Modulation> {
                let (period, amplitude) = (random.log_uniform(0.1, 100.0), random.uniform(0.05, 0.3));
                Box::new(Pulsation::new(period, random.unit(), amplitude, &[]))
            })
            .collect(),
    };
    star(mean, SPOT_RESPONSE, None, Sum(parts))
}

fn dwarf_nova(random: &mut Random) -> Drawn {
    let nova = DwarfNova {
        quiescent: magnitudes(random.uniform(5.5, 9.0), (18.5, 24.0), random),
        outburst_colour: star_colours(random.uniform(9.5, 14.0)),
        amplitude: random.uniform(2.0, 6.0),
        duration: random.uniform(3.0, 14.0),
        recurrence: random.log_uniform(25.0, 400.0),
    };
    Drawn { period: Some(nova.recurrence), spread: Spread::Disk(15.0), ..Drawn::new(nova) }
}

/// Einstein times after Mróz et al. 2019 (ApJS 244, 29): median 25 days, 0.3 dex.
fn microlensing(survey: &SurveyConfig, random: &mut Random) -> Drawn {
    let event = Microlensing {
        base: magnitudes(random.uniform(3.8, 6.2), (17.0, 22.5), random),
        share: if random.chance(0.5) { random.uniform(0.2, 1.0) } else { 1.0 },
        time: random.uniform(survey.cadence.begin, survey.cadence.end()),
        einstein_days: random.log_normal(25.0, 0.69),
        // Events are even in the impact parameter; u = 0 exactly would be infinitely bright.
        impact: random.uniform(0.01, 1.0),
    };
    Drawn { time: Some(event.time), spread: Spread::Disk(4.0), ..Drawn::new(event) }
}

fn flare_star(random: &mut Random) -> Drawn {
    let star = FlareStar {
        quiescent: magnitudes(random.uniform(2.9, 3.5), (17.5, 22.5), random),
        n_flares: 1 + random.exponential(0.7) as usize,
        flare_r: random.uniform(18.0, 23.0),
        half_minutes: random.log_uniform(4.0, 30.0),
    };
    Drawn { spread: Spread::Disk(20.0), ..Drawn::new(star) }
}
