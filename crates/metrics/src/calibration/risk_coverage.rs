//! Risk against coverage of a classifier that may abstain.

use super::error::CalibrationError;
use crate::pmf::SUM_TOLERANCE;

/// One point of a risk-coverage curve: decide where the confidence is at least the threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RiskCoveragePoint {
    /// The least confidence that is decided.
    pub threshold: f64,
    /// Number of objects decided.
    pub n_decided: u64,
    /// Number of them that are wrong.
    pub n_wrong: u64,
    /// Fraction of all objects that is decided.
    pub coverage: f64,
    /// Fraction of the decided that is wrong.
    pub risk: f64,
}

/// The risk-coverage curve of decisions with a confidence. Keeps every object; two parts add up to the whole, to the
/// last digit.
///
/// ```text
/// coverage(θ) = |{i : κ_i ≥ θ}| / n        risk(θ) = |{i : κ_i ≥ θ, i wrong}| / |{i : κ_i ≥ θ}|
/// AURC = mean over objects i of risk(κ_i)
/// ```
///
/// Equally confident objects are decided together, so that their order never matters; without ties AURC is that of
/// Geifman, Uziel & El-Yaniv 2019 ([arXiv 1805.08206](https://arxiv.org/abs/1805.08206)), section 4. Curve: El-Yaniv &
/// Wiener 2010. Without an object the curve is empty and AURC `None`.
///
/// ```
/// use heliacal_metrics::calibration::RiskCoverage;
///
/// let mut decisions = RiskCoverage::default();
/// for (confidence, correct) in [(0.9, true), (0.8, false), (0.8, true), (0.4, false)] {
///     decisions.add(confidence, correct)?;
/// }
/// let curve: Vec<_> = decisions.curve().iter().map(|p| (p.threshold, p.coverage, p.risk)).collect();
/// assert_eq!(curve, [(0.9, 0.25, 0.0), (0.8, 0.75, 1.0 / 3.0), (0.4, 1.0, 0.5)]);
/// assert!((decisions.aurc().unwrap() - (0.0 + 2.0 / 3.0 + 0.5) / 4.0).abs() < 1e-15);
/// # Ok::<(), heliacal_metrics::calibration::CalibrationError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked"))]
pub struct RiskCoverage {
    decisions: Vec<(f64, bool)>,
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    decisions: Vec<(f64, bool)>,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for RiskCoverage {
    type Error = CalibrationError;

    fn try_from(stored: Unchecked) -> Result<Self, CalibrationError> {
        let mut decisions = Self::default();
        stored.decisions.iter().try_for_each(|&(confidence, correct)| decisions.add(confidence, correct))?;
        Ok(decisions)
    }
}

impl RiskCoverage {
    /// Adds a decision. Up to [`SUM_TOLERANCE`] above 1 is a confidence too.
    ///
    /// # Errors
    /// [`CalibrationError::NotAProbability`].
    pub fn add(&mut self, confidence: f64, correct: bool) -> Result<(), CalibrationError> {
        if !(0.0..=1.0 + SUM_TOLERANCE).contains(&confidence) {
            return Err(CalibrationError::NotAProbability { value: confidence });
        }
        // -0 and 0 are one confidence.
        self.decisions.push((confidence + 0.0, correct));
        Ok(())
    }

    /// Adds all that another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.decisions.extend_from_slice(&other.decisions);
    }

    /// Number of objects.
    pub fn n_objects(&self) -> u64 {
        self.decisions.len() as u64
    }

    /// The curve from the most confident objects to all of them, a point per distinct confidence; coverage rises from
    /// point to point, risk may do anything.
    pub fn curve(&self) -> Vec<RiskCoveragePoint> {
        let mut decisions = self.decisions.clone();
        decisions.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let (mut n_decided, mut n_wrong) = (0_u64, 0_u64);
        let mut curve = Vec::new();
        for tied in decisions.chunk_by(|a, b| a.0 == b.0) {
            n_decided += tied.len() as u64;
            n_wrong += tied.iter().filter(|(_, correct)| !correct).count() as u64;
            curve.push(RiskCoveragePoint {
                threshold: tied[0].0,
                n_decided,
                n_wrong,
                coverage: n_decided as f64 / decisions.len() as f64,
                risk: n_wrong as f64 / n_decided as f64,
            });
        }
        curve
    }

    /// Area under the risk-coverage curve, in `[0, 1]`; `None` without an object.
    pub fn aurc(&self) -> Option<f64> {
        let mut before = 0;
        let mut sum = 0.0;
        for point in self.curve() {
            sum += point.risk * (point.n_decided - before) as f64;
            before = point.n_decided;
        }
        (before > 0).then(|| sum / before as f64)
    }

    /// AURC less that of the same decisions with all wrong ones ranked last, what a better confidence could gain (E-AURC
    /// of Geifman, Uziel & El-Yaniv 2019); `None` without an object. Ties among right and wrong cost, never gain.
    pub fn excess_aurc(&self) -> Option<f64> {
        let n = self.decisions.len();
        let n_right = self.decisions.iter().filter(|(_, correct)| *correct).count();
        let best: f64 = (n_right + 1..=n).map(|rank| (rank - n_right) as f64 / rank as f64).sum();
        Some((self.aurc()? - best / n as f64).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(decisions: &[(f64, bool)]) -> RiskCoverage {
        let mut it = RiskCoverage::default();
        for &(confidence, correct) in decisions {
            it.add(confidence, correct).unwrap();
        }
        it
    }

    #[test]
    fn areas_by_hand() {
        // Risks 0, 1/2, 1/3, 1/2.
        let mixed = of(&[(0.9, true), (0.8, false), (0.7, true), (0.6, false)]);
        assert!((mixed.aurc().unwrap() - (0.5 + 1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-15);
        // Best: risks 0, 0, 1/3, 1/2.
        assert!((mixed.excess_aurc().unwrap() - 0.125).abs() < 1e-15);
        let best = of(&[(0.9, true), (0.8, true), (0.7, false), (0.6, false)]);
        assert_eq!(best.excess_aurc(), Some(0.0));
        assert_eq!(of(&[(0.5, false); 3]).aurc(), Some(1.0));
        assert_eq!(of(&[(0.5, true); 3]).excess_aurc(), Some(0.0));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn stored_decisions_are_checked() {
        let decisions = of(&[(0.9, true), (0.1, false)]);
        let json = serde_json::to_string(&decisions).unwrap();
        assert_eq!(serde_json::from_str::<RiskCoverage>(&json).unwrap(), decisions);
        assert!(serde_json::from_str::<RiskCoverage>(&json.replace("0.9", "1.9")).is_err());
        assert!(serde_json::from_str::<RiskCoverage>(&json.replace("0.9", "-0.9")).is_err());
    }

    #[test]
    fn nothing_and_nonsense() {
        assert_eq!((of(&[]).aurc(), of(&[]).excess_aurc(), of(&[]).curve()), (None, None, vec![]));
        assert!(RiskCoverage::default().add(f64::NAN, true).is_err());
        assert!(RiskCoverage::default().add(1.01, true).is_err());
        assert_eq!(of(&[(0.0, true), (-0.0, false)]).curve().len(), 1);
    }
}
