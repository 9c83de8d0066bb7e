//! One pass over histories.

use std::collections::BTreeMap;

use super::report::SCHEMA;
use super::{
    DayEvaluation, EarlyReport, EarlyStableReport, EscRow, EvaluationError, EvaluationOptions,
    EvaluationParameters, EvaluationReport, FlowReport, GridReport, LevelEvaluation, LevelWaits, NamedTree,
    Spread, StillWaiting,
};
use crate::calibration::{StopAtNode, TreeReliability};
use crate::esc::{
    ClassifiedObject, EarlyClassification, EscGrid, EscMetric, EscOptions, EscSummary, EscTally,
    HistoryScore, HistoryScorer, MassFlow, WeightCurve,
};
use crate::scorecard::{
    ConfidentDays, Confusion, DaysToConfident, HierarchicalScores, LevelConfidentDays, LevelReport,
    LevelScorecards, SinceTriggerScorecards,
};
use crate::statistics::{Interval, bootstrap, wilson_interval};
use crate::{ClassTree, PmfHistory};

/// What can be said of one object.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ObjectEvaluation {
    /// How early, stable and right; without truth what needs none.
    pub score: HistoryScore,
    /// When the classification at the level of the leaves was confident, by the evaluation's rule; `None` without truth, and
    /// for the default rule, which asks for the true class, where that is not known to be a leaf.
    pub days_to_confident: Option<DaysToConfident>,
}

/// All metrics of a classifier from one pass over its histories. Two parts merge to the whole.
///
/// ```
/// use heliacal_metrics::evaluation::{Evaluation, EvaluationOptions};
/// use heliacal_metrics::{ClassTree, PmfHistory};
///
/// let options = EvaluationOptions::default();
/// let names = ["Alert", "SNIa", "KN"].map(String::from).to_vec();
/// let mut evaluation = Evaluation::new(names, ClassTree::flat(2), &options)?;
/// let history = PmfHistory::new(2, vec![0.6, 0.4, 0.8, 0.2])?;
/// let object = evaluation.push(&history, &[0.0, 3.0], Some(1))?; // a SNIa
/// assert_eq!(object.score.final_class, 0);
///
/// let report = evaluation.report()?;
/// assert_eq!(report.levels[1].report.scorecard.scores.accuracy, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Evaluation<'a> {
    options: &'a EvaluationOptions,
    names: Vec<String>,
    tree: ClassTree,
    scorer: HistoryScorer<'a>,
    n_classifications: u64,
    n_unlabelled: u64,
    n_inner_truth: u64,
    summary: EscSummary,
    grid: Option<EscGrid>,
    early: EarlyClassification,
    flow: MassFlow,
    last: LevelScorecards,
    hierarchical: HierarchicalScores,
    since_trigger: SinceTriggerScorecards,
    /// Per day since trigger.
    since_trigger_along_the_tree: Vec<(HierarchicalScores, TreeReliability)>,
    waits: LevelConfidentDays,
    reliability: TreeReliability,
    stop_at_node: StopAtNode,
}

impl<'a> Evaluation<'a> {
    /// Of no object yet. `names`: one per node of the tree, in level order.
    ///
    /// # Errors
    /// [`EvaluationError::Names`]; what is wrong with the options.
    pub fn new(
        names: Vec<String>,
        tree: ClassTree,
        options: &'a EvaluationOptions,
    ) -> Result<Self, EvaluationError> {
        if names.len() != tree.n_nodes() {
            return Err(EvaluationError::Names { expected: tree.n_nodes(), found: names.len() });
        }
        wilson_interval(0, 1, options.level)?;
        let has_grid = !options.grid_epsilons.is_empty() && !options.grid_rhos.is_empty();
        let grid = has_grid
            .then(|| EscGrid::new(&options.grid_epsilons, &options.grid_rhos, options.esc.params.k()))
            .transpose()?;
        let reliability = TreeReliability::new(tree.clone(), &options.reliability_bins);
        Ok(Self {
            scorer: HistoryScorer::new(&options.esc)?,
            n_classifications: 0,
            n_unlabelled: 0,
            n_inner_truth: 0,
            summary: EscSummary::new(tree.n_leaves()),
            grid,
            early: EarlyClassification::new(options.early_trigger),
            flow: MassFlow::new(tree.n_leaves(), options.flow_bins.clone())?,
            last: LevelScorecards::new(tree.clone(), options.ranking)?,
            hierarchical: HierarchicalScores::new(tree.clone()),
            since_trigger: SinceTriggerScorecards::new(
                tree.clone(),
                options.days.clone(),
                options.since_trigger_ranking,
            )?,
            since_trigger_along_the_tree: vec![
                (HierarchicalScores::new(tree.clone()), reliability.clone());
                options.days.len()
            ],
            waits: LevelConfidentDays::new(tree.clone(), options.confidence)?,
            reliability,
            stop_at_node: StopAtNode::new(tree.clone(), options.stop_thresholds.clone())?,
            options,
            names,
            tree,
        })
    }

