//! The crate by its public door.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

/// Makes a test on every device of each function.
macro_rules! on_every_device {
    ($($test:ident),+ $(,)?) => {
        mod on_every_device {
            $(#[test] fn $test() { crate::devices::on_every_device(super::$test) })+
        }
    };
}

mod anchors;
// The models' tests have the same, and look at more of it.
#[allow(dead_code, reason = "shared with the tests of models")]
#[path = "../../../models/tests/models/devices.rs"]
mod devices;
mod devices_agree;
mod esc;
mod extremes;
#[cfg(feature = "serde")]
mod files;
mod golden;
mod gradients;
mod laws;
mod reference;

use heliacal_losses::candle_core::{DType, Tensor};
use heliacal_losses::{
    ClassDistance, CrossEntropy, CrossEntropyOptions, Hxe, LabelCount, Loss, NodeCounts, Parametrization,
    TreeLayout, Whxe, WhxeOptions,
};
use heliacal_taxonomy::{EdgeLength, Taxonomy};

use devices::device;

/// Sums of some dozen logarithms in double precision, relative to the largest of them.
const ROUNDING: f64 = 1e-12;

const PARAMETRIZATIONS: [Parametrization; 2] =
    [Parametrization::SiblingSoftmax, Parametrization::LeafSoftmax];

/// Numbers in [-1, 1) without a generator.
fn wave(i: usize) -> f64 {
    (i as f64 * 12.9898).sin() * 43758.5453 % 1.0
}

fn made_up(n: usize, scale: f64) -> Vec<f64> {
    (1..=n).map(|i| scale * wave(i)).collect()
}

fn layout(taxonomy: &Taxonomy, parametrization: Parametrization, dtype: DType) -> TreeLayout {
    TreeLayout::new(taxonomy, parametrization, dtype, &device()).unwrap()
}

fn tensor(values: &[f64], shape: &[usize], dtype: DType) -> Tensor {
    Tensor::from_slice(values, shape, &device()).unwrap().to_dtype(dtype).unwrap()
}

fn scalar(tensor: &Tensor) -> f64 {
    tensor.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
}

fn vector(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(found: f64, expected: f64, tolerance: f64) {
    let scale = expected.abs().max(1.0);
    assert!((found - expected).abs() <= tolerance * scale, "found {found:e}, expected {expected:e}");
}

/// Table 3 of ORACLE: objects for training per class.
const TABLE_3: [(&str, u64); 19] = [
    ("AGN", 38113),
    ("CART", 7807),
    ("Cepheid", 13088),
    ("Delta Scuti", 19611),
    ("Dwarf Novae", 7608),
    ("EB", 38036),
    ("ILOT", 7090),
    ("KN", 4211),
    ("M-dwarf Flare", 1780),
    ("PISN", 37996),
    ("RR Lyrae", 13278),
    ("SLSN", 37993),
    ("SNI91bg", 27207),
    ("SNII", 38018),
    ("SNIa", 38000),
    ("SNIax", 26610),
    ("SNIb/c", 37935),
    ("TDE", 38023),
    ("uLens", 16652),
];

fn table_3(oracle: &Taxonomy) -> NodeCounts {
    let mut labelled = vec![0; oracle.n_nodes()];
    for (name, n) in TABLE_3 {
        labelled[oracle.find(name).unwrap().index()] = n;
    }
    NodeCounts::new(oracle, labelled).unwrap()
}

/// Every kind of loss on a tree.
fn tree_losses(layout: &TreeLayout) -> Vec<(&'static str, Box<dyn Loss>)> {
    let taxonomy = layout.taxonomy();
    let n = taxonomy.n_nodes();
    // One class without objects, the others uneven.
    let labelled = (0..n as u64).map(|i| if i == 1 { 0 } else { 1 + i * i % 7 }).collect();
    let counts = NodeCounts::new(taxonomy, labelled).unwrap();
    let whxe = |alpha, gamma, label_count| {
        Box::new(Whxe::new(layout, &counts, WhxeOptions { alpha, gamma, label_count }).unwrap())
    };
    let entropy = |weights: bool, label_smoothing, focal_gamma| {
        let class_weights = weights.then(|| (0..n).map(|i| 0.5 + (i % 3) as f64).collect());
        let options = CrossEntropyOptions { class_weights, label_smoothing, focal_gamma };
        Box::new(CrossEntropy::on_tree(layout, &options).unwrap())
    };
    let soft = |hardness, distance| Box::new(CrossEntropy::soft(layout, hardness, distance).unwrap());
    vec![
        ("hxe", Box::new(Hxe::new(layout, Hxe::ALPHA).unwrap())),
        ("whxe", whxe(0.5, 1.0, LabelCount::AllNodes)),
        ("whxe, other options", whxe(0.2, 0.5, LabelCount::Leaves)),
        ("cross-entropy", entropy(false, 0.0, 0.0)),
        ("weighted", entropy(true, 0.0, 0.0)),
        ("smoothed", entropy(true, 0.1, 0.0)),
        ("focal", entropy(false, 0.0, 2.0)),
        ("focal, square root", entropy(true, 0.05, 0.5)),
        ("soft by path", soft(1.5, ClassDistance::Path(EdgeLength::exponential(0.5).unwrap()))),
        ("soft by height", soft(4.0, ClassDistance::AncestorHeight)),
    ]
}
