//! What does additive attention cost beside its matrix product? The cascade's shapes: 256 objects of 100 steps, rows of
//! 256 numbers, 64 units, on all threads of rayon's pool (`RAYON_NUM_THREADS=1` for one).
//!
//! `candle` is the same layer from candle's own operations, on the same rows, which here need no mask.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use candle_core::{D, DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use heliacal_models::{
    AdditiveAttention, AdditiveAttentionConfig, AttentionState, Dropout, candle_core, candle_nn,
};

const BATCH: usize = 256;
const STEPS: usize = 100;
const HIDDEN: usize = 256;
const UNITS: usize = 64;

/// Numbers in (-scale, scale), the same in every run.
fn variable(shape: &[usize], scale: f64) -> Var {
    let n: usize = shape.iter().product();
    let wave = |i: usize| scale * (i as f64 * 12.9898 + 78.233).sin();
    let numbers: Vec<f32> = (0..n).map(|i| wave(i) as f32).collect();
    Var::from_tensor(&Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()).unwrap()
}

struct Layer {
    rows: Var,
    weight: Var,
    bias: Var,
    v: Var,
}

impl Layer {
    fn new() -> Self {
        Self {
            rows: variable(&[BATCH * STEPS, HIDDEN], 1.0),
            weight: variable(&[UNITS, HIDDEN], 1.0 / 16.0),
            bias: variable(&[UNITS], 1.0 / 16.0),
            v: variable(&[1, UNITS], 1.0 / 8.0),
        }
    }

    fn attention(&self) -> AdditiveAttention {
        let weights = [("wa.weight", &self.weight), ("wa.bias", &self.bias), ("v.weight", &self.v)];
        let weights = weights.map(|(name, var)| (name.to_owned(), var.as_tensor().clone()));
        let vb = VarBuilder::from_tensors(weights.into(), DType::F32, &Device::Cpu);
        AdditiveAttention::new(AdditiveAttentionConfig { hidden: HIDDEN, units: UNITS }, vb).unwrap()
    }

    fn product(&self) -> Tensor {
        self.rows.matmul(&self.weight.t().unwrap()).unwrap()
    }

    fn by_candle(&self) -> Tensor {
        let u = self.product().broadcast_add(&self.bias).unwrap().tanh().unwrap();
        let scores = u.matmul(&self.v.t().unwrap()).unwrap().reshape((BATCH, STEPS)).unwrap();
        let weights = candle_nn::ops::softmax(&scores, D::Minus1).unwrap().unsqueeze(1).unwrap();
        weights.matmul(&self.rows.reshape((BATCH, STEPS, HIDDEN)).unwrap()).unwrap().squeeze(1).unwrap()
    }
}

fn batch(c: &mut Criterion) {
    let layer = Layer::new();
    let attention = layer.attention();
    let lengths = [STEPS; BATCH];
    let dropout = Dropout::new(0.4).unwrap();
    let forward = || attention.forward(&layer.rows, &lengths).unwrap();
    let train = || attention.forward_train(&layer.rows, &lengths, dropout, 1).unwrap();
    let prefixes = || attention.forward_prefixes(&layer.rows, &lengths).unwrap();
    let backward = |context: Tensor| context.sum_all().unwrap().backward().unwrap();

    let mut group = c.benchmark_group("attention 256 x 100 x 256");
    group.sample_size(20).throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("its matrix product", |b| b.iter(|| layer.product()));
    group.bench_function("its matrix product, backward too", |b| b.iter(|| backward(layer.product())));
    group.bench_function("forward", |b| b.iter(forward));
    group.bench_function("forward, candle", |b| b.iter(|| layer.by_candle()));
    group.bench_function("backward too", |b| b.iter(|| backward(forward())));
    group.bench_function("backward too, dropout", |b| b.iter(|| backward(train())));
    group.bench_function("backward too, candle", |b| b.iter(|| backward(layer.by_candle())));
    group.bench_function("prefixes", |b| b.iter(prefixes));
    group.bench_function("prefixes, backward too", |b| b.iter(|| backward(prefixes())));
    group.finish();
}

fn one_step(c: &mut Criterion) {
    let layer = Layer::new();
    let scorer = layer.attention().scorer().unwrap();
    let h: Vec<f32> = (0..HIDDEN).map(|i| (i as f32).sin()).collect();
    let mut state = AttentionState::new(HIDDEN);
    state.push(0.1, &h).unwrap();
    let mut context = vec![0.0; HIDDEN];
    let mut group = c.benchmark_group("one step of a stream");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new("score", HIDDEN), |b| {
        b.iter(|| scorer.score(black_box(&h)).unwrap());
    });
    group.bench_function(BenchmarkId::new("push", HIDDEN), |b| {
        b.iter(|| state.push(black_box(0.1), black_box(&h)).unwrap());
    });
    group.bench_function(BenchmarkId::new("peek", HIDDEN), |b| {
        b.iter(|| state.peek(black_box(0.1), black_box(&h), &mut context).unwrap());
    });
    group.finish();
}

criterion_group!(benches, batch, one_step);
criterion_main!(benches);
