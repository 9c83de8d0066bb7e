//! One recurrent layer as an operation that candle can differentiate.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use super::cuda;
use super::gpu_precision::GpuPrecision;
use super::isa::Vectors;
use super::kernel::{BackwardBatch, Kept, PackedLayer, Run, Spare, Weights};
use super::kind::CellKind;
use crate::numbers::{contiguous, with_numbers};

/// Takes rows `[sum of lengths, input]`, the flat weights `w_ih, w_hh, b_ih, b_hh`, and initial states
/// `[batch, (output, memory) x hidden]`; gives the outputs after every step, `[sum of lengths, hidden]`, and, of an
/// operation for all states, the memories below them.
pub(super) struct LayerOp<C> {
    manner: Manner,
    input: usize,
    hidden: usize,
    lengths: Arc<[usize]>,
    /// What the forward pass leaves for the backward pass.
    passed: OnceLock<Passed>,
    /// Memory for it.
    spare: Spare,
    cell: PhantomData<C>,
}

enum Passed {
    Cpu {
        layer: PackedLayer,
        kept: Vec<Kept>,
    },
    #[cfg(feature = "cuda")]
    Cuda(cuda::Passed),
}

/// How a [`LayerOp`] runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// On the CPU.
    pub(super) vectors: Vectors,
    /// On a GPU.
    #[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "the CPU has one precision"))]
    pub(super) gpu_precision: GpuPrecision,
    pub(super) gives: Gives,
    /// Whether there will be a backward pass.
    pub(super) keep: bool,
}

/// What a [`LayerOp`] gives of every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    Outputs,
    /// Outputs, and the memories of a cell that has them.
    States,
}

impl<C: CellKind> LayerOp<C> {
    pub(super) fn new(
        manner: Manner,
        input: usize,
        hidden: usize,
        lengths: Arc<[usize]>,
        spare: Spare,
    ) -> Self {
        Self { manner, input, hidden, lengths, passed: OnceLock::new(), spare, cell: PhantomData }
    }

    /// Tensors `[sum of lengths, hidden]` that it gives, one below the other.
    fn parts(&self) -> usize {
        if self.manner.gives == Gives::States { C::STATES } else { 1 }
    }

    fn pass(&self, passed: Passed) -> Result<()> {
        if self.passed.set(passed).is_err() {
            bail!("{} forward twice by one operation", C::NAME);
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn on_cuda<'a>(&'a self, cell: &'a str) -> cuda::Layer<'a> {
        let &Self { input, hidden, ref lengths, .. } = self;
        let precision = self.manner.gpu_precision;
        cuda::Layer { cell, gates: C::GATES, states: C::STATES, input, hidden, lengths, precision }
    }

    fn weights<'a>(&self, flat: &'a [f32]) -> Weights<'a> {
        let &Self { input, hidden, .. } = self;
        let rows = C::GATES * hidden;
        let (w_ih, rest) = flat.split_at(rows * input);
        let (w_hh, rest) = rest.split_at(rows * hidden);
        let (b_ih, b_hh) = rest.split_at(rows);
        Weights { input, hidden, w_ih, w_hh, b_ih, b_hh }
    }
}

impl<C: CellKind> CustomOp3 for LayerOp<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn cpu_fwd(
        &self,
        rows: &CpuStorage,
        rows_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
        states: &CpuStorage,
        states_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let weights = self.weights(contiguous(weights, weights_layout)?);
        let Manner { vectors, keep, .. } = self.manner;
        let layer = C::pack(&weights, vectors.lanes());
        let n_rows = rows_layout.dims()[0];
        let mut given = vec![0.0; self.parts() * n_rows * self.hidden];
        let (outputs, memories) = given.split_at_mut(n_rows * self.hidden);
        let mut states = contiguous(states, states_layout)?.to_vec();
        let run = Run {
            rows: contiguous(rows, rows_layout)?,
            lengths: &self.lengths,
            states: &mut states,
            outputs: Some(outputs),
            memories: (!memories.is_empty()).then_some(memories),
            late: None,
        };
        let kept = C::advance(vectors, std::slice::from_ref(&layer), run, keep.then_some(&self.spare));
        if keep {
            self.pass(Passed::Cpu { layer, kept })?;
        }
        Ok((CpuStorage::F32(given), (self.parts() * n_rows, self.hidden).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        rows: &CudaStorage,
        rows_layout: &Layout,
        weights: &CudaStorage,
        weights_layout: &Layout,
        states: &CudaStorage,
        states_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let cell = C::NAME.to_ascii_lowercase();
        let (given, passed) = self.on_cuda(&cell).forward(
            rows.device(),
            &cuda::view(rows, rows_layout)?,
            &cuda::view(weights, weights_layout)?,
            &cuda::view(states, states_layout)?,
            self.manner.gives == Gives::States,
            self.manner.keep,
        )?;
        if let Some(passed) = passed {
            self.pass(Passed::Cuda(passed))?;
        }
        let shape = (self.parts() * rows_layout.dims()[0], self.hidden);
        Ok((CudaStorage::wrap_cuda_slice(given, rows.device().clone()), shape.into()))
    }

    fn bwd(
        &self,
        rows: &Tensor,
        weights: &Tensor,
        states: &Tensor,
        given: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        #[cfg(feature = "cuda")]
        if let Some(Passed::Cuda(passed)) = self.passed.get() {
            let cell = C::NAME.to_ascii_lowercase();
            return cuda::backward(&self.on_cuda(&cell), passed, [rows, weights, states, given, &gradient]);
        }
        let Some(Passed::Cpu { layer, kept }) = self.passed.get() else {
            bail!("{} backward before forward", C::NAME)
        };
        let mut row_gradients = rows.track_op().then(|| vec![0.0; rows.elem_count()]);
        let mut initial_gradients = vec![0.0; states.elem_count()];
        let weights_tracked = weights.track_op();
        let flat = with_numbers([rows, weights, states, given, &gradient], |numbers| {
            let [rows, weights, initial, given, gradients] = numbers;
            let n_outputs = given.len() / self.parts();
            let (output_gradients, memory_gradients) = gradients.split_at(n_outputs);
            let backward = C::pack_backward(&self.weights(weights), self.manner.vectors.lanes());
            let batch = BackwardBatch {
                rows,
                lengths: &self.lengths,
                initial,
                outputs: &given[..n_outputs],
                output_gradients,
                memory_gradients: (!memory_gradients.is_empty()).then_some(memory_gradients),
                kept,
                of_weights: weights_tracked,
                row_gradients: row_gradients.as_deref_mut(),
                initial_gradients: &mut initial_gradients,
            };
            C::retreat(self.manner.vectors, layer, &backward, batch)
        })?;
        let tensor =
            |numbers: Vec<f32>, like: &Tensor| Tensor::from_vec(numbers, like.shape(), like.device());
        Ok((
            row_gradients.map(|gradients| tensor(gradients, rows)).transpose()?,
            flat.map(|gradients| tensor(gradients, weights)).transpose()?,
            Some(tensor(initial_gradients, states)?),
        ))
    }
}
