//! What can be wrong with costs and with the PMFs that they are applied to.

use crate::PmfError;

/// Greatest cost of moving all mass from one class to another: costs times masses and their sums stay finite below it.
pub(super) const COST_LIMIT: f64 = 1e300;

/// Why numbers are not a ground cost.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// A cost over no class.
    #[error("no class, a cost covers at least one")]
    NoClass,
    /// A buffer that is not a square matrix of that many classes.
    #[error("{n_values} values are not a square matrix over {n_classes} classes")]
    NotSquare {
        /// Number of classes.
        n_classes: usize,
        /// Length of the buffer.
        n_values: usize,
    },
    /// A row of another length than the matrix has rows.
    #[error("row {row} has {found} values, the matrix has {expected} rows")]
    RowLength {
        /// The row.
        row: usize,
        /// Number of rows.
        expected: usize,
        /// Length of the row.
        found: usize,
    },
    /// An entry that is NaN, infinite, negative or above 1e300.
    #[error("the cost from class {row} to class {column} is {value}, not a number from 0 to 1e300")]
    Entry {
        /// Its row, the class that mass leaves.
        row: usize,
        /// Its column, the class that mass reaches.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// A position on the line that is NaN, infinite or beyond 5e299 from zero.
    #[error("the position of class {class} is {value}, not a number within 5e299 of 0")]
    Position {
        /// Its class.
        class: usize,
        /// Its value.
        value: f64,
    },
    /// Edge lengths that are not one per node.
    #[error("{found} edge lengths were given for a tree of {expected} nodes, the root's included")]
    EdgeCount {
        /// Number of nodes.
        expected: usize,
        /// Number of lengths.
        found: usize,
    },
    /// An edge whose length is NaN, infinite or negative, or with which lengths add up to more than 5e299.
    #[error("the edge above node {node} has length {value}: not a number >= 0 with a sum up to 5e299")]
    Edge {
        /// The node below the edge.
        node: usize,
        /// Its value.
        value: f64,
    },
}

/// Why no distance or plan came out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// PMFs and costs over different numbers of classes.
    #[error("{found} classes, {expected} were expected")]
    ClassCount {
        /// What the cost covers, or the first PMF.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// Rows that are no PMFs.
    #[error(transparent)]
    Pmf(#[from] PmfError),
    /// One history of a batch failed.
    #[error("history {index}: {source}")]
    History {
        /// Its position in the batch.
        index: usize,
        /// What is wrong with it.
        source: Box<TransportError>,
    },
    /// More pivots than the network simplex is allowed. It cannot cycle, so that this is a guard against bugs.
    #[error("no optimum after {n_pivots} pivots")]
    PivotLimit {
        /// The limit.
        n_pivots: u64,
    },
    /// A flow of a plan between classes that do not exist, or of a mass that is not a number >= 0.
    #[error(
        "flow {index} moves {mass} from class {from} to class {to}: not a mass between two of {n_classes} classes"
    )]
    Flow {
        /// Its position in the list.
        index: usize,
        /// Where it starts.
        from: usize,
        /// Where it ends.
        to: usize,
        /// Its mass.
        mass: f64,
        /// Number of classes.
        n_classes: usize,
    },
    /// The linear program solver gave up, or its answer does not hold the masses.
    #[error("the linear program was not solved: {message}")]
    LinearProgram {
        /// What it said.
        message: String,
    },
}

/// Succeeds where two numbers of classes are the same.
pub(super) fn same_classes(expected: usize, found: usize) -> Result<(), TransportError> {
    if expected == found { Ok(()) } else { Err(TransportError::ClassCount { expected, found }) }
}
