//! ELAsTiCC2's kilonovae in the four layouts that their users have.

use std::collections::BTreeMap;

use heliacal_io::{ContextColumns, ParquetLightCurves, ReadOptions, Record};
use heliacal_lightcurve::ObjectId;

const FILES: [&str; 4] =
    ["oracle_KN_K17.parquet", "elasticc2_KN_K17.parquet", "long_KN_K17.parquet", "nested_KN_K17.parquet"];

fn read(file: &str, options: &ReadOptions) -> Option<BTreeMap<ObjectId, Record>> {
    let path = crate::data("parquet-layouts")?.join(file);
    let records = ParquetLightCurves::open(&path, options).unwrap().map(Result::unwrap);
    Some(records.map(|record| (record.object.id.clone(), record)).collect())
}

#[test]
fn the_four_layouts_hold_the_same_light_curves() {
    let Some(folder) = crate::data("parquet-layouts") else { return };
    let expected = crate::expected(&folder);
    let first = read(FILES[0], &ReadOptions::default()).unwrap();
    assert_eq!(first.len(), 47);
    assert_eq!(first.values().map(|record| record.object.light_curve.len()).sum::<usize>(), 7059);
    for file in FILES {
        let records = read(file, &ReadOptions::default()).unwrap();
        assert!(records.keys().eq(first.keys()), "{file}");
        for (id, record) in &records {
            assert_eq!(record.object.light_curve, first[id].object.light_curve, "{file} {id}");
        }
        let objects = expected[file]["first10"].as_array().unwrap();
        assert_eq!(objects.len(), 10);
        for object in objects {
            let light_curve =
                &records[&ObjectId::Integer(object["snid"].as_i64().unwrap())].object.light_curve;
            assert_eq!(light_curve.len() as u64, object["nobs"].as_u64().unwrap());
            // Sums of a few hundred fluxes in another order than fsum's.
            let sum: f64 = light_curve.flux().iter().map(|&flux| f64::from(flux)).sum();
            assert!((sum - object["sum_fluxcal"].as_f64().unwrap()).abs() < 1e-9, "{sum} {object}");
        }
    }
}

#[test]
fn static_features_and_labels_are_read_where_the_layout_has_them() {
    let Some(oracle) = read(FILES[0], &ReadOptions::default()) else { return };
    let elasticc2 = read(FILES[1], &ReadOptions::default()).unwrap();
    let long = read(FILES[2], &ReadOptions::default()).unwrap();
    let nested = read(FILES[3], &ReadOptions::default()).unwrap();
    for (id, record) in &oracle {
        assert_eq!(record.labels.sim_type_index, Some(50));
        assert!(matches!(record.labels.sntype, Some(50 | 150)));
        assert_eq!(record.labels.sim_model_name.as_deref(), Some("SIMSED.KN-K17"));
        assert_eq!(record.labels.folder.as_deref(), Some("parquet-layouts"));
        assert_eq!(record.object.true_class, None);
        let context = &record.object.context;
        // The second host's columns hold nothing but codes, and so do the colour and the star formation rate.
        assert!(context.iter().all(|(name, _)| !name.starts_with("HOSTGAL2") && !name.starts_with("SIM_")));
        assert!(
            ["HOSTGAL_COLOR", "HOSTGAL_LOGSFR", "HOSTGAL_CONFUSION", "NOBS", "PEAKMJD", "MJD_TRIGGER"]
                .iter()
                .all(|name| context.get(name).is_none())
        );
        assert!(context.get("HOSTGAL_MAG_u").is_some() && context.get("HOSTGAL_LOGMASS").is_some());
        assert_eq!(elasticc2[id].labels.sim_type_index, Some(50));
        // The tool behind this layout leaves six columns of the HEAD file out.
        for (name, value) in elasticc2[id].object.context.iter() {
            assert_eq!(context.get(name), Some(value), "{name}");
        }
        for (name, value) in nested[id].object.context.iter() {
            assert_eq!(context.get(name), Some(value), "{name}");
        }
        assert_eq!(nested[id].object.context.len(), 4); // RA DEC MWEBV REDSHIFT_FINAL
        assert_eq!(long[id].object.context.len(), 0);
    }
    let with_specz =
        oracle.values().filter(|record| record.object.context.get("HOSTGAL_SPECZ").is_some()).count();
    assert_eq!(with_specz, 47 - 26);
}

#[test]
fn named_columns_are_the_static_features_asked_for() {
    let named = |names: &[&str]| ReadOptions {
        context: ContextColumns::Named(names.iter().map(|&name| name.to_owned()).collect()),
        ..ReadOptions::default()
    };
    let Some(records) = read(FILES[0], &named(&["SIM_DLMU", "NOBS", "NO_SUCH_COLUMN"])) else { return };
    for record in records.values() {
        let context = &record.object.context;
        assert_eq!(context.get("NOBS"), Some(record.object.light_curve.len() as f64));
        assert!(context.get("SIM_DLMU").is_some() && context.len() == 2);
    }
    // In a row an observation, a column that is asked for has to be static.
    let path = crate::data("parquet-layouts").unwrap().join(FILES[2]);
    let gain = ParquetLightCurves::open(&path, &named(&["GAIN"])).unwrap();
    assert!(gain.map(Result::unwrap).all(|record| record.object.context.get("GAIN") == Some(1.0)));
    let errors: Vec<_> = ParquetLightCurves::open(&path, &named(&["ZEROPT"])).unwrap().collect();
    assert_eq!(errors.len(), 47);
    let error = errors[0].as_ref().unwrap_err().to_string();
    assert!(
        error.contains("column ZEROPT, object 191912") && error.contains("as in the object's first row"),
        "{error}"
    );
    let error = ParquetLightCurves::open(&path, &named(&["BAND"])).unwrap_err().to_string();
    assert!(error.contains("column BAND: type is"), "{error}");
}
