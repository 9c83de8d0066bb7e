// What happens to one unit of one sequence once its products are summed: the gates of a GRU and of an LSTM, and the way back.
#pragma once

#include "device.cuh"

// Numbers of a unit that a step leaves for the backward pass: the activated gates, and for the GRU the candidate's recurrent
// sum. The gradients of the sums take as many: those of the input's product and those of the recurrent product are two runs of
// GATES among them (the GRU's candidate has its own sum in each).
constexpr int KEPT = 4;

struct Gate {
    float open;
    float shut;  // 1 - open, to the last digits also where the gate is almost open
};

__device__ __forceinline__ Gate sigmoid(float x) {
    const float e = expf(-fabsf(x));
    const float larger = reciprocal(1.0f + e), smaller = e * larger;
    return x < 0.0f ? Gate{smaller, larger} : Gate{larger, smaller};
}

// Output and memory, before a step or after it; or their gradients. A GRU has no memory.
struct State {
    float output;
    float memory;
};

// r = σ(x_r + W_hr h + b_hr), z = σ(x_z + W_hz h + b_hz), n = tanh(x_n + r ⊙ (W_hn h + b_hn)), h' = (1 - z) ⊙ n + z ⊙ h,
// where x = W_i x + b_i. Kept: r, z, n and n's recurrent sum.
struct GRU {
    static constexpr int GATES = 3;
    static constexpr bool HAS_MEMORY = false;

    // From the two biases of each gate, what `forward` adds.
    __device__ static void biases(const float* b_ih, const float* b_hh, float (&bias)[KEPT]) {
        bias[0] = b_ih[0] + b_hh[0];
        bias[1] = b_ih[1] + b_hh[1];
        bias[2] = b_ih[2];
        bias[3] = b_hh[2];
    }

    __device__ __forceinline__ static State forward(const float (&input)[3], const float (&sum)[3], const float (&bias)[KEPT],
                                                    State before, float (&kept)[KEPT]) {
        const float r = sigmoid(input[0] + sum[0] + bias[0]).open;
        const Gate z = sigmoid(input[1] + sum[1] + bias[1]);
        const float recurrent = sum[2] + bias[3];
        const float n = tanhf(input[2] + bias[2] + r * recurrent);
        kept[0] = r, kept[1] = z.open, kept[2] = n, kept[3] = recurrent;
        // (1 - z) n + z h, so that a gate that is almost shut still lets its little through.
        return {fmaf(z.shut, n - before.output, before.output), 0.0f};
    }

    // `slots`: the gradients of n's recurrent sum, r's, z's, n's input sum. `recurrent`: those of the recurrent sums by gate.
    // Gives the gradient of the output before, without what goes through the recurrent product.
    __device__ __forceinline__ static State backward(const float (&kept)[KEPT], State before, State, State gradient,
                                                     float (&slots)[KEPT], float (&recurrent)[3]) {
        const float r = kept[0], z = kept[1], n = kept[2], shut = 1.0f - z;
        const float dn = gradient.output * shut * (1.0f - n * n);
        const float dz = gradient.output * (before.output - n) * (z * shut);
        const float dr = dn * kept[3] * (r * (1.0f - r));
        slots[0] = dn * r, slots[1] = dr, slots[2] = dz, slots[3] = dn;
        recurrent[0] = dr, recurrent[1] = dz, recurrent[2] = dn * r;
        return {gradient.output * z, 0.0f};
    }
};

// i, f, o = σ(x + W_h h + b_h), g = tanh(x_g + W_hg h + b_hg), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c'). Kept: i, f, g, o.
struct LSTM {
    static constexpr int GATES = 4;
    static constexpr bool HAS_MEMORY = true;

    __device__ static void biases(const float* b_ih, const float* b_hh, float (&bias)[KEPT]) {
        for (int gate = 0; gate < GATES; ++gate) bias[gate] = b_ih[gate] + b_hh[gate];
    }

    __device__ __forceinline__ static State forward(const float (&input)[4], const float (&sum)[4], const float (&bias)[KEPT],
                                                    State before, float (&kept)[KEPT]) {
        const float i = sigmoid(input[0] + sum[0] + bias[0]).open;
        const float f = sigmoid(input[1] + sum[1] + bias[1]).open;
        const float g = tanhf(input[2] + sum[2] + bias[2]);
        const float o = sigmoid(input[3] + sum[3] + bias[3]).open;
        kept[0] = i, kept[1] = f, kept[2] = g, kept[3] = o;
        const float memory = fmaf(f, before.memory, i * g);
        return {o * tanhf(memory), memory};
    }

    __device__ __forceinline__ static State backward(const float (&kept)[KEPT], State before, State after, State gradient,
                                                     float (&slots)[KEPT], float (&recurrent)[4]) {
        const float i = kept[0], f = kept[1], g = kept[2], o = kept[3], t = tanhf(after.memory);
        const float memory = gradient.memory + gradient.output * o * (1.0f - t * t);
        slots[0] = memory * g * (i * (1.0f - i));
        slots[1] = memory * before.memory * (f * (1.0f - f));
        slots[2] = memory * i * (1.0f - g * g);
        slots[3] = gradient.output * t * (o * (1.0f - o));
#pragma unroll
        for (int gate = 0; gate < GATES; ++gate) recurrent[gate] = slots[gate];
        return {0.0f, memory * f};
    }
};
