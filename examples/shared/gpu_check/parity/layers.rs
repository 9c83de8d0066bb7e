//! GRU and LSTM layers by themselves.

use std::error::Error;

use heliacal::Device;
use heliacal::models::candle_core::{DType, Tensor};
use heliacal::models::candle_nn::VarBuilder;
use heliacal::models::{
    CellKind, GpuPrecision, GruCell, LstmCell, Recurrent, RecurrentConfig, RecurrentState,
};

use super::super::made_up;
use super::{BF16, Check, GRADIENT, TF32, compare, compare_within, gradients, numbers, try_check, variables};

/// Input, width, layers: ORACLE's, the cascade's, odd ones.
const SIZES: [(usize, usize, usize); 6] =
    [(5, 100, 2), (10, 256, 1), (3, 33, 3), (1, 1, 1), (7, 101, 2), (4, 128, 1)];
/// How many of them are also run on one sequence and on a large batch.
const OF_THE_FIELD: usize = 2;

pub fn check(device: &Device, thorough: bool, checks: &mut Vec<Check>) {
    // Some that are empty, of one step, or long.
    let mixed = ("mixed lengths", vec![0, 5, 1, 90, 0, 33, 2]);
    let one = ("one sequence", vec![17]);
    // More than a GPU has multiprocessors.
    let many: Vec<usize> = made_up::real_lengths(700, 5).into_iter().map(|length| length / 3).collect();
    let many = ("700 sequences", many);
    let n_sizes = if thorough { SIZES.len() } else { 3 };
    for (index, (input, hidden, n_layers)) in SIZES.into_iter().take(n_sizes).enumerate() {
        let config = RecurrentConfig { input, hidden, n_layers };
        let others = [&one, &many].into_iter().filter(|_| thorough && index < OF_THE_FIELD);
        for (batch, lengths) in std::iter::once(&mixed).chain(others) {
            let name = |cell| format!("{cell} {n_layers} x {hidden} on {input}, {batch}");
            try_check(&name("GRU"), checks, |checks| {
                check_cell::<GruCell>(config, &name("GRU"), lengths, device, checks)
            });
            try_check(&name("LSTM"), checks, |checks| {
                check_cell::<LstmCell>(config, &name("LSTM"), lengths, device, checks)
            });
        }
    }
}

fn check_cell<C: CellKind>(
    config: RecurrentConfig,
    name: &str,
    lengths: &[usize],
    device: &Device,
    checks: &mut Vec<Check>,
) -> Result<(), Box<dyn Error>> {
    let single = GpuPrecision::F32;
    let found = run::<C>(config, lengths, device, DType::F32, single)?;
    for (what, dtype) in [("the CPU", DType::F32), ("double precision", DType::F64)] {
        // In double precision the CPU goes step by step: enough to see it on few sequences.
        if dtype == DType::F32 || lengths.len() < 100 {
            let expected = run::<C>(config, lengths, &Device::Cpu, dtype, single)?;
            compare(&format!("{name}, against {what}"), &found, &expected, checks);
        }
    }
    if device.is_cuda() {
        let expected = run::<C>(config, lengths, &Device::Cpu, DType::F32, single)?;
        // In a training bfloat16 is not used.
        for (precision, allowed) in [(GpuPrecision::Tf32, [TF32; 2]), (GpuPrecision::Bf16, [BF16, GRADIENT])]
        {
            let found = run::<C>(config, lengths, device, DType::F32, precision)?;
            compare_within(&format!("{name} in {precision:?}"), allowed, &found, &expected, checks);
        }
    }
    Ok(())
}

/// All that a batch gives: outputs and states with a graph and without, gradients of everything.
fn run<C: CellKind>(
    config: RecurrentConfig,
    lengths: &[usize],
    device: &Device,
    dtype: DType,
    precision: GpuPrecision,
) -> Result<super::Numbers, Box<dyn Error>> {
    let mut made_up = made_up::Numbers::new(7);
    let mut tensor = |shape: Vec<usize>, scale: f64| {
        let numbers = made_up.many(shape.iter().product(), scale);
        Tensor::from_vec(numbers, shape, &Device::Cpu)?.to_dtype(dtype)
    };
    let scale = 1.0 / (config.hidden as f64).sqrt();
    let mut named = Vec::new();
    for (name, shape) in Recurrent::<C>::parameters(config) {
        named.push((name, tensor(shape, scale)?));
    }
    let n_weights = named.len();
    let n_rows: usize = lengths.iter().sum();
    named.push(("rows".to_owned(), tensor(vec![n_rows, config.input], 1.0)?));
    let state_shape = vec![lengths.len(), config.hidden];
    for part in 0..config.n_layers * if C::NAME == "LSTM" { 2 } else { 1 } {
        named.push((format!("state {part}"), tensor(state_shape.clone(), 1.0)?));
    }
    let cotangent = tensor(vec![n_rows, config.hidden], 1.0)?.to_device(device)?;
    let of_last = tensor(state_shape, 1.0)?.to_device(device)?;

    let variables = variables(named, device)?;
    let layers = |tensors: &[(String, Tensor)]| {
        let tensors = tensors.iter().cloned().collect();
        let layers = Recurrent::<C>::new(config, VarBuilder::from_tensors(tensors, dtype, device))?;
        Ok::<_, Box<dyn Error>>(layers.with_gpu_precision(precision))
    };
    let tracked: Vec<_> = variables.iter().map(|(name, v)| (name.clone(), v.as_tensor().clone())).collect();
    let fixed: Vec<_> = tracked.iter().map(|(name, tensor)| (name.clone(), tensor.detach())).collect();
    let parts = |tensors: &[(String, Tensor)]| {
        let state = tensors[n_weights + 1..].iter().map(|(_, tensor)| tensor.clone()).collect();
        (tensors[n_weights].1.clone(), RecurrentState::from_tensors(state))
    };

    let mut found = Vec::new();
    let (engine, (rows, state)) = (layers(&fixed[..n_weights])?, parts(&fixed));
    found.push(("outputs".to_owned(), numbers(&engine.forward(&rows, lengths, Some(&state))?)?));
    found.push(("outputs from rest".to_owned(), numbers(&engine.forward(&rows, lengths, None)?)?));
    found.push(("last outputs".to_owned(), numbers(&engine.last(&rows, lengths, Some(&state))?)?));
    let mut after = state.clone();
    engine.advance(&rows, lengths, &mut after)?;
    for (part, tensor) in after.tensors().iter().enumerate() {
        found.push((format!("state {part} afterwards"), numbers(tensor)?));
    }

    let (engine, (rows, state)) = (layers(&tracked[..n_weights])?, parts(&tracked));
    let outputs = engine.forward(&rows, lengths, Some(&state))?;
    found.push(("outputs with a graph".to_owned(), numbers(&outputs)?));
    let states = engine.states(&rows, lengths, Some(&state))?;
    // All outputs, the last ones, and the newest part of all states.
    let mut loss = (outputs * &cotangent)?.sum_all()?;
    loss = (loss + (engine.last(&rows, lengths, Some(&state))? * of_last)?.sum_all()?)?;
    for (part, tensor) in states.tensors().iter().enumerate() {
        found.push((format!("states {part}"), numbers(tensor)?));
        loss = (loss + (tensor * &cotangent)?.sum_all()?)?;
    }
    found.extend(gradients(&variables, &loss.backward()?)?);
    Ok(found)
}
