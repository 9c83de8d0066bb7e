//! Which classes does probability leave over time, and where does it go?

use super::EscError;
use super::error::check_times;
use crate::PmfHistory;
use crate::pmf::argmax;

/// How time is cut into bins, each open on the left and closed on the right.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum FlowBins {
    /// As many equal parts of each history, step `t` of `T` lying at `t/T`.
    HistoryFraction(usize),
    /// Between these days, increasing, at least two. Days count from whatever the caller counts them from.
    Days(Vec<f64>),
}

/// Why a flow is none, or two do not add up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MassFlowError {
    /// No bin.
    #[error("no time bin")]
    NoBin,
    /// No class.
    #[error("no class")]
    NoClass,
    /// More bins and classes than there is room for.
    #[error("{n_bins} bins of {n_classes} classes, a flow has at most {limit} cells")]
    TooManyCells {
        /// Number of time bins.
        n_bins: usize,
        /// Number of classes.
        n_classes: usize,
        /// The most cells, each a bin and a pair of classes.
        limit: usize,
    },
    /// An edge that is not finite or not above the one before.
    #[error("edge {edge} at {index} is not finite or does not increase")]
    Edge {
        /// Where, from 0.
        index: usize,
        /// What stands there.
        edge: f64,
    },
    /// A history of another number of classes.
    #[error("{found} classes, {expected} were expected")]
    ClassCount {
        /// What there was.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// Bins in days and a history without times.
    #[error("bins in days need the times of the classifications")]
    NoTimes,
    /// Times that are not one per step, not finite or running backwards.
    #[error(transparent)]
    Times(#[from] EscError),
    /// Stored cells that are not one per bin and pair of classes.
    #[error("{found} cells, {expected} were expected")]
    Cells {
        /// Number of bins and pairs of classes.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// Flows of other classes or bins.
    #[error("the flows differ in classes or bins")]
    Differ,
}

/// Flow of probability between classes per time bin, summed over objects: what an alluvial figure draws. Two parts merge to
/// the whole.
///
/// Between two PMFs, scaled to sum to 1, the plan of unit cost leaves in place what both have; what a class loses is shared
/// among the classes that gain in proportion to their gains:
///
/// ```text
/// fᵢⱼ = max(pᵢ - qᵢ, 0) max(qⱼ - pⱼ, 0) / Σₖ max(qₖ - pₖ, 0)   (i ≠ j),   fᵢᵢ = min(pᵢ, qᵢ)
/// ```
///
/// Rows sum to the mass before, columns to the mass after. Among the many optimal plans of unit cost this one treats all
/// classes alike. Two flows are kept: [`gross`](Self::gross), between consecutive classifications, off the diagonal, to
/// and fro; and [`net`](Self::net), from the PMF in force at the start of a bin to the one at its end.
///
/// ```
/// use heliacal_metrics::PmfHistory;
/// use heliacal_metrics::esc::{FlowBins, MassFlow};
///
/// let mut flow = MassFlow::new(3, FlowBins::HistoryFraction(1))?;
/// flow.add(&PmfHistory::new(3, vec![0.5, 0.5, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.0])?, None)?;
/// assert_eq!(flow.gross(0, 0, 2), Some(0.5)); // there
/// assert_eq!(flow.gross(0, 2, 0), Some(0.5)); // and back
/// assert_eq!((flow.net(0, 0, 2), flow.net(0, 1, 1)), (Some(0.0), Some(0.5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked"))]
pub struct MassFlow {
    n_classes: usize,
    bins: FlowBins,
    n_objects: u64,
    /// `[bin, from, to]`.
    gross: Vec<f64>,
    net: Vec<f64>,
    label_transitions: Vec<u64>,
    /// Pairs of classifications before the first edge or after the last.
    n_pairs_outside: u64,
}

/// Cells of a flow: three tables of 8 bytes each are 1.5 GiB then.
const MOST_CELLS: usize = 1 << 26;

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Unchecked {
    n_classes: usize,
    bins: FlowBins,
    n_objects: u64,
    gross: Vec<f64>,
    net: Vec<f64>,
    label_transitions: Vec<u64>,
    n_pairs_outside: u64,
}

impl MassFlow {
    /// Of no object yet.
    ///
    /// # Errors
    /// [`MassFlowError::NoClass`], [`MassFlowError::NoBin`], [`MassFlowError::Edge`]; [`MassFlowError::TooManyCells`] of more
    /// than 2²⁶ bins times pairs of classes.
    pub fn new(n_classes: usize, bins: FlowBins) -> Result<Self, MassFlowError> {
        if n_classes == 0 {
            return Err(MassFlowError::NoClass);
        }
        if let FlowBins::Days(edges) = &bins {
            let mut previous = f64::NEG_INFINITY;
            for (index, &edge) in edges.iter().enumerate() {
                if !edge.is_finite() || edge <= previous {
                    return Err(MassFlowError::Edge { index, edge });
                }
                previous = edge;
            }
        }
        let n_bins = n_bins(&bins);
        if n_bins == 0 {
            return Err(MassFlowError::NoBin);
        }
        let n_cells = n_bins.saturating_mul(n_classes).saturating_mul(n_classes);
        if n_cells > MOST_CELLS {
            return Err(MassFlowError::TooManyCells { n_bins, n_classes, limit: MOST_CELLS });
        }
        let (gross, net, label_transitions) = (vec![0.0; n_cells], vec![0.0; n_cells], vec![0; n_cells]);
        Ok(Self { n_classes, bins, n_objects: 0, gross, net, label_transitions, n_pairs_outside: 0 })
    }

    /// Adds one history; bins in days need the day of every classification. A pair of classifications lies where the later
    /// one does. In force is the latest classification up to an edge, before the first one the first.
    ///
    /// # Errors
    /// [`MassFlowError::ClassCount`], [`MassFlowError::NoTimes`], [`MassFlowError::Times`].
    pub fn add(&mut self, history: &PmfHistory, days: Option<&[f64]>) -> Result<(), MassFlowError> {
        let (n, n_steps) = (self.n_classes, history.n_steps());
        if history.n_classes() != n {
            return Err(MassFlowError::ClassCount { expected: n, found: history.n_classes() });
        }
        if let Some(days) = days {
            check_times(days, n_steps)?;
        } else if let FlowBins::Days(_) = self.bins {
            return Err(MassFlowError::NoTimes);
        }
        let days = days.unwrap_or_default();
        self.n_objects += 1;
        let mut label = argmax(history.step(0));
        for step in 1..n_steps {
            let (before, after) = (history.step(step - 1), history.step(step));
            let previous_label = std::mem::replace(&mut label, argmax(after));
            let Some(bin) = bin_of(&self.bins, step, n_steps, days) else {
                self.n_pairs_outside += 1;
                continue;
            };
            self.label_transitions[(bin * n + previous_label) * n + label] += 1;
            add_plan(before, after, &mut self.gross[bin * n * n..][..n * n], Diagonal::Left);
        }
        for bin in 0..n_bins(&self.bins) {
            let before = history.step(in_force(&self.bins, bin, n_steps, days));
            let after = history.step(in_force(&self.bins, bin + 1, n_steps, days));
            add_plan(before, after, &mut self.net[bin * n * n..][..n * n], Diagonal::Added);
        }
        Ok(())
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`MassFlowError::Differ`] of other classes or bins.
    pub fn merge(&mut self, other: &Self) -> Result<(), MassFlowError> {
        if self.n_classes != other.n_classes || self.bins != other.bins {
            return Err(MassFlowError::Differ);
        }
        self.n_objects += other.n_objects;
        self.n_pairs_outside += other.n_pairs_outside;
        self.gross.iter_mut().zip(&other.gross).for_each(|(a, b)| *a += b);
        self.net.iter_mut().zip(&other.net).for_each(|(a, b)| *a += b);
        self.label_transitions.iter_mut().zip(&other.label_transitions).for_each(|(a, b)| *a += b);
        Ok(())
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Number of time bins.
    pub fn n_bins(&self) -> usize {
        n_bins(&self.bins)
    }

    /// The time bins.
    pub fn bins(&self) -> &FlowBins {
        &self.bins
    }

    /// Number of objects.
    pub fn n_objects(&self) -> u64 {
        self.n_objects
    }

    /// Pairs of consecutive classifications that lie in no bin.
    pub fn n_pairs_outside(&self) -> u64 {
        self.n_pairs_outside
    }

    /// Mass that went from one class to another between consecutive classifications within a bin, summed over objects; 0
    /// on the diagonal, `None` outside bins and classes.
    pub fn gross(&self, bin: usize, from: usize, to: usize) -> Option<f64> {
        self.cell(bin, from, to).map(|cell| self.gross[cell])
    }

    /// Mass that is at one class when a bin starts and at another when it ends, summed over objects; on the diagonal what
    /// stays. `None` outside bins and classes.
    pub fn net(&self, bin: usize, from: usize, to: usize) -> Option<f64> {
        self.cell(bin, from, to).map(|cell| self.net[cell])
    }

    /// How often the most probable class was one and at the next classification the other; on the diagonal where it
    /// stayed. `None` outside bins and classes.
    pub fn label_transitions(&self, bin: usize, from: usize, to: usize) -> Option<u64> {
        self.cell(bin, from, to).map(|cell| self.label_transitions[cell])
    }

    fn cell(&self, bin: usize, from: usize, to: usize) -> Option<usize> {
        let inside = bin < self.n_bins() && from < self.n_classes && to < self.n_classes;
        inside.then(|| (bin * self.n_classes + from) * self.n_classes + to)
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for MassFlow {
    type Error = MassFlowError;

    fn try_from(stored: Unchecked) -> Result<Self, MassFlowError> {
        let Unchecked { n_classes, bins, n_objects, gross, net, label_transitions, n_pairs_outside } = stored;
        let expected = n_bins(&bins).saturating_mul(n_classes).saturating_mul(n_classes);
        for found in [gross.len(), net.len(), label_transitions.len()] {
            if found != expected {
                return Err(MassFlowError::Cells { expected, found });
            }
        }
        let empty = Self::new(n_classes, bins)?;
        Ok(Self { n_objects, gross, net, label_transitions, n_pairs_outside, ..empty })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Diagonal {
    Added,
    Left,
}

fn n_bins(bins: &FlowBins) -> usize {
    match bins {
        FlowBins::HistoryFraction(n) => *n,
        FlowBins::Days(edges) => edges.len().saturating_sub(1),
    }
}

/// The bin of a step counted from 0.
fn bin_of(bins: &FlowBins, step: usize, n_steps: usize, days: &[f64]) -> Option<usize> {
    match bins {
        // ceil(n t / T) - 1 of the step t = step + 1.
        FlowBins::HistoryFraction(n) => Some(((step + 1) * n - 1) / n_steps),
        FlowBins::Days(edges) => {
            let n_below = edges.partition_point(|&edge| edge < days[step]);
            (1..edges.len()).contains(&n_below).then(|| n_below - 1)
        }
    }
}

/// The step in force at an edge.
fn in_force(bins: &FlowBins, edge: usize, n_steps: usize, days: &[f64]) -> usize {
    let n_until = match bins {
        FlowBins::HistoryFraction(n) => edge * n_steps / n,
        FlowBins::Days(edges) => days.partition_point(|&day| day <= edges[edge]),
    };
    n_until.saturating_sub(1)
}

fn add_plan(before: &[f64], after: &[f64], flow: &mut [f64], diagonal: Diagonal) {
    let n = before.len();
    let (before_sum, after_sum): (f64, f64) = (before.iter().sum(), after.iter().sum());
    let gain = |j: usize| (after[j] / after_sum - before[j] / before_sum).max(0.0);
    let all_gains: f64 = (0..n).map(gain).sum();
    for (i, row) in flow.chunks_exact_mut(n).enumerate() {
        let (p, q) = (before[i] / before_sum, after[i] / after_sum);
        if diagonal == Diagonal::Added {
            row[i] += p.min(q);
        }
        if p > q && all_gains > 0.0 {
            for (j, flow) in row.iter_mut().enumerate().filter(|(j, _)| *j != i) {
                *flow += (p - q) * (gain(j) / all_gains);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn history(values: &[f64]) -> PmfHistory {
        PmfHistory::normalized(3, values.to_vec()).unwrap()
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for (n_classes, n_bins) in [(usize::MAX, 1), (2, usize::MAX), (1 << 13, 2)] {
            let refused = MassFlow::new(n_classes, FlowBins::HistoryFraction(n_bins));
            assert!(matches!(refused, Err(MassFlowError::TooManyCells { limit: 67_108_864, .. })));
        }
    }

    #[test]
    fn bins_by_hand() {
        // Labels 0, 1, 1, 2 at t/T = 1/4 .. 1.
        let history = history(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        let mut flow = MassFlow::new(3, FlowBins::HistoryFraction(2)).unwrap();
        flow.add(&history, None).unwrap();
        assert_eq!(
            (flow.gross(0, 0, 1), flow.gross(1, 1, 2), flow.gross(1, 0, 1)),
            (Some(1.0), Some(1.0), Some(0.0))
        );
        assert_eq!((flow.net(0, 0, 1), flow.net(1, 1, 2)), (Some(1.0), Some(1.0)));
        assert_eq!((flow.label_transitions(1, 1, 1), flow.label_transitions(1, 1, 2)), (Some(1), Some(1)));
        assert_eq!((flow.gross(2, 0, 0), flow.net(0, 3, 0), flow.n_objects()), (None, None, 1));

        let mut flow = MassFlow::new(3, FlowBins::Days(vec![0.0, 1.0, 5.0])).unwrap();
        flow.add(&history, Some(&[0.0, 1.0, 2.0, 9.0])).unwrap();
        assert_eq!((flow.gross(0, 0, 1), flow.gross(1, 1, 2)), (Some(1.0), Some(0.0)));
        assert_eq!((flow.n_pairs_outside(), flow.label_transitions(1, 1, 1)), (1, Some(1)));
        assert_eq!((flow.net(0, 0, 1), flow.net(1, 1, 1)), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn faults_are_named() {
        let fault = |n, bins| MassFlow::new(n, bins).unwrap_err();
        assert_eq!(fault(0, FlowBins::HistoryFraction(1)), MassFlowError::NoClass);
        assert_eq!(fault(1, FlowBins::HistoryFraction(0)), MassFlowError::NoBin);
        assert_eq!(fault(1, FlowBins::Days(vec![1.0])), MassFlowError::NoBin);
        assert_eq!(fault(1, FlowBins::Days(vec![1.0, 1.0])), MassFlowError::Edge { index: 1, edge: 1.0 });
        let mut flow = MassFlow::new(2, FlowBins::Days(vec![0.0, 1.0])).unwrap();
        let three = history(&[1.0, 0.0, 0.0]);
        assert_eq!(flow.add(&three, None), Err(MassFlowError::ClassCount { expected: 2, found: 3 }));
        let two = PmfHistory::new(2, vec![1.0, 0.0]).unwrap();
        assert_eq!(flow.add(&two, None), Err(MassFlowError::NoTimes));
        assert!(matches!(flow.add(&two, Some(&[])), Err(MassFlowError::Times(_))));
        let other = MassFlow::new(2, FlowBins::HistoryFraction(1)).unwrap();
        assert_eq!(flow.merge(&other), Err(MassFlowError::Differ));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn json_is_checked() {
        let mut flow = MassFlow::new(3, FlowBins::Days(vec![0.0, 1.0])).unwrap();
        flow.add(&history(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]), Some(&[0.0, 1.0])).unwrap();
        let json = serde_json::to_string(&flow).unwrap();
        assert_eq!(serde_json::from_str::<MassFlow>(&json).unwrap(), flow);
        let cut = json.replace("\"n_classes\":3", "\"n_classes\":2");
        assert!(serde_json::from_str::<MassFlow>(&cut).is_err());
    }

    proptest! {
        #[test]
        fn marginals_and_merging(
            objects in prop::collection::vec(prop::collection::vec(0.001..1.0_f64, 12), 2..5),
            n_bins in 1..6_usize,
        ) {
            let mut whole = MassFlow::new(3, FlowBins::HistoryFraction(n_bins)).unwrap();
            let mut parts = [whole.clone(), whole.clone()];
            let (mut first, mut last, mut motion) = ([0.0; 3], [0.0; 3], 0.0);
            for (i, values) in objects.iter().enumerate() {
                let history = history(values);
                whole.add(&history, None).unwrap();
                parts[i % 2].add(&history, None).unwrap();
                // Before the first edge, of 1/n_bins of four steps, the first classification is in force.
                for c in 0..3 {
                    first[c] += history.step(0)[c];
                    last[c] += history.last()[c];
                }
                for (a, b) in history.steps().zip(history.steps().skip(1)) {
                    motion += crate::transport::unit(a, b);
                }
            }
            for c in 0..3 {
                let out: f64 = (0..3).map(|j| whole.net(0, c, j).unwrap()).sum();
                let arrived: f64 = (0..3).map(|i| whole.net(n_bins - 1, i, c).unwrap()).sum();
                prop_assert!((out - first[c]).abs() < 1e-12);
                prop_assert!((arrived - last[c]).abs() < 1e-12);
            }
            prop_assert!((whole.gross.iter().sum::<f64>() - motion).abs() < 1e-12);
            let [mut left, right] = parts;
            left.merge(&right).unwrap();
            prop_assert_eq!(&left.label_transitions, &whole.label_transitions);
            for (a, b) in left.net.iter().chain(&left.gross).zip(whole.net.iter().chain(&whole.gross)) {
                prop_assert!((a - b).abs() < 1e-13);
            }
        }
    }
}
