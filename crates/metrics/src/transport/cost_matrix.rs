//! What moving mass costs, class by class.

use std::sync::OnceLock;

use super::error::{COST_LIMIT, CostError};
use super::{TreeCost, masses::power_of_two};

/// Slack of the triangle inequality, in units of the detour: four roundings, of lengths that were summed or rooted.
const TRIANGLE_SLACK: f64 = 4.0 * f64::EPSILON;

/// Why a cost is not a metric.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricFault {
    /// Staying costs something.
    #[error("staying in class {class} costs {value}, not 0")]
    Diagonal {
        /// The class.
        class: usize,
        /// Its cost.
        value: f64,
    },
    /// A move is free.
    #[error("moving from class {from} to class {to} is free, so that the two are one point")]
    NotPositive {
        /// Where from.
        from: usize,
        /// Where to.
        to: usize,
    },
    /// There and back cost differently.
    #[error("from class {from} to class {to} costs {forth}, back {back}")]
    Asymmetric {
        /// Where from.
        from: usize,
        /// Where to.
        to: usize,
        /// The cost there.
        forth: f64,
        /// The cost back.
        back: f64,
    },
    /// A detour is cheaper than the direct way.
    #[error("from class {from} to class {to} costs {direct}, more than {detour} by way of class {via}")]
    Triangle {
        /// Where from.
        from: usize,
        /// Where to.
        to: usize,
        /// By way of.
        via: usize,
        /// The direct cost.
        direct: f64,
        /// The cost of the detour.
        detour: f64,
    },
}

/// The cost `c_ij` of moving mass from class `i` to class `j`: square, finite, non-negative, at most 1e300.
///
/// Nothing else is asked: it may be asymmetric, break the triangle inequality and charge for staying.
///
/// ```
/// use heliacal_metrics::transport::{CostMatrix, MetricFault};
///
/// let costs = CostMatrix::from_rows(&[[0.0, 1.0, 5.0], [1.0, 0.0, 2.0], [5.0, 2.0, 0.0]])?;
/// assert_eq!(costs.get(0, 2), Some(5.0));
/// assert_eq!(
///     costs.is_metric(),
///     Err(MetricFault::Triangle { from: 0, to: 2, via: 1, direct: 5.0, detour: 3.0 })
/// );
/// # Ok::<(), heliacal_metrics::transport::CostError>(())
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "CostParts", into = "CostParts"))]
pub struct CostMatrix {
    n_classes: usize,
    values: Vec<f64>,
    /// What the network simplex wants to know, found out at its first use.
    on_grid: OnceLock<GridCosts>,
}

/// What a cost matrix is written as.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct CostParts {
    n_classes: usize,
    values: Vec<f64>,
}

/// Costs as integers, held in floats, small enough that sums of as many as a spanning tree has edges are exact.
#[derive(Debug, Clone)]
pub(super) struct GridCosts {
    pub values: Vec<f64>,
    /// The unit is 2^-shift.
    shift: i32,
    /// Whether some optimal plan leaves the mass that two PMFs have in common where it is.
    pub common_mass_stays: bool,
}

impl CostMatrix {
    /// Takes a square matrix, row-major: the cost from class `i` to class `j` at `i * n_classes + j`.
    ///
    /// # Errors
    /// [`CostError::NoClass`], [`CostError::NotSquare`], [`CostError::Entry`].
    pub fn new(n_classes: usize, values: Vec<f64>) -> Result<Self, CostError> {
        if n_classes == 0 {
            return Err(CostError::NoClass);
        }
        if n_classes.checked_mul(n_classes) != Some(values.len()) {
            return Err(CostError::NotSquare { n_classes, n_values: values.len() });
        }
        if let Some(at) = values.iter().position(|value| !(0.0..=COST_LIMIT).contains(value)) {
            return Err(CostError::Entry { row: at / n_classes, column: at % n_classes, value: values[at] });
        }
        Ok(Self { n_classes, values, on_grid: OnceLock::new() })
    }

    /// Takes a square matrix as rows.
    ///
    /// # Errors
    /// [`CostError::NoClass`], [`CostError::RowLength`], [`CostError::Entry`].
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self, CostError> {
        let expected = rows.len();
        for (row, values) in rows.iter().enumerate() {
            let found = values.as_ref().len();
            if found != expected {
                return Err(CostError::RowLength { row, expected, found });
            }
        }
        Self::new(expected, rows.iter().flat_map(|row| row.as_ref().iter().copied()).collect())
    }

    /// 0 for staying, 1 for any move.
    ///
    /// # Errors
    /// [`CostError::NoClass`].
    pub fn unit(n_classes: usize) -> Result<Self, CostError> {
        Self::new(n_classes, table(n_classes, |from, to| if from == to { 0.0 } else { 1.0 }))
    }

