#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod atomic;
#[cfg(feature = "parquet")]
mod columnar;
mod conventions;
mod csv_light_curve;
mod error;
mod fits;
#[cfg(feature = "parquet")]
mod histories;
mod missing;
#[cfg(feature = "parquet")]
mod object_table;
mod ordered;
#[cfg(feature = "parquet")]
mod parquet_light_curves;
mod record;
mod snana;
mod survey;

pub use atomic::write_file;
#[cfg(feature = "parquet")]
pub use columnar::IdKind;
pub use csv_light_curve::{CsvOptions, read_csv_light_curve};
pub use error::{Error, ErrorKind, Location, Result};
#[cfg(feature = "parquet")]
pub use histories::{
    HistoryError, HistoryReader, HistorySchema, HistoryWriter, LongFormOptions, ObjectHistory,
    SortedHistoryWriter,
};
#[cfg(feature = "parquet")]
pub use object_table::{Cell, CellKind, ObjectTableWriter};
#[cfg(feature = "parquet")]
pub use parquet_light_curves::{LightCurveColumns, ParquetLightCurveWriter, ParquetLightCurves};
pub use record::{ContextColumns, Labels, ReadOptions, Record};
pub use snana::{Compression, Layout, SnanaHeader, SnanaReader, SnanaWriter, SnanaWriterOptions};
pub use survey::Survey;
