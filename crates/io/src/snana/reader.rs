//! Reading a HEAD/PHOT pair, object by object.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heliacal_lightcurve::{Object, ObjectId};

use super::head::{Counts, HeadColumns};
use super::layout::{Layout, plan};
use super::locate::phot_path;
use super::photometry::{Draft, PhotColumns};
use crate::conventions::DETECTION;
use crate::fits::{Rows, Table};
use crate::record::folder_name;
use crate::{Error, ErrorKind, Labels, Location, ReadOptions, Record, Result};

/// What the headers of a pair say.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SnanaHeader {
    /// The HEAD file.
    pub head_path: PathBuf,
    /// The PHOT file.
    pub phot_path: PathBuf,
    /// `SURVEY`, such as `LSST`.
    pub survey: Option<String>,
    /// `SNANA_VERSION`.
    pub snana_version: Option<String>,
    /// `CODE_IVERSION`: version of SNANA's FITS writer.
    pub code_iversion: Option<i64>,
    /// `FILTERS`, such as `ugrizY`.
    pub filters: Option<String>,
    /// `VERSION`: the name of the simulation or data set.
    pub version: Option<String>,
    /// `PHOTFILE` as written, without `.gz`.
    pub phot_file: Option<String>,
    /// `DATATYPE`, such as `SIM_SNANA`.
    pub datatype: Option<String>,
    /// `PHOTFLAG_DETECT`: bits of PHOTFLAG that mean a detection.
    pub photflag_detect: Option<i64>,
    /// Rows of HEAD.
    pub n_objects: u64,
    /// Rows of PHOT, markers included.
    pub n_phot_rows: u64,
    /// Columns of HEAD.
    pub n_head_columns: usize,
    /// Columns of PHOT.
    pub n_phot_columns: usize,
    /// How the light curves are found.
    pub layout: Layout,
}

/// Iterator over the objects of one HEAD/PHOT pair, plain or gzip.
///
/// Both files are streamed: at any time one object and two chunks of rows are in memory. HEAD is read twice, first to
/// see whether its pointers can be believed ([`Layout`]). Every marker row at the edges of a light curve is checked
/// on the way, so wrong pointers are an error and never a wrong light curve.
///
/// - Light curve: MJD, BAND (or FLT), FLUXCAL, FLUXCALERR; PHOTFLAG 1024 (saturated) drops a row; a detection is
///   PHOTFLAG 4096 or what the header's PHOTFLAG_DETECT says. A file without a column PHOTFLAG has no detections,
///   and a warning is logged.
/// - Context: by [`ReadOptions::context`], under SNANA's names (DECL is called DEC), without SNANA's codes for missing
///   values.
/// - A fault of one object (unknown band, NaN, negative error) is an `Err` for that object, and the next one follows; a
///   fault of the file is an `Err` after which the iterator ends.
///
/// ```
/// use heliacal_io::{Labels, ReadOptions, SnanaReader, SnanaWriter, SnanaWriterOptions};
/// use heliacal_lightcurve::{Context, LightCurve, Object, ObjectId, Passband};
///
/// let folder = tempfile::tempdir()?;
/// let object = Object {
///     id: ObjectId::Integer(397_127),
///     light_curve: LightCurve::new(vec![60000.0], vec![55.0], vec![2.0], vec![Passband::LsstR], vec![true])?,
///     context: Context::from_iter([("MWEBV", 0.5)]),
///     true_class: None,
/// };
/// let mut writer = SnanaWriter::create(folder.path(), SnanaWriterOptions { prefix: "KN".into(), ..Default::default() })?;
/// writer.write(&object, &Labels::default())?;
/// writer.finish()?;
///
/// let mut reader = SnanaReader::open(folder.path().join("KN-0001_HEAD.FITS.gz"), &ReadOptions::default())?;
/// assert_eq!((reader.header().n_objects, reader.header().n_phot_rows), (1, 2)); // one row and its marker
/// assert_eq!(reader.next().transpose()?.map(|record| record.object), Some(object));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SnanaReader {
    header: SnanaHeader,
    head: Table,
    columns: HeadColumns,
    phot: Rows,
    phot_location: Location,
    phot_columns: PhotColumns,
    source: Arc<PathBuf>,
    folder: Option<Arc<str>>,
    last_model: Option<Arc<str>>,
    /// A light curve was read, so that what follows it must be a marker.
    inside: bool,
    finished: bool,
}

