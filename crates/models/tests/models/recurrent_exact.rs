//! The engine's outputs and gradients against the equations in double precision, on every instruction set of this
//! machine and on a GPU.

use heliacal_models::{CellKind, GruCell, LstmCell, RecurrentConfig};
use proptest::prelude::*;

use crate::recurrent_problem::{GRADIENT_TOLERANCE, Outcome, Problem, every_engine, mixed_lengths, widen};

fn check<C: CellKind>(problem: &Problem, case: &str) {
    let expected = problem.expected();
    every_engine(|isa| {
        problem.found::<C>(isa).check(&expected, &format!("{case} on {isa}, {:?}", problem.config));
    });
}

fn check_sizes<C: CellKind>(sizes: &[(usize, usize, usize)], n: usize, longest: usize) {
    for &(input, hidden, n_layers) in sizes {
        let config = RecurrentConfig { input, hidden, n_layers };
        check::<C>(&Problem::new::<C>(config, mixed_lengths(n, longest)), "from some states");
        check::<C>(
            &Problem::new::<C>(config, mixed_lengths(3, 4)).starting_at_rest(),
            "three sequences from rest",
        );
    }
}

for_both_cells!(
    narrow_layers,
    layers_of_the_field,
    wide_layers,
    lone_sequences_of_many_widths,
    saturated_gates,
    inputs_of_every_size,
    zeros_and_denormals,
    tiny_states_keep_their_digits,
    finite_differences,
    a_batch_too_large_to_keep,
    any_shape,
);

/// More sequences than any tile, one of them of 500 steps.
fn narrow_layers<C: CellKind>() {
    check_sizes::<C>(&[(1, 1, 1), (5, 7, 2), (7, 5, 3), (10, 1, 2), (1, 10, 1)], 100, 500);
}

fn layers_of_the_field<C: CellKind>() {
    check_sizes::<C>(&[(5, 100, 2)], 50, 300);
    check_sizes::<C>(&[(10, 256, 1)], 20, 100);
}

fn wide_layers<C: CellKind>() {
    let sizes = [(101, 101, 1), (256, 5, 2), (100, 7, 1), (101, 10, 3), (7, 101, 2), (256, 256, 1)];
    check_sizes::<C>(&sizes, 12, 50);
}

/// Gradients of a single row are summed over one to six pairs of vectors at a time, whatever their length.
fn lone_sequences_of_many_widths<C: CellKind>() {
    for (input, hidden) in [(20, 10), (50, 20), (80, 50), (110, 80), (150, 110), (190, 150), (5, 190)] {
        let config = RecurrentConfig { input, hidden, n_layers: 1 };
        check::<C>(&Problem::new::<C>(config, vec![3]), "a lone sequence");
    }
}

/// Sums of ±50 in one gate after the other; an LSTM's memory grows to hundreds. (Between, from about 10 to 40, a GRU's z
/// rounds to 1 while 1 - z still moves a state over hundreds of steps: that is beyond single precision.)
fn saturated_gates<C: CellKind>() {
    let config = RecurrentConfig { input: 5, hidden: 22, n_layers: 2 };
    for shift in 0..3 {
        let mut problem = Problem::new::<C>(config, mixed_lengths(20, 400));
        for [_, _, b_ih, _] in &mut problem.weights {
            for (k, b) in b_ih.iter_mut().enumerate() {
                *b += [50.0, 0.0, -50.0][(k + shift) % 3];
            }
        }
        check::<C>(&problem, "saturated");
    }
}

/// Inputs of up to 1e30: states stay in their range and equal the equations', gradients stay numbers.
fn inputs_of_every_size<C: CellKind>() {
    let config = RecurrentConfig { input: 1, hidden: 19, n_layers: 1 };
    let mut problem = Problem::new::<C>(config, mixed_lengths(20, 60));
    for (i, x) in problem.rows.iter_mut().enumerate() {
        *x *= 10_f32.powi(i as i32 % 31);
    }
    let expected = problem.expected();
    every_engine(|isa| {
        let found = problem.found::<C>(isa);
        // Only the gradients by the weights that meet such inputs can be as large as they.
        let no_gradients = |outputs: &[f64]| Outcome { outputs: outputs.to_vec(), gradients: Vec::new() };
        no_gradients(&found.outputs)
            .check(&no_gradients(&expected.outputs), &format!("large inputs on {isa}"));
        for (name, gradient) in found.gradients {
            assert!(gradient.iter().all(|v| v.is_finite()), "{isa}: {name}");
        }
    });
}

fn zeros_and_denormals<C: CellKind>() {
    let config = RecurrentConfig { input: 3, hidden: 9, n_layers: 2 };
    let mut problem = Problem::new::<C>(config, mixed_lengths(10, 30));
    for numbers in problem.state.iter_mut().chain([&mut problem.rows]) {
        for (i, x) in numbers.iter_mut().enumerate() {
            *x = [0.0, 1e-40, -0.0, -1e-44, f32::MIN_POSITIVE][i % 5];
        }
    }
    check::<C>(&problem, "denormal inputs");
    for numbers in problem.weights.iter_mut().flatten() {
        for (i, x) in numbers.iter_mut().enumerate() {
            *x = [1e-40, 0.0, -1e-40][i % 3];
        }
    }
    check::<C>(&problem, "denormal weights");
}

