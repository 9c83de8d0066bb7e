//! How long until a classification is confident?

use super::KaplanMeier;
use super::error::{
    ScorecardError, check_class_count, check_finite, check_length, check_node, check_times,
    deserialize_checked, ratio,
};
use super::level_scorecards::class_at;
use crate::{ClassTree, PmfHistory};

/// Whose score has to reach the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ConfidentIn {
    /// The true class's.
    #[default]
    TrueClass,
    /// Any class's, right or wrong: what a broker sees.
    AnyClass,
}

/// Whether a score that reached the threshold must stay there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Hold {
    /// The first time counts, whatever follows.
    #[default]
    FirstTime,
    /// The first time counts from which on all classifications reach the threshold.
    ToTheEnd,
}

/// What counts as confident. The default: the true class reaches 0.5 for the first time.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct ConfidenceRule {
    /// The score to reach; equality suffices.
    pub threshold: f64,
    /// Whose score.
    pub confident_in: ConfidentIn,
    /// Whether it must stay.
    pub hold: Hold,
}

impl Default for ConfidenceRule {
    fn default() -> Self {
        Self { threshold: 0.5, confident_in: ConfidentIn::default(), hold: Hold::default() }
    }
}

/// When one object was classified with confidence, or how long it was followed in vain.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DaysToConfident {
    /// Days since trigger of the confident classification, or of the last one if there was none \[day\]; not below 0.
    pub days: f64,
    /// Whether there was one; otherwise the object is censored.
    pub reached: bool,
}

/// The position of the first score from which on the threshold counts as reached.
///
/// ```
/// use heliacal_metrics::scorecard::{Hold, first_confident};
///
/// let scores = [0.2, 0.6, 0.4, 0.5, 0.9];
/// assert_eq!(first_confident(&scores, 0.5, Hold::FirstTime), Some(1));
/// assert_eq!(first_confident(&scores, 0.5, Hold::ToTheEnd), Some(3));
/// ```
pub fn first_confident(scores: &[f64], threshold: f64, hold: Hold) -> Option<usize> {
    match hold {
        Hold::FirstTime => scores.iter().position(|&score| score >= threshold),
        Hold::ToTheEnd => {
            let n_at_end = scores.iter().rev().take_while(|&&score| score >= threshold).count();
            (n_at_end > 0).then(|| scores.len() - n_at_end)
        }
    }
}

/// Days since trigger until the classification of an object at a level is confident (ORACLE's fig. 10; Shah et al. 2025).
///
/// The score of a class at the level is the sum over its leaves. Classifications before the trigger count as of day 0.
/// `None` when the score of the true class is asked for and the true class is an inner node above the level.
///
/// # Errors
/// [`ScorecardError::Length`], [`ScorecardError::NotFinite`] (a day or the threshold), [`ScorecardError::NotAscending`],
/// [`ScorecardError::ClassCount`], [`ScorecardError::Node`], [`ScorecardError::Level`].
///
/// ```
/// use heliacal_metrics::scorecard::{ConfidenceRule, DaysToConfident, days_to_confident};
/// use heliacal_metrics::{ClassTree, PmfHistory};
///
/// // root { supernova { Ia, II }, AGN }: the leaves are AGN, Ia, II.
/// let tree = ClassTree::new(&[0, 0, 0, 1, 1])?;
/// let history = PmfHistory::new(3, vec![0.6, 0.2, 0.2, 0.4, 0.3, 0.3]).unwrap();
/// let ia = |level| days_to_confident(&tree, level, &history, &[0.0, 5.0], 3, &ConfidenceRule::default());
/// assert_eq!(ia(1)?, Some(DaysToConfident { days: 5.0, reached: true })); // a supernova
/// assert_eq!(ia(2)?, Some(DaysToConfident { days: 5.0, reached: false })); // not known to be a Ia
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
pub fn days_to_confident(
    tree: &ClassTree,
    level: usize,
    history: &PmfHistory,
    days_since_trigger: &[f64],
    true_node: usize,
    rule: &ConfidenceRule,
) -> Result<Option<DaysToConfident>, ScorecardError> {
    check_history(tree, history, days_since_trigger, true_node)?;
    check_finite("threshold", &[rule.threshold])?;
    if level >= tree.n_levels() {
        return Err(ScorecardError::Level { level, n_levels: tree.n_levels() });
    }
    let p = rolled_up(tree, history)?;
    Ok(wait_at(tree, level, &p, days_since_trigger, true_node, rule))
}

