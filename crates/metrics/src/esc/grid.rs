//! ESC_f over a grid of epsilon and rho, from one sweep of each history.

use std::collections::VecDeque;

use super::error::{check_class, check_lengths};
use super::params::{check_epsilon, check_k, check_rho};
use super::{EscError, EscParamsError};
use crate::transport::unit;

/// Why a grid is none, or two do not add up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EscGridError {
    /// A value that no parameters can have.
    #[error(transparent)]
    Params(#[from] EscParamsError),
    /// No value along one side.
    #[error("no {axis} to try")]
    Empty {
        /// Which side.
        axis: &'static str,
    },
    /// Values that do not increase from one to the next.
    #[error("{axis} {value} at {index} does not increase")]
    Order {
        /// Which side.
        axis: &'static str,
        /// Where, from 0.
        index: usize,
        /// What stands there.
        value: f64,
    },
    /// Grids of other epsilon, rho or k.
    #[error("the grids differ in epsilon, rho or k")]
    Differ,
    /// Cells that are not what the sides say, or hold more objects than were added.
    #[error("{found} cells or counts do not fit a grid of {expected}")]
    Cells {
        /// Number of cells.
        expected: usize,
        /// What came.
        found: usize,
    },
}

/// Convergence proportion and mean ESC_f for every pair of epsilon and rho: the paper's heat maps (Beyond the Final Label,
/// figure 9). Two parts merge to the whole.
///
/// Each window of `k` classifications is a point, its largest distance and least probability; a cell has converged at the
/// first point with both bounds kept. Points are met in time order and cells fill as a staircase, each once, so that a
/// history costs its length plus the number of cells, whatever `k`.
///
/// ```
/// use heliacal_metrics::esc::EscGrid;
///
/// let mut grid = EscGrid::new(&[0.05, 0.2], &[0.5, 0.8], 2)?;
/// grid.add(&[0.1, 0.0], &[0.6, 0.6, 0.7])?; // windows (0.1, 0.6) and (0, 0.6)
/// assert_eq!(grid.mean_esc_fraction(0, 0), Some(1.0)); // epsilon 0.05, rho 0.5: at the last of 3
/// assert_eq!(grid.mean_esc_fraction(1, 0), Some(2.0 / 3.0));
/// assert_eq!(grid.convergence(1, 1), Some(0.0)); // rho 0.8: never
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "GridParts", into = "GridParts"))]
pub struct EscGrid {
    parts: GridParts,
    sweep: Sweep,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct GridParts {
    epsilons: Vec<f64>,
    rhos: Vec<f64>,
    k: usize,
    n_objects: u64,
    /// `[epsilon, rho]`: objects that converged, and their sum of ESC_f.
    n_converged: Vec<u64>,
    sum_of_fractions: Vec<f64>,
}

/// Scratch memory of [`EscGrid::add`]. It is part of no comparison: all scratch is equal.
#[derive(Debug, Clone, Default)]
struct Sweep {
    largest: VecDeque<(usize, f64)>,
    least: VecDeque<(usize, f64)>,
    filled: Vec<usize>,
}

impl PartialEq for Sweep {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl EscGrid {
    /// Of increasing epsilon and increasing rho, both checked as by [`EscParams::new`](super::EscParams::new).
    ///
    /// # Errors
    /// [`EscGridError::Params`], [`EscGridError::Empty`], [`EscGridError::Order`].
    pub fn new(epsilons: &[f64], rhos: &[f64], k: usize) -> Result<Self, EscGridError> {
        check_k(k)?;
        check_axis("epsilon", epsilons, check_epsilon)?;
        check_axis("rho", rhos, check_rho)?;
        let n_cells = epsilons.len() * rhos.len();
        let (epsilons, rhos) = (epsilons.to_vec(), rhos.to_vec());
        let (n_converged, sum_of_fractions) = (vec![0; n_cells], vec![0.0; n_cells]);
        Ok(Self {
            parts: GridParts { epsilons, rhos, k, n_objects: 0, n_converged, sum_of_fractions },
            sweep: Sweep::default(),
        })
    }

