//! Writing histories.

use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{ArrayBuilder, Float32Builder, Float64Builder, StringBuilder, UInt32Builder};
use arrow_schema::{DataType, Field, Schema};

use super::{HistorySchema, ObjectHistory};
use crate::columnar::{IdBuilder, IdKind, SeenIds, TableWriter, key_value, version};
use crate::{ErrorKind, Location, Result};

/// Values that are gathered before they are encoded.
const BUFFERED_VALUES: usize = 1 << 20;

/// Writes classification histories as Parquet, one row a classification: `object_id` i64 or text, `mjd` f64, `n_obs` u32,
/// `days` f64 where the schema says so, a f32 column `p_<class>` for each class in order, `true_class` text (null where
/// not known). The file's metadata has `heliacal.version` and, where given, `heliacal.taxonomy` and
/// `heliacal.classifier`.
///
/// The rows of an object stand together in time order, objects in the order in which they are written;
/// [`SortedHistoryWriter`](crate::SortedHistoryWriter) sorts them. Memory stays bounded. The file appears under its name when
/// [`finish`](Self::finish) succeeds; a writer that is dropped leaves nothing behind.
///
/// ```
/// use heliacal_io::{HistoryReader, HistorySchema, HistoryWriter, IdKind, ObjectHistory};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("histories.parquet");
/// let schema = HistorySchema {
///     classes: vec!["SNIa".into(), "KN".into()],
///     classifier: Some("ORACLE".into()),
///     ..HistorySchema::default()
/// };
/// let history = ObjectHistory {
///     object_id: "ZTF20aadvunl".into(),
///     mjd: vec![60000.0, 60003.0],
///     n_obs: vec![1, 2],
///     probabilities: vec![0.5, 0.5, 0.9, 0.1],
///     days: None,
///     true_class: Some("SNIa".into()),
/// };
/// let mut writer = HistoryWriter::create(&path, &schema, IdKind::Text)?;
/// writer.write(&history)?;
/// writer.finish()?;
///
/// let mut reader = HistoryReader::open(&path)?;
/// assert_eq!(reader.schema(), &schema);
/// assert_eq!(reader.next().transpose()?, Some(history));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HistoryWriter {
    table: TableWriter,
    id: IdBuilder,
    mjd: Float64Builder,
    n_obs: UInt32Builder,
    days: Option<Float64Builder>,
    probabilities: Vec<Float32Builder>,
    true_class: StringBuilder,
    checks: Checks,
    /// Rows so far.
    written: u64,
}

/// What every history of a file must be.
#[derive(Debug)]
pub(super) struct Checks {
    n_classes: usize,
    has_days: bool,
    seen: SeenIds,
}

impl Checks {
    pub(super) fn new(schema: &HistorySchema) -> Self {
        Self { n_classes: schema.classes.len(), has_days: schema.has_days, seen: SeenIds::default() }
    }

    pub(super) fn check(&mut self, location: Location, history: &ObjectHistory) -> Result<()> {
        let invalid = |location: Location, expected: &str, found: &str| {
            Err(location.error(ErrorKind::Invalid { expected: expected.to_owned(), found: found.to_owned() }))
        };
        if let Err(error) = history.validate(self.n_classes) {
            return Err(location.error(error));
        }
        match (self.has_days, &history.days) {
            (false, Some(_)) => {
                return invalid(location.column("days"), "none, by the file's schema", "days");
            }
            (true, None) => return invalid(location.column("days"), "days, by the file's schema", "none"),
            _ => {}
        }
        if !self.seen.insert(&history.object_id) {
            let found = "an object that was written before";
            return invalid(location.column("object_id"), "each object once", found);
        }
        Ok(())
    }
}

