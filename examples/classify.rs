//! What is each object of a survey? Classifies SNANA or Parquet light curves with given weights and writes the
//! probabilities as classification histories.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use heliacal::io::{HistorySchema, SortedHistoryWriter, Survey};
use heliacal::pipeline::{Skipped, Summary, Times, classify_survey, read_options};
use heliacal::{Classifier, Device, ModelFile, Preset, TruthMap};
use indicatif::{ProgressBar, ProgressStyle};

#[path = "shared/with_reasons.rs"]
mod with_reasons;
use with_reasons::{exit_code, with_reasons};

/// Classify light curves and write the probabilities of every class as Parquet.
///
/// Light curves come as SNANA FITS files (HEAD/PHOT pairs, gzipped or not) or as Parquet. The result has one row per
/// classification, sorted by object and time, with a column p_<class> for each class; pandas, polars and any other
/// Parquet reader understand it. Ends with an error where a file could not be read; what could be is written all the same.
#[derive(Parser)]
struct Arguments {
    /// Light curves: folders (searched through), .LIST files, HEAD files, .parquet files.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    data: Vec<PathBuf>,
    /// The classifier: a .safetensors that heliacal saved, or ORACLE's published weights (.pth or .safetensors), which
    /// need --preset.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// How published weights were trained: published, published-lite, published-bts, paper or heliacal.
    #[arg(long, value_name = "NAME")]
    preset: Option<Preset>,
    /// Classify at these days since the first detection, with what was known then: one row per object and day.
    #[arg(long, value_delimiter = ',', value_name = "DAYS", conflicts_with = "history")]
    days: Vec<f64>,
    /// Classify after every observation: one row per observation. Without --days and --history there is one row per
    /// object, after its last observation.
    #[arg(long)]
    history: bool,
    /// Where to write; an existing file is replaced once all is done.
    #[arg(long, value_name = "FILE.parquet")]
    out: PathBuf,
    /// What type codes (SIM_TYPE_INDEX, SNTYPE) mean, to count what was right: `elasticc`, or a JSON file such as
    /// {"90": "SNIa"}. Class names and ELAsTiCC's folder names are understood without it.
    #[arg(long, value_name = "elasticc|FILE.json")]
    codes: Option<String>,
    /// With --preset: prepare light curves as ORACLE's published inference code does (days from the first detection, -9 for
    /// whatever is missing) and not as its weights were trained (days from the first observation, SNANA's codes).
    #[arg(long, requires = "preset")]
    published_inference: bool,
}

