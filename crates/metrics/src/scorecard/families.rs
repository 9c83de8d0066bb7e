//! Right but for look-alikes: accuracy within families of classes that are hard to tell apart.

use super::Confusion;
use super::error::{ScorecardError, check_class, ratio};

/// How one family, or all of them together, fares.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FamilyScores {
    /// The classes.
    pub classes: Vec<usize>,
    /// Number of objects whose true class is one of them.
    pub n_objects: u64,
    /// Number of those that were predicted as their own class.
    pub n_exact: u64,
    /// Number of those that were predicted as any class of their family.
    pub n_within: u64,
    /// Number of other objects that were predicted as one of the classes.
    pub n_intruders: u64,
    /// Share predicted as their own class; `None` without objects.
    pub accuracy: Option<f64>,
    /// Share predicted as any class of their family.
    pub family_accuracy: Option<f64>,
}

/// Accuracy within declared families.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FamilyReport {
    /// Every family.
    pub families: Vec<FamilyScores>,
    /// The objects of all families together; its intruders are objects of no family.
    pub overall: FamilyScores,
}

/// Accuracy when any class of the true class's family counts as right, for objects of the families' classes.
///
/// Families are the ambiguous ones only: a class in none of them does not enter. No class is in two.
///
/// # Errors
/// [`ScorecardError::Class`], [`ScorecardError::Overlap`].
///
/// ```
/// use heliacal_metrics::scorecard::{Confusion, family_scores};
///
/// // Classes EW, ELL, M: the first two are ambiguous.
/// let confusion = Confusion::from_counts(3, vec![6, 3, 1, 4, 5, 1, 0, 1, 9])?;
/// let report = family_scores(&confusion, &[vec![0, 1]])?;
/// assert_eq!(report.overall.accuracy, Some(0.55));
/// assert_eq!(report.overall.family_accuracy, Some(0.9));
/// assert_eq!(report.families[0].n_intruders, 1);
/// # Ok::<(), heliacal_metrics::scorecard::ScorecardError>(())
/// ```
pub fn family_scores(confusion: &Confusion, families: &[Vec<usize>]) -> Result<FamilyReport, ScorecardError> {
    let mut family_of = vec![None; confusion.n_classes()];
    for (second, classes) in families.iter().enumerate() {
        for &class in classes {
            check_class(class, confusion.n_classes())?;
            if let Some(first) = family_of[class].replace(second) {
                return Err(ScorecardError::Overlap { class, first, second });
            }
        }
    }
    // Objects of the classes that `of` picks; right within the family.
    let scores = |classes: Vec<usize>, of: &dyn Fn(Option<usize>) -> bool| {
        let (mut n_objects, mut n_exact, mut n_within, mut n_intruders) = (0, 0, 0, 0);
        for (true_class, row) in confusion.rows().enumerate() {
            let family = family_of[true_class];
            for (predicted_class, &count) in row.iter().enumerate() {
                if of(family) {
                    n_objects += count;
                    n_exact += if predicted_class == true_class { count } else { 0 };
                    n_within += if family_of[predicted_class] == family { count } else { 0 };
                } else if of(family_of[predicted_class]) {
                    n_intruders += count;
                }
            }
        }
        FamilyScores {
            classes,
            n_objects,
            n_exact,
            n_within,
            n_intruders,
            accuracy: ratio(n_exact, n_objects),
            family_accuracy: ratio(n_within, n_objects),
        }
    };
    let each = families.iter().enumerate();
    Ok(FamilyReport {
        families: each
            .map(|(index, classes)| scores(classes.clone(), &|family| family == Some(index)))
            .collect(),
        overall: scores(families.concat(), &|family| family.is_some()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_families_and_a_bystander() {
        let confusion =
            Confusion::from_labels(5, &[0, 0, 0, 1, 2, 3, 4, 4], &[0, 1, 2, 1, 3, 4, 0, 4]).unwrap();
        let report = family_scores(&confusion, &[vec![0, 1], vec![2, 3]]).unwrap();
        let counts =
            |scores: &FamilyScores| [scores.n_objects, scores.n_exact, scores.n_within, scores.n_intruders];
        assert_eq!(counts(&report.families[0]), [4, 2, 3, 1]);
        assert_eq!(counts(&report.families[1]), [2, 0, 1, 1]);
        assert_eq!(counts(&report.overall), [6, 2, 4, 1]);
    }

    #[test]
    fn faults_are_named() {
        let confusion = Confusion::new(3).unwrap();
        let error = family_scores(&confusion, &[vec![0, 1], vec![1, 2]]).unwrap_err();
        assert_eq!(error, ScorecardError::Overlap { class: 1, first: 0, second: 1 });
        assert!(family_scores(&confusion, &[vec![3]]).is_err());
        assert_eq!(family_scores(&confusion, &[vec![0, 1]]).unwrap().overall.accuracy, None);
        assert_eq!(family_scores(&confusion, &[]).unwrap().overall.n_objects, 0);
    }
}
