//! Logits that would overflow a naive softmax, and inputs that do not fit.

use heliacal_losses::candle_core::{DType, Tensor, Var};
use heliacal_losses::{
    ClassifiedSteps, ConstantHistory, CrossEntropy, CrossEntropyOptions, CrossEntropyWithEsc, Error, EscLoss,
    EscOptions, Hxe, Labels, Loss, NodeCounts, Parametrization, PhaseAwareWhxe, TransportCost, Whxe,
    WhxeOptions,
};
use heliacal_taxonomy::{EdgeLength, Taxonomy};

use crate::devices::device;
use crate::{PARAMETRIZATIONS, assert_close, layout, made_up, scalar, tensor, tree_losses, vector};

on_every_device!(
    losses_and_gradients_stay_finite,
    scores_stay_finite,
    a_logit_of_1e4_costs_1e4,
    a_nan_shows,
    short_histories_are_counted_and_not_averaged,
    constant_histories_by_choice,
    what_does_not_fit_is_named,
    weights_that_overflow_name_their_node,
    short_histories_of_another_number_type_are_refused,
    more_classes_than_fit_are_refused,
);

/// ±1e4 by turns, what a network that exploded hands out, and what stands for "cannot be".
fn extreme_logits(n: usize) -> Vec<Vec<f64>> {
    let alternating = (0..n).map(|i| if i % 2 == 0 { 1e4 } else { -1e4 }).collect();
    let waves = made_up(n, 1e4);
    let masked = (0..n).map(|i| if i % 3 == 0 { f64::NEG_INFINITY } else { 1.0 }).collect();
    let lowest = (0..n).map(|i| if i % 2 == 0 { f64::from(f32::MIN) } else { 0.0 }).collect();
    let infinite = (0..n).map(|i| if i % 4 == 1 { f64::INFINITY } else { 0.0 }).collect();
    vec![
        alternating,
        waves,
        masked,
        lowest,
        infinite,
        vec![-1e4; n],
        vec![f64::NEG_INFINITY; n],
        vec![1e30; n],
    ]
}

fn losses_and_gradients_stay_finite() {
    let t = Taxonomy::oracle();
    for parametrization in PARAMETRIZATIONS {
        for dtype in [DType::F32, DType::F64] {
            let layout = layout(&t, parametrization, dtype);
            let n = layout.n_logits();
            for (kind, logits) in extreme_logits(n).into_iter().enumerate() {
                let batch = Var::from_tensor(&tensor(&logits.repeat(26), &[26, n], dtype)).unwrap();
                let labels: Vec<u32> = (0..26).collect();
                for (name, loss) in tree_losses(&layout) {
                    let loss = loss.forward(&batch, Labels::from(&labels)).unwrap();
                    assert!(scalar(&loss).is_finite(), "{name}, logits {kind}, {dtype:?}: {}", scalar(&loss));
                    let gradients = loss.backward().unwrap();
                    assert!(
                        vector(gradients.get(&batch).unwrap()).iter().all(|g| g.is_finite()),
                        "{name} {kind}"
                    );
                }
            }
        }
    }
}

fn scores_stay_finite() {
    let t = Taxonomy::supernovae5();
    for dtype in [DType::F32, DType::F64] {
        let layout = layout(&t, Parametrization::LeafSoftmax, dtype);
        let cost = TransportCost::Tree(EdgeLength::UNIT);
        for esc in [
            EscLoss::flat(5, EscOptions::default()).unwrap(),
            EscLoss::flat(5, EscOptions { floor: Some(1e-12), ..Default::default() }).unwrap(),
            EscLoss::on_tree(&layout, cost, EscOptions::default()).unwrap(),
        ] {
            for (kind, logits) in extreme_logits(8 * 5).into_iter().enumerate() {
                let history = Var::from_tensor(&tensor(&logits, &[1, 8, 5], dtype)).unwrap();
                for label in 1..5 {
                    let loss = esc.forward(&history, Labels::from(&[label]), &[8]).unwrap().loss;
                    assert!(scalar(&loss).is_finite(), "logits {kind}, label {label}");
                    let gradients = loss.backward().unwrap();
                    assert!(
                        vector(gradients.get(&history).unwrap()).iter().all(|g| g.is_finite()),
                        "logits {kind}"
                    );
                }
            }
        }
    }
}

