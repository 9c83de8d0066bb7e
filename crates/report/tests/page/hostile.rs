//! Names and numbers that mean harm.

use heliacal_report::page::{AnomalyTest, HistoryReport, ModelScorecard};

use super::markup::check;
use super::sample::{Tree, card, evaluation};

fn names(n: usize) -> Vec<String> {
    let long = "Ω".repeat(200);
    let hostile = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "&lt;b&gt; & ]]>",
        "</style></title><svg/onload=alert(1)>",
        &long,
        "\u{202e}שלום 🌟 RR\u{301} Lyræ \u{7}\u{0}",
        "{{7*7}} ${7*7} %s",
    ];
    (0..n).map(|i| hostile.get(i).map_or_else(|| format!("class {i}"), ToString::to_string)).collect()
}

/// No element is in the page that we did not write, and no attribute either.
fn assert_tame(html: &str) {
    let elements = check(html);
    assert_eq!(elements.iter().filter(|name| *name == "script").count(), 1);
    assert!(
        !elements.iter().any(|name| ["img", "b", "iframe", "link", "object"].contains(&&**name)),
        "{elements:?}"
    );
    assert!(!html.contains("<img") && !html.contains("<svg/"));
}

fn hostile_card(tree: &Tree, n: usize) -> ModelScorecard {
    let mut card = card(tree, n);
    let all = names(8);
    card.model.clone_from(&all[0]);
    card.date = Some(all[1].clone());
    card.data = Some(all[4].clone());
    if let Some(slices) = &mut card.slices {
        for (report, name) in slices.reports.iter_mut().skip(1).zip(&all) {
            report.name = Some(name.clone());
        }
        slices.partitions[0].name.clone_from(&all[1]);
    }
    card
}

#[test]
fn names_are_only_names() {
    let tree = Tree::flat(names(8));
    let card = hostile_card(&tree, 200);
    assert_tame(card.page().html());
    let report = evaluation(&tree, 200);
    let all = names(2);
    let page = HistoryReport { date: Some("<script>"), ..HistoryReport::new(&all[1], &report) };
    assert_tame(page.page().html());
    assert!(card.page().html().contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn any_number_of_classes() {
    for n_classes in [1, 2, 200] {
        let tree = Tree::flat(names(n_classes));
        for n_objects in [0, 1, 2 * n_classes] {
            let card = hostile_card(&tree, n_objects);
            assert_tame(card.page().html());
            let report = evaluation(&tree, n_objects);
            assert_tame(HistoryReport::new("x", &report).page().html());
        }
    }
}

#[test]
fn numbers_that_are_none() {
    let mut card = card(&Tree::stars(), 300);
    let scores = &mut card.levels[2].report.scorecard.scores;
    scores.accuracy = Some(f64::NAN);
    scores.macro_average.f1 = Some(f64::INFINITY);
    scores.classes[3].f1 = Some(f64::NEG_INFINITY);
    card.levels[2].reliability.ece = Some(f64::NAN);
    card.levels[2].reliability.bins[2].mean_confidence = Some(f64::NAN);
    card.levels[1].accuracy_interval.as_mut().unwrap().lower = f64::NAN;
    if let Some(AnomalyTest { auc, .. }) = &mut card.anomaly {
        (auc.auc, auc.delong_error) = (f64::NAN, Some(f64::NAN));
    }
    let html = card.page().html().to_owned();
    assert_tame(&html);
    // A figure that cannot be drawn says why, in words.
    assert!(
        !html.contains(">NaN") && !html.contains("\"NaN\"") && !html.contains(">inf"),
        "a number that is none"
    );
}

#[test]
fn tables_that_do_not_fit() {
    let mut card = card(&Tree::stars(), 300);
    card.levels[2].report.scorecard.confusion.truncate(3);
    card.levels[2].report.scorecard.confusion[0].truncate(2);
    card.levels[2].report.scorecard.confusion[1] = vec![u64::MAX; 40];
    card.levels[2].classes.truncate(5);
    card.levels[2].report.nodes.clear();
    card.levels[1].report.nodes[0] = 999;
    card.tree.parents = vec![5; 3];
    assert_tame(card.page().html());
    card.levels.clear();
    assert_tame(card.page().html());
    let mut report = evaluation(&Tree::stars(), 40);
    report.levels.truncate(1);
    report.days_to_confident.clear();
    report.early_stable.by_class.clear();
    report.classes.clear();
    report.flow.net.clear();
    assert_tame(HistoryReport::new("x", &report).page().html());
}
