//! A Parquet file being written: row groups of bounded size, and the whole file or none.

use std::path::{Path, PathBuf};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::atomic::AtomicFile;
use crate::{Error, Location, Result};

/// Encoded size at which a row group is closed [byte].
const ROW_GROUP_BYTES: usize = 32 << 20;

pub(crate) struct TableWriter {
    path: PathBuf,
    schema: SchemaRef,
    /// `None` after a failure: a file with a hole in it is never put in place.
    writer: Option<ArrowWriter<AtomicFile>>,
}

impl TableWriter {
    pub(crate) fn create(path: &Path, schema: SchemaRef, metadata: Vec<KeyValue>) -> Result<Self> {
        let at = |error: ParquetError| Location::file(path).error(error);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).map_err(at)?))
            .set_created_by(concat!("heliacal ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .set_key_value_metadata(Some(metadata))
            .build();
        let writer =
            ArrowWriter::try_new(AtomicFile::create(path)?, schema.clone(), Some(properties)).map_err(at)?;
        Ok(Self { path: path.to_owned(), schema, writer: Some(writer) })
    }

    /// Where a row will stand, for messages.
    pub(crate) fn location(&self) -> Location {
        Location::file(&self.path)
    }

    pub(crate) fn write(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        let mut writer = self.writer.take().ok_or_else(|| self.broken())?;
        let batch =
            RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| self.location().error(e))?;
        writer.write(&batch).map_err(|error| self.location().error(error))?;
        self.writer = Some(writer);
        Ok(())
    }

    /// Writes the footer and puts the file in its place.
    pub(crate) fn finish(mut self) -> Result<()> {
        let writer = self.writer.take().ok_or_else(|| self.broken())?;
        writer.into_inner().map_err(|error| self.location().error(error))?.commit()
    }

    fn broken(&self) -> Error {
        self.location().error(std::io::Error::other("an earlier write failed, so the file is not written"))
    }
}

impl std::fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A key and its value in the file's metadata.
pub(crate) fn key_value(key: &str, value: impl Into<String>) -> KeyValue {
    KeyValue::new(key.to_owned(), value.into())
}

/// `heliacal.version`, which every file carries.
pub(crate) fn version() -> KeyValue {
    key_value("heliacal.version", env!("CARGO_PKG_VERSION"))
}
