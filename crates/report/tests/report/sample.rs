//! Every figure of the crate, drawn for any names.

use heliacal_lightcurve::{LightCurve, Observation, Passband};
use heliacal_metrics::calibration::{Bins, Reliability};
use heliacal_metrics::esc::{EscGrid, FlowBins, MassFlow};
use heliacal_metrics::evaluation::DaysSince;
use heliacal_metrics::scorecard::{
    Confusion, KaplanMeier, Ranking, SinceTriggerScorecards, ZeroDivision, precision_recall_curve, roc_curve,
};
use heliacal_metrics::{ClassTree, PmfHistory};
use heliacal_report::figures::{
    self, Brightness, Classifications, Flow, GridCurve, HeatMap, HistogramAxis, HistogramPanel, MeanScores,
    TimeAxis,
};
use heliacal_report::{Figure, FigureStyle, Result};

/// A rise and fall in all bands, every third point not detected.
pub fn light_curve() -> LightCurve {
    let observation = |i: usize| Observation {
        mjd: 60_000.0 + 1.7 * i as f64,
        flux: 400.0 * (-((i as f32 - 15.0) / 8.0).powi(2)).exp() - 2.0,
        flux_err: 3.0 + i as f32 % 4.0,
        passband: Passband::LSST[i % 6],
        detection: !i.is_multiple_of(3),
    };
    LightCurve::from_observations((0..30).map(observation)).unwrap()
}

/// Twelve classifications that lean more and more to the first class.
pub fn history(n_classes: usize) -> PmfHistory {
    let weight = |i: usize| {
        1.0 + if i.is_multiple_of(n_classes) { (i / n_classes) as f64 * n_classes as f64 } else { 0.0 }
    };
    PmfHistory::normalized(n_classes, (0..12 * n_classes).map(weight).collect()).unwrap()
}

/// All figures of as many classes as there are names.
pub fn all(names: &[String], style: &FigureStyle) -> Vec<(&'static str, Result<Figure>)> {
    let mut figures = curves(names, style);
    figures.extend(scores(names, style));
    figures.extend(early_stable(names, style));
    figures
}

fn curves(names: &[String], style: &FigureStyle) -> Vec<(&'static str, Result<Figure>)> {
    let curve = light_curve();
    let view = curve.view();
    let history = history(names.len());
    let mjd: Vec<f64> = (0..12).map(|i| 60_002.0 + 3.0 * f64::from(i)).collect();
    let classifications =
        Classifications { name: &names[0], history: &history, mjd: &mjd, converged_mjd: Some(60_020.0) };
    let grid: Vec<GridCurve<'_>> = names
        .iter()
        .enumerate()
        .map(|(i, name)| GridCurve {
            name,
            light_curve: view,
            time: if i % 2 == 0 { TimeAxis::DaysSinceTrigger } else { TimeAxis::Phase { period: 7.3 } },
        })
        .collect();
    let time = TimeAxis::DaysSinceTrigger;
    vec![
        ("flux", figures::light_curve(view, Brightness::Flux, TimeAxis::Mjd, style)),
        ("magnitude", figures::light_curve(view, Brightness::Magnitude, time, style)),
        ("grid", figures::light_curve_grid(&grid, 5, Brightness::Flux, style)),
        (
            "evolution",
            figures::pmf_evolution(
                view,
                &[classifications; 2],
                names,
                Some(0),
                Brightness::Flux,
                time,
                style,
            ),
        ),
    ]
}

