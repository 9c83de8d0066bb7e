//! A frame with two axes: where a pair of numbers lies, and how ticks and labels stand around it.

use crate::canvas::{Anchor, Canvas, Rect, Stroke, TextStyle};
use crate::scale::Scale;
use crate::style::FigureStyle;
use crate::text;

/// One axis: its scale, what it measures, its ticks.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub label: String,
    pub scale: Scale,
    /// Ticks chosen by the figure; otherwise round numbers.
    pub ticks: Option<Vec<(f64, String)>>,
    /// Whether numbers and label are written; panels that share an axis write them once.
    pub is_labelled: bool,
}

impl Axis {
    pub(crate) fn new(label: impl Into<String>, scale: Scale) -> Self {
        Self { label: label.into(), scale, ticks: None, is_labelled: true }
    }

    pub(crate) fn with_ticks(self, ticks: Vec<(f64, String)>) -> Self {
        Self { ticks: Some(ticks), ..self }
    }

    pub(crate) fn unlabelled(self) -> Self {
        Self { is_labelled: false, ..self }
    }

    pub(crate) fn unnamed(self) -> Self {
        Self { label: String::new(), ..self }
    }

    /// A share or probability, from 0 to 1.
    pub(crate) fn share(label: impl Into<String>) -> Self {
        // A little above 1, so that a curve at 1 is not cut in half by the frame.
        Self::new(label, Scale::Linear { low: 0.0, high: 1.02 })
            .with_ticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(|v| (v, format!("{v:.1}"))).to_vec())
    }

    fn ticks_for(&self, length: f64, spacing: f64) -> Vec<(f64, String)> {
        let count = (length / spacing).clamp(1.0, 12.0) as usize;
        match &self.ticks {
            None => self.scale.ticks(count),
            // Chosen ticks that would touch are thinned out evenly.
            Some(ticks) => {
                let stride = ticks.len().div_ceil((length / (0.55 * spacing)).max(1.0) as usize).max(1);
                ticks.iter().step_by(stride).cloned().collect()
            }
        }
    }
}

/// A frame with axes.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    pub frame: Rect,
    x: Axis,
    y: Axis,
    x_ticks: Vec<(f64, String)>,
    y_ticks: Vec<(f64, String)>,
}

/// Room between the frame and the numbers at ticks \[px\].
const TICK_LENGTH: f64 = 4.0;

impl Panel {
    /// Puts a frame into `outer` so that numbers and labels fit around it.
    pub(crate) fn new(outer: Rect, x: Axis, y: Axis, style: &FigureStyle) -> Self {
        let left = left_margin(&y, outer.height, style);
        Self::with_left(outer, left, x, y, style)
    }

    /// As [`new`](Self::new) with a given left margin, so that panels below each other line up.
    pub(crate) fn with_left(outer: Rect, left: f64, x: Axis, y: Axis, style: &FigureStyle) -> Self {
        let size = style.tick_size();
        let label = if x.label.is_empty() { 0.0 } else { 1.5 * style.font_size };
        let bottom = if x.is_labelled { TICK_LENGTH + 1.5 * size + label } else { 2.0 };
        // The last number of the x axis may stick out by half its width; panels without numbers line up with those below.
        let right = 1.2 * size;
        let frame = outer.inset(left, 0.4 * size, right, bottom);
        let widest = x
            .ticks_for(frame.width, 4.0 * size)
            .iter()
            .map(|(_, text)| text::width(text, size))
            .fold(2.0 * size, f64::max);
        let x_ticks = x.ticks_for(frame.width, widest + 1.4 * size);
        let y_ticks = y.ticks_for(frame.height, 2.6 * size);
        Self { frame, x, y, x_ticks, y_ticks }
    }

    /// Pixel column of a number.
    pub(crate) fn x(&self, value: f64) -> f64 {
        self.frame.x + self.frame.width * self.x.scale.place(value)
    }

    /// Pixel row of a number.
    pub(crate) fn y(&self, value: f64) -> f64 {
        self.frame.bottom() - self.frame.height * self.y.scale.place(value)
    }

