//! Writing light curves.

use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, Float32Builder, Float64Builder, Int32Builder, ListBuilder, StringBuilder,
};
use arrow_schema::{DataType, Field, Schema};
use heliacal_lightcurve::{Object, PhotometricSystem};

use super::layout::{ID, OBSERVATION};
use super::statics::{TRUE_CLASS, feature_name};
use crate::columnar::{IdBuilder, IdKind, TableWriter, version};
use crate::conventions::{DETECTION, MARKER};
use crate::missing::is_missing;
use crate::{ErrorKind, Location, Result};

/// Observations that are gathered before they are encoded.
const BUFFERED_OBSERVATIONS: usize = 1 << 18;
/// Objects that are gathered before they are encoded, however short their light curves.
const BUFFERED_OBJECTS: usize = 1 << 13;

/// The columns of a file of light curves that differ from file to file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LightCurveColumns {
    /// How `SNID` is held.
    pub id: IdKind,
    /// Names of the static features, each a column in this order.
    pub context: Vec<String>,
}

/// Writes light curves as Parquet, one row an object: `SNID`, lists `MJD` f64, `BAND` text, `FLUXCAL` f32, `FLUXCALERR`
/// f32, `PHOTFLAG` i32 (4096 for a detection, else 0) in time order, the static features f64 (null where not measured),
/// `ELASTICC_class` text (null where not known).
///
/// Objects are encoded as they come and memory stays bounded. The file appears under its name when
/// [`finish`](Self::finish) succeeds; a writer that is dropped leaves nothing behind. What is written reads back equal,
/// bit for bit, with [`ParquetLightCurves`](crate::ParquetLightCurves); there is an example.
#[derive(Debug)]
pub struct ParquetLightCurveWriter {
    table: TableWriter,
    context: Vec<(String, Float64Builder)>,
    id: IdBuilder,
    mjd: ListBuilder<Float64Builder>,
    band: ListBuilder<StringBuilder>,
    flux: ListBuilder<Float32Builder>,
    flux_err: ListBuilder<Float32Builder>,
    photflag: ListBuilder<Int32Builder>,
    true_class: StringBuilder,
    system: Option<PhotometricSystem>,
    written: u64,
}

impl ParquetLightCurveWriter {
    /// Begins a file that will appear at `path`.
    ///
    /// # Errors
    /// - [`ErrorKind::Io`]: the folder of `path` cannot be written to.
    /// - [`ErrorKind::Invalid`]: a static feature is named twice, or like another column, or by a name that is read as
    ///   another one (`DECL`).
    pub fn create(path: impl AsRef<Path>, columns: &LightCurveColumns) -> Result<Self> {
        let path = path.as_ref();
        check_names(path, &columns.context)?;
        let id = IdBuilder::new(columns.id);
        let list = |name: &str, item: DataType| {
            Field::new(name, DataType::List(Arc::new(Field::new("item", item, false))), false)
        };
        let mut fields = vec![
            Field::new("SNID", id.data_type(), false),
            list("MJD", DataType::Float64),
            list("BAND", DataType::Utf8),
            list("FLUXCAL", DataType::Float32),
            list("FLUXCALERR", DataType::Float32),
            list("PHOTFLAG", DataType::Int32),
        ];
        fields.extend(columns.context.iter().map(|name| Field::new(name, DataType::Float64, true)));
        fields.push(Field::new(TRUE_CLASS, DataType::Utf8, true));
        let table = TableWriter::create(path, Arc::new(Schema::new(fields)), vec![version()])?;
        Ok(Self {
            table,
            context: columns.context.iter().map(|name| (name.clone(), Float64Builder::new())).collect(),
            id,
            mjd: list_builder(DataType::Float64),
            band: list_builder(DataType::Utf8),
            flux: list_builder(DataType::Float32),
            flux_err: list_builder(DataType::Float32),
            photflag: list_builder(DataType::Int32),
            true_class: StringBuilder::new(),
            system: None,
            written: 0,
        })
    }

