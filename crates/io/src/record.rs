//! What every light-curve reader gives: an object and the source's own words on what it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heliacal_lightcurve::{Object, PhotometricSystem};

/// An object as read from a file, with the labels that stand there.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The object. Its `true_class` is the text column `ELASTICC_class` of a Parquet file, as written, where there is
    /// one; SNANA files name no class.
    pub object: Object,
    /// What the file says of the object's type, as written.
    pub labels: Labels,
    /// The file it came from (of a HEAD/PHOT pair, the HEAD file).
    pub source: Arc<PathBuf>,
}

/// The codes and names by which files say what an object is, as written: this crate does not know what they mean. The
/// same code means different classes in different surveys, so the table that translates them is the caller's choice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// `SNTYPE`: the type, +100 where SNANA marks it as photometric only.
    pub sntype: Option<i64>,
    /// `SIM_TYPE_INDEX` (SNANA's GENTYPE): the simulated type.
    pub sim_type_index: Option<i64>,
    /// `SIM_MODEL_NAME`: the simulated model, such as `SIMSED.KN-K17`.
    pub sim_model_name: Option<Arc<str>>,
    /// Name of the folder that the file lies in; ELAsTiCC ends it in the model name
    /// (`ELASTICC2_TRAIN_01_1percent_KN_K17`).
    pub folder: Option<Arc<str>>,
}

/// Name of the folder that a file lies in.
pub(crate) fn folder_name(path: &Path) -> Option<Arc<str>> {
    let name = |path: &Path| path.parent()?.file_name().map(|name| name.to_string_lossy().into());
    name(path).or_else(|| name(&path.canonicalize().ok()?))
}

/// How light curves are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// What one-letter band names mean.
    pub photometric_system: PhotometricSystem,
    /// Which columns become static features.
    pub context: ContextColumns,
}

/// Which columns of a file become an object's static features.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ContextColumns {
    /// Every number that a survey would know: not the truth of a simulation (`SIM_...`, `PEAKMJD`), not bookkeeping
    /// (ids, counts, pointers, type codes).
    #[default]
    Measured,
    /// Just these, where the file has them.
    Named(Vec<String>),
}
