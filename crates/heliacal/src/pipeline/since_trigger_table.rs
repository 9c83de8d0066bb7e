//! Scores as objects age, for a terminal.

use std::fmt;

use heliacal_metrics::scorecard::DayReport;

/// A table of macro precision, recall and F1 at every level of the tree (without the root), one row per day since trigger,
/// as ORACLE's Table 5.
///
/// ```text
///   days  objects    of 2 classes         of 5 classes
///                    prec   rec    F1     prec   rec    F1
///      1       98    0.98  0.97  0.97     0.90  0.88  0.88
/// ```
#[derive(Debug, Clone)]
pub struct SinceTriggerTable<'a>(Vec<&'a DayReport>);

impl<'a> SinceTriggerTable<'a> {
    /// A row for each report.
    pub fn new(reports: impl IntoIterator<Item = &'a DayReport>) -> Self {
        Self(reports.into_iter().collect())
    }
}

impl fmt::Display for SinceTriggerTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else { return Ok(()) };
        write!(f, "{:>6}{:>9}", "days", "objects")?;
        for level in first.levels.iter().skip(1) {
            write!(f, "    {:<17}", format!("of {} classes", level.nodes.len()))?;
        }
        write!(f, "\n{:15}", "")?;
        for _ in first.levels.iter().skip(1) {
            write!(f, "    {:<6}{:<6}{:<5}", "prec", "rec", "F1")?;
        }
        for day in &self.0 {
            write!(f, "\n{:>6}{:>9}", day.days_since_trigger, day.n_objects)?;
            for level in day.levels.iter().skip(1) {
                let scores = &level.scorecard.scores.macro_average;
                write!(f, "  ")?;
                for score in [scores.precision, scores.recall, scores.f1] {
                    match score {
                        Some(score) => write!(f, "{score:>6.2}")?,
                        None => write!(f, "{:>6}", "-")?,
                    }
                }
                write!(f, " ")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use heliacal_metrics::scorecard::{Ranking, SinceTriggerScorecards, ZeroDivision};
    use heliacal_metrics::{ClassTree, PmfHistory};

    use super::*;

    #[test]
    fn a_table_by_hand() {
        let tree = ClassTree::flat(2);
        let mut since = SinceTriggerScorecards::new(tree, vec![1.0, 8.0], Ranking::Off).unwrap();
        let history = PmfHistory::new(2, vec![0.9, 0.1, 0.2, 0.8]).unwrap();
        since.push(&history, &[2.0, 5.0], 2).unwrap();
        since.push(&history, &[0.0, 9.0], 1).unwrap();
        let reports = since.report(ZeroDivision::Zero);
        let text = SinceTriggerTable::new(&reports).to_string();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["days", "objects", "of", "2", "classes"]);
        assert_eq!(rows[1], ["prec", "rec", "F1"]);
        // At day 1 the first object is missing, the second is right; the other class counts 0.
        assert_eq!(rows[2], ["1", "1", "0.50", "0.50", "0.50"]);
        assert_eq!(rows[3], ["8", "2", "1.00", "1.00", "1.00"]);
        assert_eq!(SinceTriggerTable::new(&[]).to_string(), "");
    }
}
