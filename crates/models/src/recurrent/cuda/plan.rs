//! How a ragged batch is spread over the multiprocessors of a GPU.
//!
//! `sequence.cuh` and `tensor_cores.cuh` say what blocks, clusters, slots and groups are; the sizes here are those that the kernels count on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::GpuPrecision;

/// What the plan has to know of a GPU.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gpu {
    pub(super) multiprocessors: usize,
    /// Shared memory of one block, in bytes.
    pub(super) shared_bytes: usize,
    pub(super) has_clusters: bool,
}

/// Which way through the sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Forward,
    Backward,
}

/// Sizes of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LayerSize {
    pub(super) gates: usize,
    pub(super) hidden: usize,
}

/// One of the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kernel {
    /// Blocks of a cluster; 1 without clusters.
    pub(super) ranks: usize,
    /// Sequences of a slot.
    pub(super) places: usize,
    product: Product,
}

/// Who makes the recurrent product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Product {
    /// So many neighbouring lanes share some units.
    Lanes(usize),
    TensorCores(TensorCores),
}

/// A row of `ROUNDED` in `kernels.cu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TensorCores {
    precision: GpuPrecision,
    /// Warps that share 16 units.
    parts: usize,
    /// Products along the units, of each warp and gate.
    runs: usize,
    max_threads: usize,
}

impl Kernel {
    /// The end of its name.
    pub(super) fn variant(&self) -> String {
        let product = match self.product {
            Product::Lanes(lanes) => lanes.to_string(),
            Product::TensorCores(TensorCores { precision: GpuPrecision::Bf16, .. }) => "bf16".to_owned(),
            Product::TensorCores(_) => "tf32".to_owned(),
        };
        format!("{product}x{}", self.places)
    }

    /// Of its products.
    #[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "asked when there is a GPU"))]
    pub(super) fn precision(&self) -> GpuPrecision {
        match self.product {
            Product::Lanes(_) => GpuPrecision::F32,
            Product::TensorCores(TensorCores { precision, .. }) => precision,
        }
    }

    /// Threads of a block for which a multiprocessor has registers.
    fn max_threads(&self, gates: usize) -> usize {
        match self.product {
            Product::TensorCores(TensorCores { max_threads, .. }) => max_threads,
            Product::Lanes(_) if gates == 3 => 512,
            Product::Lanes(_) => 384,
        }
    }
}

/// All kernels of single precision: `KERNELS` in `kernels.cu`.
fn kernels(pass: Pass) -> impl Iterator<Item = Kernel> {
    let (block, cluster): (&[_], &[_]) = match pass {
        Pass::Forward => (&[(4, 2), (4, 4), (2, 4)], &[(8, 4), (8, 8)]),
        Pass::Backward => (&[(8, 2), (8, 4), (8, 8)], &[(16, 4), (16, 8)]),
    };
    let of_ranks = |ranks| move |&(lanes, places)| Kernel { ranks, places, product: Product::Lanes(lanes) };
    block.iter().map(of_ranks(1)).chain(cluster.iter().map(of_ranks(8)))
}

/// All kernels on tensor cores, for forward passes: `ROUNDED` in `kernels.cu`, with the gates of their cells.
fn rounded_kernels() -> impl Iterator<Item = (usize, Kernel)> {
    use GpuPrecision::{Bf16, Tf32};

    let row = |(gates, precision, places, ranks, parts, runs, max_threads)| {
        let product = Product::TensorCores(TensorCores { precision, parts, runs, max_threads });
        (gates, Kernel { ranks, places, product })
    };
    [
        (3, Tf32, 8, 1, 2, 7, 448),
        (3, Bf16, 8, 1, 2, 4, 512),
        (3, Bf16, 16, 1, 2, 4, 512),
        (4, Tf32, 8, 1, 2, 6, 384),
        (4, Bf16, 8, 1, 2, 4, 512),
        (4, Tf32, 8, 8, 4, 8, 256),
        (4, Tf32, 16, 8, 4, 8, 256),
        (4, Bf16, 8, 8, 4, 4, 256),
        (4, Bf16, 16, 8, 4, 4, 256),
    ]
    .into_iter()
    .map(row)
}

