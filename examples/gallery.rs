//! What do the figures look like? Draws every one of them from a simulated survey and made-up histories.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use heliacal_lightcurve::LightCurve;
use heliacal_metrics::ClassTree;
use heliacal_metrics::calibration::{Bins, Reliability};
use heliacal_metrics::esc::{ClassifiedObject, EscGrid, EscOptions, FlowBins, HistoryScorer, MassFlow};
use heliacal_metrics::evaluation::DaysSince;
use heliacal_metrics::scorecard::{
    ConfidenceRule, ConfidentDays, DAYS_SINCE_TRIGGER, LevelConfidentDays, Ranking, RocCurve,
    SinceTriggerScorecards, ZeroDivision, precision_recall_curve, roc_curve,
};
use heliacal_report::figures::{
    self, Brightness, Classifications, Flow, GridCurve, HeatMap, HistogramAxis, HistogramPanel, MeanScores,
    TimeAxis,
};
use heliacal_report::{Figure, FigureStyle};
use heliacal_simulate::{SimulatedClass, Simulator, SurveyConfig};
use heliacal_taxonomy::Taxonomy;

#[path = "shared/toy_classifier.rs"]
mod toy_classifier;
#[path = "shared/with_reasons.rs"]
mod with_reasons;
use toy_classifier::{Random, ToyClassifier, ToyHistory, days};
use with_reasons::exit_code;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Draw every figure of the report crate.
///
/// Light curves are simulated; the classifications are made up by a toy that knows the truth. No number is a result.
#[derive(Parser)]
struct Arguments {
    /// Folder to write into; it is made.
    #[arg(long, value_name = "DIR", default_value = "docs/gallery")]
    out: PathBuf,
    /// Write PNGs beside the SVGs.
    #[arg(long)]
    png: bool,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Outcome {
    fs::create_dir_all(&arguments.out)?;
    let mut gallery = Gallery { arguments, index: String::from(HEAD) };
    light_curves(&mut gallery)?;
    let supernovae = Sample::supernovae()?;
    early_stable(&mut gallery, &supernovae)?;
    let oracle = Sample::oracle()?;
    scores(&mut gallery, &oracle)?;
    training(&mut gallery)?;
    fs::write(arguments.out.join("README.md"), gallery.index)?;
    Ok(())
}

const HEAD: &str = "# Gallery\n\n\
Every figure of `heliacal-report`, drawn by `cargo xtask figures` (the example `gallery`). Light curves are simulated; the\n\
classifications are made up by a toy that knows the truth, so no number here is a result. B is Beyond the Final Label\n\
(arXiv 2604.23792), ORACLE is arXiv 2501.01496. The sentence below each figure is its own alternative text.\n";

/// Figures on their way into the folder.
struct Gallery<'a> {
    arguments: &'a Arguments,
    index: String,
}

impl Gallery<'_> {
    fn add(&mut self, file: &str, function: &str, heading: &str, figure: &Figure) -> Outcome {
        let path = self.arguments.out.join(file);
        figure.write_svg(path.with_extension("svg"))?;
        if self.arguments.png {
            figure.write_png(path.with_extension("png"))?;
        }
        let _ = writeln!(
            self.index,
            "\n## {heading}\n\n`figures::{function}`\n\n![{heading}]({file}.svg)\n\n{}",
            figure.alt()
        );
        println!("{file}.svg: {:.1} kB", figure.svg().len() as f64 / 1e3);
        Ok(())
    }
}

/// The rows of a simulated object from 40 days before its trigger to 160 after it.
fn around_trigger(light_curve: &LightCurve) -> Outcome<LightCurve> {
    let view = light_curve.view();
    let trigger = view.mjd()[view.first_detection().ok_or("a simulated object without a detection")?];
    let near = view.iter().filter(|row| (-40.0..=160.0).contains(&(row.mjd - trigger)));
    Ok(LightCurve::from_observations(near)?)
}

