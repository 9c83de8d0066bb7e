//! How figures look: size, font, colours.

use crate::canvas::{DASHES, Stroke};
use crate::colour::{Colour, ColourMap};
use crate::error::{ReportError, Result};

/// Size, font and colours of a figure.
///
/// What is not set has a default that suits the figure: a confusion matrix grows with its classes. All lengths are CSS pixels
/// (1/96 inch).
///
/// ```
/// use heliacal_report::{Colour, ColourMap, FigureStyle};
///
/// let style = FigureStyle::new()
///     .title("Test set, 8 days after the trigger")
///     .width(480.0)
///     .height(320.0)
///     .font_size(11.0)
///     .sequential(ColourMap::Viridis)
///     .colours([Colour::hex(0x0072b2), Colour::hex(0xd55e00)]);
/// # let _ = style;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FigureStyle {
    pub(crate) title: Option<String>,
    pub(crate) width: Option<f64>,
    pub(crate) height: Option<f64>,
    pub(crate) font_size: f64,
    pub(crate) font_family: String,
    pub(crate) colours: Vec<Colour>,
    pub(crate) sequential: Option<ColourMap>,
    pub(crate) diverging: ColourMap,
    pub(crate) ink: Colour,
    pub(crate) background: Colour,
}

impl Default for FigureStyle {
    fn default() -> Self {
        Self {
            title: None,
            width: None,
            height: None,
            font_size: 12.0,
            font_family: "sans-serif".into(),
            colours: Colour::OKABE_ITO.to_vec(),
            sequential: None,
            diverging: ColourMap::Diverging,
            ink: Colour::hex(0x22_22_22),
            background: Colour::WHITE,
        }
    }
}

impl FigureStyle {
    /// The defaults: each figure's own size, 12 px sans-serif, Okabe and Ito's colours on white.
    pub fn new() -> Self {
        Self::default()
    }

    /// What stands above the figure; none by default, as papers have captions.
    #[must_use]
    pub fn title(self, title: impl Into<String>) -> Self {
        Self { title: Some(title.into()), ..self }
    }

    /// Width \[px\], 120 to 10,000.
    #[must_use]
    pub fn width(self, width: f64) -> Self {
        Self { width: Some(width), ..self }
    }

    /// Height \[px\], 90 to 10,000.
    #[must_use]
    pub fn height(self, height: f64) -> Self {
        Self { height: Some(height), ..self }
    }

    /// Size of the axis labels \[px\], 4 to 60; ticks are a little smaller, titles a little larger.
    #[must_use]
    pub fn font_size(self, font_size: f64) -> Self {
        Self { font_size, ..self }
    }

    /// CSS font family of the SVG; a PNG has DejaVu Sans, whatever this says. Room for text is reckoned by the widths of
    /// DejaVu Sans, which is wider than most.
    #[must_use]
    pub fn font_family(self, family: impl Into<String>) -> Self {
        Self { font_family: family.into(), ..self }
    }

    /// Colours of classes, curves and bars, in order; repeated where there are more of those. An empty list keeps what is set.
    #[must_use]
    pub fn colours(self, colours: impl IntoIterator<Item = Colour>) -> Self {
        let colours: Vec<Colour> = colours.into_iter().collect();
        if colours.is_empty() { self } else { Self { colours, ..self } }
    }

    /// Colours of numbers from small to large; by default white to blue where most numbers are 0, otherwise viridis.
    #[must_use]
    pub fn sequential(self, map: ColourMap) -> Self {
        Self { sequential: Some(map), ..self }
    }

    /// Colours of differences, zero in the middle.
    #[must_use]
    pub fn diverging(self, map: ColourMap) -> Self {
        Self { diverging: map, ..self }
    }

    /// Colour of text and axes.
    #[must_use]
    pub fn ink(self, ink: Colour) -> Self {
        Self { ink, ..self }
    }

    /// Colour behind everything.
    #[must_use]
    pub fn background(self, background: Colour) -> Self {
        Self { background, ..self }
    }

    /// The colour of the `index`-th class or curve.
    pub(crate) fn colour(&self, index: usize) -> Colour {
        self.colours[index % self.colours.len()]
    }

    /// The line of the `index`-th class or curve: when the colours are used up, they come again with another pattern.
    pub(crate) fn stroke(&self, index: usize, width: f64) -> Stroke {
        Stroke::new(self.colour(index), width).dashed(DASHES[index / self.colours.len() % DASHES.len()])
    }

    /// Colour of grid lines and other things to be seen last.
    pub(crate) fn faint(&self) -> Colour {
        self.background.mix(self.ink, 0.14)
    }

    /// Colour of text of second rank: still read easily on the background.
    pub(crate) fn muted(&self) -> Colour {
        self.background.mix(self.ink, 0.75)
    }

    pub(crate) fn tick_size(&self) -> f64 {
        0.88 * self.font_size
    }

    /// The size of the figure, checked: what is set, or the figure's own.
    pub(crate) fn size(&self, natural: (f64, f64)) -> Result<(f64, f64)> {
        let check = |what, value: f64, least: f64, most: f64, expected| {
            if (least..=most).contains(&value) {
                Ok(value)
            } else {
                Err(ReportError::Style { what, value, expected })
            }
        };
        check("font size", self.font_size, 4.0, 60.0, "4 to 60")?;
        let width = check("width", self.width.unwrap_or(natural.0), 120.0, 10_000.0, "120 to 10000")?;
        let height = check("height", self.height.unwrap_or(natural.1), 90.0, 10_000.0, "90 to 10000")?;
        Ok((width, height))
    }
}
