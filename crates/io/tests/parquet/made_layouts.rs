//! Layouts, types and faults that the data at hand does not have.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeListBuilder, Float64Builder, LargeListBuilder, ListBuilder, StringBuilder,
};
use arrow_array::types::{Float32Type, Float64Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, Float32Array, Float64Array, Int16Array, Int64Array,
    LargeBinaryArray, LargeListArray, LargeStringArray, ListArray, StringArray, StringViewArray, StructArray,
    UInt8Array, UInt64Array,
};
use arrow_schema::Field;
use heliacal_io::{ContextColumns, ErrorKind, ParquetLightCurves, ReadOptions, Record, Result};
use heliacal_lightcurve::{ObjectId, Passband};

const TIMES: [f64; 4] = [60003.0, 60001.0, 60002.0, 60004.0];

fn read(path: &Path) -> Vec<Result<Record>> {
    ParquetLightCurves::open(path, &ReadOptions::default()).unwrap().collect()
}

fn read_columns(columns: Vec<(&str, ArrayRef)>) -> Vec<Result<Record>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lc.parquet");
    crate::write_columns(&path, columns);
    read(&path)
}

fn open_error(columns: Vec<(&str, ArrayRef)>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lc.parquet");
    crate::write_columns(&path, columns);
    ParquetLightCurves::open(&path, &ReadOptions::default()).unwrap_err().to_string()
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([Some(values.iter().map(|&v| Some(v)))]))
}

fn bits(values: &[i32]) -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(values.iter().map(|&v| Some(v)))]))
}

fn texts(values: &[&str]) -> ArrayRef {
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value(values.iter().map(|&v| Some(v)));
    Arc::new(list.finish())
}

/// One object of four observations, the columns as another layout would have them put in.
fn object(changed: Vec<(&'static str, ArrayRef)>) -> Vec<(&'static str, ArrayRef)> {
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("SNID", Arc::new(Int64Array::from(vec![7]))),
        ("MJD", floats(&TIMES)),
        ("BAND", texts(&["r", "g", "i", "Y"])),
        ("FLUXCAL", floats(&[3.0, 1.0, 2.0, 4.0])),
        ("FLUXCALERR", floats(&[0.3, 0.1, 0.2, 0.4])),
        ("PHOTFLAG", bits(&[4096, 0, 0, 6144])),
    ];
    for (name, column) in changed {
        match columns.iter_mut().find(|(other, _)| *other == name) {
            Some(place) => place.1 = column,
            None => columns.push((name, column)),
        }
    }
    columns
}

fn assert_is_object(records: &[Result<Record>]) {
    let [Ok(record)] = records else { panic!("{records:?}") };
    let light_curve = &record.object.light_curve;
    assert_eq!(record.object.id, ObjectId::Integer(7));
    assert_eq!(light_curve.mjd(), [60001.0, 60002.0, 60003.0, 60004.0]);
    assert_eq!(light_curve.flux(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(light_curve.flux_err(), [0.1, 0.2, 0.3, 0.4]);
    let bands = [Passband::LsstG, Passband::LsstI, Passband::LsstR, Passband::LsstY];
    assert_eq!(light_curve.passband(), bands);
    assert_eq!(light_curve.detection(), [false, false, true, true]);
}

#[test]
fn lists_of_any_kind_and_width_are_read() {
    assert_is_object(&read_columns(object(vec![])));
    let mut fixed = FixedSizeListBuilder::new(Float64Builder::new(), 4);
    fixed.values().append_slice(&TIMES);
    fixed.append(true);
    let mut large = LargeListBuilder::new(StringBuilder::new());
    large.append_value(["r", "LSST-g", " i ", "y"].map(Some));
    let narrow = |values: [f32; 4]| -> ArrayRef {
        Arc::new(LargeListArray::from_iter_primitive::<Float32Type, _, _>([Some(values.map(Some))]))
    };
    assert_is_object(&read_columns(object(vec![
        ("MJD", Arc::new(fixed.finish())),
        ("BAND", Arc::new(large.finish())),
        ("FLUXCALERR", narrow([0.3, 0.1, 0.2, 0.4])),
        (
            "FLUXCAL",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([3, 1, 2, 4].map(Some))])),
        ),
        ("PHOTFLAG", floats(&[4096.0, 0.0, 0.0, 4096.0])),
        ("SNID", Arc::new(StringArray::from(vec!["7"]))),
    ])));
    for id in [
        Arc::new(LargeBinaryArray::from(vec![&b" 7 "[..]])) as ArrayRef,
        Arc::new(Float64Array::from(vec![7.0])),
        Arc::new(UInt8Array::from(vec![7])),
        Arc::new(DictionaryArray::<Int32Type>::from_iter(["7"])),
        Arc::new(StringViewArray::from(vec!["7"])),
    ] {
        assert_is_object(&read_columns(object(vec![("SNID", id)])));
    }
}

