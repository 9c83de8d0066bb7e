//! Log-softmax over columns and over ranges of columns, by log-sum-exp throughout.
//!
//! The maximum that is subtracted carries no gradient: the result does not depend on it, and candle's gradient of a
//! maximum counts ties more than once.
//!
//! Made of candle's operations, columns are picked, repeated and summed by products with matrices of zeros and ones: few
//! nodes in the graph, and exact where an entry has one term that is not 0. On CPU one fused operation does the same:
//! small products share out their work among threads and wait for each other, broadcasts and the gradient of
//! `index_select` are slow (leaf softmax of 1024 rows on ORACLE's tree, forward and backward on two busy cores: 16 ms
//! with `index_select`, 24 ms with products, 2 ms fused; bench `losses`).

use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::Result;
use crate::fused_log_softmax::FusedLogSoftmax;
use crate::target_rows::from_f64;

/// Logits beyond this count as this, so that no sum over a batch overflows in single precision.
pub(crate) const LARGEST_LOGIT: f64 = 1e20;

/// Limits logits to ±[`LARGEST_LOGIT`], infinities included. A NaN stays. A limited logit receives no gradient.
pub(crate) fn limited(logits: &Tensor) -> Result<Tensor> {
    let values = logits.detach();
    let sizes = values.abs()?;
    if sizes.max_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()? <= LARGEST_LOGIT {
        return Ok(logits.clone());
    }
    let limits = (values.sign()? * LARGEST_LOGIT)?;
    Ok(sizes.gt(LARGEST_LOGIT)?.where_cond(&limits, logits)?)
}

/// Largest value in each of some ranges of columns: `[batch, columns] -> [batch, ranges]`, without gradient.
fn range_max(values: &Tensor, ranges: &[Range<usize>]) -> Result<Tensor> {
    let values = values.detach();
    let of_range = |range: &Range<usize>| match range.len() {
        1 => values.narrow(1, range.start, 1),
        n => values.narrow(1, range.start, n)?.max_keepdim(1),
    };
    Ok(Tensor::cat(&ranges.iter().map(of_range).collect::<candle_core::Result<Vec<_>>>()?, 1)?)
}

/// `[n, picks]` with a 1 where the row is the pick: what a product needs to pick columns.
fn picking(picks: &[usize], n: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let mut matrix = vec![0.0; n * picks.len()];
    for (i, &pick) in picks.iter().enumerate() {
        matrix[pick * picks.len() + i] = 1.0;
    }
    from_f64(matrix, (n, picks.len()), dtype, device)
}

/// Columns shared out among ranges: a softmax within each.
#[derive(Debug, Clone)]
pub(crate) struct GroupedColumns {
    ranges: Arc<[Range<usize>]>,
    /// `[ranges, columns]`: 1 where the column is of the range.
    members: Tensor,
    /// `[columns, columns]`: 1 where two columns share a range.
    same_range: Tensor,
}

impl GroupedColumns {
    /// `ranges` hold every column once, in order.
    pub(crate) fn new(ranges: Vec<Range<usize>>, dtype: DType, device: &Device) -> Result<Self> {
        let range_of: Vec<usize> =
            ranges.iter().enumerate().flat_map(|(g, range)| range.clone().map(move |_| g)).collect();
        let n = range_of.len();
        let same = (0..n * n).map(|i| f64::from(u8::from(range_of[i / n] == range_of[i % n]))).collect();
        Ok(Self {
            members: picking(&range_of, ranges.len(), dtype, device)?,
            same_range: from_f64(same, (n, n), dtype, device)?,
            ranges: ranges.into(),
        })
    }

    /// `x_c - ln Σ_{k in the range of c} exp x_k`, `[batch, columns]`: one node of the graph on CPU, five elsewhere.
    pub(crate) fn log_softmax(&self, logits: &Tensor) -> Result<Tensor> {
        if logits.device().is_cpu() {
            return Ok(logits.contiguous()?.apply_op1(FusedLogSoftmax { ranges: self.ranges.clone() })?);
        }
        self.composed_log_softmax(logits)
    }

    /// The same made of candle's operations, for every device.
    fn composed_log_softmax(&self, logits: &Tensor) -> Result<Tensor> {
        let logits = limited(logits)?;
        let shifted = (&logits - range_max(&logits, &self.ranges)?.matmul(&self.members)?)?;
        let sum = shifted.exp()?.matmul(&self.same_range)?;
        Ok((shifted - sum.log()?)?)
    }
}

/// Log-sum-exp over ranges of columns that may overlap, made of candle's operations: from leaves to all nodes of a tree.
#[derive(Debug, Clone)]
pub(crate) struct RangeLogSumExp {
    ranges: Vec<Range<usize>>,
    /// `[columns, columns]`: puts the columns in the order of the ranges.
    order: Tensor,
    /// `[columns, entries]`: picks the members of every range, range after range.
    picks: Tensor,
    /// `[ranges, entries]`: 1 where the entry is of the range.
    members: Tensor,
    /// The same turned around.
    membership: Tensor,
    /// `[1, columns]` of ones.
    ones: Tensor,
}

