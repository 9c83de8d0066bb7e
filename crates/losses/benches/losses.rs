//! What does a loss cost beside a training step?
//!
//! Batch 1024 on ORACLE's tree, forward alone and with backward, in single precision; the early-stable score on 256
//! histories of 100 PMFs of 5 classes. A training step of the recurrent engine takes some 100 ms at this size.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heliacal_losses::candle_core::{DType, Device, Tensor, Var};
use heliacal_losses::{
    ClassDistance, CrossEntropy, CrossEntropyOptions, EscLoss, EscOptions, Hxe, Labels, Loss, NodeCounts,
    Parametrization, TreeLayout, Whxe, WhxeOptions,
};
use heliacal_taxonomy::Taxonomy;

const BATCH: usize = 1024;
const HISTORIES: usize = 256;
const STEPS: usize = 100;

fn made_up(shape: &[usize]) -> Var {
    let n: usize = shape.iter().product();
    let values: Vec<f32> = (0..n).map(|i| 3.0 * ((i as f32 * 12.9898).sin() * 437.585) % 1.0).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

fn tree_losses(criterion: &mut Criterion) {
    let oracle = Taxonomy::oracle();
    let labels: Vec<u32> =
        (0..BATCH).map(|i| oracle.leaves()[i % oracle.n_leaves()].index() as u32).collect();
    let counts = NodeCounts::of_labels(&oracle, &labels).unwrap();
    for (name, parametrization) in
        [("siblings", Parametrization::SiblingSoftmax), ("leaves", Parametrization::LeafSoftmax)]
    {
        let layout = TreeLayout::new(&oracle, parametrization, DType::F32, &Device::Cpu).unwrap();
        let logits = made_up(&[BATCH, layout.n_logits()]);
        let focal = CrossEntropyOptions { focal_gamma: 2.0, ..Default::default() };
        let losses: [(&str, Box<dyn Loss>); 5] = [
            ("hxe", Box::new(Hxe::new(&layout, Hxe::ALPHA).unwrap())),
            ("whxe", Box::new(Whxe::new(&layout, &counts, WhxeOptions::default()).unwrap())),
            (
                "cross_entropy",
                Box::new(CrossEntropy::on_tree(&layout, &CrossEntropyOptions::default()).unwrap()),
            ),
            ("focal", Box::new(CrossEntropy::on_tree(&layout, &focal).unwrap())),
            ("soft", Box::new(CrossEntropy::soft(&layout, 4.0, ClassDistance::AncestorHeight).unwrap())),
        ];
        let mut group = criterion.benchmark_group(format!("losses/{name}"));
        group.sample_size(50).throughput(Throughput::Elements(BATCH as u64));
        for (loss_name, loss) in losses {
            let forward = || loss.forward(&logits, Labels::from(&labels)).unwrap();
            group.bench_function(format!("{loss_name}/forward"), |b| b.iter(|| black_box(forward())));
            group.bench_function(format!("{loss_name}/forward_backward"), |b| {
                b.iter(|| black_box(forward().backward().unwrap()));
            });
        }
        group.finish();
    }
}

fn early_stable_score(criterion: &mut Criterion) {
    let logits = made_up(&[HISTORIES, STEPS, 5]);
    let labels: Vec<u32> = (0..HISTORIES as u32).map(|i| i % 5).collect();
    let esc = EscLoss::flat(5, EscOptions::default()).unwrap();
    let mut group = criterion.benchmark_group("losses/esc");
    group.sample_size(20).throughput(Throughput::Elements(HISTORIES as u64));
    for (name, lengths) in
        [("full", vec![STEPS; HISTORIES]), ("ragged", (0..HISTORIES).map(|i| 2 + i % (STEPS - 1)).collect())]
    {
        let forward = || esc.forward(&logits, Labels::from(&labels), &lengths).unwrap().loss;
        group.bench_function(format!("{name}/forward"), |b| b.iter(|| black_box(forward())));
        group.bench_function(format!("{name}/forward_backward"), |b| {
            b.iter(|| black_box(forward().backward().unwrap()));
        });
    }
    group.finish();
}

criterion_group!(benches, tree_losses, early_stable_score);
criterion_main!(benches);