    /// Classes in a row, 1 apart: `|i - j|`.
    ///
    /// # Errors
    /// [`CostError::NoClass`].
    pub fn line(n_classes: usize) -> Result<Self, CostError> {
        Self::new(n_classes, table(n_classes, |from, to| from.abs_diff(to) as f64))
    }

    /// The length of the way between each two leaves of a tree.
    pub fn from_tree(cost: &TreeCost) -> Self {
        let n_classes = cost.n_classes();
        let values = table(n_classes, |from, to| cost.distance(from, to));
        // A tree has a leaf, and its lengths are checked and sum to half the limit.
        Self { n_classes, values, on_grid: OnceLock::new() }
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// All costs, row-major.
    pub fn as_slice(&self) -> &[f64] {
        &self.values
    }

    /// The cost of moving from one class to another, `None` past the last class.
    pub fn get(&self, from: usize, to: usize) -> Option<f64> {
        (from < self.n_classes && to < self.n_classes).then(|| self.row(from)[to])
    }

    /// What moving away from a class costs.
    pub(super) fn row(&self, from: usize) -> &[f64] {
        &self.values[from * self.n_classes..][..self.n_classes]
    }

    /// Whether this is a metric: staying is free, moving is not, back costs the same as there, and no detour is cheaper
    /// than the direct way (by more than 4 ulps, as distances come out of roots and sums). `n³` steps.
    ///
    /// # Errors
    /// [`MetricFault`], the first found in the order diagonal, other entries, detours.
    pub fn is_metric(&self) -> Result<(), MetricFault> {
        let n = self.n_classes;
        for class in 0..n {
            let value = self.row(class)[class];
            if value != 0.0 {
                return Err(MetricFault::Diagonal { class, value });
            }
        }
        for from in 0..n {
            for to in (0..n).filter(|&to| to != from) {
                let (forth, back) = (self.row(from)[to], self.row(to)[from]);
                if forth == 0.0 {
                    return Err(MetricFault::NotPositive { from, to });
                }
                if forth != back {
                    return Err(MetricFault::Asymmetric { from, to, forth, back });
                }
            }
        }
        self.cheap_detour().map_or(Ok(()), |(from, to, via)| {
            let (direct, detour) = (self.row(from)[to], self.row(from)[via] + self.row(via)[to]);
            Err(MetricFault::Triangle { from, to, via, direct, detour })
        })
    }

    /// A way `from -> to` that costs more than `from -> via` and `via -> to` less the cost of staying in `via`.
    ///
    /// Without one, a plan that moves mass into and out of the same class costs no less when the mass passes that class
    /// by and as much of the class's own mass stays: common mass may stay.
    fn cheap_detour(&self) -> Option<(usize, usize, usize)> {
        let slack = 1.0 + TRIANGLE_SLACK;
        for from in 0..self.n_classes {
            let direct = self.row(from);
            for (via, (&first, onward)) in
                direct.iter().zip(self.values.chunks_exact(self.n_classes)).enumerate()
            {
                let stay = onward[via];
                let dearer = |(direct, second): (&f64, &f64)| *direct > (first + second) * slack - stay;
                // Counted rather than searched, so that it vectorizes; looked for only where there is one.
                if direct.iter().zip(onward).map(|pair| u64::from(dearer(pair))).sum::<u64>() > 0 {
                    return direct.iter().zip(onward).position(dearer).map(|to| (from, to, via));
                }
            }
        }
        None
    }

    /// The costs on their grid.
    pub(super) fn on_grid(&self) -> &GridCosts {
        self.on_grid.get_or_init(|| {
            let largest = self.values.iter().copied().fold(0.0, f64::max);
            // Potentials are sums of costs along a path, of up to 2n edges: all below 2^53.
            let n_bits = 53 - (2 * self.n_classes + 2).ilog2() as i32 - 1;
            let shift = n_bits - 1 - exponent(largest);
            // In two steps: the whole factor may be beyond what a float holds.
            let (first, second) = (power_of_two(shift / 2), power_of_two(shift - shift / 2));
            let values = self.values.iter().map(|cost| (cost * first * second).round()).collect();
            GridCosts { values, shift, common_mass_stays: self.cheap_detour().is_none() }
        })
    }
}

impl GridCosts {
    /// So many units as a cost.
    pub fn cost(&self, units: f64) -> f64 {
        units * power_of_two(-(self.shift / 2)) * power_of_two(self.shift / 2 - self.shift)
    }
}

/// A cost of each pair of classes, row-major.
fn table(n_classes: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let row = |from| (0..n_classes).map(move |to| (from, to));
    (0..n_classes).flat_map(row).map(|(from, to)| cost(from, to)).collect()
}

/// The power of two at or below a number, 0 for 0.
fn exponent(value: f64) -> i32 {
    let bits = value.to_bits();
    match (bits >> 52) as i32 {
        _ if bits == 0 => 0,
        0 => 63 - bits.leading_zeros() as i32 - 1074,
        biased => biased - 1023,
    }
}

/// The same costs; what was found out about them is left aside.
impl PartialEq for CostMatrix {
    fn eq(&self, other: &Self) -> bool {
        self.n_classes == other.n_classes && self.values == other.values
    }
}

#[cfg(feature = "serde")]
impl TryFrom<CostParts> for CostMatrix {
    type Error = CostError;

