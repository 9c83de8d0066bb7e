//! Files with a column for each class.

use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, Float32Array, Float64Array, Int64Array, LargeStringArray};
use arrow_schema::Fields;
use heliacal_lightcurve::ObjectId;

use super::{HistorySchema, ObjectHistory, sort_by_time};
use crate::columnar::{
    Batches, IdColumn, ParquetFile, Rows, SeenIds, find, find_required, float_column, is_number, is_text,
    text_column, whole_column,
};
use crate::{Error, ErrorKind, Location, Result};

/// The names of an object's id, in order of preference.
pub(super) const ID: [&str; 7] =
    ["object_id", "objectId", "diaobject_id", "diaObjectId", "diaobjectid", "SNID", "CID"];
/// What the columns of probabilities begin with.
const CLASS: &str = "p_";

/// The objects: each one a run of rows with the same id.
pub(super) struct WideRows {
    batches: Batches,
    columns: Columns,
    current: Option<(Batch, usize)>,
    pending: Option<Pending>,
    seen: SeenIds,
}

struct Columns {
    id: usize,
    id_name: String,
    mjd: usize,
    n_obs: Option<usize>,
    days: Option<usize>,
    true_class: Option<usize>,
    /// With their names.
    probabilities: Vec<(usize, String)>,
}

/// Rows, converted.
struct Batch {
    rows: Rows,
    ids: IdColumn,
    mjd: Float64Array,
    n_obs: Option<Int64Array>,
    days: Option<Float64Array>,
    true_class: Option<LargeStringArray>,
    probabilities: Vec<Float32Array>,
}

/// The object whose rows are coming in.
struct Pending {
    history: ObjectHistory,
    /// The first thing wrong with it.
    fault: Option<Error>,
}

impl WideRows {
    pub(super) fn new(file: ParquetFile) -> Result<(HistorySchema, Self)> {
        let columns = Columns::find(&file)?;
        let class = |(_, name): &(usize, String)| name[CLASS.len()..].to_owned();
        let schema = HistorySchema {
            classes: columns.probabilities.iter().map(class).collect(),
            taxonomy: file.key_value("heliacal.taxonomy").map(str::to_owned),
            classifier: file.key_value("heliacal.classifier").map(str::to_owned),
            has_days: columns.days.is_some(),
        };
        let optional = [columns.n_obs, columns.days, columns.true_class];
        let wanted = columns.probabilities.iter().map(|(column, _)| *column).chain([columns.id, columns.mjd]);
        let batches = file.into_batches(&wanted.chain(optional.into_iter().flatten()).collect())?;
        let (current, pending, seen) = (None, None, SeenIds::default());
        Ok((schema, Self { batches, columns, current, pending, seen }))
    }

    fn finish(&self, pending: Pending) -> Result<ObjectHistory> {
        let Pending { mut history, fault } = pending;
        if let Some(fault) = fault {
            return Err(fault);
        }
        sort_by_time(&mut history, self.columns.probabilities.len());
        if self.columns.n_obs.is_none() {
            history.n_obs = (1..).take(history.len()).collect();
        }
        Ok(history)
    }

    fn error(&self, row: u64, column: &str, object: Option<&ObjectId>, kind: ErrorKind) -> Error {
        let mut location = Location::file(&**self.batches.path()).row(row).column(column);
        location.object = object.cloned();
        location.error(kind)
    }

    /// Takes rows of the batch until the object changes (then the finished one is returned) or the batch ends.
    fn advance(&mut self, batch: &Batch, next: &mut usize) -> Option<Result<ObjectHistory>> {
        while *next < batch.rows.len() {
            let row = *next;
            let number = batch.rows.number(row);
            let id = match batch.ids.get(row) {
                Ok(id) => id,
                Err(kind) => {
                    *next += 1;
                    return Some(Err(self.error(number, &self.columns.id_name, None, kind)));
                }
            };
            let mut pending = match self.pending.take() {
                Some(pending) if pending.history.object_id == id => pending,
                Some(pending) => return Some(self.finish(pending)),
                None => self.begin(id, batch, row),
            };
            if pending.fault.is_none() {
                let fault = batch.take(row, &self.columns, &mut pending.history).err();
                pending.fault = fault
                    .map(|(column, kind)| self.error(number, column, Some(&pending.history.object_id), kind));
            }
            self.pending = Some(pending);
            *next += 1;
        }
        None
    }

    fn begin(&mut self, id: ObjectId, batch: &Batch, row: usize) -> Pending {
        let fault = (!self.seen.insert(&id)).then(|| {
            let expected = "the rows of an object together".to_owned();
            let found = "the object again after others".to_owned();
            let kind = ErrorKind::Invalid { expected, found };
            self.error(batch.rows.number(row), &self.columns.id_name, Some(&id), kind)
        });
        let history = ObjectHistory {
            object_id: id,
            mjd: Vec::new(),
            n_obs: Vec::new(),
            probabilities: Vec::new(),
            days: self.columns.days.map(|_| Vec::new()),
            true_class: batch.true_class(row).map(Arc::from),
        };
        Pending { history, fault }
    }
}

impl Iterator for WideRows {
    type Item = Result<ObjectHistory>;

