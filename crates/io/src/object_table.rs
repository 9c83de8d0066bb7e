//! Tables of results: one row an object, columns as the caller names them.

use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_schema::{DataType, Field, Schema};
use heliacal_lightcurve::ObjectId;

use crate::columnar::{IdBuilder, IdKind, TableWriter, version};
use crate::{ErrorKind, Location, Result};

/// Values that are gathered before they are encoded.
const BUFFERED_VALUES: usize = 1 << 20;

/// What a column of an object table holds; any of its cells may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Text.
    Text,
    /// Double-precision numbers.
    Float,
    /// 64-bit integers.
    Integer,
    /// True or false.
    Flag,
}

/// One value of an object table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Null, whatever the column holds.
    Missing,
    /// Text.
    Text(&'a str),
    /// A double-precision number.
    Float(f64),
    /// A 64-bit integer.
    Integer(i64),
    /// True or false.
    Flag(bool),
}

impl From<Option<f64>> for Cell<'_> {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Missing, Self::Float)
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Missing, Self::Integer)
    }
}

impl From<Option<bool>> for Cell<'_> {
    fn from(value: Option<bool>) -> Self {
        value.map_or(Self::Missing, Self::Flag)
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(value: Option<&'a str>) -> Self {
        value.map_or(Self::Missing, Self::Text)
    }
}

/// Writes a table with one row an object as Parquet: `object_id`, then the columns asked for.
///
/// Memory stays bounded. The file appears under its name when [`finish`](Self::finish) succeeds; a writer that is dropped
/// leaves nothing behind.
///
/// ```
/// use heliacal_io::{Cell, CellKind, IdKind, ObjectTableWriter};
///
/// let folder = tempfile::tempdir()?;
/// let columns = [("converged", CellKind::Flag), ("tau", CellKind::Integer)];
/// let mut table = ObjectTableWriter::create(folder.path().join("scores.parquet"), IdKind::Integer, &columns)?;
/// table.write(&397_127.into(), &[Cell::Flag(true), Cell::Integer(7)])?;
/// table.write(&397_128.into(), &[Cell::Flag(false), Cell::Missing])?;
/// table.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ObjectTableWriter {
    table: TableWriter,
    names: Vec<String>,
    id: IdBuilder,
    columns: Vec<ColumnBuilder>,
    n_buffered: usize,
    written: u64,
}

#[derive(Debug)]
enum ColumnBuilder {
    Text(StringBuilder),
    Float(Float64Builder),
    Integer(Int64Builder),
    Flag(BooleanBuilder),
}

impl ObjectTableWriter {
    /// Begins a file that will appear at `path`.
    ///
    /// # Errors
    /// - [`ErrorKind::Invalid`]: a column without a name, or two of the same name, `object_id` included.
    /// - [`ErrorKind::Io`]: the folder of `path` cannot be written to.
    pub fn create(path: impl AsRef<Path>, ids: IdKind, columns: &[(&str, CellKind)]) -> Result<Self> {
        let path = path.as_ref();
        let id = IdBuilder::new(ids);
        let mut fields = vec![Field::new("object_id", id.data_type(), false)];
        for &(name, kind) in columns {
            if name.is_empty() || fields.iter().any(|field| field.name() == name) {
                let expected = "named columns, each once".to_owned();
                let kind = ErrorKind::Invalid { expected, found: format!("another column {name:?}") };
                return Err(Location::file(path).error(kind));
            }
            fields.push(Field::new(name, ColumnBuilder::new(kind).data_type(), true));
        }
        Ok(Self {
            table: TableWriter::create(path, Arc::new(Schema::new(fields)), vec![version()])?,
            names: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            id,
            columns: columns.iter().map(|&(_, kind)| ColumnBuilder::new(kind)).collect(),
            n_buffered: 0,
            written: 0,
        })
    }

    /// Adds the row of an object. After [`ErrorKind::Invalid`] the row is not in the file and writing can go on.
    ///
    /// # Errors
    /// - [`ErrorKind::Invalid`]: a text id in a table of integers; another number of cells than columns; a cell that is not
    ///   of its column's kind.
    /// - [`ErrorKind::Io`], [`ErrorKind::Parquet`]: the file cannot be written; every later call fails too.
    pub fn write(&mut self, object_id: &ObjectId, cells: &[Cell<'_>]) -> Result<()> {
        let location = self.table.location().row(self.written + 1).object(object_id.clone());
        if let Err(kind) = self.id.check(object_id) {
            return Err(location.column("object_id").error(kind));
        }
        if cells.len() != self.columns.len() {
            let expected = format!("{} cells", self.columns.len());
            return Err(location.error(ErrorKind::Invalid { expected, found: cells.len().to_string() }));
        }
        for ((column, cell), name) in self.columns.iter().zip(cells).zip(&self.names) {
            if !column.takes(*cell) {
                let (expected, found) = (column.data_type().to_string(), format!("{cell:?}"));
                return Err(location.column(name).error(ErrorKind::Invalid { expected, found }));
            }
        }
        self.id.append(object_id, 1);
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.append(*cell);
        }
        self.written += 1;
        self.n_buffered += 1 + cells.len();
        if self.n_buffered >= BUFFERED_VALUES { self.encode() } else { Ok(()) }
    }

