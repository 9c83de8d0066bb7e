//! What figures show, read back from the SVG.

use heliacal_lightcurve::{LightCurve, Observation, Passband};
use heliacal_metrics::esc::{FlowBins, MassFlow};
use heliacal_metrics::scorecard::{Confusion, roc_curve};
use heliacal_report::figures::{self, Brightness, Flow, TimeAxis};
use heliacal_report::{Colour, ColourMap, FigureStyle};

use crate::sample;

/// First point of every marker in the paths of a fill.
fn starts(svg: &str, fill: Colour) -> Vec<(f64, f64)> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let fill = fill.to_string();
    let paths =
        document.descendants().filter(|node| node.has_tag_name("path") || node.tag_name().name() == "path");
    let mut found = Vec::new();
    for path in paths.filter(|node| node.attribute("fill") == Some(&fill)) {
        for piece in path.attribute("d").unwrap().split('M').skip(1) {
            let end = piece.find(|c: char| c.is_ascii_alphabetic()).unwrap();
            let (x, y) = piece[..end].split_once(' ').unwrap();
            found.push((x.parse().unwrap(), y.parse().unwrap()));
        }
    }
    found
}

fn three_in_r(fluxes: [f32; 3]) -> LightCurve {
    let rows = fluxes.into_iter().zip([60_000.0, 60_001.0, 60_003.0]);
    LightCurve::from_observations(rows.map(|(flux, mjd)| Observation {
        mjd,
        flux,
        flux_err: 1.0,
        passband: Passband::LsstR,
        detection: true,
    }))
    .unwrap()
}

#[test]
fn observations_stand_where_their_numbers_say() {
    let red = Colour::of_passband(Passband::LsstR);
    let draw = |brightness| {
        let curve = three_in_r([100.0, 200.0, 400.0]);
        let figure =
            figures::light_curve(curve.view(), brightness, TimeAxis::Mjd, &FigureStyle::new()).unwrap();
        // The first path is the legend's marker.
        starts(figure.svg(), red)[1..].to_vec()
    };
    let flux = draw(Brightness::Flux);
    assert_eq!(flux.len(), 3);
    let (dx, dy) = (flux[1].0 - flux[0].0, flux[0].1 - flux[1].1);
    assert!((flux[2].0 - flux[1].0 - 2.0 * dx).abs() < 0.21, "two days are twice one day: {flux:?}");
    assert!(dy > 0.0 && (flux[1].1 - flux[2].1 - 2.0 * dy).abs() < 0.21, "200 is twice 100: {flux:?}");
    let magnitude = draw(Brightness::Magnitude);
    let step = magnitude[0].1 - magnitude[1].1;
    assert!(step > 0.0, "brighter is higher: {magnitude:?}");
    assert!(
        (magnitude[1].1 - magnitude[2].1 - step).abs() < 0.21,
        "equal factors are equal steps: {magnitude:?}"
    );
}

#[test]
fn a_folded_light_curve_has_two_cycles() {
    let curve = three_in_r([100.0, 200.0, 400.0]);
    let time = TimeAxis::Phase { period: 2.0 };
    let figure = figures::light_curve(curve.view(), Brightness::Flux, time, &FigureStyle::new()).unwrap();
    let places = starts(figure.svg(), Colour::of_passband(Passband::LsstR))[1..].to_vec();
    // Phases 0, 1/2, 1/2 (day 3 of a period of 2), each again a cycle later.
    let [a, a2, b, b2, c, c2] = places[..] else { panic!("{places:?}") };
    assert!((a2.0 - a.0 - (b2.0 - b.0)).abs() < 0.21 && a2.1 == a.1);
    assert!((b.0 - c.0).abs() < 0.21 && (b2.0 - c2.0).abs() < 0.21, "{places:?}");
}

