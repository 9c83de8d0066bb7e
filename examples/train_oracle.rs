//! How is ORACLE trained? The paper's protocol (arXiv 2501.01496, section 5), every number a flag, on light curves of known
//! class in SNANA's format or Parquet.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use heliacal::io::{Survey, write_file};
use heliacal::metrics::ClassTree;
use heliacal::metrics::evaluation::NamedTree;
use heliacal::metrics::scorecard::{
    AnomalyAuc, AnomalyScores, DAYS_SINCE_TRIGGER, DayReport, Ranking, SinceTriggerScorecards,
};
use heliacal::models::Oracle;
use heliacal::models::anomaly::{CovarianceKind, Mahalanobis};
use heliacal::models::train::{
    Ending, EpochReport, Example, TrainConfig, Trained, Trainer, cap_classes, stratified_split,
};
use heliacal::pipeline::{
    LabelledSurvey, SinceTriggerTable, TrainingLoss, read_options, score_since_trigger,
};
use heliacal::{Classifier, Device, Preset, Taxonomy, TimeOrigin, TruthMap};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

#[path = "shared/train_with_bar.rs"]
mod train_with_bar;
#[path = "shared/with_reasons.rs"]
mod with_reasons;
use train_with_bar::train_with_bar;
use with_reasons::{exit_code, with_reasons};

/// Train ORACLE on light curves of known class; the defaults are the paper's protocol.
///
/// Writes into --out: model.safetensors (weights, sizes, encoding, taxonomy: what the example classify takes as --model),
/// metrics.json, split.csv (which object was for what), protocol.json (the numbers below) and checkpoint.safetensors
/// (docs/data-formats.md says what is in them). Light curves are held in memory: 18 bytes an observation, and 28 more while it
/// is trained on.
#[derive(Parser)]
struct Arguments {
    /// Light curves of known class: folders (searched through), .LIST files, HEAD files, .parquet files.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    data: Vec<PathBuf>,
    /// Folder for everything that is written; it is made.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on from the checkpoint in --out, if there is one; all numbers but --epochs must be the same. Without this option, a
    /// folder with a checkpoint is left alone.
    #[arg(long)]
    resume: bool,
    /// Also write a checkpoint every so many optimizer steps; 0: after each epoch only.
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    checkpoint_every: u64,
    /// What type codes (SIM_TYPE_INDEX, SNTYPE) mean: ELAsTiCC2's classes. Class names and ELAsTiCC's folder names are
    /// understood without it.
    #[arg(long)]
    elasticc_codes: bool,
    /// Processor threads; 0 for all there are.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Train on an NVIDIA GPU; needs a build with the feature `cuda`.
    #[arg(long)]
    cuda: bool,
    /// Days since trigger at which held-out objects are scored.
    #[arg(long, value_name = "DAYS", value_delimiter = ',', default_values_t = DAYS_SINCE_TRIGGER)]
    days: Vec<f64>,
    #[command(flatten)]
    protocol: Protocol,
}

/// What decides the weights.
#[derive(clap::Args, Serialize, Deserialize)]
struct Protocol {
    /// Architecture and features: paper, published, published-lite or heliacal, our own encoding.
    #[arg(long, value_name = "NAME", default_value = "paper")]
    preset: Preset,
    /// Tree of classes: a built-in one's name.
    #[arg(long, value_name = "NAME", default_value = "oracle")]
    taxonomy: String,
    /// What training pushes down: weighted hierarchical cross-entropy, plain, or cross-entropy over the leaves without a
    /// hierarchy.
    #[arg(long, value_enum, default_value_t = LossName::Whxe)]
    loss: LossName,
    /// whxe, hxe: a level of depth d counts exp(-alpha d).
    #[arg(long, default_value_t = 0.5)]
    alpha: f64,
    /// whxe, cross-entropy: power of the class weights; 0 for none.
    #[arg(long, default_value_t = 1.0)]
    gamma: f64,
    /// Share of each class that is held out for the final scores.
    #[arg(long, default_value_t = 0.3)]
    test_share: f64,
    /// Objects of a class in training, at most.
    #[arg(long, default_value_t = 40_000)]
    max_per_class: usize,
    /// Objects of a class in the test, at most.
    #[arg(long, default_value_t = 20_000)]
    max_test_per_class: usize,
    /// Share of each class's training objects that is for validation.
    #[arg(long, default_value_t = 0.05)]
    validation_share: f64,
    /// Fractions of the light curves at which the validation loss is taken; the weights with the lowest mean are kept.
    #[arg(long, value_delimiter = ',', default_values_t = [0.1, 0.4, 0.6, 1.0])]
    validation_fractions: Vec<f64>,
    /// Passes over the training objects.
    #[arg(long, default_value_t = 1000)]
    epochs: usize,
    /// End after so many epochs without a lower validation loss.
    #[arg(long, value_name = "EPOCHS")]
    patience: Option<usize>,
    /// Objects that go through the network together.
    #[arg(long, default_value_t = 1024)]
    batch_size: usize,
    /// Batches that are filled together, sorted by length.
    #[arg(long, default_value_t = 8)]
    batches_per_bucket: usize,
    /// Learning rate of Adam at the beginning.
    #[arg(long, default_value_t = 2e-4)]
    learning_rate: f64,
    /// Factor on the learning rate every --decay-steps steps.
    #[arg(long, default_value_t = 0.9)]
    decay_factor: f64,
    /// Optimizer steps between two decays.
    #[arg(long, default_value_t = 10_000)]
    decay_steps: u64,
    /// Seed of the weights, of the validation objects, of the order of objects and of their truncation.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Seed of what is held out: leave it, and runs of several seeds have the same test objects.
    #[arg(long, default_value_t = 0)]
    split_seed: u64,
    /// Train without this class, and say how well the anomaly score tells its objects from held-out ones of the others.
    #[arg(long, value_name = "CLASS")]
    leave_out: Option<String>,
}

