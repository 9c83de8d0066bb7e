//! The crate through its public door.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod transport_figure3;
mod transport_golden;
mod transport_hard;
mod transport_laws;
mod weight;
