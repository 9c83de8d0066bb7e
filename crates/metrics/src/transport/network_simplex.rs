//! Exact transport under any non-negative cost.

use super::error::{TransportError, same_classes};
use super::masses::{GridMasses, perturbation_bits};
use super::{CostMatrix, TransportPlan, basis::Basis};
use crate::Pmf;

/// Pivots allowed per pair of nodes. Random problems take up to 5 per node, the hardest of the tests 14.
const PIVOTS_PER_PAIR: u64 = 100;

/// A price list that proves a distance: Kantorovich's dual.
///
/// ```text
/// u_i + v_j <= c_ij  for all i, j        W1(a, b) = Σ_i a_i u_i + Σ_j b_j v_j
/// ```
///
/// Each pair of lists that keeps the first line gives at most W1 in the second, so that one that reaches it proves the
/// plan optimal. Both hold to about 1e-13 of the largest cost.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DualPotentials {
    /// `u_i`, of the PMF before.
    pub before: Vec<f64>,
    /// `v_j`, of the PMF after.
    pub after: Vec<f64>,
}

/// Exact W1 under one cost matrix by the primal network simplex method, with memory that is reused.
///
/// One per thread. After the first call on the largest problem nothing is allocated.
///
/// **Exact.** Masses and costs are put on integer grids (masses to 2^-50 or finer, costs to 2^-43 of the largest for up
/// to 300 classes, 2^-47 up to 26), on which the method never rounds; the value is then the flows times the costs as
/// given. It is within 1e-12 times the largest cost of the optimum, and is the optimum itself where masses are
/// multiples of 2^-24 and costs are integers below 2^24 (golden test). Masses below the grid (denormals, say) count as zero.
///
/// **No cycling.** One unit far below the grid's step is added to each source, and as many units as there are sources
/// to the last sink (Orden 1956). Then no proper group of sources and sinks is balanced, no basis is degenerate, each
/// pivot lowers the total cost by a whole unit at least, and no basis comes back. Rounding the units away afterwards
/// leaves an optimal plan of the problem as given.
///
/// **Short cut.** Where no detour is cheaper than the direct way (any metric), the mass that both PMFs have in common
/// stays where it is, and only the rest is shipped.
///
/// Reference: Dantzig 1951; Ahuja, Magnanti & Orlin 1993, chapter 11; Peyré & Cuturi 2019, section 3.5.
///
/// ```
/// use heliacal_metrics::{Pmf, transport::{CostMatrix, NetworkSimplex}};
///
/// let costs = CostMatrix::from_rows(&[[0.0, 1.0, 4.0], [1.0, 0.0, 2.0], [4.0, 2.0, 0.0]])?;
/// let mut simplex = NetworkSimplex::new(&costs);
/// let before = Pmf::new(vec![0.5, 0.5, 0.0])?;
/// let after = Pmf::new(vec![0.25, 0.25, 0.5])?;
/// // A quarter moves 0 -> 2 (4) or 0 -> 1 -> 2 (1 + 2), so 1 + 2; another quarter 1 -> 2 (2).
/// assert_eq!(simplex.w1(&before, &after)?, 1.25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NetworkSimplex<'a> {
    costs: &'a CostMatrix,
    common_mass_stays: bool,
    masses: GridMasses,
    sources: Vec<usize>,
    sinks: Vec<usize>,
    supply: Vec<i64>,
    demand: Vec<i64>,
    basis: Basis,
    n_pivots: u64,
}

impl<'a> NetworkSimplex<'a> {
    /// A solver for one cost matrix. The first for a matrix looks for cheap detours, `n³` steps.
    pub fn new(costs: &'a CostMatrix) -> Self {
        Self {
            costs,
            common_mass_stays: costs.on_grid().common_mass_stays,
            masses: GridMasses::default(),
            sources: Vec::new(),
            sinks: Vec::new(),
            supply: Vec::new(),
            demand: Vec::new(),
            basis: Basis::default(),
            n_pivots: 0,
        }
    }

