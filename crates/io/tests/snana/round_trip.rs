//! What our writer writes, our reader reads.

use std::num::NonZeroUsize;
use std::path::Path;

use heliacal_io::{
    Compression, ContextColumns, ErrorKind, Labels, ReadOptions, Record, SnanaReader, SnanaWriter,
    SnanaWriterOptions, Survey,
};
use heliacal_lightcurve::{Context, LightCurve, Object, ObjectId, Passband, PhotometricSystem};
use proptest::prelude::*;

use crate::edits::{object, plain, read, write};

fn bits(light_curve: &LightCurve) -> Vec<(u64, u32, u32, Passband, bool)> {
    light_curve
        .view()
        .iter()
        .map(|o| (o.mjd.to_bits(), o.flux.to_bits(), o.flux_err.to_bits(), o.passband, o.detection))
        .collect()
}

fn light_curves() -> impl Strategy<Value = LightCurve> {
    let finite = prop::num::f32::POSITIVE
        | prop::num::f32::NEGATIVE
        | prop::num::f32::SUBNORMAL
        | prop::num::f32::ZERO;
    let row = (prop::num::f64::NORMAL, finite, 0f32..1e30, 0usize..6, any::<bool>());
    prop::collection::vec(row, 0..40).prop_map(|rows| {
        LightCurve::new(
            rows.iter().map(|row| row.0).collect(),
            rows.iter().map(|row| row.1).collect(),
            rows.iter().map(|row| row.2).collect(),
            rows.iter().map(|row| Passband::LSST[row.3]).collect(),
            rows.iter().map(|row| row.4).collect(),
        )
        .unwrap()
    })
}

fn contexts() -> impl Strategy<Value = Context> {
    let name = prop::sample::select(vec![
        "RA",
        "DEC",
        "MWEBV",
        "HOSTGAL_RA",
        "HOSTGAL_MAG_g",
        "VPEC",
        "HOSTGAL_ELLIPTICITY",
        "OTHER NAME",
    ]);
    let value = prop_oneof![prop::num::f64::NORMAL, any::<f32>().prop_map(f64::from), Just(-0.0), Just(1.5)];
    prop::collection::vec((name, value), 0..6).prop_map(Context::from_iter)
}

fn ids() -> impl Strategy<Value = ObjectId> {
    prop_oneof![
        any::<i64>().prop_map(ObjectId::Integer),
        "[a-zA-Z][a-zA-Z0-9_. -]{0,30}[a-z]".prop_map(|t| ObjectId::parse(&t))
    ]
}

fn labels() -> impl Strategy<Value = Labels> {
    let number = prop::option::of((i64::from(i32::MIN) + 1)..=i64::from(i32::MAX));
    (number.clone(), number, prop::option::of("[A-Z][A-Za-z0-9.-]{0,40}")).prop_map(
        |(sntype, index, name)| Labels {
            sntype,
            sim_type_index: index,
            sim_model_name: name.map(Into::into),
            folder: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_object_reads_back_the_same(
        objects in prop::collection::vec((ids(), light_curves(), contexts(), labels()), 0..9),
        per_pair in 1usize..5,
        packed in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("MODEL_X");
        let options = SnanaWriterOptions {
            objects_per_pair: NonZeroUsize::new(per_pair).unwrap(),
            compression: if packed { Compression::Gzip } else { Compression::Plain },
            ..Default::default()
        };
        let mut writer = SnanaWriter::create(&folder, options).unwrap();
        for (id, light_curve, context, labels) in &objects {
            let object = Object {
                id: id.clone(), light_curve: light_curve.clone(), context: context.clone(), true_class: None,
            };
            writer.write(&object, labels).unwrap();
        }
        writer.finish().unwrap();
        let survey = Survey::open_with_threads([&folder], &ReadOptions::default(), NonZeroUsize::MIN).unwrap();
        prop_assert_eq!(survey.n_sources(), objects.len().div_ceil(per_pair).max(1));
        let found: Vec<Record> = survey.collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(found.len(), objects.len());
        for (record, (id, light_curve, context, labels)) in found.iter().zip(&objects) {
            prop_assert_eq!(&record.object.id, id);
            prop_assert_eq!(bits(&record.object.light_curve), bits(light_curve));
            let values = |c: &Context| c.iter().map(|(n, v)| (n.to_owned(), v.to_bits())).collect::<Vec<_>>();
            prop_assert_eq!(values(&record.object.context), values(context));
            prop_assert_eq!(record.labels.folder.as_deref(), Some("MODEL_X"));
            prop_assert_eq!(&Labels { folder: None, ..record.labels.clone() }, labels);
        }
    }
}

#[test]
fn a_folder_looks_like_elasticcs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("ELASTICC_KN");
    let options =
        SnanaWriterOptions { objects_per_pair: NonZeroUsize::new(2).unwrap(), ..Default::default() };
    let mut writer = SnanaWriter::create(&folder, options).unwrap();
    for id in 0..3 {
        writer.write(&object(id, 5), &Labels::default()).unwrap();
    }
    writer.finish().unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "ELASTICC_KN-0001_HEAD.FITS.gz",
            "ELASTICC_KN-0001_PHOT.FITS.gz",
            "ELASTICC_KN-0002_HEAD.FITS.gz",
            "ELASTICC_KN-0002_PHOT.FITS.gz",
            "ELASTICC_KN.LIST",
            "ELASTICC_KN.README",
        ]
    );
    let list = std::fs::read_to_string(folder.join("ELASTICC_KN.LIST")).unwrap();
    assert_eq!(list, "ELASTICC_KN-0001_HEAD.FITS\nELASTICC_KN-0002_HEAD.FITS\n");
    let reader =
        SnanaReader::open(folder.join("ELASTICC_KN-0002_HEAD.FITS.gz"), &ReadOptions::default()).unwrap();
    assert_eq!(reader.header().phot_file.as_deref(), Some("ELASTICC_KN-0002_PHOT.FITS"));
    assert_eq!(reader.header().version.as_deref(), Some("ELASTICC_KN"));
    assert_eq!(reader.map(|r| r.unwrap().object).collect::<Vec<_>>(), [object(2, 5)]);
}