/// How a kernel lays out one layer in a block: `Layout` in `sequence.cuh`, `Tiling` in `tensor_cores.cuh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    kernel: Kernel,
    /// Threads of a slot.
    threads: usize,
    weight_bytes: usize,
    /// Of a slot, for what its threads tell each other.
    slot_bytes: usize,
    /// Slots that fit into a block.
    max_slots: usize,
    /// Lanes that own some sequences of each unit.
    owners: usize,
    /// Cycles in which a warp issues what a step takes, if it is alone on its scheduler.
    instructions: usize,
    /// Vectors of four numbers that a lane takes out of shared memory at each step.
    loads: usize,
}

/// Instructions of a unit's gates for one sequence, and those of a step that nothing else counts: read off the machine code.
const OF_GATES: usize = 85;
const OF_STEP: usize = 150;

impl Shape {
    /// `None` when the layer does not fit.
    fn new(kernel: Kernel, pass: Pass, size: LayerSize, gpu: Gpu) -> Option<Self> {
        if kernel.ranks > 1 && !gpu.has_clusters {
            return None;
        }
        match kernel.product {
            Product::Lanes(lanes) => Self::by_lanes(kernel, lanes, pass, size, gpu),
            Product::TensorCores(cores) => Self::by_tensor_cores(kernel, cores, size, gpu),
        }
    }

    fn by_lanes(
        kernel: Kernel,
        lanes: usize,
        pass: Pass,
        LayerSize { gates, hidden }: LayerSize,
        gpu: Gpu,
    ) -> Option<Self> {
        let Kernel { ranks, places, .. } = kernel;
        let max_hidden = if ranks == 1 { 128 } else { 256 };
        if hidden > max_hidden {
            return None;
        }
        let (units, columns, inner, width) = match pass {
            Pass::Forward => (2, 2 * gates, hidden, max_hidden),
            Pass::Backward => (4, 4, gates * hidden, gates * max_hidden),
        };
        let threads = (hidden.div_ceil(ranks).div_ceil(units) * lanes).next_multiple_of(4);
        let vectors = inner / (4 * lanes);
        let tail = (inner - 4 * lanes * vectors).div_ceil(lanes);
        let weight_bytes = (4 * vectors + tail) * columns * threads * size_of::<f32>();
        let slot_bytes = 2 * places * width * size_of::<f32>();
        let room = gpu.shared_bytes.checked_sub(weight_bytes)?;
        let max_slots = (room / slot_bytes).min(kernel.max_threads(gates) / threads);

        let vectors = vectors + tail.div_ceil(4);
        let loads = vectors * (columns + places);
        let multiplications = 4 * vectors * columns * places;
        // Halves of the sums go back and forth between the lanes; a lane ends with some sequences of one unit.
        let owned = places * units / lanes;
        let exchange = 2 * (columns * places - columns / units * owned);
        let instructions = OF_STEP + 14 * vectors + loads + multiplications + exchange + OF_GATES * owned;
        let owners = lanes / units;
        (max_slots > 0).then_some(Self {
            kernel,
            threads,
            weight_bytes,
            slot_bytes,
            max_slots,
            owners,
            instructions,
            loads,
        })
    }

    fn by_tensor_cores(
        kernel: Kernel,
        TensorCores { precision, parts, runs, max_threads }: TensorCores,
        LayerSize { gates, hidden }: LayerSize,
        gpu: Gpu,
    ) -> Option<Self> {
        // Cycles that a scheduler's tensor core takes for a product.
        const PRODUCT: usize = 8;
        let Kernel { ranks, places, .. } = kernel;
        let in_word = if precision == GpuPrecision::Bf16 { 2 } else { 1 };
        let threads = hidden.div_ceil(ranks).div_ceil(16) * parts * 32;
        if hidden > parts * runs * 8 * in_word || threads > max_threads {
            return None;
        }
        let stride = parts * runs * 8 + 8;
        let exchanged = gates * places / 2;
        let slot_bytes = (2 * places * stride + threads * exchanged) * size_of::<u32>();
        let owners = 2 * parts;
        let owned = places / owners;
        let products = gates * runs * places / 8;
        (slot_bytes <= gpu.shared_bytes).then_some(Self {
            kernel,
            threads,
            weight_bytes: 0,
            slot_bytes,
            max_slots: 1,
            owners,
            instructions: OF_STEP + PRODUCT * products + 2 * exchanged + OF_GATES * owned,
            loads: runs * places / 8 + exchanged / 2,
        })
    }

