//! Everything that a machine with a GPU runs, for one that has neither Rust nor a network.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::Outcome;
use crate::cuda::cargo_with_cuda;
use crate::process::{self, program, root};

/// Where it is put together; git ignores it.
const FOLDER: &str = "gpu-bundle";
/// What the bundle's programs run, one after the other.
const RUN: &str = include_str!("gpu_bundle.sh");
/// Larger ones are not carried \[byte\].
const LARGEST: u64 = 60 << 20;
/// The programs: gpu_check, and the tests that run over all devices.
const TARGETS: [[&str; 2]; 3] = [["--example", "gpu_check"], ["--test", "models"], ["--test", "losses"]];

/// The sets of test data that they look at.
const DATA: [&str; 2] = ["oracle-elasticc", "esc"];

/// Builds the programs with feature `cuda`, strips and packs them, and lays beside them what they need.
///
/// Needs nvcc (PATH, or CUDA_HOME and CUDA_COMPUTE_CAP), strip, tar and xz.
pub fn run() -> Outcome {
    let folder = root().join(FOLDER);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let programs = folder.join("bin");
    std::fs::create_dir_all(&programs).map_err(|error| format!("{}: {error}", programs.display()))?;
    for (name, executable) in build()? {
        let stripped = programs.join(name);
        process::run(program("strip", &["-o", &text(&stripped), &text(&executable)]))?;
    }
    let packed = text(&folder.join("bin.tar.xz"));
    let mut tar = program("tar", &["-C", &text(&programs), "-cJf", &packed, "."]);
    // Far enough back to see that the programs hold the same kernels.
    tar.env("XZ_OPT", "-9");
    process::run(tar)?;
    std::fs::remove_dir_all(&programs).map_err(|error| format!("{}: {error}", programs.display()))?;

    let copy = |from: &Path, to: &str| {
        process::run(program("cp", &["-r", "--no-preserve=mode", &text(from), &text(&folder.join(to))]))
    };
    copy(&root().join("fixtures/pytorch/time_cuda.py"), "time_cuda.py")?;
    match std::env::var_os("HELIACAL_TEST_DATA").filter(|data| !data.is_empty()) {
        Some(data) => DATA.iter().try_for_each(|set| copy(&Path::new(&data).join(set), set))?,
        None => println!("HELIACAL_TEST_DATA is not set: what needs real data will not be checked"),
    }
    // The tests look for their fixtures where they were compiled.
    let script = RUN.replace("@BUILT_IN@", &text(&root()));
    std::fs::write(folder.join("run.sh"), script).map_err(|error| format!("run.sh: {error}"))?;

    let n_bytes = size(&folder)?;
    println!(
        "\n{FOLDER}: {:.1} MiB; on the machine with the GPU: OUT=FOLDER bash {FOLDER}/run.sh",
        n_bytes as f64 / (1 << 20) as f64
    );
    if n_bytes > LARGEST {
        return Err(format!("{FOLDER} has {n_bytes} bytes, expected at most {LARGEST}"));
    }
    Ok(())
}

/// The programs by name.
fn build() -> Result<Vec<(String, PathBuf)>, String> {
    let build = ["build", "--message-format", "json-render-diagnostics"];
    let mut command = cargo_with_cuda(&[&build[..], TARGETS.as_flattened()].concat())?;
    command.stderr(Stdio::inherit());
    let messages = process::output(command)?;
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let name = message["target"]["name"].as_str()?.to_owned();
        Some((name, PathBuf::from(message["executable"].as_str()?)))
    };
    let built: Vec<_> = messages.lines().filter_map(executable).collect();
    match TARGETS.iter().find(|[_, name]| !built.iter().any(|(built, _)| built == name)) {
        None => Ok(built),
        Some([_, name]) => Err(format!("cargo built no program {name}")),
    }
}

/// Bytes of all files of a folder.
fn size(folder: &Path) -> Result<u64, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let about = entry.metadata().map_err(fault)?;
        sum += if about.is_dir() { size(&entry.path())? } else { about.len() };
    }
    Ok(sum)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
