//! Classifiers side by side over seeds: the paper's Tables 2 to 6 in numbers, with paired tests.

use std::collections::BTreeMap;

use heliacal_metrics::Moments;
use heliacal_metrics::esc::{ConstantHistory, EscOptions, EscParams, ProbabilityFloor, WeightCurve};
use heliacal_metrics::evaluation::Spread;
use heliacal_metrics::statistics::{
    Alternative, McNemar, McNemarMethod, WilcoxonMethod, ZeroDifferences, mcnemar_paired,
    wilcoxon_signed_rank,
};
use heliacal_metrics::transport::GroundCost;
use heliacal_models::train::EpochReport;

use super::cascade_protocol::CASCADE;
use super::{CascadeMetric, CascadeProtocol, CascadeRun, LabelledHistories, LeftOut};
use crate::Result;

/// Which form of JSON a [`CascadeReport`] has; changes when a field changes its meaning or goes.
pub const CASCADE_SCHEMA: &str = "heliacal.cascade/1";

/// What the seeds of a [`CascadeProtocol`] found. Its JSON is a file format (`docs/data-formats.md`): undefined values are null or
/// missing, classes come in the order of `classes`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CascadeReport {
    /// [`CASCADE_SCHEMA`].
    pub schema: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Names of the base classifiers.
    pub bases: Vec<String>,
    /// Objects of each class, learned from or held out.
    pub n_objects: Vec<usize>,
    /// How many were left out, and why.
    pub left_out: BTreeMap<LeftOut, usize>,
    /// Every number of the training; the seed is that of each run.
    pub protocol: CascadeProtocol,
    /// Of ESC_f.
    pub esc: EscParams,
    /// Weights of ESC_s over time; `None` for a caller's own curve.
    pub weights: Option<WeightCurve>,
    /// Least probability whose logarithm ESC_s takes.
    pub floor: ProbabilityFloor,
    /// ESC_s of a history that never moves.
    pub constant: ConstantHistory,
    /// What moving probability between two classes costs, in full.
    pub cost: GroundCost,
    /// The seeds, in the order of everything that is by seed.
    pub seeds: Vec<u64>,
    /// Objects held out by each seed.
    pub n_held_out: Vec<usize>,
    /// How the cascade and the naive model were trained, by seed.
    pub trainings: Vec<BTreeMap<String, Vec<EpochReport>>>,
    /// The base classifiers, the naive model, the cascade.
    pub classifiers: Vec<ClassifierReport>,
    /// The cascade against each of the others.
    pub comparisons: Vec<Comparison>,
}

/// One classifier over all seeds.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClassifierReport {
    /// Its name.
    pub name: String,
    /// Its weights that are trained; none are known of a base.
    pub n_parameters: Option<usize>,
    /// Mean and standard deviation over seeds (Tables 2 and 3).
    pub overall: BTreeMap<CascadeMetric, Spread>,
    /// The same for the objects of each true class (Tables 4 to 6).
    pub by_class: Vec<BTreeMap<CascadeMetric, Spread>>,
    /// Mean counts `[true class][most probable class]` of last classifications.
    pub confusion: Vec<Vec<f64>>,
    /// The numbers behind `overall`.
    pub by_seed: Vec<BTreeMap<CascadeMetric, f64>>,
}

/// The cascade against another classifier in one metric, on the same objects.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Comparison {
    /// The metric.
    pub metric: CascadeMetric,
    /// The other classifier.
    pub against: String,
    /// Cascade minus the other, over seeds.
    pub difference: Spread,
    /// Seeds with which the cascade was better.
    pub n_seeds_better: usize,
    /// Wilcoxon's signed-rank test over seeds, two-sided. With n seeds it cannot fall below 2/2ⁿ; seeds share objects, so it is
    /// too small rather than too large.
    pub p_over_seeds: Option<f64>,
    /// Objects in the test over objects: held out by at least one seed, and with a value of both.
    pub n_objects: usize,
    /// The same test over objects, each with the mean of its differences over the seeds that held it out. None of precision and F1,
    /// which belong to all objects together. Not corrected for the number of tests.
    pub p_over_objects: Option<f64>,
    /// McNemar's test of the last classifications held out by the first seed, cascade first; of accuracy alone.
    pub mcnemar: Option<McNemar>,
}

