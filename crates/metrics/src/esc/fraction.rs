//! ESC_f: after what part of its history has an object been classified stably and right?

use super::error::{check_lengths, check_times};
use super::{EscError, EscParams};

/// ESC_f of one history (Definition 1): after which classification it had converged.
///
/// ```text
/// τ = min { t ≥ k : W₁(pᵢ, pᵢ₊₁) ≤ ε for i = t-k+1 … t-1  and  pᵢ,⋆ ≥ ρ for i = t-k+1 … t },   ESC_f = τ / T
/// ```
///
/// Both comparisons are inclusive and without slack. A history that never converges (one with `T < k` cannot) counts
/// as 1; so does one that converges at its last classification, and `converged` tells the two apart. Later loss of
/// convergence is ignored by `tau` and seen by `sustained_tau`.
///
/// Reference: Beyond the Final Label, [arXiv 2604.23792](https://arxiv.org/abs/2604.23792), Definition 1 and eq. 13. The
/// paper prints "for all i" in the second condition: read as the `k` classifications of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EscFraction {
    /// Whether any window holds.
    pub converged: bool,
    /// The last classification of the first window that holds, from 1.
    pub tau: Option<usize>,
    /// The last classification of the first window from which on every window holds to the end, from 1: what `tau` would
    /// be without the windows before the last loss of convergence.
    pub sustained_tau: Option<usize>,
    /// Number of classifications, `T`.
    pub n_steps: usize,
}

impl EscFraction {
    /// `tau / T`, or 1 where it did not converge: lower is earlier.
    pub fn value(&self) -> f64 {
        fraction(self.tau, self.n_steps)
    }

    /// `sustained_tau / T`, or 1 where convergence was never reached or did not last to the end.
    pub fn sustained_value(&self) -> f64 {
        fraction(self.sustained_tau, self.n_steps)
    }

    /// Whether it had converged and the last window still holds.
    pub fn sustained(&self) -> bool {
        self.sustained_tau.is_some()
    }
}

fn fraction(tau: Option<usize>, n_steps: usize) -> f64 {
    tau.map_or(1.0, |tau| tau as f64 / n_steps as f64)
}

/// ESC_f from the distances between consecutive PMFs (`T - 1`) and the probabilities of the true class (`T`).
///
/// [`score_history`](super::score_history) computes both from a history; this is for distances from elsewhere.
///
/// # Errors
/// [`EscError::Length`] unless there is one distance fewer than probabilities; [`EscError::Value`] where one is
/// negative, infinite or NaN.
///
/// ```
/// use heliacal_metrics::esc::{EscParams, esc_fraction};
///
/// let params = EscParams::new(0.1, 0.5, 2)?;
/// let found = esc_fraction(&[0.3, 0.05, 0.05], &[0.4, 0.7, 0.7, 0.7], params)?;
/// assert_eq!((found.tau, found.value()), (Some(3), 0.75)); // classifications 2 and 3 are close and sure
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn esc_fraction(w1: &[f64], p_true: &[f64], params: EscParams) -> Result<EscFraction, EscError> {
    check_lengths(w1, p_true)?;
    let mut streak = Streak::default();
    streak.step(1, true, p_true[0] >= params.rho(), params.k());
    for (i, (&w1, &p)) in w1.iter().zip(&p_true[1..]).enumerate() {
        streak.step(i + 2, w1 <= params.epsilon(), p >= params.rho(), params.k());
    }
    Ok(streak.finish(p_true.len(), params.k()))
}

/// ESC_f in elapsed time in place of the number of classifications: cadence no longer matters.
///
/// ```text
/// (t_τ - t₁) / (t_T - t₁)
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EscElapsed {
    /// Fraction of the elapsed time; 1 where it did not converge; `None` where it did and all classifications have one
    /// time (0/0).
    pub fraction: Option<f64>,
    /// Time from the first classification to `tau` \[day\]; `None` where it did not converge: a waiting time that is
    /// censored at `duration`.
    pub days_since_first: Option<f64>,
    /// Time from the trigger to `tau` \[day\]; `None` where it did not converge or no trigger was given.
    pub days_since_trigger: Option<f64>,
    /// Time from the first classification to the last \[day\].
    pub duration: f64,
}

