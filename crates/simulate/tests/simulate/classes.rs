//! Every class looks as its name says.

use heliacal_lightcurve::{Object, Passband};
use heliacal_simulate::{Cosmology, Photometry, SimulatedClass, Simulator, SurveyConfig, Truth};

fn objects(class: SimulatedClass, n: u64) -> Vec<(Object, Truth)> {
    Simulator::new(SurveyConfig::default(), &[class]).unwrap().objects_with_truth(0..n).unwrap()
}

fn median(mut values: Vec<f64>) -> f64 {
    assert!(!values.is_empty());
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Days from the first to the last detection.
fn span(object: &Object) -> f64 {
    let lc = &object.light_curve;
    let last = lc.detection().iter().rposition(|detection| *detection).unwrap();
    lc.mjd()[last] - lc.mjd()[lc.view().first_detection().unwrap()]
}

/// Median over objects of the days between detections.
fn typical_span(class: SimulatedClass) -> f64 {
    median(objects(class, 150).iter().map(|(object, _)| span(object)).collect())
}

#[test]
fn every_class_is_seen_at_plausible_magnitudes() {
    for &class in SimulatedClass::ALL {
        let peaks: Vec<f64> = objects(class, 60).iter().map(|(_, truth)| truth.peak_magnitude).collect();
        let typical = median(peaks.clone());
        assert!((15.5..23.6).contains(&typical), "{class:?} {typical}");
        assert!(peaks.iter().all(|peak| (14.8..25.5).contains(peak)), "{class:?} {peaks:?}");
    }
}

#[test]
fn fast_ones_are_gone_and_long_ones_stay() {
    use SimulatedClass::{Cart, Kilonova, MDwarfFlare, Pisn, Slsn, SnII, SnIa, Tde};
    let kilonovae = objects(Kilonova, 200);
    // Noise triggers once in some hundreds of objects.
    let long = kilonovae.iter().filter(|(object, _)| span(object) > 40.0).count();
    assert!(long <= 4, "{long}");
    assert!(typical_span(Kilonova) < 15.0, "{}", typical_span(Kilonova));
    assert!(typical_span(Slsn) > 100.0, "{}", typical_span(Slsn));
    assert!(typical_span(Pisn) > 200.0, "{}", typical_span(Pisn));
    assert!((15.0..120.0).contains(&typical_span(SnIa)), "{}", typical_span(SnIa));
    assert!(typical_span(SnII) > typical_span(Cart));
    assert!(typical_span(Tde) > 40.0);
    // A flare is seen in one or two exposures of a night; a star has one to a few of them.
    let detections = |(object, _): &(Object, Truth)| {
        object.light_curve.detection().iter().filter(|detection| **detection).count() as f64
    };
    assert!(median(objects(MDwarfFlare, 150).iter().map(detections).collect()) <= 4.0);
}

#[test]
fn absolute_magnitudes_are_those_of_the_classes() {
    use SimulatedClass::{Cart, Ilot, Kilonova, Slsn, Sn91bg, SnIa, SnIbc, Tde};
    let cosmology = Cosmology::default();
    // Near ones only, where the survey sees most of a class; the brightest visit of any band, so that a hot
    // source is brighter than its V magnitude.
    for (class, far, faint, bright) in [
        (SnIa, 0.15, -18.3, -20.0),
        (Sn91bg, 0.1, -16.9, -18.6),
        (SnIbc, 0.1, -16.3, -18.3),
        (Ilot, 0.02, -12.3, -14.6),
        (Cart, 0.06, -15.3, -17.2),
        (Kilonova, 0.05, -14.3, -17.2),
        (Slsn, 0.6, -20.8, -22.8),
        (Tde, 0.4, -18.9, -21.4),
    ] {
        let near: Vec<f64> = objects(class, 500)
            .iter()
            .filter(|(_, truth)| truth.redshift.unwrap() < far)
            .map(|(_, truth)| truth.peak_magnitude - cosmology.distance_modulus(truth.redshift.unwrap()))
            .collect();
        assert!(near.len() > 20, "{class:?} {}", near.len());
        let typical = median(near);
        assert!(typical < faint && typical > bright, "{class:?} {typical}");
    }
}

/// Median ratio of fluxes in g and r in a window of days of the rest frame.
fn g_over_r(objects: &[(Object, Truth)], from: f64, to: f64) -> f64 {
    let mut ratios = Vec::new();
    for (object, truth) in objects {
        let z = truth.redshift.unwrap_or(0.0);
        let rest = |mjd: f64| (mjd - truth.event_mjd.unwrap()) / (1.0 + z);
        let mean = |band| {
            let fluxes: Vec<f64> = object
                .light_curve
                .view()
                .iter()
                .filter(|o| o.passband == band && o.detection && (from..to).contains(&rest(o.mjd)))
                .map(|o| f64::from(o.flux))
                .collect();
            (!fluxes.is_empty()).then(|| fluxes.iter().sum::<f64>() / fluxes.len() as f64)
        };
        ratios.extend(Option::zip(mean(Passband::LsstG), mean(Passband::LsstR)).map(|(g, r)| g / r));
    }
    median(ratios)
}

#[test]
fn supernovae_redden_and_disruptions_stay_blue() {
    let near = |class, far: f64| -> Vec<_> {
        objects(class, 1500).into_iter().filter(|(_, truth)| truth.redshift.unwrap() < far).collect()
    };
    let ia = near(SimulatedClass::SnIa, 0.2);
    let (early, late) = (g_over_r(&ia, -6.0, 6.0), g_over_r(&ia, 20.0, 40.0));
    assert!(early > 0.8 && late < 0.6 * early, "{early} {late}");
    let tde = near(SimulatedClass::Tde, 0.4);
    let (early, late) = (g_over_r(&tde, -10.0, 10.0), g_over_r(&tde, 30.0, 90.0));
    assert!(early > 1.05 && late > 0.85 * early, "{early} {late}");
}

#[test]
fn active_nuclei_are_never_flat() {
    for (object, truth) in objects(SimulatedClass::Agn, 300) {
        let lc = object.light_curve.view();
        let weight: f64 = lc.iter().map(|o| f64::from(o.flux_err).powi(-2)).sum();
        let mean =
            lc.iter().map(|o| f64::from(o.flux) * f64::from(o.flux_err).powi(-2)).sum::<f64>() / weight;
        let chi2: f64 = lc.iter().map(|o| ((f64::from(o.flux) - mean) / f64::from(o.flux_err)).powi(2)).sum();
        let reduced = chi2 / (lc.len() as f64 - 1.0);
        assert!(lc.len() < 10 || reduced > 1.5, "{reduced} {truth:?}");
    }
}

#[test]
fn periods_are_those_of_the_field() {
    use SimulatedClass as C;
    for (class, low, high) in [
        (C::RrAb, 0.40, 0.90),
        (C::RrC, 0.22, 0.45),
        (C::RrD, 0.31, 0.45),
        (C::DeltaCephei, 1.5, 64.0),
        (C::DeltaCepheiOvertone, 0.5, 6.4),
        (C::WVirginis, 1.0, 30.0),
        (C::LowDeltaScuti, 0.03, 0.22),
        (C::HighDeltaScuti, 0.05, 0.2),
        (C::WUrsaeMajoris, 0.23, 0.6),
        (C::Mira, 120.0, 550.0),
        (C::Semiregular, 40.0, 300.0),
    ] {
        for (_, truth) in objects(class, 100) {
            let period = truth.period.unwrap();
            assert!((low..=high).contains(&period), "{class:?} {period}");
            assert!(truth.redshift.is_none());
        }
    }
    let blazhko = |class| objects(class, 400).iter().filter(|(_, truth)| truth.blazhko).count();
    assert!((80..160).contains(&blazhko(C::RrAb)), "{}", blazhko(C::RrAb));
    assert_eq!([blazhko(C::RrC), blazhko(C::DeltaCephei)], [0, 0]);
}

/// Half of the range of magnitudes in one band that holds nearly all of them.
fn amplitude(object: &Object, band: Passband) -> Option<f64> {
    let lc = object.light_curve.view();
    let mut magnitudes: Vec<f64> = lc
        .iter()
        .filter(|o| o.passband == band && o.flux > 10.0 * o.flux_err)
        .map(|o| 27.5 - 2.5 * f64::from(o.flux).log10())
        .collect();
    magnitudes.sort_by(f64::total_cmp);
    (magnitudes.len() > 20).then(|| magnitudes[magnitudes.len() - 2] - magnitudes[1])
}

#[test]
fn amplitudes_in_all_of_the_light_are_those_of_the_types() {
    use SimulatedClass as C;
    let config = SurveyConfig { photometry: Photometry::Total, ..SurveyConfig::default() };
    for (class, low, high) in [
        (C::RrAb, 0.4, 1.0),
        (C::RrC, 0.2, 0.5),
        (C::DeltaCephei, 0.35, 1.1),
        (C::DeltaCepheiOvertone, 0.2, 0.5),
        (C::LowDeltaScuti, 0.04, 0.3),
        (C::HighDeltaScuti, 0.2, 0.6),
        (C::WUrsaeMajoris, 0.1, 0.6),
        (C::Ellipsoidal, 0.08, 0.45),
        (C::Mira, 1.5, 5.5),
        (C::Rotating, 0.04, 0.4),
        (C::RsCanumVenaticorum, 0.15, 0.9),
    ] {
        let simulator = Simulator::new(config.clone(), &[class]).unwrap();
        let amplitudes: Vec<f64> = simulator
            .objects(0..120)
            .unwrap()
            .iter()
            .filter_map(|object| amplitude(object, Passband::LsstR))
            .collect();
        let typical = median(amplitudes);
        assert!((low..high).contains(&typical), "{class:?} {typical}");
    }
}
