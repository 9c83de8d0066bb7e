//! Writing histories sorted by object, whatever order they come in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use heliacal_lightcurve::ObjectId;
use tempfile::TempDir;

use super::writer::Checks;
use super::{HistoryReader, HistorySchema, HistoryWriter, ObjectHistory};
use crate::columnar::IdKind;
use crate::{Location, Result, atomic};

/// Probabilities that are held in memory before they go into a file of their own: 64 MiB.
const RUN_VALUES: usize = 1 << 24;
/// Files that are merged at once: each takes about two megabytes of memory.
const RUNS: usize = 32;

/// Writes classification histories, in whatever order they come, into a file sorted by object, then time.
///
/// As [`HistoryWriter`], but for the order; and ids are written as integers if all are integers, else as text. What does
/// not fit into memory is sorted by way of temporary files beside the file, which are gone when the writer is.
///
/// ```
/// use heliacal_io::{HistoryReader, HistorySchema, ObjectHistory, SortedHistoryWriter};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("histories.parquet");
/// let schema = HistorySchema { classes: vec!["SNIa".into(), "KN".into()], ..HistorySchema::default() };
/// let mut writer = SortedHistoryWriter::create(&path, &schema)?;
/// for id in [7, 5, 6] {
///     writer.write(ObjectHistory {
///         object_id: id.into(),
///         mjd: vec![60000.0],
///         n_obs: vec![1],
///         probabilities: vec![0.5, 0.5],
///         days: None,
///         true_class: None,
///     })?;
/// }
/// writer.finish()?;
/// let ids: Vec<_> = HistoryReader::open(&path)?.map(|history| Ok(history?.object_id)).collect::<heliacal_io::Result<_>>()?;
/// assert_eq!(ids, [5.into(), 6.into(), 7.into()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SortedHistoryWriter {
    path: PathBuf,
    schema: HistorySchema,
    checks: Checks,
    ids: IdKind,
    held: Vec<ObjectHistory>,
    n_held_values: usize,
    run_values: usize,
    /// Where the runs are.
    folder: TempDir,
    runs: Vec<PathBuf>,
    n_runs: usize,
}

impl SortedHistoryWriter {
    /// Begins a file that will appear at `path`.
    ///
    /// # Errors
    /// As [`HistoryWriter::create`].
    pub fn create(path: impl AsRef<Path>, schema: &HistorySchema) -> Result<Self> {
        let path = path.as_ref();
        // A writer that is begun and left says now what would be wrong in the end.
        drop(HistoryWriter::create(path, schema, IdKind::Integer)?);
        let folder = tempfile::Builder::new()
            .prefix(".heliacal-")
            .tempdir_in(atomic::folder_of(path))
            .map_err(|source| Location::file(path).error(source))?;
        Ok(Self {
            path: path.to_owned(),
            checks: Checks::new(schema),
            schema: schema.clone(),
            ids: IdKind::Integer,
            held: Vec::new(),
            n_held_values: 0,
            run_values: RUN_VALUES,
            folder,
            runs: Vec::new(),
            n_runs: 0,
        })
    }