/// Collects the runs of a protocol.
///
/// Of each object it keeps five numbers for each classifier, not its histories.
#[derive(Debug, Clone)]
pub struct CascadeResults {
    report: CascadeReport,
    /// `[classifier][metric][object]`: sum over the seeds that held it out, and their number.
    objects: Vec<Vec<Vec<(f64, u32)>>>,
    /// `[classifier][metric][class or all][seed]`
    seeds: Vec<Vec<Vec<Vec<Option<f64>>>>>,
    /// `[classifier]`: what was right of the first seed's objects.
    first_right: Vec<Vec<bool>>,
}

impl CascadeResults {
    /// Of no run yet.
    pub fn new(histories: &LabelledHistories, protocol: &CascadeProtocol, esc: &EscOptions) -> Self {
        let EscOptions { params, weights, floor, constant, cost } = esc.clone();
        let mut n_objects = vec![0; histories.n_classes()];
        for class in histories.true_classes() {
            n_objects[class] += 1;
        }
        let report = CascadeReport {
            schema: CASCADE_SCHEMA.to_owned(),
            classes: histories.classes().to_vec(),
            bases: histories.bases().to_vec(),
            n_objects,
            left_out: histories.left_out().clone(),
            protocol: protocol.for_histories(histories),
            esc: params,
            weights: Some(weights).filter(|weights| !matches!(weights, WeightCurve::Custom(_))),
            floor,
            constant,
            cost,
            seeds: Vec::new(),
            n_held_out: Vec::new(),
            trainings: Vec::new(),
            classifiers: Vec::new(),
            comparisons: Vec::new(),
        };
        Self { report, objects: Vec::new(), seeds: Vec::new(), first_right: Vec::new() }
    }

    /// Adds a run.
    pub fn push(&mut self, run: &CascadeRun) {
        let (n_classes, n_objects) = (self.report.classes.len(), self.report.n_objects.iter().sum());
        let is_first = self.report.seeds.is_empty();
        self.report.seeds.push(run.seed);
        self.report.n_held_out.push(run.split.held_out.len());
        self.report.trainings.push(BTreeMap::from([
            (super::cascade_protocol::NAIVE.to_owned(), run.naive.history.clone()),
            (CASCADE.to_owned(), run.cascade.history.clone()),
        ]));
        for (index, classifier) in run.classifiers.iter().enumerate() {
            let scores = &classifier.scores;
            if is_first {
                self.report.classifiers.push(ClassifierReport {
                    name: classifier.name.clone(),
                    n_parameters: classifier.n_parameters,
                    overall: BTreeMap::new(),
                    by_class: Vec::new(),
                    confusion: vec![vec![0.0; n_classes]; n_classes],
                    by_seed: Vec::new(),
                });
                self.objects.push(vec![vec![(0.0, 0); n_objects]; CascadeMetric::ALL.len()]);
                self.seeds.push(vec![vec![Vec::new(); n_classes + 1]; CascadeMetric::ALL.len()]);
                let right = |object: &heliacal_metrics::esc::HistoryScore| {
                    object.truth.as_ref().is_some_and(|truth| truth.final_correct)
                };
                self.first_right.push(scores.objects.iter().map(right).collect());
            }
            let report = &mut self.report.classifiers[index];
            for (sums, counts) in report.confusion.iter_mut().zip(scores.confusion.rows()) {
                for (sum, &count) in sums.iter_mut().zip(counts) {
                    *sum += count as f64;
                }
            }
            let mut of_seed = BTreeMap::new();
            for (m, metric) in CascadeMetric::ALL.into_iter().enumerate() {
                let overall = scores.overall(metric);
                of_seed.extend(overall.map(|value| (metric, value)));
                let by_class = (0..n_classes).map(|class| scores.of_class(metric, class));
                for (values, value) in
                    self.seeds[index][m].iter_mut().zip([overall].into_iter().chain(by_class))
                {
                    values.push(value);
                }
                let Some(of_object) = metric.of_object() else { continue };
                for (&position, object) in run.split.held_out.iter().zip(&scores.objects) {
                    if let Some(value) = of_object.of(object) {
                        let (sum, n) = &mut self.objects[index][m][position];
                        *sum += value;
                        *n += 1;
                    }
                }
            }
            report.by_seed.push(of_seed);
        }
    }

