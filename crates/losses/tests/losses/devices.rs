//! Every device gives the numbers of the CPU, and gradients come back from it.

use heliacal_losses::candle_core::{DType, Device, Var};
use heliacal_losses::{EscLoss, EscOptions, Labels, TransportCost, TreeLayout};
use heliacal_taxonomy::{EdgeLength, Taxonomy};

use crate::{PARAMETRIZATIONS, assert_close, made_up, scalar, tensor, tree_losses, vector};

/// Sums in single precision, in another order.
const ROUNDING_F32: f64 = 1e-4;

/// The CPU, and with feature `cuda` the first GPU where there is one.
fn devices() -> Vec<Device> {
    if !cfg!(feature = "cuda") {
        return vec![Device::Cpu];
    }
    match Device::new_cuda(0) {
        Ok(gpu) => vec![Device::Cpu, gpu],
        Err(error) => {
            eprintln!("skipped on the GPU: {error}");
            vec![Device::Cpu]
        }
    }
}

/// Names, losses and gradients of everything on trees.
fn everything(device: &Device, dtype: DType) -> Vec<(String, f64, Vec<f64>)> {
    let t = Taxonomy::oracle();
    let (labels, lengths) = ([8_u32, 3, 25, 14], [5, 4, 2, 5]);
    let mut found = Vec::new();
    for parametrization in PARAMETRIZATIONS {
        let layout = TreeLayout::new(&t, parametrization, dtype, device).unwrap();
        let n = layout.n_logits();
        let on_device = |shape: &[usize]| {
            let values = tensor(&made_up(shape.iter().product(), 3.0), shape, dtype);
            Var::from_tensor(&values.to_device(device).unwrap()).unwrap()
        };
        let logits = on_device(&[4, n]);
        for (name, loss) in tree_losses(&layout) {
            let loss = loss.forward(&logits, Labels::from(&labels)).unwrap();
            let gradient = vector(loss.backward().unwrap().get(&logits).unwrap());
            found.push((name.to_owned(), scalar(&loss), gradient));
        }
        let cost = TransportCost::Tree(EdgeLength::exponential(0.5).unwrap());
        let esc = EscLoss::on_tree(&layout, cost, EscOptions::default()).unwrap();
        let logits = on_device(&[4, 5, n]);
        let loss = esc.forward(&logits, Labels::from(&labels), &lengths).unwrap().loss;
        let gradient = vector(loss.backward().unwrap().get(&logits).unwrap());
        found.push(("early-stable score".to_owned(), scalar(&loss), gradient));
    }
    found
}

#[test]
fn every_device_gives_the_same_numbers() {
    let expected = everything(&Device::Cpu, DType::F64);
    for device in devices() {
        for (dtype, tolerance) in [(DType::F32, ROUNDING_F32), (DType::F64, 1e-12)] {
            for (found, expected) in everything(&device, dtype).into_iter().zip(&expected) {
                eprintln!("{device:?} {dtype:?} {}", found.0);
                assert_close(found.1, expected.1, tolerance);
                for (found, expected) in found.2.into_iter().zip(&expected.2) {
                    assert_close(found, *expected, tolerance);
                }
            }
        }
    }
}
