//! Attention over growing sequences: all prefixes in one pass, and step by step. A state is made of plain numbers, and its bits
//! are those of the CPU's kernels: what is about bits runs there alone.

use candle_core::{DType, Tensor};
use heliacal_models::{AttentionState, candle_core, prefix_attention};

use crate::attention::{LENGTHS, Problem, numbers, tensor, to_vec};
use crate::devices::forward_tolerance;
use crate::largest_difference;

on_every_device!(a_prefix_is_a_truncated_sequence, a_scorer_gives_the_scores_of_the_layer,);

/// Rounding of f32 sums over up to 500 steps of weights that sum to 1.
const F32: f64 = 1e-6;

/// Scores as a function of the step.
type Profile = fn(usize) -> f64;

/// Contexts of a state that is pushed row by row, sequence by sequence.
fn step_by_step(scores: &Tensor, rows: &Tensor, lengths: &[usize]) -> Vec<f32> {
    let width = rows.dim(1).unwrap();
    let scores = scores.to_vec1::<f32>().unwrap();
    let rows = rows.to_vec2::<f32>().unwrap();
    let mut contexts = Vec::new();
    let mut steps = scores.iter().zip(&rows);
    for &length in lengths {
        let mut state = AttentionState::new(width);
        for (&score, h) in steps.by_ref().take(length) {
            let (mut peeked, mut context) = (vec![0.0; width], vec![0.0; width]);
            let before = state.clone();
            state.peek(score, h, &mut peeked).unwrap();
            assert_eq!(state, before);
            state.push(score, h).unwrap();
            state.context(&mut context).unwrap();
            assert_eq!(peeked, context);
            contexts.extend(context);
            // A broker's database in between changes nothing.
            state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        }
    }
    contexts
}

fn a_prefix_is_a_truncated_sequence() {
    let problem = Problem::new(10, 7, &LENGTHS);
    let (inputs, attention) = problem.variables(DType::F32);
    let rows = inputs[0].as_tensor();
    let prefixes = to_vec(&attention.forward_prefixes(rows, &LENGTHS).unwrap());
    let mut first = 0;
    for length in LENGTHS {
        for n_steps in 1..=length {
            let prefix = rows.narrow(0, first, n_steps).unwrap();
            let truncated = to_vec(&attention.forward(&prefix, &[n_steps]).unwrap());
            let found = prefixes[(first + n_steps - 1) * 10..][..10].to_vec();
            assert!(largest_difference(found, truncated) < forward_tolerance(F32));
        }
        first += length;
    }
}

#[test]
fn a_state_gives_the_bits_of_the_pass_over_all_prefixes() {
    let problem = Problem::new(101, 7, &LENGTHS);
    let (inputs, attention) = problem.variables(DType::F32);
    let scores = attention.scores(&inputs[0]).unwrap();
    let prefixes = attention.forward_prefixes(&inputs[0], &LENGTHS).unwrap();
    let prefixes = prefixes.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(prefixes == step_by_step(&scores, &inputs[0], &LENGTHS));
}

