//! Which mass goes where.

use super::error::{TransportError, same_classes};
use super::{CostMatrix, masses::GridMasses};

/// A mass that goes from one class to another, or stays where both are the same.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Flow {
    /// The class it leaves.
    pub from: usize,
    /// The class it reaches.
    pub to: usize,
    /// How much.
    pub mass: f64,
}

/// A way to turn one PMF into another: mass `x_ij` from class `i` to class `j`.
///
/// ```text
/// Σ_j x_ij = before_i        Σ_i x_ij = after_j        x_ij >= 0
/// ```
///
/// Only flows above zero are kept, ordered by `from`, then `to`; what stays is among them. Sums hold to 1e-15 for a
/// few dozen classes and 1e-12 for hundreds (masses are put on a grid of 2^-50 or finer); the PMF after is scaled to the
/// total of the PMF before.
///
/// ```
/// use heliacal_metrics::Pmf;
/// use heliacal_metrics::transport::{CostMatrix, Flow, unit_plan};
///
/// let before = Pmf::new(vec![0.75, 0.25, 0.0])?;
/// let after = Pmf::new(vec![0.25, 0.25, 0.5])?;
/// let plan = unit_plan(&before, &after)?;
/// assert_eq!(plan.flows()[1], Flow { from: 0, to: 2, mass: 0.5 });
/// assert_eq!(plan.moved(), 0.5);
/// assert_eq!(plan.cost(&CostMatrix::line(3)?)?, 1.0); // half the mass moves two classes on
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "PlanParts", into = "PlanParts"))]
pub struct TransportPlan {
    n_classes: usize,
    flows: Vec<Flow>,
}

/// What a plan is written as.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct PlanParts {
    n_classes: usize,
    flows: Vec<Flow>,
}

impl TransportPlan {
    /// Takes flows in any order; drops those of no mass.
    ///
    /// # Errors
    /// [`TransportError::Flow`]: a class that does not exist; a mass that is NaN, infinite or negative.
    pub fn new(n_classes: usize, flows: Vec<Flow>) -> Result<Self, TransportError> {
        for (index, &Flow { from, to, mass }) in flows.iter().enumerate() {
            if from >= n_classes || to >= n_classes || !mass.is_finite() || mass < 0.0 {
                return Err(TransportError::Flow { index, from, to, mass, n_classes });
            }
        }
        Ok(Self::sorted(n_classes, flows))
    }

    fn sorted(n_classes: usize, mut flows: Vec<Flow>) -> Self {
        flows.retain(|flow| flow.mass > 0.0);
        flows.sort_by_key(|flow| (flow.from, flow.to));
        Self { n_classes, flows }
    }

    /// Turns flows on the grid into masses.
    pub(super) fn on_grid(masses: &GridMasses, flows: impl Iterator<Item = (usize, usize, i64)>) -> Self {
        let flows = flows.map(|(from, to, units)| Flow { from, to, mass: masses.mass(units) }).collect();
        Self::sorted(masses.before.len(), flows)
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// All flows above zero, ordered by `from`, then `to`.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// The whole matrix, `[from, to]` row-major.
    pub fn dense(&self) -> Vec<f64> {
        let mut dense = vec![0.0; self.n_classes * self.n_classes];
        for flow in &self.flows {
            dense[flow.from * self.n_classes + flow.to] += flow.mass;
        }
        dense
    }

    /// What leaves each class or stays in it: the PMF before.
    pub fn row_sums(&self) -> Vec<f64> {
        self.sums(|flow| flow.from)
    }

    /// What reaches each class or stays in it: the PMF after, scaled to the total of that before.
    pub fn column_sums(&self) -> Vec<f64> {
        self.sums(|flow| flow.to)
    }

    /// The mass that changes its class.
    pub fn moved(&self) -> f64 {
        // `Sum` of nothing is -0.0.
        self.flows.iter().filter(|flow| flow.from != flow.to).fold(0.0, |sum, flow| sum + flow.mass)
    }

    /// What the plan costs, `Σ_ij c_ij x_ij`; mass that stays pays the diagonal.
    ///
    /// # Errors
    /// [`TransportError::ClassCount`].
    pub fn cost(&self, costs: &CostMatrix) -> Result<f64, TransportError> {
        same_classes(costs.n_classes(), self.n_classes)?;
        Ok(self.flows.iter().fold(0.0, |sum, flow| sum + flow.mass * costs.row(flow.from)[flow.to]))
    }

    fn sums(&self, class: impl Fn(&Flow) -> usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.n_classes];
        for flow in &self.flows {
            sums[class(flow)] += flow.mass;
        }
        sums
    }
}

#[cfg(feature = "serde")]
impl TryFrom<PlanParts> for TransportPlan {
    type Error = TransportError;

    fn try_from(parts: PlanParts) -> Result<Self, TransportError> {
        Self::new(parts.n_classes, parts.flows)
    }
}

#[cfg(feature = "serde")]
impl From<TransportPlan> for PlanParts {
    fn from(plan: TransportPlan) -> Self {
        Self { n_classes: plan.n_classes, flows: plan.flows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(from: usize, to: usize, mass: f64) -> Flow {
        Flow { from, to, mass }
    }

    #[test]
    fn sums_by_hand() {
        let plan = TransportPlan::new(
            2,
            vec![flow(1, 0, 0.125), flow(0, 0, 0.25), flow(0, 1, 0.5), flow(1, 1, 0.125), flow(1, 0, 0.0)],
        )
        .unwrap();
        assert_eq!(plan.flows().len(), 4);
        assert_eq!(plan.flows()[0], flow(0, 0, 0.25));
        assert_eq!(plan.dense(), [0.25, 0.5, 0.125, 0.125]);
        assert_eq!((plan.row_sums(), plan.column_sums()), (vec![0.75, 0.25], vec![0.375, 0.625]));
        assert_eq!(plan.moved(), 0.625);
        let costs = CostMatrix::new(2, vec![8.0, 1.0, 2.0, 0.0]).unwrap();
        assert_eq!(plan.cost(&costs), Ok(2.75));
        assert!(plan.cost(&CostMatrix::unit(3).unwrap()).is_err());
    }

    #[test]
    fn impossible_flows() {
        for bad in [flow(2, 0, 0.5), flow(0, 2, 0.5), flow(0, 1, -0.5), flow(0, 1, f64::NAN)] {
            assert!(matches!(TransportPlan::new(2, vec![bad]), Err(TransportError::Flow { index: 0, .. })));
        }
    }
}