    /// Adds one object: its history over the leaves, the day of every classification since the trigger (ascending, negative
    /// before it) and the node of its true class, where that is known.
    ///
    /// # Errors
    /// [`EvaluationError::ClassCount`], [`EvaluationError::Node`], and [`EvaluationError::Esc`] for days that are not one per
    /// classification, finite and ascending. The object is then not counted.
    pub fn push(
        &mut self,
        history: &PmfHistory,
        days: &[f64],
        true_node: Option<usize>,
    ) -> Result<ObjectEvaluation, EvaluationError> {
        let (n_leaves, n_nodes) = (self.tree.n_leaves(), self.tree.n_nodes());
        if history.n_classes() != n_leaves {
            return Err(EvaluationError::ClassCount { expected: n_leaves, found: history.n_classes() });
        }
        if let Some(node) = true_node.filter(|&node| node >= n_nodes) {
            return Err(EvaluationError::Node { node, n_nodes });
        }
        let true_class = true_node.and_then(|node| self.tree.column(node));
        let object = ClassifiedObject { history, true_class, times: Some(days), trigger_time: Some(0.0) };
        let score = self.scorer.score(&object)?;
        // From here on nothing fails: shapes, days and classes are checked.
        self.summary.add(&score)?;
        self.flow.add(history, Some(days))?;
        self.n_classifications += history.n_steps() as u64;
        let mut wait = None;
        if let Some(true_class) = true_class {
            if let Some(grid) = &mut self.grid {
                grid.add(self.scorer.w1(), self.scorer.true_probabilities())?;
            }
            self.early.add(history, true_class)?;
        }
        match true_node {
            None => self.n_unlabelled += 1,
            Some(node) => {
                self.n_inner_truth += u64::from(true_class.is_none());
                self.last.push(history.last(), node)?;
                self.hierarchical.push(history.last(), node)?;
                self.since_trigger.push(history, days, node)?;
                for (&day, (hierarchical, reliability)) in
                    self.options.days.iter().zip(&mut self.since_trigger_along_the_tree)
                {
                    if let Some(step) = days.partition_point(|&at| at <= day).checked_sub(1) {
                        hierarchical.push(history.step(step), node)?;
                        reliability.add(history.step(step), node)?;
                    }
                }
                wait = self.waits.push(history, days, node)?.pop().flatten();
                self.reliability.add(history.last(), node)?;
                self.stop_at_node.add(history.last(), node)?;
            }
        }
        Ok(ObjectEvaluation { score, days_to_confident: wait })
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`EvaluationError::Different`] unless classes and options are the same.
    pub fn merge(&mut self, other: &Self) -> Result<(), EvaluationError> {
        if self.names != other.names || self.tree != other.tree {
            return Err(EvaluationError::Different { what: "classes" });
        }
        if self.options != other.options {
            return Err(EvaluationError::Different { what: "options" });
        }
        self.n_classifications += other.n_classifications;
        self.n_unlabelled += other.n_unlabelled;
        self.n_inner_truth += other.n_inner_truth;
        self.summary.merge(&other.summary)?;
        if let (Some(grid), Some(more)) = (&mut self.grid, &other.grid) {
            grid.merge(more)?;
        }
        self.early.merge(&other.early)?;
        self.flow.merge(&other.flow)?;
        self.last.merge(&other.last)?;
        self.hierarchical.merge(&other.hierarchical)?;
        self.since_trigger.merge(&other.since_trigger)?;
        let ours = self.since_trigger_along_the_tree.iter_mut();
        for ((hierarchical, reliability), more) in ours.zip(&other.since_trigger_along_the_tree) {
            hierarchical.merge(&more.0)?;
            reliability.merge(&more.1)?;
        }
        self.waits.merge(&other.waits)?;
        self.reliability.merge(&other.reliability)?;
        self.stop_at_node.merge(&other.stop_at_node)?;
        Ok(())
    }

