//! One layer over a ragged batch, on buffers of a GPU.

use candle_core::cuda_backend::cudarc::driver::sys::CUdevice_attribute as DeviceAttribute;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{Result, bail};

use super::launch::{Argument, Matrix, over_batch, product, sum_parts, unwritten};
use super::plan::{Gpu, LayerSize, Pass, Plan, has_kernel};
use crate::GpuPrecision;

/// Numbers that each unit leaves of a step for the backward pass, and gradients that it then gets: `KEPT` in `cells.cuh`.
const KEPT: usize = 4;
/// Rows of one product, at most: cuBLAS counts in 32 bits.
const MAX_ROWS: usize = 1 << 21;

/// A layer and the lengths of a batch.
pub(in crate::recurrent) struct Layer<'a> {
    /// Name of the cell in the kernels' names.
    pub(in crate::recurrent) cell: &'a str,
    pub(in crate::recurrent) gates: usize,
    /// Numbers that a unit remembers: its output, and for an LSTM its memory.
    pub(in crate::recurrent) states: usize,
    pub(in crate::recurrent) input: usize,
    pub(in crate::recurrent) hidden: usize,
    pub(in crate::recurrent) lengths: &'a [usize],
    /// Of a forward pass.
    pub(in crate::recurrent) precision: GpuPrecision,
}

/// What the forward pass leaves for the backward pass.
pub(in crate::recurrent) struct Passed {
    /// `[row, KEPT, hidden]`.
    gates: CudaSlice<f32>,
    /// `[row, hidden]`, where they are not given anyway.
    memories: Option<CudaSlice<f32>>,
}

/// What the backward pass starts from.
pub(in crate::recurrent) struct Start<'a> {
    pub(in crate::recurrent) rows: CudaView<'a, f32>,
    pub(in crate::recurrent) weights: CudaView<'a, f32>,
    pub(in crate::recurrent) initial: CudaView<'a, f32>,
    /// What the forward pass gave, and its gradient: outputs `[row, hidden]`, and memories below them if it gave those.
    pub(in crate::recurrent) given: CudaView<'a, f32>,
    pub(in crate::recurrent) gradient: CudaView<'a, f32>,
}

/// Whether a gradient is wanted.
pub(in crate::recurrent) struct Wanted {
    pub(in crate::recurrent) rows: bool,
    pub(in crate::recurrent) weights: bool,
}

/// The gradients.
pub(in crate::recurrent) struct Gradients {
    pub(in crate::recurrent) rows: Option<CudaSlice<f32>>,
    pub(in crate::recurrent) weights: Option<CudaSlice<f32>>,
    pub(in crate::recurrent) initial: CudaSlice<f32>,
}

/// Whether there are kernels for layers of this size on this GPU.
pub(in crate::recurrent) fn can_run(device: &CudaDevice, gates: usize, hidden: usize) -> bool {
    let size = LayerSize { gates, hidden };
    let has_both = |gpu| [Pass::Forward, Pass::Backward].iter().all(|&pass| has_kernel(pass, size, gpu));
    gpu(device).is_ok_and(|gpu| gpu.is_some_and(has_both))
}

