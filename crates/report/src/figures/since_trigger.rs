//! How scores grow with the days since the trigger.

use heliacal_metrics::evaluation::DaysSince;
use heliacal_metrics::scorecard::{AveragedScores, DayReport};

use crate::canvas::{Canvas, Marker};
use crate::error::{ReportError, Result, check_count};
use crate::figure::Figure;
use crate::legend::{self, Entries, Swatch};
use crate::panel::{Axis, Panel};
use crate::scale::{self, Scale};
use crate::sheet::Sheet;
use crate::style::FigureStyle;

/// One of the averaged scores.
type Score = fn(&AveragedScores) -> Option<f64>;

/// Precision, recall and F1 against days since trigger, or since the first classification, a line per level of the tree
/// (ORACLE, figs. 5 and 6): averages in which every class counts alike (macro). The root, where all is right, has no line.
///
/// # Errors
/// [`Empty`](ReportError::Empty) without days or without a level below the root; [`Length`](ReportError::Length) unless
/// there is a name per level, the root's included, and every day has every level; [`Value`](ReportError::Value) of days that
/// are not above 0; [`Style`](ReportError::Style).
pub fn scores_since_trigger<'a>(
    days: impl IntoIterator<Item = &'a DayReport>,
    since: DaysSince,
    level_names: &[impl AsRef<str>],
    style: &FigureStyle,
) -> Result<Figure> {
    let days: Vec<&DayReport> = days.into_iter().collect();
    check_count("days", days.len(), 1000)?;
    for day in &days {
        crate::error::check_length("levels", level_names.len(), day.levels.len())?;
    }
    let times: Vec<f64> = days.iter().map(|day| day.days_since_trigger).collect();
    // A level with one class says nothing.
    let levels: Vec<usize> =
        (0..level_names.len()).filter(|&level| days[0].levels[level].nodes.len() > 1).collect();
    check_count("levels below the root", levels.len(), 50)?;
    let x = days_axis(&times, since)?;
    let scores: [(&str, Score); 3] =
        [("precision", |s| s.precision), ("recall", |s| s.recall), ("F1", |s| s.f1)];

    let mut sheet = Sheet::new(style, (780.0, 300.0))?;
    let entries: Entries = levels
        .iter()
        .enumerate()
        .map(|(i, &level)| {
            let n_classes = days[0].levels[level].nodes.len();
            (
                Swatch::Line(style.stroke(i, 2.0)),
                format!("{} ({n_classes} classes)", level_names[level].as_ref()),
            )
        })
        .collect();
    let area = legend::rows(&mut sheet.canvas, &entries, sheet.area, style);
    let mut alt = format!("Macro-averaged scores against days since {since}.");
    for (column, (name, score)) in scores.into_iter().enumerate() {
        let cell = area.cell((1, 3), (0, column), 6.0);
        let panel = Panel::new(cell, x.clone(), Axis::share(format!("macro {name}")), style);
        panel.draw(&mut sheet.canvas, style);
        for (i, &level) in levels.iter().enumerate() {
            let value = |day: &DayReport| score(&day.levels[level].scorecard.scores.macro_average);
            let values: Vec<Option<f64>> = days.iter().map(|day| value(day)).collect();
            line_with_gaps(&mut sheet.canvas, &panel, &times, &values, style, i);
            if name == "F1" {
                alt.push_str(&describe(level_names[level].as_ref(), &times, &values));
            }
        }
    }
    Ok(sheet.finish(&format!("Scores since {since}"), alt))
}

/// Days on a scale of factors, with ticks at powers of two.
fn days_axis(days: &[f64], since: DaysSince) -> Result<Axis> {
    if let Some(index) = days.iter().position(|day| !(*day > 0.0 && day.is_finite())) {
        let (what, value) = ("days", days[index]);
        return Err(ReportError::Value { what, index, value, expected: "a finite number above 0" });
    }
    let (low, high) = scale::range(days.iter().copied()).unwrap_or((1.0, 2.0));
    let (low, high) = if low < high { (low / 1.15, high * 1.15) } else { (low / 2.0, high * 2.0) };
    let powers = (low.log2().ceil() as i32..=high.log2().floor() as i32).map(|power| 2f64.powi(power));
    let ticks: Vec<(f64, String)> = powers.map(|day| (day, scale::number(day))).collect();
    let axis = Axis::new(format!("time since {since} [day]"), Scale::Log { low, high });
    Ok(if ticks.is_empty() { axis } else { axis.with_ticks(ticks) })
}

/// A line with markers that is interrupted where there is no value.
pub(super) fn line_with_gaps(
    canvas: &mut Canvas,
    panel: &Panel,
    x: &[f64],
    values: &[Option<f64>],
    style: &FigureStyle,
    index: usize,
) {
    let stroke = style.stroke(index, 2.0);
    let points: Vec<Option<(f64, f64)>> = x
        .iter()
        .zip(values)
        .map(|(&x, value)| value.filter(|value| value.is_finite()).map(|value| panel.at(x, value)))
        .collect();
    for piece in points.split(Option::is_none) {
        canvas.polyline(piece.iter().copied().flatten(), stroke);
    }
    let marker = Marker::ALL[index % Marker::ALL.len()];
    canvas.markers(marker, points.into_iter().flatten(), 3.0, stroke.colour, None);
}

fn describe(name: &str, times: &[f64], values: &[Option<f64>]) -> String {
    let mut defined = times.iter().zip(values).filter_map(|(&time, value)| Some((time, (*value)?)));
    let (first, last) = (defined.next(), defined.next_back());
    let at = |(time, value): (f64, f64)| format!("{value:.2} after {} days", scale::number(time));
    match (first, last) {
        (Some(first), Some(last)) => format!(" F1 of {name}: {}, {}.", at(first), at(last)),
        (Some(only), None) => format!(" F1 of {name}: {}.", at(only)),
        _ => format!(" F1 of {name}: undefined."),
    }
}
