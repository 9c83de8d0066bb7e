//! The results as tables for a terminal.

use std::fmt;

use super::{EscRow, EvaluationReport, LevelEvaluation, LevelWaits};
use crate::esc::{EscMetric, WeightCurve};
use crate::scorecard::{ConfidentIn, Hold};
use crate::statistics::Interval;
use crate::transport::GroundCost;

/// Tables of fixed width: early and stable class by class, right level by level and as objects age, class by class. What no
/// object has is left out.
impl fmt::Display for EvaluationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = &self.parameters;
        let cost = match parameters.cost {
            GroundCost::Unit => "unit cost",
            GroundCost::Line(_) => "costs along a line",
            GroundCost::Tree(_) => "costs along a tree",
            GroundCost::Matrix(_) => "costs from a matrix",
        };
        let weights = match &parameters.weights {
            Some(WeightCurve::Exponential { alpha }) => format!("alpha {alpha}"),
            Some(WeightCurve::Uniform) => "even weights".to_owned(),
            _ => "a curve of weights".to_owned(),
        };
        writeln!(
            f,
            "{} objects, {} classifications; {cost}, eps {}, rho {}, k {}, {weights}",
            self.n_objects,
            self.n_classifications,
            parameters.esc.epsilon(),
            parameters.esc.rho(),
            parameters.esc.k(),
        )?;
        if self.n_unlabelled > 0 {
            writeln!(f, "{} objects without a true class are scored by what needs none", self.n_unlabelled)?;
        }
        early_stable(self, f)?;
        if self.n_unlabelled == self.n_objects {
            return Ok(());
        }
        levels(self, f)?;
        days(self, f)?;
        classes(self, f)
    }
}

/// A number of fixed width, or a dash where there is none.
fn cell(value: Option<f64>, digits: usize, width: usize) -> String {
    value.map_or_else(|| format!("{:>width$}", "-"), |value| format!("{value:>width$.digits$}"))
}

fn percent(value: Option<f64>, width: usize) -> String {
    cell(value.map(|value| 100.0 * value), 1, width)
}

fn between(interval: Option<Interval>) -> String {
    interval.map_or(format!("{:14}", ""), |i| format!("[{:5.1}, {:5.1}]", 100.0 * i.lower, 100.0 * i.upper))
}

fn early_stable(report: &EvaluationReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\nearly and stable: lower ESC_f is earlier, lower ESC_s is stabler and surer")?;
    writeln!(
        f,
        "{:<16}{:>9}{:>13}{:>13}{:>8}{:>8}{:>9}{:>9}",
        "true class", "objects", "converged %", "to the end %", "ESC_f", "ESC_s", "changes", "motion"
    )?;
    let early = &report.early_stable;
    let classes = report.classes.iter().map(String::as_str).zip(&early.by_class);
    let others = [("all", &early.overall), ("(unknown)", &early.unlabelled)];
    for (name, row) in classes.chain(others).filter(|(_, row)| row.n_objects > 0) {
        let EscRow { n_objects, metrics, .. } = row;
        let mean = |metric| metrics.get(&metric).map(|spread| spread.mean);
        writeln!(
            f,
            "{name:<16}{n_objects:>9}{}{}{}{}{}{}",
            percent(mean(EscMetric::Convergence), 13),
            percent(mean(EscMetric::SustainedConvergence), 13),
            cell(mean(EscMetric::EscFraction), 3, 8),
            cell(mean(EscMetric::EscScore), 3, 8),
            cell(mean(EscMetric::LabelChanges), 2, 9),
            cell(mean(EscMetric::TotalMotion), 2, 9),
        )?;
    }
    if early.overall.n_objects == 0 {
        return Ok(());
    }
    let trigger = &report.parameters.early_trigger;
    let in_a_row =
        if trigger.n_agreeing() > 1 { format!(" {} times", trigger.n_agreeing()) } else { String::new() };
    writeln!(
        f,
        "deciding once, at p >= {}{in_a_row}: after {} % of the history, {} % right, harmonic mean {}",
        trigger.threshold(),
        percent(early.early.earliness, 0),
        percent(early.early.accuracy, 0),
        cell(early.early.harmonic_mean, 3, 0),
    )
}

