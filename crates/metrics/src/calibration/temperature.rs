//! One temperature by maximum likelihood.

use super::error::CalibrationError;
use super::rows;
use crate::in_order::in_order;

/// Probabilities are floored at this before their logarithm is taken, so that a single impossible truth does not make
/// every likelihood zero. Far below what an `f32` PMF resolves next to 1.
pub const PROBABILITY_FLOOR: f64 = 1e-12;

/// Temperatures are sought between these two.
pub const TEMPERATURE_BOUNDS: (f64, f64) = (0.01, 100.0);

/// Logits further from zero are refused.
const LOGIT_LIMIT: f64 = 1e100;
/// Rows per partial sum: the same partial sums, added in the same order, for any number of threads.
const ROWS_PER_PART: usize = 4096;
/// Bisection alone needs 60 steps to halve the bounds to the last digit.
const MAX_STEPS: usize = 200;

/// Where the best temperature was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TemperatureStatus {
    /// Between the bounds, where the gradient vanishes.
    Interior,
    /// At the lower of [`TEMPERATURE_BOUNDS`]: each true class is (nearly) always the most probable one, and a colder
    /// softmax is always better.
    LowestBound,
    /// At the upper of [`TEMPERATURE_BOUNDS`]: the logits speak against the true classes, and uniform is best.
    HighestBound,
    /// Every row has equal logits: each temperature gives the same, 1 is returned.
    Undetermined,
}

/// A fitted temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TemperatureFit {
    /// The temperature: above 1 the classifier was too sure, below 1 not sure enough.
    pub temperature: f64,
    /// Where it was found.
    pub status: TemperatureStatus,
    /// Number of objects.
    pub n_objects: usize,
    /// Mean negative log-likelihood at temperature 1 \[nat\].
    pub nll_before: f64,
    /// Mean negative log-likelihood at the temperature, never above the one before \[nat\].
    pub nll_after: f64,
}

/// The temperature `T` that minimizes the negative log-likelihood of the true classes.
///
/// ```text
/// NLL(β) = Σ_i [ln Σ_c exp(β z_ic) - β z_iy],   β = 1/T
/// dNLL/dβ = Σ_i (E_i[z] - z_iy),   d²NLL/dβ² = Σ_i Var_i[z] ≥ 0      (E_i, Var_i under softmax(β z_i))
/// ```
///
/// Convex in `β`, hence one minimum: Newton's steps, replaced by bisection where they leave the bracket. Logarithms of
/// probabilities serve as logits. The argmax never changes. Platt 1999 for two classes; Guo et al. 2017
/// ([arXiv 1706.04599](https://arxiv.org/abs/1706.04599)), eq. 9.
///
/// `logits`: `[objects, n_classes]`, row-major.
///
/// # Errors
/// [`CalibrationError::Shape`], [`CalibrationError::RowCount`], [`CalibrationError::Empty`],
/// [`CalibrationError::Label`], [`CalibrationError::Logit`] (also for the logarithm of 0: take
/// [`PROBABILITY_FLOOR`] first).
///
/// ```
/// use heliacal_metrics::calibration::fit_temperature;
///
/// // Said with odds 9:1, true three times in four (odds 3:1): T = ln 9 / ln 3 = 2.
/// let row = [9.0_f64.ln(), 0.0];
/// let fit = fit_temperature(&row.repeat(4), 2, &[0, 0, 0, 1])?;
/// assert!((fit.temperature - 2.0).abs() < 1e-12);
/// # Ok::<(), heliacal_metrics::calibration::CalibrationError>(())
/// ```
pub fn fit_temperature(
    logits: &[f64],
    n_classes: usize,
    labels: &[usize],
) -> Result<TemperatureFit, CalibrationError> {
    rows::count(logits.len(), n_classes, labels.len())?;
    let mut below_maximum = Vec::with_capacity(logits.len());
    for (row, (logits, &label)) in logits.chunks_exact(n_classes).zip(labels).enumerate() {
        rows::check_label(row, label, n_classes)?;
        if let Some(class) = logits.iter().position(|z| z.is_nan() || z.abs() > LOGIT_LIMIT) {
            return Err(CalibrationError::Logit { row, class, value: logits[class] });
        }
        let maximum = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        below_maximum.extend(logits.iter().map(|z| z - maximum));
    }
    Ok(minimize(&Likelihood { logits: &below_maximum, n_classes, labels }))
}

/// Logits with their maximum subtracted, row by row.
struct Likelihood<'a> {
    logits: &'a [f64],
    n_classes: usize,
    labels: &'a [usize],
}

/// Negative log-likelihood and its two derivatives with respect to `β`.
#[derive(Clone, Copy, Default)]
struct Derivatives {
    value: f64,
    gradient: f64,
    curvature: f64,
}

