//! Numbers that follow from ORACLE's paper.

use heliacal_losses::candle_core::{DType, Tensor};
use heliacal_losses::{Hxe, LabelCount, Labels, Loss, Parametrization, Whxe, WhxeOptions};
use heliacal_taxonomy::Taxonomy;

use crate::devices::device;
use crate::{TABLE_3, assert_close, layout, table_3, vector};

on_every_device!(
    hxe_and_whxe_at_uniform_logits_with_table_3,
    whxe_pushes_its_weight_to_the_leaves,
    level_losses_of_a_batch_sum_to_the_loss,
);

/// The anchors have five decimals.
const PRINTED: f64 = 0.5e-5;

fn hxe_and_whxe_at_uniform_logits_with_table_3() {
    let oracle = Taxonomy::oracle();
    let layout = layout(&oracle, Parametrization::SiblingSoftmax, DType::F64);
    let counts = table_3(&oracle);
    assert_eq!(counts.n_objects(), 449_056);
    let (hxe, whxe) = (
        Hxe::new(&layout, Hxe::ALPHA).unwrap(),
        Whxe::new(&layout, &counts, WhxeOptions::default()).unwrap(),
    );
    // One object per class through the loss itself, averaged by the counts.
    let labels = TABLE_3.map(|(name, _)| oracle.find(name).unwrap().index() as u32);
    let zeros = Tensor::zeros((19, 26), DType::F64, &device()).unwrap();
    let averaged = |loss: &dyn Loss| {
        let per_class = vector(&loss.per_object(&zeros, Labels::from(&labels)).unwrap());
        per_class.iter().zip(TABLE_3).map(|(loss, (_, n))| loss * n as f64).sum::<f64>() / 449_056.0
    };
    eprintln!("HXE {:.7}, WHXE {:.7} at uniform logits", averaged(&hxe), averaged(&whxe));
    assert!((averaged(&hxe) - 1.09997).abs() < PRINTED);
    assert!((averaged(&whxe) - 0.33189).abs() < PRINTED);
    assert_close(hxe.level_losses_at_uniform(&counts).unwrap().total(), averaged(&hxe), 1e-14);
    assert_close(whxe.level_losses_at_uniform(&counts).unwrap().total(), averaged(&whxe), 1e-14);
}

fn whxe_pushes_its_weight_to_the_leaves() {
    let oracle = Taxonomy::oracle();
    let layout = layout(&oracle, Parametrization::SiblingSoftmax, DType::F64);
    let counts = table_3(&oracle);
    let shares = |label_count| {
        let options = WhxeOptions { label_count, ..Default::default() };
        Whxe::new(&layout, &counts, options).unwrap().level_losses_at_uniform(&counts).unwrap().shares()
    };
    let found = shares(LabelCount::AllNodes);
    eprintln!("shares of the levels in WHXE at uniform logits: {found:.4?}");
    for (found, expected) in found.iter().zip([0.0, 0.097, 0.200, 0.703]) {
        assert!((found - expected).abs() < 0.5e-3);
    }
    // What N_labels counts is a global scale and no share.
    for other in [LabelCount::NonRoot, LabelCount::Leaves] {
        assert!(shares(other).iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-14));
    }
    let hxe = Hxe::new(&layout, Hxe::ALPHA).unwrap().level_losses_at_uniform(&counts).unwrap();
    assert!(hxe.shares()[1] > 2.0 * found[1]);
}

fn level_losses_of_a_batch_sum_to_the_loss() {
    let oracle = Taxonomy::oracle();
    let layout = layout(&oracle, Parametrization::SiblingSoftmax, DType::F32);
    let whxe = Whxe::new(&layout, &table_3(&oracle), WhxeOptions::default()).unwrap();
    let logits = crate::tensor(&crate::made_up(8 * 26, 3.0), &[8, 26], DType::F32);
    let labels = Labels::from(&[0, 1, 2, 7, 8, 14, 20, 25]);
    let levels = whxe.level_losses(&logits, labels).unwrap();
    assert_eq!((levels.losses.len(), levels.losses[0]), (4, 0.0));
    assert_close(levels.total(), crate::scalar(&whxe.forward(&logits, labels).unwrap()), 1e-6);
}
