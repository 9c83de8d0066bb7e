//! Histograms of metrics, one classifier against another, class by class.

use std::fmt::Write as _;

use crate::canvas::{Canvas, Stroke};
use crate::error::{ReportError, Result, check_count, check_finite, check_length};
use crate::figure::Figure;
use crate::legend::{self, Swatch};
use crate::panel::{Axis, Panel, left_margin};
use crate::panel_grid::PanelGrid;
use crate::scale::{self, Scale};
use crate::sheet::Sheet;
use crate::style::FigureStyle;

/// What is counted in a histogram, and how wide its bins are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistogramAxis<'a> {
    /// Name and unit of the quantity.
    pub label: &'a str,
    /// Its range; values beyond it count in the outermost bins. `None`: that of the data.
    pub range: Option<(f64, f64)>,
    /// Number of bins, 1 to 500.
    pub n_bins: usize,
}

impl<'a> HistogramAxis<'a> {
    /// ESC_f or another share: 20 bins from 0 to 1.
    pub fn share(label: &'a str) -> Self {
        Self { label, range: Some((0.0, 1.0)), n_bins: 20 }
    }

    /// 30 bins over the range of the data.
    pub fn of_data(label: &'a str) -> Self {
        Self { label, range: None, n_bins: 30 }
    }

    fn resolve<'v>(&self, values: impl Iterator<Item = &'v f64>) -> Result<(f64, f64)> {
        check_count("bins", self.n_bins, 500)?;
        let (low, high) = match self.range {
            Some(range) => range,
            None => match scale::range(values.copied()) {
                Some((low, high)) if low < high => (low, high),
                Some((only, _)) => (only - 0.5, only + 0.5),
                None => (0.0, 1.0),
            },
        };
        if low < high && (high - low).is_finite() {
            return Ok((low, high));
        }
        Err(ReportError::Value {
            what: "range of a histogram",
            index: 1,
            value: high,
            expected: "an end above the start",
        })
    }

    /// Shares of the values per bin.
    fn shares(&self, (low, high): (f64, f64), values: &[f64]) -> Vec<f64> {
        let mut shares = vec![0.0; self.n_bins];
        for value in values {
            let bin = ((value - low) / (high - low) * self.n_bins as f64).floor().max(0.0);
            shares[(bin as usize).min(self.n_bins - 1)] += 1.0 / values.len() as f64;
        }
        shares
    }
}

/// The values of one class (or of all), by series: classifiers, say.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramPanel<'a> {
    /// Name of the class.
    pub name: &'a str,
    /// The values, `[series][object]`.
    pub values: Vec<&'a [f64]>,
}

