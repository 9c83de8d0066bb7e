//! A finished figure and its files.

use std::path::Path;

use crate::error::Result;
use crate::file;

/// A figure: an SVG that needs nothing else, and a sentence that says what it shows.
///
/// The SVG holds no script, no link and no id, so that several can stand in one page. It names only a generic font family,
/// and has a `viewBox`, so it scales. Tooltips are `title` elements.
///
/// ```
/// use heliacal_metrics::scorecard::Confusion;
/// use heliacal_report::{FigureStyle, figures};
///
/// let confusion = Confusion::from_counts(2, vec![90, 10, 5, 45])?;
/// let figure = figures::confusion_matrix(&confusion, &["SNIa", "SNII"], &FigureStyle::new())?;
/// assert!(figure.svg().starts_with("<svg"));
/// assert!(figure.alt().contains("90.0 %"), "{}", figure.alt()); // both recalls are 9 in 10
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    svg: String,
    alt: String,
    width: f64,
    height: f64,
}

impl Figure {
    pub(crate) fn new(svg: String, alt: String, width: f64, height: f64) -> Self {
        Self { svg, alt, width, height }
    }

    /// The figure as an SVG document, without an XML declaration: it can be a file or stand in an HTML page.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// One sentence that says what the figure shows, with its numbers: for readers who do not see it.
    pub fn alt(&self) -> &str {
        &self.alt
    }

    /// Width \[px\].
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Height \[px\].
    pub fn height(&self) -> f64 {
        self.height
    }

    /// The figure as a PNG file with `scale` pixels per pixel of the figure; 3 is 288 dots per inch.
    ///
    /// Text is drawn in DejaVu Sans, which is part of this crate, so the same figure gives the same bytes on every machine.
    ///
    /// # Errors
    /// [`PngSize`](crate::ReportError::PngSize) of more than 100 million pixels or none;
    /// [`Png`](crate::ReportError::Png) where the rasterizer refuses.
    #[cfg(feature = "png")]
    pub fn png(&self, scale: f64) -> Result<Vec<u8>> {
        crate::png::render(&self.svg, (self.width, self.height), scale)
    }

    /// Writes the SVG to a file that appears whole or not at all.
    ///
    /// # Errors
    /// [`Write`](crate::ReportError::Write).
    pub fn write_svg(&self, path: impl AsRef<Path>) -> Result<()> {
        file::write(path.as_ref(), self.svg.as_bytes())
    }

    /// Writes a PNG of twice the figure's size to a file that appears whole or not at all.
    ///
    /// # Errors
    /// Those of [`png`](Self::png); [`Write`](crate::ReportError::Write).
    #[cfg(feature = "png")]
    pub fn write_png(&self, path: impl AsRef<Path>) -> Result<()> {
        file::write(path.as_ref(), &self.png(2.0)?)
    }
}
