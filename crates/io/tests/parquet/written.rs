//! Light curves that are written read back equal, bit for bit.

use std::sync::Arc;

use heliacal_io::{
    ContextColumns, ErrorKind, IdKind, LightCurveColumns, ParquetLightCurveWriter, ParquetLightCurves,
    ReadOptions,
};
use heliacal_lightcurve::{Context, LightCurve, Object, ObjectId, Passband, PhotometricSystem};
use proptest::prelude::*;

const FEATURES: [&str; 3] = ["MWEBV", "HOSTGAL_PHOTOZ", "MY_COLUMN"];

fn columns(id: IdKind) -> LightCurveColumns {
    LightCurveColumns { id, context: FEATURES.map(str::to_owned).to_vec() }
}

fn options(photometric_system: PhotometricSystem) -> ReadOptions {
    ReadOptions { photometric_system, context: ContextColumns::Named(FEATURES.map(str::to_owned).to_vec()) }
}

fn object(id: impl Into<ObjectId>, passband: Passband) -> Object {
    Object {
        id: id.into(),
        light_curve: LightCurve::new(vec![1.0], vec![2.0], vec![0.5], vec![passband], vec![true]).unwrap(),
        context: Context::from_iter([("MWEBV", 0.1)]),
        true_class: None,
    }
}

type Drawn = (ObjectId, Vec<(f64, f32, f32, Passband, bool)>, Vec<Option<f64>>, Option<String>);

/// Debug text tells -0 from 0 and is otherwise exact.
fn bits(objects: &[Object]) -> Vec<String> {
    objects.iter().map(|object| format!("{object:?}")).collect()
}

fn finite_f32() -> impl Strategy<Value = f32> {
    any::<f32>().prop_filter("finite", |value| value.is_finite())
}

fn objects(
    ids: impl Strategy<Value = ObjectId>,
    bands: &'static [Passband],
) -> impl Strategy<Value = Vec<Object>> {
    let finite = any::<f64>().prop_filter("finite", |v| v.is_finite() && *v != -777.0);
    let row = (finite.clone(), finite_f32(), finite_f32(), prop::sample::select(bands), any::<bool>());
    let features = prop::collection::vec(prop::option::of(finite), FEATURES.len());
    let object = (ids, prop::collection::vec(row, 0..20), features, prop::option::of("\\PC{0,8}"));
    prop::collection::vec(object, 0..12).prop_map(|objects| {
        let object = |(id, rows, features, class): Drawn| {
            let light_curve = LightCurve::new(
                rows.iter().map(|row| row.0).collect(),
                rows.iter().map(|row| row.1).collect(),
                rows.iter().map(|row| row.2.abs()).collect(),
                rows.iter().map(|row| row.3).collect(),
                rows.iter().map(|row| row.4).collect(),
            );
            let features =
                FEATURES.into_iter().zip(features).filter_map(|(name, value)| Some((name, value?)));
            Object {
                id,
                light_curve: light_curve.unwrap(),
                context: features.collect(),
                true_class: class.map(|class| Arc::from(&*class)),
            }
        };
        objects.into_iter().map(object).collect()
    })
}

fn write(writer: &mut ParquetLightCurveWriter, objects: &[Object]) {
    for object in objects {
        writer.write(object).unwrap();
    }
}

fn round_trip(objects: &[Object], id: IdKind, system: PhotometricSystem) -> Vec<Object> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lc.parquet");
    let mut writer = ParquetLightCurveWriter::create(&path, &columns(id)).unwrap();
    write(&mut writer, objects);
    writer.finish().unwrap();
    ParquetLightCurves::open(&path, &options(system)).unwrap().map(|record| record.unwrap().object).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn with_integer_ids(objects in objects(any::<i64>().prop_map(ObjectId::Integer), &Passband::LSST)) {
        let read = round_trip(&objects, IdKind::Integer, PhotometricSystem::Lsst);
        prop_assert_eq!(bits(&read), bits(&objects));
    }

    #[test]
    fn with_ids_of_both_kinds(objects in objects("[A-Za-z0-9_+-]{0,12}".prop_map(|id| ObjectId::parse(&id)), &Passband::ZTF)) {
        let read = round_trip(&objects, IdKind::Text, PhotometricSystem::Ztf);
        prop_assert_eq!(bits(&read), bits(&objects));
    }
}

