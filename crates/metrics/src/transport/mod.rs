//! How far apart are two PMFs, when moving mass between classes has a cost?
//!
//! The earth mover's distance, or Wasserstein-1 distance (Kantorovich 1942; Rubner, Tomasi & Guibas 2000), between two
//! PMFs `a` and `b` under a ground cost `c` is the least cost of a plan that turns the one into the other:
//!
//! ```text
//! W1(a, b) = min Σ_ij c_ij x_ij    with  Σ_j x_ij = a_i,  Σ_i x_ij = b_j,  x_ij >= 0
//! ```
//!
//! | ground cost | by | work for `n` classes |
//! |---|---|---|
//! | every mistake costs 1 | [`unit_w1`], half the L1 distance | `n` |
//! | classes in a row | [`line_w1`], difference of the cumulative distributions | `n` |
//! | leaves of a tree | [`tree_w1`], difference of the mass below each edge | nodes |
//! | any non-negative matrix | [`NetworkSimplex`] | simplex pivots, least for a metric; times in `docs/performance.md` |
//! | the same, to check against | `lp_w1` (feature `lp`) | far more, see there |
//!
//! [`GroundCost`] chooses among them and [`W1Solver`] applies the choice to whole histories without allocating. Each way
//! gives a [`TransportPlan`] on request.
//!
//! **Sums that differ.** PMFs sum to 1 only within [`SUM_TOLERANCE`](crate::SUM_TOLERANCE). The closed forms take the
//! values as they are, so that `unit_w1` is half the L1 distance to the last digit. A plan exists only between equal
//! totals: the network simplex, the linear program and all plans scale `b` to the total of `a`.

mod basis;
mod cost_matrix;
mod error;
mod ground_cost;
mod line;
#[cfg(feature = "lp")]
mod linear_program;
mod masses;
mod network_simplex;
mod plan;
mod tree;
pub(crate) mod unit;

pub use cost_matrix::{CostMatrix, MetricFault};
pub use error::{CostError, TransportError};
pub use ground_cost::{GroundCost, W1Solver};
pub use line::{LineCost, line_plan, line_w1};
#[cfg(feature = "lp")]
pub use linear_program::{lp_plan, lp_w1};
pub use network_simplex::{DualPotentials, NetworkSimplex};
pub use plan::{Flow, TransportPlan};
pub use tree::{TreeCost, tree_plan, tree_w1};
pub(crate) use unit::unit;
pub use unit::{unit_plan, unit_w1};
