//! Does 80 % mean 80 %?

use heliacal_metrics::calibration::ReliabilityDiagram;

use crate::canvas::{Marker, Rect, Stroke};
use crate::error::{Result, check_count, check_finite};
use crate::figure::Figure;
use crate::legend::{self, Entries, Swatch};
use crate::panel::{Axis, Panel, left_margin};
use crate::scale::Scale;
use crate::sheet::Sheet;
use crate::style::FigureStyle;

/// Reliability diagrams in one panel: how often what was said with a confidence came true, against that confidence, over the
/// share of the predictions that were made with it. On the dashed diagonal a classifier means what it says; below it, it is
/// overconfident.
///
/// # Errors
/// [`Empty`](crate::ReportError::Empty), [`TooMany`](crate::ReportError::TooMany) of more than 12 diagrams or 1000 bins;
/// [`Value`](crate::ReportError::Value) of numbers that are not finite; [`Style`](crate::ReportError::Style).
pub fn reliability(
    diagrams: &[(impl AsRef<str>, &ReliabilityDiagram)],
    style: &FigureStyle,
) -> Result<Figure> {
    check_count("diagrams", diagrams.len(), 12)?;
    for (_, diagram) in diagrams {
        check_count("bins", diagram.bins.len(), 1000)?;
        for bin in &diagram.bins {
            let means = [bin.mean_confidence, bin.observed_frequency].into_iter().flatten();
            check_finite("number of a bin", &means.chain([bin.lower, bin.upper]).collect::<Vec<_>>())?;
        }
    }
    let mut sheet = Sheet::new(style, (400.0, 480.0))?;
    let mut described = Vec::new();
    let mut entries = Entries::new();
    for (i, (name, diagram)) in diagrams.iter().enumerate() {
        let ece = diagram.ece.map_or("–".to_owned(), |ece| format!("{ece:.3}"));
        described.push(format!("{}: ECE {ece} of {} predictions", name.as_ref(), diagram.count));
        entries.push((
            Swatch::Line(style.stroke(i, 2.0)),
            format!("{} ECE {ece}", name.as_ref()).trim().to_owned(),
        ));
    }
    let area = legend::rows(&mut sheet.canvas, &entries, sheet.area, style);
    let highest = diagrams.iter().flat_map(|(_, diagram)| shares(diagram)).fold(0.0, f64::max).max(1e-9);
    let counts_axis = Axis::new("share", Scale::Linear { low: 0.0, high: 1.1 * highest });
    let upper = Rect { height: 0.7 * area.height, ..area };
    let lower = area.inset(0.0, 0.7 * area.height + 4.0, 0.0, 0.0);
    let y = Axis::share("observed frequency");
    let margin = left_margin(&y, upper.height, style).max(left_margin(&counts_axis, lower.height, style));
    let panel_below = Panel::with_left(lower, margin, Axis::share("confidence"), counts_axis, style);
    let panel = Panel::with_left(upper, margin, Axis::share("").unlabelled(), y, style);
    panel.draw(&mut sheet.canvas, style);
    panel_below.draw(&mut sheet.canvas, style);
    let stroke = Stroke::new(style.muted(), 1.0).dashed("4 4");
    sheet.canvas.line(panel.at(0.0, 0.0), panel.at(1.0, 1.0), stroke);
    for (i, (_, diagram)) in diagrams.iter().enumerate() {
        let points: Vec<(f64, f64)> = diagram
            .bins
            .iter()
            .filter_map(|bin| Some(panel.at(bin.mean_confidence?, bin.observed_frequency?)))
            .collect();
        sheet.canvas.polyline(points.iter().copied(), style.stroke(i, 2.0));
        sheet.canvas.markers(Marker::ALL[i % Marker::ALL.len()], points, 3.5, style.colour(i), None);
        let outline =
            diagram.bins.iter().zip(shares(diagram)).flat_map(|(bin, share)| {
                [panel_below.at(bin.lower, share), panel_below.at(bin.upper, share)]
            });
        let floor = panel_below.frame.bottom();
        let ends = diagram.bins.first().zip(diagram.bins.last());
        let Some((first, last)) = ends else { continue };
        let start = (panel_below.x(first.lower), floor);
        let end = (panel_below.x(last.upper), floor);
        let outline: Vec<(f64, f64)> = [start].into_iter().chain(outline).chain([end]).collect();
        sheet.canvas.polygon(&outline, style.colour(i), 0.15);
        sheet.canvas.polyline(outline, style.stroke(i, 1.5));
    }
    let alt = format!("Reliability diagram. {}.", described.join("; "));
    Ok(sheet.finish("Reliability diagram", alt))
}

/// Share of the predictions in every bin.
fn shares(diagram: &ReliabilityDiagram) -> impl Iterator<Item = f64> + '_ {
    diagram.bins.iter().map(|bin| bin.count as f64 / diagram.count.max(1) as f64)
}
