#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ahead;
pub mod anomaly;
mod arena;
mod attention;
mod cascade;
mod device_memory;
mod dropout;
mod error;
mod features;
mod galactic;
mod model_file;
mod numbers;
mod oracle;
mod preset;
mod recurrent;
mod row_map;
mod stream;
pub mod train;

pub use candle_core;
pub use candle_nn;

pub use arena::{Slot, StreamArena};
pub use attention::{
    AdditiveAttention, AdditiveAttentionConfig, AdditiveScorer, AttentionState, masked_softmax,
    prefix_attention, segment_softmax, segment_sum,
};
pub use cascade::{
    BaseClassification, Cascade, CascadeBatch, CascadeConfig, CascadeInput, CascadeScaling, CascadeStream,
    CascadeStreamState, FluxMoments, Naive, NaiveConfig, ScalingMode, TimeRange, TrainPass,
};
pub use device_memory::keep_device_memory;
pub use dropout::{Dropout, dropout_seed};
pub use error::{Error, Result};
pub use features::{
    EncodedLightCurve, FeatureSpec, RowSelection, StaticFeature, StaticScaling, StaticSource, TimeFeature,
    TimeOrigin, TriggerWindow,
};
pub use galactic::Galactic;
pub use model_file::ModelFile;
pub use oracle::{Activation, LogitsHistory, Oracle, OracleBatch, OracleConfig};
pub use preset::{Preset, UnknownPreset};
pub use recurrent::{
    CellKind, GpuPrecision, Gru, GruCell, Isa, Lstm, LstmCell, Recurrent, RecurrentConfig, RecurrentState,
};
pub use stream::{Stream, StreamState};