fn check_history(
    tree: &ClassTree,
    history: &PmfHistory,
    days_since_trigger: &[f64],
    true_node: usize,
) -> Result<(), ScorecardError> {
    check_length("days since trigger", history.n_steps(), days_since_trigger.len())?;
    check_times("days since trigger", days_since_trigger)?;
    check_class_count(tree.n_leaves(), history.n_classes())?;
    check_node(true_node, tree.n_nodes())
}

/// The probability of every node, `[step, node]`.
fn rolled_up(tree: &ClassTree, history: &PmfHistory) -> Result<Vec<f64>, ScorecardError> {
    let mut p = vec![0.0; history.n_steps() * tree.n_nodes()];
    for (pmf, p) in history.steps().zip(p.chunks_exact_mut(tree.n_nodes())) {
        tree.roll_up(pmf, p)?;
    }
    Ok(p)
}

fn wait_at(
    tree: &ClassTree,
    level: usize,
    p: &[f64],
    days_since_trigger: &[f64],
    true_node: usize,
    rule: &ConfidenceRule,
) -> Option<DaysToConfident> {
    let nodes = tree.level(level);
    let steps = p.chunks_exact(tree.n_nodes());
    let scores: Vec<f64> = match rule.confident_in {
        ConfidentIn::TrueClass => {
            let node = nodes[class_at(tree, &nodes, level, true_node)?];
            steps.map(|p| p[node]).collect()
        }
        ConfidentIn::AnyClass => {
            steps.map(|p| nodes.iter().map(|&node| p[node]).fold(0.0, f64::max)).collect()
        }
    };
    let first = first_confident(&scores, rule.threshold, rule.hold);
    let days = match first {
        Some(step) => days_since_trigger.get(step),
        None => days_since_trigger.last(),
    };
    days.map(|days| DaysToConfident { days: days.max(0.0), reached: first.is_some() })
}

/// The waits of many objects for a confident classification.
///
/// ```
/// use heliacal_metrics::scorecard::{ConfidentDays, DaysToConfident};
///
/// let mut waits = ConfidentDays::default();
/// for (days, reached) in [(2.0, true), (4.0, false), (8.0, true), (16.0, true)] {
///     waits.push(DaysToConfident { days, reached })?;
/// }
/// assert_eq!(waits.fraction_reached(), Some(0.75));
/// assert_eq!(waits.reached_days(), [2.0, 8.0, 16.0]); // what ORACLE's fig. 10 shows
/// // Half of the objects, the one lost at day 4 allowed for: 3/4 wait longer than 2 days, 3/8 longer than 8.
/// assert_eq!(waits.kaplan_meier().median(), Some(8.0));
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ConfidentDays {
    days: Vec<f64>,
    reached: Vec<bool>,
}

deserialize_checked!(ConfidentDays { days: Vec<f64>, reached: Vec<bool> });

/// How long objects waited for a confident classification.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConfidentReport {
    /// Number of objects.
    pub n_objects: u64,
    /// Number of objects that were classified with confidence.
    pub n_reached: u64,
    /// Their share.
    pub fraction_reached: Option<f64>,
    /// Median wait of those that were \[day\]: biased to short waits.
    pub median_of_reached: Option<f64>,
    /// Days until a quarter of all objects are classified with confidence, by Kaplan-Meier \[day\]; `None` when too few
    /// ever are.
    pub first_quartile: Option<f64>,
    /// Days until half of them are \[day\].
    pub median: Option<f64>,
    /// Days until three quarters are \[day\].
    pub third_quartile: Option<f64>,
}