/// One object of a class.
struct Shown {
    name: &'static str,
    light_curve: LightCurve,
    /// Of what repeats within the days that are shown.
    period: Option<f64>,
}

/// A small panel is crowded by more observations.
const MOST_ROWS: usize = 32;

/// Of each class, the object with the most detections of those that a small panel has room for; otherwise the beginning
/// of one that is observed more often.
fn one_per_class(classes: &[SimulatedClass]) -> Outcome<Vec<Shown>> {
    let simulator = Simulator::new(SurveyConfig { seed: 4, ..SurveyConfig::default() }, classes)?;
    let rank = |curve: &LightCurve| {
        let n_detections = curve.detection().iter().filter(|&&detected| detected).count();
        (curve.len() <= MOST_ROWS, n_detections)
    };
    let mut chosen = Vec::new();
    for (class, simulated) in classes.iter().enumerate() {
        let mut best: Option<Shown> = None;
        for round in 0..40 {
            let (object, truth) = simulator.object_with_truth((class + round * classes.len()) as u64)?;
            let light_curve = around_trigger(&object.light_curve)?;
            if best.as_ref().is_none_or(|best| rank(&best.light_curve) < rank(&light_curve)) {
                // Outbursts come again, but not on the day.
                let is_strict =
                    *simulated != SimulatedClass::UGeminorum && *simulated != SimulatedClass::DwarfNova;
                let period = truth.period.filter(|&period| period < 60.0 && is_strict);
                best = Some(Shown { name: simulated.name(), light_curve, period });
            }
        }
        let Shown { light_curve, .. } = best.as_mut().ok_or("no object")?;
        *light_curve = LightCurve::from_observations(light_curve.view().first_n(MOST_ROWS).iter())?;
        chosen.extend(best);
    }
    Ok(chosen)
}

fn light_curves(gallery: &mut Gallery<'_>) -> Outcome {
    let style = FigureStyle::new();
    for (file, classes, heading) in [
        ("one_object_per_class_oracle", SimulatedClass::oracle(), "One object per class: ORACLE's 19"),
        (
            "one_object_per_class_variable_stars",
            SimulatedClass::variable_stars(),
            "One object per class: 21 variable stars",
        ),
    ] {
        let objects = one_per_class(classes)?;
        let time = |period: Option<f64>| {
            period.map_or(TimeAxis::DaysSinceTrigger, |period| TimeAxis::Phase { period })
        };
        let curves: Vec<GridCurve<'_>> = objects
            .iter()
            .map(|Shown { name, light_curve, period }| GridCurve {
                name,
                light_curve: light_curve.view(),
                time: time(*period),
            })
            .collect();
        let figure = figures::light_curve_grid(&curves, 5, Brightness::Flux, &style)?;
        gallery.add(file, "light_curve_grid", heading, &figure)?;
    }
    let shown = one_per_class(&[SimulatedClass::SnIa])?.swap_remove(0);
    let view = shown.light_curve.view();
    let figure = figures::light_curve(view, Brightness::Flux, TimeAxis::Mjd, &style)?;
    gallery.add("light_curve_flux", "light_curve", "A light curve: flux", &figure)?;
    let figure = figures::light_curve(view, Brightness::Magnitude, TimeAxis::DaysSinceTrigger, &style)?;
    gallery.add("light_curve_magnitude", "light_curve", "A light curve: magnitudes and limits", &figure)
}

/// Histories of a base classifier and a better one, of the same objects.
struct Sample {
    tree: ClassTree,
    /// Of all nodes.
    names: Vec<String>,
    base: Vec<ToyHistory>,
    new: Vec<ToyHistory>,
}

const BASE: ToyClassifier = ToyClassifier { skill: 4.2, patience: 22.0, sway: 0.42 };
const NEW: ToyClassifier = ToyClassifier { skill: 5.2, patience: 14.0, sway: 0.16 };

impl Sample {
    /// Five classes, few of them SNIax and SN91bg (B, Table 1).
    fn supernovae() -> Outcome<Self> {
        Self::new(&Taxonomy::supernovae5(), &[47, 11, 40, 2, 2], 900, 90.0)
    }

