//! Checks that every calibration makes on its input.

use super::error::CalibrationError;
use crate::pmf;

/// The number of rows, when the buffer is whole rows and there is one label per row, at least one.
pub(super) fn count(n_values: usize, n_columns: usize, n_labels: usize) -> Result<usize, CalibrationError> {
    if n_columns == 0 || !n_values.is_multiple_of(n_columns) {
        return Err(CalibrationError::Shape { n_values, n_columns });
    }
    let n_rows = n_values / n_columns;
    if n_rows != n_labels {
        return Err(CalibrationError::RowCount { n_rows, n_labels });
    }
    if n_rows == 0 { Err(CalibrationError::Empty) } else { Ok(n_rows) }
}

/// As [`count`], with each row a PMF and each label below `n_classes`.
pub(super) fn check_pmfs(
    values: &[f64],
    n_columns: usize,
    labels: &[usize],
    n_classes: usize,
) -> Result<(), CalibrationError> {
    count(values.len(), n_columns, labels.len())?;
    for (row, (pmf, &label)) in values.chunks_exact(n_columns).zip(labels).enumerate() {
        check_pmf(row, pmf, n_columns)?;
        check_label(row, label, n_classes)?;
    }
    Ok(())
}

/// That one row is a PMF of that many classes.
pub(super) fn check_pmf(row: usize, pmf: &[f64], n_columns: usize) -> Result<(), CalibrationError> {
    if pmf.len() != n_columns {
        return Err(CalibrationError::Shape { n_values: pmf.len(), n_columns });
    }
    pmf::check(pmf).map_err(|fault| CalibrationError::Pmf { row, fault })
}

pub(super) fn check_label(row: usize, label: usize, n_classes: usize) -> Result<(), CalibrationError> {
    if label < n_classes { Ok(()) } else { Err(CalibrationError::Label { row, label, n_classes }) }
}

/// That a miscoverage lies strictly between 0 and 1.
pub(super) fn check_alpha(alpha: f64) -> Result<(), CalibrationError> {
    if alpha > 0.0 && alpha < 1.0 { Ok(()) } else { Err(CalibrationError::Alpha { alpha }) }
}
