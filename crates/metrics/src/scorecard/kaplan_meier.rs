//! The distribution of waiting times when some waits were cut short.

use super::error::{ScorecardError, check_finite, check_length};

/// Two survival probabilities this close are equal: a product of a few thousand rounded factors is no more exact.
const EQUAL_SURVIVAL: f64 = 1e-12;

/// The Kaplan-Meier estimate of the share of objects still waiting at a time (Kaplan & Meier 1958).
///
/// ```text
/// S(t) = Π_{t_i ≤ t} (1 - d_i / n_i)                      d_i events among n_i at risk at t_i
/// se²  = S(t)² Σ_{t_i ≤ t} d_i / (n_i (n_i - d_i))        (Greenwood 1926)
/// ```
/// An object whose observation ended before its event is censored: it is at risk up to and including its last time. The
/// plain distribution over the objects that got there is biased to short waits, because long ones are cut off.
///
/// ```
/// use heliacal_metrics::scorecard::KaplanMeier;
///
/// // Events at days 1 and 3, an object lost from view at day 2.
/// let waiting = KaplanMeier::new(&[1.0, 2.0, 3.0], &[true, false, true])?;
/// assert_eq!(waiting.times, [1.0, 3.0]);
/// assert_eq!(waiting.n_at_risk, [3, 1]);
/// assert_eq!(waiting.survival_at(2.5), Some(2.0 / 3.0));
/// assert_eq!(waiting.median(), Some(3.0));
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct KaplanMeier {
    /// Number of objects.
    pub n_objects: u64,
    /// Number of objects that had their event.
    pub n_reached: u64,
    /// Distinct times with an event, ascending \[day\].
    pub times: Vec<f64>,
    /// Objects at risk just before each.
    pub n_at_risk: Vec<u64>,
    /// Events at each.
    pub n_events: Vec<u64>,
    /// Share still waiting after each.
    pub survival: Vec<f64>,
    /// Greenwood's standard error of the share; `None` where the share is 0.
    pub standard_error: Vec<Option<f64>>,
    /// The last time of all, event or not \[day\]; `None` without objects.
    pub last_time: Option<f64>,
}

impl KaplanMeier {
    /// `durations`: time to the event, or to the end of observation \[day\]; `reached`: whether it was the event.
    ///
    /// # Errors
    /// [`ScorecardError::Length`], [`ScorecardError::NotFinite`], [`ScorecardError::Negative`].
    pub fn new(durations: &[f64], reached: &[bool]) -> Result<Self, ScorecardError> {
        check_length("reached", durations.len(), reached.len())?;
        check_finite("duration", durations)?;
        if let Some(position) = durations.iter().position(|&duration| duration < 0.0) {
            return Err(ScorecardError::Negative { position, value: durations[position] });
        }
        Ok(Self::of_checked(durations, reached))
    }

