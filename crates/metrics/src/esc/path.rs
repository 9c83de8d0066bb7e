//! One pass over the PMFs of a history: distances, labels and streaks together.

use super::EscParams;
use super::fraction::Streak;
use crate::pmf::argmax;

/// Whether a class is alone in having the largest value, so that the label stays. Counting has no branches.
#[inline(always)]
#[allow(clippy::inline_always, reason = "a few operations in the innermost loop")]
pub(super) fn is_sole_argmax(values: &[f64], class: usize) -> bool {
    let value = values[class];
    let mut n_at_least = 0;
    for other in values {
        n_at_least += u32::from(*other >= value);
    }
    n_at_least == 1
}

/// What is known of a history after its latest step, steps counted from 1. The truth's fields stay at zero without one.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Path {
    pub(super) n_steps: usize,
    pub(super) label: usize,
    pub(super) label_since: usize,
    pub(super) label_changes: usize,
    #[cfg_attr(feature = "serde", serde(with = "super::bits::number"))]
    pub(super) total_motion: f64,
    pub(super) top: Streak,
    /// The label at `top.tau`.
    pub(super) top_class: usize,
    pub(super) truth: Streak,
    /// The first step whose label was the true class; 0 if none was.
    pub(super) first_correct: usize,
}

impl Path {
    /// The first PMF.
    pub(super) fn start(pmf: &[f64], true_class: Option<usize>, params: EscParams) -> Self {
        let label = argmax(pmf);
        let mut path = Self {
            n_steps: 1,
            label,
            label_since: 1,
            label_changes: 0,
            total_motion: 0.0,
            top: Streak::default(),
            top_class: label,
            truth: Streak::default(),
            first_correct: usize::from(true_class == Some(label)),
        };
        path.top.step(1, true, pmf[label] >= params.rho(), params.k());
        if let Some(class) = true_class {
            path.truth.step(1, true, pmf[class] >= params.rho(), params.k());
        }
        path
    }

    /// The first step at which the true class converged, or without one the most probable; 0 if none did.
    pub(super) fn tau(&self, true_class: Option<usize>) -> usize {
        if true_class.is_some() { self.truth.tau } else { self.top.tau }
    }

    /// The next PMF, at a distance from the one before.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn step(&mut self, pmf: &[f64], w1: f64, true_class: Option<usize>, params: EscParams) {
        self.n_steps += 1;
        self.total_motion += w1;
        let close = w1 <= params.epsilon();
        let mut same_label = true;
        if !is_sole_argmax(pmf, self.label) {
            let label = argmax(pmf);
            if label != self.label {
                same_label = false;
                self.label = label;
                self.label_since = self.n_steps;
                self.label_changes += 1;
                if self.first_correct == 0 && true_class == Some(label) {
                    self.first_correct = self.n_steps;
                }
            }
        }
        let was_open = self.top.tau == 0;
        self.top.step(self.n_steps, close & same_label, pmf[self.label] >= params.rho(), params.k());
        if was_open {
            self.top_class = self.label;
        }
        if let Some(class) = true_class {
            self.truth.step(self.n_steps, close, pmf[class] >= params.rho(), params.k());
        }
    }
}
