//! How early, how stable and how right a classifier's histories are, alone or against another's.

use heliacal_metrics::esc::EscMetric;
use heliacal_metrics::evaluation::{EvaluationReport, LevelEvaluation};
use heliacal_metrics::scorecard::DayReport;
use heliacal_metrics::statistics::Interval;
use heliacal_metrics::transport::GroundCost;
use maud::{Markup, html};

use super::Page;
use super::class_table::class_table;
use super::confusion_matrix::confusion_matrix;
use super::document::Section;
use super::early_stable_tables::{comparison_tables, early_stable_table};
use super::headline::{Headline, headlines, percent_level, range};
use super::history_figures;
use super::illustration::drawn;
use super::number::{Datum, Shown, count, number, percent};
use super::reliability::reliability;
use super::sortable_table::{Cell, Column, sortable_table};
use crate::Figure;

/// The report of a classifier's histories: what an [`EvaluationReport`] says, as tables and figures.
///
/// With a [base](Self::base), such as the classifier whose output the new one corrects, tables show both and the difference.
/// Where the numbers of the page stand in a JSON file, the report is the file itself and the base under `base`.
///
/// ```
/// use heliacal_metrics::evaluation::{Evaluation, EvaluationOptions};
/// use heliacal_metrics::{ClassTree, PmfHistory};
/// use heliacal_report::page::HistoryReport;
///
/// let options = EvaluationOptions::default();
/// let names = ["Alert", "SNIa", "KN"].map(String::from).to_vec();
/// let mut evaluation = Evaluation::new(names, ClassTree::flat(2), &options)?;
/// evaluation.push(&PmfHistory::new(2, vec![0.6, 0.4, 0.8, 0.2])?, &[0.0, 3.0], Some(1))?;
///
/// let report = evaluation.report()?;
/// let page = HistoryReport::new("toy", &report).page();
/// assert!(page.html().contains("Early and stable"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct HistoryReport<'a> {
    /// The classifier's name.
    pub classifier: &'a str,
    /// The day of the report, as the reader should see it.
    pub date: Option<&'a str>,
    /// What was classified, in a sentence or two.
    pub data: Option<&'a str>,
    /// The numbers.
    pub report: &'a EvaluationReport,
    /// Another classifier on the same objects.
    pub base: Option<BaseReport<'a>>,
    /// Figures of single objects and of distributions over them, which the numbers of a report do not hold, each with its
    /// caption.
    pub figures: Vec<(Figure, String)>,
}

/// The classifier that another is compared with.
#[derive(Debug, Clone, Copy)]
pub struct BaseReport<'a> {
    /// Its name.
    pub classifier: &'a str,
    /// Its numbers.
    pub report: &'a EvaluationReport,
}

impl<'a> HistoryReport<'a> {
    /// The report of one classifier, without date and figures of objects.
    pub fn new(classifier: &'a str, report: &'a EvaluationReport) -> Self {
        Self { classifier, date: None, data: None, report, base: None, figures: Vec::new() }
    }

    /// The page.
    pub fn page(&self) -> Page {
        let report = self.report;
        let mut sections = vec![
            Section::new("summary", "At a glance", headlines(&self.headlines())),
            Section::new("reading", "How to read this", self.reading()),
            Section::new("early-stable", "Early and stable", self.early_stable()),
        ];
        if !self.figures.is_empty() {
            let body = html! {
                @for (figure, caption) in &self.figures { (drawn(figure, caption)) }
            };
            sections.push(Section::new("objects", "Objects", body));
        }
        let has_truth = report.levels.iter().skip(1).any(|level| level.report.n_objects > 0);
        if has_truth {
            sections.push(Section::new("right", "Right at the end", self.levels()));
            sections.push(Section::new("ageing", "As objects age", self.ageing()));
            if let Some(fine) = report.levels.last() {
                sections.push(Section::new("classes", "Class by class at the end", self.classes(fine)));
                let at = format!("/levels/{}/reliability", report.levels.len() - 1);
                let body = reliability(&fine.reliability, &at);
                sections.push(Section::new("calibration", "Calibration", body));
            }
        }
        sections.push(Section::new("flow", "Where probability goes", history_figures::flow(report)));
        Page::new(&self.title(), &self.lead(), &sections)
    }

    fn title(&self) -> String {
        match &self.base {
            Some(base) => format!("{} against {}", self.classifier, base.classifier),
            None => format!("Report on {}", self.classifier),
        }
    }

    fn lead(&self) -> String {
        let report = self.report;
        let date = self.date.map(|date| format!("{date}. ")).unwrap_or_default();
        let data = self.data.map(|data| format!(" {data}")).unwrap_or_default();
        let unlabelled = match report.n_unlabelled {
            0 => String::new(),
            n => format!(", {} of them without a known class", count(n)),
        };
        let of_base = self.base.filter(|base| base.report.n_objects != report.n_objects);
        let other_objects = of_base.map_or_else(String::new, |base| {
            let n = count(base.report.n_objects);
            format!(
                " {} was scored on {n} objects: differences are not of the same objects.",
                base.classifier
            )
        });
        format!(
            "{date}{} classifications of {} objects{unlabelled}; {} intervals.{data}{other_objects}",
            count(report.n_classifications),
            count(report.n_objects),
            percent_level(report.parameters.level)
        )
    }

