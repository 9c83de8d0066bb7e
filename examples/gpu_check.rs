//! Does a GPU give the numbers of the CPU, and how fast is it? Everything that is to be known of one, in one run: parity of
//! networks and gradients, what the card can do at most, and times of inference and training beside that.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use heliacal::Device;
use heliacal::models::keep_device_memory;
use serde::Serialize;

#[path = "shared/gpu_check/mod.rs"]
mod gpu_check;
#[path = "shared/with_reasons.rs"]
mod with_reasons;
use gpu_check::cases::{Case, Sizes, measure};
use gpu_check::ceilings::Ceilings;
use gpu_check::machine::Machine;
use gpu_check::parity::{self, Check};
use with_reasons::exit_code;

/// Check a GPU against the CPU, and time it; one JSON on stdout. Ends with an error when a number is off by more than it may.
///
/// Inputs are made up, and weights come from a seed. A build without the feature `cuda` checks the CPU against itself, which
/// tries the program.
#[derive(Parser)]
struct Arguments {
    /// What to check.
    #[arg(long, value_enum, default_value_t = On::Auto)]
    device: On,
    /// How large the timed cases are: tiny ones try the program.
    #[arg(long, value_enum, default_value_t = Size::Full)]
    size: Size,
    /// Seconds for each timed case.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    seconds: f64,
    /// Light curves of the epoch that is timed.
    #[arg(long, value_name = "N", default_value_t = 449_056)]
    epoch_objects: usize,
    /// The folder with `oracle-elasticc`: ORACLE's published weights are checked too; else that of HELIACAL_TEST_DATA, if set.
    #[arg(long, value_name = "DIR")]
    test_data: Option<PathBuf>,
    /// Also write the JSON there.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum On {
    /// The first GPU if there is one, else the CPU.
    Auto,
    Cuda,
    Cpu,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Size {
    Tiny,
    Full,
}

/// What is written.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    version: &'static str,
    size: Size,
    machine: Machine,
    parity_passes: bool,
    parity: Vec<Check>,
    /// None before they were measured.
    ceilings: Option<Ceilings>,
    cases: Vec<Case>,
    /// Since the program began.
    seconds: f64,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let device = match arguments.device {
        On::Auto => Device::cuda_if_available(0)?,
        On::Cuda => Device::new_cuda(0)?,
        On::Cpu => Device::Cpu,
    };
    keep_device_memory(&device)?;
    let machine = Machine::new(&device);
    eprintln!("{machine:?}");
    let of_environment = std::env::var_os("HELIACAL_TEST_DATA").filter(|folder| !folder.is_empty());
    let test_data = arguments.test_data.clone().or(of_environment.map(PathBuf::from));
    let parity = parity::check(&device, arguments.size == Size::Full, test_data.as_deref());
    for Check { name, tensor, error, allowed, passes } in &parity {
        let verdict = if *passes { "ok" } else { "OFF" };
        eprintln!("{verdict:3} {error:8.1e} of {allowed:.0e}  {name}: {tensor}");
    }
    let mut report = Report {
        schema: "heliacal.gpu_check.1",
        version: env!("CARGO_PKG_VERSION"),
        size: arguments.size,
        machine,
        parity_passes: parity.iter().all(|check| check.passes),
        parity,
        ceilings: None,
        cases: Vec::new(),
        seconds: 0.0,
    };
    // Written again after each case: what is known is kept when the time for it is up.
    let write = |report: &mut Report| -> Result<String, Box<dyn Error>> {
        report.seconds = begin.elapsed().as_secs_f64();
        let json = serde_json::to_string_pretty(report)?;
        if let Some(path) = &arguments.out {
            std::fs::write(path, &json).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(json)
    };
    write(&mut report)?;

    let budget = Duration::from_secs_f64(arguments.seconds);
    let (n, sizes) = sizes(arguments, budget);
    let ceilings = Ceilings::measure(&device, n, budget)?;
    eprintln!("{ceilings:?}");
    report.ceilings = Some(ceilings.clone());
    measure(&device, &sizes, &ceilings, &mut |case| {
        eprintln!("{}", in_words(&case));
        report.cases.push(case);
        write(&mut report).map(|_| ())
    })?;
    println!("{}", write(&mut report)?);
    if report.parity_passes {
        Ok(())
    } else {
        Err("the device's numbers are off: see the lines with OFF".into())
    }
}

/// The side of the largest matrices, and the sizes of the cases.
fn sizes(arguments: &Arguments, budget: Duration) -> (usize, Sizes) {
    match arguments.size {
        Size::Tiny => {
            let sizes = Sizes {
                batches: [8, 20],
                n_steps: 30,
                alone: 15,
                training: (16, 2),
                cascade: (8, 2),
                epoch: (arguments.epoch_objects.min(100), 1.0),
                budget,
            };
            (128, sizes)
        }
        Size::Full => {
            let sizes = Sizes {
                batches: [2000, 20_000],
                n_steps: 500,
                alone: 150,
                training: (1024, 20),
                cascade: (256, 40),
                epoch: (arguments.epoch_objects, 60.0),
                budget,
            };
            (8192, sizes)
        }
    }
}

fn in_words(case: &Case) -> String {
    let Case { name, timing, objects_per_s, of_roofline, error, .. } = case;
    match (timing, objects_per_s, of_roofline) {
        (Some(timing), Some(objects), Some(roofline)) => format!(
            "{name:32} {:10.3} ms ({:.3} to {:.3}), {objects:.0} objects/s, {:.1} % of the roofline",
            1e3 * timing.median_s,
            1e3 * timing.lower_quartile_s,
            1e3 * timing.upper_quartile_s,
            100.0 * roofline,
        ),
        _ => format!("{name:32} {}", error.as_deref().unwrap_or("not timed")),
    }
}
