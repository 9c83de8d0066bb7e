//! Brokers' messages: a class id and a probability at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, Float32Array, Float64Array, LargeListArray, LargeStringArray};
use arrow_schema::{DataType, Field, Fields};
use heliacal_lightcurve::ObjectId;

use super::wide_rows::ID;
use super::{HistorySchema, ObjectHistory};
use crate::columnar::{
    IdColumn, IdKind, ParquetFile, Rows, find, find_required, float_column, is_list, is_number, is_text,
    list_column, text_column,
};
use crate::{Error, ErrorKind, Location, Result};

const CLASSIFIER: [&str; 4] = ["classifier_name", "classifiername", "classifierName", "classifier"];
const CLASS_ID: [&str; 2] = ["class_id", "classid"];

/// How brokers' messages are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LongFormOptions {
    /// Whose messages, by the column `classifier_name` (or `classifiername`, `classifier`) of the file. `None` is for
    /// files with one classifier, or without such a column.
    pub classifier: Option<String>,
}

/// The messages of a file by object, sparse: a history is made dense when it is asked for.
pub(super) struct Messages {
    path: Arc<PathBuf>,
    /// The place of a class among the sorted ids, by its place in order of appearance.
    sorted_place: Vec<usize>,
    /// One row a class: rows of one time are one message.
    is_flat: bool,
    objects: std::collections::btree_map::IntoIter<ObjectId, Gathered>,
    /// Rows that belong to no object.
    loose: std::vec::IntoIter<Error>,
}

#[derive(Default)]
struct Gathered {
    messages: Vec<Message>,
    true_class: Option<Arc<str>>,
    fault: Option<Error>,
}

struct Message {
    mjd: f64,
    row: u64,
    /// Class by order of appearance, and probability.
    scores: Vec<(u32, f32)>,
}

/// Where the columns are.
struct Columns {
    id: usize,
    mjd: usize,
    class_id: usize,
    probability: usize,
    classifier: Option<usize>,
    true_class: Option<usize>,
    is_flat: bool,
}

pub(super) fn read(path: &Path, options: &LongFormOptions) -> Result<(HistorySchema, IdKind, Messages)> {
    let file = ParquetFile::open(path)?;
    let columns = Columns::find(&file)?;
    let classifier = choose_classifier(path, columns.classifier, options)?;
    let optional = [columns.classifier, columns.true_class];
    let wanted = [columns.id, columns.mjd, columns.class_id, columns.probability];
    let mut gathering = Gathering::default();
    for rows in file.into_batches(&wanted.into_iter().chain(optional.into_iter().flatten()).collect())? {
        let rows = rows?;
        gathering
            .take(&rows, &columns, classifier.as_deref(), path)
            .map_err(|(column, kind)| Location::file(path).row(rows.number(0)).column(column).error(kind))?;
    }
    let mut by_id: Vec<(&ObjectId, u32)> = gathering.classes.iter().map(|(id, index)| (id, *index)).collect();
    by_id.sort();
    let mut sorted_place = vec![0; by_id.len()];
    for (place, (_, index)) in by_id.iter().enumerate() {
        sorted_place[*index as usize] = place;
    }
    let classes = by_id.iter().map(|(id, _)| id.to_string()).collect();
    let schema = HistorySchema { classes, taxonomy: None, classifier, has_days: false };
    // Integers come before texts in order.
    let ids = match gathering.objects.last_key_value() {
        Some((ObjectId::Text(_), _)) => IdKind::Text,
        _ => IdKind::Integer,
    };
    let objects = gathering.objects.into_iter();
    let (path, is_flat, loose) = (Arc::new(path.to_owned()), columns.is_flat, gathering.loose.into_iter());
    Ok((schema, ids, Messages { path, sorted_place, is_flat, objects, loose }))
}

impl Iterator for Messages {
    type Item = Result<ObjectHistory>;

    fn next(&mut self) -> Option<Result<ObjectHistory>> {
        match self.objects.next() {
            Some((id, gathered)) => Some(self.history(id, gathered)),
            None => self.loose.next().map(Err),
        }
    }
}

impl Messages {
    fn history(&self, object_id: ObjectId, gathered: Gathered) -> Result<ObjectHistory> {
        let Gathered { mut messages, true_class, fault } = gathered;
        if let Some(fault) = fault {
            return Err(fault);
        }
        messages.sort_by(|a, b| a.mjd.total_cmp(&b.mjd)); // stable: the order of the file at equal times
        let n_classes = self.sorted_place.len();
        let (mut mjd, mut probabilities): (Vec<f64>, Vec<f32>) = (Vec::new(), Vec::new());
        let mut named = vec![false; n_classes];
        for message in &messages {
            if !(self.is_flat && mjd.last() == Some(&message.mjd)) {
                mjd.push(message.mjd);
                probabilities.resize(probabilities.len() + n_classes, 0.0);
                named.fill(false);
            }
            let start = probabilities.len() - n_classes;
            for &(class, probability) in &message.scores {
                let place = self.sorted_place[class as usize];
                if std::mem::replace(&mut named[place], true) {
                    let expected = "each class once in a message".to_owned();
                    let kind = ErrorKind::Invalid { expected, found: "a class twice".to_owned() };
                    let location = Location::file(&*self.path).row(message.row).column("class_id");
                    return Err(location.object(object_id).error(kind));
                }
                probabilities[start + place] = probability;
            }
        }
        let n_obs = (1..).take(mjd.len()).collect();
        Ok(ObjectHistory { object_id, mjd, n_obs, probabilities, days: None, true_class })
    }
}

