//! PMFs over some of the classes.

use crate::error::LengthError;
use crate::tree::{NodeId, Taxonomy};
use crate::unknown_name::UnknownName;

/// The probability below which a subset of classes is taken to hold none, unless [`ProjectionOptions`] say otherwise:
/// what is left would be rounding, and normalizing would blow it up to certainty.
pub const MIN_PROJECTED_MASS: f64 = 1e-6;

/// What becomes of a PMF with next to nothing in the subset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum BelowMinimum {
    /// An error.
    #[default]
    Error,
    /// All its mass in one more column after the subset's, the class "other"; for other PMFs that column is 0.
    OtherClass,
}

/// How to project.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
pub struct ProjectionOptions {
    /// The least probability in the subset that is renormalized; a number of at least 0. Exactly 0 in the subset never
    /// is.
    pub min_mass: f64,
    /// What happens below that.
    pub below_minimum: BelowMinimum,
}

impl Default for ProjectionOptions {
    fn default() -> Self {
        Self { min_mass: MIN_PROJECTED_MASS, below_minimum: BelowMinimum::Error }
    }
}

/// Why a PMF has no projection, or classes are no subset to project to.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectionError {
    /// A subset without a class.
    #[error("a projection needs at least one class")]
    NoClass,
    /// A class of the subset that the taxonomy does not have.
    #[error(transparent)]
    UnknownClass(#[from] UnknownName),
    /// Two classes of the subset that share a leaf, or are the same.
    #[error("classes {first:?} and {second:?} overlap")]
    Overlap {
        /// The class given first.
        first: String,
        /// The class given second.
        second: String,
    },
    /// A least mass that is negative or NaN.
    #[error("the least mass is {value}, expected a number of at least 0")]
    InvalidMinMass {
        /// What was given.
        value: f64,
    },
    /// A slice whose length does not fit.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// The subset holds less than the least mass.
    #[error("row {row} has a mass of {mass:e} in the subset, expected at least {min_mass:e}")]
    BelowMinimum {
        /// The PMF, 0 when one was given.
        row: usize,
        /// Its probability in the subset.
        mass: f64,
        /// The least mass asked for.
        min_mass: f64,
    },
    /// A probability that is NaN or infinite.
    #[error("row {row} has the probability {value} for leaf {leaf}, expected a finite number")]
    NotFinite {
        /// The PMF, 0 when one was given.
        row: usize,
        /// Position of the leaf.
        leaf: usize,
        /// What stands there.
        value: f64,
    },
}

/// Projection of leaf PMFs onto some classes of a taxonomy, in an order of one's own.
///
/// Each class of the subset, leaf or inner node, gets the sum of its leaves; the result is renormalized, and the mass
/// that lay outside is handed back. This is how a classifier of 32 classes is scored on five (B: "Beyond the Final
/// Label", [arXiv 2604.23792](https://arxiv.org/abs/2604.23792)).
///
/// ```
/// use heliacal_taxonomy::{Projection, ProjectionOptions, Taxonomy};
///
/// let pairs = [("Alert", None), ("AGN", Some("Alert")), ("SNIa", Some("Alert")), ("SNII", Some("Alert"))];
/// let taxonomy = Taxonomy::from_pairs("small", pairs)?;
/// let projection = Projection::by_names(&taxonomy, &["SNII", "SNIa"], ProjectionOptions::default())?;
///
/// let mut pmf = [0.0; 2];
/// let residual = projection.project(&[0.2, 0.6, 0.2], &mut pmf)?; // leaves AGN, SNIa, SNII
/// assert_eq!(residual, 0.2);
/// assert!((pmf[0] - 0.25).abs() < 1e-15 && (pmf[1] - 0.75).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// Column of every leaf, `None` outside the subset.
    column_of_leaf: Vec<Option<usize>>,
    class_names: Vec<String>,
    n_classes: usize,
    options: ProjectionOptions,
}

impl Projection {
    /// Name of the additional class with [`BelowMinimum::OtherClass`].
    pub const OTHER: &'static str = "other";

