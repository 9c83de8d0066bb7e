//! Probability mass functions over classes, and their histories.

use std::fmt;

/// How far the sum of a PMF may lie from 1: probabilities travel as `f32`, and alerts print few digits.
pub const SUM_TOLERANCE: f64 = 1e-4;

/// What is wrong with numbers that should be a PMF.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum PmfFault {
    /// No class at all.
    NoClass,
    /// A probability that is NaN or infinite.
    NotFinite {
        /// Its class.
        class: usize,
        /// Its value.
        value: f64,
    },
    /// A probability below zero.
    Negative {
        /// Its class.
        class: usize,
        /// Its value.
        value: f64,
    },
    /// Probabilities that do not sum to 1 within [`SUM_TOLERANCE`].
    Sum {
        /// Their sum.
        sum: f64,
    },
    /// Weights that cannot be scaled to sum to 1: their sum is zero or overflows.
    NotScalable {
        /// Their sum.
        sum: f64,
    },
}

impl fmt::Display for PmfFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClass => write!(f, "no class, a PMF has at least one"),
            Self::NotFinite { class, value } => {
                write!(f, "probability of class {class} is {value}, not a finite number")
            }
            Self::Negative { class, value } => write!(f, "probability of class {class} is negative, {value}"),
            Self::Sum { sum } => write!(f, "probabilities sum to {sum}, not to 1 within {SUM_TOLERANCE}"),
            Self::NotScalable { sum } => write!(f, "weights sum to {sum} and cannot be scaled to 1"),
        }
    }
}

/// Why numbers are not a PMF or a history of PMFs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PmfError {
    /// Numbers that are no probabilities.
    #[error("step {step}: {fault}")]
    Invalid {
        /// Which PMF of the history, from 0; 0 for a single PMF.
        step: usize,
        /// What is wrong with it.
        fault: PmfFault,
    },
    /// A history without a PMF.
    #[error("the history is empty, it has at least one PMF")]
    Empty,
    /// A buffer that does not divide into rows.
    #[error("{n_values} values do not divide into rows of {n_classes} classes")]
    Shape {
        /// Length of the buffer.
        n_values: usize,
        /// Number of classes of a row.
        n_classes: usize,
    },
    /// A PMF over another number of classes than the history's.
    #[error("a PMF of {found} classes was added to a history of {expected}")]
    ClassCount {
        /// Number of classes of the history.
        expected: usize,
        /// Number of classes of the PMF.
        found: usize,
    },
}

pub(crate) fn check(values: &[f64]) -> Result<(), PmfFault> {
    if values.is_empty() {
        return Err(PmfFault::NoClass);
    }
    let sum = checked_sum(values)?;
    if (sum - 1.0).abs() <= SUM_TOLERANCE { Ok(()) } else { Err(PmfFault::Sum { sum }) }
}

/// Checks rows of PMFs in a caller's buffer.
pub(crate) fn check_rows(n_classes: usize, values: &[f64]) -> Result<(), PmfError> {
    if values.is_empty() {
        return Err(PmfError::Empty);
    }
    if n_classes == 0 || !values.len().is_multiple_of(n_classes) {
        return Err(PmfError::Shape { n_values: values.len(), n_classes });
    }
    for (step, row) in values.chunks_exact(n_classes).enumerate() {
        check(row).map_err(|fault| PmfError::Invalid { step, fault })?;
    }
    Ok(())
}

/// The sum of numbers that are all finite and at least zero.
fn checked_sum(values: &[f64]) -> Result<f64, PmfFault> {
    for (class, &value) in values.iter().enumerate() {
        if !value.is_finite() {
            return Err(PmfFault::NotFinite { class, value });
        }
        if value < 0.0 {
            return Err(PmfFault::Negative { class, value });
        }
    }
    Ok(values.iter().sum())
}

fn normalize(values: &mut [f64]) -> Result<(), PmfFault> {
    if values.is_empty() {
        return Err(PmfFault::NoClass);
    }
    let sum = checked_sum(values)?;
    if sum <= 0.0 || !sum.is_finite() {
        return Err(PmfFault::NotScalable { sum });
    }
    for value in values.iter_mut() {
        *value /= sum;
    }
    // A sum of denormals divides too coarsely to end at 1.
    check(values).map_err(|_| PmfFault::NotScalable { sum })
}

/// The class of the largest value, the lowest index where several are equal; 0 for an empty slice.
pub(crate) fn argmax(values: &[f64]) -> usize {
    let mut best = 0;
    for (class, &value) in values.iter().enumerate() {
        if value > values[best] {
            best = class;
        }
    }
    best
}

