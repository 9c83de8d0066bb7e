//! How much a late change of mind weighs against an early one.

use std::fmt;
use std::sync::Arc;

use super::EscError;

/// The weight of a change of classification after a fraction `x = t/T` of the history.
///
/// `Exponential` is eq. 15 of Beyond the Final Label ([arXiv 2604.23792](https://arxiv.org/abs/2604.23792)), the default
/// with the paper's alpha of 2:
///
/// ```text
/// w(x) = (e^{αx} - 1) / (e^α - 1),   w(x) = x at α = 0
/// ```
///
/// Large alpha look at the last changes only, large negative ones at all alike; neither overflows.
///
/// ```
/// use heliacal_metrics::esc::WeightCurve;
///
/// let linear = WeightCurve::Exponential { alpha: 0.0 };
/// assert_eq!(linear.weight(0.25)?, 0.25);
/// let late = WeightCurve::custom(|x| if x < 0.5 { 0.0 } else { 1.0 });
/// assert_eq!((late.weight(0.25)?, late.weight(0.75)?), (0.0, 1.0));
/// # Ok::<(), heliacal_metrics::esc::EscError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum WeightCurve {
    /// Eq. 15.
    Exponential {
        /// Steepness: 0 is linear, above 0 late changes weigh more.
        alpha: f64,
    },
    /// Every change weighs 1.
    Uniform,
    /// Any other curve, finite and at least 0. It cannot be serialized.
    #[cfg_attr(feature = "serde", serde(skip))]
    Custom(CustomWeight),
}

/// A weight curve of the caller's own; two are equal when they are one and the same.
#[derive(Clone)]
pub struct CustomWeight(Arc<dyn Fn(f64) -> f64 + Send + Sync>);

impl fmt::Debug for CustomWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomWeight")
    }
}

impl PartialEq for CustomWeight {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl WeightCurve {
    /// A curve from a function of the fraction of the history, `0 < x < 1`.
    pub fn custom(curve: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        Self::Custom(CustomWeight(Arc::new(curve)))
    }

    /// The weight after a fraction of the history.
    ///
    /// # Errors
    /// [`EscError::Alpha`] where alpha is not finite, [`EscError::Weight`] where the curve gives a negative number,
    /// infinity or NaN.
    pub fn weight(&self, x: f64) -> Result<f64, EscError> {
        let weight = match self {
            Self::Exponential { alpha } if !alpha.is_finite() => {
                return Err(EscError::Alpha { alpha: *alpha });
            }
            Self::Exponential { alpha } => exponential(*alpha, x, 1.0),
            Self::Uniform => 1.0,
            Self::Custom(curve) => (curve.0)(x),
        };
        if weight.is_finite() && weight >= 0.0 { Ok(weight) } else { Err(EscError::Weight { x, weight }) }
    }

    /// The weights of a history's `T - 1` distances.
    pub(super) fn table(&self, n_steps: usize) -> Result<WeightTable, EscError> {
        let n = n_steps as f64;
        if let Self::Exponential { alpha } = *self
            && n_steps > 1
        {
            let scale = self.weight((n - 1.0) / n)?;
            let last = (n - 1.0) / n;
            let weights = (1..n_steps).map(|t| exponential(alpha, t as f64 / n, last)).collect();
            return Ok(WeightTable { weights, scale });
        }
        let weights = (1..n_steps).map(|t| self.weight(t as f64 / n)).collect::<Result<_, _>>()?;
        Ok(WeightTable { weights, scale: 1.0 })
    }

    /// The weights again relative to the one of distance `last` (from 0), where the table's underflow; `None` for a curve
    /// whose zeros are meant.
    pub(super) fn relative_to(&self, last: usize, n_steps: usize) -> Option<impl Fn(usize) -> f64> {
        let Self::Exponential { alpha } = *self else { return None };
        let x = move |i: usize| (i + 1) as f64 / n_steps as f64;
        Some(move |i| exponential(alpha, x(i), x(last)))
    }
}

impl Default for WeightCurve {
    fn default() -> Self {
        Self::Exponential { alpha: 2.0 }
    }
}

/// Weights of a history's distances, divided by `scale`: those of eq. 15 by the last of them, which would underflow
/// for large alpha. The factor cancels in ESC_s.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WeightTable {
    pub(super) weights: Vec<f64>,
    pub(super) scale: f64,
}

/// `w(x) / w(unit)` of eq. 15, `0 < x <= unit <= 1`; `unit` 1 gives `w(x)` itself.
fn exponential(alpha: f64, x: f64, unit: f64) -> f64 {
    // Below this, eq. 15 is linear to the last digit, and denormal alpha have no digits to divide.
    if alpha.abs() < 1e-17 {
        x / unit
    } else if alpha > 0.0 {
        (alpha * (x - unit)).exp() * ((-alpha * x).exp_m1() / (-alpha * unit).exp_m1())
    } else {
        (alpha * x).exp_m1() / (alpha * unit).exp_m1()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(alpha: f64, x: f64) -> f64 {
        WeightCurve::Exponential { alpha }.weight(x).unwrap()
    }

    #[test]
    fn equation_15() {
        for alpha in [-5.0, -2.0, 1e-9, 0.5, 2.0, 30.0] {
            for x in [0.01, 0.25, 0.5, 0.99] {
                let printed = (f64::exp_m1(alpha * x)) / f64::exp_m1(alpha);
                assert!((weight(alpha, x) / printed - 1.0).abs() < 2e-14, "{alpha} {x}");
            }
            assert_eq!(weight(alpha, 1.0), 1.0);
        }
        assert_eq!((weight(0.0, 0.3), weight(5e-324, 0.3), weight(-5e-324, 0.3)), (0.3, 0.3, 0.3));
        // w(1/2) = 1 / (e^{α/2} + 1)
        assert!((weight(2.0, 0.5) - 1.0 / (1.0_f64.exp() + 1.0)).abs() < 1e-16);
    }

    #[test]
    fn steep_curves_stay_finite() {
        assert!((weight(800.0, 0.99) / (-8.0_f64).exp() - 1.0).abs() < 1e-12);
        assert_eq!((weight(1e308, 0.5), weight(-1e308, 0.5)), (0.0, 1.0));
        let table = WeightCurve::Exponential { alpha: 1e5 }.table(4).unwrap();
        assert_eq!(table.weights, [0.0, 0.0, 1.0]);
        assert_eq!(table.scale, 0.0);
    }

    #[test]
    fn bad_curves_are_refused() {
        let error = WeightCurve::Exponential { alpha: f64::NAN }.table(2).unwrap_err();
        assert!(matches!(error, EscError::Alpha { .. }));
        let falling = WeightCurve::custom(|x| 0.5 - x);
        let error = falling.table(4).unwrap_err();
        assert_eq!(error, EscError::Weight { x: 0.75, weight: -0.25 });
        assert_eq!(falling, falling.clone());
        assert_ne!(falling, WeightCurve::custom(|x| 0.5 - x));
    }
}
