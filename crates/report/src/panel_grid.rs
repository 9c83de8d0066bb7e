//! Many small panels with common names of their axes.

use crate::canvas::{Anchor, Canvas, Rect, TextStyle};
use crate::style::FigureStyle;
use crate::text;

/// A regular grid of panels, each with room for a heading; the names of the axes stand once, at the left and below.
pub(crate) struct PanelGrid {
    area: Rect,
    rows: usize,
    columns: usize,
    heading_room: f64,
}

impl PanelGrid {
    /// Writes the names of the axes around what is then left for `n_panels` panels in rows of `columns`. An empty name
    /// takes no room.
    pub(crate) fn new(
        canvas: &mut Canvas,
        area: Rect,
        (n_panels, columns): (usize, usize),
        [x_label, y_label]: [&str; 2],
        style: &FigureStyle,
    ) -> Self {
        let size = style.font_size;
        let room = |label: &str| if label.is_empty() { 0.0 } else { 1.5 * size };
        let inner = area.inset(room(y_label), 0.0, 0.0, room(x_label));
        let label = TextStyle::new(size, style.ink, Anchor::Middle);
        let below = (inner.x + 0.5 * inner.width, inner.bottom() + 1.1 * size);
        canvas.text(below, &text::fit(x_label, inner.width, size), label);
        let beside = (area.x + size, inner.y + 0.5 * inner.height);
        canvas.text(beside, &text::fit(y_label, inner.height, size), label.turned(-90.0));
        Self { area: inner, rows: n_panels.div_ceil(columns), columns, heading_room: 1.4 * size }
    }

    /// The place of the `index`-th panel, without its heading.
    pub(crate) fn cell(&self, index: usize) -> Rect {
        let place = (index / self.columns, index % self.columns);
        self.area.cell((self.rows, self.columns), place, 4.0).inset(0.0, self.heading_room, 0.0, 0.0)
    }
}
