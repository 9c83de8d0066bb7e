//! Tables that the reader can sort by any column.

use maud::{Markup, html};

use super::number::{Datum, Shown};

/// A column: its heading, and whether numbers stand in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'a> {
    pub name: &'a str,
    pub is_number: bool,
}

impl<'a> Column<'a> {
    pub const fn text(name: &'a str) -> Self {
        Self { name, is_number: false }
    }

    pub const fn number(name: &'a str) -> Self {
        Self { name, is_number: true }
    }
}

/// A cell.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Text(String),
    Number(Datum, Shown),
    /// A number with what stands small beside it, such as an interval.
    Detailed(Datum, Shown, String),
}

/// A table with its caption. The first cell of a row names it. Rows of `foot` stay below, whatever is sorted.
///
/// Headings are buttons and `aria-sort` says what is sorted; a wide table scrolls in its own box, which the keyboard reaches.
pub(super) fn sortable_table(
    caption: &str,
    columns: &[Column<'_>],
    rows: &[Vec<Cell>],
    foot: &[Vec<Cell>],
) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(caption) {
            table {
                caption { (caption) }
                thead {
                    tr {
                        @for column in columns {
                            th.n[column.is_number] scope="col" aria-sort="none" { button type="button" { (column.name) } }
                        }
                    }
                }
                tbody { @for row in rows { (table_row(row)) } }
                @if !foot.is_empty() {
                    tfoot { @for row in foot { (table_row(row)) } }
                }
            }
        }
    }
}

fn table_row(row: &[Cell]) -> Markup {
    html! {
        tr {
            @for (position, cell) in row.iter().enumerate() {
                @match cell {
                    Cell::Text(text) if position == 0 => { th.name scope="row" { (text) } }
                    Cell::Text(text) => { td { (text) } }
                    Cell::Number(datum, shown) => {
                        td.n data-v=[datum.exact()] data-json=[datum.pointer()] { (datum.text(*shown)) }
                    }
                    Cell::Detailed(datum, shown, detail) => {
                        td.n data-v=[datum.exact()] data-json=[datum.pointer()] {
                            (datum.text(*shown)) @if !detail.is_empty() { " " small { (detail) } }
                        }
                    }
                }
            }
        }
    }
}
