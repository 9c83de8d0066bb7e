//! Light curves as Parquet, in the layouts that people keep them in.

mod layout;
mod object_rows;
mod observation_rows;
mod reader;
mod statics;
mod writer;

pub use reader::ParquetLightCurves;
pub use writer::{LightCurveColumns, ParquetLightCurveWriter};
