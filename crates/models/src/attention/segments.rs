//! Where each sequence of a ragged batch lies.

use candle_core::{D, DType, Device, Tensor};
use rayon::prelude::*;

use crate::row_map::{NOTHING, RowMap};
use crate::{Error, Result};

/// Fewer numbers than this are done sooner than threads are woken.
const WORTH_THREADS: usize = 1 << 15;

/// The lengths of a batch's sequences, none of them 0.
#[derive(Debug, Clone)]
pub(super) struct Segments {
    lengths: Vec<usize>,
    n_rows: usize,
}

impl Segments {
    /// Checks the lengths against the number of rows.
    pub(super) fn new(lengths: &[usize], n_rows: usize) -> Result<Self> {
        if let Some(sequence) = lengths.iter().position(|&length| length == 0) {
            return Err(Error::Config {
                what: "length of an attended sequence",
                expected: "at least 1".into(),
                found: format!("0 at sequence {sequence}"),
            });
        }
        let sum = lengths.iter().try_fold(0usize, |sum, &length| sum.checked_add(length));
        if sum != Some(n_rows) {
            return Err(Error::Config {
                what: "number of rows",
                expected: sum
                    .map_or("a sum of lengths".into(), |sum| format!("{sum}, the sum of the lengths")),
                found: n_rows.to_string(),
            });
        }
        Ok(Self { lengths: lengths.to_vec(), n_rows })
    }

    /// Number of sequences.
    pub(super) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// The numbers of each sequence, from rows of `width` numbers.
    pub(super) fn split<'n, T>(
        &self,
        mut numbers: &'n [T],
        width: usize,
    ) -> impl Iterator<Item = &'n [T]> + use<'_, 'n, T> {
        self.lengths.iter().map(move |length| {
            let (head, tail) = numbers.split_at(length * width);
            numbers = tail;
            head
        })
    }

    /// As [`split`](Self::split), to write to.
    pub(super) fn split_mut<'n, T>(
        &self,
        mut numbers: &'n mut [T],
        width: usize,
    ) -> impl Iterator<Item = &'n mut [T]> + use<'_, 'n, T> {
        self.lengths.iter().map(move |length| {
            let (head, tail) = std::mem::take(&mut numbers).split_at_mut(length * width);
            numbers = tail;
            head
        })
    }

    /// Does a job for each sequence, on all threads when there are enough numbers. Jobs write to places of their own, so
    /// that the result does not depend on the threads.
    pub(super) fn for_each<J: Send>(
        &self,
        width: usize,
        jobs: impl Iterator<Item = J>,
        work: impl Fn(J) + Sync + Send,
    ) {
        if self.n_rows * width < WORTH_THREADS {
            jobs.for_each(work);
        } else {
            jobs.collect::<Vec<_>>().into_par_iter().for_each(work);
        }
    }

    fn longest(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0)
    }

    /// Ragged rows `[rows, ...]` as `[batch, longest, ...]` with zeros at the end of shorter sequences.
    pub(super) fn pad(&self, rows: &Tensor) -> candle_core::Result<Tensor> {
        let mut shape = rows.dims().to_vec();
        shape.splice(..1, [self.len(), self.longest()]);
        self.padding(rows.device())?.apply(rows)?.reshape(shape)
    }

    /// The other way round.
    pub(super) fn unpad(&self, padded: &Tensor) -> candle_core::Result<Tensor> {
        self.padding(padded.device())?.reversed().apply(&padded.flatten(0, 1)?)
    }

    /// The place of every row among the steps of sequences of equal length.
    fn padding(&self, device: &Device) -> candle_core::Result<RowMap> {
        let longest = self.longest();
        let mut taken = Vec::with_capacity(self.len() * longest);
        let mut first = 0;
        for &length in &self.lengths {
            taken
                .extend((0..longest).map(|step| if step < length { (first + step) as u32 } else { NOTHING }));
            first += length;
        }
        RowMap::new(taken, self.n_rows, device)
    }

    /// 1 where [`pad`](Self::pad) puts a row, `[batch, longest]`.
    pub(super) fn mask(&self, device: &Device) -> candle_core::Result<Tensor> {
        let lengths = Tensor::from_iter(self.lengths.iter().map(|&length| length as u32), device)?;
        let steps = Tensor::arange(0, self.longest() as u32, device)?;
        steps.unsqueeze(0)?.broadcast_lt(&lengths.unsqueeze(D::Minus1)?)?.to_dtype(DType::U8)
    }
}

/// That there is a number for each row, and rows to speak of; gives the rows' width.
pub(super) fn check_rows(what: &'static str, numbers: &Tensor, rows: &Tensor) -> Result<usize> {
    let &[n_rows, width @ (1..)] = rows.dims() else {
        return Err(shape_error("shape of the rows", "[rows, at least 1]", rows));
    };
    if numbers.dims() != [n_rows] {
        return Err(shape_error(what, format!("[{n_rows}]"), numbers));
    }
    Ok(width)
}

/// The error of a tensor that has another shape than it should.
pub(super) fn shape_error(what: &'static str, expected: impl Into<String>, found: &Tensor) -> Error {
    Error::Config { what, expected: expected.into(), found: format!("{:?}", found.dims()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_without_steps_is_named() {
        let error = Segments::new(&[2, 0, 1], 3).unwrap_err().to_string();
        assert_eq!(error, "length of an attended sequence is 0 at sequence 1, expected at least 1");
        let error = Segments::new(&[2, 1], 4).unwrap_err().to_string();
        assert_eq!(error, "number of rows is 4, expected 3, the sum of the lengths");
        assert!(Segments::new(&[usize::MAX, 2], 1).is_err());
        assert_eq!(Segments::new(&[], 0).unwrap().len(), 0);
    }

    #[test]
    fn padding_by_hand() {
        let segments = Segments::new(&[1, 3], 4).unwrap();
        let rows = Tensor::new(&[[1f32], [2.0], [3.0], [4.0]], &Device::Cpu).unwrap();
        let padded = segments.pad(&rows).unwrap();
        let expected = [[[1f32], [0.0], [0.0]], [[2.0], [3.0], [4.0]]];
        assert_eq!(padded.to_vec3::<f32>().unwrap(), expected);
        assert_eq!(
            segments.unpad(&padded).unwrap().to_vec2::<f32>().unwrap(),
            rows.to_vec2::<f32>().unwrap()
        );
        assert_eq!(segments.mask(&Device::Cpu).unwrap().to_vec2::<u8>().unwrap(), [[1, 0, 0], [1, 1, 1]]);
    }
}
