//! Files with one row an object.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, Float32Array, Float64Array, Int64Array, LargeStringArray, StructArray};
use heliacal_lightcurve::{LightCurve, LightCurveError, Object};

use super::layout::{Gathered, Layout, Observations};
use super::statics::{Names, StaticValues};
use crate::columnar::{Batches, IdColumn, ObjectLists, Rows, float_column, text_column, whole_column};
use crate::{ErrorKind, Location, Record, Result};

/// The objects, row by row.
pub(super) struct ObjectRows {
    layout: Layout,
    batches: Batches,
    current: Option<(Batch, usize)>,
    names: Names,
}

/// Rows, converted.
struct Batch {
    rows: Rows,
    ids: IdColumn,
    statics: StaticValues,
    /// In a struct of lists: the structs.
    structs: Option<StructArray>,
    mjd: ObjectLists<Float64Array>,
    band: ObjectLists<LargeStringArray>,
    flux: ObjectLists<Float32Array>,
    flux_err: ObjectLists<Float32Array>,
    photflag: ObjectLists<Int64Array>,
}

impl ObjectRows {
    pub(super) fn new(layout: Layout, batches: Batches) -> Self {
        Self { layout, batches, current: None, names: Names::default() }
    }

    fn record(&mut self, row: usize) -> Result<Record> {
        let Some((batch, _)) = &self.current else { unreachable!("called on a batch") };
        let number = batch.rows.number(row);
        let layout = &self.layout;
        let at = |column: Option<&str>, id, kind| layout.error(number, column, id, kind);
        let id = batch.ids.get(row).map_err(|kind| at(Some(&layout.id_name), None, kind))?;
        let light_curve = batch
            .light_curve(row, layout)
            .map_err(|(column, kind)| at(column.map(|column| &*layout.names[column]), Some(&id), kind))?;
        let object = Object {
            id,
            light_curve,
            context: layout.statics.context(&batch.statics, row),
            true_class: batch.statics.true_class(row, &mut self.names),
        };
        let labels = layout.statics.labels(&batch.statics, row, &mut self.names);
        Ok(Record { object, labels, source: layout.path.clone() })
    }
}

impl Iterator for ObjectRows {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
        loop {
            if let Some((batch, next)) = &mut self.current
                && *next < batch.rows.len()
            {
                *next += 1;
                let row = *next - 1;
                return Some(self.record(row));
            }
            self.current = None;
            let batch = self.batches.next()?.and_then(|rows| {
                let number = rows.number(0);
                Batch::new(rows, &self.layout)
                    .map_err(|kind| Location::file(&**self.batches.path()).row(number).error(kind))
            });
            match batch {
                Ok(batch) => self.current = Some((batch, 0)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Batch {
    fn new(rows: Rows, layout: &Layout) -> Result<Self, ErrorKind> {
        let ids = IdColumn::new(rows.column(layout.id))?;
        let statics = layout.statics.values(&rows)?;
        let (structs, lists): (_, Lists) = match &layout.observations {
            Observations::Lists(columns) => (None, Lists::Columns(columns.map(|c| rows.column(c).clone()))),
            Observations::StructOfLists { column, members } => {
                let structs = rows.column(*column).as_struct().clone();
                let columns = members.map(|member| structs.column(member).clone());
                (Some(structs), Lists::Columns(columns))
            }
            Observations::ListOfStructs { column, members } => {
                (None, Lists::Members(rows.column(*column).clone(), *members))
            }
            Observations::Rows(_) => unreachable!("read elsewhere"),
        };
        Ok(Self {
            mjd: lists.get(0, float_column::<Float64Type>)?,
            band: lists.get(1, text_column)?,
            flux: lists.get(2, float_column::<Float32Type>)?,
            flux_err: lists.get(3, float_column::<Float32Type>)?,
            photflag: lists.get(4, whole_column)?,
            structs,
            rows,
            ids,
            statics,
        })
    }

    /// An error comes with the column, where it is one column's fault.
    fn light_curve(&self, row: usize, layout: &Layout) -> Result<LightCurve, (Option<usize>, ErrorKind)> {
        if self.structs.as_ref().is_some_and(|structs| structs.is_null(row)) {
            let found = "null".to_owned();
            return Err((Some(0), ErrorKind::Invalid { expected: "a struct of lists".to_owned(), found }));
        }
        let at = |column| move |kind| (Some(column), kind);
        let (mjd, n) = self.mjd.range(row).map_err(at(0))?;
        let (band, n_band) = self.band.range(row).map_err(at(1))?;
        let (flux, n_flux) = self.flux.range(row).map_err(at(2))?;
        let (flux_err, n_err) = self.flux_err.range(row).map_err(at(3))?;
        let (photflag, n_photflag) = self.photflag.range(row).map_err(at(4))?;
        let lengths =
            [("passband", n_band), ("flux", n_flux), ("flux_err", n_err), ("detection", n_photflag)];
        for (index, (column, found)) in lengths.into_iter().enumerate() {
            if found != n {
                let kind = LightCurveError::UnequalLengths { column, found, expected: n };
                return Err((Some(index + 1), kind.into()));
            }
        }
        let mut gathered = Gathered::default();
        for i in 0..n {
            let pushed = gathered.push(
                self.mjd.values().value(mjd + i),
                self.band.values().value(band + i),
                self.flux.values().value(flux + i),
                self.flux_err.values().value(flux_err + i),
                self.photflag.values().value(photflag + i),
                layout.photometric_system,
            );
            pushed.map_err(|(column, kind)| (Some(column), at_entry(kind, i)))?;
        }
        gathered.finish().map_err(|kind| (None, kind))
    }
}

fn at_entry(kind: ErrorKind, entry: usize) -> ErrorKind {
    match kind {
        ErrorKind::Invalid { expected, found } => {
            ErrorKind::Invalid { expected, found: format!("{found} at entry {}", entry + 1) }
        }
        other => other,
    }
}

/// The lists of some rows, before conversion.
enum Lists {
    Columns([ArrayRef; 5]),
    Members(ArrayRef, [usize; 5]),
}

impl Lists {
    fn get<A: Array>(
        &self,
        which: usize,
        convert: impl Fn(&ArrayRef) -> Result<A, ErrorKind>,
    ) -> Result<ObjectLists<A>, ErrorKind> {
        match self {
            Self::Columns(columns) => ObjectLists::new(&columns[which], convert),
            Self::Members(column, members) => ObjectLists::member(column, members[which], convert),
        }
    }
}
