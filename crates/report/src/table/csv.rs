//! Tables as comma-separated values.

use super::{Cell, Table};

pub(super) fn write(table: &Table) -> String {
    let has_spread: Vec<bool> = (0..table.columns().len())
        .map(|column| table.rows().iter().any(|row| matches!(row[column], Cell::MeanStd { .. })))
        .collect();
    let mut out = String::new();
    let header = table.columns().iter().zip(&has_spread).flat_map(|(name, &spread)| {
        [Some(quoted(name)), spread.then(|| quoted(&format!("{name} std")))].into_iter().flatten()
    });
    push_line(&mut out, header);
    for row in table.rows() {
        let cells = row.iter().zip(&has_spread).flat_map(|(cell, &spread)| {
            let (value, std) = values(cell);
            [Some(value), spread.then_some(std)].into_iter().flatten()
        });
        push_line(&mut out, cells);
    }
    out
}

/// What stands in the column of a cell, and in that of its standard deviation.
fn values(cell: &Cell) -> (String, String) {
    match cell {
        Cell::Empty => (String::new(), String::new()),
        Cell::Text(text) => (quoted(text), String::new()),
        Cell::Count(count) => (count.to_string(), String::new()),
        Cell::Number { value, .. } => (value.to_string(), String::new()),
        Cell::MeanStd { mean, std, .. } => (mean.to_string(), std.to_string()),
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.trim() != text {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn push_line(out: &mut String, cells: impl Iterator<Item = String>) {
    out.push_str(&cells.collect::<Vec<_>>().join(","));
    out.push('\n');
}