impl RangeLogSumExp {
    /// Ranges of positions in `order`, which holds every column once.
    pub(crate) fn new(
        order: &[usize],
        ranges: Vec<Range<usize>>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let entries = ranges
            .iter()
            .enumerate()
            .flat_map(|(r, range)| order[range.clone()].iter().map(move |&column| (column, r)));
        let (column_of, range_of): (Vec<usize>, Vec<usize>) = entries.unzip();
        let members = picking(&range_of, ranges.len(), dtype, device)?;
        Ok(Self {
            order: picking(order, order.len(), dtype, device)?,
            picks: picking(&column_of, order.len(), dtype, device)?,
            membership: members.t()?.contiguous()?,
            members,
            ones: Tensor::ones((1, order.len()), dtype, device)?,
            ranges,
        })
    }

    /// `ln Σ_{k in range} exp x_k - max_k x_k`, `[batch, columns] -> [batch, ranges]`. The shift by the row's maximum
    /// keeps the digits of logits far from 0.
    pub(crate) fn apply(&self, logits: &Tensor) -> Result<Tensor> {
        let logits = limited(logits)?;
        let logits = (&logits - logits.detach().max_keepdim(1)?.matmul(&self.ones)?)?;
        let max = range_max(&logits.detach().matmul(&self.order)?, &self.ranges)?;
        let shifted = (logits.matmul(&self.picks)? - max.matmul(&self.members)?)?;
        Ok((shifted.exp()?.matmul(&self.membership)?.log()? + max)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    fn row(values: &[f64]) -> Tensor {
        Tensor::from_slice(values, (1, values.len()), &Device::Cpu).unwrap()
    }

    fn close(found: &Tensor, expected: &[f64]) {
        let found = found.to_vec2::<f64>().unwrap();
        assert_eq!(found[0].len(), expected.len());
        for (found, expected) in found[0].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15 * expected.abs().max(1.0), "{found} {expected}");
        }
    }

    #[test]
    fn groups_by_hand() {
        let groups = GroupedColumns::new(vec![0..1, 1..3], DType::F64, &Device::Cpu).unwrap();
        let found = groups.log_softmax(&row(&[7.0, 3f64.ln(), 0.0])).unwrap();
        close(&found, &[0.0, 0.75f64.ln(), 0.25f64.ln()]);
        let found = groups.log_softmax(&row(&[f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0])).unwrap();
        close(&found, &[0.0, -LARGEST_LOGIT, 0.0]);
    }

    #[test]
    fn overlapping_ranges_by_hand() {
        // Columns 2 | 0 1: ranges of all, of the last two, of one.
        let ranges =
            RangeLogSumExp::new(&[2, 0, 1], vec![0..3, 1..3, 0..1], DType::F64, &Device::Cpu).unwrap();
        let found = ranges.apply(&row(&[2f64.ln(), 0.0, 3f64.ln()])).unwrap();
        close(&found, &[2f64.ln(), 0.0, 0.0]); // less the maximum, ln 3: ln 6/3, ln 3/3, ln 3/3
        let found = ranges.apply(&row(&[1e4, -1e4, f64::NEG_INFINITY])).unwrap();
        close(&found, &[0.0, 0.0, -LARGEST_LOGIT]);
    }

    #[test]
    fn infinities_are_limited_and_nan_stays() {
        let found = limited(&row(&[f64::INFINITY, f64::NEG_INFINITY, 1.5, f64::NAN])).unwrap();
        let found = found.to_vec2::<f64>().unwrap();
        assert_eq!(found[0][..3], [LARGEST_LOGIT, -LARGEST_LOGIT, 1.5]);
        assert!(found[0][3].is_nan());
    }
    #[test]
    fn fused_and_composed_are_the_same_function() {
        // Single numbers by turns ordinary, large, beyond the limit; 6 rows of 7 columns.
        let values: Vec<f64> = (0..42)
            .map(|i| match i % 11 {
                5 => 1e4,
                8 if i > 20 => f64::NEG_INFINITY,
                _ => f64::from(i * 37 % 19) / 4.0 - 2.0,
            })
            .collect();
        let factors: Vec<f64> = (0..42).map(|i| f64::from(i * 29 % 23) / 7.0 - 1.0).collect();
        for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 2e-6)] {
            let tensor = |values: &[f64]| {
                Tensor::from_slice(values, (6, 7), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
            };
            let groups = GroupedColumns::new(vec![0..1, 1..4, 4..7], dtype, &Device::Cpu).unwrap();
            let input = Var::from_tensor(&tensor(&values)).unwrap();
            let both = [groups.log_softmax(&input), groups.composed_log_softmax(&input)].map(|log_p| {
                let log_p = log_p.unwrap();
                let gradients = (&log_p * tensor(&factors)).unwrap().sum_all().unwrap().backward().unwrap();
                [log_p, gradients.get(&input).unwrap().clone()]
            });
            let numbers = |tensor: &Tensor| {
                tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap()
            };
            for (fused, composed) in both[0].iter().zip(&both[1]) {
                for (a, b) in numbers(fused).into_iter().zip(numbers(composed)) {
                    assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} {b}");
                }
            }
        }
    }
}
