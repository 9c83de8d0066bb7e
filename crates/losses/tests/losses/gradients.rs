//! Gradients by central differences in double precision.

use heliacal_losses::candle_core::{DType, Tensor, Var};
use heliacal_losses::{
    ClassifiedSteps, CrossEntropy, CrossEntropyOptions, CrossEntropyWithEsc, EscLoss, EscOptions, Labels,
    Loss, NodeCounts, Parametrization, PhaseAwareWhxe, TransportCost, Whxe, WhxeOptions,
};
use heliacal_taxonomy::{EdgeLength, Taxonomy};

use crate::devices::device;
use crate::{PARAMETRIZATIONS, layout, made_up, scalar, tensor, tree_losses, vector};

on_every_device!(
    every_loss_on_trees,
    phase_aware_and_flat,
    early_stable_scores,
    cross_entropy_with_the_score,
    constant_histories_have_a_gradient_and_equal_masses_none,
    gradients_arrive_at_the_weights_of_a_network,
    scores_with_a_floor,
    the_gradient_stays_bounded_as_a_history_comes_to_rest,
    a_masked_true_class_needs_a_floor,
);

/// Step of the central difference: its error, some step² and some 1e-16 / step, is then below 1e-9.
const STEP: f64 = 1e-5;
const DIFFERENCE_ERROR: f64 = 1e-8;

/// Compares the gradient of a scalar function with differences at every input; returns the gradient.
fn check(name: &str, values: &[f64], shape: &[usize], loss: impl Fn(&Tensor) -> Tensor) -> Vec<f64> {
    let input = Var::from_tensor(&tensor(values, shape, DType::F64)).unwrap();
    let gradients = loss(&input).backward().unwrap();
    let found = vector(gradients.get(&input).unwrap_or_else(|| panic!("{name}: no gradient")));
    for (i, found) in found.iter().enumerate() {
        let at = |step: f64| {
            let mut values = values.to_vec();
            values[i] += step;
            scalar(&loss(&tensor(&values, shape, DType::F64)))
        };
        let expected = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error < DIFFERENCE_ERROR, "{name}, input {i}: gradient {found:e}, difference {expected:e}");
    }
    found
}

fn every_loss_on_trees() {
    for t in [Taxonomy::oracle(), Taxonomy::supernovae5()] {
        for parametrization in PARAMETRIZATIONS {
            let layout = layout(&t, parametrization, DType::F64);
            let n = layout.n_logits();
            let labels = [t.n_nodes() as u32 - 1, 2, 0];
            let logits = made_up(3 * n, 3.0);
            for (name, loss) in tree_losses(&layout) {
                let gradient =
                    check(name, &logits, &[3, n], |x| loss.forward(x, Labels::from(&labels)).unwrap());
                if parametrization == Parametrization::SiblingSoftmax {
                    assert!((0..3).all(|i| gradient[i * n].abs() < 1e-16), "{name}: the root has no meaning");
                }
                // A constant on all logits is no information.
                assert!(gradient.chunks(n).all(|row| row.iter().sum::<f64>().abs() < 1e-14), "{name}");
            }
        }
    }
}

fn phase_aware_and_flat() {
    let t = Taxonomy::oracle();
    let layout = layout(&t, Parametrization::SiblingSoftmax, DType::F64);
    let counts = NodeCounts::of_labels(&t, &[8, 8, 9, 13, 25, 3]).unwrap();
    let whxe = Whxe::new(&layout, &counts, WhxeOptions::default()).unwrap();
    let phase_aware = PhaseAwareWhxe::new(whxe, 0.3).unwrap();
    let labels = [8, 13, 25];
    check("phase-aware", &made_up(78, 3.0), &[3, 26], |x| {
        phase_aware.forward(x, Labels::from(&labels), &[0.1, 0.5, 1.0]).unwrap()
    });
    let options = CrossEntropyOptions {
        class_weights: Some(vec![0.5, 1.0, 2.0, 0.0]),
        label_smoothing: 0.2,
        focal_gamma: 1.5,
    };
    let flat = CrossEntropy::flat(4, &options).unwrap();
    check("flat", &made_up(12, 3.0), &[3, 4], |x| flat.forward(x, Labels::from(&[0, 3, 2])).unwrap());
}

