//! The layers made of candle's own operations, which other number types and devices get, against the equations.

use candle_core::{DType, Device, Tensor};
use heliacal_models::{CellKind, GruCell, Isa, LstmCell, RecurrentConfig, candle_core};

use crate::recurrent_problem::{Problem, flat, mixed_lengths};

for_both_cells!(
    double_precision_equals_the_equations,
    last_states_have_gradients,
    states_are_served_without_a_graph,
    numbers_of_two_types_are_an_error,
);

/// Rounding of sums over 30 steps in double precision.
const TOLERANCE: f64 = 1e-12;

const CONFIG: RecurrentConfig = RecurrentConfig { input: 3, hidden: 7, n_layers: 2 };

fn problem<C: CellKind>() -> Problem {
    Problem::new::<C>(CONFIG, mixed_lengths(9, 30))
}

fn double_precision_equals_the_equations<C: CellKind>() {
    let problem = problem::<C>();
    let found = problem.found_by::<C>(Isa::Portable, DType::F64, |engine, rows, state| {
        engine.forward(rows, &problem.lengths, Some(state)).unwrap()
    });
    let expected = problem.expected();
    let worst = crate::largest_difference(found.outputs.iter().copied(), expected.outputs.iter().copied());
    assert!(worst < TOLERANCE, "{worst:e}");
    found.check_gradients(&expected, TOLERANCE, "double precision");
}

fn last_states_have_gradients<C: CellKind>() {
    let problem = problem::<C>();
    let found = problem.found_by::<C>(Isa::Portable, DType::F64, |engine, rows, state| {
        engine.last(rows, &problem.lengths, Some(state)).unwrap()
    });
    found.check_gradients(&problem.clone().with_last_only().expected(), TOLERANCE, "last states");
}

fn states_are_served_without_a_graph<C: CellKind>() {
    let problem = Problem::new::<C>(CONFIG, vec![4; 5]);
    let expected = problem.outputs::<C>(Isa::Portable);
    // `found_by` makes the weights variables.
    problem.found_by::<C>(Isa::Portable, DType::F64, |engine, rows, state| {
        let (begun, mut state) = (state.clone(), state.clone());
        let steps = rows.reshape((5, 4, CONFIG.input)).unwrap();
        let step = |step| steps.narrow(1, step, 1).unwrap().squeeze(1).unwrap();
        let mut outputs = Vec::new();
        for index in 0..4 {
            outputs.push(engine.step(&step(index), &mut state).unwrap());
            assert!(state.tensors().iter().all(|tensor| !tensor.track_op()));
            // Kept as plain numbers in single precision meanwhile.
            let numbers = state.to_vec().unwrap();
            state = engine.state_from_slice(&numbers, 5, &Device::Cpu).unwrap();
            assert_eq!(state.tensors()[0].dtype(), DType::F64);
        }
        let stepwise = Tensor::stack(&outputs, 1).unwrap().to_dtype(DType::F32).unwrap();
        let widen = |numbers: &[f32]| numbers.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let worst = crate::largest_difference(widen(&flat(&stepwise)), widen(&expected));
        assert!(worst < crate::recurrent_problem::STATE_TOLERANCE, "{worst:e}");
        engine.forward(rows, &problem.lengths, Some(&begun)).unwrap()
    });
}

fn numbers_of_two_types_are_an_error<C: CellKind>() {
    let problem = problem::<C>();
    let rows = problem.rows_tensor();
    let double = rows.to_dtype(DType::F64).unwrap();
    assert!(problem.engine::<C>(Isa::Portable).forward(&double, &problem.lengths, None).is_err());
    let engine = problem.engine_in::<C>(Isa::Portable, DType::F64);
    assert!(engine.forward(&rows, &problem.lengths, None).is_err());
    assert!(engine.forward(&double, &problem.lengths, None).is_ok());
}
