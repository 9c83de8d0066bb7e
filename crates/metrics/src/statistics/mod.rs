//! Is the difference real?
//!
//! | question | item |
//! |---|---|
//! | how uncertain is any figure of a sample of objects? | [`bootstrap`], by clusters [`bootstrap_clusters`], by strata [`bootstrap_strata`] |
//! | how uncertain is a fraction? | [`wilson_interval`] |
//! | how uncertain is an AUC? | [`hanley_mcneil_standard_error`], [`hanley_mcneil_interval`] |
//! | do two classifiers err equally often on the same objects? | [`mcnemar`] |
//! | is one better over folds, seeds or objects? | [`wilcoxon_signed_rank`], [`bootstrap_mean_difference`] |
//! | and when several metrics are tested at once? | [`holm`] |
//!
//! Checked against SciPy 1.17 and statsmodels 0.15: `fixtures/statistics`.

mod auc_interval;
mod bootstrap;
mod bootstrap_interval;
mod error;
mod holm;
mod interval;
mod mcnemar;
mod normal;
mod resampling;
mod split_mix;
mod wilcoxon;
mod wilson;

pub use crate::scorecard::hanley_mcneil_standard_error;
pub use auc_interval::hanley_mcneil_interval;
pub use bootstrap::{
    Bootstrap, BootstrapSample, Jackknife, acceleration, bootstrap, bootstrap_clusters, bootstrap_mean,
    bootstrap_mean_difference, bootstrap_strata,
};
pub use bootstrap_interval::{bca_interval, percentile_interval};
pub use error::StatisticsError;
pub use holm::holm;
pub use interval::Interval;
pub use mcnemar::{McNemar, McNemarMethod, mcnemar, mcnemar_paired};
pub use wilcoxon::{Alternative, Wilcoxon, WilcoxonMethod, ZeroDifferences, wilcoxon_signed_rank};
pub use wilson::wilson_interval;
