//! What does a synthetic survey look like to other tools? Simulates one and writes it as SNANA FITS, laid out like
//! ELAsTiCC's folders, or as Parquet.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use heliacal_io::{
    IdKind, Labels, LightCurveColumns, ParquetLightCurveWriter, SnanaWriter, SnanaWriterOptions,
};
use heliacal_lightcurve::{Object, Passband};
use heliacal_simulate::{
    Photometry, RedshiftRate, SimulateError, SimulatedClass, Simulator, SurveyConfig, Truth,
};
use heliacal_taxonomy::Taxonomy;
use indicatif::{ProgressBar, ProgressStyle};

/// Simulate an LSST-like survey and write it for other tools: a toy for trying software, not for science.
///
/// As SNANA FITS there is one folder per class, named like ELAsTiCC's by the model (SIMULATED_KN_K17), with pairs of HEAD
/// and PHOT files and a .LIST; astropy and sncosmo read them. As Parquet there is one file, light_curves.parquet, one
/// row per object. Both come with truth.csv: class, redshift, time of the event, period and Blazhko flag of each object.
#[derive(Parser)]
struct Arguments {
    /// Folder to write into; it is made.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of objects; the classes come in turn.
    #[arg(long, value_name = "N")]
    objects: u64,
    /// File format.
    #[arg(long, value_enum, default_value_t = Format::Snana)]
    format: Format,
    /// Seed: the same one gives the same survey, and its first N objects are the same for every N.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Whose classes: oracle (19), variable_stars (21) or supernovae5.
    #[arg(long, value_name = "NAME", default_value = "oracle")]
    taxonomy: String,
    /// Spread events over volume and time, as nature does, and not evenly over redshift.
    #[arg(long)]
    volumetric: bool,
    /// All of the light of stars and nuclei, as in catalogues of variable stars, and not differences from a template.
    #[arg(long)]
    total_flux: bool,
    /// End light curves so many days after the last detection; without it they go on to the end of the survey.
    #[arg(long, value_name = "DAYS")]
    days_after: Option<f64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Snana,
    Parquet,
}

/// Objects that are simulated at once and then written.
const CHUNK: u64 = 2048;

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
    let simulator = simulator(&arguments)?;
    std::fs::create_dir_all(&arguments.out)
        .map_err(|error| format!("{}: {error}", arguments.out.display()))?;
    let mut writer = Writer::create(&arguments)?;
    let mut truths = BufWriter::new(File::create(arguments.out.join("truth.csv"))?);
    writeln!(truths, "snid,class,redshift,event_mjd,period,blazhko,peak_magnitude,field,attempts,ra,dec")?;

    let begin = Instant::now();
    let bar = ProgressBar::new(arguments.objects)
        .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} objects [{elapsed}, {eta} to go]")?);
    let mut count: BTreeMap<SimulatedClass, (u64, u64, u64)> = BTreeMap::new();
    let mut simulating = 0.0;
    for first in (0..arguments.objects).step_by(CHUNK as usize) {
        let start = Instant::now();
        let objects = simulator.objects_with_truth(first..arguments.objects.min(first + CHUNK))?;
        simulating += start.elapsed().as_secs_f64();
        for (object, truth) in &objects {
            writer.write(object, truth)?;
            write_truth(&mut truths, object, truth)?;
            let (n, observations, attempts) = count.entry(truth.class).or_default();
            *n += 1;
            *observations += object.light_curve.len() as u64;
            *attempts += truth.attempts;
        }
        bar.inc(objects.len() as u64);
    }
    writer.finish()?;
    truths.flush()?;
    bar.finish_and_clear();

    println!("{:<16}{:>9}{:>14}{:>14}", "class", "objects", "observations", "seen of drawn");
    for (class, (n, observations, attempts)) in &count {
        let (mean, seen) = (*observations as f64 / *n as f64, 100.0 * *n as f64 / *attempts as f64);
        println!("{:<16}{n:>9}{mean:>14.1}{seen:>13.1}%", class.name());
    }
    println!(
        "\n{} objects in {:.1} s ({:.1} s of it simulating): {}",
        arguments.objects,
        begin.elapsed().as_secs_f64(),
        simulating,
        arguments.out.display()
    );
    Ok(())
}

