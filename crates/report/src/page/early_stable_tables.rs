//! How early and how stable, class by class, and against another classifier.

use std::collections::BTreeMap;

use heliacal_metrics::esc::EscMetric;
use heliacal_metrics::evaluation::{EarlyStableReport, EscRow, EvaluationReport};
use maud::{Markup, html};

use super::BaseReport;
use super::headline::range;
use super::number::{Datum, Shown};
use super::sortable_table::{Cell, Column, sortable_table};

/// A metric as a column.
struct Quantity {
    metric: EscMetric,
    /// Its name in the JSON.
    field: &'static str,
    name: &'static str,
    shown: Shown,
    better: Better,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Better {
    Higher,
    Lower,
}

/// Tables 3 to 6 of Beyond the Final Label, and what explains them.
const QUANTITIES: [Quantity; 8] = [
    Quantity::new(EscMetric::Convergence, "convergence", "converged [%]", Shown::Share, Better::Higher),
    Quantity::new(EscMetric::EscFraction, "esc_fraction", "ESC_f", Shown::Digits(3), Better::Lower),
    Quantity::new(EscMetric::EscScore, "esc_score", "ESC_s", Shown::Digits(3), Better::Lower),
    Quantity::new(EscMetric::LabelChanges, "label_changes", "label changes", Shown::Digits(2), Better::Lower),
    Quantity::new(
        EscMetric::SustainedConvergence,
        "sustained_convergence",
        "to the end [%]",
        Shown::Share,
        Better::Higher,
    ),
    Quantity::new(
        EscMetric::ConvergedEscFraction,
        "converged_esc_fraction",
        "ESC_f of converged",
        Shown::Digits(3),
        Better::Lower,
    ),
    Quantity::new(EscMetric::TotalMotion, "total_motion", "sum of W1", Shown::Digits(2), Better::Lower),
    Quantity::new(
        EscMetric::FinalCorrect,
        "final_correct",
        "right at the end [%]",
        Shown::Share,
        Better::Higher,
    ),
];

/// How many of them have a table of their own, class by class, where two classifiers are compared.
const N_COMPARED_BY_CLASS: usize = 4;

impl Quantity {
    const fn new(
        metric: EscMetric,
        field: &'static str,
        name: &'static str,
        shown: Shown,
        better: Better,
    ) -> Self {
        Self { metric, field, name, shown, better }
    }

    fn mean(&self, row: &EscRow, at: &str) -> (Option<f64>, Datum) {
        let mean = row.metrics.get(&self.metric).map(|spread| spread.mean);
        (mean, Datum::new(mean, format!("{at}/metrics/{}/mean", self.field)))
    }
}

/// Every class and every metric of one classifier.
pub(super) fn early_stable_table(report: &EvaluationReport) -> Markup {
    let mut columns = vec![Column::text("true class"), Column::number("objects")];
    columns.extend(QUANTITIES.iter().map(|quantity| Column::number(quantity.name)));
    let row = |(name, row, at): (&str, &EscRow, String)| {
        let mut cells = vec![
            Cell::Text(name.to_owned()),
            Cell::Number(Datum::count(row.n_objects, format!("{at}/n_objects")), Shown::Count),
        ];
        for quantity in &QUANTITIES {
            let (_, datum) = quantity.mean(row, &at);
            let interval = row.convergence_interval.filter(|_| quantity.metric == EscMetric::Convergence);
            cells.push(match interval {
                Some(interval) => Cell::Detailed(datum, quantity.shown, range(&interval)),
                None => Cell::Number(datum, quantity.shown),
            });
        }
        cells
    };
    let (classes, all) = rows_of(report);
    let rows: Vec<_> = classes.into_iter().map(row).collect();
    let foot: Vec<_> = all.into_iter().map(row).collect();
    sortable_table("Early and stable, class by class; means over objects", &columns, &rows, &foot)
}

/// All objects, metric by metric, then four metrics class by class: the base, the new classifier, the difference.
pub(super) fn comparison_tables(report: &EvaluationReport, new: &str, base: &BaseReport<'_>) -> Markup {
    let EarlyStableReport { overall, .. } = &report.early_stable;
    let overall_rows: Vec<_> = QUANTITIES
        .iter()
        .map(|quantity| {
            let of_base = quantity.mean(&base.report.early_stable.overall, "/base/early_stable/overall");
            let of_new = quantity.mean(overall, "/early_stable/overall");
            compared(quantity.name.to_owned(), quantity, of_base, of_new)
        })
        .collect();
    let columns = |first| {
        [
            Column::text(first),
            Column::number(base.classifier),
            Column::number(new),
            Column::number("difference"),
        ]
    };
    let (classes, all) = rows_of(report);
    let (base_classes, base_all) = rows_of(base.report);
    let base_rows: BTreeMap<&str, _> =
        base_classes.into_iter().chain(base_all).map(|(name, row, at)| (name, (row, at))).collect();
    let by_class = |quantity: &Quantity| {
        let row = |(name, row, at): &(&str, &EscRow, String)| {
            let of_base = match base_rows.get(name) {
                Some((row, at)) => quantity.mean(row, &format!("/base{at}")),
                None => (None, Datum::new(None, "")),
            };
            compared((*name).to_owned(), quantity, of_base, quantity.mean(row, at))
        };
        let rows: Vec<_> = classes.iter().map(row).collect();
        let foot: Vec<_> = all.iter().map(row).collect();
        sortable_table(&format!("{}, class by class", quantity.name), &columns("true class"), &rows, &foot)
    };
    html! {
        (sortable_table("All objects; means over objects", &columns("metric"), &overall_rows, &[]))
        div.pair { @for quantity in &QUANTITIES[..N_COMPARED_BY_CLASS] { (by_class(quantity)) } }
    }
}

/// The classes that have objects, and all together, each with where it stands in the JSON.
type Rows<'a> = Vec<(&'a str, &'a EscRow, String)>;

fn rows_of(report: &EvaluationReport) -> (Rows<'_>, Rows<'_>) {
    let early = &report.early_stable;
    let classes = report.classes.iter().zip(&early.by_class).enumerate();
    let classes = classes
        .filter(|(_, (_, row))| row.n_objects > 0)
        .map(|(class, (name, row))| (name.as_str(), row, format!("/early_stable/by_class/{class}")))
        .collect();
    let mut all = vec![("all", &early.overall, "/early_stable/overall".to_owned())];
    if early.unlabelled.n_objects > 0 {
        all.push(("without known leaf", &early.unlabelled, "/early_stable/unlabelled".to_owned()));
    }
    (classes, all)
}

type Mean = (Option<f64>, Datum);

fn compared(name: String, quantity: &Quantity, base: Mean, new: Mean) -> Vec<Cell> {
    let difference = base.0.zip(new.0).map(|(base, new)| new - base);
    let of_difference = match quantity.shown {
        Shown::Digits(digits) => Shown::Signed(digits),
        _ => Shown::Points,
    };
    let verdict = match difference {
        Some(difference) if difference != 0.0 => {
            if (difference > 0.0) == (quantity.better == Better::Higher) { "better" } else { "worse" }
        }
        _ => "",
    };
    vec![
        Cell::Text(name),
        Cell::Number(base.1, quantity.shown),
        Cell::Number(new.1, quantity.shown),
        Cell::Detailed(Datum::new(difference, ""), of_difference, verdict.to_owned()),
    ]
}
