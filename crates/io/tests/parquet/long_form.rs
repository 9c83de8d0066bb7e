//! Brokers' messages.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{Float32Type, Int16Type};
use arrow_array::{ArrayRef, Float64Array, Int64Array, ListArray, StringArray};
use heliacal_io::{ErrorKind, HistoryReader, LongFormOptions, ObjectHistory};
use heliacal_lightcurve::ObjectId;

fn of(classifier: &str) -> LongFormOptions {
    LongFormOptions { classifier: Some(classifier.to_owned()) }
}

fn argmax(probabilities: &[f32]) -> usize {
    (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap()
}

#[test]
fn tom_descs_messages_are_histories() {
    let Some(folder) = crate::data("broker-messages") else { return };
    let expected = crate::expected(&folder);
    let path = folder.join("brokermessages.parquet");
    let reader = HistoryReader::open_long_form(&path, &of("RandomSNType")).unwrap();
    let classes = reader.schema().classes.clone();
    assert_eq!(reader.schema().classifier.as_deref(), Some("RandomSNType"));
    assert!(classes.is_sorted() && classes.len() == 20, "{classes:?}");
    let histories: Vec<ObjectHistory> = reader.map(Result::unwrap).collect();
    assert_eq!(histories.len() as u64, expected["objects"].as_u64().unwrap());
    assert_eq!(
        histories.iter().map(ObjectHistory::len).sum::<usize>() as u64,
        expected["classifiers"]["RandomSNType"].as_u64().unwrap()
    );
    assert!(histories.is_sorted_by(|a, b| a.object_id < b.object_id));
    for history in &histories {
        history.validate(classes.len()).unwrap();
    }

    let by_id: HashMap<&ObjectId, &ObjectHistory> = histories.iter().map(|h| (&h.object_id, h)).collect();
    let objects = expected["histories"].as_array().unwrap();
    assert_eq!(objects.len(), 10);
    for object in objects {
        let history = by_id[&ObjectId::Integer(object["diaobject_id"].as_i64().unwrap())];
        let last = history.len() - 1;
        assert_eq!(history.len() as u64, object["steps"].as_u64().unwrap());
        assert_eq!(history.mjd.first().copied(), object["mjd_first"].as_f64());
        assert_eq!(history.mjd.last().copied(), object["mjd_last"].as_f64());
        let class_at = |step| classes[argmax(history.probabilities_at(step))].parse::<u64>().unwrap();
        assert_eq!(class_at(0), object["first_argmax_class"].as_u64().unwrap());
        assert_eq!(class_at(last), object["last_argmax_class"].as_u64().unwrap());
        let sum: f64 = history.probabilities_at(last).iter().map(|&p| f64::from(p)).sum();
        // There the sum is of the database's decimal text, here of the f32 in the file: 20 roundings of 2^-25 at most.
        assert!((sum - object["sum_prob_last"].as_f64().unwrap()).abs() < 6e-7);
    }
}

#[test]
fn ids_of_no_taxonomy_are_classes_too() {
    let Some(folder) = crate::data("broker-messages") else { return };
    let path = folder.join("brokermessages.parquet");
    let reader = HistoryReader::open_long_form(&path, &of("AlwaysTheSame")).unwrap();
    assert_eq!(reader.schema().classes, ["111", "112"]);
    assert!(reader.map(Result::unwrap).all(|history| history.probabilities_at(0) == [0.25, 0.75]));
    let nugent = HistoryReader::open_long_form(&path, &of("NugentClassifier")).unwrap();
    assert_eq!(nugent.schema().classes, ["2222"]);
    for (options, text) in [
        (LongFormOptions::default(), "expected the name of one classifier in the options"),
        (of("Nobody"), "expected the classifier \"Nobody\""),
    ] {
        let error = HistoryReader::open_long_form(&path, &options).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Invalid { .. }));
        let error = error.to_string();
        assert!(
            error.contains("found the classifiers AlwaysTheSame, NugentClassifier, RandomSNType"),
            "{error}"
        );
        assert!(error.ends_with(text), "{error}");
    }
}

