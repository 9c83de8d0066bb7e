//! Shapes and text as SVG elements.

use std::fmt::{self, Write as _};

use crate::colour::Colour;
use crate::{simplify, text};

/// A rectangle \[px\], y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    pub(crate) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// Without a strip on each side.
    pub(crate) fn inset(&self, left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self {
            x: self.x + left,
            y: self.y + top,
            width: (self.width - left - right).max(1.0),
            height: (self.height - top - bottom).max(1.0),
        }
    }

    /// Cell `(row, column)` of a regular grid with gaps.
    pub(crate) fn cell(
        &self,
        (rows, columns): (usize, usize),
        (row, column): (usize, usize),
        gap: f64,
    ) -> Self {
        let width = (self.width - gap * (columns - 1) as f64) / columns as f64;
        let height = (self.height - gap * (rows - 1) as f64) / rows as f64;
        let (width, height) = (width.max(1.0), height.max(1.0));
        Self {
            x: self.x + column as f64 * (width + gap),
            y: self.y + row as f64 * (height + gap),
            width,
            height,
        }
    }
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextStyle {
    pub size: f64,
    pub colour: Colour,
    pub anchor: Anchor,
    pub bold: bool,
    /// Clockwise \[degree\], around the text's point.
    pub turn: f64,
}

impl TextStyle {
    pub(crate) fn new(size: f64, colour: Colour, anchor: Anchor) -> Self {
        Self { size, colour, anchor, bold: false, turn: 0.0 }
    }

    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(crate) fn turned(self, turn: f64) -> Self {
        Self { turn, ..self }
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stroke {
    pub colour: Colour,
    pub width: f64,
    /// SVG dash array; empty for a whole line.
    pub dashes: &'static str,
}

impl Stroke {
    pub(crate) fn new(colour: Colour, width: f64) -> Self {
        Self { colour, width, dashes: "" }
    }

    pub(crate) fn dashed(self, dashes: &'static str) -> Self {
        Self { dashes, ..self }
    }
}

/// Line patterns, so that curves are told apart without colour.
pub(crate) const DASHES: [&str; 5] = ["", "6 3", "2 2", "8 3 2 3", "12 3"];

/// Shapes of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    TriangleUp,
    TriangleDown,
    Square,
    Star,
    Pentagon,
    Diamond,
}

impl Marker {
    pub(crate) const ALL: [Self; 7] = [
        Self::Circle,
        Self::Square,
        Self::TriangleUp,
        Self::Diamond,
        Self::TriangleDown,
        Self::Star,
        Self::Pentagon,
    ];

    /// Corners around the centre \[px\], none of a circle. Shapes with less area get a larger radius, so that all look
    /// equally large.
    fn corners(self, radius: f64) -> Vec<(f64, f64)> {
        let regular = |n: usize, turn: f64, r: f64| {
            (0..n).map(move |i| {
                let angle = (turn + 360.0 * i as f64 / n as f64).to_radians();
                (r * angle.sin(), -r * angle.cos())
            })
        };
        match self {
            Self::Circle => Vec::new(),
            Self::TriangleUp => regular(3, 0.0, 1.35 * radius).collect(),
            Self::TriangleDown => regular(3, 180.0, 1.35 * radius).collect(),
            Self::Square => regular(4, 45.0, 1.25 * radius).collect(),
            Self::Diamond => regular(4, 0.0, 1.3 * radius).collect(),
            Self::Pentagon => regular(5, 0.0, 1.15 * radius).collect(),
            Self::Star => {
                let (outer, inner) = (regular(5, 0.0, 1.55 * radius), regular(5, 36.0, 0.65 * radius));
                outer.zip(inner).flat_map(|(outer, inner)| [outer, inner]).collect()
            }
        }
    }
}

/// Points that move a line by less change nothing to be seen \[px\].
const INVISIBLE: f64 = 0.2;

/// A pixel position with one decimal at most: finer than any screen or printer shows.
#[derive(Clone, Copy)]
struct Px(f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round();
        // `+ 0.0` makes -0 a plain 0.
        let value = if tenths.is_finite() { tenths / 10.0 + 0.0 } else { 0.0 };
        write!(f, "{value}")
    }
}

/// A relative position as short as SVG allows: a minus sign separates numbers as well as a blank does, and a leading zero
/// is not needed. Markers are most of a light curve's file.
struct Step(f64);

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Px(self.0).to_string();
        match text.strip_prefix('-') {
            Some(rest) => {
                write!(f, "-{}", rest.strip_prefix('0').filter(|rest| !rest.is_empty()).unwrap_or(rest))
            }
            None => write!(f, " {}", text.strip_prefix('0').filter(|rest| !rest.is_empty()).unwrap_or(&text)),
        }
    }
}