#[test]
fn scores_that_rise_and_fall_over_many_decades() {
    let n = 41;
    let rows = tensor(&numbers(n * 3, 1.0, 1), &[n, 3], DType::F32);
    let double = rows.to_dtype(DType::F64).unwrap();
    let profiles: [(&str, Profile); 5] = [
        ("rising", |t| 30.0 * t as f64),
        ("falling", |t| -30.0 * t as f64),
        ("peak", |t| 1e4 - 500.0 * (t as f64 - 20.0).abs()),
        ("trough", |t| 500.0 * (t as f64 - 20.0).abs() - 1e4),
        ("equal", |_| -1e4),
    ];
    for (name, profile) in profiles {
        let profile: Vec<f64> = (0..n).map(profile).collect();
        let scores = tensor(&profile, &[n], DType::F32);
        let prefixes = prefix_attention(&scores, &rows, &[n]).unwrap();
        let in_double = prefix_attention(&tensor(&profile, &[n], DType::F64), &double, &[n]).unwrap();
        let bits = prefixes.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(bits == step_by_step(&scores, &rows, &[n]), "{name}");
        // Each prefix by the definition, shifted by its own maximum.
        let h = to_vec(&double);
        for t in 0..n {
            let max = profile[..=t].iter().copied().fold(f64::MIN, f64::max);
            let weights: Vec<f64> = profile[..=t].iter().map(|e| (e - max).exp()).collect();
            let sum: f64 = weights.iter().sum();
            let context =
                (0..3).map(|k| weights.iter().enumerate().map(|(s, w)| w * h[s * 3 + k]).sum::<f64>());
            let context: Vec<f64> = context.map(|weighted| weighted / sum).collect();
            for (found, tolerance) in [(&prefixes, F32), (&in_double, 1e-13)] {
                let found = to_vec(&found.get(t).unwrap());
                assert!(largest_difference(found, context.clone()) < tolerance, "{name} {t}");
            }
        }
    }
}

fn a_scorer_gives_the_scores_of_the_layer() {
    for (hidden, units) in [(1, 1), (5, 16), (10, 17), (256, 64), (100, 5)] {
        let problem = Problem::new(hidden, units, &[40]);
        let (inputs, attention) = problem.variables(DType::F32);
        let scores = to_vec(&attention.scores(&inputs[0]).unwrap());
        let scorer = attention.scorer().unwrap();
        let rows = inputs[0].to_vec2::<f32>().unwrap();
        let single = rows.iter().map(|h| f64::from(scorer.score(h).unwrap()));
        let difference = largest_difference(single, scores);
        assert!(difference < forward_tolerance(4e-6), "{hidden} {units}: {difference:e}");
        assert!(scorer.score(&vec![0.0; hidden + 1]).is_err());
    }
}

#[test]
fn what_is_no_state_is_not_read() {
    let read = |text: &str| serde_json::from_str::<AttentionState>(text);
    assert!(read(r#"{"max": 1.5, "sum": 1.25, "weighted": [0.5, -3.0]}"#).is_ok());
    for (text, complaint) in [
        (r#"{"max": 1.5, "sum": 0.5, "weighted": [0.5]}"#, "sum of an attention state is 0.5"),
        (r#"{"max": 1.5, "sum": -1.0, "weighted": [0.5]}"#, "sum of an attention state is -1"),
        (r#"{"max": 1.5, "sum": 1e39, "weighted": [0.5]}"#, "out of range"),
        (r#"{"max": 1e39, "sum": 1.0, "weighted": [0.5]}"#, "out of range"),
        (r#"{"max": 1.5, "sum": 1.0, "weighted": [0.5, -1e39]}"#, "out of range"),
        (r#"{"max": 1.5, "sum": 0.0, "weighted": [0.5]}"#, "number 0 of an attention state"),
        (r#"{"max": 1.5, "sum": null, "weighted": [0.5]}"#, "null"),
        (r#"{"max": 1.5, "sum": 1.0}"#, "weighted"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn an_empty_state_has_no_context_and_other_widths_are_errors() {
    let mut state = AttentionState::new(2);
    let mut context = [0.0; 2];
    assert!(state.context(&mut context).unwrap_err().to_string().contains("expected at least 1"));
    assert!(state.push(0.0, &[1.0]).is_err());
    assert!(state.peek(0.0, &[1.0, 2.0], &mut [0.0; 3]).is_err());
    // A step that is told to weigh nothing.
    state.push(f32::NEG_INFINITY, &[1.0, 2.0]).unwrap();
    assert!(state.is_empty());
    state.push(-3.0, &[5.0, 6.0]).unwrap();
    state.context(&mut context).unwrap();
    assert_eq!(context, [5.0, 6.0]);
    state.push(f32::NAN, &[5.0, 6.0]).unwrap();
    state.push(9.0, &[5.0, 6.0]).unwrap();
    state.context(&mut context).unwrap();
    assert!(context.iter().all(|x| x.is_nan()));
}
