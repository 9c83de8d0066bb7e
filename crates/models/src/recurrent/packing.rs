//! The order in which a batch of sequences is advanced: step by step, longest sequence first, so that the sequences
//! still running at a step are the first ones of the batch.

use candle_core::{Result, Tensor};

use crate::row_map::RowMap;

/// Where each row of a ragged batch goes when rows are sorted by step, and within a step by falling length.
#[derive(Debug)]
pub(super) struct Packing {
    /// For each packed row, the ragged row it is.
    ragged_of_packed: Vec<u32>,
    /// Number of sequences still running at each step.
    pub(super) active: Vec<usize>,
    /// The sequences by falling length, as indices into the caller's order.
    pub(super) by_length: Vec<u32>,
}

impl Packing {
    pub(super) fn new(lengths: &[usize]) -> Self {
        let mut by_length: Vec<usize> = (0..lengths.len()).collect();
        by_length.sort_by_key(|&sequence| std::cmp::Reverse(lengths[sequence])); // stable
        let mut offsets = Vec::with_capacity(lengths.len());
        let mut n_rows = 0;
        for &length in lengths {
            offsets.push(n_rows);
            n_rows += length;
        }
        let n_steps = lengths.iter().copied().max().unwrap_or(0);
        let mut ragged_of_packed = Vec::with_capacity(n_rows);
        let mut active = Vec::with_capacity(n_steps);
        for step in 0..n_steps {
            let running = by_length.partition_point(|&sequence| lengths[sequence] > step);
            active.push(running);
            ragged_of_packed
                .extend(by_length[..running].iter().map(|&sequence| (offsets[sequence] + step) as u32));
        }
        let by_length = by_length.into_iter().map(|sequence| sequence as u32).collect();
        Self { ragged_of_packed, active, by_length }
    }

    /// Ragged rows into packed order.
    pub(super) fn pack(&self, rows: &Tensor) -> Result<Tensor> {
        self.of_rows(rows)?.apply(rows)
    }

    /// One row for each sequence, such as its initial state, from the caller's order into the batch's.
    pub(super) fn sort(&self, rows: &Tensor) -> Result<Tensor> {
        self.of_sequences(rows)?.apply(rows)
    }

    /// The other way: from the batch's order into the caller's.
    pub(super) fn unsort(&self, rows: &Tensor) -> Result<Tensor> {
        self.of_sequences(rows)?.reversed().apply(rows)
    }

    /// Packed rows back into the caller's order.
    pub(super) fn unpack(&self, rows: &Tensor) -> Result<Tensor> {
        self.of_rows(rows)?.reversed().apply(rows)
    }

    fn of_rows(&self, rows: &Tensor) -> Result<RowMap> {
        RowMap::new(self.ragged_of_packed.clone(), self.ragged_of_packed.len(), rows.device())
    }

    fn of_sequences(&self, rows: &Tensor) -> Result<RowMap> {
        RowMap::new(self.by_length.clone(), self.by_length.len(), rows.device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn rows_by_hand() {
        // Sequences a (2 rows: 0 1), b (none), c (3 rows: 2 3 4): sorted c a b.
        let packing = Packing::new(&[2, 0, 3]);
        assert_eq!(packing.active, [2, 2, 1]);
        assert_eq!(packing.ragged_of_packed, [2, 0, 3, 1, 4]);
        assert_eq!(packing.by_length, [2, 0, 1]);
        let rows = Tensor::from_slice(&[0f32, 1.0, 2.0, 3.0, 4.0], (5, 1), &Device::Cpu).unwrap();
        let of_sequences = Tensor::from_slice(&[7f32, 8.0, 9.0], (3, 1), &Device::Cpu).unwrap();
        let unsorted = packing.unsort(&of_sequences).unwrap().flatten_all().unwrap();
        assert_eq!(unsorted.to_vec1::<f32>().unwrap(), [8.0, 9.0, 7.0]);
        let round_trip = packing.unpack(&packing.pack(&rows).unwrap()).unwrap();
        assert_eq!(round_trip.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
