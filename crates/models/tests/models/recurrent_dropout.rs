//! Dropout between recurrent layers.

use candle_core::{DType, Device, Tensor};
use heliacal_models::{
    CellKind, Dropout, GruCell, Isa, LstmCell, Recurrent, RecurrentConfig, RecurrentState, candle_core,
    dropout_seed,
};

use crate::recurrent_problem::{
    GRADIENT_TOLERANCE, Outcome, Problem, every_engine, every_isa, flat, mixed_lengths,
};

for_both_cells!(
    nothing_to_drop_is_the_forward_pass,
    a_seed_gives_one_result,
    masks_are_between_layers_only,
    gradients_go_through_the_masks,
);

const CONFIG: RecurrentConfig = RecurrentConfig { input: 3, hidden: 6, n_layers: 3 };
const SEED: u64 = 5;

fn problem<C: CellKind>() -> Problem {
    Problem::new::<C>(CONFIG, mixed_lengths(8, 12))
}

fn half() -> Dropout {
    Dropout::new(0.5).unwrap()
}

fn run<C: CellKind>(problem: &Problem, isa: Isa, dropout: Dropout, seed: u64) -> Vec<f32> {
    let (rows, state) = (problem.rows_tensor(), problem.state_tensors());
    let engine = problem.engine::<C>(isa);
    flat(&engine.forward_with_dropout(&rows, &problem.lengths, Some(&state), &dropout, seed).unwrap())
}

fn nothing_to_drop_is_the_forward_pass<C: CellKind>() {
    let problem = problem::<C>();
    let lone = Problem::new::<C>(RecurrentConfig { n_layers: 1, ..CONFIG }, mixed_lengths(8, 12));
    every_isa(|isa| {
        assert_eq!(run::<C>(&problem, isa, Dropout::new(0.0).unwrap(), SEED), problem.outputs::<C>(isa));
        assert_eq!(run::<C>(&lone, isa, half(), SEED), lone.outputs::<C>(isa));
    });
}

fn a_seed_gives_one_result<C: CellKind>() {
    let problem = problem::<C>();
    every_isa(|isa| {
        let result = run::<C>(&problem, isa, half(), SEED);
        assert_eq!(run::<C>(&problem, isa, half(), SEED), result);
        assert_ne!(run::<C>(&problem, isa, half(), SEED + 1), result);
        assert_ne!(problem.outputs::<C>(isa), result);
    });
}

/// Three layers of one each, with the masks by hand.
fn masks_are_between_layers_only<C: CellKind>() {
    let problem = problem::<C>();
    let per_layer = problem.state.len() / CONFIG.n_layers;
    let expected = |isa| {
        let mut x = problem.rows_tensor();
        for layer in 0..CONFIG.n_layers {
            if layer > 0 {
                x = half().apply(&x, dropout_seed(SEED, 0, layer as u64 - 1)).unwrap();
            }
            let config = RecurrentConfig { input: x.dims()[1], n_layers: 1, ..CONFIG };
            let alone = Problem {
                config,
                weights: vec![problem.weights[layer].clone()],
                state: problem.state[layer * per_layer..(layer + 1) * per_layer].to_vec(),
                ..problem.clone()
            };
            let engine: Recurrent<C> = alone.engine(isa);
            x = engine.forward(&x, &problem.lengths, Some(&alone.state_tensors())).unwrap();
        }
        flat(&x)
    };
    every_isa(|isa| assert_eq!(run::<C>(&problem, isa, half(), SEED), expected(isa), "{isa}"));
}

/// Candle's operations in double precision against central differences, and the kernels against those.
fn gradients_go_through_the_masks<C: CellKind>() {
    let problem = problem::<C>();
    let forward = |engine: &Recurrent<C>, rows: &Tensor, state: &RecurrentState| {
        engine.forward_with_dropout(rows, &problem.lengths, Some(state), &half(), SEED).unwrap()
    };
    let exact = problem.found_by::<C>(Isa::Portable, DType::F64, forward);
    every_engine(|isa| {
        let found = problem.found_by::<C>(isa, DType::F32, forward);
        found.check_states(&exact, &format!("{isa}"));
        found.check_gradients(&exact, GRADIENT_TOLERANCE, &format!("{isa}"));
    });

    let engine = problem.engine_in::<C>(Isa::Portable, DType::F64);
    let double = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
    let state = problem.state_tensors().tensors().iter().map(double).collect();
    let state = RecurrentState::from_tensors(state);
    let cotangent: Vec<f64> = problem.cotangent.iter().map(|&v| f64::from(v)).collect();
    let loss = |rows: &[f64]| -> f64 {
        let rows = Tensor::from_slice(rows, (problem.n_rows(), CONFIG.input), &Device::Cpu).unwrap();
        let outputs = forward(&engine, &rows, &state).flatten_all().unwrap().to_vec1::<f64>().unwrap();
        outputs.iter().zip(&cotangent).map(|(a, b)| a * b).sum()
    };
    let mut rows: Vec<f64> = problem.rows.iter().map(|&v| f64::from(v)).collect();
    let mut gradient = Vec::new();
    for i in 0..rows.len() {
        let at = rows[i];
        let mut shifted = |shift| {
            rows[i] = at + shift;
            loss(&rows)
        };
        gradient.push((shifted(1e-5) - shifted(-1e-5)) / 2e-5);
        rows[i] = at;
    }
    let of_rows = |gradient: &[f64]| Outcome {
        outputs: Vec::new(),
        gradients: vec![("rows".to_owned(), gradient.to_vec())],
    };
    let (_, found) = exact.gradients.iter().find(|(name, _)| name == "rows").unwrap();
    of_rows(found).check_gradients(&of_rows(&gradient), 1e-8, "differences");
}
