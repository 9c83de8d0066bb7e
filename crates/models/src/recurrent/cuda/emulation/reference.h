// One recurrent layer over ragged sequences in double precision, forward and backward, as plainly as it can be written.
#pragma once

#include <cmath>
#include <vector>

using Numbers = std::vector<double>;

struct Problem {
    bool is_lstm;
    int hidden;
    std::vector<int> lengths;
    Numbers w_hh, b_ih, b_hh;  // [gates, hidden, hidden], [gates, hidden] twice
    Numbers inputs;            // [row, gates, hidden]: the input's products
    Numbers initial;           // [sequence, (output, memory), hidden]
    Numbers output_gradients;  // [row, hidden]
    Numbers memory_gradients;  // [row, hidden]; empty for a GRU

    int gates() const { return is_lstm ? 4 : 3; }
    int states() const { return is_lstm ? 2 : 1; }
    int rows() const {
        int sum = 0;
        for (int length : lengths) sum += length;
        return sum;
    }
};

struct Forwarded {
    Numbers outputs, memories;  // [row, hidden]
    Numbers gates, recurrent;   // [row, gates, hidden]: activated, and the recurrent sums
};

struct Gradients {
    Numbers inputs, recurrent;  // of both sums, [row, gates, hidden]
    Numbers w_hh, b_ih, b_hh, initial;
};

inline double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// What becomes of the operands of the recurrent product.
using Rounding = double (*)(double);

inline double exact(double x) { return x; }

inline Forwarded forward(const Problem& problem, Rounding rounded = exact) {
    const int h = problem.hidden, n_gates = problem.gates(), n_states = problem.states();
    const size_t n_rows = problem.rows();
    Forwarded to{Numbers(n_rows * h), Numbers(problem.is_lstm ? n_rows * h : 0), Numbers(n_rows * n_gates * h),
                 Numbers(n_rows * n_gates * h)};
    size_t row = 0;
    for (size_t sequence = 0; sequence < problem.lengths.size(); ++sequence) {
        const auto initial = problem.initial.begin() + sequence * n_states * h;
        Numbers output(initial, initial + h), memory(initial + (n_states - 1) * h, initial + n_states * h);
        for (int step = 0; step < problem.lengths[sequence]; ++step, ++row) {
            const double* in = &problem.inputs[row * n_gates * h];
            double* gates = &to.gates[row * n_gates * h];
            double* recurrent = &to.recurrent[row * n_gates * h];
            for (int k = 0; k < n_gates * h; ++k) {
                recurrent[k] = problem.b_hh[k];
                for (int j = 0; j < h; ++j)
                    recurrent[k] += rounded(problem.w_hh[static_cast<size_t>(k) * h + j]) * rounded(output[j]);
            }
            for (int u = 0; u < h; ++u) {
                const auto x = [&](int gate) { return in[gate * h + u] + problem.b_ih[gate * h + u]; };
                const auto y = [&](int gate) { return recurrent[gate * h + u]; };
                if (problem.is_lstm) {
                    for (int gate : {0, 1, 3}) gates[gate * h + u] = logistic(x(gate) + y(gate));
                    gates[2 * h + u] = std::tanh(x(2) + y(2));
                    memory[u] = gates[h + u] * memory[u] + gates[u] * gates[2 * h + u];
                    output[u] = gates[3 * h + u] * std::tanh(memory[u]);
                    to.memories[row * h + u] = memory[u];
                } else {
                    for (int gate : {0, 1}) gates[gate * h + u] = logistic(x(gate) + y(gate));
                    gates[2 * h + u] = std::tanh(x(2) + gates[u] * y(2));
                    output[u] = (1 - gates[h + u]) * gates[2 * h + u] + gates[h + u] * output[u];
                }
                to.outputs[row * h + u] = output[u];
            }
        }
    }
    return to;
}

inline Gradients backward(const Problem& problem, const Forwarded& passed) {
    const int h = problem.hidden, n_gates = problem.gates(), n_states = problem.states();
    const size_t n_rows = problem.rows();
    Gradients to{Numbers(n_rows * n_gates * h), Numbers(n_rows * n_gates * h), Numbers(n_gates * h * h), Numbers(n_gates * h),
                 Numbers(n_gates * h), Numbers(problem.initial.size())};
    size_t end = 0;
    for (size_t sequence = 0; sequence < problem.lengths.size(); ++sequence) {
        const size_t begin = end;
        end += problem.lengths[sequence];
        const double* initial = &problem.initial[sequence * n_states * h];
        Numbers d_output(h), d_memory(h);
        for (size_t row = end; row-- > begin;) {
            const double* before = row == begin ? initial : &passed.outputs[(row - 1) * h];
            const double* gates = &passed.gates[row * n_gates * h];
            double* d_in = &to.inputs[row * n_gates * h];
            double* d_recurrent = &to.recurrent[row * n_gates * h];
            Numbers next(h);
            for (int u = 0; u < h; ++u) {
                const auto gate = [&](int index) { return gates[index * h + u]; };
                const auto slope = [&](int index) { return gate(index) * (1 - gate(index)); };
                const double d = d_output[u] + problem.output_gradients[row * h + u];
                if (problem.is_lstm) {
                    const double memory_before = row == begin ? initial[h + u] : passed.memories[(row - 1) * h + u];
                    const double t = std::tanh(passed.memories[row * h + u]);
                    const double dm = d_memory[u] + problem.memory_gradients[row * h + u] + d * gate(3) * (1 - t * t);
                    d_in[u] = dm * gate(2) * slope(0);
                    d_in[h + u] = dm * memory_before * slope(1);
                    d_in[2 * h + u] = dm * gate(0) * (1 - gate(2) * gate(2));
                    d_in[3 * h + u] = d * t * slope(3);
                    for (int index = 0; index < 4; ++index) d_recurrent[index * h + u] = d_in[index * h + u];
                    d_memory[u] = dm * gate(1);
                } else {
                    d_in[2 * h + u] = d * (1 - gate(1)) * (1 - gate(2) * gate(2));
                    d_in[h + u] = d * (before[u] - gate(2)) * slope(1);
                    d_in[u] = d_in[2 * h + u] * passed.recurrent[(row * 3 + 2) * h + u] * slope(0);
                    d_recurrent[u] = d_in[u], d_recurrent[h + u] = d_in[h + u];
                    d_recurrent[2 * h + u] = d_in[2 * h + u] * gate(0);
                    next[u] = d * gate(1);
                }
            }
            for (int k = 0; k < n_gates * h; ++k) {
                to.b_ih[k] += d_in[k];
                to.b_hh[k] += d_recurrent[k];
                for (int j = 0; j < h; ++j) {
                    next[j] += problem.w_hh[static_cast<size_t>(k) * h + j] * d_recurrent[k];
                    to.w_hh[static_cast<size_t>(k) * h + j] += d_recurrent[k] * before[j];
                }
            }
            d_output = next;
        }
        if (begin == end) continue;
        for (int u = 0; u < h; ++u) {
            to.initial[sequence * n_states * h + u] = d_output[u];
            if (problem.is_lstm) to.initial[sequence * n_states * h + h + u] = d_memory[u];
        }
    }
    return to;
}
