//! How long do the early-stable metrics of a survey take? 10,000 histories of 100 classifications over 5 classes, as in
//! `peers/esc_timing.py`: random walks in logit space that drift towards the true class.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heliacal_metrics::PmfHistory;
use heliacal_metrics::esc::{
    ClassifiedObject, ConvergenceTracker, EscGrid, EscOptions, HistoryScorer, score_histories,
};

const N_OBJECTS: usize = 10_000;
const N_STEPS: usize = 100;
const N_CLASSES: usize = 5;

/// SplitMix64 and the Box-Muller transform.
struct Normal(u64);

impl Normal {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn sample(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn histories() -> Vec<(PmfHistory, usize)> {
    let mut normal = Normal(1);
    (0..N_OBJECTS)
        .map(|_| {
            let true_class = (normal.bits() % N_CLASSES as u64) as usize;
            let mut logits: Vec<f64> = (0..N_CLASSES).map(|_| normal.sample()).collect();
            let mut values = Vec::with_capacity(N_STEPS * N_CLASSES);
            for step in 0..N_STEPS {
                let drift = 4.0 * step as f64 / (N_STEPS - 1) as f64;
                for z in &mut logits {
                    *z += 0.35 * normal.sample();
                }
                let weights: Vec<f64> = (0..N_CLASSES)
                    .map(|c| (logits[c] + if c == true_class { drift } else { 0.0 }).exp())
                    .collect();
                let sum: f64 = weights.iter().sum();
                values.extend(weights.iter().map(|w| w / sum));
            }
            (PmfHistory::new(N_CLASSES, values).expect("a softmax is a PMF"), true_class)
        })
        .collect()
}

fn esc(c: &mut Criterion) {
    let histories = histories();
    let objects: Vec<_> = histories.iter().map(|(h, class)| ClassifiedObject::labelled(h, *class)).collect();
    let options = EscOptions::default();

    let mut group = c.benchmark_group("esc of 10,000 x 100 x 5");
    group
        .throughput(Throughput::Elements(N_OBJECTS as u64))
        .measurement_time(Duration::from_secs(3))
        .sample_size(30);
    group.bench_function("one thread", |b| {
        let mut scorer = HistoryScorer::new(&options).expect("the default");
        b.iter(|| {
            let mut sums = (0.0, 0.0, 0);
            for object in &objects {
                let score = scorer.score(object).expect("a history");
                let truth = score.truth.as_ref().expect("a labelled history");
                sums.0 += truth.esc_fraction.value();
                sums.1 += truth.esc_score.value().unwrap_or(0.0);
                sums.2 += score.label_changes;
            }
            black_box(sums)
        });
    });
    group.bench_function("batch, all threads", |b| {
        b.iter(|| black_box(score_histories(black_box(&objects), &options).expect("histories")));
    });
    group.bench_function("one thread, without the truth", |b| {
        let mut scorer = HistoryScorer::new(&options).expect("the default");
        b.iter(|| {
            let mut n_changes = 0;
            for object in &objects {
                let unlabelled = ClassifiedObject::new(object.history);
                n_changes += scorer.score(&unlabelled).expect("a history").label_changes;
            }
            black_box(n_changes)
        });
    });
    group.bench_function("tracker, alert by alert", |b| {
        b.iter(|| {
            let mut n_converged = 0;
            for (history, true_class) in &histories {
                let mut tracker =
                    ConvergenceTracker::new(N_CLASSES, Some(*true_class), options.params).expect("a class");
                for pmf in history.steps() {
                    tracker.push(pmf, None).expect("a PMF");
                }
                n_converged += usize::from(tracker.status().is_some_and(|status| status.converged));
            }
            black_box(n_converged)
        });
    });
    group.bench_function("grid of 20 x 20", |b| {
        let epsilons: Vec<f64> = (1..=20).map(|i| f64::from(i) * 0.02).collect();
        let rhos: Vec<f64> = (1..=20).map(|i| f64::from(i) * 0.05).collect();
        b.iter(|| {
            let mut grid = EscGrid::new(&epsilons, &rhos, 5).expect("a grid");
            for (history, true_class) in &histories {
                grid.add_history(history, *true_class).expect("a history");
            }
            black_box(grid.mean_esc_fraction(4, 9))
        });
    });
    group.finish();
}

criterion_group!(benches, esc);
criterion_main!(benches);
