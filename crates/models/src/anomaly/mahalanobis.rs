//! The distance to the nearest class.

use super::cholesky::Cholesky;
use super::covariance::ledoit_wolf;

/// Whose scatter a distance is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CovarianceKind {
    /// One covariance for all classes, of every vector around the mean of its class: what few objects allow, and the usual
    /// choice.
    #[default]
    Shared,
    /// Each class its own. A wide class then takes in much of the space.
    PerClass,
}

/// Vectors that no distance can be learned from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnomalyError {
    /// No vector, or vectors of no number.
    #[error("no latent vector to learn from, expected at least one with at least one number")]
    Empty,
    /// The slices do not belong together.
    #[error("{found} numbers, expected {expected}: {n_vectors} vectors of {width}")]
    Shape {
        /// Number of vectors.
        n_vectors: usize,
        /// Numbers in each.
        width: usize,
        /// Their product.
        expected: usize,
        /// How many numbers there are.
        found: usize,
    },
    /// A number that is NaN or infinite.
    #[error("number {index} of vector {vector} is {value}, expected a finite number")]
    NotFinite {
        /// Position of the vector.
        vector: usize,
        /// Position in it.
        index: usize,
        /// What stands there.
        value: f32,
    },
    /// Vectors that do not scatter: all of a class, or of every class, are the same.
    #[error("the latent vectors of {of} do not scatter")]
    NoScatter {
        /// Which ones.
        of: String,
    },
}

/// Anomaly score: the squared Mahalanobis distance to the nearest class of a training set. Higher is stranger.
///
/// ```text
/// M(x) = min over classes c of (x - µ_c)ᵀ Σ⁻¹ (x - µ_c)
/// ```
///
/// µ_c is the mean latent vector of the class, Σ the covariance around these means, of all classes together or of each
/// ([`CovarianceKind`]), shrunk as Ledoit and Wolf (2004, J. Multivariate Analysis 88, 365) do: of a few hundred vectors of
/// 64 numbers, some of which a ReLU may hold at 0, the plain covariance has no usable inverse. Shared covariance: Lee et
/// al. 2018, [arXiv 1807.03888](https://arxiv.org/abs/1807.03888), eq. 2, there with the plain covariance.
///
/// If the vectors were normal, M of an ordinary object would follow, for its own class, χ² with as many degrees of freedom
/// as there are numbers. They are not: compare scores with those of held-out ordinary objects.
///
/// An isolation forest is not here: of the crates for it, `extended-isolation-forest` 0.2.3 draws its random numbers from
/// the thread's generator, so that the same data give other scores each time, and wants the number of dimensions at
/// compile time.
///
/// ```
/// use heliacal_models::anomaly::{CovarianceKind, Mahalanobis};
///
/// // Two classes, scattered by 1 in either direction around (0, 0) and (10, 0).
/// let vectors = [1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0, 11.0, 0.0, 9.0, 0.0, 10.0, 1.0, 10.0, -1.0];
/// let classes = [0, 0, 0, 0, 1, 1, 1, 1];
/// let distance = Mahalanobis::fit(2, &vectors, &classes, CovarianceKind::Shared)?;
/// let (class, score) = distance.nearest(&[10.0, 1.0])?;
/// assert_eq!(class, 1);
/// assert!((score - 2.0).abs() < 1e-9); // the variance is 1/2 along each axis
/// assert!(distance.score(&[5.0, 0.0])? > 49.0); // between the classes is nobody
/// # Ok::<(), heliacal_models::anomaly::AnomalyError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mahalanobis {
    width: usize,
    classes: Vec<Class>,
    /// One for all classes, or one for each.
    covariances: Vec<Cholesky>,
}

#[derive(Debug, Clone, PartialEq)]
struct Class {
    label: usize,
    mean: Vec<f64>,
}

