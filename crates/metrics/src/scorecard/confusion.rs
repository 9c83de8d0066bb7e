//! Which class is taken for which.

use super::error::{
    ScorecardError, check_class, check_class_count, check_length, check_new_classes, check_total,
    deserialize_checked, ratio,
};

/// Counts of objects by true class (row) and predicted class (column).
///
/// An object without a decision ([`add_abstained`](Self::add_abstained)) is counted apart, by true class: it enters
/// [`coverage`](Self::coverage) and nothing else. So accuracy and recall are those of the decisions made; their product
/// with the coverage is the share of all objects that were decided rightly.
///
/// ```
/// use heliacal_metrics::scorecard::Confusion;
///
/// let confusion = Confusion::from_labels(2, &[0, 0, 0, 1], &[0, 0, 1, 1])?;
/// assert_eq!((confusion.row(0), confusion.row(1)), (&[2, 1][..], &[0, 1][..]));
/// assert_eq!(confusion.accuracy(), Some(0.75));
/// assert_eq!(confusion.balanced_accuracy(), Some((2.0 / 3.0 + 1.0) / 2.0));
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Confusion {
    n_classes: usize,
    /// Row-major, `[true, predicted]`.
    counts: Vec<u64>,
    /// By true class.
    abstained: Vec<u64>,
}

deserialize_checked!(Confusion { n_classes: usize, counts: Vec<u64>, abstained: Vec<u64> });

impl Confusion {
    /// No object yet.
    ///
    /// # Errors
    /// [`ScorecardError::NoClass`], [`ScorecardError::TooManyClasses`] of more than 16,384.
    pub fn new(n_classes: usize) -> Result<Self, ScorecardError> {
        check_new_classes(n_classes)?;
        Ok(Self { n_classes, counts: vec![0; n_classes * n_classes], abstained: vec![0; n_classes] })
    }

    /// Counts pairs of labels, one pair per object.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`ScorecardError::Length`], [`ScorecardError::Class`].
    pub fn from_labels(
        n_classes: usize,
        true_classes: &[usize],
        predicted_classes: &[usize],
    ) -> Result<Self, ScorecardError> {
        let mut confusion = Self::new(n_classes)?;
        check_length("predicted classes", true_classes.len(), predicted_classes.len())?;
        for (&true_class, &predicted_class) in true_classes.iter().zip(predicted_classes) {
            confusion.add(true_class, predicted_class)?;
        }
        Ok(confusion)
    }

    /// Takes a matrix as it is, row-major `[true, predicted]`: one from a paper, say.
    ///
    /// # Errors
    /// [`ScorecardError::NoClass`], [`ScorecardError::Length`], [`ScorecardError::TooMany`].
    pub fn from_counts(n_classes: usize, counts: Vec<u64>) -> Result<Self, ScorecardError> {
        check_class_count(n_classes, n_classes)?;
        check_length("counts", n_classes.saturating_mul(n_classes), counts.len())?;
        check_total("counts", &counts)?;
        Ok(Self { n_classes, counts, abstained: vec![0; n_classes] })
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), ScorecardError> {
        check_class_count(self.n_classes, self.abstained.len())?;
        check_length("counts", self.n_classes.saturating_mul(self.n_classes), self.counts.len())?;
        check_total("counts", self.counts.iter().chain(&self.abstained))
    }

    /// Counts one object.
    ///
    /// # Errors
    /// [`ScorecardError::Class`].
    pub fn add(&mut self, true_class: usize, predicted_class: usize) -> Result<(), ScorecardError> {
        check_class(true_class, self.n_classes)?;
        check_class(predicted_class, self.n_classes)?;
        self.counts[true_class * self.n_classes + predicted_class] += 1;
        Ok(())
    }

    /// Counts one object for which no decision was made.
    ///
    /// # Errors
    /// [`ScorecardError::Class`].
    pub fn add_abstained(&mut self, true_class: usize) -> Result<(), ScorecardError> {
        check_class(true_class, self.n_classes)?;
        self.abstained[true_class] += 1;
        Ok(())
    }

    /// Adds all that another has counted.
    ///
    /// # Errors
    /// [`ScorecardError::ClassCount`].
    pub fn merge(&mut self, other: &Self) -> Result<(), ScorecardError> {
        check_class_count(self.n_classes, other.n_classes)?;
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.abstained.iter_mut().zip(&other.abstained).for_each(|(count, more)| *count += more);
        Ok(())
    }

