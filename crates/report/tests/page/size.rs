//! How large a page is and how long it takes: 40,000 objects, 21 classes.

use std::time::Instant;

use heliacal_report::page::HistoryReport;

use super::sample::{Tree, card, evaluation};

/// What a page may weigh \[byte\].
const HEAVIEST: usize = 1_000_000;

#[test]
fn pages_of_a_survey_are_light_and_quick() {
    let card = card(&Tree::stars(), 40_000);
    let report = evaluation(&Tree::stars(), 40_000);
    let folder = tempfile::tempdir().unwrap();
    for (name, write) in [
        ("scorecard", &(|path: &std::path::Path| card.page().write(path)) as &dyn Fn(&std::path::Path) -> _),
        ("report", &|path: &std::path::Path| HistoryReport::new("made up", &report).page().write(path)),
    ] {
        let path = folder.path().join(name);
        let begin = Instant::now();
        write(&path).unwrap();
        let seconds = begin.elapsed().as_secs_f64();
        let bytes = std::fs::metadata(&path).unwrap().len() as usize;
        eprintln!("{name}: {bytes} bytes in {:.1} ms", 1e3 * seconds);
        assert!(bytes < HEAVIEST, "{name}: {bytes} bytes");
        assert!(seconds < 1.0, "{name}: {seconds} s");
    }
}