    /// Adds an object. After [`ErrorKind::Invalid`] the object is not in the file and writing can go on.
    ///
    /// # Errors
    /// - [`ErrorKind::Invalid`]: what would not read back the same: a text id in a file of integers; a static feature
    ///   that has no column, or whose value is one of its missing-value codes; passbands of two photometric systems in
    ///   one file; an MJD of -777.
    /// - [`ErrorKind::Io`], [`ErrorKind::Parquet`]: the file cannot be written; every later call fails too.
    pub fn write(&mut self, object: &Object) -> Result<()> {
        self.check(object)?;
        let light_curve = &object.light_curve;
        self.id.append(&object.id, 1);
        self.mjd.values().append_slice(light_curve.mjd());
        self.flux.values().append_slice(light_curve.flux());
        self.flux_err.values().append_slice(light_curve.flux_err());
        for passband in light_curve.passband() {
            self.system = Some(passband.system());
            self.band.values().append_value(passband.letter().encode_utf8(&mut [0; 4]));
        }
        for &detection in light_curve.detection() {
            self.photflag.values().append_value(if detection { DETECTION as i32 } else { 0 });
        }
        self.mjd.append(true);
        self.band.append(true);
        self.flux.append(true);
        self.flux_err.append(true);
        self.photflag.append(true);
        for (name, values) in &mut self.context {
            values.append_option(object.context.get(name));
        }
        self.true_class.append_option(object.true_class.as_deref());
        self.written += 1;
        if self.mjd.values().len() >= BUFFERED_OBSERVATIONS || self.true_class.len() >= BUFFERED_OBJECTS {
            self.encode()?;
        }
        Ok(())
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
        let mut columns: Vec<ArrayRef> = vec![
            self.id.finish(),
            Arc::new(self.mjd.finish()),
            Arc::new(self.band.finish()),
            Arc::new(self.flux.finish()),
            Arc::new(self.flux_err.finish()),
            Arc::new(self.photflag.finish()),
        ];
        columns.extend(self.context.iter_mut().map(|(_, values)| Arc::new(values.finish()) as ArrayRef));
        columns.push(Arc::new(self.true_class.finish()));
        self.table.write(columns)
    }

    /// Whether the object would read back the same.
    fn check(&self, object: &Object) -> Result<()> {
        let at = |column: &str, expected: String, found: String| {
            let location =
                self.table.location().row(self.written + 1).column(column).object(object.id.clone());
            Err(location.error(ErrorKind::Invalid { expected, found }))
        };
        if let Err(kind) = self.id.check(&object.id) {
            return Err(self.table.location().row(self.written + 1).column("SNID").error(kind));
        }
        for (name, value) in object.context.iter() {
            if !self.context.iter().any(|(column, _)| column == name) {
                return at(
                    name,
                    "only static features that the file has a column for".to_owned(),
                    value.to_string(),
                );
            }
            if is_missing(name, value) {
                return at(name, "a value that does not mean \"not measured\"".to_owned(), value.to_string());
            }
        }
        if let Some(passband) = object.light_curve.passband().first() {
            let system = self.system.unwrap_or(passband.system());
            if let Some(other) = object.light_curve.passband().iter().find(|p| p.system() != system) {
                return at("BAND", format!("a passband of {system}, as before"), other.to_string());
            }
        }
        if object.light_curve.mjd().contains(&MARKER) {
            return at("MJD", "a time".to_owned(), format!("{MARKER}, which marks padding"));
        }
        Ok(())
    }
}

fn check_names(path: &Path, context: &[String]) -> Result<()> {
    let reserved = || ID.iter().copied().chain(OBSERVATION.concat()).chain([TRUE_CLASS]);
    for (index, name) in context.iter().enumerate() {
        let taken =
            context[..index].contains(name) || reserved().any(|other| other.eq_ignore_ascii_case(name));
        if taken || feature_name(name) != *name {
            let location = Location::file(path).column(name);
            let found = if taken { "a name that is taken" } else { "a name that is read as another" };
            let expected = "a name of its own for each static feature".to_owned();
            return Err(location.error(ErrorKind::Invalid { expected, found: found.to_owned() }));
        }
    }
    Ok(())
}

fn list_builder<B: ArrayBuilder + Default>(item: DataType) -> ListBuilder<B> {
    ListBuilder::new(B::default()).with_field(Field::new("item", item, false))
}
