//! Has this object converged yet? Alert by alert.

use super::error::check_class;
use super::path::Path;
use super::{EscError, EscFraction, EscParams};
use crate::transport::unit;
use crate::{Pmf, PmfError};

/// Follows one object's classifications as they come, at the cost of one pass over the classes each: what a broker keeps
/// beside the object and reads at every alert.
///
/// After any number of classifications it says what [`score_history`](super::score_history) would say of the history so far,
/// digit by digit. With a true class it knows ESC_f; without one the top-class form, which needs no truth
/// ([`TopScore`](super::TopScore)). ESC_s depends on the length of the whole history and is not tracked.
///
/// With feature `serde` it is stored and goes on later with the same digits, in any format: numbers that later comparisons
/// depend on are stored as whole numbers, their [`f64::to_bits`], because decimal digits need not come back to the last one
/// (`serde_json` reads them exactly only with its feature `float_roundtrip`).
///
/// ```
/// use heliacal_metrics::esc::{ConvergenceTracker, EscParams};
///
/// let mut tracker = ConvergenceTracker::new(2, None, EscParams::new(0.1, 0.6, 2)?)?;
/// tracker.push(&[0.5, 0.5], Some(60_000.0))?;
/// tracker.push(&[0.75, 0.25], Some(60_001.0))?;
/// let status = tracker.push(&[0.8, 0.2], Some(60_004.0))?;
/// assert_eq!((status.label, status.streak, status.top.tau), (0, 2, Some(3)));
/// assert_eq!(status.converged_at, Some(60_004.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "TrackerState", into = "TrackerState"))]
pub struct ConvergenceTracker {
    state: TrackerState,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
struct TrackerState {
    n_classes: usize,
    true_class: Option<usize>,
    #[cfg_attr(feature = "serde", serde(with = "super::bits::params"))]
    params: EscParams,
    last: Option<Tracked>,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
struct Tracked {
    #[cfg_attr(feature = "serde", serde(with = "super::bits::pmf"))]
    pmf: Pmf,
    path: Path,
    #[cfg_attr(feature = "serde", serde(with = "super::bits::optional"))]
    time: Option<f64>,
    #[cfg_attr(feature = "serde", serde(with = "super::bits::optional"))]
    converged_at: Option<f64>,
}

/// Why a classification is not taken, or a stored tracker not read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrackerError {
    /// Numbers that are no PMF over the tracker's classes.
    #[error(transparent)]
    Pmf(#[from] PmfError),
    /// A true class beyond the classes.
    #[error(transparent)]
    TrueClass(EscError),
    /// No class.
    #[error("no class")]
    NoClass,
    /// A time that is not finite or before the one of the last classification.
    #[error("time {time} is not finite or before that of the last classification")]
    Time {
        /// What came.
        time: f64,
    },
    /// A distance that is negative, infinite or NaN.
    #[error("distance {w1} is not a finite number of at least 0")]
    Distance {
        /// What came.
        w1: f64,
    },
    /// A stored tracker whose parts contradict each other.
    #[error("the stored tracker contradicts itself: {what}")]
    State {
        /// What does not fit.
        what: &'static str,
    },
}

/// What is known of an object so far; steps count from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConvergenceStatus {
    /// Number of classifications.
    pub n_steps: usize,
    /// Whether it has ever converged: on the true class where that is known, else on any.
    pub converged: bool,
    /// The time of the classification at which it first did, where times were given.
    pub converged_at: Option<f64>,
    /// Whether the latest window holds.
    pub holds: bool,
    /// How many classifications up to the latest are sure and close to each other; the window holds from `k` on.
    pub streak: usize,
    /// ESC_f of the history so far, where the true class is known.
    pub truth: Option<EscFraction>,
    /// The same for the most probable class.
    pub top: EscFraction,
    /// The class that settled first, true or not: the most probable one at `top.tau`; `None` where none did.
    pub top_class: Option<usize>,
    /// The most probable class, the lowest of several.
    pub label: usize,
    /// Its probability.
    pub label_probability: f64,
    /// The step since which it is the most probable.
    pub label_since: usize,
    /// How often the most probable class changed.
    pub label_changes: usize,
    /// Sum of the distances between consecutive PMFs.
    pub total_motion: f64,
}

impl ConvergenceTracker {
    /// Of an object without a classification yet.
    ///
    /// # Errors
    /// [`TrackerError::NoClass`]; [`TrackerError::TrueClass`] of a class beyond the last.
    pub fn new(n_classes: usize, true_class: Option<usize>, params: EscParams) -> Result<Self, TrackerError> {
        if n_classes == 0 {
            return Err(TrackerError::NoClass);
        }
        if let Some(true_class) = true_class {
            check_class(true_class, n_classes).map_err(TrackerError::TrueClass)?;
        }
        Ok(Self { state: TrackerState { n_classes, true_class, params, last: None } })
    }

