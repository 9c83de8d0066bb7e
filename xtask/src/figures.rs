//! The pictures under docs/gallery/.

use crate::Outcome;
use crate::process::{self, cargo};

/// Draws every figure of the report crate anew, by its example.
pub fn run() -> Outcome {
    process::run(cargo(&["run", "--release", "--example", "gallery", "--", "--out", "docs/gallery"]))
}
