//! The scorecard of a model that classifies each object once.

use heliacal_metrics::evaluation::{EvaluationReport, LevelEvaluation, NamedTree};
use heliacal_metrics::scorecard::{AnomalyAuc, FamilyReport, FamilyScores, Partition, SliceReport};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::Page;
use super::class_table::class_table;
use super::confusion_matrix::confusion_matrix;
use super::document::Section;
use super::headline::{Headline, bounds, headlines, percent_level};
use super::how_to_read::how_to_read;
use super::number::{Datum, Shown, count, number, shortened};
use super::reliability::reliability;
use super::slice_table::slice_table;
use super::sortable_table::{Cell, Column, sortable_table};

/// What a published classifier should say about itself. Its JSON (serde) and its [`page`](Self::page) hold the same numbers;
/// parts that are absent are left out of the page.
///
/// ```
/// use heliacal_metrics::evaluation::{Evaluation, EvaluationOptions};
/// use heliacal_metrics::{ClassTree, PmfHistory};
/// use heliacal_report::page::ModelScorecard;
///
/// let options = EvaluationOptions::default();
/// let names = ["STAR", "RRAB", "EW"].map(String::from).to_vec();
/// let mut evaluation = Evaluation::new(names, ClassTree::flat(2), &options)?;
/// evaluation.push(&PmfHistory::new(2, vec![0.9, 0.1])?, &[0.0], Some(1))?;
///
/// let card = ModelScorecard { date: Some("2026-11-22".to_owned()), ..ModelScorecard::new("toy", evaluation.report()?) };
/// assert!(card.page().html().contains("100.0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelScorecard {
    /// Which form of JSON this is: `heliacal.scorecard/1`.
    pub schema: String,
    /// The model's name.
    pub model: String,
    /// The day the card was made, or the model was; as the reader should see it.
    #[serde(default)]
    pub date: Option<String>,
    /// What was classified, in a sentence or two.
    #[serde(default)]
    pub data: Option<String>,
    /// Number of objects.
    pub n_objects: u64,
    /// Objects of which only a family is known: they count among families only.
    pub n_inner_truth: u64,
    /// Confidence level of all intervals.
    pub confidence_level: f64,
    /// The tree of classes.
    pub tree: NamedTree,
    /// The scores at every level, from the root down. The last is the fine one; the one below the root, where there is
    /// another below it, the broad one of families.
    pub levels: Vec<LevelEvaluation>,
    /// The same for named parts of the objects.
    #[serde(default)]
    pub slices: Option<Slices>,
    /// Whether objects of a class that was never learned stand out.
    #[serde(default)]
    pub anomaly: Option<AnomalyTest>,
    /// The broad level for the objects of which only a family is known.
    #[serde(default)]
    pub ambiguous: Option<LevelEvaluation>,
    /// How often the model is right but for fine classes that are hard to tell apart, from
    /// [`family_scores`](heliacal_metrics::scorecard::family_scores).
    #[serde(default)]
    pub look_alikes: Option<FamilyReport>,
}

/// Scores of named parts of the objects, from [`SlicedScorecards`](heliacal_metrics::scorecard::SlicedScorecards). The page
/// checks that they are parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slices {
    /// The whole, then slice by slice.
    pub reports: Vec<SliceReport>,
    /// Slices that should share the objects out.
    pub partitions: Vec<Partition>,
}

/// How well an anomaly score finds objects of a class that the model was not taught.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnomalyTest {
    /// The class that was left out.
    pub left_out: String,
    /// What the score is, as `1 - max p`.
    pub score: String,
    /// How well it tells them.
    pub auc: AnomalyAuc,
}

/// Which form of JSON a [`ModelScorecard`] has; changes when a field changes its meaning or goes.
const SCHEMA: &str = "heliacal.scorecard/1";

