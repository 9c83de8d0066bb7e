//! Classification histories: what a classifier said of an object, each time it was asked.

mod broker_messages;
mod reader;
mod sorted_writer;
mod wide_rows;
mod writer;

use std::sync::Arc;

use heliacal_lightcurve::ObjectId;

pub use broker_messages::LongFormOptions;
pub use reader::HistoryReader;
pub use sorted_writer::SortedHistoryWriter;
pub use writer::HistoryWriter;

/// What the file says of its histories as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistorySchema {
    /// The classes, in the order of the probabilities; of a tree, the leaves.
    pub classes: Vec<String>,
    /// The taxonomy that the classes are leaves of, as JSON; passed on as it is.
    pub taxonomy: Option<String>,
    /// Name of the classifier.
    pub classifier: Option<String>,
    /// Whether each classification says how many days after the trigger its light curve was cut off.
    pub has_days: bool,
}

/// The classifications of one object, in time order.
///
/// Fields are public; [`validate`](Self::validate) says whether they fit together, and readers and writers ask it.
///
/// ```
/// use heliacal_io::ObjectHistory;
///
/// let history = ObjectHistory {
///     object_id: 397_127.into(),
///     mjd: vec![60000.0, 60003.0],
///     n_obs: vec![1, 2],
///     probabilities: vec![0.5, 0.25, 0.25, 0.1, 0.8, 0.1],
///     days: None,
///     true_class: Some("KN".into()),
/// };
/// history.validate(3)?;
/// assert_eq!(history.len(), 2);
/// assert_eq!(history.probabilities_at(1), [0.1, 0.8, 0.1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectHistory {
    /// The object.
    pub object_id: ObjectId,
    /// Time of the last observation that was classified \[day\], not decreasing.
    pub mjd: Vec<f64>,
    /// How many observations were classified.
    pub n_obs: Vec<u32>,
    /// Probabilities `[step, class]`, row by row.
    pub probabilities: Vec<f32>,
    /// How many days after the trigger the light curve was cut off \[day\].
    pub days: Option<Vec<f64>>,
    /// The true class, where it is known.
    pub true_class: Option<Arc<str>>,
}

/// Why columns are not a history.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// A history of nothing.
    #[error("no classification")]
    Empty,
    /// The columns do not belong to the same classifications.
    #[error("column {column} has {found} values, expected {expected}")]
    UnequalLengths {
        /// The column that differs.
        column: &'static str,
        /// Its length.
        found: usize,
        /// What it should be: the number of steps, or steps times classes.
        expected: usize,
    },
    /// A time, a day or a probability that is NaN or infinite, or a probability below zero.
    #[error("classification {step}: {column} is {value}, expected a finite number{}", if *.column == "probabilities" { " of at least 0" } else { "" })]
    InvalidValue {
        /// The column.
        column: &'static str,
        /// The classification, counted from 0.
        step: usize,
        /// What stands there.
        value: f64,
    },
    /// A classification that is earlier than the one before.
    #[error("classification {step} is earlier than the one before")]
    Unsorted {
        /// The classification, counted from 0.
        step: usize,
    },
}

impl ObjectHistory {
    /// Number of classifications.
    pub fn len(&self) -> usize {
        self.mjd.len()
    }

    /// Whether there is no classification.
    pub fn is_empty(&self) -> bool {
        self.mjd.is_empty()
    }

    /// The probabilities of one classification, counted from 0.
    ///
    /// # Panics
    /// When there is no such classification.
    pub fn probabilities_at(&self, step: usize) -> &[f32] {
        let n_classes = self.probabilities.len() / self.len();
        &self.probabilities[step * n_classes..(step + 1) * n_classes]
    }

