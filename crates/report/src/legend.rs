//! Legends: what a colour, a marker or a line means.

use crate::canvas::{Anchor, Canvas, Marker, Rect, Stroke, TextStyle};
use crate::colour::Colour;
use crate::style::FigureStyle;
use crate::text;

/// What stands before a name in a legend.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Swatch {
    /// A line.
    Line(Stroke),
    /// A marker: fill and outline.
    Marker(Marker, Colour, Colour),
    /// A hollow marker with an arrow downwards.
    Limit(Colour),
}

/// Names with their swatches.
pub(crate) type Entries = Vec<(Swatch, String)>;

/// Longest name in a legend, in font sizes; longer ones are cut.
const MOST_ROOM: f64 = 24.0;

/// A column of entries; what does not fit below each other goes into further columns, and what does not fit at all is
/// counted.
pub(crate) struct Column {
    size: f64,
    entry_width: f64,
    n_rows: usize,
    n_columns: usize,
}

impl Column {
    /// Reckons the room for a legend of at most that size.
    pub(crate) fn new(
        entries: &[(Swatch, String)],
        (most_width, height): (f64, f64),
        style: &FigureStyle,
    ) -> Self {
        let size = style.tick_size();
        let n_rows = ((height / line_height(size)) as usize).max(1);
        let names = entries.iter().map(|(_, name)| text::width(name, size).min(MOST_ROOM * size));
        let entry_width = (swatch_room(size) + names.fold(0.0, f64::max) + size).min(most_width);
        let most_columns = ((most_width / entry_width) as usize).max(1);
        Self { size, entry_width, n_rows, n_columns: entries.len().div_ceil(n_rows).min(most_columns) }
    }

    pub(crate) fn width(&self) -> f64 {
        self.entry_width * self.n_columns as f64
    }

    pub(crate) fn draw(
        &self,
        canvas: &mut Canvas,
        entries: &[(Swatch, String)],
        at: (f64, f64),
        style: &FigureStyle,
    ) {
        let place = |i: usize| {
            let x = at.0 + (i / self.n_rows) as f64 * self.entry_width;
            (x, at.1 + ((i % self.n_rows) as f64 + 0.5) * line_height(self.size))
        };
        let room = self.n_rows * self.n_columns;
        let n_drawn = if entries.len() > room { room - 1 } else { entries.len() };
        let name_room = self.entry_width - swatch_room(self.size);
        for (i, entry) in entries.iter().take(n_drawn).enumerate() {
            draw_entry(canvas, entry, place(i), name_room, style);
        }
        if n_drawn < entries.len() {
            draw_rest(canvas, entries.len() - n_drawn, place(n_drawn), style);
        }
    }
}

/// Entries in rows from left to right at the top of `area`, in at most half of it; gives what is left of it below.
pub(crate) fn rows(
    canvas: &mut Canvas,
    entries: &[(Swatch, String)],
    area: Rect,
    style: &FigureStyle,
) -> Rect {
    let size = style.tick_size();
    if entries.is_empty() {
        return area;
    }
    let rest_room = text::width("… and 999 more", size);
    let name_room = (MOST_ROOM * size).min(area.width - swatch_room(size));
    let (mut x, mut y) = (area.x, area.y + 0.5 * line_height(size));
    for (i, entry) in entries.iter().enumerate() {
        let width = swatch_room(size) + text::width(&entry.1, size).min(name_room) + 1.2 * size;
        let is_last_row = y + 1.5 * line_height(size) > area.y + 0.5 * area.height;
        // The last row keeps room to say how many are left out.
        let is_last = i + 1 == entries.len();
        let right = area.right() + 1.2 * size - if is_last_row && !is_last { rest_room } else { 0.0 };
        if x + width > right && (x > area.x || is_last_row) {
            if is_last_row {
                draw_rest(canvas, entries.len() - i, (x, y), style);
                break;
            }
            x = area.x;
            y += line_height(size);
        }
        draw_entry(canvas, entry, (x, y), name_room, style);
        x += width;
    }
    area.inset(0.0, y + 0.8 * line_height(size) - area.y, 0.0, 0.0)
}

fn line_height(size: f64) -> f64 {
    1.5 * size
}

fn swatch_room(size: f64) -> f64 {
    2.2 * size
}

/// `(x, y)`: left end, half-way up.
fn draw_entry(
    canvas: &mut Canvas,
    (swatch, name): &(Swatch, String),
    (x, y): (f64, f64),
    name_room: f64,
    style: &FigureStyle,
) {
    let size = style.tick_size();
    match *swatch {
        Swatch::Line(stroke) => canvas.line((x, y), (x + 1.8 * size, y), stroke),
        Swatch::Marker(marker, fill, outline) => {
            canvas.markers(marker, [(x + 1.1 * size, y)], 0.36 * size, fill, Some(Stroke::new(outline, 1.0)));
        }
        Swatch::Limit(colour) => {
            let (x, y, stroke) = (x + 1.1 * size, y - 0.3 * size, Stroke::new(colour, 1.0));
            canvas.vertical_lines([(x, y, y + size)], stroke, true);
            canvas.markers(Marker::Circle, [(x, y)], 0.3 * size, style.background, Some(stroke));
        }
    }
    let name = text::fit(name, name_room, size);
    canvas.text(
        (x + swatch_room(size), y + 0.35 * size),
        &name,
        TextStyle::new(size, style.ink, Anchor::Start),
    );
}

/// How many entries had no room.
fn draw_rest(canvas: &mut Canvas, n: usize, (x, y): (f64, f64), style: &FigureStyle) {
    let text = TextStyle::new(style.tick_size(), style.muted(), Anchor::Start);
    canvas.text((x, y + 0.35 * style.tick_size()), &format!("… and {n} more"), text);
}
