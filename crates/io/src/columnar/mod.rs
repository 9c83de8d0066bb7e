//! What light curves and histories share when they are Parquet: guarded reading, columns by name, ids, atomic writing.

mod columns;
mod file;
mod ids;
mod runs;
mod table_writer;

pub(crate) use columns::{
    ObjectLists, find, find_required, float_column, is_list, is_number, is_text, list_column, text_column,
    whole_column,
};
pub(crate) use file::{Batches, ParquetFile, Rows};
pub use ids::IdKind;
pub(crate) use ids::{IdBuilder, IdColumn, SeenIds};
pub(crate) use runs::{Fault, RowKind, Runs};
pub(crate) use table_writer::{TableWriter, key_value, version};
