//! Does the history of a classifier's answers say more than its last answer? A cascade on top of any classifier, trained as in
//! Beyond the Final Label (arXiv 2604.23792), beside that classifier and a naive model that sees the last answer only.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use heliacal::io::{
    HistorySchema, LongFormOptions, ObjectHistory, Record, SortedHistoryWriter, Survey, write_file,
};
use heliacal::losses::ClassifiedSteps;
use heliacal::metrics::esc::{EscOptions, EscParams, WeightCurve};
use heliacal::models::train::{Beginnings, TrainConfig};
use heliacal::models::{CascadeConfig, ScalingMode};
use heliacal::pipeline::{
    BaseHistories, CASCADE, CascadeLoss, CascadeProtocol, CascadeReport, CascadeResults, CascadeRun,
    HistorySelection, LabelledHistories, LabelledSurvey, LeftOut, NAIVE, ScoredClassifier, read_options,
};
use heliacal::{Classifier, Device, LightCurve, ObjectId, Preset, TruthMap};
use heliacal_report::Table;
use serde::Serialize;

#[path = "shared/base_classifiers.rs"]
mod base_classifiers;
#[path = "shared/cascade_bar.rs"]
mod cascade_bar;
#[path = "shared/cascade_tables.rs"]
mod cascade_tables;
#[path = "shared/overall_table.rs"]
mod overall_table;
#[path = "shared/resampling.rs"]
mod resampling;
#[path = "shared/with_reasons.rs"]
mod with_reasons;
use base_classifiers::{RunnableBase, supernovae};
use cascade_bar::CascadeBar;
use cascade_tables::{cascade_tables, instability_table, verdict};
use resampling::{Resampled, Resampling, light_curves};
use with_reasons::{exit_code, with_reasons};

/// Train a cascade: a second classifier that reads the history of a first one's answers. The defaults are the paper's protocol.
///
/// For each seed, 30 % of the objects are held out; on them the first classifier, a naive model that sees only its last
/// answer, and the cascade are compared: how right, how early, how stable.
///
/// The first classifier's answers come from --histories (any broker's), or are made here from light curves by --base-model (an
/// ORACLE), or, with --simulate alone, by a jittery toy that is told the truth.
///
/// Writes into --out: metrics.json, tables.md and tables.tex (docs/data-formats.md says what is in them), histories.parquet (the
/// first seed's cascade on its held-out objects) and base.parquet (its base on the same), which the example evaluate reads,
/// and for each seed a folder with model.safetensors and checkpoints.
#[derive(Parser)]
struct Arguments {
    /// Answers of a classifier: a Parquet file with one row per object and time (object_id, mjd, a column p_<class> per class,
    /// true_class). Given several times: several classifiers side by side, of the same classes.
    #[arg(long, value_name = "FILE.parquet", required_unless_present_any = ["simulate", "base_model"])]
    histories: Vec<PathBuf>,
    /// The files of --histories are in the brokers' form: one row per message with class_id and probability. Give the
    /// classifier's name if the file has several.
    #[arg(long, value_name = "CLASSIFIER", num_args = 0..=1, default_missing_value = "", requires = "histories")]
    long_form: Option<String>,
    /// Light curves of the same objects (SNANA folders, .LIST files, HEAD files, .parquet files): the cascade then also gets the
    /// flux at each classification. With --base-model: what it classifies.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    data: Vec<PathBuf>,
    /// Simulate about so many supernovae of five kinds, as unequal in number as in the paper's Table 1 but at least 8 of each,
    /// instead of reading anything.
    #[arg(long, value_name = "N", conflicts_with_all = ["histories", "data"])]
    simulate: Option<usize>,
    /// Classify the light curves with this ORACLE (model.safetensors of train_oracle), which learned from light curves cut off
    /// anywhere: is it the history that helps, or having seen beginnings of light curves?
    #[arg(long, value_name = "FILE", conflicts_with = "histories")]
    base_model: Option<PathBuf>,
    /// How the weights of --base-model were trained, if the file does not say so: published, published-lite, ...
    #[arg(long, value_name = "NAME", requires = "base_model")]
    preset: Option<Preset>,
    /// What type codes in the light curves that --base-model classifies mean: ELAsTiCC2's classes.
    #[arg(long, requires = "base_model")]
    elasticc_codes: bool,
    /// Name of the classifier in tables; once for each, in their order. Without it, what the files say; a second one of a name
    /// gets a number.
    #[arg(long, value_name = "NAME")]
    base_name: Vec<String>,
    /// Folder for everything that is written; it is made.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on in --out, from the checkpoints that are there; the objects and all numbers of the training but --epochs must be the
    /// same.
    #[arg(long)]
    resume: bool,
    /// How often to divide, train and score; the tables have means and standard deviations over these.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Then also classify so many copies, at least 2, of each light curve with fluxes drawn anew from their errors: what of the
    /// motion of the answers is noise? Needs --simulate or --base-model. Changes nothing else.
    #[arg(long, value_name = "COPIES", default_value_t = 0)]
    resample: usize,
    /// Held-out objects for --resample, at most: of more, evenly spaced ones.
    #[arg(long, value_name = "N", default_value = "200")]
    resample_objects: NonZeroUsize,
    /// Processor threads; 0 for all there are.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Train on an NVIDIA GPU; needs a build with the feature `cuda`.
    #[arg(long)]
    cuda: bool,
    #[command(flatten)]
    protocol: Protocol,
}

