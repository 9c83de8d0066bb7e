//! The public door of heliacal: the parts together.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod cascade;
mod classifier;
mod golden;
mod scores;
mod survey;
mod training;

use std::path::PathBuf;

/// Folder of a data set of the test data, or None with a word on stderr.
fn test_data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HELIACAL_TEST_DATA").filter(|root| !root.is_empty());
    if root.is_none() {
        eprintln!("skipped: HELIACAL_TEST_DATA is not set");
    }
    root.map(|root| PathBuf::from(root).join(name))
}

/// A file of our own.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures")).join(name)
}

/// Largest absolute difference of two rows; NaN anywhere is infinite.
fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let difference =
        |(a, b): (&f64, &f64)| if a.is_nan() || b.is_nan() { f64::INFINITY } else { (a - b).abs() };
    a.iter().zip(b).map(difference).fold(0.0, f64::max)
}