    /// ORACLE's classes, all equally frequent.
    fn oracle() -> Outcome<Self> {
        Self::new(&Taxonomy::oracle(), &[1; 19], 19 * 60, 700.0)
    }

    fn new(taxonomy: &Taxonomy, weights: &[usize], n_objects: usize, longest: f64) -> Outcome<Self> {
        let tree = ClassTree::new(taxonomy.parents())?;
        let kinship = kinship(&tree);
        let classes: Vec<usize> =
            weights.iter().enumerate().flat_map(|(class, &weight)| vec![class; weight]).collect();
        let (mut base, mut new) = (Vec::new(), Vec::new());
        for object in 0..n_objects {
            let mut random = Random(object as u64);
            let true_class = classes[object % classes.len()];
            let days = days(&mut random, longest);
            base.push(BASE.history(&mut random, true_class, days.clone(), &kinship)?);
            new.push(NEW.history(&mut random, true_class, days, &kinship)?);
        }
        Ok(Self { tree, names: taxonomy.names().to_vec(), base, new })
    }

    /// Names of the leaves.
    fn leaf_names(&self) -> Vec<&str> {
        self.tree.leaves().iter().map(|&leaf| self.names[leaf].as_str()).collect()
    }
}

/// Siblings look alike, cousins less so.
fn kinship(tree: &ClassTree) -> Vec<Vec<f64>> {
    let likeness = |a: usize, b: usize| {
        let depth = tree.depth(tree.lowest_common_ancestor(a, b)) as f64;
        if a == b { 1.0 } else { 0.3 + 0.45 * depth / (tree.n_levels() - 1) as f64 }
    };
    tree.leaves().iter().map(|&a| tree.leaves().iter().map(|&b| likeness(a, b)).collect()).collect()
}

/// ESC_f by class, distances between consecutive PMFs, a grid of epsilon and rho.
struct EarlyStable {
    fractions: Vec<Vec<f64>>,
    w1: Vec<f64>,
    grid: EscGrid,
}

impl EarlyStable {
    fn of(histories: &[ToyHistory], n_classes: usize) -> Outcome<Self> {
        let epsilons: Vec<f64> = (1..=10).map(|i| 0.02 * f64::from(i)).collect();
        let rhos: Vec<f64> = (5..=14).map(|i| 0.05 * f64::from(i)).collect();
        let mut grid = EscGrid::new(&epsilons, &rhos, 5)?;
        let (mut fractions, mut w1) = (vec![Vec::new(); n_classes], Vec::new());
        let options = EscOptions::default();
        let mut scorer = HistoryScorer::new(&options)?;
        for ToyHistory { true_class, history, .. } in histories {
            let score = scorer.score(&ClassifiedObject::labelled(history, *true_class))?;
            fractions[*true_class].extend(score.truth.map(|truth| truth.esc_fraction.value()));
            w1.extend_from_slice(scorer.w1());
            grid.add_history(history, *true_class)?;
        }
        Ok(Self { fractions, w1, grid })
    }
}