    /// Checks that the columns belong together. Whether probabilities sum to one is not asked here.
    ///
    /// # Errors
    /// [`HistoryError`] when there is no classification, lengths do not fit, a number is not finite, a probability is
    /// negative, or times decrease.
    pub fn validate(&self, n_classes: usize) -> Result<(), HistoryError> {
        let n_steps = self.len();
        if n_steps == 0 {
            return Err(HistoryError::Empty);
        }
        let days = self.days.as_deref().unwrap_or_default();
        let n_days = if self.days.is_some() { n_steps } else { 0 };
        for (column, found, expected) in [
            ("n_obs", self.n_obs.len(), n_steps),
            ("days", days.len(), n_days),
            ("probabilities", self.probabilities.len(), n_steps.saturating_mul(n_classes)),
        ] {
            if found != expected {
                return Err(HistoryError::UnequalLengths { column, found, expected });
            }
        }
        for (column, values) in [("mjd", &*self.mjd), ("days", days)] {
            if let Some((step, &value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                return Err(HistoryError::InvalidValue { column, step, value });
            }
        }
        let is_bad = |p: &f32| !(p.is_finite() && *p >= 0.0);
        if let Some(index) = self.probabilities.iter().position(is_bad) {
            let (step, value) = (index / n_classes, f64::from(self.probabilities[index]));
            return Err(HistoryError::InvalidValue { column: "probabilities", step, value });
        }
        match self.mjd.windows(2).position(|pair| pair[1] < pair[0]) {
            Some(before) => Err(HistoryError::Unsorted { step: before + 1 }),
            None => Ok(()),
        }
    }
}

/// Puts the classifications of an object in time order; those at the same time keep their order.
fn sort_by_time(history: &mut ObjectHistory, n_classes: usize) {
    if history.mjd.is_sorted() {
        return;
    }
    let mut order: Vec<usize> = (0..history.len()).collect();
    order.sort_by(|&a, &b| history.mjd[a].total_cmp(&history.mjd[b])); // stable
    let row = |&step: &usize| history.probabilities[step * n_classes..(step + 1) * n_classes].iter().copied();
    history.probabilities = order.iter().flat_map(row).collect();
    history.n_obs = order.iter().map(|&step| history.n_obs[step]).collect();
    history.days = history.days.take().map(|days| order.iter().map(|&step| days[step]).collect());
    history.mjd = order.iter().map(|&step| history.mjd[step]).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> ObjectHistory {
        ObjectHistory {
            object_id: ObjectId::Integer(1),
            mjd: vec![1.0, 2.0, 2.0],
            n_obs: vec![1, 2, 3],
            probabilities: vec![0.1, 0.9, 0.2, 0.8, 0.3, 0.7],
            days: Some(vec![0.0, 1.0, 1.0]),
            true_class: None,
        }
    }

    #[test]
    fn each_fault_is_named() {
        let with = |change: fn(&mut ObjectHistory)| {
            let mut history = history();
            change(&mut history);
            history.validate(2)
        };
        assert_eq!(with(|_| ()), Ok(()));
        assert_eq!(with(|h| h.days = None), Ok(()));
        assert_eq!(with(|h| h.mjd[2] = 1.5), Err(HistoryError::Unsorted { step: 2 }));
        assert_eq!(
            with(|h| h.n_obs.truncate(1)),
            Err(HistoryError::UnequalLengths { column: "n_obs", found: 1, expected: 3 })
        );
        let negative = with(|h| h.probabilities[3] = -0.5).unwrap_err();
        let text = "classification 1: probabilities is -0.5, expected a finite number of at least 0";
        assert_eq!(negative.to_string(), text);
        assert!(matches!(
            with(|h| h.mjd[1] = f64::NAN),
            Err(HistoryError::InvalidValue { column: "mjd", step: 1, .. })
        ));
        assert_eq!(
            history().validate(3),
            Err(HistoryError::UnequalLengths { column: "probabilities", found: 6, expected: 9 })
        );
        assert_eq!(with(|h| h.mjd.clear()), Err(HistoryError::Empty));
    }

    #[test]
    fn sorting_moves_whole_classifications() {
        let mut shuffled = ObjectHistory {
            mjd: vec![2.0, 1.0, 2.0],
            n_obs: vec![2, 1, 3],
            probabilities: vec![0.2, 0.8, 0.1, 0.9, 0.3, 0.7],
            days: Some(vec![1.0, 0.0, 1.0]),
            ..history()
        };
        sort_by_time(&mut shuffled, 2);
        assert_eq!(shuffled, history());
    }
}
