// Moves sequences through a recurrent product whose weights stay in shared memory.
//
// A block (or a cluster of RANKS blocks, each with its share of the units) has some slots; a slot holds S sequences of
// nearly equal length and, when the last of them has ended, takes its next group of S. All slots of a block go from step
// to step together, with one barrier a step; blocks never wait for each other.
//
// At each step of a slot, every unit needs COLUMNS sums over K numbers that the step before has published:
//
//     sum[column][sequence] = Σ_k weight[k][column] · published[sequence][k]
//
// Q neighbouring lanes share U units and all S sequences of the slot, and each sums over every Q-th vector of four k. So a
// lane reads U·COLUMNS + S vectors of 16 bytes for 4·U·COLUMNS·S multiplications, in registers with constant indices.
// Then the lanes exchange halves of their partial sums, until each has the whole sums of one unit for S·U/Q sequences. To
// need no selection there, a lane counts units and sequences from its own: its local unit 0 is the unit that it will own.
//
// A Rule says what is summed and what is done with the sums. It has
//     RANKS, UNITS (U), COLUMNS, LANES (Q)
//     WIDTH            numbers that a sequence publishes, at most: a multiple of 32, so that no two lanes of a vector read
//                      fall into one bank
//     EXTRA_STEPS      steps that a group takes beyond its longest length
//     Lane<P>          what a lane keeps of its P sequences
//     inner(hidden)    K
//     weight(hidden, k, unit, column)
//     begin, load, update, finish: see the two rules
#pragma once

#include "device.cuh"

// Where a slot's next sequence stands in the batch.
struct Entry {
    unsigned sequence;  // NONE for an empty place of a group that is not full
    unsigned row;       // its first
    int length;
};

constexpr unsigned NONE = 0xffffffffu;
// All lanes of a warp.
constexpr unsigned WARP = 0xffffffffu;

// The work of all blocks, as the host has dealt it: for each block (or cluster) its number of steps; for each slot its first
// group, and the number of groups; for each place of each group, an Entry.
struct Schedule {
    const unsigned* numbers;
    int blocks;
    int slots;

    __device__ int steps(int block) const { return static_cast<int>(numbers[block]); }

    __device__ unsigned first_group(int block, int slot) const { return numbers[blocks + block * slots + slot]; }

    __device__ Entry entry(unsigned group, int sequences, int place) const {
        const unsigned* entries = numbers + blocks + blocks * slots + 1;
        const unsigned* entry = entries + 3 * (static_cast<size_t>(group) * sequences + place);
        return {entry[0], entry[1], static_cast<int>(entry[2])};
    }
};

// How units and weights are spread over the threads of a slot. The host reserves as many bytes (`Shape` in plan.rs).
template <class Rule> struct Layout {
    static constexpr int U = Rule::UNITS, Q = Rule::LANES, J = Rule::UNITS * Rule::COLUMNS;

    int hidden;
    int inner;    // K
    int first;    // of the block's units
    int units;    // of the block
    int threads;  // of a slot: a multiple of 4, so that all rows of the weights begin at 16 bytes
    int chunks;   // vectors of four k of one lane
    int tail;     // single k of one lane, behind the vectors

    __device__ explicit Layout(int hidden, int rank) : hidden(hidden), inner(Rule::inner(hidden)) {
        const int share = (hidden + Rule::RANKS - 1) / Rule::RANKS;
        first = rank * share;
        units = max(0, min(share, hidden - first));
        threads = ((share + U - 1) / U * Q + 3) / 4 * 4;
        chunks = inner / (4 * Q);
        tail = (inner - 4 * Q * chunks + Q - 1) / Q;
    }

    // The unit, counted in the block, that stands at a place of a thread.
    __device__ int unit(int thread, int place) const {
        return thread / Q + threads / Q * (place ^ (thread % U));
    }

    // float4[chunks][J][threads], then float[tail][J][threads].
    __device__ int n_weights() const { return (4 * chunks + tail) * J * threads; }
};

