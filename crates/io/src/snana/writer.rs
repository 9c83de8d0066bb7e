//! Writing light curves as SNANA does.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use heliacal_lightcurve::{Object, ObjectId};

use super::spool::{HeadRow, HeadSpool, NO_LABEL};
use super::{Compression, SnanaWriterOptions};
use crate::atomic::AtomicFile;
use crate::conventions::{DETECTION, MARKER, TRIGGER};
use crate::fits::{HeaderWriter, pad_to_block};
use crate::missing::sentinels;
use crate::{ErrorKind, Labels, Location, Result};

/// Columns of PHOT.
const PHOT_COLUMNS: [(&str, &str, usize); 6] = [
    ("MJD", "1D", 8),
    ("BAND", "2A", 2),
    ("FIELD", "12A", 12),
    ("PHOTFLAG", "1J", 4),
    ("FLUXCAL", "1E", 4),
    ("FLUXCALERR", "1E", 4),
];

/// Columns of HEAD that are not context.
const OWN_COLUMNS: [&str; 10] = [
    "SNID",
    "IAUC",
    "FAKE",
    "SNTYPE",
    "NOBS",
    "PTROBS_MIN",
    "PTROBS_MAX",
    "SIM_TYPE_INDEX",
    "SIM_MODEL_NAME",
    "DECL",
];

/// FITS allows 999 columns.
const MAX_FEATURES: usize = 980;

/// Writes objects into a folder as SNANA does: pairs `PREFIX-0001_HEAD.FITS.gz` and `PREFIX-0001_PHOT.FITS.gz`, a
/// `.LIST` of the HEAD files and a `.README`, laid out like ELAsTiCC's folders. astropy, `sncosmo.read_snana_fits` and
/// [`SnanaReader`](crate::SnanaReader) read it back exactly.
///
/// Objects come one by one and do not stay in memory; each file appears whole or not at all, and the `.LIST` last.
/// PHOTFLAG is 4096 for a detection, and 2048 besides for the first one. What the context of an object lacks and that
/// of another of its pair has, or [`SnanaWriterOptions::context`] names, is written as SNANA's own code for that column. Columns are singles where that loses nothing,
/// otherwise doubles. Not written: [`Object::true_class`], for SNANA names classes only by its labels.
///
/// The example of [`SnanaReader`](crate::SnanaReader) writes and reads.
#[derive(Debug)]
pub struct SnanaWriter {
    folder: PathBuf,
    version: String,
    options: SnanaWriterOptions,
    pair: Option<Pair>,
    /// Names of the HEAD files, without `.gz`.
    heads: Vec<String>,
    n_objects: u64,
    n_observations: u64,
}

/// The pair being written.
#[derive(Debug)]
struct Pair {
    head: HeadSpool,
    phot: BufWriter<File>,
    n_rows: u64,
}

impl SnanaWriter {
    /// Begins a survey in a folder, which is made where there is none.
    ///
    /// # Errors
    /// `Io`; `Invalid` where the folder already holds HEAD files, for the new ones would mix with them, where the prefix is
    /// not a file name, or where a column of context cannot have its name.
    pub fn create(folder: impl AsRef<Path>, options: SnanaWriterOptions) -> Result<Self> {
        let folder = folder.as_ref();
        let at = |source| Location::file(folder).error(ErrorKind::Io(source));
        std::fs::create_dir_all(folder).map_err(at)?;
        for entry in std::fs::read_dir(folder).map_err(at)? {
            let name = entry.map_err(at)?.file_name();
            if crate::survey::is_head_name(Path::new(&name)) {
                return Err(Location::file(folder).error(ErrorKind::Invalid {
                    expected: "a folder without light curves".into(),
                    found: name.to_string_lossy().into_owned(),
                }));
            }
        }
        let name = folder.canonicalize().map_err(at)?;
        let version =
            name.file_name().map_or_else(|| "SURVEY".into(), |name| name.to_string_lossy().into_owned());
        let mut options = options;
        if options.prefix.is_empty() {
            options.prefix.clone_from(&version);
        }
        if Path::new(&options.prefix).file_name() != Some(options.prefix.as_ref()) {
            return Err(Location::file(folder).error(ErrorKind::Invalid {
                expected: "a prefix that is a file name".into(),
                found: format!("{:?}", options.prefix),
            }));
        }
        if options.context.len() > MAX_FEATURES {
            return Err(Location::file(folder).error(ErrorKind::Invalid {
                expected: format!("at most {MAX_FEATURES} columns of context"),
                found: options.context.len().to_string(),
            }));
        }
        if let Some(name) = options.context.iter().find(|name| !is_feature_name(name)) {
            return Err(not_a_feature(&Location::file(folder), name));
        }
        let folder = folder.to_owned();
        Ok(Self { folder, version, options, pair: None, heads: Vec::new(), n_objects: 0, n_observations: 0 })
    }

