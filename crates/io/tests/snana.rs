//! SNANA files through the public door.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stderr)]

#[path = "snana/edits.rs"]
mod edits;
#[path = "snana/expected.rs"]
mod expected;
#[path = "snana/faults.rs"]
mod faults;
#[path = "snana/round_trip.rs"]
mod round_trip;
#[path = "snana/survey.rs"]
mod survey;
