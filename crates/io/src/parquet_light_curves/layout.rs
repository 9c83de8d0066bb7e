//! Where in a file the observations stand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema};
use heliacal_lightcurve::{LightCurve, ObjectId, Passband, PhotometricSystem};

use super::statics::Statics;
use crate::columnar::{find, find_required, is_list, is_number, is_text};
use crate::conventions::{DETECTION, MARKER, SATURATED};
use crate::{Error, ErrorKind, Location, ReadOptions, Result};

/// The names of an object's id, in order of preference.
pub(super) const ID: [&str; 6] = ["SNID", "object_id", "objectId", "diaObjectId", "diaobject_id", "CID"];
/// The names of the columns of an observation. What is not FLUXCAL (psFlux has another zero point) is no alias of it.
pub(super) const OBSERVATION: [&[&str]; 5] =
    [&["MJD"], &["BAND", "FLT"], &["FLUXCAL"], &["FLUXCALERR"], &["PHOTFLAG"]];
const BAND: usize = 1;

/// The five columns of an observation.
#[derive(Debug, Clone)]
pub(super) enum Observations {
    /// A row per object, columns of lists.
    Lists([usize; 5]),
    /// A row per object, one column of structs of lists.
    StructOfLists { column: usize, members: [usize; 5] },
    /// A row per object, one column of lists of structs.
    ListOfStructs { column: usize, members: [usize; 5] },
    /// A row per observation.
    Rows([usize; 5]),
}

/// What stands where.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) path: Arc<PathBuf>,
    pub(super) id: usize,
    pub(super) id_name: String,
    pub(super) observations: Observations,
    /// The observation columns as the file names them.
    pub(super) names: [String; 5],
    pub(super) statics: Statics,
    pub(super) photometric_system: PhotometricSystem,
}

impl Layout {
    pub(super) fn find(path: &Arc<PathBuf>, schema: &Schema, options: &ReadOptions) -> Result<Self> {
        let at = |kind| Location::file(&**path).error(kind);
        let fields = &schema.fields;
        let id = find_required(fields, &ID).map_err(at)?;
        let (observations, names) = find_observations(fields, path)?;
        let is_long = matches!(observations, Observations::Rows(_));
        let statics = Statics::find(path, fields, options, is_long)?;
        Ok(Self {
            path: path.clone(),
            id,
            id_name: fields[id].name().clone(),
            observations,
            names,
            statics,
            photometric_system: options.photometric_system,
        })
    }

    /// Every column that has to be decoded.
    pub(super) fn columns(&self) -> std::collections::BTreeSet<usize> {
        let observations: &[usize] = match &self.observations {
            Observations::Lists(columns) | Observations::Rows(columns) => columns,
            Observations::StructOfLists { column, .. } | Observations::ListOfStructs { column, .. } => {
                std::slice::from_ref(column)
            }
        };
        self.statics.columns().chain(observations.iter().copied()).chain([self.id]).collect()
    }

    pub(super) fn error(
        &self,
        row: u64,
        column: Option<&str>,
        object: Option<&ObjectId>,
        kind: ErrorKind,
    ) -> Error {
        let mut location = Location::file(&*self.path).row(row);
        location.column = column.map(str::to_owned);
        location.object = object.cloned();
        location.error(kind)
    }
}

