//! Rows taken to other places, as an operation whose way back is a gather too.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp1, Device, Layout, Result, Shape, Storage, Tensor, bail};

/// Where every row of `[from, ...]` goes in `[to, ...]`: to one place at most. Places that no row goes to get zeros.
///
/// candle's own `index_select` is differentiated by adding every row where it came from; on a GPU that is one thread per
/// column, which walks over all rows. Here no two rows meet, so that the way back is to take the rows again.
#[derive(Debug, Clone)]
pub(crate) struct RowMap {
    /// For each place the row that it gets, `[to]`, or [`NOTHING`].
    taken: Tensor,
    /// For each row the place that it goes to, `[from]`, or [`NOTHING`].
    placed: Tensor,
}

/// An index that candle's kernels read as a row of zeros.
pub(crate) const NOTHING: u32 = u32::MAX;

impl RowMap {
    /// From the row that each place gets; no row stands there twice.
    pub(crate) fn new(taken: Vec<u32>, n_rows: usize, device: &Device) -> Result<Self> {
        let mut placed = vec![NOTHING; n_rows];
        for (place, &row) in (0..).zip(&taken).filter(|&(_, &row)| row != NOTHING) {
            placed[row as usize] = place;
        }
        let tensor = |index: Vec<u32>| {
            let n = index.len();
            Tensor::from_vec(index, n, device)
        };
        Ok(Self { taken: tensor(taken)?, placed: tensor(placed)? })
    }

    /// The rows at their places.
    pub(crate) fn apply(&self, rows: &Tensor) -> Result<Tensor> {
        if self.taken.elem_count() == 0 || rows.elem_count() == 0 {
            // No kernel can be launched for nothing.
            return Tensor::zeros(self.shape(rows.dims()), rows.dtype(), rows.device());
        }
        rows.contiguous()?.apply_op1(self.clone())
    }

    /// The way back.
    pub(crate) fn reversed(self) -> Self {
        Self { taken: self.placed, placed: self.taken }
    }

    fn shape(&self, of_rows: &[usize]) -> Shape {
        let mut shape = of_rows.to_vec();
        shape[0] = self.taken.elem_count();
        shape.into()
    }
}

impl CustomOp1 for RowMap {
    fn name(&self) -> &'static str {
        "row-map"
    }

    fn cpu_fwd(&self, rows: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (index, of_index) = self.taken.storage_and_layout();
        let Storage::Cpu(index) = &*index else { bail!("the index of a row map is on another device") };
        Ok((rows.index_select(index, layout, of_index, 0)?, self.shape(layout.dims())))
    }

    fn cuda_fwd(&self, rows: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (index, of_index) = self.taken.storage_and_layout();
        let Storage::Cuda(index) = &*index else { bail!("the index of a row map is on another device") };
        Ok((rows.index_select(index, layout, of_index, 0)?, self.shape(layout.dims())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(grad.contiguous()?.index_select(&self.placed, 0)?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Var};

    use super::*;

    #[test]
    fn there_and_back_by_hand() {
        // Row 2 goes nowhere, place 1 gets nothing.
        let map = RowMap::new(vec![1, NOTHING, 0, 3], 4, &Device::Cpu).unwrap();
        let rows = Var::new(&[[1f32, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]], &Device::Cpu).unwrap();
        let moved = map.apply(&rows).unwrap();
        assert_eq!(moved.to_vec2::<f32>().unwrap(), [[2.0, 20.0], [0.0, 0.0], [1.0, 10.0], [4.0, 40.0]]);
        let back = map.clone().reversed().apply(&moved).unwrap();
        assert_eq!(back.to_vec2::<f32>().unwrap(), [[1.0, 10.0], [2.0, 20.0], [0.0, 0.0], [4.0, 40.0]]);

        let factors = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], &Device::Cpu).unwrap();
        let gradients = (moved * factors).unwrap().sum_all().unwrap().backward().unwrap();
        let expected = [[5.0, 6.0], [1.0, 2.0], [0.0, 0.0], [7.0, 8.0]];
        assert_eq!(gradients.get(&rows).unwrap().to_vec2::<f32>().unwrap(), expected);
    }

    #[test]
    fn the_gradient_is_candles() {
        let taken = vec![4, 2, 0, 3];
        let rows =
            Tensor::arange(0.0, 30.0, &Device::Cpu).unwrap().sin().unwrap().reshape((5, 3, 2)).unwrap();
        let rows = Var::from_tensor(&rows).unwrap();
        let index = Tensor::new(taken.clone(), &Device::Cpu).unwrap();
        let gradient = |moved: Tensor| {
            let loss = moved.sqr().unwrap().cos().unwrap().sum_all().unwrap();
            loss.backward().unwrap().get(&rows).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap()
        };
        let map = RowMap::new(taken, 5, &Device::Cpu).unwrap();
        assert_eq!(
            gradient(map.apply(&rows).unwrap()),
            gradient(rows.as_tensor().index_select(&index, 0).unwrap())
        );
    }

    #[test]
    fn nothing_goes_nowhere() {
        let none = Tensor::zeros((0, 3), DType::F32, &Device::Cpu).unwrap();
        assert_eq!(RowMap::new(vec![], 0, &Device::Cpu).unwrap().apply(&none).unwrap().dims(), [0, 3]);
        let map = RowMap::new(vec![NOTHING; 2], 0, &Device::Cpu).unwrap();
        assert_eq!(map.apply(&none).unwrap().to_vec2::<f32>().unwrap(), [[0.0; 3]; 2]);
    }
}
