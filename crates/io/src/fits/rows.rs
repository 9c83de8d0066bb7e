//! The rows of a table, one chunk after the other.

use super::BLOCK;
use super::stream::Stream;
use crate::{ErrorKind, Location, Result};

/// Rows are read in chunks of this size: it stays in the second-level cache while the columns are taken out of it.
const CHUNK_BYTES: usize = 1 << 18;

/// A wider row is refused; SNANA's have about a thousand bytes.
pub(super) const MAX_ROW_BYTES: u64 = 1 << 20;

/// The bytes of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a>(&'a [u8]);

impl<'a> Row<'a> {
    #[cfg(test)]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// The bytes of some rows, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk<'a> {
    bytes: &'a [u8],
    row_bytes: usize,
}

impl<'a> Chunk<'a> {
    pub(super) fn new(bytes: &'a [u8], row_bytes: usize) -> Self {
        Self { bytes, row_bytes }
    }

    /// How many rows.
    pub(crate) fn len(self) -> usize {
        self.bytes.len() / self.row_bytes
    }

    pub(crate) fn rows(self) -> impl ExactSizeIterator<Item = Row<'a>> {
        self.bytes.chunks_exact(self.row_bytes).map(Row)
    }
}

/// Reads the rows of a table in order.
#[derive(Debug)]
pub(crate) struct Rows {
    stream: Stream,
    location: Location,
    row_bytes: usize,
    /// How many rows the header declares.
    declared: u64,
    /// How many rows were given out.
    position: u64,
    /// How many bytes of the table were read from the stream.
    bytes_read: u64,
    buffer: Vec<u8>,
    /// What of the buffer is read and not yet given out.
    start: usize,
    end: usize,
}

impl Rows {
    /// `row_bytes` is at least 1 and at most `MAX_ROW_BYTES`, unless there are no rows.
    pub(super) fn new(stream: Stream, location: Location, row_bytes: usize, n_rows: u64) -> Self {
        debug_assert!(n_rows == 0 || (1..=MAX_ROW_BYTES).contains(&(row_bytes as u64)));
        Self {
            stream,
            location,
            row_bytes,
            declared: n_rows,
            position: 0,
            bytes_read: 0,
            buffer: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// How many rows were given out.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// How many rows are left, if the header is right.
    pub(crate) fn left(&self) -> u64 {
        self.declared - self.position
    }

    /// The next rows, at least one and at most `most` (which is at least 1). None after the last row.
    ///
    /// # Errors
    /// Truncated where the file ends early.
    pub(crate) fn next(&mut self, most: u64) -> Result<Option<Chunk<'_>>> {
        if self.left() == 0 {
            return Ok(None);
        }
        if self.end - self.start < self.row_bytes {
            self.refill()?;
        }
        let rows =
            ((self.end - self.start) / self.row_bytes).min(usize::try_from(most).unwrap_or(usize::MAX));
        let bytes = rows * self.row_bytes;
        let chunk = Chunk::new(&self.buffer[self.start..self.start + bytes], self.row_bytes);
        self.start += bytes;
        self.position += rows as u64;
        Ok(Some(chunk))
    }

    /// The next row.
    pub(crate) fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        Ok(self.next(1)?.and_then(|chunk| chunk.rows().next()))
    }

    /// The next row, which stays the next one.
    pub(crate) fn peek(&mut self) -> Result<Option<Row<'_>>> {
        if self.left() == 0 {
            return Ok(None);
        }
        if self.end - self.start < self.row_bytes {
            self.refill()?;
        }
        Ok(Some(Row(&self.buffer[self.start..self.start + self.row_bytes])))
    }

    /// Passes over rows.
    pub(crate) fn skip(&mut self, mut n: u64) -> Result<()> {
        while n > 0 {
            match self.next(n)? {
                Some(chunk) => n -= chunk.len() as u64,
                None => break,
            }
        }
        Ok(())
    }

    /// After the last row: checks that a gzip stream ends well, as far as it is soon over.
    pub(crate) fn verify_end(&mut self) -> Result<()> {
        let table = self.declared.saturating_mul(self.row_bytes as u64);
        if self.bytes_read < table {
            return Ok(());
        }
        let padding = table.next_multiple_of(BLOCK as u64) - table;
        self.stream.verify_end(padding).map_err(|source| self.location.clone().error(source))
    }

    /// Reads until the buffer is full or the table ends; afterwards there is at least one row in the buffer.
    #[cold]
    fn refill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let table = self.declared.saturating_mul(self.row_bytes as u64);
        let left = usize::try_from(table - self.bytes_read).unwrap_or(usize::MAX);
        let capacity = CHUNK_BYTES.max(self.row_bytes).min(left.saturating_add(self.end));
        if self.buffer.len() < capacity {
            self.buffer.resize(capacity, 0);
        }
        let read = self
            .stream
            .fill(&mut self.buffer[self.end..capacity])
            .map_err(|source| self.location.clone().row(self.position + 1).error(source))?;
        self.end += read;
        self.bytes_read += read as u64;
        if self.end < self.row_bytes {
            return Err(self.location.clone().error(ErrorKind::Truncated {
                expected: self.declared,
                found: self.position,
                unit: "rows",
            }));
        }
        Ok(())
    }
}
