//! Why there is no figure, table or file.

use std::io;
use std::path::PathBuf;

/// Shorthand for this crate's results.
pub type Result<T, E = ReportError> = std::result::Result<T, E>;

/// Why a figure or table could not be made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Nothing to draw.
    #[error("no {what} to draw")]
    Empty {
        /// What there is none of.
        what: &'static str,
    },
    /// Columns, names or rows that do not belong together.
    #[error("{what}: expected {expected}, found {found}")]
    Length {
        /// What was counted.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A number that has no place in the figure.
    #[error("{what} at {index} is {value}, expected {expected}")]
    Value {
        /// What the number stands for.
        what: &'static str,
        /// Its position, from 0.
        index: usize,
        /// What stands there.
        value: f64,
        /// What may stand there.
        expected: &'static str,
    },
    /// More than a figure can show.
    #[error("{found} {what}, at most {limit} can be drawn")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The most there can be.
        limit: usize,
    },
    /// A setting of the style that cannot be drawn with.
    #[error("style: {what} is {value}, expected {expected}")]
    Style {
        /// The setting.
        what: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// Parent indices that are not a tree.
    #[error(transparent)]
    Tree(#[from] heliacal_metrics::TreeError),
    /// Days since a trigger were asked for and nothing was detected.
    #[error(transparent)]
    NoTrigger(#[from] heliacal_lightcurve::NoDetection),
    /// A PNG larger than there is room for, or of no pixel.
    #[error("a PNG of {width} x {height} pixels at scale {scale}, expected 1 to {limit} pixels in all")]
    PngSize {
        /// Width of the figure \[px\].
        width: f64,
        /// Height of the figure \[px\].
        height: f64,
        /// Pixels of the PNG per pixel of the figure.
        scale: f64,
        /// The most pixels.
        limit: u64,
    },
    /// The rasterizer refused: our fault.
    #[error("PNG: {reason}")]
    Png {
        /// What it said.
        reason: String,
    },
    /// A file that could not be written.
    #[error("{path}: {source}", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Fails unless as many were found as expected.
pub(crate) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(ReportError::Length { what, expected, found }) }
}

/// Fails at the first number that is not finite.
pub(crate) fn check_finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            Err(ReportError::Value { what, index, value: values[index], expected: "a finite number" })
        }
        None => Ok(()),
    }
}

/// Fails at the first number that is not between 0 and 1.
pub(crate) fn check_share(what: &'static str, values: &[f64]) -> Result<()> {
    // Sums of probabilities may round a little beyond 1.
    const ROUNDING: f64 = 1e-4;
    match values.iter().position(|value| !(-ROUNDING..=1.0 + ROUNDING).contains(value)) {
        Some(index) => {
            Err(ReportError::Value { what, index, value: values[index], expected: "a number from 0 to 1" })
        }
        None => Ok(()),
    }
}

/// Fails of nothing and of more than can be drawn.
pub(crate) fn check_count(what: &'static str, found: usize, limit: usize) -> Result<()> {
    match found {
        0 => Err(ReportError::Empty { what }),
        _ if found > limit => Err(ReportError::TooMany { what, found, limit }),
        _ => Ok(()),
    }
}