#[test]
fn missing_values_are_snanas_own_codes() {
    let folder = tempfile::tempdir().unwrap();
    let known = Context::from_iter([
        ("HOSTGAL_SPECZ", 0.5),
        ("HOSTGAL_RA", 7.0),
        ("HOSTGAL_ELLIPTICITY", 0.25),
        ("HOSTGAL_MAG_r", 20.5),
    ]);
    let objects =
        [Object { context: known, ..object(1, 2) }, Object { context: Context::new(), ..object(2, 2) }];
    let (head, _) = write(folder.path(), &objects, plain());
    assert_eq!(read(&head).unwrap()[1].object.context, Context::new());
    // 16A 16A I D D J J J | in order of name: ELLIPTICITY E, MAG_r E, RA D, SPECZ E.
    let bytes = std::fs::read(&head).unwrap();
    let row = 16 + 16 + 2 + 8 + 8 + 12 + 4 + 4 + 8 + 4;
    let data = bytes.len() - 2880;
    let second = &bytes[data + row..data + 2 * row];
    let single = |at: usize| f32::from_be_bytes(second[at..at + 4].try_into().unwrap());
    let double = |at: usize| f64::from_be_bytes(second[at..at + 8].try_into().unwrap());
    assert_eq!((double(34), double(42)), (-999.0, -999.0));
    assert_eq!((single(62), single(66), double(70), single(78)), (-9999.0, 999.0, -999.0, -9.0));
}

#[test]
fn columns_that_no_object_has_are_written_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["HOSTGAL_SPECZ", "HOSTGAL_MAG_r", "HOSTGAL_RA", "MWEBV", "HOSTGAL_SPECZ"];
    let options = SnanaWriterOptions { context: names.map(str::to_owned).into(), ..plain() };
    let plain_pair = tempfile::tempdir().unwrap();
    let (without, _) = write(plain_pair.path(), &[object(1, 2)], plain());
    let (head, _) = write(folder.path(), &[object(1, 2)], options.clone());
    let n_columns =
        |head: &Path| SnanaReader::open(head, &ReadOptions::default()).unwrap().header().n_head_columns;
    // MWEBV the object has itself.
    assert_eq!(n_columns(&head), n_columns(&without) + 3);
    assert_eq!(read(&head).unwrap()[0].object, object(1, 2));
    // A survey of no object has them, too.
    let empty = tempfile::tempdir().unwrap();
    let (head, _) = write(empty.path(), &[], options);
    assert!(n_columns(&head) >= 6);
    assert!(read(&head).unwrap().is_empty());
    for bad in ["NOBS", "", "caf\u{e9}"] {
        let options = SnanaWriterOptions { context: vec![bad.to_owned()], ..plain() };
        let error = SnanaWriter::create(tempfile::tempdir().unwrap().path(), options).unwrap_err();
        assert_eq!(error.location.column.as_deref(), Some(bad), "{error}");
    }
    let context = (0..981).map(|n| format!("F{n}")).collect();
    let options = SnanaWriterOptions { context, ..plain() };
    assert!(SnanaWriter::create(tempfile::tempdir().unwrap().path(), options).is_err());
    // 979 and three of the object's own are too many.
    let context = (0..979).map(|n| format!("F{n}")).collect();
    let options = SnanaWriterOptions { context, ..plain() };
    let mut writer = SnanaWriter::create(tempfile::tempdir().unwrap().path(), options).unwrap();
    let error = writer.write(&object(1, 2), &Labels::default()).unwrap_err();
    assert!(error.to_string().contains("982"), "{error}");
}