    fn try_from(parts: CostParts) -> Result<Self, CostError> {
        Self::new(parts.n_classes, parts.values)
    }
}

#[cfg(feature = "serde")]
impl From<CostMatrix> for CostParts {
    fn from(costs: CostMatrix) -> Self {
        Self { n_classes: costs.n_classes, values: costs.values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClassTree;

    #[test]
    fn faults_name_row_and_column() {
        assert_eq!(CostMatrix::new(0, vec![]), Err(CostError::NoClass));
        assert_eq!(CostMatrix::new(2, vec![0.0; 3]), Err(CostError::NotSquare { n_classes: 2, n_values: 3 }));
        assert_eq!(CostMatrix::new(usize::MAX, vec![]).unwrap_err().to_string().split(' ').next(), Some("0"));
        let entry = |value| CostMatrix::new(2, vec![0.0, 1.0, value, 0.0]).unwrap_err();
        assert_eq!(entry(-1.0), CostError::Entry { row: 1, column: 0, value: -1.0 });
        assert!(matches!(entry(f64::NAN), CostError::Entry { row: 1, column: 0, .. }));
        assert!(matches!(entry(f64::INFINITY), CostError::Entry { .. }));
        assert!(matches!(entry(1e301), CostError::Entry { .. }));
        let ragged: [&[f64]; 2] = [&[0.0, 1.0], &[1.0]];
        assert_eq!(
            CostMatrix::from_rows(&ragged),
            Err(CostError::RowLength { row: 1, expected: 2, found: 1 })
        );
        assert_eq!(CostMatrix::unit(2).unwrap().get(2, 0), None);
    }

    #[test]
    fn metrics_and_others() {
        let tree = TreeCost::hops(ClassTree::new(&[0, 0, 0, 1, 1]).unwrap());
        let tree = CostMatrix::from_tree(&tree);
        assert_eq!(tree.as_slice(), [0.0, 3.0, 3.0, 3.0, 0.0, 2.0, 3.0, 2.0, 0.0]);
        for metric in [tree, CostMatrix::unit(7).unwrap(), CostMatrix::line(7).unwrap()] {
            assert_eq!(metric.is_metric(), Ok(()));
            assert!(metric.on_grid().common_mass_stays);
        }
        let fault = |values: [f64; 4]| CostMatrix::new(2, values.to_vec()).unwrap().is_metric().unwrap_err();
        assert_eq!(fault([0.0, 1.0, 1.0, 3.0]), MetricFault::Diagonal { class: 1, value: 3.0 });
        assert_eq!(fault([0.0; 4]), MetricFault::NotPositive { from: 0, to: 1 });
        assert!(matches!(fault([0.0, 1.0, 2.0, 0.0]), MetricFault::Asymmetric { from: 0, to: 1, .. }));
    }

    #[test]
    fn common_mass_may_have_to_move() {
        let stays =
            |values: [f64; 4]| CostMatrix::new(2, values.to_vec()).unwrap().on_grid().common_mass_stays;
        assert!(stays([0.0, 1.0, 2.0, 0.0]));
        assert!(stays([1.0, 1.0, 2.0, 2.0]));
        assert!(!stays([3.0, 1.0, 1.0, 0.0]), "swapping is cheaper than staying");
    }

    #[test]
    fn grid_keeps_integers_and_extremes() {
        for scale in [1.0, 5e-324, 1e-310, 2.0_f64.powi(990)] {
            let values = [0.0, 7.0, 19.0, 3.0].map(|v| v * scale);
            let costs = CostMatrix::new(2, values.to_vec()).unwrap();
            let grid = &costs.on_grid().values;
            assert!(grid[2] >= 2.0_f64.powi(48) && grid[2] < 2.0_f64.powi(51), "{grid:?}");
            assert_eq!(
                (grid[1] / grid[3], grid[2] / grid[3]),
                (values[1] / values[3], values[2] / values[3])
            );
            assert_eq!(costs.on_grid().cost(grid[1]), values[1]);
        }
        let zero = CostMatrix::new(1, vec![0.0]).unwrap();
        assert_eq!((zero.on_grid().values[0], exponent(1.5), exponent(5e-324)), (0.0, 0, -1074));
    }
}