fn a_logit_of_1e4_costs_1e4() {
    let t = Taxonomy::oracle();
    let layout = layout(&t, Parametrization::SiblingSoftmax, DType::F32);
    let hxe = Hxe::new(&layout, 0.0).unwrap();
    let mut logits = vec![0.0; 26];
    logits[1] = 1e4; // Transient, while the truth is Variable
    let loss = hxe.forward(&tensor(&logits, &[1, 26], DType::F32), Labels::from(&[2])).unwrap();
    assert_eq!(scalar(&loss), 1e4);
}

fn a_nan_shows() {
    let t = Taxonomy::oracle();
    let layout = layout(&t, Parametrization::SiblingSoftmax, DType::F64);
    let mut logits = vec![0.0; 26];
    logits[8] = f64::NAN;
    for (name, loss) in tree_losses(&layout) {
        let loss = loss.forward(&tensor(&logits, &[1, 26], DType::F64), Labels::from(&[9])).unwrap();
        assert!(scalar(&loss).is_nan(), "{name}");
    }
    let mut history = made_up(12, 1.0);
    history[4] = f64::NAN;
    let esc = EscLoss::flat(3, EscOptions::default()).unwrap();
    let score = esc.forward(&tensor(&history, &[1, 4, 3], DType::F64), Labels::from(&[0]), &[4]).unwrap();
    assert!(scalar(&score.loss).is_nan());
}

fn short_histories_are_counted_and_not_averaged() {
    let esc = EscLoss::flat(3, EscOptions::default()).unwrap();
    let logits = tensor(&made_up(4 * 5 * 3, 2.0), &[4, 5, 3], DType::F64);
    let labels = Labels::from(&[0, 1, 2, 0]);
    let score = esc.forward(&logits, labels, &[5, 1, 0, 3]).unwrap();
    let per_object = vector(&score.per_object);
    assert_eq!((score.n_undefined, score.n_constant, per_object[1], per_object[2]), (2, 0, 0.0, 0.0));
    assert_close(scalar(&score.loss), f64::midpoint(per_object[0], per_object[3]), 1e-15);
    let none = esc.forward(&logits, labels, &[1, 1, 0, 1]).unwrap();
    assert_eq!((scalar(&none.loss), none.n_undefined), (0.0, 4));
    let one_step = tensor(&made_up(3, 1.0), &[1, 1, 3], DType::F32);
    assert_eq!(scalar(&esc.forward(&one_step, Labels::from(&[0]), &[1]).unwrap().loss), 0.0);
    let no_step = Tensor::zeros((1, 0, 3), DType::F32, &device()).unwrap();
    assert_eq!(scalar(&esc.forward(&no_step, Labels::from(&[0]), &[0]).unwrap().loss), 0.0);
}

fn constant_histories_by_choice() {
    // p = 1/6 2/6 3/6 throughout, and a history that moves.
    let constant = [1f64.ln(), 2f64.ln(), 3f64.ln()].repeat(4);
    let logits = tensor(&[constant, made_up(12, 2.0)].concat(), &[2, 4, 3], DType::F64);
    let score = |constant_history| {
        let esc = EscLoss::flat(3, EscOptions { constant_history, ..Default::default() }).unwrap();
        esc.forward(&logits, Labels::from(&[0, 0]), &[4, 4]).unwrap()
    };
    let found = score(ConstantHistory::NegativeLogProbability);
    assert_eq!((found.n_constant, found.n_undefined), (1, 0));
    assert_close(vector(&found.per_object)[0], 6f64.ln(), 1e-14);
    let moving = vector(&found.per_object)[1];
    let found = score(ConstantHistory::Undefined);
    assert_eq!((found.n_constant, found.n_undefined, vector(&found.per_object)[0]), (1, 1, 0.0));
    assert_close(scalar(&found.loss), moving, 1e-15);
}

