//! Decisions, probabilities and rankings for one set of classes.

use super::error::{ScorecardError, check_class, check_class_count, check_pmf, deserialize_checked};
use super::{
    Confusion, ConfusionReport, ProbabilityReport, ProbabilityScores, RankingReport, RankingScores,
    ZeroDivision,
};
use crate::pmf::argmax;

/// Whether a scorecard keeps all scores to rank them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Ranking {
    /// No areas under curves; the scorecard stays small.
    #[default]
    Off,
    /// Exact areas; 8 bytes per object and class.
    Exact,
}

/// Decisions (argmax), probabilities and, on request, rankings of one set of classes, from one pass over PMFs.
///
/// ```
/// use heliacal_metrics::scorecard::{Ranking, Scorecard, ZeroDivision};
///
/// let mut scorecard = Scorecard::new(2, Ranking::Exact)?;
/// for (pmf, true_class) in [([0.9, 0.1], 0), ([0.4, 0.6], 0), ([0.3, 0.7], 1)] {
///     scorecard.push(&pmf, true_class)?;
/// }
/// let report = scorecard.report(ZeroDivision::Zero);
/// assert_eq!(report.scores.accuracy, Some(2.0 / 3.0));
/// assert_eq!(report.probability.top_k_accuracy[0], report.scores.accuracy);
/// assert_eq!(report.ranking.unwrap().macro_auc, Some(1.0));
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Scorecard {
    confusion: Confusion,
    probability: ProbabilityScores,
    ranking: Option<RankingScores>,
}

deserialize_checked!(Scorecard {
    confusion: Confusion,
    probability: ProbabilityScores,
    ranking: Option<RankingScores>,
});

/// All figures of a [`Scorecard`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ScorecardReport {
    /// Counts, `[true][predicted]`.
    pub confusion: Vec<Vec<u64>>,
    /// Objects without a prediction, by true class.
    pub abstained: Vec<u64>,
    /// What the counts say.
    pub scores: ConfusionReport,
    /// What the probabilities say.
    pub probability: ProbabilityReport,
    /// What the order of the scores says; `None` under [`Ranking::Off`].
    pub ranking: Option<RankingReport>,
}

impl Scorecard {
    /// No object yet.
    ///
    /// # Errors
    /// [`ScorecardError::NoClass`].
    pub fn new(n_classes: usize, ranking: Ranking) -> Result<Self, ScorecardError> {
        Ok(Self {
            confusion: Confusion::new(n_classes)?,
            probability: ProbabilityScores::new(n_classes)?,
            ranking: match ranking {
                Ranking::Off => None,
                Ranking::Exact => Some(RankingScores::new(n_classes)?),
            },
        })
    }

    #[cfg(feature = "serde")]
    pub(super) fn check(&self) -> Result<(), ScorecardError> {
        let n_classes = self.n_classes();
        check_class_count(n_classes, self.probability.n_classes())?;
        let support = self.confusion.support();
        let mut same = support == self.probability.support();
        if let Some(ranking) = &self.ranking {
            check_class_count(n_classes, ranking.n_classes())?;
            let mut ranked = vec![0; n_classes];
            ranking.true_classes().iter().for_each(|&true_class| ranked[true_class] += 1);
            same &= support == ranked;
        }
        if same { Ok(()) } else { Err(ScorecardError::Counts { what: "the supports of a scorecard" }) }
    }

    /// Adds one object, decided for the most probable class (of equally probable ones the first).
    ///
    /// # Errors
    /// [`ScorecardError::ClassCount`], [`ScorecardError::Pmf`], [`ScorecardError::Class`].
    pub fn push(&mut self, pmf: &[f64], true_class: usize) -> Result<(), ScorecardError> {
        check_pmf(pmf, self.n_classes())?;
        check_class(true_class, self.n_classes())?;
        self.push_checked(pmf, true_class)
    }

    /// Takes the PMF for checked: a roll-up of one that was may round to just beyond the tolerance.
    pub(super) fn push_checked(&mut self, pmf: &[f64], true_class: usize) -> Result<(), ScorecardError> {
        self.confusion.add(true_class, argmax(pmf))?;
        self.probability.push_checked(pmf, true_class);
        if let Some(ranking) = &mut self.ranking {
            ranking.push_checked(pmf, true_class);
        }
        Ok(())
    }

    /// Counts an object that has no PMF: in the coverage, and nowhere else.
    ///
    /// # Errors
    /// [`ScorecardError::Class`].
    pub fn push_missing(&mut self, true_class: usize) -> Result<(), ScorecardError> {
        self.confusion.add_abstained(true_class)
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`ScorecardError::ClassCount`]; [`ScorecardError::Different`] where only one keeps scores for ranking.
    pub fn merge(&mut self, other: &Self) -> Result<(), ScorecardError> {
        self.check_like(other)?;
        self.confusion.merge(&other.confusion)?;
        self.probability.merge(&other.probability)?;
        if let (Some(ranking), Some(more)) = (&mut self.ranking, &other.ranking) {
            ranking.merge(more)?;
        }
        Ok(())
    }

    pub(super) fn check_like(&self, other: &Self) -> Result<(), ScorecardError> {
        check_class_count(self.n_classes(), other.n_classes())?;
        if self.ranking.is_some() == other.ranking.is_some() {
            Ok(())
        } else {
            Err(ScorecardError::Different { what: "whether scores are kept for ranking" })
        }
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.confusion.n_classes()
    }

    /// The counts of decisions.
    pub fn confusion(&self) -> &Confusion {
        &self.confusion
    }

    /// The sums over probabilities.
    pub fn probability(&self) -> &ProbabilityScores {
        &self.probability
    }

    /// The scores kept, where they are.
    pub fn ranking(&self) -> Option<&RankingScores> {
        self.ranking.as_ref()
    }

    /// All figures.
    pub fn report(&self, zero_division: ZeroDivision) -> ScorecardReport {
        ScorecardReport {
            confusion: self.confusion.rows().map(<[u64]>::to_vec).collect(),
            abstained: self.confusion.abstained().to_vec(),
            scores: self.confusion.report(zero_division),
            probability: self.probability.report(),
            ranking: self.ranking.as_ref().map(RankingScores::report),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_fills_all_three() {
        let mut scorecard = Scorecard::new(3, Ranking::Exact).unwrap();
        scorecard.push(&[0.5, 0.5, 0.0], 1).unwrap();
        scorecard.push_missing(2).unwrap();
        let report = scorecard.report(ZeroDivision::Zero);
        // The tie goes to class 0.
        assert_eq!(report.confusion[1], [1, 0, 0]);
        assert_eq!(report.probability.top_k_accuracy, [Some(0.0), Some(1.0), Some(1.0)]);
        assert_eq!((report.abstained, report.scores.coverage), (vec![0, 0, 1], Some(0.5)));
        assert_eq!(report.ranking.unwrap().n_undefined, 3);
    }

    #[test]
    fn unlike_parts_do_not_add_up() {
        let mut scorecard = Scorecard::new(3, Ranking::Exact).unwrap();
        assert!(scorecard.merge(&Scorecard::new(2, Ranking::Exact).unwrap()).is_err());
        let error = scorecard.merge(&Scorecard::new(3, Ranking::Off).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "the two parts differ in whether scores are kept for ranking");
        assert!(scorecard.push(&[0.5, 0.5], 0).is_err());
        assert!(scorecard.push(&[0.5, 0.5, 0.0], 3).is_err());
        assert_eq!(scorecard.confusion().n_objects(), 0);
    }
}
