//! How early, how stable and how right is a classifier? All metrics of any classifier's histories.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use heliacal_io::{
    Cell, CellKind, HistoryReader, HistorySchema, IdKind, LongFormOptions, ObjectHistory, ObjectTableWriter,
    write_file,
};
use heliacal_lightcurve::ObjectId;
use heliacal_metrics::esc::{EscMetric, EscParams, WeightCurve};
use heliacal_metrics::evaluation::{
    DaysSince, Evaluation, EvaluationOptions, EvaluationReport, ObjectEvaluation,
};
use heliacal_metrics::scorecard::Ranking;
use heliacal_metrics::transport::{CostMatrix, GroundCost, TreeCost};
use heliacal_metrics::{ClassTree, PmfHistory};
use heliacal_report::page::{BaseReport, HistoryReport};
use heliacal_taxonomy::{EdgeLength, NodeId, Projection, ProjectionOptions, Taxonomy};

#[path = "shared/history_page.rs"]
mod history_page;
#[path = "shared/today.rs"]
mod today;
#[path = "shared/with_reasons.rs"]
mod with_reasons;
use history_page::Distributions;
use with_reasons::exit_code;

/// Measure how early, how stable and how right a classifier is, from its history of classifications.
///
/// Reads a Parquet file with one row per classification (object_id, mjd, a column p_<class> per class, true_class), as the
/// example classify writes with --history or --days, and as pandas or polars write easily. Prints tables and writes all
/// metrics as JSON. Objects whose true class is not known are scored by what needs no truth.
#[derive(Parser)]
struct Arguments {
    /// The classifications: one row per object and time, rows of an object together.
    #[arg(long, value_name = "FILE.parquet")]
    histories: PathBuf,
    /// Brokers' form instead: one row per message with class_id and probability. Give the classifier's name if the file
    /// has several.
    #[arg(long, value_name = "CLASSIFIER", num_args = 0..=1, default_missing_value = "")]
    long_form: Option<String>,
    /// The tree whose leaves the classes are: oracle, oracle_bts, elasticc, supernovae5, variable_stars, or a JSON or TOML
    /// file. `flat` for classes without a tree. Without this option, the tree that the file carries, or none.
    #[arg(long, value_name = "NAME_OR_FILE")]
    taxonomy: Option<String>,
    /// Score only the classes of --taxonomy: the probability of all others is left out and the rest scaled to sum to 1.
    /// Objects whose true class is another are left out.
    #[arg(long, requires = "taxonomy")]
    project: bool,
    /// What it costs to move probability from one class to another: `unit` (every mistake costs 1), `tree` (steps along
    /// the taxonomy), or a JSON file {"classes": [...], "cost": [[...]]}. --eps is in the same measure.
    #[arg(long, value_name = "unit|tree|FILE", default_value = "unit")]
    cost: String,
    /// Two classifications in a row agree if moving one to the other costs at most this.
    #[arg(long, default_value_t = 0.1)]
    eps: f64,
    /// A classification is right enough if the true class has at least this probability.
    #[arg(long, default_value_t = 0.5)]
    rho: f64,
    /// An object has converged after this many classifications in a row that agree and are right enough.
    #[arg(long, default_value_t = 5)]
    k: usize,
    /// How much more late changes weigh than early ones in the early-stable score; 0 grows evenly.
    #[arg(long, default_value_t = 2.0, allow_hyphen_values = true)]
    alpha: f64,
    /// An object counts as confidently classified from when its true class has this probability.
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.5)]
    confidence: f64,
    /// Days since trigger at which to say how right classifications were. Days are the file's column `days`; where it has
    /// none, or --base has none, they count from the first classification of each object.
    #[arg(long, value_name = "DAYS", value_delimiter = ',')]
    days: Vec<f64>,
    /// Areas under ROC curves at these days too, not only for the last classification. Takes memory: 8 bytes per object, class
    /// and day.
    #[arg(long)]
    auc_since_trigger: bool,
    /// How many times objects are drawn again for the intervals of balanced accuracy and macro-F1; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    bootstrap: usize,
    /// Seed of these draws: the same seed gives the same intervals.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to write all metrics (docs/data-formats.md says what each field is).
    #[arg(long, value_name = "metrics.json")]
    out: PathBuf,
    /// Where to write one row per object: convergence, early-stable metrics, final class, days to confident.
    #[arg(long, value_name = "FILE.parquet")]
    per_object: Option<PathBuf>,
    /// Where to write the same numbers as a page with figures.
    #[arg(long, value_name = "report.html")]
    report: Option<PathBuf>,
    /// Histories of the same objects by another classifier: what --histories is compared with on the page. Its metrics stand
    /// in the JSON under `base`.
    #[arg(long, value_name = "FILE.parquet", requires = "report")]
    base: Option<PathBuf>,
    /// Light curves of the objects, to show one of them on the page above what was made of it: folders with SNANA files, or
    /// .parquet files.
    #[arg(long, num_args = 1.., value_name = "PATH", requires = "report")]
    light_curves: Vec<PathBuf>,
    /// Which object that is; without this option, the first whose most probable class changed before it converged.
    #[arg(long, value_name = "ID", requires = "light_curves")]
    object: Option<String>,
}

