//! How the light curves of a pair are found in PHOT.

use super::head::{CountColumns, Counts};
use crate::fits::Table;
use crate::{ErrorKind, Result};

/// How the light curves of a pair are found in its PHOT file; decided before the first is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// By PTROBS_MIN and PTROBS_MAX of HEAD, first and last row, counted from 1.
    Pointers,
    /// One after the other, NOBS rows each, with a row of MJD = -777 between them: the pointers are absent or stale.
    Markers,
}

/// What the first look at HEAD gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) layout: Layout,
    /// HEAD has pointers that lead nowhere.
    pub(super) stale: bool,
}

/// Reads a HEAD table to its end and decides.
///
/// Pointers are believed where they ascend, do not overlap, stay within PHOT and enclose NOBS rows. Otherwise, the
/// light curves must fill PHOT with one marker each (the last one may lack it), or nothing is certain. Pointers
/// that do not ascend mean that someone reordered HEAD, and then nothing but the pointers could tell which light curve
/// is whose: this is refused, for PHOT is read from front to back.
pub(super) fn plan(head: &mut Table, columns: &CountColumns, phot_rows: u64) -> Result<Plan> {
    let mut plausible = true;
    let mut ascending = true;
    let mut has_pointers = true;
    let mut last_min = i64::MIN;
    let mut last_max = 0i64;
    let (mut observations, mut objects, mut with_rows) = (0u64, 0u64, 0u64);
    while let Some(chunk) = head.rows.next(u64::MAX)? {
        for row in chunk.rows() {
            objects += 1;
            let counts = columns.read(row).filter(|counts| counts.n_obs >= 0 || !columns.has_n_obs());
            let Some(Counts { n_obs, pointers }) = counts else {
                return Err(head.location.clone().row(objects).column("NOBS").error(ErrorKind::Invalid {
                    expected: "a count".into(),
                    found: "a negative or absent number".into(),
                }));
            };
            let n_obs = n_obs.max(0);
            observations = observations.saturating_add(n_obs.unsigned_abs());
            if n_obs == 0 {
                continue;
            }
            with_rows += 1;
            let Some((min, max)) = pointers else {
                has_pointers = false;
                continue;
            };
            ascending &= min > last_min;
            plausible &=
                min > last_max && max.checked_sub(min) == Some(n_obs - 1) && max.unsigned_abs() <= phot_rows;
            (last_min, last_max) = (min, max);
        }
    }
    let stale = has_pointers && !plausible;
    if has_pointers && plausible {
        return Ok(Plan { layout: Layout::Pointers, stale });
    }
    let most = observations.saturating_add(objects);
    let least = observations.saturating_add(with_rows.saturating_sub(1));
    let fits = (least..=most).contains(&phot_rows);
    if fits && columns.has_n_obs() && (ascending || !has_pointers) {
        return Ok(Plan { layout: Layout::Markers, stale });
    }
    Err(head.location.clone().error(ErrorKind::StalePointers {
        expected: if has_pointers {
            "PTROBS_MIN and PTROBS_MAX that ascend, do not overlap, stay within PHOT and enclose NOBS rows"
                .into()
        } else {
            format!("{least} to {most} rows: NOBS and one marker for each object")
        },
        found: format!("{phot_rows} rows of PHOT for {observations} observations of {objects} objects"),
    }))
}