    fn headlines(&self) -> Vec<Headline> {
        let overall = &self.report.early_stable.overall;
        let of = |metric, field: &str| {
            let mean = overall.metrics.get(&metric).map(|spread| spread.mean);
            Datum::new(mean, format!("/early_stable/overall/metrics/{field}/mean"))
        };
        let plain = |name: &str, datum, digits, below: &str| Headline {
            name: name.to_owned(),
            datum,
            shown: Shown::Digits(digits),
            below: below.to_owned(),
        };
        let mut all = vec![
            Headline::share(
                "Converged",
                of(EscMetric::Convergence, "convergence"),
                overall.convergence_interval,
            ),
            plain("ESC_f", of(EscMetric::EscFraction, "esc_fraction"), 3, "0 at once, 1 never"),
            plain("ESC_s", of(EscMetric::EscScore, "esc_score"), 3, "lower is stabler and surer"),
            plain("Label changes", of(EscMetric::LabelChanges, "label_changes"), 2, "per object"),
        ];
        if let Some((position, fine)) = self.report.levels.iter().enumerate().next_back() {
            let at = format!("/levels/{position}/scorecard/scores");
            let (scores, n) = (&fine.report.scorecard.scores, fine.classes.len());
            all.push(Headline::share(
                format!("Accuracy at the end, {n} classes"),
                Datum::new(scores.accuracy, format!("{at}/accuracy")),
                fine.accuracy_interval,
            ));
            all.push(Headline::share(
                format!("Macro-F1 at the end, {n} classes"),
                Datum::new(scores.macro_average.f1, format!("{at}/macro_average/f1")),
                fine.macro_f1_interval,
            ));
        }
        all
    }

    fn reading(&self) -> Markup {
        let parameters = &self.report.parameters;
        let (esc, overall) = (&parameters.esc, &self.report.early_stable.overall);
        let cost = match parameters.cost {
            GroundCost::Unit => "half the L1 distance",
            GroundCost::Tree(_) => "steps along the tree of classes",
            _ => "the cost of moving it between classes",
        };
        let n_judged = overall.metrics.get(&EscMetric::Convergence).map_or(0, |s| s.n);
        let early = &self.report.early_stable.early;
        html! {
            ul {
                li {
                    "An object has converged at the classification that ends " (esc.k()) " in a row, each of which gives its true \
                     class at least " (esc.rho()) " and moves the probability by at most " (esc.epsilon()) " from the one before (W1: "
                    (cost) "). " (count(overall.n_converged)) " of " (count(n_judged)) " objects did."
                }
                li {
                    "ESC_f is the share of an object's classifications that this took, 1 for an object that never converges. \
                     Lower is earlier."
                }
                li {
                    "ESC_s weighs the surprise at the true class by how much the probability moves, late moves more. \
                     Lower is stabler and surer."
                    @if overall.n_score_undefined > 0 {
                        " Undefined for " (count(overall.n_score_undefined)) " objects, such as those of a single classification."
                    }
                }
                @if let Some(accuracy) = early.accuracy {
                    li {
                        "Were every object decided once, at a probability of at least " (parameters.early_trigger.threshold())
                        ", decisions would come after " (percent(early.earliness)) " of the history and "
                        (percent(Some(accuracy))) " of them would be right (harmonic mean of accuracy and earliness "
                        (number(early.harmonic_mean, 3)) ")."
                    }
                }
                li { "Days count since the " (parameters.days_since) "." }
            }
        }
    }

    fn early_stable(&self) -> Markup {
        html! {
            @match &self.base {
                Some(base) => (comparison_tables(self.report, self.classifier, base)),
                None => (early_stable_table(self.report)),
            }
            (history_figures::grids(self.report, self.base.as_ref()))
        }
    }

    /// Both classifiers, level by level.
    fn levels(&self) -> Markup {
        let columns = [
            Column::text("classifier"),
            Column::number("classes"),
            Column::number("objects"),
            Column::number("accuracy [%]"),
            Column::number("balanced accuracy [%]"),
            Column::number("macro-F1 [%]"),
            Column::number("log-loss"),
            Column::number("AUC"),
            Column::number("ECE [%]"),
        ];
        let mut rows = Vec::new();
        let of_base = self.base.map(|base| (base.classifier, base.report, "/base"));
        for (name, report, prefix) in [(self.classifier, self.report, "")].into_iter().chain(of_base) {
            for (position, level) in report.levels.iter().enumerate().skip(1) {
                rows.push(level_row(name, level, &format!("{prefix}/levels/{position}")));
            }
        }
        sortable_table(
            "The last classification of each object, level by level of the tree",
            &columns,
            &rows,
            &[],
        )
    }

