//! Precision, recall and F1 class by class.

use heliacal_metrics::evaluation::LevelEvaluation;
use heliacal_metrics::scorecard::AveragedScores;
use maud::Markup;

use super::number::{Datum, Shown};
use super::sortable_table::{Cell, Column, sortable_table};

const COLUMNS: [Column<'_>; 6] = [
    Column::number("precision [%]"),
    Column::number("recall [%]"),
    Column::number("F1 [%]"),
    Column::number("objects"),
    Column::number("predicted"),
    Column::number("AUC"),
];

/// The classes of a level with their averages below. `what` they are: classes or families; `at`: where the level stands in the
/// JSON. A column of areas under ROC curves only where they were computed.
pub(super) fn class_table(caption: &str, what: &str, level: &LevelEvaluation, at: &str) -> Markup {
    let scorecard = &level.report.scorecard;
    let ranking = scorecard.ranking.as_ref();
    let share = |value, at: String| Cell::Number(Datum::new(value, at), Shown::Share);
    let objects = |n, at: String| Cell::Number(Datum::count(n, at), Shown::Count);
    let area = |value, at: String| Cell::Number(Datum::new(value, at), Shown::Digits(3));

    let mut rows = Vec::with_capacity(level.classes.len());
    for (class, (name, scores)) in level.classes.iter().zip(&scorecard.scores.classes).enumerate() {
        let of = |field: &str| format!("{at}/scorecard/scores/classes/{class}/{field}");
        let mut row = vec![
            Cell::Text(name.clone()),
            share(scores.precision, of("precision")),
            share(scores.recall, of("recall")),
            share(scores.f1, of("f1")),
            objects(scores.support, of("support")),
            objects(scores.predicted, of("predicted")),
        ];
        if let Some(ranking) = ranking {
            let auc = ranking.classes.get(class).and_then(|class| class.auc);
            row.push(area(auc, format!("{at}/scorecard/ranking/classes/{class}/auc")));
        }
        rows.push(row);
    }
    let average = |name: &str, field: &str, scores: &AveragedScores, auc: Option<f64>| {
        let of = |score: &str| format!("{at}/scorecard/scores/{field}/{score}");
        let mut row = vec![
            Cell::Text(name.to_owned()),
            share(scores.precision, of("precision")),
            share(scores.recall, of("recall")),
            share(scores.f1, of("f1")),
            objects(scorecard.scores.n_objects, format!("{at}/scorecard/scores/n_objects")),
            objects(scorecard.scores.n_objects, format!("{at}/scorecard/scores/n_objects")),
        ];
        if ranking.is_some() {
            let field = field.replace("average", "auc");
            row.push(area(auc, format!("{at}/scorecard/ranking/{field}")));
        }
        row
    };
    let scores = &scorecard.scores;
    let foot = [
        average(
            "mean over classes",
            "macro_average",
            &scores.macro_average,
            ranking.and_then(|ranking| ranking.macro_auc),
        ),
        average(
            "mean over objects",
            "weighted_average",
            &scores.weighted_average,
            ranking.and_then(|ranking| ranking.weighted_auc),
        ),
    ];
    let mut columns = vec![Column::text(what)];
    columns.extend(&COLUMNS[..if ranking.is_some() { 6 } else { 5 }]);
    sortable_table(caption, &columns, &rows, &foot)
}
