//! The HTML pages: valid whatever stands in them, and in a browser what they promise.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test, which says what it skips and how large a page is"
)]

mod browser;
mod hostile;
mod in_browser;
mod markup;
mod numbers;
mod sample;
mod size;
