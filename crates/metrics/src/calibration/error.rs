//! What can be wrong with the input of a calibration.

use crate::class_tree::TreeError;
use crate::pmf::PmfFault;

/// Why a calibration, a prediction set or a risk cannot be computed from what was given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// No object to fit on.
    #[error("no object given, a fit needs at least one")]
    Empty,
    /// A buffer that does not divide into rows.
    #[error("{n_values} values do not divide into rows of {n_columns}")]
    Shape {
        /// Length of the buffer.
        n_values: usize,
        /// Number of values of a row.
        n_columns: usize,
    },
    /// Another number of true classes than of rows.
    #[error("{n_rows} rows have {n_labels} true classes")]
    RowCount {
        /// Number of rows.
        n_rows: usize,
        /// Number of true classes.
        n_labels: usize,
    },
    /// A row that is no PMF.
    #[error("row {row}: {fault}")]
    Pmf {
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        fault: PmfFault,
    },
    /// A logit that is NaN, infinite or absurdly large.
    #[error("row {row}: the logit of class {class} is {value}, not a number within 1e100 of zero")]
    Logit {
        /// The row, from 0.
        row: usize,
        /// The class.
        class: usize,
        /// Its logit.
        value: f64,
    },
    /// A true class that does not exist.
    #[error("row {row}: true class {label} of {n_classes} classes")]
    Label {
        /// The row, from 0.
        row: usize,
        /// What was given.
        label: usize,
        /// Number of classes, or of nodes.
        n_classes: usize,
    },
    /// A true class on an inner node where only leaves will do.
    #[error("row {row}: true class {node} is an inner node, a threshold per class needs leaves")]
    NotALeaf {
        /// The row, from 0.
        row: usize,
        /// The inner node.
        node: usize,
    },
    /// A confidence or a threshold that is no probability.
    #[error("{value} is no probability")]
    NotAProbability {
        /// What was given.
        value: f64,
    },
    /// Bin edges that do not rise strictly from 0 to 1.
    #[error("edge {index} is {value}: bin edges rise strictly from 0 to 1")]
    Edges {
        /// Position of the offending edge; of no edges 0.
        index: usize,
        /// Its value; NaN of no edges.
        value: f64,
    },
    /// No bin, or more bins than edges can tell apart.
    #[error("{n_bins} bins, a diagram has between 1 and 1000000")]
    BinCount {
        /// What was asked for.
        n_bins: usize,
    },
    /// Thresholds that do not rise strictly.
    #[error("threshold {index} is {value}: thresholds rise strictly")]
    Thresholds {
        /// Position of the offending threshold.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// A miscoverage outside (0, 1).
    #[error("a miscoverage of {alpha} does not lie between 0 and 1")]
    Alpha {
        /// What was given.
        alpha: f64,
    },
    /// A temperature that is not positive and finite.
    #[error("the temperature below node {node} is {value}, not a positive number")]
    Temperature {
        /// The parent of the group of siblings.
        node: usize,
        /// Its temperature.
        value: f64,
    },
    /// Two parts over different bins, trees or thresholds.
    #[error("the two parts differ in their {what} and do not add up")]
    Mismatch {
        /// In what they differ.
        what: &'static str,
    },
    /// A stored calibration whose parts contradict each other.
    #[error("the stored {what} do not fit together")]
    Stored {
        /// Which parts.
        what: &'static str,
    },
    /// A slice that does not fit the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// That what was read from a file can have been written.
#[cfg(feature = "serde")]
pub(super) fn check_stored(holds: bool, what: &'static str) -> Result<(), CalibrationError> {
    if holds { Ok(()) } else { Err(CalibrationError::Stored { what }) }
}

/// That counts from a file can be added up and divided exactly; their sum.
#[cfg(feature = "serde")]
pub(super) fn check_total(
    what: &'static str,
    counts: impl IntoIterator<Item = u64>,
) -> Result<u64, CalibrationError> {
    let total = counts.into_iter().try_fold(0_u64, u64::checked_add);
    total.filter(|&total| total <= 1 << f64::MANTISSA_DIGITS).ok_or(CalibrationError::Stored { what })
}
