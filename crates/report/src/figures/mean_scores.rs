//! What a classifier thinks of the objects of a class as they age.

use super::since_trigger::line_with_gaps;
use crate::error::{Result, check_count, check_finite, check_length};
use crate::figure::Figure;
use crate::legend::{self, Entries, Swatch};
use crate::panel::{Axis, Panel};
use crate::panel_grid::PanelGrid;
use crate::scale::{self, Scale};
use crate::sheet::Sheet;
use crate::style::FigureStyle;

/// Mean scores of the objects of one true class.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanScores<'a> {
    /// Name of the true class.
    pub true_class: &'a str,
    /// Number of objects.
    pub n_objects: u64,
    /// Mean score, `[class][phase]`; NaN where there is none.
    pub mean: Vec<Vec<f64>>,
    /// Standard deviations of the same shape, drawn as a band; or nothing.
    pub std: Vec<Vec<f64>>,
}

/// Mean score of every class against the phase, a panel per true class (ORACLE, figs. 16 and 17).
///
/// # Errors
/// [`Empty`](crate::ReportError::Empty), [`TooMany`](crate::ReportError::TooMany) of more than 100 panels or 200 classes;
/// [`Length`](crate::ReportError::Length) unless there is a row per class and a number per phase;
/// [`Value`](crate::ReportError::Value) of phases that are not finite; [`Style`](crate::ReportError::Style).
pub fn mean_scores(
    panels: &[MeanScores<'_>],
    phases: &[f64],
    phase_label: &str,
    class_names: &[impl AsRef<str>],
    style: &FigureStyle,
) -> Result<Figure> {
    check_count("panels", panels.len(), 100)?;
    check_count("phases", phases.len(), 10_000)?;
    check_count("classes", class_names.len(), 200)?;
    check_finite("phase", phases)?;
    for panel in panels {
        check_length("rows of mean scores", class_names.len(), panel.mean.len())?;
        if !panel.std.is_empty() {
            check_length("rows of standard deviations", class_names.len(), panel.std.len())?;
        }
        for row in panel.mean.iter().chain(&panel.std) {
            check_length("phases of a row", phases.len(), row.len())?;
        }
    }
    let columns = if panels.len() == 4 { 2 } else { panels.len().min(3) };
    let rows = panels.len().div_ceil(columns);
    let natural =
        if panels.len() == 1 { (480.0, 340.0) } else { (260.0 * columns as f64, 60.0 + 210.0 * rows as f64) };
    let mut sheet = Sheet::new(style, natural)?;
    let names = class_names.iter().enumerate();
    let entries: Entries =
        names.map(|(i, name)| (Swatch::Line(style.stroke(i, 2.0)), name.as_ref().to_owned())).collect();
    let area = legend::rows(&mut sheet.canvas, &entries, sheet.area, style);
    let grid =
        PanelGrid::new(&mut sheet.canvas, area, (panels.len(), columns), [phase_label, "mean score"], style);
    let x = Axis::new("", Scale::around(phases.iter().copied(), 0.02));
    let mut described = Vec::new();
    for (i, data) in panels.iter().enumerate() {
        let panel = Panel::new(grid.cell(i), x.clone(), Axis::share(""), style);
        panel.draw(&mut sheet.canvas, style);
        panel.heading(&mut sheet.canvas, &format!("{} (n = {})", data.true_class, data.n_objects), style);
        for (class, mean) in data.mean.iter().enumerate() {
            if let Some(std) = data.std.get(class) {
                let at = |sign: f64| {
                    let heights =
                        mean.iter().zip(std).map(move |(mean, std)| (mean + sign * std).clamp(0.0, 1.0));
                    phases.iter().zip(heights).filter(|(_, y)| y.is_finite()).map(|(&x, y)| panel.at(x, y))
                };
                let band: Vec<(f64, f64)> =
                    at(1.0).chain(at(-1.0).collect::<Vec<_>>().into_iter().rev()).collect();
                sheet.canvas.polygon(&band, style.colour(class), 0.12);
            }
            let values: Vec<Option<f64>> = mean.iter().map(|mean| Some(*mean)).collect();
            line_with_gaps(&mut sheet.canvas, &panel, phases, &values, style, class);
        }
        described.push(describe(data, phases, class_names));
    }
    let alt = format!("Mean scores against {phase_label}. {}.", described.join("; "));
    Ok(sheet.finish("Mean scores", alt))
}

/// The highest mean score at the last phase.
fn describe(data: &MeanScores<'_>, phases: &[f64], names: &[impl AsRef<str>]) -> String {
    let last =
        data.mean.iter().map(|row| row[phases.len() - 1]).enumerate().filter(|(_, mean)| mean.is_finite());
    match last.max_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((class, mean)) => format!(
            "Objects of {} at {}: {} {mean:.2}",
            data.true_class,
            scale::number(phases[phases.len() - 1]),
            names[class].as_ref()
        ),
        None => format!("Objects of {}: no score at the end", data.true_class),
    }
}
