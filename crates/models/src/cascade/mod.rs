//! The cascade (arXiv 2604.23792): classify again, with the history of a classifier's answers.
//!
//! | question | item |
//! |---|---|
//! | what goes in? | [`CascadeInput`], [`CascadeBatch`], [`BaseClassification`] |
//! | of which sizes? | [`CascadeConfig`], [`NaiveConfig`] |
//! | in which units? | [`CascadeScaling`], [`ScalingMode`] |
//! | what comes out? | [`Cascade`], [`CascadeStream`], [`Naive`] |
//! | what does training get? | [`TrainPass`] |

mod batch;
mod batch_norm;
mod config;
mod groups;
mod head;
mod history;
mod initialization;
mod input;
mod kernels;
mod naive;
mod network;
mod normalize;
mod prefixes;
mod push;
mod scaling;
mod stream;

pub use batch::CascadeBatch;
pub use config::CascadeConfig;
pub use input::CascadeInput;
pub use naive::{Naive, NaiveConfig};
pub use network::{Cascade, TrainPass};
pub use scaling::{CascadeScaling, FluxMoments, ScalingMode, TimeRange};
pub use stream::{BaseClassification, CascadeStream, CascadeStreamState};
