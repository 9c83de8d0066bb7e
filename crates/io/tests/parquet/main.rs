#![allow(clippy::unwrap_used, missing_docs, clippy::print_stderr)]

mod csv;
#[cfg(feature = "parquet")]
mod histories;
#[cfg(feature = "parquet")]
mod hostile;
#[cfg(feature = "parquet")]
mod layouts;
#[cfg(feature = "parquet")]
mod long_form;
#[cfg(feature = "parquet")]
mod made_layouts;
#[cfg(feature = "parquet")]
mod written;

use std::path::PathBuf;

/// A folder of the test data, unless there is none on this machine.
fn data(folder: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("HELIACAL_TEST_DATA") else {
        eprintln!("skipped: HELIACAL_TEST_DATA is not set");
        return None;
    };
    Some(PathBuf::from(root).join(folder))
}

/// A folder's `expected.json`.
fn expected(folder: &std::path::Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap()
}

/// Writes columns as a Parquet file, as another program might.
#[cfg(feature = "parquet")]
fn write_columns(path: &std::path::Path, columns: Vec<(&str, arrow_array::ArrayRef)>) {
    let batch = arrow_array::RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