impl EscElapsed {
    /// Looks up the times of classifications \[day\] at `tau`, with the time of the trigger where there is one.
    ///
    /// # Errors
    /// [`EscError::Length`] unless there is a time per classification; [`EscError::Value`], [`EscError::TimeOrder`] and
    /// [`EscError::TriggerTime`] for times that are not finite or run backwards.
    ///
    /// ```
    /// use heliacal_metrics::esc::{EscElapsed, EscParams, esc_fraction};
    ///
    /// let found = esc_fraction(&[0.0, 0.0], &[0.9, 0.9, 0.9], EscParams::new(0.1, 0.5, 2)?)?; // tau = 2
    /// let elapsed = EscElapsed::new(&found, &[10.0, 11.0, 14.0], Some(9.5))?;
    /// assert_eq!((elapsed.fraction, elapsed.days_since_trigger), (Some(0.25), Some(1.5)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(found: &EscFraction, times: &[f64], trigger_time: Option<f64>) -> Result<Self, EscError> {
        check_times(times, found.n_steps)?;
        if let Some(time) = trigger_time.filter(|time| !time.is_finite()) {
            return Err(EscError::TriggerTime { time });
        }
        Ok(Self::trusted(found.tau, times, trigger_time))
    }

    /// The same of times that were checked.
    pub(super) fn trusted(tau: Option<usize>, times: &[f64], trigger_time: Option<f64>) -> Self {
        let (first, last) = (times.first().copied().unwrap_or(0.0), times.last().copied().unwrap_or(0.0));
        let duration = last - first;
        let settled = tau.and_then(|tau| times.get(tau - 1)).copied();
        Self {
            fraction: match settled {
                None => Some(1.0),
                Some(time) => (duration > 0.0).then(|| (time - first) / duration),
            },
            days_since_first: settled.map(|time| time - first),
            days_since_trigger: settled.zip(trigger_time).map(|(time, trigger)| time - trigger),
            duration,
        }
    }
}

/// How many classifications up to now are sure, each close to the one before: a window of `k` holds exactly where this
/// is `k` or more. The one recurrence behind a whole history and a tracker fed alert by alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Streak {
    pub(super) length: usize,
    /// The first step at which the length was `k`; 0 until then.
    pub(super) tau: usize,
}

impl Streak {
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a few operations in the innermost loop")]
    pub(super) fn step(&mut self, step: usize, close: bool, sure: bool, k: usize) {
        let continued = if close { self.length + 1 } else { 1 };
        self.length = if sure { continued } else { 0 };
        self.tau = if self.tau == 0 && self.length >= k { step } else { self.tau };
    }

