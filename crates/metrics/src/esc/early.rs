//! Deciding early: the time-series field's trade of accuracy against earliness.

use crate::PmfHistory;
use crate::pmf::argmax;

use super::EscError;
use super::error::check_class;

/// Why a rule for deciding is none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EarlyTriggerError {
    /// A threshold that is no probability.
    #[error("threshold is {threshold}, not within 0 to 1")]
    Threshold {
        /// What was given.
        threshold: f64,
    },
    /// No classification to decide by.
    #[error("a decision needs at least one classification")]
    NoAgreement,
}

/// When a classification is final: at the first step where the most probable class has had at least the threshold for `v`
/// classifications in a row, always the same class (v = 1: at once). TEASER waits for `v` such agreements (Schäfer & Leser
/// 2020).
///
/// ```
/// use heliacal_metrics::PmfHistory;
/// use heliacal_metrics::esc::EarlyTrigger;
///
/// let history = PmfHistory::new(2, vec![0.9, 0.1, 0.3, 0.7, 0.2, 0.8])?;
/// let decision = EarlyTrigger::new(0.7, 2)?.decide(&history).unwrap();
/// assert_eq!((decision.step, decision.class), (3, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked"))]
pub struct EarlyTrigger {
    threshold: f64,
    n_agreeing: usize,
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Unchecked {
    threshold: f64,
    n_agreeing: usize,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for EarlyTrigger {
    type Error = EarlyTriggerError;

    fn try_from(trigger: Unchecked) -> Result<Self, EarlyTriggerError> {
        Self::new(trigger.threshold, trigger.n_agreeing)
    }
}

/// A class that was decided for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EarlyDecision {
    /// At which classification, from 1.
    pub step: usize,
    /// The class.
    pub class: usize,
    /// Its probability at that step.
    pub probability: f64,
}

impl EarlyTrigger {
    /// Takes the least probability, inclusive, and the number of classifications that must agree.
    ///
    /// # Errors
    /// [`EarlyTriggerError`]: a threshold outside 0 to 1; no classification to agree.
    pub fn new(threshold: f64, n_agreeing: usize) -> Result<Self, EarlyTriggerError> {
        if !(0.0..=1.0).contains(&threshold) {
            return Err(EarlyTriggerError::Threshold { threshold });
        }
        if n_agreeing == 0 {
            return Err(EarlyTriggerError::NoAgreement);
        }
        Ok(Self { threshold, n_agreeing })
    }

    /// The least probability.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// How many classifications in a row must agree.
    pub fn n_agreeing(&self) -> usize {
        self.n_agreeing
    }

    /// The first decision, `None` where the rule is never met.
    pub fn decide(&self, history: &PmfHistory) -> Option<EarlyDecision> {
        let (mut n_agreeing, mut before) = (0, None);
        for (i, pmf) in history.steps().enumerate() {
            let class = argmax(pmf);
            let continued = if before == Some(class) { n_agreeing + 1 } else { 1 };
            n_agreeing = if pmf[class] >= self.threshold { continued } else { 0 };
            if n_agreeing >= self.n_agreeing {
                return Some(EarlyDecision { step: i + 1, class, probability: pmf[class] });
            }
            before = Some(class);
        }
        None
    }
}

/// Accuracy and earliness over objects under one [`EarlyTrigger`]. Two parts merge to the whole.
///
/// ```text
/// earliness = mean of step / T,   HM = 2 (1 - earliness) accuracy / ((1 - earliness) + accuracy)
/// ```
///
/// As in that field, every object is classified: one that never triggers takes its final class at earliness 1, and is
/// counted in `n_undecided`; the figures of the decided objects alone are given beside.
///
/// Reference: Schäfer & Leser 2020 (TEASER, [doi 10.1007/s10618-020-00690-z](https://doi.org/10.1007/s10618-020-00690-z)),
/// section 2.
///
/// ```
/// use heliacal_metrics::PmfHistory;
/// use heliacal_metrics::esc::{EarlyClassification, EarlyTrigger};
///
/// let mut early = EarlyClassification::new(EarlyTrigger::new(0.9, 1)?);
/// early.add(&PmfHistory::new(2, vec![0.9, 0.1, 0.8, 0.2])?, 0)?; // right at half its series
/// early.add(&PmfHistory::new(2, vec![0.4, 0.6, 0.4, 0.6])?, 0)?; // never sure, wrong at the end
/// assert_eq!((early.accuracy(), early.earliness(), early.n_undecided()), (Some(0.5), Some(0.75), 1));
/// assert_eq!(early.harmonic_mean(), Some(2.0 * 0.25 * 0.5 / 0.75));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EarlyClassification {
    trigger: EarlyTrigger,
    n_objects: u64,
    n_correct: u64,
    n_decided: u64,
    n_decided_correct: u64,
    sum_of_decided_fractions: f64,
}

impl EarlyClassification {
    /// Of no object yet.
    pub fn new(trigger: EarlyTrigger) -> Self {
        Self {
            trigger,
            n_objects: 0,
            n_correct: 0,
            n_decided: 0,
            n_decided_correct: 0,
            sum_of_decided_fractions: 0.0,
        }
    }

