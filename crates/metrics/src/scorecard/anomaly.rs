//! Are objects of no known class found by how unsure the classifier is?

use super::error::{ScorecardError, check_finite, check_length, deserialize_checked};
use super::hanley_mcneil_standard_error;
use super::separation::{Placement, Positives, labelled};
use crate::Pmf;

/// How little the most probable class has: `1 - max p`, 0 to `1 - 1/n`, but for the tolerance of the PMF's sum.
///
/// ```
/// use heliacal_metrics::{Pmf, scorecard::max_probability_score};
///
/// assert_eq!(max_probability_score(&Pmf::new(vec![0.25, 0.75])?), 0.25);
/// # Ok::<(), heliacal_metrics::PmfError>(())
/// ```
pub fn max_probability_score(pmf: &Pmf) -> f64 {
    1.0 - pmf.as_slice()[pmf.argmax()]
}

/// Shannon entropy `-Σ p ln p` \[nat\], 0 to `ln n`, but for the tolerance of the PMF's sum; 0 ln 0 is 0.
///
/// ```
/// use heliacal_metrics::{Pmf, scorecard::entropy_score};
///
/// assert_eq!(entropy_score(&Pmf::new(vec![0.5, 0.5, 0.0])?), 2.0_f64.ln());
/// # Ok::<(), heliacal_metrics::PmfError>(())
/// ```
pub fn entropy_score(pmf: &Pmf) -> f64 {
    let information: f64 = pmf.as_slice().iter().filter(|&&p| p > 0.0).map(|&p| p * p.ln()).sum();
    // Not -0 for a certain class.
    0.0 - information
}

/// How well a score tells anomalous from ordinary objects.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AnomalyAuc {
    /// Number of anomalous objects.
    pub n_anomalous: u64,
    /// Number of ordinary objects.
    pub n_ordinary: u64,
    /// Probability that an anomalous object scores higher than an ordinary one.
    pub auc: f64,
    /// Its standard error by [`hanley_mcneil_standard_error`].
    pub hanley_mcneil_error: f64,
    /// Its standard error without a model of the scores (DeLong, DeLong & Clarke-Pearson 1988); `None` with fewer than two
    /// of either.
    pub delong_error: Option<f64>,
    /// Average precision of the anomalous.
    pub average_precision: f64,
}

/// Anomaly scores of objects with known answers.
///
/// ```
/// use heliacal_metrics::Pmf;
/// use heliacal_metrics::scorecard::{AnomalyScores, max_probability_score};
///
/// let mut scores = AnomalyScores::default();
/// for (pmf, anomalous) in [([0.9, 0.1], false), ([0.2, 0.8], false), ([0.6, 0.4], true)] {
///     scores.push(max_probability_score(&Pmf::new(pmf.to_vec())?), anomalous)?;
/// }
/// assert_eq!(scores.report().unwrap().auc, 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AnomalyScores {
    scores: Vec<f64>,
    anomalous: Vec<bool>,
}

deserialize_checked!(AnomalyScores { scores: Vec<f64>, anomalous: Vec<bool> });

