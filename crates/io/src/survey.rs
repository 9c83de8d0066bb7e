//! All light curves under some paths, read in parallel.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::ordered::{Ordered, Sink};
use crate::snana::{SnanaReader, strip_gz};
use crate::{Error, ErrorKind, Location, ReadOptions, Record, Result};

/// A list of file names is not longer than this \[byte\].
const MAX_LIST: u64 = 1 << 26;

/// Iterator over the objects of many files: SNANA pairs and Parquet files, read in parallel, given out in order.
///
/// The order is that of the paths, in a folder that of the names, in a file that of the rows; it does not depend on
/// the number of threads. A few objects per thread are read ahead, so memory does not grow with the number of files.
/// An `Err` that ends a file does not end the survey: the next file follows. Dropping the survey stops its threads.
///
/// ```
/// use heliacal_io::{Labels, ReadOptions, SnanaWriter, SnanaWriterOptions, Survey};
/// use heliacal_lightcurve::{Context, LightCurve, Object, ObjectId, Passband};
///
/// let root = tempfile::tempdir()?;
/// for model in ["KN_K17", "TDE"] {
///     let mut writer = SnanaWriter::create(root.path().join(model), SnanaWriterOptions::default())?;
///     for id in 1..=3 {
///         let light_curve = LightCurve::new(vec![60000.0], vec![55.0], vec![2.0], vec![Passband::LsstR], vec![true])?;
///         let object = Object { id: ObjectId::Integer(id), light_curve, context: Context::new(), true_class: None };
///         writer.write(&object, &Labels::default())?;
///     }
///     writer.finish()?;
/// }
///
/// let mut survey = Survey::open([root.path()], &ReadOptions::default())?;
/// assert_eq!(survey.n_sources(), 2);
/// let folders: Vec<_> = survey.by_ref().filter_map(|record| record.ok()?.labels.folder).collect();
/// assert_eq!(folders.iter().map(|name| &**name).collect::<Vec<_>>(), ["KN_K17", "KN_K17", "KN_K17", "TDE", "TDE", "TDE"]);
/// assert_eq!(survey.n_sources_finished(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Survey {
    records: Ordered<Source, Result<Record>>,
    paths: Vec<PathBuf>,
}

/// A file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// The HEAD file of a pair.
    Snana(PathBuf),
    #[cfg(feature = "parquet")]
    Parquet(PathBuf),
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Self::Snana(path) => path,
            #[cfg(feature = "parquet")]
            Self::Parquet(path) => path,
        }
    }
}

impl Survey {
    /// Finds the light curves under the paths and starts to read, on as many threads as the machine has cores.
    ///
    /// A path is a folder, which is searched to any depth for `*_HEAD.FITS`, `*_HEAD.FITS.gz` and `*.parquet`; an SNANA
    /// `.LIST` of HEAD files, which omits `.gz`; a HEAD file; or a Parquet file. What is found twice is read once, and
    /// of a file that is there plain and packed, the plain one. A `.LIST` inside a folder is not needed, for its
    /// files are found anyway.
    ///
    /// # Errors
    /// `NoLightCurves` where a folder or a list holds none, or no path was given; `Io` where a path or a file of a list
    /// is not there. What is wrong inside a file comes out of the iterator.
    pub fn open<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>, options: &ReadOptions) -> Result<Self> {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::open_with_threads(paths, options, threads)
    }

    /// As [`open`](Self::open), on at most so many threads.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_with_threads<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        options: &ReadOptions,
        threads: NonZeroUsize,
    ) -> Result<Self> {
        let mut finder = Finder::default();
        for path in paths {
            finder.add(path.as_ref())?;
        }
        let Finder { sources, .. } = finder;
        if sources.is_empty() {
            return Err(Location::file("").error(ErrorKind::NoLightCurves));
        }
        let paths = sources.iter().map(|source| source.path().to_owned()).collect();
        let options = options.clone();
        let records = Ordered::new(sources, threads, move |source, sink| read(source, &options, sink))
            .map_err(|error| Location::file("").error(error))?;
        Ok(Self { records, paths })
    }

    /// How many files (HEAD/PHOT pairs, Parquet files) are read.
    pub fn n_sources(&self) -> usize {
        self.paths.len()
    }

    /// The files in the order of reading: of a pair, its HEAD.
    pub fn sources(&self) -> &[PathBuf] {
        &self.paths
    }

    /// How many files were given out to their end: for a progress bar.
    pub fn n_sources_finished(&self) -> usize {
        self.records.finished()
    }
}