    /// Adds one object from the distances between its consecutive PMFs (`T - 1`) and the probabilities of its true class
    /// (`T`); [`HistoryScorer::w1`](super::HistoryScorer::w1) has the former.
    ///
    /// # Errors
    /// [`EscError::Length`], [`EscError::Value`].
    pub fn add(&mut self, w1: &[f64], p_true: &[f64]) -> Result<(), EscError> {
        check_lengths(w1, p_true)?;
        self.add_checked(w1, p_true.iter().copied());
        Ok(())
    }

    /// Adds one history, with unit cost.
    ///
    /// # Errors
    /// [`EscError::TrueClass`] of a class beyond the last.
    pub fn add_history(&mut self, history: &crate::PmfHistory, true_class: usize) -> Result<(), EscError> {
        check_class(true_class, history.n_classes())?;
        let steps = history.steps();
        let w1: Vec<f64> = steps.clone().zip(history.steps().skip(1)).map(|(a, b)| unit(a, b)).collect();
        self.add_checked(&w1, steps.map(|pmf| pmf[true_class]));
        Ok(())
    }

    fn add_checked(&mut self, w1: &[f64], p_true: impl ExactSizeIterator<Item = f64>) {
        let Self { parts: grid, sweep } = self;
        let (n_steps, n_rhos) = (p_true.len(), grid.rhos.len());
        grid.n_objects += 1;
        sweep.largest.clear();
        sweep.least.clear();
        sweep.filled.clear();
        sweep.filled.resize(grid.epsilons.len(), 0);
        for (i, p) in p_true.enumerate() {
            // The window ending here: distances i-k+1 .. i-1, probabilities i-k+1 ..= i.
            if i > 0 {
                slide(&mut sweep.largest, i - 1, w1[i - 1], grid.k - 1, |old, new| old <= new);
            }
            slide(&mut sweep.least, i, p, grid.k, |old, new| old >= new);
            if i + 1 < grid.k {
                continue;
            }
            let (Some(&(_, largest)), Some(&(_, least))) = (sweep.largest.front(), sweep.least.front())
            else {
                continue;
            };
            let column = grid.rhos.partition_point(|&rho| rho <= least);
            let row = grid.epsilons.partition_point(|&epsilon| epsilon < largest);
            let fraction = (i + 1) as f64 / n_steps as f64;
            for row in row..grid.epsilons.len() {
                // Rows below (larger epsilon) are filled at least as far.
                if sweep.filled[row] >= column {
                    break;
                }
                for cell in row * n_rhos + sweep.filled[row]..row * n_rhos + column {
                    grid.n_converged[cell] += 1;
                    grid.sum_of_fractions[cell] += fraction;
                }
                sweep.filled[row] = column;
            }
            if sweep.filled[0] == n_rhos {
                break;
            }
        }
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`EscGridError::Differ`] of another grid.
    pub fn merge(&mut self, other: &Self) -> Result<(), EscGridError> {
        let (ours, theirs) = (&mut self.parts, &other.parts);
        if (&ours.epsilons, &ours.rhos, ours.k) != (&theirs.epsilons, &theirs.rhos, theirs.k) {
            return Err(EscGridError::Differ);
        }
        ours.n_objects += theirs.n_objects;
        for (ours, theirs) in ours.n_converged.iter_mut().zip(&theirs.n_converged) {
            *ours += theirs;
        }
        for (ours, theirs) in ours.sum_of_fractions.iter_mut().zip(&theirs.sum_of_fractions) {
            *ours += theirs;
        }
        Ok(())
    }

    /// The values of epsilon.
    pub fn epsilons(&self) -> &[f64] {
        &self.parts.epsilons
    }

    /// The values of rho.
    pub fn rhos(&self) -> &[f64] {
        &self.parts.rhos
    }

    /// Number of classifications in a window.
    pub fn k(&self) -> usize {
        self.parts.k
    }