impl ModelScorecard {
    /// The scorecard of what an evaluation found, without the optional parts.
    pub fn new(model: impl Into<String>, report: EvaluationReport) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            model: model.into(),
            date: None,
            data: None,
            n_objects: report.n_objects,
            n_inner_truth: report.n_inner_truth,
            confidence_level: report.parameters.level,
            tree: report.tree,
            levels: report.levels,
            slices: None,
            anomaly: None,
            ambiguous: None,
            look_alikes: None,
        }
    }

    /// The level of the leaves.
    pub fn fine(&self) -> Option<&LevelEvaluation> {
        self.levels.last()
    }

    /// The level of families, below the root; `None` of a flat set of classes.
    pub fn broad(&self) -> Option<&LevelEvaluation> {
        self.levels.get(1).filter(|_| self.levels.len() > 2)
    }

    /// The page.
    pub fn page(&self) -> Page {
        let fine_at = format!("/levels/{}", self.levels.len().wrapping_sub(1));
        let mut sections = vec![
            Section::new("summary", "At a glance", headlines(&self.headlines(&fine_at))),
            Section::new("reading", "How to read this", how_to_read(self)),
        ];
        if let Some(fine) = self.fine() {
            sections.push(Section::new("classes", "Classes", level_body(fine, &fine_at, "class")));
        }
        if let Some(broad) = self.broad() {
            sections.push(Section::new(
                "families",
                "Families of classes",
                level_body(broad, "/levels/1", "family"),
            ));
        }
        if let Some(slices) = &self.slices {
            sections.push(Section::new("slices", "Slices", slice_table(slices, self.broad().is_some())));
        }
        if let Some(body) = self.ambiguous_body() {
            sections.push(Section::new("ambiguous", "Objects known by family only", body));
        }
        if let Some(look_alikes) = &self.look_alikes {
            sections.push(Section::new("look-alikes", "Look-alikes", self.look_alike_body(look_alikes)));
        }
        if let Some(anomaly) = &self.anomaly {
            sections.push(Section::new("anomalies", "Anomalies", anomaly_body(anomaly)));
        }
        if let Some(fine) = self.fine() {
            let body = reliability(&fine.reliability, &format!("{fine_at}/reliability"));
            sections.push(Section::new("calibration", "Calibration", body));
        }
        Page::new(&format!("Scorecard of {}", self.model), &self.lead(), &sections)
    }

    fn lead(&self) -> String {
        let date = self.date.as_ref().map(|date| format!("{date}. ")).unwrap_or_default();
        let data = self.data.as_ref().map(|data| format!(" {data}")).unwrap_or_default();
        let inner = match self.n_inner_truth {
            0 => String::new(),
            n => format!(", {} of them known by family only", count(n)),
        };
        format!(
            "{date}{} objects{inner}; {} intervals.{data}",
            count(self.n_objects),
            percent_level(self.confidence_level)
        )
    }

    fn headlines(&self, fine_at: &str) -> Vec<Headline> {
        let mut all = vec![Headline {
            name: "Objects".to_owned(),
            datum: Datum::count(self.n_objects, "/n_objects"),
            shown: Shown::Count,
            below: String::new(),
        }];
        let levels = [(self.fine(), fine_at, "classes"), (self.broad(), "/levels/1", "families")];
        for (level, at, what) in levels {
            let Some(level) = level else { continue };
            let (scores, n) = (&level.report.scorecard.scores, level.classes.len());
            let of = |field: &str| format!("{at}/scorecard/scores/{field}");
            all.push(Headline::share(
                format!("Accuracy, {n} {what}"),
                Datum::new(scores.accuracy, of("accuracy")),
                level.accuracy_interval,
            ));
            all.push(Headline::share(
                format!("Macro-F1, {n} {what}"),
                Datum::new(scores.macro_average.f1, of("macro_average/f1")),
                level.macro_f1_interval,
            ));
            all.push(Headline::share(
                format!("Balanced accuracy, {n} {what}"),
                Datum::new(scores.balanced_accuracy, of("balanced_accuracy")),
                level.balanced_accuracy_interval,
            ));
        }
        if let Some(level) = &self.ambiguous {
            let accuracy = level.report.scorecard.scores.accuracy;
            all.push(Headline::share(
                "Right family where only that is known",
                Datum::new(accuracy, "/ambiguous/scorecard/scores/accuracy"),
                level.accuracy_interval,
            ));
        }
        if let Some(AnomalyTest { auc, left_out, .. }) = &self.anomaly {
            all.push(Headline {
                name: format!("Anomaly AUC, {} left out", shortened(left_out, 40)),
                datum: Datum::new(Some(auc.auc), "/anomaly/auc/auc"),
                shown: Shown::Digits(3),
                below: format!(
                    "standard error {}",
                    number(Some(auc.delong_error.unwrap_or(auc.hanley_mcneil_error)), 3)
                ),
            });
        }
        all
    }

    fn ambiguous_body(&self) -> Option<Markup> {
        let level = self.ambiguous.as_ref()?;
        let interval = level.accuracy_interval.map(|interval| format!(" ({})", bounds(&interval)));
        Some(html! {
            p {
                "Catalogues sometimes give only the family of an object. Of "
                (Datum::count(level.report.scorecard.scores.n_objects, "/ambiguous/scorecard/scores/n_objects").inline(Shown::Count))
                " such objects the most probable family is the one that is known for "
                (Datum::new(level.report.scorecard.scores.accuracy, "/ambiguous/scorecard/scores/accuracy").inline(Shown::Percent))
                @if let Some(interval) = interval { (interval) } "."
            }
            (class_table("Objects known by family only", "family", &without_ranking(level), "/ambiguous"))
        })
    }

    fn look_alike_body(&self, report: &FamilyReport) -> Markup {
        let names = |classes: &[usize]| {
            let name = |class: &usize| self.fine()?.classes.get(*class).map(String::as_str);
            classes.iter().map(|class| name(class).unwrap_or("?")).collect::<Vec<_>>().join(", ")
        };
        let row = |name: String, at: String, scores: &FamilyScores| {
            let of = |field: &str| format!("/look_alikes/{at}/{field}");
            vec![
                Cell::Text(name),
                Cell::Number(Datum::count(scores.n_objects, of("n_objects")), Shown::Count),
                Cell::Number(Datum::new(scores.accuracy, of("accuracy")), Shown::Share),
                Cell::Number(Datum::new(scores.family_accuracy, of("family_accuracy")), Shown::Share),
                Cell::Number(Datum::count(scores.n_intruders, of("n_intruders")), Shown::Count),
            ]
        };
        let families = report.families.iter().enumerate();
        let rows: Vec<_> = families
            .map(|(i, family)| row(names(&family.classes), format!("families/{i}"), family))
            .collect();
        let foot = [row("all of these".to_owned(), "overall".to_owned(), &report.overall)];
        let columns = [
            Column::text("look-alikes"),
            Column::number("objects"),
            Column::number("own class [%]"),
            Column::number("any of these [%]"),
            Column::number("others taken for them"),
        ];
        sortable_table("Right but for classes that are hard to tell apart", &columns, &rows, &foot)
    }
}

