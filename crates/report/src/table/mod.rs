//! Tables of numbers as text, Markdown, LaTeX and CSV.

mod csv;
mod latex;
mod markdown;
mod plain;

use crate::error::{Result, check_length};
use crate::scale;

/// One cell of a [`Table`].
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Cell {
    /// Nothing, or a number that is not defined.
    #[default]
    Empty,
    /// Text, left-aligned.
    Text(String),
    /// A count.
    Count(u64),
    /// A number, written with so many decimals; NaN and infinity are written as such.
    Number {
        /// The number.
        value: f64,
        /// Digits after the point; CSV has them all.
        decimals: usize,
    },
    /// A mean and its standard deviation.
    MeanStd {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        std: f64,
        /// Digits after the point of both; CSV has them all.
        decimals: usize,
    },
}

impl Cell {
    /// A number with three decimals, or nothing where there is none.
    pub fn score(value: Option<f64>) -> Self {
        value.map_or(Self::Empty, |value| Self::Number { value, decimals: 3 })
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

/// A table: a title, columns with names, rows of cells.
///
/// Columns of numbers are right-aligned; text is escaped for each format, so that a class may have any name.
///
/// ```
/// use heliacal_report::{Cell, Table};
///
/// let mut table = Table::new("Early-stable metrics", ["class", "objects", "ESC_f"]);
/// table.push(["SNIa".into(), 71_u64.into(), Cell::MeanStd { mean: 0.413, std: 0.02, decimals: 2 }])?;
/// table.push(["SNIb/c".into(), 8_u64.into(), Cell::Empty])?;
/// assert_eq!(
///     table.to_markdown(),
///     "**Early-stable metrics**\n\n| class | objects | ESC\\_f |\n| :-- | --: | --: |\n| SNIa | 71 | 0.41 ± 0.02 |\n| SNIb/c | 8 | – |\n"
/// );
/// assert!(table.to_latex().contains(r"SNIa & 71 & $0.41 \pm 0.02$ \\"));
/// assert_eq!(table.to_csv(), "class,objects,ESC_f,ESC_f std\nSNIa,71,0.413,0.02\nSNIb/c,8,,\n");
/// # Ok::<(), heliacal_report::ReportError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: impl Into<String>, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Length`](crate::ReportError::Length) unless there is one cell per column.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) -> Result<()> {
        let cells: Vec<Cell> = cells.into_iter().collect();
        check_length("cells of a row", self.columns.len(), cells.len())?;
        self.rows.push(cells);
        Ok(())
    }

    /// What stands above or below it.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows, each with one cell per column.
    pub fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// Whether a column holds numbers and is aligned to the right: it has no text and some cell that is not empty.
    pub fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.clone().any(|cell| *cell != Cell::Empty) && !cells.any(Cell::is_text)
    }

    /// The table in columns of equal width, for a terminal.
    pub fn to_text(&self) -> String {
        plain::write(self)
    }

    /// The table in GitHub's Markdown.
    pub fn to_markdown(&self) -> String {
        markdown::write(self)
    }

    /// The table as a LaTeX `table` with the rules of the package booktabs.
    pub fn to_latex(&self) -> String {
        latex::write(self)
    }

    /// The table as comma-separated values (RFC 4180) with all digits. A column of means has a second column, its standard
    /// deviations; the title is left out.
    pub fn to_csv(&self) -> String {
        csv::write(self)
    }
}

/// The cell as text, numbers with a real minus sign; nothing as a dash.
pub(crate) fn cell_text(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "–".to_owned(),
        Cell::Text(text) => text.clone(),
        Cell::Count(count) => count.to_string(),
        Cell::Number { value, decimals } => scale::fixed(*value, *decimals),
        Cell::MeanStd { mean, std, decimals } => {
            format!("{} ± {}", scale::fixed(*mean, *decimals), scale::fixed(*std, *decimals))
        }
    }
}

/// Line breaks and tabs as blanks: a cell is one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> Table {
        let mut table = Table::new("50 % of <b>all</b>", ["class|name", "n_obs & \"more\"", "d"]);
        let number = |value| Cell::Number { value, decimals: 2 };
        table.push(["a|b\n\"c\" \\ {x}_y^2~$#%".into(), 3_u64.into(), number(-0.126)]).unwrap();
        table.push(["<script>*β*</script>".into(), Cell::Empty, number(f64::NAN)]).unwrap();
        table
    }

    #[test]
    fn a_row_of_another_length_is_refused() {
        let mut table = Table::new("t", ["a", "b"]);
        let error = table.push([Cell::Empty]).unwrap_err();
        assert_eq!(error.to_string(), "cells of a row: expected 2, found 1");
    }

    #[test]
    fn text_lines_up() {
        assert_eq!(
            hostile().to_text(),
            "50 % of <b>all</b>\n\n\
             class|name             n_obs & \"more\"      d\n\
             ---------------------  --------------  -----\n\
             a|b \"c\" \\ {x}_y^2~$#%               3  −0.13\n\
             <script>*β*</script>                –    NaN\n"
        );
    }

    #[test]
    fn markdown_keeps_its_cells_whatever_they_hold() {
        assert_eq!(
            hostile().to_markdown(),
            "**50 % of &lt;b&gt;all&lt;/b&gt;**\n\n\
             | class\\|name | n\\_obs &amp; \"more\" | d |\n\
             | :-- | --: | --: |\n\
             | a\\|b \"c\" \\\\ {x}\\_y^2\\~$\\#% | 3 | −0.13 |\n\
             | &lt;script&gt;\\*β\\*&lt;/script&gt; | – | NaN |\n"
        );
    }

    #[test]
    fn latex_holds_no_command_of_the_data() {
        let latex = hostile().to_latex();
        let row =
            r#"a|b "c" \textbackslash{} \{x\}\_y\textasciicircum{}2\textasciitilde{}\$\#\% & 3 & $-0.13$ \\"#;
        assert!(latex.contains(row), "{latex}");
        assert!(latex.contains(r"\textless{}script\textgreater{}*$\beta$*"), "{latex}");
        assert!(latex.contains("\\begin{tabular}{lrr}\n\\toprule\n"), "{latex}");
        assert!(latex.contains(r"\caption{50 \% of"), "{latex}");
    }

    #[test]
    fn csv_quotes_and_keeps_all_digits() {
        assert_eq!(
            hostile().to_csv(),
            "class|name,\"n_obs & \"\"more\"\"\",d\n\
             \"a|b\n\"\"c\"\" \\ {x}_y^2~$#%\",3,-0.126\n\
             <script>*β*</script>,,NaN\n"
        );
    }

    #[test]
    fn a_table_without_rows_is_a_table() {
        let table = Table::new("", ["a"]);
        assert_eq!(table.to_markdown(), "| a |\n| :-- |\n");
        assert_eq!(table.to_csv(), "a\n");
        assert!(table.to_latex().contains("\\bottomrule"));
        assert_eq!(table.to_text(), "a\n-\n");
    }
}