fn early_stable(gallery: &mut Gallery<'_>, sample: &Sample) -> Outcome {
    let style = FigureStyle::new();
    let names = sample.leaf_names();
    let [base, new] = [&sample.base, &sample.new].map(|histories| EarlyStable::of(histories, names.len()));
    let (base, new) = (base?, new?);
    evolution(gallery, sample)?;
    let panels: Vec<HistogramPanel<'_>> = names
        .iter()
        .enumerate()
        .map(|(class, name)| HistogramPanel {
            name,
            values: vec![&base.fractions[class], &new.fractions[class]],
        })
        .collect();
    let figure = figures::histograms(&panels, &["base", "new"], HistogramAxis::share("ESC_f"), &style)?;
    gallery.add(
        "esc_fraction_histograms",
        "histograms",
        "ESC_f, base against new, per class (B, figs. 7 and 8)",
        &figure,
    )?;
    let axis = HistogramAxis { n_bins: 50, ..HistogramAxis::share("W1 between consecutive PMFs") };
    let figure = figures::percentile_histogram(&base.w1, &[50.0, 90.0, 95.0], axis, &style)?;
    gallery.add(
        "w1_histogram",
        "percentile_histogram",
        "Steps between classifications (B, fig. 3)",
        &figure,
    )?;
    let maps = [HeatMap::convergence(&base.grid), HeatMap::convergence(&new.grid)];
    let figure = figures::heat_map(&maps[0], &style)?;
    gallery.add(
        "convergence_heat_map",
        "heat_map",
        "Convergence over epsilon and rho (B, fig. 9)",
        &figure,
    )?;
    let figure = figures::difference_heat_map(&maps[0].difference(&maps[1])?, &style)?;
    let heading = "What a new classifier gains in convergence (B, fig. 9)";
    gallery.add("convergence_difference", "difference_heat_map", heading, &figure)?;
    let mut flow = MassFlow::new(names.len(), FlowBins::Days(vec![0.0, 4.0, 8.0, 16.0, 32.0, 64.0]))?;
    for ToyHistory { history, days, .. } in &sample.base {
        flow.add(history, Some(days))?;
    }
    let flow = Flow { time_label: "time since trigger [day]".into(), ..Flow::of(&flow) };
    let figure = figures::alluvial(&flow, &names, &style)?;
    gallery.add("probability_flow", "alluvial", "Flow of probability between classes", &figure)?;
    mean_scores(gallery, sample)
}

/// A light curve above what two classifiers made of it.
fn evolution(gallery: &mut Gallery<'_>, sample: &Sample) -> Outcome {
    let shown = one_per_class(&[SimulatedClass::SnIa])?.swap_remove(0);
    let view = shown.light_curve.view();
    let trigger = view.mjd()[view.first_detection().ok_or("no detection")?];
    // A classification after each observation; the first toy that the new classifier settles on.
    let days: Vec<f64> = view.mjd().iter().map(|mjd| mjd - trigger).filter(|day| *day >= 0.0).collect();
    let kinship = kinship(&sample.tree);
    let mut random = Random(0);
    let [base, new] = loop {
        let base = BASE.history(&mut random, 0, days.clone(), &kinship)?;
        let new = NEW.history(&mut random, 0, days.clone(), &kinship)?;
        if new.history.last()[0] > 0.8 {
            break [base, new];
        }
    };
    let options = EscOptions::default();
    let mut scorer = HistoryScorer::new(&options)?;
    let mut mjds = Vec::new();
    for toy in [&base, &new] {
        let mjd: Vec<f64> = toy.days.iter().map(|day| trigger + day).collect();
        let score = scorer.score(&ClassifiedObject::labelled(&toy.history, 0))?;
        let converged = score.truth.and_then(|truth| truth.esc_fraction.tau).map(|tau| mjd[tau - 1]);
        mjds.push((mjd, converged));
    }
    let classifications = |name, toy: usize, history| Classifications {
        name,
        history,
        mjd: &mjds[toy].0,
        converged_mjd: mjds[toy].1,
    };
    let classifiers = [classifications("base", 0, &base.history), classifications("new", 1, &new.history)];
    let figure = figures::pmf_evolution(
        view,
        &classifiers,
        &sample.leaf_names(),
        Some(0),
        Brightness::Flux,
        TimeAxis::DaysSinceTrigger,
        &FigureStyle::new(),
    )?;
    gallery.add(
        "pmf_evolution",
        "pmf_evolution",
        "A light curve and its classifications (B, figs. 1, 2, 5, 6)",
        &figure,
    )
}