    /// Prepares the projection onto nodes of a taxonomy, one column each in the given order.
    ///
    /// # Errors
    /// [`ProjectionError`] when there is no node, two of them share a leaf, or the least mass is negative or NaN.
    pub fn new(
        taxonomy: &Taxonomy,
        classes: &[NodeId],
        options: ProjectionOptions,
    ) -> Result<Self, ProjectionError> {
        if classes.is_empty() {
            return Err(ProjectionError::NoClass);
        }
        if options.min_mass.is_nan() || options.min_mass < 0.0 {
            return Err(ProjectionError::InvalidMinMass { value: options.min_mass });
        }
        let mut column_of_leaf = vec![None; taxonomy.n_leaves()];
        for (column, &class) in classes.iter().enumerate() {
            for leaf in taxonomy.leaves_below(class) {
                if let Some(earlier) = column_of_leaf[leaf.index()].replace(column) {
                    let name = |node| taxonomy.class_name(node).to_owned();
                    let (first, second) = (name(classes[earlier]), name(class));
                    return Err(ProjectionError::Overlap { first, second });
                }
            }
        }
        let mut class_names: Vec<String> =
            classes.iter().map(|&class| taxonomy.class_name(class).to_owned()).collect();
        if options.below_minimum == BelowMinimum::OtherClass {
            class_names.push(Self::OTHER.to_owned());
        }
        Ok(Self { column_of_leaf, class_names, n_classes: classes.len(), options })
    }