    /// Number of objects.
    pub fn n_objects(&self) -> u64 {
        self.parts.n_objects
    }

    /// Number of objects that converged in a cell; `None` outside the grid.
    pub fn n_converged(&self, epsilon_index: usize, rho_index: usize) -> Option<u64> {
        self.cell(epsilon_index, rho_index).map(|cell| self.parts.n_converged[cell])
    }

    /// Proportion of objects that converged in a cell; `None` outside the grid or without objects.
    pub fn convergence(&self, epsilon_index: usize, rho_index: usize) -> Option<f64> {
        let n = self.n_converged(epsilon_index, rho_index)?;
        (self.parts.n_objects > 0).then(|| n as f64 / self.parts.n_objects as f64)
    }

    /// Mean ESC_f of a cell, objects that did not converge counting as 1; `None` outside the grid or without objects.
    pub fn mean_esc_fraction(&self, epsilon_index: usize, rho_index: usize) -> Option<f64> {
        let cell = self.cell(epsilon_index, rho_index)?;
        let n = self.parts.n_objects;
        let n_never = n.saturating_sub(self.parts.n_converged[cell]);
        (n > 0).then(|| (self.parts.sum_of_fractions[cell] + n_never as f64) / n as f64)
    }

    /// Mean ESC_f of the objects that converged in a cell; `None` outside the grid or where none did.
    pub fn mean_converged_esc_fraction(&self, epsilon_index: usize, rho_index: usize) -> Option<f64> {
        let cell = self.cell(epsilon_index, rho_index)?;
        let n = self.parts.n_converged[cell];
        (n > 0).then(|| self.parts.sum_of_fractions[cell] / n as f64)
    }

    fn cell(&self, epsilon_index: usize, rho_index: usize) -> Option<usize> {
        let inside = epsilon_index < self.parts.epsilons.len() && rho_index < self.parts.rhos.len();
        inside.then(|| epsilon_index * self.parts.rhos.len() + rho_index)
    }
}

impl TryFrom<GridParts> for EscGrid {
    type Error = EscGridError;

