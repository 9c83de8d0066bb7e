//! Reliability diagram and calibration error of one stream of confidences.

use super::bins::Bins;
use super::error::CalibrationError;
#[cfg(feature = "serde")]
use super::error::{check_stored, check_total};
use crate::pmf::SUM_TOLERANCE;

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReliabilityBin {
    /// Its lower edge, exclusive but for the first bin.
    pub lower: f64,
    /// Its upper edge, inclusive.
    pub upper: f64,
    /// Number of predictions in it.
    pub count: u64,
    /// Their mean confidence, `None` of none.
    pub mean_confidence: Option<f64>,
    /// The fraction of them that came true, `None` of none.
    pub observed_frequency: Option<f64>,
}

/// A reliability diagram with its two numbers.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReliabilityDiagram {
    /// Number of predictions.
    pub count: u64,
    /// Expected calibration error, `None` without a prediction.
    pub ece: Option<f64>,
    /// Maximum calibration error, `None` without a prediction.
    pub mce: Option<f64>,
    /// The bins from low to high confidence, empty ones included.
    pub bins: Vec<ReliabilityBin>,
}

/// How often do predictions of a given confidence come true? Counts by bins of confidence; two parts add up to the whole.
///
/// ```text
/// ECE = Σ_b (n_b / n) |observed_b - confidence_b|        MCE = max_b |observed_b - confidence_b|
/// ```
///
/// `confidence_b` is the mean confidence within the bin, not its middle. Empty bins take no part; without a prediction
/// both are `None`. ECE depends on the bins and is biased upwards for few predictions: compare only equal bins and
/// sizes. Parts counted elsewhere come back from files (feature `serde`) checked. Guo et al. 2017 ([arXiv 1706.04599](https://arxiv.org/abs/1706.04599)), eq. 3 and 5; Naeini et al. 2015.
///
/// ```
/// use heliacal_metrics::calibration::{Bins, Reliability};
///
/// let mut reliability = Reliability::new(Bins::equal_width(2)?);
/// for (confidence, came_true) in [(0.2, false), (0.4, true), (0.9, true), (0.7, true)] {
///     reliability.add(confidence, came_true)?;
/// }
/// // Lower bin: 0.5 seen at 0.3 said. Upper bin: 1.0 seen at 0.8 said.
/// assert!((reliability.ece().unwrap() - 0.2).abs() < 1e-15);
/// # Ok::<(), heliacal_metrics::calibration::CalibrationError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked"))]
pub struct Reliability {
    bins: Bins,
    tallies: Vec<Tally>,
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    bins: Bins,
    tallies: Vec<Tally>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Tally {
    count: u64,
    n_true: u64,
    confidence_sum: f64,
}

impl Tally {
    fn gap(&self) -> Option<f64> {
        let n = self.count as f64;
        (self.count > 0).then(|| (self.n_true as f64 / n - self.confidence_sum / n).abs())
    }
}

impl Reliability {
    /// Starts with no prediction.
    pub fn new(bins: Bins) -> Self {
        let tallies = vec![Tally::default(); bins.n_bins()];
        Self { bins, tallies }
    }

    /// Adds a prediction: the confidence that was stated, and whether it came true.
    ///
    /// Up to [`SUM_TOLERANCE`] above 1 counts as 1, as sums of a PMF may end there.
    ///
    /// # Errors
    /// [`CalibrationError::NotAProbability`].
    pub fn add(&mut self, confidence: f64, came_true: bool) -> Result<(), CalibrationError> {
        if !(0.0..=1.0 + SUM_TOLERANCE).contains(&confidence) {
            return Err(CalibrationError::NotAProbability { value: confidence });
        }
        self.add_checked(confidence, came_true);
        Ok(())
    }

    #[cfg(feature = "serde")]
    pub(super) fn bins(&self) -> &Bins {
        &self.bins
    }

    pub(super) fn add_checked(&mut self, confidence: f64, came_true: bool) {
        let confidence = confidence.min(1.0);
        let tally = &mut self.tallies[self.bins.index(confidence)];
        tally.count += 1;
        tally.n_true += u64::from(came_true);
        tally.confidence_sum += confidence;
    }

    /// Adds all that another has seen.
    ///
    /// # Errors
    /// [`CalibrationError::Mismatch`] when the bins differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), CalibrationError> {
        if self.bins != other.bins {
            return Err(CalibrationError::Mismatch { what: "bins" });
        }
        for (tally, other) in self.tallies.iter_mut().zip(&other.tallies) {
            tally.count += other.count;
            tally.n_true += other.n_true;
            tally.confidence_sum += other.confidence_sum;
        }
        Ok(())
    }