#[test]
fn f32_times_are_read() {
    let mjd = ListArray::from_iter_primitive::<Float32Type, _, _>([Some(
        [60003.0, 60001.0, 60002.0, 60004.0].map(Some),
    )]);
    assert_is_object(&read_columns(object(vec![("MJD", Arc::new(mjd))])));
}

#[test]
fn a_list_of_structs_is_read() {
    let member =
        |name: &str, column: ArrayRef| (Arc::new(Field::new(name, column.data_type().clone(), true)), column);
    let structs = StructArray::from(vec![
        member("mjd", Arc::new(Float64Array::from(TIMES.to_vec()))),
        member("flt", Arc::new(BinaryArray::from(vec![&b"r"[..], b"g", b"i", b"Y"]))),
        member("fluxcal", Arc::new(Float32Array::from(vec![3.0, 1.0, 2.0, 4.0]))),
        member("fluxcalerr", Arc::new(Float32Array::from(vec![0.3, 0.1, 0.2, 0.4]))),
        member("photflag", Arc::new(Int16Array::from(vec![4096, 0, 0, 6144]))),
    ]);
    let item = Arc::new(Field::new("item", structs.data_type().clone(), true));
    let offsets = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(TIMES.map(Some))]);
    let lists = ListArray::new(item, offsets.offsets().clone(), Arc::new(structs), None);
    let id: ArrayRef = Arc::new(UInt64Array::from(vec![7]));
    assert_is_object(&read_columns(vec![("photometry", Arc::new(lists)), ("diaObjectId", id)]));
}

#[test]
fn saturated_and_padding_rows_are_left_out() {
    let columns = object(vec![
        ("MJD", floats(&[60003.0, 60001.0, 60002.0, 60004.0, 60005.0, -777.0])),
        ("BAND", texts(&["r", "g", "i", "Y", "z", "-"])),
        ("FLUXCAL", floats(&[3.0, 1.0, 2.0, 4.0, f64::NAN, -777.0])),
        ("FLUXCALERR", floats(&[0.3, 0.1, 0.2, 0.4, 9.0, -777.0])),
        ("PHOTFLAG", bits(&[4096, 0, 0, 6144, 5120, 0])),
    ]);
    assert_is_object(&read_columns(columns));
}

