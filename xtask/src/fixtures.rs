//! The files under fixtures/ that our own code makes.

use crate::Outcome;
use crate::process::{self, cargo, root};

/// Where the survey stands that the model is fitted to; the one under fixtures/ is of other objects.
const TRAINING: &str = "target/toy_survey";

/// Makes the small survey and the small model anew. The same code gives the same survey bit for bit; the model's weights
/// may differ in their last digits between machines.
pub fn run() -> Outcome {
    for (folder, objects, seed) in [("fixtures/survey", "98", "1"), (TRAINING, "4200", "2")] {
        let path = root().join(folder);
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        example("write_snana", &["--out", folder, "--objects", objects, "--seed", seed])?;
    }
    example("fit_toy_oracle", &["--data", TRAINING, "--out", "fixtures/toy_oracle.safetensors"])
}

fn example(name: &str, arguments: &[&str]) -> Outcome {
    process::run(cargo(&[&["run", "--release", "--example", name, "--"], arguments].concat()))
}