    /// The scorecards of every object's last classification, with the scores that curves are made of.
    pub fn last_scorecards(&self) -> &LevelScorecards {
        &self.last
    }

    /// All results so far.
    ///
    /// # Errors
    /// [`EvaluationError::Statistics`] where the options ask for an impossible bootstrap.
    pub fn report(&self) -> Result<EvaluationReport, EvaluationError> {
        let (options, tree) = (self.options, &self.tree);
        let summary = &self.summary;
        let n_objects = summary.overall().n_objects + summary.unlabelled().n_objects;
        let rows =
            |tallies: &[EscTally]| tallies.iter().map(|tally| self.row(tally)).collect::<Result<_, _>>();
        let last = self.last.report(options.zero_division).into_iter();
        Ok(EvaluationReport {
            schema: SCHEMA.to_owned(),
            n_objects,
            n_classifications: self.n_classifications,
            n_unlabelled: self.n_unlabelled,
            n_inner_truth: self.n_inner_truth,
            classes: self.names_of(tree.leaves()),
            tree: NamedTree { names: self.names.clone(), parents: tree.parents().to_vec() },
            parameters: parameters(options),
            early_stable: EarlyStableReport {
                overall: self.row(summary.overall())?,
                by_class: rows(summary.classes())?,
                unlabelled: self.row(summary.unlabelled())?,
                early: early_report(&self.early),
                grid: self.grid.as_ref().map(grid_report),
            },
            levels: last.map(|report| self.level(report)).collect::<Result<_, _>>()?,
            hierarchical: self.hierarchical.report(),
            since_trigger: self
                .since_trigger
                .report(options.zero_division)
                .into_iter()
                .zip(&self.since_trigger_along_the_tree)
                .map(|(report, (hierarchical, reliability))| DayEvaluation {
                    ece: (0..report.levels.len()).map(|level| reliability.top_label(level)?.ece()).collect(),
                    hierarchical: hierarchical.report(),
                    report,
                })
                .collect(),
            days_to_confident: self
                .waits
                .levels()
                .iter()
                .enumerate()
                .map(|(level, waits)| level_waits(level, waits, &options.days))
                .collect(),
            stop_at_node: self.stop_at_node.points(),
            flow: flow_report(&self.flow),
        })
    }

    fn names_of(&self, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|&node| self.names[node].clone()).collect()
    }

    fn row(&self, tally: &EscTally) -> Result<EscRow, EvaluationError> {
        let n_judged = tally.moments(EscMetric::Convergence).n();
        let metrics = EscMetric::ALL
            .into_iter()
            .filter_map(|metric| {
                let moments = tally.moments(metric);
                let (n, standard_deviation) = (moments.n(), moments.standard_deviation());
                Some((metric, Spread { n, mean: moments.mean()?, standard_deviation }))
            })
            .collect::<BTreeMap<_, _>>();
        Ok(EscRow {
            n_objects: tally.n_objects,
            n_converged: tally.n_converged,
            n_score_undefined: tally.n_score_undefined,
            n_score_infinite: tally.n_score_infinite,
            convergence_interval: wilson_interval(tally.n_converged, n_judged, self.options.level)?,
            metrics,
        })
    }

    fn level(&self, report: LevelReport) -> Result<LevelEvaluation, EvaluationError> {
        let confusion = self.last.levels()[report.level].scorecard().confusion();
        let (n_correct, n_objects) = (confusion.n_correct(), confusion.n_objects());
        let top_label = self.reliability.top_label(report.level);
        let macro_f1 = |confusion: &Confusion| confusion.report(self.options.zero_division).macro_average.f1;
        Ok(LevelEvaluation {
            classes: self.names_of(&report.nodes),
            accuracy_interval: wilson_interval(n_correct, n_objects, self.options.level)?,
            balanced_accuracy_interval: self.interval(confusion, Confusion::balanced_accuracy)?,
            macro_f1_interval: self.interval(confusion, macro_f1)?,
            reliability: top_label.expect("one for each level").diagram(),
            classwise_ece: self.reliability.classwise_ece(report.level),
            report,
        })
    }

    /// Bootstrap percentiles of what a confusion matrix says. Objects in one cell are alike, so that the counts are all
    /// that resampling needs. Of one class there is nothing to draw.
    fn interval(
        &self,
        confusion: &Confusion,
        statistic: impl Fn(&Confusion) -> Option<f64> + Sync,
    ) -> Result<Option<Interval>, EvaluationError> {
        let n = confusion.n_classes();
        if self.options.bootstrap.n_resamples == 0 || n == 1 || statistic(confusion).is_none() {
            return Ok(None);
        }
        let mut cells = Vec::new();
        for (cell, &count) in confusion.rows().flatten().enumerate() {
            cells.extend(std::iter::repeat_n(cell as u32, count as usize));
        }
        let of_resample = |objects: &[usize]| {
            let mut counts = vec![0; n * n];
            for &object in objects {
                counts[cells[object] as usize] += 1;
            }
            statistic(&Confusion::from_counts(n, counts).ok()?)
        };
        let sample = bootstrap(cells.len(), of_resample, &self.options.bootstrap)?;
        Ok(Some(sample.percentile(self.options.level)?))
    }
}