impl SnanaReader {
    /// Opens a pair by its HEAD file.
    ///
    /// # Errors
    /// `MissingPhot`; `Io`, `Truncated`, `Invalid` or `Unsupported` where a file is not the FITS that SNANA writes;
    /// `MissingColumn`, `ColumnType`; `StalePointers` where HEAD and PHOT do not fit together.
    pub fn open(head_path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        let head_path = head_path.as_ref();
        let mut first_look = Table::open(head_path)?;
        let columns = HeadColumns::new(&first_look, &options.context)?;
        let phot_path = phot_path(head_path, first_look.primary.text("PHOTFILE"))?;
        let phot = Table::open(&phot_path)?;
        let photflag_detect =
            [&first_look, &phot].iter().find_map(|table| table.primary.integer("PHOTFLAG_DETECT"));
        let detection = photflag_detect.filter(|&mask| mask != 0).unwrap_or(DETECTION);
        let phot_columns = PhotColumns::new(&phot, options.photometric_system, detection)?;
        if !phot_columns.has_flags() {
            tracing::warn!(path = %phot_path.display(), "no column PHOTFLAG: no detection is known");
        }
        let plan = plan(&mut first_look, &columns.counts, phot.n_rows)?;
        if plan.stale {
            tracing::warn!(
                path = %head_path.display(),
                "PTROBS_MIN and PTROBS_MAX do not lead to the light curves in PHOT; using NOBS and the marker rows"
            );
        }
        let head = Table::open(head_path)?;
        let text = |name: &str| head.primary.text(name).map(str::to_owned);
        let header = SnanaHeader {
            head_path: head_path.to_owned(),
            survey: text("SURVEY"),
            snana_version: text("SNANA_VERSION"),
            code_iversion: head.primary.integer("CODE_IVERSION"),
            filters: text("FILTERS"),
            version: text("VERSION"),
            phot_file: text("PHOTFILE"),
            datatype: text("DATATYPE"),
            photflag_detect,
            n_objects: head.n_rows,
            n_phot_rows: phot.n_rows,
            n_head_columns: head.columns.len(),
            n_phot_columns: phot.columns.len(),
            layout: plan.layout,
            phot_path,
        };
        Ok(Self {
            header,
            columns,
            head,
            phot: phot.rows,
            phot_location: phot.location,
            phot_columns,
            source: Arc::new(head_path.to_owned()),
            folder: folder_name(head_path),
            last_model: None,
            inside: false,
            finished: false,
        })
    }

    /// What the headers say.
    pub fn header(&self) -> &SnanaHeader {
        &self.header
    }

    /// Reads one object. The outer error ends the file; the inner one is the object's.
    fn next_object(&mut self) -> Result<Option<Result<Record>>> {
        let row_number = self.head.rows.position() + 1;
        let Some(row) = self.head.rows.next_row()? else {
            self.finish()?;
            return Ok(None);
        };
        let id = self.columns.id(row);
        let context = self.columns.context(row);
        let labels = Labels {
            sntype: self.columns.sntype(row),
            sim_type_index: self.columns.sim_type_index(row),
            sim_model_name: self
                .columns
                .sim_model_name(row)
                .filter(|name| !name.is_empty())
                .map(|name| shared(&mut self.last_model, name)),
            folder: self.folder.clone(),
        };
        let counts = self.columns.counts.read(row);
        let location = self.head.location.clone().row(row_number);
        let Some(counts) = counts else {
            return Err(
                location.error(ErrorKind::Invalid { expected: "NOBS".into(), found: "no number".into() })
            );
        };
        let first_row = self.phot.position() + 1;
        let (read_from, draft) = self.light_curve(counts, id.as_ref())?;
        let first_row = read_from.unwrap_or(first_row);
        let Some(id) = id else {
            return Ok(Some(Err(location.column("SNID").error(ErrorKind::Invalid {
                expected: "an id".into(),
                found: "the column's TNULL".into(),
            }))));
        };
        let light_curve = match draft.finish() {
            Ok(light_curve) => light_curve,
            Err((index, kind)) => {
                let location = self.phot_location.clone().object(id);
                let location = match index {
                    Some(index) => location.row(first_row + index as u64),
                    None => location,
                };
                return Ok(Some(Err(location.error(kind))));
            }
        };
        let object = Object { id, light_curve, context, true_class: None };
        Ok(Some(Ok(Record { object, labels, source: Arc::clone(&self.source) })))
    }

