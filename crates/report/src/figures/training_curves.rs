//! What training did, epoch by epoch.

use std::fmt::Write as _;

use crate::canvas::{Marker, Stroke};
use crate::error::{ReportError, Result, check_count};
use crate::figure::Figure;
use crate::legend::{self, Entries, Swatch};
use crate::panel::{Axis, Panel};
use crate::scale::{self, Scale};
use crate::sheet::Sheet;
use crate::style::FigureStyle;

/// Losses or accuracies against epochs, counted from 1; NaN is a gap. `kept`: the epoch whose weights were kept, from 0.
///
/// The scale is one of factors where all values are above 0 and the largest is more than 20 times the smallest.
///
/// # Errors
/// [`Empty`](ReportError::Empty) without curves or without a finite number; [`TooMany`](ReportError::TooMany) of more than 50
/// curves or a million epochs; [`Value`](ReportError::Value) of a kept epoch that never was; [`Style`](ReportError::Style).
///
/// ```
/// use heliacal_report::{FigureStyle, figures::training_curves};
///
/// let curves = [("training", vec![1.0, 0.6, 0.5]), ("validation", vec![1.1, 0.7, 0.8])];
/// let figure = training_curves(&curves, "WHXE", Some(1), &FigureStyle::new())?;
/// assert_eq!(figure.alt(), "WHXE over 3 epochs; training: last 0.5; validation: last 0.8; epoch 2 was kept.");
/// # Ok::<(), heliacal_report::ReportError>(())
/// ```
pub fn training_curves(
    curves: &[(impl AsRef<str>, impl AsRef<[f64]>)],
    y_label: &str,
    kept: Option<usize>,
    style: &FigureStyle,
) -> Result<Figure> {
    check_count("curves", curves.len(), 50)?;
    let n_epochs = curves.iter().map(|(_, values)| values.as_ref().len()).max().unwrap_or(0);
    check_count("epochs", n_epochs, 1_000_000)?;
    if let Some(epoch) = kept.filter(|&epoch| epoch >= n_epochs) {
        let (what, expected) = ("kept epoch", "an epoch of the curves");
        return Err(ReportError::Value { what, index: 0, value: epoch as f64, expected });
    }
    let all = || curves.iter().flat_map(|(_, values)| values.as_ref()).copied();
    let (low, high) = scale::range(all()).ok_or(ReportError::Empty { what: "finite numbers" })?;
    let y_scale = if low > 0.0 && high > 20.0 * low {
        Scale::Log { low: low / 1.2, high: high * 1.2 }
    } else {
        Scale::around(all(), 0.06)
    };
    let mut sheet = Sheet::new(style, (520.0, 340.0))?;
    let mut entries: Entries = curves
        .iter()
        .enumerate()
        .map(|(i, (name, _))| (Swatch::Line(style.stroke(i, 2.0)), name.as_ref().to_owned()))
        .collect();
    let kept_stroke = Stroke::new(style.muted(), 1.2).dashed("4 3");
    if let Some(epoch) = kept {
        entries.push((Swatch::Line(kept_stroke), format!("kept: epoch {}", epoch + 1)));
    }
    let area = legend::rows(&mut sheet.canvas, &entries, sheet.area, style);
    let x_scale = Scale::Linear { low: 0.5, high: n_epochs as f64 + 0.5 };
    // Epochs are whole: no ticks between them.
    let ticks = x_scale.ticks(8).into_iter().filter(|(epoch, _)| epoch.fract() == 0.0 && *epoch >= 1.0);
    let x = Axis::new("epoch", x_scale)
        .with_ticks(ticks.map(|(epoch, _)| (epoch, scale::number(epoch))).collect());
    let panel = Panel::new(area, x, Axis::new(y_label, y_scale), style);
    panel.draw(&mut sheet.canvas, style);
    if let Some(epoch) = kept {
        let x = panel.x(epoch as f64 + 1.0);
        sheet.canvas.line((x, panel.frame.y), (x, panel.frame.bottom()), kept_stroke);
    }
    let mut alt = format!("{y_label} over {n_epochs} epochs");
    for (i, (name, values)) in curves.iter().enumerate() {
        let values = values.as_ref();
        let points: Vec<(f64, f64)> =
            values.iter().enumerate().map(|(epoch, &value)| panel.at(epoch as f64 + 1.0, value)).collect();
        for piece in points.split(|(_, y)| !y.is_finite()) {
            sheet.canvas.polyline(piece.iter().copied(), style.stroke(i, 2.0));
        }
        if n_epochs <= 40 {
            let marker = Marker::ALL[i % Marker::ALL.len()];
            sheet.canvas.markers(marker, points, 2.5, style.colour(i), None);
        }
        let last = values.last().map_or("none".to_owned(), |&last| scale::number(last));
        let _ = write!(alt, "; {}: last {last}", name.as_ref());
    }
    if let Some(epoch) = kept {
        let _ = write!(alt, "; epoch {} was kept", epoch + 1);
    }
    alt.push('.');
    Ok(sheet.finish("Training curves", alt))
}
