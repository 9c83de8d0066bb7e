//! `Recurrent::states`: every state of a sequence as a place from which another step branches off.

use candle_core::{DType, Tensor};
use heliacal_models::{
    CellKind, GruCell, Isa, LstmCell, Recurrent, RecurrentConfig, RecurrentState, candle_core,
};

use crate::recurrent_problem::{
    GRADIENT_TOLERANCE, Outcome, Problem, every_engine, every_isa, flat, mixed_lengths,
};

for_both_cells!(
    branches_equal_the_equations,
    candle_agrees_in_double_precision,
    with_or_without_a_graph,
    wrong_shapes_are_errors,
);

/// From the state after every step the same row once more: outputs and cell states both count.
fn branches<C: CellKind>(
    engine: &Recurrent<C>,
    rows: &Tensor,
    lengths: &[usize],
    state: &RecurrentState,
) -> Tensor {
    let states = engine.states(rows, lengths, Some(state)).unwrap();
    engine.forward(rows, &vec![1; rows.dim(0).unwrap()], Some(&states)).unwrap()
}

/// The same by the equations: a sequence for every branch, of which the last output counts.
fn expected(problem: &Problem) -> Outcome {
    let RecurrentConfig { input, hidden, .. } = problem.config;
    let mut long = problem.clone();
    long.lengths.clear();
    long.rows.clear();
    long.cotangent.clear();
    long.state.iter_mut().for_each(Vec::clear);
    // For each row of the long problem, the row it is a copy of; for each sequence, the sequence.
    let (mut row_of, mut sequence_of) = (Vec::new(), Vec::new());
    let mut begin = 0;
    for (sequence, &length) in problem.lengths.iter().enumerate() {
        for step in 0..length {
            row_of.extend((begin..=begin + step).chain([begin + step]));
            sequence_of.push(sequence);
            long.lengths.push(step + 2);
            long.cotangent.extend(vec![0.0; (step + 1) * hidden]);
            long.cotangent.extend(&problem.cotangent[(begin + step) * hidden..][..hidden]);
        }
        begin += length;
    }
    let copy = |numbers: &[f32], width: usize, from: &[usize]| -> Vec<f32> {
        from.iter().flat_map(|&row| &numbers[row * width..(row + 1) * width]).copied().collect()
    };
    long.rows = copy(&problem.rows, input, &row_of);
    for (long, state) in long.state.iter_mut().zip(&problem.state) {
        *long = copy(state, hidden, &sequence_of);
    }
    let Outcome { outputs, mut gradients } = long.expected();
    for (name, gradient) in &mut gradients {
        let (n, width, from) = match name.as_str() {
            "rows" => (problem.n_rows(), input, &row_of),
            name if name.starts_with("state") => (problem.lengths.len(), hidden, &sequence_of),
            _ => continue,
        };
        let mut sums = vec![0.0; n * width];
        for (row, &to) in gradient.chunks_exact(width).zip(from) {
            for (sum, x) in sums[to * width..].iter_mut().zip(row) {
                *sum += x;
            }
        }
        *gradient = sums;
    }
    let mut ends = outputs.chunks_exact(hidden);
    let last = long.lengths.iter().flat_map(|&length| ends.by_ref().take(length).last().unwrap());
    Outcome { outputs: last.copied().collect(), gradients }
}

fn branches_equal_the_equations<C: CellKind>() {
    for (input, hidden, n_layers, n) in [(3, 7, 2, 9), (10, 33, 1, 30), (1, 1, 1, 3)] {
        let config = RecurrentConfig { input, hidden, n_layers };
        let problem = Problem::new::<C>(config, mixed_lengths(n, 30));
        let expected = expected(&problem);
        every_engine(|isa| {
            let found = problem.found_by::<C>(isa, DType::F32, |engine, rows, state| {
                branches(engine, rows, &problem.lengths, state)
            });
            let case = format!("{config:?} on {isa}");
            found.check_states(&expected, &case);
            found.check_gradients(&expected, GRADIENT_TOLERANCE, &case);
        });
    }
}

fn candle_agrees_in_double_precision<C: CellKind>() {
    let config = RecurrentConfig { input: 3, hidden: 7, n_layers: 2 };
    let problem = Problem::new::<C>(config, mixed_lengths(9, 20));
    let found = problem.found_by::<C>(Isa::Portable, DType::F64, |engine, rows, state| {
        branches(engine, rows, &problem.lengths, state)
    });
    let expected = expected(&problem);
    found.check_gradients(&expected, 1e-12, "double precision");
    assert!(crate::largest_difference(found.outputs, expected.outputs) < 1e-12);
}

/// The last layer's outputs are those of `forward`, and the last states those of `advance`, to the last bit.
fn with_or_without_a_graph<C: CellKind>() {
    let config = RecurrentConfig { input: 3, hidden: 9, n_layers: 2 };
    let problem = Problem::new::<C>(config, vec![5; 7]);
    every_isa(|isa| {
        let (rows, state) = (problem.rows_tensor(), problem.state_tensors());
        let engine = problem.engine::<C>(isa);
        let states = engine.states(&rows, &problem.lengths, Some(&state)).unwrap();
        assert!(states.tensors().iter().all(|states| !states.track_op()));
        let parts = states.tensors().len() / 2;
        assert_eq!(flat(&states.tensors()[parts]), problem.outputs::<C>(isa));
        let mut last = state.clone();
        engine.advance(&rows, &problem.lengths, &mut last).unwrap();
        for (states, last) in states.tensors().iter().zip(last.tensors()) {
            let ends = states.reshape((7, 5, 9)).unwrap().narrow(1, 4, 1).unwrap();
            assert_eq!(flat(&ends), flat(last));
        }
        let with_graph = problem.found_by::<C>(isa, DType::F32, |engine, rows, state| {
            let tracked = engine.states(rows, &problem.lengths, Some(state)).unwrap();
            for (tracked, states) in tracked.tensors().iter().zip(states.tensors()) {
                assert_eq!(flat(tracked), flat(states));
            }
            tracked.tensors()[parts].clone()
        });
        with_graph.check(&problem.expected(), &format!("the outputs alone on {isa}"));
    });
}

fn wrong_shapes_are_errors<C: CellKind>() {
    let config = RecurrentConfig { input: 3, hidden: 4, n_layers: 1 };
    let problem = Problem::new::<C>(config, vec![2, 3]);
    let engine = problem.engine::<C>(Isa::Portable);
    assert!(engine.states(&problem.rows_tensor(), &[2, 4], None).is_err());
    let none = Tensor::zeros((0, 3), DType::F32, &candle_core::Device::Cpu).unwrap();
    let states = engine.states(&none, &[0, 0], None).unwrap();
    assert!(states.tensors().iter().all(|states| states.dims() == [0, 4]));
}
