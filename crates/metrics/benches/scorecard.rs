//! The full report on 40,000 objects of 21 classes: decisions, rankings, and one pass over PMFs.
//!
//! The same shapes as `sklearn_timing.py` of the peers: a logit of 2 for the true class over unit noise, uneven classes.

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heliacal_metrics::ClassTree;
use heliacal_metrics::scorecard::{
    Confusion, LevelScorecards, Ranking, RankingScores, Scorecard, ZeroDivision,
};
use std::hint::black_box;

const N_OBJECTS: usize = 40_000;
const N_CLASSES: usize = 21;

/// splitmix64: seeded, no crate needed.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

struct Objects {
    true_classes: Vec<usize>,
    predicted_classes: Vec<usize>,
    pmfs: Vec<f64>,
}

fn objects() -> Objects {
    let mut random = Random(0);
    // Gamma(2) weights, as of a Dirichlet.
    let weights: Vec<f64> =
        (0..N_CLASSES).map(|_| -(1.0 - random.uniform()).ln() - (1.0 - random.uniform()).ln()).collect();
    let total: f64 = weights.iter().sum();
    let mut objects = Objects { true_classes: vec![], predicted_classes: vec![], pmfs: vec![] };
    for _ in 0..N_OBJECTS {
        let mut left = random.uniform() * total;
        let true_class = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        let true_class = true_class.unwrap_or(N_CLASSES - 1);
        let mut row: Vec<f64> = (0..N_CLASSES).map(|_| random.normal()).collect();
        row[true_class] += 2.0;
        for z in &mut row {
            *z = z.exp();
        }
        let sum: f64 = row.iter().sum();
        for p in &mut row {
            *p /= sum;
        }
        let best = (0..N_CLASSES).reduce(|best, class| if row[class] > row[best] { class } else { best });
        objects.true_classes.push(true_class);
        objects.predicted_classes.push(best.unwrap());
        objects.pmfs.extend(row);
    }
    objects
}

impl Objects {
    fn each(&self, mut push: impl FnMut(&[f64], usize)) {
        for (pmf, &true_class) in self.pmfs.chunks_exact(N_CLASSES).zip(&self.true_classes) {
            push(pmf, true_class);
        }
    }
}

fn scorecard(c: &mut Criterion) {
    let objects = objects();
    let mut group = c.benchmark_group("scorecard 40000 x 21");
    group.throughput(Throughput::Elements(N_OBJECTS as u64));
    group.sample_size(30);
    group.bench_function("confusion, precision, recall, F1 from labels", |b| {
        b.iter(|| {
            Confusion::from_labels(N_CLASSES, black_box(&objects.true_classes), &objects.predicted_classes)
                .unwrap()
                .report(ZeroDivision::Zero)
        });
    });
    let mut ranking = RankingScores::new(N_CLASSES).unwrap();
    objects.each(|pmf, true_class| ranking.push(pmf, true_class).unwrap());
    group.bench_function("macro AUC and average precision, one versus the rest", |b| {
        b.iter(|| black_box(&ranking).report());
    });
    group.bench_function("Hand-Till AUC", |b| b.iter(|| black_box(&ranking).hand_till_auc()));
    for (name, keep) in [("push all PMFs", Ranking::Off), ("push all PMFs, scores kept", Ranking::Exact)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut scorecard = Scorecard::new(N_CLASSES, keep).unwrap();
                objects.each(|pmf, true_class| scorecard.push(pmf, true_class).unwrap());
                scorecard
            });
        });
    }
    // Root, four families, 21 leaves.
    let parents: Vec<usize> = [0; 5].into_iter().chain((0..N_CLASSES).map(|leaf| 1 + leaf / 6)).collect();
    let tree = ClassTree::new(&parents).unwrap();
    group.bench_function("push all PMFs at three levels", |b| {
        b.iter(|| {
            let mut levels = LevelScorecards::new(tree.clone(), Ranking::Off).unwrap();
            objects.each(|pmf, true_class| levels.push(pmf, true_class + 5).unwrap());
            levels
        });
    });
    group.finish();
}

criterion_group!(benches, scorecard);
criterion_main!(benches);