/// Every number that the results depend on, beside the data.
#[derive(clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Protocol {
    /// Keep only these classes, separated by commas: probabilities are scaled to sum to 1 over them, objects of others are
    /// left out.
    #[arg(long, value_name = "CLASS,...", value_delimiter = ',')]
    classes: Vec<String>,
    /// Classifications that an object needs.
    #[arg(long, value_name = "N", default_value_t = 15)]
    min_classifications: usize,
    /// Classifications of an object that are looked at, the first ones.
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_classifications: usize,
    /// What training pushes down: cross-entropy; with classes weighted against their frequency; or with the early-stable score
    /// of the answers added, --mu times.
    #[arg(long, value_enum, default_value_t = LossName::CrossEntropy)]
    loss: LossName,
    /// weighted: power of the class weights.
    #[arg(long, default_value_t = 1.0)]
    gamma: f64,
    /// esc: how much earliness and stability count beside being right in the end. The score in training has the paper's alpha, 2,
    /// whatever --alpha says.
    #[arg(long, default_value_t = 0.3)]
    mu: f64,
    /// The cross-entropy is taken after every classification, not the last one alone: being right early counts too.
    #[arg(long)]
    every_step: bool,
    /// Learn from histories cut off anywhere, anew each time, instead of whole ones.
    #[arg(long)]
    cut_histories: bool,
    /// Passes over the objects to learn from, at most.
    #[arg(long, default_value_t = 200)]
    epochs: usize,
    /// End after so many epochs without a better accuracy on the validation objects.
    #[arg(long, value_name = "EPOCHS", default_value_t = 20)]
    patience: usize,
    /// Objects that go through the network together.
    #[arg(long, default_value_t = 256)]
    batch_size: usize,
    /// Learning rate of Adam.
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f64,
    /// Share of each class that is held out.
    #[arg(long, default_value_t = 0.3)]
    test_share: f64,
    /// Share of each class's other objects that is for validation.
    #[arg(long, default_value_t = 0.3)]
    validation_share: f64,
    /// Width of the network's memory (LSTM).
    #[arg(long, default_value_t = 256)]
    hidden: usize,
    /// Units that weigh the steps of the history against each other.
    #[arg(long, default_value_t = 64)]
    attention_units: usize,
    /// Widths of the three layers that decide in the end.
    #[arg(long, value_delimiter = ',', value_name = "A,B,C", default_value = "128,64,32")]
    head_widths: Vec<usize>,
    /// Share of units that is left out at random in training.
    #[arg(long, default_value_t = 0.4)]
    dropout: f64,
    /// Do not tell the cascade when the classifications were made.
    #[arg(long)]
    no_times: bool,
    /// Do not tell the cascade the flux, though there are light curves.
    #[arg(long)]
    no_flux: bool,
    /// Scale times and fluxes by each object's own, as a replication may want: the first answer then knows how long the history
    /// will become.
    #[arg(long)]
    scale_per_object: bool,
    /// Two answers in a row agree if at most this probability moves between them (convergence, ESC_f).
    #[arg(long, default_value_t = 0.1)]
    eps: f64,
    /// An answer is right enough if the true class has at least this probability.
    #[arg(long, default_value_t = 0.5)]
    rho: f64,
    /// An object has converged after this many answers in a row that agree and are right enough.
    #[arg(long, default_value_t = 5)]
    k: usize,
    /// How much more late changes weigh than early ones in the early-stable score ESC_s.
    #[arg(long, default_value_t = 2.0)]
    alpha: f64,
    /// Seed of the simulated survey and of the toy.
    #[arg(long, default_value_t = 1)]
    survey_seed: u64,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum LossName {
    CrossEntropy,
    Weighted,
    Esc,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global()?;
    let device = if arguments.cuda { Device::new_cuda(0)? } else { Device::Cpu };
    let (protocol, esc) = (arguments.protocol.protocol()?, arguments.protocol.esc()?);
    fs::create_dir_all(&arguments.out).map_err(|error| format!("{}: {error}", arguments.out.display()))?;
    let begun = arguments.out.join("seed-0");
    if begun.exists() && !arguments.resume {
        let begun = begun.display();
        return Err(format!("{begun} is there: --resume goes on; to begin anew, take another --out").into());
    }
    let data = Data::new(arguments, &device)?;

    let histories = &data.histories;
    let n_steps: usize = histories.objects().iter().map(|object| object.mjd.len()).sum();
    println!(
        "{} objects with {n_steps} classifications by {}{}; left out: {}",
        histories.objects().len(),
        histories.bases().join(" and "),
        if histories.has_flux() { ", and fluxes" } else { "" },
        LeftOut::in_words(histories.left_out())
    );

    let mut results = CascadeResults::new(histories, &protocol, &esc);
    let mut first = None;
    for seed in 0..arguments.seeds {
        let folder = arguments.out.join(format!("seed-{seed}"));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let begin = Instant::now();
        let progress = CascadeBar::new(format!("seed {} of {}", seed + 1, arguments.seeds))?;
        let run = protocol
            .run(histories, seed, &esc, &device, Some(&folder), |name, event| progress.show(name, event));
        progress.finish();
        let run = run?;
        save(&run, histories, &folder)?;
        println!("seed {seed}: {} ({:.0} s)", one_line(&run), begin.elapsed().as_secs_f64());
        results.push(&run);
        first.get_or_insert(run);
    }
    let report = results.report()?;
    let first = first.ok_or("no seed")?;
    let held_out = &first.split.held_out;
    for (name, classifier) in [("histories", first.classifiers.last()), ("base", first.classifiers.first())] {
        let classifier = classifier.ok_or("no classifier")?;
        write_histories(classifier, histories, held_out, &arguments.out.join(format!("{name}.parquet")))?;
    }
    let instability =
        data.resampling(arguments).map(|resampling| resampling.run(histories, &first)).transpose()?;
    write(arguments, &report, instability.as_ref())?;
    println!("{:.0} s: {}", begin.elapsed().as_secs_f64(), arguments.out.display());
    Ok(())
}

