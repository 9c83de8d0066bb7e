//! The dense layers on kernels, which serve, against those made of candle's operations, which are trained.

use candle_core::{DType, Var};
use candle_nn::VarBuilder;
use heliacal_lightcurve::Context;
use heliacal_models::{
    Activation, EncodedLightCurve, Error, FeatureSpec, Oracle, OracleConfig, Preset, candle_core, candle_nn,
};

use crate::devices::{device, forward_tolerance, on_gpu};
use crate::{largest_difference, made_up_light_curve, made_up_oracle, made_up_weights};

on_every_device!(every_preset, odd_widths, variables_that_change_are_read_again,);

/// Rounding of sums of a hundred products through six layers, relative to the largest logit or 1.
const TOLERANCE: f64 = 2e-6;

fn light_curves(features: &FeatureSpec, n: usize) -> Vec<EncodedLightCurve> {
    let context = |i: usize| Context::from_iter([("MWEBV", 0.01 * i as f64), ("RA", 3.0 * i as f64)]);
    (0..n).map(|i| features.encode(made_up_light_curve(9 + i % 7).view(), &context(i)).unwrap()).collect()
}

fn check(oracle: &Oracle, case: &str) {
    for n in [1, 5, 64, 65] {
        let light_curves = light_curves(oracle.features(), n);
        let expected = oracle.forward(&light_curves).unwrap();
        assert_eq!(expected.dims(), [n, oracle.config().n_nodes]);
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let steps: Vec<_> = light_curves.iter().map(|encoded| [encoded.observations.len() - 1]).collect();
        let asked: Vec<_> =
            light_curves.iter().zip(&steps).map(|(encoded, steps)| (encoded, &steps[..])).collect();
        let found = oracle.logits_at(&asked).unwrap().concat();
        assert_eq!(found.len(), expected.len(), "{case}");
        let widen = |logits: &[f32]| logits.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let largest = widen(&expected).into_iter().fold(1.0, |largest: f64, v| largest.max(v.abs()));
        let worst = largest_difference(widen(&found), widen(&expected)) / largest;
        assert!(worst < forward_tolerance(TOLERANCE), "{case}, {n} rows: {worst:e}");
        // Whatever the company of a row, its bits are the same, by the CPU's kernels.
        if !on_gpu() {
            let alone = oracle.logits_at(&asked[n - 1..]).unwrap().concat();
            assert_eq!(found[found.len() - alone.len()..], alone, "{case}, {n} rows");
        }
    }
}

fn every_preset() {
    for preset in Preset::ALL {
        check(&made_up_oracle(preset), preset.name());
    }
}

fn odd_widths() {
    use Activation::{Linear, Relu, Tanh};
    let paper = Preset::Paper.config(26);
    for (hidden, time_dense, static_dense, head, n_nodes) in [
        (1, (1, Linear), None, vec![], 1),
        (7, (3, Tanh), Some((1, Relu)), vec![(5, Relu)], 33),
        (17, (33, Relu), Some((31, Linear)), vec![(1, Tanh), (47, Linear)], 5),
        (31, (15, Tanh), Some((17, Tanh)), vec![], 129),
        (9, (130, Linear), None, vec![(257, Tanh)], 3),
    ] {
        let case = format!("{hidden} {time_dense:?} {static_dense:?} {head:?} {n_nodes}");
        let mut features = Preset::Paper.features();
        if static_dense.is_none() {
            features.statics.clear();
        }
        let n_statics = features.statics.len();
        let config =
            OracleConfig { hidden, time_dense, static_dense, head, n_nodes, n_statics, ..paper.clone() };
        check(&Oracle::new(config.clone(), features, made_up_weights(&config)).unwrap(), &case);
    }
}

/// Weights that are variables are read each time: what an optimizer did is seen by the next prediction.
fn variables_that_change_are_read_again() {
    let config = Preset::Paper.config(26);
    let made_up = made_up_weights(&config);
    let variables: Vec<(String, Var)> = config
        .parameters()
        .into_iter()
        .map(|(name, shape)| (name.clone(), Var::from_tensor(&made_up.get(shape, &name).unwrap()).unwrap()))
        .collect();
    let tensors =
        variables.iter().map(|(name, variable)| (name.clone(), variable.as_tensor().clone())).collect();
    let weights = VarBuilder::from_tensors(tensors, DType::F32, &device());
    let oracle = Oracle::new(config, Preset::Paper.features(), weights).unwrap();
    check(&oracle, "before");
    for (_, variable) in &variables {
        variable.set(&(variable.as_tensor() * 0.5).unwrap()).unwrap();
    }
    check(&oracle, "after");
}

#[test]
fn light_curves_of_another_encoding_are_refused() {
    let oracle = made_up_oracle(Preset::Paper);
    let light_curves = light_curves(&Preset::PublishedLite.features(), 1);
    assert!(matches!(oracle.logits_at(&[(&light_curves[0], &[0])]), Err(Error::Config { .. })));
    assert!(matches!(oracle.forward(&light_curves), Err(Error::Config { .. })));
    let of_another = made_up_oracle(Preset::PublishedLite).batch(&[(&light_curves[0], 1)]).unwrap();
    assert!(matches!(oracle.forward_batch(&of_another), Err(Error::Config { .. })));
}

#[test]
fn a_layer_for_no_statics_is_refused() {
    let lite = Preset::PublishedLite;
    let config = OracleConfig { static_dense: Some((4, Activation::Relu)), ..lite.config(26) };
    let oracle = Oracle::new(config.clone(), lite.features(), made_up_weights(&config));
    assert!(matches!(oracle, Err(Error::Config { .. })));
}
