//! History and stream equal a fresh run on every truncated prefix, to the last bit, by the CPU's kernels; `golden` asks a GPU
//! for the same within rounding.

use heliacal_lightcurve::{Context, LightCurve, Observation, Passband};
use heliacal_models::{Error, Oracle, Preset, StreamState, TimeOrigin};

use crate::{made_up_light_curve, made_up_oracle, made_up_oracles, made_up_weights};

/// The history by running the model on every prefix: observation and logits, where there is something to classify.
fn by_prefixes(oracle: &Oracle, light_curve: &LightCurve, context: &Context) -> Vec<(usize, Vec<f32>)> {
    let mut history = Vec::new();
    for n in 1..=light_curve.len() {
        let prefix = light_curve.view().first_n(n);
        let newest_is_kept = match oracle.features().encode(prefix, context) {
            Ok(encoded) => encoded.observations.last() == Some(&(n - 1)),
            Err(Error::NoObservations { .. } | Error::NoDetection(_)) => false,
            Err(error) => panic!("{error}"),
        };
        if newest_is_kept {
            history.push((n - 1, oracle.logits(prefix, context).unwrap()));
        }
    }
    history
}

fn check(oracle: &Oracle, light_curve: &LightCurve) {
    let context =
        Context::from_iter([("MWEBV", 0.1), ("RA", 150.1), ("DEC", 2.2), ("W1mag", 14.0), ("W3mag", 12.5)]);
    let expected = by_prefixes(oracle, light_curve, &context);
    assert!(!expected.is_empty());

    let history = oracle.logits_history(light_curve.view(), &context).unwrap();
    assert_eq!(history.observations, expected.iter().map(|(n, _)| *n).collect::<Vec<_>>());
    for ((_, found), (n, expected)) in history.iter().zip(&expected) {
        assert_eq!(found, expected, "history, observation {n}");
    }

    let mut state = oracle.stream(&context).into_state();
    let mut found = Vec::new();
    for (n, observation) in light_curve.view().iter().enumerate() {
        // The state goes through a database between any two observations.
        let stored = serde_json::to_string(&state).unwrap();
        let mut stream = oracle.resume(serde_json::from_str::<StreamState>(&stored).unwrap()).unwrap();
        found.extend(stream.push(observation).unwrap().map(|logits| (n, logits)));
        state = stream.into_state();
    }
    assert_eq!(found.len(), expected.len());
    for ((n, found), (m, expected)) in found.iter().zip(&expected) {
        assert_eq!((n, found), (m, expected), "stream");
    }
}

#[test]
fn every_preset_and_time_origin() {
    for oracle in made_up_oracles() {
        check(&oracle, &made_up_light_curve(40));
    }
}

#[test]
fn a_light_curve_longer_than_the_window() {
    let config = Preset::Paper.config(26);
    for origin in [TimeOrigin::FirstObservation, TimeOrigin::FirstDetection] {
        let mut features = Preset::Paper.features().with_time_origin(origin);
        features.max_steps = Some(7);
        let oracle = Oracle::new(config.clone(), features, made_up_weights(&config)).unwrap();
        check(&oracle, &made_up_light_curve(90));
        check(&oracle, &made_up_light_curve(8));
    }
}

#[test]
fn the_stream_refuses_what_it_cannot_take_back_and_stays_as_it_was() {
    let oracle = made_up_oracle(Preset::Published);
    let light_curve = made_up_light_curve(9);
    let mut stream = oracle.stream(&Context::new());
    for observation in light_curve.view().iter() {
        stream.push(observation).unwrap();
    }
    let newest = light_curve.view().get(8).unwrap();
    let before = stream.state().clone();
    for repeated in [6, 7, 8] {
        let observation = light_curve.view().get(repeated).unwrap();
        assert!(matches!(stream.push(observation), Err(Error::Repeated { .. })), "{repeated}");
    }
    let late = Observation { mjd: newest.mjd - 0.5, ..newest };
    assert!(matches!(stream.push(late), Err(Error::OutOfOrder { .. })));
    let nan = Observation { flux: f32::NAN, mjd: newest.mjd + 1.0, ..newest };
    assert!(matches!(stream.push(nan), Err(Error::InvalidObservation(_))));
    assert_eq!(*stream.state(), before);

    // The late one comes in by a replay, and the result is that of the whole light curve.
    let whole = LightCurve::from_observations(light_curve.view().iter().chain([late])).unwrap();
    let replayed = stream.replay(&whole).unwrap().unwrap();
    let expected = oracle.logits(whole.view(), &Context::new()).unwrap();
    assert_eq!(replayed, expected);
    assert_eq!(stream.n_observations(), 10);
}

#[test]
fn a_stored_time_comes_back_to_the_last_digit() {
    let oracle = made_up_oracle(Preset::Published);
    // Times whose shortest decimal form a careless reader brings back one digit off.
    for mjd in [60_506.538_266_936_004, 59_893.123_456_789_01, 60_000.000_000_000_01] {
        let observation =
            Observation { mjd, flux: 20.0, flux_err: 4.0, passband: Passband::LsstG, detection: true };
        let mut stream = oracle.stream(&Context::new());
        stream.push(observation).unwrap();
        let stored = serde_json::to_string(stream.state()).unwrap();
        let state: StreamState = serde_json::from_str(&stored).unwrap();
        assert_eq!(state, *stream.state());
        let again = oracle.resume(state).unwrap().push(observation);
        assert!(matches!(again, Err(Error::Repeated { .. })), "{mjd}");
    }
}

#[test]
fn a_replay_takes_what_logits_takes() {
    let oracle = made_up_oracle(Preset::Published);
    let light_curve = made_up_light_curve(6);
    // A light curve put together of two alerts' histories holds rows twice.
    let twice =
        LightCurve::from_observations(light_curve.view().iter().chain(light_curve.view().iter())).unwrap();
    let replayed = oracle.stream(&Context::new()).replay(&twice).unwrap().unwrap();
    let expected = oracle.logits(twice.view(), &Context::new()).unwrap();
    assert_eq!(replayed, expected);
}

#[test]
fn a_host_found_later_counts_from_the_next_push() {
    let oracle = made_up_oracle(Preset::Published);
    let light_curve = made_up_light_curve(5);
    let context = Context::from_iter([("REDSHIFT_HELIO", 0.3)]);
    let mut stream = oracle.stream(&Context::new());
    let mut last = None;
    for (n, observation) in light_curve.view().iter().enumerate() {
        if n == 4 {
            stream.set_context(&context);
        }
        last = stream.push(observation).unwrap();
    }
    let expected = oracle.logits(light_curve.view(), &context).unwrap();
    assert_eq!(last.unwrap(), expected);
}

#[test]
fn a_state_of_another_model_is_refused() {
    let state = made_up_oracle(Preset::Paper).stream(&Context::new()).into_state();
    let error = made_up_oracle(Preset::Published).resume(state).unwrap_err();
    assert_eq!(error.to_string(), "stream state has 23 static inputs, this model has 18");
}

#[test]
fn nothing_to_classify_is_an_error_value() {
    let oracle = made_up_oracle(Preset::PublishedBts);
    let forced = LightCurve::new(vec![1.0], vec![5.0], vec![1.0], vec![Passband::ZtfG], vec![false]).unwrap();
    let error = oracle.logits(forced.view(), &Context::new()).unwrap_err();
    assert_eq!(error.to_string(), "no observation to classify: the preset keeps 0 of 1");
    assert!(oracle.logits_history(LightCurve::default().view(), &Context::new()).is_err());
}