// Brings the block's weights into shared memory, in the order in which the lanes read them.
template <class Rule> __device__ void load_weights(const Rule& rule, const Layout<Rule>& layout, float* weights) {
    using L = Layout<Rule>;
    const int n_vectors = layout.chunks * L::J * layout.threads;
    for (int index = threadIdx.x; index < layout.n_weights(); index += blockDim.x) {
        const bool in_vector = index < 4 * n_vectors;
        // In memory the four numbers of a vector are neighbours.
        const int line = in_vector ? index / 4 : index - 4 * n_vectors;
        const int thread = line % layout.threads, column = line / layout.threads % L::J;
        const int round = line / layout.threads / L::J, lane = thread % L::Q;
        const int k = in_vector ? 4 * (round * L::Q + lane) + index % 4
                                : 4 * L::Q * layout.chunks + round * L::Q + lane;
        const int unit = layout.unit(thread, column / Rule::COLUMNS);
        weights[index] = unit < layout.units && k < layout.inner
                             ? rule.weight(layout.hidden, k, layout.first + unit, column % Rule::COLUMNS)
                             : 0.0f;
    }
}

// What a lane writes for all blocks of its cluster to read at the next step.
template <int RANKS> struct Publisher {
    float* numbers;  // the first of the lane's first sequence
    int width;

    template <class T> __device__ __forceinline__ void operator()(int p, int k, T x) const {
        T* own = reinterpret_cast<T*>(numbers + p * width + k);
        if (RANKS == 1) {
            *own = x;
        } else {
#pragma unroll
            for (int rank = 0; rank < RANKS; ++rank) store_in_block(own, rank, x);
        }
    }
};

// A lane's partial sums: of its places [unit, column] times its sequences.
template <class Rule, int S> struct Sums {
    static constexpr int U = Rule::UNITS, C = Rule::COLUMNS, Q = Rule::LANES, J = U * C, P = S * U / Q, W = Rule::WIDTH;
    float of[J][S];

    // `published` are the numbers of the slot's sequences.
    __device__ __forceinline__ void multiply(const Layout<Rule>& layout, const float* weights, const float* published,
                                             int thread) {
        const int q = thread % Q;
        // Sequence s of the lane is s ^ (q / U * P); only the part of s above P has to be computed.
        const float* x[S / P];
#pragma unroll
        for (int high = 0; high < S / P; ++high) x[high] = published + (high ^ (q / U)) * P * W;
#pragma unroll
        for (int j = 0; j < J; ++j)
#pragma unroll
            for (int s = 0; s < S; ++s) of[j][s] = 0.0f;
        const float4* vector = reinterpret_cast<const float4*>(weights) + thread;
        int k = 4 * q;
        for (int chunk = 0; chunk < layout.chunks; ++chunk, k += 4 * Q) {
            float4 w[J];
#pragma unroll
            for (int j = 0; j < J; ++j, vector += layout.threads) w[j] = *vector;
#pragma unroll
            for (int s = 0; s < S; ++s) {
                const float4 y = *reinterpret_cast<const float4*>(x[s / P] + s % P * W + k);
#pragma unroll
                for (int j = 0; j < J; ++j) {
                    float& sum = of[j][s];
                    sum = fmaf(w[j].x, y.x, sum);
                    sum = fmaf(w[j].y, y.y, sum);
                    sum = fmaf(w[j].z, y.z, sum);
                    sum = fmaf(w[j].w, y.w, sum);
                }
            }
        }
        const float* single = weights + 4 * layout.chunks * J * layout.threads + thread;
        k -= 3 * q;
#pragma unroll 1
        for (int round = 0; round < layout.tail; ++round, k += Q) {
            float w[J];
#pragma unroll
            for (int j = 0; j < J; ++j, single += layout.threads) w[j] = *single;
#pragma unroll
            for (int s = 0; s < S; ++s) {
                const float y = x[s / P][s % P * W + k];
#pragma unroll
                for (int j = 0; j < J; ++j) of[j][s] = fmaf(w[j], y, of[j][s]);
            }
        }
    }

    // Adds up what the Q lanes have: afterwards of[column][p] is whole, for the lane's own unit and its P sequences.
    __device__ __forceinline__ void exchange() {
        int n = S;
#pragma unroll
        for (int bit = Q / 2; bit >= U; bit /= 2) {
            n /= 2;
#pragma unroll
            for (int j = 0; j < J; ++j)
#pragma unroll
                for (int s = 0; s < S / 2; ++s)
                    if (s < n) of[j][s] += __shfl_xor_sync(WARP, of[j][s + n], bit);
        }
#pragma unroll
        for (int bit = U / 2; bit >= 1; bit /= 2)
#pragma unroll
            for (int j = 0; j < J / 2; ++j)
                if (j < bit * C)
#pragma unroll
                    for (int p = 0; p < P; ++p) of[j][p] += __shfl_xor_sync(WARP, of[j + bit * C][p], bit);
    }
};