    pub(super) fn finish(&self, n_steps: usize, k: usize) -> EscFraction {
        EscFraction {
            converged: self.tau > 0,
            tau: (self.tau > 0).then_some(self.tau),
            sustained_tau: (self.length >= k).then(|| n_steps - self.length + k),
            n_steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Definition 1, word for word.
    fn holds(w1: &[f64], p: &[f64], params: EscParams, tau: usize) -> bool {
        tau >= params.k()
            && w1[tau - params.k()..tau - 1].iter().all(|&w1| w1 <= params.epsilon())
            && p[tau - params.k()..tau].iter().all(|&p| p >= params.rho())
    }

    #[test]
    fn convergence_lost_and_found() {
        let params = EscParams::new(0.1, 0.5, 2).unwrap();
        let found = esc_fraction(&[0.0; 5], &[0.6, 0.6, 0.4, 0.6, 0.6, 0.6], params).unwrap();
        assert_eq!((found.tau, found.sustained_tau), (Some(2), Some(5)));
        assert_eq!((found.value(), found.sustained_value()), (2.0 / 6.0, 5.0 / 6.0));
        let lost = esc_fraction(&[0.0; 2], &[0.6, 0.6, 0.4], params).unwrap();
        assert_eq!((lost.tau, lost.sustained(), lost.sustained_value()), (Some(2), false, 1.0));
    }

    #[test]
    fn at_the_end_or_never() {
        let params = EscParams::default();
        let at_end = esc_fraction(&[0.1; 4], &[0.5; 5], params).unwrap();
        assert_eq!((at_end.converged, at_end.tau, at_end.value()), (true, Some(5), 1.0));
        let never = esc_fraction(&[0.1; 3], &[0.5; 4], params).unwrap();
        assert_eq!((never.converged, never.tau, never.value()), (false, None, 1.0));
        let one = esc_fraction(&[], &[1.0], params).unwrap();
        assert_eq!((one.converged, one.n_steps), (false, 1));
    }

    #[test]
    fn elapsed_edges() {
        let params = EscParams::new(0.1, 0.5, 2).unwrap();
        let found = esc_fraction(&[0.0], &[0.6, 0.6], params).unwrap();
        let at_once = EscElapsed::new(&found, &[3.0, 3.0], None).unwrap();
        assert_eq!((at_once.fraction, at_once.days_since_first, at_once.duration), (None, Some(0.0), 0.0));
        let never = esc_fraction(&[0.0], &[0.4, 0.6], params).unwrap();
        let censored = EscElapsed::new(&never, &[3.0, 7.0], Some(1.0)).unwrap();
        assert_eq!((censored.fraction, censored.days_since_trigger), (Some(1.0), None));
        assert_eq!(censored.duration, 4.0);
        let refused = |times: &[f64], trigger| EscElapsed::new(&found, times, trigger).unwrap_err();
        assert_eq!(refused(&[1.0], None).to_string(), "1 times for 2 classifications");
        assert!(matches!(refused(&[2.0, 1.0], None), EscError::TimeOrder { step: 1, .. }));
        assert!(matches!(refused(&[2.0, f64::NAN], None), EscError::Value { step: 1, .. }));
        assert!(matches!(refused(&[2.0, 3.0], Some(f64::NAN)), EscError::TriggerTime { .. }));
    }

    #[test]
    fn bad_numbers_are_refused() {
        let params = EscParams::default();
        assert!(matches!(esc_fraction(&[], &[], params), Err(EscError::Length { .. })));
        assert!(matches!(esc_fraction(&[0.1], &[0.1], params), Err(EscError::Length { .. })));
        assert!(matches!(
            esc_fraction(&[f64::NAN], &[0.1, 0.2], params),
            Err(EscError::Value { step: 0, .. })
        ));
        assert!(matches!(esc_fraction(&[0.1], &[0.1, -0.2], params), Err(EscError::Value { step: 1, .. })));
    }

    proptest! {
        #[test]
        fn streaks_are_definition_1(
            steps in prop::collection::vec((0..4_u8, 0..4_u8), 1..40),
            k in 2..7_usize,
        ) {
            let params = EscParams::new(0.5, 0.25, k).unwrap();
            let p: Vec<f64> = steps.iter().map(|s| f64::from(s.0) / 4.0).collect();
            let w1: Vec<f64> = steps[1..].iter().map(|s| f64::from(s.1) / 4.0).collect();
            let windows: Vec<bool> = (1..=p.len()).map(|tau| holds(&w1, &p, params, tau)).collect();
            let found = esc_fraction(&w1, &p, params).unwrap();
            prop_assert_eq!(found.tau, windows.iter().position(|&holds| holds).map(|i| i + 1));
            let lasting = windows.iter().rposition(|&holds| !holds).map_or(1, |i| i + 2);
            prop_assert_eq!(found.sustained_tau, (lasting <= p.len()).then_some(lasting));
        }
    }
}
