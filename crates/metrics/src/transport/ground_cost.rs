//! What moving mass from one class to another costs, of whichever kind.

use super::error::{TransportError, same_classes};
use super::unit::{unit, unit_plan, unit_rows};
use super::{CostMatrix, LineCost, NetworkSimplex, TransportPlan, TreeCost, line_plan, tree_plan};
use crate::in_order::in_order;
use crate::pmf::check_rows;
use crate::{Pmf, PmfHistory};

/// What moving mass from one class to another costs. Every kind is exact.
///
/// ```
/// use heliacal_metrics::{PmfHistory, transport::GroundCost};
///
/// let history = PmfHistory::new(2, vec![0.5, 0.5, 0.75, 0.25, 0.75, 0.25])?;
/// let mut w1 = Vec::new();
/// GroundCost::Unit.solver().consecutive(&history, &mut w1)?;
/// assert_eq!(w1, [0.25, 0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum GroundCost {
    /// Every mistake costs 1; over any number of classes.
    #[default]
    Unit,
    /// Distances on a line.
    Line(LineCost),
    /// Path lengths between the leaves of a tree.
    Tree(TreeCost),
    /// Any non-negative costs, by the network simplex.
    Matrix(CostMatrix),
}

impl GroundCost {
    /// Number of classes, `None` where any will do.
    pub fn n_classes(&self) -> Option<usize> {
        match self {
            Self::Unit => None,
            Self::Line(cost) => Some(cost.n_classes()),
            Self::Tree(cost) => Some(cost.n_classes()),
            Self::Matrix(costs) => Some(costs.n_classes()),
        }
    }

    /// A solver with its own scratch memory; one per thread.
    pub fn solver(&self) -> W1Solver<'_> {
        let simplex = if let Self::Matrix(costs) = self { Some(NetworkSimplex::new(costs)) } else { None };
        W1Solver { cost: self, simplex, below: Vec::new() }
    }

    /// W1 between each PMF and the next, of many histories: one list each, in their order.
    ///
    /// With the feature `rayon` on all threads; each value is the same to the last digit without.
    ///
    /// # Errors
    /// [`TransportError::History`] for the first history that fails, with the reason of
    /// [`W1Solver::consecutive`].
    pub fn consecutive_batch(&self, histories: &[PmfHistory]) -> Result<Vec<Vec<f64>>, TransportError> {
        let distances = in_order(
            histories.len(),
            1,
            || self.solver(),
            |solver, index| {
                let mut out = Vec::new();
                match solver.consecutive(&histories[index], &mut out) {
                    Ok(()) => Ok(out),
                    Err(error) => Err(TransportError::History { index, source: Box::new(error) }),
                }
            },
        );
        distances.into_iter().collect()
    }
}

/// Distances under one [`GroundCost`], with memory that is reused from call to call.
#[derive(Debug)]
pub struct W1Solver<'a> {
    cost: &'a GroundCost,
    /// There for a matrix.
    simplex: Option<NetworkSimplex<'a>>,
    /// Masses below the nodes of a tree.
    below: Vec<f64>,
}