    /// Adds an object. A refused object leaves no trace; others may follow.
    ///
    /// # Errors
    /// `Invalid` where the files could not say the same: a passband of another photometric system, an id, a label or a
    /// name that is not printable ASCII or would be read as another one, a context value that is SNANA's code for a
    /// missing one, MJD -777 (the marker); `Io`.
    pub fn write(&mut self, object: &Object, labels: &Labels) -> Result<()> {
        let location = Location::file(&self.folder).object(object.id.clone());
        let mut row = head_row(object, labels, &location)?;
        self.check(object, &location)?;
        let n_rows = object.light_curve.len() as u64 + 1;
        let is_full = self.pair.as_ref().is_some_and(|pair| {
            pair.head.n_objects() >= self.options.objects_per_pair.get() as u64
                || pair.n_rows + n_rows > u64::from(i32::MAX.unsigned_abs())
                || pair.head.n_features_with(&object.context) > MAX_FEATURES
        });
        if is_full {
            self.finish_pair()?;
        }
        let at = |source| location.clone().error(ErrorKind::Io(source));
        let pair = match &mut self.pair {
            Some(pair) => pair,
            none => none.insert(Pair::new(&self.folder, &self.options.context).map_err(at)?),
        };
        row.first_row = (pair.n_rows + 1) as i32;
        pair.push(&row, object).map_err(at)?;
        self.n_objects += 1;
        self.n_observations += object.light_curve.len() as u64;
        Ok(())
    }