impl ConfidentDays {
    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), ScorecardError> {
        check_length("reached", self.days.len(), self.reached.len())?;
        self.days.iter().enumerate().try_for_each(|(object, &days)| check_days(object, days))
    }

    /// Adds one object.
    ///
    /// # Errors
    /// [`ScorecardError::NotFinite`], [`ScorecardError::Negative`], with the number of objects before.
    pub fn push(&mut self, wait: DaysToConfident) -> Result<(), ScorecardError> {
        check_days(self.days.len(), wait.days)?;
        self.days.push(wait.days);
        self.reached.push(wait.reached);
        Ok(())
    }

    /// Adds all objects of another.
    pub fn merge(&mut self, other: &Self) {
        self.days.extend_from_slice(&other.days);
        self.reached.extend_from_slice(&other.reached);
    }

    /// Number of objects.
    pub fn n_objects(&self) -> usize {
        self.days.len()
    }

    /// Number of objects that were classified with confidence.
    pub fn n_reached(&self) -> usize {
        self.reached.iter().filter(|reached| **reached).count()
    }

    /// Their share; `None` without objects.
    pub fn fraction_reached(&self) -> Option<f64> {
        ratio(self.n_reached() as u64, self.n_objects() as u64)
    }

    /// The waits of those that were, ascending \[day\]: the plain distribution of ORACLE's fig. 10, which leaves out the
    /// others and so is biased to short waits.
    pub fn reached_days(&self) -> Vec<f64> {
        let mut days: Vec<f64> = self
            .days
            .iter()
            .zip(&self.reached)
            .filter(|(_, reached)| **reached)
            .map(|(days, _)| *days)
            .collect();
        days.sort_unstable_by(f64::total_cmp);
        days
    }

    /// The distribution of the wait with the others censored at their last classification.
    pub fn kaplan_meier(&self) -> KaplanMeier {
        KaplanMeier::of_checked(&self.days, &self.reached)
    }

    /// All figures.
    pub fn report(&self) -> ConfidentReport {
        let (reached, waiting) = (self.reached_days(), self.kaplan_meier());
        let middle = reached.len() / 2;
        let median_of_reached = match reached.get(middle) {
            Some(&upper) if reached.len().is_multiple_of(2) => {
                Some(f64::midpoint(reached[middle - 1], upper))
            }
            upper => upper.copied(),
        };
        ConfidentReport {
            n_objects: self.n_objects() as u64,
            n_reached: self.n_reached() as u64,
            fraction_reached: self.fraction_reached(),
            median_of_reached,
            first_quartile: waiting.quantile(0.25),
            median: waiting.median(),
            third_quartile: waiting.quantile(0.75),
        }
    }
}

fn check_days(position: usize, value: f64) -> Result<(), ScorecardError> {
    if !value.is_finite() {
        Err(ScorecardError::NotFinite { what: "days to confident of object", position, value })
    } else if value < 0.0 {
        Err(ScorecardError::Negative { position, value })
    } else {
        Ok(())
    }
}

/// [`ConfidentDays`] at every level of a tree, from one pass over histories.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct LevelConfidentDays {
    tree: ClassTree,
    rule: ConfidenceRule,
    levels: Vec<ConfidentDays>,
}

deserialize_checked!(LevelConfidentDays { tree: ClassTree, rule: ConfidenceRule, levels: Vec<ConfidentDays> });

impl LevelConfidentDays {
    /// No object yet.
    ///
    /// # Errors
    /// [`ScorecardError::NotFinite`] for the threshold.
    pub fn new(tree: ClassTree, rule: ConfidenceRule) -> Result<Self, ScorecardError> {
        check_finite("threshold", &[rule.threshold])?;
        Ok(Self { levels: vec![ConfidentDays::default(); tree.n_levels()], tree, rule })
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), ScorecardError> {
        check_finite("threshold", &[self.rule.threshold])?;
        check_length("levels", self.tree.n_levels(), self.levels.len())
    }

    /// Adds one object at every level where its truth is known; gives its wait at each level, from the root down.
    ///
    /// # Errors
    /// [`ScorecardError::Length`], [`ScorecardError::NotFinite`], [`ScorecardError::NotAscending`],
    /// [`ScorecardError::ClassCount`], [`ScorecardError::Node`].
    pub fn push(
        &mut self,
        history: &PmfHistory,
        days_since_trigger: &[f64],
        true_node: usize,
    ) -> Result<Vec<Option<DaysToConfident>>, ScorecardError> {
        check_history(&self.tree, history, days_since_trigger, true_node)?;
        let p = rolled_up(&self.tree, history)?;
        let mut waits = Vec::with_capacity(self.levels.len());
        for (level, sample) in self.levels.iter_mut().enumerate() {
            let wait = wait_at(&self.tree, level, &p, days_since_trigger, true_node, &self.rule);
            if let Some(wait) = wait {
                sample.push(wait)?;
            }
            waits.push(wait);
        }
        Ok(waits)
    }

    /// Adds all objects of another.
    ///
    /// # Errors
    /// [`ScorecardError::Different`] for another tree or rule.
    pub fn merge(&mut self, other: &Self) -> Result<(), ScorecardError> {
        if self.tree != other.tree {
            return Err(ScorecardError::Different { what: "their tree" });
        }
        if self.rule != other.rule {
            return Err(ScorecardError::Different { what: "their rule of confidence" });
        }
        self.levels.iter_mut().zip(&other.levels).for_each(|(level, more)| level.merge(more));
        Ok(())
    }

