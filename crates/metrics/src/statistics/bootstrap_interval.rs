//! Intervals from bootstrap replicates.

use super::bootstrap::BootstrapSample;
use super::error::StatisticsError;
use super::interval::{Interval, check_level, check_values};
use super::normal;

impl BootstrapSample {
    /// Sample standard deviation of the replicates; `None` of fewer than two.
    pub fn standard_error(&self) -> Option<f64> {
        self.replicates.iter().copied().collect::<crate::Moments>().standard_deviation()
    }

    /// The interval between two quantiles of the replicates, [`percentile_interval`].
    ///
    /// # Errors
    /// As [`percentile_interval`].
    pub fn percentile(&self, level: f64) -> Result<Interval, StatisticsError> {
        percentile_interval(&self.replicates, level)
    }

    /// The bias-corrected and accelerated interval, [`bca_interval`].
    ///
    /// # Errors
    /// As [`bca_interval`], and [`StatisticsError::NoAcceleration`].
    pub fn bca(&self, level: f64) -> Result<Interval, StatisticsError> {
        let acceleration = self.acceleration.ok_or(StatisticsError::NoAcceleration)?;
        bca_interval(self.estimate, &self.replicates, acceleration, level)
    }
}

/// The interval between the quantiles `(1 ∓ level)/2` of bootstrap replicates.
///
/// Quantiles are linear between order statistics, at `q (B - 1)` from 0 (type 7 of Hyndman & Fan 1996, SciPy's and NumPy's
/// default). Efron 1979.
///
/// # Errors
/// [`StatisticsError::Level`], [`StatisticsError::Empty`], [`StatisticsError::NotFinite`].
///
/// ```
/// use heliacal_metrics::statistics::percentile_interval;
///
/// let interval = percentile_interval(&[4.0, 1.0, 2.0, 3.0, 0.0], 0.5)?;
/// assert_eq!((interval.lower, interval.upper), (1.0, 3.0));
/// # Ok::<(), heliacal_metrics::statistics::StatisticsError>(())
/// ```
pub fn percentile_interval(replicates: &[f64], level: f64) -> Result<Interval, StatisticsError> {
    check_level(level)?;
    check_values(replicates)?;
    let sorted = sorted(replicates);
    let tail = 0.5 * (1.0 - level);
    Ok(Interval { lower: quantile(&sorted, tail), upper: quantile(&sorted, 1.0 - tail), level })
}

/// The bias-corrected and accelerated (BCa) interval of bootstrap replicates.
///
/// ```text
/// z₀ = Φ⁻¹(share of replicates below the estimate, equal ones by half)
/// α(z) = Φ(z₀ + (z₀ + z) / (1 - a (z₀ + z)))
/// ends: the quantiles α(-z), α(z) of the replicates,   z = Φ⁻¹((1 + level)/2)
/// ```
///
/// Quantiles as in [`percentile_interval`]. Where all replicates lie on one side of the estimate, or `1 - a (z₀ + z) ≤ 0`,
/// the formula has no value and there is an error (SciPy: NaN with a warning). Efron 1987; Efron & Tibshirani 1993,
/// eq. 14.10; `scipy.stats.bootstrap(method="BCa")`.
///
/// # Errors
/// [`StatisticsError::Level`], [`StatisticsError::Empty`], [`StatisticsError::NotFinite`],
/// [`StatisticsError::NoAcceleration`] where that is not finite, [`StatisticsError::NoBca`].
///
/// ```
/// use heliacal_metrics::statistics::{bca_interval, percentile_interval};
///
/// // No bias and no acceleration: the percentile interval.
/// let replicates = [-2.0, -1.0, 0.0, 1.0, 2.0];
/// let (bca, percentile) = (bca_interval(0.0, &replicates, 0.0, 0.8)?, percentile_interval(&replicates, 0.8)?);
/// assert!((bca.lower - percentile.lower).abs() < 1e-14 && (bca.upper - percentile.upper).abs() < 1e-14);
/// # Ok::<(), heliacal_metrics::statistics::StatisticsError>(())
/// ```
pub fn bca_interval(
    estimate: f64,
    replicates: &[f64],
    acceleration: f64,
    level: f64,
) -> Result<Interval, StatisticsError> {
    check_level(level)?;
    check_values(&[estimate])?;
    check_values(replicates)?;
    if !acceleration.is_finite() {
        return Err(StatisticsError::NoAcceleration);
    }
    let twice: usize =
        replicates.iter().map(|r| usize::from(*r < estimate) + usize::from(*r <= estimate)).sum();
    let bias = normal::quantile(twice as f64 / (2.0 * replicates.len() as f64));
    let no_bca = || StatisticsError::NoBca {
        n_below: twice as f64 / 2.0,
        n_replicates: replicates.len(),
        acceleration,
    };
    if !bias.is_finite() {
        return Err(no_bca());
    }
    let sorted = sorted(replicates);
    let end = |z: f64| {
        let stretch = 1.0 - acceleration * (bias + z);
        if stretch > 0.0 {
            Ok(quantile(&sorted, normal::cdf(bias + (bias + z) / stretch)))
        } else {
            Err(no_bca())
        }
    };
    let reach = normal::half_width(level);
    Ok(Interval { lower: end(-reach)?, upper: end(reach)?, level })
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = q * (sorted.len() - 1) as f64;
    let below = position as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let share = position - below as f64;
    sorted[below] * (1.0 - share) + sorted[above] * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_have_a_point_for_an_interval() {
        let bca = bca_interval(2.0, &[2.0; 10], 0.0, 0.95).unwrap();
        assert_eq!((bca.lower, bca.upper), (2.0, 2.0));
    }

    #[test]
    fn a_formula_without_value_is_an_error() {
        let one_sided = bca_interval(5.0, &[1.0, 2.0], 0.0, 0.95).unwrap_err();
        assert_eq!(one_sided, StatisticsError::NoBca { n_below: 2.0, n_replicates: 2, acceleration: 0.0 });
        assert!(matches!(bca_interval(1.5, &[1.0, 2.0], 0.9, 0.95), Err(StatisticsError::NoBca { .. })));
        assert_eq!(bca_interval(1.5, &[1.0, 2.0], f64::NAN, 0.95), Err(StatisticsError::NoAcceleration));
    }

    #[test]
    fn a_single_replicate() {
        let sample =
            BootstrapSample { estimate: 1.0, replicates: vec![1.0], n_undefined: 0, acceleration: None };
        assert_eq!(sample.standard_error(), None);
        assert_eq!(sample.percentile(0.9).unwrap().upper, 1.0);
        assert_eq!(sample.bca(0.9), Err(StatisticsError::NoAcceleration));
        assert!(sample.percentile(1.0).is_err());
    }
}
