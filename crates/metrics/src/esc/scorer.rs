//! Scores histories, one or many.

use super::error::{check_class, check_times};
use super::score::weighted_score;
use super::walk::Walk;
use super::weight::WeightTable;
use super::{
    ClassifiedObject, EscElapsed, EscError, EscOptions, HistoryScore, TopScore, TruthScore, WeightCurve,
};
use crate::PmfHistory;
use crate::in_order::in_order;
use crate::transport::{GroundCost, W1Solver, unit};

/// Scores one history: early-stable metrics, motion and labels, in one pass.
///
/// Without a true class `truth` is `None`, without times what is counted in days. For many histories
/// [`score_histories`] or a [`HistoryScorer`] is faster; both also take a trigger time.
///
/// # Errors
/// [`EscError`]: a true class beyond the classes; times that are not one per step, not finite or running backwards; options
/// that are none ([`EscError::Floor`], [`EscError::Alpha`], [`EscError::Weight`]); a cost of other classes
/// ([`EscError::Transport`]).
///
/// ```
/// use heliacal_metrics::PmfHistory;
/// use heliacal_metrics::esc::{EscOptions, EscParams, score_history};
///
/// let options = EscOptions { params: EscParams::new(0.1, 0.5, 2)?, ..EscOptions::default() };
/// let history = PmfHistory::new(2, vec![0.25, 0.75, 0.5, 0.5, 0.75, 0.25, 0.75, 0.25])?;
/// let score = score_history(&history, Some(0), Some(&[0.0, 1.0, 2.0, 10.0]), &options)?;
/// assert_eq!((score.label_changes, score.total_motion, score.wobble), (1, 0.5, 0.0));
/// let truth = score.truth.unwrap();
/// assert_eq!((truth.esc_fraction.tau, truth.first_correct_step), (Some(4), Some(2)));
/// assert_eq!(truth.elapsed.unwrap().fraction, Some(1.0)); // classifications 3 and 4 agree, at day 10
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn score_history(
    history: &PmfHistory,
    true_class: Option<usize>,
    times: Option<&[f64]>,
    options: &EscOptions,
) -> Result<HistoryScore, EscError> {
    HistoryScorer::new(options)?.score(&ClassifiedObject { history, true_class, times, trigger_time: None })
}

/// Scores many objects, in their order; on several threads with feature `rayon`, with the same digits.
///
/// # Errors
/// [`EscError::Object`] for the first object that [`score_history`] would refuse, and what it says of the options.
///
/// ```
/// use heliacal_metrics::PmfHistory;
/// use heliacal_metrics::esc::{ClassifiedObject, EscOptions, score_histories};
///
/// let history = PmfHistory::new(2, vec![0.25, 0.75, 0.5, 0.5])?;
/// let objects = [ClassifiedObject::labelled(&history, 0), ClassifiedObject::new(&history)];
/// let scores = score_histories(&objects, &EscOptions::default())?;
/// assert_eq!((scores[0].total_motion, scores[1].total_motion), (0.25, 0.25));
/// assert!(scores[0].truth.is_some() && scores[1].truth.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn score_histories(
    objects: &[ClassifiedObject<'_>],
    options: &EscOptions,
) -> Result<Vec<HistoryScore>, EscError> {
    let floor = check(options)?;
    let scorer = || HistoryScorer::trusted(options, floor);
    let scores = in_order(objects.len(), PART, scorer, |scorer, index| {
        let score = scorer.score(&objects[index]);
        score.map_err(|source| EscError::Object { index, source: Box::new(source) })
    });
    // Each score is written once, where it stays: results are collected and then unpacked in place.
    scores.into_iter().collect()
}

/// Objects that one thread takes at a time, at least.
const PART: usize = 256;