/// Histograms of a metric, a panel per class, in each a step line per series with a dashed line at its mean: ESC_f of a base
/// classifier against a new one (Beyond the Final Label, figs. 7 and 8). Each series is scaled to sum to 1.
///
/// # Errors
/// [`Empty`](ReportError::Empty), [`TooMany`](ReportError::TooMany) of more than 400 panels, 12 series or 500 bins;
/// [`Length`](ReportError::Length) unless every panel has every series; [`Value`](ReportError::Value) of numbers that are
/// not finite and of an empty range; [`Style`](ReportError::Style).
pub fn histograms(
    panels: &[HistogramPanel<'_>],
    series: &[impl AsRef<str>],
    axis: HistogramAxis<'_>,
    style: &FigureStyle,
) -> Result<Figure> {
    check_count("panels", panels.len(), 400)?;
    check_count("series", series.len(), 12)?;
    for panel in panels {
        check_length("series of a panel", series.len(), panel.values.len())?;
        for values in &panel.values {
            check_finite("value", values)?;
        }
    }
    let range = axis.resolve(panels.iter().flat_map(|panel| panel.values.iter().copied().flatten()))?;
    let columns = match panels.len() {
        n @ ..=3 => n,
        4 => 2,
        5..=12 => 3,
        13..=24 => 5,
        _ => 8,
    };
    let rows = panels.len().div_ceil(columns);
    let natural =
        if panels.len() == 1 { (480.0, 320.0) } else { (230.0 * columns as f64, 40.0 + 180.0 * rows as f64) };
    let mut sheet = Sheet::new(style, natural)?;
    let mut area = sheet.area;
    if series.len() > 1 {
        let names = series.iter().enumerate();
        let entries: Vec<_> =
            names.map(|(i, name)| (Swatch::Line(style.stroke(i, 2.0)), name.as_ref().to_owned())).collect();
        area = legend::rows(&mut sheet.canvas, &entries, area, style);
    }
    let x_scale = Scale::Linear { low: range.0, high: range.1 };
    let labels = [axis.label, "share of objects"];
    let grid = PanelGrid::new(&mut sheet.canvas, area, (panels.len(), columns), labels, style);
    let shares: Vec<Vec<Vec<f64>>> = panels
        .iter()
        .map(|data| data.values.iter().map(|values| axis.shares(range, values)).collect())
        .collect();
    let y_axes: Vec<Axis> = shares
        .iter()
        .map(|shares| shares.iter().flatten().copied().fold(0.0, f64::max).max(1e-9))
        .map(|highest| Axis::new("", Scale::Linear { low: 0.0, high: 1.08 * highest }))
        .collect();
    let margin = y_axes.iter().map(|y| left_margin(y, grid.cell(0).height, style)).fold(0.0, f64::max);
    for (i, ((data, shares), y)) in panels.iter().zip(&shares).zip(y_axes).enumerate() {
        let panel = Panel::with_left(grid.cell(i), margin, Axis::new("", x_scale), y, style);
        panel.draw(&mut sheet.canvas, style);
        let n = data.values.iter().map(|values| values.len()).max().unwrap_or(0);
        if !data.name.is_empty() {
            panel.heading(&mut sheet.canvas, &format!("{} (n = {n})", data.name), style);
        }
        for (series, (shares, values)) in shares.iter().zip(&data.values).enumerate() {
            steps(&mut sheet.canvas, &panel, range, shares, style.stroke(series, 2.0));
            if let Some(mean) = mean(values) {
                let x = panel.x(mean.clamp(range.0, range.1));
                let stroke = Stroke::new(style.colour(series), 1.2).dashed("3 3");
                sheet.canvas.line((x, panel.frame.y), (x, panel.frame.bottom()), stroke);
            }
        }
    }
    let alt = histograms_alt(panels, series, axis.label);
    Ok(sheet.finish(axis.label, alt))
}

/// A histogram of distances between consecutive PMFs with chosen percentiles marked: what is a small step? (Beyond the Final
/// Label, fig. 3.)
///
/// # Errors
/// [`Empty`](ReportError::Empty) without values; [`Value`](ReportError::Value) of values that are not finite and percentiles
/// outside of 0 to 100; [`TooMany`](ReportError::TooMany); [`Style`](ReportError::Style).
pub fn percentile_histogram(
    values: &[f64],
    percentiles: &[f64],
    axis: HistogramAxis<'_>,
    style: &FigureStyle,
) -> Result<Figure> {
    check_count("values", values.len(), usize::MAX)?;
    check_count("percentiles", percentiles.len().max(1), 12)?;
    check_finite("value", values)?;
    if let Some(index) = percentiles.iter().position(|p| !(0.0..=100.0).contains(p)) {
        let (what, value) = ("percentile", percentiles[index]);
        return Err(ReportError::Value { what, index, value, expected: "a number from 0 to 100" });
    }
    let range = axis.resolve(values.iter())?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let marks: Vec<(f64, f64)> = percentiles.iter().map(|&p| (p, quantile(&sorted, p / 100.0))).collect();
    let mut sheet = Sheet::new(style, (480.0, 320.0))?;
    let entries: Vec<_> = marks
        .iter()
        .enumerate()
        .map(|(i, &(p, value))| {
            (Swatch::Line(mark_stroke(style, i)), format!("{p} %: {}", scale::fixed(value, 4)))
        })
        .collect();
    let area = legend::rows(&mut sheet.canvas, &entries, sheet.area, style);
    let shares = axis.shares(range, values);
    let highest = shares.iter().copied().fold(0.0, f64::max);
    let x = Axis::new(axis.label, Scale::Linear { low: range.0, high: range.1 });
    let y = Axis::new("share", Scale::Linear { low: 0.0, high: 1.08 * highest });
    let panel = Panel::new(area, x, y, style);
    panel.draw(&mut sheet.canvas, style);
    steps(&mut sheet.canvas, &panel, range, &shares, style.stroke(0, 1.5));
    for (i, &(_, value)) in marks.iter().enumerate() {
        let x = panel.x(value.clamp(range.0, range.1));
        sheet.canvas.line((x, panel.frame.y), (x, panel.frame.bottom()), mark_stroke(style, i));
    }
    let mut alt = format!("Histogram of {} values of {}", values.len(), axis.label);
    if let Some(mean) = mean(values) {
        let _ = write!(alt, ": mean {}", scale::fixed(mean, 4));
    }
    for (p, value) in marks {
        let _ = write!(alt, ", {p} % at {}", scale::fixed(value, 4));
    }
    alt.push('.');
    Ok(sheet.finish(axis.label, alt))
}

fn mark_stroke(style: &FigureStyle, index: usize) -> Stroke {
    Stroke::new(style.colour(index + 1), 2.0).dashed(["6 3", "2 2", "8 3 2 3"][index % 3])
}

/// The outline of a histogram over a pale filling.
fn steps(canvas: &mut Canvas, panel: &Panel, (low, high): (f64, f64), shares: &[f64], stroke: Stroke) {
    let edge = |bin: usize| panel.x(low + (high - low) * bin as f64 / shares.len() as f64);
    let floor = panel.frame.bottom();
    let top = shares.iter().enumerate().flat_map(|(bin, &share)| {
        let y = panel.y(share);
        [(edge(bin), y), (edge(bin + 1), y)]
    });
    let outline: Vec<(f64, f64)> =
        [(edge(0), floor)].into_iter().chain(top).chain([(edge(shares.len()), floor)]).collect();
    canvas.polygon(&outline, stroke.colour, 0.15);
    canvas.polyline(outline, stroke);
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Linear between the order statistics, as numpy's default. `sorted` is not empty.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = (place as usize).min(sorted.len() - 1);
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

fn histograms_alt(panels: &[HistogramPanel<'_>], series: &[impl AsRef<str>], label: &str) -> String {
    let mut alt = format!("Histograms of {label}, means:");
    for panel in panels {
        let _ = write!(alt, " {}", panel.name);
        for (series, values) in series.iter().zip(&panel.values) {
            let mean = mean(values).map_or("none".to_owned(), |mean| scale::fixed(mean, 3));
            let _ = write!(alt, " {} {mean}", series.as_ref());
        }
        alt.push(';');
    }
    alt.pop();
    alt.push('.');
    alt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_range_count_at_the_ends() {
        let axis = HistogramAxis { label: "x", range: None, n_bins: 4 };
        assert_eq!(axis.shares((0.0, 1.0), &[-5.0, 0.0, 0.3, 1.0]), [0.5, 0.25, 0.0, 0.25]);
    }

    #[test]
    fn quantiles_are_numpys() {
        // numpy.percentile([1, 2, 4, 8], [0, 10, 50, 100]) = 1, 1.3, 3, 8
        let at = |share| quantile(&[1.0, 2.0, 4.0, 8.0], share);
        assert_eq!([at(0.0), at(0.5), at(1.0)], [1.0, 3.0, 8.0]);
        assert!((at(0.1) - 1.3).abs() < 1e-15);
    }
}
