//! Files to histories, histories to scores, labelled light curves to trained classifiers: the glue between the parts.
//!
//! | question | item |
//! |---|---|
//! | what is each object of a survey, and when is it asked? | [`classify_survey`], [`Times`], [`Summary`], [`Skipped`] |
//! | what is read of a file, what is there to learn from? | [`read_options`], [`LabelledSurvey`] |
//! | which loss trains, on which tree? | [`TrainingLoss`], [`loss_function`] |
//! | how right is a classifier as objects age? | [`score_since_trigger`], [`SinceTriggerTable`] |
//! | and how early and stable? | [`evaluate_survey`] |
//! | what does a cascade learn from? | [`BaseHistories`], [`LabelledHistories`], [`HistorySelection`], [`LeftOut`] |
//! | how is it trained, beside its base and the naive model? | [`CascadeProtocol`], [`CascadeLoss`], [`CascadeRun`] |
//! | is it better? | [`CascadeScores`], [`CascadeMetric`]; over seeds, with tests: [`CascadeResults`], [`CascadeReport`] |
//! | is an answer unstable because of new observations, or of noise? | [`Instability`] |

mod cascade_checkpoints;
mod cascade_loss;
mod cascade_protocol;
mod cascade_report;
mod cascade_scores;
mod classify_survey;
mod instability;
mod labelled_histories;
mod labelled_survey;
mod score_survey;
mod since_trigger_table;
mod training_loss;

pub use cascade_loss::CascadeLoss;
pub use cascade_protocol::{CASCADE, CascadeProtocol, CascadeRun, NAIVE, ScoredClassifier};
pub use cascade_report::{CASCADE_SCHEMA, CascadeReport, CascadeResults, ClassifierReport, Comparison};
pub use cascade_scores::{CascadeMetric, CascadeScores};
pub use classify_survey::{ClassSummary, Skipped, Summary, Times, classify_survey};
pub use instability::Instability;
pub use labelled_histories::{BaseHistories, HistorySelection, LabelledHistories, LabelledHistory, LeftOut};
pub use labelled_survey::{LabelledSurvey, read_options};
pub use score_survey::{evaluate_survey, score_since_trigger};
pub use since_trigger_table::SinceTriggerTable;
pub use training_loss::{TrainingLoss, loss_function};