impl HistoryWriter {
    /// Begins a file that will appear at `path`.
    ///
    /// # Errors
    /// - [`ErrorKind::Invalid`]: no class, or a class without a name, or two of the same name.
    /// - [`ErrorKind::Io`]: the folder of `path` cannot be written to.
    pub fn create(path: impl AsRef<Path>, schema: &HistorySchema, ids: IdKind) -> Result<Self> {
        let path = path.as_ref();
        check_classes(path, &schema.classes)?;
        let id = IdBuilder::new(ids);
        let mut fields = vec![
            Field::new("object_id", id.data_type(), false),
            Field::new("mjd", DataType::Float64, false),
            Field::new("n_obs", DataType::UInt32, false),
        ];
        if schema.has_days {
            fields.push(Field::new("days", DataType::Float64, false));
        }
        fields.extend(schema.classes.iter().map(|c| Field::new(format!("p_{c}"), DataType::Float32, false)));
        fields.push(Field::new("true_class", DataType::Utf8, true));
        let mut metadata = vec![version()];
        metadata.extend(schema.taxonomy.iter().map(|json| key_value("heliacal.taxonomy", json)));
        metadata.extend(schema.classifier.iter().map(|name| key_value("heliacal.classifier", name)));
        Ok(Self {
            table: TableWriter::create(path, Arc::new(Schema::new(fields)), metadata)?,
            id,
            mjd: Float64Builder::new(),
            n_obs: UInt32Builder::new(),
            days: schema.has_days.then(Float64Builder::new),
            probabilities: schema.classes.iter().map(|_| Float32Builder::new()).collect(),
            true_class: StringBuilder::new(),
            checks: Checks::new(schema),
            written: 0,
        })
    }

    /// Adds the classifications of an object. After [`ErrorKind::Invalid`] or [`ErrorKind::History`] the object is not in
    /// the file and writing can go on.
    ///
    /// # Errors
    /// - [`ErrorKind::History`]: the columns do not fit together, or not the file's classes.
    /// - [`ErrorKind::Invalid`]: a text id in a file of integers; an object that was written before; `days` where the
    ///   schema has none, or none where it has.
    /// - [`ErrorKind::Io`], [`ErrorKind::Parquet`]: the file cannot be written; every later call fails too.
    pub fn write(&mut self, history: &ObjectHistory) -> Result<()> {
        let location = self.table.location().row(self.written + 1).object(history.object_id.clone());
        if let Err(kind) = self.id.check(&history.object_id) {
            return Err(location.column("object_id").error(kind));
        }
        self.checks.check(location, history)?;
        let (n_steps, n_classes) = (history.len(), self.probabilities.len());
        self.id.append(&history.object_id, n_steps);
        self.mjd.append_slice(&history.mjd);
        self.n_obs.append_slice(&history.n_obs);
        if let (Some(column), Some(days)) = (&mut self.days, &history.days) {
            column.append_slice(days);
        }
        for (class, column) in self.probabilities.iter_mut().enumerate() {
            for step in 0..n_steps {
                column.append_value(history.probabilities[step * n_classes + class]);
            }
        }
        for _ in 0..n_steps {
            self.true_class.append_option(history.true_class.as_deref());
        }
        self.written += n_steps as u64;
        if self.mjd.len() * (n_classes + 4) >= BUFFERED_VALUES { self.encode() } else { Ok(()) }
    }

    /// Writes what is left and puts the file in its place.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], [`ErrorKind::Parquet`]: the file cannot be written, or an earlier write failed.
    pub fn finish(mut self) -> Result<()> {
        self.encode()?;
        self.table.finish()
    }

    fn encode(&mut self) -> Result<()> {
        let mut columns: Vec<ArrayRef> =
            vec![self.id.finish(), Arc::new(self.mjd.finish()), Arc::new(self.n_obs.finish())];
        columns.extend(self.days.iter_mut().map(|days| Arc::new(days.finish()) as ArrayRef));
        columns.extend(self.probabilities.iter_mut().map(|p| Arc::new(p.finish()) as ArrayRef));
        columns.push(Arc::new(self.true_class.finish()));
        self.table.write(columns)
    }
}

fn check_classes(path: &Path, classes: &[String]) -> Result<()> {
    let found = if classes.is_empty() {
        "none".to_owned()
    } else if classes.iter().any(String::is_empty) {
        "one without a name".to_owned()
    } else if let Some(i) = (1..classes.len()).find(|&i| classes[..i].contains(&classes[i])) {
        format!("{:?} twice", classes[i])
    } else {
        return Ok(());
    };
    Err(Location::file(path)
        .error(ErrorKind::Invalid { expected: "named classes, each once".to_owned(), found }))
}
