//! Files with one row an observation.

use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, Float32Array, Float64Array, Int64Array, LargeStringArray};
use heliacal_lightcurve::{Context, Object, ObjectId};

use super::layout::{Gathered, Layout, Observations};
use super::statics::{Names, StaticValues};
use crate::columnar::{Batches, IdColumn, Rows, SeenIds, float_column, text_column, whole_column};
use crate::{Error, ErrorKind, Labels, Location, Record, Result};

/// The objects: each one a run of rows with the same id.
pub(super) struct ObservationRows {
    layout: Layout,
    batches: Batches,
    current: Option<(Batch, usize)>,
    pending: Option<Pending>,
    seen: SeenIds,
    names: Names,
}

/// Rows, converted.
struct Batch {
    rows: Rows,
    ids: IdColumn,
    statics: StaticValues,
    mjd: Float64Array,
    band: LargeStringArray,
    flux: Float32Array,
    flux_err: Float32Array,
    photflag: Int64Array,
}

/// The object whose rows are coming in.
struct Pending {
    id: ObjectId,
    first_row: u64,
    gathered: Gathered,
    context: Context,
    /// The features of its first row, which those of the others must equal.
    features: Vec<Option<u64>>,
    labels: Labels,
    true_class: Option<std::sync::Arc<str>>,
    /// The first thing wrong with it.
    fault: Option<Error>,
}

impl ObservationRows {
    pub(super) fn new(layout: Layout, batches: Batches) -> Self {
        let (seen, names) = (SeenIds::default(), Names::default());
        Self { layout, batches, current: None, pending: None, seen, names }
    }

    fn finish(&self, pending: Pending) -> Result<Record> {
        if let Some(fault) = pending.fault {
            return Err(fault);
        }
        let Pending { id, first_row, gathered, context, labels, true_class, .. } = pending;
        match gathered.finish() {
            Ok(light_curve) => {
                let object = Object { id, light_curve, context, true_class };
                Ok(Record { object, labels, source: self.layout.path.clone() })
            }
            Err(kind) => Err(Location::file(&*self.layout.path).row(first_row).object(id).error(kind)),
        }
    }

    /// Takes rows of the batch until the object changes (then the finished one is returned) or the batch ends.
    fn advance(&mut self, batch: &Batch, next: &mut usize) -> Option<Result<Record>> {
        while *next < batch.rows.len() {
            let row = *next;
            let id = match batch.ids.get(row) {
                Ok(id) => id,
                Err(kind) => {
                    *next += 1;
                    let number = batch.rows.number(row);
                    return Some(Err(self.layout.error(number, Some(&self.layout.id_name), None, kind)));
                }
            };
            let mut pending = match self.pending.take() {
                Some(pending) if pending.id == id => pending,
                Some(pending) => return Some(self.finish(pending)),
                None => self.begin(id, batch, row),
            };
            if pending.fault.is_none() {
                pending.fault = batch.take(row, &self.layout, &mut pending).err();
            }
            self.pending = Some(pending);
            *next += 1;
        }
        None
    }

    fn begin(&mut self, id: ObjectId, batch: &Batch, row: usize) -> Pending {
        let first_row = batch.rows.number(row);
        let fault = (!self.seen.insert(&id)).then(|| {
            let expected = "the rows of an object together".to_owned();
            let found = "the object again after others".to_owned();
            self.layout.error(
                first_row,
                Some(&self.layout.id_name),
                Some(&id),
                ErrorKind::Invalid { expected, found },
            )
        });
        Pending {
            id,
            first_row,
            gathered: Gathered::default(),
            context: self.layout.statics.context(&batch.statics, row),
            features: batch.statics.bits(row),
            labels: self.layout.statics.labels(&batch.statics, row, &mut self.names),
            true_class: batch.statics.true_class(row, &mut self.names),
            fault,
        }
    }
}

impl Iterator for ObservationRows {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
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
                    Batch::new(rows, &self.layout)
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

impl Batch {
    fn new(rows: Rows, layout: &Layout) -> Result<Self, ErrorKind> {
        let Observations::Rows(columns) = &layout.observations else { unreachable!("read elsewhere") };
        let column = |which: usize| rows.column(columns[which]);
        Ok(Self {
            ids: IdColumn::new(rows.column(layout.id))?,
            statics: layout.statics.values(&rows)?,
            mjd: float_column::<Float64Type>(column(0))?,
            band: text_column(column(1))?,
            flux: float_column::<Float32Type>(column(2))?,
            flux_err: float_column::<Float32Type>(column(3))?,
            photflag: whole_column(column(4))?,
            rows,
        })
    }

    /// Adds a row to the object.
    fn take(&self, row: usize, layout: &Layout, pending: &mut Pending) -> Result<()> {
        let at = |column: &str, kind| {
            Err(layout.error(self.rows.number(row), Some(column), Some(&pending.id), kind))
        };
        let nulls = [
            self.mjd.is_null(row),
            self.band.is_null(row),
            self.flux.is_null(row),
            self.flux_err.is_null(row),
            self.photflag.is_null(row),
        ];
        if let Some(column) = nulls.iter().position(|&is_null| is_null) {
            let found = "null (or what does not fit)".to_owned();
            return at(&layout.names[column], ErrorKind::Invalid { expected: "a value".to_owned(), found });
        }
        if let Some((name, [first, here])) =
            layout.statics.difference((&self.statics, row), &pending.features)
        {
            let show = |value: Option<f64>| value.map_or("null".to_owned(), |value| value.to_string());
            let expected = format!("{} as in the object's first row", show(first));
            return at(name, ErrorKind::Invalid { expected, found: show(here) });
        }
        let pushed = pending.gathered.push(
            self.mjd.value(row),
            self.band.value(row),
            self.flux.value(row),
            self.flux_err.value(row),
            self.photflag.value(row),
            layout.photometric_system,
        );
        pushed.map_err(|(column, kind)| {
            layout.error(self.rows.number(row), Some(&layout.names[column]), Some(&pending.id), kind)
        })
    }
}