/// Without biases, small inputs make small states: an error of one part in 1e7 of 1 would swamp them.
fn tiny_states_keep_their_digits<C: CellKind>() {
    let config = RecurrentConfig { input: 3, hidden: 9, n_layers: 1 };
    for scale in [1e-2_f32, 1e-4, 1e-10, 1e-20] {
        let mut problem = Problem::new::<C>(config, mixed_lengths(10, 30)).starting_at_rest();
        problem.rows.iter_mut().for_each(|x| *x *= scale);
        for [_, _, b_ih, b_hh] in &mut problem.weights {
            b_ih.fill(0.0);
            b_hh.fill(0.0);
        }
        let expected = problem.expected();
        let outputs = |outcome: &Outcome| vec![("outputs".to_owned(), outcome.outputs.clone())];
        every_engine(|isa| {
            let found = problem.found::<C>(isa);
            let found = Outcome { gradients: outputs(&found), ..found };
            let expected = Outcome { gradients: outputs(&expected), ..expected.clone() };
            found.check_gradients(&expected, 1e-6, &format!("inputs of {scale:e} on {isa}"));
        });
    }
}

/// Every gradient against central differences of the equations, without the chain rule.
fn finite_differences<C: CellKind>() {
    let config = RecurrentConfig { input: 3, hidden: 4, n_layers: 2 };
    let problem = Problem::new::<C>(config, vec![3, 0, 1, 2]);
    let reference = problem.reference();
    let sequences: Vec<_> = problem
        .lengths
        .iter()
        .scan(0, |end, length| {
            *end += length;
            Some(*end - length..*end)
        })
        .collect();
    // All inputs one after the other: weights, rows, states.
    let numbers: Vec<&Vec<f32>> =
        problem.weights.iter().flatten().chain([&problem.rows]).chain(&problem.state).collect();
    let loss = |inputs: &[Vec<f64>]| -> f64 {
        let mut reference = reference.clone();
        for (layer, weights) in reference.layers.iter_mut().zip(inputs.chunks_exact(4)) {
            layer.w_ih.clone_from(&weights[0]);
            layer.w_hh.clone_from(&weights[1]);
            layer.b_ih.clone_from(&weights[2]);
            layer.b_hh.clone_from(&weights[3]);
        }
        let (rows, states) = (&inputs[8], &inputs[9..]);
        let of_sequence = |(index, range): (usize, &std::ops::Range<usize>)| -> f64 {
            let state: Vec<_> = states.iter().map(|s| s[index * 4..(index + 1) * 4].to_vec()).collect();
            let outputs = reference.forward(&rows[range.start * 3..range.end * 3], &state);
            outputs.iter().zip(&problem.cotangent[range.start * 4..]).map(|(a, &b)| a * f64::from(b)).sum()
        };
        sequences.iter().enumerate().map(of_sequence).sum()
    };
    let mut inputs: Vec<Vec<f64>> = numbers.into_iter().map(|numbers| widen(numbers)).collect();
    let mut gradients = Vec::new();
    for which in 0..inputs.len() {
        let mut gradient = Vec::new();
        for i in 0..inputs[which].len() {
            let at = inputs[which][i];
            let mut shifted = |shift| {
                inputs[which][i] = at + shift;
                loss(&inputs)
            };
            gradient.push((shifted(1e-5) - shifted(-1e-5)) / 2e-5);
            inputs[which][i] = at;
        }
        gradients.push((String::new(), gradient));
    }
    let expected = Outcome { outputs: Vec::new(), gradients };
    every_engine(|isa| {
        let found = problem.found::<C>(isa);
        found.check_gradients(&expected, GRADIENT_TOLERANCE, &format!("differences on {isa}"));
    });
}

/// Over a million steps, so that an engine which keeps what the way back needs runs out of the room it allows itself.
fn a_batch_too_large_to_keep<C: CellKind>() {
    let config = RecurrentConfig { input: 1, hidden: 1, n_layers: 1 };
    let mut problem = Problem::new::<C>(config, vec![500; 2500]);
    // Of one sign: sums over so many numbers that cancel would have few digits in single precision.
    problem.cotangent.iter_mut().for_each(|v| *v = v.abs());
    check::<C>(&problem, "over a million steps");
}

fn any_shape<C: CellKind>() {
    // Without any row there is nothing to differentiate, and no gradient.
    let lengths = prop::collection::vec(0usize..20, 1..40)
        .prop_filter("at least one row", |lengths| lengths.iter().any(|&length| length > 0));
    let shapes = (1usize..12, 1usize..40, 1usize..4, lengths);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&shapes, |(input, hidden, n_layers, lengths)| {
            let problem = Problem::new::<C>(RecurrentConfig { input, hidden, n_layers }, lengths);
            let expected = problem.expected();
            every_engine(|isa| {
                let found = problem.found::<C>(isa);
                found.check_states(&expected, &format!("any shape on {isa}"));
                found.check_gradients_above(
                    &expected,
                    GRADIENT_TOLERANCE,
                    0.1,
                    &format!("any shape on {isa}"),
                );
            });
            Ok(())
        })
        .unwrap();
}
