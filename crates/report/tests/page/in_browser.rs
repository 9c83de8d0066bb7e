//! What only a browser can tell: that pages load nothing, sort, and show counts to mouse and keyboard.

use heliacal_report::page::HistoryReport;
use serde_json::json;

use super::browser::Browser;
use super::sample::{Tree, card, evaluation};

#[test]
fn a_scorecard_works() {
    let Some(mut browser) = Browser::start() else { return };
    let card = card(&Tree::stars(), 2000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scorecard.html");
    card.page().write(&path).unwrap();
    browser.open(&path);
    assert_eq!(browser.complaints(), Vec::<serde_json::Value>::new());
    the_numbers_are_those_of_the_json(&mut browser, &serde_json::to_value(&card).unwrap());
    counts_show(&mut browser);
    tables_sort(&mut browser);
    every_control_has_a_name(&mut browser);
    everything_can_be_read(&mut browser);
    it_fits_a_phone(&mut browser);
    assert_eq!(browser.complaints(), Vec::<serde_json::Value>::new());
}

#[test]
fn a_report_works() {
    let Some(mut browser) = Browser::start() else { return };
    let (tree, folder) = (Tree::stars(), tempfile::tempdir().unwrap());
    let (report, base) = (evaluation(&tree, 600), evaluation(&tree, 400));
    let path = folder.path().join("report.html");
    let base_report = heliacal_report::page::BaseReport { classifier: "old", report: &base };
    HistoryReport { base: Some(base_report), ..HistoryReport::new("new", &report) }
        .page()
        .write(&path)
        .unwrap();
    browser.open(&path);
    let mut json = serde_json::to_value(&report).unwrap();
    json["base"] = serde_json::to_value(&base).unwrap();
    the_numbers_are_those_of_the_json(&mut browser, &json);
    every_control_has_a_name(&mut browser);
    everything_can_be_read(&mut browser);
    it_fits_a_phone(&mut browser);
    assert_eq!(browser.complaints(), Vec::<serde_json::Value>::new());
}

#[test]
fn a_page_that_wants_more_is_refused() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spoilt.html");
    let page = card(&Tree::stars(), 60).page();
    let spoilt = page.html().replace("<main", "<img src=\"https://example.org/x.png\"><main");
    std::fs::write(&path, spoilt).unwrap();
    browser.open(&path);
    // The policy of the page, and this test's eyes, both work.
    assert!(!browser.complaints().is_empty());
}

/// Every number with a pointer, and every matrix cell by cell.
fn the_numbers_are_those_of_the_json(browser: &mut Browser, json: &serde_json::Value) {
    let shown = browser.evaluate(
        "Array.from(document.querySelectorAll('[data-json]:not(table)'), \
         (e) => [e.dataset.json, e.dataset.v === undefined ? null : Number(e.dataset.v)])",
    );
    let shown = shown.as_array().unwrap();
    assert!(shown.len() > 100, "{}", shown.len());
    for pair in shown {
        let pointer = pair[0].as_str().unwrap();
        // A metric that no object has is not in the JSON, and undefined on the page.
        let expected = json.pointer(pointer).and_then(serde_json::Value::as_f64);
        assert_eq!(pair[1].as_f64(), expected, "{pointer}");
    }
    let matrices = browser.evaluate(
        "Array.from(document.querySelectorAll('table.matrix'), (t) => [t.dataset.json, Array.from(t.tBodies[0].rows, \
         (r) => Array.from(r.cells).slice(1).map((c) => Number((c.dataset.counts || ': 0 of').match(/: ([0-9,]+) of/)[1].replaceAll(',', ''))))])",
    );
    for matrix in matrices.as_array().unwrap() {
        let pointer = matrix[0].as_str().unwrap();
        let expected: Vec<Vec<f64>> = serde_json::from_value(json.pointer(pointer).unwrap().clone()).unwrap();
        let found: Vec<Vec<f64>> = serde_json::from_value(matrix[1].clone()).unwrap();
        assert_eq!(found, expected, "{pointer}");
    }
}