fn read(columns: Vec<(&str, ArrayRef)>) -> (Vec<String>, Vec<Result<ObjectHistory, String>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.parquet");
    crate::write_columns(&path, columns);
    let reader = HistoryReader::open_long_form(&path, &LongFormOptions::default()).unwrap();
    let classes = reader.schema().classes.clone();
    let tell = |error: heliacal_io::Error| error.to_string().split_once("m.parquet, ").unwrap().1.to_owned();
    (classes, reader.map(|history| history.map_err(tell)).collect())
}

#[test]
fn one_row_a_class_in_any_order() {
    let (classes, histories) = read(vec![
        ("object_id", Arc::new(Int64Array::from(vec![2, 1, 2, 2, 1, 3, 3]))),
        ("mjd", Arc::new(Float64Array::from(vec![9.0, 5.0, 8.0, 9.0, 5.0, 1.0, 1.0]))),
        ("class_id", Arc::new(StringArray::from(vec!["30", "4", "4", "4", "x", "4", "4"]))),
        ("probability", Arc::new(Float64Array::from(vec![0.25, 0.5, 1.0, 0.75, 0.5, 0.5, 0.5]))),
        (
            "true_class",
            Arc::new(StringArray::from(vec![None, Some("KN"), None, None, Some("KN"), None, None])),
        ),
    ]);
    assert_eq!(classes, ["4", "30", "x"]); // numbers in their order, then text
    let first = histories[0].as_ref().unwrap();
    assert_eq!((&first.object_id, &*first.mjd), (&ObjectId::Integer(1), &[5.0][..]));
    assert_eq!((&*first.probabilities, first.true_class.as_deref()), (&[0.5, 0.0, 0.5][..], Some("KN")));
    let second = histories[1].as_ref().unwrap();
    assert_eq!((&*second.mjd, &*second.n_obs), (&[8.0, 9.0][..], &[1, 2][..]));
    assert_eq!(second.probabilities, [1.0, 0.0, 0.0, 0.75, 0.25, 0.0]);
    let error =
        "row 7, column class_id, object 3: found a class twice, expected each class once in a message";
    assert_eq!(histories[2], Err(error.to_owned()));
}

#[test]
fn faulty_messages_cost_their_object() {
    let (_, histories) = read(vec![
        ("diaobject_id", Arc::new(Int64Array::from(vec![Some(1), Some(2), Some(3), Some(4), None, Some(5)]))),
        (
            "mjd",
            Arc::new(Float64Array::from(vec![Some(1.0), None, Some(1.0), Some(1.0), Some(1.0), Some(1.0)])),
        ),
        (
            "classid",
            Arc::new(ListArray::from_iter_primitive::<Int16Type, _, _>([
                Some(vec![Some(1), Some(2)]),
                Some(vec![Some(1)]),
                Some(vec![None]),
                Some(vec![]),
                Some(vec![Some(1)]),
                Some(vec![Some(2)]),
            ])),
        ),
        (
            "probability",
            Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>([
                Some(vec![Some(1.0)]),
                Some(vec![Some(1.0)]),
                Some(vec![Some(1.0)]),
                Some(vec![]),
                Some(vec![Some(1.0)]),
                Some(vec![Some(-1.0)]),
            ])),
        ),
    ]);
    let errors: Vec<_> = histories.into_iter().map(Result::unwrap_err).collect();
    assert_eq!(
        errors,
        [
            "row 1, column probability, object 1: found 1, expected 2 values, as class ids",
            "row 2, column mjd, object 2: found null, expected a finite number",
            "row 3, column class_id, object 3: found null (or what does not fit), expected an object id",
            "row 4, column class_id, object 4: found none, expected at least one class",
            "row 6, column probability, object 5: found -1, expected a finite number of at least 0",
            "row 5, column object_id: found null (or what does not fit), expected an object id",
        ]
    );
}
