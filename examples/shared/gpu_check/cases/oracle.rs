//! ORACLE: its GRU alone, inference, one object, training, an epoch.

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

use heliacal::models::candle_core::{DType, Tensor};
use heliacal::models::candle_nn::VarBuilder;
use heliacal::models::train::{Beginnings, Example, Progress, TrainConfig, Trainer};
use heliacal::models::{EncodedLightCurve, GpuPrecision, Gru, Oracle, OracleConfig, RecurrentConfig};
use heliacal::pipeline::{TrainingLoss, loss_function};
use heliacal::{Device, Preset, Taxonomy};

use super::super::made_up;
use super::super::parity::leaves;
use super::super::stopwatch::{StepClock, Timing, time_calls};
use super::{Cases, Sizes, Work, at_precision, bytes_of, flops_of_step, precisions};

const PRESET: Preset = Preset::Published;
const ON_DEVICE: &str = "inputs and logits on the device";
const HOST_TO_HOST: &str = "encoded light curves to logits, both in the host's memory";
const TRAINING: &str = "a step of the trainer: packing and sending a batch, forward, WHXE, backward, Adam";
/// Steps of training before those that are timed.
const WARM_UP: usize = 3;

pub fn measure(device: &Device, sizes: &Sizes, cases: &mut Cases<'_>) -> Result<(), Box<dyn Error>> {
    let oracle = fresh(device)?;
    let [batch, large] = sizes.batches;
    let t500 = vec![sizes.n_steps; batch];
    for (name, lengths) in [
        (format!("{batch}_real"), made_up::real_lengths(batch, 1)),
        (format!("{batch}_t{}", sizes.n_steps), t500),
        (format!("{large}_real"), made_up::real_lengths(large, 2)),
    ] {
        inference(&oracle, &name, &lengths, sizes, cases)?;
    }
    alone(&oracle, sizes, cases)?;
    let taxonomy = Taxonomy::oracle();
    for (kind, batches_per_bucket) in [("real", 1), ("real_sorted", 8)] {
        let (batch, n_batches) = sizes.training;
        let n = batch * (n_batches + WARM_UP + 2);
        let examples = examples(&oracle, &taxonomy, n);
        let work = training_work(oracle.config(), batch, n_rows(&examples) * batch / n);
        let config = TrainConfig {
            batch_size: batch,
            batches_per_bucket,
            beginnings: Beginnings::Whole,
            validation_fractions: vec![1.0],
            validation_share: 0.01,
            max_per_class: None,
            epochs: 1,
            ..TrainConfig::default()
        };
        // In a training bfloat16 is not used.
        for (precision, suffix) in
            precisions(device).filter(|(precision, _)| *precision != GpuPrecision::Bf16)
        {
            cases.push(format!("oracle_train_{batch}_{kind}{suffix}"), TRAINING, work, || {
                let oracle = oracle.clone().with_gpu_precision(precision);
                at_precision(precision, || time_steps(&oracle, &examples, config.clone(), n_batches))
            })?;
        }
    }
    Ok(())
}

fn inference(
    oracle: &Oracle,
    name: &str,
    lengths: &[usize],
    sizes: &Sizes,
    cases: &mut Cases<'_>,
) -> Result<(), Box<dyn Error>> {
    let (device, config) = (oracle.device(), oracle.config());
    let light_curves = made_up::light_curves(oracle.features(), lengths, 3);
    let n_rows = lengths.iter().sum();
    let of_gru = gru_work(config, lengths.len(), n_rows);
    for (precision, suffix) in precisions(device) {
        cases.push(format!("gru_{name}{suffix}"), "rows and last states on the device", of_gru, || {
            let rows: Vec<f32> =
                light_curves.iter().flat_map(|light_curve| &light_curve.rows).copied().collect();
            let rows = Tensor::from_vec(rows, (n_rows, config.n_features), device)?;
            let gru = gru(oracle)?.with_gpu_precision(precision);
            time_calls(device, sizes.budget, || Ok(gru.last(&rows, lengths, None)?))
        })?;
    }
    let work = inference_work(config, lengths.len(), n_rows);
    let whole: Vec<_> = light_curves.iter().zip(lengths.iter().copied()).collect();
    for (precision, suffix) in precisions(device) {
        cases.push(format!("oracle_{name}{suffix}"), ON_DEVICE, work, || {
            let oracle = oracle.clone().with_gpu_precision(precision);
            let batch = oracle.batch(&whole)?.to_device(device)?;
            at_precision(precision, || time_calls(device, sizes.budget, || Ok(oracle.forward_batch(&batch)?)))
        })?;
    }
    let last: Vec<[usize; 1]> = lengths.iter().map(|&n| [n - 1]).collect();
    let asked: Vec<(&EncodedLightCurve, &[usize])> =
        light_curves.iter().zip(last.iter().map(|last| &last[..])).collect();
    cases.push(format!("oracle_{name}_host"), HOST_TO_HOST, work, || {
        time_calls(device, sizes.budget, || Ok(oracle.logits_at(&asked)?))
    })
}