impl Mahalanobis {
    /// Learns from latent vectors, row-major `[object, width]`, and the class of each.
    ///
    /// # Errors
    /// [`AnomalyError::Empty`] and [`AnomalyError::Shape`] for slices that do not fit together,
    /// [`AnomalyError::NotFinite`], [`AnomalyError::NoScatter`] when all vectors of every class are the same; with
    /// [`CovarianceKind::PerClass`], of any class: so a class of one object is refused.
    pub fn fit(
        width: usize,
        vectors: &[f32],
        labels: &[usize],
        kind: CovarianceKind,
    ) -> Result<Self, AnomalyError> {
        if width == 0 || labels.is_empty() {
            return Err(AnomalyError::Empty);
        }
        check(width, vectors, labels.len())?;
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by_key(|&object| labels[object]); // stable
        let mut classes = Vec::new();
        let mut residuals = Vec::with_capacity(vectors.len());
        let mut covariances = Vec::new();
        for members in order.chunk_by(|&a, &b| labels[a] == labels[b]) {
            let rows = || members.iter().map(|&object| &vectors[object * width..(object + 1) * width]);
            let mut mean = vec![0.0; width];
            for row in rows() {
                mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x) / members.len() as f64);
            }
            for row in rows() {
                residuals.extend(row.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean));
            }
            let label = labels[members[0]];
            if kind == CovarianceKind::PerClass {
                covariances.push(covariance(width, &residuals, || format!("class {label}"))?);
                residuals.clear();
            }
            classes.push(Class { label, mean });
        }
        if kind == CovarianceKind::Shared {
            covariances.push(covariance(width, &residuals, || "every class".to_owned())?);
        }
        Ok(Self { width, classes, covariances })
    }

    /// The score of a latent vector: the squared distance to the nearest class, at least 0.
    ///
    /// # Errors
    /// [`AnomalyError::Shape`] for a vector of another width, [`AnomalyError::NotFinite`].
    pub fn score(&self, vector: &[f32]) -> Result<f64, AnomalyError> {
        Ok(self.nearest(vector)?.1)
    }

    /// The nearest class, by its label, and the squared distance to it.
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn nearest(&self, vector: &[f32]) -> Result<(usize, f64), AnomalyError> {
        check(self.width, vector, 1)?;
        let mut room = Vec::with_capacity(self.width);
        let covariances = self.covariances.iter().cycle(); // the shared one serves them all
        let distances = self.classes.iter().zip(covariances).map(|(class, covariance)| {
            let difference = vector.iter().zip(&class.mean).map(|(&x, mean)| f64::from(x) - mean);
            (class.label, covariance.inverse_form(difference, &mut room))
        });
        let first = (self.classes[0].label, f64::INFINITY);
        Ok(distances.fold(first, |nearest, other| if other.1 < nearest.1 { other } else { nearest }))
    }

    /// Numbers in a latent vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The classes that it knows, by their labels, rising.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.classes.iter().map(|class| class.label)
    }
}

fn check(width: usize, vectors: &[f32], n_vectors: usize) -> Result<(), AnomalyError> {
    let (expected, found) = (n_vectors.saturating_mul(width), vectors.len());
    if expected != found {
        return Err(AnomalyError::Shape { n_vectors, width, expected, found });
    }
    match vectors.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let (vector, index) = (at / width, at % width);
            Err(AnomalyError::NotFinite { vector, index, value: vectors[at] })
        }
    }
}

