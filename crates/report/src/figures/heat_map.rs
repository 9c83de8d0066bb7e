//! Convergence over a grid of epsilon and rho.

use std::fmt::Write as _;

use heliacal_metrics::esc::EscGrid;

use crate::canvas::{Anchor, Rect, Stroke, TextStyle};
use crate::colour::ColourMap;
use crate::colour_bar::ColourBar;
use crate::error::{ReportError, Result, check_count, check_finite, check_length};
use crate::figure::Figure;
use crate::scale;
use crate::sheet::Sheet;
use crate::style::FigureStyle;
use crate::text;

/// Numbers over a grid of two parameters: what a heat map shows.
///
/// ```
/// use heliacal_metrics::esc::EscGrid;
/// use heliacal_report::FigureStyle;
/// use heliacal_report::figures::{HeatMap, heat_map};
///
/// let mut grid = EscGrid::new(&[0.05, 0.2], &[0.5, 0.8], 2)?;
/// grid.add(&[0.1, 0.0], &[0.6, 0.6, 0.7])?;
/// let figure = heat_map(&HeatMap::convergence(&grid), &FigureStyle::new())?;
/// assert!(figure.alt().contains("from 0 (ε = 0.05, ρ = 0.8) to 1 (ε = 0.05, ρ = 0.5)"), "{}", figure.alt());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// What the numbers are.
    pub label: String,
    /// The parameter of the rows, from bottom to top.
    pub row_label: String,
    /// Its values.
    pub rows: Vec<f64>,
    /// The parameter of the columns.
    pub column_label: String,
    /// Its values.
    pub columns: Vec<f64>,
    /// The numbers, `[row][column]`; `None` and NaN are grey.
    pub values: Vec<Vec<Option<f64>>>,
}

impl HeatMap {
    /// Share of the objects that converged.
    pub fn convergence(grid: &EscGrid) -> Self {
        Self::of_grid("convergence proportion", grid, |epsilon, rho| grid.convergence(epsilon, rho))
    }

    /// Mean ESC_f, objects that did not converge counting as 1.
    pub fn esc_fraction(grid: &EscGrid) -> Self {
        Self::of_grid("mean ESC_f", grid, |epsilon, rho| grid.mean_esc_fraction(epsilon, rho))
    }

    fn of_grid(label: &str, grid: &EscGrid, value: impl Fn(usize, usize) -> Option<f64>) -> Self {
        let row = |rho| (0..grid.epsilons().len()).map(|epsilon| value(epsilon, rho)).collect();
        Self {
            label: label.to_owned(),
            row_label: "ρ".to_owned(),
            rows: grid.rhos().to_vec(),
            column_label: "ε".to_owned(),
            columns: grid.epsilons().to_vec(),
            values: (0..grid.rhos().len()).map(row).collect(),
        }
    }

    /// `other - self`, cell by cell: where is another classifier better?
    ///
    /// # Errors
    /// [`Length`](ReportError::Length) of another number of rows or columns; [`Value`](ReportError::Value) of other
    /// parameters.
    pub fn difference(&self, other: &Self) -> Result<Self> {
        self.check()?;
        other.check()?;
        check_length("rows", self.rows.len(), other.rows.len())?;
        check_length("columns", self.columns.len(), other.columns.len())?;
        let parameters = |map: &Self| [map.rows.clone(), map.columns.clone()].concat();
        let (ours, theirs) = (parameters(self), parameters(other));
        if let Some(index) = ours.iter().zip(&theirs).position(|(a, b)| a != b) {
            let (what, expected) = ("parameter of the other map", "the same parameters");
            return Err(ReportError::Value { what, index, value: theirs[index], expected });
        }
        let rows = self.values.iter().zip(&other.values);
        let values = rows.map(|(a, b)| a.iter().zip(b).map(|(a, b)| Some((*b)? - (*a)?)).collect()).collect();
        Ok(Self { label: format!("difference of {}", self.label), values, ..self.clone() })
    }

    fn check(&self) -> Result<()> {
        check_count("rows", self.rows.len(), 500)?;
        check_count("columns", self.columns.len(), 500)?;
        check_finite("parameter of a row", &self.rows)?;
        check_finite("parameter of a column", &self.columns)?;
        check_length("rows of numbers", self.rows.len(), self.values.len())?;
        self.values.iter().try_for_each(|row| check_length("numbers of a row", self.columns.len(), row.len()))
    }

    /// Cells that hold a number, with their row and column.
    fn cells(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        self.values.iter().enumerate().flat_map(|(row, values)| {
            let cells = values.iter().enumerate();
            cells.filter_map(move |(column, value)| Some((row, column, value.filter(|v| v.is_finite())?)))
        })
    }
}

/// A heat map (Beyond the Final Label, fig. 9): numbers from 0 to 1 on the scale from 0 to 1, others on that of the data.
///
/// # Errors
/// [`Empty`](ReportError::Empty) without rows or columns; [`TooMany`](ReportError::TooMany) of more than 500;
/// [`Length`](ReportError::Length) unless there is a number per cell; [`Value`](ReportError::Value) of parameters that are
/// not finite; [`Style`](ReportError::Style).
pub fn heat_map(map: &HeatMap, style: &FigureStyle) -> Result<Figure> {
    map.check()?;
    let (low, high) = match scale::range(map.cells().map(|(.., value)| value)) {
        Some((low, high)) if low < 0.0 || high > 1.0 => (low, if high > low { high } else { low + 1.0 }),
        _ => (0.0, 1.0),
    };
    draw(
        map,
        &ColourBar { map: style.sequential.unwrap_or(ColourMap::Viridis), low, high, label: &map.label },
        style,
    )
}

