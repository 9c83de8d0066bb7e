//! How a ragged batch is spread over the multiprocessors of a GPU.
//!
//! `sequence.cuh` says what blocks, clusters, slots and groups are; the sizes here are those that the kernels count on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

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

/// One of the kernels, by the numbers in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kernel {
    /// Blocks of a cluster; 1 without clusters.
    pub(super) ranks: usize,
    /// Neighbouring lanes that share some units.
    pub(super) lanes: usize,
    /// Sequences of a slot.
    pub(super) places: usize,
}

/// All of them: `KERNELS` in `kernels.cu`.
fn kernels(pass: Pass) -> impl Iterator<Item = Kernel> {
    let (block, cluster): (&[_], &[_]) = match pass {
        Pass::Forward => (&[(4, 2), (4, 4), (4, 8), (2, 4)], &[(8, 4), (8, 8)]),
        Pass::Backward => (&[(8, 2), (8, 4), (8, 8)], &[(16, 4), (16, 8)]),
    };
    let of_ranks = |ranks| move |&(lanes, places)| Kernel { ranks, lanes, places };
    block.iter().map(of_ranks(1)).chain(cluster.iter().map(of_ranks(8)))
}

/// Threads of a block for which a multiprocessor has registers, by what the kernels of each cell take.
fn max_threads(gates: usize) -> usize {
    if gates == 3 { 512 } else { 384 }
}

/// How a kernel lays out one layer in a block: `Layout` in `sequence.cuh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    kernel: Kernel,
    /// Units that the lanes share.
    units: usize,
    /// Sums of each lane for each sequence.
    columns: usize,
    /// Vectors of four numbers that a lane multiplies for each sum.
    vectors: usize,
    /// Threads of a slot.
    threads: usize,
    weight_bytes: usize,
    /// What a slot publishes, twice.
    slot_bytes: usize,
    /// Slots that fit into a block.
    max_slots: usize,
}

