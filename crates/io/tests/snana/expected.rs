//! Every number of `expected.json`, which astropy read out of the same files (`HELIACAL_TEST_DATA`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heliacal_io::{ContextColumns, ErrorKind, Layout, ReadOptions, Record, SnanaReader, Survey};
use serde_json::Value;

/// Sums of f32 widened to f64, in another order than math.fsum.
const SUM: f64 = 1e-9;

/// serde_json reads decimal numbers to within one unit in the last place, 2^-52.
const JSON: f64 = 2.3e-16;

fn data(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("HELIACAL_TEST_DATA") else {
        eprintln!("skipped: HELIACAL_TEST_DATA is not set");
        return None;
    };
    Some(Path::new(&root).join(name))
}

fn json(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap()
}

fn options() -> ReadOptions {
    let names = ["RA", "DEC", "MWEBV", "REDSHIFT_HELIO", "REDSHIFT_FINAL", "PEAKMJD", "MJD_TRIGGER"];
    ReadOptions { context: ContextColumns::Named(names.map(String::from).to_vec()), ..Default::default() }
}

fn close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= SUM * expected.abs().max(1.0), "{what}: {found} is not {expected}");
}

fn sum(flux: &[f32]) -> f64 {
    // Sorted by size, large sums lose nothing that 1e-9 would see.
    let mut values: Vec<f64> = flux.iter().copied().map(f64::from).collect();
    values.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    values.iter().sum()
}

fn check_headers(root: &Path, files: &Value) -> u64 {
    let mut phot_rows = 0;
    for file in files.as_array().unwrap() {
        let head = root.join(file["head"].as_str().unwrap());
        let what = head.display().to_string();
        if file["phot"].is_null() {
            let error = SnanaReader::open(&head, &options()).unwrap_err();
            assert!(matches!(error.kind, ErrorKind::MissingPhot { .. }), "{error}");
            continue;
        }
        let reader = SnanaReader::open(&head, &options()).unwrap();
        let header = reader.header();
        let text = |name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(header.n_objects, file["objects"].as_u64().unwrap(), "{what}");
        assert_eq!(header.n_head_columns as u64, file["head_columns"].as_u64().unwrap(), "{what}");
        assert_eq!(header.n_phot_columns as u64, file["phot_columns"].as_u64().unwrap(), "{what}");
        assert_eq!(header.n_phot_rows, file["phot_rows"].as_u64().unwrap(), "{what}");
        assert_eq!(header.phot_path, root.join(file["phot"].as_str().unwrap()));
        assert_eq!(header.snana_version, text("SNANA_VERSION"), "{what}");
        assert_eq!(header.survey, text("SURVEY"), "{what}");
        assert_eq!(header.filters, text("FILTERS"), "{what}");
        assert_eq!(header.phot_file, text("PHOTFILE"), "{what}");
        assert_eq!(header.datatype, text("DATATYPE"), "{what}");
        assert_eq!(header.code_iversion, file.get("CODE_IVERSION").and_then(Value::as_i64), "{what}");
        assert_eq!(header.photflag_detect, file.get("PHOTFLAG_DETECT").and_then(Value::as_i64), "{what}");
        let layout = if file["pointers_valid"] == true { Layout::Pointers } else { Layout::Markers };
        assert_eq!(header.layout, layout, "{what}");
        phot_rows += header.n_phot_rows;
    }
    phot_rows
}

fn check_object(record: &Record, expected: &Value) {
    let object = &record.object;
    let what = format!("{} {}", record.source.display(), object.id);
    let lc = &object.light_curve;
    // expected.json counts saturated rows among NOBS; there are none in these files.
    assert_eq!(expected["n_saturated"], 0, "{what}");
    assert_eq!(lc.len() as u64, expected["nobs"].as_u64().unwrap(), "{what}");
    close(sum(lc.flux()), &expected["sum_fluxcal"], &what);
    close(sum(lc.flux_err()), &expected["sum_fluxcalerr"], &what);
    let view = lc.view();
    let (first, last) = (view.get(0).unwrap(), view.get(lc.len() - 1).unwrap());
    assert_eq!(Some(first.mjd), expected["mjd_first"].as_f64(), "{what}");
    assert_eq!(Some(last.mjd), expected["mjd_last"].as_f64(), "{what}");
    assert_eq!(first.passband.letter().to_string(), expected["band_first"].as_str().unwrap(), "{what}");
    assert_eq!(last.passband.letter().to_string(), expected["band_last"].as_str().unwrap(), "{what}");
    let n_detections = lc.detection().iter().filter(|&&detection| detection).count();
    assert_eq!(n_detections as u64, expected["n_detections"].as_u64().unwrap(), "{what}");
    let trigger = view.first_detection().map(|index| lc.mjd()[index]);
    assert_eq!(trigger, expected["mjd_first_detection"].as_f64(), "{what}");
    let context = ["ra", "dec", "mwebv", "redshift_helio", "redshift_final", "peakmjd", "mjd_trigger"];
    for name in context {
        let expected = expected.get(name).and_then(Value::as_f64);
        let found = object.context.get(&name.to_uppercase());
        let same = found.zip(expected).is_some_and(|(a, b)| (a - b).abs() <= JSON * b.abs());
        assert!(same || found == expected, "{what} {name}: {found:?} is not {expected:?}");
    }
    assert_eq!(record.labels.sntype, expected["sntype"].as_i64(), "{what}");
    assert_eq!(record.labels.sim_type_index, expected["sim_type_index"].as_i64(), "{what}");
    assert_eq!(record.labels.sim_model_name.as_deref(), expected["sim_model_name"].as_str(), "{what}");
}

