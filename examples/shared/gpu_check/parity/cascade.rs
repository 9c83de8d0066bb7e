//! The cascade: histories, all beginnings at once, a step of training by the last step and by all, some steps of the trainer.

use std::error::Error;
use std::ops::ControlFlow;

use heliacal::Device;
use heliacal::losses::{CrossEntropy, CrossEntropyOptions, Labels, Loss};
use heliacal::models::candle_core::DType;
use heliacal::models::candle_nn::VarBuilder;
use heliacal::models::train::{HistoryExample, Progress, TrainConfig, Trainer};
use heliacal::models::{
    Cascade, CascadeBatch, CascadeConfig, CascadeInput, CascadeScaling, ScalingMode, TrainPass,
};
use heliacal::pipeline::loss_function;

use super::super::made_up;
use super::{Check, LOSSES, Numbers, check_all, compare, gradients, numbers, try_check, variables};

const N_CLASSES: usize = 5;
/// Of the dropout masks: the same on every device.
const SEED: u64 = 9;

pub fn check(device: &Device, thorough: bool, checks: &mut Vec<Check>) {
    let (n_kinds, n) = if thorough { (2, 60) } else { (1, 20) };
    let lengths: Vec<usize> = made_up::real_lengths(n, 31).into_iter().map(|n| 1 + n % 100).collect();
    let kinds = [("the paper's", true, true), ("without times", false, false)];
    for (name, flux, time_features) in kinds.into_iter().take(n_kinds) {
        let config = CascadeConfig { flux, time_features, ..CascadeConfig::paper(N_CLASSES) };
        let examples = made_up::histories(&config, &lengths, 32);
        let name = format!("cascade, {name}");
        try_check(&name, checks, |checks| {
            compare(
                &name,
                &run(&config, &examples, device)?,
                &run(&config, &examples, &Device::Cpu)?,
                checks,
            );
            Ok(())
        });
    }
    let name = "cascade, losses of six steps of training";
    try_check(name, checks, |checks| {
        let examples = made_up::histories(&CascadeConfig::paper(N_CLASSES), &lengths, 33);
        let (found, expected) = (train(&examples, device)?, train(&examples, &Device::Cpu)?);
        checks.push(check_all(name.to_owned(), &found, &expected, LOSSES, 0.0));
        Ok(())
    });
}

pub fn fresh(
    config: &CascadeConfig,
    examples: &[HistoryExample],
    device: &Device,
) -> Result<Cascade, Box<dyn Error>> {
    let inputs = examples.iter().map(|example| &example.input);
    let scaling = CascadeScaling::fit(config, ScalingMode::TrainingSet, inputs)?;
    let cascade = Cascade::fresh(config.clone(), scaling, 4, &Device::Cpu)?;
    Ok(Cascade::from_file(&cascade.to_file()?, device)?)
}

fn run(
    config: &CascadeConfig,
    examples: &[HistoryExample],
    device: &Device,
) -> Result<Numbers, Box<dyn Error>> {
    let cascade = fresh(config, examples, device)?;
    let inputs: Vec<CascadeInput> = examples.iter().map(|example| example.input.clone()).collect();
    let batch = CascadeBatch::new(config, cascade.scaling(), &inputs.iter().collect::<Vec<_>>())?;
    let mut found = vec![
        ("logits".to_owned(), numbers(&cascade.logits(&batch)?)?),
        ("logits of all beginnings".to_owned(), numbers(&cascade.logits_prefixes(&batch)?)?),
    ];
    let histories = cascade.predict_histories(&inputs)?.concat();
    found.push(("histories".to_owned(), histories.into_iter().map(f64::from).collect()));

    let loss = CrossEntropy::flat(N_CLASSES, &CrossEntropyOptions::default())?;
    let classes: Vec<u32> = examples.iter().map(|example| example.true_class as u32).collect();
    let lengths = batch.lengths().iter().zip(&classes);
    let of_all: Vec<u32> = lengths.flat_map(|(&n, &class)| std::iter::repeat_n(class, n)).collect();
    let (trained, statistics): (Vec<_>, Vec<_>) = {
        let names: Vec<String> = config.parameters().into_iter().map(|(name, _)| name).collect();
        cascade.to_file()?.tensors.into_iter().partition(|(name, _)| names.contains(name))
    };
    let variables = variables(trained, device)?;
    let tracked = variables.iter().map(|(name, v)| (name.clone(), v.as_tensor().clone()));
    let weights = VarBuilder::from_tensors(tracked.chain(statistics).collect(), DType::F32, device);
    let network = Cascade::new(config.clone(), cascade.scaling().clone(), weights)?;
    for (kind, pass, labels) in [
        ("last steps", network.forward_train(&batch, SEED)?, &classes),
        ("all steps", network.forward_train_prefixes(&batch, SEED)?, &of_all),
    ] {
        let TrainPass { logits, statistics } = pass;
        found.push((format!("logits in training, {kind}"), numbers(&logits)?));
        for (name, tensor) in &statistics {
            found.push((format!("{name} afterwards, {kind}"), numbers(tensor)?));
        }
        let loss = loss.forward(&logits, Labels::from(labels))?;
        for (name, gradient) in gradients(&variables, &loss.backward()?)? {
            found.push((format!("{name}, {kind}"), gradient));
        }
    }
    Ok(found)
}

/// Losses of the first steps of a training.
fn train(examples: &[HistoryExample], device: &Device) -> Result<Numbers, Box<dyn Error>> {
    let model = fresh(&CascadeConfig::paper(N_CLASSES), examples, device)?;
    let loss = CrossEntropy::flat(N_CLASSES, &CrossEntropyOptions::default())?;
    let config = TrainConfig { epochs: 6, batch_size: 8, ..TrainConfig::cascade() };
    let mut losses = Vec::new();
    Trainer::new(&model, examples, config)?.train(loss_function(&loss), |progress| match progress {
        Progress::Step(step) => {
            losses.push(step.loss);
            if step.step == 6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        _ => ControlFlow::Continue(()),
    })?;
    Ok(vec![("losses".to_owned(), losses)])
}
