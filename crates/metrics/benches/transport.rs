//! How long does the distance between two PMFs take, by kind of cost and number of classes?
//!
//! Throughput is in pairs. The Python peers on the same kinds of problem: `emd_timing.py` (POT, HiGHS, NumPy).
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use heliacal_metrics::PmfHistory;
use heliacal_metrics::transport::{CostMatrix, GroundCost, LineCost, NetworkSimplex};

const N_PAIRS: usize = 1000;

/// SplitMix64.
struct Random(u64);

impl Random {
    /// In (0, 1].
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Rows from Dirichlet(1, ..., 1).
    fn history(&mut self, n_classes: usize, n_steps: usize) -> PmfHistory {
        let weights = (0..n_classes * n_steps).map(|_| -self.uniform().ln()).collect();
        PmfHistory::normalized(n_classes, weights).expect("sums of positive numbers")
    }

    /// Distances of random points in a cube.
    fn distances(&mut self, n: usize) -> CostMatrix {
        let points: Vec<[f64; 3]> = (0..n).map(|_| std::array::from_fn(|_| self.uniform())).collect();
        let distance =
            |p: &[f64; 3], q: &[f64; 3]| p.iter().zip(q).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt();
        let values = points.iter().flat_map(|p| points.iter().map(move |q| distance(p, q))).collect();
        CostMatrix::new(n, values).expect("distances are finite")
    }

    fn any_costs(&mut self, n: usize) -> CostMatrix {
        CostMatrix::new(n, (0..n * n).map(|_| self.uniform()).collect()).expect("finite")
    }
}

fn closed_forms(c: &mut Criterion) {
    let mut group = c.benchmark_group("closed_forms");
    for n in [5, 19] {
        let history = Random(1).history(n, N_PAIRS + 1);
        group.throughput(Throughput::Elements(N_PAIRS as u64));
        for (name, cost) in
            [("unit", GroundCost::Unit), ("line", GroundCost::Line(LineCost::even(n).expect("classes")))]
        {
            group.bench_function(BenchmarkId::new(name, n), |bencher| {
                let mut solver = cost.solver();
                let mut out = Vec::new();
                bencher.iter(|| solver.consecutive(black_box(&history), &mut out));
            });
        }
    }
    group.finish();
}

fn network_simplex(c: &mut Criterion) {
    let mut group = c.benchmark_group("network_simplex");
    for n in [5, 19, 26, 100, 300] {
        let n_pairs = if n < 50 { N_PAIRS } else { 2000 / n };
        let mut random = Random(n as u64);
        let history = random.history(n, n_pairs + 1);
        let pmfs: Vec<_> = history.steps().map(|p| p.to_vec().try_into().expect("a PMF")).collect();
        group.throughput(Throughput::Elements(n_pairs as u64));
        let (metric, any) = (random.distances(n), random.any_costs(n));
        for (name, mut simplex) in [
            ("metric", NetworkSimplex::new(&metric)),
            ("metric_without_short_cut", NetworkSimplex::new(&metric).without_short_cut()),
            ("nonmetric", NetworkSimplex::new(&any)),
        ] {
            group.bench_function(BenchmarkId::new(name, n), |bencher| {
                bencher.iter(|| {
                    pmfs.windows(2).map(|pair| simplex.w1(&pair[0], &pair[1]).unwrap_or(0.0)).sum::<f64>()
                });
            });
        }
    }
    group.finish();
}

#[cfg(feature = "lp")]
fn linear_program(c: &mut Criterion) {
    use heliacal_metrics::transport::lp_w1;
    let mut group = c.benchmark_group("linear_program");
    group.sample_size(10);
    for n in [5, 19, 26] {
        let mut random = Random(n as u64);
        let history = random.history(n, 21);
        let pmfs: Vec<_> = history.steps().map(|p| p.to_vec().try_into().expect("a PMF")).collect();
        let costs = random.distances(n);
        group.throughput(Throughput::Elements(20));
        group.bench_function(BenchmarkId::new("metric", n), |bencher| {
            bencher.iter(|| {
                pmfs.windows(2).map(|pair| lp_w1(&pair[0], &pair[1], &costs).unwrap_or(0.0)).sum::<f64>()
            });
        });
    }
    group.finish();
}

#[cfg(not(feature = "lp"))]
fn linear_program(_: &mut Criterion) {}

#[cfg(feature = "rayon")]
fn threads(c: &mut Criterion) {
    let mut group = c.benchmark_group("batch");
    let mut random = Random(7);
    let histories: Vec<_> = (0..1000).map(|_| random.history(19, 50)).collect();
    let cost = GroundCost::Matrix(random.distances(19));
    group.throughput(Throughput::Elements(49_000));
    group.sample_size(10);
    for n_threads in [1, 2] {
        let pool = rayon_core::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("threads");
        group.bench_function(BenchmarkId::new("metric_19_threads", n_threads), |bencher| {
            bencher.iter(|| pool.install(|| cost.consecutive_batch(&histories)));
        });
    }
    group.finish();
}

#[cfg(not(feature = "rayon"))]
fn threads(_: &mut Criterion) {}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots();
    targets = closed_forms, network_simplex, linear_program, threads
}
criterion_main!(benches);