fn simulator(arguments: &Arguments) -> Result<Simulator, Box<dyn Error>> {
    let taxonomy = Taxonomy::by_name(&arguments.taxonomy)?;
    let mut config = SurveyConfig { seed: arguments.seed, ..SurveyConfig::default() };
    config.detection.days_after = arguments.days_after;
    if arguments.volumetric {
        // Rates of supernovae about follow the formation of stars, (1+z)^2 to redshift 1 and beyond.
        config.redshift_rate = RedshiftRate::Volumetric { evolution: 2.0 };
    }
    if arguments.total_flux {
        config.photometry = Photometry::Total;
    }
    let simulator =
        SimulatedClass::of_taxonomy(&taxonomy).and_then(|classes| Simulator::new(config, &classes));
    Ok(simulator.map_err(|error: SimulateError| format!("{}: {error}", arguments.taxonomy))?)
}

/// Where objects go.
enum Writer {
    /// A folder for each class.
    Snana {
        out: PathBuf,
        folders: BTreeMap<SimulatedClass, SnanaWriter>,
    },
    Parquet(Box<ParquetLightCurveWriter>),
}

impl Writer {
    fn create(arguments: &Arguments) -> Result<Self, heliacal_io::Error> {
        match arguments.format {
            Format::Snana => Ok(Self::Snana { out: arguments.out.clone(), folders: BTreeMap::new() }),
            Format::Parquet => {
                let columns = LightCurveColumns { id: IdKind::Integer, context: context_names() };
                let path = arguments.out.join("light_curves.parquet");
                Ok(Self::Parquet(Box::new(ParquetLightCurveWriter::create(path, &columns)?)))
            }
        }
    }

    fn write(&mut self, object: &Object, truth: &Truth) -> Result<(), heliacal_io::Error> {
        match self {
            Self::Parquet(writer) => writer.write(object),
            Self::Snana { out, folders } => {
                let model = truth.class.snana_model().unwrap_or(truth.class.name());
                let writer = match folders.entry(truth.class) {
                    std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::btree_map::Entry::Vacant(entry) => entry.insert(SnanaWriter::create(
                        out.join(format!("SIMULATED_{model}")),
                        SnanaWriterOptions::default(),
                    )?),
                };
                let gentype = truth.class.gentype();
                let labels = Labels {
                    // + 100: the type is known from photometry only.
                    sntype: gentype.map(|code| code + 100),
                    sim_type_index: gentype,
                    sim_model_name: Some(model.into()),
                    folder: None,
                };
                writer.write(object, &labels)
            }
        }
    }

    fn finish(self) -> Result<(), heliacal_io::Error> {
        match self {
            Self::Parquet(writer) => writer.finish(),
            Self::Snana { folders, .. } => folders.into_values().try_for_each(SnanaWriter::finish),
        }
    }
}

/// The static features that the simulator knows.
fn context_names() -> Vec<String> {
    let mut names: Vec<String> = [
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
    ]
    .map(str::to_owned)
    .into();
    names.extend(Passband::LSST.map(|band| format!("HOSTGAL_MAG_{}", band.letter())));
    names
}

fn write_truth(out: &mut impl Write, object: &Object, truth: &Truth) -> std::io::Result<()> {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    writeln!(
        out,
        "{},{},{},{},{},{},{},{:?},{},{},{}",
        object.id,
        truth.class.name(),
        number(truth.redshift),
        number(truth.event_mjd),
        number(truth.period),
        truth.blazhko,
        truth.peak_magnitude,
        truth.field,
        truth.attempts,
        number(object.context.get("RA")),
        number(object.context.get("DEC")),
    )
}
