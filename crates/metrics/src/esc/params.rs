//! When is a classification settled?

/// Why three numbers are no parameters of ESC_f.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EscParamsError {
    /// A bound on the distance that is negative, infinite or NaN.
    #[error("epsilon is {epsilon}, not a finite number of at least 0")]
    Epsilon {
        /// What was given.
        epsilon: f64,
    },
    /// A bound on the probability that is none.
    #[error("rho is {rho}, not within 0 to 1")]
    Rho {
        /// What was given.
        rho: f64,
    },
    /// A window without two classifications to compare.
    #[error("k is {k}, a window has at least 2 classifications")]
    K {
        /// What was given.
        k: usize,
    },
}

/// What ESC_f asks of a window of classifications: how close, how sure, how many.
///
/// The default is the paper's: epsilon 0.1, rho 0.5, k 5 (Beyond the Final Label,
/// [arXiv 2604.23792](https://arxiv.org/abs/2604.23792), Definition 1).
///
/// ```
/// use heliacal_metrics::esc::EscParams;
///
/// let params = EscParams::new(0.05, 0.9, 3)?;
/// assert_eq!((params.epsilon(), params.rho(), params.k()), (0.05, 0.9, 3));
/// assert!(EscParams::new(0.05, 0.9, 1).is_err());
/// # Ok::<(), heliacal_metrics::esc::EscParamsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked"))]
pub struct EscParams {
    epsilon: f64,
    rho: f64,
    k: usize,
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Unchecked {
    epsilon: f64,
    rho: f64,
    k: usize,
}

#[cfg(feature = "serde")]
impl Default for Unchecked {
    fn default() -> Self {
        let EscParams { epsilon, rho, k } = EscParams::default();
        Self { epsilon, rho, k }
    }
}

impl EscParams {
    /// Takes the largest distance between neighbours, the smallest probability of the class, and the number of
    /// classifications in a window.
    ///
    /// # Errors
    /// [`EscParamsError`]: `epsilon` negative, infinite or NaN; `rho` outside 0 to 1; `k` below 2.
    pub fn new(epsilon: f64, rho: f64, k: usize) -> Result<Self, EscParamsError> {
        check_epsilon(epsilon)?;
        check_rho(rho)?;
        check_k(k)?;
        Ok(Self { epsilon, rho, k })
    }

    /// The largest W1 between consecutive PMFs of a settled window, inclusive.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The smallest probability of the class in a settled window, inclusive.
    pub fn rho(&self) -> f64 {
        self.rho
    }

    /// Number of classifications in a window.
    pub fn k(&self) -> usize {
        self.k
    }
}

impl Default for EscParams {
    fn default() -> Self {
        Self { epsilon: 0.1, rho: 0.5, k: 5 }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for EscParams {
    type Error = EscParamsError;

    fn try_from(params: Unchecked) -> Result<Self, EscParamsError> {
        Self::new(params.epsilon, params.rho, params.k)
    }
}

pub(super) fn check_epsilon(epsilon: f64) -> Result<(), EscParamsError> {
    if epsilon.is_finite() && epsilon >= 0.0 { Ok(()) } else { Err(EscParamsError::Epsilon { epsilon }) }
}

pub(super) fn check_rho(rho: f64) -> Result<(), EscParamsError> {
    if (0.0..=1.0).contains(&rho) { Ok(()) } else { Err(EscParamsError::Rho { rho }) }
}

pub(super) fn check_k(k: usize) -> Result<(), EscParamsError> {
    if k >= 2 { Ok(()) } else { Err(EscParamsError::K { k }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        assert_eq!(EscParams::new(0.1, 0.5, 5), Ok(EscParams::default()));
        assert!(EscParams::new(0.0, 0.0, 2).is_ok());
        assert!(EscParams::new(7.0, 1.0, 2).is_ok());
        for epsilon in [-1e-300, f64::NAN, f64::INFINITY] {
            assert!(matches!(EscParams::new(epsilon, 0.5, 5), Err(EscParamsError::Epsilon { .. })));
        }
        for rho in [-1e-300, 1.0 + f64::EPSILON, f64::NAN] {
            assert!(matches!(EscParams::new(0.1, rho, 5), Err(EscParamsError::Rho { .. })));
        }
        let error = EscParams::new(0.1, 0.5, 1).unwrap_err();
        assert_eq!(error.to_string(), "k is 1, a window has at least 2 classifications");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn json_is_checked() {
        let json = serde_json::to_string(&EscParams::default()).unwrap();
        assert_eq!(json, r#"{"epsilon":0.1,"rho":0.5,"k":5}"#);
        assert_eq!(serde_json::from_str::<EscParams>(&json).unwrap(), EscParams::default());
        assert!(serde_json::from_str::<EscParams>(r#"{"epsilon":0.1,"rho":2.0,"k":5}"#).is_err());
        let three = serde_json::from_str::<EscParams>(r#"{"k":3}"#).unwrap();
        assert_eq!(three, EscParams { k: 3, ..EscParams::default() });
        assert!(serde_json::from_str::<EscParams>(r#"{"K":3}"#).is_err());
    }
}
