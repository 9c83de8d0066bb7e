//! What must not change a bit of the engine's results: the company of a sequence in its batch, the threads, whether it is
//! run at once or step by step, with a graph or without. Bits are promised by the CPU's kernels; on a GPU other shapes are
//! other products.

use candle_core::{DType, Device, Tensor, Var};
use heliacal_models::{
    CellKind, Error, GruCell, Isa, LstmCell, Recurrent, RecurrentConfig, RecurrentState, candle_core,
};

use crate::recurrent_problem::{
    GRADIENT_TOLERANCE, Outcome, Problem, every_engine, every_isa, flat, mixed_lengths, widen,
};

for_both_cells!(
    step_by_step_equals_at_once,
    a_run_can_be_interrupted,
    the_order_of_a_batch_does_not_matter,
    alone_or_with_any_number_of_others,
    threads_do_not_matter,
    a_graph_does_not_matter,
    a_graph_can_be_walked_back_twice,
    memory_of_the_step_before_leaves_no_trace,
    frozen_weights_do_not_matter_to_the_rows,
    debug_shows_sizes_and_no_numbers,
    nan_stays_in_its_own_sequence,
    last_states_are_the_last_of_all_states,
    views_are_read_as_they_look,
    wrong_shapes_are_errors,
    missing_instruction_sets_are_errors,
);

const CONFIG: RecurrentConfig = RecurrentConfig { input: 5, hidden: 37, n_layers: 2 };

fn problem<C: CellKind>() -> Problem {
    Problem::new::<C>(CONFIG, mixed_lengths(70, 50))
}

/// The bits: NaN equals itself.
fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|v| v.to_bits()).collect()
}

/// Numbers for every row cut into those of each sequence.
fn by_sequence<T: Clone>(numbers: &[T], lengths: &[usize], width: usize) -> Vec<Vec<T>> {
    let mut end = 0;
    let cut = |length: &usize| {
        end += length * width;
        numbers[end - length * width..end].to_vec()
    };
    lengths.iter().map(cut).collect()
}

impl Problem {
    /// The sequences at these positions, in this order.
    fn select(&self, positions: &[usize]) -> Self {
        let rows = by_sequence(&self.rows, &self.lengths, self.config.input);
        let cotangent = by_sequence(&self.cotangent, &self.lengths, self.config.hidden);
        let hidden = self.config.hidden;
        let state = |numbers: &Vec<f32>| {
            positions.iter().flat_map(|&p| numbers[p * hidden..(p + 1) * hidden].to_vec()).collect()
        };
        Self {
            lengths: positions.iter().map(|&p| self.lengths[p]).collect(),
            rows: positions.iter().flat_map(|&p| rows[p].clone()).collect(),
            cotangent: positions.iter().flat_map(|&p| cotangent[p].clone()).collect(),
            state: self.state.iter().map(state).collect(),
            ..self.clone()
        }
    }
}

fn step_by_step_equals_at_once<C: CellKind>() {
    // One at a time, some and many: each sequence's steps beside those of the others that are still running.
    for n in [1, 5, 70] {
        let problem = Problem::new::<C>(CONFIG, vec![17; n]);
        every_isa(|isa| {
            let engine = problem.engine::<C>(isa);
            let rows = problem.rows_tensor().reshape((n, 17, CONFIG.input)).unwrap();
            let mut state = problem.state_tensors();
            let mut stepwise = Vec::new();
            for step in 0..17 {
                let x = rows.narrow(1, step, 1).unwrap().squeeze(1).unwrap();
                stepwise.push(engine.step(&x, &mut state).unwrap());
            }
            let stepwise = flat(&Tensor::stack(&stepwise, 1).unwrap());
            assert_eq!(bits(&stepwise), bits(&problem.outputs::<C>(isa)), "{isa}, {n} sequences");
        });
    }
}

fn a_run_can_be_interrupted<C: CellKind>() {
    let problem = Problem::new::<C>(CONFIG, vec![20; 9]);
    every_isa(|isa| {
        let engine = problem.engine::<C>(isa);
        let rows = problem.rows_tensor().reshape((9, 20, CONFIG.input)).unwrap();
        let part = |begin, n| {
            rows.narrow(1, begin, n).unwrap().contiguous().unwrap().reshape((9 * n, CONFIG.input)).unwrap()
        };
        let mut state = problem.state_tensors();
        engine.advance(&part(0, 13), &[13; 9], &mut state).unwrap();
        // Kept as plain numbers meanwhile.
        let numbers = state.to_vec().unwrap();
        let state = engine.state_from_slice(&numbers, 9, &Device::Cpu).unwrap();
        let rest = flat(&engine.forward(&part(13, 7), &[7; 9], Some(&state)).unwrap());
        let whole = by_sequence(&problem.outputs::<C>(isa), &problem.lengths, CONFIG.hidden);
        let expected: Vec<f32> = whole.iter().flat_map(|s| s[13 * CONFIG.hidden..].to_vec()).collect();
        assert_eq!(bits(&rest), bits(&expected), "{isa}");
    });
}

