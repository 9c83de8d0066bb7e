//! The rules of the house that a machine can check.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Outcome;
use crate::process::{cargo, output, root};

/// Who may import whom in this workspace (docs/architecture.md). Dev-dependencies are free, but for publishing they name
/// a path and no version.
const IMPORTS: [(&str, &[&str]); 10] = [
    ("heliacal-taxonomy", &[]),
    ("heliacal-lightcurve", &[]),
    ("heliacal-metrics", &[]),
    ("heliacal-losses", &["heliacal-taxonomy"]),
    ("heliacal-models", &["heliacal-lightcurve"]),
    ("heliacal-io", &["heliacal-lightcurve"]),
    ("heliacal-simulate", &["heliacal-taxonomy", "heliacal-lightcurve"]),
    ("heliacal-report", &["heliacal-metrics", "heliacal-lightcurve"]),
    (
        "heliacal",
        &[
            "heliacal-taxonomy",
            "heliacal-lightcurve",
            "heliacal-metrics",
            "heliacal-losses",
            "heliacal-models",
            "heliacal-io",
            "heliacal-report",
        ],
    ),
    ("xtask", &[]),
];

/// The only crates that may know tensors.
const KNOW_CANDLE: [&str; 3] = ["heliacal-losses", "heliacal-models", "heliacal"];

/// Checks every rule and lists every fault.
pub fn run() -> Outcome {
    let metadata = output(cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = array(&metadata["packages"]);
    let mut faults = imports(packages);
    faults.extend(examples(packages)?);
    for package in packages {
        faults.extend(manifest(package)?);
    }
    if faults.is_empty() {
        println!("tidy: {} crates, no fault", packages.len());
        return Ok(());
    }
    Err(format!("{} faults\n  {}", faults.len(), faults.join("\n  ")))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn imports(packages: &[Value]) -> Vec<String> {
    let members: Vec<&str> = packages.iter().map(|package| text(&package["name"])).collect();
    let mut faults = Vec::new();
    for package in packages {
        let name = text(&package["name"]);
        let Some((_, allowed)) = IMPORTS.iter().find(|(known, _)| *known == name) else {
            faults.push(format!("{name}: not in the table of who may import whom"));
            continue;
        };
        for dependency in array(&package["dependencies"]) {
            let other = text(&dependency["name"]);
            let is_dev = text(&dependency["kind"]) == "dev";
            let is_member = members.contains(&other);
            if is_member && !is_dev && !allowed.contains(&other) {
                faults.push(format!("{name} imports {other}, which it may not"));
            }
            if is_member && is_dev && text(&dependency["req"]) != "*" {
                faults.push(format!(
                    "{name}: dev-dependency {other} names a version; a path alone publishes cleanly"
                ));
            }
            if other.starts_with("candle") && !is_dev && !KNOW_CANDLE.contains(&name) {
                faults.push(format!("{name} knows {other}; only {} may", KNOW_CANDLE.join(", ")));
            }
        }
    }
    faults
}

/// One file under examples/, one entry, one name: cargo finds these examples by their entries alone.
fn examples(packages: &[Value]) -> Result<Vec<String>, String> {
    let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut faults = Vec::new();
    for package in packages {
        let of_package = array(&package["targets"]).iter();
        for target in of_package.filter(|target| array(&target["kind"]).iter().any(|kind| kind == "example"))
        {
            let (name, path) = (text(&target["name"]), Path::new(text(&target["src_path"])));
            entries.entry(name.to_owned()).or_default().push(text(&package["name"]).to_owned());
            if path.file_stem().is_none_or(|stem| stem != name) || !path.is_file() {
                faults.push(format!("example {name}: its file is {}", path.display()));
            }
        }
    }
    for (name, crates) in entries.iter().filter(|(_, crates)| crates.len() > 1) {
        faults.push(format!("example {name}: declared by {}", crates.join(" and ")));
    }
    let folder = root().join("examples");
    let files = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for file in files {
        let path = file.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && !entries.contains_key(&name) {
            faults.push(format!("examples/{name}.rs: no crate declares it, so it is never built"));
        }
    }
    Ok(faults)
}

/// Versions stand in the root manifest alone, lints are the workspace's, published crates say what they ship.
fn manifest(package: &Value) -> Result<Vec<String>, String> {
    let name = text(&package["name"]);
    let path = text(&package["manifest_path"]);
    let manifest = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let mut faults = Vec::new();
    let mut section = "";
    let mut has_workspace_lints = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        has_workspace_lints |= section == "[lints]" && line == "workspace = true";
        let names_version = line.contains("version = \"")
            || line.split_once("= \"").is_some_and(|(_, value)| {
                value.starts_with(|c: char| c.is_ascii_digit() || "^=~<>*".contains(c))
            });
        if section.ends_with("dependencies]") && names_version {
            faults.push(format!("{name}: a version outside the root manifest: {line}"));
        }
    }
    if !has_workspace_lints {
        faults.push(format!("{name}: does not take the workspace's lints"));
    }
    let is_published = package["publish"].is_null();
    if is_published && !manifest.contains("\ninclude = [") {
        faults.push(format!("{name}: no include list"));
    }
    if is_published && package["readme"].is_null() {
        faults.push(format!("{name}: no README"));
    }
    Ok(faults)
}