fn parameters(options: &EvaluationOptions) -> EvaluationParameters {
    let EscOptions { params, weights, floor, constant, cost } = &options.esc;
    EvaluationParameters {
        esc: *params,
        weights: (!matches!(weights, WeightCurve::Custom(_))).then(|| weights.clone()),
        floor: *floor,
        constant: *constant,
        cost: cost.clone(),
        zero_division: options.zero_division,
        confidence: options.confidence,
        early_trigger: options.early_trigger,
        days_since: options.days_since,
        level: options.level,
        n_resamples: options.bootstrap.n_resamples,
        seed: options.bootstrap.seed,
    }
}

fn early_report(early: &EarlyClassification) -> EarlyReport {
    EarlyReport {
        n_undecided: early.n_undecided(),
        accuracy: early.accuracy(),
        earliness: early.earliness(),
        harmonic_mean: early.harmonic_mean(),
        decided_accuracy: early.decided_accuracy(),
        decided_earliness: early.decided_earliness(),
    }
}

fn grid_report(grid: &EscGrid) -> GridReport {
    let table = |cell: &dyn Fn(usize, usize) -> Option<f64>| {
        let row = |epsilon| (0..grid.rhos().len()).map(|rho| cell(epsilon, rho)).collect();
        (0..grid.epsilons().len()).map(row).collect()
    };
    GridReport {
        epsilons: grid.epsilons().to_vec(),
        rhos: grid.rhos().to_vec(),
        k: grid.k(),
        n_objects: grid.n_objects(),
        convergence: table(&|epsilon, rho| grid.convergence(epsilon, rho)),
        esc_fraction: table(&|epsilon, rho| grid.mean_esc_fraction(epsilon, rho)),
    }
}

fn flow_report(flow: &MassFlow) -> FlowReport {
    FlowReport {
        bins: flow.bins().clone(),
        n_objects: flow.n_objects(),
        net: flow_table(flow, MassFlow::net),
        gross: flow_table(flow, MassFlow::gross),
        label_transitions: flow_table(flow, MassFlow::label_transitions),
    }
}

fn flow_table<T>(
    flow: &MassFlow,
    cell: impl Fn(&MassFlow, usize, usize, usize) -> Option<T>,
) -> Vec<Vec<Vec<T>>> {
    let n = flow.n_classes();
    let row = |bin, from| (0..n).filter_map(|to| cell(flow, bin, from, to)).collect();
    (0..flow.n_bins()).map(|bin| (0..n).map(|from| row(bin, from)).collect()).collect()
}

fn level_waits(level: usize, waits: &ConfidentDays, days: &[f64]) -> LevelWaits {
    let curve = waits.kaplan_meier();
    let still_waiting = |&days_since_trigger: &f64| StillWaiting {
        days_since_trigger,
        share: curve.survival_at(days_since_trigger),
        standard_error: curve.standard_error_at(days_since_trigger),
    };
    LevelWaits { level, report: waits.report(), still_waiting: days.iter().map(still_waiting).collect() }
}