    /// Writes what is left and puts the file in its place.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], [`ErrorKind::Parquet`]: the file cannot be written, or an earlier write failed.
    pub fn finish(mut self) -> Result<()> {
        self.encode()?;
        self.table.finish()
    }

    fn encode(&mut self) -> Result<()> {
        self.n_buffered = 0;
        let mut columns = vec![self.id.finish()];
        columns.extend(self.columns.iter_mut().map(ColumnBuilder::finish));
        self.table.write(columns)
    }
}

impl ColumnBuilder {
    fn new(kind: CellKind) -> Self {
        match kind {
            CellKind::Text => Self::Text(StringBuilder::new()),
            CellKind::Float => Self::Float(Float64Builder::new()),
            CellKind::Integer => Self::Integer(Int64Builder::new()),
            CellKind::Flag => Self::Flag(BooleanBuilder::new()),
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Text(_) => DataType::Utf8,
            Self::Float(_) => DataType::Float64,
            Self::Integer(_) => DataType::Int64,
            Self::Flag(_) => DataType::Boolean,
        }
    }

    fn takes(&self, cell: Cell<'_>) -> bool {
        matches!(
            (self, cell),
            (_, Cell::Missing)
                | (Self::Text(_), Cell::Text(_))
                | (Self::Float(_), Cell::Float(_))
                | (Self::Integer(_), Cell::Integer(_))
                | (Self::Flag(_), Cell::Flag(_))
        )
    }

    /// Adds a cell that the column [takes](Self::takes).
    fn append(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Text(column), Cell::Text(value)) => column.append_value(value),
            (Self::Float(column), Cell::Float(value)) => column.append_value(value),
            (Self::Integer(column), Cell::Integer(value)) => column.append_value(value),
            (Self::Flag(column), Cell::Flag(value)) => column.append_value(value),
            (Self::Text(column), _) => column.append_null(),
            (Self::Float(column), _) => column.append_null(),
            (Self::Integer(column), _) => column.append_null(),
            (Self::Flag(column), _) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Float(column) => Arc::new(column.finish()),
            Self::Integer(column) => Arc::new(column.finish()),
            Self::Flag(column) => Arc::new(column.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    const COLUMNS: [(&str, CellKind); 4] = [
        ("true_class", CellKind::Text),
        ("esc_s", CellKind::Float),
        ("tau", CellKind::Integer),
        ("converged", CellKind::Flag),
    ];

    #[test]
    fn cells_come_back_and_missing_ones_are_null() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.parquet");
        let mut table = ObjectTableWriter::create(&path, IdKind::Text, &COLUMNS).unwrap();
        let full = [Cell::Text("KN"), Cell::Float(0.5), Cell::Integer(-3), Cell::Flag(true)];
        table.write(&"ZTF20aadvunl".into(), &full).unwrap();
        table.write(&7.into(), &[Cell::Missing; 4]).unwrap();
        assert!(!path.exists());
        table.finish().unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let mut batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let batch = batches.next().unwrap().unwrap();
        assert_eq!(batch.num_rows(), 2);
        let ids = batch["object_id"].as_string::<i32>();
        assert_eq!((ids.value(0), ids.value(1)), ("ZTF20aadvunl", "7"));
        assert_eq!(batch["true_class"].as_string::<i32>().value(0), "KN");
        assert_eq!(batch["esc_s"].as_primitive::<Float64Type>().value(0), 0.5);
        assert_eq!(batch["tau"].as_primitive::<Int64Type>().value(0), -3);
        assert!(batch["converged"].as_boolean().value(0));
        assert!(COLUMNS.iter().all(|(name, _)| batch[*name].null_count() == 1));
    }

    #[test]
    fn rows_that_do_not_fit_are_refused_and_writing_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.parquet");
        let twice = [("tau", CellKind::Integer), ("tau", CellKind::Float)];
        assert!(ObjectTableWriter::create(&path, IdKind::Integer, &twice).is_err());
        assert!(ObjectTableWriter::create(&path, IdKind::Integer, &[("object_id", CellKind::Text)]).is_err());
        let mut table = ObjectTableWriter::create(&path, IdKind::Integer, &COLUMNS[1..3]).unwrap();
        let row = [Cell::Float(1.0), Cell::Integer(1)];
        assert!(table.write(&"ZTF20aadvunl".into(), &row).is_err());
        assert!(table.write(&1.into(), &row[..1]).is_err());
        let error = table.write(&1.into(), &[Cell::Integer(1), Cell::Integer(1)]).unwrap_err().to_string();
        assert!(
            error.ends_with("row 1, column esc_s, object 1: found Integer(1), expected Float64"),
            "{error}"
        );
        table.write(&1.into(), &row).unwrap();
        table.finish().unwrap();
        assert!(path.exists());
    }
}
