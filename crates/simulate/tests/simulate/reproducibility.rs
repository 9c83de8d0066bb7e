//! Object i is the same, whoever draws it.

use heliacal_lightcurve::Object;
use heliacal_simulate::{ClassMix, SimulatedClass, Simulator, SurveyConfig};
use proptest::prelude::*;

fn simulator(seed: u64) -> Simulator {
    Simulator::new(SurveyConfig { seed, ..SurveyConfig::default() }, SimulatedClass::ALL).unwrap()
}

#[test]
fn number_order_and_neighbours_do_not_matter() {
    let simulator = simulator(3);
    let all = simulator.objects(0..120).unwrap();
    assert_eq!(simulator.objects(0..50).unwrap(), all[..50]);
    assert_eq!(simulator.objects(37..44).unwrap(), all[37..44]);
    for index in (0..120).rev().step_by(7) {
        assert_eq!(simulator.object(index as u64).unwrap(), all[index]);
    }
    let one_by_one: Vec<Object> = (0..120).map(|index| simulator.object(index).unwrap()).collect();
    assert_eq!(one_by_one, all);
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let simulator = simulator(4);
    let with_threads = |n| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| simulator.objects_with_truth(0..80).unwrap())
    };
    let one = with_threads(1);
    assert_eq!(with_threads(3), one);
    assert_eq!(with_threads(16), one);
}

#[test]
fn seeds_differ() {
    let (a, b) = (simulator(1).objects(0..40).unwrap(), simulator(2).objects(0..40).unwrap());
    for (a, b) in a.iter().zip(&b) {
        assert_eq!((&a.id, &a.true_class), (&b.id, &b.true_class));
        assert_ne!(a.light_curve, b.light_curve);
        assert_ne!(a.context, b.context);
    }
}

#[test]
fn another_set_of_classes_leaves_the_objects_of_a_class_alone() {
    // Object 4 of a survey of kilonovae is object 4 of one where every second object is a kilonova.
    let only = Simulator::new(SurveyConfig::default(), &[SimulatedClass::Kilonova]).unwrap();
    let both =
        Simulator::new(SurveyConfig::default(), &[SimulatedClass::Kilonova, SimulatedClass::Agn]).unwrap();
    assert_eq!(only.object(4).unwrap(), both.object(4).unwrap());
}

/// Golden: a survey does not change from one release to the next. Rounded, for the last digits of logarithms belong to
/// the platform.
#[test]
fn the_survey_is_the_one_of_the_first_release() {
    let (wide, config) =
        (simulator(1), SurveyConfig { seed: 1, deep_fraction: 1.0, ..SurveyConfig::default() });
    let deep = Simulator::new(config, SimulatedClass::ALL).unwrap();
    let summary = |simulator: &Simulator, index: u64| {
        let (object, truth) = simulator.object_with_truth(index).unwrap();
        let first = object.light_curve.view().get(0).unwrap();
        (
            object.light_curve.len(),
            truth.attempts,
            (first.mjd * 1e4).round() / 1e4,
            (truth.peak_magnitude * 1e3).round() / 1e3,
        )
    };
    let mut found: Vec<_> = [0, 5, 15, 18, 22, 39].into_iter().map(|index| summary(&wide, index)).collect();
    found.extend([5, 18].map(|index| summary(&deep, index)));
    assert_eq!(found, GOLDEN, "{found:?}");
}

/// Observations, attempts, first MJD, peak magnitude; the last two in deep fields.
const GOLDEN: [(usize, u64, f64, f64); 8] = [
    (30, 3, 62031.0925, 20.845),
    (204, 4, 61271.2364, 21.546),
    (248, 1, 61155.328, 21.416),
    (250, 1, 61140.0823, 23.192),
    (236, 1, 61008.1077, 19.409),
    (264, 1, 61114.1238, 20.111),
    (1536, 3, 61310.2412, 22.4),
    (1936, 1, 61000.0991, 22.007),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_object_of_any_class_and_seed_is_sound(seed in any::<u64>(), index in 0..(1_u64 << 40)) {
        let mix = ClassMix::Weighted(vec![1.0; 40]);
        let config = SurveyConfig { seed, mix, ..SurveyConfig::default() };
        let simulator = Simulator::new(config, SimulatedClass::ALL).unwrap();
        let (object, truth) = simulator.object_with_truth(index).unwrap();
        prop_assert_eq!(object.true_class.as_deref(), Some(simulator.class_of(index).name()));
        prop_assert_eq!(truth.class, simulator.class_of(index));
        prop_assert!(object.light_curve.flux_err().iter().all(|err| *err > 0.0));
        prop_assert!(truth.peak_magnitude.is_finite());
        prop_assert_eq!(simulator.object(index).unwrap(), object);
    }
}