    /// What counts as confident.
    pub fn rule(&self) -> &ConfidenceRule {
        &self.rule
    }

    /// The waits, level by level from the root down.
    pub fn levels(&self) -> &[ConfidentDays] {
        &self.levels
    }

    /// All figures, level by level from the root down.
    pub fn report(&self) -> Vec<ConfidentReport> {
        self.levels.iter().map(ConfidentDays::report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> PmfHistory {
        // Leaves AGN, Ia, II
        PmfHistory::new(3, vec![0.5, 0.25, 0.25, 0.125, 0.5, 0.375, 0.375, 0.25, 0.375]).unwrap()
    }

    fn tree() -> ClassTree {
        ClassTree::new(&[0, 0, 0, 1, 1]).unwrap()
    }

    fn wait(level: usize, true_node: usize, rule: ConfidenceRule) -> Option<(f64, bool)> {
        let days = [-2.0, 3.0, 9.0];
        let wait = days_to_confident(&tree(), level, &history(), &days, true_node, &rule).unwrap();
        wait.map(|wait| (wait.days, wait.reached))
    }

    #[test]
    fn thresholds_and_holding() {
        let rule = ConfidenceRule::default();
        let hold = ConfidenceRule { hold: Hold::ToTheEnd, ..rule };
        let any = ConfidenceRule { confident_in: ConfidentIn::AnyClass, ..rule };
        // Supernova: 0.5, 0.875, 0.625. Before the trigger is day 0.
        assert_eq!(wait(1, 3, rule), Some((0.0, true)));
        assert_eq!(wait(1, 3, ConfidenceRule { threshold: 0.6, ..hold }), Some((3.0, true)));
        // Ia: 0.25, 0.5, 0.25
        assert_eq!(wait(2, 3, rule), Some((3.0, true)));
        assert_eq!(wait(2, 3, hold), Some((9.0, false)));
        assert_eq!(wait(2, 4, rule), Some((9.0, false)));
        // Any leaf: AGN at once.
        assert_eq!(wait(2, 4, any), Some((0.0, true)));
        assert_eq!(wait(2, 1, rule), None);
        assert_eq!(wait(0, 0, rule), Some((0.0, true)));
    }

    #[test]
    fn levels_in_one_push() {
        let mut levels = LevelConfidentDays::new(tree(), ConfidenceRule::default()).unwrap();
        levels.push(&history(), &[1.0, 3.0, 9.0], 3).unwrap();
        levels.push(&history(), &[1.0, 3.0, 9.0], 1).unwrap(); // some supernova
        let seen: Vec<_> =
            levels.levels().iter().map(|waits| (waits.n_objects(), waits.n_reached())).collect();
        assert_eq!(seen, [(2, 2), (2, 2), (1, 1)]);
        let report = levels.report()[1];
        // The supernova score is 0.5 at day 1 already.
        assert_eq!(
            (report.fraction_reached, report.median_of_reached, report.median),
            (Some(1.0), Some(1.0), Some(1.0))
        );
        let rule = ConfidenceRule { threshold: 0.9, ..ConfidenceRule::default() };
        assert!(levels.merge(&LevelConfidentDays::new(tree(), rule).unwrap()).is_err());
    }

    #[test]
    fn faults_are_named() {
        let rule = ConfidenceRule::default();
        let call =
            |level, days: &[f64], node, rule| days_to_confident(&tree(), level, &history(), days, node, rule);
        assert!(matches!(call(3, &[0.0; 3], 0, &rule), Err(ScorecardError::Level { level: 3, n_levels: 3 })));
        assert!(call(0, &[0.0; 2], 0, &rule).is_err());
        assert!(call(0, &[0.0, 2.0, 1.0], 0, &rule).is_err());
        assert!(call(0, &[0.0; 3], 5, &rule).is_err());
        let nan = ConfidenceRule { threshold: f64::NAN, ..rule };
        assert!(call(0, &[0.0; 3], 0, &nan).is_err());
        assert!(ConfidentDays::default().push(DaysToConfident { days: -1.0, reached: true }).is_err());
        assert_eq!(first_confident(&[], 0.5, Hold::ToTheEnd), None);
    }
}
