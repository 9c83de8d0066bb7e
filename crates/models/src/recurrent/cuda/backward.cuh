// The backward pass as a rule for `run`: time runs back, a sequence publishes the gradients of its recurrent sums, and a unit
// sums over them what reaches its output of the step before. One step more than the sequence has rows takes the gradient into
// the initial state.
#pragma once

#include "cells.cuh"
#include "sequence.cuh"

template <class Cell, int RANKS_, int LANES_> struct Backward {
    static constexpr int RANKS = RANKS_, UNITS = 4, COLUMNS = 1, LANES = LANES_;
    static constexpr int GATES = Cell::GATES, WIDTH = (RANKS == 1 ? 128 : 256) * GATES, EXTRA_STEPS = 1;
    static constexpr int STATES = Cell::HAS_MEMORY ? 2 : 1;

    const float* w_hh;              // [GATES, hidden, hidden]
    const float* kept;              // [row, KEPT, hidden]
    const float* initial;           // [sequence, (output, memory), hidden]
    const float* outputs;           // [row, hidden]
    const float* memories;          // [row, hidden]; null for a GRU
    const float* output_gradients;  // [row, hidden]
    const float* memory_gradients;  // [row, hidden], or null
    float* slots;                   // [row, KEPT, hidden]: the gradients of the sums
    float* before;                  // [row, hidden]: the output before each row, for the gradient of w_hh
    float* initial_gradients;       // [sequence, (output, memory), hidden]
    float* bias_gradients;          // [part, KEPT, hidden]: the slots summed, for each part of the launch

    template <int P> struct Lane {
        float kept[P][KEPT];
        State before[P];
        State after[P];      // the memory alone
        State arrived[P];    // gradient that comes with a row
        State gradient[P];   // gradient that comes from the step after, but for the recurrent product
        float group[KEPT];   // the slots summed over the rows of this group,
        float total[KEPT];   // and over those of the groups before: two short sums lose less than a long one
        unsigned row[P];     // of the next step
        int left[P];         // rows to go
        unsigned sequence[P];
    };

    __device__ static int inner(int hidden) { return GATES * hidden; }

    // A sequence publishes gate after gate of one unit after the other.
    __device__ float weight(int hidden, int k, int unit, int) const {
        return w_hh[(static_cast<size_t>(k % GATES) * hidden + k / GATES) * hidden + unit];
    }

    template <int P> __device__ void prepare(Lane<P>& lane, int, int) const {
#pragma unroll
        for (int slot = 0; slot < KEPT; ++slot) lane.group[slot] = lane.total[slot] = 0.0f;
    }

    template <int P, class Publish>
    __device__ __forceinline__ void begin(Lane<P>& lane, int p, Entry entry, int unit, int, Publish publish) const {
        lane.sequence[p] = entry.sequence;
        lane.row[p] = entry.row + entry.length - 1;
        lane.left[p] = entry.sequence == NONE ? -1 : entry.length;
        lane.gradient[p] = {0.0f, 0.0f};
        const float nothing[GATES] = {};
        publish_gates(p, unit, nothing, publish);
        if (p == 0) end_group(lane);
    }

    template <int P> __device__ __forceinline__ void load(Lane<P>& lane, int unit, int hidden) const {
#pragma unroll
        for (int p = 0; p < P; ++p) {
            if (lane.left[p] <= 0) continue;
            const size_t row = lane.row[p];
#pragma unroll
            for (int slot = 0; slot < KEPT; ++slot) lane.kept[p][slot] = kept[(row * KEPT + slot) * hidden + unit];
            const bool is_first = lane.left[p] == 1;
            const float* from = is_first ? initial + static_cast<size_t>(lane.sequence[p]) * STATES * hidden
                                         : outputs + (row - 1) * hidden;
            lane.before[p].output = from[unit];
            lane.arrived[p] = {output_gradients[row * hidden + unit], 0.0f};
            if (Cell::HAS_MEMORY) {
                lane.before[p].memory = is_first ? from[hidden + unit] : memories[(row - 1) * hidden + unit];
                lane.after[p].memory = memories[row * hidden + unit];
                if (memory_gradients) lane.arrived[p].memory = memory_gradients[row * hidden + unit];
            }
        }
    }

    template <int P, int J, int S, class Publish>
    __device__ __forceinline__ void update(Lane<P>& lane, const float (&sums)[J][S], int unit, int hidden, Publish publish) const {
#pragma unroll
        for (int p = 0; p < P; ++p) {
            State gradient = lane.gradient[p];
            gradient.output += sums[0][p];
            if (lane.left[p] > 0) {
                gradient.output += lane.arrived[p].output;
                gradient.memory += lane.arrived[p].memory;
                float of_slots[KEPT], of_gates[GATES];
                lane.gradient[p] =
                    Cell::backward(lane.kept[p], lane.before[p], lane.after[p], gradient, of_slots, of_gates);
                publish_gates(p, unit, of_gates, publish);
                const size_t row = lane.row[p];
#pragma unroll
                for (int slot = 0; slot < KEPT; ++slot) {
                    slots[(row * KEPT + slot) * hidden + unit] = of_slots[slot];
                    lane.group[slot] += of_slots[slot];
                }
                before[row * hidden + unit] = lane.before[p].output;
            } else if (lane.left[p] == 0) {
                float* to = initial_gradients + static_cast<size_t>(lane.sequence[p]) * STATES * hidden + unit;
                to[0] = gradient.output;
                if (Cell::HAS_MEMORY) to[hidden] = gradient.memory;
            }
            --lane.row[p];
            --lane.left[p];
        }
    }

    template <int P> __device__ void finish(Lane<P>& lane, int part, int unit, int hidden) const {
        end_group(lane);
#pragma unroll
        for (int slot = 0; slot < KEPT; ++slot)
            bias_gradients[(static_cast<size_t>(part) * KEPT + slot) * hidden + unit] = lane.total[slot];
    }

    template <int P> __device__ __forceinline__ void end_group(Lane<P>& lane) const {
#pragma unroll
        for (int slot = 0; slot < KEPT; ++slot) {
            lane.total[slot] += lane.group[slot];
            lane.group[slot] = 0.0f;
        }
    }

    template <class Publish>
    __device__ __forceinline__ void publish_gates(int p, int unit, const float (&gates)[GATES], Publish publish) const {
        if (GATES == 4) {
            publish(p, GATES * unit, float4{gates[0], gates[1], gates[2], gates[GATES - 1]});
        } else {
#pragma unroll
            for (int gate = 0; gate < GATES; ++gate) publish(p, GATES * unit + gate, gates[gate]);
        }
    }
};
