// Moves sequences through a recurrent product on tensor cores, whose operands have short mantissas: TF32 or bfloat16, each rounded
// to the nearest. Sums, gates and states are in single precision; a state is rounded for the product alone. For forward passes.
//
// The schedule, the groups and the rules are those of sequence.cuh; a block (or a cluster of RANKS blocks) has one slot of S = 8
// TILES sequences. Weights stay in registers: PARTS warps share 16 units, and each of them multiplies every PARTS-th run of k.
// A warp's product is 16 units of one gate by 8 sequences, and so the same lane has all gates of a unit and a sequence. At each
// step of the slot
//
//     every warp makes its part of the sums of 16 units and S sequences and leaves in shared memory what others own,
//     every lane adds the parts of what it owns, P = S / (2 PARTS) sequences of one unit, and lets the rule go on with them.
//
// Products do not care in which order k comes, so that it is chosen for reading: what a lane has of a product's k are neighbours,
// one vector.
#pragma once

#include "sequence.cuh"

struct TF32 {
    using Number = unsigned;  // what a sequence publishes of a unit
    static constexpr int IN_WORD = 1;

    __device__ __forceinline__ static Number round(float x) { return to_tf32(x); }
    __device__ __forceinline__ static unsigned word(const float (&x)[IN_WORD]) { return to_tf32(x[0]); }
    __device__ __forceinline__ static void multiply(float (&c)[4], const unsigned (&a)[4], uint2 b) { multiply_tf32(c, a, b); }
};

struct BF16 {
    using Number = unsigned short;
    static constexpr int IN_WORD = 2;

    __device__ __forceinline__ static Number round(float x) { return to_bf16(x); }
    __device__ __forceinline__ static unsigned word(const float (&x)[IN_WORD]) { return to_bf16(x[0]) | to_bf16(x[1]) << 16; }
    __device__ __forceinline__ static void multiply(float (&c)[4], const unsigned (&a)[4], uint2 b) { multiply_bf16(c, a, b); }
};

// Sizes of a block. The host reserves as many bytes (`Shape` in plan.rs).
template <class Rule_, class Operand_, int PARTS_, int RUNS_, int TILES_> struct Tiling {
    using Rule = Rule_;
    using Operand = Operand_;
    static constexpr int PARTS = PARTS_, TILES = TILES_, S = 8 * TILES, GATES = Rule::COLUMNS;
    static constexpr int RUNS = RUNS_;                            // of k, for each warp
    static constexpr int OWNED = 4 / PARTS, P = OWNED * TILES;    // numbers of a lane's product that are its own
    static constexpr int RUN = 8 * Operand::IN_WORD;              // k of a product
    static constexpr int WIDTH = PARTS * RUNS * RUN;              // units, at most
    static constexpr int STRIDE = WIDTH / Operand::IN_WORD + 8;   // words from one sequence to the next

    static_assert(STRIDE % 16 == 8, "no two lanes that read vectors side by side meet in a bank");
    static_assert(PARTS == 2 || PARTS == 4, "a lane owns one unit");

    __device__ static int share(int hidden) { return (hidden + Rule::RANKS - 1) / Rule::RANKS; }
    __device__ static int threads(int hidden) { return (share(hidden) + 15) / 16 * PARTS * 32; }
    // Two buffers of published numbers, and what the warps leave for each other.
    __device__ static int shared_words(int hidden) { return 2 * S * STRIDE + threads(hidden) * GATES * TILES * 4; }
};

// What a lane writes for all blocks of its cluster to read at the next step.
template <class T> struct RoundedPublisher {
    typename T::Operand::Number* numbers;  // the first of the lane's first sequence

    __device__ __forceinline__ void operator()(int p, int k, float x) const {
        const auto rounded = T::Operand::round(x);
        const int sequence = p / T::OWNED * 8 + p % T::OWNED;
        auto* own = numbers + sequence * T::STRIDE * T::Operand::IN_WORD + k;
        if (T::Rule::RANKS == 1) {
            *own = rounded;
        } else {
#pragma unroll
            for (int rank = 0; rank < T::Rule::RANKS; ++rank) store_in_block(own, rank, rounded);
        }
    }
};

