//! What the text of a scorecard says of its numbers.

use heliacal_report::page::{BaseReport, HistoryReport};

use super::sample::{Tree, card, evaluation};

#[test]
fn sentences_are_made_from_the_numbers() {
    let card = card(&Tree::stars(), 2000);
    let html = card.page().html().to_owned();
    let accuracy = card.fine().unwrap().report.scorecard.scores.accuracy.unwrap();
    assert!(html.contains(&format!("{:.1}\u{a0}% rightly, out of 21 classes", 100.0 * accuracy)));
    for part in
        ["is told best", "The worst confusion:", "expected calibration error", "stay within the family"]
    {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.contains("Brightness: every one of the 2,000 objects is in exactly one of faint, bright."));
    assert!(html.contains("The slice with the lowest accuracy is"));
}

#[test]
fn a_slice_that_does_better_than_the_whole() {
    let mut card = card(&Tree::stars(), 2000);
    let slices = card.slices.as_mut().unwrap();
    slices.reports.truncate(2);
    let scores = &mut slices.reports[1].levels.last_mut().unwrap().scorecard.scores;
    scores.accuracy = Some(1.0);
    for class in &mut scores.classes {
        class.correct = class.support;
    }
    assert!(card.page().html().contains("of all, which lies below that."));
}

#[test]
fn differences_of_other_objects_are_named_so() {
    let (report, base) = (evaluation(&Tree::stars(), 60), evaluation(&Tree::stars(), 40));
    let page = |base| {
        let base = Some(BaseReport { classifier: "old", report: base });
        HistoryReport { base, ..HistoryReport::new("new", &report) }.page()
    };
    assert!(page(&base).html().contains("old was scored on 40 objects: differences"));
    assert!(!page(&report).html().contains("was scored on"));
}

#[test]
fn what_is_absent_is_left_out() {
    let mut card = card(&Tree::stars(), 200);
    (card.slices, card.anomaly, card.ambiguous, card.look_alikes, card.date) = (None, None, None, None, None);
    let html = card.page().html().to_owned();
    for heading in ["Slices", "Anomalies", "Look-alikes", "Objects known by family only", "Anomaly AUC"] {
        assert!(!html.contains(heading), "{heading}");
    }
    assert!(html.contains("Families of classes"));
}

#[test]
fn the_json_comes_back() {
    let card = card(&Tree::stars(), 300);
    let json = serde_json::to_string(&card).unwrap();
    assert_eq!(serde_json::from_str::<heliacal_report::page::ModelScorecard>(&json).unwrap(), card);
}
