//! What should a published classifier say about itself? Its scorecard: one page, and the same numbers as JSON.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use heliacal::Taxonomy;
use heliacal::io::{HistoryReader, ObjectHistory, write_file};
use heliacal::metrics::Pmf;
use heliacal::metrics::evaluation::EvaluationOptions;
use heliacal::taxonomy::{NodeId, VsxTypes};

#[path = "shared/classified_objects.rs"]
mod classified_objects;
#[path = "shared/simulated_stars.rs"]
mod simulated_stars;
#[path = "shared/today.rs"]
mod today;
#[path = "shared/train_with_bar.rs"]
mod train_with_bar;
#[path = "shared/with_reasons.rs"]
mod with_reasons;
use classified_objects::{Classified, ClassifiedObjects, Truth};
use with_reasons::exit_code;

/// Write the scorecard of a classifier of variable stars, or of anything else: a page that opens anywhere, and its numbers as
/// JSON beside it.
///
/// Without --predictions it simulates stars of 21 classes, trains ORACLE on them for about a minute, and writes its scorecard:
/// with Blazhko stars as a slice, stars whose catalogue gives only the family, and microlensing events as strangers. With
/// --predictions it reads a Parquet file with one row per classification (object_id, mjd, a column p_<class> per class,
/// true_class); the last classification of an object counts. With the tree of variable stars, true_class may be a type of VSX
/// ("EA/SD", "RR", "EW|ELL").
#[derive(Parser)]
struct Arguments {
    /// The classifications to score.
    #[arg(long, value_name = "FILE.parquet")]
    predictions: Option<PathBuf>,
    /// The tree whose leaves the classes are: oracle, oracle_bts, elasticc, supernovae5, variable_stars, or a JSON file. Without
    /// this option, the tree that the file carries, or none.
    #[arg(long, value_name = "NAME_OR_FILE", requires = "predictions")]
    taxonomy: Option<String>,
    /// Which objects are in which slice: CSV with the heading object_id,slice and one line for each membership.
    #[arg(long, value_name = "FILE.csv", requires = "predictions")]
    slices: Option<PathBuf>,
    /// Objects of this true class are strangers: the model was not taught it, and they should stand out.
    #[arg(long, value_name = "CLASS", requires = "predictions")]
    strangers: Option<String>,
    /// Fine classes that are hard to tell apart, as EB,EW,ELL; may be given several times.
    #[arg(long, value_name = "CLASS,CLASS...")]
    look_alikes: Vec<String>,
    /// The model's name; without it, the one in the file.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// The date on the card; today if not said.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<String>,
    /// How many times objects are drawn again for the intervals of balanced accuracy and macro-F1; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    bootstrap: usize,
    /// Stars of each class to simulate; three of ten are tested on.
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u64).range(4..))]
    per_class: u64,
    /// Passes over the simulated stars.
    #[arg(long, default_value_t = 30)]
    epochs: usize,
    /// Seed of the simulated stars, of the weights, and of the draws behind intervals.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The page; the JSON gets the same name with the ending .json.
    #[arg(long, value_name = "FILE.html", default_value = "scorecard.html")]
    out: PathBuf,
}

/// Families of variable stars that light curves alone hardly tell apart.
const LOOK_ALIKE_STARS: [&str; 3] = ["EB,EW,ELL", "SR,L", "ROT,RS"];

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let json = arguments.out.with_extension("json");
    if json == arguments.out {
        return Err("--out: the name of the page, which must not end in .json".into());
    }
    let classified = match &arguments.predictions {
        Some(path) => read(path, arguments)?,
        None => simulated_stars::classified_stars(arguments.per_class, arguments.epochs, arguments.seed)?,
    };
    let mut options = EvaluationOptions::default();
    (options.bootstrap.n_resamples, options.bootstrap.seed) = (arguments.bootstrap, arguments.seed);
    // An object has one classification: nothing to follow through time.
    (options.days, options.grid_epsilons) = (Vec::new(), Vec::new());
    let mut look_alikes = arguments.look_alikes.clone();
    if look_alikes.is_empty() && arguments.predictions.is_none() {
        look_alikes = LOOK_ALIKE_STARS.map(str::to_owned).to_vec();
    }
    let look_alikes: Vec<Vec<String>> = look_alikes
        .iter()
        .map(|family| family.split(',').map(|name| name.trim().to_owned()).collect())
        .collect();
    let mut card = classified.scorecard(&look_alikes, &options)?;
    card.date = Some(arguments.date.clone().unwrap_or_else(today::today));
    if let Some(model) = &arguments.model {
        card.model.clone_from(model);
    }
    if card.n_objects == 0 {
        return Err("no object of known class to score".into());
    }
    card.page().write(&arguments.out)?;
    write_file(&json, &serde_json::to_vec(&card)?)?;
    let percent =
        |share: Option<f64>| share.map_or("undefined".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    for (level, what) in [(card.fine(), "classes"), (card.broad(), "families")] {
        let Some(level) = level else { continue };
        let scores = &level.report.scorecard.scores;
        println!(
            "{} {what}: accuracy {}, macro-F1 {}",
            level.classes.len(),
            percent(scores.accuracy),
            percent(scores.macro_average.f1)
        );
    }
    println!(
        "{} objects, {:.0} s: {}, {}",
        card.n_objects,
        begin.elapsed().as_secs_f64(),
        arguments.out.display(),
        json.display()
    );
    Ok(())
}