impl Iterator for Survey {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
        match self.records.next()? {
            Ok(record) => Some(record),
            Err(message) => {
                let path = self.paths.get(self.records.finished() - 1);
                let location = path.map_or_else(Location::default, Location::file);
                Some(Err(location.error(ErrorKind::Panicked { message })))
            }
        }
    }
}

impl fmt::Debug for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Survey")
            .field("n_sources", &self.n_sources())
            .field("n_sources_finished", &self.n_sources_finished())
            .finish_non_exhaustive()
    }
}

fn read(source: Source, options: &ReadOptions, sink: &mut Sink<Result<Record>>) {
    match source {
        Source::Snana(path) => pour(SnanaReader::open(path, options), sink),
        #[cfg(feature = "parquet")]
        Source::Parquet(path) => pour(crate::ParquetLightCurves::open(&path, options), sink),
    }
}

fn pour(records: Result<impl Iterator<Item = Result<Record>>>, sink: &mut Sink<Result<Record>>) {
    match records {
        Ok(mut records) => while records.next().is_some_and(|record| sink.push(record)) {},
        Err(error) => drop(sink.push(Err(error))),
    }
}

/// Gathers sources, each once.
#[derive(Debug, Default)]
struct Finder {
    sources: Vec<Source>,
    /// Files by their true path without `.gz`.
    files: HashSet<PathBuf>,
    /// How often a source was found.
    n_found: usize,
}

impl Finder {
    fn add(&mut self, path: &Path) -> Result<()> {
        let before = self.n_found;
        if metadata(path)?.is_dir() {
            self.add_folder(path, &mut HashSet::new())?;
        } else if has_suffix(path, ".list") {
            self.add_list(path)?;
        } else {
            self.add_file(path)?;
        }
        if self.n_found == before {
            return Err(Location::file(path).error(ErrorKind::NoLightCurves));
        }
        Ok(())
    }

    /// `entered` are the folders on the way, so that a link to one above does not go on for ever.
    fn add_folder(&mut self, folder: &Path, entered: &mut HashSet<PathBuf>) -> Result<()> {
        let at = |source| Location::file(folder).error(ErrorKind::Io(source));
        if !entered.insert(folder.canonicalize().map_err(at)?) {
            return Ok(());
        }
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(at)? {
            paths.push(entry.map_err(at)?.path());
        }
        paths.sort();
        for path in paths {
            // A link that leads nowhere is no light curve.
            let Ok(found) = std::fs::metadata(&path) else { continue };
            if found.is_dir() {
                self.add_folder(&path, entered)?;
            } else if is_head_name(&path) || is_parquet(&path) {
                self.add_file(&path)?;
            }
        }
        Ok(())
    }

    fn add_list(&mut self, list: &Path) -> Result<()> {
        let at = |error| Location::file(list).error(ErrorKind::Io(error));
        let mut text = String::new();
        File::open(list).and_then(|file| file.take(MAX_LIST).read_to_string(&mut text)).map_err(at)?;
        for name in text.lines().map(str::trim).filter(|name| !name.is_empty() && !name.starts_with('#')) {
            let path = list.with_file_name(name);
            let packed = list.with_file_name(format!("{name}.gz"));
            self.add_file(if !path.is_file() && packed.is_file() { &packed } else { &path })?;
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> Result<()> {
        metadata(path)?;
        let true_path = path.canonicalize().map_err(|source| Location::file(path).error(source))?;
        let key = match true_path.to_str() {
            Some(text) => PathBuf::from(strip_gz(text)),
            None => true_path,
        };
        self.n_found += 1;
        if self.files.insert(key) {
            self.sources.push(source(path.to_owned()));
        }
        Ok(())
    }
}

#[cfg(feature = "parquet")]
fn source(path: PathBuf) -> Source {
    if is_parquet(&path) { Source::Parquet(path) } else { Source::Snana(path) }
}

#[cfg(not(feature = "parquet"))]
fn source(path: PathBuf) -> Source {
    Source::Snana(path)
}

fn metadata(path: &Path) -> Result<std::fs::Metadata, Error> {
    std::fs::metadata(path).map_err(|source| Location::file(path).error(source))
}

/// Whether a file is named as SNANA names HEAD files.
pub(crate) fn is_head_name(path: &Path) -> bool {
    has_suffix(path, "_head.fits") || has_suffix(path, "_head.fits.gz")
}

fn is_parquet(path: &Path) -> bool {
    cfg!(feature = "parquet") && has_suffix(path, ".parquet")
}

/// Whether a file's name ends so, in upper or lower case; `suffix` is in lower case.
fn has_suffix(path: &Path, suffix: &str) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
    name.is_some_and(|name| name.ends_with(suffix))
}
