//! What does heliacal do? A survey, a classifier that learns from it, its opinion of objects it has never seen, night after
//! night, and how early, how stable and how right that opinion was. A few minutes on two cores, no download.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use heliacal::io::{HistorySchema, ObjectHistory, SortedHistoryWriter, Survey, write_file};
use heliacal::metrics::esc::{EscMetric, EscOptions};
use heliacal::metrics::evaluation::{EvaluationOptions, EvaluationReport};
use heliacal::models::Oracle;
use heliacal::models::train::{Progress, TrainConfig, TrainError, Trainer, stratified_split};
use heliacal::pipeline::{
    BaseHistories, CascadeProtocol, CascadeResults, HistorySelection, LabelledHistories, LabelledSurvey,
    SinceTriggerTable, TrainingLoss, evaluate_survey, read_options,
};
use heliacal::report::page::HistoryReport;
use heliacal::{Classifier, Device, LightCurveView, Preset, Taxonomy, TruthMap};
use heliacal_simulate::{SimulatedClass, Simulator, SurveyConfig};

#[path = "shared/cascade_bar.rs"]
mod cascade_bar;
#[path = "shared/overall_table.rs"]
mod overall_table;
#[path = "shared/today.rs"]
mod today;
#[path = "shared/train_with_bar.rs"]
mod train_with_bar;
#[path = "shared/with_reasons.rs"]
mod with_reasons;
use cascade_bar::CascadeBar;
use overall_table::overall;
use today::today;
use train_with_bar::train_with_bar;
use with_reasons::{exit_code, with_reasons};

/// Simulate a survey, train ORACLE on it, classify held-out objects after each of their observations, and measure how early,
/// stable and right that was. Then a cascade learns from the history of ORACLE's answers, and both are compared.
///
/// Writes into --out: model.safetensors (the classifier, for the example classify), histories.parquet (its classifications of
/// the held-out objects), report.html (tables and figures of these, for a browser), metrics.json and cascade.json
/// (docs/data-formats.md says what each field is).
#[derive(Parser)]
struct Arguments {
    /// Light curves of known class of your own instead of a simulated survey: folders with SNANA files, or .parquet files.
    /// Classes are known by name, or by ELAsTiCC's folder names.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    data: Vec<PathBuf>,
    /// Folder for the results; it is made.
    #[arg(long, value_name = "DIR", default_value = "quickstart")]
    out: PathBuf,
    /// Seed of the survey, of the first weights and of everything else that is random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Objects of each class to simulate, at least 3; three of ten are held out.
    #[arg(long, value_name = "N", default_value_t = 150, value_parser = clap::value_parser!(u64).range(3..))]
    objects_per_class: u64,
    /// Passes over the objects to learn from.
    #[arg(long, default_value_t = 40)]
    epochs: usize,
    /// Objects that go through the network together.
    #[arg(long, default_value_t = 64)]
    batch_size: usize,
    /// Learning rate of Adam at the beginning; it falls to a tenth.
    #[arg(long, default_value_t = 3e-3)]
    learning_rate: f64,
    /// Passes of the cascade over the histories to learn from, at most; 0 for no cascade.
    #[arg(long, default_value_t = 40)]
    cascade_epochs: usize,
    /// Train on an NVIDIA GPU; needs a build with the feature `cuda`.
    #[arg(long)]
    cuda: bool,
}

/// ORACLE's network on our own encoding, which learns more from a few thousand objects than the paper's.
const PRESET: Preset = Preset::Heliacal;

