//! Figures as files.

use heliacal_metrics::scorecard::Confusion;
use heliacal_report::{Figure, FigureStyle, figures};

fn figure(title: &str) -> Figure {
    let confusion = Confusion::from_counts(2, vec![3, 1, 0, 4]).unwrap();
    figures::confusion_matrix(
        &confusion,
        &["a", "b"],
        &FigureStyle::new().width(300.0).height(250.0).title(title),
    )
    .unwrap()
}

#[test]
fn an_svg_file_is_the_figure_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("figure.svg");
    std::fs::write(&path, "old").unwrap();
    figure("t").write_svg(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), figure("t").svg());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let error = figure("t").write_svg(folder.path().join("missing/figure.svg")).unwrap_err();
    assert!(error.to_string().contains("missing/figure.svg: "), "{error}");
}

#[cfg(feature = "png")]
#[test]
fn a_png_has_the_asked_size_and_its_text() {
    let png = figure("SNIa").png(2.0).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((size(16), size(20)), (600, 500));
    // Were text to vanish, all titles would look the same.
    assert_ne!(png, figure("SNII").png(2.0).unwrap());
    assert_ne!(png, figure(" ").png(2.0).unwrap());
    assert_eq!(png, figure("SNIa").png(2.0).unwrap());
}

#[cfg(feature = "png")]
#[test]
fn a_family_that_nobody_has_still_gives_text() {
    let confusion = Confusion::from_counts(2, vec![3, 1, 0, 4]).unwrap();
    let draw = |family: &str| {
        let style = FigureStyle::new().font_family(family);
        figures::confusion_matrix(&confusion, &["a", "b"], &style).unwrap().png(1.0).unwrap()
    };
    assert_eq!(draw("No Such Font"), draw("sans-serif"));
}

#[cfg(feature = "png")]
#[test]
fn sizes_that_no_png_has_are_refused() {
    for scale in [0.0, -1.0, f64::NAN, 1e4] {
        let error = figure("t").png(scale).unwrap_err().to_string();
        assert!(error.starts_with("a PNG of 300 x 250 pixels at scale "), "{error}");
    }
}