fn early_stable_scores() {
    let t = Taxonomy::supernovae5();
    let options = EscOptions { alpha: 1.5, ..Default::default() };
    let flat = EscLoss::flat(5, options).unwrap();
    let lengths = [6, 4, 1, 2];
    let score = |esc: &EscLoss, x: &Tensor, labels: &[u32]| {
        esc.forward(x, Labels::from(labels), &lengths).unwrap().loss
    };
    let logits = made_up(4 * 6 * 5, 2.0);
    let gradient = check("flat", &logits, &[4, 6, 5], |x| score(&flat, x, &[0, 4, 2, 1]));
    // Every PMF of a history takes part, the last one through its distance; nothing behind the end does.
    for (i, history) in gradient.chunks(30).enumerate() {
        for (step, row) in history.chunks(5).enumerate() {
            // Of two PMFs, only ln p of the first is left: the weight cancels.
            let used = if lengths[i] == 2 { step == 0 } else { lengths[i] > 1 && step < lengths[i] };
            assert_eq!(row.iter().any(|&g| g != 0.0), used, "history {i}, step {step}");
        }
    }
    for parametrization in PARAMETRIZATIONS {
        let layout = layout(&t, parametrization, DType::F64);
        let n = layout.n_logits();
        let logits = made_up(4 * 6 * n, 2.0);
        for cost in [TransportCost::Unit, TransportCost::Tree(EdgeLength::exponential(0.5).unwrap())] {
            let esc = EscLoss::on_tree(&layout, cost, options).unwrap();
            check("tree", &logits, &[4, 6, n], |x| score(&esc, x, &[1, 3, 0, 2]));
        }
    }
}

fn cross_entropy_with_the_score() {
    let logits = made_up(3 * 5 * 4, 2.0);
    for steps in [ClassifiedSteps::All, ClassifiedSteps::Last] {
        let flat = CrossEntropy::flat(4, &CrossEntropyOptions::default()).unwrap();
        let esc = EscLoss::flat(4, EscOptions::default()).unwrap();
        let loss = CrossEntropyWithEsc::new(flat, esc, 0.7, steps).unwrap();
        check("sum", &logits, &[3, 5, 4], |x| {
            loss.forward(x, Labels::from(&[0, 1, 3]), &[5, 1, 3]).unwrap().loss
        });
    }
}

fn constant_histories_have_a_gradient_and_equal_masses_none() {
    let esc = EscLoss::flat(3, EscOptions::default()).unwrap();
    // Constant: -ln p_* weighted by time.
    let constant = Var::from_tensor(&tensor(&[2.0, 0.0, 1.0].repeat(4), &[1, 4, 3], DType::F64)).unwrap();
    let score = esc.forward(&constant, Labels::from(&[1]), &[4]).unwrap();
    assert_eq!((score.n_constant, score.n_undefined), (1, 0));
    let gradient = vector(score.loss.backward().unwrap().get(&constant).unwrap());
    assert!(gradient[1] < 0.0 && gradient[0] > 0.0 && gradient.iter().all(|g| g.is_finite()));
    assert!(gradient[9..].iter().all(|&g| g == 0.0), "the last PMF is compared with nothing");
    // A step that stands still between two that move: |x| has the subgradient 0 at 0, from either side.
    let still = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let input = Var::from_tensor(&tensor(&still, &[1, 4, 3], DType::F64)).unwrap();
    let score = esc.forward(&input, Labels::from(&[1]), &[4]).unwrap();
    let gradient = vector(score.loss.backward().unwrap().get(&input).unwrap());
    assert!(gradient[..3].iter().all(|&g| g == 0.0), "{gradient:?}");
    assert!(gradient[3..6].iter().any(|&g| g != 0.0));
}

