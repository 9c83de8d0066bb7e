//! How often right: confusion matrices, probability scores, rankings; at every level of a class tree, at days since
//! trigger, in slices.
//!
//! | question | item |
//! |---|---|
//! | which class is taken for which? | [`Confusion`], its [`report`](Confusion::report) |
//! | how good are the probabilities? | [`ProbabilityScores`] |
//! | how well do scores rank? | [`roc_auc`], [`average_precision`], [`roc_curve`], [`precision_recall_curve`], [`RankingScores`] |
//! | all of these for one set of classes | [`Scorecard`] |
//! | at every level of a tree | [`LevelScorecards`] |
//! | 1, 2, 4, ... days after the trigger | [`SinceTriggerScorecards`] |
//! | how far off are the mistakes, along the tree? | [`HierarchicalScores`] |
//! | how long until it is sure? | [`days_to_confident`], [`ConfidentDays`], [`KaplanMeier`] |
//! | in this part of the sky, for these objects? | [`SlicedScorecards`] |
//! | are strange objects found? | [`AnomalyScores`] |
//! | which families of classes does it confuse? | [`family_scores`] |
//!
//! Everything that counts objects is an accumulator: push one object at a time, `merge` the parts of several shards, then
//! ask for the `report`. Reports are plain data, with `None` where a figure is undefined.

mod anomaly;
mod class_scorecard;
mod class_scores;
mod confusion;
mod curves;
mod days_to_confident;
mod error;
mod families;
mod hanley_mcneil;
mod hierarchical;
mod kaplan_meier;
mod level_scorecards;
mod probability_scores;
mod ranking_scores;
mod separation;
mod since_trigger;
mod slices;

pub use anomaly::{AnomalyAuc, AnomalyScores, entropy_score, max_probability_score};
pub use class_scorecard::{Ranking, Scorecard, ScorecardReport};
pub use class_scores::{AveragedScores, ClassScores, ConfusionReport, ZeroDivision};
pub use confusion::Confusion;
pub use curves::{PrecisionRecallCurve, RocCurve, precision_recall_curve, roc_curve};
pub use days_to_confident::{
    ConfidenceRule, ConfidentDays, ConfidentIn, ConfidentReport, DaysToConfident, Hold, LevelConfidentDays,
    days_to_confident, first_confident,
};
pub use error::ScorecardError;
pub use families::{FamilyReport, FamilyScores, family_scores};
pub use hanley_mcneil::hanley_mcneil_standard_error;
pub use hierarchical::{HierarchicalReport, HierarchicalScores};
pub use kaplan_meier::KaplanMeier;
pub use level_scorecards::{LevelReport, LevelScorecard, LevelScorecards};
pub use probability_scores::{ProbabilityReport, ProbabilityScores};
pub use ranking_scores::{ClassRanking, RankingReport, RankingScores};
pub use separation::{average_precision, roc_auc};
pub use since_trigger::{DAYS_SINCE_TRIGGER, DayReport, SinceTriggerScorecards};
pub use slices::{Partition, SliceReport, SlicedScorecards};
