//! The crate through its public door.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod calibration_coverage;
mod calibration_laws;
mod calibration_reference;
mod esc_golden;
mod esc_laws;
mod esc_published;
#[cfg(all(feature = "serde", feature = "statistics"))]
mod evaluation;
mod scorecard_laws;
mod scorecard_scikit_learn;
#[cfg(feature = "serde")]
mod scorecard_serde;
#[cfg(feature = "statistics")]
mod statistics_laws;
#[cfg(feature = "statistics")]
mod statistics_reference;
mod transport_figure3;
mod transport_golden;
mod transport_hard;
mod transport_laws;
mod weight;