    /// Adds the classifications of an object. After [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or
    /// [`ErrorKind::History`](crate::ErrorKind::History) the object is not in the file and writing can go on.
    ///
    /// # Errors
    /// As [`HistoryWriter::write`]; a text id is welcome.
    pub fn write(&mut self, history: ObjectHistory) -> Result<()> {
        self.checks.check(Location::file(&self.path).object(history.object_id.clone()), &history)?;
        if matches!(history.object_id, ObjectId::Text(_)) {
            self.ids = IdKind::Text;
        }
        self.n_held_values += history.probabilities.len();
        self.held.push(history);
        if self.n_held_values >= self.run_values {
            let run = self.next_run();
            self.write_held(&run, IdKind::Text)?;
            self.runs.push(run);
        }
        if self.runs.len() == RUNS {
            let merged = self.next_run();
            self.merge(&merged, IdKind::Text)?;
            for run in std::mem::replace(&mut self.runs, vec![merged]) {
                std::fs::remove_file(&run).map_err(|source| Location::file(&run).error(source))?;
            }
        }
        Ok(())
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// As [`HistoryWriter::finish`].
    pub fn finish(mut self) -> Result<()> {
        let (path, ids) = (self.path.clone(), self.ids);
        if self.runs.is_empty() {
            return self.write_held(&path, ids);
        }
        let run = self.next_run();
        self.write_held(&run, IdKind::Text)?;
        self.runs.push(run);
        self.merge(&path, ids)
    }

    fn next_run(&mut self) -> PathBuf {
        self.n_runs += 1;
        self.folder.path().join(format!("{}.parquet", self.n_runs))
    }

    /// Sorts what is held into a file. Ids as text read back as they were, integers too.
    fn write_held(&mut self, path: &Path, ids: IdKind) -> Result<()> {
        self.n_held_values = 0;
        let mut held = std::mem::take(&mut self.held);
        held.sort_by(|a, b| a.object_id.cmp(&b.object_id));
        let mut writer = HistoryWriter::create(path, &self.schema, ids)?;
        for history in held {
            writer.write(&history)?;
        }
        writer.finish()
    }

    /// Merges all runs into a file: always the object of the lowest id next.
    fn merge(&self, path: &Path, ids: IdKind) -> Result<()> {
        let mut writer = HistoryWriter::create(path, &self.schema, ids)?;
        let mut readers = self.runs.iter().map(HistoryReader::open).collect::<Result<Vec<_>>>()?;
        let mut heads = Vec::with_capacity(readers.len());
        for reader in &mut readers {
            heads.push(reader.next().transpose()?);
        }
        let lowest = heads.iter().enumerate();
        let mut lowest: BinaryHeap<_> =
            lowest.filter_map(|(run, head)| Some(Reverse((head.as_ref()?.object_id.clone(), run)))).collect();
        while let Some(Reverse((_, run))) = lowest.pop() {
            let next = readers[run].next().transpose()?;
            if let Some(next) = &next {
                lowest.push(Reverse((next.object_id.clone(), run)));
            }
            if let Some(history) = std::mem::replace(&mut heads[run], next) {
                writer.write(&history)?;
            }
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(id: ObjectId) -> ObjectHistory {
        let n = 1 + id.to_string().len() % 3;
        ObjectHistory {
            object_id: id,
            mjd: (0..n).map(|step| 60_000.1 + step as f64).collect(),
            n_obs: (1..=n as u32).collect(),
            probabilities: [0.25, 0.75].repeat(n),
            days: Some(vec![1.5; n]),
            true_class: Some("KN".into()),
        }
    }

    fn schema() -> HistorySchema {
        let classes = vec!["KN".into(), "TDE".into()];
        HistorySchema { classes, has_days: true, ..HistorySchema::default() }
    }

    /// Ids in an order without order.
    fn ids(n: u64) -> impl Iterator<Item = i64> {
        (0..n).map(move |i| (i * 7919 % n) as i64 - 100)
    }

    fn write(path: &Path, run_values: usize, ids: impl Iterator<Item = ObjectId>) {
        let mut writer = SortedHistoryWriter::create(path, &schema()).unwrap();
        writer.run_values = run_values;
        ids.for_each(|id| writer.write(history(id)).unwrap());
        writer.finish().unwrap();
    }

    #[test]
    fn any_number_of_runs_gives_the_same_sorted_file() {
        let folder = tempfile::tempdir().unwrap();
        // All in memory; a few runs; so many that runs are merged into runs.
        for run_values in [usize::MAX, 700, 40] {
            let path = folder.path().join("h.parquet");
            write(&path, run_values, ids(1009).map(ObjectId::Integer));
            let found: Vec<_> = HistoryReader::open(&path).unwrap().map(Result::unwrap).collect();
            let expected: Vec<_> = (-100..909).map(|id| history(ObjectId::Integer(id))).collect();
            assert_eq!(found, expected);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
        }
    }

    #[test]
    fn one_text_id_makes_all_of_them_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.parquet");
        for run_values in [usize::MAX, 30] {
            let mixed = ids(50).map(ObjectId::Integer).chain(["ZTF20aadvunl".into(), "a".into()]);
            write(&path, run_values, mixed);
            let found: Vec<_> =
                HistoryReader::open(&path).unwrap().map(|history| history.unwrap().object_id).collect();
            let expected = (-100..-50).map(ObjectId::Integer).chain(["ZTF20aadvunl".into(), "a".into()]);
            assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_no_file_could_hold_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.parquet");
        let mut writer = SortedHistoryWriter::create(&path, &schema()).unwrap();
        writer.write(history(1.into())).unwrap();
        let error = writer.write(history(1.into())).unwrap_err().to_string();
        assert!(
            error.ends_with("found an object that was written before, expected each object once"),
            "{error}"
        );
        assert!(writer.write(ObjectHistory { days: None, ..history(2.into()) }).is_err());
        assert!(writer.write(ObjectHistory { mjd: vec![], ..history(3.into()) }).is_err());
        writer.finish().unwrap();
        assert_eq!(HistoryReader::open(&path).unwrap().count(), 1);
        assert!(SortedHistoryWriter::create(folder.path().join("no/h.parquet"), &schema()).is_err());
        assert!(SortedHistoryWriter::create(&path, &HistorySchema::default()).is_err());
    }
}