/// Days since trigger in the table, as in ORACLE's Table 5.
const DAYS: [f64; 5] = [1.0, 2.0, 8.0, 64.0, 1024.0];

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let device = if arguments.cuda { Device::new_cuda(0)? } else { Device::Cpu };
    let taxonomy = Taxonomy::oracle();
    let truth = TruthMap::new(&taxonomy);
    let out = |name: &str| arguments.out.join(name);
    fs::create_dir_all(&arguments.out).map_err(|error| format!("{}: {error}", arguments.out.display()))?;

    println!("1. A survey");
    let survey = survey(arguments, &taxonomy, &truth)?;
    let classes: Vec<usize> = survey.true_nodes().iter().map(|node| node.index()).collect();
    let split = stratified_split(&classes, 0.3, arguments.seed);
    let n_observations: usize = survey.records().iter().map(|record| record.object.light_curve.len()).sum();
    println!(
        "   {} objects of known class with {n_observations} observations; {} are held out and not learned from\n",
        survey.len(),
        split.held_out.len()
    );

    println!("2. ORACLE learns");
    let (features, config) = (PRESET.features(), PRESET.config(taxonomy.n_nodes()));
    println!(
        "   {} weights. Each time an object comes by, it is cut off at a random point, so that beginnings of light\n   \
         curves are learned too. The loss counts mistakes at every level of the tree of classes, those of rare classes more.",
        config.n_parameters()
    );
    let examples = survey.examples(&features, split.training)?;
    let mut trainer = Trainer::new(
        &Oracle::fresh(config, features, arguments.seed, &device)?,
        &examples,
        train_config(arguments, examples.len()),
    )?;
    let training = trainer.split().training.iter().map(|&index| examples[index].true_node as u32);
    let loss = TrainingLoss::Whxe { alpha: 0.5, gamma: 1.0 };
    let loss = loss.of(&taxonomy, &training.collect::<Vec<_>>(), &device)?;
    let learning = Instant::now();
    let trained = train_with_bar(&mut trainer, &*loss)?;
    let classifier = Classifier::new("quickstart ORACLE", trained.model, taxonomy)?;
    classifier.save(out("model.safetensors"))?;
    println!(
        "   {} epochs in {:.0} s; the weights with the lowest loss on validation objects are kept, those of epoch {}\n",
        trained.history.len(),
        learning.elapsed().as_secs_f64(),
        trained.best_epoch.map_or(0, |epoch| epoch + 1)
    );

    println!("3. What it says of objects it has never seen, after each observation since their trigger");
    if let Some(&position) = split.held_out.iter().find(|&&position| tells_a_story(&survey, position)) {
        tell(&classifier, &survey, position)?;
    }
    let options = EvaluationOptions { days: DAYS.to_vec(), ..EvaluationOptions::default() };
    let (report, histories) = classify_held_out(
        &classifier,
        &survey,
        &split.held_out,
        &truth,
        &options,
        &out("histories.parquet"),
    )?;
    write_file(out("metrics.json"), &serde_json::to_vec(&report)?)?;
    print(&report);
    write_page(&classifier, &report, &out("report.html"))?;
    if arguments.cascade_epochs > 0 {
        cascade(arguments, &classifier, histories, &survey, &device)?;
    }
    what_next(&arguments.out, begin.elapsed().as_secs_f64());
    Ok(())
}

fn survey(
    arguments: &Arguments,
    taxonomy: &Taxonomy,
    truth: &TruthMap,
) -> Result<LabelledSurvey, Box<dyn Error>> {
    if arguments.data.is_empty() {
        let classes = SimulatedClass::of_taxonomy(taxonomy)?;
        println!(
            "   simulated: three years of LSST-like light curves in six bands, {} of each of {} classes. A toy: what is\n   \
             learned from it says nothing about the sky.",
            arguments.objects_per_class,
            classes.len()
        );
        // Deep fields have eight times the visits: they would take half of the time.
        let config = SurveyConfig { seed: arguments.seed, deep_fraction: 0.0, ..SurveyConfig::default() };
        let objects = Simulator::new(config, &classes)?
            .objects(0..arguments.objects_per_class * classes.len() as u64)?;
        return Ok(LabelledSurvey::of_objects(objects, truth));
    }
    let records = Survey::open(&arguments.data, &read_options(&PRESET.features()))?;
    let mut n_skipped = 0;
    let mut survey = LabelledSurvey::read(records, truth, |skipped| {
        n_skipped += 1;
        if n_skipped <= 5 {
            eprintln!("   left out: {}", with_reasons(&skipped.error));
        }
    });
    let n_undetected = survey.leave_out_undetected();
    if n_skipped + survey.n_unknown() + n_undetected > 0 {
        println!(
            "   left out: {n_skipped} objects or files that could not be read or were met before, {} objects of unknown class,\n   \
             {n_undetected} that were never detected",
            survey.n_unknown()
        );
    }
    Ok(survey)
}

