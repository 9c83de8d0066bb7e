//! Classes in a row.

use super::error::{COST_LIMIT, CostError, TransportError, same_classes};
use super::{TransportPlan, masses::GridMasses, unit::north_west};
use crate::Pmf;

/// Classes as points on a line; moving costs the distance.
///
/// For classes with an order, such as subtypes along a sequence of spectra or bins of a redshift. Positions may come in
/// any order and coincide.
///
/// ```
/// use heliacal_metrics::{Pmf, transport::{LineCost, line_w1}};
///
/// let cost = LineCost::new(vec![0.0, 1.0, 4.0])?;
/// let before = Pmf::new(vec![1.0, 0.0, 0.0])?;
/// let after = Pmf::new(vec![0.5, 0.0, 0.5])?;
/// assert_eq!(line_w1(&before, &after, &cost)?, 2.0); // half the mass goes 4 far
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<f64>", into = "Vec<f64>"))]
pub struct LineCost {
    positions: Vec<f64>,
    /// Classes from left to right.
    order: Vec<usize>,
    /// From each class of that order to the next; 0 for the last.
    gaps: Vec<f64>,
}

impl LineCost {
    /// Takes the position of each class.
    ///
    /// # Errors
    /// [`CostError::NoClass`]; [`CostError::Position`]: NaN, infinite or beyond 5e299.
    pub fn new(positions: Vec<f64>) -> Result<Self, CostError> {
        if positions.is_empty() {
            return Err(CostError::NoClass);
        }
        for (class, &value) in positions.iter().enumerate() {
            if value.is_nan() || value.abs() > 0.5 * COST_LIMIT {
                return Err(CostError::Position { class, value });
            }
        }
        let mut order: Vec<usize> = (0..positions.len()).collect();
        order.sort_by(|&a, &b| positions[a].total_cmp(&positions[b]));
        let mut gaps: Vec<f64> =
            order.windows(2).map(|pair| positions[pair[1]] - positions[pair[0]]).collect();
        gaps.push(0.0);
        Ok(Self { positions, order, gaps })
    }

    /// Classes in column order, 1 apart: `|i - j|`.
    ///
    /// # Errors
    /// [`CostError::NoClass`].
    pub fn even(n_classes: usize) -> Result<Self, CostError> {
        Self::new((0..n_classes).map(|class| class as f64).collect())
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.positions.len()
    }

    /// The position of each class.
    pub fn positions(&self) -> &[f64] {
        &self.positions
    }

    /// The distance between two rows of as many values as there are classes.
    pub(super) fn between(&self, a: &[f64], b: &[f64]) -> f64 {
        let (mut left, mut sum) = (0.0, 0.0);
        for (&class, gap) in self.order.iter().zip(&self.gaps) {
            left += a[class] - b[class];
            sum += f64::abs(left) * gap;
        }
        sum
    }
}

impl TryFrom<Vec<f64>> for LineCost {
    type Error = CostError;

    fn try_from(positions: Vec<f64>) -> Result<Self, CostError> {
        Self::new(positions)
    }
}

impl From<LineCost> for Vec<f64> {
    fn from(cost: LineCost) -> Self {
        cost.positions
    }
}

/// W1 between PMFs over points on a line: what has to cross each gap, times the gap (Vallender 1974).
///
/// ```text
/// W1(a, b) = Σ_g |F_a(g) - F_b(g)| · (x_{g+1} - x_g)       F = cumulative sum in the order of the positions x
/// ```
///
/// The values are taken as they are; sums that differ by `δ` (at most 2e-4) add up to `δ` times the length of the
/// line.
///
/// # Errors
/// [`TransportError::ClassCount`].
pub fn line_w1(a: &Pmf, b: &Pmf, cost: &LineCost) -> Result<f64, TransportError> {
    same_classes(cost.n_classes(), a.n_classes())?;
    same_classes(cost.n_classes(), b.n_classes())?;
    Ok(cost.between(a.as_slice(), b.as_slice()))
}

/// A plan on the line: mass keeps its order, so that none passes another (the north-west corner rule, optimal for
/// every convex function of the distance).
///
/// # Errors
/// [`TransportError::ClassCount`].
pub fn line_plan(a: &Pmf, b: &Pmf, cost: &LineCost) -> Result<TransportPlan, TransportError> {
    same_classes(cost.n_classes(), a.n_classes())?;
    same_classes(cost.n_classes(), b.n_classes())?;
    let masses = GridMasses::of(a.as_slice(), b.as_slice());
    let in_order = |units: &[i64]| -> Vec<(usize, i64)> {
        cost.order.iter().map(|&class| (class, units[class])).collect()
    };
    let mut flows = Vec::new();
    north_west(&in_order(&masses.before), &in_order(&masses.after), |from, to, units| {
        flows.push((from, to, units));
    });
    Ok(TransportPlan::on_grid(&masses, flows.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Flow;

    #[test]
    fn by_hand() {
        let a = Pmf::new(vec![0.5, 0.5, 0.0, 0.0]).unwrap();
        let b = Pmf::new(vec![0.0, 0.25, 0.25, 0.5]).unwrap();
        // Cumulative differences 0.5, 0.75, 0.5.
        assert_eq!(line_w1(&a, &b, &LineCost::even(4).unwrap()), Ok(1.75));
        // The same classes from right to left, 2 apart.
        let reversed = LineCost::new(vec![6.0, 4.0, 2.0, 0.0]).unwrap();
        assert_eq!(line_w1(&a, &b, &reversed), Ok(3.5));
        let plan = line_plan(&a, &b, &reversed).unwrap();
        assert_eq!(plan.flows()[0], Flow { from: 0, to: 1, mass: 0.25 });
        assert_eq!((plan.row_sums(), plan.column_sums()), (a.as_slice().to_vec(), b.as_slice().to_vec()));
    }

    #[test]
    fn one_class_costs_nothing() {
        let one = Pmf::new(vec![1.0]).unwrap();
        assert_eq!(line_w1(&one, &one, &LineCost::even(1).unwrap()), Ok(0.0));
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(LineCost::even(0), Err(CostError::NoClass));
        assert!(matches!(LineCost::new(vec![0.0, f64::NAN]), Err(CostError::Position { class: 1, .. })));
        assert!(matches!(LineCost::new(vec![1e300, 0.0]), Err(CostError::Position { class: 0, .. })));
        let two = Pmf::new(vec![0.5, 0.5]).unwrap();
        let cost = LineCost::even(3).unwrap();
        assert_eq!(line_w1(&two, &two, &cost), Err(TransportError::ClassCount { expected: 3, found: 2 }));
    }
}