/// SVG elements in the order in which they are painted.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
}

impl Canvas {
    pub(crate) fn into_body(self) -> String {
        self.body
    }

    /// Appends formatted markup; writing to a `String` cannot fail.
    fn put(&mut self, markup: fmt::Arguments<'_>) {
        let _ = self.body.write_fmt(markup);
    }

    fn put_stroke(&mut self, stroke: Stroke) {
        self.put(format_args!(" stroke=\"{}\"", stroke.colour));
        if stroke.width != 1.0 {
            self.put(format_args!(" stroke-width=\"{}\"", Px(stroke.width)));
        }
        if !stroke.dashes.is_empty() {
            self.put(format_args!(" stroke-dasharray=\"{}\"", stroke.dashes));
        }
    }

    /// Ends an element; a title becomes the tooltip of a browser.
    fn close(&mut self, element: &str, title: Option<&str>) {
        match title {
            None => self.body.push_str("/>\n"),
            Some(title) => {
                self.body.push_str("><title>");
                text::escape_into(&mut self.body, title);
                self.put(format_args!("</title></{element}>\n"));
            }
        }
    }

    fn end_group(&mut self) {
        self.body.push_str("</g>\n");
    }

    pub(crate) fn rect(
        &mut self,
        rect: Rect,
        fill: Option<Colour>,
        stroke: Option<Stroke>,
        title: Option<&str>,
    ) {
        let Rect { x, y, width, height } = rect;
        self.put(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            Px(x),
            Px(y),
            Px(width.max(0.0)),
            Px(height.max(0.0))
        ));
        match fill {
            Some(fill) => self.put(format_args!(" fill=\"{fill}\"")),
            None => self.body.push_str(" fill=\"none\""),
        }
        if let Some(stroke) = stroke {
            self.put_stroke(stroke);
        }
        self.close("rect", title);
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        self.lines([(from, to)], stroke);
    }

    /// Separate straight lines in one path.
    pub(crate) fn lines(
        &mut self,
        lines: impl IntoIterator<Item = ((f64, f64), (f64, f64))>,
        stroke: Stroke,
    ) {
        let mut path = String::new();
        for (from, to) in lines {
            let _ = write!(path, "M{} {}", Px(from.0), Px(from.1));
            // Most lines run along an axis; H and V are shorter.
            let _ = if from.1 == to.1 {
                write!(path, "H{}", Px(to.0))
            } else if from.0 == to.0 {
                write!(path, "V{}", Px(to.1))
            } else {
                write!(path, "L{} {}", Px(to.0), Px(to.1))
            };
        }
        if !path.is_empty() {
            self.put(format_args!("<path d=\"{path}\" fill=\"none\""));
            self.put_stroke(stroke);
            self.body.push_str("/>\n");
        }
    }

    /// A line through points; positions that are not numbers are left out of it, and those that change nothing to be seen.
    pub(crate) fn polyline(&mut self, points: impl IntoIterator<Item = (f64, f64)>, stroke: Stroke) {
        let points = points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        let points = simplify::line(points, INVISIBLE);
        if points.is_empty() {
            return;
        }
        self.body.push_str("<polyline fill=\"none\" stroke-linejoin=\"round\" points=\"");
        self.points(&points);
        self.body.push('"');
        self.put_stroke(stroke);
        self.body.push_str("/>\n");
    }

    /// A filled area, its corners in order.
    pub(crate) fn polygon(&mut self, points: &[(f64, f64)], fill: Colour, opacity: f64) {
        let points = simplify::line(points.to_vec(), INVISIBLE);
        self.body.push_str("<polygon points=\"");
        self.points(&points);
        self.put(format_args!("\" fill=\"{fill}\""));
        if opacity < 1.0 {
            self.put(format_args!(" fill-opacity=\"{opacity}\""));
        }
        self.body.push_str("/>\n");
    }

    fn points(&mut self, points: &[(f64, f64)]) {
        for (i, &(x, y)) in points.iter().enumerate() {
            self.put(format_args!("{}{},{}", if i > 0 { " " } else { "" }, Px(x), Px(y)));
        }
    }

    /// A path of SVG commands made by the caller.
    pub(crate) fn path(
        &mut self,
        commands: &[(char, &[f64])],
        fill: Colour,
        opacity: f64,
        title: Option<&str>,
    ) {
        self.body.push_str("<path d=\"");
        for (command, numbers) in commands {
            self.body.push(*command);
            for (i, &number) in numbers.iter().enumerate() {
                self.put(format_args!("{}{}", if i > 0 { " " } else { "" }, Px(number)));
            }
        }
        self.put(format_args!("\" fill=\"{fill}\" fill-opacity=\"{opacity}\""));
        self.close("path", title);
    }

    /// Markers of about `2 radius` across, in one path; hollow ones have the colour of the background inside, so that lines
    /// do not cross them.
    pub(crate) fn markers(
        &mut self,
        marker: Marker,
        points: impl IntoIterator<Item = (f64, f64)>,
        radius: f64,
        fill: Colour,
        outline: Option<Stroke>,
    ) {
        let corners = marker.corners(radius);
        let mut path = String::new();
        let mut put = |piece: fmt::Arguments<'_>| {
            let _ = path.write_fmt(piece);
        };
        for (x, y) in points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
            match corners.split_first() {
                // A circle has no corners: two arcs.
                None => put(format_args!(
                    "M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0-{d} 0z",
                    Px(x - radius),
                    Px(y),
                    r = Px(radius),
                    d = Px(2.0 * radius),
                )),
                Some((&first, rest)) => {
                    put(format_args!("M{} {}l", Px(x + first.0), Px(y + first.1)));
                    let mut last = first;
                    for &(dx, dy) in rest {
                        put(format_args!("{}{}", Step(dx - last.0), Step(dy - last.1)));
                        last = (dx, dy);
                    }
                    put(format_args!("z"));
                }
            }
        }
        if path.is_empty() {
            return;
        }
        self.put(format_args!("<path d=\"{path}\" fill=\"{fill}\""));
        if let Some(outline) = outline {
            self.put_stroke(outline);
        }
        self.body.push_str("/>\n");
    }

    /// Vertical lines `(x, from, to)` in one path: error bars; with heads, arrows.
    pub(crate) fn vertical_lines(
        &mut self,
        lines: impl IntoIterator<Item = (f64, f64, f64)>,
        stroke: Stroke,
        has_heads: bool,
    ) {
        let mut path = String::new();
        for (x, from, to) in lines {
            if [x, from, to].iter().all(|v| v.is_finite()) {
                let _ = write!(path, "M{} {}V{}", Px(x), Px(from), Px(to));
                if has_heads {
                    let back = Px(if to > from { -2.5 } else { 2.5 });
                    let _ = write!(path, "m-2 {back}L{} {}l2 {back}", Px(x), Px(to));
                }
            }
        }
        if !path.is_empty() {
            self.put(format_args!("<path fill=\"none\" d=\"{path}\""));
            self.put_stroke(stroke);
            self.body.push_str("/>\n");
        }
    }

    pub(crate) fn text(&mut self, place: (f64, f64), content: &str, style: TextStyle) {
        self.texts(style, [(place, content)]);
    }

    /// Texts of one style; several share a group, so that each need not name it.
    pub(crate) fn texts<S: AsRef<str>>(
        &mut self,
        style: TextStyle,
        texts: impl IntoIterator<Item = ((f64, f64), S)>,
    ) {
        let mut texts = texts.into_iter().filter(|(_, content)| !content.as_ref().is_empty()).peekable();
        let Some(first) = texts.next() else { return };
        if texts.peek().is_none() {
            self.body.push_str("<text");
            self.put_text_style(style);
            self.put_text(first.0, first.1.as_ref(), style.turn);
            return;
        }
        self.body.push_str("<g");
        self.put_text_style(style);
        self.body.push_str(">\n");
        for (place, content) in [first].into_iter().chain(texts) {
            self.body.push_str("<text");
            self.put_text(place, content.as_ref(), style.turn);
        }
        self.end_group();
    }

    fn put_text_style(&mut self, style: TextStyle) {
        self.put(format_args!(" font-size=\"{}\" fill=\"{}\"", Px(style.size), style.colour));
        match style.anchor {
            Anchor::Start => {}
            Anchor::Middle => self.body.push_str(" text-anchor=\"middle\""),
            Anchor::End => self.body.push_str(" text-anchor=\"end\""),
        }
        if style.bold {
            self.body.push_str(" font-weight=\"bold\"");
        }
    }

    fn put_text(&mut self, (x, y): (f64, f64), content: &str, turn: f64) {
        self.put(format_args!(" x=\"{}\" y=\"{}\"", Px(x), Px(y)));
        if turn != 0.0 {
            self.put(format_args!(" transform=\"rotate({} {} {})\"", Px(turn), Px(x), Px(y)));
        }
        self.body.push('>');
        text::escape_into(&mut self.body, content);
        self.body.push_str("</text>\n");
    }
}
