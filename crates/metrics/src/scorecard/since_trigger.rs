//! Scorecards as objects age.

use super::error::{ScorecardError, check_length, check_node, check_times, deserialize_checked};
use super::{LevelReport, LevelScorecards, Ranking, ZeroDivision};
use crate::{ClassTree, PmfHistory};

/// The days since trigger at which ORACLE is scored (Shah et al. 2025, figs. 5-9) \[day\].
pub const DAYS_SINCE_TRIGGER: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// [`LevelScorecards`] at given days since trigger, from one pass over histories.
///
/// At day `d` an object has its last classification at or before `d`; one that has none yet is counted as missing, by true
/// class. An object whose history has ended keeps its last classification.
///
/// ```
/// use heliacal_metrics::scorecard::{Ranking, SinceTriggerScorecards};
/// use heliacal_metrics::{ClassTree, PmfHistory};
///
/// let mut since = SinceTriggerScorecards::new(ClassTree::flat(2), vec![1.0, 10.0], Ranking::Off)?;
/// let history = PmfHistory::new(2, vec![0.7, 0.3, 0.2, 0.8]).unwrap();
/// since.push(&history, &[0.5, 7.0], 2)?; // the second leaf is node 2
/// since.push(&history, &[3.0, 30.0], 1)?;
/// let [first, tenth] = since.scorecards() else { unreachable!() };
/// assert_eq!((first.n_objects(), first.n_missing()), (1, 1));
/// assert_eq!(tenth.leaf_level().scorecard().confusion().accuracy(), Some(1.0));
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SinceTriggerScorecards {
    days: Vec<f64>,
    scorecards: Vec<LevelScorecards>,
}

deserialize_checked!(SinceTriggerScorecards { days: Vec<f64>, scorecards: Vec<LevelScorecards> });

/// All figures at one day since trigger.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DayReport {
    /// Days since trigger \[day\].
    pub days_since_trigger: f64,
    /// Number of objects with a classification by then.
    pub n_objects: u64,
    /// Number of objects without.
    pub n_missing: u64,
    /// Every level, from the root down.
    pub levels: Vec<LevelReport>,
}

impl SinceTriggerScorecards {
    /// No object yet. `days`: since trigger, ascending \[day\]; [`DAYS_SINCE_TRIGGER`] are ORACLE's.
    ///
    /// # Errors
    /// [`ScorecardError::NotFinite`], [`ScorecardError::NotAscending`].
    pub fn new(tree: ClassTree, days: Vec<f64>, ranking: Ranking) -> Result<Self, ScorecardError> {
        check_times("day", &days)?;
        let one = LevelScorecards::new(tree, ranking)?;
        Ok(Self { scorecards: vec![one; days.len()], days })
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), ScorecardError> {
        check_times("day", &self.days)?;
        check_length("scorecards", self.days.len(), self.scorecards.len())?;
        let seen = |scorecards: &LevelScorecards| scorecards.n_objects() + scorecards.n_missing();
        for scorecards in &self.scorecards {
            scorecards.check_like(&self.scorecards[0])?;
            if seen(scorecards) != seen(&self.scorecards[0]) {
                return Err(ScorecardError::Counts { what: "the days of a scorecard" });
            }
        }
        Ok(())
    }

    /// Adds one object: its history, the days since trigger of every classification (ascending, negative before the
    /// trigger), the node of its true class.
    ///
    /// # Errors
    /// [`ScorecardError::Length`], [`ScorecardError::NotFinite`], [`ScorecardError::NotAscending`],
    /// [`ScorecardError::ClassCount`], [`ScorecardError::Node`].
    pub fn push(
        &mut self,
        history: &PmfHistory,
        days_since_trigger: &[f64],
        true_node: usize,
    ) -> Result<(), ScorecardError> {
        check_length("days since trigger", history.n_steps(), days_since_trigger.len())?;
        check_times("days since trigger", days_since_trigger)?;
        if let Some(scorecards) = self.scorecards.first() {
            super::error::check_class_count(scorecards.tree().n_leaves(), history.n_classes())?;
            check_node(true_node, scorecards.tree().n_nodes())?;
        }
        for (&day, scorecards) in self.days.iter().zip(&mut self.scorecards) {
            match days_since_trigger.partition_point(|&at| at <= day) {
                0 => scorecards.push_missing(true_node)?,
                n => scorecards.push(history.step(n - 1), true_node)?,
            }
        }
        Ok(())
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`ScorecardError::Different`] for other days, another tree, or where only one keeps scores for ranking.
    pub fn merge(&mut self, other: &Self) -> Result<(), ScorecardError> {
        if self.days != other.days {
            return Err(ScorecardError::Different { what: "their days since trigger" });
        }
        for (scorecards, more) in self.scorecards.iter().zip(&other.scorecards) {
            scorecards.check_like(more)?;
        }
        self.scorecards.iter_mut().zip(&other.scorecards).try_for_each(|(all, more)| all.merge(more))
    }

    /// The days since trigger \[day\].
    pub fn days(&self) -> &[f64] {
        &self.days
    }

    /// The scorecards, one per day.
    pub fn scorecards(&self) -> &[LevelScorecards] {
        &self.scorecards
    }

    /// All figures, day by day.
    pub fn report(&self, zero_division: ZeroDivision) -> Vec<DayReport> {
        let report = |(&day, scorecards): (&f64, &LevelScorecards)| DayReport {
            days_since_trigger: day,
            n_objects: scorecards.n_objects(),
            n_missing: scorecards.n_missing(),
            levels: scorecards.report(zero_division),
        };
        self.days.iter().zip(&self.scorecards).map(report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_classification_by_then() {
        let mut since =
            SinceTriggerScorecards::new(ClassTree::flat(2), DAYS_SINCE_TRIGGER.to_vec(), Ranking::Off)
                .unwrap();
        let history = PmfHistory::new(2, vec![0.9, 0.1, 0.4, 0.6, 0.8, 0.2]).unwrap();
        // At day 2 sharp the second counts; the third, at day 2.5, from day 4 on.
        since.push(&history, &[1.5, 2.0, 2.5], 1).unwrap();
        let right: Vec<_> = since
            .scorecards()
            .iter()
            .map(|all| all.leaf_level().scorecard().confusion().n_correct())
            .collect();
        assert_eq!(right, [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
        let report = since.report(ZeroDivision::Zero);
        assert_eq!((report[0].n_missing, report[0].n_objects, report[1].n_objects), (1, 0, 1));
        assert_eq!(report[0].levels[1].scorecard.abstained, [1, 0]);
    }

    #[test]
    fn bad_input_changes_nothing() {
        let tree = ClassTree::flat(2);
        assert!(SinceTriggerScorecards::new(tree.clone(), vec![2.0, 1.0], Ranking::Off).is_err());
        let mut since = SinceTriggerScorecards::new(tree.clone(), vec![1.0], Ranking::Off).unwrap();
        let before = since.clone();
        let history = PmfHistory::new(2, vec![0.9, 0.1, 0.4, 0.6]).unwrap();
        assert!(since.push(&history, &[0.0], 1).is_err());
        assert!(since.push(&history, &[1.0, 0.0], 1).is_err());
        assert!(since.push(&history, &[0.0, f64::NAN], 1).is_err());
        assert!(since.push(&history, &[0.0, 1.0], 3).is_err());
        assert!(since.push(&PmfHistory::new(1, vec![1.0]).unwrap(), &[0.0], 1).is_err());
        assert!(since.merge(&SinceTriggerScorecards::new(tree, vec![2.0], Ranking::Off).unwrap()).is_err());
        assert_eq!(since, before);
    }
}
