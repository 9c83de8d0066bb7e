//! Values of the published code on real light curves, from `HELIACAL_TEST_DATA`.

use std::path::PathBuf;

use heliacal_losses::candle_core::{DType, safetensors};
use heliacal_losses::{Labels, Loss, NodeCounts, Parametrization, Whxe, WhxeOptions};
use heliacal_taxonomy::Taxonomy;
use serde_json::Value;

use crate::devices::device;
use crate::{assert_close, layout, scalar};

on_every_device!(whxe_of_the_published_code,);

/// A folder of the shared test data, `None` with a word on stderr where there are none.
pub fn test_data(folder: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("HELIACAL_TEST_DATA") else {
        eprintln!("skipped: HELIACAL_TEST_DATA is not set");
        return None;
    };
    Some(PathBuf::from(root).join(folder))
}

pub fn read_json(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn whxe_of_the_published_code() {
    let Some(folder) = test_data("oracle-elasticc") else { return };
    let index = read_json(folder.join("index.json"));
    let oracle = Taxonomy::oracle();
    let node_order: Vec<&str> =
        index["node_order"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert_eq!(node_order, oracle.names());
    let label = |object: &Value| oracle.find(object["true_class"].as_str().unwrap()).unwrap().index() as u32;
    let labels: Vec<u32> = index["objects"].as_array().unwrap().iter().map(label).collect();
    let counts = NodeCounts::of_labels(&oracle, &labels).unwrap();
    let tensors = safetensors::load(folder.join("golden.safetensors"), &device()).unwrap();
    let cases = index["whxe"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    // In f32 their loss goes through ln of a softmax, ours through log-sum-exp: of 26 terms of up to 26 nat.
    for (dtype, logits, key, tolerance) in [
        (DType::F64, "md.logits64.dataset.full", "loss_f64_logits", 1e-9),
        (DType::F32, "md.logits.dataset.full", "loss_f32_logits", 1e-6),
    ] {
        let layout = layout(&oracle, Parametrization::SiblingSoftmax, dtype);
        for case in cases {
            let number = |key: &str| case[key].as_f64().unwrap();
            let options = WhxeOptions { alpha: number("alpha"), gamma: number("beta"), ..Default::default() };
            let whxe = Whxe::new(&layout, &counts, options).unwrap();
            for (found, expected) in whxe.node_weights().iter().zip(case["class_weights"].as_array().unwrap())
            {
                assert_close(*found, expected.as_f64().unwrap(), 1e-15);
            }
            let found = scalar(&whxe.forward(&tensors[logits], Labels::from(&labels)).unwrap());
            eprintln!(
                "{dtype:?} alpha {} gamma {}: {:e} off",
                options.alpha,
                options.gamma,
                found - number(key)
            );
            assert!((found - number(key)).abs() < tolerance);
        }
    }
}
