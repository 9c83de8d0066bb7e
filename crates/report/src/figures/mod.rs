//! Every figure is a function from data to a [`Figure`](crate::Figure).
//!
//! | question | figure |
//! |---|---|
//! | what was observed? | [`light_curve()`], [`light_curve_grid`] |
//! | what did a classifier make of it? | [`pmf_evolution`], [`tree_probabilities`] |
//! | which class is taken for which? | [`confusion_matrix`], [`confusion_matrix_with_counts`] |
//! | how early and how stable are classifications? | [`histograms`], [`percentile_histogram`], [`heat_map`], [`difference_heat_map`] |
//! | where does probability go as objects age? | [`alluvial`], [`mean_scores`] |
//! | how good is it how long after the trigger? | [`scores_since_trigger`], [`days_to_confident`] |
//! | how well do scores separate a class? | [`roc_curves`], [`precision_recall_curves`] |
//! | does 80 % mean 80 %? | [`reliability`] |
//! | how did training go? | [`training_curves`] |
//!
//! B: Beyond the Final Label ([arXiv 2604.23792](https://arxiv.org/abs/2604.23792)); ORACLE:
//! [arXiv 2501.01496](https://arxiv.org/abs/2501.01496).

mod alluvial;
mod brightness;
mod confusion_matrix;
mod curves;
mod days_to_confident;
mod heat_map;
mod histogram;
mod light_curve;
mod mean_scores;
mod pmf_evolution;
mod reliability;
mod since_trigger;
mod training_curves;
mod tree_probabilities;

pub use alluvial::{Flow, alluvial};
pub use brightness::{Brightness, TimeAxis};
pub use confusion_matrix::{confusion_matrix, confusion_matrix_with_counts};
pub use curves::{precision_recall_curves, roc_curves};
pub use days_to_confident::days_to_confident;
pub use heat_map::{HeatMap, difference_heat_map, heat_map};
pub use histogram::{HistogramAxis, HistogramPanel, histograms, percentile_histogram};
pub use light_curve::{GridCurve, light_curve, light_curve_grid};
pub use mean_scores::{MeanScores, mean_scores};
pub use pmf_evolution::{Classifications, pmf_evolution};
pub use reliability::reliability;
pub use since_trigger::scores_since_trigger;
pub use training_curves::training_curves;
pub use tree_probabilities::tree_probabilities;