fn scores(names: &[String], style: &FigureStyle) -> Vec<(&'static str, Result<Figure>)> {
    let n = names.len();
    let counts = (0..n * n).map(|i| if i % n == i / n { 900 } else { (i % 7) as u64 }).collect();
    let confusion = Confusion::from_counts(n, counts).unwrap();
    let tree = ClassTree::flat(n);
    let mut since =
        SinceTriggerScorecards::new(tree.clone(), vec![1.0, 2.0, 8.0, 64.0], Ranking::Off).unwrap();
    let days: Vec<f64> = (0..12).map(|i| 0.5 + f64::from(i)).collect();
    since.push(&history(n), &days, tree.leaves()[0]).unwrap();
    let reports = since.report(ZeroDivision::Skip);
    let is_positive: Vec<bool> = (0..40).map(|i| i % 3 == 0).collect();
    let grades: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 11)).collect();
    let roc = roc_curve(&grades, &is_positive).unwrap().unwrap();
    let recall = precision_recall_curve(&grades, &is_positive).unwrap().unwrap();
    let waits = KaplanMeier::new(&grades, &is_positive).unwrap();
    let mut reliability = Reliability::new(Bins::equal_width(10).unwrap());
    for (grade, &positive) in grades.iter().zip(&is_positive) {
        reliability.add(grade / 11.0, positive).unwrap();
    }
    let diagram = reliability.diagram();
    let levels = [names[0].clone(), names[n - 1].clone()];
    let named_roc: Vec<_> = names.iter().map(|name| (name, &roc)).collect();
    let named_recall: Vec<_> = names.iter().map(|name| (name, &recall)).collect();
    let node_names = [&levels[..1], names].concat();
    let node_probabilities = [vec![1.0], vec![1.0 / n as f64; n]].concat();
    // Of one class the root is the leaf.
    let n_nodes = tree.n_nodes();
    let mut drawn = vec![
        ("confusion", figures::confusion_matrix(&confusion, names, style)),
        ("counts", figures::confusion_matrix_with_counts(&confusion, names, style)),
        ("roc", figures::roc_curves(&named_roc, style)),
        ("recall", figures::precision_recall_curves(&named_recall, style)),
        ("waits", figures::days_to_confident(&[(&levels[0], &waits), (&levels[1], &waits)], style)),
        ("reliability", figures::reliability(&[(&levels[0], &diagram)], style)),
        (
            "tree",
            figures::tree_probabilities(
                tree.parents(),
                &node_names[..n_nodes],
                &node_probabilities[..n_nodes],
                Some(n_nodes - 1),
                style,
            ),
        ),
        (
            "training",
            figures::training_curves(&[(&names[0], vec![1.0, f64::NAN, 0.5])], &names[0], Some(2), style),
        ),
    ];
    if n > 1 {
        drawn.push((
            "since trigger",
            figures::scores_since_trigger(&reports, DaysSince::FirstClassification, &levels, style),
        ));
    }
    drawn
}

fn early_stable(names: &[String], style: &FigureStyle) -> Vec<(&'static str, Result<Figure>)> {
    let n = names.len();
    let values: Vec<f64> = (0..50).map(|i| f64::from(i * i % 50) / 50.0).collect();
    let panels: Vec<HistogramPanel<'_>> =
        names.iter().map(|name| HistogramPanel { name, values: vec![&values, &[]] }).collect();
    let mut grid = EscGrid::new(&[0.05, 0.1, 0.2], &[0.3, 0.5], 3).unwrap();
    grid.add_history(&history(n), 0).unwrap();
    let map = HeatMap { label: names[0].clone(), ..HeatMap::convergence(&grid) };
    let mut flow = MassFlow::new(n, FlowBins::HistoryFraction(4)).unwrap();
    flow.add(&history(n), None).unwrap();
    let mean: Vec<Vec<f64>> = (0..n).map(|class| vec![1.0 / (class + 2) as f64, f64::NAN, 0.3]).collect();
    let scores = MeanScores { true_class: &names[0], n_objects: 7, mean: mean.clone(), std: mean };
    let axis = HistogramAxis::share(&names[0]);
    vec![
        ("histograms", figures::histograms(&panels, &[&names[0], &names[n - 1]], axis, style)),
        ("percentiles", figures::percentile_histogram(&values, &[1.0, 5.0, 50.0], axis, style)),
        ("heat map", figures::heat_map(&map, style)),
        ("difference", figures::difference_heat_map(&map.difference(&map).unwrap(), style)),
        ("alluvial", figures::alluvial(&Flow::of(&flow), names, style)),
        ("mean scores", figures::mean_scores(&[scores], &[0.0, 4.0, 9.0], &names[0], names, style)),
    ]
}