/// `None` for a GPU older than the kernels.
fn gpu(device: &CudaDevice) -> Result<Option<Gpu>> {
    let stream = device.cuda_stream();
    let number = |attribute| stream.context().attribute(attribute).w();
    if number(DeviceAttribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)? < 8 {
        return Ok(None);
    }
    Ok(Some(Gpu {
        multiprocessors: number(DeviceAttribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as usize,
        shared_bytes: number(DeviceAttribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?
            as usize,
        has_clusters: number(DeviceAttribute::CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH)? != 0,
    }))
}

impl Layer<'_> {
    fn n_rows(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// Where `w_ih`, `w_hh`, `b_ih` and `b_hh` begin in the flat weights, and where the last ends.
    fn offsets(&self) -> [usize; 5] {
        let rows = self.gates * self.hidden;
        let recurrent = rows * self.input;
        let biases = recurrent + rows * self.hidden;
        [0, recurrent, biases, biases + rows, biases + 2 * rows]
    }

    fn plan(
        &self,
        device: &CudaDevice,
        pass: Pass,
        precision: GpuPrecision,
    ) -> Result<(Plan, CudaSlice<u32>)> {
        let size = LayerSize { gates: self.gates, hidden: self.hidden };
        let plan = gpu(device)?.and_then(|gpu| Plan::new(pass, size, precision, self.lengths, gpu));
        let Some(plan) = plan else {
            bail!("no kernel for {} of {} units on this GPU", self.cell, self.hidden)
        };
        let schedule = device.clone_htod(&plan.schedule)?;
        Ok((plan, schedule))
    }

    /// Outputs `[row, hidden]`, and with `gives_memories` the memories below them. There is at least one row.
    pub(in crate::recurrent) fn forward(
        &self,
        device: &CudaDevice,
        rows: &CudaView<'_, f32>,
        weights: &CudaView<'_, f32>,
        initial: &CudaView<'_, f32>,
        gives_memories: bool,
        keep: bool,
    ) -> Result<(CudaSlice<f32>, Option<Passed>)> {
        let &Self { gates: n_gates, input, hidden, .. } = self;
        let n_rows = self.n_rows();
        let [w_ih, w_hh, b_ih, b_hh, end] = self.offsets();
        let has_memory = self.states > 1;
        let gives_memories = gives_memories && has_memory;
        // What a backward pass goes back over has at least the digits of TF32.
        let in_training = keep && self.precision == GpuPrecision::Bf16;
        let precision = if in_training { GpuPrecision::F32 } else { self.precision };
        let (plan, schedule) = self.plan(device, Pass::Forward, precision)?;
        // A layer that no kernel takes in this precision is not rounded at all.
        let precision = plan.kernel.precision();

        // The products of the inputs, in rows wide enough for what will be kept in their place.
        let stride = if keep { KEPT } else { n_gates } * hidden;
        let mut gates = unwritten(device, n_rows * stride)?;
        for begin in (0..n_rows).step_by(MAX_ROWS) {
            let n = MAX_ROWS.min(n_rows - begin);
            let x = Matrix { numbers: rows.slice(begin * input..), stride: input, transposed: false };
            let w = Matrix { numbers: weights.slice(..w_hh), stride: input, transposed: true };
            let mut to = gates.slice_mut(begin * stride..);
            product(device, [n, n_gates * hidden, input], &x, &w, &mut to, stride, precision)?;
        }

        let mut given = unwritten(device, n_rows * hidden * if gives_memories { 2 } else { 1 })?;
        let mut memories = (has_memory && keep && !gives_memories)
            .then(|| unwritten(device, n_rows * hidden))
            .transpose()?;
        let (outputs, below) = given.split_at_mut(n_rows * hidden);
        let memories_argument = match &mut memories {
            _ if gives_memories => Argument::Write(below),
            Some(memories) => Argument::write(memories),
            None => Argument::Nothing,
        };
        debug_assert_eq!(w_ih, 0, "the input's weights come first");
        over_batch(
            device,
            &format!("{}_forward", self.cell),
            &plan,
            &mut [
                Argument::Read(weights.slice(w_hh..b_ih)),
                Argument::Read(weights.slice(b_ih..b_hh)),
                Argument::Read(weights.slice(b_hh..end)),
                Argument::write(&mut gates),
                Argument::Read(initial.slice(..)),
                Argument::Write(outputs),
                memories_argument,
                Argument::Schedule(schedule.as_view()),
                Argument::Count(hidden),
                Argument::Count(plan.slots),
                Argument::Count(stride),
                Argument::Count(usize::from(keep)),
            ],
        )?;
        Ok((given, keep.then_some(Passed { gates, memories })))
    }

    /// The gradients of everything that the forward pass took.
    pub(in crate::recurrent) fn backward(
        &self,
        device: &CudaDevice,
        passed: &Passed,
        from: &Start<'_>,
        wanted: &Wanted,
    ) -> Result<Gradients> {
        let &Self { gates: n_gates, states, input, hidden, .. } = self;
        let n_rows = self.n_rows();
        let [_, w_hh, b_ih, ..] = self.offsets();
        let n_outputs = n_rows * hidden;
        let part = |numbers: &CudaView<'_, f32>| (numbers.len() > n_outputs).then_some(n_outputs..);
        let memories = match (&passed.memories, part(&from.given)) {
            (Some(memories), _) => Argument::read(memories),
            (None, Some(below)) => Argument::Read(from.given.slice(below)),
            (None, None) => Argument::Nothing,
        };
        let memory_gradients = part(&from.gradient)
            .map_or(Argument::Nothing, |below| Argument::Read(from.gradient.slice(below)));

        let (plan, schedule) = self.plan(device, Pass::Backward, GpuPrecision::F32)?;
        let mut slots = unwritten(device, n_rows * KEPT * hidden)?;
        let mut before = unwritten(device, n_outputs)?;
        let mut parts = unwritten(device, plan.parts * KEPT * hidden)?;
        // Of a sequence without steps it stays 0.
        let mut initial_gradients = device.alloc_zeros(self.lengths.len() * states * hidden)?;
        over_batch(
            device,
            &format!("{}_backward", self.cell),
            &plan,
            &mut [
                Argument::Read(from.weights.slice(w_hh..b_ih)),
                Argument::read(&passed.gates),
                Argument::Read(from.initial.slice(..)),
                Argument::Read(from.given.slice(..n_outputs)),
                memories,
                Argument::Read(from.gradient.slice(..n_outputs)),
                memory_gradients,
                Argument::write(&mut slots),
                Argument::write(&mut before),
                Argument::write(&mut initial_gradients),
                Argument::write(&mut parts),
                Argument::Schedule(schedule.as_view()),
                Argument::Count(hidden),
                Argument::Count(plan.slots),
            ],
        )?;

        let row_gradients = wanted.rows.then(|| {
            let mut to = unwritten(device, n_rows * input)?;
            for begin in (0..n_rows).step_by(MAX_ROWS) {
                let n = MAX_ROWS.min(n_rows - begin);
                let g = self.input_slots(&slots.slice(begin * KEPT * hidden..), false);
                let w = Matrix { numbers: from.weights.slice(..w_hh), stride: input, transposed: false };
                let mut to = to.slice_mut(begin * input..);
                product(device, [n, input, n_gates * hidden], &g, &w, &mut to, input, GpuPrecision::F32)?;
            }
            Ok::<_, candle_core::Error>(to)
        });
        let weight_gradients = wanted
            .weights
            .then(|| self.weight_gradients(device, &from.rows, &slots, &before, &parts, plan.parts));
        Ok(Gradients {
            rows: row_gradients.transpose()?,
            weights: weight_gradients.transpose()?,
            initial: initial_gradients,
        })
    }

    /// The gradients of the input's sums among the slots: the last of each row's, gate by gate.
    fn input_slots<'s>(&self, slots: &CudaView<'s, f32>, transposed: bool) -> Matrix<'s> {
        let begin = (KEPT - self.gates) * self.hidden;
        Matrix { numbers: slots.slice(begin..), stride: KEPT * self.hidden, transposed }
    }

    /// Of the flat weights.
    fn weight_gradients(
        &self,
        device: &CudaDevice,
        rows: &CudaView<'_, f32>,
        slots: &CudaSlice<f32>,
        before: &CudaSlice<f32>,
        parts: &CudaSlice<f32>,
        n_parts: usize,
    ) -> Result<CudaSlice<f32>> {
        let &Self { gates: n_gates, input, hidden, .. } = self;
        let n_rows = self.n_rows();
        let [_, w_hh, b_ih, b_hh, end] = self.offsets();
        let mut flat = unwritten(device, end)?;
        let x = Matrix { numbers: rows.slice(..), stride: input, transposed: false };
        let g = self.input_slots(&slots.as_view(), true);
        let mut to = flat.slice_mut(..w_hh);
        product(device, [n_gates * hidden, input, n_rows], &g, &x, &mut to, input, GpuPrecision::F32)?;

        // The recurrent sums are the first slots; the GRU's last gate comes first.
        let shift = KEPT - n_gates;
        let runs = [(shift, 0, n_gates - shift), (0, n_gates - shift, shift)];
        for (slot, gate, n) in runs.into_iter().filter(|&(_, _, n)| n > 0) {
            let g = Matrix { numbers: slots.slice(slot * hidden..), stride: KEPT * hidden, transposed: true };
            let h = Matrix { numbers: before.as_view(), stride: hidden, transposed: false };
            let mut to = flat.slice_mut(w_hh + gate * hidden * hidden..b_ih);
            product(device, [n * hidden, hidden, n_rows], &g, &h, &mut to, hidden, GpuPrecision::F32)?;
        }

        let mut biases = flat.slice_mut(b_ih..end);
        let (to_input, to_recurrent) = biases.split_at_mut(b_hh - b_ih);
        sum_parts(
            device,
            KEPT * hidden,
            &mut [
                Argument::read(parts),
                Argument::Count(n_parts),
                Argument::Count(n_gates),
                Argument::Count(hidden),
                Argument::Write(to_input),
                Argument::Write(to_recurrent),
            ],
        )?;
        Ok(flat)
    }
}