    /// Slots for so many sequences of a block, as far as they fit.
    fn slots(&self, sequences: usize) -> usize {
        sequences.div_ceil(self.kernel.places).clamp(1, self.max_slots)
    }

    /// Clock cycles of a multiprocessor that one step of so many sequences of a block takes, from the counts of
    /// instructions and of bytes out of shared memory. A guess to choose by: nothing here waits for anything.
    fn clocks(&self, sequences: usize) -> f64 {
        // One warp alone issues no more than every other cycle.
        const FEWEST_WARPS: usize = 2;
        let slots = self.slots(sequences);
        let warps = (slots * self.threads).div_ceil(32);
        let issue = warps.div_ceil(4).max(FEWEST_WARPS) * self.instructions;
        // A warp's 16 bytes for each lane are four cycles of shared memory.
        let shared = 4 * warps * self.loads;
        let rounds = (sequences as f64 / (slots * self.kernel.places) as f64).max(1.0);
        rounds * issue.max(shared) as f64
    }
}

/// The kernels that a layer fits, in this precision or, where there are none, in single precision.
fn shapes(pass: Pass, size: LayerSize, precision: GpuPrecision, gpu: Gpu) -> Vec<Shape> {
    let fitting = |kernel| Shape::new(kernel, pass, size, gpu);
    let rounded = rounded_kernels().filter(|(gates, kernel)| {
        let Product::TensorCores(cores) = kernel.product else { return false };
        pass == Pass::Forward && *gates == size.gates && cores.precision == precision
    });
    let rounded: Vec<Shape> = rounded.filter_map(|(_, kernel)| fitting(kernel)).collect();
    if rounded.is_empty() { kernels(pass).filter_map(fitting).collect() } else { rounded }
}

/// Whether there is a kernel of single precision for a layer.
pub(super) fn has_kernel(pass: Pass, size: LayerSize, gpu: Gpu) -> bool {
    !shapes(pass, size, GpuPrecision::F32, gpu).is_empty()
}

/// One launch of a kernel over a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) kernel: Kernel,
    /// Blocks, or clusters.
    pub(super) blocks: usize,
    /// Of each block.
    pub(super) slots: usize,
    /// Of a block.
    pub(super) threads: usize,
    /// Of a block.
    pub(super) shared_bytes: usize,
    /// Sums of bias gradients that a backward pass leaves.
    pub(super) parts: usize,
    /// `Schedule` in `sequence.cuh`.
    pub(super) schedule: Vec<u32>,
}

impl Plan {
    /// `None` when no kernel fits. At least one length is not 0. Backward passes are in single precision.
    pub(super) fn new(
        pass: Pass,
        size: LayerSize,
        precision: GpuPrecision,
        lengths: &[usize],
        gpu: Gpu,
    ) -> Option<Self> {
        let n_sequences = lengths.iter().filter(|&&length| length > 0).count();
        let workers = |shape: &Shape| (gpu.multiprocessors / shape.kernel.ranks).max(1);
        let by_worker = |shape: &Shape| n_sequences.div_ceil(workers(shape));
        let shapes = shapes(pass, size, precision, gpu).into_iter();
        // One block for a layer, if that can be: the blocks of a cluster wait for each other.
        let cost = |shape: &Shape| (shape.kernel.ranks, shape.clocks(by_worker(shape)));
        let shape = shapes.min_by(|a, b| {
            let ((ranks, clocks), (other_ranks, other_clocks)) = (cost(a), cost(b));
            ranks.cmp(&other_ranks).then(clocks.total_cmp(&other_clocks))
        })?;
        let slots = shape.slots(by_worker(&shape));
        let groups = Groups::new(lengths, shape.kernel.places, usize::from(pass == Pass::Backward));
        let blocks = workers(&shape).min(groups.costs.len()).max(1);
        Some(Self {
            kernel: shape.kernel,
            blocks,
            slots,
            threads: (slots * shape.threads).next_multiple_of(32),
            shared_bytes: shape.weight_bytes + slots * shape.slot_bytes,
            parts: blocks * slots * shape.owners,
            schedule: groups.deal(blocks, slots),
        })
    }
}

