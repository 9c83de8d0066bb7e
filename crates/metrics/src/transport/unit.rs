//! Every mistake costs the same.

use super::error::{TransportError, same_classes};
use super::{TransportPlan, masses::GridMasses};
use crate::Pmf;

/// W1 under unit cost (0 for staying, 1 for any move): half the L1 distance, the total variation distance.
///
/// ```text
/// W1(a, b) = ½ Σ_i |a_i - b_i|
/// ```
///
/// Between 0 and 1 where both sum to exactly 1, up to 1e-4 above 1 where they do not. The values are taken as they are:
/// where the sums differ by `δ`, this is what the plan moves and up to `δ/2` (at most 1e-4) more or less. Arxiv 2604.23792, section on W1, uses this cost.
///
/// # Errors
/// [`TransportError::ClassCount`].
///
/// ```
/// use heliacal_metrics::{Pmf, transport::unit_w1};
///
/// let before = Pmf::new(vec![0.75, 0.25, 0.0])?;
/// let after = Pmf::new(vec![0.25, 0.25, 0.5])?;
/// assert_eq!(unit_w1(&before, &after)?, 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn unit_w1(a: &Pmf, b: &Pmf) -> Result<f64, TransportError> {
    same_classes(a.n_classes(), b.n_classes())?;
    Ok(unit(a.as_slice(), b.as_slice()))
}

/// A plan under unit cost: common mass stays, the rest goes from the first class with a surplus to the first with a
/// deficit, and so on.
///
/// # Errors
/// [`TransportError::ClassCount`].
pub fn unit_plan(a: &Pmf, b: &Pmf) -> Result<TransportPlan, TransportError> {
    same_classes(a.n_classes(), b.n_classes())?;
    let masses = GridMasses::of(a.as_slice(), b.as_slice());
    let (mut surplus, mut deficit) = (Vec::new(), Vec::new());
    let mut flows = Vec::new();
    for (class, (&before, &after)) in masses.before.iter().zip(&masses.after).enumerate() {
        flows.push((class, class, before.min(after)));
        if before > after {
            surplus.push((class, before - after));
        } else {
            deficit.push((class, after - before));
        }
    }
    north_west(&surplus, &deficit, |from, to, units| flows.push((from, to, units)));
    Ok(TransportPlan::on_grid(&masses, flows.into_iter()))
}

/// Ships from classes to classes, both in order, until one side is done.
pub(super) fn north_west(
    surplus: &[(usize, i64)],
    deficit: &[(usize, i64)],
    mut ship: impl FnMut(usize, usize, i64),
) {
    let (mut surplus, mut deficit) = (surplus.iter().copied(), deficit.iter().copied());
    let (mut source, mut sink) = (surplus.next(), deficit.next());
    while let (Some((from, supply)), Some((to, demand))) = (source, sink) {
        let units = supply.min(demand);
        ship(from, to, units);
        source = if supply > units { Some((from, supply - units)) } else { surplus.next() };
        sink = if demand > units { Some((to, demand - units)) } else { deficit.next() };
    }
}

/// Half the L1 distance of two rows, summed class by class: the one order of summation of this crate, so that a batch, a
/// tracker fed alert by alert and [`unit_w1`] meet the same digits at a threshold.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "a few operations in innermost loops, unrolled for rows of known length"
)]
pub(crate) fn unit(a: &[f64], b: &[f64]) -> f64 {
    0.5 * a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + (a - b).abs())
}

/// [`unit`] of each row and the next; the rows are whole. Digit for digit the same, only unrolled for few classes.
pub(super) fn unit_rows(n_classes: usize, values: &[f64], out: &mut Vec<f64>) {
    match n_classes {
        2 => unrolled::<2>(values, out),
        3 => unrolled::<3>(values, out),
        4 => unrolled::<4>(values, out),
        5 => unrolled::<5>(values, out),
        6 => unrolled::<6>(values, out),
        7 => unrolled::<7>(values, out),
        8 => unrolled::<8>(values, out),
        _ => {
            let next = values.get(n_classes..).unwrap_or_default().chunks_exact(n_classes);
            out.extend(values.chunks_exact(n_classes).zip(next).map(|(a, b)| unit(a, b)));
        }
    }
}

fn unrolled<const N: usize>(values: &[f64], out: &mut Vec<f64>) {
    let (rows, _) = values.as_chunks::<N>();
    let next = rows.get(1..).unwrap_or_default();
    out.extend(rows.iter().zip(next).map(|(a, b)| unit(a, b)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let a = Pmf::new(vec![0.5, 0.25, 0.25, 0.0]).unwrap();
        let b = Pmf::new(vec![0.125, 0.25, 0.125, 0.5]).unwrap();
        assert_eq!(unit_w1(&a, &b), Ok(0.5));
        assert_eq!(unit_w1(&a, &a), Ok(0.0));
        let plan = unit_plan(&a, &b).unwrap();
        assert_eq!(plan.moved(), 0.5);
        assert_eq!((plan.row_sums(), plan.column_sums()), (a.as_slice().to_vec(), b.as_slice().to_vec()));
        let short = Pmf::new(vec![1.0]).unwrap();
        assert_eq!(unit_w1(&a, &short), Err(TransportError::ClassCount { expected: 4, found: 1 }));
        assert!(unit_plan(&a, &short).is_err());
    }

    #[test]
    fn unrolled_rows_have_the_same_digits() {
        for n in 1..12 {
            let values: Vec<f64> = (0..7 * n).map(|i| f64::from(i as u32 * 37 % 101) / 97.0).collect();
            let mut out = Vec::new();
            unit_rows(n, &values, &mut out);
            let plain: Vec<f64> =
                (0..6).map(|t| unit(&values[t * n..][..n], &values[(t + 1) * n..][..n])).collect();
            assert_eq!(out, plain);
            out.clear();
            unit_rows(n, &values[..n], &mut out);
            assert!(out.is_empty());
        }
    }
}
