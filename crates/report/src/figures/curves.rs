//! How well scores separate a class from the rest.

use heliacal_metrics::scorecard::{PrecisionRecallCurve, RocCurve};

use crate::canvas::{Rect, Stroke};
use crate::error::{Result, check_count, check_length, check_share};
use crate::figure::Figure;
use crate::legend::{Column, Entries, Swatch};
use crate::panel::{Axis, Panel};
use crate::sheet::Sheet;
use crate::style::FigureStyle;

/// A curve within the unit square, with its name.
struct Curve<'a> {
    name: String,
    x: &'a [f64],
    y: &'a [f64],
}

/// ROC curves, one class against the rest (ORACLE, figs. 13 to 15), each with its area; the diagonal is chance.
///
/// ```
/// use heliacal_metrics::scorecard::roc_curve;
/// use heliacal_report::{FigureStyle, figures::roc_curves};
///
/// let curve = roc_curve(&[0.8, 0.5, 0.5, 0.1], &[true, true, false, false])?.expect("both kinds are there");
/// let figure = roc_curves(&[("SNIa", &curve)], &FigureStyle::new())?;
/// assert_eq!(figure.alt(), "ROC curves of 1 classes: SNIa (AUC 0.875).");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Empty`](crate::ReportError::Empty), [`TooMany`](crate::ReportError::TooMany) of more than 200 curves;
/// [`Length`](crate::ReportError::Length), [`Value`](crate::ReportError::Value) of curves that are none;
/// [`Style`](crate::ReportError::Style).
pub fn roc_curves(curves: &[(impl AsRef<str>, &RocCurve)], style: &FigureStyle) -> Result<Figure> {
    let lines: Vec<Curve<'_>> = curves
        .iter()
        .map(|(name, curve)| Curve {
            name: format!("{} (AUC {:.3})", name.as_ref(), curve.area()),
            x: &curve.false_positive_rate,
            y: &curve.true_positive_rate,
        })
        .collect();
    let sheet = draw(&lines, ["false positive rate", "true positive rate"], true, style)?;
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let alt = format!("ROC curves of {} classes: {}.", lines.len(), names.join(", "));
    Ok(sheet.finish("ROC curves", alt))
}

/// Precision against recall, one class against the rest, each with the share of positives: the precision of chance.
///
/// # Errors
/// As [`roc_curves`].
pub fn precision_recall_curves(
    curves: &[(impl AsRef<str>, &PrecisionRecallCurve)],
    style: &FigureStyle,
) -> Result<Figure> {
    let lines: Vec<Curve<'_>> = curves
        .iter()
        .map(|(name, curve)| {
            let all = (curve.n_positive + curve.n_negative).max(1);
            let share = curve.n_positive as f64 / all as f64;
            Curve {
                name: format!("{} (chance {share:.3})", name.as_ref()),
                x: &curve.recall,
                y: &curve.precision,
            }
        })
        .collect();
    let sheet = draw(&lines, ["recall (completeness)", "precision (purity)"], false, style)?;
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let alt = format!("Precision against recall of {} classes: {}.", lines.len(), names.join(", "));
    Ok(sheet.finish("Precision-recall curves", alt))
}

fn draw<'a>(
    curves: &[Curve<'_>],
    [x_label, y_label]: [&str; 2],
    has_diagonal: bool,
    style: &'a FigureStyle,
) -> Result<Sheet<'a>> {
    check_count("curves", curves.len(), 200)?;
    for curve in curves {
        check_length("points of a curve", curve.x.len(), curve.y.len())?;
        check_share("point of a curve", curve.x)?;
        check_share("point of a curve", curve.y)?;
    }
    let entries: Entries = curves
        .iter()
        .enumerate()
        .map(|(i, curve)| (Swatch::Line(style.stroke(i, 1.8)), curve.name.clone()))
        .collect();
    let height = 400.0;
    // Rows of the legend have room beside the frame, without the numbers below it.
    let legend_height = |height: f64| height - 4.0 * style.font_size;
    let room = Column::new(&entries, (1.4 * height, legend_height(height)), style).width();
    let mut sheet = Sheet::new(style, (height + room, height))?;
    let legend_room = (0.6 * sheet.area.width, legend_height(sheet.area.height));
    let column = Column::new(&entries, legend_room, style);
    let area = sheet.area.inset(0.0, 0.0, column.width() + style.font_size, 0.0);
    // Square, as both axes are shares.
    let side = area.width.min(area.height);
    let panel = Panel::new(
        Rect { width: side.max(0.7 * area.width), height: area.height, ..area },
        Axis::share(x_label),
        Axis::share(y_label),
        style,
    );
    panel.draw(&mut sheet.canvas, style);
    if has_diagonal {
        let stroke = Stroke::new(style.muted(), 1.0).dashed("4 4");
        sheet.canvas.line(panel.at(0.0, 0.0), panel.at(1.0, 1.0), stroke);
    }
    for (i, curve) in curves.iter().enumerate() {
        let points = curve.x.iter().zip(curve.y).map(|(&x, &y)| panel.at(x, y));
        sheet.canvas.polyline(points, style.stroke(i, 1.8));
    }
    column.draw(&mut sheet.canvas, &entries, (panel.frame.right() + style.font_size, panel.frame.y), style);
    Ok(sheet)
}
