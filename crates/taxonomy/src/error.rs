//! Faults of trees and of slices handed to them.

/// Why nodes do not form a taxonomy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaxonomyError {
    /// A list without a node: there is no root.
    #[error("no node given, a taxonomy has at least its root")]
    NoNode,
    /// A name of no characters, or of blanks only.
    #[error("{} has an empty name", .parent.as_ref().map_or("the root".to_owned(), |p| format!("a child of {p:?}")))]
    EmptyName {
        /// The parent of the nameless node, `None` for the root.
        parent: Option<String>,
    },
    /// Two nodes of the same name.
    #[error("class {name:?} is there more than once")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// Two nodes without a parent.
    #[error("classes {first:?} and {second:?} both lack a parent, a taxonomy has one root")]
    SeveralRoots {
        /// The first of them, as given.
        first: String,
        /// The second.
        second: String,
    },
    /// A node listed below two different parents.
    #[error("class {name:?} has two parents, {first:?} and {second:?}")]
    SeveralParents {
        /// The node.
        name: String,
        /// The parent given first.
        first: String,
        /// The parent given second.
        second: String,
    },
    /// A parent that is not a node itself.
    #[error("class {name:?} has the parent {parent:?}, which is not in the list")]
    UnknownParent {
        /// The node.
        name: String,
        /// What it gives as its parent.
        parent: String,
    },
    /// A node that is its own ancestor, so that no path leads to it from a root.
    #[error("class {name:?} is its own ancestor")]
    Cycle {
        /// A node on the cycle.
        name: String,
    },
    /// Nesting beyond [`MAX_DEPTH`](crate::MAX_DEPTH).
    #[error("class {name:?} has children deeper than {max_depth} levels below the root")]
    TooDeep {
        /// The node at the greatest allowed depth.
        name: String,
        /// The greatest allowed depth.
        max_depth: usize,
    },
    /// More nodes than [`MAX_NODES`](crate::MAX_NODES).
    #[error("more than {max_nodes} classes")]
    TooManyNodes {
        /// The greatest allowed number.
        max_nodes: usize,
    },
}

/// A slice whose length does not fit the taxonomy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LengthError {
    /// A row-major matrix that ends within a row.
    #[error("{argument} has {found} values, expected whole rows of {expected}")]
    NotWholeRows {
        /// The argument that does not fit.
        argument: &'static str,
        /// Its length.
        found: usize,
        /// The length of a row.
        expected: usize,
    },
    /// A length that follows from the taxonomy or from another argument.
    #[error("{argument} has {found} values, expected {expected}")]
    Unequal {
        /// The argument that does not fit.
        argument: &'static str,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
    },
}

impl LengthError {
    /// `found` values where exactly `expected` belong.
    pub(crate) fn check(argument: &'static str, found: usize, expected: usize) -> Result<(), Self> {
        if found == expected { Ok(()) } else { Err(Self::Unequal { argument, found, expected }) }
    }

    /// The number of rows of `width` values in `found` values.
    pub(crate) fn rows(argument: &'static str, found: usize, width: usize) -> Result<usize, Self> {
        if found.is_multiple_of(width) {
            Ok(found / width)
        } else {
            Err(Self::NotWholeRows { argument, found, expected: width })
        }
    }
}

/// Why probabilities lead to no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// The number of probabilities does not fit the taxonomy.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// A probability is not a number, so nothing can be compared with it.
    #[error("the probability of {class:?} in row {row} is not a number")]
    NotANumber {
        /// The class.
        class: String,
        /// The row, 0 when one row was given.
        row: usize,
    },
}
