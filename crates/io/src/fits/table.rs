//! A FITS file that is one binary table.

use std::path::Path;

use super::BLOCK;
use super::card::Value;
use super::column::Column;
use super::header::Header;
use super::rows::{MAX_ROW_BYTES, Rows};
use super::stream::Stream;
use super::tform::TForm;
use crate::{Error, ErrorKind, Location, Result};

/// HDUs before the table that are passed over.
const MAX_HDUS: usize = 16;

/// Data before the table that are passed over [byte]. SNANA writes none; this only bounds the time a bomb can cost.
const MAX_SKIPPED: u64 = 1 << 30;

/// The first binary table of a file, read up to its first row.
#[derive(Debug)]
pub(crate) struct Table {
    /// Header of the primary HDU.
    pub(crate) primary: Header,
    /// Where the table stands.
    pub(crate) location: Location,
    /// The columns in order; names without blanks around them, unnamed columns included.
    pub(crate) columns: Vec<Column>,
    /// NAXIS2.
    pub(crate) n_rows: u64,
    pub(crate) rows: Rows,
}

impl Table {
    /// Opens a file, plain or gzip, and reads its headers.
    ///
    /// # Errors
    /// Io, Truncated; Invalid or Unsupported where the headers are not those of a binary table.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut stream = Stream::open(path)?;
        let missing = |hdu| {
            Location::file(path).hdu(hdu).error(ErrorKind::Invalid {
                expected: "a binary table".into(),
                found: "the end of the file".into(),
            })
        };
        let primary = Header::read(&mut stream, path, 0)?.ok_or_else(|| missing(0))?;
        primary.expect("SIMPLE", &Value::Logical(true))?;
        skip_data(&mut stream, &primary)?;
        for hdu in 1..MAX_HDUS {
            let header = Header::read(&mut stream, path, hdu)?.ok_or_else(|| missing(hdu))?;
            if header.text("XTENSION") == Some("BINTABLE") {
                return Self::new(stream, primary, &header);
            }
            skip_data(&mut stream, &header)?;
        }
        Err(missing(MAX_HDUS))
    }

    fn new(stream: Stream, primary: Header, header: &Header) -> Result<Self> {
        for (name, value) in [("BITPIX", 8), ("NAXIS", 2), ("GCOUNT", 1)] {
            header.expect(name, &Value::Integer(value))?;
        }
        header.data_bytes()?; // NAXIS1, NAXIS2 and PCOUNT are sizes, and so is their product
        let (row_bytes, n_rows) = (header.size("NAXIS1")?, header.size("NAXIS2")?);
        header.size("PCOUNT")?;
        let columns = columns(header, row_bytes)?;
        let location = header.location();
        if row_bytes == 0 && n_rows > 0 {
            return Err(location.error(ErrorKind::Invalid {
                expected: "rows of at least one byte".into(),
                found: format!("{n_rows} rows of no bytes"),
            }));
        }
        let rows = Rows::new(stream, location.clone(), row_bytes as usize, n_rows);
        Ok(Self { primary, location, columns, n_rows, rows })
    }

    /// The column of the first of these names that is there.
    pub(crate) fn column(&self, names: &[&str]) -> Option<&Column> {
        names.iter().find_map(|name| self.columns.iter().find(|column| column.name == *name))
    }

    /// The column of one of these names, which must hold what `is` asks for.
    ///
    /// # Errors
    /// `MissingColumn`; `ColumnType`.
    pub(crate) fn require(
        &self,
        names: &[&str],
        expected: &'static str,
        is: impl Fn(&Column) -> bool,
    ) -> Result<Column> {
        let column = self.column(names).ok_or_else(|| {
            let found = self.columns.iter().map(|column| column.name.clone()).collect();
            self.location.clone().error(ErrorKind::MissingColumn { expected: names.join(" or "), found })
        })?;
        self.check(column, expected, is)
    }

    /// As [`require`](Self::require), but the column may be absent.
    pub(crate) fn optional(
        &self,
        names: &[&str],
        expected: &'static str,
        is: impl Fn(&Column) -> bool,
    ) -> Result<Option<Column>> {
        self.column(names).map(|column| self.check(column, expected, is)).transpose()
    }

    fn check(&self, column: &Column, expected: &'static str, is: impl Fn(&Column) -> bool) -> Result<Column> {
        if is(column) { Ok(column.clone()) } else { Err(self.wrong_type(column, expected)) }
    }

    pub(crate) fn wrong_type(&self, column: &Column, expected: &'static str) -> Error {
        let location = self.location.clone().column(&column.name);
        location.error(ErrorKind::ColumnType { expected, found: column.describe() })
    }
}