fn the_order_of_a_batch_does_not_matter<C: CellKind>() {
    let problem = problem::<C>();
    let n = problem.lengths.len();
    let orders: Vec<Vec<usize>> = vec![
        (0..n).rev().collect(),
        (0..n).map(|i| (i * 31 + 7) % n).collect(), // 31 and 70 have no common divisor
        vec![0],
        vec![3, 2, 1],
        (0..n).step_by(2).collect(),
    ];
    every_isa(|isa| {
        let expected = by_sequence(&problem.outputs::<C>(isa), &problem.lengths, CONFIG.hidden);
        for order in &orders {
            let selected = problem.select(order);
            let found = by_sequence(&selected.outputs::<C>(isa), &selected.lengths, CONFIG.hidden);
            for (found, &position) in found.iter().zip(order) {
                assert_eq!(bits(found), bits(&expected[position]), "{isa}: {position} in {order:?}");
            }
        }
        // The gradients of what belongs to one sequence, too.
        let order = &orders[1];
        let selected = problem.select(order);
        let rows = |outcome: &Outcome, lengths: &[usize]| {
            let rows = outcome.gradients.iter().find(|(name, _)| name == "rows").unwrap();
            by_sequence(&rows.1, lengths, CONFIG.input)
        };
        let expected = rows(&problem.found::<C>(isa), &problem.lengths);
        let found = rows(&selected.found::<C>(isa), &selected.lengths);
        for (found, &position) in found.iter().zip(order) {
            assert_eq!(*found, expected[position], "{isa}: gradient of {position}");
        }
    });
}

/// A row alone is summed in other tiles than several, which themselves are filled up to whole groups: every number of rows
/// up to more than a tile, and widths that are one to eight vectors of 16 units, whole or not.
fn alone_or_with_any_number_of_others<C: CellKind>() {
    const MOST: usize = 26;
    for hidden in [1, 5, 16, 20, 48, 52, 80, 90, 100, 128] {
        let config = RecurrentConfig { input: 3, hidden, n_layers: 1 };
        let problem = Problem::new::<C>(config, vec![1; MOST]);
        every_isa(|isa| {
            let engine = problem.engine::<C>(isa);
            let outputs = |from: usize, n: usize| {
                let problem = problem.select(&(from..from + n).collect::<Vec<_>>());
                let (rows, state) = (problem.rows_tensor(), problem.state_tensors());
                bits(&flat(&engine.forward(&rows, &problem.lengths, Some(&state)).unwrap()))
            };
            let alone: Vec<u32> = (0..MOST).flat_map(|row| outputs(row, 1)).collect();
            for n in 2..=MOST {
                assert_eq!(outputs(0, n), alone[..n * hidden], "{isa}: {n} rows of {hidden} units");
            }
        });
    }
}

fn threads_do_not_matter<C: CellKind>() {
    let problem = Problem::new::<C>(CONFIG, mixed_lengths(150, 60));
    every_isa(|isa| {
        let on = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| (problem.found::<C>(isa), bits(&problem.outputs::<C>(isa))))
        };
        let alone = on(1);
        for n_threads in [2, 3, 7] {
            assert!(on(n_threads) == alone, "{isa}: {n_threads} threads");
        }
    });
}

fn a_graph_does_not_matter<C: CellKind>() {
    let problem = problem::<C>();
    every_isa(|isa| {
        let with_graph: Vec<f32> = problem.found::<C>(isa).outputs.iter().map(|&v| v as f32).collect();
        assert_eq!(bits(&with_graph), bits(&problem.outputs::<C>(isa)), "{isa}");
    });
}

