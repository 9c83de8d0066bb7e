//! ORACLE: logits, histories, a step of training, some steps of the trainer, its published weights.

use std::collections::HashMap;
use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use heliacal::models::candle_core::{DType, Tensor, safetensors};
use heliacal::models::candle_nn::VarBuilder;
use heliacal::models::train::{Progress, TrainConfig, Trainer};
use heliacal::models::{EncodedLightCurve, ModelFile, Oracle};
use heliacal::pipeline::{TrainingLoss, loss_function};
use heliacal::{Device, Preset, Taxonomy};

use super::super::made_up;
use super::{
    Check, GOLDEN, LOSSES, Numbers, check_all, compare, difference, gradients, numbers, try_check, variables,
};

const LOSS: TrainingLoss = TrainingLoss::Whxe { alpha: 0.5, gamma: 1.0 };

pub fn check(device: &Device, thorough: bool, checks: &mut Vec<Check>) {
    let presets = [Preset::Paper, Preset::Published, Preset::PublishedLite];
    let (n_presets, n) = if thorough { (3, 100) } else { (1, 12) };
    for preset in presets.into_iter().take(n_presets) {
        let name = format!("ORACLE, {preset}");
        try_check(&name, checks, |checks| {
            compare(&name, &run(preset, n, device)?, &run(preset, n, &Device::Cpu)?, checks);
            Ok(())
        });
    }
    let name = "ORACLE, losses of ten steps of training";
    try_check(name, checks, |checks| {
        let (found, expected) = (train(4 * n, device)?, train(4 * n, &Device::Cpu)?);
        checks.push(check_all(name.to_owned(), &found, &expected, LOSSES, 0.0));
        Ok(())
    });
}

fn fresh(preset: Preset, device: &Device) -> Result<Oracle, Box<dyn Error>> {
    let oracle = Oracle::fresh(preset.config(26), preset.features(), 3, &Device::Cpu)?;
    Ok(Oracle::from_file(&oracle.to_file()?, device)?)
}

fn run(preset: Preset, n_light_curves: usize, device: &Device) -> Result<Numbers, Box<dyn Error>> {
    let oracle = fresh(preset, device)?;
    let lengths = made_up::real_lengths(n_light_curves, 11);
    let light_curves = made_up::light_curves(oracle.features(), &lengths, 12);
    let every: Vec<Vec<usize>> = lengths.iter().map(|&n| (0..n).step_by(7).collect()).collect();
    let last: Vec<Vec<usize>> = lengths.iter().map(|&n| vec![n - 1]).collect();
    let mut found = Vec::new();
    for (name, steps) in [("last logits", last), ("logits of every seventh step", every)] {
        let asked: Vec<_> = light_curves.iter().zip(steps.iter().map(Vec::as_slice)).collect();
        let logits = oracle.logits_at(&asked)?.concat();
        found.push((name.to_owned(), logits.into_iter().map(f64::from).collect()));
    }

    let tensors = oracle.to_file()?.tensors;
    let variables = variables(tensors, device)?;
    let tracked = variables.iter().map(|(name, v)| (name.clone(), v.as_tensor().clone())).collect();
    let weights = VarBuilder::from_tensors(tracked, DType::F32, device);
    let network = Oracle::new(oracle.config().clone(), oracle.features().clone(), weights)?;
    let logits = network.forward(&light_curves)?;
    found.push(("logits with a graph".to_owned(), numbers(&logits)?));
    let taxonomy = Taxonomy::oracle();
    let true_nodes: Vec<usize> = leaves(&taxonomy).into_iter().cycle().take(lengths.len()).collect();
    let labels: Vec<u32> = true_nodes.iter().map(|&node| node as u32).collect();
    let loss = LOSS.of(&taxonomy, &labels, device)?;
    let loss = loss.forward(&logits, heliacal::losses::Labels::from(&labels))?;
    found.push(("loss".to_owned(), numbers(&loss)?));
    found.extend(gradients(&variables, &loss.backward()?)?);
    Ok(found)
}

