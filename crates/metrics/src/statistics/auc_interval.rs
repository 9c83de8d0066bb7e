//! Interval of an area under the ROC curve.

use super::error::StatisticsError;
use super::interval::{Interval, check_level};
use super::normal;
use crate::scorecard::hanley_mcneil_standard_error;

/// `A ± z SE` with [`hanley_mcneil_standard_error`], cut to `[0, 1]`; `None` where there is no standard error.
///
/// A normal approximation: near `A = 1` or for few objects take a bootstrap. Hanley & `McNeil` 1982.
///
/// # Errors
/// [`StatisticsError::Level`].
///
/// ```
/// use heliacal_metrics::statistics::hanley_mcneil_interval;
///
/// let interval = hanley_mcneil_interval(0.893, 51, 58, 0.95)?.unwrap();
/// assert!((interval.lower - (0.893 - 1.96 * 0.0325)).abs() < 1e-4);
/// assert_eq!(hanley_mcneil_interval(0.5, 0, 58, 0.95)?, None);
/// # Ok::<(), heliacal_metrics::statistics::StatisticsError>(())
/// ```
pub fn hanley_mcneil_interval(
    auc: f64,
    n_positive: u64,
    n_negative: u64,
    level: f64,
) -> Result<Option<Interval>, StatisticsError> {
    check_level(level)?;
    Ok(hanley_mcneil_standard_error(auc, n_positive, n_negative).map(|standard_error| {
        let reach = normal::half_width(level) * standard_error;
        Interval { lower: (auc - reach).max(0.0), upper: (auc + reach).min(1.0), level }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_to_areas() {
        let interval = hanley_mcneil_interval(0.95, 3, 3, 0.99).unwrap().unwrap();
        assert!(interval.upper == 1.0 && interval.contains(0.95));
        let interval = hanley_mcneil_interval(0.05, 3, 3, 0.99).unwrap().unwrap();
        assert!(interval.lower == 0.0 && interval.contains(0.05));
        assert!(hanley_mcneil_interval(0.5, 3, 3, 1.5).is_err());
    }
}
