//! The part of FITS (standard 4.0) that SNANA writes: one binary table after an empty primary HDU.
//!
//! No number of a header is trusted: tables are read in chunks of bounded size, and buffers grow only with bytes that
//! were there.

mod card;
mod column;
mod header;
mod rows;
mod stream;
mod table;
mod tform;
mod write;

pub(crate) use column::{Column, trim};
pub(crate) use rows::{Chunk, Row, Rows};
pub(crate) use table::Table;
pub(crate) use write::{HeaderWriter, pad_to_block};

/// FITS files are made of blocks of 2880 bytes.
pub(crate) const BLOCK: usize = 2880;
