//! heliacal's own chores: `cargo xtask ci | tidy | fixtures | figures | interop | ptx | cuda-check | gpu-bundle`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

mod ci;
mod cuda;
mod figures;
mod fixtures;
mod gpu_bundle;
mod interop;
mod process;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <chore>

  ci          everything that .ci/run checks, in its order
  tidy        who imports whom, one example - one file - one entry, versions in one place
  fixtures    make the files under fixtures/ anew, with our own code
  figures     draw the pictures under docs/gallery/ anew
  interop     have astropy and sncosmo (from PyPI) read what our SNANA writer writes
  ptx         compile the CUDA kernels to the PTX that is checked in (needs nvcc)
  cuda-check  what can be checked of CUDA without a GPU: PTX, registers, the kernels run on the CPU, feature cuda
  gpu-bundle  pack what a machine with a GPU, and without Rust, runs: checks, times, tests
";

/// What a chore says when it fails.
type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let chore = arguments.next().unwrap_or_default();
    let outcome = match (chore.as_str(), arguments.next()) {
        ("ci", None) => ci::run(),
        ("tidy", None) => tidy::run(),
        ("fixtures", None) => fixtures::run(),
        ("figures", None) => figures::run(),
        ("gpu-bundle", None) => gpu_bundle::run(),
        ("interop", None) => interop::run(),
        ("ptx", None) => cuda::ptx(),
        ("cuda-check", None) => cuda::check(),
        ("help" | "--help" | "-h", None) => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("unknown chore\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask {chore}: {message}");
            ExitCode::FAILURE
        }
    }
}
