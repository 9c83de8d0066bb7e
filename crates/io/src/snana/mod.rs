//! Light curves as SNANA writes them: pairs of FITS files, HEAD with one row per object and PHOT with one row per
//! observation.

mod head;
mod layout;
mod locate;
mod options;
mod photometry;
mod reader;
mod spool;
mod writer;

pub use layout::Layout;
pub use options::{Compression, SnanaWriterOptions};
pub use reader::{SnanaHeader, SnanaReader};
pub use writer::SnanaWriter;

pub(crate) use locate::strip_gz;

/// MJD and FLUXCAL of the row that ends a light curve.
const MARKER: f64 = -777.0;

/// PHOTFLAG of an observation in which the detector was saturated.
const SATURATED: i64 = 1024;

/// PHOTFLAG of the observation that triggered the survey: the first detection.
const TRIGGER: i32 = 2048;

/// PHOTFLAG of a detection, where the header has no PHOTFLAG_DETECT.
const DETECTION: i64 = 4096;