    fn try_from(parts: GridParts) -> Result<Self, EscGridError> {
        let mut grid = Self::new(&parts.epsilons, &parts.rhos, parts.k)?;
        let expected = grid.parts.n_converged.len();
        for found in [parts.n_converged.len(), parts.sum_of_fractions.len()] {
            if found != expected {
                return Err(EscGridError::Cells { expected, found });
            }
        }
        if let Some(&found) = parts.n_converged.iter().find(|&&n| n > parts.n_objects) {
            return Err(EscGridError::Cells { expected, found: found as usize });
        }
        grid.parts = parts;
        Ok(grid)
    }
}

impl From<EscGrid> for GridParts {
    fn from(grid: EscGrid) -> Self {
        grid.parts
    }
}

fn check_axis(
    axis: &'static str,
    values: &[f64],
    check: fn(f64) -> Result<(), EscParamsError>,
) -> Result<(), EscGridError> {
    if values.is_empty() {
        return Err(EscGridError::Empty { axis });
    }
    values.iter().try_for_each(|&value| check(value))?;
    match values.windows(2).position(|pair| pair[0] >= pair[1]) {
        Some(i) => Err(EscGridError::Order { axis, index: i + 1, value: values[i + 1] }),
        None => Ok(()),
    }
}

/// Moves a window of `length` on to `index`: its front holds the extreme, behind it what may become so.
fn slide(
    window: &mut VecDeque<(usize, f64)>,
    index: usize,
    value: f64,
    length: usize,
    beaten: impl Fn(f64, f64) -> bool,
) {
    while window.back().is_some_and(|&(_, old)| beaten(old, value)) {
        window.pop_back();
    }
    window.push_back((index, value));
    while window.front().is_some_and(|&(old, _)| index - old >= length) {
        window.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::esc::{EscFraction, EscParams, esc_fraction};
    use proptest::prelude::*;

    #[test]
    fn faults_are_named() {
        let fault = |epsilons: &[f64], rhos: &[f64], k| EscGrid::new(epsilons, rhos, k).unwrap_err();
        assert_eq!(fault(&[0.1], &[0.5], 1), EscGridError::Params(EscParamsError::K { k: 1 }));
        assert_eq!(fault(&[], &[0.5], 2), EscGridError::Empty { axis: "epsilon" });
        assert_eq!(fault(&[0.1], &[0.5, 0.5], 2), EscGridError::Order { axis: "rho", index: 1, value: 0.5 });
        assert!(matches!(fault(&[0.1], &[f64::NAN], 2), EscGridError::Params(EscParamsError::Rho { .. })));
        let mut grid = EscGrid::new(&[0.1], &[0.5], 2).unwrap();
        assert_eq!(grid.merge(&EscGrid::new(&[0.1], &[0.5], 3).unwrap()), Err(EscGridError::Differ));
        assert_eq!((grid.mean_esc_fraction(0, 0), grid.convergence(0, 1)), (None, None));
        assert!(grid.add(&[], &[]).is_err());
    }

    #[test]
    fn a_window_longer_than_any_history() {
        let mut grid = EscGrid::new(&[0.1], &[0.5], usize::MAX).unwrap();
        grid.add(&[0.0, 0.0], &[0.9; 3]).unwrap();
        assert_eq!((grid.n_objects(), grid.n_converged(0, 0)), (1, Some(0)));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn json_is_checked() {
        let mut grid = EscGrid::new(&[0.1], &[0.5], 2).unwrap();
        grid.add(&[0.0], &[0.5, 0.5]).unwrap();
        let json = serde_json::to_string(&grid).unwrap();
        assert_eq!(serde_json::from_str::<EscGrid>(&json).unwrap(), grid);
        assert!(serde_json::from_str::<EscGrid>(&json.replace("[1]", "[7]")).is_err());
    }

    proptest! {
        #[test]
        fn cell_by_cell_as_esc_fraction(
            objects in prop::collection::vec(prop::collection::vec((0..8_u8, 0..8_u8), 1..30), 1..6),
            k in 2..8_usize,
        ) {
            let (epsilons, rhos) = ([0.0, 0.125, 0.3, 0.5, 1.0], [0.0, 0.25, 0.5, 0.7, 1.0]);
            let mut grid = EscGrid::new(&epsilons, &rhos, k).unwrap();
            let mut parts = [grid.clone(), grid.clone()];
            let objects: Vec<(Vec<f64>, Vec<f64>)> = objects
                .iter()
                .map(|o| {
                    (o[1..].iter().map(|s| f64::from(s.0) / 8.0).collect(), o.iter().map(|s| f64::from(s.1) / 7.0).collect())
                })
                .collect();
            for (i, (w1, p)) in objects.iter().enumerate() {
                grid.add(w1, p).unwrap();
                parts[i % 2].add(w1, p).unwrap();
            }
            for (i, &epsilon) in epsilons.iter().enumerate() {
                for (j, &rho) in rhos.iter().enumerate() {
                    let params = EscParams::new(epsilon, rho, k).unwrap();
                    let direct: Vec<_> = objects.iter().map(|(w1, p)| esc_fraction(w1, p, params).unwrap()).collect();
                    prop_assert_eq!(grid.n_converged(i, j).unwrap() as usize, direct.iter().filter(|f| f.converged).count());
                    let mean = direct.iter().map(EscFraction::value).sum::<f64>() / direct.len() as f64;
                    prop_assert!((grid.mean_esc_fraction(i, j).unwrap() - mean).abs() < 1e-14);
                }
            }
            let [mut left, right] = parts;
            left.merge(&right).unwrap();
            prop_assert_eq!(left.n_objects(), grid.n_objects());
            for (a, b) in left.parts.sum_of_fractions.iter().zip(&grid.parts.sum_of_fractions) {
                prop_assert!((a - b).abs() < 1e-13);
            }
        }
    }
}