/// Where one level's matrix and table of classes stand.
fn level_body(level: &LevelEvaluation, at: &str, what: &str) -> Markup {
    let plural = if what == "family" { "families" } else { "classes" };
    html! {
        (confusion_matrix(
            &format!("Of each true {what} (row), the share in % that is taken for each {what} (column)"),
            &level.classes,
            &level.report.scorecard.confusion,
            &format!("{at}/scorecard/confusion"),
        ))
        p.note.on-screen { "Point at a cell, tap it, or step through the cells with the arrow keys: it tells its counts." }
        (class_table(&format!("Scores of the {} {plural}", level.classes.len()), what, level, at))
    }
}

fn without_ranking(level: &LevelEvaluation) -> LevelEvaluation {
    let mut level = level.clone();
    level.report.scorecard.ranking = None;
    level
}

fn anomaly_body(anomaly: &AnomalyTest) -> Markup {
    let auc = &anomaly.auc;
    let of = |value, field: &str| Datum::new(value, format!("/anomaly/auc/{field}")).inline(Shown::Digits(3));
    let objects = |n, field: &str| Datum::count(n, format!("/anomaly/auc/{field}")).inline(Shown::Count);
    html! {
        p {
            (anomaly.left_out) ": the model was not taught this class, and met " (objects(auc.n_anomalous, "n_anomalous"))
            " such objects among " (objects(auc.n_ordinary, "n_ordinary")) " of the classes it knows. By the score "
            (anomaly.score) " they are told apart with an area under the ROC curve of " (of(Some(auc.auc), "auc"))
            ", standard error " (of(auc.delong_error, "delong_error")) " (DeLong) or "
            (of(Some(auc.hanley_mcneil_error), "hanley_mcneil_error")) " (Hanley and McNeil); 0.5 is chance, 1 perfect. "
            "Average precision " (of(Some(auc.average_precision), "average_precision")) "."
        }
    }
}
