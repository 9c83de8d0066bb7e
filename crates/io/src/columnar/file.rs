//! A Parquet file as record batches of bounded size, with corruption turned into errors.

use std::collections::BTreeSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Schema;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};

use crate::{Error, ErrorKind, Location, Result, atomic};

/// Decoded size that a batch aims at [byte].
const BATCH_BYTES: u64 = 8 << 20;
/// Rows of a batch at most, however narrow they are.
const BATCH_ROWS: u64 = 1 << 14;

/// A Parquet file whose footer was read and compared with the file's size.
pub(crate) struct ParquetFile {
    path: Arc<PathBuf>,
    builder: ParquetRecordBatchReaderBuilder<File>,
}

impl ParquetFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = atomic::open(path)?;
        let size = file.metadata().map_err(|source| Location::file(path).error(source))?.len();
        // The Arrow schema that some writers embed is skipped: it only says which of Arrow's equivalent types to use
        // (large lists, dictionaries, views), and without it every such file arrives in the same few types.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = guarded(path, || ParquetRecordBatchReaderBuilder::try_new_with_options(file, options))?
            .map_err(|error| Location::file(path).error(error))?;
        guarded(path, || check_metadata(builder.metadata(), size))?
            .map_err(|what| Location::file(path).error(ErrorKind::Corrupt { what }))?;
        let (arrow, parquet) =
            (builder.schema().fields().len(), builder.parquet_schema().root_schema().get_fields().len());
        if arrow != parquet {
            return Err(Location::file(path).error(ErrorKind::Unsupported {
                what: format!("a type in {} of its columns", parquet - arrow),
            }));
        }
        Ok(Self { path: Arc::new(path.to_owned()), builder })
    }

    pub(crate) fn path(&self) -> &Arc<PathBuf> {
        &self.path
    }

    pub(crate) fn schema(&self) -> &Schema {
        self.builder.schema()
    }

    /// A value of the file's own metadata.
    pub(crate) fn key_value(&self, key: &str) -> Option<&str> {
        let pairs = self.builder.metadata().file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    /// The rows, with only the given columns of the schema decoded.
    pub(crate) fn into_batches(self, columns: &BTreeSet<usize>) -> Result<Batches> {
        let Self { path, builder } = self;
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
        let expected = builder.metadata().file_metadata().num_rows() as u64;
        let rows = batch_rows(builder.metadata(), &mask);
        let reader = guarded(&path, || builder.with_projection(mask).with_batch_size(rows).build())?
            .map_err(|error| Location::file(&*path).error(error))?;
        let columns = columns.iter().copied().collect();
        Ok(Batches { path, reader: Some(reader), columns, next_row: 1, expected })
    }
}

/// Rows so that a batch of the selected columns decodes to about [`BATCH_BYTES`].
fn batch_rows(metadata: &ParquetMetaData, mask: &ProjectionMask) -> usize {
    let widest = metadata.row_groups().iter().filter(|group| group.num_rows() > 0).map(|group| {
        let selected = group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf));
        // A value takes up to eight bytes once decoded, however it was packed.
        let decoded = |chunk: &ColumnChunkMetaData| {
            chunk.uncompressed_size().max(0).max(chunk.num_values().saturating_mul(8)) as u64
        };
        selected.map(|(_, chunk)| decoded(chunk)).sum::<u64>() / group.num_rows() as u64
    });
    (BATCH_BYTES / widest.max().unwrap_or(1).max(1)).clamp(1, BATCH_ROWS) as usize
}

/// Lists of fewer values in a row group are decoded whatever their packing: they take some 100 MB at the most.
const ALWAYS_DECODED: u64 = 1 << 20;
/// Values that a byte of a row group's lists may stand for. A light curve has times and fluxes, which hardly pack at all;
/// lists of one value repeated have no end of it.
const VALUES_PER_BYTE: u64 = 256;

/// Refuses lists that a few bytes blow up. A row cannot be decoded in parts, so the number of rows at a time is no bound.
fn check_lists(group: &RowGroupMetaData) -> Result<(), String> {
    let lists = group.columns().iter().filter(|chunk| chunk.column_descr().max_rep_level() > 0);
    let (values, bytes) = lists.fold((0, 0), |(values, bytes), chunk| {
        (chunk.num_values().unsigned_abs().max(values), chunk.compressed_size().unsigned_abs() + bytes)
    });
    if values > ALWAYS_DECODED && values / VALUES_PER_BYTE > bytes {
        return Err(format!("lists of {values} values in {bytes} bytes"));
    }
    Ok(())
}

