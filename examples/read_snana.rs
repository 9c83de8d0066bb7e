//! What is in a survey? Reads SNANA or Parquet light curves and counts, folder by folder.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use heliacal_io::{ReadOptions, Record, Survey};
use heliacal_lightcurve::Passband;

/// Count the objects, observations and detections of a survey, and say what its files call them.
#[derive(Parser)]
struct Arguments {
    /// Light curves: folders (searched through), .LIST files, HEAD files, .parquet files.
    #[arg(required = true, value_name = "PATH")]
    data: Vec<PathBuf>,
}

/// What a folder holds.
#[derive(Default)]
struct Count {
    objects: usize,
    observations: usize,
    detections: usize,
    with_host: usize,
    per_band: BTreeMap<Passband, usize>,
    first_mjd: Option<f64>,
    last_mjd: Option<f64>,
}

impl Count {
    fn add(&mut self, record: &Record) {
        let light_curve = &record.object.light_curve;
        self.objects += 1;
        self.observations += light_curve.len();
        self.detections += light_curve.detection().iter().filter(|&&detection| detection).count();
        self.with_host += usize::from(record.object.context.get("HOSTGAL_PHOTOZ").is_some());
        for band in light_curve.passband() {
            *self.per_band.entry(*band).or_default() += 1;
        }
        let earlier = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::min);
        let later = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::max);
        self.first_mjd = earlier(self.first_mjd, light_curve.mjd().first().copied());
        self.last_mjd = later(self.last_mjd, light_curve.mjd().last().copied());
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let begin = Instant::now();
    let survey = Survey::open(&arguments.data, &ReadOptions::default())?;
    let n_files = survey.n_sources();
    let mut folders: BTreeMap<String, Count> = BTreeMap::new();
    let mut n_faults = 0;
    for record in survey {
        match record {
            Ok(record) => {
                let folder = record.labels.folder.as_deref().unwrap_or(".").to_owned();
                folders.entry(folder).or_default().add(&record);
            }
            Err(error) => {
                n_faults += 1;
                eprintln!("{error}");
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{:<44}{:>9}{:>10}{:>12}{:>12}{:>19}  by band",
        "folder", "objects", "host z", "rows", "detections", "MJD"
    );
    for (folder, count) in &folders {
        let bands: Vec<_> = count.per_band.iter().map(|(band, n)| format!("{} {n}", band.letter())).collect();
        println!(
            "{folder:<44}{:>9}{:>10}{:>12}{:>12}{:>10.1}-{:<8.1}  {}",
            count.objects,
            count.with_host,
            count.observations,
            count.detections,
            count.first_mjd.unwrap_or(f64::NAN),
            count.last_mjd.unwrap_or(f64::NAN),
            bands.join(", ")
        );
    }
    let n_objects: usize = folders.values().map(|count| count.objects).sum();
    println!("\n{n_objects} objects of {n_files} files in {seconds:.2} s; {n_faults} could not be read");
    Ok(if n_faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
