//! How are an ORACLE network's weights fitted? Trains a very small one on a toy survey that `write_snana` made: the model
//! under fixtures/ that lets a newcomer classify something without a download.
//!
//! The loop is the plainest that works, on candle's operations; the result is for trying software, not for science.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use candle_core::{D, DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use candle_nn::ops::log_softmax;
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};
use clap::Parser;
use heliacal::io::{ReadOptions, Survey};
use heliacal::models::{Activation, EncodedLightCurve, Oracle, OracleConfig, candle_core, candle_nn};
use heliacal::{Classifier, Preset, Taxonomy, TruthMap};
use indicatif::ProgressBar;

/// Fit a very small ORACLE network to a toy survey.
#[derive(Parser)]
struct Arguments {
    /// Light curves of known class: folders that write_snana made.
    #[arg(long)]
    data: PathBuf,
    /// Where to write the model.
    #[arg(long)]
    out: PathBuf,
    /// Passes over the survey.
    #[arg(long, default_value_t = 40)]
    epochs: usize,
    /// Seed of the first weights, the batches and the truncations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

const BATCH: usize = 64;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let taxonomy = Taxonomy::oracle();
    let features = Preset::Paper.features();
    let config = OracleConfig {
        hidden: 24,
        time_dense: (24, Activation::Tanh),
        head: vec![(24, Activation::Relu)],
        ..Preset::Paper.config(taxonomy.n_nodes())
    };

    let truth = TruthMap::new(&taxonomy);
    let mut objects = Vec::new();
    for record in Survey::open([&arguments.data], &ReadOptions::default())? {
        let record = record?;
        let class = truth.class_of(&record).ok_or("an object of unknown class")?;
        let object = &record.object;
        objects.push((features.encode(object.light_curve.view(), &object.context)?, class));
    }
    println!("{} objects, {} weights", objects.len(), config.n_parameters());

    let mut random = Random(arguments.seed);
    let bound = 1.0 / (config.hidden as f64).sqrt(); // PyTorch's
    let mut variables = Vec::new();
    let mut tensors = HashMap::new();
    for (name, shape) in config.parameters() {
        let n: usize = shape.iter().product();
        let numbers: Vec<f32> = (0..n).map(|_| (bound * (2.0 * random.uniform() - 1.0)) as f32).collect();
        let variable = Var::from_vec(numbers, shape, &Device::Cpu)?;
        tensors.insert(name, variable.as_tensor().clone());
        variables.push(variable);
    }
    let build = |tensors| VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let oracle = Oracle::new(config, features, build(tensors))?;
    let parameters = ParamsAdamW { lr: 4e-3, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut optimizer = AdamW::new(variables, parameters)?;

    let bar = ProgressBar::new(arguments.epochs as u64);
    for epoch in 0..arguments.epochs {
        optimizer.set_learning_rate(4e-3 * 0.93f64.powi(epoch as i32));
        for i in (1..objects.len()).rev() {
            objects.swap(i, (random.uniform() * (i + 1) as f64) as usize);
        }
        for batch in objects.chunks(BATCH) {
            // An early classifier learns from the beginnings of light curves: a fresh cut for each object every time.
            let cut: Vec<EncodedLightCurve> = batch
                .iter()
                .map(|(whole, _)| {
                    let n_steps = (random.uniform() * whole.observations.len() as f64) as usize + 1;
                    EncodedLightCurve {
                        rows: whole.rows[..n_steps * 5].to_vec(),
                        observations: whole.observations[..n_steps].to_vec(),
                        ..whole.clone()
                    }
                })
                .collect();
            let logits = oracle.forward(&cut)?;
            let paths = batch.iter().flat_map(|(_, class)| {
                let mut on_path = vec![0f32; taxonomy.n_nodes()];
                taxonomy.path(*class).iter().for_each(|node| on_path[node.index()] = 1.0);
                on_path
            });
            let paths = Tensor::from_vec(paths.collect(), logits.dims2()?, &Device::Cpu)?;
            let groups = taxonomy
                .sibling_groups()
                .map(|group| log_softmax(&logits.narrow(D::Minus1, group.start, group.len())?, D::Minus1));
            let ln_conditionals = Tensor::cat(&groups.collect::<Result<Vec<_>, _>>()?, D::Minus1)?;
            let loss = ((ln_conditionals * paths)?.sum_all()? * (-1.0 / batch.len() as f64))?;
            optimizer.backward_step(&loss)?;
            bar.set_message(format!("{:.3}", loss.to_scalar::<f32>()?));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Classifier::new("toy ORACLE", oracle, taxonomy)?.save(&arguments.out)?;
    println!("{}", arguments.out.display());
    Ok(())
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