impl Shape {
    /// `None` when the layer does not fit.
    fn new(kernel: Kernel, pass: Pass, LayerSize { gates, hidden }: LayerSize, gpu: Gpu) -> Option<Self> {
        let Kernel { ranks, lanes, places } = kernel;
        let max_hidden = if ranks == 1 { 128 } else { 256 };
        if hidden > max_hidden || (ranks > 1 && !gpu.has_clusters) {
            return None;
        }
        let max_threads = max_threads(gates);
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
        let max_slots = (room / slot_bytes).min(max_threads / threads);
        let vectors = vectors + tail.div_ceil(4);
        (max_slots > 0).then_some(Self {
            kernel,
            units,
            columns,
            vectors,
            threads,
            weight_bytes,
            slot_bytes,
            max_slots,
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
        let &Self { kernel: Kernel { lanes, places, .. }, units, columns, vectors, .. } = self;
        let loads = vectors * (columns + places);
        let multiplications = 4 * vectors * columns * places;
        // Halves of the sums go back and forth between the lanes; a lane ends with some sequences of one unit.
        let owned = places * units / lanes;
        let exchange = 2 * (columns * places - columns / units * owned);
        // Read off the machine code: each step, each vector, each sum of gates.
        let instructions = 150 + 14 * vectors + loads + multiplications + exchange + 85 * owned;
        let slots = self.slots(sequences);
        let warps = (slots * self.threads).div_ceil(32);
        let issue = warps.div_ceil(4).max(FEWEST_WARPS) * instructions;
        // A warp's 16 bytes for each lane are four cycles of shared memory.
        let shared = 4 * warps * loads;
        let rounds = (sequences as f64 / (slots * places) as f64).max(1.0);
        rounds * issue.max(shared) as f64
    }
}

/// Whether there is a kernel for a layer.
pub(super) fn has_kernel(pass: Pass, size: LayerSize, gpu: Gpu) -> bool {
    kernels(pass).any(|kernel| Shape::new(kernel, pass, size, gpu).is_some())
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
    /// `None` when no kernel fits. At least one length is not 0.
    pub(super) fn new(pass: Pass, size: LayerSize, lengths: &[usize], gpu: Gpu) -> Option<Self> {
        let n_sequences = lengths.iter().filter(|&&length| length > 0).count();
        let workers = |shape: &Shape| (gpu.multiprocessors / shape.kernel.ranks).max(1);
        let by_worker = |shape: &Shape| n_sequences.div_ceil(workers(shape));
        let shapes = kernels(pass).filter_map(|kernel| Shape::new(kernel, pass, size, gpu));
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
            parts: blocks * slots * shape.kernel.lanes / shape.units,
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
                    let plan = Plan::new(pass, size, &lengths, gpu).unwrap();
                    assert!(plan.shared_bytes <= gpu.shared_bytes);
                    walk(&plan, &lengths, extra);
                }
            }
        }
    }

    #[test]
    fn blocks_have_the_same_to_do() {
        let lengths = lengths(20_000);
        let plan = Plan::new(Pass::Forward, GRU, &lengths, H100).unwrap();
        let sums = walk(&plan, &lengths, 0);
        let (least, most) = (sums.iter().min().unwrap(), sums.iter().max().unwrap());
        assert!(most - least <= 300, "{least} to {most} steps");
    }

    #[test]
    fn few_sequences_are_spread_over_all_multiprocessors() {
        let of = |n| {
            let plan = Plan::new(Pass::Forward, GRU, &vec![10; n], H100).unwrap();
            (plan.blocks, plan.slots, plan.kernel.lanes, plan.kernel.places)
        };
        assert_eq!(of(1), (1, 1, 4, 2));
        assert_eq!(of(256), (128, 1, 4, 2));
        assert_eq!(of(500), (125, 1, 4, 4));
        assert_eq!(of(1024), (132, 2, 2, 4));
        assert_eq!(of(2000), (132, 4, 2, 4));
        assert_eq!(of(20_000), (132, 5, 2, 4));
    }

    /// What `Layout` in `sequence.cuh` gives, as the emulation prints it.
    #[test]
    fn sizes_are_those_of_the_kernels() {
        for (pass, size, (ranks, lanes, places), expected) in [
            (Pass::Forward, (3, 100), (1, 4, 8), (200, 120_000, 8192)),
            (Pass::Forward, (3, 101), (1, 2, 4), (104, 127_296, 4096)),
            (Pass::Backward, (3, 100), (1, 8, 8), (200, 121_600, 24_576)),
            (Pass::Forward, (4, 67), (1, 4, 2), (136, 73_984, 2048)),
            (Pass::Backward, (4, 67), (1, 8, 2), (136, 73_984, 8192)),
            (Pass::Forward, (4, 256), (8, 8, 8), (128, 131_072, 16_384)),
            (Pass::Backward, (4, 256), (8, 16, 4), (128, 131_072, 32_768)),
            (Pass::Forward, (3, 201), (8, 8, 8), (104, 64_896, 16_384)),
            (Pass::Backward, (3, 201), (8, 16, 8), (112, 68_096, 49_152)),
        ] {
            let kernel = Kernel { ranks, lanes, places };
            let size = LayerSize { gates: size.0, hidden: size.1 };
            let shape = Shape::new(kernel, pass, size, H100).unwrap();
            assert_eq!((shape.threads, shape.weight_bytes, shape.slot_bytes), expected, "{shape:?}");
        }
    }

    #[test]
    fn every_kernel_is_in_the_ptx() {
        let modules = [(1, include_str!("kernels_80.ptx")), (8, include_str!("kernels_90.ptx"))];
        for (cell, gates) in [("gru", 3), ("lstm", 4)] {
            for (pass, name) in [(Pass::Forward, "forward"), (Pass::Backward, "backward")] {
                for Kernel { ranks, lanes, places } in kernels(pass) {
                    let (_, ptx) = modules.iter().find(|(of, _)| *of == ranks).unwrap();
                    let entry = format!(".visible .entry {cell}_{name}_{lanes}x{places}(");
                    let (_, behind) = ptx.split_once(&entry).unwrap_or_else(|| panic!("no {entry}"));
                    let (declared, _) = behind.split_once('{').unwrap();
                    assert!(
                        declared.contains(&format!(".maxntid {}, 1, 1", max_threads(gates))),
                        "{declared}"
                    );
                    assert_eq!(declared.contains(".reqnctapercluster 8"), ranks == 8, "{declared}");
                }
            }
        }
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