/// What there is to learn from, and what made it.
struct Data {
    histories: LabelledHistories,
    /// Where answers are made here: the light curves, and the classifier.
    made: Option<(LabelledSurvey, RunnableBase)>,
    selection: HistorySelection,
    with_flux: bool,
}

impl Data {
    fn new(arguments: &Arguments, device: &Device) -> Result<Self, Box<dyn Error>> {
        let protocol = &arguments.protocol;
        let (least, most) = (protocol.min_classifications, protocol.max_classifications);
        if least > most {
            return Err(
                format!("--min-classifications is {least}, more than --max-classifications, {most}").into()
            );
        }
        let selection = HistorySelection {
            min_steps: least,
            max_steps: most,
            classes: (!protocol.classes.is_empty()).then(|| protocol.classes.clone()),
        };
        let made = match (&arguments.base_model, arguments.simulate) {
            (None, None) => None,
            (model, Some(n)) => {
                let survey = supernovae(n, least, protocol.survey_seed)?;
                let base = match model {
                    Some(path) => arguments.oracle(path, device)?,
                    None => RunnableBase::jittery(protocol.survey_seed),
                };
                Some((survey, base))
            }
            (Some(path), None) => {
                let base = arguments.oracle(path, device)?;
                Some((arguments.read(&base)?, base))
            }
        };
        if arguments.resample == 1 {
            return Err("--resample 1: what moves between copies takes at least 2 of them".into());
        }
        if arguments.resample > 0 && made.is_none() {
            return Err(
                "--resample needs a classifier that can be run again: --simulate or --base-model".into()
            );
        }
        let mut bases = match &made {
            Some((survey, base)) => vec![base.histories(survey.records())?],
            None => arguments.read_histories()?,
        };
        name(&mut bases, &arguments.base_name)?;
        let with_flux = !protocol.no_flux && (made.is_some() || !arguments.data.is_empty());
        let light_curves = match &made {
            _ if !with_flux => None,
            Some((survey, _)) => Some(light_curves(survey.records())),
            None => Some(arguments.read_light_curves()?),
        };
        let histories = LabelledHistories::gather(&bases, light_curves.as_ref(), &selection)?;
        Ok(Self { histories, made, selection, with_flux })
    }

