//! The cells of one column.

use super::rows::{Chunk, Row};
use super::tform::{Kind, TForm};

/// A column of a binary table: where its cells are and how numbers come out of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) form: TForm,
    /// First byte of the cell in a row.
    pub(crate) offset: usize,
    /// Bytes of the cell.
    pub(crate) width: usize,
    /// TSCALn.
    pub(crate) scale: f64,
    /// TZEROn.
    pub(crate) zero: f64,
    /// TNULLn.
    pub(crate) null: Option<i64>,
}

impl Column {
    /// Whether `integer` can give every value: integer cells, TZERO at most the shift that makes them unsigned.
    pub(crate) fn is_integer(&self) -> bool {
        self.form.is_integer()
            && self.scale == 1.0
            && self.zero.fract() == 0.0
            && self.zero.abs() <= 2f64.powi(63)
    }

    /// Whether a row holds exactly one number.
    pub(crate) fn is_number(&self) -> bool {
        self.form.is_number()
    }

    /// Whether a row holds text.
    pub(crate) fn is_text(&self) -> bool {
        self.form.kind == Kind::Text
    }

    /// The type as the header gives it, with scaling.
    pub(crate) fn describe(&self) -> String {
        let scaled = if self.scale == 1.0 && self.zero == 0.0 {
            String::new()
        } else {
            format!(" with TSCAL {} and TZERO {}", self.scale, self.zero)
        };
        format!("{}{scaled}", self.form)
    }

    /// The cell's number; none where it is the column's TNULL. The column is a number.
    pub(crate) fn number(&self, row: Row<'_>) -> Option<f64> {
        let cell = self.cell(row);
        let stored = match self.form.kind {
            Kind::F32 => f64::from(f32::from_be_bytes(array(cell))),
            Kind::F64 => f64::from_be_bytes(array(cell)),
            _ => {
                let stored = self.stored_integer(cell);
                if self.null == Some(stored) {
                    return None;
                }
                if self.scale == 1.0 && self.zero.abs() <= 2f64.powi(63) {
                    // Adding in f64 would round twice.
                    return Some((i128::from(stored) + self.zero as i128) as f64 + self.zero.fract());
                }
                stored as f64
            }
        };
        Some(if self.scale == 1.0 && self.zero == 0.0 { stored } else { stored * self.scale + self.zero })
    }

    /// The cell's integer; none where it is the column's TNULL or no i64. The column is an integer.
    pub(crate) fn integer(&self, row: Row<'_>) -> Option<i64> {
        let stored = self.stored_integer(self.cell(row));
        if self.null == Some(stored) {
            return None;
        }
        i64::try_from(i128::from(stored) + self.zero as i128).ok()
    }

    /// The cell's text without blanks around it; it ends at the first NUL. The column is text.
    pub(crate) fn text<'a>(&self, row: Row<'a>) -> &'a [u8] {
        trim(self.cell(row))
    }

    fn cell<'a>(&self, row: Row<'a>) -> &'a [u8] {
        &row.bytes()[self.offset..self.offset + self.width]
    }

    fn stored_integer(&self, cell: &[u8]) -> i64 {
        match self.form.kind {
            Kind::U8 => i64::from(cell[0]),
            Kind::I16 => i64::from(i16::from_be_bytes(array(cell))),
            Kind::I32 => i64::from(i32::from_be_bytes(array(cell))),
            _ => i64::from_be_bytes(array(cell)),
        }
    }

    /// Appends the column's cells in a run of rows as f64. The column is a number.
    pub(crate) fn append_f64(&self, chunk: Chunk<'_>, out: &mut Vec<f64>) {
        match self.form.kind {
            Kind::F64 if !self.is_scaled() => out.extend(self.arrays(chunk).map(f64::from_be_bytes)),
            Kind::F32 if !self.is_scaled() => {
                out.extend(self.arrays(chunk).map(|cell| f64::from(f32::from_be_bytes(cell))));
            }
            _ => out.extend(chunk.rows().map(|row| self.number(row).unwrap_or(f64::NAN))),
        }
    }

    /// Appends the column's cells in a run of rows as f32. The column is a number.
    pub(crate) fn append_f32(&self, chunk: Chunk<'_>, out: &mut Vec<f32>) {
        match self.form.kind {
            Kind::F32 if !self.is_scaled() => out.extend(self.arrays(chunk).map(f32::from_be_bytes)),
            _ => out.extend(chunk.rows().map(|row| self.number(row).unwrap_or(f64::NAN) as f32)),
        }
    }

    /// Gives each cell of an integer column in a run of rows to `each`; 0 where there is none.
    pub(crate) fn each_integer(&self, chunk: Chunk<'_>, mut each: impl FnMut(i64)) {
        match self.form.kind {
            Kind::I32 if !self.is_scaled() => {
                self.arrays(chunk).for_each(|cell| each(i64::from(i32::from_be_bytes(cell))));
            }
            _ => chunk.rows().for_each(|row| each(self.integer(row).unwrap_or(0))),
        }
    }

    /// Gives each cell's bytes in a run of rows.
    pub(crate) fn cells<'a>(&self, chunk: Chunk<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (offset, width) = (self.offset, self.width);
        chunk.rows().map(move |row| &row.bytes()[offset..offset + width])
    }

    fn is_scaled(&self) -> bool {
        self.scale != 1.0 || self.zero != 0.0 || self.null.is_some()
    }

    fn arrays<'a, const N: usize>(&self, chunk: Chunk<'a>) -> impl Iterator<Item = [u8; N]> + use<'a, N> {
        let offset = self.offset;
        chunk.rows().map(move |row| array(&row.bytes()[offset..offset + N]))
    }
}

