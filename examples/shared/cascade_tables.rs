//! The tables of Beyond the Final Label from a report on cascades.

use std::collections::BTreeMap;

use heliacal::metrics::evaluation::Spread;
use heliacal::pipeline::{CascadeMetric, CascadeReport, Comparison};
use heliacal_report::{Cell, ReportError, Table};

use crate::overall_table::{overall, spread_cell};

/// Metrics beside those of last classifications.
const EARLY_STABLE: [CascadeMetric; 4] = [
    CascadeMetric::Convergence,
    CascadeMetric::EscFraction,
    CascadeMetric::EscScore,
    CascadeMetric::LabelChanges,
];

/// All tables: the paper's 2 and 3 as one, the paired tests, one per metric and class (its 4 to 6), confusion matrices.
pub fn cascade_tables(report: &CascadeReport) -> Result<Vec<Table>, ReportError> {
    let mut tables = vec![overall(report)?];
    if report.seeds.len() > 1 || !report.comparisons.is_empty() {
        tables.push(tests(report)?);
    }
    tables.push(by_class(report)?);
    for classifier in &report.classifiers {
        let title =
            format!("{}: last classifications, mean counts over seeds, true class by row", classifier.name);
        let columns = ["true class"].into_iter().chain(report.classes.iter().map(String::as_str));
        let mut table = Table::new(title, columns);
        for (class, counts) in report.classes.iter().zip(&classifier.confusion) {
            let counts = counts.iter().map(|&value| Cell::Number { value, decimals: 1 });
            table.push([class.as_str().into()].into_iter().chain(counts))?;
        }
        tables.push(table);
    }
    Ok(tables)
}

/// The cascade against each other classifier, with paired tests.
fn tests(report: &CascadeReport) -> Result<Table, ReportError> {
    let title =
        "Cascade minus the other on the same objects; p-values of Wilcoxon's signed-rank test, two-sided";
    let columns = [
        "metric",
        "against",
        "difference",
        "better seeds",
        "seeds",
        "p over seeds",
        "objects",
        "p over objects",
    ];
    let mut table = Table::new(title, columns);
    for comparison in &report.comparisons {
        let Comparison { metric, against, difference, n_seeds_better, p_over_seeds, .. } = comparison;
        table.push([
            metric.to_string().into(),
            against.as_str().into(),
            spread_cell(Some(difference)),
            (*n_seeds_better as u64).into(),
            difference.n.into(),
            p_value(*p_over_seeds),
            (comparison.n_objects as u64).into(),
            p_value(comparison.p_over_objects),
        ])?;
    }
    Ok(table)
}

/// Early-stable metrics of the objects of each true class.
fn by_class(report: &CascadeReport) -> Result<Table, ReportError> {
    let columns = ["metric", "classifier"].into_iter().chain(report.classes.iter().map(String::as_str));
    let mut table = Table::new("By true class, mean and standard deviation over seeds", columns);
    let recall = [CascadeMetric::Accuracy];
    for metric in recall.into_iter().chain(EARLY_STABLE) {
        for classifier in &report.classifiers {
            let cells = classifier.by_class.iter().map(|of_class| spread_cell(of_class.get(&metric)));
            let name = [metric.to_string().into(), classifier.name.as_str().into()];
            table.push(name.into_iter().chain(cells))?;
        }
    }
    Ok(table)
}

/// What of the motion of answers is noise.
pub fn instability_table(
    parts: &[(String, heliacal::pipeline::Instability)],
    n_objects: usize,
    n_realizations: usize,
) -> Result<Table, ReportError> {
    let title = format!(
        "Motion of the answers on {n_objects} held-out objects, {n_realizations} realizations of each light curve"
    );
    let columns = ["classifier", "in all", "growing light curve", "noise", "share of noise", "spread"];
    let mut table = Table::new(title, columns);
    for (name, parts) in parts {
        let number = |value| Cell::Number { value, decimals: 3 };
        let share = (parts.total > 0.0).then(|| parts.noise / parts.total);
        let numbers = [parts.total, parts.growing, parts.noise].map(number);
        let rest = [Cell::score(share), number(parts.spread)];
        table.push([name.as_str().into()].into_iter().chain(numbers).chain(rest))?;
    }
    Ok(table)
}

/// In which metrics the cascade is better than each other classifier and in which not, and which classes pay for it, in words.
pub fn verdict(report: &CascadeReport) -> String {
    let Some((cascade, others)) = report.classifiers.split_last() else { return String::new() };
    let join = |names: Vec<String>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let mut lines = Vec::new();
    for other in others {
        let of = |better: bool| {
            let comparisons = report.comparisons.iter().filter(|comparison| comparison.against == other.name);
            let is_better = |comparison: &&Comparison| {
                let sign = if comparison.metric.more_is_better() { 1.0 } else { -1.0 };
                (sign * comparison.difference.mean > 0.0) == better
            };
            join(comparisons.filter(is_better).map(|comparison| comparison.metric.to_string()).collect())
        };
        let mut line = vec![format!("cascade against {}: better in {}", other.name, of(true))];
        line.push(format!("not better in {}", of(false)));
        let accuracy = |classes: &BTreeMap<CascadeMetric, Spread>| {
            classes.get(&CascadeMetric::Accuracy).map(|spread| spread.mean)
        };
        let pairs = cascade.by_class.iter().zip(&other.by_class).zip(&report.classes);
        let worse: Vec<String> = pairs
            .filter_map(|((ours, theirs), class)| {
                let (ours, theirs) = (accuracy(ours)?, accuracy(theirs)?);
                (ours < theirs).then(|| format!("{class} ({ours:.2}, was {theirs:.2})"))
            })
            .collect();
        if !worse.is_empty() {
            line.push(format!("less often right on {}", worse.join(", ")));
        }
        lines.push(line.join("; "));
    }
    lines.join("\n")
}

/// Small ones in powers of ten.
fn p_value(p: Option<f64>) -> Cell {
    match p {
        Some(p) if p < 1e-3 => format!("{p:.0e}").into(),
        other => other.map_or(Cell::Empty, |p| format!("{p:.3}").into()),
    }
}
