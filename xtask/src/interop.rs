//! What others read of what we write.

use crate::Outcome;
use crate::process::{self, cargo, program, root};

/// Writes a survey as `.FITS.gz` and as plain `.FITS` and has astropy and sncosmo compare every value with the CSV that
/// the same example writes beside it.
pub fn run() -> Outcome {
    let folder = root().join("target/interop");
    let python = folder.join("venv/bin/python");
    if !python.exists() {
        let venv = folder.join("venv").to_string_lossy().into_owned();
        process::run(program("python3", &["-m", "venv", &venv]))?;
        process::run(program(&python, &["-m", "pip", "install", "--quiet", "numpy", "astropy", "sncosmo"]))?;
    }
    for (name, compression) in [("gz", "--gzip"), ("plain", "--plain")] {
        let survey = folder.join(name);
        if survey.exists() {
            std::fs::remove_dir_all(&survey).map_err(|error| format!("{}: {error}", survey.display()))?;
        }
        let survey = survey.to_string_lossy().into_owned();
        let write =
            ["run", "--release", "--example", "write_snana", "--", "--out", &survey, "--csv", compression];
        process::run(cargo(&write))?;
        process::run(program(&python, &["xtask/src/read_back.py", &survey]))?;
    }
    Ok(())
}
