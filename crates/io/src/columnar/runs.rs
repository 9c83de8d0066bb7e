//! Objects that are runs of rows: an id in each row, and the rows of an object one after the other.

use heliacal_lightcurve::ObjectId;

use super::{Batches, IdColumn, Rows, SeenIds};
use crate::{Error, ErrorKind, Location, Result};

/// A fault of a row: the column, where it is one column's, and what is wrong.
pub(crate) type Fault = (Option<String>, ErrorKind);

/// How the rows of a kind of file become objects.
pub(crate) trait RowKind {
    /// The columns of some rows, converted.
    type Columns;
    /// An object whose rows are coming in.
    type Draft;
    /// What it becomes.
    type Object;

    /// Place and name of the column of ids.
    fn id_column(&self) -> (usize, &str);
    /// Converts the columns of some rows.
    fn columns(&self, rows: &Rows) -> Result<Self::Columns, ErrorKind>;
    /// Begins the object that a row is the first of; [`take`](Self::take) follows for that row too.
    fn begin(&mut self, id: &ObjectId, columns: &Self::Columns, row: usize) -> Self::Draft;
    /// Adds a row.
    fn take(&self, columns: &Self::Columns, row: usize, draft: &mut Self::Draft) -> Result<(), Fault>;
    /// Completes the object.
    fn finish(&self, draft: Self::Draft) -> Result<Self::Object, ErrorKind>;
}

/// The objects of a file, each one a run of rows with the same id.
pub(crate) struct Runs<K: RowKind> {
    kind: K,
    batches: Batches,
    current: Option<Batch<K>>,
    pending: Option<Pending<K>>,
    seen: SeenIds,
}

struct Batch<K: RowKind> {
    rows: Rows,
    ids: IdColumn,
    columns: K::Columns,
    next: usize,
}

struct Pending<K: RowKind> {
    id: ObjectId,
    first_row: u64,
    draft: K::Draft,
    /// The first thing wrong with it; its other rows are passed over.
    fault: Option<Error>,
}

impl<K: RowKind> Runs<K> {
    pub(crate) fn new(kind: K, batches: Batches) -> Self {
        Self { kind, batches, current: None, pending: None, seen: SeenIds::default() }
    }

    fn at(&self, row: u64) -> Location {
        Location::file(&**self.batches.path()).row(row)
    }

    fn finish(&self, pending: Pending<K>) -> Result<K::Object> {
        let Pending { id, first_row, draft, fault } = pending;
        match fault {
            Some(fault) => Err(fault),
            None => self.kind.finish(draft).map_err(|kind| self.at(first_row).object(id).error(kind)),
        }
    }

    fn begin(&mut self, id: ObjectId, batch: &Batch<K>, row: usize) -> Pending<K> {
        let first_row = batch.rows.number(row);
        let fault = (!self.seen.insert(&id)).then(|| {
            let expected = "the rows of an object together".to_owned();
            let found = "the object again after others".to_owned();
            let location = self.at(first_row).column(self.kind.id_column().1).object(id.clone());
            location.error(ErrorKind::Invalid { expected, found })
        });
        let draft = self.kind.begin(&id, &batch.columns, row);
        Pending { id, first_row, draft, fault }
    }

    /// Takes rows of the batch until the object changes (then the finished one is returned) or the batch ends.
    fn advance(&mut self, batch: &mut Batch<K>) -> Option<Result<K::Object>> {
        while batch.next < batch.rows.len() {
            let row = batch.next;
            let id = match batch.ids.get(row) {
                Ok(id) => id,
                Err(kind) => {
                    batch.next += 1;
                    let location = self.at(batch.rows.number(row)).column(self.kind.id_column().1);
                    return Some(Err(location.error(kind)));
                }
            };
            let mut pending = match self.pending.take() {
                Some(pending) if pending.id == id => pending,
                Some(pending) => return Some(self.finish(pending)),
                None => self.begin(id, batch, row),
            };
            if pending.fault.is_none()
                && let Err((column, kind)) = self.kind.take(&batch.columns, row, &mut pending.draft)
            {
                let mut location = self.at(batch.rows.number(row)).object(pending.id.clone());
                location.column = column;
                pending.fault = Some(location.error(kind));
            }
            self.pending = Some(pending);
            batch.next += 1;
        }
        None
    }

    fn read(&self, rows: Rows) -> Result<Batch<K>> {
        let convert =
            || Ok((IdColumn::new(rows.column(self.kind.id_column().0))?, self.kind.columns(&rows)?));
        let (ids, columns) = convert().map_err(|kind: ErrorKind| self.at(rows.number(0)).error(kind))?;
        Ok(Batch { rows, ids, columns, next: 0 })
    }
}

impl<K: RowKind> Iterator for Runs<K> {
    type Item = Result<K::Object>;

    fn next(&mut self) -> Option<Result<K::Object>> {
        loop {
            if let Some(mut batch) = self.current.take()
                && let Some(item) = self.advance(&mut batch)
            {
                self.current = Some(batch);
                return Some(item);
            }
            let Some(rows) = self.batches.next() else {
                return self.pending.take().map(|pending| self.finish(pending));
            };
            match rows.and_then(|rows| self.read(rows)) {
                Ok(batch) => self.current = Some(batch),
                Err(error) => {
                    // The object is cut off here: it is part of what could not be read.
                    self.pending = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
