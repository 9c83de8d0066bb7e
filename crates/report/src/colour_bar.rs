//! The bar that says which colour is which number.

use crate::canvas::{Anchor, Canvas, Rect, Stroke, TextStyle};
use crate::colour::ColourMap;
use crate::scale::Scale;
use crate::style::FigureStyle;
use crate::text;

/// Width of the bar itself \[px\].
const BAR: f64 = 12.0;

/// A bar of colours from `low` at the bottom to `high` at the top.
pub(crate) struct ColourBar<'a> {
    pub map: ColourMap,
    pub low: f64,
    pub high: f64,
    pub label: &'a str,
}

impl ColourBar<'_> {
    /// The colour of a number.
    pub(crate) fn colour(&self, value: f64) -> crate::Colour {
        self.map.at((value - self.low) / (self.high - self.low))
    }

    fn ticks(&self, height: f64, size: f64) -> Vec<(f64, String)> {
        let scale = Scale::Linear { low: self.low, high: self.high };
        scale.ticks((height / (2.6 * size)).clamp(1.0, 8.0) as usize)
    }

    /// Room for bar, numbers and label.
    pub(crate) fn width(&self, height: f64, style: &FigureStyle) -> f64 {
        let size = style.tick_size();
        let numbers =
            self.ticks(height, size).iter().map(|(_, text)| text::width(text, size)).fold(0.0, f64::max);
        BAR + 0.6 * size + numbers + 1.7 * style.font_size
    }

    /// Draws the bar with its left edge at `x`.
    pub(crate) fn draw(&self, canvas: &mut Canvas, x: f64, y: f64, height: f64, style: &FigureStyle) {
        const STEPS: usize = 40;
        let size = style.tick_size();
        let step = height / STEPS as f64;
        for i in 0..STEPS {
            // Overlapping a little: no seams of background where pixels round.
            let strip = Rect {
                x,
                y: y + i as f64 * step,
                width: BAR,
                height: step + if i + 1 < STEPS { 0.6 } else { 0.0 },
            };
            canvas.rect(strip, Some(self.map.at(1.0 - (i as f64 + 0.5) / STEPS as f64)), None, None);
        }
        let bar = Rect { x, y, width: BAR, height };
        canvas.rect(bar, None, Some(Stroke::new(style.muted(), 1.0)), None);
        let text = TextStyle::new(size, style.ink, Anchor::Start);
        let mut widest = 0.0;
        for (value, number) in self.ticks(height, size) {
            let place = y + height * (1.0 - (value - self.low) / (self.high - self.low));
            canvas.text((x + BAR + 0.4 * size, place + 0.35 * size), &number, text);
            widest = f64::max(widest, text::width(&number, size));
        }
        let label = text::fit(self.label, height, style.font_size);
        let place = (x + BAR + 0.6 * size + widest + 1.1 * style.font_size, y + 0.5 * height);
        canvas.text(place, &label, TextStyle::new(style.font_size, style.ink, Anchor::Middle).turned(-90.0));
    }
}
