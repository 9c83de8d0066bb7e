//! Light curves in six bands.

use heliacal_lightcurve::LightCurveView;

use super::brightness::{Brightness, Points, TimeAxis, time_axis};
use crate::canvas::{Canvas, Stroke};
use crate::error::{ReportError, Result, check_count};
use crate::figure::Figure;
use crate::legend;
use crate::panel::{Axis, Panel, left_margin};
use crate::panel_grid::PanelGrid;
use crate::scale;
use crate::sheet::Sheet;
use crate::style::FigureStyle;

/// A light curve: filled markers are detections, hollow ones forced photometry without detection; colours and symbols of
/// the passbands follow Rubin Observatory's technical note RTN-045; bars are one standard deviation. A dashed line marks the
/// trigger, the first detection.
///
/// ```
/// use heliacal_lightcurve::{LightCurve, Observation, Passband};
/// use heliacal_report::FigureStyle;
/// use heliacal_report::figures::{Brightness, TimeAxis, light_curve};
///
/// let observation = |mjd, flux| Observation { mjd, flux, flux_err: 3.0, passband: Passband::LsstR, detection: flux > 15.0 };
/// let rise = LightCurve::from_observations([observation(60000.0, 2.0), observation(60003.0, 40.0)])?;
/// let figure = light_curve(rise.view(), Brightness::Flux, TimeAxis::DaysSinceTrigger, &FigureStyle::new())?;
/// assert_eq!(figure.alt(), "Light curve: 2 observations in r over 3.0 days, 1 of them detections.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Empty`](ReportError::Empty) without an observation that can be drawn;
/// [`NoTrigger`](ReportError::NoTrigger) for days since a trigger that never was; [`Style`](ReportError::Style).
pub fn light_curve(
    light_curve: LightCurveView<'_>,
    brightness: Brightness,
    time: TimeAxis,
    style: &FigureStyle,
) -> Result<Figure> {
    let points = drawable(light_curve, brightness, time)?;
    let mut sheet = Sheet::new(style, (640.0, 360.0))?;
    let area = legend::rows(&mut sheet.canvas, &points.legend(style), sheet.area, style);
    let panel = Panel::new(area, time_axis(time, points.times()), points.axis(), style);
    panel.draw(&mut sheet.canvas, style);
    trigger(&mut sheet.canvas, &panel, light_curve, time, style);
    points.draw(&mut sheet.canvas, &panel, 0.27 * style.font_size, style);
    let days =
        light_curve.mjd().last().zip(light_curve.mjd().first()).map_or(0.0, |(last, first)| last - first);
    let n_detections = light_curve.detection().iter().filter(|&&detected| detected).count();
    let days = scale::fixed(days, 1);
    let alt =
        format!("Light curve: {} over {days} days, {n_detections} of them detections.", points.describe());
    Ok(sheet.finish("Light curve", alt))
}

/// A light curve of a [`light_curve_grid`].
#[derive(Debug, Clone, Copy)]
pub struct GridCurve<'a> {
    /// What stands above it.
    pub name: &'a str,
    /// The light curve.
    pub light_curve: LightCurveView<'a>,
    /// Its horizontal axis: variable stars may be folded with a period each.
    pub time: TimeAxis,
}

/// Many light curves, each in a small panel with its name; axes differ from panel to panel.
///
/// # Errors
/// Those of [`light_curve()`]; [`TooMany`](ReportError::TooMany) of more than 400 or, in one row, 40.
pub fn light_curve_grid(
    curves: &[GridCurve<'_>],
    columns: usize,
    brightness: Brightness,
    style: &FigureStyle,
) -> Result<Figure> {
    check_count("light curves", curves.len(), 400)?;
    check_count("columns", columns, 40)?;
    let all: Vec<Points> = curves
        .iter()
        .map(|curve| drawable(curve.light_curve, brightness, curve.time))
        .collect::<Result<_>>()?;
    let rows = all.len().div_ceil(columns);
    let mut sheet = Sheet::new(style, (190.0 * columns as f64, 40.0 + 140.0 * rows as f64))?;
    // The legend of the panel with the most bands serves all.
    let richest = all.iter().map(|points| points.legend(style)).max_by_key(Vec::len).unwrap_or_default();
    let area = legend::rows(&mut sheet.canvas, &richest, sheet.area, style);
    // One name for all horizontal axes where they measure the same.
    let x_label = curves[0].time.label();
    let is_common = curves.iter().all(|curve| curve.time.label() == x_label);
    let labels = [if is_common { x_label } else { "" }, brightness.label()];
    let grid = PanelGrid::new(&mut sheet.canvas, area, (all.len(), columns), labels, style);
    let small = FigureStyle { font_size: 0.8 * style.font_size, ..style.clone() };
    let axes: Vec<(Axis, Axis)> = all
        .iter()
        .zip(curves)
        .map(|(points, curve)| {
            let (x, y) = (time_axis(curve.time, points.times()), points.axis().unnamed());
            (if is_common { x.unnamed() } else { x }, y)
        })
        .collect();
    let height = grid.cell(0).height;
    let margin = axes.iter().map(|(_, y)| left_margin(y, height, &small)).fold(0.0, f64::max);
    for (i, ((points, curve), (x, y))) in all.iter().zip(curves).zip(axes).enumerate() {
        let panel = Panel::with_left(grid.cell(i), margin, x, y, &small);
        panel.draw(&mut sheet.canvas, &small);
        panel.heading(&mut sheet.canvas, curve.name, &small);
        trigger(&mut sheet.canvas, &panel, curve.light_curve, curve.time, &small);
        points.draw(&mut sheet.canvas, &panel, 0.17 * style.font_size, style);
    }
    let n_observations: usize = curves.iter().map(|curve| curve.light_curve.len()).sum();
    let names: Vec<&str> = curves.iter().map(|curve| curve.name).collect();
    let alt =
        format!("{} light curves, {n_observations} observations in all: {}.", all.len(), names.join(", "));
    Ok(sheet.finish("Light curves", alt))
}

fn drawable(light_curve: LightCurveView<'_>, brightness: Brightness, time: TimeAxis) -> Result<Points> {
    let points = Points::new(light_curve, brightness, time)?;
    if points.times().next().is_none() {
        return Err(ReportError::Empty { what: "observations" });
    }
    Ok(points)
}

/// A dashed line at the first detection.
pub(super) fn trigger(
    canvas: &mut Canvas,
    panel: &Panel,
    light_curve: LightCurveView<'_>,
    time: TimeAxis,
    style: &FigureStyle,
) {
    if matches!(time, TimeAxis::Phase { .. }) {
        return;
    }
    if let (Some(first), Ok(origin)) = (light_curve.first_detection(), time.origin(light_curve)) {
        let x = panel.x(light_curve.mjd()[first] - origin);
        let stroke = Stroke::new(style.muted(), 1.0).dashed("4 3");
        canvas.line((x, panel.frame.y), (x, panel.frame.bottom()), stroke);
    }
}
