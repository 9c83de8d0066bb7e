//! Which bytes does a survey in SNANA's format have? Writes a small toy survey that SNANA's readers, astropy and sncosmo
//! understand, one folder per class as in ELAsTiCC.
//!
//! The light curves are toys for trying software: seven shapes with noise, not a simulation of anything.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::error::Error;
use std::f64::consts::TAU;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use heliacal_io::{Compression, Labels, SnanaWriter, SnanaWriterOptions};
use heliacal_lightcurve::{Context, LightCurve, Object, ObjectId, Observation, Passband};

/// Write a small toy survey as SNANA FITS files.
#[derive(Parser)]
struct Arguments {
    /// Folder to write into; it is made.
    #[arg(long)]
    out: PathBuf,
    /// Number of objects, spread over seven classes.
    #[arg(long, default_value_t = 70)]
    objects: u64,
    /// Seed: the same one gives the same survey.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Compress the files (`.FITS.gz`), as ELAsTiCC does; the default.
    #[arg(long, conflicts_with = "plain")]
    gzip: bool,
    /// Leave the files as they are (`.FITS`).
    #[arg(long)]
    plain: bool,
    /// Also write every value as CSV beside each folder, to compare other readers with.
    #[arg(long)]
    csv: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut n_observations = 0;
    for (index, kind) in (0..).zip(KINDS) {
        let folder = arguments.out.join(format!("TOY_{}", kind.model));
        let options = SnanaWriterOptions {
            compression: if arguments.plain { Compression::Plain } else { Compression::Gzip },
            ..SnanaWriterOptions::default()
        };
        let mut writer = SnanaWriter::create(&folder, options)?;
        let mut csv = String::from("snid,mjd,band,fluxcal,fluxcalerr,photflag\n");
        for n in (index..arguments.objects).step_by(KINDS.len()) {
            let object = kind.object(n, arguments.seed)?;
            n_observations += object.light_curve.len();
            let labels =
                Labels { sntype: Some(kind.code), sim_type_index: Some(kind.code), ..Labels::default() };
            writer.write(&object, &labels)?;
            append_csv(&mut csv, &object)?;
        }
        writer.finish()?;
        if arguments.csv {
            std::fs::write(beside(&folder), csv)?;
        }
    }
    println!(
        "{} objects of {} classes with {n_observations} observations in {}",
        arguments.objects,
        KINDS.len(),
        arguments.out.display()
    );
    Ok(())
}

fn beside(folder: &Path) -> PathBuf {
    folder.with_extension("csv")
}

fn append_csv(csv: &mut String, object: &Object) -> std::fmt::Result {
    let trigger = object.light_curve.view().first_detection();
    for (index, o) in object.light_curve.view().iter().enumerate() {
        let photflag = if o.detection { 4096 } else { 0 } + if trigger == Some(index) { 2048 } else { 0 };
        let (id, band) = (&object.id, o.passband.letter());
        writeln!(csv, "{id},{:?},{band},{:?},{:?},{photflag}", o.mjd, o.flux, o.flux_err)?;
    }
    Ok(())
}

/// A shape of light curve.
struct Kind {
    /// SNANA's model name, by which ELAsTiCC names its folders.
    model: &'static str,
    /// SNANA's type code (GENTYPE).
    code: i64,
    /// Whether it happens in a galaxy.
    has_host: bool,
    /// Brightness [mag] at its reference, brightest and faintest.
    magnitude: (f64, f64),
    /// How much brighter than r in u g r i z Y [mag].
    colour: [f64; 6],
    /// Flux over reference flux at t [day] since the event, from three uniform numbers that are the object's own.
    shape: fn(t: f64, own: &[f64; 3]) -> f64,
}

const BLUE: [f64; 6] = [0.5, 0.4, 0.0, -0.3, -0.6, -0.9];
const RED: [f64; 6] = [-2.5, -1.0, 0.0, 0.4, 0.6, 0.7];

fn rise_and_fall(t: f64, rise: f64, fall: f64) -> f64 {
    if t < -20.0 * rise { 0.0 } else { (-t.max(0.0) / fall).exp() / (1.0 + (-t / rise).exp()) }
}

const KINDS: [Kind; 7] = [
    Kind {
        model: "SNIa-SALT3",
        code: 10,
        has_host: true,
        magnitude: (20.5, 22.5),
        colour: [-1.5, -0.2, 0.0, -0.2, -0.4, -0.5],
        shape: |t, own| rise_and_fall(t, 3.0 + own[0], 18.0 + 6.0 * own[1]),
    },
    Kind {
        model: "SNII-Templates",
        code: 31,
        has_host: true,
        magnitude: (21.0, 23.0),
        colour: [-1.0, -0.1, 0.0, 0.0, -0.1, -0.2],
        shape: |t, own| {
            let plateau = 70.0 + 40.0 * own[0];
            rise_and_fall(t, 2.0 + own[1], 300.0) / (1.0 + ((t - plateau) / 6.0).exp())
        },
    },
    Kind {
        model: "KN_K17",
        code: 50,
        has_host: true,
        magnitude: (20.5, 22.0),
        colour: RED,
        shape: |t, own| rise_and_fall(t, 0.3, 1.5 + 1.5 * own[0]),
    },
    Kind {
        model: "TDE",
        code: 42,
        has_host: true,
        magnitude: (20.5, 22.5),
        colour: BLUE,
        shape: |t, own| {
            let rise = 8.0 + 17.0 * own[0];
            if t < 0.0 { (-0.5 * (t / rise).powi(2)).exp() } else { (1.0 + t / 60.0).powf(-5.0 / 3.0) }
        },
    },
    Kind {
        model: "Mdwarf-flare",
        code: 82,
        has_host: false,
        magnitude: (17.5, 20.0),
        colour: [1.5, 0.7, 0.0, -0.8, -1.6, -2.2],
        shape: |t, own| if t < 0.0 { 0.0 } else { (-t / (0.02 + 0.08 * own[0])).exp() },
    },
    Kind {
        model: "CLAGN",
        code: 60,
        has_host: true,
        magnitude: (20.0, 22.0),
        colour: [0.4, 0.3, 0.0, -0.2, -0.3, -0.4],
        shape: |t, own| {
            let wave = |period: f64, phase: f64| (TAU * (t / period + phase)).sin();
            wave(400.0, own[0]) + 0.5 * wave(130.0, own[1]) + 0.3 * wave(41.0, own[2])
        },
    },
    Kind {
        model: "RRL",
        code: 80,
        has_host: false,
        magnitude: (18.0, 21.0),
        colour: [0.2, 0.3, 0.0, -0.2, -0.3, -0.4],
        shape: |t, own| 1.0 - 2.0 * (t / (0.45 + 0.3 * own[0]) + own[1]).rem_euclid(1.0),
    },
];