    /// Prepares the projection onto classes by their names.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the taxonomy has no class of a name.
    pub fn by_names<S: AsRef<str>>(
        taxonomy: &Taxonomy,
        names: &[S],
        options: ProjectionOptions,
    ) -> Result<Self, ProjectionError> {
        let classes = names.iter().map(|name| taxonomy.find(name.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Self::new(taxonomy, &classes, options)
    }

    /// Names of the columns: the subset, then "other" where asked for.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Number of columns, that of "other" included.
    pub fn n_columns(&self) -> usize {
        self.class_names.len()
    }

    /// Projects one PMF, `leaf_pmf`: `[n_leaves]`, `out`: `[n_columns]`, and returns the mass outside the subset.
    ///
    /// # Errors
    /// [`ProjectionError`] when a length does not fit, a probability is not finite, or (with [`BelowMinimum::Error`])
    /// the subset holds less than the least mass; `out` then holds nothing of use.
    pub fn project(&self, leaf_pmf: &[f64], out: &mut [f64]) -> Result<f64, ProjectionError> {
        LengthError::check("leaf_pmf", leaf_pmf.len(), self.column_of_leaf.len())?;
        let mut residual = [0.0];
        self.project_batch(leaf_pmf, out, &mut residual)?;
        Ok(residual[0])
    }

    /// Projects many PMFs: `leaf_pmfs`: `[rows, n_leaves]`, `out`: `[rows, n_columns]`, `residuals`: `[rows]`, all
    /// row-major.
    ///
    /// # Errors
    /// As [`project`](Self::project), naming the first row at fault.
    pub fn project_batch(
        &self,
        leaf_pmfs: &[f64],
        out: &mut [f64],
        residuals: &mut [f64],
    ) -> Result<(), ProjectionError> {
        let n_leaves = self.column_of_leaf.len();
        let n_rows = LengthError::rows("leaf_pmfs", leaf_pmfs.len(), n_leaves)?;
        LengthError::check("out", out.len(), n_rows * self.n_columns())?;
        LengthError::check("residuals", residuals.len(), n_rows)?;
        let rows = leaf_pmfs.chunks_exact(n_leaves).zip(out.chunks_exact_mut(self.n_columns()));
        for (row, ((leaf_pmf, out), residual)) in rows.zip(residuals).enumerate() {
            *residual = self.project_row(row, leaf_pmf, out)?;
        }
        Ok(())
    }

    fn project_row(&self, row: usize, leaf_pmf: &[f64], out: &mut [f64]) -> Result<f64, ProjectionError> {
        if let Some((leaf, &value)) = leaf_pmf.iter().enumerate().find(|(_, p)| !p.is_finite()) {
            return Err(ProjectionError::NotFinite { row, leaf, value });
        }
        out.fill(0.0);
        let mut residual = 0.0;
        for (p, column) in leaf_pmf.iter().zip(&self.column_of_leaf) {
            match column {
                Some(column) => out[*column] += p,
                None => residual += p,
            }
        }
        let (subset, other) = out.split_at_mut(self.n_classes);
        let mass: f64 = subset.iter().sum();
        let ProjectionOptions { min_mass, below_minimum } = self.options;
        if mass >= min_mass && mass > 0.0 {
            for p in subset {
                *p /= mass;
            }
        } else if below_minimum == BelowMinimum::OtherClass {
            subset.fill(0.0);
            other.fill(1.0);
        } else {
            return Err(ProjectionError::BelowMinimum { row, mass, min_mass });
        }
        Ok(residual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: ProjectionOptions =
        ProjectionOptions { min_mass: MIN_PROJECTED_MASS, below_minimum: BelowMinimum::OtherClass };

    /// r { a { c, d }, b }: leaves b, c, d
    fn small() -> Taxonomy {
        let pairs = [("r", None), ("a", Some("r")), ("b", Some("r")), ("c", Some("a")), ("d", Some("a"))];
        Taxonomy::from_pairs("small", pairs).unwrap()
    }

    fn projection(names: &[&str], options: ProjectionOptions) -> Result<Projection, ProjectionError> {
        Projection::by_names(&small(), names, options)
    }

    #[test]
    fn inner_nodes_are_the_sum_of_their_leaves() {
        let both = projection(&["b", "a"], ProjectionOptions::default()).unwrap();
        let mut out = [9.0; 2];
        assert_eq!(both.project(&[0.5, 0.25, 0.25], &mut out), Ok(0.0));
        assert_eq!(out, [0.5, 0.5]);
        let inner = projection(&["a"], ProjectionOptions::default()).unwrap();
        assert_eq!(inner.project(&[0.5, 0.25, 0.25], &mut out[..1]), Ok(0.5));
        assert_eq!(out[0], 1.0);
        let root = projection(&["r"], ProjectionOptions::default()).unwrap();
        assert_eq!(root.project(&[0.5, 0.25, 0.25], &mut out[..1]), Ok(0.0));
    }

    #[test]
    fn next_to_no_mass_is_an_error_or_the_other_class_by_choice() {
        let pmf = [1.0 - 5e-7, 5e-7, 0.0];
        let mut out = [9.0; 3];
        let error = projection(&["c", "d"], ProjectionOptions::default()).unwrap();
        assert_eq!(
            error.project(&pmf, &mut out[..2]),
            Err(ProjectionError::BelowMinimum { row: 0, mass: 5e-7, min_mass: 1e-6 })
        );
        let other = projection(&["c", "d"], OTHER).unwrap();
        assert_eq!(other.class_names(), ["c", "d", "other"]);
        assert_eq!(other.project(&pmf, &mut out), Ok(1.0 - 5e-7));
        assert_eq!(out, [0.0, 0.0, 1.0]);
        other.project(&[0.5, 0.25, 0.25], &mut out).unwrap();
        assert_eq!(out, [0.5, 0.5, 0.0]);

        let lenient =
            projection(&["c", "d"], ProjectionOptions { min_mass: 0.0, ..Default::default() }).unwrap();
        lenient.project(&pmf, &mut out[..2]).unwrap();
        assert_eq!(out[..2], [1.0, 0.0]);
        assert!(matches!(
            lenient.project(&[1.0, 0.0, 0.0], &mut out[..2]),
            Err(ProjectionError::BelowMinimum { .. })
        ));
    }

    #[test]
    fn batches_equal_rows_and_name_the_row_at_fault() {
        let projection = projection(&["d", "b"], ProjectionOptions::default()).unwrap();
        let (mut out, mut residuals) = ([0.0; 4], [0.0; 2]);
        projection.project_batch(&[0.5, 0.5, 0.0, 0.25, 0.5, 0.25], &mut out, &mut residuals).unwrap();
        assert_eq!((out, residuals), ([0.0, 1.0, 0.5, 0.5], [0.5, 0.5]));
        let batch = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let error = projection.project_batch(&batch, &mut out, &mut residuals).unwrap_err();
        assert_eq!(error.to_string(), "row 1 has a mass of 0e0 in the subset, expected at least 1e-6");
        let error = projection.project(&[1.0, f64::NAN, 0.0], &mut out[..2]).unwrap_err();
        assert!(matches!(error, ProjectionError::NotFinite { row: 0, leaf: 1, value } if value.is_nan()));
        assert!(matches!(projection.project(&batch, &mut out), Err(ProjectionError::Length(_))));
        assert!(matches!(projection.project(&batch[..3], &mut out), Err(ProjectionError::Length(_))));
        assert!(matches!(
            projection.project_batch(&batch, &mut out, &mut []),
            Err(ProjectionError::Length(_))
        ));
    }

    #[test]
    fn impossible_subsets_are_errors() {
        let overlap =
            |a: &str, b: &str| ProjectionError::Overlap { first: a.to_owned(), second: b.to_owned() };
        let options = ProjectionOptions::default();
        assert_eq!(projection(&["a", "b", "c"], options).unwrap_err(), overlap("a", "c"));
        assert_eq!(projection(&["c", "r"], options).unwrap_err(), overlap("c", "r"));
        assert_eq!(projection(&["b", "b"], options).unwrap_err(), overlap("b", "b"));
        assert_eq!(projection(&[], options).unwrap_err(), ProjectionError::NoClass);
        assert!(matches!(projection(&["x"], options), Err(ProjectionError::UnknownClass(_))));
        for min_mass in [-1.0, f64::NAN] {
            let options = ProjectionOptions { min_mass, ..options };
            assert!(matches!(projection(&["b"], options), Err(ProjectionError::InvalidMinMass { .. })));
        }
    }
}
