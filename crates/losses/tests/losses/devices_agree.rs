//! Every device gives the numbers of the CPU, and gradients come back from it.

use heliacal_losses::candle_core::{DType, Var};
use heliacal_losses::{EscLoss, EscOptions, Labels, TransportCost, TreeLayout};
use heliacal_taxonomy::{EdgeLength, Taxonomy};

use crate::devices::{device, on_every_device};
use crate::{PARAMETRIZATIONS, assert_close, made_up, scalar, tensor, tree_losses, vector};

/// Sums in single precision, in another order.
const ROUNDING_F32: f64 = 1e-4;

/// Names, losses and gradients of everything on trees.
fn everything(dtype: DType) -> Vec<(String, f64, Vec<f64>)> {
    let t = Taxonomy::oracle();
    let (labels, lengths) = ([8_u32, 3, 25, 14], [5, 4, 2, 5]);
    let mut found = Vec::new();
    for parametrization in PARAMETRIZATIONS {
        let layout = TreeLayout::new(&t, parametrization, dtype, &device()).unwrap();
        let n = layout.n_logits();
        let variable = |shape: &[usize]| {
            let values = made_up(shape.iter().product(), 3.0);
            Var::from_tensor(&tensor(&values, shape, dtype)).unwrap()
        };
        let logits = variable(&[4, n]);
        for (name, loss) in tree_losses(&layout) {
            let loss = loss.forward(&logits, Labels::from(&labels)).unwrap();
            let gradient = vector(loss.backward().unwrap().get(&logits).unwrap());
            found.push((name.to_owned(), scalar(&loss), gradient));
        }
        let cost = TransportCost::Tree(EdgeLength::exponential(0.5).unwrap());
        let esc = EscLoss::on_tree(&layout, cost, EscOptions::default()).unwrap();
        let logits = variable(&[4, 5, n]);
        let loss = esc.forward(&logits, Labels::from(&labels), &lengths).unwrap().loss;
        let gradient = vector(loss.backward().unwrap().get(&logits).unwrap());
        found.push(("early-stable score".to_owned(), scalar(&loss), gradient));
    }
    found
}

#[test]
fn every_device_gives_the_same_numbers() {
    let expected = everything(DType::F64);
    on_every_device(|| {
        for (dtype, tolerance) in [(DType::F32, ROUNDING_F32), (DType::F64, 1e-12)] {
            for (found, expected) in everything(dtype).into_iter().zip(&expected) {
                eprintln!("{dtype:?} {}", found.0);
                assert_close(found.1, expected.1, tolerance);
                for (found, expected) in found.2.into_iter().zip(&expected.2) {
                    assert_close(found, *expected, tolerance);
                }
            }
        }
    });
}