fn train_config(arguments: &Arguments, n_objects: usize) -> TrainConfig {
    let Arguments { epochs, batch_size, learning_rate, seed, .. } = *arguments;
    // 22 decays by 0.9 are a tenth.
    let n_steps = epochs * n_objects.div_ceil(batch_size.max(1));
    let decay_steps = (n_steps / 22).max(1) as u64;
    TrainConfig { epochs, batch_size, learning_rate, decay_steps, seed, ..TrainConfig::default() }
}

/// Classifies objects as they would have come in, writes the histories, and measures them.
fn classify_held_out(
    classifier: &Classifier,
    survey: &LabelledSurvey,
    held_out: &[usize],
    truth: &TruthMap,
    options: &EvaluationOptions,
    path: &Path,
) -> Result<(EvaluationReport, Vec<ObjectHistory>), Box<dyn Error>> {
    let taxonomy = classifier.taxonomy();
    let schema = HistorySchema {
        classes: taxonomy.leaves().iter().map(|&leaf| taxonomy.class_name(leaf).to_owned()).collect(),
        taxonomy: Some(taxonomy.to_json()),
        classifier: Some(classifier.name().to_owned()),
        has_days: true,
    };
    let mut writer = SortedHistoryWriter::create(path, &schema)?;
    let records = held_out.iter().map(|&position| Ok(survey.records()[position].clone()));
    let mut histories = Vec::new();
    let report = evaluate_survey(
        classifier,
        taxonomy,
        records,
        truth,
        options,
        |history| {
            histories.push(history.clone());
            Ok(writer.write(history)?)
        },
        |skipped| eprintln!("   skipped: {}", with_reasons(&skipped.error)),
    )?;
    writer.finish()?;
    Ok((report, histories))
}

/// A cascade on the classifications of objects that ORACLE did not learn from; some of them are held out once more.
fn cascade(
    arguments: &Arguments,
    classifier: &Classifier,
    histories: Vec<ObjectHistory>,
    survey: &LabelledSurvey,
    device: &Device,
) -> Result<(), Box<dyn Error>> {
    println!("6. A cascade learns from the history of these answers");
    let taxonomy = classifier.taxonomy();
    let classes = taxonomy.leaves().iter().map(|&leaf| taxonomy.class_name(leaf).to_owned()).collect();
    let base = BaseHistories { name: "ORACLE".to_owned(), classes, objects: histories };
    let objects = survey.records().iter().map(|record| &record.object);
    let light_curves = objects.map(|object| (object.id.clone(), object.light_curve.clone())).collect();
    let selection = HistorySelection::default();
    let histories = LabelledHistories::gather(&[base], Some(&light_curves), &selection);
    let protocol = CascadeProtocol {
        train: TrainConfig { epochs: arguments.cascade_epochs, batch_size: 16, ..TrainConfig::cascade() },
        ..CascadeProtocol::default()
    };
    let esc = EscOptions::default();
    let begin = Instant::now();
    let bar = CascadeBar::new("   learning".to_owned())?;
    let run = histories.and_then(|histories| {
        let show = |name: &str, event: Progress<'_>| bar.show(name, event);
        Ok((protocol.run(&histories, arguments.seed, &esc, device, None, show)?, histories))
    });
    bar.finish();
    let (run, histories) = match run {
        Err(
            error @ (heliacal::Error::NoHistories { .. }
            | heliacal::Error::Train(TrainError::NoObjects { .. })),
        ) => {
            println!("   too few objects are held out for that ({error})\n");
            return Ok(());
        }
        run => run?,
    };
    println!(
        "   of the {} objects with at least {} answers, the cascade learns from {}; the others compare it with ORACLE and with a\n   \
         naive model that learns from the last answer alone; {} epochs in {:.0} s. Its paper had 200,000 objects: expect less\n   \
         of some hundreds\n",
        histories.objects().len(),
        selection.min_steps,
        run.split.training.len(),
        run.cascade.history.len(),
        begin.elapsed().as_secs_f64()
    );
    let mut results = CascadeResults::new(&histories, &protocol, &esc);
    results.push(&run);
    let report = results.report()?;
    write_file(arguments.out.join("cascade.json"), &serde_json::to_vec(&report)?)?;
    println!("{}", overall(&report)?.to_text());
    Ok(())
}

