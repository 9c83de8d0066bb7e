//! How strange is an object, by where a network's latent vectors of its training set lie?
//!
//! A network is asked for classes that it knows; an object of no such class still gets probabilities. Its latent vector
//! ([`Oracle::embedding`](crate::Oracle::embedding)) tends to lie away from those of every class, and [`Mahalanobis`]
//! measures how far. Slices in, numbers out: the vectors may come from any network.

mod cholesky;
mod covariance;
mod mahalanobis;

pub use mahalanobis::{AnomalyError, CovarianceKind, Mahalanobis};