fn what_does_not_fit_is_named() {
    let t = Taxonomy::oracle();
    let layout = layout(&t, Parametrization::SiblingSoftmax, DType::F64);
    let hxe = Hxe::new(&layout, Hxe::ALPHA).unwrap();
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F64, &device()).unwrap();
    let said =
        |logits: &Tensor, labels: &[u32]| hxe.forward(logits, Labels::from(labels)).unwrap_err().to_string();
    assert_eq!(said(&zeros(&[2, 19]), &[1, 2]), "logits have shape [2, 19], expected [batch, 26]");
    assert_eq!(said(&zeros(&[2, 26]), &[1]), "1 labels, expected 2");
    assert_eq!(said(&zeros(&[2, 26]), &[1, 26]), "label 26 at position 1 is no class, expected less than 26");
    assert_eq!(said(&zeros(&[0, 26]), &[]), "the batch has no objects, expected at least one");
    let said = Hxe::new(&layout, f64::NAN).unwrap_err().to_string();
    assert_eq!(said, "alpha is NaN, expected a finite number of at least 0");
    let counts = NodeCounts::new(&Taxonomy::supernovae5(), vec![1; 6]).unwrap();
    let said = Whxe::new(&layout, &counts, WhxeOptions::default()).unwrap_err().to_string();
    assert_eq!(said, "6 class counts, expected 26");

    let esc = EscLoss::flat(3, EscOptions::default()).unwrap();
    let said = |logits: &Tensor, lengths: &[usize]| {
        esc.forward(logits, Labels::from(&[0, 1]), lengths).unwrap_err().to_string()
    };
    assert_eq!(said(&zeros(&[2, 3]), &[1, 1]), "logits have shape [2, 3], expected [batch, time, 3]");
    assert_eq!(said(&zeros(&[2, 4, 3]), &[4]), "1 lengths, expected 2");
    assert_eq!(said(&zeros(&[2, 4, 3]), &[4, 5]), "history 1 has length 5, the tensor holds 4 steps");
    let entropy = CrossEntropy::flat(4, &CrossEntropyOptions::default()).unwrap();
    let said = CrossEntropyWithEsc::new(entropy, esc, 1.0, ClassifiedSteps::All).unwrap_err().to_string();
    assert_eq!(said, "3 logits in the early-stable score, expected 4");
}

fn weights_that_overflow_name_their_node() {
    let pairs = [("r", None), ("x", Some("r")), ("y", Some("r")), ("z", Some("y")), ("w", Some("y"))];
    let t = Taxonomy::from_pairs("small", pairs).unwrap();
    let counts = NodeCounts::new(&t, vec![0, 0, 5, 3, 2_000_000_000]).unwrap();
    let whxe = |dtype, alpha, gamma| {
        let layout = layout(&t, Parametrization::SiblingSoftmax, dtype);
        Whxe::new(&layout, &counts, WhxeOptions { alpha, gamma, ..Default::default() })
    };
    let said = whxe(DType::F64, 0.5, 60.0).unwrap_err().to_string();
    assert_eq!(
        said,
        "weight of node 3 is inf, expected a number of at least 0 and finite in the type of the logits"
    );
    assert!(whxe(DType::F64, 0.5, 5.0).is_ok());
    assert!(matches!(whxe(DType::F32, 0.5, 5.0), Err(Error::Weight { index: 3, .. })));
    // α β is infinite: the root's factor would be exp(-∞ · 0).
    let steep = PhaseAwareWhxe::new(whxe(DType::F64, 10.0, 1.0).unwrap(), 1e308);
    assert!(matches!(steep, Err(Error::Weight { index: 0, .. })));
    assert!(PhaseAwareWhxe::new(whxe(DType::F64, 1.0, 1.0).unwrap(), 1e308).is_ok());
}

fn short_histories_of_another_number_type_are_refused() {
    let layout = layout(&Taxonomy::supernovae5(), Parametrization::LeafSoftmax, DType::F32);
    let esc = EscLoss::on_tree(&layout, TransportCost::Unit, EscOptions::default()).unwrap();
    let logits = Tensor::zeros((1, 3, 5), DType::F64, &device()).unwrap();
    for length in [1, 3] {
        let said = esc.forward(&logits, Labels::from(&[1]), &[length]).unwrap_err().to_string();
        assert_eq!(said, "logits are F64, expected F32, as the layout");
    }
}

fn more_classes_than_fit_are_refused() {
    let said = EscLoss::flat(usize::MAX, EscOptions::default()).unwrap_err().to_string();
    assert!(said.ends_with("expected 1 to 16384"), "{said}");
    assert!(CrossEntropy::flat(usize::MAX, &CrossEntropyOptions::default()).is_err());
}