    /// Takes the next classification, with its time \[day\] where there is one, and says how things stand. Distances are
    /// those of unit cost. What is refused leaves the tracker as it was.
    ///
    /// # Errors
    /// [`TrackerError::Pmf`] for what is no PMF of this many classes, [`TrackerError::Time`].
    pub fn push(
        &mut self,
        probabilities: &[f64],
        time: Option<f64>,
    ) -> Result<ConvergenceStatus, TrackerError> {
        self.take(probabilities, None, time)
    }

    /// As [`push`](Self::push), with the distance from the last classification under any other cost; that of the first one is
    /// not read.
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`TrackerError::Distance`] from the second classification on.
    pub fn push_at_distance(
        &mut self,
        probabilities: &[f64],
        w1: f64,
        time: Option<f64>,
    ) -> Result<ConvergenceStatus, TrackerError> {
        if self.state.last.is_some() && !(w1.is_finite() && w1 >= 0.0) {
            return Err(TrackerError::Distance { w1 });
        }
        self.take(probabilities, Some(w1), time)
    }

    /// How things stand; `None` before the first classification.
    pub fn status(&self) -> Option<ConvergenceStatus> {
        self.state.last.as_ref().map(|last| self.status_of(last))
    }

    /// The latest classification.
    pub fn last(&self) -> Option<&Pmf> {
        self.state.last.as_ref().map(|last| &last.pmf)
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.state.n_classes
    }

    /// The true class, where it is known.
    pub fn true_class(&self) -> Option<usize> {
        self.state.true_class
    }

    /// When a classification counts as settled.
    pub fn params(&self) -> EscParams {
        self.state.params
    }

    fn take(
        &mut self,
        probabilities: &[f64],
        w1: Option<f64>,
        time: Option<f64>,
    ) -> Result<ConvergenceStatus, TrackerError> {
        let TrackerState { n_classes, true_class, params, last } = &mut self.state;
        if probabilities.len() != *n_classes {
            return Err(PmfError::ClassCount { expected: *n_classes, found: probabilities.len() }.into());
        }
        let previous_time = last.as_ref().and_then(|last| last.time);
        if let Some(time) = time
            && !(time.is_finite() && previous_time.is_none_or(|previous| time >= previous))
        {
            return Err(TrackerError::Time { time });
        }
        let pmf = Pmf::new(probabilities.to_vec())?;
        let (path, was_converged, converged_at) = match last {
            None => (Path::start(pmf.as_slice(), *true_class, *params), false, None),
            Some(Tracked { pmf: before, path, converged_at, .. }) => {
                let w1 = w1.unwrap_or_else(|| unit(before.as_slice(), pmf.as_slice()));
                let mut next = *path;
                next.step(pmf.as_slice(), w1, *true_class, *params);
                (next, path.tau(*true_class) > 0, *converged_at)
            }
        };
        let now = path.tau(*true_class) > 0 && !was_converged;
        let converged_at = if now { time } else { converged_at };
        *last = Some(Tracked { pmf, path, time: time.or(previous_time), converged_at });
        Ok(self.status_of(self.state.last.as_ref().expect("just stored")))
    }

    fn status_of(&self, last: &Tracked) -> ConvergenceStatus {
        let TrackerState { true_class, params, .. } = self.state;
        let Tracked { pmf, path, converged_at, .. } = last;
        let streak = if true_class.is_some() { path.truth.length } else { path.top.length };
        ConvergenceStatus {
            n_steps: path.n_steps,
            converged: path.tau(true_class) > 0,
            converged_at: *converged_at,
            holds: streak >= params.k(),
            streak,
            truth: true_class.map(|_| path.truth.finish(path.n_steps, params.k())),
            top: path.top.finish(path.n_steps, params.k()),
            top_class: (path.top.tau > 0).then_some(path.top_class),
            label: path.label,
            label_probability: pmf.as_slice()[path.label],
            label_since: path.label_since,
            label_changes: path.label_changes,
            total_motion: path.total_motion,
        }
    }
}

