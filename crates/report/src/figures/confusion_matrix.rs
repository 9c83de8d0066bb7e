//! Which class is taken for which.

use std::cmp::Ordering;
use std::fmt::Write as _;

use heliacal_metrics::scorecard::Confusion;

use crate::canvas::{Anchor, Rect, Stroke, TextStyle};
use crate::colour::ColourMap;
use crate::colour_bar::ColourBar;
use crate::error::{Result, check_count, check_length};
use crate::figure::Figure;
use crate::sheet::Sheet;
use crate::style::FigureStyle;
use crate::text;

/// A cell below this many pixels is too small for its number.
const LEAST_CELL_WITH_TEXT: f64 = 15.0;
/// Above this many classes cells are a few pixels wide and have no tooltips.
const MOST_WITH_TOOLTIPS: usize = 100;
/// 4 million cells are no picture any more.
const MOST_CLASSES: usize = 1000;

/// A confusion matrix, each row scaled to sum to 1 (ORACLE, figs. 7 to 9): true classes from top to bottom, predicted ones
/// from left to right, the number of objects at the end of each row.
///
/// Shares below 0.5 % are not written. A class without objects has a grey row. The tooltip of a cell has its counts.
///
/// # Errors
/// [`Length`](crate::ReportError::Length) unless there is a name per class;
/// [`TooMany`](crate::ReportError::TooMany) of more than 1000 classes; [`Style`](crate::ReportError::Style).
pub fn confusion_matrix(
    confusion: &Confusion,
    names: &[impl AsRef<str>],
    style: &FigureStyle,
) -> Result<Figure> {
    draw(confusion, names, CellText::Share, style)
}

/// As [`confusion_matrix`], with the counts below the shares.
///
/// # Errors
/// As [`confusion_matrix`].
pub fn confusion_matrix_with_counts(
    confusion: &Confusion,
    names: &[impl AsRef<str>],
    style: &FigureStyle,
) -> Result<Figure> {
    draw(confusion, names, CellText::ShareAndCount, style)
}

#[derive(Clone, Copy, PartialEq)]
enum CellText {
    Share,
    ShareAndCount,
}

fn draw(
    confusion: &Confusion,
    names: &[impl AsRef<str>],
    cell_text: CellText,
    style: &FigureStyle,
) -> Result<Figure> {
    let n = confusion.n_classes();
    check_length("class names", n, names.len())?;
    check_count("classes", n, MOST_CLASSES)?;
    let size = style.tick_size();
    let name = |class: usize| text::fit(names[class].as_ref(), 11.0 * size, size);
    let name_room = (0..n).map(|class| text::width(&name(class), size)).fold(0.0, f64::max);
    let natural_cell = match (cell_text, n) {
        (CellText::Share, ..=12) => 42.0,
        (CellText::Share, ..=25) => 27.0,
        (_, 41..) => (800.0 / n as f64).max(2.0),
        (CellText::Share, _) => 21.0,
        (CellText::ShareAndCount, ..=12) => 50.0,
        (CellText::ShareAndCount, _) => 34.0,
    };
    let support = confusion.support();
    let support_room =
        support.iter().map(|n| text::width(&n.to_string(), size)).fold(2.0 * size, f64::max) + size;
    let bar = ColourBar {
        map: style.sequential.unwrap_or(ColourMap::Blues),
        low: 0.0,
        high: 1.0,
        label: "share of true class",
    };
    let bar_room = bar.width(200.0, style) + size;
    let left = 1.8 * style.font_size + name_room + 0.8 * size;
    let is_turned = name_room > natural_cell - 4.0;
    let below = 1.8 * style.font_size + if is_turned { 0.75 * name_room + 1.6 * size } else { 1.6 * size };
    let above = 1.4 * size;
    // Two classes, too, leave room for the names of the axes.
    let side = (n as f64 * natural_cell).max(170.0);
    let title = if style.title.is_some() { 2.0 * style.font_size } else { 0.0 };
    let natural = (left + side + support_room + bar_room + 12.0, above + side + below + 12.0 + title);
    let mut sheet = Sheet::new(style, natural)?;
    let free = sheet.area.inset(left, above, support_room + bar_room, below);
    let cell = (free.width / n as f64).min(free.height / n as f64);
    let frame = Rect { width: cell * n as f64, height: cell * n as f64, ..free };

    let matrix = Matrix { confusion, names, frame, cell, bar: &bar };
    matrix.draw_cells(&mut sheet, cell_text);
    // Names stand at every row; where rows are thinner than text, at every second, third ...
    let stride = (1.1 * size / cell).ceil().max(1.0) as usize;
    let canvas = &mut sheet.canvas;
    let middle = |class: usize| (class as f64 + 0.5) * cell;
    let end = TextStyle::new(size, style.ink, Anchor::End);
    canvas.text((frame.right() + support_room - 0.5 * size, frame.y - 0.6 * size), "n", end);
    let named = || (0..n).step_by(stride);
    // Turned names lie closer to each other than rows.
    let named_below = || (0..n).step_by((1.5 * size / cell).ceil().max(1.0) as usize);
    let y = |class: usize| frame.y + middle(class) + 0.35 * size;
    let x = |class: usize| frame.x + middle(class);
    let right = frame.right() + support_room - 0.5 * size;
    canvas.texts(end, named().map(|class| ((frame.x - 0.5 * size, y(class)), name(class))));
    canvas.texts(end, named().map(|class| ((right, y(class)), support[class].to_string())));
    if is_turned {
        let below = |class: usize| (x(class) + 0.35 * size, frame.bottom() + 0.9 * size);
        canvas.texts(end.turned(-50.0), named_below().map(|class| (below(class), name(class))));
    } else {
        let centred = TextStyle::new(size, style.ink, Anchor::Middle);
        canvas.texts(centred, named().map(|class| ((x(class), frame.bottom() + 1.3 * size), name(class))));
    }
    let label = TextStyle::new(style.font_size, style.ink, Anchor::Middle);
    let centre = (frame.x + 0.5 * frame.width, frame.y + 0.5 * frame.height);
    canvas.text((centre.0, frame.bottom() + below - 0.5 * style.font_size), "predicted class", label);
    let beside = frame.x - 0.5 * size - name_room - 0.8 * style.font_size;
    canvas.text((beside, centre.1), "true class", label.turned(-90.0));
    bar.draw(canvas, frame.right() + support_room + 0.5 * size, frame.y, frame.height, style);
    let alt = matrix.alt();
    Ok(sheet.finish("Confusion matrix", alt))
}