fn find_observations(fields: &Fields, path: &Path) -> Result<(Observations, [String; 5])> {
    let at = |kind| Location::file(path).error(kind);
    if let Some(mjd) = find(fields, OBSERVATION[0]) {
        let columns = all_five(fields).map_err(at)?;
        let is_object_row = is_list(fields[mjd].data_type()).is_some();
        for (which, &column) in columns.iter().enumerate() {
            check_type(&fields[column], is_object_row, which)
                .map_err(|kind| Location::file(path).column(fields[column].name()).error(kind))?;
        }
        let names = columns.map(|column| fields[column].name().clone());
        let observations = if is_object_row { Observations::Lists } else { Observations::Rows };
        return Ok((observations(columns), names));
    }
    for (column, field) in fields.iter().enumerate() {
        let (members, in_lists) = match (field.data_type(), is_list(field.data_type()).map(Field::data_type))
        {
            (DataType::Struct(members), _) => (members, true),
            (_, Some(DataType::Struct(members))) => (members, false),
            _ => continue,
        };
        if find(members, OBSERVATION[0]).is_none() {
            continue;
        }
        let places =
            all_five(members).map_err(|kind| Location::file(path).column(field.name()).error(kind))?;
        let names = places.map(|member| format!("{}.{}", field.name(), members[member].name()));
        for (which, &member) in places.iter().enumerate() {
            check_type(&members[member], in_lists, which)
                .map_err(|kind| Location::file(path).column(&names[which]).error(kind))?;
        }
        let observations = if in_lists {
            Observations::StructOfLists { column, members: places }
        } else {
            Observations::ListOfStructs { column, members: places }
        };
        return Ok((observations, names));
    }
    Err(at(find_required(fields, OBSERVATION[0]).expect_err("looked for above")))
}

fn all_five(fields: &Fields) -> Result<[usize; 5], ErrorKind> {
    let mut columns = [0; 5];
    for (column, names) in columns.iter_mut().zip(OBSERVATION) {
        *column = find_required(fields, names)?;
    }
    Ok(columns)
}

fn check_type(field: &Field, in_lists: bool, which: usize) -> Result<(), ErrorKind> {
    let data_type = match (in_lists, is_list(field.data_type())) {
        (true, item) => item.map(Field::data_type),
        (false, _) => Some(field.data_type()),
    };
    let (fits, expected): (fn(&DataType) -> bool, _) = match (which == BAND, in_lists) {
        (true, true) => (is_text, "lists of text"),
        (true, false) => (is_text, "text"),
        (false, true) => (is_number, "lists of numbers"),
        (false, false) => (is_number, "numbers"),
    };
    if data_type.is_some_and(fits) {
        return Ok(());
    }
    Err(ErrorKind::ColumnType { expected, found: field.data_type().to_string() })
}

/// A light curve on its way in.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    mjd: Vec<f64>,
    flux: Vec<f32>,
    flux_err: Vec<f32>,
    passband: Vec<Passband>,
    detection: Vec<bool>,
}

impl Gathered {
    /// Takes an observation, or leaves it out where it is padding or saturated. An error comes with the column.
    pub(super) fn push(
        &mut self,
        mjd: f64,
        band: &str,
        flux: f32,
        flux_err: f32,
        photflag: i64,
        system: PhotometricSystem,
    ) -> Result<(), (usize, ErrorKind)> {
        let invalid = |column, expected: &str, found: String| {
            Err((column, ErrorKind::Invalid { expected: expected.to_owned(), found }))
        };
        if mjd == MARKER {
            return Ok(());
        }
        if photflag < 0 {
            return invalid(4, "a sum of bits", photflag.to_string());
        }
        if photflag & SATURATED != 0 {
            return Ok(());
        }
        if !mjd.is_finite() {
            return invalid(0, "a finite number", mjd.to_string());
        }
        let passband = match Passband::parse(band, system) {
            Ok(passband) => passband,
            Err(unknown) => {
                return invalid(1, &format!("a passband of {system}"), format!("{:?}", unknown.name));
            }
        };
        if !flux.is_finite() {
            return invalid(2, "a finite number", flux.to_string());
        }
        if !(flux_err.is_finite() && flux_err >= 0.0) {
            return invalid(3, "a finite number of at least 0", flux_err.to_string());
        }
        self.mjd.push(mjd);
        self.flux.push(flux);
        self.flux_err.push(flux_err);
        self.passband.push(passband);
        self.detection.push(photflag & DETECTION != 0);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<LightCurve, ErrorKind> {
        Ok(LightCurve::new(self.mjd, self.flux, self.flux_err, self.passband, self.detection)?)
    }
}
