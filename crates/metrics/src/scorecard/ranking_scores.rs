//! Every class against the rest, and against each other, by score.

use super::class_scores::weighted_mean;
use super::error::{
    ScorecardError, check_class, check_class_count, check_finite, check_new_classes, deserialize_checked,
};
use super::separation::{Positives, Separation};
use crate::in_order::in_order;

/// The scores of all objects for all classes, kept to be ranked: 8 bytes per object and class.
///
/// ```
/// use heliacal_metrics::scorecard::RankingScores;
///
/// let mut scores = RankingScores::new(2)?;
/// for (pmf, true_class) in [([0.9, 0.1], 0), ([0.4, 0.6], 0), ([0.6, 0.4], 1), ([0.2, 0.8], 1)] {
///     scores.push(&pmf, true_class)?;
/// }
/// // Of the four pairs, only 0.4 against 0.6 is in the wrong order.
/// assert_eq!(scores.report().macro_auc, Some(0.75));
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct RankingScores {
    true_classes: Vec<usize>,
    /// `[class][object]`
    scores: Vec<Vec<f64>>,
}

deserialize_checked!(RankingScores { true_classes: Vec<usize>, scores: Vec<Vec<f64>> });

/// How well the score of a class separates its objects from all others.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClassRanking {
    /// Number of objects of the class.
    pub n_positive: u64,
    /// Number of other objects.
    pub n_negative: u64,
    /// Area under the ROC curve; `None` without positives or without negatives.
    pub auc: Option<f64>,
    /// Average precision; `None` without positives.
    pub average_precision: Option<f64>,
}

/// One class against the rest, for all classes.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RankingReport {
    /// Every class.
    pub classes: Vec<ClassRanking>,
    /// Number of classes without an area, left out of the two averages below.
    pub n_undefined: u64,
    /// Mean area (one versus the rest).
    pub macro_auc: Option<f64>,
    /// Mean area weighted by the number of objects of the class.
    pub weighted_auc: Option<f64>,
    /// Mean average precision over the classes that have objects.
    pub macro_average_precision: Option<f64>,
    /// The same weighted by the number of objects of the class.
    pub weighted_average_precision: Option<f64>,
}

impl RankingScores {
    /// No object yet.
    ///
    /// # Errors
    /// [`ScorecardError::NoClass`], [`ScorecardError::TooManyClasses`] of more than 16,384.
    pub fn new(n_classes: usize) -> Result<Self, ScorecardError> {
        check_new_classes(n_classes)?;
        Ok(Self { true_classes: Vec::new(), scores: vec![Vec::new(); n_classes] })
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), ScorecardError> {
        check_class_count(self.scores.len(), self.scores.len())?;
        for &true_class in &self.true_classes {
            check_class(true_class, self.scores.len())?;
        }
        for column in &self.scores {
            super::error::check_length("scores of a class", self.true_classes.len(), column.len())?;
            check_finite("score", column)?;
        }
        Ok(())
    }

    /// Keeps one object: a score per class, a PMF or any other finite numbers.
    ///
    /// # Errors
    /// [`ScorecardError::ClassCount`], [`ScorecardError::NotFinite`], [`ScorecardError::Class`].
    pub fn push(&mut self, scores: &[f64], true_class: usize) -> Result<(), ScorecardError> {
        check_class_count(self.scores.len(), scores.len())?;
        check_class(true_class, self.scores.len())?;
        check_finite("score", scores)?;
        self.push_checked(scores, true_class);
        Ok(())
    }

    pub(super) fn push_checked(&mut self, scores: &[f64], true_class: usize) {
        self.true_classes.push(true_class);
        self.scores.iter_mut().zip(scores).for_each(|(column, &score)| column.push(score));
    }

    /// Adds all that another has kept.
    ///
    /// # Errors
    /// [`ScorecardError::ClassCount`].
    pub fn merge(&mut self, other: &Self) -> Result<(), ScorecardError> {
        check_class_count(self.scores.len(), other.scores.len())?;
        self.true_classes.extend_from_slice(&other.true_classes);
        self.scores.iter_mut().zip(&other.scores).for_each(|(column, more)| column.extend_from_slice(more));
        Ok(())
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.scores.len()
    }

    /// Number of objects.
    pub fn n_objects(&self) -> usize {
        self.true_classes.len()
    }

    /// The true class of every object.
    pub fn true_classes(&self) -> &[usize] {
        &self.true_classes
    }

    /// The score of every object for a class: what the curves take.
    ///
    /// # Panics
    /// Past the last class, as indexing does.
    pub fn scores_of(&self, class: usize) -> &[f64] {
        &self.scores[class]
    }

    /// Which objects are of a class: the other thing that the curves take.
    pub fn is_of(&self, class: usize) -> Vec<bool> {
        self.true_classes.iter().map(|&true_class| true_class == class).collect()
    }

