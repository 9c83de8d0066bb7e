//! Transport as a linear program, to check the network simplex against.

use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, microlp, variable};

use super::error::{TransportError, same_classes};
use super::{CostMatrix, Flow, TransportPlan};
use crate::Pmf;

/// What the masses sum to in the program: the solver's tolerance is an absolute 1e-10.
const TOTAL: f64 = 1024.0;

/// How far the sums of an answer may lie from the masses: ten times the solver's tolerance for a hundred classes.
const MASS_TOLERANCE: f64 = 1e-10;

/// W1 as a linear program, solved by microlp through good_lp; `b` is scaled to the total of `a`.
///
/// ```text
/// min Σ_ij c_ij x_ij    with  Σ_j x_ij = a_i,  Σ_i x_ij = b_j,  x_ij >= 0
/// ```
///
/// Nothing is shared with [`NetworkSimplex`](super::NetworkSimplex), which is far faster (`docs/performance.md`). Meant for up to
/// a few dozen classes. Classes without mass are left out; masses below 1e-13 are below what the solver can see.
///
/// # Errors
/// [`TransportError::ClassCount`]; [`TransportError::LinearProgram`] where the solver gives up or its answer does not
/// have the masses to 1e-10.
///
/// ```
/// use heliacal_metrics::{Pmf, transport::{CostMatrix, lp_w1}};
///
/// let before = Pmf::new(vec![0.75, 0.25, 0.0])?;
/// let after = Pmf::new(vec![0.25, 0.25, 0.5])?;
/// assert!((lp_w1(&before, &after, &CostMatrix::line(3)?)? - 1.0).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lp_w1(a: &Pmf, b: &Pmf, costs: &CostMatrix) -> Result<f64, TransportError> {
    lp_plan(a, b, costs)?.cost(costs)
}

/// The plan of the linear program.
///
/// # Errors
/// As [`lp_w1`].
pub fn lp_plan(a: &Pmf, b: &Pmf, costs: &CostMatrix) -> Result<TransportPlan, TransportError> {
    same_classes(costs.n_classes(), a.n_classes())?;
    same_classes(costs.n_classes(), b.n_classes())?;
    let total: f64 = a.as_slice().iter().sum();
    let b_total: f64 = b.as_slice().iter().sum();
    let scaled = |pmf: &Pmf, total: f64| -> Vec<(usize, f64)> {
        let masses = pmf.as_slice().iter().map(|mass| mass / total * TOTAL);
        masses.enumerate().filter(|(_, mass)| *mass > 0.0).collect()
    };
    let (sources, sinks) = (scaled(a, total), scaled(b, b_total));
    let largest = costs.as_slice().iter().copied().fold(0.0, f64::max);
    // Costs in [0, 1]: the solver's tolerance on reduced costs is absolute too.
    let price = |from: usize, to: usize| if largest > 0.0 { costs.row(from)[to] / largest } else { 0.0 };

    let mut variables = ProblemVariables::new();
    let cells: Vec<Vec<Variable>> =
        sources.iter().map(|_| sinks.iter().map(|_| variables.add(variable().min(0.0))).collect()).collect();
    let mut objective = Expression::with_capacity(sources.len() * sinks.len());
    for (&(from, _), row) in sources.iter().zip(&cells) {
        for (&(to, _), &cell) in sinks.iter().zip(row) {
            objective.add_mul(price(from, to), cell);
        }
    }
    let mut program = variables.minimise(objective).using(microlp);
    for (&(_, supply), row) in sources.iter().zip(&cells) {
        program.add_constraint(constraint::eq(row.iter().copied().sum::<Expression>(), supply));
    }
    // The last sink's follows from the others; stated as well, it would contradict them by a rounding.
    for (column, &(_, demand)) in sinks.iter().enumerate().take(sinks.len() - 1) {
        let inflow: Expression = cells.iter().map(|row| row[column]).sum();
        program.add_constraint(constraint::eq(inflow, demand));
    }
    let gave_up = |message: String| TransportError::LinearProgram { message };
    let solution = program.solve().map_err(|error| gave_up(error.to_string()))?;

    let mut flows = Vec::new();
    for (&(from, _), row) in sources.iter().zip(&cells) {
        for (&(to, _), &cell) in sinks.iter().zip(row) {
            // Down to minus the solver's tolerance; NaN becomes 0 and is found by the sums.
            flows.push(Flow { from, to, mass: (solution.value(cell) * (total / TOTAL)).max(0.0) });
        }
    }
    let plan = TransportPlan::new(costs.n_classes(), flows)?;
    let off = |sums: Vec<f64>, pmf: &Pmf, scale: f64| {
        let gaps = sums.into_iter().zip(pmf.as_slice()).map(|(sum, mass)| (sum - mass * scale).abs());
        gaps.fold(0.0, f64::max)
    };
    let gap = off(plan.row_sums(), a, 1.0).max(off(plan.column_sums(), b, total / b_total));
    if gap > MASS_TOLERANCE {
        return Err(gave_up(format!("a mass of its plan is off by {gap:e}")));
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let costs = CostMatrix::new(2, vec![0.0, 3.0, 5.0, 0.0]).unwrap();
        let a = Pmf::new(vec![0.25, 0.75]).unwrap();
        let b = Pmf::new(vec![0.5, 0.5]).unwrap();
        assert!((lp_w1(&a, &b, &costs).unwrap() - 1.25).abs() < 1e-9);
        assert!((lp_w1(&b, &a, &costs).unwrap() - 0.75).abs() < 1e-9);
        let free = CostMatrix::new(2, vec![0.0; 4]).unwrap();
        assert_eq!(lp_w1(&a, &b, &free), Ok(0.0));
        assert!(lp_w1(&a, &b, &CostMatrix::unit(3).unwrap()).is_err());
    }

    #[test]
    fn tiny_masses_and_great_costs() {
        let a = Pmf::new(vec![1e-9, 5e-324, 1.0 - 1e-9]).unwrap();
        let b = Pmf::new(vec![1.0 - 3e-8, 3e-8, 0.0]).unwrap();
        let costs =
            CostMatrix::new(3, vec![0.0, 1e290, 2e290, 1e290, 0.0, 1e290, 2e290, 1e290, 0.0]).unwrap();
        let w1 = lp_w1(&a, &b, &costs).unwrap() / 1e290;
        // (1 - 1e-9 - 3e-8) moves by 2, 3e-8 by 1.
        assert!((w1 - (2.0 - 2e-9 - 6e-8 + 3e-8)).abs() < 1e-9, "{w1}");
    }
}
