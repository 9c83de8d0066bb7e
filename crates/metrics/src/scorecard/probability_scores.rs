//! How good the probabilities are, decisions apart.

use super::class_scores::weighted_mean;
use super::error::{ScorecardError, check_class, check_class_count, check_pmf, deserialize_checked, ratio};

/// Sums over objects of what their PMF says of the truth: log-loss, Brier score, rank of the true class.
///
/// ```
/// use heliacal_metrics::scorecard::ProbabilityScores;
///
/// let mut scores = ProbabilityScores::new(3)?;
/// scores.push(&[0.5, 0.25, 0.25], 0)?;
/// scores.push(&[0.5, 0.25, 0.25], 1)?;
/// let report = scores.report();
/// assert!((report.log_loss.unwrap() - 1.5 * 2.0_f64.ln()).abs() < 1e-15); // (ln 2 + ln 4) / 2
/// assert_eq!(report.brier, Some((0.375 + 0.875) / 2.0));
/// assert_eq!(report.top_k_accuracy, [Some(0.5), Some(1.0), Some(1.0)]);
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ProbabilityScores {
    /// Objects by true class.
    support: Vec<u64>,
    /// Sums of `-ln p` by true class \[nat\].
    log_loss_sums: Vec<f64>,
    brier_sum: f64,
    true_probability_sum: f64,
    /// Objects whose true class has zero probability.
    n_impossible: u64,
    /// Objects by the rank of their true class, from 0.
    ranks: Vec<u64>,
}

deserialize_checked!(ProbabilityScores {
    support: Vec<u64>,
    log_loss_sums: Vec<f64>,
    brier_sum: f64,
    true_probability_sum: f64,
    n_impossible: u64,
    ranks: Vec<u64>,
});

/// What the probabilities of the objects amount to; each `None` without objects.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProbabilityReport {
    /// Number of objects.
    pub n_objects: u64,
    /// Mean of `-ln p` of the true class \[nat\].
    pub log_loss: Option<f64>,
    /// Mean of the classes' log-losses, over the classes that have objects \[nat\]: every class counts the same.
    pub macro_log_loss: Option<f64>,
    /// Log-loss of every class \[nat\].
    pub class_log_loss: Vec<Option<f64>>,
    /// Number of objects whose true class has probability 0: each adds 36.04 nat to the log-loss by the floor.
    pub n_impossible: u64,
    /// Brier score, 0 to 2.
    pub brier: Option<f64>,
    /// Mean probability of the true class.
    pub mean_true_probability: Option<f64>,
    /// Share of objects whose true class is among the `k` most probable; `k = 1` first.
    pub top_k_accuracy: Vec<Option<f64>>,
}

impl ProbabilityScores {
    /// No object yet.
    ///
    /// # Errors
    /// [`ScorecardError::NoClass`].
    pub fn new(n_classes: usize) -> Result<Self, ScorecardError> {
        check_class_count(n_classes, n_classes)?;
        Ok(Self {
            support: vec![0; n_classes],
            log_loss_sums: vec![0.0; n_classes],
            brier_sum: 0.0,
            true_probability_sum: 0.0,
            n_impossible: 0,
            ranks: vec![0; n_classes],
        })
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), ScorecardError> {
        check_class_count(self.n_classes(), self.ranks.len())?;
        super::error::check_length("log-loss sums", self.n_classes(), self.log_loss_sums.len())?;
        super::error::check_finite("log-loss sum", &self.log_loss_sums)?;
        super::error::check_finite("sum of scores", &[self.brier_sum, self.true_probability_sum])?;
        super::error::check_total("supports", &self.support)?;
        super::error::check_total("ranks", &self.ranks)?;
        let same = self.ranks.iter().sum::<u64>() == self.n_objects();
        if same { Ok(()) } else { Err(ScorecardError::Counts { what: "ranks and supports" }) }
    }

    /// Adds one object.
    ///
    /// ```text
    /// log-loss  -ln clip(p_*, ε, 1 - ε),   ε = 2⁻⁵²
    /// Brier     Σ_c (p_c - [c = *])²
    /// rank      #{c: p_c > p_*} + #{c < *: p_c = p_*}
    /// ```
    /// Clipping is scikit-learn's; Brier is its multi-class form with `scale_by_half=False`, twice the binary one. Equal
    /// probabilities rank by class index, so that the first is the argmax and top-1 accuracy the accuracy (scikit-learn's
    /// top-k ranks equal ones from the last class).
    ///
    /// # Errors
    /// [`ScorecardError::ClassCount`], [`ScorecardError::Pmf`], [`ScorecardError::Class`].
    pub fn push(&mut self, pmf: &[f64], true_class: usize) -> Result<(), ScorecardError> {
        check_pmf(pmf, self.n_classes())?;
        check_class(true_class, self.n_classes())?;
        self.push_checked(pmf, true_class);
        Ok(())
    }

