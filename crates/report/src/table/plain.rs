//! Tables for a terminal.

use super::{Table, cell_text, one_line};

pub(super) fn write(table: &Table) -> String {
    let header: Vec<String> = table.columns().iter().map(|name| one_line(name)).collect();
    let rows: Vec<Vec<String>> =
        table.rows().iter().map(|row| row.iter().map(|cell| one_line(&cell_text(cell))).collect()).collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            let cells = rows.iter().chain([&header]).map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[String]| {
        let mut line = String::new();
        for (column, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
            let gap = if column > 0 { "  " } else { "" };
            let padded = if table.is_numeric(column) {
                format!("{gap}{cell:>width$}")
            } else {
                format!("{gap}{cell:<width$}")
            };
            line.push_str(&padded);
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    };
    let mut out = String::new();
    if !table.title().is_empty() {
        out.push_str(&one_line(table.title()));
        out.push_str("\n\n");
    }
    out.push_str(&line(&header));
    out.push_str(&line(&widths.iter().map(|&width| "-".repeat(width)).collect::<Vec<_>>()));
    for row in &rows {
        out.push_str(&line(row));
    }
    out
}
