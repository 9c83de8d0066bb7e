//! Covariances of few vectors in many dimensions.

/// Covariance of vectors whose mean is zero, shrunk towards a multiple of the identity so that it can be inverted.
///
/// ```text
/// S = (1/n) Σ x xᵀ      µ = tr S / p      d² = |S - µ I|²      b² = (1/n²) Σ |x xᵀ - S|²
/// Σ* = (1 - b²/d²) S + (b²/d²) µ I,       |A|² the sum of squares of A's entries; b²/d² at most 1
/// ```
///
/// Ledoit and Wolf 2004 (J. Multivariate Analysis 88, 365), lemmas 3.2 to 3.5: the share of the identity that is best in
/// the limit of many vectors and dimensions; there is no number to choose.
///
/// `residuals`: row-major `[n, width]`. Gives the matrix, row-major, and the share of the identity.
pub(super) fn ledoit_wolf(width: usize, residuals: &[f64]) -> (Vec<f64>, f64) {
    let n = (residuals.len() / width) as f64;
    let mut matrix = vec![0.0; width * width];
    let mut sum_of_fourth_powers = 0.0; // Σ |x xᵀ|² = Σ |x|⁴
    for x in residuals.chunks_exact(width) {
        for (row, a) in matrix.chunks_exact_mut(width).zip(x) {
            for (entry, b) in row.iter_mut().zip(x) {
                *entry += a * b / n;
            }
        }
        sum_of_fourth_powers += x.iter().map(|a| a * a).sum::<f64>().powi(2);
    }
    let mean = matrix.iter().step_by(width + 1).sum::<f64>() / width as f64;
    let square: f64 = matrix.iter().map(|s| s * s).sum();
    let spread = square - width as f64 * mean * mean; // |S - µ I|² = |S|² - p µ²
    let noise = (sum_of_fourth_powers / n - square) / n; // Σ |x xᵀ - S|² = Σ |x|⁴ - n |S|²
    let share = if spread > 0.0 { (noise / spread).clamp(0.0, 1.0) } else { 1.0 };
    for (i, entry) in matrix.iter_mut().enumerate() {
        *entry *= 1.0 - share;
        if i % (width + 1) == 0 {
            *entry += share * mean;
        }
    }
    (matrix, share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Four vectors along the axes: S = diag(2, 1/2), µ = 5/4, d² = 9/8; |x|⁴ are 16, 16, 1, 1:
        // b² = (34/4 - 17/4) / 4 = 17/16, so the share is 17/18.
        let (matrix, share) = ledoit_wolf(2, &[2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0]);
        assert!((share - 17.0 / 18.0).abs() < 1e-15, "{share}");
        let expected = [2.0 / 18.0 + 17.0 / 18.0 * 1.25, 0.0, 0.0, 0.5 / 18.0 + 17.0 / 18.0 * 1.25];
        assert!(matrix.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{matrix:?}");
    }

    #[test]
    fn equal_variances_are_left_alone() {
        let (matrix, share) = ledoit_wolf(2, &[1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0]);
        assert_eq!((matrix, share), (vec![0.5, 0.0, 0.0, 0.5], 1.0));
    }

    /// scikit-learn 1.9: `sklearn.covariance.ledoit_wolf(x, assume_centered=True)` with
    /// `x[i, j] = sin(1 + 3 i + 7 j + i j) * (1 + j)`, 6 vectors of 3 numbers.
    #[test]
    fn as_scikit_learn() {
        let number = |i: usize, j: usize| ((1 + 3 * i + 7 * j + i * j) as f64).sin() * (1 + j) as f64;
        let residuals: Vec<f64> = (0..18).map(|k| number(k / 3, k % 3)).collect();
        let (matrix, share) = ledoit_wolf(3, &residuals);
        let expected: [f64; 9] = [
            1.748_754_414_136,
            0.009_061_160_035,
            -0.012_625_432_414,
            0.009_061_160_035,
            2.231_057_654_967,
            -0.034_823_600_645,
            -0.012_625_432_414,
            -0.034_823_600_645,
            2.932_102_678_476,
        ];
        assert!((share - 0.711_724_926_793).abs() < 1e-11, "{share}");
        assert!(matrix.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-11), "{matrix:?}");
    }
}