/// The sequences that have steps, the longest first, in groups that a slot takes at once.
struct Groups {
    /// For each group and place: the sequence, its first row, its length.
    entries: Vec<[u32; 3]>,
    places: usize,
    /// Steps of each group.
    costs: Vec<usize>,
}

/// A place of a group that is not full.
const NOBODY: [u32; 3] = [u32::MAX, 0, 0];

impl Groups {
    fn new(lengths: &[usize], places: usize, extra_steps: usize) -> Self {
        let mut row = 0;
        let mut entries = Vec::with_capacity(lengths.len() + places);
        for (sequence, &length) in lengths.iter().enumerate() {
            if length > 0 {
                entries.push([sequence as u32, row as u32, length as u32]);
            }
            row += length;
        }
        entries.sort_by_key(|&[_, _, length]| Reverse(length)); // stable
        entries.resize(entries.len().next_multiple_of(places), NOBODY);
        let costs =
            entries.iter().step_by(places).map(|&[_, _, length]| length as usize + extra_steps).collect();
        Self { entries, places, costs }
    }

    /// Each group, from the longest to the shortest, to the block with the least to do, and there to the slot with the
    /// least to do.
    fn deal(&self, blocks: usize, slots: usize) -> Vec<u32> {
        let mut by_slot = vec![Vec::new(); blocks * slots];
        let mut steps = vec![0; blocks * slots];
        let mut waiting: BinaryHeap<_> = (0..blocks).map(|block| Reverse((0, block))).collect();
        for (group, &cost) in self.costs.iter().enumerate() {
            let Some(Reverse((sum, block))) = waiting.pop() else { break };
            waiting.push(Reverse((sum + cost, block)));
            let of_block = block * slots..(block + 1) * slots;
            let slot = of_block.min_by_key(|&slot| steps[slot]).unwrap_or(block * slots);
            steps[slot] += cost;
            by_slot[slot].push(group);
        }
        let longest = |steps: &[usize]| steps.iter().copied().max().unwrap_or(0) as u32;
        let mut schedule: Vec<u32> = steps.chunks_exact(slots).map(longest).collect();
        let mut first = 0;
        for groups in &by_slot {
            schedule.push(first);
            first += groups.len() as u32;
        }
        schedule.push(first);
        let dealt = by_slot.iter().flatten();
        schedule
            .extend(dealt.flat_map(|group| &self.entries[group * self.places..][..self.places]).flatten());
        schedule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const H100: Gpu = Gpu { multiprocessors: 132, shared_bytes: 232_448, has_clusters: true };
    const A100: Gpu = Gpu { multiprocessors: 108, shared_bytes: 166_912, has_clusters: false };
    const GRU: LayerSize = LayerSize { gates: 3, hidden: 100 };
    const LSTM: LayerSize = LayerSize { gates: 4, hidden: 256 };

    fn lengths(n: usize) -> Vec<usize> {
        (0..n).map(|index| (index * 7919) % 301).collect()
    }

    /// Walks a schedule as a kernel does, and gives the sum of steps of each block.
    fn walk(plan: &Plan, lengths: &[usize], extra: usize) -> Vec<usize> {
        let Plan { kernel: Kernel { places, .. }, blocks, slots, .. } = *plan;
        let (steps, rest) = plan.schedule.split_at(blocks);
        let (firsts, entries) = rest.split_at(blocks * slots + 1);
        let entries = entries.as_chunks::<3>().0;
        let begin = |sequence: usize| lengths[..sequence].iter().sum::<usize>();
        let mut met = vec![0; lengths.len()];
        let mut sums = vec![0; blocks];
        for slot in 0..blocks * slots {
            let mut sum = 0;
            for group in firsts[slot]..firsts[slot + 1] {
                let group = &entries[group as usize * places..][..places];
                assert!(group.is_sorted_by_key(|&[_, _, length]| Reverse(length)));
                sum += group[0][2] as usize + extra;
                for &[sequence, row, length] in group.iter().filter(|&entry| *entry != NOBODY) {
                    let sequence = sequence as usize;
                    met[sequence] += 1;
                    assert_eq!((row as usize, length as usize), (begin(sequence), lengths[sequence]));
                }
            }
            assert!(sum <= steps[slot / slots] as usize);
            sums[slot / slots] += sum;
        }
        let expected: Vec<i32> = lengths.iter().map(|&length| i32::from(length > 0)).collect();
        assert_eq!(met, expected);
        sums
    }

    #[test]
    fn each_sequence_is_run_once() {
        for n in [1, 2, 7, 132, 133, 300, 1024, 5000] {
            for (size, gpu) in [(GRU, H100), (GRU, A100), (LSTM, H100)] {
                for (pass, extra) in [(Pass::Forward, 0), (Pass::Backward, 1)] {
                    let lengths: Vec<usize> =
                        lengths(n).iter().map(|length| length + usize::from(n == 1)).collect();
                    for precision in [GpuPrecision::F32, GpuPrecision::Tf32, GpuPrecision::Bf16] {
                        let plan = Plan::new(pass, size, precision, &lengths, gpu).unwrap();
                        assert!(plan.shared_bytes <= gpu.shared_bytes);
                        walk(&plan, &lengths, extra);
                    }
                }
            }
        }
    }

    #[test]
    fn blocks_have_the_same_to_do() {
        let lengths = lengths(20_000);
        let plan = Plan::new(Pass::Forward, GRU, GpuPrecision::F32, &lengths, H100).unwrap();
        let sums = walk(&plan, &lengths, 0);
        let (least, most) = (sums.iter().min().unwrap(), sums.iter().max().unwrap());
        assert!(most - least <= 300, "{least} to {most} steps");
    }

    #[test]
    fn few_sequences_are_spread_over_all_multiprocessors() {
        let of = |precision, n| {
            let plan = Plan::new(Pass::Forward, GRU, precision, &vec![10; n], H100).unwrap();
            (plan.blocks, plan.slots, plan.kernel.variant())
        };
        let single = |n| of(GpuPrecision::F32, n);
        assert_eq!(single(1), (1, 1, "4x2".into()));
        assert_eq!(single(256), (128, 1, "4x2".into()));
        assert_eq!(single(500), (125, 1, "4x4".into()));
        assert_eq!(single(1024), (132, 2, "2x4".into()));
        assert_eq!(single(2000), (132, 4, "2x4".into()));
        assert_eq!(single(20_000), (132, 5, "2x4".into()));
        assert_eq!(of(GpuPrecision::Tf32, 2000), (132, 1, "tf32x8".into()));
        assert_eq!(of(GpuPrecision::Bf16, 500), (63, 1, "bf16x8".into()));
        assert_eq!(of(GpuPrecision::Bf16, 2000), (125, 1, "bf16x16".into()));
    }

    #[test]
    fn what_tensor_cores_have_no_kernel_for_is_in_single_precision() {
        let variant = |pass, gates, hidden, precision, gpu| {
            Plan::new(pass, LayerSize { gates, hidden }, precision, &[3, 2], gpu).unwrap().kernel.variant()
        };
        assert_eq!(variant(Pass::Forward, 3, 113, GpuPrecision::Tf32, H100), "4x2");
        assert_eq!(variant(Pass::Forward, 3, 113, GpuPrecision::Bf16, H100), "bf16x8");
        assert_eq!(variant(Pass::Forward, 3, 129, GpuPrecision::Bf16, H100), "8x4");
        assert_eq!(variant(Pass::Forward, 4, 97, GpuPrecision::Tf32, A100), "4x2");
        assert_eq!(variant(Pass::Forward, 4, 97, GpuPrecision::Tf32, H100), "tf32x8");
        assert_eq!(variant(Pass::Backward, 3, 100, GpuPrecision::Tf32, H100), "8x2");
    }

    /// What `Layout` in `sequence.cuh` gives, as the emulation prints it.
    #[test]
    fn sizes_are_those_of_the_kernels() {
        for (pass, size, (ranks, lanes, places), expected) in [
            (Pass::Forward, (3, 100), (1, 4, 4), (200, 120_000, 4096)),
            (Pass::Forward, (3, 101), (1, 2, 4), (104, 127_296, 4096)),
            (Pass::Backward, (3, 100), (1, 8, 8), (200, 121_600, 24_576)),
            (Pass::Forward, (4, 67), (1, 4, 2), (136, 73_984, 2048)),
            (Pass::Backward, (4, 67), (1, 8, 2), (136, 73_984, 8192)),
            (Pass::Forward, (4, 256), (8, 8, 8), (128, 131_072, 16_384)),
            (Pass::Backward, (4, 256), (8, 16, 4), (128, 131_072, 32_768)),
            (Pass::Forward, (3, 201), (8, 8, 8), (104, 64_896, 16_384)),
            (Pass::Backward, (3, 201), (8, 16, 8), (112, 68_096, 49_152)),
        ] {
            let kernel = Kernel { ranks, places, product: Product::Lanes(lanes) };
            let size = LayerSize { gates: size.0, hidden: size.1 };
            let shape = Shape::new(kernel, pass, size, H100).unwrap();
            assert_eq!((shape.threads, shape.weight_bytes, shape.slot_bytes), expected, "{shape:?}");
        }
    }

    /// What `Tiling` in `tensor_cores.cuh` gives for the widest layers, as the emulation prints it.
    #[test]
    fn sizes_are_those_of_the_kernels_on_tensor_cores() {
        let widest = |kernel: Kernel, cores: TensorCores| {
            let in_word = if cores.precision == GpuPrecision::Bf16 { 2 } else { 1 };
            let hidden = cores.parts * cores.runs * 8 * in_word;
            (kernel.ranks, kernel.variant(), hidden)
        };
        let found = rounded_kernels().map(|(gates, kernel)| {
            let Product::TensorCores(cores) = kernel.product else { panic!("{kernel:?}") };
            let (ranks, variant, hidden) = widest(kernel, cores);
            let shape = Shape::new(kernel, Pass::Forward, LayerSize { gates, hidden }, H100).unwrap();
            (gates, ranks, variant, hidden, shape.threads, shape.slot_bytes)
        });
        let expected = [
            (3, 1, "tf32x8", 112, 448, 29_184),
            (3, 1, "bf16x8", 128, 512, 29_184),
            (3, 1, "bf16x16", 128, 512, 58_368),
            (4, 1, "tf32x8", 96, 384, 31_232),
            (4, 1, "bf16x8", 128, 512, 37_376),
            (4, 8, "tf32x8", 256, 256, 33_280),
            (4, 8, "tf32x16", 256, 256, 66_560),
            (4, 8, "bf16x8", 256, 256, 25_088),
            (4, 8, "bf16x16", 256, 256, 50_176),
        ]
        .map(|(gates, ranks, variant, hidden, threads, bytes)| {
            (gates, ranks, variant.to_owned(), hidden, threads, bytes)
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_kernel_is_in_the_ptx() {
        let modules = [(1, include_str!("kernels_80.ptx")), (8, include_str!("kernels_90.ptx"))];
        let single = [(Pass::Forward, "forward"), (Pass::Backward, "backward")].into_iter().flat_map(
            |(pass, name)| kernels(pass).flat_map(move |kernel| [3, 4].map(|gates| (gates, name, kernel))),
        );
        let rounded = rounded_kernels().map(|(gates, kernel)| (gates, "forward", kernel));
        let mut n_kernels = [0; 2];
        for (gates, name, kernel) in single.chain(rounded) {
            let index = usize::from(kernel.ranks > 1);
            let (ranks, ptx) = modules[index];
            n_kernels[index] += 1;
            let cell = if gates == 3 { "gru" } else { "lstm" };
            let entry = format!(".visible .entry {cell}_{name}_{}(", kernel.variant());
            let (_, behind) = ptx.split_once(&entry).unwrap_or_else(|| panic!("no {entry}"));
            let (declared, _) = behind.split_once('{').unwrap();
            let threads = kernel.max_threads(gates);
            assert!(declared.contains(&format!(".maxntid {threads}, 1, 1")), "{declared}");
            assert_eq!(declared.contains(".reqnctapercluster 8"), ranks == 8, "{declared}");
        }
        // And no others, but for the one that sums.
        assert_eq!(modules.map(|(_, ptx)| ptx.matches(".visible .entry").count() - 1), n_kernels);
    }

    #[test]
    fn layers_that_fit_nowhere_have_no_kernel() {
        let of = |gates, hidden, gpu| has_kernel(Pass::Backward, LayerSize { gates, hidden }, gpu);
        assert!(of(3, 100, A100) && of(3, 128, H100) && of(4, 112, H100) && of(4, 256, H100));
        assert!(!of(3, 257, H100) && !of(4, 256, A100));
        let old = Gpu { multiprocessors: 30, shared_bytes: 65_536, has_clusters: false };
        assert!(of(3, 32, old) && !of(3, 100, old));
    }
}