fn counts_show(browser: &mut Browser) {
    let place = browser.evaluate(
        "(() => { const c = document.querySelector('table.matrix td[data-counts]'); c.scrollIntoView({block: 'center'}); \
         const b = c.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2, c.dataset.counts]; })()",
    );
    browser.point_at(1.0, 1.0);
    assert_eq!(browser.evaluate("document.getElementById('tip').textContent"), json!(""));
    browser.point_at(place[0].as_f64().unwrap(), place[1].as_f64().unwrap());
    assert_eq!(browser.evaluate("document.getElementById('tip').textContent"), place[2]);
    assert!(place[2].as_str().unwrap().contains("rightly: "), "{place}");
    let visible = "getComputedStyle(document.getElementById('tip')).visibility";
    assert_eq!(browser.evaluate(visible), json!("visible"));
    browser.point_at(1.0, 1.0);
    assert_eq!(browser.evaluate(visible), json!("hidden"));
    // The keyboard: focus, and one step to the right and back.
    browser
        .evaluate("document.querySelector('table.matrix td[tabindex=\"0\"]').focus({preventScroll: true})");
    let first = browser.evaluate("document.getElementById('tip').textContent");
    assert_eq!(first, place[2]);
    browser.press("ArrowRight");
    assert_ne!(browser.evaluate("document.getElementById('tip').textContent"), first);
    browser.press("ArrowLeft");
    assert_eq!(browser.evaluate("document.getElementById('tip').textContent"), first);
    assert_eq!(
        browser.evaluate("document.querySelectorAll('table.matrix td[tabindex=\"0\"]').length >= 1"),
        json!(true)
    );
    browser.press("Escape");
    assert_eq!(browser.evaluate(visible), json!("hidden"));
}

fn tables_sort(browser: &mut Browser) {
    // The recall column of the table of classes: once from the greatest, twice from the smallest, then by name.
    let script = |clicks: u32, column: u32| {
        format!(
            "(() => {{ const t = document.querySelector('#classes').parentElement.querySelector('table:not(.matrix)'); \
             const h = t.tHead.rows[0].cells[{column}]; for (let i = 0; i < {clicks}; i++) h.querySelector('button').click(); \
             return [h.getAttribute('aria-sort'), Array.from(t.tBodies[0].rows, (r) => {column} ? \
             (r.cells[{column}].dataset.v === undefined ? null : Number(r.cells[{column}].dataset.v)) : r.cells[0].textContent), \
             t.querySelectorAll('[aria-sort=none]').length]; }})()"
        )
    };
    let sorted = browser.evaluate(&script(1, 2));
    assert_eq!(sorted[0], json!("descending"));
    let recalls: Vec<f64> = serde_json::from_value(sorted[1].clone()).unwrap();
    assert!(recalls.len() == 21 && recalls.is_sorted_by(|a, b| a >= b), "{recalls:?}");
    assert_eq!(sorted[2], json!(6));
    let sorted = browser.evaluate(&script(1, 2));
    assert_eq!(sorted[0], json!("ascending"));
    let recalls: Vec<f64> = serde_json::from_value(sorted[1].clone()).unwrap();
    assert!(recalls.is_sorted(), "{recalls:?}");
    let sorted = browser.evaluate(&script(1, 0));
    let names: Vec<String> = serde_json::from_value(sorted[1].clone()).unwrap();
    assert!(names.is_sorted() && sorted[0] == json!("ascending"), "{sorted}");
}

fn every_control_has_a_name(browser: &mut Browser) {
    let unnamed = browser.evaluate(
        "Array.from(document.querySelectorAll('button, a, svg, [tabindex=\"0\"]')).filter((e) => !(e.textContent.trim() || \
         e.getAttribute('aria-label'))).length",
    );
    assert_eq!(unnamed, json!(0));
    let levels =
        browser.evaluate("Array.from(document.querySelectorAll('h1, h2, h3'), (h) => Number(h.tagName[1]))");
    let levels: Vec<i64> = serde_json::from_value(levels).unwrap();
    assert_eq!(levels.iter().filter(|&&level| level == 1).count(), 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    let svgs = browser.evaluate("Array.from(document.querySelectorAll('figure svg')).every((s) => s.getAttribute('role') === 'img' && (s.querySelector('title') || s.getAttribute('aria-label')))");
    assert_eq!(svgs, json!(true));
}

/// Contrast of 4.5:1 at least (WCAG 2, AA) of all text outside of figures.
fn everything_can_be_read(browser: &mut Browser) {
    let faint = browser.evaluate(
        "(() => { const rgb = (c) => c.match(/[0-9.]+/g).map(Number); \
         const light = (c) => { const [r, g, b] = c.map((x) => x / 255).map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); \
         return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
         const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); \
         if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; }; \
         return Array.from(document.body.querySelectorAll('*')).filter((e) => !e.closest('svg, script') && \
         Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.data.trim())).map((e) => { \
         const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))]; \
         return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 80)]; }).filter(([c]) => c < 4.5); })()",
    );
    assert_eq!(faint, json!([]));
}

fn it_fits_a_phone(browser: &mut Browser) {
    browser.resize(390);
    // Wide tables scroll in their own boxes, the page does not.
    assert_eq!(browser.evaluate("document.documentElement.scrollWidth"), json!(390));
}
