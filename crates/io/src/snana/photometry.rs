//! The columns of a PHOT file, and a light curve as it grows out of them.

use heliacal_lightcurve::{LightCurve, LightCurveError, Passband, PhotometricSystem, UnknownPassband};

use crate::conventions::{MARKER, SATURATED};
use crate::fits::{Chunk, Column, Row, Table, trim};
use crate::{ErrorKind, Result};

/// Where the facts of an observation stand in its row of PHOT.
#[derive(Debug)]
pub(super) struct PhotColumns {
    mjd: Column,
    band: Column,
    flux: Column,
    flux_err: Column,
    flags: Option<Column>,
    /// Bits of PHOTFLAG that mean a detection.
    detection: i64,
    bands: Bands,
}

/// Passbands by the first byte of their names, for names of one letter.
#[derive(Debug)]
struct Bands {
    system: PhotometricSystem,
    by_letter: [Option<Passband>; 256],
}

impl Bands {
    fn new(system: PhotometricSystem) -> Self {
        let mut by_letter = [None; 256];
        for letter in 0..=u8::MAX {
            by_letter[usize::from(letter)] = Passband::from_name(&[letter], system);
        }
        Self { system, by_letter }
    }

    fn get(&self, cell: &[u8]) -> Option<Passband> {
        match *cell {
            [letter] | [letter, b' ' | 0] => self.by_letter[usize::from(letter)],
            _ => Passband::from_name(trim(cell), self.system),
        }
    }
}

impl PhotColumns {
    pub(super) fn new(table: &Table, system: PhotometricSystem, detection: i64) -> Result<Self> {
        let number = |name| table.require(&[name], "a number", Column::is_number);
        Ok(Self {
            mjd: number("MJD")?,
            band: table.require(&["BAND", "FLT"], "text", Column::is_text)?,
            flux: number("FLUXCAL")?,
            flux_err: number("FLUXCALERR")?,
            flags: table.optional(&["PHOTFLAG"], "an integer", Column::is_integer)?,
            detection,
            bands: Bands::new(system),
        })
    }

    pub(super) fn has_flags(&self) -> bool {
        self.flags.is_some()
    }

    pub(super) fn is_marker(&self, row: Row<'_>) -> bool {
        self.mjd.number(row) == Some(MARKER)
    }
}

/// The columns of a light curve while its rows come in.
#[derive(Debug, Default)]
pub(super) struct Draft {
    mjd: Vec<f64>,
    flux: Vec<f32>,
    flux_err: Vec<f32>,
    passband: Vec<Passband>,
    detection: Vec<bool>,
    /// Which rows are saturated; empty while none is.
    saturated: Vec<bool>,
    /// The first band name that is none, of a row that counts.
    unknown_band: Option<(usize, UnknownPassband)>,
}

impl Draft {
    /// Takes rows over; nothing is judged yet. Gives the position of a marker among them.
    pub(super) fn append(&mut self, columns: &PhotColumns, chunk: Chunk<'_>) -> Option<usize> {
        let before = self.mjd.len();
        let n = chunk.len();
        self.mjd.reserve(n);
        columns.mjd.append_f64(chunk, &mut self.mjd);
        let marker = self.mjd[before..].iter().position(|&mjd| mjd == MARKER);
        if marker.is_some() {
            return marker;
        }
        self.flux.reserve(n);
        columns.flux.append_f32(chunk, &mut self.flux);
        self.flux_err.reserve(n);
        columns.flux_err.append_f32(chunk, &mut self.flux_err);
        self.append_flags(columns, chunk, before);
        self.append_bands(columns, chunk, before);
        None
    }

    fn append_flags(&mut self, columns: &PhotColumns, chunk: Chunk<'_>, before: usize) {
        let Some(flags) = &columns.flags else {
            self.detection.resize(before + chunk.len(), false);
            return;
        };
        let mut any = 0;
        let mask = columns.detection;
        self.detection.reserve(chunk.len());
        flags.each_integer(chunk, |flag| {
            any |= flag;
            self.detection.push(flag & mask != 0);
        });
        if any & SATURATED != 0 || !self.saturated.is_empty() {
            self.saturated.resize(before, false);
            flags.each_integer(chunk, |flag| self.saturated.push(flag & SATURATED != 0));
        }
    }

    fn append_bands(&mut self, columns: &PhotColumns, chunk: Chunk<'_>, before: usize) {
        self.passband.reserve(chunk.len());
        let mut all_known = true;
        self.passband.extend(columns.band.cells(chunk).map(|cell| {
            columns.bands.get(cell).unwrap_or_else(|| {
                all_known = false;
                Passband::LsstU // never seen: either the row is saturated or the object fails
            })
        }));
        if all_known || self.unknown_band.is_some() {
            return;
        }
        let system = columns.bands.system;
        self.unknown_band = columns.band.cells(chunk).enumerate().find_map(|(i, cell)| {
            let counts = !self.saturated.get(before + i).copied().unwrap_or(false);
            if !counts || columns.bands.get(cell).is_some() {
                return None;
            }
            let name = String::from_utf8_lossy(trim(cell)).into_owned();
            Some((before + i, UnknownPassband { name, system }))
        });
    }

    /// The light curve, without its saturated rows. An error tells which of the object's rows is at fault.
    pub(super) fn finish(mut self) -> Result<LightCurve, (Option<usize>, ErrorKind)> {
        if let Some((index, error)) = self.unknown_band {
            return Err((Some(index), error.into()));
        }
        let saturated = std::mem::take(&mut self.saturated);
        if !saturated.is_empty() {
            retain(&mut self.mjd, &saturated);
            retain(&mut self.flux, &saturated);
            retain(&mut self.flux_err, &saturated);
            retain(&mut self.passband, &saturated);
            retain(&mut self.detection, &saturated);
        }
        LightCurve::new(self.mjd, self.flux, self.flux_err, self.passband, self.detection).map_err(|error| {
            let kept = match &error {
                LightCurveError::InvalidMjd { index, .. }
                | LightCurveError::InvalidFlux { index, .. }
                | LightCurveError::InvalidFluxErr { index, .. } => Some(*index),
                _ => None,
            };
            let row = kept.and_then(|kept| {
                if saturated.is_empty() {
                    return Some(kept);
                }
                saturated
                    .iter()
                    .enumerate()
                    .filter(|(_, saturated)| !**saturated)
                    .nth(kept)
                    .map(|(row, _)| row)
            });
            (row, error.into())
        })
    }
}

fn retain<T>(column: &mut Vec<T>, saturated: &[bool]) {
    let mut saturated = saturated.iter();
    column.retain(|_| !saturated.next().copied().unwrap_or(false));
}
