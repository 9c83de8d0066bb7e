//! Tables in GitHub's Markdown.

use std::fmt::Write as _;

use super::{Table, cell_text, one_line};

pub(super) fn write(table: &Table) -> String {
    let mut out = String::new();
    if !table.title().is_empty() {
        let _ = writeln!(out, "**{}**\n", escape(table.title()));
    }
    let mut line = |cells: Vec<String>| {
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    };
    line(table.columns().iter().map(|name| escape(name)).collect());
    let rule = |column| if table.is_numeric(column) { "--:" } else { ":--" };
    line((0..table.columns().len()).map(|column| rule(column).to_owned()).collect());
    for row in table.rows() {
        line(row.iter().map(|cell| escape(&cell_text(cell))).collect());
    }
    out
}

/// Text that is neither markup nor HTML.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text).chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            _ => out.push(c),
        }
    }
    out
}