/// Whether an object is a transient that was watched for some time.
fn tells_a_story(survey: &LabelledSurvey, position: usize) -> bool {
    let object = &survey.records()[position].object;
    let light_curve = object.light_curve.view();
    let n_until = |days| light_curve.until_days_since_trigger(days).map_or(0, LightCurveView::len);
    object.true_class.as_deref() == Some("SNIa")
        && n_until(64.0) > n_until(8.0)
        && n_until(8.0) > n_until(0.0)
}

/// What the classifier says of one object as it ages.
fn tell(classifier: &Classifier, survey: &LabelledSurvey, position: usize) -> Result<(), Box<dyn Error>> {
    let object = &survey.records()[position].object;
    let class = classifier.taxonomy().class_name(survey.true_nodes()[position]);
    println!("   object {}, truly a {class}: the most probable class at each level of the tree", object.id);
    for days in [0.0, 2.0, 8.0, 64.0] {
        let known = object.light_curve.view().until_days_since_trigger(days)?;
        let prediction = classifier.predict(known, &object.context)?;
        let best = (1..classifier.taxonomy().n_levels()).map(|level| prediction.best(level));
        let best: Vec<String> =
            best.map(|best| best.map(|(name, p)| format!("{name} {p:.2}"))).collect::<Result<_, _>>()?;
        println!("   {days:>5} days after its trigger, {:>3} observations: {}", known.len(), best.join(", "));
    }
    println!();
    Ok(())
}

fn print(report: &EvaluationReport) {
    println!("   {} objects, {} classifications\n", report.n_objects, report.n_classifications);
    println!(
        "4. How right: macro averages over classes (1 is perfect), by days since trigger and level of the tree"
    );
    println!("{}\n", SinceTriggerTable::new(report.since_trigger.iter().map(|day| &day.report)));

    println!("5. How early and how stable");
    let overall = &report.early_stable.overall.metrics;
    let mean = |metric| overall.get(&metric).map_or(f64::NAN, |spread| spread.mean);
    let esc = &report.parameters.esc;
    println!(
        "   {:.0} % of the objects converged: {} classifications in a row that move at most {} of the probability and\n   \
         give the true class at least {}. On average that took {:.0} % of an object's classifications (ESC_f {:.3}; those\n   \
         that never converge count 1). ESC_s is {:.3}: lower is stabler and surer. The most probable class changed {:.1}\n   \
         times per object.\n",
        100.0 * mean(EscMetric::Convergence),
        esc.k(),
        esc.epsilon(),
        esc.rho(),
        100.0 * mean(EscMetric::EscFraction),
        mean(EscMetric::EscFraction),
        mean(EscMetric::EscScore),
        mean(EscMetric::LabelChanges),
    );
}

/// The same numbers and more as a page.
fn write_page(classifier: &Classifier, report: &EvaluationReport, path: &Path) -> Result<(), Box<dyn Error>> {
    let date = today();
    let data = "Objects that the classifier never learned from, after each observation since their trigger.";
    let page = HistoryReport {
        date: Some(&date),
        data: Some(data),
        ..HistoryReport::new(classifier.name(), report)
    };
    Ok(page.page().write(path)?)
}

fn what_next(out: &Path, seconds: f64) {
    let out = out.display();
    println!("{seconds:.0} s; everything that was made is in {out}\n");
    println!("What next");
    println!("   tables and figures, in a browser: {out}/report.html");
    println!(
        "   every metric, class by class:    cargo run --release --example evaluate -- --histories {out}/histories.parquet --out metrics.json"
    );
    println!(
        "   classify a survey with it:       cargo run --release --example classify -- --data fixtures/survey --model {out}/model.safetensors --out classes.parquet"
    );
    println!(
        "   more to learn from:              cargo run --release --example quickstart -- --objects-per-class 400"
    );
    println!(
        "   the papers' protocols, your data: --example train_oracle -- --help, --example train_cascade -- --help"
    );
}