#[derive(Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum LossName {
    Whxe,
    Hxe,
    CrossEntropy,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let protocol = &arguments.protocol;
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global()?;
    let device = if arguments.cuda { Device::new_cuda(0)? } else { Device::Cpu };
    let taxonomy = Taxonomy::by_name(&protocol.taxonomy)?;
    let loss = protocol.loss();
    let of_network = loss.network_taxonomy(&taxonomy)?;
    let truth = TruthMap::new(&of_network);
    let truth = if arguments.elasticc_codes { truth.with_elasticc_codes() } else { truth };
    // What would be an error after the training is one now.
    SinceTriggerScorecards::new(ClassTree::new(taxonomy.parents())?, arguments.days.clone(), Ranking::Off)
        .map_err(|error| format!("--days: {error}"))?;
    if !(0.0..1.0).contains(&protocol.test_share) {
        return Err(
            format!("--test-share is {}, expected 0 or more, less than 1", protocol.test_share).into()
        );
    }
    fs::create_dir_all(&arguments.out).map_err(|error| format!("{}: {error}", arguments.out.display()))?;
    let checkpoint = arguments.out.join("checkpoint.safetensors");
    let resumes = checkpoint.exists();
    if resumes && !arguments.resume {
        let path = checkpoint.display();
        return Err(
            format!("{path} is there: --resume goes on from it; to begin anew, take another --out").into()
        );
    }
    protocol.agree(&arguments.out.join("protocol.json"), resumes)?;

    let mut survey = read(arguments, &truth)?;
    let features = protocol.preset.features();
    if features.time_origin == TimeOrigin::FirstDetection {
        let n_undetected = survey.leave_out_undetected();
        if n_undetected > 0 {
            println!("{n_undetected} objects were never detected and are left out");
        }
    }
    let parts = Parts::new(&survey, protocol, &of_network)?;
    let examples = survey.examples(&features, parts.training.iter().copied())?;
    let mut trainer = if resumes {
        Trainer::resume(&checkpoint, &examples, &device)?.with_epochs(protocol.epochs)
    } else {
        let config = protocol.preset.config(of_network.n_nodes());
        let fresh = Oracle::fresh(config, features.clone(), protocol.seed, &device)?;
        Trainer::new(&fresh, &examples, protocol.train_config())?
    }
    .with_checkpoints(&checkpoint, arguments.checkpoint_every);
    write_file(arguments.out.join("split.csv"), &parts.csv(&survey, &trainer)?)?;
    let used: Vec<u32> =
        trainer.split().training.iter().map(|&index| examples[index].true_node as u32).collect();
    println!(
        "{} objects to learn from, {} for validation, {} held out; {} weights; {} epochs done",
        used.len(),
        trainer.split().held_out.len(),
        parts.test.len(),
        protocol.preset.config(of_network.n_nodes()).n_parameters(),
        trainer.history().len()
    );

    let begin = Instant::now();
    let trained = train_with_bar(&mut trainer, &*loss.of(&of_network, &used, &device)?)?;
    let seconds = begin.elapsed().as_secs_f64();
    report_training(&trained, seconds);

    let classifier = Classifier::new(format!("ORACLE {}", protocol.preset), trained.model, of_network)?;
    classifier.save(arguments.out.join("model.safetensors"))?;
    let records = parts.test.iter().map(|&position| Ok(survey.records()[position].clone()));
    let mut n_skipped = 0;
    let days = &arguments.days;
    let since_trigger =
        score_since_trigger(&classifier, &taxonomy, records, &truth, days, |_| n_skipped += 1)?;
    println!("\nmacro averages over the classes of held-out objects, by days since trigger");
    println!("{}", SinceTriggerTable::new(&since_trigger));
    if n_skipped > 0 {
        println!(
            "{n_skipped} held-out objects were not scored: no detection, or no observation by the last of these days"
        );
    }
    let anomaly = protocol.leave_out.as_deref().map(|class| {
        let auc = anomaly_auc(&classifier, &survey, &examples, &parts)?;
        println!(
            "\n{class} was left out: its {} objects are stranger than held-out ones with AUC {:.3} +- {:.3}",
            auc.n_anomalous, auc.auc, auc.hanley_mcneil_error
        );
        Ok::<_, Box<dyn Error>>(auc)
    });

    let metrics = Metrics {
        schema: "heliacal.training/1",
        protocol,
        tree: NamedTree { names: taxonomy.names().to_vec(), parents: taxonomy.parents().to_vec() },
        n_training: used.len(),
        n_validation: trainer.split().held_out.len(),
        n_test: parts.test.len(),
        seconds,
        best_epoch: trained.best_epoch,
        history: &trained.history,
        since_trigger: &since_trigger,
        anomaly: anomaly.transpose()?,
    };
    write_file(arguments.out.join("metrics.json"), &serde_json::to_vec(&metrics)?)?;
    println!("\n{}", arguments.out.display());
    Ok(())
}