    /// Both of one length, the durations finite and not negative.
    pub(super) fn of_checked(durations: &[f64], reached: &[bool]) -> Self {
        let mut sorted: Vec<(f64, bool)> = durations.iter().copied().zip(reached.iter().copied()).collect();
        sorted.sort_by(|a, b| (a.0 + 0.0).total_cmp(&(b.0 + 0.0)));
        let mut estimate = Self {
            n_objects: sorted.len() as u64,
            n_reached: reached.iter().filter(|reached| **reached).count() as u64,
            times: Vec::new(),
            n_at_risk: Vec::new(),
            n_events: Vec::new(),
            survival: Vec::new(),
            standard_error: Vec::new(),
            last_time: sorted.last().map(|&(time, _)| time),
        };
        let (mut at_risk, mut survival, mut greenwood) = (estimate.n_objects, 1.0, 0.0);
        for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
            let events = equal.iter().filter(|(_, reached)| *reached).count() as u64;
            if events > 0 {
                let left = at_risk - events;
                survival *= left as f64 / at_risk as f64;
                greenwood += events as f64 / (at_risk as f64 * left as f64);
                estimate.times.push(equal[0].0);
                estimate.n_at_risk.push(at_risk);
                estimate.n_events.push(events);
                estimate.survival.push(survival);
                estimate.standard_error.push((left > 0).then(|| survival * greenwood.sqrt()));
            }
            at_risk -= equal.len() as u64;
        }
        estimate
    }

    /// Whether the estimate says anything of a time: not past the last observation, unless nobody was left waiting.
    fn covers(&self, time: f64) -> bool {
        let nobody_left = self.survival.last() == Some(&0.0);
        self.last_time.is_some_and(|last| time <= last || (nobody_left && !time.is_nan()))
    }

    /// Share of the objects still waiting after a time; `None` past the last observation while some were waiting, without
    /// objects, and for NaN.
    pub fn survival_at(&self, time: f64) -> Option<f64> {
        self.covers(time).then(|| {
            let n = self.times.partition_point(|&event| event <= time);
            n.checked_sub(1).and_then(|last| self.survival.get(last)).copied().unwrap_or(1.0)
        })
    }

    /// Greenwood's standard error of [`survival_at`](Self::survival_at); 0 before the first event, `None` where that is
    /// undefined or 0.
    pub fn standard_error_at(&self, time: f64) -> Option<f64> {
        if !self.covers(time) {
            return None;
        }
        match self.times.partition_point(|&event| event <= time) {
            0 => Some(0.0),
            n => self.standard_error.get(n - 1).copied().flatten(),
        }
    }

    /// The first time at which at least a share of the objects had their event; `None` when observations ended sooner, and
    /// for a share that is not above 0.
    ///
    /// ```text
    /// t_q = min{t: S(t) ≤ 1 - q}
    /// ```
    /// Equality holds within 1e-12, because the products round (statsmodels asks for strictly less).
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if share.is_nan() || share <= 0.0 {
            return None;
        }
        let reached = self.survival.iter().position(|&survival| survival <= 1.0 - share + EQUAL_SURVIVAL)?;
        self.times.get(reached).copied()
    }

    /// The first time at which half of the objects had their event; `None` when observations ended sooner.
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// Mean waiting time when every wait is cut at a horizon: the area under S up to it; `None` where S is not known up
    /// to there, and for a horizon below zero.
    pub fn restricted_mean(&self, horizon: f64) -> Option<f64> {
        if horizon < 0.0 || !horizon.is_finite() || !self.covers(horizon) {
            return None;
        }
        let (mut area, mut from, mut height) = (0.0, 0.0, 1.0);
        for (&time, &survival) in
            self.times.iter().zip(&self.survival).take_while(|(time, _)| **time < horizon)
        {
            area += height * (time - from);
            (from, height) = (time, survival);
        }
        Some(area + height * (horizon - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The 6-MP arm of Freireich et al. (1963), the textbooks' example: remission times in weeks.
    const WEEKS: [f64; 21] = [
        6.0, 6.0, 6.0, 6.0, 7.0, 9.0, 10.0, 10.0, 11.0, 13.0, 16.0, 17.0, 19.0, 20.0, 22.0, 23.0, 25.0, 32.0,
        32.0, 34.0, 35.0,
    ];
    const RELAPSED: [bool; 21] = [
        true, true, true, false, true, false, true, false, false, true, true, false, false, false, true,
        true, false, false, false, false, false,
    ];

    #[test]
    fn no_share_is_reached_at_no_time() {
        let waiting = KaplanMeier::new(&[1.0, 3.0], &[true; 2]).unwrap();
        assert_eq!([0.0, -0.5, f64::NAN].map(|share| waiting.quantile(share)), [None; 3]);
        assert_eq!((waiting.quantile(1e-9), waiting.quantile(1.0)), (Some(1.0), Some(3.0)));
    }

    #[test]
    fn the_textbooks_table() {
        let remission = KaplanMeier::new(&WEEKS, &RELAPSED).unwrap();
        assert_eq!(remission.times, [6.0, 7.0, 10.0, 13.0, 16.0, 22.0, 23.0]);
        assert_eq!(remission.n_at_risk, [21, 17, 15, 12, 11, 7, 6]);
        assert_eq!(remission.n_events, [3, 1, 1, 1, 1, 1, 1]);
        // As printed by Kleinbaum & Klein (2012), table 2.2 and its standard errors.
        for (found, printed) in
            remission.survival.iter().zip([0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482])
        {
            assert!((found - printed).abs() < 5e-5, "{found} {printed}");
        }
        let error = remission.standard_error_at(10.0).unwrap();
        assert!((error - 0.0963).abs() < 5e-5, "{error}");
        assert_eq!(remission.median(), Some(23.0));
        assert_eq!(remission.quantile(0.75), None);
        assert_eq!((remission.survival_at(5.0), remission.survival_at(36.0)), (Some(1.0), None));
        assert_eq!((remission.standard_error_at(5.0), remission.standard_error_at(36.0)), (Some(0.0), None));
    }

    #[test]
    fn restricted_mean_by_hand() {
        let waiting = KaplanMeier::new(&[1.0, 2.0, 4.0, 3.0], &[true, true, true, false]).unwrap();
        // S: 1 to day 1, 0.75 to 2, 0.5 to 4, then 0.
        assert_eq!(waiting.restricted_mean(4.0), Some(1.0 + 0.75 + 1.0));
        assert_eq!(waiting.restricted_mean(100.0), Some(2.75));
        assert_eq!(waiting.restricted_mean(1.5), Some(1.375));
        assert_eq!((waiting.median(), waiting.standard_error.last()), (Some(2.0), Some(&None)));
        assert_eq!((waiting.survival_at(1e9), waiting.restricted_mean(-1.0)), (Some(0.0), None));
        assert_eq!(waiting.survival_at(f64::NAN), None);
    }

    #[test]
    fn nobody_or_all_censored() {
        let nobody = KaplanMeier::new(&[], &[]).unwrap();
        assert_eq!(
            (nobody.median(), nobody.survival_at(0.0), nobody.restricted_mean(1.0)),
            (None, None, None)
        );
        let censored = KaplanMeier::new(&[2.0, 3.0], &[false, false]).unwrap();
        assert_eq!((censored.median(), censored.survival_at(3.0)), (None, Some(1.0)));
        assert_eq!((censored.restricted_mean(3.0), censored.restricted_mean(3.5)), (Some(3.0), None));
        assert!(matches!(
            KaplanMeier::new(&[-1.0], &[true]),
            Err(ScorecardError::Negative { position: 0, .. })
        ));
        assert!(KaplanMeier::new(&[f64::NAN], &[true]).is_err());
        assert!(KaplanMeier::new(&[1.0], &[]).is_err());
    }

    proptest! {
        #[test]
        fn without_censoring_it_is_the_plain_share(days in prop::collection::vec(0_u8..20, 1..40), at in 0_u8..20) {
            let durations: Vec<f64> = days.iter().copied().map(f64::from).collect();
            let waiting = KaplanMeier::new(&durations, &vec![true; days.len()]).unwrap();
            let later = days.iter().filter(|&&day| day > at).count() as f64 / days.len() as f64;
            prop_assert!((waiting.survival_at(f64::from(at)).unwrap() - later).abs() < 1e-12);
            let mean = durations.iter().sum::<f64>() / days.len() as f64;
            prop_assert!((waiting.restricted_mean(1e3).unwrap() - mean).abs() < 1e-10);
        }
    }
}
