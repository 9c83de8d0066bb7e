//! Figures as their readers see them: the SVG and PNG that come out.

#![allow(clippy::unwrap_used)]

mod content;
mod files;
mod hostile;
mod sample;