    fn ageing(&self) -> Markup {
        let names: Vec<String> = self
            .report
            .levels
            .iter()
            .skip(1)
            .flat_map(|level| {
                let n = level.classes.len();
                [format!("accuracy [%], {n} classes"), format!("macro-F1 [%], {n} classes")]
            })
            .collect();
        let mut columns = vec![Column::number("days"), Column::number("objects")];
        columns.extend(names.iter().map(|name| Column::number(name)));
        let days = self.report.since_trigger.iter().map(|day| &day.report).enumerate();
        let rows: Vec<_> =
            days.filter(|(_, day)| day.n_objects > 0).map(|(i, day)| day_row(day, i)).collect();
        html! {
            (history_figures::since_trigger(self.report))
            (sortable_table(
                &format!("By days since the {}", self.report.parameters.days_since),
                &columns,
                &rows,
                &[],
            ))
            (self.waits())
        }
    }

    fn waits(&self) -> Markup {
        let columns = [
            Column::number("classes"),
            Column::number("objects"),
            Column::number("got there [%]"),
            Column::number("a quarter after days"),
            Column::number("half after days"),
            Column::number("three quarters after days"),
        ];
        let levels = self.report.levels.iter().zip(&self.report.days_to_confident).enumerate().skip(1);
        let rows: Vec<_> = levels
            .map(|(i, (level, waits))| {
                let of = |field: &str| format!("/days_to_confident/{i}/{field}");
                let days = |value, field: &str| Cell::Number(Datum::new(value, of(field)), Shown::Digits(1));
                let report = &waits.report;
                vec![
                    Cell::Number(Datum::count(level.classes.len() as u64, ""), Shown::Count),
                    Cell::Number(Datum::count(report.n_objects, of("n_objects")), Shown::Count),
                    Cell::Number(Datum::new(report.fraction_reached, of("fraction_reached")), Shown::Share),
                    days(report.first_quartile, "first_quartile"),
                    days(report.median, "median"),
                    days(report.third_quartile, "third_quartile"),
                ]
            })
            .collect();
        let caption = format!(
            "Days until a confident classification (probability of at least {}; Kaplan-Meier)",
            self.report.parameters.confidence.threshold
        );
        sortable_table(&caption, &columns, &rows, &[])
    }

    fn classes(&self, fine: &LevelEvaluation) -> Markup {
        let at = format!("/levels/{}", self.report.levels.len() - 1);
        html! {
            (confusion_matrix(
                "Of each true class (row), the share in % that is taken for each class (column)",
                &fine.classes,
                &fine.report.scorecard.confusion,
                &format!("{at}/scorecard/confusion"),
            ))
            (class_table("Scores of the classes at the last classification", "class", fine, &at))
        }
    }
}

fn level_row(name: &str, level: &LevelEvaluation, at: &str) -> Vec<Cell> {
    let scorecard = &level.report.scorecard;
    let share = |value, field: &str, interval: Option<Interval>| {
        let datum = Datum::new(value, format!("{at}/{field}"));
        match interval {
            Some(interval) => Cell::Detailed(datum, Shown::Share, range(&interval)),
            None => Cell::Number(datum, Shown::Share),
        }
    };
    let auc = scorecard.ranking.as_ref().and_then(|ranking| ranking.macro_auc);
    vec![
        Cell::Text(name.to_owned()),
        Cell::Number(Datum::count(level.classes.len() as u64, ""), Shown::Count),
        Cell::Number(Datum::count(level.report.n_objects, format!("{at}/n_objects")), Shown::Count),
        share(scorecard.scores.accuracy, "scorecard/scores/accuracy", level.accuracy_interval),
        share(
            scorecard.scores.balanced_accuracy,
            "scorecard/scores/balanced_accuracy",
            level.balanced_accuracy_interval,
        ),
        share(
            scorecard.scores.macro_average.f1,
            "scorecard/scores/macro_average/f1",
            level.macro_f1_interval,
        ),
        Cell::Number(
            Datum::new(scorecard.probability.log_loss, format!("{at}/scorecard/probability/log_loss")),
            Shown::Digits(3),
        ),
        Cell::Number(Datum::new(auc, format!("{at}/scorecard/ranking/macro_auc")), Shown::Digits(3)),
        Cell::Number(Datum::new(level.reliability.ece, format!("{at}/reliability/ece")), Shown::Share),
    ]
}

fn day_row(day: &DayReport, position: usize) -> Vec<Cell> {
    let at = format!("/since_trigger/{position}");
    let days = Datum::new(Some(day.days_since_trigger), format!("{at}/days_since_trigger"));
    let digits = usize::from(day.days_since_trigger.fract() != 0.0);
    let mut row = vec![
        Cell::Number(days, Shown::Digits(digits)),
        Cell::Number(Datum::count(day.n_objects, format!("{at}/n_objects")), Shown::Count),
    ];
    for (i, level) in day.levels.iter().enumerate().skip(1) {
        let scores = &level.scorecard.scores;
        let of = |field: &str| format!("{at}/levels/{i}/scorecard/scores/{field}");
        row.push(Cell::Number(Datum::new(scores.accuracy, of("accuracy")), Shown::Share));
        row.push(Cell::Number(Datum::new(scores.macro_average.f1, of("macro_average/f1")), Shown::Share));
    }
    row
}