/// Scores history after history with the same options; keeps its scratch memory and a table of weights per length, so that
/// with unit cost nothing is allocated per history. One per thread.
///
/// ```
/// use heliacal_metrics::PmfHistory;
/// use heliacal_metrics::esc::{ClassifiedObject, EscOptions, HistoryScorer};
///
/// let options = EscOptions::default();
/// let mut scorer = HistoryScorer::new(&options)?;
/// let history = PmfHistory::new(2, vec![0.5, 0.5, 0.75, 0.25, 1.0, 0.0])?;
/// let score = scorer.score(&ClassifiedObject::labelled(&history, 0))?;
/// assert_eq!((score.total_motion, score.net_displacement), (0.5, 0.5));
/// assert_eq!(scorer.w1(), [0.25, 0.25]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HistoryScorer<'a> {
    options: &'a EscOptions,
    floor: f64,
    solver: Option<W1Solver<'a>>,
    tables: WeightTables<'a>,
    given: Vec<f64>,
    walk: Walk,
}

impl<'a> HistoryScorer<'a> {
    /// Checks the options.
    ///
    /// # Errors
    /// [`EscError::Floor`] and [`EscError::Alpha`].
    pub fn new(options: &'a EscOptions) -> Result<Self, EscError> {
        Ok(Self::trusted(options, check(options)?))
    }

    fn trusted(options: &'a EscOptions, floor: f64) -> Self {
        Self {
            options,
            floor,
            // Unit cost is computed on the way.
            solver: if options.cost == GroundCost::Unit { None } else { Some(options.cost.solver()) },
            tables: WeightTables { curve: &options.weights, tables: Vec::new() },
            given: Vec::new(),
            walk: Walk::default(),
        }
    }

    /// Scores one object.
    ///
    /// # Errors
    /// As [`score_history`], and [`EscError::TriggerTime`] for one that is not finite.
    pub fn score(&mut self, object: &ClassifiedObject<'_>) -> Result<HistoryScore, EscError> {
        let ClassifiedObject { history, true_class, times, trigger_time } = *object;
        let (n_steps, n_classes) = (history.n_steps(), history.n_classes());
        if let Some(true_class) = true_class {
            check_class(true_class, n_classes)?;
        }
        if let Some(times) = times {
            check_times(times, n_steps)?;
        }
        if let Some(time) = trigger_time.filter(|time| !time.is_finite()) {
            return Err(EscError::TriggerTime { time });
        }
        let params = self.options.params;
        if let Some(solver) = &mut self.solver {
            solver.consecutive(history, &mut self.given)?;
        }
        let given = self.solver.is_some().then_some(&self.given[..]);
        let path = self.walk.read(history.as_slice(), n_classes, true_class, params, given);
        let (net_displacement, total_variation) = match &mut self.solver {
            None => (unit(history.step(0), history.last()), path.total_motion),
            Some(solver) => (net_displacement(solver, history)?, total_variation(history)),
        };
        let elapsed = |tau| times.map(|times| EscElapsed::trusted(tau, times, trigger_time));
        let top = path.top.finish(n_steps, params.k());
        let truth = match true_class {
            None => None,
            Some(true_class) => {
                let esc_fraction = path.truth.finish(n_steps, params.k());
                let (esc_score, raw_instability) = self.tables.with(n_steps, |table| {
                    let options = self.options;
                    weighted_score(
                        self.walk.w1(),
                        self.walk.p_true(),
                        &options.weights,
                        table,
                        self.floor,
                        options.constant,
                    )
                })?;
                let final_correct = path.label == true_class;
                Some(TruthScore {
                    true_class,
                    esc_fraction,
                    elapsed: elapsed(esc_fraction.tau),
                    esc_score,
                    raw_instability,
                    final_true_probability: history.last()[true_class],
                    final_correct,
                    first_correct_step: (path.first_correct > 0).then_some(path.first_correct),
                    correct_since_step: final_correct.then_some(path.label_since),
                })
            }
        };
        Ok(HistoryScore {
            n_steps,
            final_class: path.label,
            final_probability: history.last()[path.label],
            final_class_since: path.label_since,
            label_changes: path.label_changes,
            total_motion: path.total_motion,
            total_variation,
            net_displacement,
            wobble: path.total_motion - net_displacement,
            duration: times.map(|times| times[n_steps - 1] - times[0]),
            top: TopScore {
                class: top.converged.then_some(path.top_class),
                esc_fraction: top,
                elapsed: elapsed(top.tau),
            },
            truth,
        })
    }

