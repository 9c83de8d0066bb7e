//! Reading light curves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::layout::{Layout, Observations};
use super::object_rows::ObjectRows;
use super::observation_rows::ObservationRows;
use crate::columnar::{ParquetFile, Runs};
use crate::{ReadOptions, Record, Result};

/// The objects of a Parquet file of light curves, read a batch at a time.
///
/// Four layouts are read, found by the columns' names and types: one row an object with lists, with a struct of lists
/// or with a list of structs, and one row an observation where the rows of an object stand together, in any order.
/// Columns and types:
///
/// | column | also named | holds |
/// |---|---|---|
/// | `SNID` | `object_id`, `objectId`, `diaObjectId`, `diaobject_id`, `CID` | the id: integers or text |
/// | `MJD` | | times \[day\], in any order |
/// | `BAND` | `FLT` | passbands, text |
/// | `FLUXCAL`, `FLUXCALERR` | | fluxes and their errors, zero point 27.5 |
/// | `PHOTFLAG` | | bits: 4096 is a detection; a row with 1024 (saturated) is left out, and so is one with MJD -777 |
/// | `ELASTICC_class` | | text, the true class; optional |
/// | `SNTYPE`, `SIM_TYPE_INDEX`, `SIM_MODEL_NAME` | | the [`Labels`](crate::Labels); optional |
/// | any other number | | a static feature if [`ReadOptions::context`] says so; SNANA's missing-value codes are absent |
///
/// Names match in any case, numbers may have any width, text may be bytes. In a file of single observations,
/// [`ContextColumns::Measured`](crate::ContextColumns::Measured) takes only the columns that SNANA is known to have
/// once per object.
///
/// # Errors while reading
/// A row with a null or an impossible value costs its object, named with file, row and column, and reading goes on. So
/// does, in a file of single observations, an object that comes again after others: what came of it before was given out
/// already, so such a file has to be sorted first. A static feature that changes within an object is an error too.
/// What is wrong with the file itself ends the reading. The decoder's own panics on corrupt files are caught and become
/// errors (the panic hook still prints its line).
///
/// ```
/// use heliacal_io::{IdKind, LightCurveColumns, ParquetLightCurveWriter, ParquetLightCurves, ReadOptions};
/// use heliacal_lightcurve::{Context, LightCurve, Object, Passband};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("survey.parquet");
/// let object = Object {
///     id: 397_127.into(),
///     light_curve: LightCurve::new(vec![60000.0], vec![55.5], vec![2.5], vec![Passband::LsstR], vec![true])?,
///     context: Context::from_iter([("MWEBV", 0.07)]),
///     true_class: Some("KN".into()),
/// };
/// let columns = LightCurveColumns { id: IdKind::Integer, context: vec!["MWEBV".into(), "HOSTGAL_PHOTOZ".into()] };
/// let mut writer = ParquetLightCurveWriter::create(&path, &columns)?;
/// writer.write(&object)?;
/// writer.finish()?;
///
/// let records: Vec<_> = ParquetLightCurves::open(&path, &ReadOptions::default())?.collect::<Result<_, _>>()?;
/// assert_eq!(records[0].object, object);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ParquetLightCurves {
    path: Arc<PathBuf>,
    objects: Objects,
}

enum Objects {
    Rows(Box<ObjectRows>),
    Runs(Box<Runs<ObservationRows>>),
}

impl ParquetLightCurves {
    /// Opens a file and finds its columns.
    ///
    /// # Errors
    /// - [`ErrorKind::Io`](crate::ErrorKind::Io): the file cannot be read.
    /// - [`ErrorKind::Parquet`](crate::ErrorKind::Parquet), [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt): it is no
    ///   Parquet file, or a broken one.
    /// - [`ErrorKind::MissingColumn`](crate::ErrorKind::MissingColumn): a required column is not there.
    /// - [`ErrorKind::ColumnType`](crate::ErrorKind::ColumnType): a column holds another type than it must, or one named
    ///   as a static feature is no number.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        let path = path.as_ref();
        let file = ParquetFile::open(path)?;
        let layout = Layout::find(file.path(), file.schema(), options)?;
        let path = file.path().clone();
        let batches = file.into_batches(&layout.columns())?;
        let objects = match layout.observations {
            Observations::Rows(_) => {
                Objects::Runs(Box::new(Runs::new(ObservationRows::new(layout), batches)))
            }
            _ => Objects::Rows(Box::new(ObjectRows::new(layout, batches))),
        };
        Ok(Self { path, objects })
    }
}

impl Iterator for ParquetLightCurves {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
        match &mut self.objects {
            Objects::Rows(objects) => objects.next(),
            Objects::Runs(objects) => objects.next(),
        }
    }
}

impl std::iter::FusedIterator for ParquetLightCurves {}

impl std::fmt::Debug for ParquetLightCurves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetLightCurves").field("path", &self.path).finish_non_exhaustive()
    }
}
