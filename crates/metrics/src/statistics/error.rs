//! What can be wrong with the input of an interval or a test.

/// Why an interval or a test cannot be computed from what was given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatisticsError {
    /// A confidence level outside (0, 1).
    #[error("a confidence level of {level} does not lie between 0 and 1")]
    Level {
        /// What was given.
        level: f64,
    },
    /// More successes than trials.
    #[error("{successes} successes in {n} trials")]
    Successes {
        /// Number of successes.
        successes: u64,
        /// Number of trials.
        n: u64,
    },
    /// No value to work on.
    #[error("no value given, at least one is needed")]
    Empty,
    /// A value that is NaN or infinite.
    #[error("value {index} is {value}, not a finite number")]
    NotFinite {
        /// Its position.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Two paired samples of different length.
    #[error("paired samples have {first} and {second} values")]
    Unpaired {
        /// Length of the first.
        first: usize,
        /// Length of the second.
        second: usize,
    },
    /// A p-value outside [0, 1].
    #[error("p-value {index} is {value}, not a number between 0 and 1")]
    PValue {
        /// Its position.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A bootstrap without a resample.
    #[error("no resample asked for, a bootstrap needs at least one")]
    NoResample,
    /// A jackknife with fewer than two blocks.
    #[error("{n_blocks} jackknife blocks, at least 2 are needed")]
    Blocks {
        /// What was asked for.
        n_blocks: usize,
    },
    /// A statistic that is undefined on the sample itself.
    #[error("the statistic is undefined on the whole sample")]
    UndefinedEstimate,
    /// A statistic that is undefined on each resample.
    #[error("the statistic is undefined on all {n_undefined} resamples")]
    NoReplicate {
        /// Number of resamples.
        n_undefined: usize,
    },
    /// A BCa interval without an acceleration.
    #[error("a BCa interval needs the acceleration of a jackknife, none was made or it is undefined")]
    NoAcceleration,
    /// A BCa interval whose formula has no value.
    #[error(
        "no BCa interval: {n_below} of {n_replicates} replicates are below the estimate, acceleration {acceleration}"
    )]
    NoBca {
        /// Number of replicates below the estimate, ties by half.
        n_below: f64,
        /// Number of replicates.
        n_replicates: usize,
        /// The acceleration.
        acceleration: f64,
    },
    /// Too many differences for an exact test.
    #[error("{n} differences, the exact distribution is computed up to {limit}")]
    TooManyForExact {
        /// Number of non-zero differences.
        n: usize,
        /// The most that the exact test takes.
        limit: usize,
    },
    /// Ranks too large for an exact test.
    #[error("the ranks sum to {sum}, the exact distribution is computed up to {limit}")]
    RankSumForExact {
        /// Sum of the ranks of the non-zero differences.
        sum: usize,
        /// The largest that the exact test takes.
        limit: usize,
    },
}