#[test]
fn a_fault_costs_its_object_and_is_named() {
    let two = |mjd: [Option<f64>; 2]| -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([
            Some(vec![mjd[0]]),
            None,
            Some(vec![mjd[1]]),
            Some(vec![Some(1.0), Some(2.0)]),
            Some(vec![Some(1.0)]),
        ]))
    };
    let one = |value: f64| -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(vec![Some(vec![Some(value)]); 5]))
    };
    let mut band = ListBuilder::new(StringBuilder::new());
    for letter in ["r", "r", "x", "r", "g"] {
        band.append_value([Some(letter)]);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("SNID", Arc::new(Int64Array::from(vec![Some(1), Some(2), Some(3), Some(4), None]))),
        ("MJD", two([None, Some(5.0)])),
        ("BAND", Arc::new(band.finish())),
        ("FLUXCAL", one(1.0)),
        ("FLUXCALERR", one(1.0)),
        ("PHOTFLAG", one(0.0)),
    ];
    let records = read_columns(columns);
    let messages: Vec<String> = records.iter().map(|r| r.as_ref().unwrap_err().to_string()).collect();
    let ends = [
        "row 1, column MJD, object 1: found null (or what does not fit) at entry 1, expected a list of values",
        "row 2, column MJD, object 2: found null, expected a list of values",
        "row 3, column BAND, object 3: found \"x\" at entry 1, expected a passband of LSST",
        "row 4, column BAND, object 4: column passband has 1 values, mjd has 2",
        "row 5, column SNID: found null (or what does not fit), expected an object id",
    ];
    for (message, end) in messages.iter().zip(ends) {
        assert!(message.contains("lc.parquet, ") && message.ends_with(end), "{message}");
    }
    for (name, column, text) in [
        ("FLUXCAL", floats(&[3.0, f64::NAN, 2.0, 4.0]), "column FLUXCAL, object 7: found NaN at entry 2"),
        ("FLUXCAL", floats(&[3.0, 1e39, 2.0, 4.0]), "column FLUXCAL, object 7: found inf at entry 2"),
        ("FLUXCALERR", floats(&[0.3, 0.1, -0.2, 0.4]), "column FLUXCALERR, object 7: found -0.2 at entry 3"),
        (
            "PHOTFLAG",
            bits(&[0, 0, 0, -9]),
            "column PHOTFLAG, object 7: found -9 at entry 4, expected a sum of bits",
        ),
    ] {
        let records = read_columns(object(vec![(name, column)]));
        let message = records[0].as_ref().unwrap_err().to_string();
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn statics_are_absent_where_null_or_coded() {
    let records = read_columns(object(vec![
        ("DECL", Arc::new(Float32Array::from(vec![-9.0]))),
        ("RA", Arc::new(Float32Array::from(vec![-999.0]))),
        ("HOSTGAL_PHOTOZ", Arc::new(Int16Array::from(vec![-9]))),
        ("HOSTGAL_SPECZ", Arc::new(Float64Array::from(vec![None]))),
        ("MWEBV", Arc::new(Float64Array::from(vec![0.02]))),
        ("SNTYPE", Arc::new(Int16Array::from(vec![120]))),
        ("SIM_MODEL_NAME", Arc::new(BinaryArray::from(vec![&b"SALT3  "[..]]))),
        ("ELASTICC_class", Arc::new(LargeStringArray::from(vec!["SNIa"]))),
    ]));
    assert_is_object(&records);
    let record = records[0].as_ref().unwrap();
    assert_eq!(record.object.context.iter().collect::<Vec<_>>(), [("DEC", -9.0), ("MWEBV", 0.02)]);
    assert_eq!(record.object.true_class.as_deref(), Some("SNIa"));
    assert_eq!((record.labels.sntype, record.labels.sim_type_index), (Some(120), None));
    assert_eq!(record.labels.sim_model_name.as_deref(), Some("SALT3"));
}

/// Rows of single observations: id and time.
fn rows(ids: &[Option<i64>], mjd: &[f64], mwebv: &[f64]) -> Vec<(&'static str, ArrayRef)> {
    let n = ids.len();
    vec![
        ("object_id", Arc::new(Int64Array::from(ids.to_vec()))),
        ("mjd", Arc::new(Float64Array::from(mjd.to_vec()))),
        ("band", Arc::new(DictionaryArray::<Int32Type>::from_iter(vec!["r"; n]))),
        ("fluxcal", Arc::new(Float64Array::from(vec![1.0; n]))),
        ("fluxcalerr", Arc::new(Float64Array::from(vec![1.0; n]))),
        ("photflag", Arc::new(Int64Array::from(vec![0; n]))),
        ("MWEBV", Arc::new(Float64Array::from(mwebv.to_vec()))),
    ]
}

#[test]
fn runs_of_rows_are_objects() {
    let ids = [Some(5), Some(5), Some(3), None, Some(3), Some(5), Some(8), Some(8)];
    let mjd = [2.0, 1.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let records = read_columns(rows(&ids, &mjd, &[0.1, 0.1, 0.2, 0.2, 0.2, 0.1, 0.3, 0.4]));
    let told: Vec<_> = records
        .iter()
        .map(|record| match record {
            Ok(record) => {
                let context = record.object.context.get("MWEBV").unwrap();
                format!("{} {:?} {context}", record.object.id, record.object.light_curve.mjd())
            }
            Err(error) => error.to_string().split_once("lc.parquet, ").unwrap().1.to_owned(),
        })
        .collect();
    assert_eq!(
        told,
        [
            "5 [1.0, 2.0] 0.1",
            "row 4, column object_id: found null (or what does not fit), expected an object id",
            "3 [4.0, 6.0] 0.2",
            "row 6, column object_id, object 5: found the object again after others, expected the rows of an object together",
            "row 8, column MWEBV, object 8: found 0.4, expected 0.3 as in the object's first row",
        ]
    );
}

#[test]
fn objects_go_on_over_batches() {
    // More rows than a batch holds, in objects that end nowhere near its end.
    let n = 50_000;
    let ids: Vec<_> = (0..n).map(|row| Some(row / 777)).collect();
    let mjd: Vec<_> = (0..n).map(|row| f64::from(row as u32)).collect();
    let records = read_columns(rows(&ids, &mjd, &vec![0.5; n as usize]));
    let lengths: Vec<_> = records.iter().map(|r| r.as_ref().unwrap().object.light_curve.len()).collect();
    assert_eq!(lengths.len(), 65);
    assert!(lengths[..64].iter().all(|&length| length == 777) && lengths[64] == 50_000 - 64 * 777);
}

#[test]
fn what_is_no_light_curve_file_says_what_it_lacks() {
    let without =
        |name: &str| object(vec![]).into_iter().filter(|(other, _)| *other != name).collect::<Vec<_>>();
    assert!(open_error(without("SNID")).contains("no column SNID or object_id or"));
    assert!(
        open_error(without("MJD"))
            .ends_with("no column MJD; there are SNID, BAND, FLUXCAL, FLUXCALERR, PHOTFLAG")
    );
    assert!(open_error(without("BAND")).contains("no column BAND or FLT"));
    let error = open_error(object(vec![("BAND", floats(&[1.0; 4]))]));
    assert!(error.contains("column BAND: type is List"), "{error}");
    let error = open_error(object(vec![("FLUXCAL", Arc::new(Float64Array::from(vec![1.0])))]));
    assert!(error.ends_with("column FLUXCAL: type is Float64, expected lists of numbers"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lc.parquet");
    let missing = ParquetLightCurves::open(&path, &ReadOptions::default()).unwrap_err();
    assert!(matches!(missing.kind, ErrorKind::Io(_)));
    std::fs::write(&path, b"SIMPLE  =                    T").unwrap();
    let foreign = ParquetLightCurves::open(&path, &ReadOptions::default()).unwrap_err();
    assert!(matches!(foreign.kind, ErrorKind::Parquet(_)), "{foreign}");
}

#[test]
fn lists_of_one_value_blown_up_are_refused_before_they_are_decoded() {
    const N: usize = 3_000_000;
    let long = |value: f64| -> ArrayRef {
        let values = std::iter::repeat_n(Some(value), N);
        Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([Some(values)]))
    };
    let mut bands = ListBuilder::new(StringBuilder::new());
    bands.append_value(std::iter::repeat_n(Some("r"), N));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("SNID", Arc::new(Int64Array::from(vec![7]))),
        ("MJD", long(60_000.0)),
        ("BAND", Arc::new(bands.finish())),
        ("FLUXCAL", long(1.0)),
        ("FLUXCALERR", long(0.5)),
        ("PHOTFLAG", long(0.0)),
    ];
    let error = open_error(columns);
    assert!(error.contains("row group 0: lists of 3000000 values in "), "{error}");
}

#[test]
fn static_columns_are_found_in_any_case_and_named_as_snana_does() {
    let one = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value])) };
    let columns = object(vec![
        ("ra", one(150.0)),
        ("decl", one(-9.0)),
        ("mwebv", one(0.25)),
        ("hostgal_mag_u", one(999.0)),
        ("hostgal_mag_y", one(21.5)),
        ("fwhm", one(2.5)),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lc.parquet");
    crate::write_columns(&path, columns);
    let context = |wanted: ContextColumns| {
        let options = ReadOptions { context: wanted, ..ReadOptions::default() };
        let record = ParquetLightCurves::open(&path, &options).unwrap().next().unwrap().unwrap();
        record.object.context.iter().map(|(name, value)| (name.to_owned(), value)).collect::<Vec<_>>()
    };
    let expected = [("DEC", -9.0), ("HOSTGAL_MAG_Y", 21.5), ("MWEBV", 0.25), ("RA", 150.0), ("fwhm", 2.5)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(context(ContextColumns::Measured), expected);
    let names = ["DEC", "HOSTGAL_MAG_u", "HOSTGAL_MAG_Y", "MWEBV", "RA", "fwhm", "HOSTGAL_SPECZ"];
    assert_eq!(context(ContextColumns::Named(names.map(str::to_owned).to_vec())), expected);
}
