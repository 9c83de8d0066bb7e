//! What every change must pass.

use std::path::Path;
use std::process::Stdio;

use crate::Outcome;
use crate::process::{self, cargo, program, root};
use crate::tidy;

/// Runs every check; the first failure ends it.
///
/// One profile (release) for tests, examples and benches, so that the dependencies are compiled once.
pub fn run() -> Outcome {
    process::run(cargo(&["fmt", "--all", "--check"]))?;
    tidy::run()?;
    process::run(cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    // Parts that users take without their default features.
    for crate_name in [
        "heliacal-taxonomy",
        "heliacal-lightcurve",
        "heliacal-metrics",
        "heliacal-io",
        "heliacal-simulate",
        "heliacal-report",
        "heliacal",
    ] {
        let arguments =
            ["clippy", "--release", "-p", crate_name, "--no-default-features", "--", "-D", "warnings"];
        process::run(cargo(&arguments))?;
    }
    // The README's test command; with library and integration tests it runs the doc tests too.
    process::run(cargo(&["test", "--release", "--workspace"]))?;
    // Transport against a linear program, which no user needs.
    process::run(cargo(&["test", "--release", "-p", "heliacal-metrics", "--features", "lp", "transport"]))?;
    let mut doc = cargo(&["doc", "--release", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    process::run(doc)?;
    smoke()?;
    deny()
}

/// The examples, on our own small files.
fn smoke() -> Outcome {
    let folder = root().join("target/smoke");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let out = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let example = |name: &str, arguments: &[&str]| {
        let mut all = vec!["run", "--quiet", "--release", "--example", name, "--"];
        all.extend_from_slice(arguments);
        process::run(cargo(&all))
    };
    let (survey, model) = ("fixtures/survey", "fixtures/toy_oracle.safetensors");
    let written = folder.join("survey");
    remove(&written)?;
    example("write_snana", &["--out", &out("survey"), "--objects", "12", "--seed", "3"])?;
    example("read_snana", &[survey, &out("survey")])?;
    example("classify", &["--data", survey, "--model", model, "--out", &out("final.parquet")])?;
    let history = out("history.parquet");
    example("classify", &["--data", survey, "--model", model, "--history", "--out", &history])?;
    let days = out("days.parquet");
    example("classify", &["--data", &out("survey"), "--model", model, "--days", "1,8,64", "--out", &days])?;
    for format in ["snana", "parquet"] {
        let survey = folder.join(format!("simulated_{format}"));
        remove(&survey)?;
        let survey = survey.to_string_lossy().into_owned();
        example("simulate_survey", &["--out", &survey, "--objects", "38", "--format", format])?;
        example("read_snana", &[&survey])?;
    }
    learn(&example, &out)?;
    let (metrics, objects) = (out("metrics.json"), out("objects.parquet"));
    let evaluate = |more: &[&str]| {
        let mut arguments = vec!["--out", &metrics, "--per-object", &objects];
        arguments.extend_from_slice(more);
        example("evaluate", &arguments)
    };
    let page = out("report.html");
    evaluate(&["--histories", &history, "--report", &page, "--base", &history, "--light-curves", survey])?;
    evaluate(&["--histories", &days, "--cost", "tree", "--days", "1,8,64", "--bootstrap", "0"])?;
    evaluate(&["--histories", &history, "--taxonomy", "supernovae5", "--project"])?;
    let folder = out("cascade");
    remove(Path::new(&folder))?;
    let cascade =
        ["--simulate", "60", "--epochs", "1", "--hidden", "8", "--head-widths", "8,8,4", "--out", &folder];
    example("train_cascade", &[&cascade[..], &["--seeds", "1"]].concat())?;
    example("train_cascade", &[&cascade[..], &["--seeds", "2", "--resample", "2", "--resume"]].concat())?;
    evaluate(&["--histories", &out("cascade/histories.parquet"), "--bootstrap", "0"])?;
    example("gpu_check", &["--device", "cpu", "--size", "tiny", "--seconds", "0.02"])?;
    let card = out("scorecard.html");
    example("write_scorecard", &["--per-class", "6", "--epochs", "1", "--out", &card])?;
    example("write_scorecard", &["--predictions", &history, "--strangers", "KN", "--out", &card])?;
    example("gallery", &["--out", &out("gallery"), "--png"])
}

/// The examples that train, on a few objects: what they learn is nothing, but every step of the way is taken.
fn learn(example: &dyn Fn(&str, &[&str]) -> Outcome, out: &dyn Fn(&str) -> String) -> Outcome {
    let folder = out("quickstart");
    example("quickstart", &["--out", &folder, "--objects-per-class", "4", "--epochs", "1"])?;
    let histories = out("quickstart/histories.parquet");
    example("evaluate", &["--histories", &histories, "--out", &out("metrics.json"), "--bootstrap", "0"])?;
    let folder = out("oracle");
    remove(Path::new(&folder))?;
    let train = |more: &[&str]| {
        let mut arguments = vec!["--data", "fixtures/survey", "--out", &folder, "--batch-size", "16"];
        arguments.extend_from_slice(more);
        example("train_oracle", &arguments)
    };
    train(&["--epochs", "1", "--leave-out", "KN"])?;
    train(&["--epochs", "2", "--leave-out", "KN", "--resume"])?;
    let (model, classes) = (out("oracle/model.safetensors"), out("classes.parquet"));
    example("classify", &["--data", "fixtures/survey", "--model", &model, "--out", &classes])
}

/// What an earlier run left.
fn remove(folder: &Path) -> Outcome {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(())
}

/// Licences, duplicates and sources, where cargo-deny is installed.
fn deny() -> Outcome {
    let mut probe = program("cargo-deny", &["--version"]);
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        println!(
            "cargo-deny is not installed: licences and sources were not checked (cargo install cargo-deny)"
        );
        return Ok(());
    }
    process::run(cargo(&["deny", "check", "licenses", "bans", "sources"]))
}
