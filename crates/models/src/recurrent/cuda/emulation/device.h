// CUDA's threads, blocks and clusters on a CPU, for as much of CUDA as the kernels use.
//
// Every thread is a fiber, which runs until it has to wait for others: at a barrier or in an exchange with its warp. The fibers
// of a cluster go on in an order drawn anew every round, and some warps, drawn anew now and then, are slow: a missing barrier
// shows as a number that changes with the seed. Shared memory and what the kernels write start as NaN; with the address sanitizer, every access outside of a buffer or of
// a block's shared memory ends the program.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <bit>
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

struct alignas(8) uint2 {
    unsigned x, y;
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

// What a lane leaves for the other lanes of its warp to read.
using Message = std::array<unsigned, 6>;

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
    // Those of the latest exchange and of the one before, which a slow lane may still have to read.
    Message messages[2];
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

// Leaves a message for the other lanes of the warp to read, and gives those of all lanes when all have left theirs.
inline std::array<const emulation::Message*, 32> exchange(const emulation::Message& message) {
    using emulation::Fiber;
    Fiber& fiber = *emulation::device.current;
    const unsigned now = ++fiber.exchanges % 2;
    fiber.messages[now] = message;
    emulation::wait(fiber.block->warps[fiber.index.x / 32]);
    std::array<const emulation::Message*, 32> messages;
    for (unsigned lane = 0; lane < 32; ++lane) messages[lane] = &(&fiber - fiber.index.x % 32 + lane)->messages[now];
    return messages;
}

inline void expect_whole_warp(unsigned mask) {
    if (mask == ~0u) return;
    std::fprintf(stderr, "an exchange between some lanes of a warp alone\n");
    std::exit(2);
}

inline float __shfl_xor_sync(unsigned mask, float x, int bit) {
    expect_whole_warp(mask);
    const unsigned lane = emulation::device.current->index.x % 32;
    return std::bit_cast<float>((*exchange({std::bit_cast<unsigned>(x)})[lane ^ bit])[0]);
}

inline bool __any_sync(unsigned mask, bool holds) {
    expect_whole_warp(mask);
    const auto messages = exchange({holds});
    return std::any_of(messages.begin(), messages.end(), [](const emulation::Message* message) { return (*message)[0] != 0; });
}

inline float* shared_numbers() { return reinterpret_cast<float*>(emulation::device.current->block->memory.get()); }
inline float reciprocal(float x) { return 1.0f / x; }

// The bits of the numbers that the conversions give.
inline unsigned to_tf32(float x) {
    const unsigned bits = std::bit_cast<unsigned>(x);
    return std::isnan(x) ? 0x7fffffff : std::isinf(x) ? bits : (bits + 0x1000) & 0xffffe000;
}

inline unsigned short to_bf16(float x) {
    const unsigned bits = std::bit_cast<unsigned>(x);
    return std::isnan(x) ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

// Where the numbers of a lane stand in the matrices of a warp's product, as CUTLASS's layouts have it (SM80_16x8x8_F32TF32TF32F32_TN
// and SM80_16x8x16_F32BF16BF16F32_TN in cute/atom/mma_traits_sm80.hpp): for lane 4 g + t and its number v, m + 16 k of the left
// matrix, n + 8 k of the right one, m + 16 n of the sum.
template <int K> int place_in_left(int t, int g, int v) {
    return K == 8 ? 16 * t + g + 8 * (v % 2) + 64 * (v / 2) : 32 * t + g + 16 * (v % 2) + 8 * (v / 2 % 2) + 128 * (v / 4);
}

template <int K> int place_in_right(int t, int g, int v) {
    return K == 8 ? 8 * t + g + 32 * v : 16 * t + g + 8 * (v % 2) + 64 * (v / 2);
}

inline int place_in_sum(int t, int g, int v) { return 32 * t + g + 16 * (v % 2) + 8 * (v / 2); }

// Who has a number of a matrix: the lane, and which of its numbers it is.
struct Holder {
    int lane, number;
};

template <int N> std::array<Holder, N> holders(int (*place)(int, int, int)) {
    std::array<Holder, N> of;
    for (int lane = 0; lane < 32; ++lane)
        for (int v = 0; v < N / 32; ++v) of[place(lane % 4, lane / 4, v)] = {lane, v};
    return of;
}

// A warp's product. `number` reads one of the numbers that some words hold.
template <int K, class Number> void multiply(float (&c)[4], const unsigned (&a)[4], uint2 b, Number number) {
    static const auto of_left = holders<16 * K>(place_in_left<K>), of_right = holders<8 * K>(place_in_right<K>);
    const auto messages = exchange({a[0], a[1], a[2], a[3], b.x, b.y});
    const int lane = static_cast<int>(emulation::device.current->index.x % 32);
    for (int v = 0; v < 4; ++v) {
        const int place = place_in_sum(lane % 4, lane / 4, v);
        double sum = c[v];
        for (int k = 0; k < K; ++k) {
            const Holder left = of_left[place % 16 + 16 * k], right = of_right[place / 16 + 8 * k];
            sum += double(number(messages[left.lane]->data(), left.number)) *
                   number(messages[right.lane]->data() + 4, right.number);
        }
        c[v] = static_cast<float>(sum);
    }
}

inline void multiply_tf32(float (&c)[4], const unsigned (&a)[4], uint2 b) {
    // The last 13 bits are not read.
    multiply<8>(c, a, b, [](const unsigned* words, int v) { return std::bit_cast<float>(words[v] & 0xffffe000); });
}

inline void multiply_bf16(float (&c)[4], const unsigned (&a)[4], uint2 b) {
    multiply<16>(c, a, b, [](const unsigned* words, int v) { return std::bit_cast<float>(words[v / 2] >> (v % 2 * 16) << 16); });
}

inline int cluster_rank() { return static_cast<int>(emulation::device.current->rank); }
inline void cluster_sync() { emulation::wait(emulation::device.cluster); }

template <class T> void store_in_block(T* own, int rank, T x) {
    char* const here = reinterpret_cast<char*>(shared_numbers());
    char* const there = reinterpret_cast<char*>(emulation::device.blocks[rank].memory.get());
    *reinterpret_cast<T*>(there + (reinterpret_cast<char*>(own) - here)) = x;
}
