//! How SNANA files are written.

use std::num::NonZeroUsize;

use heliacal_lightcurve::PhotometricSystem;

/// Whether files are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// `.FITS`.
    Plain,
    /// `.FITS.gz`, as ELAsTiCC's files are.
    #[default]
    Gzip,
}

/// How SNANA files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnanaWriterOptions {
    /// What the file names begin with; empty: the name of the folder.
    pub prefix: String,
    /// The survey's name in the headers.
    pub survey: String,
    /// The system that every passband must belong to, for files hold letters only.
    pub photometric_system: PhotometricSystem,
    /// Whether the files are packed.
    pub compression: Compression,
    /// After so many objects the next HEAD/PHOT pair begins.
    pub objects_per_pair: NonZeroUsize,
    /// Columns of context that every HEAD has, even where no object of its pair knows the value: SNANA's code for a
    /// missing one then stands in every row. Columns of other names follow from the objects; empty: all of
    /// them do, and files of one survey may differ in their columns.
    pub context: Vec<String>,
}

impl Default for SnanaWriterOptions {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            survey: "LSST".into(),
            photometric_system: PhotometricSystem::Lsst,
            compression: Compression::Gzip,
            objects_per_pair: NonZeroUsize::new(1000).expect("1000 is not zero"),
            context: Vec::new(),
        }
    }
}
