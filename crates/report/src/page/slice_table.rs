//! The same scores for named parts of the objects, and whether they are parts.

use heliacal_metrics::scorecard::{Partition, SliceReport};
use maud::{Markup, html};

use super::Slices;
use super::number::{Datum, Shown, count};
use super::sortable_table::{Cell, Column, sortable_table};

const COLUMNS: [Column<'_>; 6] = [
    Column::text("slice"),
    Column::number("objects"),
    Column::number("accuracy [%]"),
    Column::number("macro-F1 [%]"),
    Column::number("accuracy of families [%]"),
    Column::text("is it a subset?"),
];

/// One row a slice, the whole last and always there. Without a level of families, without their column.
pub(super) fn slice_table(slices: &Slices, has_families: bool) -> Markup {
    let whole = slices.reports.iter().position(|report| report.name.is_none());
    let row = |(position, report): (usize, &SliceReport)| {
        let checked = match whole {
            Some(whole) if whole == position => "the whole",
            Some(whole) if is_part(report, &slices.reports[whole]) => "yes",
            Some(_) => "no: it exceeds the whole",
            None => "unknown: the whole is missing",
        };
        let mut row = vec![
            Cell::Text(report.name.clone().unwrap_or_else(|| "all objects".to_owned())),
            Cell::Number(
                Datum::count(report.n_objects, format!("/slices/reports/{position}/n_objects")),
                Shown::Count,
            ),
        ];
        let last = report.levels.len().wrapping_sub(1);
        let fine = report.levels.last().map(|level| &level.scorecard.scores);
        let share = |value, level: usize, field: &str| {
            let at = format!("/slices/reports/{position}/levels/{level}/scorecard/scores/{field}");
            Cell::Number(Datum::new(value, at), Shown::Share)
        };
        row.push(share(fine.and_then(|scores| scores.accuracy), last, "accuracy"));
        row.push(share(fine.and_then(|scores| scores.macro_average.f1), last, "macro_average/f1"));
        if has_families {
            let broad = report.levels.get(1).and_then(|level| level.scorecard.scores.accuracy);
            row.push(share(broad, 1, "accuracy"));
        }
        row.push(Cell::Text(checked.to_owned()));
        row
    };
    let (all, parts): (Vec<_>, Vec<_>) =
        slices.reports.iter().enumerate().partition(|(_, report)| report.name.is_none());
    let rows: Vec<_> = parts.into_iter().map(row).collect();
    let foot: Vec<_> = all.into_iter().map(row).collect();
    let columns: Vec<_> =
        COLUMNS.into_iter().enumerate().filter(|(i, _)| has_families || *i != 4).map(|(_, c)| c).collect();
    html! {
        (sortable_table("Slices: the same scores for named parts of the objects", &columns, &rows, &foot))
        @for partition in &slices.partitions { p.note { (partition_verdict(partition, slices)) } }
    }
}

/// Whether no count of a slice exceeds that of the whole, cell by cell of every confusion matrix.
fn is_part(slice: &SliceReport, whole: &SliceReport) -> bool {
    let (slice, whole) = (counts(slice), counts(whole));
    slice.len() == whole.len() && slice.iter().zip(&whole).all(|(part, all)| part <= all)
}

fn partition_verdict(partition: &Partition, slices: &Slices) -> String {
    let parts: Option<Vec<&SliceReport>> =
        partition.parts.iter().map(|part| slices.reports.get(part + 1)).collect();
    let Some((parts, [whole, ..])) = parts.map(|parts| (parts, &slices.reports[..])) else {
        return format!("{}: a part is missing.", partition.name);
    };
    let names: Vec<&str> = parts.iter().filter_map(|part| part.name.as_deref()).collect();
    let names = names.join(", ");
    let mut sums = vec![0_u64; counts(whole).len()];
    for part in &parts {
        for (sum, n) in sums.iter_mut().zip(counts(part)) {
            *sum = sum.saturating_add(n);
        }
    }
    if sums == counts(whole) {
        let n = count(whole.n_objects);
        format!("{}: every one of the {n} objects is in exactly one of {names}.", partition.name)
    } else {
        format!("{}: {names} do not add up to the whole, although they should.", partition.name)
    }
}

/// Everything that is a count of objects.
fn counts(report: &SliceReport) -> Vec<u64> {
    let cells = report.levels.iter().flat_map(|level| level.scorecard.confusion.iter().flatten());
    [report.n_objects, report.n_missing].into_iter().chain(cells.copied()).collect()
}

#[cfg(test)]
mod tests {
    use heliacal_metrics::ClassTree;
    use heliacal_metrics::scorecard::{Ranking, SlicedScorecards, ZeroDivision};

    use super::*;

    fn slices() -> Slices {
        let mut sliced =
            SlicedScorecards::new(ClassTree::flat(2), &["faint", "bright"], Ranking::Off).unwrap();
        sliced.declare_partition("brightness", &["faint", "bright"]).unwrap();
        sliced.push(&[0.9, 0.1], 1, &[true, false]).unwrap();
        sliced.push(&[0.4, 0.6], 1, &[false, true]).unwrap();
        Slices { reports: sliced.report(ZeroDivision::Skip), partitions: sliced.partitions().to_vec() }
    }

    #[test]
    fn parts_are_parts() {
        let slices = slices();
        assert!(is_part(&slices.reports[1], &slices.reports[0]));
        let verdict = partition_verdict(&slices.partitions[0], &slices);
        assert_eq!(verdict, "brightness: every one of the 2 objects is in exactly one of faint, bright.");
    }

    #[test]
    fn what_is_no_part_is_found_out() {
        let mut slices = slices();
        slices.reports[1].levels[1].scorecard.confusion[1][1] = 7;
        assert!(!is_part(&slices.reports[1], &slices.reports[0]));
        assert!(partition_verdict(&slices.partitions[0], &slices).contains("do not add up"));
        let html = slice_table(&slices, false).into_string();
        assert!(html.contains("no: it exceeds the whole") && html.contains(">yes<"), "{html}");
        slices.partitions[0].parts.push(9);
        assert!(partition_verdict(&slices.partitions[0], &slices).contains("missing"));
    }
}