fn skip_data(stream: &mut Stream, header: &Header) -> Result<()> {
    let bytes = header.data_bytes()?;
    if bytes > MAX_SKIPPED {
        let what = format!("a data unit of {bytes} bytes before the table");
        return Err(header.location().error(ErrorKind::Unsupported { what }));
    }
    let expected = bytes.next_multiple_of(BLOCK as u64);
    let found = stream.skip(expected).map_err(|source| header.location().error(source))?;
    if found < expected {
        return Err(header.location().error(ErrorKind::Truncated { expected, found, unit: "bytes" }));
    }
    Ok(())
}

/// What the cards of one column say.
#[derive(Debug, Clone, Default)]
struct Description {
    name: Option<String>,
    form: Option<String>,
    scale: Option<f64>,
    zero: Option<f64>,
    null: Option<i64>,
}

fn columns(header: &Header, row_bytes: u64) -> Result<Vec<Column>> {
    let n_columns = header.size("TFIELDS")?;
    if n_columns > 999 {
        return Err(header.location().error(ErrorKind::Invalid {
            expected: "TFIELDS to be at most 999".into(),
            found: n_columns.to_string(),
        }));
    }
    if row_bytes > MAX_ROW_BYTES {
        let what = format!("a row of {row_bytes} bytes");
        return Err(header.location().error(ErrorKind::Unsupported { what }));
    }
    let descriptions = descriptions(header, n_columns as usize);
    let mut columns = Vec::with_capacity(descriptions.len());
    let mut offset = 0u64;
    for (index, description) in descriptions.into_iter().enumerate() {
        let name = description.name.unwrap_or_default();
        let text = description.form.unwrap_or_default();
        let form = TForm::parse(&text).ok_or_else(|| {
            header.location().column(&name).error(ErrorKind::Invalid {
                expected: format!("TFORM{} to be a type of column", index + 1),
                found: format!("{text:?}"),
            })
        })?;
        let start = offset;
        offset = form
            .width()
            .and_then(|width| offset.checked_add(width))
            .filter(|&end| end <= row_bytes)
            .ok_or_else(|| {
                header.location().column(&name).error(ErrorKind::Invalid {
                    expected: format!("columns that fit into a row of NAXIS1 = {row_bytes} bytes"),
                    found: format!("TFORM{} of {form} after {start} bytes", index + 1),
                })
            })?;
        columns.push(Column {
            name,
            form,
            offset: start as usize,
            width: (offset - start) as usize,
            scale: description.scale.unwrap_or(1.0),
            zero: description.zero.unwrap_or(0.0),
            null: description.null,
        });
    }
    if offset != row_bytes {
        return Err(header.location().error(ErrorKind::Invalid {
            expected: format!("NAXIS1 to be the {offset} bytes of the columns"),
            found: row_bytes.to_string(),
        }));
    }
    Ok(columns)
}

/// Gathers the cards of each column in one pass; of a card given twice, the first counts.
fn descriptions(header: &Header, n_columns: usize) -> Vec<Description> {
    let mut descriptions = vec![Description::default(); n_columns];
    for (keyword, value) in header.cards() {
        let Some((kind, number)) = keyword.split_at_checked(5) else { continue };
        let Some(description) =
            number.parse().ok().and_then(|n: usize| descriptions.get_mut(n.checked_sub(1)?))
        else {
            continue;
        };
        match (kind, value) {
            ("TTYPE", Value::Text(text)) if description.name.is_none() => {
                description.name = Some(text.trim().to_owned());
            }
            ("TFORM", Value::Text(text)) if description.form.is_none() => {
                description.form = Some(text.clone());
            }
            ("TSCAL", &Value::Real(number)) => description.scale = description.scale.or(Some(number)),
            ("TSCAL", &Value::Integer(number)) => {
                description.scale = description.scale.or(Some(number as f64));
            }
            ("TZERO", &Value::Real(number)) => description.zero = description.zero.or(Some(number)),
            ("TZERO", &Value::Integer(number)) => description.zero = description.zero.or(Some(number as f64)),
            ("TNULL", &Value::Integer(number)) => description.null = description.null.or(Some(number)),
            _ => {}
        }
    }
    descriptions
}
