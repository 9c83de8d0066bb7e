//! The survey from outside: what comes out, and whether others can read it.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod classes;
mod elasticc;
mod files;
mod observing;
mod reproducibility;
