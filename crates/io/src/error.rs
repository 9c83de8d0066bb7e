//! What can go wrong with a file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use heliacal_lightcurve::{LightCurveError, ObjectId, UnknownPassband};

/// Shorthand for this crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure to read or write, with its place.
///
/// ```
/// use heliacal_io::{ErrorKind, Location};
///
/// let error = Location::file("KN_PHOT.FITS").hdu(1).row(17).column("FLUXCAL").error(ErrorKind::Unsupported {
///     what: "variable-length array".into(),
/// });
/// assert_eq!(error.to_string(), "KN_PHOT.FITS, HDU 1, row 17, column FLUXCAL: variable-length array is not supported");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{location}: {kind}")]
pub struct Error {
    /// Where.
    pub location: Box<Location>,
    /// What.
    #[source]
    pub kind: ErrorKind,
}

impl Error {
    /// Whether this is a fault of one object's data, after which reading goes on with the next object of the file. Other
    /// errors end their file, some of them while an object was being read.
    pub fn is_of_one_object(&self) -> bool {
        let is_data = matches!(
            self.kind,
            ErrorKind::LightCurve(_) | ErrorKind::Passband(_) | ErrorKind::Invalid { .. }
        );
        is_data && self.location.object.is_some()
    }
}

/// A place in a file. Rows count from 1, as FITS and SNANA do; HDUs from 0, the primary HDU, as astropy does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// The file.
    pub path: PathBuf,
    /// The FITS header-data unit.
    pub hdu: Option<usize>,
    /// The row of the table.
    pub row: Option<u64>,
    /// The column of the table.
    pub column: Option<String>,
    /// The object whose data it is.
    pub object: Option<ObjectId>,
}

/// What went wrong; [`Error`] adds where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system said no.
    #[error("{0}")]
    Io(#[source] std::io::Error),
    /// The file ends, or its compressed stream breaks, before the data its header declares.
    #[error("file ends after {found} of {expected} {unit}")]
    Truncated {
        /// How much there should be.
        expected: u64,
        /// How much there is.
        found: u64,
        /// Bytes or rows.
        unit: &'static str,
    },
    /// A required column is not there.
    #[error("no column {expected}{}", found_among(.found))]
    MissingColumn {
        /// The names that would do.
        expected: String,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// A column holds another type than needed.
    #[error("type is {found}, expected {expected}")]
    ColumnType {
        /// What would do.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A value that cannot be.
    #[error("found {found}, expected {expected}")]
    Invalid {
        /// What would do.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Something valid that this crate does not read.
    #[error("{what} is not supported")]
    Unsupported {
        /// The thing.
        what: String,
    },
    /// The file contradicts itself.
    #[error("the file is corrupt: {what}")]
    Corrupt {
        /// Where it does.
        what: String,
    },
    /// HEAD and PHOT of an SNANA pair do not fit together: pointers or counts of HEAD lead to other rows of PHOT than
    /// the light curve's.
    #[error("HEAD and PHOT disagree: found {found}, expected {expected}")]
    StalePointers {
        /// What HEAD says.
        expected: String,
        /// What PHOT holds.
        found: String,
    },
    /// The PHOT file of an SNANA pair is not there.
    #[error("its PHOT file is missing, looked for {}", .tried.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    MissingPhot {
        /// The places that were looked at.
        tried: Vec<PathBuf>,
    },
    /// A folder, or all the paths that were given, hold no light curves.
    #[error("no light-curve files here")]
    NoLightCurves,
    /// The code of this crate failed on a file; the others are still read.
    #[error("reading panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// The band of an observation does not belong to the photometric system.
    #[error(transparent)]
    Passband(#[from] UnknownPassband),
    /// The columns of an object are not a light curve.
    #[error(transparent)]
    LightCurve(#[from] LightCurveError),
    /// The columns of an object are not a classification history.
    #[cfg(feature = "parquet")]
    #[error(transparent)]
    History(#[from] crate::HistoryError),
    /// The Parquet file is broken or cannot be written.
    #[cfg(feature = "parquet")]
    #[error(transparent)]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A column could not be converted.
    #[cfg(feature = "parquet")]
    #[error(transparent)]
    Arrow(#[from] arrow_schema::ArrowError),
}

fn found_among(columns: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = columns.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match columns.len() {
        0 => String::new(),
        n if n > SHOWN => format!("; there are {shown} and {} more", n - SHOWN),
        _ => format!("; there are {shown}"),
    }
}

impl Location {
    /// The file as a whole.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), ..Self::default() }
    }

    /// An HDU of the file.
    #[must_use]
    pub fn hdu(mut self, hdu: usize) -> Self {
        self.hdu = Some(hdu);
        self
    }

    /// A row, counted from 1.
    #[must_use]
    pub fn row(mut self, row: u64) -> Self {
        self.row = Some(row);
        self
    }

    /// A column.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// An object.
    #[must_use]
    pub fn object(mut self, object: ObjectId) -> Self {
        self.object = Some(object);
        self
    }

    /// The error of this kind at this place.
    pub fn error(self, kind: impl Into<ErrorKind>) -> Error {
        Error { location: Box::new(self), kind: kind.into() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(hdu) = self.hdu {
            write!(f, ", HDU {hdu}")?;
        }
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        if let Some(object) = &self.object {
            write!(f, ", object {object}")?;
        }
        Ok(())
    }
}

impl From<std::io::Error> for ErrorKind {
    fn from(source: std::io::Error) -> Self {
        Self::Io(source)
    }
}
