//! A light curve above the classifications that it led to.

use std::fmt::Write as _;

use heliacal_lightcurve::LightCurveView;
use heliacal_metrics::PmfHistory;

use super::brightness::{Brightness, Points, TimeAxis, time_axis};
use super::light_curve::trigger;
use crate::canvas::{Marker, Rect, Stroke};
use crate::error::{ReportError, Result, check_count, check_finite, check_length};
use crate::figure::Figure;
use crate::legend::{self, Entries, Swatch};
use crate::panel::{Axis, Panel, left_margin};
use crate::sheet::Sheet;
use crate::style::FigureStyle;

/// The most classes with a line of their own; the others are summed.
const MOST_LINES: usize = 8;

/// The classifications of one object by one classifier.
#[derive(Debug, Clone, Copy)]
pub struct Classifications<'a> {
    /// Name of the classifier.
    pub name: &'a str,
    /// The PMFs.
    pub history: &'a PmfHistory,
    /// When each was made, Modified Julian Date \[day\], ascending.
    pub mjd: &'a [f64],
    /// When it had converged (ESC_f), if it did; marked with a line.
    pub converged_mjd: Option<f64>,
}

/// One object: its light curve above the probabilities of its classes over time, a panel per classifier (Beyond the Final
/// Label, figs. 1, 2, 5, 6).
///
/// The true class has a thick line. Of more than eight classes, those that were ever most probable have lines and the
/// others are summed. A dotted line marks convergence.
///
/// # Errors
/// [`Empty`](ReportError::Empty) without observations, classifiers or classes; [`Length`](ReportError::Length) unless there
/// is a time per classification and a name per class; [`Value`](ReportError::Value) of times that are not finite or
/// descend, and of a true class that is none; [`TooMany`](ReportError::TooMany) of more than 12 classifiers;
/// [`NoTrigger`](ReportError::NoTrigger), [`Style`](ReportError::Style).
pub fn pmf_evolution(
    light_curve: LightCurveView<'_>,
    classifiers: &[Classifications<'_>],
    class_names: &[impl AsRef<str>],
    true_class: Option<usize>,
    brightness: Brightness,
    time: TimeAxis,
    style: &FigureStyle,
) -> Result<Figure> {
    check(light_curve, classifiers, class_names.len(), true_class)?;
    if let TimeAxis::Phase { period } = time {
        // Classifications have no phase.
        let (what, expected) = ("period", "MJD or days since trigger as time");
        return Err(ReportError::Value { what, index: 0, value: period, expected });
    }
    let points = Points::new(light_curve, brightness, time)?;
    let origin = time.origin(light_curve)?;
    let n_panels = classifiers.len();
    let mut sheet = Sheet::new(style, (640.0, 270.0 + 200.0 * n_panels as f64))?;
    let classification_times =
        classifiers.iter().flat_map(|classifier| classifier.mjd).map(|mjd| mjd - origin);
    let x = time_axis(time, points.times().chain(classification_times));
    let y = points.axis();

    let lines = lines(classifiers, class_names.len(), true_class);
    let below = legend::rows(&mut sheet.canvas, &points.legend(style), sheet.area, style);
    let curve_height = below.height * 1.15 / (1.15 + n_panels as f64);
    let margin =
        left_margin(&y, curve_height, style).max(left_margin(&Axis::share("p"), curve_height, style));
    let curve = Rect { height: curve_height, ..below };
    let panel = Panel::with_left(curve, margin, x.clone().unlabelled(), y, style);
    panel.draw(&mut sheet.canvas, style);
    trigger(&mut sheet.canvas, &panel, light_curve, time, style);
    points.draw(&mut sheet.canvas, &panel, 0.25 * style.font_size, style);

    let below = below.inset(0.0, curve_height + 4.0, 0.0, 0.0);
    let below = legend::rows(&mut sheet.canvas, &entries(&lines, class_names, style), below, style);
    // The last panel is higher by its numbers and label.
    let label_room = 2.9 * style.font_size + 4.0;
    let height = (below.height - label_room) / n_panels as f64;
    for (i, classifier) in classifiers.iter().enumerate() {
        let is_last = i + 1 == n_panels;
        let y = below.y + i as f64 * height;
        let area = Rect { y, height: if is_last { height + label_room } else { height }, ..below };
        let x = if is_last { x.clone() } else { x.clone().unlabelled() };
        let panel = Panel::with_left(area, margin, x, Axis::share("probability"), style);
        panel.draw(&mut sheet.canvas, style);
        draw_lines(&mut sheet, &panel, classifier, &lines, origin);
        if n_panels > 1 || !classifier.name.is_empty() {
            panel.caption(&mut sheet.canvas, classifier.name, style);
        }
    }
    let alt = alt(&points, classifiers, class_names, true_class);
    Ok(sheet.finish("Light curve and classifications", alt))
}

/// A line of the PMF panels: a class, or the sum of the rest.
#[derive(Clone, PartialEq)]
enum Line {
    Class { class: usize, rank: usize, is_true: bool },
    Rest { classes: Vec<usize> },
}

impl Line {
    fn stroke(&self, style: &FigureStyle) -> Stroke {
        match self {
            Self::Class { rank, is_true, .. } => style.stroke(*rank, if *is_true { 3.0 } else { 1.5 }),
            Self::Rest { .. } => Stroke::new(style.muted(), 1.2).dashed("1 3"),
        }
    }
}

fn check(
    light_curve: LightCurveView<'_>,
    classifiers: &[Classifications<'_>],
    n_classes: usize,
    true_class: Option<usize>,
) -> Result<()> {
    if light_curve.is_empty() {
        return Err(ReportError::Empty { what: "observations" });
    }
    check_count("classifiers", classifiers.len(), 12)?;
    for classifier in classifiers {
        check_length("class names", classifier.history.n_classes(), n_classes)?;
        check_length("times of classifications", classifier.history.n_steps(), classifier.mjd.len())?;
        check_finite("time of a classification", classifier.mjd)?;
        if let Some(index) = classifier.mjd.windows(2).position(|pair| pair[0] > pair[1]) {
            let (what, expected) = ("time of a classification", "times in ascending order");
            return Err(ReportError::Value {
                what,
                index: index + 1,
                value: classifier.mjd[index + 1],
                expected,
            });
        }
    }
    match true_class {
        Some(class) if class >= n_classes => {
            let (what, expected) = ("true class", "the index of a class");
            Err(ReportError::Value { what, index: 0, value: class as f64, expected })
        }
        _ => Ok(()),
    }
}

/// All classes if they are few; otherwise the true one and those with the highest peaks.
fn lines(classifiers: &[Classifications<'_>], n_classes: usize, true_class: Option<usize>) -> Vec<Line> {
    let peak = |class: usize| {
        let steps = classifiers.iter().flat_map(|classifier| classifier.history.steps());
        steps.map(|pmf| pmf[class]).fold(0.0, f64::max)
    };
    let mut chosen: Vec<usize> = (0..n_classes).collect();
    if n_classes > MOST_LINES {
        let peaks: Vec<f64> = chosen.iter().map(|&class| peak(class)).collect();
        let key = |class: usize| if Some(class) == true_class { f64::INFINITY } else { peaks[class] };
        chosen.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        chosen.truncate(MOST_LINES);
        chosen.sort_unstable();
    }
    let rest: Vec<usize> = (0..n_classes).filter(|class| !chosen.contains(class)).collect();
    let class = |(rank, class)| Line::Class { class, rank, is_true: Some(class) == true_class };
    let mut lines: Vec<Line> = chosen.into_iter().enumerate().map(class).collect();
    if !rest.is_empty() {
        lines.push(Line::Rest { classes: rest });
    }
    lines
}

fn entries(lines: &[Line], names: &[impl AsRef<str>], style: &FigureStyle) -> Entries {
    let name = |line: &Line| match line {
        Line::Class { class, is_true, .. } => {
            format!("{}{}", names[*class].as_ref(), if *is_true { " (true)" } else { "" })
        }
        Line::Rest { classes } => format!("{} others", classes.len()),
    };
    lines.iter().map(|line| (Swatch::Line(line.stroke(style)), name(line))).collect()
}

fn draw_lines(
    sheet: &mut Sheet<'_>,
    panel: &Panel,
    classifier: &Classifications<'_>,
    lines: &[Line],
    origin: f64,
) {
    /// Markers of more steps than this run into each other.
    const MOST_MARKED: usize = 60;
    let style = sheet.style;
    if let Some(mjd) = classifier.converged_mjd {
        let x = panel.x(mjd - origin);
        let stroke = Stroke::new(style.ink, 1.5).dashed("2 2");
        sheet.canvas.line((x, panel.frame.y), (x, panel.frame.bottom()), stroke);
    }
    for line in lines {
        let probability = |pmf: &[f64]| match line {
            Line::Class { class, .. } => pmf[*class],
            Line::Rest { classes } => classes.iter().map(|&class| pmf[class]).sum(),
        };
        let steps = classifier.mjd.iter().zip(classifier.history.steps());
        let places: Vec<(f64, f64)> =
            steps.map(|(mjd, pmf)| panel.at(mjd - origin, probability(pmf))).collect();
        let stroke = line.stroke(style);
        let is_class = matches!(line, Line::Class { .. });
        sheet.canvas.polyline(places.iter().copied(), stroke);
        if is_class && places.len() <= MOST_MARKED {
            sheet.canvas.markers(Marker::Circle, places, 1.6 + 0.3 * stroke.width, stroke.colour, None);
        }
    }
}

fn alt(
    points: &Points,
    classifiers: &[Classifications<'_>],
    names: &[impl AsRef<str>],
    true_class: Option<usize>,
) -> String {
    let mut alt = format!("Light curve ({})", points.describe());
    if let Some(class) = true_class {
        let _ = write!(alt, " of a {}", names[class].as_ref());
    }
    for Classifications { name, history, converged_mjd, .. } in classifiers {
        let last = history.last();
        let best = (0..last.len()).max_by(|&a, &b| last[a].total_cmp(&last[b])).unwrap_or(0);
        let _ = write!(
            alt,
            "; {name}: {} classifications, the last one {} with probability {:.2}, {}",
            history.n_steps(),
            names[best].as_ref(),
            last[best],
            if converged_mjd.is_some() { "converged" } else { "no convergence marked" }
        );
    }
    alt.push('.');
    alt
}
