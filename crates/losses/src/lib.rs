#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cross_entropy;
mod cross_entropy_with_esc;
mod error;
mod esc;
mod esc_weights;
mod fused_leaf_softmax;
mod fused_log_softmax;
mod fused_op;
mod hxe;
mod labels;
mod level_losses;
mod loss;
mod node_counts;
mod outputs;
mod path_terms;
mod target_rows;
mod tree_layout;
mod whxe;

pub use candle_core;

pub use cross_entropy::{ClassDistance, CrossEntropy, CrossEntropyOptions, balanced_class_weights};
pub use cross_entropy_with_esc::{ClassifiedSteps, CrossEntropyAndEsc, CrossEntropyWithEsc};
pub use error::{Error, Result};
pub use esc::{ConstantHistory, EscLoss, EscOptions, EscScore, TransportCost};
pub use hxe::Hxe;
pub use labels::Labels;
pub use level_losses::LevelLosses;
pub use loss::Loss;
pub use node_counts::NodeCounts;
pub use tree_layout::{Parametrization, TreeLayout};
pub use whxe::{LabelCount, PhaseAwareWhxe, Whxe, WhxeOptions};
