//! The engine against PyTorch's own GRU and LSTM: `fixtures/pytorch/recurrent.py`.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use heliacal_models::{CellKind, GruCell, LstmCell, RecurrentConfig, candle_core};

use crate::recurrent_problem::{Outcome, Problem, equations, every_engine, flat};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pytorch/recurrent.safetensors");

for_both_cells!(packed_sequences_equal_pytorch);

fn packed_sequences_equal_pytorch<C: CellKind>() {
    let golden = candle_core::safetensors::load(GOLDEN, &Device::Cpu).unwrap();
    let cell = C::NAME.to_lowercase();
    let (problem, expected) = read::<C>(&golden, &cell);
    every_engine(|isa| problem.found::<C>(isa).check(&expected, &format!("{cell} on {isa}")));
}

/// The inputs, and PyTorch's outputs and gradients.
fn read<C: CellKind>(golden: &HashMap<String, Tensor>, cell: &str) -> (Problem, Outcome) {
    let get = |name: &str| &golden[&format!("{cell}.{name}")];
    let single = |name: &str| flat(&get(name).to_dtype(DType::F32).unwrap());
    let double = |name: &str| get(name).flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
    let n_layers =
        (0..9).take_while(|layer| golden.contains_key(&format!("{cell}.weight_ih_l{layer}"))).count();
    let lengths: Vec<usize> =
        get("lengths").to_vec1::<i64>().unwrap().into_iter().map(|n| usize::try_from(n).unwrap()).collect();
    let config = RecurrentConfig { input: get("rows").dims()[1], hidden: get("outputs").dims()[1], n_layers };
    // One tensor for each layer and part of the state.
    let n_parts = n_layers * equations::<C>().states();
    let problem = Problem {
        equations: equations::<C>(),
        config,
        weights: (0..n_layers).map(|layer| names.map(|name| single(&format!("{name}_l{layer}")))).collect(),
        rows: single("rows"),
        state: (0..n_parts).map(|part| single(&format!("state {part}"))).collect(),
        cotangent: single("cotangent"),
        lengths,
    };
    let of_weights = (0..n_layers).flat_map(|layer| names.map(|name| format!("{name}_l{layer}")));
    let of_inputs = ["rows".to_owned()].into_iter().chain((0..n_parts).map(|part| format!("state {part}")));
    let gradient = |name: String| (name.clone(), double(&format!("gradient of {name}")));
    let gradients = of_weights.chain(of_inputs).map(gradient).collect();
    (problem, Outcome { outputs: double("outputs"), gradients })
}