impl TryFrom<TrackerState> for ConvergenceTracker {
    type Error = TrackerError;

    fn try_from(state: TrackerState) -> Result<Self, TrackerError> {
        let TrackerState { n_classes, true_class, params, last } = state;
        let mut tracker = Self::new(n_classes, true_class, params)?;
        if let Some(Tracked { pmf, path, time, converged_at }) = &last {
            let require = |holds, what| if holds { Ok(()) } else { Err(TrackerError::State { what }) };
            require(pmf.n_classes() == n_classes, "the number of classes")?;
            require((1..=usize::MAX / 2).contains(&path.n_steps), "the number of classifications")?;
            require(path.label == pmf.argmax(), "the most probable class")?;
            require(path.top_class < n_classes, "the class that settled")?;
            require((1..=path.n_steps).contains(&path.label_since), "the step of the last change")?;
            require(path.label_changes < path.n_steps, "the number of changes")?;
            require(path.first_correct <= path.n_steps, "the first correct step")?;
            require(path.total_motion.is_finite() && path.total_motion >= 0.0, "the motion")?;
            require(time.is_none_or(f64::is_finite), "the time")?;
            require(converged_at.is_none_or(f64::is_finite), "the time of convergence")?;
            for streak in [path.top, path.truth] {
                require(streak.length <= path.n_steps && streak.tau <= path.n_steps, "a streak")?;
                require(streak.tau == 0 || streak.tau >= params.k(), "a streak")?;
                require(streak.length < params.k() || streak.tau > 0, "a streak")?;
            }
        }
        tracker.state.last = last;
        Ok(tracker)
    }
}

