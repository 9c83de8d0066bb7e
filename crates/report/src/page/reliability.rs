//! Whether 80 % means 80 %.

use heliacal_metrics::calibration::ReliabilityDiagram;
use maud::{Markup, html};

use super::illustration::illustration;
use super::number::{Datum, Shown};
use super::sortable_table::{Cell, Column, sortable_table};
use crate::{FigureStyle, figures};

/// The diagram with its bins in a table; `at` is where it stands in the JSON.
pub(super) fn reliability(diagram: &ReliabilityDiagram, at: &str) -> Markup {
    let columns = [
        Column::number("stated, from [%]"),
        Column::number("to [%]"),
        Column::number("objects"),
        Column::number("mean stated [%]"),
        Column::number("came true [%]"),
    ];
    let row = |(i, bin): (usize, &heliacal_metrics::calibration::ReliabilityBin)| {
        let of = |field: &str| format!("{at}/bins/{i}/{field}");
        let share = |value, field: &str| Cell::Number(Datum::new(value, of(field)), Shown::Share);
        vec![
            share(Some(bin.lower), "lower"),
            share(Some(bin.upper), "upper"),
            Cell::Number(Datum::count(bin.count, of("count")), Shown::Count),
            share(bin.mean_confidence, "mean_confidence"),
            share(bin.observed_frequency, "observed_frequency"),
        ]
    };
    let rows: Vec<_> = diagram.bins.iter().enumerate().filter(|(_, bin)| bin.count > 0).map(row).collect();
    let error = |value, field: &str| Datum::new(value, format!("{at}/{field}")).inline(Shown::Percent);
    html! {
        p {
            "Expected calibration error " (error(diagram.ece, "ece")) ", largest of a bin " (error(diagram.mce, "mce")) "."
        }
        div.pair {
            (illustration(
                &figures::reliability(&[("stated", diagram)], &FigureStyle::new()),
                "Share of the most probable classes that are right, against the probability that the model gives them; on the \
                 diagonal both are the same.",
            ))
            (sortable_table("Bins of the stated probability", &columns, &rows, &[]))
        }
    }
}
