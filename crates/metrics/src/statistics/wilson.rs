//! Interval of a proportion.

use super::error::StatisticsError;
use super::interval::{Interval, check_level};
use super::normal;

/// Wilson's score interval of a proportion: accuracy, purity, completeness, any fraction of independent objects.
///
/// ```text
/// (p̂ + z²/2n ± z √(p̂(1 - p̂)/n + z²/4n²)) / (1 + z²/n),   p̂ = k/n,   z = Φ⁻¹((1 + level)/2)
/// ```
///
/// Inside `[0, 1]` and around `k/n` always; 0 at `k = 0` and 1 at `k = n` exactly. `None` of no trial. Wilson 1927;
/// statsmodels' `proportion_confint(method="wilson")`. The lower end is computed as the product of the roots over the
/// upper, which keeps its digits where `k` is small.
///
/// # Errors
/// [`StatisticsError::Level`], [`StatisticsError::Successes`].
///
/// ```
/// use heliacal_metrics::statistics::wilson_interval;
///
/// // One success in one trial: [1/(1 + z²), 1], z = 1.96.
/// let interval = wilson_interval(1, 1, 0.95)?.unwrap();
/// assert!((interval.lower - 0.2065).abs() < 5e-5 && interval.upper == 1.0);
/// # Ok::<(), heliacal_metrics::statistics::StatisticsError>(())
/// ```
pub fn wilson_interval(successes: u64, n: u64, level: f64) -> Result<Option<Interval>, StatisticsError> {
    check_level(level)?;
    if successes > n {
        return Err(StatisticsError::Successes { successes, n });
    }
    if n == 0 {
        return Ok(None);
    }
    let trials = n as f64;
    let z = normal::half_width(level);
    let z2_n = z * z / trials;
    let upper_root = |p: f64| p + 0.5 * z2_n + z * (p * (1.0 - p) / trials + 0.25 * z2_n / trials).sqrt();
    // The product of both roots is p². min and max: rounding where z is near 0.
    let lower = |p: f64| (p * p / upper_root(p)).min(p);
    let (p, q) = (successes as f64 / trials, (n - successes) as f64 / trials);
    let upper = if p < q { upper_root(p) / (1.0 + z2_n) } else { 1.0 - lower(q) };
    Ok(Some(Interval { lower: lower(p), upper: upper.max(p), level }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_exact() {
        let none = wilson_interval(0, 10, 0.95).unwrap().unwrap();
        assert_eq!(none.lower, 0.0);
        // z²/(n + z²)
        assert!((none.upper - 3.841_458_820_694_124 / 13.841_458_820_694_124).abs() < 1e-15);
        assert_eq!(wilson_interval(10, 10, 0.95).unwrap().unwrap().upper, 1.0);
        let half = wilson_interval(5, 10, 0.9).unwrap().unwrap();
        assert!((half.lower + half.upper - 1.0).abs() < 1e-15);
    }

    #[test]
    fn undefined_and_bad_input() {
        assert_eq!(wilson_interval(0, 0, 0.95), Ok(None));
        assert_eq!(wilson_interval(3, 2, 0.95), Err(StatisticsError::Successes { successes: 3, n: 2 }));
        for level in [0.0, 1.0, f64::NAN] {
            assert!(matches!(wilson_interval(1, 2, level), Err(StatisticsError::Level { .. })));
        }
    }
}