/// The results of a training (docs/data-formats.md).
#[derive(Serialize)]
struct Metrics<'a> {
    schema: &'a str,
    protocol: &'a Protocol,
    tree: NamedTree,
    n_training: usize,
    n_validation: usize,
    n_test: usize,
    /// Of this run; a resumed one counts from the resumption.
    seconds: f64,
    best_epoch: Option<usize>,
    history: &'a [EpochReport],
    since_trigger: &'a [DayReport],
    anomaly: Option<AnomalyAuc>,
}

impl Protocol {
    fn loss(&self) -> TrainingLoss {
        let Self { alpha, gamma, .. } = *self;
        match self.loss {
            LossName::Whxe => TrainingLoss::Whxe { alpha, gamma },
            LossName::Hxe => TrainingLoss::Hxe { alpha },
            LossName::CrossEntropy => TrainingLoss::CrossEntropy { gamma },
        }
    }

    fn train_config(&self) -> TrainConfig {
        TrainConfig {
            epochs: self.epochs,
            batch_size: self.batch_size,
            batches_per_bucket: self.batches_per_bucket,
            learning_rate: self.learning_rate,
            decay_factor: self.decay_factor,
            decay_steps: self.decay_steps,
            validation_share: self.validation_share,
            validation_fractions: self.validation_fractions.clone(),
            patience: self.patience,
            max_per_class: Some(self.max_per_class),
            seed: self.seed,
            ..TrainConfig::default()
        }
    }

    /// Writes the protocol beside what comes of it; a training that goes on must have begun with the same one.
    fn agree(&self, path: &Path, resumes: bool) -> Result<(), Box<dyn Error>> {
        let ours = serde_json::to_value(self)?;
        if resumes {
            let theirs = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let theirs: serde_json::Value = serde_json::from_slice(&theirs)?;
            for (name, ours) in ours.as_object().into_iter().flatten().filter(|(name, _)| *name != "epochs") {
                let theirs = &theirs[name];
                if theirs != ours {
                    let flag = name.replace('_', "-");
                    return Err(format!("--{flag} was {theirs} when the training began, now {ours}").into());
                }
            }
        }
        Ok(write_file(path, &serde_json::to_vec_pretty(&ours)?)?)
    }
}

/// Which objects are for what, as positions in the survey.
struct Parts {
    /// To learn from, those for validation and those beyond the cap included.
    training: Vec<usize>,
    test: Vec<usize>,
    left_out: Vec<usize>,
}

