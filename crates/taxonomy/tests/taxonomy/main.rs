//! The public door: laws that hold on every tree, and the published tables.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stderr)]

mod laws;
mod reference;
