//! Classification histories, written and read.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float16Array, Float64Array, Int64Array, StringArray};
use heliacal_io::{
    ErrorKind, HistoryReader, HistorySchema, HistoryWriter, IdKind, LongFormOptions, ObjectHistory,
};
use heliacal_lightcurve::ObjectId;
use proptest::prelude::*;

fn schema(n_classes: usize, has_days: bool) -> HistorySchema {
    HistorySchema {
        classes: (0..n_classes).map(|class| format!("class {class}/µ")).collect(),
        taxonomy: Some(r#"{"name": "t", "root": {}}"#.to_owned()),
        classifier: Some("ORACLE".to_owned()),
        has_days,
    }
}

fn history(id: impl Into<ObjectId>, n_steps: usize, n_classes: usize) -> ObjectHistory {
    ObjectHistory {
        object_id: id.into(),
        mjd: (0..n_steps).map(|step| step as f64).collect(),
        n_obs: (1..=n_steps as u32).collect(),
        probabilities: vec![1.0 / n_classes as f32; n_steps * n_classes],
        days: None,
        true_class: None,
    }
}

fn write(path: &Path, schema: &HistorySchema, ids: IdKind, histories: &[ObjectHistory]) {
    let mut writer = HistoryWriter::create(path, schema, ids).unwrap();
    for history in histories {
        writer.write(history).unwrap();
    }
    writer.finish().unwrap();
}

fn any_histories() -> impl Strategy<Value = (usize, bool, bool, Vec<ObjectHistory>)> {
    (1_usize..5, any::<bool>(), any::<bool>()).prop_flat_map(|(n_classes, has_days, is_text)| {
        let finite = || any::<f64>().prop_filter("finite", |value| value.is_finite());
        let p = any::<f32>().prop_filter("finite", |p| p.is_finite()).prop_map(f32::abs);
        let step = (finite(), any::<u32>(), prop::collection::vec(p, n_classes), finite());
        let object = (prop::collection::vec(step, 1..6), prop::option::of("\\PC{0,6}"));
        prop::collection::vec(object, 0..8).prop_map(move |objects| {
            let histories = objects.into_iter().enumerate().map(|(index, (mut steps, class))| {
                steps.sort_by(|a, b| a.0.total_cmp(&b.0));
                ObjectHistory {
                    object_id: if is_text {
                        format!("ZTF{index}").as_str().into()
                    } else {
                        (index as i64 * 7919).into()
                    },
                    mjd: steps.iter().map(|step| step.0).collect(),
                    n_obs: steps.iter().map(|step| step.1).collect(),
                    probabilities: steps.iter().flat_map(|step| step.2.clone()).collect(),
                    days: has_days.then(|| steps.iter().map(|step| step.3).collect()),
                    true_class: class.map(|class| Arc::from(&*class)),
                }
            });
            (n_classes, has_days, is_text, histories.collect())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn histories_read_back_bit_for_bit((n_classes, has_days, is_text, histories) in any_histories()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.parquet");
        let schema = schema(n_classes, has_days);
        write(&path, &schema, if is_text { IdKind::Text } else { IdKind::Integer }, &histories);
        let reader = HistoryReader::open(&path).unwrap();
        prop_assert_eq!(reader.schema(), &schema);
        let read: Vec<_> = reader.map(Result::unwrap).map(|history| format!("{history:?}")).collect();
        let written: Vec<_> = histories.iter().map(|history| format!("{history:?}")).collect();
        prop_assert_eq!(read, written);
    }
}

#[test]
fn more_than_is_buffered_is_read_back() {
    let histories: Vec<_> = (0..3000).map(|id| history(id, 30, 19)).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.parquet");
    write(&path, &schema(19, false), IdKind::Integer, &histories);
    let read: Vec<_> = HistoryReader::open(&path).unwrap().map(Result::unwrap).collect();
    assert!(read == histories);
}

#[test]
fn what_does_not_fit_the_file_is_refused_and_writing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.parquet");
    let mut writer = HistoryWriter::create(&path, &schema(2, false), IdKind::Integer).unwrap();
    let good = history(1, 3, 2);
    writer.write(&good).unwrap();
    let with = |change: fn(&mut ObjectHistory)| {
        let mut history = history(2, 3, 2);
        change(&mut history);
        history
    };
    for (bad, text) in [
        (
            history("ZTF1", 1, 2),
            "row 4, column object_id, object ZTF1: found the text \"ZTF1\", expected an integer (IdKind::Text",
        ),
        (history(1, 1, 2), "column object_id, object 1: found an object that was written before"),
        (history(2, 1, 3), "object 2: column probabilities has 3 values, expected 2"),
        (history(2, 0, 2), "object 2: no classification"),
        (with(|h| h.days = Some(vec![0.0; 3])), "column days, object 2: found days, expected none"),
        (with(|h| h.mjd[2] = 0.5), "object 2: classification 2 is earlier than the one before"),
        (with(|h| h.probabilities[0] = f32::NAN), "object 2: classification 0: probabilities is NaN"),
    ] {
        let error = writer.write(&bad).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    writer.finish().unwrap();
    assert_eq!(HistoryReader::open(&path).unwrap().map(Result::unwrap).collect::<Vec<_>>(), [good]);
    for classes in [&[][..], &["a", "a"], &[""]] {
        let schema =
            HistorySchema { classes: classes.iter().map(|&c| c.to_owned()).collect(), ..schema(0, false) };
        assert!(matches!(
            HistoryWriter::create(&path, &schema, IdKind::Text).unwrap_err().kind,
            ErrorKind::Invalid { .. }
        ));
    }
    let mut writer = HistoryWriter::create(&path, &schema(2, true), IdKind::Text).unwrap();
    assert!(writer.write(&history(1, 1, 2)).unwrap_err().to_string().contains("found none, expected days"));
}

fn read_columns(columns: Vec<(&str, ArrayRef)>) -> (HistorySchema, Vec<Result<ObjectHistory, String>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.parquet");
    crate::write_columns(&path, columns);
    let reader = HistoryReader::open(&path).unwrap();
    let schema = reader.schema().clone();
    let tell = |error: heliacal_io::Error| error.to_string().split_once("h.parquet, ").unwrap().1.to_owned();
    (schema, reader.map(|history| history.map_err(tell)).collect())
}

#[test]
fn others_files_are_read() {
    let half = |values: &[f32]| -> ArrayRef {
        Arc::new(Float16Array::from_iter_values(values.iter().map(|&v| half_of(v))))
    };
    let (schema, histories) = read_columns(vec![
        ("p_KN", half(&[0.25, 0.5, 1.0])),
        ("diaObjectId", Arc::new(StringArray::from(vec!["a", "a", "b"]))),
        ("p_SNIa", Arc::new(Float64Array::from(vec![0.75, 0.5, 0.0]))),
        ("MJD", Arc::new(Float64Array::from(vec![2.0, 1.0, 1.0]))),
    ]);
    assert_eq!(
        schema,
        HistorySchema { classes: vec!["KN".into(), "SNIa".into()], ..HistorySchema::default() }
    );
    let a = histories[0].as_ref().unwrap();
    // Out of time order: sorted, and counted after that.
    assert_eq!((&*a.mjd, &*a.n_obs), (&[1.0, 2.0][..], &[1, 2][..]));
    assert_eq!(a.probabilities, [0.5, 0.5, 0.25, 0.75]);
    assert_eq!((&a.days, &a.true_class, histories.len()), (&None, &None, 2));
}

fn half_of(value: f32) -> <arrow_array::types::Float16Type as arrow_array::ArrowPrimitiveType>::Native {
    let array =
        arrow_cast::cast(&arrow_array::Float32Array::from(vec![value]), &arrow_schema::DataType::Float16);
    arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Float16Type>(&array.unwrap()).value(0)
}

#[test]
fn a_fault_costs_its_object_and_is_named() {
    let (_, histories) = read_columns(vec![
        (
            "object_id",
            Arc::new(Int64Array::from(vec![
                Some(1),
                Some(1),
                Some(2),
                None,
                Some(3),
                Some(4),
                Some(4),
                Some(1),
            ])),
        ),
        ("mjd", Arc::new(Float64Array::from(vec![1.0, 2.0, f64::NAN, 4.0, 5.0, 6.0, 7.0, 8.0]))),
        ("n_obs", Arc::new(Int64Array::from(vec![1, 2, 3, 4, -5, 6, 7, 8]))),
        (
            "true_class",
            Arc::new(StringArray::from(vec![Some("a"), Some("a"), None, None, None, Some("a"), None, None])),
        ),
        (
            "p_a",
            Arc::new(Float64Array::from(vec![
                Some(1.0),
                None,
                Some(1.0),
                Some(1.0),
                Some(1.0),
                Some(1.0),
                Some(1.0),
                Some(1.0),
            ])),
        ),
    ]);
    let errors: Vec<_> = histories.into_iter().map(|history| history.unwrap_err()).collect();
    assert_eq!(
        errors,
        [
            "row 2, column p_a, object 1: found null, expected a finite number of at least 0",
            "row 4, column object_id: found null (or what does not fit), expected an object id",
            "row 3, column mjd, object 2: found NaN, expected a finite number",
            "row 5, column n_obs, object 3: found -5, expected a count",
            "row 7, column true_class, object 4: found null, expected \"a\" as in the object's first row",
            "row 8, column object_id, object 1: found the object again after others, expected the rows of an object together",
        ]
    );
}

#[test]
fn brokers_messages_are_sent_to_the_long_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.parquet");
    let column = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    crate::write_columns(
        &path,
        vec![("object_id", column()), ("mjd", column()), ("class_id", column()), ("probability", column())],
    );
    let error = HistoryReader::open(&path).unwrap_err().to_string();
    assert!(error.contains("no column p_<class> (brokers' messages, with a column of class ids"), "{error}");
    let histories: Vec<_> =
        HistoryReader::open_long_form(&path, &LongFormOptions::default()).unwrap().collect();
    assert_eq!(histories[0].as_ref().unwrap().probabilities, [1.0]);
}