    fn resampling<'a>(&'a self, arguments: &Arguments) -> Option<Resampling<'a>> {
        let (survey, base) = self.made.as_ref().filter(|_| arguments.resample > 0)?;
        Some(Resampling {
            survey,
            base,
            selection: &self.selection,
            with_flux: self.with_flux,
            n_copies: arguments.resample,
            n_objects: arguments.resample_objects.get(),
        })
    }
}

impl Arguments {
    fn oracle(&self, path: &Path, device: &Device) -> Result<RunnableBase, Box<dyn Error>> {
        let classifier = Classifier::load(path, self.preset, device)?;
        let truth = TruthMap::new(classifier.taxonomy());
        let truth = if self.elasticc_codes { truth.with_elasticc_codes() } else { truth };
        Ok(RunnableBase::Oracle(Box::new((classifier, truth))))
    }

    /// The light curves that an ORACLE classifies.
    fn read(&self, base: &RunnableBase) -> Result<LabelledSurvey, Box<dyn Error>> {
        let RunnableBase::Oracle(oracle) = base else { return Ok(LabelledSurvey::default()) };
        let (classifier, truth) = &**oracle;
        if self.data.is_empty() {
            return Err("--base-model needs light curves: --data or --simulate".into());
        }
        let records = Survey::open(&self.data, &read_options(classifier.oracle().features()))?;
        Ok(LabelledSurvey::read(records, truth, |skipped| {
            eprintln!("left out: {}", with_reasons(&skipped.error));
        }))
    }

    fn read_histories(&self) -> Result<Vec<BaseHistories>, heliacal::Error> {
        let named = |name: &String| (!name.is_empty()).then(|| name.clone());
        let long_form = self.long_form.as_ref().map(|name| LongFormOptions { classifier: named(name) });
        self.histories.iter().map(|path| BaseHistories::read(path, long_form.as_ref())).collect()
    }

    fn read_light_curves(&self) -> Result<HashMap<ObjectId, LightCurve>, Box<dyn Error>> {
        let mut light_curves = HashMap::new();
        for record in Survey::open(&self.data, &read_options(&Preset::PublishedLite.features()))? {
            match record {
                Ok(Record { object, .. }) => {
                    light_curves.insert(object.id, object.light_curve);
                }
                Err(error) => eprintln!("left out: {}", with_reasons(&error)),
            }
        }
        Ok(light_curves)
    }
}

impl Protocol {
    fn protocol(&self) -> Result<CascadeProtocol, Box<dyn Error>> {
        let head_widths = <[usize; 3]>::try_from(&self.head_widths[..])
            .map_err(|_| format!("--head-widths: {} numbers, expected 3", self.head_widths.len()))?;
        if !(self.test_share > 0.0 && self.test_share < 1.0) {
            return Err(
                format!("--test-share is {}, expected more than 0, less than 1", self.test_share).into()
            );
        }
        Ok(CascadeProtocol {
            network: CascadeConfig {
                time_features: !self.no_times,
                hidden: self.hidden,
                attention_units: self.attention_units,
                head_widths,
                dropout: self.dropout,
                max_steps: Some(self.max_classifications),
                ..CascadeConfig::paper(2)
            },
            scaling: if self.scale_per_object { ScalingMode::PerObject } else { ScalingMode::TrainingSet },
            loss: CascadeLoss {
                gamma: if self.loss == LossName::Weighted { self.gamma } else { 0.0 },
                mu: if self.loss == LossName::Esc { self.mu } else { 0.0 },
                classified: if self.every_step { ClassifiedSteps::All } else { ClassifiedSteps::Last },
            },
            test_share: self.test_share,
            train: TrainConfig {
                epochs: self.epochs,
                patience: Some(self.patience),
                batch_size: self.batch_size,
                learning_rate: self.learning_rate,
                validation_share: self.validation_share,
                beginnings: if self.cut_histories { Beginnings::Random } else { Beginnings::Whole },
                ..TrainConfig::cascade()
            },
        })
    }

