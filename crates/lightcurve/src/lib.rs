#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod context;
mod light_curve;
mod object;
mod passband;
mod resample;

pub use context::Context;
pub use light_curve::{LightCurve, LightCurveError, LightCurveView, NoDetection, Observation};
pub use object::{Object, ObjectId};
pub use passband::{Passband, PhotometricSystem, UnknownPassband};
