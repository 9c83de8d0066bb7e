//! Light curves of ZTF and SDSS as CSV.

use std::collections::BTreeMap;

use heliacal_io::{CsvOptions, read_csv_light_curve};
use heliacal_lightcurve::{LightCurve, PhotometricSystem};

/// f32 fluxes know a magnitude to 1.086 * 2^-24, times the number of rows.
const MAG_TOLERANCE: f64 = 7e-8;

fn check(folder: &str, photometric_system: PhotometricSystem, letters: fn(&str) -> String) {
    let Some(folder) = crate::data(folder) else { return };
    let expected = crate::expected(&folder);
    let options = CsvOptions { photometric_system, ..CsvOptions::default() };
    let mut light_curves = BTreeMap::new();
    for entry in std::fs::read_dir(folder.join("light-curves")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        light_curves.insert(name, read_csv_light_curve(&path, &options).unwrap());
    }
    let bands = |light_curves: &mut dyn Iterator<Item = &LightCurve>| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for passband in light_curves.flat_map(LightCurve::passband) {
            *counts.entry(passband.letter().to_string()).or_default() += 1;
        }
        counts
    };
    let expected_bands = |value: &serde_json::Value| -> BTreeMap<String, u64> {
        value.as_object().unwrap().iter().map(|(band, n)| (letters(band), n.as_u64().unwrap())).collect()
    };
    let totals = &expected["totals"];
    assert_eq!(light_curves.len() as u64, totals["files"].as_u64().unwrap());
    assert_eq!(
        light_curves.values().map(|lc| lc.len() as u64).sum::<u64>(),
        totals["rows"].as_u64().unwrap()
    );
    assert_eq!(bands(&mut light_curves.values()), expected_bands(&totals["bands"]));
    assert!(light_curves.values().all(|lc| lc.detection().iter().all(|&detection| detection)));

    let objects = expected["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 10);
    for object in objects {
        let light_curve = &light_curves[object["file"].as_str().unwrap()];
        assert_eq!(light_curve.len() as u64, object["rows"].as_u64().unwrap());
        assert_eq!(light_curve.mjd().first().copied(), object["time_first"].as_f64());
        assert_eq!(light_curve.mjd().last().copied(), object["time_last"].as_f64());
        assert_eq!(bands(&mut [light_curve].into_iter()), expected_bands(&object["bands"]));
        let sum: f64 = light_curve.flux().iter().map(|&flux| 27.5 - 2.5 * f64::from(flux).log10()).sum();
        let tolerance = MAG_TOLERANCE * light_curve.len() as f64;
        assert!((sum - object["sum_mag"].as_f64().unwrap()).abs() < tolerance, "{sum} {object}");
    }
}

#[test]
fn ztf_supernovae_have_the_expected_magnitudes() {
    check("sn-ztf-bts", PhotometricSystem::Ztf, str::to_lowercase);
}

#[test]
fn sdss_rr_lyrae_have_the_expected_magnitudes() {
    check("rrlyrae", PhotometricSystem::Lsst, str::to_owned);
}