    /// Pixel of a pair of numbers.
    pub(crate) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x(x), self.y(y))
    }

    /// Grid lines, frame, ticks and labels: drawn before the data.
    pub(crate) fn draw(&self, canvas: &mut Canvas, style: &FigureStyle) {
        let Rect { x: left, y: top, .. } = self.frame;
        let (right, bottom) = (self.frame.right(), self.frame.bottom());
        let columns = || self.x_ticks.iter().map(|(value, _)| self.x(*value));
        let rows = || self.y_ticks.iter().map(|(value, _)| self.y(*value));
        let grid = columns().map(|x| ((x, top), (x, bottom))).chain(rows().map(|y| ((left, y), (right, y))));
        canvas.lines(grid, Stroke::new(style.faint(), 1.0));
        canvas.rect(self.frame, None, Some(Stroke::new(style.muted(), 1.0)), None);
        let below = columns().map(|x| ((x, bottom), (x, bottom + TICK_LENGTH)));
        let beside = rows().map(|y| ((left - TICK_LENGTH, y), (left, y)));
        canvas.lines(below.chain(beside), Stroke::new(style.muted(), 1.0));
        self.write(canvas, style);
    }

    fn write(&self, canvas: &mut Canvas, style: &FigureStyle) {
        let (size, bottom) = (style.tick_size(), self.frame.bottom());
        if self.x.is_labelled {
            let below = bottom + TICK_LENGTH + 1.1 * size;
            let text = TextStyle::new(size, style.ink, Anchor::Middle);
            canvas.texts(text, self.x_ticks.iter().map(|(value, number)| ((self.x(*value), below), number)));
            let middle = self.frame.x + 0.5 * self.frame.width;
            let label = text::fit(&self.x.label, self.frame.width + self.frame.x, style.font_size);
            let text = TextStyle::new(style.font_size, style.ink, Anchor::Middle);
            canvas.text((middle, below + 0.35 * size + 1.1 * style.font_size), &label, text);
        }
        if self.y.is_labelled {
            let text = TextStyle::new(size, style.ink, Anchor::End);
            let beside = self.frame.x - TICK_LENGTH - 0.35 * size;
            let numbers = self.y_ticks.iter();
            canvas
                .texts(text, numbers.map(|(value, number)| ((beside, self.y(*value) + 0.35 * size), number)));
            let place =
                (beside - widest(&self.y_ticks, size) - 0.6 * size, self.frame.y + 0.5 * self.frame.height);
            let label = text::fit(&self.y.label, 1.25 * self.frame.height, style.font_size);
            canvas.text(
                place,
                &label,
                TextStyle::new(style.font_size, style.ink, Anchor::Middle).turned(-90.0),
            );
        }
    }

    /// A name in the upper left corner of the frame.
    pub(crate) fn caption(&self, canvas: &mut Canvas, caption: &str, style: &FigureStyle) {
        let size = style.tick_size();
        let caption = text::fit(caption, self.frame.width - size, size);
        let place = (self.frame.x + 0.5 * size, self.frame.y + 1.3 * size);
        canvas.text(place, &caption, TextStyle::new(size, style.ink, Anchor::Start).bold());
    }

    /// A name above the frame.
    pub(crate) fn heading(&self, canvas: &mut Canvas, heading: &str, style: &FigureStyle) {
        let size = style.font_size;
        let heading = text::fit(heading, 0.9 * self.frame.width, size);
        let place = (self.frame.x + 0.5 * self.frame.width, self.frame.y - 0.4 * size);
        canvas.text(place, &heading, TextStyle::new(size, style.ink, Anchor::Middle).bold());
    }
}

/// The room that numbers and label of a y axis need.
pub(crate) fn left_margin(y: &Axis, outer_height: f64, style: &FigureStyle) -> f64 {
    if !y.is_labelled {
        return 2.0;
    }
    let size = style.tick_size();
    let numbers = widest(&y.ticks_for(outer_height, 2.6 * size), size);
    let label = if y.label.is_empty() { 0.0 } else { 1.4 * style.font_size };
    TICK_LENGTH + 0.35 * size + numbers + label + 0.4 * size
}

fn widest(ticks: &[(f64, String)], size: f64) -> f64 {
    ticks.iter().map(|(_, text)| text::width(text, size)).fold(0.0, f64::max)
}