    /// The confusion of coarser classes: `grouping[class]` is the coarse class, from 0; there are as many as the largest
    /// says.
    ///
    /// # Errors
    /// [`ScorecardError::Length`] unless there is one group per class; [`ScorecardError::Class`] for a group that is no
    /// less than the number of classes: coarse classes are not more than fine ones.
    pub fn coarse(&self, grouping: &[usize]) -> Result<Self, ScorecardError> {
        check_length("the grouping", self.n_classes, grouping.len())?;
        for &group in grouping {
            check_class(group, self.n_classes)?;
        }
        let mut coarse = Self::new(grouping.iter().max().map_or(0, |&group| group + 1))?;
        for (row, &true_group) in self.counts.chunks_exact(self.n_classes).zip(grouping) {
            for (&count, &predicted_group) in row.iter().zip(grouping) {
                coarse.counts[true_group * coarse.n_classes + predicted_group] += count;
            }
        }
        for (&count, &group) in self.abstained.iter().zip(grouping) {
            coarse.abstained[group] += count;
        }
        Ok(coarse)
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Number of objects of a true class that were predicted as another (or the same).
    ///
    /// # Panics
    /// Past the last class, as indexing does.
    pub fn count(&self, true_class: usize, predicted_class: usize) -> u64 {
        self.row(true_class)[predicted_class]
    }

    /// What the objects of a true class were predicted as.
    ///
    /// # Panics
    /// Past the last class, as indexing does.
    pub fn row(&self, true_class: usize) -> &[u64] {
        &self.counts[true_class * self.n_classes..][..self.n_classes]
    }

    /// All rows, by true class.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, u64> {
        self.counts.chunks_exact(self.n_classes)
    }

    /// Number of objects without a decision, by true class.
    pub fn abstained(&self) -> &[u64] {
        &self.abstained
    }

    /// Number of decisions.
    pub fn n_objects(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Number of right decisions.
    pub fn n_correct(&self) -> u64 {
        self.counts.iter().step_by(self.n_classes + 1).sum()
    }

    /// Number of objects without a decision.
    pub fn n_abstained(&self) -> u64 {
        self.abstained.iter().sum()
    }

    /// Number of decided objects of every true class.
    pub fn support(&self) -> Vec<u64> {
        self.rows().map(|row| row.iter().sum()).collect()
    }

    /// How often every class was predicted.
    pub fn predicted(&self) -> Vec<u64> {
        let mut predicted = vec![0; self.n_classes];
        for row in self.rows() {
            predicted.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        }
        predicted
    }

    /// Shares of every true class: a row sums to 1. `None` for a class without objects.
    pub fn row_normalized(&self) -> Vec<Option<Vec<f64>>> {
        let share = |row: &[u64]| {
            let support = row.iter().sum();
            row.iter().map(|&count| ratio(count, support)).collect()
        };
        self.rows().map(share).collect()
    }

    /// Share of all objects for which a decision was made; `None` without objects.
    pub fn coverage(&self) -> Option<f64> {
        let decided = self.n_objects();
        ratio(decided, decided + self.n_abstained())
    }

    /// Share of right decisions; `None` without objects.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.n_correct(), self.n_objects())
    }