#[test]
fn long_names_survive_their_cards() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = format!("it's-{}", "long'name-".repeat(15));
    let options = SnanaWriterOptions { prefix: prefix.clone(), survey: "L'SST".into(), ..plain() };
    let mut writer = SnanaWriter::create(folder.path(), options).unwrap();
    writer.write(&object(1, 1), &Labels::default()).unwrap();
    writer.finish().unwrap();
    let head = folder.path().join(format!("{prefix}-0001_HEAD.FITS"));
    let reader = SnanaReader::open(head, &ReadOptions::default()).unwrap();
    assert_eq!(reader.header().phot_file, Some(format!("{prefix}-0001_PHOT.FITS")));
    assert_eq!(reader.header().survey.as_deref(), Some("L'SST"));
}

#[test]
fn ztf_is_written_and_read_in_its_own_system() {
    let folder = tempfile::tempdir().unwrap();
    let lc = LightCurve::new(
        vec![1.0, 2.0],
        vec![3.0; 2],
        vec![1.0; 2],
        vec![Passband::ZtfR, Passband::ZtfG],
        vec![true; 2],
    );
    let object = Object { light_curve: lc.unwrap(), ..object(1, 0) };
    let mut writer = SnanaWriter::create(folder.path(), plain()).unwrap();
    let error = writer.write(&object, &Labels::default()).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Invalid { .. }), "{error}");
    drop(writer);
    let options = SnanaWriterOptions { photometric_system: PhotometricSystem::Ztf, ..plain() };
    let (head, _) = write(folder.path(), std::slice::from_ref(&object), options);
    let options = ReadOptions { photometric_system: PhotometricSystem::Ztf, ..Default::default() };
    let mut reader = SnanaReader::open(head, &options).unwrap();
    assert_eq!(reader.header().filters.as_deref(), Some("gri"));
    assert_eq!(reader.next().unwrap().unwrap().object, object);
}

#[test]
fn what_files_cannot_say_is_refused_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = SnanaWriter::create(folder.path(), plain()).unwrap();
    let good = object(1, 3);
    let with =
        |context: &[(&str, f64)]| Object { context: context.iter().copied().collect(), ..good.clone() };
    let marker =
        LightCurve::new(vec![-777.0], vec![1.0], vec![1.0], vec![Passband::LsstR], vec![true]).unwrap();
    for (bad, column) in [
        (Object { id: ObjectId::Text("42".into()), ..good.clone() }, "SNID"),
        (Object { id: ObjectId::Text(" x".into()), ..good.clone() }, "SNID"),
        (Object { id: ObjectId::Text("\u{3b1} Ori".into()), ..good.clone() }, "SNID"),
        (Object { light_curve: marker, ..good.clone() }, "MJD"),
        (with(&[("REDSHIFT_HELIO", -9.0)]), "REDSHIFT_HELIO"),
        (with(&[("NOBS", 3.0)]), "NOBS"),
        (with(&[("DECL", 3.0)]), "DECL"),
        (with(&[("", 3.0)]), ""),
    ] {
        let error = writer.write(&bad, &Labels::default()).unwrap_err();
        assert_eq!(error.location.column.as_deref(), Some(column), "{error}");
    }
    let labels = Labels { sntype: Some(1 << 40), ..Default::default() };
    assert!(writer.write(&good, &labels).is_err());
    writer.write(&good, &Labels::default()).unwrap();
    writer.finish().unwrap();
    let options = SnanaWriterOptions { prefix: "T".into(), ..plain() };
    let error = SnanaWriter::create(folder.path(), options).unwrap_err();
    assert!(error.to_string().contains("S-0001_HEAD.FITS"), "{error}");
    assert_eq!(read(&folder.path().join("S-0001_HEAD.FITS")).unwrap().len(), 1);
}

#[test]
fn an_unfinished_writer_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = SnanaWriter::create(folder.path(), plain()).unwrap();
    writer.write(&object(1, 3), &Labels::default()).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn only_the_named_columns_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (head, _) = write(folder.path(), &[object(512, 3)], plain());
    let read = |names: &[&str]| {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let options = ReadOptions { context: ContextColumns::Named(names), ..Default::default() };
        SnanaReader::open(Path::new(&head), &options)
            .map(|mut reader| reader.next().unwrap().unwrap().object.context)
    };
    let expected = Context::from_iter([("NOBS", 3.0), ("REDSHIFT_HELIO", 0.5)]);
    assert_eq!(read(&["REDSHIFT_HELIO", "NOBS", "NOBS", "NOT_THERE", "DECL"]).unwrap(), expected);
    assert!(matches!(read(&["IAUC"]).unwrap_err().kind, ErrorKind::ColumnType { .. }));
}