fn check(root: &Path, path: &Path, expected: &Value) {
    let phot_rows = check_headers(root, &expected["files"]);
    assert_eq!(phot_rows, expected["totals"]["phot_rows"].as_u64().unwrap());

    let mut bands = BTreeMap::new();
    let (mut n_observations, mut n_detections, mut n_triggered, mut n_objects) = (0u64, 0u64, 0u64, 0u64);
    let mut flux = Vec::new();
    let mut left: Vec<&Value> = expected["objects"].as_array().unwrap().iter().collect();
    for record in Survey::open([path], &options()).unwrap() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                assert!(matches!(error.kind, ErrorKind::MissingPhot { .. }), "{error}");
                continue;
            }
        };
        let lc = &record.object.light_curve;
        n_objects += 1;
        n_observations += lc.len() as u64;
        n_detections += lc.detection().iter().filter(|&&detection| detection).count() as u64;
        n_triggered += u64::from(lc.view().first_detection().is_some());
        flux.extend_from_slice(lc.flux());
        for band in lc.passband() {
            *bands.entry(band.letter().to_string()).or_insert(0u64) += 1;
        }
        let file = record.source.file_name().unwrap().to_string_lossy();
        let id = record.object.id.to_string();
        if let Some(at) = left.iter().position(|o| o["file"] == *file && o["snid"] == *id) {
            check_object(&record, left.remove(at));
        }
    }
    assert!(left.is_empty(), "not found: {left:?}");
    assert_eq!(n_observations, expected["totals"]["observations"].as_u64().unwrap());
    let readable = expected["files"].as_array().unwrap().iter().filter(|file| !file["phot"].is_null());
    assert_eq!(n_objects, readable.map(|file| file["objects"].as_u64().unwrap()).sum::<u64>());
    assert_eq!(serde_json::to_value(&bands).unwrap(), expected["bands"]);
    let flags: BTreeMap<i64, u64> = serde_json::from_value(expected["photflag_values"].clone()).unwrap();
    let with = |mask| flags.iter().filter(|(flag, _)| *flag & mask != 0).map(|(_, n)| n).sum::<u64>();
    assert_eq!((n_detections, 0), (with(4096), with(1024)));
    if with(2048) > 0 {
        assert_eq!(n_triggered, with(2048));
    }
    close(sum(&flux), &expected["sum_fluxcal_all"], "all");
}

#[test]
fn elasticc2() {
    let Some(root) = data("elasticc2") else { return };
    let expected = json(&root);
    for (model, expected) in expected.as_object().unwrap() {
        let folder = root.join(format!("ELASTICC2_TRAIN_01_1percent_{model}"));
        check(&root, &folder, expected);
        // The LIST leads to the same.
        let list = folder.join(format!("ELASTICC2_TRAIN_01_1percent_{model}.LIST"));
        let survey = Survey::open([list.as_path(), &folder], &options()).unwrap();
        assert_eq!(survey.n_sources(), 40);
        assert_eq!(
            survey.collect::<Result<Vec<_>, _>>().unwrap().len() as u64,
            expected["totals"]["objects"].as_u64().unwrap()
        );
    }
}

#[test]
fn plasticc_starterkit() {
    let Some(root) = data("plasticc-starterkit") else { return };
    check(&root, &root, &json(&root));
}

#[test]
fn des_sims_have_stale_pointers_and_a_missing_phot_file() {
    let Some(root) = data("des-sims") else { return };
    check(&root, &root, &json(&root));
}

#[test]
fn sentinels_of_the_hosts_become_absent() {
    let Some(root) = data("elasticc2") else { return };
    let mut n_second_hosts = 0;
    for record in
        Survey::open([root.join("ELASTICC2_TRAIN_01_1percent_SNIb-Templates")], &ReadOptions::default())
            .unwrap()
    {
        let context = record.unwrap().object.context;
        // README: 235 of 272 objects have no second host.
        n_second_hosts += u32::from(context.get("HOSTGAL2_RA").is_some());
        assert_eq!(context.get("HOSTGAL2_RA").is_some(), context.get("HOSTGAL2_MAG_r").is_some());
        assert_eq!(context.get("HOSTGAL2_RA").is_some(), context.get("HOSTGAL2_ZPHOT_Q050").is_some());
        for absent in
            ["HOSTGAL_CONFUSION", "HOSTGAL_LOGSFR", "HOSTGAL_COLOR_ERR", "NOBS", "PEAKMJD", "SIM_RA"]
        {
            assert_eq!(context.get(absent), None, "{absent}");
        }
        assert_eq!(context.get("VPEC"), Some(0.0));
    }
    assert_eq!(n_second_hosts, 37);
}
