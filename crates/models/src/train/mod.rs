//! Training of [`Oracle`](crate::Oracle), [`Cascade`](crate::Cascade) and [`Naive`](crate::Naive): batches, optimizer,
//! validation, checkpoints.
//!
//! | question | item |
//! |---|---|
//! | what is learned from? | light curves: [`Example`]; histories of classifications: [`HistoryExample`] |
//! | by which protocol? | [`TrainConfig`], [`Beginnings`], [`ScoredSteps`], [`Criterion`] |
//! | how is it run, interrupted, resumed? | [`Trainer`], [`Trained`], [`Ending`] |
//! | what does the loss function get? | [`Targets`] |
//! | how does it go? | [`Progress`], [`StepReport`], [`EpochReport`] |
//! | which objects are for what? | [`stratified_split`], [`Split`], [`cap_classes`] |
//! | where do weights begin? | [`Oracle::fresh`](crate::Oracle::fresh) |
//! | a network of my own? | [`Learner`] |
//! | what went wrong? | [`TrainError`] |
//!
//! The loss is a function of logits and true nodes, so any loss will do; `heliacal-losses` has hierarchical ones.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use candle_core::Device;
//! use heliacal_lightcurve::{Context, LightCurve, Passband};
//! use heliacal_models::train::{Example, TrainConfig, Trainer};
//! use heliacal_models::{Oracle, Preset, candle_core, candle_nn};
//!
//! // Ten bright objects are of class 0, ten faint ones of class 1.
//! let features = Preset::PublishedLite.features();
//! let examples = (0..20).map(|i| {
//!     let flux = if i < 10 { 3.0 } else { 0.5 };
//!     let g = Passband::LsstG;
//!     let mjd = vec![60000.0, 60001.0];
//!     let light_curve = LightCurve::new(mjd, vec![flux; 2], vec![0.1; 2], vec![g; 2], vec![true; 2])?;
//!     Ok(Example { light_curve: features.encode(light_curve.view(), &Context::new())?, true_node: i / 10 })
//! });
//! let examples = examples.collect::<Result<Vec<_>, heliacal_models::Error>>()?;
//!
//! let model = Oracle::fresh(Preset::PublishedLite.config(2), features, 1, &Device::Cpu)?;
//! let config = TrainConfig { epochs: 4, batch_size: 6, learning_rate: 0.01, ..TrainConfig::default() };
//! let trained = Trainer::new(&model, &examples, config)?.train(
//!     |logits, targets| {
//!         let nodes: Vec<u32> = targets.true_nodes.iter().map(|&node| node as u32).collect();
//!         candle_nn::loss::cross_entropy(logits, &candle_core::Tensor::new(nodes, logits.device())?)
//!     },
//!     |_progress| ControlFlow::Continue(()),
//! )?;
//! assert!(trained.history[3].training_loss < trained.history[0].training_loss);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Determinism: the same seeds, objects, device and number of threads give the same weights to the last bit, interrupted
//! or not. The order of objects and their truncation are functions of (seed, epoch) alone, so that a checkpoint needs no
//! generator's state: the position in the epoch is enough. Batches are packed by other threads ahead of the passes, always the
//! same ones in the same order.

mod adam;
mod batches;
mod checkpoint;
mod config;
mod digest;
mod error;
mod example;
mod history_example;
mod initialization;
mod learner;
mod progress;
pub(crate) mod random;
mod split;
mod trainer;

pub use batches::Targets;
pub use config::TrainConfig;
pub use error::TrainError;
pub use example::Example;
pub use history_example::HistoryExample;
pub use learner::{Beginnings, Criterion, Learner, ScoredSteps};
pub use progress::{EpochReport, Progress, StepReport};
pub use split::{Split, cap_classes, stratified_split};
pub use trainer::{Ending, Trained, Trainer};