    fn esc(&self) -> Result<EscOptions, Box<dyn Error>> {
        Ok(EscOptions {
            params: EscParams::new(self.eps, self.rho, self.k)?,
            weights: WeightCurve::Exponential { alpha: self.alpha },
            ..EscOptions::default()
        })
    }
}

/// Gives base classifiers the names asked for, and each one of its own: a file of this program, on which another stage may be
/// built, names a cascade.
fn name(bases: &mut [BaseHistories], names: &[String]) -> Result<(), String> {
    if names.len() > bases.len() {
        return Err(format!("{} times --base-name for {} classifiers", names.len(), bases.len()));
    }
    let mut taken = HashSet::from([NAIVE.to_owned(), CASCADE.to_owned()]);
    for (index, base) in bases.iter_mut().enumerate() {
        let name = names.get(index).unwrap_or(&base.name).clone();
        let numbered = (2..).map(|number| format!("{name} {number}"));
        base.name =
            [name.clone()].into_iter().chain(numbered).find(|name| !taken.contains(name)).unwrap_or(name);
        taken.insert(base.name.clone());
    }
    Ok(())
}

fn one_line(run: &CascadeRun) -> String {
    use heliacal::pipeline::CascadeMetric::{Accuracy, Convergence, EscFraction};
    let scores = run.classifiers.iter().map(|classifier| {
        let score = |metric| classifier.scores.overall(metric).unwrap_or(f64::NAN);
        let (accuracy, convergence, esc_f) = (score(Accuracy), score(Convergence), score(EscFraction));
        format!("{} {accuracy:.3}/{convergence:.3}/{esc_f:.3}", classifier.name)
    });
    let epochs = run.cascade.history.len();
    let best = run.cascade.best_epoch.map_or(0, |epoch| epoch + 1);
    format!(
        "accuracy/convergence/ESC_f of {}; {epochs} epochs, best {best}",
        scores.collect::<Vec<_>>().join(", ")
    )
}

/// The cascade of a seed, with the names of its classes.
fn save(run: &CascadeRun, histories: &LabelledHistories, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = run.cascade.model.to_file()?;
    file.set_config("classes", histories.classes());
    file.set_config("bases", histories.bases());
    Ok(file.write(folder.join("model.safetensors"))?)
}

/// What a classifier said of held-out objects, for other programs.
fn write_histories(
    classifier: &ScoredClassifier,
    histories: &LabelledHistories,
    held_out: &[usize],
    path: &Path,
) -> Result<(), Box<dyn Error>> {
    let objects = held_out.iter().map(|&position| &histories.objects()[position]);
    let schema = HistorySchema {
        classes: histories.classes().to_vec(),
        taxonomy: None,
        classifier: Some(classifier.name.clone()),
        has_days: objects.clone().all(|object| object.days.is_some()),
    };
    let mut writer = SortedHistoryWriter::create(path, &schema)?;
    for (object, pmfs) in objects.zip(&classifier.histories) {
        writer.write(ObjectHistory {
            object_id: object.object_id.clone(),
            mjd: object.mjd.clone(),
            n_obs: object.n_obs.clone(),
            probabilities: pmfs.as_slice().iter().map(|&p| p as f32).collect(),
            days: object.days.clone().filter(|_| schema.has_days),
            true_class: Some(histories.classes()[object.true_class].as_str().into()),
        })?;
    }
    Ok(writer.finish()?)
}

fn write(
    arguments: &Arguments,
    report: &CascadeReport,
    instability: Option<&Resampled>,
) -> Result<(), Box<dyn Error>> {
    #[derive(Serialize)]
    struct Metrics<'a> {
        #[serde(flatten)]
        report: &'a CascadeReport,
        instability: Option<&'a Resampled>,
    }
    let out = |name: &str| arguments.out.join(name);
    write_file(out("metrics.json"), &serde_json::to_vec(&Metrics { report, instability })?)?;
    let mut tables = cascade_tables(report)?;
    if let Some(Resampled { n_objects, n_realizations, classifiers }) = instability {
        tables.push(instability_table(classifiers, *n_objects, *n_realizations)?);
    }
    let joined = |text: fn(&Table) -> String| tables.iter().map(text).collect::<Vec<_>>().join("\n");
    write_file(out("tables.md"), joined(Table::to_markdown).as_bytes())?;
    write_file(out("tables.tex"), joined(Table::to_latex).as_bytes())?;
    println!("\n{}\n{}", joined(Table::to_text), verdict(report));
    Ok(())
}
