//! The public door of heliacal-models.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

/// Makes a test of each function, generic over the kind of cell, for the GRU and for the LSTM.
macro_rules! for_both_cells {
    ($($test:ident),+ $(,)?) => {
        mod gru {
            $(#[test] fn $test() { super::$test::<super::GruCell>() })+
        }
        mod lstm {
            $(#[test] fn $test() { super::$test::<super::LstmCell>() })+
        }
    };
}

/// Makes a test on every device of each function.
macro_rules! on_every_device {
    ($($test:ident),+ $(,)?) => {
        mod on_every_device {
            $(#[test] fn $test() { crate::devices::on_every_device(super::$test) })+
        }
    };
}

mod arena;
mod attention;
mod attention_prefixes;
mod cascade;
mod cascade_pytorch;
mod cascade_training;
mod devices;
mod golden;
mod oracle_head;
mod prefixes;
mod recurrent_dropout;
mod recurrent_exact;
mod recurrent_invariance;
mod recurrent_precision;
mod recurrent_problem;
mod recurrent_pytorch;
mod recurrent_reference;
mod recurrent_states;
mod recurrent_stock;
mod train_learning;
mod train_resume;
mod weights;

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;
use heliacal_lightcurve::{LightCurve, Observation, Passband};
use heliacal_models::{Oracle, OracleConfig, Preset, TimeOrigin, candle_core, candle_nn};

use devices::device;

/// Deterministic numbers in (-1, 1), different for every index.
fn wave(index: usize) -> f32 {
    let x = (index as f64 * 12.9898 + 78.233).sin() * 43_758.545_3;
    (2.0 * (x - x.floor()) - 1.0) as f32
}

/// Weights of about the size that PyTorch initializes them with.
fn made_up_weights(config: &OracleConfig) -> VarBuilder<'static> {
    let mut index = 0;
    let tensors = config.parameters().into_iter().map(|(name, shape)| {
        let n: usize = shape.iter().product();
        let numbers: Vec<f32> = (index..index + n).map(|i| 0.1 * wave(i)).collect();
        index += n;
        (name, Tensor::from_vec(numbers, shape, &device()).unwrap())
    });
    VarBuilder::from_tensors(tensors.collect(), DType::F32, &device())
}

fn made_up_oracle(preset: Preset) -> Oracle {
    let config = preset.config(26);
    Oracle::new(config.clone(), preset.features(), made_up_weights(&config)).unwrap()
}

/// A light curve in which some nights have several passbands and about half of the rows are detections, the first one
/// never.
fn made_up_light_curve(n: usize) -> LightCurve {
    let observation = |i: usize| Observation {
        mjd: 60_000.0 + (i / 3) as f64 * 1.7,
        flux: 200.0 * wave(7 * i + 1) + 60.0,
        flux_err: 5.0 + 3.0 * wave(5 * i),
        passband: Passband::LSST[i % 6],
        detection: i > 0 && wave(3 * i) > 0.0,
    };
    LightCurve::from_observations((0..n).map(observation)).unwrap()
}

/// Largest absolute difference; NaN anywhere is infinite.
fn largest_difference(a: impl IntoIterator<Item = f64>, b: impl IntoIterator<Item = f64>) -> f64 {
    let difference =
        |(a, b): (f64, f64)| if a.is_nan() || b.is_nan() { f64::INFINITY } else { (a - b).abs() };
    a.into_iter().zip(b).map(difference).fold(0.0, f64::max)
}

/// Every preset with days counted from either origin, and weights of no meaning.
fn made_up_oracles() -> impl Iterator<Item = Oracle> {
    let origins = [TimeOrigin::FirstObservation, TimeOrigin::FirstDetection];
    let pairs = Preset::ALL.into_iter().flat_map(move |preset| origins.map(|origin| (preset, origin)));
    pairs.map(|(preset, origin)| {
        let config = preset.config(26);
        let features = preset.features().with_time_origin(origin);
        Oracle::new(config.clone(), features, made_up_weights(&config)).unwrap()
    })
}
