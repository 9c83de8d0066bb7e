//! Can the probabilities be believed, and what may be decided from them?
//!
//! | question | item |
//! |---|---|
//! | does 80 % mean 80 %? | [`Reliability`]; for each class and level of a tree [`TreeReliability`] |
//! | how to make it so, order unchanged | [`fit_temperature`]; per group of siblings [`TreeTemperatures`] |
//! | which classes hold the truth with 90 %? | [`ConformalSets`], [`antichain`] |
//! | which one class of the tree holds the truth with 90 %? | [`ConformalNodes`] |
//! | what is the risk when the unsure are left out? | [`RiskCoverage`] |
//! | and when decisions stop at an inner class? | [`StopAtNode`], [`deepest`] |
//!
//! PMFs are rows over the leaves of a [`ClassTree`](crate::ClassTree); true classes are its nodes. Fit on objects that
//! the classifier was not trained on, and judge on yet others.

mod bins;
mod conformal_nodes;
mod conformal_quantile;
mod conformal_sets;
mod error;
mod reliability;
mod risk_coverage;
mod rows;
mod stop_at_node;
mod temperature;
mod tree_reliability;
mod tree_temperatures;

pub use bins::Bins;
pub use conformal_nodes::{ConformalNodes, antichain};
pub use conformal_quantile::{Coverage, conformal_quantile};
pub use conformal_sets::{ConformalSets, SetScore};
pub use error::CalibrationError;
pub use reliability::{Reliability, ReliabilityBin, ReliabilityDiagram};
pub use risk_coverage::{RiskCoverage, RiskCoveragePoint};
pub use stop_at_node::{LevelRisk, StopAtNode, StopPoint, deepest};
pub use temperature::{
    PROBABILITY_FLOOR, TEMPERATURE_BOUNDS, TemperatureFit, TemperatureStatus, fit_temperature,
};
pub use tree_reliability::TreeReliability;
pub use tree_temperatures::{GroupTemperature, TreeTemperatures};