struct Matrix<'a, S> {
    confusion: &'a Confusion,
    names: &'a [S],
    frame: Rect,
    cell: f64,
    bar: &'a ColourBar<'a>,
}

impl<S: AsRef<str>> Matrix<'_, S> {
    fn draw_cells(&self, sheet: &mut Sheet<'_>, cell_text: CellText) {
        let Self { confusion, frame, cell, bar, .. } = *self;
        let (style, canvas) = (sheet.style, &mut sheet.canvas);
        canvas.rect(frame, Some(bar.colour(0.0)), None, None);
        let with_count = cell_text == CellText::ShareAndCount && cell > 2.0 * LEAST_CELL_WITH_TEXT;
        // "0.97" is 2.2 font sizes wide.
        let size = (cell / 2.6).min(style.tick_size());
        let mut written = Vec::new();
        for (true_class, row) in confusion.rows().enumerate() {
            let y = frame.y + true_class as f64 * cell;
            let total: u64 = row.iter().sum();
            if total == 0 {
                canvas.rect(Rect { y, height: cell, ..frame }, Some(bar.colour(f64::NAN)), None, None);
                continue;
            }
            for (predicted, &count) in row.iter().enumerate().filter(|&(_, &count)| count > 0) {
                let share = count as f64 / total as f64;
                let place = Rect { x: frame.x + predicted as f64 * cell, y, width: cell, height: cell };
                let title = (row.len() <= MOST_WITH_TOOLTIPS).then(|| {
                    let [truth, prediction] = [true_class, predicted].map(|class| self.names[class].as_ref());
                    format!("{truth} as {prediction}: {count} of {total} ({:.1} %)", 100.0 * share)
                });
                let colour = bar.colour(share);
                canvas.rect(place, Some(colour), None, title.as_deref());
                if cell < LEAST_CELL_WITH_TEXT || share < 0.005 {
                    continue;
                }
                let (x, middle) = (place.x + 0.5 * cell, y + 0.5 * cell);
                let up = if with_count { 0.1 } else { -0.35 };
                written.push((colour.text_on(), size, (x, middle - up * size), format!("{share:.2}")));
                if with_count {
                    let count = count.to_string();
                    let small = (0.85 * size).min(0.9 * cell / text::width(&count, 1.0));
                    written.push((colour.text_on(), small, (x, middle + 1.15 * small), count));
                }
            }
        }
        // Texts of one ink and size are written together.
        written.sort_by(|a, b| (a.0.red, a.1).partial_cmp(&(b.0.red, b.1)).unwrap_or(Ordering::Equal));
        for group in written.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let text = TextStyle::new(group[0].1, group[0].0, Anchor::Middle);
            canvas.texts(text, group.iter().map(|(_, _, place, number)| (*place, number)));
        }
        canvas.rect(frame, None, Some(Stroke::new(style.muted(), 1.0)), None);
    }

    fn alt(&self) -> String {
        let confusion = self.confusion;
        let mut alt = format!(
            "Row-normalized confusion matrix of {} objects in {} classes",
            confusion.n_objects(),
            confusion.n_classes()
        );
        if let (Some(accuracy), Some(balanced)) = (confusion.accuracy(), confusion.balanced_accuracy()) {
            let _ =
                write!(alt, ": accuracy {:.1} %, mean recall {:.1} %", 100.0 * accuracy, 100.0 * balanced);
        }
        if let Some((share, truth, predicted)) = self.worst() {
            let _ = write!(
                alt,
                "; the most frequent mistake of a class is {} taken for {}, {:.1} %",
                self.names[truth].as_ref(),
                self.names[predicted].as_ref(),
                100.0 * share
            );
        }
        alt.push('.');
        alt
    }

    /// The largest share off the diagonal, with its row and column.
    fn worst(&self) -> Option<(f64, usize, usize)> {
        let rows = self.confusion.rows().enumerate();
        let cells = rows.flat_map(|(truth, row)| {
            let total = row.iter().sum::<u64>().max(1) as f64;
            row.iter().enumerate().map(move |(predicted, &count)| (count as f64 / total, truth, predicted))
        });
        cells
            .filter(|&(share, truth, predicted)| truth != predicted && share > 0.0)
            .max_by(|a, b| a.0.total_cmp(&b.0))
    }
}
