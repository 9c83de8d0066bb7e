//! How long it takes until a classification is confident.

use heliacal_metrics::scorecard::KaplanMeier;

use crate::canvas::Stroke;
use crate::error::{ReportError, Result, check_count};
use crate::figure::Figure;
use crate::legend::{self, Entries, Swatch};
use crate::panel::{Axis, Panel};
use crate::scale::{self, Scale};
use crate::sheet::Sheet;
use crate::style::FigureStyle;

/// Waits shorter than this are drawn at the left edge: the axis has factors, and many objects wait no day at all \[day\].
const SHORTEST: f64 = 0.5;

/// The share of objects that are classified with confidence against the days since trigger, a line per level of the tree,
/// with a band of one standard error (Greenwood) and a mark at the median (ORACLE, fig. 10, with objects that were never
/// confident allowed for by Kaplan-Meier).
///
/// A line ends with the last object. Waits below half a day are drawn at the left edge.
///
/// # Errors
/// [`Empty`](ReportError::Empty) without levels or objects; [`TooMany`](ReportError::TooMany) of more than 50 levels;
/// [`Length`](ReportError::Length) of an estimate that does not have every column; [`Style`](ReportError::Style).
pub fn days_to_confident(levels: &[(impl AsRef<str>, &KaplanMeier)], style: &FigureStyle) -> Result<Figure> {
    check_count("levels", levels.len(), 50)?;
    for (_, waits) in levels {
        for column in [waits.survival.len(), waits.standard_error.len()] {
            crate::error::check_length("points of a Kaplan-Meier estimate", waits.times.len(), column)?;
        }
    }
    let longest =
        levels.iter().filter_map(|(_, waits)| waits.last_time).filter(|t| t.is_finite()).reduce(f64::max);
    let longest = longest.ok_or(ReportError::Empty { what: "objects" })?.max(2.0 * SHORTEST);
    let mut sheet = Sheet::new(style, (560.0, 360.0))?;
    let mut described = Vec::new();
    let mut entries = Entries::new();
    for (i, (name, waits)) in levels.iter().enumerate() {
        let name = name.as_ref();
        let median = match waits.median() {
            Some(days) => format!("half of the objects after {} days", scale::number(round2(days))),
            None => "less than half of the objects".to_owned(),
        };
        described.push(format!("{name}: {median} ({} of {})", waits.n_reached, waits.n_objects));
        let short = waits
            .median()
            .map_or("median –".to_owned(), |days| format!("median {} d", scale::number(round2(days))));
        entries.push((Swatch::Line(style.stroke(i, 2.0)), format!("{name}, {short}")));
    }
    let area = legend::rows(&mut sheet.canvas, &entries, sheet.area, style);
    let powers = (-1..=longest.log2().floor() as i32).map(|power| 2f64.powi(power));
    let ticks = powers.map(|day| (day, if day == SHORTEST { "≤0.5".to_owned() } else { scale::number(day) }));
    let x = Axis::new("time since trigger [day]", Scale::Log { low: SHORTEST, high: 1.02 * longest });
    let panel = Panel::new(
        area,
        x.with_ticks(ticks.collect()),
        Axis::share("share classified with confidence"),
        style,
    );
    panel.draw(&mut sheet.canvas, style);
    for (i, (_, waits)) in levels.iter().enumerate() {
        let stairs = Stairs::of(waits);
        let at = |(day, share): (f64, f64)| panel.at(day.max(SHORTEST), share.clamp(0.0, 1.0));
        let upper = stairs.points(|share, error| share + error);
        let lower = stairs.points(|share, error| share - error);
        let band: Vec<(f64, f64)> = upper.into_iter().chain(lower.into_iter().rev()).map(at).collect();
        sheet.canvas.polygon(&band, style.colour(i), 0.18);
        sheet.canvas.polyline(stairs.points(|share, _| share).into_iter().map(at), style.stroke(i, 2.0));
        if let Some(median) = waits.median() {
            let (x, y) = at((median, 0.5));
            let stroke = Stroke::new(style.colour(i), 1.2).dashed("2 3");
            sheet.canvas.line((x, y), (x, panel.frame.bottom()), stroke);
        }
    }
    let alt = format!("Days until classifications are confident. {}.", described.join("; "));
    Ok(sheet.finish("Days to confident classification", alt))
}

fn round2(days: f64) -> f64 {
    (100.0 * days).round() / 100.0
}

/// The steps of an estimate: from each day on a share and its standard error.
struct Stairs {
    steps: Vec<(f64, f64, f64)>,
    end: f64,
}

impl Stairs {
    fn of(waits: &KaplanMeier) -> Self {
        let events = waits.times.iter().zip(&waits.survival).zip(&waits.standard_error);
        let after = events.map(|((&day, survival), error)| (day, 1.0 - survival, error.unwrap_or(0.0)));
        let steps: Vec<_> = [(0.0, 0.0, 0.0)].into_iter().chain(after).collect();
        Self { steps, end: waits.last_time.unwrap_or(0.0) }
    }

    /// Corners of the line of one height per step.
    fn points(&self, height: impl Fn(f64, f64) -> f64) -> Vec<(f64, f64)> {
        let ends = self.steps.iter().skip(1).map(|step| step.0).chain([self.end]);
        let corners = self.steps.iter().zip(ends).flat_map(|(&(start, share, error), end)| {
            let y = height(share, error);
            [(start, y), (end, y)]
        });
        corners.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stairs_rise_at_events_and_end_with_the_last_object() {
        let waits = KaplanMeier::new(&[1.0, 2.0, 3.0, 5.0], &[true, false, true, false]).unwrap();
        let points = Stairs::of(&waits).points(|share, _| share);
        assert_eq!(points, [(0.0, 0.0), (1.0, 0.0), (1.0, 0.25), (3.0, 0.25), (3.0, 0.625), (5.0, 0.625)]);
    }
}