    fn next(&mut self) -> Option<Result<ObjectHistory>> {
        loop {
            if let Some((batch, mut next)) = self.current.take()
                && let Some(item) = self.advance(&batch, &mut next)
            {
                self.current = Some((batch, next));
                return Some(item);
            }
            let batch = match self.batches.next() {
                None => return self.pending.take().map(|pending| self.finish(pending)),
                Some(rows) => rows.and_then(|rows| {
                    let number = rows.number(0);
                    Batch::new(rows, &self.columns)
                        .map_err(|kind| Location::file(&**self.batches.path()).row(number).error(kind))
                }),
            };
            match batch {
                Ok(batch) => self.current = Some((batch, 0)),
                Err(error) => {
                    // The object is cut off here: it is part of what could not be read.
                    self.pending = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Columns {
    fn find(file: &ParquetFile) -> Result<Self> {
        let fields = &file.schema().fields;
        let at = |kind| Location::file(&**file.path()).error(kind);
        let of_type = |column: usize, fits: fn(&_) -> bool, expected| {
            if fits(fields[column].data_type()) {
                return Ok(column);
            }
            let found = fields[column].data_type().to_string();
            let location = Location::file(&**file.path()).column(fields[column].name());
            Err(location.error(ErrorKind::ColumnType { expected, found }))
        };
        let id = find_required(fields, &ID).map_err(at)?;
        let mjd = of_type(find_required(fields, &["mjd"]).map_err(at)?, is_number, "numbers")?;
        let optional =
            |name, fits, expected| find(fields, &[name]).map(|c| of_type(c, fits, expected)).transpose();
        let mut probabilities = Vec::new();
        for (column, field) in fields.iter().enumerate() {
            if field.name().len() > CLASS.len() && field.name().starts_with(CLASS) {
                probabilities.push((of_type(column, is_number, "numbers")?, field.name().clone()));
            }
        }
        if probabilities.is_empty() {
            return Err(at(no_classes(fields)));
        }
        Ok(Self {
            id,
            id_name: fields[id].name().clone(),
            mjd,
            n_obs: optional("n_obs", is_number, "whole numbers")?,
            days: optional("days", is_number, "numbers")?,
            true_class: optional("true_class", is_text, "text")?,
            probabilities,
        })
    }
}

fn no_classes(fields: &Fields) -> ErrorKind {
    let expected =
        "p_<class> (brokers' messages, with a column of class ids, are opened as long form)".to_owned();
    ErrorKind::MissingColumn { expected, found: fields.iter().map(|field| field.name().clone()).collect() }
}

impl Batch {
    fn new(rows: Rows, columns: &Columns) -> Result<Self, ErrorKind> {
        let probabilities = columns.probabilities.iter();
        Ok(Self {
            ids: IdColumn::new(rows.column(columns.id))?,
            mjd: float_column::<Float64Type>(rows.column(columns.mjd))?,
            n_obs: columns.n_obs.map(|c| whole_column(rows.column(c))).transpose()?,
            days: columns.days.map(|c| float_column::<Float64Type>(rows.column(c))).transpose()?,
            true_class: columns.true_class.map(|c| text_column(rows.column(c))).transpose()?,
            probabilities: probabilities
                .map(|(c, _)| float_column::<Float32Type>(rows.column(*c)))
                .collect::<Result<_, _>>()?,
            rows,
        })
    }

    fn true_class(&self, row: usize) -> Option<&str> {
        self.true_class.as_ref().filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }

    /// Adds a row to the object. An error comes with the column.
    fn take<'c>(
        &self,
        row: usize,
        columns: &'c Columns,
        history: &mut ObjectHistory,
    ) -> Result<(), (&'c str, ErrorKind)> {
        let invalid =
            |expected: &str, found: String| ErrorKind::Invalid { expected: expected.to_owned(), found };
        let show = |is_null: bool, value: f64| if is_null { "null".to_owned() } else { value.to_string() };
        let finite = |column: &'static str, values: &Float64Array| {
            let value = values.value(row);
            if values.is_valid(row) && value.is_finite() {
                return Ok(value);
            }
            Err((column, invalid("a finite number", show(values.is_null(row), value))))
        };
        history.mjd.push(finite("mjd", &self.mjd)?);
        if let (Some(column), Some(days)) = (&self.days, &mut history.days) {
            days.push(finite("days", column)?);
        }
        if let Some(column) = &self.n_obs {
            let count = column.is_valid(row).then(|| u32::try_from(column.value(row)).ok()).flatten();
            let found =
                || if column.is_null(row) { "null".to_owned() } else { column.value(row).to_string() };
            history.n_obs.push(count.ok_or_else(|| ("n_obs", invalid("a count", found())))?);
        } else {
            history.n_obs.push(0); // counted when the object is complete
        }
        for ((_, name), values) in columns.probabilities.iter().zip(&self.probabilities) {
            let p = values.value(row);
            if values.is_null(row) || !(p.is_finite() && p >= 0.0) {
                let found = show(values.is_null(row), f64::from(p));
                return Err((name, invalid("a finite number of at least 0", found)));
            }
            history.probabilities.push(p);
        }
        let same = history.true_class.as_deref() == self.true_class(row);
        same.then_some(()).ok_or_else(|| {
            let show = |class: Option<&str>| class.map_or("null".to_owned(), |class| format!("{class:?}"));
            let expected = format!("{} as in the object's first row", show(history.true_class.as_deref()));
            ("true_class", ErrorKind::Invalid { expected, found: show(self.true_class(row)) })
        })
    }
}