    /// Number of predictions.
    pub fn count(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.count).sum()
    }

    /// Expected calibration error, in `[0, 1]`; `None` without a prediction.
    pub fn ece(&self) -> Option<f64> {
        let n = self.count() as f64;
        let weighted = |tally: &Tally| Some(tally.gap()? * tally.count as f64);
        (n > 0.0).then(|| (self.tallies.iter().filter_map(weighted).sum::<f64>() / n).clamp(0.0, 1.0))
    }

    /// Maximum calibration error over the bins that hold a prediction; `None` without a prediction.
    pub fn mce(&self) -> Option<f64> {
        self.tallies.iter().filter_map(Tally::gap).reduce(f64::max)
    }

    /// The diagram with its numbers.
    pub fn diagram(&self) -> ReliabilityDiagram {
        let edges = self.bins.edges();
        let bins = self.tallies.iter().zip(edges.windows(2)).map(|(tally, edges)| {
            let mean = |sum: f64| (tally.count > 0).then(|| sum / tally.count as f64);
            ReliabilityBin {
                lower: edges[0],
                upper: edges[1],
                count: tally.count,
                mean_confidence: mean(tally.confidence_sum),
                observed_frequency: mean(tally.n_true as f64),
            }
        });
        ReliabilityDiagram { count: self.count(), ece: self.ece(), mce: self.mce(), bins: bins.collect() }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for Reliability {
    type Error = CalibrationError;

    fn try_from(stored: Unchecked) -> Result<Self, CalibrationError> {
        let Unchecked { bins, tallies } = stored;
        check_stored(tallies.len() == bins.n_bins(), "bins and counts")?;
        check_total("counts", tallies.iter().map(|tally| tally.count))?;
        for tally in &tallies {
            check_stored(tally.n_true <= tally.count, "counts")?;
            // Rounding never carries a sum of numbers up to 1 past their number.
            let possible = (0.0..=tally.count as f64).contains(&tally.confidence_sum);
            check_stored(possible, "counts and sums of confidence")?;
        }
        Ok(Self { bins, tallies })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ten() -> Reliability {
        Reliability::new(Bins::equal_width(10).unwrap())
    }

    #[test]
    fn by_hand() {
        let mut reliability = ten();
        for (confidence, came_true) in [(0.95, true), (0.95, false), (0.25, false), (0.0, false)] {
            reliability.add(confidence, came_true).unwrap();
        }
        // Gaps 0.45 (two predictions), 0.25 and 0.
        assert!((reliability.ece().unwrap() - 1.15 / 4.0).abs() < 1e-15);
        assert!((reliability.mce().unwrap() - 0.45).abs() < 1e-15);
        let diagram = reliability.diagram();
        assert_eq!((diagram.count, diagram.bins.len()), (4, 10));
        assert_eq!((diagram.bins[9].count, diagram.bins[9].observed_frequency), (2, Some(0.5)));
        assert_eq!((diagram.bins[5].count, diagram.bins[5].mean_confidence), (0, None));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn parts_from_other_processes_add_up() {
        let (mut whole, mut left, mut right) = (ten(), ten(), ten());
        for (i, confidence) in [0.95, 0.5, 0.3, 0.75].into_iter().enumerate() {
            whole.add(confidence, i % 2 == 0).unwrap();
            if i < 2 { &mut left } else { &mut right }.add(confidence, i % 2 == 0).unwrap();
        }
        let json = serde_json::to_string(&right).unwrap();
        left.merge(&serde_json::from_str(&json).unwrap()).unwrap();
        assert_eq!(left, whole);
        for (good, bad) in [
            (r#""count":1,"n_true":1"#, r#""count":1,"n_true":2"#),
            (r#""confidence_sum":0.75"#, r#""confidence_sum":1.5"#),
            (r#""confidence_sum":0.75"#, r#""confidence_sum":-0.5"#),
            (r#""count":1"#, r#""count":18446744073709551615"#),
            ("[0.0,0.1,", "[0.0,"),
        ] {
            assert!(json.contains(good), "{json}");
            assert!(serde_json::from_str::<Reliability>(&json.replace(good, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_seen_is_undefined() {
        assert_eq!((ten().ece(), ten().mce(), ten().count()), (None, None, 0));
    }

    #[test]
    fn bad_input_is_refused() {
        let mut reliability = ten();
        for value in [-0.1, 1.1, f64::INFINITY] {
            assert_eq!(reliability.add(value, true), Err(CalibrationError::NotAProbability { value }));
        }
        assert!(reliability.add(f64::NAN, true).is_err());
        reliability.add(1.000_05, true).unwrap();
        assert_eq!(reliability.ece(), Some(0.0));
        let other = Reliability::new(Bins::equal_width(5).unwrap());
        assert!(reliability.merge(&other).is_err());
    }
}
