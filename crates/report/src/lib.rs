#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod canvas;
mod colour;
mod colour_bar;
mod error;
mod figure;
pub mod figures;
mod file;
mod legend;
pub mod page;
mod panel;
mod panel_grid;
#[cfg(feature = "png")]
mod png;
mod scale;
mod sheet;
mod simplify;
mod style;
mod table;
mod text;

pub use colour::{Colour, ColourMap};
pub use error::{ReportError, Result};
pub use figure::Figure;
pub use style::FigureStyle;
pub use table::{Cell, Table};