#[test]
fn what_is_below_three_sigma_is_a_limit() {
    let curve = three_in_r([100.0, 200.0, 2.9]);
    let draw = |brightness| {
        let figure =
            figures::light_curve(curve.view(), brightness, TimeAxis::Mjd, &FigureStyle::new()).unwrap();
        figure.svg().contains("below 3σ: limit")
    };
    assert!(draw(Brightness::Magnitude) && !draw(Brightness::Flux));
}

#[test]
fn a_confusion_matrix_says_its_counts() {
    let confusion = Confusion::from_counts(2, vec![90, 10, 5, 45]).unwrap();
    let names = ["SNIa", "SN <II>"];
    let figure = figures::confusion_matrix(&confusion, &names, &FigureStyle::new()).unwrap();
    let document = roxmltree::Document::parse(figure.svg()).unwrap();
    let texts = |tag: &str| -> Vec<String> {
        let nodes = document.descendants().filter(|node| node.tag_name().name() == tag);
        nodes.filter_map(|node| node.text().map(str::to_owned)).collect()
    };
    let tooltips = texts("title");
    assert!(tooltips.contains(&"SNIa as SN <II>: 10 of 100 (10.0 %)".to_owned()), "{tooltips:?}");
    let cells: Vec<String> =
        texts("text").into_iter().filter(|text| text.starts_with("0.") && text.len() == 4).collect();
    let count = |number: &str| cells.iter().filter(|text| *text == number).count();
    assert_eq!((count("0.90"), count("0.10")), (2, 2));
    assert!(figure.svg().contains(&format!("fill=\"{}\"", ColourMap::Blues.at(0.9))));
    let counted = figures::confusion_matrix_with_counts(&confusion, &names, &FigureStyle::new()).unwrap();
    assert!(counted.svg().contains(">45</text>") && !figure.svg().contains(">45</text>"));
    assert_eq!(
        figure.alt(),
        "Row-normalized confusion matrix of 150 objects in 2 classes: accuracy 90.0 %, mean recall 90.0 %; the most \
         frequent mistake of a class is SN <II> taken for SNIa, 10.0 %."
    );
}

#[test]
fn a_perfect_roc_curve_hugs_the_corner() {
    let curve = roc_curve(&[0.9, 0.8, 0.2, 0.1], &[true, true, false, false]).unwrap().unwrap();
    let figure = figures::roc_curves(&[("SNIa", &curve)], &FigureStyle::new()).unwrap();
    let line = figure.svg().lines().find(|line| line.starts_with("<polyline")).unwrap();
    let points = line.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
    let points: Vec<(f64, f64)> = points
        .split(' ')
        .map(|point| point.split_once(',').unwrap())
        .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
        .collect();
    // Up, then right: three corners.
    let [a, b, c] = points[..] else { panic!("{points:?}") };
    assert!(a.0 == b.0 && b.1 == c.1 && b.1 < a.1 && c.0 > b.0, "{points:?}");
}

#[test]
fn streams_leave_and_arrive_with_all_their_mass() {
    let mut flow = MassFlow::new(3, FlowBins::HistoryFraction(3)).unwrap();
    flow.add(&sample::history(3), None).unwrap();
    let figure = figures::alluvial(&Flow::of(&flow), &["a", "b", "c"], &FigureStyle::new()).unwrap();
    let shares: Vec<f64> = figure
        .svg()
        .split("<title>")
        .filter_map(|piece| piece.split_once(" to ")?.1.split_once(": ")?.1.split_once(" %")?.0.parse().ok())
        .collect();
    // Three bins of 100 %, to a rounding of 0.05 per stream.
    let total: f64 = shares.iter().sum();
    assert!((total - 300.0).abs() < 0.05 * shares.len() as f64, "{shares:?}");
}

#[test]
fn the_same_data_gives_the_same_figure() {
    let names: Vec<String> = (0..5).map(|i| format!("class {i}")).collect();
    let draw = || sample::all(&names, &FigureStyle::new());
    for ((what, a), (_, b)) in draw().into_iter().zip(draw()) {
        assert_eq!(a.unwrap(), b.unwrap(), "{what}");
    }
}
