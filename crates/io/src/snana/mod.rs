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
