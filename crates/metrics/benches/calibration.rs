//! Calibrating and judging a survey's worth of objects: 40,000 PMFs over 19 leaves.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heliacal_metrics::ClassTree;
use heliacal_metrics::calibration::{
    Bins, ConformalNodes, ConformalSets, Coverage, SetScore, StopAtNode, TreeReliability, TreeTemperatures,
    fit_temperature,
};

const N_OBJECTS: usize = 40_000;

/// The shape of the ORACLE taxonomy: 26 nodes, 19 leaves, 4 levels.
fn oracle() -> ClassTree {
    let parents = [0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6, 6, 6, 6];
    ClassTree::new(&parents).unwrap()
}

/// Peaked PMFs and true leaves drawn from them.
fn objects(tree: &ClassTree) -> (Vec<f64>, Vec<usize>, Vec<usize>) {
    let mut state = 1_u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let (mut pmfs, mut columns) = (Vec::new(), Vec::new());
    for _ in 0..N_OBJECTS {
        let weights: Vec<f64> = (0..tree.n_leaves()).map(|_| (-uniform().ln()).powi(3)).collect();
        let sum: f64 = weights.iter().sum();
        let mut left = uniform();
        let drawn = weights.iter().position(|weight| {
            left -= weight / sum;
            left < 0.0
        });
        columns.push(drawn.unwrap_or(0));
        pmfs.extend(weights.iter().map(|weight| weight / sum));
    }
    let nodes = columns.iter().map(|&column| tree.leaves()[column]).collect();
    (pmfs, columns, nodes)
}

fn calibrate(criterion: &mut Criterion) {
    let tree = oracle();
    let n_leaves = tree.n_leaves();
    let (pmfs, columns, nodes) = objects(&tree);
    let logits: Vec<f64> = pmfs.iter().map(|p| p.max(1e-12).ln()).collect();
    let mut group = criterion.benchmark_group("calibration");
    group.sample_size(10).throughput(Throughput::Elements(N_OBJECTS as u64));
    group.bench_function("one temperature", |b| {
        b.iter(|| fit_temperature(black_box(&logits), n_leaves, &columns).unwrap());
    });
    group.bench_function("temperature per group", |b| {
        b.iter(|| TreeTemperatures::fit(tree.clone(), black_box(&pmfs), &nodes).unwrap());
    });
    let fitted = TreeTemperatures::fit(tree.clone(), &pmfs, &nodes).unwrap().0;
    group.bench_function("apply temperatures", |b| {
        b.iter(|| pmfs.chunks_exact(n_leaves).map(|pmf| fitted.apply(pmf).unwrap()[0]).sum::<f64>());
    });
    group.bench_function("reliability of all nodes", |b| {
        b.iter(|| {
            let mut reliability = TreeReliability::new(tree.clone(), &Bins::equal_width(15).unwrap());
            for (pmf, &node) in pmfs.chunks_exact(n_leaves).zip(&nodes) {
                reliability.add(pmf, node).unwrap();
            }
            reliability.classwise_ece(3)
        });
    });
    group.bench_function("flat conformal sets, fit and predict", |b| {
        b.iter(|| {
            let (score, coverage) = (SetScore::Cumulative, Coverage::Marginal);
            let sets = ConformalSets::fit(score, coverage, &pmfs, n_leaves, &columns, 0.1).unwrap();
            pmfs.chunks_exact(n_leaves).map(|pmf| sets.predict(pmf).unwrap().len()).sum::<usize>()
        });
    });
    group.bench_function("conformal nodes, fit and predict", |b| {
        b.iter(|| {
            let predictor =
                ConformalNodes::fit(tree.clone(), Coverage::Marginal, &pmfs, &nodes, 0.1).unwrap();
            pmfs.chunks_exact(n_leaves).map(|pmf| predictor.predict(pmf).unwrap()).sum::<usize>()
        });
    });
    group.bench_function("stop at node, 20 thresholds", |b| {
        b.iter(|| {
            let thresholds = (0..20).map(|i| f64::from(i) / 20.0).collect();
            let mut decisions = StopAtNode::new(tree.clone(), thresholds).unwrap();
            for (pmf, &node) in pmfs.chunks_exact(n_leaves).zip(&nodes) {
                decisions.add(pmf, node).unwrap();
            }
            decisions.points()
        });
    });
    group.finish();
}

#[cfg(feature = "statistics")]
fn resample(criterion: &mut Criterion) {
    use heliacal_metrics::statistics::{Bootstrap, bootstrap_mean};

    let values: Vec<f64> = (0..N_OBJECTS).map(|i| f64::from(i % 7 == 0)).collect();
    let options = Bootstrap { n_resamples: 100, ..Bootstrap::default() };
    let mut group = criterion.benchmark_group("bootstrap");
    group.sample_size(10).throughput(Throughput::Elements(100 * N_OBJECTS as u64));
    group.bench_function("100 means of 40,000", |b| b.iter(|| bootstrap_mean(black_box(&values), &options)));
    group.finish();
}

#[cfg(not(feature = "statistics"))]
fn resample(_: &mut Criterion) {}

criterion_group!(benches, calibrate, resample);
criterion_main!(benches);