fn gradients_arrive_at_the_weights_of_a_network() {
    let t = Taxonomy::oracle();
    for parametrization in PARAMETRIZATIONS {
        for dtype in [DType::F32, DType::F64] {
            let layout = layout(&t, parametrization, dtype);
            let n = layout.n_logits();
            let weight = Var::from_tensor(&tensor(&made_up(4 * n, 1.0), &[4, n], dtype)).unwrap();
            let bias = Var::zeros((1, n), dtype, &device()).unwrap();
            let x = tensor(&made_up(8 * 4, 1.0), &[8, 4], dtype);
            let labels: Vec<u32> = (8..16).collect();
            for (name, loss) in tree_losses(&layout) {
                let logits = x.matmul(&weight).unwrap().broadcast_add(&bias).unwrap();
                let gradients = loss.forward(&logits, Labels::from(&labels)).unwrap().backward().unwrap();
                for variable in [&weight, &bias] {
                    let gradient = vector(gradients.get(variable).unwrap());
                    assert!(
                        gradient.iter().all(|g| g.is_finite()) && gradient.iter().any(|&g| g != 0.0),
                        "{name}"
                    );
                }
            }
        }
    }
}

fn scores_with_a_floor() {
    // Logits of ±2 put some p of the true class below the floor and none on it.
    let esc = EscLoss::flat(4, EscOptions { floor: Some(0.2), ..Default::default() }).unwrap();
    let logits = made_up(3 * 6 * 4, 2.0);
    let labels = [0, 3, 2];
    check("floor", &logits, &[3, 6, 4], |x| esc.forward(x, Labels::from(&labels), &[6, 2, 4]).unwrap().loss);
    let unfloored = EscLoss::flat(4, EscOptions::default()).unwrap();
    let batch = tensor(&logits, &[3, 6, 4], DType::F64);
    let of = |esc: &EscLoss| scalar(&esc.forward(&batch, Labels::from(&labels), &[6, 2, 4]).unwrap().loss);
    assert!(of(&esc) < of(&unfloored));
}

fn the_gradient_stays_bounded_as_a_history_comes_to_rest() {
    let largest = |movement: f64| {
        let logits: Vec<f64> =
            (0..10).flat_map(|t| [1.0 + movement * crate::wave(t + 3), 0.0, 0.0]).collect();
        let history = Var::from_tensor(&tensor(&logits, &[1, 10, 3], DType::F64)).unwrap();
        let esc = EscLoss::flat(3, EscOptions::default()).unwrap();
        let score = esc.forward(&history, Labels::from(&[1]), &[10]).unwrap();
        assert_eq!(score.n_constant, 0);
        let gradient = vector(score.loss.backward().unwrap().get(&history).unwrap());
        gradient.iter().fold(0.0_f64, |largest, g| largest.max(g.abs()))
    };
    let moving = largest(1e-2);
    for movement in [1e-4, 1e-6, 1e-8, 1e-10] {
        let found = largest(movement);
        assert!((found / moving - 1.0).abs() < 0.05, "movement {movement}: {found}, at 1e-2 {moving}");
    }
}

fn a_masked_true_class_needs_a_floor() {
    // Masked in the third of six steps.
    let truth = |t: usize| if t == 2 { f64::NEG_INFINITY } else { 0.0 };
    let logits: Vec<f64> = (0..6).flat_map(|t| [truth(t), crate::wave(t + 1), 0.0]).collect();
    let largest = |floor| {
        let history = Var::from_tensor(&tensor(&logits, &[1, 6, 3], DType::F64)).unwrap();
        let esc = EscLoss::flat(3, EscOptions { floor, ..Default::default() }).unwrap();
        let loss = esc.forward(&history, Labels::from(&[0]), &[6]).unwrap().loss;
        let gradient = vector(loss.backward().unwrap().get(&history).unwrap());
        (scalar(&loss), gradient.iter().fold(0.0_f64, |largest, g| largest.max(g.abs())))
    };
    let (score, gradient) = largest(None);
    assert!(score > 1e18 && gradient > 1e17, "{score:e}, gradient {gradient:e}");
    let (score, gradient) = largest(Some(1e-12));
    let most = -(1e-12_f64.ln()); // in nat, what the floor allows
    assert!(score < most && gradient < most, "{score:e}, gradient {gradient:e}");
}