    /// W1 between two PMFs; `b` is scaled to the total of `a`.
    ///
    /// # Errors
    /// [`TransportError::ClassCount`]; [`TransportError::PivotLimit`], which no problem is known to reach.
    pub fn w1(&mut self, a: &Pmf, b: &Pmf) -> Result<f64, TransportError> {
        self.check(a, b)?;
        self.between(a.as_slice(), b.as_slice())
    }

    /// An optimal plan.
    ///
    /// # Errors
    /// As [`w1`](Self::w1).
    pub fn plan(&mut self, a: &Pmf, b: &Pmf) -> Result<TransportPlan, TransportError> {
        self.check(a, b)?;
        self.between(a.as_slice(), b.as_slice())?;
        let staying = self.staying().collect::<Vec<_>>();
        Ok(TransportPlan::on_grid(&self.masses, staying.into_iter().chain(self.moving())))
    }

    /// Prices that prove the distance optimal.
    ///
    /// # Errors
    /// As [`w1`](Self::w1).
    pub fn potentials(&mut self, a: &Pmf, b: &Pmf) -> Result<DualPotentials, TransportError> {
        self.check(a, b)?;
        self.between(a.as_slice(), b.as_slice())?;
        let n = self.costs.n_classes();
        let row = |from| self.costs.row(from);
        let grid = self.costs.on_grid();
        // Sinks as the basis prices them. Without any, both PMFs are the same and every class may be one.
        let mut prices: Vec<(usize, f64)> =
            self.sinks.iter().copied().zip(self.basis.sink_prices().map(|price| grid.cost(price))).collect();
        if self.sinks.is_empty() {
            prices = (0..n).map(|class| (class, row(class)[class])).collect();
        }
        let before: Vec<f64> = (0..n)
            .map(|from| prices.iter().map(|&(to, price)| row(from)[to] - price).fold(f64::INFINITY, f64::min))
            .collect();
        let after = (0..n)
            .map(|to| {
                if self.common_mass_stays {
                    row(to)[to] - before[to]
                } else {
                    (0..n).map(|from| row(from)[to] - before[from]).fold(f64::INFINITY, f64::min)
                }
            })
            .collect();
        Ok(DualPotentials { before, after })
    }

    /// How many pivots the last call took.
    pub fn n_pivots(&self) -> u64 {
        self.n_pivots
    }

    /// Ships common mass like any other, so that tests and benches reach the general case with any cost.
    #[doc(hidden)]
    #[must_use]
    pub fn without_short_cut(mut self) -> Self {
        self.common_mass_stays = false;
        self
    }

    fn check(&self, a: &Pmf, b: &Pmf) -> Result<(), TransportError> {
        same_classes(self.costs.n_classes(), a.n_classes())?;
        same_classes(self.costs.n_classes(), b.n_classes())
    }

    /// The distance between two PMFs of as many values as there are classes.
    pub(super) fn between(&mut self, a: &[f64], b: &[f64]) -> Result<f64, TransportError> {
        self.masses.set(a, b);
        self.split();
        self.n_pivots = 0;
        if !self.sources.is_empty() {
            self.solve()?;
        }
        let mut cost = 0.0;
        if self.common_mass_stays {
            for (class, _, units) in self.staying() {
                cost += self.masses.mass(units) * self.costs.row(class)[class];
            }
        }
        for (from, to, units) in self.moving() {
            cost += self.masses.mass(units) * self.costs.row(from)[to];
        }
        Ok(cost)
    }

    /// Who has to ship and who to receive; classes with nothing to do are left out.
    fn split(&mut self) {
        self.sources.clear();
        self.sinks.clear();
        self.supply.clear();
        self.demand.clear();
        for (class, (&before, &after)) in self.masses.before.iter().zip(&self.masses.after).enumerate() {
            let common = if self.common_mass_stays { before.min(after) } else { 0 };
            if before > common {
                self.sources.push(class);
                self.supply.push(before - common);
            }
            if after > common {
                self.sinks.push(class);
                self.demand.push(after - common);
            }
        }
    }