/// Text ends at the first NUL; blanks around it are padding.
pub(crate) fn trim(cell: &[u8]) -> &[u8] {
    cell.split(|&byte| byte == 0).next().unwrap_or(cell).trim_ascii()
}

fn array<const N: usize>(cell: &[u8]) -> [u8; N] {
    cell.try_into().expect("the width of a cell is that of its TFORM")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(form: &str, scale: f64, zero: f64, null: Option<i64>) -> Column {
        let form = TForm::parse(form).unwrap();
        let width = form.width().unwrap() as usize;
        Column { name: "X".into(), form, offset: 1, width, scale, zero, null }
    }

    fn row(cell: &[u8]) -> Vec<u8> {
        [&[0xff], cell, &[0xff]].concat()
    }

    #[test]
    fn unsigned_integers_come_out_of_tzero_exactly() {
        let big = column("K", 1.0, 2f64.powi(63), None);
        let bytes = row(&(i64::MIN + 7).to_be_bytes());
        assert_eq!(big.integer(Row::new(&bytes)), Some(7));
        assert_eq!(big.number(Row::new(&bytes)), Some(7.0));
        assert_eq!(big.integer(Row::new(&row(&5i64.to_be_bytes()))), None); // 2^63 + 5 is no i64
        let small = column("I", 1.0, 32768.0, None);
        assert_eq!(small.integer(Row::new(&row(&i16::MAX.to_be_bytes()))), Some(65535));
        assert!(big.is_integer() && small.is_integer() && !column("J", 0.1, 0.0, None).is_integer());
        assert!(!column("2J", 1.0, 0.0, None).is_integer() && !column("E", 1.0, 0.0, None).is_integer());
    }

    #[test]
    fn scaled_and_absent_numbers() {
        let scaled = column("I", 0.5, 10.0, Some(-1));
        let bytes = [row(&4i16.to_be_bytes()), row(&(-1i16).to_be_bytes())].concat();
        let chunk = Chunk::new(&bytes, 4);
        let mut out = Vec::new();
        scaled.append_f64(chunk, &mut out);
        assert!(out[0] == 12.0 && out[1].is_nan());
        let mut single = Vec::new();
        column("E", 1.0, 0.0, None).append_f32(Chunk::new(&row(&1.5f32.to_be_bytes()), 6), &mut single);
        column("D", 1.0, 0.0, None).append_f32(Chunk::new(&row(&2.5f64.to_be_bytes()), 10), &mut single);
        assert_eq!(single, [1.5, 2.5]);
        assert_eq!(
            column("E", 1.0, 0.0, None).number(Row::new(&row(&0.1f32.to_be_bytes()))),
            Some(f64::from(0.1f32))
        );
    }

    #[test]
    fn text_ends_at_nul_or_blanks() {
        let name = column("6A", 1.0, 0.0, None);
        assert_eq!(name.text(Row::new(&row(b" r\0xyz"))), b"r");
        assert_eq!(name.text(Row::new(&row(b"LSST-r"))), b"LSST-r");
        assert_eq!(name.text(Row::new(&row(b"\0\0\0\0\0\0"))), b"");
    }
}
