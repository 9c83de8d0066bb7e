//! Several tests at once.

use super::error::StatisticsError;

/// P-values adjusted for being tested together (Holm's step-down): reject those at or below the level, and the chance of
/// any false rejection stays below it, whatever the dependence.
///
/// ```text
/// p̃_(i) = max_{j ≤ i} min(1, (m - j + 1) p_(j))       p_(1) ≤ ... ≤ p_(m)
/// ```
///
/// In the order given; equal p-values come out equal. Of none there is nothing to adjust. Holm 1979; statsmodels'
/// `multipletests(method="holm")`.
///
/// # Errors
/// [`StatisticsError::PValue`].
///
/// ```
/// use heliacal_metrics::statistics::holm;
///
/// assert_eq!(holm(&[0.5, 0.125, 0.25])?, [0.5, 0.375, 0.5]); // 1 · 0.5, 3 · 0.125, 2 · 0.25
/// # Ok::<(), heliacal_metrics::statistics::StatisticsError>(())
/// ```
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    if let Some(index) = p_values.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(StatisticsError::PValue { index, value: p_values[index] });
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (n_before, &index) in order.iter().enumerate() {
        let n_left = p_values.len() - n_before;
        largest = largest.max((n_left as f64 * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_above_one_nor_out_of_order() {
        assert_eq!(holm(&[0.75, 0.5, 0.0]).unwrap(), [1.0, 1.0, 0.0]);
        assert_eq!(holm(&[0.25, 0.25]).unwrap(), [0.5, 0.5]);
        assert_eq!(holm(&[]).unwrap(), [0.0; 0]);
    }

    #[test]
    fn bad_input_is_refused() {
        assert_eq!(holm(&[0.5, 1.5]), Err(StatisticsError::PValue { index: 1, value: 1.5 }));
        assert!(holm(&[f64::NAN]).is_err());
    }
}