/// The classifier to read, after a look at the column alone.
fn choose_classifier(
    path: &Path,
    column: Option<usize>,
    options: &LongFormOptions,
) -> Result<Option<String>> {
    let Some(column) = column else {
        if options.classifier.is_none() {
            return Ok(None);
        }
        let kind = find_required(&ParquetFile::open(path)?.schema().fields, &CLASSIFIER);
        return Err(Location::file(path).error(kind.expect_err("there is none")));
    };
    let mut names: BTreeSet<String> = BTreeSet::new();
    for rows in ParquetFile::open(path)?.into_batches(&BTreeSet::from([column]))? {
        let rows = rows?;
        let texts = text_column(rows.column(column)).map_err(|kind| Location::file(path).error(kind))?;
        for name in texts.iter().flatten() {
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        }
    }
    let listed = || names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let expected = match &options.classifier {
        Some(chosen) if names.contains(chosen) => return Ok(Some(chosen.clone())),
        Some(chosen) => format!("the classifier {chosen:?}"),
        None if names.len() > 1 => "the name of one classifier in the options".to_owned(),
        None => return Ok(names.into_iter().next()),
    };
    Err(Location::file(path)
        .error(ErrorKind::Invalid { expected, found: format!("the classifiers {}", listed()) }))
}

impl Columns {
    fn find(file: &ParquetFile) -> Result<Self> {
        let fields = &file.schema().fields;
        let at = |kind| Location::file(&**file.path()).error(kind);
        let required = |names: &[&str]| find_required(fields, names).map_err(at);
        let columns = Self {
            id: required(&ID)?,
            mjd: required(&["mjd"])?,
            class_id: required(&CLASS_ID)?,
            probability: required(&["probability"])?,
            classifier: find(fields, &CLASSIFIER).filter(|&column| is_text(fields[column].data_type())),
            true_class: find(fields, &["true_class"]).filter(|&column| is_text(fields[column].data_type())),
            is_flat: true,
        };
        let item = |column: usize| is_list(fields[column].data_type()).map(Field::data_type);
        let is_flat = item(columns.class_id).is_none();
        columns.check_types(file, fields, item, is_flat)?;
        Ok(Self { is_flat, ..columns })
    }

    fn check_types<'f>(
        &self,
        file: &ParquetFile,
        fields: &'f Fields,
        item: impl Fn(usize) -> Option<&'f DataType>,
        is_flat: bool,
    ) -> Result<()> {
        let checks: [(usize, bool, &'static str); 3] = if is_flat {
            let class = fields[self.class_id].data_type();
            [
                (self.class_id, is_number(class) || is_text(class), "integers or text"),
                (self.probability, is_number(fields[self.probability].data_type()), "numbers"),
                (self.mjd, is_number(fields[self.mjd].data_type()), "numbers"),
            ]
        } else {
            let class = item(self.class_id).is_some_and(|class| is_number(class) || is_text(class));
            [
                (self.class_id, class, "lists of integers or text"),
                (self.probability, item(self.probability).is_some_and(is_number), "lists of numbers"),
                (self.mjd, is_number(fields[self.mjd].data_type()), "numbers"),
            ]
        };
        match checks.into_iter().find(|(_, fits, _)| !fits) {
            None => Ok(()),
            Some((column, _, expected)) => {
                let found = fields[column].data_type().to_string();
                let location = Location::file(&**file.path()).column(fields[column].name());
                Err(location.error(ErrorKind::ColumnType { expected, found }))
            }
        }
    }
}

#[derive(Default)]
struct Gathering {
    classes: HashMap<ObjectId, u32>,
    objects: BTreeMap<ObjectId, Gathered>,
    loose: Vec<Error>,
}

/// Classes and probabilities of some rows, each row's a range of entries.
struct Scores {
    classes: IdColumn,
    probabilities: Float32Array,
    /// The lists, where there are any.
    lists: Option<[LargeListArray; 2]>,
}

