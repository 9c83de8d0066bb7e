//! Bins of confidence.

use super::error::CalibrationError;

/// Intervals of confidence that cover `[0, 1]`: `(lower, upper]`, and 0 belongs to the first.
///
/// The side on which an edge counts is that of Guo et al. 2017 (eq. 2) and of scikit-learn's `calibration_curve`.
///
/// ```
/// use heliacal_metrics::calibration::Bins;
///
/// let bins = Bins::equal_width(4)?;
/// assert_eq!(bins.edges(), [0.0, 0.25, 0.5, 0.75, 1.0]);
/// assert_eq!([0.0, 0.25, 0.26, 1.0].map(|p| bins.index(p)), [0, 0, 1, 3]);
/// # Ok::<(), heliacal_metrics::calibration::CalibrationError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<f64>", into = "Vec<f64>"))]
pub struct Bins(Vec<f64>);

impl Bins {
    /// Takes edges as they are: strictly rising, the first 0 and the last 1.
    ///
    /// # Errors
    /// [`CalibrationError::Edges`].
    pub fn new(edges: Vec<f64>) -> Result<Self, CalibrationError> {
        let fault = |index: usize| CalibrationError::Edges {
            index,
            value: edges.get(index).copied().unwrap_or(f64::NAN),
        };
        if edges.first() != Some(&0.0) {
            return Err(fault(0));
        }
        // A NaN is not greater than its neighbour.
        let rises = |index: &usize| edges[*index] > edges[*index - 1];
        if let Some(index) = (1..edges.len()).find(|index| !rises(index)) {
            return Err(fault(index));
        }
        if edges.len() < 2 || edges.last() != Some(&1.0) {
            return Err(fault(edges.len() - 1));
        }
        Ok(Self(edges))
    }

    /// Bins of the same width, edges `i / n_bins`.
    ///
    /// # Errors
    /// [`CalibrationError::BinCount`].
    pub fn equal_width(n_bins: usize) -> Result<Self, CalibrationError> {
        check_bin_count(n_bins)?;
        Ok(Self((0..=n_bins).map(|edge| edge as f64 / n_bins as f64).collect()))
    }

    /// Bins that hold about as many of the given confidences each.
    ///
    /// Inner edges are the sample's quantiles `i / n_bins`, linear between order statistics (NumPy's default). Equal
    /// quantiles, and those at 0 or 1, are taken once: with tied confidences there are fewer bins than asked for.
    ///
    /// # Errors
    /// [`CalibrationError::BinCount`]; [`CalibrationError::Empty`] without a sample;
    /// [`CalibrationError::NotAProbability`] for a value outside `[0, 1]`.
    pub fn equal_mass(sample: &[f64], n_bins: usize) -> Result<Self, CalibrationError> {
        check_bin_count(n_bins)?;
        if let Some(&value) = sample.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(CalibrationError::NotAProbability { value });
        }
        let mut sorted = sample.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1).ok_or(CalibrationError::Empty)?;
        let mut edges = vec![0.0];
        for bin in 1..n_bins {
            let position = last as f64 * bin as f64 / n_bins as f64;
            let below = position as usize;
            let above = (below + 1).min(last);
            let edge = sorted[below] + (position - below as f64) * (sorted[above] - sorted[below]);
            if edge > edges[edges.len() - 1] && edge < 1.0 {
                edges.push(edge);
            }
        }
        edges.push(1.0);
        Ok(Self(edges))
    }

    /// The edges, one more than bins.
    pub fn edges(&self) -> &[f64] {
        &self.0
    }

    /// Number of bins.
    pub fn n_bins(&self) -> usize {
        self.0.len() - 1
    }

    /// The bin of a confidence; below 0 the first, above 1 the last.
    pub fn index(&self, confidence: f64) -> usize {
        self.0[1..self.n_bins()].partition_point(|&edge| edge < confidence)
    }
}

impl TryFrom<Vec<f64>> for Bins {
    type Error = CalibrationError;

    fn try_from(edges: Vec<f64>) -> Result<Self, CalibrationError> {
        Self::new(edges)
    }
}

impl From<Bins> for Vec<f64> {
    fn from(bins: Bins) -> Self {
        bins.0
    }
}

fn check_bin_count(n_bins: usize) -> Result<(), CalibrationError> {
    if (1..=1_000_000).contains(&n_bins) { Ok(()) } else { Err(CalibrationError::BinCount { n_bins }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_checked() {
        assert!(Bins::new(vec![0.0, 0.5, 1.0]).is_ok());
        assert!(Bins::new(vec![]).is_err());
        assert!(Bins::new(vec![0.0]).is_err());
        assert!(Bins::new(vec![0.1, 1.0]).is_err());
        assert_eq!(Bins::new(vec![0.0, 0.9]), Err(CalibrationError::Edges { index: 1, value: 0.9 }));
        assert_eq!(
            Bins::new(vec![0.0, 0.5, 0.5, 1.0]),
            Err(CalibrationError::Edges { index: 2, value: 0.5 })
        );
        assert!(matches!(Bins::new(vec![0.0, f64::NAN, 1.0]), Err(CalibrationError::Edges { index: 1, .. })));
        assert_eq!(Bins::equal_width(0), Err(CalibrationError::BinCount { n_bins: 0 }));
    }

    #[test]
    fn quantiles_by_hand() {
        // Quartiles of 0.0, 0.1, 0.2, 0.4, 0.8 are 0.1, 0.2, 0.4.
        let bins = Bins::equal_mass(&[0.8, 0.0, 0.4, 0.1, 0.2], 4).unwrap();
        assert_eq!(bins.edges(), [0.0, 0.1, 0.2, 0.4, 1.0]);
        let tied = Bins::equal_mass(&[0.5; 9], 4).unwrap();
        assert_eq!(tied.edges(), [0.0, 0.5, 1.0]);
        assert_eq!(Bins::equal_mass(&[1.0; 3], 4).unwrap().n_bins(), 1);
        assert_eq!(Bins::equal_mass(&[], 4), Err(CalibrationError::Empty));
        assert!(Bins::equal_mass(&[0.1, f64::NAN], 4).is_err());
    }
}