/// A probability mass function over classes: finite, non-negative, summing to 1 within [`SUM_TOLERANCE`].
///
/// Classes are positions. Checked once, then trusted by everything that takes it; the values stay exactly as given.
///
/// ```
/// use heliacal_metrics::Pmf;
///
/// let pmf = Pmf::new(vec![0.7, 0.2, 0.1])?;
/// assert_eq!(pmf.argmax(), 0);
/// assert!(Pmf::new(vec![0.7, 0.2, 0.2]).is_err());
/// assert_eq!(Pmf::normalized(vec![3.0, 1.0])?.as_slice(), [0.75, 0.25]);
/// # Ok::<(), heliacal_metrics::PmfError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<f64>", into = "Vec<f64>"))]
pub struct Pmf(Vec<f64>);

impl Pmf {
    /// Takes probabilities as they are.
    ///
    /// # Errors
    /// [`PmfError::Invalid`]: no class; a value that is NaN, infinite or negative; a sum further than
    /// [`SUM_TOLERANCE`] from 1.
    pub fn new(probabilities: Vec<f64>) -> Result<Self, PmfError> {
        check(&probabilities).map_err(|fault| PmfError::Invalid { step: 0, fault })?;
        Ok(Self(probabilities))
    }

    /// Scales weights so that they sum to 1.
    ///
    /// # Errors
    /// [`PmfError::Invalid`]: no class; a value that is NaN, infinite or negative; weights whose sum is zero, overflows or
    /// is too small to divide by.
    pub fn normalized(mut weights: Vec<f64>) -> Result<Self, PmfError> {
        normalize(&mut weights).map_err(|fault| PmfError::Invalid { step: 0, fault })?;
        Ok(Self(weights))
    }

    /// The probabilities, one per class.
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.0.len()
    }

    /// The most probable class, the lowest index where several are equal.
    pub fn argmax(&self) -> usize {
        argmax(&self.0)
    }
}

impl AsRef<[f64]> for Pmf {
    fn as_ref(&self) -> &[f64] {
        &self.0
    }
}

impl TryFrom<Vec<f64>> for Pmf {
    type Error = PmfError;

    fn try_from(probabilities: Vec<f64>) -> Result<Self, PmfError> {
        Self::new(probabilities)
    }
}

impl From<Pmf> for Vec<f64> {
    fn from(pmf: Pmf) -> Self {
        pmf.0
    }
}

/// The classifications of one object in time order: `T >= 1` PMFs over the same classes, `[step, class]` in one buffer.
///
/// Steps count from 0 in code; the papers' `t` and `tau` count from 1.
///
/// ```
/// use heliacal_metrics::PmfHistory;
///
/// let mut history = PmfHistory::new(2, vec![0.5, 0.5, 0.8, 0.2])?;
/// history.push(&[0.9, 0.1])?;
/// assert_eq!((history.n_steps(), history.step(2)), (3, &[0.9, 0.1][..]));
/// # Ok::<(), heliacal_metrics::PmfError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "HistoryParts"))]
pub struct PmfHistory {
    n_classes: usize,
    values: Vec<f64>,
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryParts {
    n_classes: usize,
    values: Vec<f64>,
}

impl PmfHistory {
    /// Takes rows of probabilities as they are.
    ///
    /// # Errors
    /// [`PmfError::Empty`], [`PmfError::Shape`], and what [`Pmf::new`] refuses, with the step.
    pub fn new(n_classes: usize, values: Vec<f64>) -> Result<Self, PmfError> {
        Self::checked(n_classes, values, |row| check(row))
    }

    /// Scales every row so that it sums to 1.
    ///
    /// # Errors
    /// As [`new`](Self::new), with what [`Pmf::normalized`] refuses.
    pub fn normalized(n_classes: usize, weights: Vec<f64>) -> Result<Self, PmfError> {
        Self::checked(n_classes, weights, normalize)
    }

    /// Widens single-precision rows, as histories files hold them; values stay exact.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_f32(n_classes: usize, values: &[f32]) -> Result<Self, PmfError> {
        Self::new(n_classes, values.iter().map(|&value| f64::from(value)).collect())
    }

    fn checked(
        n_classes: usize,
        mut values: Vec<f64>,
        mut check_row: impl FnMut(&mut [f64]) -> Result<(), PmfFault>,
    ) -> Result<Self, PmfError> {
        if values.is_empty() {
            return Err(PmfError::Empty);
        }
        if n_classes == 0 || !values.len().is_multiple_of(n_classes) {
            return Err(PmfError::Shape { n_values: values.len(), n_classes });
        }
        for (step, row) in values.chunks_exact_mut(n_classes).enumerate() {
            check_row(row).map_err(|fault| PmfError::Invalid { step, fault })?;
        }
        Ok(Self { n_classes, values })
    }

    /// Adds the next classification.
    ///
    /// # Errors
    /// [`PmfError::ClassCount`], and what [`Pmf::new`] refuses, with the step it would have been.
    pub fn push(&mut self, probabilities: &[f64]) -> Result<(), PmfError> {
        if probabilities.len() != self.n_classes {
            return Err(PmfError::ClassCount { expected: self.n_classes, found: probabilities.len() });
        }
        check(probabilities).map_err(|fault| PmfError::Invalid { step: self.n_steps(), fault })?;
        self.values.extend_from_slice(probabilities);
        Ok(())
    }

