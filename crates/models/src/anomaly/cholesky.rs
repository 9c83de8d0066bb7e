//! The Cholesky decomposition of a symmetric positive definite matrix.

/// A matrix `A = L Lᵀ`, as its lower triangle `L`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cholesky {
    width: usize,
    /// Row-major `[width, width]`; zeros above the diagonal.
    lower: Vec<f64>,
}

impl Cholesky {
    /// Of a row-major `[width, width]` matrix, of which the lower triangle is read. None unless it is positive definite.
    pub fn new(width: usize, matrix: &[f64]) -> Option<Self> {
        let mut lower = vec![0.0; width * width];
        for i in 0..width {
            for j in 0..=i {
                let (row, column) = (&lower[i * width..i * width + j], &lower[j * width..j * width + j]);
                let rest = matrix[i * width + j] - row.iter().zip(column).map(|(a, b)| a * b).sum::<f64>();
                lower[i * width + j] = if i == j { rest.sqrt() } else { rest / lower[j * width + j] };
            }
            let pivot = lower[i * width + i];
            if !(pivot > 0.0 && pivot.is_finite()) {
                return None;
            }
        }
        Some(Self { width, lower })
    }

    /// `xᵀ A⁻¹ x`, by solving `L y = x`; `y` is room to work in.
    pub fn inverse_form(&self, x: impl Iterator<Item = f64>, y: &mut Vec<f64>) -> f64 {
        y.clear();
        for (i, x) in x.enumerate() {
            let row = &self.lower[i * self.width..=i * self.width + i];
            let known: f64 = row.iter().zip(y.iter()).map(|(l, y)| l * y).sum();
            y.push((x - known) / row[i]);
        }
        y.iter().map(|y| y * y).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_by_two_by_hand() {
        // [4 2; 2 3] = L Lᵀ with L = [2 0; 1 √2]; its inverse is [3 -2; -2 4] / 8.
        let cholesky = Cholesky::new(2, &[4.0, 2.0, 2.0, 3.0]).unwrap();
        assert_eq!(cholesky.lower, [2.0, 0.0, 1.0, 2f64.sqrt()]);
        let form = cholesky.inverse_form([1.0, -1.0].into_iter(), &mut Vec::new());
        assert!((form - (3.0 + 2.0 + 2.0 + 4.0) / 8.0).abs() < 1e-15, "{form}");
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        for matrix in [[0.0, 0.0, 0.0, 1.0], [1.0, 2.0, 2.0, 1.0], [f64::NAN, 0.0, 0.0, 1.0]] {
            assert_eq!(Cholesky::new(2, &matrix), None);
        }
    }
}