fn a_graph_can_be_walked_back_twice<C: CellKind>() {
    let problem = problem::<C>();
    every_isa(|isa| {
        let engine = problem.engine::<C>(isa);
        let rows = Var::from_tensor(&problem.rows_tensor()).unwrap();
        let outputs = engine.forward(&rows, &problem.lengths, None).unwrap();
        let gradient = |loss: Tensor| flat(loss.backward().unwrap().get(&rows).unwrap());
        let first = gradient(outputs.sum_all().unwrap());
        let twice = gradient((outputs.sum_all().unwrap() * 2.0).unwrap());
        let doubled: Vec<f32> = first.iter().map(|v| v * 2.0).collect();
        assert_eq!(bits(&twice), bits(&doubled), "{isa}");
    });
}

fn memory_of_the_step_before_leaves_no_trace<C: CellKind>() {
    let problem = problem::<C>();
    every_isa(|isa| {
        let again = problem.found_by::<C>(isa, DType::F32, |engine, rows, state| {
            let forward = |rows: &Tensor| engine.forward(rows, &problem.lengths, Some(state)).unwrap();
            drop(forward(&(rows * 3.0).unwrap()));
            forward(rows)
        });
        assert_eq!(again, problem.found::<C>(isa), "{isa}");
    });
}

fn frozen_weights_do_not_matter_to_the_rows<C: CellKind>() {
    let problem = problem::<C>();
    every_isa(|isa| {
        let rows = Var::from_tensor(&problem.rows_tensor()).unwrap();
        let state = problem.state_tensors();
        let outputs = problem.engine::<C>(isa).forward(&rows, &problem.lengths, Some(&state)).unwrap();
        let cotangent = Tensor::from_slice(&problem.cotangent, outputs.shape(), &Device::Cpu).unwrap();
        let gradients = (outputs * cotangent).unwrap().sum_all().unwrap().backward().unwrap();
        let found = flat(gradients.get(&rows).unwrap());
        let outcome = problem.found::<C>(isa);
        let (_, expected) = outcome.gradients.iter().find(|(name, _)| name == "rows").unwrap();
        assert_eq!(&widen(&found), expected, "{isa}");
    });
}

fn debug_shows_sizes_and_no_numbers<C: CellKind + std::fmt::Debug>() {
    let problem = problem::<C>();
    let engine = problem.engine::<C>(Isa::Portable);
    engine.forward(&problem.rows_tensor(), &problem.lengths, None).unwrap();
    let text = format!("{engine:?}");
    assert!(text.len() < 1500 && text.contains("37"), "{text}");
}

fn nan_stays_in_its_own_sequence<C: CellKind>() {
    let clean = problem::<C>();
    let victim = 3;
    let first_row: usize = clean.lengths[..victim].iter().sum();
    let (length, at) = (clean.lengths[victim], 2);
    assert!(length > at + 1);
    let mut poisoned = clean.clone();
    poisoned.rows[(first_row + at) * CONFIG.input + 1] = f32::NAN;
    every_engine(|isa| {
        let cut = |numbers: &[f64], width| by_sequence(numbers, &clean.lengths, width);
        let (found, expected) = (poisoned.found::<C>(isa), clean.found::<C>(isa));
        let outputs = [&found, &expected].map(|outcome| cut(&outcome.outputs, CONFIG.hidden));
        let gradients = [&found, &expected].map(|outcome| {
            let (_, rows) = outcome.gradients.iter().find(|(name, _)| name == "rows").unwrap();
            cut(rows, CONFIG.input)
        });
        for sequence in 0..clean.lengths.len() {
            if sequence == victim {
                let (before, after) = outputs[0][sequence].split_at(at * CONFIG.hidden);
                assert_eq!(before, &outputs[1][sequence][..at * CONFIG.hidden], "{isa}: before it");
                assert!(after.iter().all(|v| v.is_nan()), "{isa}: from it on");
            } else {
                assert_eq!(outputs[0][sequence], outputs[1][sequence], "{isa}: another sequence");
                assert_eq!(gradients[0][sequence], gradients[1][sequence], "{isa}: another's gradient");
            }
        }
        // What all sequences share has met it.
        for (name, gradient) in found.gradients.iter().filter(|(name, _)| name.starts_with("weight")) {
            assert!(gradient.iter().any(|v| v.is_nan()), "{isa}: {name}");
        }
    });
}

