#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod classifier;
mod error;
#[cfg(feature = "parquet")]
pub mod pipeline;
mod truth;

pub use classifier::{Classifier, Prediction, PredictionHistory, PredictionStream};
pub use error::{Error, Result};
pub use truth::TruthMap;

pub use heliacal_io as io;
pub use heliacal_lightcurve as lightcurve;
pub use heliacal_losses as losses;
pub use heliacal_metrics as metrics;
pub use heliacal_models as models;
pub use heliacal_report as report;
pub use heliacal_taxonomy as taxonomy;

pub use heliacal_lightcurve::{
    Context, LightCurve, LightCurveView, Object, ObjectId, Observation, Passband, PhotometricSystem,
};
pub use heliacal_models::candle_core::Device;
pub use heliacal_models::{FeatureSpec, ModelFile, Preset, StreamState, TimeOrigin};
pub use heliacal_taxonomy::Taxonomy;