/// Losses of the first steps of a training: all that a step does, Adam included, shows in the next.
fn train(n_light_curves: usize, device: &Device) -> Result<Numbers, Box<dyn Error>> {
    let taxonomy = Taxonomy::oracle();
    let model = fresh(Preset::Paper, device)?;
    let examples = made_up::examples(
        model.features(),
        &made_up::real_lengths(n_light_curves, 21),
        &leaves(&taxonomy),
        22,
    );
    let labels: Vec<u32> = examples.iter().map(|example| example.true_node as u32).collect();
    let loss = LOSS.of(&taxonomy, &labels, device)?;
    let config = TrainConfig { epochs: 10, batch_size: 64, learning_rate: 1e-3, ..TrainConfig::default() };
    let mut losses = Vec::new();
    Trainer::new(&model, &examples, config)?.train(loss_function(&*loss), |progress| match progress {
        Progress::Step(step) => {
            losses.push(step.loss);
            if step.step == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        _ => ControlFlow::Continue(()),
    })?;
    Ok(vec![("losses".to_owned(), losses)])
}

pub fn leaves(taxonomy: &Taxonomy) -> Vec<usize> {
    taxonomy.leaves().iter().map(|leaf| leaf.index()).collect()
}

/// The published weights against PyTorch in double precision (`oracle-elasticc` of the test data).
pub fn check_golden(device: &Device, folder: &Path, checks: &mut Vec<Check>) -> Result<(), Box<dyn Error>> {
    let folder = folder.join("oracle-elasticc");
    let tensors = safetensors::load(folder.join("golden.safetensors"), &Device::Cpu)?;
    for (variant, preset, file) in
        [("md", Preset::Published, "elasticc"), ("lite", Preset::PublishedLite, "elasticc-lite")]
    {
        let path = folder.join("weights").join(format!("{file}.best_model_f1.safetensors"));
        let (config, features) = (preset.config(26), preset.features());
        let oracle = Oracle::from_weights(config, features, &ModelFile::read(path)?, device)?;
        let light_curves = golden_light_curves(&tensors, oracle.config().n_statics)?;
        let last: Vec<_> =
            light_curves.iter().map(|light_curve| [light_curve.observations.len() - 1]).collect();
        let asked: Vec<_> = light_curves.iter().zip(last.iter().map(|last| &last[..])).collect();
        let found: Vec<f64> = oracle.logits_at(&asked)?.concat().into_iter().map(f64::from).collect();
        let tensor = format!("{variant}.logits64.pretrained.full");
        let expected = numbers(&tensors[&tensor])?;
        let error = difference(&found, &expected);
        let name = format!("ORACLE's published weights, {preset}, against PyTorch, absolute");
        let passes = error <= GOLDEN && found.len() == expected.len();
        checks.push(Check { name, tensor, error, allowed: GOLDEN, passes });
    }
    Ok(())
}

/// The light curves as the published code encodes them.
fn golden_light_curves(
    tensors: &HashMap<String, Tensor>,
    n_statics: usize,
) -> Result<Vec<EncodedLightCurve>, Box<dyn Error>> {
    let rows = tensors["ts.pretrained"].to_vec2::<f32>()?;
    let statics = tensors["static.pretrained"].to_vec2::<f32>()?;
    let mut rows = rows.into_iter();
    let lengths = tensors["length.pretrained.full"].to_vec1::<i64>()?;
    let light_curve = |(length, statics): (i64, Vec<f32>)| {
        let n = usize::try_from(length).unwrap_or(0);
        EncodedLightCurve {
            rows: rows.by_ref().take(n).flatten().collect(),
            observations: (0..n).collect(),
            known_from: 0,
            statics: statics[..n_statics].to_vec(),
        }
    };
    Ok(lengths.into_iter().zip(statics).map(light_curve).collect())
}