    /// The distances between consecutive PMFs of the history that was scored last.
    pub fn w1(&self) -> &[f64] {
        self.walk.w1()
    }

    /// The probabilities of its true class; empty where that is unknown.
    pub fn true_probabilities(&self) -> &[f64] {
        self.walk.p_true()
    }
}

/// Checks the options; gives the floor.
fn check(options: &EscOptions) -> Result<f64, EscError> {
    if let WeightCurve::Exponential { .. } = options.weights {
        options.weights.weight(0.5)?;
    }
    options.floor.check()
}

fn total_variation(history: &PmfHistory) -> f64 {
    history.steps().zip(history.steps().skip(1)).map(|(a, b)| unit(a, b)).sum()
}

fn net_displacement(solver: &mut W1Solver<'_>, history: &PmfHistory) -> Result<f64, EscError> {
    let ends = [history.step(0), history.last()].concat();
    let ends = PmfHistory::new(history.n_classes(), ends).expect("both rows were checked");
    let mut w1 = Vec::with_capacity(1);
    solver.consecutive(&ends, &mut w1)?;
    Ok(w1.first().copied().unwrap_or(0.0))
}

/// Weights per length of a history, computed at the first history of that length.
#[derive(Debug)]
struct WeightTables<'a> {
    curve: &'a WeightCurve,
    tables: Vec<Option<WeightTable>>,
}

