//! What can be wrong with a history that is to be scored.

use crate::transport::TransportError;

/// Why a history could not be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EscError {
    /// A true class that the PMFs do not have.
    #[error("true class {true_class} is none of the {n_classes} classes")]
    TrueClass {
        /// What was given.
        true_class: usize,
        /// Number of classes of the history.
        n_classes: usize,
    },
    /// Not one number per classification, or not one distance between each and the next.
    #[error("{found} {what} for {n_steps} classifications")]
    Length {
        /// Of what there are too many or too few.
        what: &'static str,
        /// Number of classifications.
        n_steps: usize,
        /// How many came.
        found: usize,
    },
    /// A number that cannot be what it should be.
    #[error("{what} at step {step} is {value}")]
    Value {
        /// What it should be.
        what: &'static str,
        /// Where, from 0.
        step: usize,
        /// What it is.
        value: f64,
    },
    /// A classification before the one that it follows.
    #[error("time {time} at step {step} is before the time of the step before, {previous}")]
    TimeOrder {
        /// Where, from 0.
        step: usize,
        /// The time of that classification.
        time: f64,
        /// The time of the one before it.
        previous: f64,
    },
    /// A trigger time that is infinite or NaN.
    #[error("trigger time is {time}")]
    TriggerTime {
        /// What was given.
        time: f64,
    },
    /// A floor for probabilities that is no positive probability.
    #[error("probability floor {floor} is not above 0 and at most 1")]
    Floor {
        /// What was given.
        floor: f64,
    },
    /// A steepness of the weight curve that is infinite or NaN.
    #[error("alpha is {alpha}, not a finite number")]
    Alpha {
        /// What was given.
        alpha: f64,
    },
    /// A weight that is negative, infinite or NaN.
    #[error("weight at {x} of the history is {weight}, not a finite number of at least 0")]
    Weight {
        /// Fraction of the history, `t/T`.
        x: f64,
        /// What the curve gives there.
        weight: f64,
    },
    /// Two parts that were computed in different ways.
    #[error("the {what} differ")]
    Differ {
        /// What they differ in.
        what: &'static str,
    },
    /// Distances that could not be computed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// What is wrong with one of several objects.
    #[error("object {index}: {source}")]
    Object {
        /// Which object, from 0.
        index: usize,
        /// What is wrong with it.
        source: Box<EscError>,
    },
}

pub(super) fn check_class(true_class: usize, n_classes: usize) -> Result<(), EscError> {
    if true_class < n_classes { Ok(()) } else { Err(EscError::TrueClass { true_class, n_classes }) }
}

/// Times are finite and never run backwards; several classifications at one time are fine.
pub(super) fn check_times(times: &[f64], n_steps: usize) -> Result<(), EscError> {
    if times.len() != n_steps {
        return Err(EscError::Length { what: "times", n_steps, found: times.len() });
    }
    let mut previous = f64::NEG_INFINITY;
    for (step, &time) in times.iter().enumerate() {
        if !time.is_finite() {
            return Err(EscError::Value { what: "time", step, value: time });
        }
        if time < previous {
            return Err(EscError::TimeOrder { step, time, previous });
        }
        previous = time;
    }
    Ok(())
}

/// What the free functions take: one probability per classification, one distance between each and the next.
pub(super) fn check_lengths(w1: &[f64], p_true: &[f64]) -> Result<(), EscError> {
    let n_steps = p_true.len();
    if n_steps == 0 || w1.len() + 1 != n_steps {
        return Err(EscError::Length { what: "distances", n_steps, found: w1.len() });
    }
    let check = |what, values: &[f64]| match values.iter().position(|v| !(v.is_finite() && *v >= 0.0)) {
        Some(step) => Err(EscError::Value { what, step, value: values[step] }),
        None => Ok(()),
    };
    check("distance", w1)?;
    check("probability", p_true)
}
