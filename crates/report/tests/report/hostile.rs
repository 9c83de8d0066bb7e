//! Names and numbers that nobody wants: a valid figure or an error that says what is wrong, never broken XML.

use heliacal_lightcurve::LightCurve;
use heliacal_metrics::esc::FlowBins;
use heliacal_metrics::scorecard::Confusion;
use heliacal_report::figures::{self, Brightness, Flow, HeatMap, HistogramAxis, HistogramPanel, TimeAxis};
use heliacal_report::{FigureStyle, ReportError};
use proptest::prelude::*;

use crate::sample;

const NAMES: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"quoted' & <b>bold</b>",
    "",
    "星の変光 ☄ 🌟",
    "مستعر أعظم \u{202e}reversed",
    "line\nbreak\ttab\0nul",
    "]]> <!-- --> <?xml",
    "SNIa",
];

fn names(n: usize) -> Vec<String> {
    let long = "x".repeat(200);
    (0..n).map(|i| if i % 9 == 8 { long.clone() } else { NAMES[i % 9].to_owned() }).collect()
}

/// Parses the SVG and checks what must hold of every figure.
pub fn check(what: &str, svg: &str) {
    let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{what}: {error}\n{svg}"));
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"), "{what}");
    let view: Vec<f64> = root.attribute("viewBox").unwrap().split(' ').map(|v| v.parse().unwrap()).collect();
    let children: Vec<&str> =
        root.children().filter(roxmltree::Node::is_element).map(|node| node.tag_name().name()).collect();
    assert_eq!(children[..2], ["title", "desc"], "{what}");
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        let is_known =
            ["svg", "title", "desc", "g", "rect", "path", "polyline", "polygon", "text"].contains(&name);
        assert!(is_known, "{what}: <{name}>");
        for attribute in node.attributes() {
            let (key, value) = (attribute.name(), attribute.value());
            assert!(
                !["id", "href", "style", "class"].contains(&key) && !key.starts_with("on"),
                "{what}: {key}"
            );
            assert!(!value.contains("NaN") && !value.contains("inf"), "{what}: {key}={value}");
        }
        if name == "text" {
            let at = |key, most: f64| {
                let place: f64 = node.attribute(key).unwrap().parse().unwrap();
                assert!((0.0..=most).contains(&place), "{what}: text {:?} at {key} = {place}", node.text());
            };
            at("x", view[2]);
            at("y", view[3]);
        }
    }
}

#[test]
fn any_name_gives_a_valid_figure() {
    for n in [1, 2, 5, 19, 40] {
        for style in
            [FigureStyle::new(), FigureStyle::new().title("<script>").font_size(9.0).font_family("\"a\" <b>")]
        {
            for (what, figure) in sample::all(&names(n), &style) {
                let figure = figure.unwrap_or_else(|error| panic!("{what} of {n} classes: {error}"));
                check(&format!("{what} of {n} classes"), figure.svg());
                assert!(figure.alt().len() > 10 && figure.alt().ends_with('.'), "{what}: {}", figure.alt());
            }
        }
    }
}

