//! Tables in LaTeX with booktabs.

use std::fmt::Write as _;

use super::{Cell, Table, one_line};

pub(super) fn write(table: &Table) -> String {
    let n_columns = table.columns().len();
    let alignment: String =
        (0..n_columns).map(|column| if table.is_numeric(column) { 'r' } else { 'l' }).collect();
    let mut out = String::from("\\begin{table}\n\\centering\n");
    if !table.title().is_empty() {
        let _ = writeln!(out, "\\caption{{{}}}", escape(table.title()));
    }
    let _ = writeln!(out, "\\begin{{tabular}}{{{alignment}}}\n\\toprule");
    out.push_str(&line(&table.columns().iter().map(|name| escape(name)).collect::<Vec<_>>()));
    out.push_str("\\midrule\n");
    for row in table.rows() {
        out.push_str(&line(&row.iter().map(cell).collect::<Vec<_>>()));
    }
    out.push_str("\\bottomrule\n\\end{tabular}\n\\end{table}\n");
    out
}

fn line(cells: &[String]) -> String {
    format!("{} \\\\\n", cells.join(" & "))
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "--".to_owned(),
        Cell::Text(text) => escape(text),
        Cell::Count(count) => count.to_string(),
        Cell::Number { value, decimals } => number(*value, *decimals),
        Cell::MeanStd { mean, std, decimals } => format!("${mean:.decimals$} \\pm {std:.decimals$}$"),
    }
}

/// In math mode only where a sign needs it, so that columns of plain numbers stay readable.
fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.starts_with('-') { format!("${text}$") } else { text }
}

/// Text that holds no command.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text).chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            _ => match in_math(c) {
                Some(command) => {
                    let _ = write!(out, "${command}$");
                }
                None => out.push(c),
            },
        }
    }
    out
}

/// The signs that tables of this field hold and pdfLaTeX does not know as text.
fn in_math(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "\\alpha",
        'β' => "\\beta",
        'δ' => "\\delta",
        'Δ' => "\\Delta",
        'ε' => "\\varepsilon",
        'κ' => "\\kappa",
        'λ' => "\\lambda",
        'μ' | 'µ' => "\\mu",
        'ρ' => "\\rho",
        'σ' => "\\sigma",
        'τ' => "\\tau",
        '±' => "\\pm",
        '×' => "\\times",
        '−' => "-",
        '≤' => "\\le",
        '≥' => "\\ge",
        '→' => "\\to",
        _ => return None,
    })
}
