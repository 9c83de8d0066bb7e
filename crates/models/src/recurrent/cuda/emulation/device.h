// CUDA's threads, blocks and clusters on a CPU, for as much of CUDA as the kernels use.
//
// Every thread is a fiber, which runs until it has to wait for others: at a barrier or in an exchange with its warp. The fibers
// of a cluster go on in an order drawn anew every round, and some warps, drawn anew now and then, are slow: a missing barrier
// shows as a number that changes with the seed. Shared memory and what the kernels write start as NaN; with the address sanitizer, every access outside of a buffer or of
// a block's shared memory ends the program.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __cluster_dims__(...)

using std::max;
using std::min;

struct alignas(16) float4 {
    float x, y, z, w;
};

namespace emulation {

struct Index {
    unsigned x;
};

// Where the threads of a warp, a block or a cluster wait until all of them have come.
struct Barrier {
    unsigned expected = 0, arrived = 0, generation = 0;
};

struct Block {
    Index index;
    std::unique_ptr<float4[]> memory;
    Barrier barrier;
    std::vector<Barrier> warps;
};

struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    Block* block;
    Index index;
    unsigned rank;
    bool ended = false;
    // It waits as long as this barrier is in this generation.
    const Barrier* barrier = nullptr;
    unsigned generation = 0;
    // The number of the latest exchange in the warp and of the one before, which a slow lane may still have to read.
    float exchanged[2];
    unsigned exchanges = 0;
    void* sanitizer = nullptr;
};

struct Device {
    std::vector<Block> blocks;  // of the running cluster
    std::vector<Fiber> fibers;
    Barrier cluster;
    Fiber* current = nullptr;
    Index grid, threads;
    ucontext_t scheduler;
    void* scheduler_sanitizer = nullptr;
    const void* scheduler_stack = nullptr;
    size_t scheduler_stack_size = 0;
    std::function<void()> kernel;
};

inline Device device;

constexpr size_t STACK = 1 << 18;

inline void resume(Fiber& fiber) {
    device.current = &fiber;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&device.scheduler_sanitizer, fiber.stack.get(), STACK);
#endif
    swapcontext(&device.scheduler, &fiber.context);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(device.scheduler_sanitizer, nullptr, nullptr);
#endif
}

inline void yield() {
    Fiber& fiber = *device.current;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(fiber.ended ? nullptr : &fiber.sanitizer, device.scheduler_stack,
                                   device.scheduler_stack_size);
#endif
    swapcontext(&fiber.context, &device.scheduler);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fiber.sanitizer, nullptr, nullptr);
#endif
}

inline void start() {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(nullptr, &device.scheduler_stack, &device.scheduler_stack_size);
#endif
    device.kernel();
    device.current->ended = true;
    yield();
}

inline void wait(Barrier& barrier) {
    Fiber& fiber = *device.current;
    fiber.barrier = &barrier;
    fiber.generation = barrier.generation;
    if (++barrier.arrived == barrier.expected) {
        barrier.arrived = 0;
        ++barrier.generation;
    } else {
        yield();
    }
}

inline void prepare(Fiber& fiber, Block& block, unsigned thread, unsigned rank) {
    fiber.block = &block;
    fiber.index = {thread};
    fiber.rank = rank;
    fiber.stack.reset(new char[STACK]);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = STACK;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, start, 0);
}

