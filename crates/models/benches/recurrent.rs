//! How long do GRU and LSTM layers take, forward and in a training step? The shapes of `fixtures/pytorch/time_recurrent.py`,
//! under the same names, on one thread and on two. `HELIACAL_ISA` forces an instruction set.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, VarBuilder};
use criterion::{Criterion, criterion_group, criterion_main};
use heliacal_lightcurve::{Context, Observation, Passband};
use heliacal_models::{
    CellKind, Gru, GruCell, Isa, LstmCell, Oracle, Preset, Recurrent, RecurrentConfig, candle_core, candle_nn,
};

#[path = "shared/on_threads.rs"]
mod on_threads;
use on_threads::on_threads;

const GRU: RecurrentConfig = RecurrentConfig { input: 5, hidden: 100, n_layers: 2 };
const LSTM: RecurrentConfig = RecurrentConfig { input: 10, hidden: 256, n_layers: 1 };

/// Lengths from 20 to 500, exponential above 20, spread evenly by the golden ratio.
fn mixed_lengths(n: usize, mean: f64) -> Vec<usize> {
    let length = |i: usize| {
        let uniform = (i as f64 * 0.618_033_988_749_894_9) % 1.0;
        (20 + (-(mean - 20.0) * (1.0 - uniform).ln()) as usize).min(500)
    };
    (1..=n).map(length).collect()
}

/// Numbers in (-1, 1), different for every index.
fn wave(index: usize) -> f32 {
    let x = (index as f64 * 12.9898 + 78.233).sin() * 43_758.545_3;
    (2.0 * (x - x.floor()) - 1.0) as f32
}

fn tensor(shape: &[usize], scale: f32) -> Tensor {
    let n = shape.iter().product();
    Tensor::from_vec((0..n).map(|i| scale * wave(i)).collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
}

/// PyTorch's names and shapes of the weights, and tensors of the size that it begins with.
fn weights<C: CellKind>(config: RecurrentConfig) -> Vec<(String, Tensor)> {
    let scale = 1.0 / (config.hidden as f32).sqrt();
    let tensor = |(name, shape): (String, Vec<usize>)| (name, tensor(&shape, scale));
    Recurrent::<C>::parameters(config).into_iter().map(tensor).collect()
}

fn layers<C: CellKind>(config: RecurrentConfig, weights: Vec<(String, Tensor)>) -> Recurrent<C> {
    let vb = VarBuilder::from_tensors(weights.into_iter().collect(), DType::F32, &Device::Cpu);
    Recurrent::new(config, vb).unwrap()
}

fn forward<C: CellKind>(c: &mut Criterion, case: &str, config: RecurrentConfig, lengths: &[usize]) {
    let layers = layers::<C>(config, weights::<C>(config));
    let n_rows = lengths.iter().sum();
    let rows = tensor(&[n_rows, config.input], 1.0);
    on_threads(c, case, n_rows, &mut || {
        black_box(layers.forward(black_box(&rows), lengths, None).unwrap());
    });
}

/// One step of some sequences at once, their states kept.
fn step(c: &mut Criterion, case: &str, batch: usize) {
    let layers: Gru = layers(GRU, weights::<GruCell>(GRU));
    let x = tensor(&[batch, GRU.input], 1.0);
    let mut state = layers.zero_state(batch, &Device::Cpu).unwrap();
    on_threads(c, case, batch, &mut || {
        black_box(layers.step(black_box(&x), &mut state).unwrap());
    });
}

/// Forward, mean square of the last states, backward to all weights and biases, Adam.
fn train<C: CellKind>(c: &mut Criterion, case: &str, config: RecurrentConfig, lengths: &[usize]) {
    let weights: Vec<(String, Var)> =
        weights::<C>(config).into_iter().map(|(name, w)| (name, Var::from_tensor(&w).unwrap())).collect();
    let variables = weights.iter().map(|(_, variable)| variable.clone()).collect();
    let params = ParamsAdamW { lr: 1e-4, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut adam = AdamW::new(variables, params).unwrap();
    let tensors = weights.iter().map(|(name, variable)| (name.clone(), variable.as_tensor().clone()));
    let layers = layers::<C>(config, tensors.collect());
    let n_rows = lengths.iter().sum();
    let rows = tensor(&[n_rows, config.input], 1.0);
    on_threads(c, case, n_rows, &mut || {
        let last = layers.last(&rows, lengths, None).unwrap();
        let loss = last.sqr().unwrap().mean_all().unwrap();
        adam.backward_step(&loss).unwrap();
    });
}

/// The published architecture with weights of no meaning.
fn oracle() -> Oracle {
    let config = Preset::Published.config(26);
    let weights = config.parameters().into_iter().map(|(name, shape)| (name, tensor(&shape, 0.1)));
    let vb = VarBuilder::from_tensors(weights.collect(), DType::F32, &Device::Cpu);
    Oracle::new(config, Preset::Published.features(), vb).unwrap()
}

fn observation(n: usize) -> Observation {
    Observation {
        mjd: 60_000.0 + 0.01 * n as f64,
        flux: 100.0 * wave(n),
        flux_err: 5.0,
        passband: Passband::LSST[n % 6],
        detection: true,
    }
}

/// ORACLE's logits after one more observation of one object.
fn oracle_push(c: &mut Criterion) {
    let oracle = oracle();
    let mut stream = oracle.stream(&Context::new());
    let mut n: usize = 0;
    on_threads(c, "oracle_push_1", 1, &mut || {
        n += 1;
        black_box(stream.push(observation(n)).unwrap());
    });
}

/// The same of 64 objects at once, among 10,000.
fn oracle_push_together(c: &mut Criterion) {
    let oracle = oracle();
    let mut arena = oracle.arena();
    let slots: Vec<_> = (0..10_000).map(|_| arena.insert(&Context::new())).collect();
    let mut n: usize = 0;
    on_threads(c, "oracle_push_64", 64, &mut || {
        n += 1;
        let batch: Vec<_> =
            (0..64).map(|i| (slots[(64 * n + i) * 37 % slots.len()], observation(n))).collect();
        black_box(arena.push(&batch));
    });
}

fn recurrent(c: &mut Criterion) {
    assert!(Isa::current().is_ok(), "HELIACAL_ISA names no instruction set of this machine");
    forward::<GruCell>(c, "gru_forward_1x150", GRU, &[150]);
    forward::<GruCell>(c, "gru_forward_256x500", GRU, &[500; 256]);
    forward::<GruCell>(c, "gru_forward_2000x500", GRU, &[500; 2000]);
    forward::<GruCell>(c, "gru_forward_2000xmean130", GRU, &mixed_lengths(2000, 130.0));
    step(c, "gru_step_1", 1);
    step(c, "gru_step_64", 64);
    train::<GruCell>(c, "gru_train_256x100", GRU, &[100; 256]);
    train::<GruCell>(c, "gru_train_1024xmean150", GRU, &mixed_lengths(1024, 150.0));
    forward::<LstmCell>(c, "lstm_forward_1x100", LSTM, &[100]);
    forward::<LstmCell>(c, "lstm_forward_256x100", LSTM, &[100; 256]);
    forward::<LstmCell>(c, "lstm_forward_256x500", LSTM, &[500; 256]);
    train::<LstmCell>(c, "lstm_train_256x100", LSTM, &[100; 256]);
    oracle_push(c);
    oracle_push_together(c);
}

criterion_group!(benches, recurrent);
criterion_main!(benches);
