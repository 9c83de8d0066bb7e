//! Recurrent layers over sequences of unequal length.
//!
//! Sequences come as one ragged batch, their rows one after the other in the caller's order: `[rows, features]` and a
//! length each. There is no padding to skip, to mask or to get wrong.

mod gru;
mod packing;

pub use gru::{Gru, GruConfig, GruState};
