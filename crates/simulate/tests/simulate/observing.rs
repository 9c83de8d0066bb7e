//! What the survey's rules do to objects.

use heliacal_simulate::{
    CONTEXT_NAMES, Detection, Field, Photometry, RedshiftRate, SimulatedClass, Simulator, SurveyConfig,
};

#[test]
fn only_detected_objects_enter_and_forced_photometry_begins_before_them() {
    let simulator = Simulator::new(SurveyConfig::default(), SimulatedClass::ALL).unwrap();
    for (object, truth) in simulator.objects_with_truth(0..1200).unwrap() {
        let lc = &object.light_curve;
        let n_detections = lc.detection().iter().filter(|detection| **detection).count();
        let needed = if truth.class.is_fast() { 1 } else { 2 };
        assert!(n_detections >= needed, "{:?}", truth.class);
        let trigger = lc.mjd()[lc.view().first_detection().unwrap()];
        assert!(trigger - lc.mjd()[0] <= 30.0);
        assert!(lc.mjd()[0] >= 61_000.0 && *lc.mjd().last().unwrap() <= 61_000.0 + 3.0 * 365.25);
        // Brighter than 15 everything saturates: 15.7 with a scatter of 0.2.
        assert!(truth.peak_magnitude > 14.8, "{:?} {}", truth.class, truth.peak_magnitude);
    }
}

#[test]
fn light_curves_can_end_after_the_last_detection() {
    let detection = Detection { days_after: Some(10.0), days_before: 5.0, ..Detection::default() };
    let config = SurveyConfig { detection, ..SurveyConfig::default() };
    let simulator = Simulator::new(config, &[SimulatedClass::SnIa, SimulatedClass::Kilonova]).unwrap();
    for object in simulator.objects(0..100).unwrap() {
        let lc = &object.light_curve;
        let last = lc.detection().iter().rposition(|detection| *detection).unwrap();
        assert!(lc.mjd().last().unwrap() - lc.mjd()[last] <= 10.0);
        assert!(lc.mjd()[lc.view().first_detection().unwrap()] - lc.mjd()[0] <= 5.0);
    }
}

#[test]
fn deep_fields_are_visited_eight_times_as_often() {
    let config = SurveyConfig { deep_fraction: 0.5, ..SurveyConfig::default() };
    let simulator = Simulator::new(config, &[SimulatedClass::Agn]).unwrap();
    let (mut wide, mut deep) = ((0.0, 0.0), (0.0, 0.0));
    for (object, truth) in simulator.objects_with_truth(0..400).unwrap() {
        let sum = if truth.field == Field::Deep { &mut deep } else { &mut wide };
        let lc = &object.light_curve;
        sum.0 += lc.len() as f64;
        sum.1 += 1.0;
    }
    let ratio = (deep.0 / deep.1) / (wide.0 / wide.1);
    assert!((ratio - 8.0).abs() < 0.8, "{ratio}");
}

#[test]
fn noise_is_that_of_the_reported_errors() {
    // After their end supernovae leave noise: its scatter over the reported error is 1.
    let simulator = Simulator::new(SurveyConfig::default(), &[SimulatedClass::Kilonova]).unwrap();
    let (mut n, mut squares) = (0.0, 0.0);
    for (object, truth) in simulator.objects_with_truth(0..300).unwrap() {
        for o in object.light_curve.view().iter().filter(|o| o.mjd > truth.event_mjd.unwrap() + 100.0) {
            n += 1.0;
            squares += f64::from(o.flux / o.flux_err).powi(2);
        }
    }
    assert!(n > 20_000.0);
    assert!((squares / n - 1.0).abs() < 0.04, "{}", squares / n);
}

