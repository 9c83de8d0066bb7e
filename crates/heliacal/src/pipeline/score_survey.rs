//! Classifications against the truth.

use heliacal_io::{ObjectHistory, Record};
use heliacal_metrics::evaluation::{Evaluation, EvaluationOptions, EvaluationReport};
use heliacal_metrics::scorecard::{DayReport, Ranking, SinceTriggerScorecards, ZeroDivision};
use heliacal_metrics::{ClassTree, PmfHistory};
use heliacal_taxonomy::{NodeId, Taxonomy};

use super::{Skipped, Times, classify_survey};
use crate::{Classifier, Error, Result, TruthMap};

/// How right a classifier is at days since trigger, at every level of a tree: ORACLE's Table 5 and figures 5 to 9.
///
/// At each day an object is classified with what was known then; one of which nothing was known is counted as missing.
/// Objects of unknown class do not count. The classifier need not know the tree, only its leaves: one trained without a
/// hierarchy is scored on it all the same. Classes that are neither there nor predicted are left out of averages.
///
/// # Errors
/// [`Error::Columns`] when the classifier's leaves are not those of the tree, [`Error::Scorecard`] for days that are not
/// ascending, and as [`classify_survey`].
pub fn score_since_trigger(
    classifier: &Classifier,
    taxonomy: &Taxonomy,
    records: impl IntoIterator<Item = heliacal_io::Result<Record>, IntoIter: Send>,
    truth: &TruthMap,
    days: &[f64],
    on_skipped: impl FnMut(&Skipped),
) -> Result<Vec<DayReport>> {
    let leaves = Leaves::new(classifier.taxonomy(), taxonomy)?;
    let tree = ClassTree::new(taxonomy.parents())?;
    let mut scorecards = SinceTriggerScorecards::new(tree, days.to_vec(), Ranking::Off)?;
    let on_history = |history: ObjectHistory| {
        if let Some(node) = leaves.true_node(&history) {
            let days = history.days.as_deref().unwrap_or_default();
            scorecards.push(&leaves.pmfs(&history)?, days, node.index())?;
        }
        Ok(())
    };
    let times = Times::DaysSinceTrigger(days.to_vec());
    classify_survey(classifier, records, truth, &times, on_history, on_skipped)?;
    Ok(scorecards.report(ZeroDivision::Skip))
}

/// All metrics of a classifier over histories of a survey: after every observation since the trigger
/// ([`Times::SinceTrigger`]), on a tree as in [`score_since_trigger`].
///
/// `on_history` gets each object's history, to be written.
///
/// # Errors
/// As [`score_since_trigger`]; [`Error::Evaluation`] for options that make no sense; what `on_history` returns.
pub fn evaluate_survey(
    classifier: &Classifier,
    taxonomy: &Taxonomy,
    records: impl IntoIterator<Item = heliacal_io::Result<Record>, IntoIter: Send>,
    truth: &TruthMap,
    options: &EvaluationOptions,
    mut on_history: impl FnMut(ObjectHistory) -> Result<()>,
    on_skipped: impl FnMut(&Skipped),
) -> Result<EvaluationReport> {
    let leaves = Leaves::new(classifier.taxonomy(), taxonomy)?;
    let tree = ClassTree::new(taxonomy.parents())?;
    let mut evaluation = Evaluation::new(taxonomy.names().to_vec(), tree, options)?;
    let on_history = |history: ObjectHistory| {
        let days = history.days.as_deref().unwrap_or_default();
        evaluation.push(&leaves.pmfs(&history)?, days, leaves.true_node(&history).map(NodeId::index))?;
        on_history(history)
    };
    classify_survey(classifier, records, truth, &Times::SinceTrigger, on_history, on_skipped)?;
    Ok(evaluation.report()?)
}

/// Where the leaves of a tree are among the columns of a history.
struct Leaves<'t> {
    taxonomy: &'t Taxonomy,
    columns: Vec<usize>,
}

impl<'t> Leaves<'t> {
    fn new(of_classifier: &Taxonomy, taxonomy: &'t Taxonomy) -> Result<Self> {
        let names = of_classifier.leaves().iter().map(|&leaf| of_classifier.class_name(leaf));
        let columns = taxonomy.leaf_columns(&names.collect::<Vec<_>>())?;
        Ok(Self { taxonomy, columns })
    }

    fn pmfs(&self, history: &ObjectHistory) -> Result<PmfHistory> {
        let rows = (0..history.len()).map(|step| history.probabilities_at(step));
        let values = rows.flat_map(|row| self.columns.iter().map(|&column| f64::from(row[column])));
        PmfHistory::new(self.columns.len(), values.collect())
            .map_err(|source| Error::Pmf { object: history.object_id.clone(), source })
    }

    fn true_node(&self, history: &ObjectHistory) -> Option<NodeId> {
        self.taxonomy.find(history.true_class.as_deref()?).ok()
    }
}