// Runs a kernel on `n_clusters` clusters of `ranks` blocks, one cluster after the other.
inline void launch(unsigned n_clusters, unsigned ranks, unsigned threads, size_t shared_bytes, unsigned seed,
                   std::function<void()> kernel) {
    std::mt19937 random(seed);
    device.kernel = std::move(kernel);
    device.grid = {n_clusters * ranks};
    device.threads = {threads};
    if (threads % 32 != 0) {
        std::fprintf(stderr, "%u threads are no whole warps\n", threads);
        std::exit(2);
    }
    for (unsigned cluster = 0; cluster < n_clusters; ++cluster) {
        device.blocks = std::vector<Block>(ranks);
        device.fibers = std::vector<Fiber>(ranks * threads);
        device.cluster = {ranks * threads, 0, 0};
        for (unsigned rank = 0; rank < ranks; ++rank) {
            Block& block = device.blocks[rank];
            block.index = {cluster * ranks + rank};
            block.memory.reset(new float4[shared_bytes / sizeof(float4)]);
            std::fill_n(reinterpret_cast<float*>(block.memory.get()), shared_bytes / sizeof(float),
                        std::numeric_limits<float>::quiet_NaN());
            block.barrier.expected = threads;
            block.warps.assign(threads / 32, Barrier{32, 0, 0});
            for (unsigned thread = 0; thread < threads; ++thread)
                prepare(device.fibers[rank * threads + thread], block, thread, rank);
        }
        std::vector<Fiber*> order;
        for (Fiber& fiber : device.fibers) order.push_back(&fiber);
        std::vector<bool> is_slow(ranks * threads / 32);
        for (unsigned round = 0; !order.empty(); ++round) {
            if (round % 64 == 0)
                for (size_t warp = 0; warp < is_slow.size(); ++warp) is_slow[warp] = random() % 3 == 0;
            std::shuffle(order.begin(), order.end(), random);
            bool any = false;
            for (Fiber* fiber : order) {
                if (fiber->barrier && fiber->barrier->generation == fiber->generation) continue;
                any = true;
                if (!is_slow[fiber->rank * (threads / 32) + fiber->index.x / 32] || random() % 16 == 0) resume(*fiber);
            }
            if (!any) {
                std::fprintf(stderr, "deadlock: %zu threads of cluster %u wait for each other\n", order.size(), cluster);
                std::exit(2);
            }
            std::erase_if(order, [](const Fiber* fiber) { return fiber->ended; });
        }
    }
}

}  // namespace emulation

#define threadIdx (emulation::device.current->index)
#define blockIdx (emulation::device.current->block->index)
#define blockDim (emulation::device.threads)
#define gridDim (emulation::device.grid)

inline void __syncthreads() { emulation::wait(emulation::device.current->block->barrier); }

// Leaves a number for the other lanes of the warp to read, and gives the lanes when all have left theirs.
inline emulation::Fiber* exchange(unsigned mask, float x) {
    using emulation::Fiber;
    Fiber& fiber = *emulation::device.current;
    if (mask != ~0u) {
        std::fprintf(stderr, "an exchange between some lanes of a warp alone\n");
        std::exit(2);
    }
    fiber.exchanged[++fiber.exchanges % 2] = x;
    emulation::wait(fiber.block->warps[fiber.index.x / 32]);
    return &fiber - fiber.index.x % 32;
}

inline float __shfl_xor_sync(unsigned mask, float x, int bit) {
    const emulation::Fiber& fiber = *emulation::device.current;
    const emulation::Fiber* const lanes = exchange(mask, x);
    return lanes[fiber.index.x % 32 ^ bit].exchanged[fiber.exchanges % 2];
}

inline bool __any_sync(unsigned mask, bool holds) {
    const emulation::Fiber& fiber = *emulation::device.current;
    const emulation::Fiber* const lanes = exchange(mask, holds ? 1.0f : 0.0f);
    return std::any_of(lanes, lanes + 32, [&](const emulation::Fiber& lane) { return lane.exchanged[fiber.exchanges % 2] != 0; });
}

inline float* shared_numbers() { return reinterpret_cast<float*>(emulation::device.current->block->memory.get()); }
inline float reciprocal(float x) { return 1.0f / x; }
inline int cluster_rank() { return static_cast<int>(emulation::device.current->rank); }
inline void cluster_sync() { emulation::wait(emulation::device.cluster); }

template <class T> void store_in_block(T* own, int rank, T x) {
    char* const here = reinterpret_cast<char*>(shared_numbers());
    char* const there = reinterpret_cast<char*>(emulation::device.blocks[rank].memory.get());
    *reinterpret_cast<T*>(there + (reinterpret_cast<char*>(own) - here)) = x;
}