    /// Writes the last pair, the `.README` and the `.LIST`. A survey of no object is one empty pair.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(mut self) -> Result<()> {
        if self.pair.is_none() && self.heads.is_empty() {
            let at = |source| Location::file(&self.folder).error(ErrorKind::Io(source));
            self.pair = Some(Pair::new(&self.folder, &self.options.context).map_err(at)?);
        }
        self.finish_pair()?;
        let readme = format!(
            "DOCUMENTATION:\n  PURPOSE: light curves in SNANA's FITS format\n  GENVERSION: {}\n  SURVEY: {}\n  \
             WRITTEN_BY: heliacal-io {}\n  NLC_WRITE: {}\n  NOBS_WRITE: {}\nDOCUMENTATION_END:\n",
            self.version,
            self.options.survey,
            env!("CARGO_PKG_VERSION"),
            self.n_objects,
            self.n_observations,
        );
        let list = self.heads.join("\n") + "\n";
        for (suffix, text) in [("README", readme), ("LIST", list)] {
            let mut file = AtomicFile::create(&self.folder.join(format!("{}.{suffix}", self.version)))?;
            let path = file.path().to_owned();
            file.write_all(text.as_bytes()).map_err(|source| Location::file(path).error(source))?;
            file.commit()?;
        }
        Ok(())
    }

    fn check(&self, object: &Object, location: &Location) -> Result<()> {
        let system = self.options.photometric_system;
        let light_curve = &object.light_curve;
        let invalid = |column: &str, expected: String, found: String| {
            Err(location.clone().column(column).error(ErrorKind::Invalid { expected, found }))
        };
        if let Some(band) = light_curve.passband().iter().find(|band| band.system() != system) {
            return invalid("BAND", format!("a passband of {system}"), band.to_string());
        }
        if light_curve.mjd().contains(&MARKER) {
            return invalid("MJD", "a time that is not the marker".into(), MARKER.to_string());
        }
        if light_curve.len() as u64 >= u64::from(i32::MAX.unsigned_abs()) {
            return invalid("NOBS", "a number of 32 bits".into(), light_curve.len().to_string());
        }
        let always = &self.options.context;
        let is_new = |name: &str| !always.iter().any(|known| known == name);
        let n_features =
            always.len() + object.context.iter().map(|(name, _)| name).filter(|name| is_new(name)).count();
        if n_features > MAX_FEATURES {
            return invalid("", format!("at most {MAX_FEATURES} features"), n_features.to_string());
        }
        for (name, value) in object.context.iter() {
            if !is_feature_name(name) {
                return Err(not_a_feature(location, name));
            }
            if sentinels(name).contains(&value) {
                return invalid(
                    name,
                    "a value that does not mean \"missing\" to SNANA".into(),
                    value.to_string(),
                );
            }
        }
        Ok(())
    }

    fn finish_pair(&mut self) -> Result<()> {
        let Some(pair) = self.pair.take() else { return Ok(()) };
        let stem = format!("{}-{:04}", self.options.prefix, self.heads.len() + 1);
        let (head_name, phot_name) = (format!("{stem}_HEAD.FITS"), format!("{stem}_PHOT.FITS"));
        let Pair { head, phot, n_rows } = pair;

        let columns: Vec<_> =
            PHOT_COLUMNS.iter().map(|(name, form, _)| ((*name).into(), (*form).into())).collect();
        self.write_file(&phot_name, |out| {
            out.write_all(&self.primary(&phot_name))?;
            out.write_all(&HeaderWriter::table("Photometry", &columns, &[], ROW_BYTES, n_rows))?;
            let mut rows = phot.into_inner().map_err(io::IntoInnerError::into_error)?;
            rows.rewind()?;
            io::copy(&mut rows, out)?;
            pad_to_block(out, n_rows * ROW_BYTES as u64)
        })?;

        let columns = head.columns();
        let described: Vec<_> =
            columns.iter().map(|column| (column.name.clone(), column.form.clone())).collect();
        let nulls: Vec<_> =
            head.columns_with_null().into_iter().map(|name| (name, i64::from(NO_LABEL))).collect();
        let row_bytes = columns.iter().map(super::spool::HeadColumn::width).sum();
        let n_objects = head.n_objects();
        self.write_file(&head_name, |out| {
            out.write_all(&self.primary(&phot_name))?;
            out.write_all(&HeaderWriter::table("Header", &described, &nulls, row_bytes, n_objects))?;
            head.write_rows(&columns, out)?;
            pad_to_block(out, n_objects * row_bytes as u64)
        })?;
        self.heads.push(head_name);
        Ok(())
    }

    /// The primary HDU, the same in both files.
    fn primary(&self, phot_name: &str) -> Vec<u8> {
        let filters: String =
            self.options.photometric_system.passbands().iter().map(|band| band.letter()).collect();
        let mut header = HeaderWriter::primary();
        header.integer("CODE_IVERSION", 22, "Internal SNFTSIO code version");
        header.text(
            "SNANA_VERSION",
            concat!("heliacal-io ", env!("CARGO_PKG_VERSION")),
            "what wrote this file",
        );
        header.text("SURVEY", &self.options.survey, "Survey");
        header.integer("SUBSURVEY_FLAG", 0, "SUBSURVEY_FLAG");
        header.integer("MWEBV_APPLYFLAG", 0, "1 -> Apply MWEBV cor to FLUXCAL");
        header.integer("PHOTFLAG_DETECT", DETECTION, "PHOTFLAG mask for detection");
        header.text("FILTERS", &filters, "List of Filters");
        header.text("VERSION", &self.version, "Photometry Version");
        header.text("PHOTFILE", phot_name, "Photometry FITS file");
        header.integer("NPRIVATE", 0, "Number of private variables");
        header.text("DATATYPE", "SIM_SNANA", "SNANA Simulation");
        header.end()
    }

    fn write_file(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let packed = self.options.compression == Compression::Gzip;
        let path = self.folder.join(if packed { format!("{name}.gz") } else { name.to_owned() });
        let at = |source| Location::file(&path).error(ErrorKind::Io(source));
        let mut file = AtomicFile::create(&path)?;
        if packed {
            let mut encoder = GzEncoder::new(file, flate2::Compression::default());
            write(&mut encoder).map_err(at)?;
            file = encoder.finish().map_err(at)?;
        } else {
            write(&mut file).map_err(at)?;
        }
        file.commit()
    }
}

