//! Reading histories.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::broker_messages::{self, LongFormOptions, Messages};
use super::wide_rows::{self, WideRows};
use super::{HistorySchema, ObjectHistory};
use crate::Result;
use crate::columnar::{IdKind, ParquetFile, Runs};

/// The histories of a Parquet file, object by object.
///
/// [`open`](Self::open) reads what [`HistoryWriter`](crate::HistoryWriter) writes and what others write alike: a row a
/// classification, the rows of an object together, columns `object_id` (or `diaobject_id`, `SNID`, ...), `mjd` and a
/// column `p_<class>` per class, of any width; `n_obs` (else counted 1, 2, ...), `days` and `true_class` are optional, and
/// so is the file's metadata. Within an object, rows out of time order are sorted.
///
/// [`open_long_form`](Self::open_long_form) reads brokers' messages.
///
/// # Errors while reading
/// A null or an impossible value costs its object, named with file, row and column, and reading goes on. So does an object
/// that comes again after others: what came of it before was given out already, so such a file has to be sorted first.
/// What is wrong with the file itself ends the reading.
pub struct HistoryReader {
    path: Arc<PathBuf>,
    schema: HistorySchema,
    ids: IdKind,
    histories: Histories,
}

enum Histories {
    Wide(Box<Runs<WideRows>>),
    Messages(Box<Messages>),
}

impl HistoryReader {
    /// Opens a file with a column for each class.
    ///
    /// # Errors
    /// - [`ErrorKind::Io`](crate::ErrorKind::Io): the file cannot be read.
    /// - [`ErrorKind::Parquet`](crate::ErrorKind::Parquet), [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt): it is no
    ///   Parquet file, or a broken one.
    /// - [`ErrorKind::MissingColumn`](crate::ErrorKind::MissingColumn): a required column is not there.
    /// - [`ErrorKind::ColumnType`](crate::ErrorKind::ColumnType): a column holds another type than it must.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = ParquetFile::open(path)?;
        let path = file.path().clone();
        let (schema, ids, rows) = wide_rows::open(file)?;
        Ok(Self { path, schema, ids, histories: Histories::Wide(Box::new(rows)) })
    }

    /// Opens brokers' messages: columns `object_id` (or `diaobject_id`, ...), `mjd`, `class_id` (or `classid`) and
    /// `probability`, either one row a class or one row a message with lists of classes and probabilities in any order.
    ///
    /// The classes are the ids that occur, sorted, as text; what a message does not name has probability 0. Rows may stand
    /// in any order: messages come out sorted by object, then time, those at the same time in the order of the file. In a
    /// file of one row a class, rows of the same object and time are one message. `n_obs` counts messages. All messages
    /// of the classifier are held in memory.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the file has several
    /// classifiers and none was chosen, or not the one that was.
    ///
    /// ```no_run
    /// use heliacal_io::{HistoryReader, LongFormOptions};
    ///
    /// let options = LongFormOptions { classifier: Some("RandomSNType".into()) };
    /// for history in HistoryReader::open_long_form("brokermessages.parquet", &options)? {
    ///     println!("{}", history?.object_id);
    /// }
    /// # Ok::<(), heliacal_io::Error>(())
    /// ```
    pub fn open_long_form(path: impl AsRef<Path>, options: &LongFormOptions) -> Result<Self> {
        let path = path.as_ref();
        let (schema, ids, messages) = broker_messages::read(path, options)?;
        let histories = Histories::Messages(Box::new(messages));
        Ok(Self { path: Arc::new(path.to_owned()), schema, ids, histories })
    }

    /// The classes and what else the file says of itself.
    pub fn schema(&self) -> &HistorySchema {
        &self.schema
    }

    /// How a file about the same objects can hold their ids: as text where this file does, or where a broker's ids are not
    /// all integers.
    pub fn id_kind(&self) -> IdKind {
        self.ids
    }
}

impl Iterator for HistoryReader {
    type Item = Result<ObjectHistory>;

    fn next(&mut self) -> Option<Result<ObjectHistory>> {
        match &mut self.histories {
            Histories::Wide(rows) => rows.next(),
            Histories::Messages(messages) => messages.next(),
        }
    }
}

impl std::iter::FusedIterator for HistoryReader {}

impl std::fmt::Debug for HistoryReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryReader")
            .field("path", &self.path)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