    /// Means, spreads and tests of all runs so far.
    ///
    /// # Errors
    /// [`Error::Statistics`](crate::Error::Statistics) for a score that is not finite.
    pub fn report(&self) -> Result<CascadeReport> {
        let mut report = self.report.clone();
        let n_seeds = report.seeds.len().max(1) as f64;
        for (classifier, seeds) in report.classifiers.iter_mut().zip(&self.seeds) {
            classifier.confusion.iter_mut().flatten().for_each(|count| *count /= n_seeds);
            let rows = |group: usize| {
                let metrics = CascadeMetric::ALL.into_iter().zip(seeds);
                metrics.filter_map(move |(metric, values)| {
                    Some((metric, spread(values[group].iter().flatten())?))
                })
            };
            classifier.overall = rows(0).collect();
            classifier.by_class = (1..=report.classes.len()).map(|group| rows(group).collect()).collect();
        }
        if let Some(cascade) = report.classifiers.len().checked_sub(1) {
            for against in 0..cascade {
                for metric in 0..CascadeMetric::ALL.len() {
                    report.comparisons.extend(self.compare(cascade, against, metric)?);
                }
            }
        }
        Ok(report)
    }

    fn compare(&self, cascade: usize, against: usize, m: usize) -> Result<Option<Comparison>> {
        let metric = CascadeMetric::ALL[m];
        let overall = |classifier: usize| self.seeds[classifier][m][0].iter();
        let differences: Vec<f64> =
            overall(cascade).zip(overall(against)).filter_map(|(a, b)| Some((*a)? - (*b)?)).collect();
        let Some(difference) = spread(differences.iter()) else { return Ok(None) };
        let sign = if metric.more_is_better() { 1.0 } else { -1.0 };
        let mean = |&(sum, n): &(f64, u32)| (n > 0).then(|| sum / f64::from(n));
        let pairs = self.objects[cascade][m].iter().zip(&self.objects[against][m]);
        let of_objects: Vec<f64> = pairs.filter_map(|(a, b)| Some(mean(a)? - mean(b)?)).collect();
        let is_accuracy = metric == CascadeMetric::Accuracy;
        let mcnemar = is_accuracy
            .then(|| {
                mcnemar_paired(&self.first_right[cascade], &self.first_right[against], McNemarMethod::Exact)
            })
            .transpose()?;
        Ok(Some(Comparison {
            metric,
            against: self.report.classifiers[against].name.clone(),
            n_seeds_better: differences.iter().filter(|difference| sign * **difference > 0.0).count(),
            p_over_seeds: p_value(&differences)?,
            n_objects: of_objects.len(),
            p_over_objects: p_value(&of_objects)?,
            difference,
            mcnemar,
        }))
    }
}

/// Wilcoxon's two-sided p-value; none of no difference.
fn p_value(differences: &[f64]) -> Result<Option<f64>> {
    if differences.is_empty() {
        return Ok(None);
    }
    let (sides, zeros) = (Alternative::TwoSided, ZeroDifferences::Drop);
    Ok(wilcoxon_signed_rank(differences, sides, zeros, WilcoxonMethod::Auto)?.p_value)
}

fn spread<'v>(values: impl Iterator<Item = &'v f64>) -> Option<Spread> {
    let moments: Moments = values.copied().collect();
    let mean = moments.mean()?;
    Some(Spread { n: moments.n(), mean, standard_deviation: moments.standard_deviation() })
}
