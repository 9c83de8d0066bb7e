//! An arena gives every object what a stream of its own gives, to the last bit on the CPU.

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use heliacal_lightcurve::{Context, Observation};
use heliacal_models::{
    Error, Oracle, Preset, Slot, StreamArena, StreamState, TimeOrigin, candle_core, candle_nn,
};

use crate::devices::{forward_tolerance, on_a_gpu};
use crate::{
    largest_difference, made_up_light_curve, made_up_oracle, made_up_oracles, made_up_weights, wave,
};

const N_OBJECTS: usize = 9;

fn context(object: usize) -> Context {
    Context::from_iter([("MWEBV", 0.1 * object as f64), ("RA", 15.0 * object as f64), ("DEC", 2.2)])
}

/// Light curves of 1 to 41 observations.
fn light_curve(object: usize) -> Vec<Observation> {
    let observations = made_up_light_curve(5 * object + 1);
    observations.view().iter().map(|o| Observation { flux: o.flux + object as f32, ..o }).collect()
}

/// The observations of all objects, those of one in their order, the objects mixed.
fn interleaved() -> Vec<(usize, Observation)> {
    let mut all: Vec<(f32, usize, Observation)> = Vec::new();
    for object in 0..N_OBJECTS {
        let mut keys: Vec<f32> = (0..=5 * object).map(|i| wave(97 * object + i)).collect();
        keys.sort_by(f32::total_cmp);
        all.extend(keys.into_iter().zip(light_curve(object)).map(|(key, o)| (key, object, o)));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.into_iter().map(|(_, object, observation)| (object, observation)).collect()
}

fn bits(logits: Option<Vec<f32>>) -> Option<Vec<u32>> {
    logits.map(|logits| logits.into_iter().map(f32::to_bits).collect())
}

fn push_one(
    arena: &mut StreamArena<'_>,
    slot: Slot,
    observation: Observation,
) -> Result<Option<Vec<f32>>, Error> {
    arena.push(&[(slot, observation)]).remove(0)
}

fn check(oracle: &Oracle) {
    let observations = interleaved();
    let mut streams: Vec<_> = (0..N_OBJECTS).map(|object| oracle.stream(&context(object))).collect();
    let expected: Vec<_> =
        observations.iter().map(|&(object, o)| bits(streams[object].push(o).unwrap())).collect();
    assert!(expected.iter().any(Option::is_some));

    for at_once in [1, 5, 64, observations.len()] {
        let mut arena = oracle.arena();
        let slots: Vec<Slot> = (0..N_OBJECTS).map(|object| arena.insert(&context(object))).collect();
        let mut found = Vec::new();
        for batch in observations.chunks(at_once) {
            let batch: Vec<_> = batch.iter().map(|&(object, o)| (slots[object], o)).collect();
            found.extend(arena.push(&batch).into_iter().map(|logits| bits(logits.unwrap())));
        }
        assert_eq!(found, expected, "{at_once} at once");
        for (slot, stream) in slots.into_iter().zip(&streams) {
            assert_eq!(arena.n_observations(slot).unwrap(), stream.n_observations());
            assert_eq!(arena.state(slot).unwrap(), *stream.state());
        }
    }
}

#[test]
fn every_preset_and_time_origin() {
    for oracle in made_up_oracles() {
        check(&oracle);
    }
}

/// There the products of many objects are others than those of one.
#[test]
fn close_together_on_a_gpu() {
    on_a_gpu(|| {
        let oracle = made_up_oracle(Preset::Published);
        let observations = interleaved();
        let mut streams: Vec<_> = (0..N_OBJECTS).map(|object| oracle.stream(&context(object))).collect();
        let mut arena = oracle.arena();
        let slots: Vec<Slot> = (0..N_OBJECTS).map(|object| arena.insert(&context(object))).collect();
        for batch in observations.chunks(7) {
            let pushed: Vec<_> = batch.iter().map(|&(object, o)| (slots[object], o)).collect();
            for (found, &(object, observation)) in arena.push(&pushed).into_iter().zip(batch) {
                let expected = streams[object].push(observation).unwrap().unwrap();
                let widen = |logits: Vec<f32>| logits.into_iter().map(f64::from).collect::<Vec<_>>();
                let worst = largest_difference(widen(found.unwrap().unwrap()), widen(expected));
                assert!(worst < forward_tolerance(0.0), "{worst:e}");
            }
        }
    });
}

#[test]
fn windows_that_slide() {
    let config = Preset::Paper.config(26);
    for (max_steps, origin) in
        [(7, TimeOrigin::FirstObservation), (7, TimeOrigin::FirstDetection), (1, TimeOrigin::FirstDetection)]
    {
        let mut features = Preset::Paper.features().with_time_origin(origin);
        features.max_steps = Some(max_steps);
        check(&Oracle::new(config.clone(), features, made_up_weights(&config)).unwrap());
    }
}

#[test]
fn more_objects_than_go_through_the_network_together() {
    let oracle = made_up_oracle(Preset::PublishedLite);
    let mut arena = oracle.arena();
    let first = light_curve(0)[0];
    let observation = |index: usize| Observation { flux: index as f32, ..first };
    let batch: Vec<_> = (0..8200).map(|index| (arena.insert(&Context::new()), observation(index))).collect();
    let found = arena.push(&batch);
    for index in [0, 1, 8191, 8192, 8199] {
        let expected = oracle.stream(&Context::new()).push(observation(index)).unwrap();
        assert_eq!(found[index].as_ref().unwrap(), &expected, "{index}");
    }
}

#[test]
fn an_error_touches_one_observation_alone() {
    let oracle = made_up_oracle(Preset::Published);
    let mut arena = oracle.arena();
    let slots: Vec<Slot> = (0..3).map(|_| arena.insert(&Context::new())).collect();
    let nowhere = {
        let mut larger = oracle.arena();
        (0..9).map(|_| larger.insert(&Context::new())).last().unwrap()
    };
    let observations = light_curve(3);
    let [first, second] = [observations[0], observations[3]];
    let nan = Observation { flux: f32::NAN, ..second };
    let late = Observation { mjd: first.mjd - 1.0, ..first };
    let results = arena.push(&[
        (slots[0], first),
        (nowhere, first),
        (slots[1], nan),
        (slots[0], first),
        (slots[2], first),
        (slots[1], first),
        (slots[0], late),
        (slots[0], second),
    ]);
    let mut stream = oracle.stream(&Context::new());
    let [after_first, after_second] = [first, second].map(|o| stream.push(o).unwrap());
    for (index, expected) in [(0, &after_first), (4, &after_first), (5, &after_first), (7, &after_second)] {
        assert_eq!(results[index].as_ref().unwrap(), expected, "{index}");
    }
    assert!(matches!(results[1], Err(Error::NoSuchObject { slot: 8 })));
    assert!(matches!(results[2], Err(Error::InvalidObservation(_))));
    assert!(matches!(results[3], Err(Error::Repeated { .. })));
    assert!(matches!(results[6], Err(Error::OutOfOrder { .. })));
    assert_eq!(arena.state(slots[0]).unwrap(), *stream.state());
    assert!(arena.push(&[]).is_empty());
}

#[test]
fn an_object_goes_elsewhere_and_its_slot_to_another() {
    let oracle = made_up_oracle(Preset::Published);
    let (mut arena, mut other) = (oracle.arena(), oracle.arena());
    assert!(arena.is_empty());
    let observations = light_curve(2);
    let slots: Vec<Slot> = (0..3).map(|object| arena.insert(&context(object))).collect();
    for observation in &observations[..4] {
        assert!(arena.push(&slots.iter().map(|&slot| (slot, *observation)).collect::<Vec<_>>())[1].is_ok());
    }

    // Through a database into another arena.
    let stored = serde_json::to_string(&arena.remove(slots[1]).unwrap()).unwrap();
    assert_eq!((arena.len(), other.len()), (2, 0));
    let gone = arena.push(&[(slots[1], observations[4])]).remove(0);
    assert!(matches!(gone, Err(Error::NoSuchObject { slot: 1 })));
    assert!(arena.remove(slots[1]).is_err() && arena.state(slots[1]).is_err());
    assert!(arena.n_observations(slots[1]).is_err() && arena.set_context(slots[1], &context(0)).is_err());
    let state: StreamState = serde_json::from_str(&stored).unwrap();
    let moved = other.restore(state.clone()).unwrap();
    let mut stream = oracle.resume(state).unwrap();
    let expected = stream.push(observations[4]).unwrap();
    assert_eq!(push_one(&mut other, moved, observations[4]).unwrap(), expected);

    // The slot's next object begins from nothing, and its neighbours notice nothing.
    let reused = arena.insert(&context(7));
    assert_eq!((reused, arena.len()), (slots[1], 3));
    assert_eq!(arena.n_observations(reused).unwrap(), 0);
    let expected = oracle.stream(&context(7)).push(observations[0]).unwrap();
    assert_eq!(push_one(&mut arena, reused, observations[0]).unwrap(), expected);
    for object in [0, 2] {
        let mut stream = oracle.stream(&context(object));
        observations[..4].iter().for_each(|&o| assert!(stream.push(o).is_ok()));
        assert_eq!(arena.state(slots[object]).unwrap(), *stream.state());
    }
}

#[test]
fn a_host_found_later_counts_from_the_next_push() {
    let oracle = made_up_oracle(Preset::Published);
    let mut arena = oracle.arena();
    let slot = arena.insert(&Context::new());
    let mut stream = oracle.stream(&Context::new());
    for (n, observation) in light_curve(1).into_iter().enumerate() {
        if n == 3 {
            arena.set_context(slot, &context(5)).unwrap();
            stream.set_context(&context(5));
        }
        assert_eq!(push_one(&mut arena, slot, observation).unwrap(), stream.push(observation).unwrap());
    }
}

#[test]
fn a_state_of_another_model_is_refused() {
    let state = made_up_oracle(Preset::Paper).stream(&Context::new()).into_state();
    let oracle = made_up_oracle(Preset::Published);
    assert!(matches!(oracle.arena().restore(state), Err(Error::StreamState { .. })));
}

/// Gives weights in double precision, whatever is asked for.
struct DoublePrecision;

impl SimpleBackend for DoublePrecision {
    fn get(&self, shape: Shape, _: &str, _: Init, _: DType, device: &Device) -> candle_core::Result<Tensor> {
        Tensor::zeros(shape, DType::F64, device)
    }

    fn get_unchecked(&self, _: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        unimplemented!("no network asks for a weight of unknown shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// Weights that the encoded rows do not fit: every pass fails.
#[test]
fn a_failing_device_leaves_everything_as_it_was() {
    let config = Preset::Paper.config(26);
    let weights = VarBuilder::from_backend(Box::new(DoublePrecision), DType::F32, Device::Cpu);
    let oracle = Oracle::new(config, Preset::Paper.features(), weights).unwrap();
    let mut arena = oracle.arena();
    let slots = [arena.insert(&context(1)), arena.insert(&context(2))];
    let before = slots.map(|slot| arena.state(slot).unwrap());
    let observation = light_curve(0)[0];
    for _ in 0..2 {
        let results = arena.push(&slots.map(|slot| (slot, observation)));
        assert!(matches!(results[..], [Err(Error::Candle(_)), Err(Error::NotClassified)]), "{results:?}");
        assert_eq!(slots.map(|slot| arena.state(slot).unwrap()), before);
    }
    let mut stream = oracle.stream(&context(1));
    assert!(matches!(stream.push(observation), Err(Error::Candle(_))));
    assert_eq!(*stream.state(), before[0]);
}
