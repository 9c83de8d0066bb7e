//! One page, one file: what is known about a classifier, to read, print and send by mail.
//!
//! | question | item |
//! |---|---|
//! | how right is this classifier, class by class, and where may it be trusted? | [`ModelScorecard`] |
//! | how early, stable and right is it as observations come in, and is it better than that one? | [`HistoryReport`] |
//!
//! A [`Page`] is one HTML file without a reference to anything outside: style, figures and a few lines of script (sorting, and
//! the counts behind the cells of a matrix) stand in it, and a content security policy forbids it to ask for more. Without the
//! script everything but sorting works. Every number carries its full value and where it stands in the JSON of the same data
//! (`data-v`, and `data-json` with a JSON pointer), so that a program can read the page, too.
//!
//! Pages are written with [maud](https://maud.lambda.xyz), which escapes whatever names contain and keeps the markup beside
//! the code that fills it.

mod class_table;
mod confusion_matrix;
mod document;
mod early_stable_tables;
mod headline;
mod heat;
mod history_figures;
mod history_report;
mod how_to_read;
mod illustration;
mod level_findings;
mod model_scorecard;
mod number;
mod reliability;
mod slice_table;
mod sortable_table;

pub use document::Page;
pub use history_report::{BaseReport, HistoryReport};
pub use model_scorecard::{AnomalyTest, ModelScorecard, Slices};