impl AnomalyScores {
    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), ScorecardError> {
        check_length("labels", self.scores.len(), self.anomalous.len())?;
        check_finite("anomaly score", &self.scores)
    }

    /// Takes scores and answers, one of each per object.
    ///
    /// # Errors
    /// [`ScorecardError::Length`], [`ScorecardError::NotFinite`].
    pub fn new(scores: Vec<f64>, anomalous: Vec<bool>) -> Result<Self, ScorecardError> {
        check_length("labels", scores.len(), anomalous.len())?;
        check_finite("anomaly score", &scores)?;
        Ok(Self { scores, anomalous })
    }

    /// Adds one object; a higher score is more anomalous.
    ///
    /// # Errors
    /// [`ScorecardError::NotFinite`], with the number of objects before.
    pub fn push(&mut self, score: f64, anomalous: bool) -> Result<(), ScorecardError> {
        if !score.is_finite() {
            let position = self.scores.len();
            return Err(ScorecardError::NotFinite { what: "anomaly score", position, value: score });
        }
        self.scores.push(score);
        self.anomalous.push(anomalous);
        Ok(())
    }

    /// Adds all objects of another.
    pub fn merge(&mut self, other: &Self) {
        self.scores.extend_from_slice(&other.scores);
        self.anomalous.extend_from_slice(&other.anomalous);
    }

    /// Number of objects.
    pub fn n_objects(&self) -> usize {
        self.scores.len()
    }

    /// The scores, for curves.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// The answers, for curves.
    pub fn anomalous(&self) -> &[bool] {
        &self.anomalous
    }

    /// All figures; `None` unless there are anomalous and ordinary objects.
    pub fn report(&self) -> Option<AnomalyAuc> {
        let of = |label| labelled(&self.scores, &self.anomalous, label);
        let anomalous = Positives::new(of(true))?;
        let separation = anomalous.against(of(false));
        let auc = separation.auc()?;
        let (n_anomalous, n_ordinary) = (separation.n_positive(), separation.n_negative());
        let (wins, losses) = separation.placements();
        let delong_error = match (variance_of_mean(&wins), variance_of_mean(&losses)) {
            (Some(a), Some(b)) => Some((a + b).sqrt()),
            _ => None,
        };
        Some(AnomalyAuc {
            n_anomalous,
            n_ordinary,
            auc,
            hanley_mcneil_error: hanley_mcneil_standard_error(auc, n_anomalous, n_ordinary)?,
            delong_error,
            average_precision: separation.average_precision(),
        })
    }
}

/// Sample variance over size, of values that each occur several times.
fn variance_of_mean(values: &[Placement]) -> Option<f64> {
    let n: u64 = values.iter().map(|(_, count)| count).sum();
    let sum = |of: &dyn Fn(f64) -> f64| values.iter().map(|&(x, count)| of(x) * count as f64).sum::<f64>();
    (n > 1).then(|| {
        let mean = sum(&|x| x) / n as f64;
        sum(&|x| (x - mean) * (x - mean)) / (n - 1) as f64 / n as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delong_by_hand() {
        // Anomalous 0.9, 0.4 against ordinary 0.5, 0.4, 0.1: they beat 3/3 and 1.5/3.
        let scores =
            AnomalyScores::new(vec![0.9, 0.4, 0.5, 0.4, 0.1], vec![true, true, false, false, false]).unwrap();
        let report = scores.report().unwrap();
        assert_eq!((report.auc, report.n_anomalous, report.n_ordinary), (0.75, 2, 3));
        // Shares won by the anomalous: 1, 1/2: variance 1/8. Against the ordinary: 1/2, 3/4, 1: variance 1/16.
        let error = (1.0_f64 / 16.0 + 1.0 / 48.0).sqrt();
        assert!((report.delong_error.unwrap() - error).abs() < 1e-15);
        // Q1 - A² = 0.6 - 0.5625, Q2 - A² = 9/14 - 0.5625
        let model = ((0.1875 + 0.0375 + 2.0 * (9.0 / 14.0 - 0.5625)) / 6.0_f64).sqrt();
        assert!((report.hanley_mcneil_error - model).abs() < 1e-15);
    }

    #[test]
    fn one_kind_only() {
        assert_eq!(AnomalyScores::default().report(), None);
        let one = AnomalyScores::new(vec![0.9, 0.1], vec![true, false]).unwrap().report().unwrap();
        assert_eq!((one.auc, one.delong_error), (1.0, None));
        assert!(AnomalyScores::new(vec![f64::NAN], vec![true]).is_err());
        assert!(AnomalyScores::default().push(f64::NAN, true).is_err());
        assert_eq!(hanley_mcneil_standard_error(f64::NAN, 1, 1), None);
        assert_eq!(hanley_mcneil_standard_error(0.5, 0, 1), None);
    }

    #[test]
    fn scores_at_the_ends() {
        let pmf = |values: &[f64]| Pmf::new(values.to_vec()).unwrap();
        assert_eq!(entropy_score(&pmf(&[1.0, 0.0])).to_bits(), 0);
        assert!((entropy_score(&pmf(&[0.25; 4])) - 4.0_f64.ln()).abs() < 1e-15);
        assert_eq!(max_probability_score(&pmf(&[1.0, 0.0])), 0.0);
    }
}