    /// Areas and average precisions, one class versus the rest.
    ///
    /// A class without objects, or without others, has no area and enters no average (scikit-learn refuses such input or
    /// gives NaN). With `rayon` the classes are spread over threads.
    pub fn report(&self) -> RankingReport {
        let objects = self.objects_by_class();
        let rank = |class: usize| {
            let column = &self.scores[class];
            let n_positive = objects[class].len() as u64;
            let n_negative = (self.n_objects() - objects[class].len()) as u64;
            let positives = Positives::new(objects[class].iter().map(|&object| column[object]));
            let separation = positives.as_ref().map(|them| them.against_rest(column.iter().copied()));
            ClassRanking {
                n_positive,
                n_negative,
                auc: separation.as_ref().and_then(Separation::auc),
                average_precision: separation.as_ref().map(Separation::average_precision),
            }
        };
        let classes = per_class(self.n_classes(), rank);
        let mean = |score: fn(&ClassRanking) -> Option<f64>, weight: fn(&ClassRanking) -> f64| {
            weighted_mean(classes.iter().map(|class| (score(class), weight(class))))
        };
        RankingReport {
            n_undefined: classes.iter().filter(|class| class.auc.is_none()).count() as u64,
            macro_auc: mean(|class| class.auc, |_| 1.0),
            weighted_auc: mean(|class| class.auc, |class| class.n_positive as f64),
            macro_average_precision: mean(|class| class.average_precision, |_| 1.0),
            weighted_average_precision: mean(
                |class| class.average_precision,
                |class| class.n_positive as f64,
            ),
            classes,
        }
    }

    /// Mean area over ordered pairs of classes (Hand & Till 2001, eq. 7): the score of the first class, among the objects
    /// of the two. Unlike the area against the rest it does not depend on how frequent the classes are.
    ///
    /// ```text
    /// M = 2 / (c (c - 1)) Σ_{i<j} (A(i|j) + A(j|i)) / 2
    /// ```
    /// over the classes that have objects; `None` of fewer than two (scikit-learn's `multi_class="ovo"`, macro).
    pub fn hand_till_auc(&self) -> Option<f64> {
        let objects = self.objects_by_class();
        let areas_of = |class: usize| {
            let scores = |of: usize| objects[of].iter().map(|&object| self.scores[class][object]);
            let positives = Positives::new(scores(class))?;
            let others = (0..self.n_classes()).filter(|&other| other != class);
            let areas: Vec<f64> = others.filter_map(|other| positives.against(scores(other)).auc()).collect();
            Some((areas.iter().sum::<f64>(), areas.len()))
        };
        let (sum, n) = per_class(self.n_classes(), areas_of)
            .into_iter()
            .flatten()
            .fold((0.0, 0), |(sum, n), (more, also)| (sum + more, n + also));
        (n > 0).then(|| sum / n as f64)
    }

    fn objects_by_class(&self) -> Vec<Vec<usize>> {
        let mut objects = vec![Vec::new(); self.n_classes()];
        for (object, &true_class) in self.true_classes.iter().enumerate() {
            objects[true_class].push(object);
        }
        objects
    }
}

/// One result per class, in order.
fn per_class<T: Send>(n_classes: usize, result: impl Fn(usize) -> T + Sync) -> Vec<T> {
    in_order(n_classes, 1, || (), |(), class| result(class))
}

#[cfg(test)]
mod tests {
    use super::super::roc_auc;
    use super::*;

    fn three() -> RankingScores {
        let mut scores = RankingScores::new(3).unwrap();
        for (row, class) in
            [([0.6, 0.3, 0.1], 0), ([0.3, 0.6, 0.1], 0), ([0.3, 0.5, 0.2], 1), ([0.5, 0.4, 0.1], 1)]
        {
            scores.push(&row, class).unwrap();
        }
        scores
    }

    #[test]
    fn absent_class_by_hand() {
        let report = three().report();
        // Class 0: 0.6 beats both, 0.3 ties with one. Class 1: 0.5 and 0.4 beat 0.3, lose to 0.6.
        assert_eq!(report.classes[0].auc, Some(2.5 / 4.0));
        assert_eq!(report.classes[1].auc, Some(0.5));
        assert_eq!((report.classes[2].auc, report.classes[2].n_negative, report.n_undefined), (None, 4, 1));
        assert_eq!(report.macro_auc, Some(4.5 / 8.0));
        assert_eq!(three().hand_till_auc(), Some(4.5 / 8.0));
        assert_eq!(three().scores_of(1), [0.3, 0.6, 0.5, 0.4]);
        assert_eq!(roc_auc(three().scores_of(1), &three().is_of(1)), Ok(Some(0.5)));
    }

    #[test]
    fn too_few_objects() {
        let empty = RankingScores::new(2).unwrap();
        assert_eq!(
            (empty.report().macro_auc, empty.report().n_undefined, empty.hand_till_auc()),
            (None, 2, None)
        );
        let mut one = empty.clone();
        one.push(&[0.5, 0.5], 1).unwrap();
        assert_eq!((one.report().macro_auc, one.report().macro_average_precision), (None, Some(1.0)));
    }

    #[test]
    fn bad_input_changes_nothing() {
        let mut scores = three();
        assert!(scores.push(&[0.5, 0.5], 0).is_err());
        assert!(scores.push(&[0.5, 0.5, f64::NAN], 0).is_err());
        assert!(scores.push(&[0.5, 0.5, 0.0], 3).is_err());
        assert!(scores.merge(&RankingScores::new(2).unwrap()).is_err());
        assert_eq!(scores, three());
    }
}
