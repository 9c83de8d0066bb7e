//! Prediction sets over a flat set of classes.

#[cfg(feature = "serde")]
use super::conformal_quantile::check_thresholds;
use super::conformal_quantile::{Coverage, thresholds, within};
use super::error::CalibrationError;
use super::rows;

/// How badly a class fits a PMF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SetScore {
    /// `1 - p_c` (LAC, least ambiguous sets; Sadinle, Lei & Wasserman 2019): the smallest sets on average.
    #[default]
    LeastAmbiguous,
    /// The mass of all classes ranked before it and its own (APS; Romano, Sesia & Candès 2020,
    /// [arXiv 2006.02544](https://arxiv.org/abs/2006.02544), without their randomization): sets that adapt to how hard
    /// an object is. Equally probable classes rank by index.
    Cumulative,
}

/// Sets of classes that hold the true one with probability at least `1 - α` (split conformal prediction).
///
/// The promise needs only that the objects to calibrate on and the new one are exchangeable, and holds for any
/// classifier. It is on average over calibrations, not for the one at hand. Nothing is random; sets grow as `α` falls;
/// a set may be empty where even the best class scores worse than the threshold. Vovk, Gammerman & Shafer 2005;
/// Angelopoulos & Bates 2021 ([arXiv 2107.07511](https://arxiv.org/abs/2107.07511)).
///
/// ```text
/// set(x) = {c : s(x, c) ≤ q},   q from conformal_quantile of s(x_i, y_i)
/// ```
///
/// ```
/// use heliacal_metrics::calibration::{ConformalSets, Coverage, SetScore};
///
/// // True class said with 0.9, 0.8, 0.6, 0.5: three of four scores 1 - p stay below 0.5.
/// let pmfs = [0.9, 0.1, 0.8, 0.2, 0.6, 0.4, 0.5, 0.5];
/// let sets = ConformalSets::fit(SetScore::LeastAmbiguous, Coverage::Marginal, &pmfs, 2, &[0, 0, 0, 0], 0.4)?;
/// assert_eq!(sets.thresholds()[0], Some(0.4)); // the 3rd of 4: ⌈5 · 0.6⌉
/// assert_eq!(sets.predict(&[0.7, 0.3])?, [0]);
/// assert!(sets.predict(&[0.5, 0.5])?.is_empty());
/// # Ok::<(), heliacal_metrics::calibration::CalibrationError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked"))]
pub struct ConformalSets {
    score: SetScore,
    coverage: Coverage,
    alpha: f64,
    thresholds: Vec<Option<f64>>,
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    score: SetScore,
    coverage: Coverage,
    alpha: f64,
    thresholds: Vec<Option<f64>>,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for ConformalSets {
    type Error = CalibrationError;

    fn try_from(stored: Unchecked) -> Result<Self, CalibrationError> {
        let Unchecked { score, coverage, alpha, thresholds } = stored;
        rows::check_alpha(alpha)?;
        check_thresholds(coverage, &thresholds)?;
        Ok(Self { score, coverage, alpha, thresholds })
    }
}

impl ConformalSets {
    /// Takes the thresholds from objects that the classifier was not trained on.
    ///
    /// `pmfs`: `[objects, n_classes]`, row-major.
    ///
    /// # Errors
    /// [`CalibrationError::Shape`], [`CalibrationError::RowCount`], [`CalibrationError::Empty`],
    /// [`CalibrationError::Pmf`], [`CalibrationError::Label`], [`CalibrationError::Alpha`].
    pub fn fit(
        score: SetScore,
        coverage: Coverage,
        pmfs: &[f64],
        n_classes: usize,
        labels: &[usize],
        alpha: f64,
    ) -> Result<Self, CalibrationError> {
        rows::check_pmfs(pmfs, n_classes, labels, n_classes)?;
        let scores: Vec<f64> =
            pmfs.chunks_exact(n_classes).zip(labels).map(|(pmf, &label)| scores(score, pmf)[label]).collect();
        let thresholds = thresholds(&scores, labels, n_classes, alpha, coverage)?;
        Ok(Self { score, coverage, alpha, thresholds })
    }

