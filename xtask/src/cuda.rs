//! The CUDA kernels of the recurrent layers: their PTX, and what can be checked of them without a GPU.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::process::{self, cargo, output, program, root};

const KERNELS: &str = "crates/models/src/recurrent/cuda";
/// Bytes of a thread's registers in memory that are let pass: a few numbers that a step reads once. More would be in the
/// innermost loop.
const MAX_SPILLED: u32 = 32;

/// A compilation of `kernels.cu`.
struct Module {
    ptx: &'static str,
    arch: &'static str,
    defines: &'static [&'static str],
    /// Machines for which the registers are counted.
    machines: &'static [&'static str],
}

const MODULES: [Module; 2] = [
    Module { ptx: "kernels_80.ptx", arch: "compute_80", defines: &[], machines: &["sm_80", "sm_90"] },
    Module { ptx: "kernels_90.ptx", arch: "compute_90", defines: &["-DCLUSTERS"], machines: &["sm_90"] },
];

/// Compiles `kernels.cu` to the PTX beside it.
pub fn ptx() -> Outcome {
    let toolkit = toolkit().ok_or("nvcc was not found, neither by CUDA_HOME nor in PATH")?;
    MODULES.iter().try_for_each(|module| compile(&toolkit, module, &Path::new(KERNELS).join(module.ptx)))
}

/// Compiles the kernels and the feature `cuda` where there is a toolkit, and runs the kernels on the CPU.
pub fn check() -> Outcome {
    let folder = root().join("target/cuda-check");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let toolkit = toolkit();
    if let Some(toolkit) = &toolkit {
        for module in &MODULES {
            compare(toolkit, module, &folder)?;
            for machine in module.machines {
                count_registers(toolkit, module, machine, &folder)?;
            }
        }
    } else {
        println!(
            "nvcc was not found, neither by CUDA_HOME nor in PATH: PTX and feature cuda are not checked"
        );
    }
    emulate(&folder)?;
    if toolkit.is_none() {
        return Ok(());
    }
    process::run(cargo_with_cuda(&["check", "--all-targets"])?)
}

/// cargo for the crates that have the feature `cuda`, optimized, with nvcc in PATH where it was found. What it builds is apart
/// from the CPU's, so that the two do not undo each other, and in one place for all chores: candle's kernels take minutes.
pub fn cargo_with_cuda(arguments: &[&str]) -> Result<Command, String> {
    let mut command = cargo(arguments);
    command.args(["--release", "--features", "cuda"]);
    command.args(["-p", "heliacal-losses", "-p", "heliacal-models", "-p", "heliacal"]);
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        command.env("CARGO_TARGET_DIR", root().join("target-cuda"));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(toolkit().into_iter().chain(std::env::split_paths(&path)));
    command.env("PATH", path.map_err(|error| format!("PATH: {error}"))?);
    Ok(command)
}

/// The folder of nvcc and its companions.
fn toolkit() -> Option<PathBuf> {
    let by_home = std::env::var_os("CUDA_HOME").map(|home| Path::new(&home).join("bin"));
    let in_path = std::env::var_os("PATH");
    let in_path = in_path.iter().flat_map(|path| std::env::split_paths(path).collect::<Vec<_>>());
    by_home.into_iter().chain(in_path).find(|folder| folder.join("nvcc").exists())
}

fn compile(toolkit: &Path, module: &Module, to: &Path) -> Outcome {
    let mut nvcc = program(toolkit.join("nvcc"), &["-std=c++17", "-O3", "-ptx", "-arch", module.arch]);
    nvcc.args(module.defines).arg(Path::new(KERNELS).join("kernels.cu")).arg("-o").arg(to);
    process::run(nvcc)
}

/// Whether the PTX that is checked in is the one of the source.
fn compare(toolkit: &Path, module: &Module, folder: &Path) -> Outcome {
    let made = folder.join(module.ptx);
    compile(toolkit, module, &made)?;
    let kept = root().join(KERNELS).join(module.ptx);
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    // The comments at the top name the compiler's build.
    let code =
        |ptx: String| ptx.lines().filter(|line| !line.starts_with("//")).collect::<Vec<_>>().join("\n");
    if code(read(&made)?) == code(read(&kept)?) {
        return Ok(());
    }
    let version = output(program(toolkit.join("nvcc"), &["--version"]))?;
    let version = version.lines().find(|line| line.contains("release")).unwrap_or_default().to_owned();
    Err(format!("{} is not what nvcc makes of kernels.cu ({version}): cargo xtask ptx", kept.display()))
}

/// Prints what each kernel takes of a machine; an error where registers went into memory.
fn count_registers(toolkit: &Path, module: &Module, machine: &str, folder: &Path) -> Outcome {
    let mut ptxas = Command::new(toolkit.join("ptxas"));
    ptxas.args(["-v", "-arch", machine]).arg(root().join(KERNELS).join(module.ptx));
    ptxas.arg("-o").arg(folder.join("kernels.cubin"));
    let found = ptxas.output().map_err(|error| format!("{ptxas:?}: {error}"))?;
    let said = String::from_utf8_lossy(&found.stderr) + String::from_utf8_lossy(&found.stdout);
    if !found.status.success() {
        return Err(format!("{ptxas:?}: {}\n{said}", found.status));
    }
    println!("{machine}, {}", module.ptx);
    let (mut kernel, mut spilled, mut worst) = ("", 0, (0, String::new()));
    for line in said.lines() {
        let before = |what: &str| -> Option<u32> {
            line.split_once(what)?.0.rsplit([' ', ',']).find(|word| !word.is_empty())?.parse().ok()
        };
        if line.contains("Compiling entry function") {
            kernel = line.split('\'').nth(1).unwrap_or_default();
        }
        if let Some(bytes) = before("bytes spill stores") {
            spilled = bytes;
        }
        if let Some(registers) = before("registers") {
            println!("  {kernel:20} {registers:3} registers, {spilled} bytes spilled");
            worst = worst.max((spilled, kernel.to_owned()));
        }
    }
    if worst.0 <= MAX_SPILLED {
        return Ok(());
    }
    Err(format!("{machine}: {} has {} bytes of registers in memory", worst.1, worst.0))
}

/// Runs the kernels of all modules side by side, as plain C++ under an address sanitizer, beside a layer in double precision.
fn emulate(folder: &Path) -> Outcome {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    let mut probe = Command::new(&compiler);
    probe.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        println!("{compiler} was not found: the kernels are not run");
        return Ok(());
    }
    std::thread::scope(|scope| {
        let runs = MODULES.each_ref().map(|module| scope.spawn(|| emulate_module(&compiler, module, folder)));
        runs.into_iter().try_for_each(|run| run.join().map_err(|_| "an emulation panicked".to_owned())?)
    })
}

fn emulate_module(compiler: &str, module: &Module, folder: &Path) -> Outcome {
    let binary = folder.join(module.ptx).with_extension("check");
    let options =
        ["-std=c++20", "-O2", "-g", "-fsanitize=address", "-Wall", "-Wextra", "-Wno-unknown-pragmas"];
    let mut compile = program(compiler, &options);
    compile.args(module.defines).arg(Path::new(KERNELS).join("emulation/check.cpp")).arg("-o").arg(&binary);
    process::run(compile)?;
    process::run(program(&binary, &[]))
}