// The whole life of a block.
template <class T>
__device__ __forceinline__ void run_on_tensor_cores(const typename T::Rule& rule, const unsigned* schedule, int hidden) {
    constexpr int RANKS = T::Rule::RANKS, PARTS = T::PARTS, GATES = T::GATES, IN_WORD = T::Operand::IN_WORD, OWNED = T::OWNED;
    const int rank = RANKS == 1 ? 0 : cluster_rank();
    const int block = static_cast<int>(blockIdx.x) / RANKS;
    const Schedule work = {schedule, static_cast<int>(gridDim.x) / RANKS, 1};
    const int warp = static_cast<int>(threadIdx.x) / 32, part = warp % PARTS;
    const int g = static_cast<int>(threadIdx.x) % 32 / 4, t = static_cast<int>(threadIdx.x) % 4;
    const int first = rank * T::share(hidden), units = max(0, min(T::share(hidden), hidden - first));

    unsigned* const published = reinterpret_cast<unsigned*>(shared_numbers());
    constexpr int BUFFER = T::S * T::STRIDE;
    for (int index = threadIdx.x; index < 2 * BUFFER; index += blockDim.x) published[index] = 0;
    // What this warp leaves for part q of its units begins q · SENT numbers further on; what part q leaves for it, q · PARTS · SENT
    // after what the first one does.
    constexpr int SENT = GATES * T::P * 32;
    float* const sent = reinterpret_cast<float*>(published + 2 * BUFFER);
    float* const leaves = sent + warp * PARTS * SENT + threadIdx.x % 32;
    const float* const takes = sent + ((warp - part) * PARTS + part) * SENT + threadIdx.x % 32;

    unsigned weights[T::RUNS][GATES][4];
#pragma unroll
    for (int run = 0; run < T::RUNS; ++run)
#pragma unroll
        for (int word = 0; word < 4; ++word) {
            const int unit = warp / PARTS * 16 + g + 8 * (word % 2);
            const int k = (run * PARTS + part) * T::RUN + IN_WORD * (2 * t + word / 2);
#pragma unroll
            for (int gate = 0; gate < GATES; ++gate) {
                float x[IN_WORD];
#pragma unroll
                for (int index = 0; index < IN_WORD; ++index)
                    x[index] = unit < units && k + index < hidden ? rule.weight(hidden, k + index, first + unit, gate) : 0.0f;
                weights[run][gate][word] = T::Operand::word(x);
            }
        }
    if (RANKS == 1) __syncthreads();
    else cluster_sync();

    // Of the four numbers of a product those from `part * OWNED` on.
    const int own_unit = warp / PARTS * 16 + g + part * OWNED / 2 * 8, own_sequence = 2 * t + part * OWNED % 2;
    const bool owns = own_unit < units;
    const int unit = first + own_unit;
    const auto publisher = [&](int buffer) {
        using Number = typename T::Operand::Number;
        return RoundedPublisher<T>{reinterpret_cast<Number*>(published + buffer * BUFFER + own_sequence * T::STRIDE)};
    };
    unsigned group = work.first_group(block, 0);
    int steps = 0;  // that the group still has
    typename T::Rule::template Lane<T::P> lane;
    if (owns) rule.prepare(lane, unit, hidden);
    const auto begin_group = [&](int buffer) {
        if (group == work.first_group(block, 1)) return;
        steps = work.entry(group, T::S, 0).length;
        if (owns)
#pragma unroll
            for (int p = 0; p < T::P; ++p) {
                const int place = p / OWNED * 8 + own_sequence + p % OWNED;
                rule.begin(lane, p, work.entry(group, T::S, place), unit, hidden, publisher(buffer));
            }
        ++group;
    };

    const int n_steps = work.steps(block);
    // One step before the first begins the first group.
    for (int step = -1; step < n_steps; ++step) {
        const int now = step & 1, next = 1 - now;
        if (step >= 0) {
            if (owns) rule.load(lane, unit, hidden);
            float products[T::TILES][GATES][4];
            // Column g of the right matrix: sequence g. Behind the last unit there are zeros.
            const unsigned* const reads = published + now * BUFFER + g * T::STRIDE + part * 8 + 2 * t;
#pragma unroll
            for (int tile = 0; tile < T::TILES; ++tile) {
                auto& of = products[tile];
#pragma unroll
                for (int gate = 0; gate < GATES; ++gate) of[gate][0] = of[gate][1] = of[gate][2] = of[gate][3] = 0.0f;
#pragma unroll
                for (int run = 0; run < T::RUNS; ++run) {
                    const uint2 states = *reinterpret_cast<const uint2*>(reads + tile * 8 * T::STRIDE + run * PARTS * 8);
#pragma unroll
                    for (int gate = 0; gate < GATES; ++gate) T::Operand::multiply(of[gate], weights[run][gate], states);
                }
#pragma unroll
                for (int gate = 0; gate < GATES; ++gate)
#pragma unroll
                    for (int number = 0; number < 4; ++number) {
                        const int q = number / OWNED, p = tile * OWNED + number % OWNED;
                        if (q != part) leaves[q * SENT + (gate * T::P + p) * 32] = of[gate][number];
                    }
            }
            __syncthreads();
            float sums[GATES][T::P];
#pragma unroll
            for (int gate = 0; gate < GATES; ++gate)
#pragma unroll
                for (int p = 0; p < T::P; ++p) {
                    float& sum = sums[gate][p];
                    sum = 0.0f;
#pragma unroll
                    for (int q = 0; q < PARTS; ++q)
                        sum += q == part ? products[p / OWNED][gate][q * OWNED + p % OWNED]
                                         : takes[q * PARTS * SENT + (gate * T::P + p) * 32];
                }
            if (owns) rule.update(lane, sums, unit, hidden, publisher(next));
            --steps;
        }
        if (steps == 0) begin_group(next);
        if (RANKS == 1) __syncthreads();
        else cluster_sync();
    }
}
