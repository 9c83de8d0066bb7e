//! Files with a column for each class.

use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, Float32Array, Float64Array, Int64Array, LargeStringArray};
use arrow_schema::Fields;
use heliacal_lightcurve::ObjectId;

use super::{HistorySchema, ObjectHistory, sort_by_time};
use crate::columnar::{
    Fault, IdKind, ParquetFile, RowKind, Rows, Runs, find, find_required, float_column, is_number, is_text,
    text_column, whole_column,
};
use crate::{ErrorKind, Location, Result};

/// The names of an object's id, in order of preference.
pub(super) const ID: [&str; 7] =
    ["object_id", "objectId", "diaobject_id", "diaObjectId", "diaobjectid", "SNID", "CID"];
/// What the columns of probabilities begin with.
const CLASS: &str = "p_";

/// A row is a classification, with a column for each class.
pub(super) struct WideRows {
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
pub(super) struct Columns {
    mjd: Float64Array,
    n_obs: Option<Int64Array>,
    days: Option<Float64Array>,
    true_class: Option<LargeStringArray>,
    probabilities: Vec<Float32Array>,
}

impl Columns {
    fn true_class(&self, row: usize) -> Option<&str> {
        self.true_class.as_ref().filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

/// Opens a file of histories.
pub(super) fn open(file: ParquetFile) -> Result<(HistorySchema, IdKind, Runs<WideRows>)> {
    let columns = WideRows::find(&file)?;
    let ids =
        if is_text(file.schema().fields[columns.id].data_type()) { IdKind::Text } else { IdKind::Integer };
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
    Ok((schema, ids, Runs::new(columns, batches)))
}

impl WideRows {
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

impl RowKind for WideRows {
    type Columns = Columns;
    type Draft = ObjectHistory;
    type Object = ObjectHistory;

    fn id_column(&self) -> (usize, &str) {
        (self.id, &self.id_name)
    }

    fn columns(&self, rows: &Rows) -> Result<Columns, ErrorKind> {
        let probabilities = self.probabilities.iter();
        Ok(Columns {
            mjd: float_column::<Float64Type>(rows.column(self.mjd))?,
            n_obs: self.n_obs.map(|c| whole_column(rows.column(c))).transpose()?,
            days: self.days.map(|c| float_column::<Float64Type>(rows.column(c))).transpose()?,
            true_class: self.true_class.map(|c| text_column(rows.column(c))).transpose()?,
            probabilities: probabilities
                .map(|(c, _)| float_column::<Float32Type>(rows.column(*c)))
                .collect::<Result<_, _>>()?,
        })
    }

    fn begin(&mut self, id: &ObjectId, columns: &Columns, row: usize) -> ObjectHistory {
        ObjectHistory {
            object_id: id.clone(),
            mjd: Vec::new(),
            n_obs: Vec::new(),
            probabilities: Vec::new(),
            days: self.days.map(|_| Vec::new()),
            true_class: columns.true_class(row).map(Arc::from),
        }
    }

    fn take(&self, values: &Columns, row: usize, history: &mut ObjectHistory) -> Result<(), Fault> {
        let invalid =
            |expected: &str, found: String| ErrorKind::Invalid { expected: expected.to_owned(), found };
        let show = |is_null: bool, value: f64| if is_null { "null".to_owned() } else { value.to_string() };
        let finite = |column: &str, numbers: &Float64Array| {
            let value = numbers.value(row);
            if numbers.is_valid(row) && value.is_finite() {
                return Ok(value);
            }
            Err((Some(column.to_owned()), invalid("a finite number", show(numbers.is_null(row), value))))
        };
        history.mjd.push(finite("mjd", &values.mjd)?);
        if let (Some(column), Some(days)) = (&values.days, &mut history.days) {
            days.push(finite("days", column)?);
        }
        if let Some(column) = &values.n_obs {
            let count = column.is_valid(row).then(|| u32::try_from(column.value(row)).ok()).flatten();
            let found =
                || if column.is_null(row) { "null".to_owned() } else { column.value(row).to_string() };
            history.n_obs.push(count.ok_or_else(|| (Some("n_obs".to_owned()), invalid("a count", found())))?);
        } else {
            history.n_obs.push(0); // counted when the object is complete
        }
        for ((_, name), column) in self.probabilities.iter().zip(&values.probabilities) {
            let p = column.value(row);
            if column.is_null(row) || !(p.is_finite() && p >= 0.0) {
                let found = show(column.is_null(row), f64::from(p));
                return Err((Some(name.clone()), invalid("a finite number of at least 0", found)));
            }
            history.probabilities.push(p);
        }
        let same = history.true_class.as_deref() == values.true_class(row);
        same.then_some(()).ok_or_else(|| {
            let show = |class: Option<&str>| class.map_or("null".to_owned(), |class| format!("{class:?}"));
            let expected = format!("{} as in the object's first row", show(history.true_class.as_deref()));
            (
                Some("true_class".to_owned()),
                ErrorKind::Invalid { expected, found: show(values.true_class(row)) },
            )
        })
    }

    fn finish(&self, mut history: ObjectHistory) -> Result<ObjectHistory, ErrorKind> {
        sort_by_time(&mut history, self.probabilities.len());
        if self.n_obs.is_none() {
            history.n_obs = (1..).take(history.len()).collect();
        }
        Ok(history)
    }
}
