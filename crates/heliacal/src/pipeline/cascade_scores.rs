//! What a classifier's histories are worth, in the metrics of Beyond the Final Label.

use std::fmt;

use heliacal_metrics::PmfHistory;
use heliacal_metrics::esc::{
    ClassifiedObject, EscMetric, EscOptions, EscSummary, HistoryScore, score_histories,
};
use heliacal_metrics::scorecard::{Confusion, ZeroDivision};

use crate::{Error, Result};

/// The columns of the paper's Tables 2 and 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CascadeMetric {
    /// Share of objects whose last classification is right.
    Accuracy,
    /// Precision of the last classifications, classes weighted by their numbers of objects.
    WeightedPrecision,
    /// F1 of the last classifications, weighted likewise.
    WeightedF1,
    /// Proportion of objects that converged.
    Convergence,
    /// ESC_f; 1 where an object did not converge.
    EscFraction,
    /// ESC_s, where it is defined \[nat\].
    EscScore,
    /// Changes of the most probable class along the history.
    LabelChanges,
}

impl CascadeMetric {
    /// All of them, in the order of the paper's tables.
    pub const ALL: [Self; 7] = [
        Self::Accuracy,
        Self::WeightedPrecision,
        Self::WeightedF1,
        Self::Convergence,
        Self::EscFraction,
        Self::EscScore,
        Self::LabelChanges,
    ];

    /// Whether more is better.
    pub fn more_is_better(self) -> bool {
        !matches!(self, Self::EscFraction | Self::EscScore | Self::LabelChanges)
    }

    /// What one object contributes; none of precision and F1, which belong to all objects together.
    pub fn of_object(self) -> Option<EscMetric> {
        match self {
            Self::Accuracy => Some(EscMetric::FinalCorrect),
            Self::WeightedPrecision | Self::WeightedF1 => None,
            Self::Convergence => Some(EscMetric::Convergence),
            Self::EscFraction => Some(EscMetric::EscFraction),
            Self::EscScore => Some(EscMetric::EscScore),
            Self::LabelChanges => Some(EscMetric::LabelChanges),
        }
    }
}

impl fmt::Display for CascadeMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Accuracy => "accuracy",
            Self::WeightedPrecision => "weighted precision",
            Self::WeightedF1 => "weighted F1",
            Self::Convergence => "convergence proportion",
            Self::EscFraction => "ESC_f",
            Self::EscScore => "ESC_s",
            Self::LabelChanges => "label changes",
        })
    }
}

/// The scores of a classifier on some objects.
#[derive(Debug, Clone, PartialEq)]
pub struct CascadeScores {
    /// Last classifications against true classes.
    pub confusion: Confusion,
    /// Early-stable metrics, over all and by class.
    pub early_stable: EscSummary,
    /// Each object.
    pub objects: Vec<HistoryScore>,
}

impl CascadeScores {
    /// Scores histories against the true classes of their objects.
    ///
    /// # Errors
    /// [`Error::Esc`] for a class beyond those of a history, or options that make no sense; [`Error::Scorecard`] for no class.
    ///
    /// # Panics
    /// When there is not one true class for each history.
    pub fn new(
        n_classes: usize,
        histories: &[PmfHistory],
        true_classes: &[usize],
        options: &EscOptions,
    ) -> Result<Self> {
        assert_eq!(histories.len(), true_classes.len(), "one true class for each history");
        let classified = histories.iter().zip(true_classes);
        let classified: Vec<_> =
            classified.map(|(history, &class)| ClassifiedObject::labelled(history, class)).collect();
        let objects = score_histories(&classified, options)?;
        let mut early_stable = EscSummary::new(n_classes);
        let mut confusion = Confusion::new(n_classes)?;
        for (object, &true_class) in objects.iter().zip(true_classes) {
            early_stable.add(object).map_err(Error::from)?;
            confusion.add(true_class, object.final_class)?;
        }
        Ok(Self { confusion, early_stable, objects })
    }

    /// A metric over all objects; none where no object has it.
    pub fn overall(&self, metric: CascadeMetric) -> Option<f64> {
        let weighted = || self.confusion.report(ZeroDivision::Zero).weighted_average;
        match metric {
            CascadeMetric::WeightedPrecision => weighted().precision,
            CascadeMetric::WeightedF1 => weighted().f1,
            _ => self.early_stable.overall().mean(metric.of_object()?),
        }
    }

    /// A metric over the objects of a true class: of precision and F1 that class's own.
    pub fn of_class(&self, metric: CascadeMetric, class: usize) -> Option<f64> {
        let scores = || self.confusion.class_scores(ZeroDivision::Zero).into_iter().nth(class);
        match metric {
            CascadeMetric::WeightedPrecision => scores()?.precision,
            CascadeMetric::WeightedF1 => scores()?.f1,
            _ => self.early_stable.class(class)?.mean(metric.of_object()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let history = |values: &[f64]| PmfHistory::new(2, values.to_vec()).unwrap();
        let histories = [
            history(&[0.9, 0.1].repeat(10)), // class 0, right
            history(&[[0.1, 0.9].repeat(5), [0.9, 0.1].repeat(5)].concat()), // class 1, in the end wrong
            history(&[0.2, 0.8].repeat(10)), // class 1, right
        ];
        let scores = CascadeScores::new(2, &histories, &[0, 1, 1], &EscOptions::default()).unwrap();
        let overall = |metric| scores.overall(metric).unwrap();
        assert!((overall(CascadeMetric::Accuracy) - 2.0 / 3.0).abs() < 1e-12);
        // Precision 1/2 and 1, of one and two objects; F1 2/3 twice.
        assert!((overall(CascadeMetric::WeightedPrecision) - 2.5 / 3.0).abs() < 1e-12);
        assert!((overall(CascadeMetric::WeightedF1) - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(overall(CascadeMetric::Convergence), 1.0);
        assert!((overall(CascadeMetric::EscFraction) - 0.5).abs() < 1e-12);
        assert!((overall(CascadeMetric::LabelChanges) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(scores.of_class(CascadeMetric::Accuracy, 1), Some(0.5));
        assert_eq!(scores.of_class(CascadeMetric::WeightedPrecision, 0), Some(0.5));
        assert_eq!(scores.of_class(CascadeMetric::LabelChanges, 2), None);
        assert_eq!(format!("{:>8}|", CascadeMetric::EscFraction), "   ESC_f|");
    }
}