fn last_states_are_the_last_of_all_states<C: CellKind>() {
    let problem = problem::<C>();
    let hidden = CONFIG.hidden;
    let expected_gradients = problem.clone().with_last_only().expected();
    every_isa(|isa| {
        let engine = problem.engine::<C>(isa);
        let all = by_sequence(&problem.outputs::<C>(isa), &problem.lengths, hidden);
        // A sequence without steps is where it began.
        let top = &problem.state[problem.state.len() - problem.equations.states()];
        let last = |(sequence, outputs): (usize, &Vec<f32>)| match outputs.len() {
            0 => top[sequence * hidden..(sequence + 1) * hidden].to_vec(),
            n => outputs[n - hidden..].to_vec(),
        };
        let expected: Vec<f32> = all.iter().enumerate().flat_map(last).collect();
        let state = problem.state_tensors();
        let found = engine.last(&problem.rows_tensor(), &problem.lengths, Some(&state)).unwrap();
        assert_eq!(found.dims(), [problem.lengths.len(), hidden]);
        assert_eq!(bits(&flat(&found)), bits(&expected), "{isa}");

        let tracked = problem.found_of_last::<C>(isa);
        let outputs: Vec<f32> = tracked.outputs.iter().map(|&v| v as f32).collect();
        assert_eq!(bits(&outputs), bits(&expected), "{isa}, with a graph");
        tracked.check_gradients(&expected_gradients, GRADIENT_TOLERANCE, &format!("last states on {isa}"));
    });
}

/// Rows that are every second column of a wider tensor, and a state that is a transposed one.
fn views_are_read_as_they_look<C: CellKind>() {
    let problem = Problem::new::<C>(CONFIG, vec![4; 6]);
    every_isa(|isa| {
        let engine = problem.engine::<C>(isa);
        let rows = problem.rows_tensor();
        let wide = Tensor::stack(&[&rows, &(&rows * 2.0).unwrap()], 0).unwrap();
        let rows = wide.transpose(1, 2).unwrap().contiguous().unwrap().get(0).unwrap().t().unwrap();
        assert!(!rows.is_contiguous());
        let transposed = |t: &Tensor| t.t().unwrap().contiguous().unwrap().t().unwrap();
        let state = problem.state_tensors().tensors().iter().map(transposed).collect();
        let state = RecurrentState::from_tensors(state);
        let found = flat(&engine.forward(&rows, &problem.lengths, Some(&state)).unwrap());
        assert_eq!(bits(&found), bits(&problem.outputs::<C>(isa)), "{isa}");
    });
}

fn wrong_shapes_are_errors<C: CellKind>() {
    let problem = Problem::new::<C>(CONFIG, vec![2, 1]);
    let engine = problem.engine::<C>(Isa::Portable);
    let is_config = |result: Result<Tensor, Error>| matches!(result, Err(Error::Config { .. }));
    let rows = problem.rows_tensor();
    assert!(is_config(engine.forward(&rows, &[1, 1], None)), "fewer rows in the lengths");
    assert!(is_config(engine.last(&rows, &[3, 1], None)), "more rows in the lengths");
    assert!(is_config(engine.forward(&rows, &[usize::MAX, 4], None)), "lengths beyond all numbers");
    assert!(is_config(engine.forward(&rows.t().unwrap(), &[2, 1], None)), "rows on their side");
    let state = engine.zero_state(1, &Device::Cpu).unwrap();
    assert!(is_config(engine.forward(&rows, &[2, 1], Some(&state))), "a state of another batch");
    let state = RecurrentState::from_tensors(Vec::new());
    assert!(is_config(engine.last(&rows, &[2, 1], Some(&state))), "a state of no layers");
    let error = engine.state_from_slice(&[0.0; 3], 1, &Device::Cpu);
    assert!(matches!(error, Err(Error::StreamState { .. })));

    let nothing = rows.narrow(0, 0, 0).unwrap();
    assert_eq!(engine.forward(&nothing, &[0, 0], None).unwrap().dims(), [0, CONFIG.hidden]);
    assert_eq!(engine.last(&nothing, &[0, 0], None).unwrap().dims(), [2, CONFIG.hidden]);
    assert_eq!(engine.forward(&nothing, &[], None).unwrap().dims(), [0, CONFIG.hidden]);
    let nothing = Var::from_tensor(&nothing).unwrap();
    assert_eq!(engine.last(&nothing, &[0, 0], None).unwrap().dims(), [2, CONFIG.hidden]);
    assert_eq!(engine.last(&nothing, &[], None).unwrap().dims(), [0, CONFIG.hidden]);
}

fn missing_instruction_sets_are_errors<C: CellKind>() {
    let problem = Problem::new::<C>(CONFIG, vec![1]);
    for isa in [Isa::Avx512, Isa::Avx2, Isa::Neon] {
        let engine: Recurrent<C> = problem.engine(Isa::Portable);
        let engine = engine.with_isa(isa);
        assert_eq!(engine.is_ok(), Isa::available().contains(&isa), "{isa}");
    }
}