    fn solve(&mut self) -> Result<(), TransportError> {
        let n = self.costs.n_classes();
        let bits = perturbation_bits(n);
        for units in &mut self.supply {
            *units = (*units << bits) + 1;
        }
        for units in &mut self.demand {
            *units <<= bits;
        }
        if let Some(last) = self.demand.last_mut() {
            *last += self.supply.len() as i64;
        }
        self.basis.set_costs(&self.costs.on_grid().values, n, &self.sources, &self.sinks);
        self.basis.start(&mut self.supply, &mut self.demand);
        let n_nodes = (self.sources.len() + self.sinks.len()) as u64;
        let limit = PIVOTS_PER_PAIR * n_nodes * n_nodes;
        self.n_pivots = self.basis.optimize(limit).ok_or(TransportError::PivotLimit { n_pivots: limit })?;
        Ok(())
    }

    /// Mass that stays by the short cut.
    fn staying(&self) -> impl Iterator<Item = (usize, usize, i64)> {
        let pairs = self.masses.before.iter().zip(&self.masses.after).enumerate();
        pairs
            .take(if self.common_mass_stays { self.costs.n_classes() } else { 0 })
            .map(|(class, (&before, &after))| (class, class, before.min(after)))
    }

    /// What the basis ships, the perturbation rounded away.
    fn moving(&self) -> impl Iterator<Item = (usize, usize, i64)> {
        let bits = perturbation_bits(self.costs.n_classes());
        let half = 1 << (bits - 1);
        let flows = (!self.sources.is_empty()).then(|| self.basis.flows()).into_iter().flatten();
        flows.map(move |(source, sink, units)| {
            (self.sources[source], self.sinks[sink], (units + half) >> bits)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pmf(values: &[f64]) -> Pmf {
        Pmf::new(values.to_vec()).unwrap()
    }

    #[test]
    fn by_hand() {
        let costs = CostMatrix::new(3, vec![1.0, 7.0, 2.0, 0.0, 3.0, 9.0, 4.0, 1.0, 8.0]).unwrap();
        let mut simplex = NetworkSimplex::new(&costs);
        assert!(!simplex.common_mass_stays);
        let third = pmf(&[0.5, 0.25, 0.25]);
        // Assignment by quarters: 0 -> 0 or 2, 1 -> 0, 2 -> 1.
        let w1 = 0.25 * 1.0 + 0.25 * 2.0 + 0.25 * 0.0 + 0.25 * 1.0;
        assert_eq!(simplex.w1(&third, &pmf(&[0.5, 0.25, 0.25])), Ok(w1));
        let plan = simplex.plan(&third, &third).unwrap();
        assert_eq!(plan.cost(&costs), Ok(w1));
        assert_eq!(plan.row_sums(), third.as_slice());
    }

    #[test]
    fn one_class_and_equal_pmfs() {
        let one = CostMatrix::new(1, vec![3.0]).unwrap();
        assert_eq!(NetworkSimplex::new(&one).w1(&pmf(&[1.0]), &pmf(&[1.0])), Ok(3.0));
        let line = CostMatrix::line(3).unwrap();
        let mut simplex = NetworkSimplex::new(&line);
        let same = pmf(&[0.25, 0.25, 0.5]);
        assert_eq!(simplex.w1(&same, &same), Ok(0.0));
        assert_eq!(simplex.plan(&same, &same).unwrap().moved(), 0.0);
        let prices = simplex.potentials(&same, &same).unwrap();
        assert_eq!(prices, DualPotentials { before: vec![0.0; 3], after: vec![0.0; 3] });
        assert!(simplex.w1(&same, &pmf(&[1.0])).is_err());
    }

    #[test]
    fn denormal_masses_do_no_harm() {
        let costs = CostMatrix::line(4).unwrap();
        let a = pmf(&[5e-324, 1e-310, 1.0, 1e-20]);
        let b = pmf(&[1.0, 3e-320, 0.0, 5e-324]);
        for mut simplex in [NetworkSimplex::new(&costs), NetworkSimplex::new(&costs).without_short_cut()] {
            assert_eq!(simplex.w1(&a, &b), Ok(2.0));
            assert_eq!(simplex.plan(&a, &b).unwrap().flows().len(), 1);
        }
    }
}