    /// Mean recall over the classes that have objects, as scikit-learn's; `None` without objects.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let recalls = self.rows().enumerate().filter_map(|(class, row)| ratio(row[class], row.iter().sum()));
        let (n, sum) = recalls.fold((0_u64, 0.0), |(n, sum), recall| (n + 1, sum + recall));
        (n > 0).then(|| sum / n as f64)
    }

    /// Cohen's kappa: agreement beyond what the margins give by chance (Cohen 1960).
    ///
    /// ```text
    /// κ = (p_o - p_e) / (1 - p_e),   p_o = accuracy,   p_e = Σ_c support_c predicted_c / N²
    /// ```
    /// `None` without objects, and when all objects are of one class and are predicted so (0/0).
    pub fn cohen_kappa(&self) -> Option<f64> {
        let (squared, by_chance, agreement) = self.margins();
        (squared > by_chance).then(|| (agreement - by_chance) as f64 / (squared - by_chance) as f64)
    }

    /// Matthews correlation of truth and prediction, for any number of classes (Gorodkin 2004).
    ///
    /// ```text
    /// R = (N Σ_c n_cc - Σ_c t_c p_c) / √((N² - Σ_c p_c²) (N² - Σ_c t_c²))
    /// ```
    /// with t the support and p the predicted counts. `None` when all objects are of one class or all predictions are
    /// (0/0, where scikit-learn says 0).
    pub fn matthews_correlation(&self) -> Option<f64> {
        let (squared, by_chance, agreement) = self.margins();
        let spread = |counts: &[u64]| squared - counts.iter().map(|&n| i128::from(n).pow(2)).sum::<i128>();
        let (truth, prediction) = (spread(&self.support()), spread(&self.predicted()));
        (truth > 0 && prediction > 0)
            .then(|| (agreement - by_chance) as f64 / ((truth as f64).sqrt() * (prediction as f64).sqrt()))
    }

    /// `N²`, `Σ_c t_c p_c` and `N Σ_c n_cc`, exactly.
    fn margins(&self) -> (i128, i128, i128) {
        let n = i128::from(self.n_objects());
        let by_chance =
            self.support().into_iter().zip(self.predicted()).map(|(t, p)| i128::from(t) * i128::from(p));
        (n * n, by_chance.sum(), n * i128::from(self.n_correct()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Truth 0: 3 right, 1 as 1. Truth 1: 2 right. Truth 2: none. Predicted 2: once, of truth 1.
    fn small() -> Confusion {
        Confusion::from_labels(3, &[0, 0, 0, 0, 1, 1, 1], &[0, 0, 0, 1, 1, 1, 2]).unwrap()
    }

    #[test]
    fn counts_by_hand() {
        let confusion = small();
        assert_eq!((confusion.n_objects(), confusion.n_correct(), confusion.count(0, 1)), (7, 5, 1));
        assert_eq!((confusion.support(), confusion.predicted()), (vec![4, 3, 0], vec![3, 3, 1]));
        assert_eq!(confusion.accuracy(), Some(5.0 / 7.0));
        assert_eq!(confusion.balanced_accuracy(), Some(f64::midpoint(0.75, 2.0 / 3.0)));
        let rows = confusion.row_normalized();
        assert_eq!((rows[0].as_deref(), rows[2].as_deref()), (Some(&[0.75, 0.25, 0.0][..]), None));
        // p_o = 5/7, p_e = (12 + 9)/49 = 3/7
        assert_eq!(confusion.cohen_kappa(), Some(0.5));
        // (35 - 21) / sqrt((49 - 19)(49 - 25))
        assert!((confusion.matthews_correlation().unwrap() - 14.0 / 720.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn abstained_objects_are_kept_apart() {
        let mut confusion = small();
        confusion.add_abstained(2).unwrap();
        assert_eq!((confusion.n_abstained(), confusion.coverage()), (1, Some(7.0 / 8.0)));
        assert_eq!(confusion.accuracy(), small().accuracy());
        assert_eq!(confusion.coarse(&[0, 0, 1]).unwrap().abstained(), [0, 1]);
    }

    #[test]
    fn coarse_classes() {
        let coarse = small().coarse(&[0, 1, 1]).unwrap();
        assert_eq!(coarse, Confusion::from_counts(2, vec![3, 1, 0, 3]).unwrap());
        assert!(matches!(small().coarse(&[0, 1]), Err(ScorecardError::Length { expected: 3, found: 2, .. })));
        assert!(matches!(small().coarse(&[0, 1, 9]), Err(ScorecardError::Class { class: 9, .. })));
    }

    #[test]
    fn undefined_is_none() {
        let empty = Confusion::new(2).unwrap();
        assert_eq!((empty.accuracy(), empty.balanced_accuracy(), empty.coverage()), (None, None, None));
        assert_eq!((empty.cohen_kappa(), empty.matthews_correlation()), (None, None));
        let one_class = Confusion::from_labels(2, &[0, 0], &[0, 0]).unwrap();
        assert_eq!((one_class.cohen_kappa(), one_class.matthews_correlation()), (None, None));
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(Confusion::new(0), Err(ScorecardError::NoClass));
        let absurd = Confusion::new(usize::MAX).unwrap_err();
        assert_eq!(absurd, ScorecardError::TooManyClasses { n_classes: usize::MAX, limit: 16_384 });
        assert_eq!(
            Confusion::from_labels(2, &[0], &[2]).unwrap_err().to_string(),
            "class 2 does not exist, there are 2, counted from 0"
        );
        assert!(Confusion::from_labels(2, &[0], &[]).is_err());
        assert!(Confusion::from_counts(2, vec![0; 3]).is_err());
        let error = Confusion::from_counts(2, vec![u64::MAX, 1, 0, 0]).unwrap_err();
        assert_eq!(error.to_string(), "counts sum to more than 2^53 objects");
        assert!(small().merge(&Confusion::new(2).unwrap()).is_err());
        assert!(small().add_abstained(3).is_err());
    }
}
