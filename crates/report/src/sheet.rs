//! The sheet that a figure is drawn on: size, background, title; at the end the whole SVG.

use std::fmt::Write as _;

use crate::canvas::{Anchor, Canvas, Rect, TextStyle};
use crate::error::Result;
use crate::figure::Figure;
use crate::style::FigureStyle;
use crate::text;

/// Strip left free along the edges \[px\].
const EDGE: f64 = 6.0;

/// A sheet being drawn on.
pub(crate) struct Sheet<'a> {
    pub canvas: Canvas,
    /// What is free for the figure: all but edges and title.
    pub area: Rect,
    pub style: &'a FigureStyle,
    width: f64,
    height: f64,
}

impl<'a> Sheet<'a> {
    /// A sheet of the style's size, or of the figure's own `natural` one.
    pub(crate) fn new(style: &'a FigureStyle, natural: (f64, f64)) -> Result<Self> {
        let (width, height) = style.size(natural)?;
        let mut canvas = Canvas::default();
        let mut area = Rect { x: 0.0, y: 0.0, width, height }.inset(EDGE, EDGE, EDGE, EDGE);
        if let Some(title) = &style.title {
            let size = 1.15 * style.font_size;
            let title = text::fit(title, area.width, 1.1 * size); // bold is a tenth wider
            let place = (area.x + 0.5 * area.width, area.y + size);
            canvas.text(place, &title, TextStyle::new(size, style.ink, Anchor::Middle).bold());
            area = area.inset(0.0, 1.6 * size, 0.0, 0.0);
        }
        Ok(Self { canvas, area, style, width, height })
    }

    /// The finished figure. `name`: what it shows, in a few words; `alt`: one sentence with its numbers.
    pub(crate) fn finish(self, name: &str, alt: String) -> Figure {
        let Self { canvas, style, width, height, .. } = self;
        let body = canvas.into_body();
        let mut svg = String::with_capacity(body.len() + alt.len() + 600);
        svg.push_str("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" ");
        let _ = write!(svg, "width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" ");
        svg.push_str("font-family=\"");
        text::escape_into(&mut svg, &style.font_family);
        svg.push_str("\">\n<title>");
        text::escape_into(&mut svg, style.title.as_deref().unwrap_or(name));
        svg.push_str("</title>\n<desc>");
        text::escape_into(&mut svg, &alt);
        svg.push_str("</desc>\n");
        let _ = writeln!(svg, "<rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>", style.background);
        svg.push_str(&body);
        svg.push_str("</svg>\n");
        Figure::new(svg, alt, width, height)
    }
}
