//! Brokers take this crate alone: what comes with it is counted.

use std::collections::BTreeSet;
use std::process::Command;

/// The crates that a user compiles, this one included.
fn crates(features: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "-p", "heliacal-metrics", "-e", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_crate_is_light() {
    for (features, most) in [
        (&["--no-default-features"][..], 8),
        (&[][..], 20),
        (&["--no-default-features", "--features", "lp"][..], 21),
    ] {
        let crates = crates(features);
        assert!(crates.contains("heliacal-metrics"));
        assert!(crates.len() <= most, "{features:?}: {} crates, {crates:?}", crates.len());
    }
}

#[test]
fn nothing_heavy_comes_with_any_feature() {
    let crates = crates(&["--all-features"]);
    let heavy = ["candle", "arrow", "parquet", "tokenizers", "nalgebra", "heliacal-"];
    let found: Vec<_> = crates
        .iter()
        .filter(|name| *name != "heliacal-metrics" && heavy.iter().any(|heavy| name.starts_with(heavy)))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}
