//! How long do the figures take that a report has many of?

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use heliacal_lightcurve::{LightCurve, Observation, Passband};
use heliacal_metrics::scorecard::Confusion;
use heliacal_report::FigureStyle;
use heliacal_report::figures::{Brightness, TimeAxis, confusion_matrix, light_curve};

/// Counts of a classifier that is right half of the time, all cells filled.
fn confusion(n_classes: usize) -> Confusion {
    let count = |i: usize| if i % n_classes == i / n_classes { 950 } else { 1 + (i * 37 % 89) as u64 };
    Confusion::from_counts(n_classes, (0..n_classes * n_classes).map(count).collect()).unwrap()
}

fn observations(n: usize) -> LightCurve {
    let observation = |i: usize| Observation {
        mjd: 60_000.0 + 1.3 * i as f64,
        flux: 300.0 * (0.05 * i as f32).sin() + 10.0 * (i % 7) as f32,
        flux_err: 12.0,
        passband: Passband::LSST[i % 6],
        detection: !i.is_multiple_of(3),
    };
    LightCurve::from_observations((0..n).map(observation)).unwrap()
}

fn figures(criterion: &mut Criterion) {
    let style = FigureStyle::new();
    for n_classes in [21, 200] {
        let confusion = confusion(n_classes);
        let names: Vec<String> = (0..n_classes).map(|class| format!("class {class}")).collect();
        criterion.bench_function(&format!("confusion matrix, {n_classes} classes"), |bencher| {
            bencher.iter(|| confusion_matrix(black_box(&confusion), &names, &style).unwrap());
        });
        #[cfg(feature = "png")]
        if n_classes == 21 {
            let figure = confusion_matrix(&confusion, &names, &style).unwrap();
            criterion.bench_function("confusion matrix, 21 classes, as PNG at scale 2", |bencher| {
                bencher.iter(|| black_box(&figure).png(2.0).unwrap());
            });
        }
    }
    let curve = observations(500);
    for brightness in [Brightness::Flux, Brightness::Magnitude] {
        criterion.bench_function(&format!("light curve, 500 points, {brightness:?}"), |bencher| {
            bencher.iter(|| light_curve(black_box(curve.view()), brightness, TimeAxis::Mjd, &style).unwrap());
        });
    }
}

criterion_group!(benches, figures);
criterion_main!(benches);
