//! Base classifiers, naive model and cascade in one table.

use heliacal::metrics::evaluation::Spread;
use heliacal::pipeline::{CascadeMetric, CascadeReport};
use heliacal_report::{Cell, ReportError, Table};

/// Every classifier in every metric, over all held-out objects.
pub fn overall(report: &CascadeReport) -> Result<Table, ReportError> {
    let n = report.seeds.len();
    let over = if n == 1 { String::new() } else { format!(", mean and standard deviation over {n} seeds") };
    let title = format!("Held-out objects{over} (less is better in the last three)");
    let names = report.classifiers.iter().map(|classifier| classifier.name.as_str());
    let mut table = Table::new(title, ["metric"].into_iter().chain(names));
    for metric in CascadeMetric::ALL {
        let cells = report.classifiers.iter().map(|classifier| spread_cell(classifier.overall.get(&metric)));
        table.push([metric.to_string().into()].into_iter().chain(cells))?;
    }
    Ok(table)
}

/// A mean, with its standard deviation if there is one.
pub fn spread_cell(spread: Option<&Spread>) -> Cell {
    match spread {
        None => Cell::Empty,
        Some(&Spread { mean, standard_deviation: None, .. }) => Cell::score(Some(mean)),
        Some(&Spread { mean, standard_deviation: Some(std), .. }) => Cell::MeanStd { mean, std, decimals: 3 },
    }
}