/// How many of the skipped objects are shown with their reason.
const SHOWN_SKIPPED: usize = 5;

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).without_time().init();
    let arguments = Arguments::parse();
    let classifier = load(&arguments)?;
    let truth = truth(&arguments, &classifier)?;
    let times = match (arguments.history, arguments.days.is_empty()) {
        (true, _) => Times::EveryObservation,
        (false, false) => Times::DaysSinceTrigger(arguments.days.clone()),
        (false, true) => Times::Last,
    };

    let begin = Instant::now();
    let mut survey = Survey::open(&arguments.data, &read_options(classifier.oracle().features()))?;
    let bar = ProgressBar::new(survey.n_sources() as u64).with_style(ProgressStyle::with_template(
        "{bar:30} {pos}/{len} files, {msg} [{elapsed}, {eta} to go]",
    )?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut n_read = 0;
    // Inputs that no object has: the network would be fed its code for "not measured" throughout.
    let mut never_seen: Vec<&str> = classifier.oracle().features().context_names();
    let records = std::iter::from_fn(|| {
        let record = survey.next();
        if let Some(Ok(record)) = &record {
            never_seen.retain(|name| record.object.context.get(name).is_none());
        }
        n_read += 1;
        if n_read % 64 == 0 {
            bar.set_position(survey.n_sources_finished() as u64);
            bar.set_message(format!("{n_read} objects"));
        }
        record
    });

    let schema = HistorySchema {
        classes: classifier
            .taxonomy()
            .leaves()
            .iter()
            .map(|&leaf| classifier.taxonomy().class_name(leaf).to_owned())
            .collect(),
        taxonomy: Some(classifier.taxonomy().to_json()),
        classifier: Some(classifier.name().to_owned()),
        has_days: matches!(times, Times::DaysSinceTrigger(_)),
    };
    let mut writer = SortedHistoryWriter::create(&arguments.out, &schema)?;
    let (mut skipped, mut failed_files) = (Vec::new(), Vec::new());
    let summary = classify_survey(
        &classifier,
        records,
        &truth,
        &times,
        |history| Ok(writer.write(history)?),
        |object| match &object.object_id {
            None => failed_files.push(describe(object)),
            Some(_) if skipped.len() < SHOWN_SKIPPED => skipped.push(describe(object)),
            Some(_) => {}
        },
    );
    bar.finish_and_clear();
    let summary = summary?;
    for line in &skipped {
        eprintln!("skipped {line}");
    }
    if summary.n_skipped > skipped.len() {
        eprintln!("skipped {} more objects", summary.n_skipped - skipped.len());
    }
    for line in &failed_files {
        eprintln!("could not read {line}");
    }
    if !never_seen.is_empty() && summary.n_objects > 0 {
        eprintln!(
            "no object has {}: the network was told that they were not measured",
            never_seen.join(", ")
        );
    }
    if summary.n_objects == 0 {
        return Err("no object could be classified".into());
    }
    writer.finish()?;
    print(&summary, &classifier);
    println!(
        "\n{} objects, {} classifications, {} objects skipped, in {:.1} s: {}",
        summary.n_objects,
        summary.n_classifications,
        summary.n_skipped,
        begin.elapsed().as_secs_f64(),
        arguments.out.display()
    );
    // What could be read is written; that something could not is still a failure.
    Ok(if failed_files.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn load(arguments: &Arguments) -> Result<Classifier, heliacal::Error> {
    match arguments.preset {
        Some(preset) if arguments.published_inference => {
            let features = preset.features().published_inference();
            Classifier::from_published(preset, features, &ModelFile::read(&arguments.model)?, &Device::Cpu)
        }
        preset => Classifier::load(&arguments.model, preset, &Device::Cpu),
    }
}

fn truth(arguments: &Arguments, classifier: &Classifier) -> Result<TruthMap, Box<dyn Error>> {
    let truth = TruthMap::new(classifier.taxonomy());
    match arguments.codes.as_deref() {
        None => Ok(truth),
        Some("elasticc") => Ok(truth.with_elasticc_codes()),
        Some(path) => {
            let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
            let codes: std::collections::BTreeMap<i64, String> =
                serde_json::from_reader(file).map_err(|error| format!("{path}: {error}"))?;
            Ok(truth.with_codes(codes)?)
        }
    }
}

fn describe(skipped: &Skipped) -> String {
    let why = with_reasons(&skipped.error);
    match &skipped.object_id {
        Some(id) if !why.contains(&format!("object {id}")) => format!("object {id}: {why}"),
        _ => why,
    }
}

/// A table of the last classification of each object: per true class how often it was right at each level of the tree,
/// or, where no truth is known, how many objects each class got.
fn print(summary: &Summary, classifier: &Classifier) {
    let taxonomy = classifier.taxonomy();
    let last = summary.n_levels() - 1;
    if summary.n_unknown < summary.n_objects {
        println!("\nright after each object's last classification, by level of the tree");
        print!("{:<16}{:>9}", "true class", "objects");
        for level in 1..=last {
            print!("{:>14}", format!("of {} classes", taxonomy.level(level).count()));
        }
        println!();
        for (name, class) in summary.classes() {
            print!("{name:<16}{:>9}", class.n_objects);
            for n_correct in &class.n_correct[1..] {
                print!("{:>13.1}%", 100.0 * *n_correct as f64 / class.n_objects as f64);
            }
            println!();
        }
        print!("{:<16}{:>9}", "all", summary.n_objects - summary.n_unknown);
        for level in 1..=last {
            print!("{:>13.1}%", 100.0 * summary.accuracy(level).unwrap_or(f64::NAN));
        }
        println!();
    }
    if summary.n_unknown > 0 {
        println!(
            "\n{} objects are of unknown class; all objects by their most probable class",
            summary.n_unknown
        );
        let mut predicted: Vec<_> =
            taxonomy.leaves().iter().map(|leaf| (summary.n_predicted[leaf.index()], leaf)).collect();
        predicted.sort_by_key(|(n, _)| std::cmp::Reverse(*n)); // stable
        for (n, leaf) in predicted.into_iter().filter(|(n, _)| *n > 0) {
            println!("{:<16}{n:>9}", taxonomy.class_name(*leaf));
        }
    }
}