/// One light curve, and one more observation of many objects.
fn alone(oracle: &Oracle, sizes: &Sizes, cases: &mut Cases<'_>) -> Result<(), Box<dyn Error>> {
    let (device, config) = (oracle.device(), oracle.config());
    let n = sizes.alone;
    let light_curves = made_up::light_curves(oracle.features(), &[n], 4);
    let last = [n - 1];
    cases.push(format!("oracle_1_t{n}_host"), HOST_TO_HOST, inference_work(config, 1, n), || {
        let asked: [(&EncodedLightCurve, &[usize]); 1] = [(&light_curves[0], &last)];
        time_calls(device, sizes.budget, || Ok(oracle.logits_at(&asked)?))
    })?;
    let batch = sizes.batches[0];
    let what = "one step of many sequences, rows and states on the device";
    cases.push(format!("gru_step_{batch}"), what, gru_work(config, batch, batch), || {
        let rows = made_up::Numbers::new(5).many(batch * config.n_features, 1.0);
        let rows = Tensor::from_vec(rows, (batch, config.n_features), device)?;
        let gru = gru(oracle)?;
        let mut state = gru.zero_state(batch, device)?;
        time_calls(device, sizes.budget, || Ok(gru.step(&rows, &mut state)?))
    })
}

/// A whole epoch of the paper's protocol, random beginnings and validation included, or as much of it as there is time for.
pub fn epoch(device: &Device, sizes: &Sizes, cases: &mut Cases<'_>) -> Result<(), Box<dyn Error>> {
    let (oracle, taxonomy) = (&fresh(device)?, &Taxonomy::oracle());
    let (n, most_s) = sizes.epoch;
    let examples = examples(oracle, taxonomy, n);
    // A random beginning is half of a light curve on average.
    let work = training_work(oracle.config(), n, n_rows(&examples) / 2);
    let config = TrainConfig {
        batch_size: sizes.training.0,
        epochs: 1,
        max_per_class: None,
        ..TrainConfig::default()
    };
    let what = "an epoch of random beginnings and its validation; steps made before the time was up times their number";
    cases.push(format!("oracle_epoch_{n}"), what, work, || {
        let labels: Vec<u32> = examples.iter().map(|example| example.true_node as u32).collect();
        let loss = LOSS.of(taxonomy, &labels, oracle.device())?;
        let mut trainer = Trainer::new(oracle, &examples, config)?;
        let begin = Instant::now();
        let mut estimate = None;
        trainer.train(loss_function(&*loss), |progress| {
            let seconds = begin.elapsed().as_secs_f64();
            match progress {
                Progress::Step(step) if seconds > most_s => {
                    estimate = Some(seconds * step.n_batches as f64 / (step.batch + 1) as f64);
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        })?;
        Timing::of(vec![estimate.unwrap_or_else(|| begin.elapsed().as_secs_f64())])
    })
}

fn fresh(device: &Device) -> Result<Oracle, Box<dyn Error>> {
    Ok(Oracle::fresh(PRESET.config(26), PRESET.features(), 1, device)?)
}

const LOSS: TrainingLoss = TrainingLoss::Whxe { alpha: 0.5, gamma: 1.0 };

/// Times the steps of a training.
fn time_steps(
    oracle: &Oracle,
    examples: &[Example],
    config: TrainConfig,
    n_steps: usize,
) -> Result<Timing, Box<dyn Error>> {
    let labels: Vec<u32> = examples.iter().map(|example| example.true_node as u32).collect();
    let loss = LOSS.of(&Taxonomy::oracle(), &labels, oracle.device())?;
    let mut clock = StepClock::new(WARM_UP, n_steps);
    Trainer::new(oracle, examples, config)?.train(loss_function(&*loss), |progress| clock.tell(progress))?;
    clock.timing()
}

fn examples(oracle: &Oracle, taxonomy: &Taxonomy, n: usize) -> Vec<Example> {
    made_up::examples(oracle.features(), &made_up::real_lengths(n, 6), &leaves(taxonomy), 7)
}

fn n_rows(examples: &[Example]) -> usize {
    examples.iter().map(|example| example.light_curve.observations.len()).sum()
}

/// The recurrent layers of a network, by themselves.
fn gru(oracle: &Oracle) -> Result<Gru, Box<dyn Error>> {
    let OracleConfig { n_features: input, hidden, n_layers, .. } = *oracle.config();
    let tensors = oracle.to_file()?.tensors.into_iter().collect();
    let weights = VarBuilder::from_tensors(tensors, DType::F32, oracle.device());
    Ok(Gru::new(RecurrentConfig { input, hidden, n_layers }, weights.pp("gru"))?)
}

fn gru_work(config: &OracleConfig, n_objects: usize, n_rows: usize) -> Work {
    let steps = (0..config.n_layers).map(|layer| {
        let input = if layer == 0 { config.n_features } else { config.hidden };
        flops_of_step(3, input, config.hidden)
    });
    Work {
        n_objects,
        n_rows,
        flops: n_rows as f64 * steps.sum::<f64>(),
        least_bytes: bytes_of(n_rows * config.n_features + n_objects * config.hidden),
    }
}

fn inference_work(config: &OracleConfig, n_objects: usize, n_rows: usize) -> Work {
    let dense = config.parameters().into_iter().filter(|(name, _)| !name.starts_with("gru."));
    let weights: usize = dense.map(|(_, shape)| shape.iter().product::<usize>()).sum();
    let gru = gru_work(config, n_objects, n_rows);
    let numbers = n_rows * config.n_features + n_objects * (config.n_statics + config.n_nodes);
    Work { flops: gru.flops + 2.0 * (n_objects * weights) as f64, least_bytes: bytes_of(numbers), ..gru }
}

/// The way back takes twice the products; what it needs of the way there is not counted among the least bytes.
fn training_work(config: &OracleConfig, n_objects: usize, n_rows: usize) -> Work {
    let forward = inference_work(config, n_objects, n_rows);
    Work { flops: 3.0 * forward.flops, ..forward }
}