fn scores(gallery: &mut Gallery<'_>, sample: &Sample) -> Outcome {
    let style = FigureStyle::new();
    let names = sample.leaf_names();
    let tree = &sample.tree;
    let mut since = SinceTriggerScorecards::new(tree.clone(), DAYS_SINCE_TRIGGER.to_vec(), Ranking::Exact)?;
    let mut waits = LevelConfidentDays::new(tree.clone(), ConfidenceRule::default())?;
    let mut reliability =
        [Reliability::new(Bins::equal_width(10)?), Reliability::new(Bins::equal_width(10)?)];
    for (toy, base) in sample.new.iter().zip(&sample.base) {
        let node = tree.leaves()[toy.true_class];
        since.push(&toy.history, &toy.days, node)?;
        waits.push(&toy.history, &toy.days, node)?;
        for (reliability, toy) in reliability.iter_mut().zip([toy, base]) {
            let last = toy.history.last();
            let best =
                (0..last.len()).fold(0, |best, class| if last[class] > last[best] { class } else { best });
            reliability.add(last[best], best == toy.true_class)?;
        }
    }
    let levels = ["root", "transient or variable", "broad", "fine"];
    let reports = since.report(ZeroDivision::Zero);
    let names_of_levels = &levels[..tree.n_levels()];
    let figure = figures::scores_since_trigger(&reports, DaysSince::Trigger, names_of_levels, &style)?;
    let heading = "Scores against days since trigger (ORACLE, figs. 5 and 6)";
    gallery.add("scores_since_trigger", "scores_since_trigger", heading, &figure)?;
    let days = [
        (1, "confusion_2_days"),
        (3, "confusion_8_days"),
        (6, "confusion_64_days"),
        (10, "confusion_1024_days"),
    ];
    for (day, file) in days {
        let title = format!("{} days after the trigger", DAYS_SINCE_TRIGGER[day]);
        let confusion = since.scorecards()[day].leaf_level().scorecard().confusion();
        let figure = figures::confusion_matrix(confusion, &names, &style.clone().title(&title))?;
        gallery.add(
            file,
            "confusion_matrix",
            &format!("Confusion matrix, {title} (ORACLE, figs. 7 to 9)"),
            &figure,
        )?;
    }
    let broad = &since.scorecards()[6].levels()[2];
    let broad_names: Vec<&str> = broad.nodes().iter().map(|&node| sample.names[node].as_str()).collect();
    let figure = figures::confusion_matrix_with_counts(broad.scorecard().confusion(), &broad_names, &style)?;
    gallery.add(
        "confusion_with_counts",
        "confusion_matrix_with_counts",
        "Confusion matrix with counts",
        &figure,
    )?;
    separation(gallery, &since, &names)?;
    let estimates: Vec<_> = waits.levels().iter().map(ConfidentDays::kaplan_meier).collect();
    let lines: Vec<_> = levels.iter().zip(&estimates).skip(1).map(|(name, waits)| (*name, waits)).collect();
    let figure = figures::days_to_confident(&lines, &style)?;
    gallery.add(
        "days_to_confident",
        "days_to_confident",
        "Days until a confident classification (ORACLE, fig. 10)",
        &figure,
    )?;
    let diagrams = reliability.map(|reliability| reliability.diagram());
    let figure = figures::reliability(&[("new", &diagrams[0]), ("base", &diagrams[1])], &style)?;
    gallery.add("reliability", "reliability", "Reliability diagram", &figure)?;
    one_tree(gallery, sample)
}

fn separation(gallery: &mut Gallery<'_>, since: &SinceTriggerScorecards, names: &[&str]) -> Outcome {
    let style = FigureStyle::new();
    let scorecard = since.scorecards()[3].leaf_level().scorecard();
    let ranking = scorecard.ranking().ok_or("scores were kept")?;
    let mut roc = Vec::new();
    let mut recall = Vec::new();
    for (class, name) in names.iter().enumerate() {
        let (scores, positive) = (ranking.scores_of(class), ranking.is_of(class));
        roc.extend(roc_curve(scores, &positive)?.map(|curve| (*name, curve)));
        recall.extend(precision_recall_curve(scores, &positive)?.map(|curve| (*name, curve)));
    }
    let curves: Vec<(&str, &RocCurve)> = roc.iter().map(|(name, curve)| (*name, curve)).collect();
    let figure = figures::roc_curves(&curves, &style)?;
    gallery.add(
        "roc_curves",
        "roc_curves",
        "ROC curves, 8 days after the trigger (ORACLE, figs. 13 to 15)",
        &figure,
    )?;
    let curves: Vec<_> = recall.iter().take(6).map(|(name, curve)| (*name, curve)).collect();
    let figure = figures::precision_recall_curves(&curves, &style)?;
    gallery.add("precision_recall_curves", "precision_recall_curves", "Precision against recall", &figure)
}