impl Parts {
    fn new(
        survey: &LabelledSurvey,
        protocol: &Protocol,
        taxonomy: &Taxonomy,
    ) -> Result<Self, Box<dyn Error>> {
        let stranger = protocol.leave_out.as_deref().map(|class| taxonomy.find(class)).transpose()?;
        let nodes = survey.true_nodes();
        let (left_out, known): (Vec<usize>, Vec<usize>) =
            (0..survey.len()).partition(|&position| Some(nodes[position]) == stranger);
        if let (Some(class), true) = (&protocol.leave_out, left_out.is_empty()) {
            return Err(format!("--leave-out {class}: no object is labelled so").into());
        }
        let classes = |positions: &[usize]| -> Vec<usize> {
            positions.iter().map(|&position| nodes[position].index()).collect()
        };
        let split = stratified_split(&classes(&known), protocol.test_share, protocol.split_seed);
        let training = split.training.into_iter().map(|index| known[index]).collect();
        let test: Vec<usize> = split.held_out.into_iter().map(|index| known[index]).collect();
        let kept = cap_classes(&classes(&test), protocol.max_test_per_class, protocol.split_seed);
        Ok(Self { training, test: kept.into_iter().map(|index| test[index]).collect(), left_out })
    }

    /// One line per object that has a part in it: for another program that is to have the same.
    fn csv(&self, survey: &LabelledSurvey, trainer: &Trainer<'_>) -> Result<Vec<u8>, std::io::Error> {
        let of_training = |positions: &[usize]| positions.iter().map(|&index| self.training[index]).collect();
        let parts = [
            ("training", of_training(&trainer.split().training)),
            ("validation", of_training(&trainer.split().held_out)),
            ("test", self.test.clone()),
            ("left_out", self.left_out.clone()),
        ];
        let mut csv = b"object_id,part\n".to_vec();
        for (part, positions) in parts {
            for position in positions {
                writeln!(csv, "{},{part}", survey.records()[position].object.id)?;
            }
        }
        Ok(csv)
    }
}

fn read(arguments: &Arguments, truth: &TruthMap) -> Result<LabelledSurvey, Box<dyn Error>> {
    let survey = Survey::open(&arguments.data, &read_options(&arguments.protocol.preset.features()))?;
    let bar = ProgressBar::no_length()
        .with_style(ProgressStyle::with_template("{spinner} reading: {pos} objects [{elapsed}]")?);
    let mut n_skipped = 0;
    let survey = LabelledSurvey::read(survey.inspect(|_| bar.inc(1)), truth, |skipped| {
        n_skipped += 1;
        if n_skipped <= 5 {
            bar.suspend(|| eprintln!("left out: {}", with_reasons(&skipped.error)));
        }
    });
    bar.finish_and_clear();
    if n_skipped > 0 || survey.n_unknown() > 0 {
        eprintln!(
            "left out: {n_skipped} objects or files that could not be read or were met before, {} objects of unknown class",
            survey.n_unknown()
        );
    }
    Ok(survey)
}

fn report_training(trained: &Trained, seconds: f64) {
    let n = trained.history.len();
    let why = match trained.ending {
        Ending::Patience => ", patience is at its end",
        _ => "",
    };
    println!("trained in {seconds:.0} s: {n} epochs{why}");
    if let Some(best) = trained.best_epoch.map(|epoch| &trained.history[epoch]) {
        let (epoch, loss) = (best.epoch + 1, best.validation_loss);
        println!("lowest validation loss {loss:.4} after epoch {epoch}: these weights are kept");
    }
}

/// How well the distance to the classes that were learned tells the left-out class from held-out objects of the others,
/// after their last observations.
fn anomaly_auc(
    classifier: &Classifier,
    survey: &LabelledSurvey,
    training: &[Example],
    parts: &Parts,
) -> Result<AnomalyAuc, Box<dyn Error>> {
    let oracle = classifier.oracle();
    let latent = |examples: &[Example]| -> Result<Vec<Vec<f32>>, heliacal::models::Error> {
        let last: Vec<_> =
            examples.iter().map(|example| [example.light_curve.observations.len() - 1]).collect();
        let whole: Vec<_> =
            examples.iter().zip(&last).map(|(example, last)| (&example.light_curve, &last[..])).collect();
        oracle.embedding_at(&whole)
    };
    let vectors = latent(training)?.concat();
    let labels: Vec<usize> = training.iter().map(|example| example.true_node).collect();
    let width = vectors.len() / labels.len().max(1);
    let distance = Mahalanobis::fit(width, &vectors, &labels, CovarianceKind::Shared)?;
    let mut scores = AnomalyScores::default();
    for (positions, anomalous) in [(&parts.test, false), (&parts.left_out, true)] {
        for vector in latent(&survey.examples(oracle.features(), positions.iter().copied())?)? {
            scores.push(distance.score(&vector)?, anomalous)?;
        }
    }
    Ok(scores.report().ok_or("the left-out class has no object, or no other is held out")?)
}