#[test]
fn more_objects_than_are_buffered_are_read_back() {
    let objects: Vec<_> = (0..20_000).map(|id| object(id, Passband::LsstR)).collect();
    assert_eq!(round_trip(&objects, IdKind::Integer, PhotometricSystem::Lsst), objects);
}

#[test]
fn elasticc2_goes_through_unchanged() {
    let Some(folder) = crate::data("parquet-layouts") else { return };
    let source = folder.join("oracle_KN_K17.parquet");
    let read = |path: &std::path::Path| -> Vec<Object> {
        let records = ParquetLightCurves::open(path, &ReadOptions::default()).unwrap();
        records.map(|record| record.unwrap().object).collect()
    };
    let mut objects = read(&source);
    for object in &mut objects {
        object.true_class = Some("KN".into());
    }
    let context = objects.iter().flat_map(|object| object.context.iter().map(|(name, _)| name.to_owned()));
    let context: std::collections::BTreeSet<String> = context.collect();
    let columns = LightCurveColumns { id: IdKind::Integer, context: context.into_iter().collect() };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lc.parquet");
    let mut writer = ParquetLightCurveWriter::create(&path, &columns).unwrap();
    write(&mut writer, &objects);
    writer.finish().unwrap();
    assert_eq!(read(&path), objects);
}

#[test]
fn what_would_read_back_otherwise_is_refused_and_writing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lc.parquet");
    let mut writer = ParquetLightCurveWriter::create(&path, &columns(IdKind::Integer)).unwrap();
    let good = object(1, Passband::LsstR);
    writer.write(&good).unwrap();
    let with = |name: &str, value| Object {
        context: Context::from_iter([(name, value)]),
        ..object(2, Passband::LsstR)
    };
    let padding =
        LightCurve::new(vec![-777.0], vec![0.0], vec![0.0], vec![Passband::LsstR], vec![false]).unwrap();
    for (bad, text) in [
        (object("ZTF20aadvunl", Passband::LsstR), "IdKind::Text"),
        (object(2, Passband::ZtfR), "column BAND, object 2: found ZTF r, expected a passband of LSST"),
        (with("VPEC", 1.0), "column VPEC, object 2: found 1"),
        (with("HOSTGAL_PHOTOZ", -9.0), "column HOSTGAL_PHOTOZ, object 2: found -9"),
        (Object { light_curve: padding, ..object(2, Passband::LsstR) }, "column MJD, object 2: found -777"),
    ] {
        let error = writer.write(&bad).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Invalid { .. }));
        assert!(
            error.to_string().contains("lc.parquet, row 2") && error.to_string().contains(text),
            "{error}"
        );
    }
    assert!(!path.exists());
    writer.finish().unwrap();
    let read = ParquetLightCurves::open(&path, &options(PhotometricSystem::Lsst)).unwrap();
    assert_eq!(read.map(|record| record.unwrap().object).collect::<Vec<_>>(), [good]);

    let mut writer = ParquetLightCurveWriter::create(&path, &columns(IdKind::Text)).unwrap();
    for id in ["42", " padded "] {
        let id = ObjectId::Text(id.into());
        assert!(writer.write(&Object { id, ..object(1, Passband::LsstR) }).is_err());
    }
    for names in [&["RA", "RA"][..], &["MJD"], &["photflag"], &["DECL"], &["ELASTICC_class"]] {
        let columns = LightCurveColumns {
            context: names.iter().map(|&n| n.to_owned()).collect(),
            ..columns(IdKind::Text)
        };
        assert!(ParquetLightCurveWriter::create(&path, &columns).is_err(), "{names:?}");
    }
}