impl WeightTables<'_> {
    /// Longer histories are rare, and their tables would fill the memory.
    const LONGEST: usize = 1024;

    fn with<T>(&mut self, n_steps: usize, read: impl FnOnce(&WeightTable) -> T) -> Result<T, EscError> {
        if n_steps > Self::LONGEST {
            return Ok(read(&self.curve.table(n_steps)?));
        }
        if self.tables.len() <= n_steps {
            self.tables.resize(n_steps + 1, None);
        }
        if self.tables[n_steps].is_none() {
            self.tables[n_steps] = Some(self.curve.table(n_steps)?);
        }
        Ok(read(self.tables[n_steps].as_ref().expect("filled above")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::esc::{EscParams, EscScore, NoScore};

    fn history(n_classes: usize, values: &[f64]) -> PmfHistory {
        PmfHistory::new(n_classes, values.to_vec()).unwrap()
    }

    #[test]
    fn by_hand() {
        // Labels 1, 0 (a tie), 2, 2, 2.
        #[rustfmt::skip]
        let history = history(3, &[
            0.25, 0.5, 0.25,
            0.5, 0.5, 0.0,
            0.25, 0.25, 0.5,
            0.0, 0.25, 0.75,
            0.0, 0.25, 0.75,
        ]);
        let options = EscOptions { params: EscParams::new(0.25, 0.5, 2).unwrap(), ..EscOptions::default() };
        let object = ClassifiedObject {
            history: &history,
            true_class: Some(2),
            times: Some(&[0.0, 1.0, 2.0, 3.0, 4.0]),
            trigger_time: Some(-1.0),
        };
        let score = HistoryScorer::new(&options).unwrap().score(&object).unwrap();
        assert_eq!((score.n_steps, score.label_changes), (5, 2));
        assert_eq!((score.final_class, score.final_class_since, score.final_probability), (2, 3, 0.75));
        assert_eq!((score.total_motion, score.net_displacement, score.wobble), (1.0, 0.5, 0.5));
        assert_eq!((score.total_variation, score.duration), (1.0, Some(4.0)));
        assert_eq!((score.top.class, score.top.esc_fraction.tau), (Some(2), Some(4)));
        let truth = score.truth.unwrap();
        assert_eq!((truth.esc_fraction.tau, truth.esc_fraction.sustained_tau), (Some(4), Some(4)));
        assert_eq!((truth.first_correct_step, truth.correct_since_step), (Some(3), Some(3)));
        let elapsed = truth.elapsed.unwrap();
        assert_eq!((elapsed.fraction, elapsed.days_since_first), (Some(0.75), Some(3.0)));
        assert_eq!(elapsed.days_since_trigger, Some(4.0));
        // Distances 1/4, 1/2, 1/4, 0 at p = 1/4, floor, 1/2.
        let w = |t: f64| (2.0 * t / 5.0).exp_m1() / 2.0_f64.exp_m1();
        let (ln_2, ln_floor) = (2.0_f64.ln(), -1e-12_f64.ln());
        let raw = 0.25 * w(1.0) * 2.0 * ln_2 + 0.5 * w(2.0) * ln_floor + 0.25 * w(3.0) * ln_2;
        let norm = 0.25 * w(1.0) + 0.5 * w(2.0) + 0.25 * w(3.0);
        assert!((truth.raw_instability.unwrap() - raw).abs() < 1e-14);
        assert!((truth.esc_score.value().unwrap() - raw / norm).abs() < 1e-13);
    }

    #[test]
    fn one_step() {
        let history = history(2, &[0.5, 0.5]);
        let score = score_history(&history, Some(1), Some(&[3.0]), &EscOptions::default()).unwrap();
        assert_eq!((score.label_changes, score.total_motion, score.duration), (0, 0.0, Some(0.0)));
        let truth = score.truth.unwrap();
        assert_eq!(truth.esc_score, EscScore::Undefined { reason: NoScore::SingleStep });
        assert_eq!((truth.raw_instability, truth.esc_fraction.value()), (Some(0.0), 1.0));
        assert_eq!((truth.first_correct_step, truth.correct_since_step), (None, None));
    }

    #[test]
    fn faults_are_named() {
        let history = history(2, &[0.5, 0.5]);
        let options = EscOptions::default();
        let score = |true_class, times| score_history(&history, true_class, times, &options).unwrap_err();
        assert_eq!(score(Some(2), None).to_string(), "true class 2 is none of the 2 classes");
        assert!(matches!(score(None, Some(&[])), EscError::Length { .. }));
        let objects = [ClassifiedObject::new(&history), ClassifiedObject::labelled(&history, 7)];
        let error = score_histories(&objects, &options).unwrap_err();
        assert_eq!(error.to_string(), "object 1: true class 7 is none of the 2 classes");
        let steep =
            EscOptions { weights: WeightCurve::Exponential { alpha: f64::INFINITY }, ..options.clone() };
        assert!(matches!(score_histories(&[], &steep), Err(EscError::Alpha { .. })));
    }

    #[test]
    fn long_histories_need_no_table() {
        let constant = history(1, &vec![1.0; 3000]);
        let score = score_history(&constant, Some(0), None, &EscOptions::default()).unwrap();
        assert_eq!(score.truth.unwrap().esc_score, EscScore::Defined { value: 0.0 });
    }

    #[test]
    fn a_given_unit_distance_changes_nothing() {
        let values = [0.25, 0.5, 0.25, 0.5, 0.5, 0.0, 0.25, 0.25, 0.5];
        let (mut fused, mut given) = (Walk::default(), Walk::default());
        let params = EscParams::default();
        let a = fused.read(&values, 3, Some(1), params, None);
        let b = given.read(&values, 3, Some(1), params, Some(&[0.25, 0.5]));
        assert_eq!((a, fused.w1()), (b, given.w1()));
    }
}