#[test]
fn two_hundred_classes_are_drawn() {
    for (what, figure) in sample::all(&names(200), &FigureStyle::new()) {
        match figure {
            Ok(figure) => check(what, figure.svg()),
            // Panels of 200 classes are too many; the others have room.
            Err(ReportError::TooMany { .. }) => assert_eq!(what, "mean scores"),
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

#[test]
fn the_smallest_and_largest_sheets_hold_every_figure() {
    for style in
        [FigureStyle::new().width(120.0).height(90.0), FigureStyle::new().width(9000.0).height(9000.0)]
    {
        for (what, figure) in sample::all(&names(5), &style) {
            let figure = figure.unwrap();
            roxmltree::Document::parse(figure.svg()).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(!figure.svg().contains("NaN"), "{what}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_confusion_of_any_names_is_valid_xml(
        names in proptest::collection::vec(any::<String>(), 1..6),
        seed in any::<u64>(),
    ) {
        let n = names.len();
        let counts = (0..n * n).map(|i| (seed >> (i % 60)) % 5 * (seed >> 50)).collect();
        let confusion = Confusion::from_counts(n, counts).unwrap();
        let figure = figures::confusion_matrix(&confusion, &names, &FigureStyle::new()).unwrap();
        check("confusion", figure.svg());
    }
}

#[test]
fn classes_without_objects_have_grey_rows() {
    let confusion = Confusion::from_counts(2, vec![0, 0, 1, 3]).unwrap();
    let figure = figures::confusion_matrix(&confusion, &["a", "b"], &FigureStyle::new()).unwrap();
    assert!(figure.svg().contains("fill=\"#d9d9d9\""));
    let none = Confusion::new(3).unwrap();
    let figure = figures::confusion_matrix(&none, &["a", "b", "c"], &FigureStyle::new()).unwrap();
    assert_eq!(figure.alt(), "Row-normalized confusion matrix of 0 objects in 3 classes.");
}

#[test]
fn numbers_that_cannot_be_drawn_are_named() {
    let style = FigureStyle::new();
    let message = |result: Result<heliacal_report::Figure, ReportError>| result.unwrap_err().to_string();
    let confusion = Confusion::from_counts(2, vec![1, 0, 0, 1]).unwrap();
    assert_eq!(
        message(figures::confusion_matrix(&confusion, &["a"], &style)),
        "class names: expected 2, found 1"
    );
    let panel = HistogramPanel { name: "a", values: vec![&[0.5, f64::NAN]] };
    let axis = HistogramAxis::share("x");
    assert_eq!(
        message(figures::histograms(&[panel], &["s"], axis, &style)),
        "value at 1 is NaN, expected a finite number"
    );
    assert_eq!(
        message(figures::percentile_histogram(&[0.1], &[101.0], axis, &style)),
        "percentile at 0 is 101, expected a number from 0 to 100"
    );
    let axis = HistogramAxis { range: Some((1.0, 1.0)), ..axis };
    assert_eq!(
        message(figures::percentile_histogram(&[0.1], &[], axis, &style)),
        "range of a histogram at 1 is 1, expected an end above the start"
    );
    let flow = Flow::new(&FlowBins::HistoryFraction(1), vec![vec![vec![-1.0]]]);
    assert_eq!(
        message(figures::alluvial(&flow, &["a"], &style)),
        "mass at 0 is -1, expected a finite number of at least 0"
    );
    assert_eq!(
        message(figures::tree_probabilities(&[0, 0], &["a", "b"], &[1.0, 1.5], None, &style)),
        "probability at 1 is 1.5, expected a number from 0 to 1"
    );
    assert!(matches!(
        figures::tree_probabilities(&[0, 5], &["a", "b"], &[1.0, 1.0], None, &style),
        Err(ReportError::Tree(_))
    ));
    let nothing: [(&str, Vec<f64>); 1] = [("loss", vec![f64::NAN])];
    assert_eq!(
        message(figures::training_curves(&nothing, "loss", None, &style)),
        "no finite numbers to draw"
    );
    let empty = LightCurve::default();
    let flux = |time| figures::light_curve(empty.view(), Brightness::Flux, time, &style);
    assert_eq!(message(flux(TimeAxis::Mjd)), "no observations to draw");
    assert_eq!(
        message(flux(TimeAxis::DaysSinceTrigger)),
        "light curve of 0 observations has no detection, so it has no trigger time"
    );
    assert_eq!(
        message(flux(TimeAxis::Phase { period: 0.0 })),
        "period at 0 is 0, expected a finite number of days above 0"
    );
    for (style, expected) in [
        (FigureStyle::new().width(f64::NAN), "style: width is NaN, expected 120 to 10000"),
        (FigureStyle::new().font_size(0.0), "style: font size is 0, expected 4 to 60"),
    ] {
        assert_eq!(message(figures::confusion_matrix(&confusion, &["a", "b"], &style)), expected);
    }
}

#[test]
fn heat_maps_leave_undefined_cells_grey() {
    let map = HeatMap {
        label: "share".into(),
        row_label: "ρ".into(),
        rows: vec![0.5],
        column_label: "ε".into(),
        columns: vec![0.1, 0.2, 0.3],
        values: vec![vec![None, Some(f64::NAN), Some(1.0)]],
    };
    let figure = figures::heat_map(&map, &FigureStyle::new()).unwrap();
    check("heat map", figure.svg());
    assert!(figure.svg().contains("<title>ε = 0.3, ρ = 0.5: 1.0000</title>"));
    assert!(!figure.svg().contains("<title>ε = 0.1"));
    let other = HeatMap { columns: vec![0.1, 0.2, 0.4], ..map.clone() };
    assert_eq!(
        map.difference(&other).unwrap_err().to_string(),
        "parameter of the other map at 3 is 0.4, expected the same parameters"
    );
}
