//! Files with one row an observation.

use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, Float32Array, Float64Array, Int64Array, LargeStringArray};
use heliacal_lightcurve::{Context, Object, ObjectId};

use super::layout::{Gathered, Layout, Observations};
use super::statics::{Names, StaticValues};
use crate::columnar::{Fault, RowKind, Rows, float_column, text_column, whole_column};
use crate::{ErrorKind, Labels, Record};

/// A row is an observation, its statics those of its object.
pub(super) struct ObservationRows {
    layout: Layout,
    names: Names,
}

/// Rows, converted.
pub(super) struct Columns {
    statics: StaticValues,
    mjd: Float64Array,
    band: LargeStringArray,
    flux: Float32Array,
    flux_err: Float32Array,
    photflag: Int64Array,
}

/// The object whose rows are coming in.
pub(super) struct Draft {
    id: ObjectId,
    gathered: Gathered,
    context: Context,
    /// The features of its first row, which those of the others must equal.
    features: Vec<Option<u64>>,
    labels: Labels,
    true_class: Option<Arc<str>>,
}

impl ObservationRows {
    pub(super) fn new(layout: Layout) -> Self {
        Self { layout, names: Names::default() }
    }
}

impl RowKind for ObservationRows {
    type Columns = Columns;
    type Draft = Draft;
    type Object = Record;

    fn id_column(&self) -> (usize, &str) {
        (self.layout.id, &self.layout.id_name)
    }

    fn columns(&self, rows: &Rows) -> Result<Columns, ErrorKind> {
        let Observations::Rows(columns) = &self.layout.observations else { unreachable!("read elsewhere") };
        let column = |which: usize| rows.column(columns[which]);
        Ok(Columns {
            statics: self.layout.statics.values(rows)?,
            mjd: float_column::<Float64Type>(column(0))?,
            band: text_column(column(1))?,
            flux: float_column::<Float32Type>(column(2))?,
            flux_err: float_column::<Float32Type>(column(3))?,
            photflag: whole_column(column(4))?,
        })
    }

    fn begin(&mut self, id: &ObjectId, columns: &Columns, row: usize) -> Draft {
        let statics = &self.layout.statics;
        Draft {
            id: id.clone(),
            gathered: Gathered::default(),
            context: statics.context(&columns.statics, row),
            features: columns.statics.bits(row),
            labels: statics.labels(&columns.statics, row, &mut self.names),
            true_class: columns.statics.true_class(row, &mut self.names),
        }
    }

    fn take(&self, columns: &Columns, row: usize, draft: &mut Draft) -> Result<(), Fault> {
        let layout = &self.layout;
        let nulls = [
            columns.mjd.is_null(row),
            columns.band.is_null(row),
            columns.flux.is_null(row),
            columns.flux_err.is_null(row),
            columns.photflag.is_null(row),
        ];
        let name = |column: usize| Some(layout.names[column].clone());
        if let Some(column) = nulls.iter().position(|&is_null| is_null) {
            let found = "null (or what does not fit)".to_owned();
            return Err((name(column), ErrorKind::Invalid { expected: "a value".to_owned(), found }));
        }
        if let Some((feature, [first, here])) =
            layout.statics.difference((&columns.statics, row), &draft.features)
        {
            let show = |value: Option<f64>| value.map_or("null".to_owned(), |value| value.to_string());
            let expected = format!("{} as in the object's first row", show(first));
            return Err((Some(feature.to_owned()), ErrorKind::Invalid { expected, found: show(here) }));
        }
        let pushed = draft.gathered.push(
            columns.mjd.value(row),
            columns.band.value(row),
            columns.flux.value(row),
            columns.flux_err.value(row),
            columns.photflag.value(row),
            layout.photometric_system,
        );
        pushed.map_err(|(column, kind)| (name(column), kind))
    }

    fn finish(&self, draft: Draft) -> Result<Record, ErrorKind> {
        let Draft { id, gathered, context, labels, true_class, .. } = draft;
        let object = Object { id, light_curve: gathered.finish()?, context, true_class };
        Ok(Record { object, labels, source: self.layout.path.clone() })
    }
}