    pub(super) fn push_checked(&mut self, pmf: &[f64], true_class: usize) {
        let p = pmf[true_class];
        let above = pmf.iter().filter(|&&other| other > p).count();
        let level = pmf[..true_class].iter().filter(|&&other| other == p).count();
        let squares: f64 = pmf.iter().map(|other| other * other).sum();
        self.support[true_class] += 1;
        self.log_loss_sums[true_class] -= p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
        // Σ p² with p_*² exchanged for (1 - p_*)²; the sum of squares is at least p_*², so nothing is lost that matters.
        self.brier_sum += (squares - p * p).max(0.0) + (1.0 - p) * (1.0 - p);
        self.true_probability_sum += p;
        self.n_impossible += u64::from(p == 0.0);
        self.ranks[above + level] += 1;
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`ScorecardError::ClassCount`].
    pub fn merge(&mut self, other: &Self) -> Result<(), ScorecardError> {
        check_class_count(self.n_classes(), other.n_classes())?;
        self.support.iter_mut().zip(&other.support).for_each(|(count, more)| *count += more);
        self.log_loss_sums.iter_mut().zip(&other.log_loss_sums).for_each(|(sum, more)| *sum += more);
        self.brier_sum += other.brier_sum;
        self.true_probability_sum += other.true_probability_sum;
        self.n_impossible += other.n_impossible;
        self.ranks.iter_mut().zip(&other.ranks).for_each(|(count, more)| *count += more);
        Ok(())
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.support.len()
    }

    /// Number of objects.
    pub fn n_objects(&self) -> u64 {
        self.support.iter().sum()
    }

    /// Number of objects of every true class.
    pub fn support(&self) -> &[u64] {
        &self.support
    }

    /// The means over objects.
    pub fn report(&self) -> ProbabilityReport {
        let n = self.n_objects();
        let mean = |sum: f64, n: u64| (n > 0).then(|| sum / n as f64);
        let class_log_loss: Vec<_> =
            self.log_loss_sums.iter().zip(&self.support).map(|(&sum, &n)| mean(sum, n)).collect();
        let mut within = 0;
        let top_k_accuracy = self
            .ranks
            .iter()
            .map(|count| {
                within += count;
                ratio(within, n)
            })
            .collect();
        ProbabilityReport {
            n_objects: n,
            log_loss: mean(self.log_loss_sums.iter().sum(), n),
            macro_log_loss: weighted_mean(class_log_loss.iter().map(|&loss| (loss, 1.0))),
            class_log_loss,
            n_impossible: self.n_impossible,
            brier: mean(self.brier_sum, n),
            mean_true_probability: mean(self.true_probability_sum, n),
            top_k_accuracy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_floors() {
        let mut scores = ProbabilityScores::new(3).unwrap();
        scores.push(&[0.4, 0.4, 0.2], 1).unwrap();
        scores.push(&[0.4, 0.4, 0.2], 0).unwrap();
        scores.push(&[1.0, 0.0, 0.0], 2).unwrap();
        let report = scores.report();
        assert_eq!(report.top_k_accuracy, [Some(1.0 / 3.0), Some(2.0 / 3.0), Some(1.0)]);
        assert_eq!((report.n_objects, report.n_impossible), (3, 1));
        assert!((report.class_log_loss[2].unwrap() - 36.043_653_389_117_15).abs() < 1e-12);
        assert!((report.brier.unwrap() - (0.56 + 0.56 + 2.0) / 3.0).abs() < 1e-15);
    }

    #[test]
    fn macro_log_loss_leaves_out_absent_classes() {
        let mut scores = ProbabilityScores::new(3).unwrap();
        for (p, class) in [([0.5, 0.25, 0.25], 0), ([0.5, 0.25, 0.25], 0), ([0.5, 0.25, 0.25], 1)] {
            scores.push(&p, class).unwrap();
        }
        let report = scores.report();
        assert!((report.macro_log_loss.unwrap() - 1.5 * 2.0_f64.ln()).abs() < 1e-15);
        assert_eq!(report.class_log_loss[2], None);
    }

    #[test]
    fn bad_input_changes_nothing() {
        let mut scores = ProbabilityScores::new(2).unwrap();
        assert!(scores.push(&[0.5], 0).is_err());
        assert!(scores.push(&[f64::NAN, 1.0], 0).is_err());
        assert!(scores.push(&[0.5, 0.6], 0).is_err());
        assert!(scores.push(&[0.5, 0.5], 2).is_err());
        assert_eq!(scores, ProbabilityScores::new(2).unwrap());
        assert_eq!(scores.report().log_loss, None);
    }
}