/// Five-sigma depths of a visit in u g r i z Y [mag].
const DEPTH: [f64; 6] = [23.3, 24.6, 24.2, 23.7, 23.0, 22.1];

impl Kind {
    /// The n-th object of a survey: drawn again until the survey would have seen it.
    fn object(&self, n: u64, seed: u64) -> Result<Object, Box<dyn Error>> {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9).wrapping_add(n));
        loop {
            let own = [random.uniform(), random.uniform(), random.uniform()];
            let magnitude = self.magnitude.0 + (self.magnitude.1 - self.magnitude.0) * random.uniform();
            let event = 60_100.0 + 60.0 * random.uniform();
            let mut observations = Vec::new();
            let mut mjd: f64 = 60_000.0;
            while mjd < 60_230.0 {
                let band = (6.0 * random.uniform()) as usize;
                let level = 10f64.powf(0.4 * (27.5 - magnitude + self.colour[band]));
                let flux_err = 10f64.powf(0.4 * (27.5 - DEPTH[band] + 0.25 * random.normal())) / 5.0;
                let flux = level * (self.shape)(mjd - event, &own) + flux_err * random.normal();
                let detection = flux.abs() / flux_err + 0.5 * random.normal() > 5.0;
                let passband = Passband::LSST[band];
                let (flux, flux_err) = (flux as f32, flux_err as f32);
                // SNANA writes times to the fourth decimal.
                observations.push(Observation {
                    mjd: (mjd * 1e4).round() / 1e4,
                    flux,
                    flux_err,
                    passband,
                    detection,
                });
                mjd += 0.02 + 3.0 * random.uniform();
            }
            let detections: Vec<f64> = observations.iter().filter(|o| o.detection).map(|o| o.mjd).collect();
            let needed = if self.model == "Mdwarf-flare" { 1 } else { 2 };
            if detections.len() < needed {
                continue;
            }
            // Forced photometry begins 30 days before the trigger.
            let forced = detections[0] - 30.0..detections[detections.len() - 1] + 30.0;
            let light_curve =
                LightCurve::from_observations(observations.into_iter().filter(|o| forced.contains(&o.mjd)))?;
            let id = ObjectId::Integer(1_000_000 * seed.min(1_000) as i64 + n as i64);
            let context = self.context(magnitude, &mut random);
            return Ok(Object { id, light_curve, context, true_class: None });
        }
    }

    fn context(&self, magnitude: f64, random: &mut Random) -> Context {
        let ra = 360.0 * random.uniform();
        let dec = (2.0 * random.uniform() - 1.0).asin().to_degrees() * 0.7 - 25.0;
        let mwebv = (-3.5 + 0.7 * random.normal()).exp();
        let mut context =
            Context::from_iter([("RA", ra), ("DEC", dec), ("MWEBV", mwebv), ("MWEBV_ERR", 0.16 * mwebv)]);
        if self.has_host {
            let redshift = 0.02 + 0.4 * random.uniform() * 10f64.powf(0.1 * (magnitude - 22.0));
            let error = 0.03 * (1.0 + redshift);
            let photoz = (redshift + error * random.normal()).abs();
            for name in ["REDSHIFT_HELIO", "HOSTGAL_PHOTOZ"] {
                context.set(name, photoz);
                context.set(format!("{name}_ERR"), error);
            }
            context.set("HOSTGAL_RA", ra + 2e-4 * random.normal());
            context.set("HOSTGAL_DEC", dec + 2e-4 * random.normal());
            context.set("HOSTGAL_SNSEP", random.normal().abs());
            context.set("HOSTGAL_ELLIPTICITY", 0.7 * random.uniform());
            let host = 20.5 + 4.0 * redshift + 0.8 * random.normal();
            for band in Passband::LSST {
                let colour = 1.5 * f64::from(0.7 - band.mean_wavelength_um());
                context.set(format!("HOSTGAL_MAG_{}", band.letter()), host + colour);
            }
        }
        // Numbers of a file: singles, as SNANA writes them, but for positions.
        context
            .iter()
            .map(|(name, v)| {
                (
                    name.to_owned(),
                    if name.ends_with("RA") || name.ends_with("DEC") { v } else { f64::from(v as f32) },
                )
            })
            .collect()
    }
}

/// SplitMix64, so that the survey does not change with the version of a library.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The sum of twelve uniform numbers is normal enough for a toy.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}