/// Bytes of a row of PHOT.
const ROW_BYTES: usize = 8 + 2 + 12 + 4 + 4 + 4;

impl Pair {
    fn new(folder: &Path, context: &[String]) -> io::Result<Self> {
        let phot = BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(folder)?);
        Ok(Self { head: HeadSpool::new(folder, context)?, phot, n_rows: 0 })
    }

    fn push(&mut self, row: &HeadRow, object: &Object) -> io::Result<()> {
        let mut triggered = false;
        for observation in object.light_curve.view().iter() {
            let mut flags = 0;
            if observation.detection {
                flags = (DETECTION | if triggered { 0 } else { TRIGGER }) as i32;
                triggered = true;
            }
            let band = observation.passband.letter();
            self.row(observation.mjd, band, b"VOID        ", flags, observation.flux, observation.flux_err)?;
        }
        self.row(MARKER, '-', b"XXXX        ", 0, MARKER as f32, MARKER as f32)?;
        self.head.push(row, &object.context)
    }

    fn row(
        &mut self,
        mjd: f64,
        band: char,
        field: &[u8; 12],
        flags: i32,
        flux: f32,
        err: f32,
    ) -> io::Result<()> {
        let mut row = [b' '; ROW_BYTES];
        row[..8].copy_from_slice(&mjd.to_be_bytes());
        row[8] = band as u8;
        row[10..22].copy_from_slice(field);
        row[22..26].copy_from_slice(&flags.to_be_bytes());
        row[26..30].copy_from_slice(&flux.to_be_bytes());
        row[30..].copy_from_slice(&err.to_be_bytes());
        self.n_rows += 1;
        self.phot.write_all(&row)
    }
}

/// The row of HEAD but for its pointer.
fn head_row(object: &Object, labels: &Labels, location: &Location) -> Result<HeadRow> {
    let invalid = |column: &str, expected: &str, found: String| {
        location.clone().column(column).error(ErrorKind::Invalid { expected: expected.into(), found })
    };
    let id = object.id.to_string();
    if !is_plain(&id) || id.len() > 1000 || ObjectId::parse(&id) != object.id {
        return Err(invalid("SNID", "a name of ASCII letters that reads back the same", format!("{id:?}")));
    }
    let name = labels.sim_model_name.as_deref();
    if name.is_some_and(|name| !is_plain(name) || name.is_empty() || name.len() > 1000) {
        return Err(invalid(
            "SIM_MODEL_NAME",
            "a name of ASCII letters",
            format!("{:?}", name.unwrap_or("")),
        ));
    }
    let label = |column: &str, value: Option<i64>| match value.map(i32::try_from) {
        None => Ok(None),
        Some(Ok(value)) if value != NO_LABEL => Ok(Some(value)),
        _ => Err(invalid(column, "a number of 32 bits", value.unwrap_or(0).to_string())),
    };
    Ok(HeadRow {
        id,
        sntype: label("SNTYPE", labels.sntype)?,
        sim_type_index: label("SIM_TYPE_INDEX", labels.sim_type_index)?,
        sim_model_name: name.unwrap_or("").to_owned(),
        n_obs: object.light_curve.len() as i32,
        first_row: 0,
    })
}

/// Whether a column of context can have this name.
fn is_feature_name(name: &str) -> bool {
    is_plain(name) && !name.is_empty() && name.len() <= 60 && !OWN_COLUMNS.contains(&name)
}

fn not_a_feature(location: &Location, name: &str) -> crate::Error {
    let expected = "a name of its own of up to 60 ASCII letters".into();
    location.clone().column(name).error(ErrorKind::Invalid { expected, found: format!("{name:?}") })
}

/// Whether FITS can hold a text so that it reads back: printable ASCII without blanks around it.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && text.trim() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_is_as_wide_as_its_columns() {
        assert_eq!(PHOT_COLUMNS.iter().map(|column| column.2).sum::<usize>(), ROW_BYTES);
    }
}