impl Likelihood<'_> {
    fn at(&self, beta: f64) -> Derivatives {
        let n_parts = self.labels.len().div_ceil(ROWS_PER_PART);
        let sums = in_order(
            n_parts,
            1,
            || (),
            |(), part| {
                let rows = part * ROWS_PER_PART..((part + 1) * ROWS_PER_PART).min(self.labels.len());
                let logits = &self.logits[rows.start * self.n_classes..rows.end * self.n_classes];
                let mut sum = Derivatives::default();
                for (row, &label) in logits.chunks_exact(self.n_classes).zip(&self.labels[rows]) {
                    let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
                    for &z in row {
                        let weight = (beta * z).exp();
                        // Not 0 · ∞.
                        if weight > 0.0 {
                            mass += weight;
                            first += weight * z;
                            second += weight * z * z;
                        }
                    }
                    let mean = first / mass;
                    sum.value += mass.ln() - beta * row[label];
                    sum.gradient += mean - row[label];
                    sum.curvature += (second / mass - mean * mean).max(0.0);
                }
                sum
            },
        );
        sums.into_iter().fold(Derivatives::default(), |a, b| Derivatives {
            value: a.value + b.value,
            gradient: a.gradient + b.gradient,
            curvature: a.curvature + b.curvature,
        })
    }
}

fn minimize(likelihood: &Likelihood<'_>) -> TemperatureFit {
    let n_objects = likelihood.labels.len();
    let before = likelihood.at(1.0);
    let fit = |beta: f64, value: f64, status| TemperatureFit {
        temperature: 1.0 / beta,
        status,
        n_objects,
        nll_before: before.value / n_objects as f64,
        nll_after: value / n_objects as f64,
    };
    if likelihood.logits.iter().all(|&z| z == 0.0) {
        return fit(1.0, before.value, TemperatureStatus::Undetermined);
    }
    let (coldest, hottest) = TEMPERATURE_BOUNDS;
    let (mut low, mut high) = (1.0 / hottest, 1.0 / coldest);
    let (at_low, at_high) = (likelihood.at(low), likelihood.at(high));
    if at_low.gradient >= 0.0 {
        return fit(low, at_low.value, TemperatureStatus::HighestBound);
    }
    if at_high.gradient <= 0.0 {
        return fit(high, at_high.value, TemperatureStatus::LowestBound);
    }
    let (mut beta, mut here) = (1.0, before);
    for _ in 0..MAX_STEPS {
        if here.gradient == 0.0 {
            break;
        }
        if here.gradient > 0.0 {
            high = beta;
        } else {
            low = beta;
        }
        let step = here.gradient / here.curvature;
        // Newton squares its error: after a step this small the last digit stands, and rounding would go on for ever.
        let last = step.abs() <= 1e-9 * beta;
        let newton = beta - step;
        beta = if last {
            newton.clamp(low, high)
        } else if newton > low && newton < high {
            newton
        } else {
            (low * high).sqrt()
        };
        here = likelihood.at(beta);
        if last {
            break;
        }
    }
    // Where T = 1 is already best, rounding may speak for a neighbour.
    if here.value > before.value {
        (beta, here) = (1.0, before);
    }
    fit(beta, here.value, TemperatureStatus::Interior)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separable_and_hopeless_data_end_at_the_bounds() {
        let right = fit_temperature(&[2.0, 0.0, 0.0, 3.0], 2, &[0, 1]).unwrap();
        assert_eq!((right.temperature, right.status), (0.01, TemperatureStatus::LowestBound));
        assert!(right.nll_after < right.nll_before);
        let wrong = fit_temperature(&[2.0, 0.0, 0.0, 3.0], 2, &[1, 0]).unwrap();
        assert_eq!((wrong.temperature, wrong.status), (100.0, TemperatureStatus::HighestBound));
        assert!(wrong.nll_after < wrong.nll_before);
    }

    #[test]
    fn equal_logits_say_nothing() {
        let fit = fit_temperature(&[5.0; 6], 3, &[0, 2]).unwrap();
        assert_eq!((fit.temperature, fit.status), (1.0, TemperatureStatus::Undetermined));
        assert!((fit.nll_after - 3.0_f64.ln()).abs() < 1e-15);
        assert_eq!(fit_temperature(&[0.3, -1.0], 1, &[0, 0]).unwrap().temperature, 1.0);
    }

    #[test]
    fn a_calibrated_classifier_stays() {
        // Odds 3:1, true three times in four.
        let fit = fit_temperature(&[3.0_f64.ln(), 0.0].repeat(4), 2, &[0, 0, 1, 0]).unwrap();
        assert!((fit.temperature - 1.0).abs() < 1e-14);
        assert!(fit.nll_after <= fit.nll_before);
    }

    #[test]
    fn huge_logits_stay_finite() {
        let fit = fit_temperature(&[1e90, -1e90, 0.0, 1.0], 2, &[0, 0]).unwrap();
        assert!(fit.temperature.is_finite() && fit.nll_before.is_finite() && fit.nll_after.is_finite());
    }

    #[test]
    fn bad_input_is_refused() {
        let fault = |logits: &[f64], labels: &[usize]| fit_temperature(logits, 2, labels).unwrap_err();
        assert_eq!(fault(&[], &[]), CalibrationError::Empty);
        assert_eq!(fault(&[1.0; 3], &[0]), CalibrationError::Shape { n_values: 3, n_columns: 2 });
        assert_eq!(fault(&[1.0; 4], &[0]), CalibrationError::RowCount { n_rows: 2, n_labels: 1 });
        assert_eq!(fault(&[1.0; 2], &[2]), CalibrationError::Label { row: 0, label: 2, n_classes: 2 });
        let minus = f64::NEG_INFINITY;
        assert_eq!(fault(&[0.0, minus], &[0]), CalibrationError::Logit { row: 0, class: 1, value: minus });
    }
}
