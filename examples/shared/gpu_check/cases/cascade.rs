//! The cascade: histories, and a step of training.

use std::error::Error;

use heliacal::Device;
use heliacal::losses::{CrossEntropy, CrossEntropyOptions};
use heliacal::models::CascadeConfig;
use heliacal::models::train::{TrainConfig, Trainer};
use heliacal::pipeline::loss_function;

use super::super::made_up::{self, Numbers};
use super::super::parity::fresh_cascade;
use super::super::stopwatch::{StepClock, time_calls};
use super::{Cases, Sizes, Work, at_precision, bytes_of, flops_of_step, precisions};

const N_CLASSES: usize = 5;
const TRAINING: &str =
    "a step of the trainer: packing and sending a batch, forward, cross-entropy, backward, Adam";
const HISTORIES: &str = "histories to class probabilities after every step, both in the host's memory";
/// Steps of training before those that are timed.
const WARM_UP: usize = 3;
/// Lengths of histories, as the paper selects them.
const LENGTHS: (usize, usize) = (15, 100);

pub fn measure(device: &Device, sizes: &Sizes, cases: &mut Cases<'_>) -> Result<(), Box<dyn Error>> {
    let config = CascadeConfig::paper(N_CLASSES);
    let (batch, n_batches) = sizes.cascade;
    let n = batch * 2 * (n_batches + WARM_UP + 1);
    let mut numbers = Numbers::new(8);
    let (least, most) = LENGTHS;
    let lengths: Vec<usize> =
        (0..n).map(|_| least + (numbers.uniform() * (most + 1 - least) as f64) as usize).collect();
    let examples = made_up::histories(&config, &lengths, 9);
    let model = fresh_cascade(&config, &examples, device)?;
    let n_rows: usize = lengths.iter().sum();

    let mean_rows = n_rows * batch / n;
    let forward = work(&config, batch, mean_rows);
    let training = Work { flops: 3.0 * forward.flops, ..forward };
    cases.push(format!("cascade_train_{batch}"), TRAINING, training, || {
        let loss = CrossEntropy::flat(N_CLASSES, &CrossEntropyOptions::default())?;
        let config = TrainConfig { batch_size: batch, ..TrainConfig::cascade() };
        let mut clock = StepClock::new(WARM_UP, n_batches);
        Trainer::new(&model, &examples, config)?
            .train(loss_function(&loss), |progress| clock.tell(progress))?;
        clock.timing()
    })?;

    let inputs: Vec<_> = examples[..batch].iter().map(|example| example.input.clone()).collect();
    let n_rows = lengths[..batch].iter().sum();
    // Two steps of the LSTM for each, one of which knows the time to the next.
    let one = work(&config, batch, n_rows);
    let every =
        Work { flops: 2.0 * one.flops, least_bytes: one.least_bytes + bytes_of(n_rows * N_CLASSES), ..one };
    for (precision, suffix) in precisions(device) {
        cases.push(format!("cascade_histories_{batch}{suffix}"), HISTORIES, every, || {
            let model = model.clone().with_gpu_precision(precision);
            at_precision(precision, || {
                time_calls(device, sizes.budget, || Ok(model.predict_histories(&inputs)?))
            })
        })?;
    }
    Ok(())
}

fn work(config: &CascadeConfig, n_objects: usize, n_rows: usize) -> Work {
    let attention = 2.0 * (config.hidden * config.attention_units) as f64;
    let step = flops_of_step(4, config.n_channels(), config.hidden) + attention;
    Work {
        n_objects,
        n_rows,
        flops: n_rows as f64 * step,
        least_bytes: bytes_of(n_rows * config.n_channels() + n_objects * config.n_classes),
    }
}
