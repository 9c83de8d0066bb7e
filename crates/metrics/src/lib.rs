#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod calibration;
mod class_tree;
pub mod esc;
#[cfg(feature = "statistics")]
pub mod evaluation;
mod in_order;
mod moments;
mod pmf;
pub mod scorecard;
#[cfg(feature = "statistics")]
pub mod statistics;
pub mod transport;

pub use class_tree::{ClassTree, TreeError};
pub use moments::Moments;
pub use pmf::{Pmf, PmfError, PmfFault, PmfHistory, SUM_TOLERANCE};