fn covariance(width: usize, residuals: &[f64], of: impl Fn() -> String) -> Result<Cholesky, AnomalyError> {
    let (matrix, _) = ledoit_wolf(width, residuals);
    Cholesky::new(width, &matrix).ok_or_else(|| AnomalyError::NoScatter { of: of() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gauss-Jordan elimination: a plain inverse to compare with.
    fn inverse(width: usize, matrix: &[f64]) -> Vec<f64> {
        let mut a = matrix.to_vec();
        let mut b: Vec<f64> = (0..width * width).map(|i| f64::from(u8::from(i % (width + 1) == 0))).collect();
        for i in 0..width {
            let pivot = a[i * width + i];
            for j in 0..width {
                a[i * width + j] /= pivot;
                b[i * width + j] /= pivot;
            }
            for k in (0..width).filter(|&k| k != i) {
                let factor = a[k * width + i];
                for j in 0..width {
                    a[k * width + j] -= factor * a[i * width + j];
                    b[k * width + j] -= factor * b[i * width + j];
                }
            }
        }
        b
    }

    proptest! {
        #[test]
        fn as_the_plain_formula(
            vectors in proptest::collection::vec(-3f32..3.0, 24), point in proptest::collection::vec(-5f32..5.0, 3),
        ) {
            let labels = [7, 2, 7, 2, 2, 7, 2, 7];
            let found = Mahalanobis::fit(3, &vectors, &labels, CovarianceKind::Shared).unwrap();
            let rows: Vec<Vec<f64>> =
                vectors.chunks(3).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
            let mean = |label: usize, j: usize| {
                (0..8).filter(|&i| labels[i] == label).map(|i| rows[i][j]).sum::<f64>() / 4.0
            };
            let residuals: Vec<f64> =
                (0..8).flat_map(|i| (0..3).map(move |j| (i, j))).map(|(i, j)| rows[i][j] - mean(labels[i], j)).collect();
            let inverse = inverse(3, &ledoit_wolf(3, &residuals).0);
            let distance = |label: usize| -> f64 {
                let d: Vec<f64> = (0..3).map(|j| f64::from(point[j]) - mean(label, j)).collect();
                (0..9).map(|k| d[k / 3] * inverse[k] * d[k % 3]).sum()
            };
            let expected = distance(2).min(distance(7));
            let score = found.score(&point).unwrap();
            prop_assert!((score - expected).abs() < 1e-9 * (1.0 + expected), "{} {}", score, expected);
            let (label, _) = found.nearest(&point).unwrap();
            prop_assert!((distance(label) - expected).abs() < 1e-9 * (1.0 + expected));
        }
    }

    #[test]
    fn per_class_scatter_by_hand() {
        // Class 0 scatters by 1, class 1 by 10, evenly in all directions: the shrunk covariances are I/2 and 50 I.
        let cross = |centre: f32, r: f32| [centre + r, 0.0, centre - r, 0.0, centre, r, centre, -r];
        let vectors = [cross(0.0, 1.0), cross(100.0, 10.0)].concat();
        let labels = [0, 0, 0, 0, 1, 1, 1, 1];
        let each = Mahalanobis::fit(2, &vectors, &labels, CovarianceKind::PerClass).unwrap();
        let found = each.nearest(&[80.0, 0.0]).unwrap();
        assert!(found.0 == 1 && (found.1 - 400.0 / 50.0).abs() < 1e-12, "{found:?}");
        assert!((each.score(&[0.0, 2.0]).unwrap() - 8.0).abs() < 1e-12);
        let shared = Mahalanobis::fit(2, &vectors, &labels, CovarianceKind::Shared).unwrap();
        assert!((shared.score(&[80.0, 0.0]).unwrap() - 400.0 / 25.25).abs() < 1e-12);
        assert_eq!(shared.labels().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_number_that_is_always_zero_does_no_harm() {
        // As behind a ReLU that never fires.
        let vectors = [1.0, 0.0, 2.0, 0.0, 4.0, 0.0];
        let distance = Mahalanobis::fit(2, &vectors, &[0, 0, 0], CovarianceKind::Shared).unwrap();
        assert!(distance.score(&[2.0, 5.0]).unwrap() > distance.score(&[2.0, 0.0]).unwrap());
    }

    #[test]
    fn faults_are_named() {
        use CovarianceKind::{PerClass, Shared};
        let said = |width, vectors: &[f32], labels: &[usize], kind| {
            Mahalanobis::fit(width, vectors, labels, kind).unwrap_err().to_string()
        };
        assert!(said(2, &[], &[], Shared).starts_with("no latent vector"));
        assert!(said(0, &[], &[0], Shared).starts_with("no latent vector"));
        assert_eq!(said(2, &[1.0; 3], &[0, 0], Shared), "3 numbers, expected 4: 2 vectors of 2");
        assert!(said(1, &[1.0, f32::NAN], &[0, 0], Shared).contains("number 0 of vector 1 is NaN"));
        assert_eq!(said(1, &[1.0, 2.0], &[0, 1], Shared), "the latent vectors of every class do not scatter");
        assert!(said(1, &[1.0, 2.0, 5.0], &[0, 0, 1], PerClass).contains("class 1 do not"));
        let distance = Mahalanobis::fit(1, &[1.0, 2.0], &[0, 0], Shared).unwrap();
        assert!(matches!(distance.score(&[1.0, 1.0]), Err(AnomalyError::Shape { .. })));
        assert!(matches!(distance.score(&[f32::INFINITY]), Err(AnomalyError::NotFinite { .. })));
    }
}