    /// Number of classifications, the papers' `T`.
    pub fn n_steps(&self) -> usize {
        self.values.len() / self.n_classes
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// The PMF of a step, counted from 0.
    ///
    /// # Panics
    /// Past the last step, as indexing does.
    pub fn step(&self, step: usize) -> &[f64] {
        &self.values[step * self.n_classes..][..self.n_classes]
    }

    /// All PMFs in time order.
    pub fn steps(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.n_classes)
    }

    /// The last PMF.
    pub fn last(&self) -> &[f64] {
        self.step(self.n_steps() - 1)
    }

    /// The whole buffer, `[step, class]` row-major.
    pub fn as_slice(&self) -> &[f64] {
        &self.values
    }
}

#[cfg(feature = "serde")]
impl TryFrom<HistoryParts> for PmfHistory {
    type Error = PmfError;

    fn try_from(parts: HistoryParts) -> Result<Self, PmfError> {
        Self::new(parts.n_classes, parts.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "serde")]
    #[test]
    fn stored_histories_are_checked() {
        let history = PmfHistory::new(2, vec![0.5, 0.5, 0.25, 0.75]).unwrap();
        let json = serde_json::to_string(&history).unwrap();
        assert_eq!(json, r#"{"n_classes":2,"values":[0.5,0.5,0.25,0.75]}"#);
        assert_eq!(serde_json::from_str::<PmfHistory>(&json).unwrap(), history);
        for bad in [json.replace(":2", ":3"), json.replace(":2", ":0"), json.replace("0.75", "0.7")] {
            assert!(serde_json::from_str::<PmfHistory>(&bad).is_err(), "{bad}");
        }
    }

    fn fault(values: &[f64]) -> PmfFault {
        match Pmf::new(values.to_vec()) {
            Err(PmfError::Invalid { step: 0, fault }) => fault,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(fault(&[]), PmfFault::NoClass);
        assert!(matches!(fault(&[0.5, f64::NAN]), PmfFault::NotFinite { class: 1, .. }));
        assert!(matches!(fault(&[f64::INFINITY, 0.5]), PmfFault::NotFinite { class: 0, .. }));
        assert_eq!(fault(&[1.5, -0.5]), PmfFault::Negative { class: 1, value: -0.5 });
        assert_eq!(fault(&[0.5, 0.5 + 2e-4]), PmfFault::Sum { sum: 1.0 + 2e-4 });
        assert!(Pmf::new(vec![0.5, 0.5 + 0.9e-4]).is_ok());
        assert!(Pmf::new(vec![1.0, -0.0]).is_ok());
    }

    #[test]
    fn weights_are_scaled_or_refused() {
        assert_eq!(Pmf::normalized(vec![2.0, 6.0]).unwrap().as_slice(), [0.25, 0.75]);
        assert_eq!(Pmf::normalized(vec![1e-320, 1e-320]).unwrap().as_slice(), [0.5, 0.5]);
        assert!(Pmf::normalized(vec![0.0, 0.0]).is_err());
        assert!(Pmf::normalized(vec![f64::MAX, f64::MAX]).is_err());
        assert!(Pmf::normalized(vec![]).is_err());
    }

    #[test]
    fn histories_name_the_step() {
        assert_eq!(PmfHistory::new(2, vec![]), Err(PmfError::Empty));
        assert_eq!(PmfHistory::new(2, vec![1.0]), Err(PmfError::Shape { n_values: 1, n_classes: 2 }));
        assert_eq!(PmfHistory::new(0, vec![1.0]), Err(PmfError::Shape { n_values: 1, n_classes: 0 }));
        let error = PmfHistory::new(2, vec![0.5, 0.5, 0.5, 0.25]).unwrap_err();
        assert_eq!(error.to_string(), "step 1: probabilities sum to 0.75, not to 1 within 0.0001");
        let mut history = PmfHistory::from_f32(2, &[0.1, 0.9]).unwrap();
        assert_eq!(history.step(0), [f64::from(0.1_f32), f64::from(0.9_f32)]);
        assert!(matches!(history.push(&[1.0]), Err(PmfError::ClassCount { expected: 2, found: 1 })));
        assert!(matches!(history.push(&[1.0, 1.0]), Err(PmfError::Invalid { step: 1, .. })));
        history.push(&[0.0, 1.0]).unwrap();
        assert_eq!((history.n_steps(), history.last()), (2, &[0.0, 1.0][..]));
    }

    #[test]
    fn ties_go_to_the_lower_class() {
        assert_eq!(argmax(&[0.2, 0.4, 0.4]), 1);
        assert_eq!(argmax(&[]), 0);
    }
}