/// A heat map of differences: colours as far from white as the numbers are from zero, on either side.
///
/// # Errors
/// As [`heat_map`].
pub fn difference_heat_map(map: &HeatMap, style: &FigureStyle) -> Result<Figure> {
    map.check()?;
    let most = map.cells().map(|(.., value)| value.abs()).fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    draw(map, &ColourBar { map: style.diverging, low: -most, high: most, label: &map.label }, style)
}

fn draw(map: &HeatMap, bar: &ColourBar<'_>, style: &FigureStyle) -> Result<Figure> {
    let size = style.tick_size();
    let (n_rows, n_columns) = (map.rows.len(), map.columns.len());
    let mut sheet = Sheet::new(style, (480.0, 400.0))?;
    let row_names: Vec<String> = map.rows.iter().map(|&value| scale::number(value)).collect();
    let column_names: Vec<String> = map.columns.iter().map(|&value| scale::number(value)).collect();
    let widest = |names: &[String]| names.iter().map(|name| text::width(name, size)).fold(0.0, f64::max);
    let left = 1.8 * style.font_size + widest(&row_names) + 0.6 * size;
    let right = bar.width(sheet.area.height, style) + size;
    let frame = sheet.area.inset(left, 0.5 * size, right, 3.2 * style.font_size);
    let (width, height) = (frame.width / n_columns as f64, frame.height / n_rows as f64);
    let canvas = &mut sheet.canvas;
    canvas.rect(frame, Some(bar.map.at(f64::NAN)), None, None);
    for (row, column, value) in map.cells() {
        let (x, y) = (frame.x + column as f64 * width, frame.bottom() - (row + 1) as f64 * height);
        let colour = bar.colour(value);
        let number = scale::fixed(value, 2);
        let title = (n_rows * n_columns <= 2500).then(|| {
            let [row, column] = [&row_names[row], &column_names[column]];
            format!("{} = {column}, {} = {row}: {}", map.column_label, map.row_label, scale::fixed(value, 4))
        });
        // A hair of overlap hides the seams between cells.
        canvas.rect(
            Rect { x, y, width: width + 0.3, height: height + 0.3 },
            Some(colour),
            None,
            title.as_deref(),
        );
        let size = (0.9 * width / text::width(&number, 1.0)).min(size);
        if size >= 7.0 && height > 1.4 * size {
            let place = (x + 0.5 * width, y + 0.5 * height + 0.35 * size);
            canvas.text(place, &number, TextStyle::new(size, colour.text_on(), Anchor::Middle));
        }
    }
    canvas.rect(frame, None, Some(Stroke::new(style.muted(), 1.0)), None);
    let every = |room: f64, cell: f64| (room / cell).ceil().max(1.0) as usize;
    let end = TextStyle::new(size, style.ink, Anchor::End);
    for (row, name) in row_names.iter().enumerate().step_by(every(1.3 * size, height)) {
        let y = frame.bottom() - (row as f64 + 0.5) * height + 0.35 * size;
        canvas.text((frame.x - 0.5 * size, y), name, end);
    }
    let middle = TextStyle::new(size, style.ink, Anchor::Middle);
    for (column, name) in
        column_names.iter().enumerate().step_by(every(widest(&column_names) + 0.6 * size, width))
    {
        let x = frame.x + (column as f64 + 0.5) * width;
        canvas.text((x, frame.bottom() + 1.4 * size), name, middle);
    }
    let label = TextStyle::new(style.font_size, style.ink, Anchor::Middle);
    let column_label = text::fit(&map.column_label, frame.width, style.font_size);
    let below = frame.bottom() + 1.4 * size + 1.4 * style.font_size;
    canvas.text((frame.x + 0.5 * frame.width, below), &column_label, label);
    let row_label = text::fit(&map.row_label, frame.height, style.font_size);
    let beside = (frame.x - left + 1.1 * style.font_size, frame.y + 0.5 * frame.height);
    canvas.text(beside, &row_label, label.turned(-90.0));
    bar.draw(canvas, frame.right() + size, frame.y, frame.height, style);
    Ok(sheet.finish(&map.label, alt(map)))
}

fn alt(map: &HeatMap) -> String {
    let mut alt = format!(
        "Heat map of {} over {} values of {} and {} of {}",
        map.label,
        map.columns.len(),
        map.column_label,
        map.rows.len(),
        map.row_label
    );
    // Of equal cells the first.
    let extreme = |is_better: fn(f64, f64) -> bool| {
        map.cells().reduce(|best, cell| if is_better(cell.2, best.2) { cell } else { best })
    };
    if let (Some(least), Some(most)) = (extreme(|a, b| a < b), extreme(|a, b| a > b)) {
        let place = |(row, column, value): (usize, usize, f64)| {
            let [row, column] = [map.rows[row], map.columns[column]].map(scale::number);
            format!("{} ({} = {column}, {} = {row})", scale::number(value), map.column_label, map.row_label)
        };
        let _ = write!(alt, ": from {} to {}", place(least), place(most));
    }
    alt.push('.');
    alt
}