    /// Adds one object.
    ///
    /// # Errors
    /// [`EscError::TrueClass`] of a class beyond the last.
    pub fn add(&mut self, history: &PmfHistory, true_class: usize) -> Result<(), EscError> {
        check_class(true_class, history.n_classes())?;
        self.n_objects += 1;
        if let Some(decision) = self.trigger.decide(history) {
            self.n_decided += 1;
            self.sum_of_decided_fractions += decision.step as f64 / history.n_steps() as f64;
            self.n_decided_correct += u64::from(decision.class == true_class);
            self.n_correct += u64::from(decision.class == true_class);
        } else {
            self.n_correct += u64::from(argmax(history.last()) == true_class);
        }
        Ok(())
    }

    /// Adds all that another has seen; of another trigger it is refused.
    ///
    /// # Errors
    /// [`EscError::Differ`].
    pub fn merge(&mut self, other: &Self) -> Result<(), EscError> {
        if self.trigger != other.trigger {
            return Err(EscError::Differ { what: "early triggers" });
        }
        self.n_objects += other.n_objects;
        self.n_correct += other.n_correct;
        self.n_decided += other.n_decided;
        self.n_decided_correct += other.n_decided_correct;
        self.sum_of_decided_fractions += other.sum_of_decided_fractions;
        Ok(())
    }

    /// Number of objects.
    pub fn n_objects(&self) -> u64 {
        self.n_objects
    }

    /// Objects that never triggered.
    pub fn n_undecided(&self) -> u64 {
        self.n_objects - self.n_decided
    }

    /// Share of objects whose class is right, decided early or at the end; `None` without objects.
    pub fn accuracy(&self) -> Option<f64> {
        (self.n_objects > 0).then(|| self.n_correct as f64 / self.n_objects as f64)
    }

    /// Mean part of the series that was used; `None` without objects.
    pub fn earliness(&self) -> Option<f64> {
        let sum = self.sum_of_decided_fractions + self.n_undecided() as f64;
        (self.n_objects > 0).then(|| sum / self.n_objects as f64)
    }

    /// Share of the decided objects whose class is right; `None` of none.
    pub fn decided_accuracy(&self) -> Option<f64> {
        (self.n_decided > 0).then(|| self.n_decided_correct as f64 / self.n_decided as f64)
    }

    /// Mean part of the series that the decided objects used; `None` of none.
    pub fn decided_earliness(&self) -> Option<f64> {
        (self.n_decided > 0).then(|| self.sum_of_decided_fractions / self.n_decided as f64)
    }

    /// Harmonic mean of accuracy and `1 - earliness`, higher is better; `None` without objects, or where both are 0 (0/0).
    pub fn harmonic_mean(&self) -> Option<f64> {
        let (accuracy, lead) = (self.accuracy()?, (1.0 - self.earliness()?).max(0.0));
        (accuracy + lead > 0.0).then(|| 2.0 * lead * accuracy / (lead + accuracy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(p: &[f64]) -> PmfHistory {
        PmfHistory::new(2, p.iter().flat_map(|&p| [p, 1.0 - p]).collect()).unwrap()
    }

    #[test]
    fn agreement_starts_again() {
        let decide = |threshold, n, p: &[f64]| {
            EarlyTrigger::new(threshold, n).unwrap().decide(&history(p)).map(|decision| decision.step)
        };
        assert_eq!(decide(0.75, 2, &[0.75, 0.25, 0.25]), Some(3)); // another class
        assert_eq!(decide(0.75, 2, &[0.75, 0.625, 0.75, 0.75]), Some(4)); // not sure in between
        assert_eq!(decide(0.75, 1, &[0.5, 0.75]), Some(2));
        assert_eq!(decide(0.75, 3, &[0.75, 0.75]), None);
        assert_eq!(decide(0.0, 1, &[0.5]), Some(1));
        assert!(EarlyTrigger::new(1.5, 1).is_err() && EarlyTrigger::new(f64::NAN, 1).is_err());
        assert_eq!(EarlyTrigger::new(0.5, 0), Err(EarlyTriggerError::NoAgreement));
    }

    #[test]
    fn undefined_cases_and_merging() {
        let trigger = EarlyTrigger::new(0.9, 1).unwrap();
        let mut early = EarlyClassification::new(trigger);
        assert_eq!((early.accuracy(), early.earliness(), early.harmonic_mean()), (None, None, None));
        early.add(&history(&[0.25, 0.25]), 0).unwrap();
        assert_eq!(
            (early.accuracy(), early.harmonic_mean(), early.decided_accuracy()),
            (Some(0.0), None, None)
        );
        let mut other = EarlyClassification::new(trigger);
        other.add(&history(&[1.0, 1.0, 1.0, 0.0]), 0).unwrap();
        early.merge(&other).unwrap();
        assert_eq!((early.n_objects(), early.n_undecided(), early.accuracy()), (2, 1, Some(0.5)));
        assert_eq!((early.decided_earliness(), early.earliness()), (Some(0.25), Some(0.625)));
        let another = EarlyClassification::new(EarlyTrigger::new(0.8, 1).unwrap());
        assert!(early.merge(&another).is_err());
        assert!(early.add(&history(&[1.0]), 2).is_err());
    }
}