impl W1Solver<'_> {
    /// W1 between two PMFs.
    ///
    /// # Errors
    /// [`TransportError::ClassCount`]; for a matrix [`TransportError::PivotLimit`], which no problem is known to reach.
    pub fn w1(&mut self, a: &Pmf, b: &Pmf) -> Result<f64, TransportError> {
        self.check_classes(a.n_classes())?;
        same_classes(a.n_classes(), b.n_classes())?;
        self.between(a.as_slice(), b.as_slice())
    }

    /// A plan that costs no more than any other; `b` is scaled to the total of `a`.
    ///
    /// # Errors
    /// As [`w1`](Self::w1).
    pub fn plan(&mut self, a: &Pmf, b: &Pmf) -> Result<TransportPlan, TransportError> {
        self.check_classes(a.n_classes())?;
        same_classes(a.n_classes(), b.n_classes())?;
        match self.cost {
            GroundCost::Unit => unit_plan(a, b),
            GroundCost::Line(cost) => line_plan(a, b, cost),
            GroundCost::Tree(cost) => tree_plan(a, b, cost),
            GroundCost::Matrix(costs) => simplex(&mut self.simplex, costs).plan(a, b),
        }
    }

    /// W1 between each PMF of a history and the next, `n_steps - 1` values; replaces what `out` held.
    ///
    /// A history of one step has none. Allocates nothing once `out` and the solver have grown.
    ///
    /// # Errors
    /// As [`w1`](Self::w1); `out` is then empty.
    pub fn consecutive(&mut self, history: &PmfHistory, out: &mut Vec<f64>) -> Result<(), TransportError> {
        self.rows(history.n_classes(), history.as_slice(), out)
    }

    /// As [`consecutive`](Self::consecutive), of a history that stands in a caller's buffer, `[step, class]` row-major;
    /// each row is checked as [`Pmf::new`] would.
    ///
    /// # Errors
    /// [`TransportError::Pmf`] for a buffer that is empty or not whole rows, or a row that is no PMF; then as
    /// [`consecutive`](Self::consecutive). `out` is then empty.
    ///
    /// ```
    /// use heliacal_metrics::transport::GroundCost;
    ///
    /// let mut w1 = Vec::new();
    /// GroundCost::Unit.solver().consecutive_rows(2, &[0.5, 0.5, 1.0, 0.0], &mut w1)?;
    /// assert_eq!(w1, [0.5]);
    /// # Ok::<(), heliacal_metrics::transport::TransportError>(())
    /// ```
    pub fn consecutive_rows(
        &mut self,
        n_classes: usize,
        values: &[f64],
        out: &mut Vec<f64>,
    ) -> Result<(), TransportError> {
        out.clear();
        check_rows(n_classes, values)?;
        self.rows(n_classes, values, out)
    }

    fn check_classes(&self, found: usize) -> Result<(), TransportError> {
        self.cost.n_classes().map_or(Ok(()), |expected| same_classes(expected, found))
    }

    /// Each row and the next; the rows are PMFs.
    fn rows(&mut self, n_classes: usize, values: &[f64], out: &mut Vec<f64>) -> Result<(), TransportError> {
        out.clear();
        self.check_classes(n_classes)?;
        if matches!(self.cost, GroundCost::Unit) {
            unit_rows(n_classes, values, out);
            return Ok(());
        }
        let next = values[n_classes..].chunks_exact(n_classes);
        for (a, b) in values.chunks_exact(n_classes).zip(next) {
            match self.between(a, b) {
                Ok(w1) => out.push(w1),
                Err(error) => {
                    out.clear();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn between(&mut self, a: &[f64], b: &[f64]) -> Result<f64, TransportError> {
        match self.cost {
            GroundCost::Unit => Ok(unit(a, b)),
            GroundCost::Line(cost) => Ok(cost.between(a, b)),
            GroundCost::Tree(cost) => Ok(cost.between(a, b, &mut self.below)),
            GroundCost::Matrix(costs) => simplex(&mut self.simplex, costs).between(a, b),
        }
    }
}

fn simplex<'s, 'a>(
    slot: &'s mut Option<NetworkSimplex<'a>>,
    costs: &'a CostMatrix,
) -> &'s mut NetworkSimplex<'a> {
    slot.get_or_insert_with(|| NetworkSimplex::new(costs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClassTree, PmfError};

    fn costs() -> [GroundCost; 4] {
        [
            GroundCost::Unit,
            GroundCost::Line(LineCost::even(3).unwrap()),
            GroundCost::Tree(TreeCost::hops(ClassTree::new(&[0, 0, 0, 1, 1]).unwrap())),
            GroundCost::Matrix(
                CostMatrix::new(3, vec![0.0, 2.0, 4.0, 2.0, 0.0, 8.0, 4.0, 8.0, 0.0]).unwrap(),
            ),
        ]
    }

    #[test]
    fn each_kind_by_hand() {
        let history = PmfHistory::new(3, vec![0.5, 0.5, 0.0, 0.5, 0.0, 0.5, 0.5, 0.0, 0.5]).unwrap();
        // Half the mass from class 1 to class 2; the matrix goes by class 0.
        for (cost, expected) in costs().into_iter().zip([0.5, 0.5, 1.0, 3.0]) {
            let mut solver = cost.solver();
            let mut out = vec![7.0];
            solver.consecutive(&history, &mut out).unwrap();
            assert_eq!(out, [expected, 0.0], "{cost:?}");
            solver.consecutive_rows(3, history.as_slice(), &mut out).unwrap();
            assert_eq!(out, [expected, 0.0]);
            let batch = cost.consecutive_batch(&[history.clone(), history.clone()]).unwrap();
            assert_eq!(batch, [out.clone(), out]);
        }
    }

    #[test]
    fn faults_leave_nothing_behind() {
        let one = PmfHistory::new(1, vec![1.0]).unwrap();
        let three = PmfHistory::new(3, vec![1.0, 0.0, 0.0]).unwrap();
        for cost in costs() {
            let mut out = vec![7.0];
            cost.solver().consecutive(&three, &mut out).unwrap();
            assert!(out.is_empty());
            if cost != GroundCost::Unit {
                out.push(7.0);
                assert!(cost.solver().consecutive(&one, &mut out).is_err());
                assert!(out.is_empty());
                let error = cost.consecutive_batch(&[three.clone(), one.clone()]).unwrap_err();
                assert_eq!(error.to_string(), "history 1: 1 classes, 3 were expected");
            }
            let error =
                cost.solver().consecutive_rows(3, &[0.5, 0.5, 0.0, 1.0, 1.0, 0.0], &mut out).unwrap_err();
            assert!(matches!(error, TransportError::Pmf(PmfError::Invalid { step: 1, .. })));
            assert!(cost.solver().consecutive_rows(3, &[], &mut out).is_err());
            assert!(cost.solver().consecutive_rows(0, &[1.0], &mut out).is_err());
        }
    }
}