fn levels(report: &EvaluationReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let level = 100.0 * report.parameters.level;
    writeln!(f, "\nright at the last classification [%], with {level} % intervals")?;
    writeln!(
        f,
        "{:>7}{:>9}  {:<20} {:<20} {:<20}{:>9}{:>7}{:>7}",
        "classes", "objects", "accuracy", "balanced accuracy", "macro-F1", "log-loss", "AUC", "ECE"
    )?;
    for LevelEvaluation {
        classes,
        report,
        reliability,
        accuracy_interval,
        balanced_accuracy_interval,
        macro_f1_interval,
        ..
    } in report.levels.iter().skip(1)
    {
        let scorecard = &report.scorecard;
        writeln!(
            f,
            "{:>7}{:>9} {} {} {} {} {} {}{}{}{}",
            classes.len(),
            report.n_objects,
            percent(scorecard.scores.accuracy, 5),
            between(*accuracy_interval),
            percent(scorecard.scores.balanced_accuracy, 5),
            between(*balanced_accuracy_interval),
            percent(scorecard.scores.macro_average.f1, 5),
            between(*macro_f1_interval),
            cell(scorecard.probability.log_loss, 3, 9),
            cell(scorecard.ranking.as_ref().and_then(|ranking| ranking.macro_auc), 3, 7),
            cell(reliability.ece, 3, 7),
        )?;
    }
    if report.levels.len() > 2 {
        let hierarchical = &report.hierarchical;
        writeln!(
            f,
            "hierarchical F1 {}; mistakes and truth meet at height {} above the leaves on average",
            cell(hierarchical.f1, 3, 0),
            cell(hierarchical.mean_mistake_height, 2, 0)
        )?;
    }
    Ok(())
}

fn days(report: &EvaluationReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let since = report.parameters.days_since;
    writeln!(f, "\nas objects age: accuracy / macro-F1 [%] at days since {since}")?;
    write!(f, "{:>7}{:>9}", "days", "objects")?;
    for level in report.levels.iter().skip(1) {
        write!(f, "{:>18}", format!("{} classes", level.classes.len()))?;
    }
    writeln!(f)?;
    for day in report.since_trigger.iter().map(|day| &day.report).filter(|day| day.n_objects > 0) {
        write!(f, "{:>7}{:>9}", day.days_since_trigger, day.n_objects)?;
        for level in day.levels.iter().skip(1) {
            let scores = &level.scorecard.scores;
            let pair = format!("{} /{}", percent(scores.accuracy, 5), percent(scores.macro_average.f1, 6));
            write!(f, "{pair:>18}")?;
        }
        writeln!(f)?;
    }
    let confidence = &report.parameters.confidence;
    let median = |waits: &LevelWaits| match waits.report.median {
        Some(days) => format!("after {days:.1} days"),
        None => "not within the observations".to_owned(),
    };
    let levels = report.levels.iter().zip(&report.days_to_confident).skip(1);
    let medians: Vec<_> =
        levels.map(|(level, waits)| format!("{} ({} classes)", median(waits), level.classes.len())).collect();
    if medians.is_empty() {
        return Ok(());
    }
    let whose = match confidence.confident_in {
        ConfidentIn::TrueClass => "their class",
        ConfidentIn::AnyClass => "some class",
    };
    let hold = if confidence.hold == Hold::ToTheEnd { ", to stay" } else { "" };
    writeln!(
        f,
        "half of the objects have p >= {} for {whose}{hold}: {}",
        confidence.threshold,
        medians.join(", ")
    )
}

fn classes(report: &EvaluationReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(LevelEvaluation { classes, report, .. }) = report.levels.last() else { return Ok(()) };
    writeln!(f, "\nclass by class at the last classification [%]")?;
    writeln!(
        f,
        "{:<16}{:>9}{:>11}{:>11}{:>9}{:>8}  most often taken for",
        "class", "objects", "predicted", "precision", "recall", "F1"
    )?;
    let scorecard = &report.scorecard;
    for (class, (name, scores)) in classes.iter().zip(&scorecard.scores.classes).enumerate() {
        if scores.support == 0 && scores.predicted == 0 {
            continue;
        }
        let others = scorecard.confusion.get(class).into_iter().flatten().enumerate();
        let others = others.filter(|&(other, &n)| other != class && n > 0);
        let confused = others.max_by_key(|&(other, &n)| (n, std::cmp::Reverse(other)));
        write!(
            f,
            "{name:<16}{:>9}{:>11}{}{}{}",
            scores.support,
            scores.predicted,
            percent(scores.precision, 11),
            percent(scores.recall, 9),
            percent(scores.f1, 8),
        )?;
        match confused {
            Some((other, n)) => writeln!(f, "  {} ({n})", classes.get(other).map_or("?", String::as_str))?,
            None => writeln!(f)?,
        }
    }
    Ok(())
}