/// Compares what the footer says with the size of the file, before anything is allocated by it.
fn check_metadata(metadata: &ParquetMetaData, size: u64) -> Result<(), String> {
    let mut rows = 0_i64;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        if group.num_rows() < 0 {
            return Err(format!("row group {index} has {} rows", group.num_rows()));
        }
        rows = rows.saturating_add(group.num_rows());
        check_lists(group).map_err(|what| format!("row group {index}: {what}"))?;
        for chunk in group.columns() {
            check_chunk(chunk, group.num_rows(), size)
                .map_err(|what| format!("row group {index}, column {}: {what}", chunk.column_path()))?;
        }
    }
    let expected = metadata.file_metadata().num_rows();
    if rows != expected {
        return Err(format!("its row groups have {rows} rows, its footer says {expected}"));
    }
    Ok(())
}

fn check_chunk(chunk: &ColumnChunkMetaData, rows: i64, size: u64) -> Result<(), String> {
    let offsets = [Some(chunk.data_page_offset()), chunk.dictionary_page_offset()];
    if offsets
        .into_iter()
        .flatten()
        .chain([chunk.compressed_size(), chunk.uncompressed_size()])
        .any(|n| n < 0)
    {
        return Err("a negative offset or size".to_owned());
    }
    let (start, length) = chunk.byte_range();
    if start.checked_add(length).is_none_or(|end| end > size) {
        return Err(format!("bytes {start} to {} of a file of {size}", start.saturating_add(length)));
    }
    let flat = chunk.column_descr().max_rep_level() == 0;
    if chunk.num_values() < 0 || flat && chunk.num_values() != rows {
        return Err(format!("{} values in {rows} rows", chunk.num_values()));
    }
    Ok(())
}

/// Runs the decoder; if it panics, as decoders of third parties do on some corrupt files, that is an error like any
/// other. (The standard panic hook still prints its line. A program built with `panic = "abort"` aborts.)
fn guarded<T>(path: &Path, decode: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).map_err(|payload| {
        let message = payload.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Location::file(path).error(ErrorKind::Corrupt { what: format!("the decoder stopped: {message}") })
    })
}

/// The rows of a file, a batch at a time. After an error there is no more.
pub(crate) struct Batches {
    path: Arc<PathBuf>,
    reader: Option<ParquetRecordBatchReader>,
    columns: Arc<[usize]>,
    /// Counted from 1.
    next_row: u64,
    expected: u64,
}

impl Batches {
    pub(crate) fn path(&self) -> &Arc<PathBuf> {
        &self.path
    }

    fn error(&self, kind: impl Into<ErrorKind>) -> Error {
        Location::file(&*self.path).row(self.next_row).error(kind)
    }
}

impl Iterator for Batches {
    type Item = Result<Rows>;

    fn next(&mut self) -> Option<Result<Rows>> {
        let mut reader = self.reader.take()?;
        let read = match guarded(&self.path, || reader.next()) {
            Ok(read) => read,
            Err(error) => {
                // A decoder that panicked may panic again when it is dropped.
                std::mem::forget(reader);
                return Some(Err(error));
            }
        };
        match read {
            Some(Ok(batch)) => {
                self.reader = Some(reader);
                let rows = Rows { first_row: self.next_row, columns: self.columns.clone(), batch };
                self.next_row += rows.len() as u64;
                Some(Ok(rows))
            }
            Some(Err(error)) => Some(Err(self.error(error))),
            None if self.next_row - 1 != self.expected => {
                let found = self.next_row - 1;
                Some(Err(Location::file(&*self.path).error(ErrorKind::Truncated {
                    expected: self.expected,
                    found,
                    unit: "rows",
                })))
            }
            None => None,
        }
    }
}

/// Some rows of a file.
pub(crate) struct Rows {
    first_row: u64,
    columns: Arc<[usize]>,
    batch: RecordBatch,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// The number of a row in the file, counted from 1.
    pub(crate) fn number(&self, row: usize) -> u64 {
        self.first_row + row as u64
    }

    /// A column by its place in the file's schema; it was asked for in [`ParquetFile::into_batches`].
    pub(crate) fn column(&self, index: usize) -> &ArrayRef {
        let position = self.columns.binary_search(&index).expect("only projected columns are asked for");
        self.batch.column(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_decoder_is_an_error_with_its_message() {
        let path = Path::new("lc.parquet");
        let decode = |place: usize| [0_u8; 4][place];
        assert_eq!(guarded(path, || decode(3)).unwrap(), 0);
        let error = guarded(path, || decode(std::hint::black_box(4))).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Corrupt { .. }));
        let text = "lc.parquet: the file is corrupt: the decoder stopped: index out of bounds";
        assert!(error.to_string().starts_with(text), "{error}");
    }
}
