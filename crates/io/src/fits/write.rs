//! Headers as cfitsio writes them.

use std::io::{self, Write};

use super::BLOCK;
use super::card::CARD;

/// Text that fits between the quotes of one card.
const TEXT: usize = 68;

/// The cards of a header, one after the other.
#[derive(Debug, Default)]
pub(crate) struct HeaderWriter {
    bytes: Vec<u8>,
}

impl HeaderWriter {
    /// The header of an empty primary HDU in SNANA's way, up to EXTEND.
    pub(crate) fn primary() -> Self {
        let mut header = Self::default();
        header.logical("SIMPLE", true, "file does conform to FITS standard");
        header.integer("BITPIX", -32, "number of bits per data pixel");
        header.integer("NAXIS", 1, "number of data axes");
        header.integer("NAXIS1", 0, "length of data axis 1");
        header.logical("EXTEND", true, "FITS dataset may contain extensions");
        header
    }

    /// The header of a binary table, complete.
    ///
    /// `columns` are names and types; `nulls` gives some of them a TNULL.
    pub(crate) fn table(
        name: &str,
        columns: &[(String, String)],
        nulls: &[(&str, i64)],
        row_bytes: usize,
        n_rows: u64,
    ) -> Vec<u8> {
        let mut header = Self::default();
        header.text("XTENSION", "BINTABLE", "binary table extension");
        header.integer("BITPIX", 8, "8-bit bytes");
        header.integer("NAXIS", 2, "2-dimensional binary table");
        header.integer("NAXIS1", row_bytes as i64, "width of table in bytes");
        header.integer("NAXIS2", n_rows as i64, "number of rows in table");
        header.integer("PCOUNT", 0, "size of special data area");
        header.integer("GCOUNT", 1, "one data group (required keyword)");
        header.integer("TFIELDS", columns.len() as i64, "number of fields in each row");
        for (index, (name, form)) in columns.iter().enumerate() {
            let n = index + 1;
            header.text(&format!("TTYPE{n}"), name, &format!("label for field {n:>3}"));
            header.text(&format!("TFORM{n}"), form, "data format of field");
            header.text(&format!("TUNIT{n}"), "", "physical unit of field");
            if let Some((_, null)) = nulls.iter().find(|(column, _)| column == name) {
                header.integer(&format!("TNULL{n}"), *null, "value of a missing number");
            }
        }
        header.text("EXTNAME", name, "name of this binary table extension");
        header.end()
    }

    pub(crate) fn logical(&mut self, name: &str, value: bool, comment: &str) {
        self.card(name, if value { "T" } else { "F" }, comment);
    }

    pub(crate) fn integer(&mut self, name: &str, value: i64, comment: &str) {
        self.card(name, &value.to_string(), comment);
    }

    /// Text of any length; what is not ASCII becomes `?`.
    pub(crate) fn text(&mut self, name: &str, value: &str, comment: &str) {
        let value: String =
            value.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
        let escaped = value.replace('\'', "''");
        let room = TEXT - (Self::keyword(name).len() - 10);
        if escaped.len() <= room {
            self.card(name, &format!("'{escaped:<8}'"), comment);
            return;
        }
        // The long-string convention: pieces end in "&", and no escaped quote is torn apart.
        let mut pieces = vec![String::new()];
        for character in value.chars() {
            let room = if pieces.len() == 1 { room - 1 } else { TEXT - 1 };
            let width = if character == '\'' { 2 } else { 1 };
            if pieces.last().is_some_and(|piece| piece.len() + width > room) {
                pieces.push(String::new());
            }
            if let Some(piece) = pieces.last_mut() {
                piece.extend(std::iter::repeat_n(character, width));
            }
        }
        let last = pieces.len() - 1;
        for (index, piece) in pieces.iter().enumerate() {
            let start = if index == 0 { Self::keyword(name) } else { "CONTINUE  ".into() };
            self.push(&format!("{start}'{piece}{}'", if index < last { "&" } else { "" }));
        }
    }

    fn keyword(name: &str) -> String {
        if name.len() <= 8 { format!("{name:<8}= ") } else { format!("HIERARCH {name} = ") }
    }

    fn card(&mut self, name: &str, value: &str, comment: &str) {
        let keyword = Self::keyword(name);
        let card = if value.starts_with('\'') {
            format!("{keyword}{value:<20} / {comment}")
        } else {
            format!("{keyword}{value:>width$} / {comment}", width = 30usize.saturating_sub(keyword.len()))
        };
        self.push(&card);
    }

    fn push(&mut self, card: &str) {
        let card = &card.as_bytes()[..card.len().min(CARD)];
        self.bytes.extend_from_slice(card);
        self.bytes.resize(self.bytes.len().next_multiple_of(CARD), b' ');
    }

    /// END and padding.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.push("END");
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), b' ');
        self.bytes
    }
}

/// Fills the last block of a table of this size.
pub(crate) fn pad_to_block(out: &mut dyn Write, bytes: u64) -> io::Result<()> {
    let padding = bytes.next_multiple_of(BLOCK as u64) - bytes;
    out.write_all(&[0; BLOCK][..padding as usize])
}