    /// Reads the rows of an object and checks what stands before and after them. Gives the first row's number.
    fn light_curve(&mut self, counts: Counts, id: Option<&ObjectId>) -> Result<(Option<u64>, Draft)> {
        let mut draft = Draft::default();
        let n_obs = u64::try_from(counts.n_obs).unwrap_or(0);
        if n_obs == 0 {
            // Between markers an empty light curve may leave one of its own.
            if self.header.layout == Layout::Markers && self.next_is_marker()? == Some(true) {
                self.phot.skip(1)?;
            }
            return Ok((None, draft));
        }
        if let (Layout::Pointers, Some((min, _))) = (self.header.layout, counts.pointers) {
            self.go_to(min, id)?;
        }
        let first = self.phot.position() + 1;
        let mut left = n_obs;
        while left > 0 {
            let position = self.phot.position();
            let Some(chunk) = self.phot.next(left)? else {
                let expected = format!("{left} more observations");
                return Err(self.stale(position + 1, id, "the end of PHOT", expected));
            };
            left -= chunk.len() as u64;
            if let Some(marker) = draft.append(&self.phot_columns, chunk) {
                let row = position + marker as u64 + 1;
                return Err(self.stale(row, id, "a marker", format!("one of {n_obs} observations")));
            }
        }
        if self.header.layout == Layout::Markers {
            self.expect_marker(id)?;
        } else {
            self.inside = true;
            self.expect_end_of_light_curve(id)?;
        }
        Ok((Some(first), draft))
    }

    /// By pointers: after an object's last row comes a marker or the end, or, in files without markers, the first row of
    /// the next object; else the light curve goes on and its pointers are wrong. (An object without rows in between says
    /// nothing; then the next one finds out.)
    fn expect_end_of_light_curve(&mut self, id: Option<&ObjectId>) -> Result<()> {
        if self.next_is_marker()? != Some(false) {
            return Ok(());
        }
        let row = self.phot.position() + 1;
        let next = self.head.rows.peek()?.and_then(|row| self.columns.counts.read(row));
        match next {
            Some(next) if next.n_obs <= 0 => Ok(()),
            Some(Counts { pointers: Some((min, _)), .. }) if u64::try_from(min) == Ok(row) => Ok(()),
            _ => Err(self.stale(row, id, "an observation", "the marker between two light curves".into())),
        }
    }

    /// Moves to a row, counted from 1; where rows lie between, the first and the last of them must be markers.
    fn go_to(&mut self, row: i64, id: Option<&ObjectId>) -> Result<()> {
        let position = self.phot.position();
        let Some(gap) = u64::try_from(row).ok().and_then(|row| row.checked_sub(position + 1)) else {
            return Err(self.stale(position + 1, id, "a later row", format!("PTROBS_MIN of {row}")));
        };
        if gap > 0 && self.inside {
            self.expect_marker(id)?;
        }
        self.inside = false;
        let left = gap - (self.phot.position() - position);
        if left > 0 {
            self.phot.skip(left - 1)?;
            self.expect_marker(id)?;
        }
        Ok(())
    }

    /// Takes a row that must be a marker, unless PHOT ends here.
    fn expect_marker(&mut self, id: Option<&ObjectId>) -> Result<()> {
        match self.next_is_marker()? {
            Some(true) => self.phot.skip(1),
            Some(false) => {
                let row = self.phot.position() + 1;
                Err(self.stale(row, id, "an observation", "the marker between two light curves".into()))
            }
            None => Ok(()),
        }
    }

    fn next_is_marker(&mut self) -> Result<Option<bool>> {
        Ok(self.phot.peek()?.map(|row| self.phot_columns.is_marker(row)))
    }

    /// After the last object.
    fn finish(&mut self) -> Result<()> {
        match self.header.layout {
            Layout::Pointers if self.inside => self.expect_marker(None)?,
            Layout::Markers if self.phot.left() > 0 => {
                let row = self.phot.position() + 1;
                return Err(self.stale(row, None, "a row", "the end of PHOT after the last object".into()));
            }
            _ => {}
        }
        self.head.rows.verify_end()?;
        self.phot.verify_end()
    }

    fn stale(&self, row: u64, id: Option<&ObjectId>, found: &str, expected: String) -> Error {
        let mut location = self.phot_location.clone().row(row);
        location.object = id.cloned();
        location.error(ErrorKind::StalePointers { expected, found: found.into() })
    }
}

impl Iterator for SnanaReader {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
        if self.finished {
            return None;
        }
        match self.next_object() {
            Ok(Some(record)) => Some(record),
            Ok(None) => {
                self.finished = true;
                None
            }
            Err(error) => {
                self.finished = true;
                Some(Err(error))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // The number of objects is only what the header says.
        (0, None)
    }
}

impl std::iter::FusedIterator for SnanaReader {}

/// The same text as for the last object costs no allocation.
fn shared(last: &mut Option<Arc<str>>, name: &[u8]) -> Arc<str> {
    match last {
        Some(last) if last.as_bytes() == name => Arc::clone(last),
        _ => {
            let name: Arc<str> = String::from_utf8_lossy(name).into();
            *last = Some(Arc::clone(&name));
            name
        }
    }
}