/// How many faults are shown with their reason.
const SHOWN_FAULTS: usize = 5;

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let begin = Instant::now();
    let Opened { reader, schema, classes } = Opened::new(&arguments.histories, arguments)?;
    let base = arguments.base.as_deref().map(|path| Opened::new(path, arguments)).transpose()?;
    let mut options = options(arguments, &classes.taxonomy)?;
    // Both must count alike.
    if !schema.has_days || base.as_ref().is_some_and(|base| !base.schema.has_days) {
        options.days_since = DaysSince::FirstClassification;
    }
    let mut table = arguments
        .per_object
        .as_ref()
        .map(|path| ObjectTableWriter::create(path, reader.id_kind(), &PER_OBJECT))
        .transpose()?;
    let wanted = arguments.object.as_deref().map(|id| object_id(id, reader.id_kind()));

    let names = classes.leaf_names();
    let mut distributions = Distributions::new(names.len(), &options.esc.cost, wanted);
    let (report, left_out) = score(reader, &classes, &options, |history, pmfs, object| {
        if arguments.report.is_some() {
            distributions.add(history, pmfs, object)?;
        }
        if let Some(table) = &mut table {
            table.write(&history.object_id, &row(object, history.true_class.as_deref(), &names))?;
        }
        Ok(())
    })?;
    left_out.print();
    if report.n_objects == 0 {
        return Err(format!("{}: no object could be scored", arguments.histories.display()).into());
    }
    let base = base.map(|opened| Base::score(opened, &classes, &options, &distributions)).transpose()?;
    let written = Written {
        classifier: schema.classifier.as_deref(),
        taxonomy: classes.taxonomy.name(),
        left_out: &left_out,
        report: &report,
        base: base.as_ref().map(|base| &base.report),
    };
    write_file(&arguments.out, &serde_json::to_vec(&written)?)?;
    if let Some(path) = &arguments.report {
        write_page(path, &written, &distributions, base.as_ref(), &names, arguments)?;
    }
    if let Some(table) = table {
        table.finish()?;
    }
    println!("{}: {report}", written.classifier.unwrap_or("a classifier"));
    println!("{:.1} s: {}", begin.elapsed().as_secs_f64(), arguments.out.display());
    Ok(if left_out.n_faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A file of histories and the classes that are scored in it.
struct Opened {
    reader: HistoryReader,
    schema: HistorySchema,
    classes: Classes,
}

impl Opened {
    fn new(path: &Path, arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let reader = match &arguments.long_form {
            None => HistoryReader::open(path)?,
            Some(name) => {
                let classifier = (!name.is_empty()).then(|| name.clone());
                HistoryReader::open_long_form(path, &LongFormOptions { classifier })?
            }
        };
        let schema = reader.schema().clone();
        let classes = Classes::new(path, &schema, arguments)?;
        Ok(Self { reader, schema, classes })
    }
}

/// Evaluates every object of a file; `on_object` gets each with its PMFs over the leaves.
fn score(
    reader: HistoryReader,
    classes: &Classes,
    options: &EvaluationOptions,
    mut on_object: impl FnMut(&ObjectHistory, &PmfHistory, &ObjectEvaluation) -> Result<(), Box<dyn Error>>,
) -> Result<(EvaluationReport, LeftOut), Box<dyn Error>> {
    let tree = ClassTree::new(classes.taxonomy.parents())?;
    let mut evaluation = Evaluation::new(classes.taxonomy.names().to_vec(), tree, options)?;
    let mut left_out = LeftOut::default();
    for history in reader {
        let history = match history {
            Ok(history) => history,
            Err(error) if error.is_of_one_object() => {
                left_out.fault(error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let truth = match history.true_class.as_deref().map(|name| (name, classes.taxonomy.find(name))) {
            None => None,
            Some((_, Ok(node))) => Some(node),
            Some((name, Err(_))) if classes.is_projected() => {
                *left_out.other_classes.entry(name.to_owned()).or_insert(0) += 1;
                continue;
            }
            Some((name, Err(_))) => {
                *left_out.unknown_truths.entry(name.to_owned()).or_insert(0) += 1;
                None
            }
        };
        let pmfs = match classes.pmfs(&history) {
            Ok(pmfs) => pmfs,
            Err(error) => {
                left_out.fault(format!("object {}: {error}", history.object_id));
                continue;
            }
        };
        let first = history.mjd[0];
        let since_first = || history.mjd.iter().map(|mjd| mjd - first).collect();
        let since_trigger = history.days.clone().filter(|_| options.days_since == DaysSince::Trigger);
        let days: Vec<f64> = since_trigger.unwrap_or_else(since_first);
        match evaluation.push(&pmfs, &days, truth.map(NodeId::index)) {
            Ok(object) => on_object(&history, &pmfs, &object)?,
            Err(error) => left_out.fault(format!("object {}: {error}", history.object_id)),
        }
    }
    Ok((evaluation.report()?, left_out))
}

/// The classifier that is compared with.
struct Base<'a> {
    name: String,
    report: EvaluationReport,
    distributions: Distributions<'a>,
}

impl<'a> Base<'a> {
    fn score(
        opened: Opened,
        classes: &Classes,
        options: &'a EvaluationOptions,
        of_new: &Distributions<'_>,
    ) -> Result<Self, Box<dyn Error>> {
        if opened.classes.taxonomy != classes.taxonomy {
            let (base, new) = (opened.classes.taxonomy.name(), classes.taxonomy.name());
            return Err(format!(
                "--base: its classes are those of {base}, not of {new}; --taxonomy sets both"
            )
            .into());
        }
        let mut distributions =
            Distributions::new(classes.taxonomy.n_leaves(), &options.esc.cost, of_new.told());
        let (report, left_out) = score(opened.reader, &opened.classes, options, |history, pmfs, object| {
            distributions.add(history, pmfs, object)
        })?;
        left_out.print();
        let name = opened.schema.classifier.unwrap_or_else(|| "base".to_owned());
        Ok(Self { name, report, distributions })
    }
}

fn write_page(
    path: &Path,
    written: &Written<'_>,
    distributions: &Distributions<'_>,
    base: Option<&Base<'_>>,
    names: &[&str],
    arguments: &Arguments,
) -> Result<(), Box<dyn Error>> {
    let classifier = written.classifier.unwrap_or("a classifier");
    let of_base = base.map(|base| (base.name.as_str(), &base.distributions));
    let classifiers: Vec<_> = of_base.into_iter().chain([(classifier, distributions)]).collect();
    let date = today::today();
    let page = HistoryReport {
        date: Some(&date),
        base: base.map(|base| BaseReport { classifier: &base.name, report: &base.report }),
        figures: history_page::figures(&classifiers, names, &arguments.light_curves)?,
        ..HistoryReport::new(classifier, written.report)
    };
    page.page().write(path)?;
    println!("page: {}", path.display());
    Ok(())
}

/// An id as the file has them.
fn object_id(text: &str, kind: IdKind) -> ObjectId {
    match (kind, text.parse()) {
        (IdKind::Integer, Ok(number)) => ObjectId::Integer(number),
        _ => text.into(),
    }
}

/// The classes that are scored, and where they are in the file.
struct Classes {
    taxonomy: Taxonomy,
    columns: Columns,
}

enum Columns {
    /// Column of each leaf.
    All(Vec<usize>),
    /// Only some columns are leaves; columns as the projection's own flat taxonomy has them.
    Some(Projection),
}

impl Classes {
    fn new(path: &Path, schema: &HistorySchema, arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let flat = Taxonomy::flat("classes", &schema.classes)?;
        let own = || schema.taxonomy.as_deref().map(Taxonomy::from_json).transpose();
        let taxonomy = match arguments.taxonomy.as_deref() {
            None => {
                own().map_err(|error| format!("the file's own taxonomy: {error}"))?.unwrap_or(flat.clone())
            }
            Some("flat") => flat.clone(),
            Some(name) => load_taxonomy(name)?,
        };
        if arguments.project {
            let leaves: Vec<&str> = taxonomy.leaves().iter().map(|&leaf| taxonomy.class_name(leaf)).collect();
            let projection = Projection::by_names(&flat, &leaves, ProjectionOptions::default())?;
            return Ok(Self { taxonomy, columns: Columns::Some(projection) });
        }
        let columns = taxonomy.leaf_columns(&schema.classes).map_err(|error| {
            let all_there = error.missing.is_empty();
            let hint = if all_there { " (--project scores the classes of the taxonomy alone)" } else { "" };
            format!("{}: {error}{hint}", path.display())
        })?;
        Ok(Self { taxonomy, columns: Columns::All(columns) })
    }

    fn is_projected(&self) -> bool {
        matches!(self.columns, Columns::Some(_))
    }

    fn leaf_names(&self) -> Vec<&str> {
        self.taxonomy.leaves().iter().map(|&leaf| self.taxonomy.class_name(leaf)).collect()
    }

    /// The PMFs of an object over the leaves, in the taxonomy's order.
    fn pmfs(&self, history: &ObjectHistory) -> Result<PmfHistory, Box<dyn Error>> {
        let n_leaves = self.taxonomy.n_leaves();
        let mut values = Vec::with_capacity(history.len() * n_leaves);
        for step in 0..history.len() {
            let row = history.probabilities_at(step);
            match &self.columns {
                Columns::All(columns) => values.extend(columns.iter().map(|&column| f64::from(row[column]))),
                Columns::Some(projection) => {
                    let row: Vec<f64> = row.iter().map(|&p| f64::from(p)).collect();
                    let start = values.len();
                    values.resize(start + n_leaves, 0.0);
                    projection
                        .project(&row, &mut values[start..])
                        .map_err(|error| format!("classification {}: {error}", step + 1))?;
                }
            }
        }
        Ok(PmfHistory::new(n_leaves, values)?)
    }
}

fn load_taxonomy(name: &str) -> Result<Taxonomy, Box<dyn Error>> {
    let path = Path::new(name);
    let extension = path.extension().unwrap_or_default();
    if extension != "json" && extension != "toml" {
        return Ok(Taxonomy::by_name(name)?);
    }
    let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let taxonomy = if extension == "json" { Taxonomy::from_json(&text) } else { Taxonomy::from_toml(&text) };
    taxonomy.map_err(|error| format!("{name}: {error}").into())
}

fn options(arguments: &Arguments, taxonomy: &Taxonomy) -> Result<EvaluationOptions, Box<dyn Error>> {
    let mut options = EvaluationOptions::default();
    options.esc.params = EscParams::new(arguments.eps, arguments.rho, arguments.k)?;
    options.esc.weights = WeightCurve::Exponential { alpha: arguments.alpha };
    options.esc.cost = match arguments.cost.as_str() {
        "unit" => GroundCost::Unit,
        "tree" => {
            let lengths = taxonomy.edge_lengths(EdgeLength::UNIT);
            GroundCost::Tree(TreeCost::new(ClassTree::new(taxonomy.parents())?, lengths)?)
        }
        file => GroundCost::Matrix(load_cost(file, taxonomy)?),
    };
    if arguments.auc_since_trigger {
        options.since_trigger_ranking = Ranking::Exact;
    }
    if !arguments.days.is_empty() {
        options.days.clone_from(&arguments.days);
    }
    if !(0.0..=1.0).contains(&arguments.confidence) {
        return Err(format!("--confidence {}: not a probability", arguments.confidence).into());
    }
    options.confidence.threshold = arguments.confidence;
    options.bootstrap.n_resamples = arguments.bootstrap;
    options.bootstrap.seed = arguments.seed;
    Ok(options)
}

#[derive(serde::Deserialize)]
struct CostFile {
    classes: Vec<String>,
    cost: Vec<Vec<f64>>,
}

/// Reads costs between named classes and puts them into the taxonomy's order.
fn load_cost(path: &str, taxonomy: &Taxonomy) -> Result<CostMatrix, Box<dyn Error>> {
    let at = |error: &dyn std::fmt::Display| format!("--cost {path}: {error}");
    let text = fs::read_to_string(path).map_err(|error| at(&error))?;
    let CostFile { classes, cost } = serde_json::from_str(&text).map_err(|error| at(&error))?;
    let given = CostMatrix::from_rows(&cost).map_err(|error| at(&error))?;
    if given.n_classes() != classes.len() {
        return Err(at(&format!("{} classes for {} rows of costs", classes.len(), given.n_classes())).into());
    }
    let order = taxonomy.leaf_columns(&classes).map_err(|error| at(&error))?;
    let rows: Vec<Vec<f64>> =
        order.iter().map(|&from| order.iter().map(|&to| cost[from][to]).collect()).collect();
    Ok(CostMatrix::from_rows(&rows)?)
}

/// What was not scored, or not in full.
#[derive(Default, serde::Serialize)]
struct LeftOut {
    /// Objects whose classifications cannot be right.
    n_faults: usize,
    #[serde(skip)]
    faults: Vec<String>,
    /// Objects of classes outside the projection, by class.
    other_classes: BTreeMap<String, u64>,
    /// True classes that the taxonomy does not know, with their number of objects: scored as if without truth.
    unknown_truths: BTreeMap<String, u64>,
}

impl LeftOut {
    fn fault(&mut self, text: String) {
        self.n_faults += 1;
        if self.faults.len() < SHOWN_FAULTS {
            self.faults.push(text);
        }
    }

    fn print(&self) {
        for fault in &self.faults {
            eprintln!("left out {fault}");
        }
        if self.n_faults > self.faults.len() {
            eprintln!("left out {} more objects", self.n_faults - self.faults.len());
        }
        let list = |counts: &BTreeMap<String, u64>| {
            counts.iter().map(|(name, n)| format!("{name} ({n})")).collect::<Vec<_>>().join(", ")
        };
        if !self.other_classes.is_empty() {
            eprintln!("left out objects of other classes: {}", list(&self.other_classes));
        }
        if !self.unknown_truths.is_empty() {
            eprintln!(
                "true classes that the taxonomy does not know, scored as if without truth: {}",
                list(&self.unknown_truths)
            );
        }
    }
}

/// The metrics with where they come from.
#[derive(serde::Serialize)]
struct Written<'a> {
    classifier: Option<&'a str>,
    taxonomy: &'a str,
    left_out: &'a LeftOut,
    #[serde(flatten)]
    report: &'a EvaluationReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a EvaluationReport>,
}

const PER_OBJECT: [(&str, CellKind); 16] = [
    ("true_class", CellKind::Text),
    ("n", CellKind::Integer),
    ("converged", CellKind::Flag),
    ("tau", CellKind::Integer),
    ("sustained_tau", CellKind::Integer),
    ("esc_f", CellKind::Float),
    ("esc_s", CellKind::Float),
    ("raw_instability", CellKind::Float),
    ("motion", CellKind::Float),
    ("wobble", CellKind::Float),
    ("label_changes", CellKind::Integer),
    ("final_class", CellKind::Text),
    ("final_probability", CellKind::Float),
    ("final_correct", CellKind::Flag),
    ("days_to_confident", CellKind::Float),
    ("days_to_convergence", CellKind::Float),
];

fn row<'a>(
    object: &ObjectEvaluation,
    true_class: Option<&'a str>,
    names: &[&'a str],
) -> [Cell<'a>; PER_OBJECT.len()] {
    let score = &object.score;
    let truth = score.truth.as_ref();
    let whole = |number: usize| number as i64;
    [
        true_class.into(),
        Cell::Integer(whole(score.n_steps)),
        truth.map(|truth| truth.esc_fraction.converged).into(),
        truth.and_then(|truth| truth.esc_fraction.tau).map(whole).into(),
        truth.and_then(|truth| truth.esc_fraction.sustained_tau).map(whole).into(),
        truth.map(|truth| truth.esc_fraction.value()).into(),
        truth.and_then(|truth| truth.esc_score.value()).into(),
        truth.and_then(|truth| truth.raw_instability).into(),
        Cell::Float(score.total_motion),
        Cell::Float(score.wobble),
        Cell::Integer(whole(score.label_changes)),
        Cell::Text(names[score.final_class]),
        Cell::Float(score.final_probability),
        truth.map(|truth| truth.final_correct).into(),
        object.days_to_confident.filter(|wait| wait.reached).map(|wait| wait.days).into(),
        EscMetric::DaysToConvergence.of(score).into(),
    ]
}