/// The last classification at or before a day.
fn at_day(toy: &ToyHistory, day: f64) -> Option<&[f64]> {
    toy.days.partition_point(|&d| d <= day).checked_sub(1).map(|step| toy.history.step(step))
}

fn mean_scores(gallery: &mut Gallery<'_>, sample: &Sample) -> Outcome {
    let phases: Vec<f64> = (0..=10).map(|i| 8.0 * f64::from(i)).collect();
    let names = sample.leaf_names();
    let mut panels = Vec::new();
    for (true_class, name) in names.iter().take(3).enumerate() {
        let objects: Vec<&ToyHistory> =
            sample.new.iter().filter(|toy| toy.true_class == true_class).collect();
        let (mut mean, mut std) = (vec![vec![f64::NAN; phases.len()]; names.len()], Vec::new());
        std.clone_from(&mean);
        for (column, &phase) in phases.iter().enumerate() {
            for class in 0..names.len() {
                let scores = objects.iter().filter_map(|toy| at_day(toy, phase)).map(|pmf| pmf[class]);
                let moments: heliacal_metrics::Moments = scores.collect();
                mean[class][column] = moments.mean().unwrap_or(f64::NAN);
                std[class][column] = moments.standard_deviation().unwrap_or(f64::NAN);
            }
        }
        panels.push(MeanScores { true_class: name, n_objects: objects.len() as u64, mean, std });
    }
    let style = FigureStyle::new();
    let figure = figures::mean_scores(&panels, &phases, "time since trigger [day]", &names, &style)?;
    gallery.add("mean_scores", "mean_scores", "Mean scores against phase (ORACLE, figs. 16 and 17)", &figure)
}

/// The tree of one object that is half understood.
fn one_tree(gallery: &mut Gallery<'_>, sample: &Sample) -> Outcome {
    let toy = sample.new.iter().find(|toy| toy.true_class == 7).ok_or("no such object")?;
    let pmf = toy.history.step(toy.history.n_steps() / 6);
    let mut probabilities = vec![0.0; sample.tree.n_nodes()];
    sample.tree.roll_up(pmf, &mut probabilities)?;
    let (parents, node) = (sample.tree.parents(), sample.tree.leaves()[toy.true_class]);
    let style = FigureStyle::new();
    let figure = figures::tree_probabilities(parents, &sample.names, &probabilities, Some(node), &style)?;
    gallery.add(
        "tree_probabilities",
        "tree_probabilities",
        "The taxonomy in the colours of one object",
        &figure,
    )
}

fn training(gallery: &mut Gallery<'_>) -> Outcome {
    let mut random = Random(1);
    let (mut train, mut validation) = (Vec::new(), Vec::new());
    for epoch in 0..60 {
        let fall = (-f64::from(epoch) / 14.0).exp();
        train.push(0.16 + 0.42 * fall + 0.004 * random.normal());
        validation.push(0.20 + 0.40 * fall + 0.0011 * f64::from(epoch) + 0.010 * random.normal());
    }
    let kept = (0..60).fold(0, |best, epoch| if validation[epoch] < validation[best] { epoch } else { best });
    let curves = [("training", train), ("validation", validation)];
    let figure = figures::training_curves(&curves, "WHXE [nat]", Some(kept), &FigureStyle::new())?;
    gallery.add("training_curves", "training_curves", "Training", &figure)
}