    /// The classes of the set, in order of index.
    ///
    /// # Errors
    /// [`CalibrationError::Shape`], [`CalibrationError::Pmf`], each as of row 0.
    pub fn predict(&self, pmf: &[f64]) -> Result<Vec<usize>, CalibrationError> {
        rows::check_pmf(0, pmf, self.thresholds.len())?;
        let scores = scores(self.score, pmf);
        Ok((0..pmf.len()).filter(|&class| within(scores[class], self.thresholds[class])).collect())
    }

    /// The threshold of every class (all equal for [`Coverage::Marginal`]); `None` where too few objects were given
    /// and the class is always included.
    pub fn thresholds(&self) -> &[Option<f64>] {
        &self.thresholds
    }

    /// For whom the coverage is promised.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// The miscoverage `α`.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }
}

fn scores(score: SetScore, pmf: &[f64]) -> Vec<f64> {
    match score {
        SetScore::LeastAmbiguous => pmf.iter().map(|p| 1.0 - p).collect(),
        SetScore::Cumulative => {
            let mut order: Vec<usize> = (0..pmf.len()).collect();
            order.sort_by(|&a, &b| pmf[b].total_cmp(&pmf[a]));
            let mut scores = vec![0.0; pmf.len()];
            let mut mass = 0.0;
            for class in order {
                mass += pmf[class];
                scores[class] = mass;
            }
            scores
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let pmf = [0.25, 0.5, 0.25];
        assert_eq!(scores(SetScore::LeastAmbiguous, &pmf), [0.75, 0.5, 0.75]);
        assert_eq!(scores(SetScore::Cumulative, &pmf), [0.75, 0.5, 1.0]);
    }

    #[test]
    fn a_class_seen_too_rarely_is_always_included() {
        let pmfs = [0.9, 0.1].repeat(9);
        let fit =
            |coverage| ConformalSets::fit(SetScore::Cumulative, coverage, &pmfs, 2, &[0; 9], 0.1).unwrap();
        let per_class = fit(Coverage::PerClass);
        assert_eq!(per_class.thresholds(), [Some(0.9), None]);
        assert_eq!(per_class.predict(&[0.8, 0.2]).unwrap(), [0, 1]);
        assert_eq!(fit(Coverage::Marginal).predict(&[0.8, 0.2]).unwrap(), [0]);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn stored_sets_are_checked() {
        let pmfs = [0.75, 0.25].repeat(9);
        let sets = ConformalSets::fit(SetScore::LeastAmbiguous, Coverage::Marginal, &pmfs, 2, &[0; 9], 0.125)
            .unwrap();
        let json = serde_json::to_string(&sets).unwrap();
        assert!(json.ends_with(r#""alpha":0.125,"thresholds":[0.25,0.25]}"#), "{json}");
        assert_eq!(serde_json::from_str::<ConformalSets>(&json).unwrap(), sets);
        for (good, bad) in [
            (":0.125", ":0.0"),
            ("[0.25,0.25]", "[]"),
            ("[0.25,0.25]", "[0.25,null]"),
            ("[0.25,0.25]", "[0.25,0.5]"),
            ("[0.25,0.25]", "[7.0,7.0]"),
        ] {
            assert!(serde_json::from_str::<ConformalSets>(&json.replace(good, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn bad_input_is_refused() {
        let fit = |pmfs: &[f64], labels: &[usize], alpha| {
            ConformalSets::fit(SetScore::LeastAmbiguous, Coverage::Marginal, pmfs, 2, labels, alpha)
                .unwrap_err()
        };
        assert_eq!(fit(&[], &[], 0.1), CalibrationError::Empty);
        assert_eq!(fit(&[0.5, 0.5], &[0], 1.0), CalibrationError::Alpha { alpha: 1.0 });
        assert!(matches!(fit(&[0.5, 0.7], &[0], 0.1), CalibrationError::Pmf { row: 0, .. }));
        assert!(matches!(fit(&[0.5, 0.5], &[2], 0.1), CalibrationError::Label { label: 2, .. }));
    }
}
