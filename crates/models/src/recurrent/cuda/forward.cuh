// The forward pass as a rule for `run`: a sequence publishes its outputs, and a unit sums its gates over them.
#pragma once

#include "cells.cuh"
#include "sequence.cuh"

template <class Cell, int RANKS_, int LANES_> struct Forward {
    static constexpr int RANKS = RANKS_, UNITS = 2, COLUMNS = Cell::GATES, LANES = LANES_;
    static constexpr int WIDTH = RANKS == 1 ? 128 : 256, EXTRA_STEPS = 0;
    static constexpr int STATES = Cell::HAS_MEMORY ? 2 : 1;

    const float* w_hh;     // [GATES, hidden, hidden]
    const float* b_ih;     // [GATES, hidden]
    const float* b_hh;     // [GATES, hidden]
    float* gates;          // [row, `stride`]: in, the input's products [GATES, hidden]; out, with `keep`, [KEPT, hidden]
    const float* initial;  // [sequence, (output, memory), hidden]
    float* outputs;        // [row, hidden]
    float* memories;       // [row, hidden], or null
    int stride;
    bool keep;

    template <int P> struct Lane {
        float bias[KEPT];
        float input[P][COLUMNS];
        State state[P];
        unsigned row[P];  // of the next step
        int left[P];      // steps to make
    };

    __device__ static int inner(int hidden) { return hidden; }

    __device__ float weight(int hidden, int k, int unit, int gate) const {
        return w_hh[(static_cast<size_t>(gate) * hidden + unit) * hidden + k];
    }

    template <int P> __device__ void prepare(Lane<P>& lane, int unit, int hidden) const {
        float ih[COLUMNS], hh[COLUMNS];
        for (int gate = 0; gate < COLUMNS; ++gate) {
            ih[gate] = b_ih[gate * hidden + unit];
            hh[gate] = b_hh[gate * hidden + unit];
        }
        Cell::biases(ih, hh, lane.bias);
    }

    template <int P, class Publish>
    __device__ __forceinline__ void begin(Lane<P>& lane, int p, Entry entry, int unit, int hidden, Publish publish) const {
        lane.row[p] = entry.row;
        lane.left[p] = entry.length;
        State state = {0.0f, 0.0f};
        if (entry.sequence != NONE) {
            const float* from = initial + static_cast<size_t>(entry.sequence) * STATES * hidden + unit;
            state.output = from[0];
            if (Cell::HAS_MEMORY) state.memory = from[hidden];
        }
        lane.state[p] = state;
        publish(p, unit, state.output);
    }

    // The input's products of a step, asked for before the recurrent sums are made and used after.
    template <int P> __device__ __forceinline__ void load(Lane<P>& lane, int unit, int hidden) const {
#pragma unroll
        for (int p = 0; p < P; ++p) {
            const float* from = gates + static_cast<size_t>(lane.row[p]) * stride + unit;
#pragma unroll
            for (int gate = 0; gate < COLUMNS; ++gate) lane.input[p][gate] = lane.left[p] > 0 ? from[gate * hidden] : 0.0f;
        }
    }

    template <int P, int J, int S, class Publish>
    __device__ __forceinline__ void update(Lane<P>& lane, const float (&sums)[J][S], int unit, int hidden, Publish publish) const {
#pragma unroll
        for (int p = 0; p < P; ++p) {
            if (lane.left[p] <= 0) continue;
            float sum[COLUMNS], kept[KEPT];
#pragma unroll
            for (int gate = 0; gate < COLUMNS; ++gate) sum[gate] = sums[gate][p];
            const State state = Cell::forward(lane.input[p], sum, lane.bias, lane.state[p], kept);
            publish(p, unit, state.output);
            lane.state[p] = state;
            const size_t row = lane.row[p];
            outputs[row * hidden + unit] = state.output;
            if (Cell::HAS_MEMORY && memories) memories[row * hidden + unit] = state.memory;
            if (keep)
#pragma unroll
                for (int slot = 0; slot < KEPT; ++slot) gates[row * stride + slot * hidden + unit] = kept[slot];
            ++lane.row[p];
            --lane.left[p];
        }
    }

    template <int P> __device__ void finish(Lane<P>&, int, int, int) const {}
};