// The whole life of a block.
template <class Rule, int S> __device__ __forceinline__ void run(const Rule& rule, const unsigned* schedule, int hidden, int slots) {
    constexpr int U = Rule::UNITS, Q = Rule::LANES, W = Rule::WIDTH, P = S * U / Q, RANKS = Rule::RANKS;
    static_assert(P >= 1 && W % 32 == 0, "a lane owns a sequence; no two lanes meet in a bank");
    const int rank = RANKS == 1 ? 0 : cluster_rank();
    const int block = static_cast<int>(blockIdx.x) / RANKS;
    const Schedule work = {schedule, static_cast<int>(gridDim.x) / RANKS, slots};
    const Layout<Rule> layout(hidden, rank);
    float* const weights = shared_numbers();
    float* const published = weights + layout.n_weights();
    const int n_published = slots * S * W;

    load_weights(rule, layout, weights);
    for (int index = threadIdx.x; index < 2 * n_published; index += blockDim.x) published[index] = 0.0f;
    if (RANKS == 1) __syncthreads();
    else cluster_sync();

    const int thread = static_cast<int>(threadIdx.x) % layout.threads;
    // The last warp may be longer than the last slot.
    const bool works = static_cast<int>(threadIdx.x) < slots * layout.threads;
    const int slot = works ? static_cast<int>(threadIdx.x) / layout.threads : slots - 1;
    const int own = thread % Q / U * P;  // the first of the slot's sequences that are the lane's
    const int unit = layout.first + layout.unit(thread, 0);
    const bool owns = works && layout.unit(thread, 0) < layout.units;
    float* const published_by_slot = published + slot * S * W;
    unsigned group = work.first_group(block, slot);
    const auto has_group = [&] { return works && group != work.first_group(block, slot + 1); };
    int steps = 0;  // that the slot's group still has
    typename Rule::template Lane<P> lane;
    if (owns) rule.prepare(lane, unit, hidden);

    const auto begin_group = [&](int buffer) {
        steps = work.entry(group, S, 0).length + Rule::EXTRA_STEPS;
        const Publisher<RANKS> publish = {published_by_slot + buffer * n_published + own * W, W};
        if (owns)
#pragma unroll
            for (int p = 0; p < P; ++p) rule.begin(lane, p, work.entry(group, S, own + p), unit, hidden, publish);
        ++group;
    };
    if (has_group()) begin_group(0);
    if (RANKS == 1) __syncthreads();
    else cluster_sync();

    const int n_steps = work.steps(block);
    for (int step = 0; step < n_steps; ++step) {
        const int now = step % 2, next = 1 - now;
        // Whole warps sum, so that their lanes can exchange: what a lane sums for a slot that has ended is left alone.
        if (__any_sync(WARP, steps > 0)) {
            const bool moves = owns && steps > 0;
            if (moves) rule.load(lane, unit, hidden);
            Sums<Rule, S> sums;
            sums.multiply(layout, weights, published_by_slot + now * n_published, thread);
            sums.exchange();
            const Publisher<RANKS> publish = {published_by_slot + next * n_published + own * W, W};
            if (moves) rule.update(lane, sums.of, unit, hidden, publish);
            if (steps > 0 && --steps == 0 && has_group()) begin_group(next);
        }
        if (RANKS == 1) __syncthreads();
        else cluster_sync();
    }
    if (owns) rule.finish(lane, (block * slots + slot) * (Q / U) + own / P, unit, hidden);
}