#[test]
fn in_a_volumetric_survey_most_objects_are_far() {
    let median = |redshift_rate| {
        let config = SurveyConfig { redshift_rate, ..SurveyConfig::default() };
        let simulator = Simulator::new(config, &[SimulatedClass::SnIa]).unwrap();
        let mut z: Vec<f64> = simulator
            .objects_with_truth(0..300)
            .unwrap()
            .iter()
            .map(|(_, truth)| truth.redshift.unwrap())
            .collect();
        z.sort_by(f64::total_cmp);
        z[150]
    };
    let (uniform, volumetric) =
        (median(RedshiftRate::Uniform), median(RedshiftRate::Volumetric { evolution: 1.0 }));
    assert!(volumetric > uniform + 0.1, "{uniform} {volumetric}");
}

#[test]
fn all_of_the_light_is_positive_and_its_differences_are_not() {
    let fluxes = |photometry| -> Vec<f32> {
        let config = SurveyConfig { photometry, ..SurveyConfig::default() };
        let simulator = Simulator::new(config, &[SimulatedClass::RrAb]).unwrap();
        simulator.objects(0..50).unwrap().iter().flat_map(|o| o.light_curve.flux().to_vec()).collect()
    };
    let share =
        |fluxes: Vec<f32>| fluxes.iter().filter(|flux| **flux < 0.0).count() as f64 / fluxes.len() as f64;
    assert!(share(fluxes(Photometry::Total)) < 0.005);
    let negative = share(fluxes(Photometry::Difference));
    assert!((0.4..0.7).contains(&negative), "{negative}");
}

#[test]
fn all_of_the_light_does_not_let_in_what_never_changed() {
    let survey = |photometry| {
        let config = SurveyConfig { photometry, ..SurveyConfig::default() };
        let simulator = Simulator::new(config, &[SimulatedClass::Microlensing]).unwrap();
        simulator.objects_with_truth(0..100).unwrap()
    };
    let pairs = survey(Photometry::Difference).into_iter().zip(survey(Photometry::Total));
    for ((difference, truth), (total, of_total)) in pairs {
        assert_eq!((truth.attempts, truth.event_mjd), (of_total.attempts, of_total.event_mjd));
        assert_eq!(difference.context, total.context);
        let (a, b) = (&difference.light_curve, &total.light_curve);
        assert_eq!((a.mjd(), a.detection(), a.flux_err()), (b.mjd(), b.detection(), b.flux_err()));
        // All of the light is the difference and the star as it was: at 17 to 22.5 mag in r, reddened.
        assert!(a.flux().iter().zip(b.flux()).all(|(difference, total)| total > difference));
        assert!(of_total.peak_magnitude < truth.peak_magnitude);
    }
}

#[test]
fn visits_of_deep_fields_follow_each_other() {
    let config = SurveyConfig { deep_fraction: 1.0, ..SurveyConfig::default() };
    let simulator = Simulator::new(config, &[SimulatedClass::SnIa, SimulatedClass::Agn]).unwrap();
    for object in simulator.objects(0..60).unwrap() {
        assert!(object.light_curve.mjd().windows(2).all(|pair| pair[0] < pair[1]), "{}", object.id);
    }
}

#[test]
fn contexts_hold_the_features_that_oracle_asks_for_and_nothing_else() {
    let mut known = CONTEXT_NAMES;
    known.sort_unstable();
    let simulator = Simulator::new(SurveyConfig::default(), SimulatedClass::oracle()).unwrap();
    let mut seen: Vec<String> = Vec::new();
    let (mut n_galaxies, mut n_hostless, mut n_chance, mut n_stars) = (0.0, 0.0, 0.0, 0.0);
    for (object, truth) in simulator.objects_with_truth(0..3800).unwrap() {
        seen.extend(object.context.iter().map(|(name, _)| name.to_owned()));
        let has_host = object.context.get("HOSTGAL_PHOTOZ").is_some();
        if truth.redshift.is_some() {
            n_galaxies += 1.0;
            n_hostless += if has_host { 0.0 } else { 1.0 };
        } else {
            n_stars += 1.0;
            n_chance += if has_host { 1.0 } else { 0.0 };
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, known);
    assert!((n_hostless / n_galaxies - 0.15_f64).abs() < 0.025);
    assert!((0.005..0.05).contains(&(n_chance / n_stars)), "{}", n_chance / n_stars);
}
