//! What does a synthetic survey look like to other tools? Simulates one and writes it as SNANA FITS, laid out like
//! ELAsTiCC's folders, or as Parquet.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use heliacal_io::{
    IdKind, Labels, LightCurveColumns, ParquetLightCurveWriter, SnanaWriter, SnanaWriterOptions,
};
use heliacal_lightcurve::Object;
use heliacal_simulate::{
    CONTEXT_NAMES, Photometry, RedshiftRate, SimulateError, SimulatedClass, Simulator, SurveyConfig, Truth,
};
use heliacal_taxonomy::Taxonomy;
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::NamedTempFile;

#[path = "shared/with_reasons.rs"]
mod with_reasons;
use with_reasons::exit_code;

/// Simulate an LSST-like survey and write it for other tools: a toy for trying software, not for science.
///
/// As SNANA FITS there is one folder per class, named like ELAsTiCC's by the model (SIMULATED_KN_K17), with pairs of HEAD
/// and PHOT files and a .LIST; astropy and sncosmo read them. As Parquet there is one file, light_curves.parquet, one
/// row per object. Both come with truth.csv, which appears at the end: class, redshift, time of the event, period and Blazhko flag of each object.
#[derive(Parser)]
struct Arguments {
    /// Folder to write into; it is made. One that holds a survey already is refused.
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
    /// Whose classes: oracle (19), variable_stars (21) or supernovae5. Variable stars are for Parquet: SNANA has no type
    /// codes for them, so their SNANA files have no SNTYPE and name the class by folder and SIM_MODEL_NAME only.
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
    exit_code(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let simulator = simulator(&arguments)?;
    refuse_used(&arguments.out)?;
    let at = |error: std::io::Error| format!("{}: {error}", arguments.out.display());
    std::fs::create_dir_all(&arguments.out).map_err(at)?;
    let mut writer = Writer::create(&arguments)?;
    // Under its own name only when all is written: what ends early leaves no truth that looks whole.
    let mut truths = BufWriter::new(temporary_in(&arguments.out).map_err(at)?);
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
    let truths = truths.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    truths.persist(arguments.out.join("truth.csv"))?;
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

/// Refuses a folder that holds a survey: files of two surveys would mix.
fn refuse_used(folder: &Path) -> Result<(), String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) }; // not there yet, or an error when it is made
    let mut names: Vec<_> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let is_ours = |name: &&String| {
        ["truth.csv", "light_curves.parquet"].contains(&name.as_str()) || name.starts_with("SIMULATED_")
    };
    match names.iter().find(is_ours) {
        Some(name) => {
            Err(format!("{}: expected a folder without a simulated survey, found {name}", folder.display()))
        }
        None => Ok(()),
    }
}

/// A file that is gone when it is dropped, in the folder where it will stay.
fn temporary_in(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".truth-");
    #[cfg(unix)]
    {
        // tempfile's own default is 0600; the umask still applies.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
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
    let classes = SimulatedClass::of_taxonomy(&taxonomy)
        .map_err(|error: SimulateError| format!("--taxonomy {}: {error}", arguments.taxonomy))?;
    Ok(Simulator::new(config, &classes)?)
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
                        // A HEAD has the same columns in every folder, whatever its objects know.
                        SnanaWriterOptions { context: context_names(), ..SnanaWriterOptions::default() },
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

fn context_names() -> Vec<String> {
    CONTEXT_NAMES.map(str::to_owned).into()
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

#[cfg(test)]
mod tests {
    use super::{refuse_used, temporary_in};

    #[test]
    fn a_folder_with_a_survey_is_refused_and_left_alone() {
        for used in ["truth.csv", "light_curves.parquet", "SIMULATED_KN_K17"] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            assert_eq!(refuse_used(folder.path()), Ok(()));
            assert_eq!(refuse_used(&folder.path().join("not there")), Ok(()));
            std::fs::write(folder.path().join(used), "old").expect("a writable folder");
            let error = refuse_used(folder.path()).expect_err("it is used");
            assert!(error.contains(used), "{error}");
            assert_eq!(std::fs::read(folder.path().join(used)).expect("it is still there"), b"old");
        }
    }

    #[test]
    fn a_survey_that_ends_early_leaves_no_truth() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        drop(temporary_in(folder.path()).expect("a writable folder"));
        assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0);
    }
}
