//! How long does the cascade take: the history of an object, one more classification, a training step? The shapes of
//! `fixtures/pytorch/time_cascade.py`, under the same names, on one thread and on two. `HELIACAL_ISA` forces an instruction
//! set.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, VarBuilder};
use criterion::{Criterion, criterion_group, criterion_main};
use heliacal_models::{
    BaseClassification, Cascade, CascadeBatch, CascadeConfig, CascadeInput, CascadeScaling, Isa, Naive,
    NaiveConfig, ScalingMode, TrainPass, candle_core, candle_nn, dropout_seed,
};

#[path = "shared/on_threads.rs"]
mod on_threads;
use on_threads::on_threads;

const CLASSES: usize = 5;

/// Lengths from 15 to 100, spread evenly by the golden ratio.
fn mixed_lengths(n: usize) -> Vec<usize> {
    (1..=n).map(|i| 15 + (86.0 * ((i as f64 * 0.618_033_988_749_894_9) % 1.0)) as usize).collect()
}

/// Numbers in (-1, 1), different for every index.
fn wave(index: usize) -> f32 {
    let x = (index as f64 * 12.9898 + 78.233).sin() * 43_758.545_3;
    (2.0 * (x - x.floor()) - 1.0) as f32
}

fn probabilities(seed: usize) -> [f32; CLASSES] {
    let weights: [f32; CLASSES] = std::array::from_fn(|class| (2.0 * wave(CLASSES * seed + class)).exp());
    weights.map(|weight| weight / weights.iter().sum::<f32>())
}

fn history(n_steps: usize, seed: usize) -> CascadeInput {
    let steps = || (0..n_steps).map(|step| 1000 * seed + step);
    CascadeInput {
        mjd: steps().map(|i| 60_000.0 + (i % 1000) as f64 + 0.2 * f64::from(wave(i))).collect(),
        probabilities: steps().flat_map(probabilities).collect(),
        flux: steps().map(|i| 100.0 * wave(i)).collect(),
    }
}

fn histories(lengths: &[usize]) -> Vec<CascadeInput> {
    lengths.iter().enumerate().map(|(seed, &n)| history(n, seed)).collect()
}

fn cascade(histories: &[CascadeInput]) -> Cascade {
    let config = CascadeConfig::paper(CLASSES);
    let scaling = CascadeScaling::fit(&config, ScalingMode::TrainingSet, histories).unwrap();
    Cascade::fresh(config, scaling, 1, &Device::Cpu).unwrap()
}

/// The answers after every step.
fn predict(c: &mut Criterion, case: &str, n_objects: usize) {
    let histories = histories(&vec![100; n_objects]);
    let cascade = cascade(&histories);
    on_threads(c, case, n_objects, &mut || {
        black_box(cascade.predict_histories(black_box(&histories)).unwrap());
    });
}

/// The answer after the last step.
fn logits(c: &mut Criterion, case: &str, lengths: &[usize]) {
    let histories = histories(lengths);
    let cascade = cascade(&histories);
    let inputs: Vec<&CascadeInput> = histories.iter().collect();
    on_threads(c, case, lengths.len(), &mut || {
        let batch = CascadeBatch::new(cascade.config(), cascade.scaling(), &inputs).unwrap();
        black_box(cascade.logits(&batch).unwrap());
    });
}

/// One more classification of some objects whose states are at hand, of a network that takes any number of them.
fn push(c: &mut Criterion, case: &str, n_objects: usize) {
    let history = history(50, 0);
    let paper = cascade(std::slice::from_ref(&history));
    let config = CascadeConfig { max_steps: None, ..paper.config().clone() };
    let cascade = Cascade::fresh(config, paper.scaling().clone(), 1, &Device::Cpu).unwrap();
    let mut step = 0;
    let mut classification = || {
        step += 1;
        let place = step % history.mjd.len();
        let probabilities = &history.probabilities[place * CLASSES..(place + 1) * CLASSES];
        let mjd = history.mjd[0] + 1e-3 * step as f64;
        BaseClassification { mjd, probabilities, flux: Some(history.flux[place]) }
    };
    if n_objects == 1 {
        let mut stream = cascade.stream().unwrap();
        on_threads(c, case, 1, &mut || {
            black_box(stream.push(classification()).unwrap());
        });
    } else {
        let mut states = vec![cascade.stream().unwrap().into_state(); n_objects];
        on_threads(c, case, n_objects, &mut || {
            let answers = cascade.push_all(states.iter_mut().map(|state| (state, classification())));
            assert!(black_box(answers).iter().all(Result::is_ok));
        });
    }
}

/// The naive model's answers to 100 classifications.
fn naive(c: &mut Criterion) {
    let naive = Naive::fresh(NaiveConfig::paper(CLASSES), 1, &Device::Cpu).unwrap();
    let history = history(100, 0);
    on_threads(c, "naive_1x100", 1, &mut || {
        black_box(naive.predict(black_box(&history.probabilities)).unwrap());
    });
}

/// Scaling, forward with dropout, cross-entropy, backward to all weights, Adam.
fn train(
    c: &mut Criterion,
    case: &str,
    lengths: &[usize],
    forward: fn(&Cascade, &CascadeBatch, u64) -> heliacal_models::Result<TrainPass>,
) {
    let histories = histories(lengths);
    let fresh = cascade(&histories);
    let tensors = fresh.to_file().unwrap().tensors;
    let names: Vec<String> = fresh.config().parameters().into_iter().map(|(name, _)| name).collect();
    let variables: Vec<Var> = names.iter().map(|name| Var::from_tensor(&tensors[name]).unwrap()).collect();
    let mut all: std::collections::HashMap<_, _> = tensors.into_iter().collect();
    let tracked = variables.iter().map(|variable| variable.as_tensor().clone());
    all.extend(names.into_iter().zip(tracked));
    let vb = VarBuilder::from_tensors(all, DType::F32, &Device::Cpu);
    let mut cascade = Cascade::new(fresh.config().clone(), fresh.scaling().clone(), vb).unwrap();
    let params = ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut adam = AdamW::new(variables, params).unwrap();
    let inputs: Vec<&CascadeInput> = histories.iter().collect();
    let mut step = 0;
    on_threads(c, case, lengths.len(), &mut || {
        step += 1;
        let batch = CascadeBatch::new(cascade.config(), cascade.scaling(), &inputs).unwrap();
        let pass = forward(&cascade, &batch, dropout_seed(1, step, 0)).unwrap();
        let labels: Vec<u32> = (0..pass.logits.dim(0).unwrap()).map(|i| (i % CLASSES) as u32).collect();
        let labels = Tensor::new(labels, &Device::Cpu).unwrap();
        let loss = candle_nn::loss::cross_entropy(&pass.logits, &labels).unwrap();
        adam.backward_step(&loss).unwrap();
        cascade.set_statistics(&pass.statistics).unwrap();
    });
}

fn benches(c: &mut Criterion) {
    assert!(Isa::current().is_ok(), "HELIACAL_ISA names no instruction set of this machine");
    predict(c, "history_1x100", 1);
    predict(c, "history_64x100", 64);
    push(c, "push_1", 1);
    push(c, "push_64", 64);
    naive(c);
    logits(c, "logits_256x100", &[100; 256]);
    train(c, "train_256x100", &[100; 256], Cascade::forward_train);
    train(c, "train_256xmixed", &mixed_lengths(256), Cascade::forward_train);
    train(c, "train_prefixes_256x100", &[100; 256], Cascade::forward_train_prefixes);
}

criterion_group!(all, benches);
criterion_main!(all);