/// The last classification of each object of a file.
fn read(path: &Path, arguments: &Arguments) -> Result<ClassifiedObjects, Box<dyn Error>> {
    let reader = HistoryReader::open(path)?;
    let schema = reader.schema().clone();
    let taxonomy = match (arguments.taxonomy.as_deref(), &schema.taxonomy) {
        (Some(name), _) if Path::new(name).extension().is_some_and(|extension| extension == "json") => {
            Taxonomy::from_json(&fs::read_to_string(name).map_err(|error| format!("{name}: {error}"))?)?
        }
        (Some(name), _) => Taxonomy::by_name(name)?,
        (None, Some(json)) => Taxonomy::from_json(json)?,
        (None, None) => Taxonomy::flat("classes", &schema.classes)?,
    };
    let columns = taxonomy.leaf_columns(&schema.classes)?;
    let truths = Truths::new(&taxonomy, arguments.strangers.clone());
    let memberships = arguments.slices.as_deref().map(Memberships::read).transpose()?.unwrap_or_default();
    let (mut objects, mut unknown) = (Vec::new(), BTreeMap::<String, usize>::new());
    for history in reader {
        let history: ObjectHistory = history?;
        let Some(name) = history.true_class.as_deref() else {
            *unknown.entry("(none)".to_owned()).or_default() += 1;
            continue;
        };
        let Some(truth) = truths.of(name) else {
            *unknown.entry(name.to_owned()).or_default() += 1;
            continue;
        };
        let row = history.probabilities_at(history.len() - 1);
        let pmf = Pmf::new(columns.iter().map(|&column| f64::from(row[column])).collect())
            .map_err(|error| format!("object {}: {error}", history.object_id))?;
        objects.push(Classified { pmf, truth, is_in: memberships.of(&history.object_id.to_string()) });
    }
    if !unknown.is_empty() {
        let list: Vec<_> = unknown.iter().map(|(name, n)| format!("{name} ({n})")).collect();
        eprintln!("left out objects of true classes that the taxonomy does not know: {}", list.join(", "));
    }
    if let Some(class) = &arguments.strangers
        && !objects.iter().any(|object| object.truth == Truth::Stranger)
    {
        return Err(format!("--strangers {class}: no object has this true class").into());
    }
    Ok(ClassifiedObjects {
        model: schema.classifier.unwrap_or_else(|| "a classifier".to_owned()),
        data: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        taxonomy,
        slices: memberships.slices,
        partitions: Vec::new(),
        strangers: arguments.strangers.clone(),
        objects,
    })
}

/// What true classes mean.
struct Truths<'t> {
    taxonomy: &'t Taxonomy,
    vsx: Option<VsxTypes>,
    strangers: Option<String>,
}

impl<'t> Truths<'t> {
    fn new(taxonomy: &'t Taxonomy, strangers: Option<String>) -> Self {
        let vsx = (*taxonomy == Taxonomy::variable_stars()).then(VsxTypes::new);
        Self { taxonomy, vsx, strangers }
    }

    fn of(&self, name: &str) -> Option<Truth> {
        if self.strangers.as_deref() == Some(name) {
            return Some(Truth::Stranger);
        }
        let vsx = || -> Option<NodeId> { self.vsx.as_ref()?.get(name).ok()?.placement.node() };
        self.taxonomy.find(name).ok().or_else(vsx).map(Truth::Node)
    }
}

/// Which objects are in which slice.
#[derive(Default)]
struct Memberships {
    slices: Vec<String>,
    of_objects: HashMap<String, Vec<bool>>,
}

impl Memberships {
    fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let at = |line: usize, what: &str| format!("{}, line {line}: {what}", path.display());
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        if lines.next().map(|(_, line)| line.trim()) != Some("object_id,slice") {
            return Err(at(1, "expected the heading object_id,slice").into());
        }
        let mut pairs = Vec::new();
        let mut slices: Vec<String> = Vec::new();
        for (number, line) in lines {
            let (object, slice) =
                line.split_once(',').ok_or_else(|| at(number + 1, "expected object_id,slice"))?;
            let (object, slice) = (object.trim(), slice.trim());
            let known = slices.iter().position(|known| known == slice);
            let slice = known.unwrap_or_else(|| {
                slices.push(slice.to_owned());
                slices.len() - 1
            });
            pairs.push((object.to_owned(), slice));
        }
        let mut of_objects: HashMap<String, Vec<bool>> = HashMap::new();
        for (object, slice) in pairs {
            of_objects.entry(object).or_insert_with(|| vec![false; slices.len()])[slice] = true;
        }
        Ok(Self { slices, of_objects })
    }

    fn of(&self, object: &str) -> Vec<bool> {
        self.of_objects.get(object).cloned().unwrap_or_else(|| vec![false; self.slices.len()])
    }
}