impl From<ConvergenceTracker> for TrackerState {
    fn from(tracker: ConvergenceTracker) -> Self {
        tracker.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_classifications_leave_it_as_it_was() {
        let mut tracker = ConvergenceTracker::new(2, Some(1), EscParams::default()).unwrap();
        assert_eq!(tracker.status(), None);
        tracker.push(&[0.5, 0.5], Some(1.0)).unwrap();
        let before = tracker.clone();
        assert!(matches!(tracker.push(&[1.0], None), Err(TrackerError::Pmf(_))));
        assert!(matches!(tracker.push(&[1.0, 1.0], None), Err(TrackerError::Pmf(_))));
        assert!(matches!(tracker.push(&[0.5, 0.5], Some(0.5)), Err(TrackerError::Time { .. })));
        assert!(matches!(tracker.push(&[0.5, 0.5], Some(f64::NAN)), Err(TrackerError::Time { .. })));
        let negative = tracker.push_at_distance(&[0.5, 0.5], -1.0, None);
        assert_eq!(negative, Err(TrackerError::Distance { w1: -1.0 }));
        assert_eq!(tracker, before);
        assert!(ConvergenceTracker::new(0, None, EscParams::default()).is_err());
        assert!(ConvergenceTracker::new(2, Some(2), EscParams::default()).is_err());
    }

    #[test]
    fn lost_and_found_again() {
        let params = EscParams::new(0.1, 0.5, 2).unwrap();
        let mut tracker = ConvergenceTracker::new(2, Some(0), params).unwrap();
        tracker.push(&[0.75, 0.25], Some(1.0)).unwrap();
        let found = tracker.push(&[0.75, 0.25], Some(2.0)).unwrap();
        assert_eq!((found.converged, found.holds, found.converged_at), (true, true, Some(2.0)));
        let lost = tracker.push(&[0.25, 0.75], Some(3.0)).unwrap();
        assert_eq!((lost.converged, lost.holds, lost.converged_at, lost.streak), (true, false, Some(2.0), 0));
        assert_eq!((lost.label_changes, lost.label_since, lost.total_motion), (1, 3, 0.5));
        let far = tracker.push_at_distance(&[0.75, 0.25], 7.0, None).unwrap();
        assert_eq!((far.streak, far.total_motion), (1, 7.5));
    }

    #[test]
    fn it_says_which_class_converged() {
        let params = EscParams::new(0.1, 0.5, 2).unwrap();
        let mut tracker = ConvergenceTracker::new(2, None, params).unwrap();
        assert_eq!((tracker.params(), tracker.true_class()), (params, None));
        assert_eq!(tracker.push(&[0.25, 0.75], None).unwrap().top_class, None);
        assert_eq!(tracker.push(&[0.25, 0.75], None).unwrap().top_class, Some(1));
        let moved = tracker.push(&[1.0, 0.0], None).unwrap();
        assert_eq!((moved.label, moved.top.tau, moved.top_class), (0, Some(2), Some(1)));
        assert_eq!(ConvergenceTracker::new(2, Some(1), params).unwrap().true_class(), Some(1));
    }

    #[test]
    fn the_first_distance_is_not_read() {
        let mut tracker = ConvergenceTracker::new(2, None, EscParams::default()).unwrap();
        let first = tracker.push_at_distance(&[0.5, 0.5], f64::NAN, None).unwrap();
        assert_eq!((first.n_steps, first.total_motion), (1, 0.0));
        let second = tracker.push_at_distance(&[0.5, 0.5], f64::NAN, None);
        assert!(matches!(second, Err(TrackerError::Distance { .. })));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn stored_and_gone_on_with() {
        let params = EscParams::new(0.1, 0.5, 2).unwrap();
        let mut tracker = ConvergenceTracker::new(2, None, params).unwrap();
        tracker.push(&[0.7, 0.3], Some(1.0)).unwrap();
        let json = serde_json::to_string(&tracker).unwrap();
        let mut again: ConvergenceTracker = serde_json::from_str(&json).unwrap();
        assert_eq!(tracker.push(&[0.7, 0.3], Some(2.0)), again.push(&[0.7, 0.3], Some(2.0)));
        assert_eq!(tracker, again);
        let bits = |x: f64| x.to_bits().to_string();
        for (good, bad) in [
            ("\"label\":0".to_owned(), "\"label\":1".to_owned()),
            ("\"n_steps\":1".to_owned(), "\"n_steps\":0".to_owned()),
            ("\"k\":2".to_owned(), "\"k\":1".to_owned()),
            (bits(0.7), bits(0.9)),
            (bits(0.7), bits(f64::NAN)),
            (bits(1.0), bits(f64::INFINITY)),
            (bits(0.5), bits(1.5)),
        ] {
            assert!(json.contains(&good), "{good}");
            assert!(serde_json::from_str::<ConvergenceTracker>(&json.replace(&good, &bad)).is_err(), "{bad}");
        }
    }

    /// A parser that misses the last digit of a decimal fraction finds none.
    #[cfg(feature = "serde")]
    #[test]
    fn the_stored_state_has_no_decimal_fractions() {
        fn numbers(value: &serde_json::Value) -> Vec<serde_json::Number> {
            match value {
                serde_json::Value::Number(number) => vec![number.clone()],
                serde_json::Value::Array(values) => values.iter().flat_map(numbers).collect(),
                serde_json::Value::Object(fields) => fields.values().flat_map(numbers).collect(),
                _ => Vec::new(),
            }
        }
        let params = EscParams::new(0.1, 1.0 / 3.0, 2).unwrap();
        let mut tracker = ConvergenceTracker::new(3, Some(0), params).unwrap();
        let mut pmf = [0.1 + 0.2, 1.0 / 3.0, 1.0 - 0.3 - 1.0 / 3.0];
        for step in 0..5 {
            pmf = [pmf[0] + 0.1 / 3.0, pmf[1] - 0.1 / 3.0, pmf[2]];
            tracker.push(&pmf, Some(60_000.1 + f64::from(step) / 7.0)).unwrap();
        }
        assert!(tracker.status().unwrap().converged_at.is_some());
        let json = serde_json::to_string(&tracker).unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(numbers(&value).iter().all(serde_json::Number::is_u64), "{json}");
        assert!(numbers(&value).len() > 15);
        let again: ConvergenceTracker = serde_json::from_str(&json).unwrap();
        assert_eq!(again, tracker);
        assert_eq!((again.status(), again.params()), (tracker.status(), params));
    }
}
