//! What scorecards refuse.

use crate::{PmfFault, TreeError};

/// Why an object, a setting or a part cannot enter a scorecard.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScorecardError {
    /// No class at all.
    #[error("no class, a scorecard has at least one")]
    NoClass,
    /// More classes than a table over them has room for.
    #[error("{n_classes} classes, a table over them takes at most {limit}")]
    TooManyClasses {
        /// Number of classes.
        n_classes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A PMF, a matrix or a part over another number of classes.
    #[error("{found} classes, the scorecard has {expected}")]
    ClassCount {
        /// Number of classes of the scorecard.
        expected: usize,
        /// Number of classes that came.
        found: usize,
    },
    /// A class index past the last class.
    #[error("class {class} does not exist, there are {n_classes}, counted from 0")]
    Class {
        /// The index.
        class: usize,
        /// Number of classes.
        n_classes: usize,
    },
    /// A node past the last node of the tree.
    #[error("node {node} does not exist, the tree has {n_nodes}, counted from 0")]
    Node {
        /// The index.
        node: usize,
        /// Number of nodes.
        n_nodes: usize,
    },
    /// A level below the last level of the tree.
    #[error("level {level} does not exist, the tree has {n_levels}, counted from 0")]
    Level {
        /// The level.
        level: usize,
        /// Number of levels.
        n_levels: usize,
    },
    /// Numbers that are not a PMF.
    #[error("not a PMF: {fault}")]
    Pmf {
        /// What is wrong with them.
        fault: PmfFault,
    },
    /// A tree that is not one, or does not fit.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Two slices that should run in parallel.
    #[error("{what} has {found} values, {expected} were expected")]
    Length {
        /// Which slice.
        what: &'static str,
        /// The length it should have.
        expected: usize,
        /// The length it has.
        found: usize,
    },
    /// A score, a day or a setting that is NaN or infinite.
    #[error("{what} {position} is {value}, not a finite number")]
    NotFinite {
        /// What it is.
        what: &'static str,
        /// Its position, from 0.
        position: usize,
        /// Its value.
        value: f64,
    },
    /// A duration below zero.
    #[error("duration {position} is negative, {value}")]
    Negative {
        /// Its position, from 0.
        position: usize,
        /// Its value.
        value: f64,
    },
    /// Days that do not ascend.
    #[error("{what} {position} is {value}, after {before}")]
    NotAscending {
        /// What they are.
        what: &'static str,
        /// Position of the offender, from 0.
        position: usize,
        /// The value before it.
        before: f64,
        /// Its value.
        value: f64,
    },
    /// Two parts of a scorecard that cannot add up.
    #[error("the two parts differ in {what}")]
    Different {
        /// What they differ in.
        what: &'static str,
    },
    /// A class in two families.
    #[error("class {class} is in family {first} and again in family {second}")]
    Overlap {
        /// The class.
        class: usize,
        /// The family that has it, from 0.
        first: usize,
        /// The family that names it again, from 0; the same one where it names a class twice.
        second: usize,
    },
    /// An object that is not in exactly one part of a declared partition.
    #[error("object {object} is in {n_parts} parts of the partition \"{partition}\", not in one")]
    NotInOnePart {
        /// Name of the partition.
        partition: String,
        /// Which object, in the order they came, from 0.
        object: usize,
        /// In how many of its parts the object is.
        n_parts: usize,
    },
    /// A name that is given twice, or names nothing.
    #[error("{what} \"{name}\" {fault}")]
    Name {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Setting changes after the first object.
    #[error("{what} came after {n_objects} objects, it belongs before the first")]
    TooLate {
        /// What came.
        what: &'static str,
        /// Number of objects seen.
        n_objects: usize,
    },
    /// Counts that contradict each other: a scorecard read from a damaged file.
    #[error("{what} do not add up")]
    Counts {
        /// Which counts.
        what: &'static str,
    },
    /// More objects than can be counted and divided exactly.
    #[error("{what} sum to more than 2^53 objects")]
    TooMany {
        /// Which counts.
        what: &'static str,
    },
}

pub(super) fn check_class(class: usize, n_classes: usize) -> Result<(), ScorecardError> {
    if class < n_classes { Ok(()) } else { Err(ScorecardError::Class { class, n_classes }) }
}

pub(super) fn check_class_count(expected: usize, found: usize) -> Result<(), ScorecardError> {
    match (expected, found) {
        (0, _) => Err(ScorecardError::NoClass),
        _ if expected == found => Ok(()),
        _ => Err(ScorecardError::ClassCount { expected, found }),
    }
}

/// The most classes: a square table of counts has 2 GiB then.
const MOST_CLASSES: usize = 16_384;

/// That a table over so many classes can be made.
pub(super) fn check_new_classes(n_classes: usize) -> Result<(), ScorecardError> {
    match n_classes {
        0 => Err(ScorecardError::NoClass),
        1..=MOST_CLASSES => Ok(()),
        _ => Err(ScorecardError::TooManyClasses { n_classes, limit: MOST_CLASSES }),
    }
}

pub(super) fn check_node(node: usize, n_nodes: usize) -> Result<(), ScorecardError> {
    if node < n_nodes { Ok(()) } else { Err(ScorecardError::Node { node, n_nodes }) }
}

pub(super) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), ScorecardError> {
    if expected == found { Ok(()) } else { Err(ScorecardError::Length { what, expected, found }) }
}

pub(super) fn check_finite(what: &'static str, values: &[f64]) -> Result<(), ScorecardError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(ScorecardError::NotFinite { what, position, value: values[position] }),
        None => Ok(()),
    }
}

/// Finite, and none less than the one before it.
pub(super) fn check_times(what: &'static str, values: &[f64]) -> Result<(), ScorecardError> {
    check_finite(what, values)?;
    match values.windows(2).position(|pair| pair[1] < pair[0]) {
        Some(i) => Err(ScorecardError::NotAscending {
            what,
            position: i + 1,
            before: values[i],
            value: values[i + 1],
        }),
        None => Ok(()),
    }
}

pub(super) fn check_pmf(pmf: &[f64], n_classes: usize) -> Result<(), ScorecardError> {
    check_class_count(n_classes, pmf.len())?;
    crate::pmf::check(pmf).map_err(|fault| ScorecardError::Pmf { fault })
}

/// Counts given from outside: their sum, and products of sums in 128 bits, must not overflow.
pub(super) fn check_total<'a>(
    what: &'static str,
    counts: impl IntoIterator<Item = &'a u64>,
) -> Result<(), ScorecardError> {
    let total = counts.into_iter().try_fold(0_u64, |sum, &count| sum.checked_add(count));
    match total {
        Some(total) if total <= 1 << f64::MANTISSA_DIGITS => Ok(()),
        _ => Err(ScorecardError::TooMany { what }),
    }
}

/// `Deserialize` for an accumulator: reads the named fields, which are all it has, then asks its `check`.
macro_rules! deserialize_checked {
    ($name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(serde::Deserialize)]
                struct Fields {
                    $($field: $type),+
                }
                let Fields { $($field),+ } = <Fields as serde::Deserialize>::deserialize(deserializer)?;
                let whole = Self { $($field),+ };
                whole.check().map_err(serde::de::Error::custom)?;
                Ok(whole)
            }
        }
    };
}
pub(super) use crate::moments::ratio;
pub(super) use deserialize_checked;