impl Scores {
    fn new(rows: &Rows, columns: &Columns) -> Result<Self, (&'static str, ErrorKind)> {
        let (class_id, probability) = (rows.column(columns.class_id), rows.column(columns.probability));
        let (in_class, in_probability) = (|kind| ("class_id", kind), |kind| ("probability", kind));
        if columns.is_flat {
            return Ok(Self {
                classes: IdColumn::new(class_id).map_err(in_class)?,
                probabilities: float_column::<Float32Type>(probability).map_err(in_probability)?,
                lists: None,
            });
        }
        let lists =
            [list_column(class_id).map_err(in_class)?, list_column(probability).map_err(in_probability)?];
        Ok(Self {
            classes: IdColumn::new(lists[0].values()).map_err(in_class)?,
            probabilities: float_column::<Float32Type>(lists[1].values()).map_err(in_probability)?,
            lists: Some(lists),
        })
    }

    /// First entry of a row in either column, and how many there are.
    fn range(&self, row: usize) -> Result<([usize; 2], usize), (&'static str, ErrorKind)> {
        let Some([classes, probabilities]) = &self.lists else { return Ok(([row; 2], 1)) };
        let invalid = |column, expected: &str, found: String| {
            Err((column, ErrorKind::Invalid { expected: expected.to_owned(), found }))
        };
        for (column, list) in [("class_id", classes), ("probability", probabilities)] {
            if list.is_null(row) {
                return invalid(column, "a list", "null".to_owned());
            }
        }
        let start = [classes, probabilities].map(|list| list.value_offsets()[row] as usize);
        let end = [classes, probabilities].map(|list| list.value_offsets()[row + 1] as usize);
        match (end[0] - start[0], end[1] - start[1]) {
            (0, 0) => invalid("class_id", "at least one class", "none".to_owned()),
            (n, m) if n == m => Ok((start, n)),
            (n, m) => invalid("probability", &format!("{n} values, as class ids"), m.to_string()),
        }
    }
}

impl Gathering {
    fn take(
        &mut self,
        rows: &Rows,
        columns: &Columns,
        classifier: Option<&str>,
        path: &Path,
    ) -> Result<(), (&'static str, ErrorKind)> {
        let ids = IdColumn::new(rows.column(columns.id)).map_err(|kind| ("object_id", kind))?;
        let mjd = float_column::<Float64Type>(rows.column(columns.mjd)).map_err(|kind| ("mjd", kind))?;
        let text = |column: Option<usize>| column.map(|c| text_column(rows.column(c))).transpose();
        let classifiers = text(columns.classifier).map_err(|kind| ("classifier", kind))?;
        let true_classes = text(columns.true_class).map_err(|kind| ("true_class", kind))?;
        let scores = Scores::new(rows, columns)?;
        for row in 0..rows.len() {
            let name = classifiers.as_ref().and_then(|column| value(column, row));
            if classifiers.is_some() && name != classifier {
                continue;
            }
            let location = || Location::file(path).row(rows.number(row));
            let id = match ids.get(row) {
                Ok(id) => id,
                Err(kind) => {
                    self.loose.push(location().column("object_id").error(kind));
                    continue;
                }
            };
            let object = self.objects.entry(id.clone()).or_default();
            if object.fault.is_some() {
                continue;
            }
            match message(&mut self.classes, &scores, &mjd, row, rows.number(row)) {
                Ok(message) => object.messages.push(message),
                Err((column, kind)) => {
                    object.fault = Some(location().column(column).object(id).error(kind));
                    object.messages = Vec::new();
                    continue;
                }
            }
            if let Some(class) = true_classes.as_ref().and_then(|column| value(column, row))
                && object.true_class.as_deref() != Some(class)
                && let Some(first) = object.true_class.replace(class.into())
            {
                let expected = format!("{:?} as before", &*first);
                let kind = ErrorKind::Invalid { expected, found: format!("{class:?}") };
                object.fault = Some(location().column("true_class").object(id).error(kind));
            }
        }
        Ok(())
    }
}

fn value(column: &LargeStringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

fn message(
    classes: &mut HashMap<ObjectId, u32>,
    scores: &Scores,
    mjd: &Float64Array,
    row: usize,
    number: u64,
) -> Result<Message, (&'static str, ErrorKind)> {
    let invalid = |column, expected: &str, found: String| {
        Err((column, ErrorKind::Invalid { expected: expected.to_owned(), found }))
    };
    let show = |is_null: bool, value: f64| if is_null { "null".to_owned() } else { value.to_string() };
    let time = mjd.value(row);
    if mjd.is_null(row) || !time.is_finite() {
        return invalid("mjd", "a finite number", show(mjd.is_null(row), time));
    }
    let ([first_class, first_probability], n) = scores.range(row)?;
    let mut message = Message { mjd: time, row: number, scores: Vec::with_capacity(n) };
    for entry in 0..n {
        let class = scores.classes.get(first_class + entry).map_err(|kind| ("class_id", kind))?;
        let p = scores.probabilities.value(first_probability + entry);
        let is_null = scores.probabilities.is_null(first_probability + entry);
        if is_null || !(p.is_finite() && p >= 0.0) {
            return invalid("probability", "a finite number of at least 0", show(is_null, f64::from(p)));
        }
        let next = classes.len() as u32;
        message.scores.push((*classes.entry(class).or_insert(next), p));
    }
    Ok(message)
}
