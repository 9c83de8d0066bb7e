// Runs the kernels on the CPU and compares them with the plain layer, and that with finite differences.
//
//     g++ -std=c++20 -O2 check.cpp -o check && ./check                      kernels of one block
//     g++ -std=c++20 -O2 -DCLUSTERS check.cpp -o check && ./check           kernels of clusters
//     with -fsanitize=address: no access outside of the buffers
#include "device.h"

#include "../kernels.cu"
#include "reference.h"

namespace {

using Floats = std::vector<float>;
constexpr float NAN32 = std::numeric_limits<float>::quiet_NaN();

int n_checks = 0, n_faults = 0;

void expect(bool holds, const char* what, const std::string& problem) {
    ++n_checks;
    if (holds) return;
    ++n_faults;
    std::printf("FAULT: %s: %s\n", problem.c_str(), what);
}

Floats narrow(const Numbers& numbers) { return Floats(numbers.begin(), numbers.end()); }

Problem draw(bool is_lstm, int hidden, std::vector<int> lengths, double input_scale, unsigned seed) {
    Problem problem{is_lstm, hidden, std::move(lengths), {}, {}, {}, {}, {}, {}, {}};
    std::mt19937 random(seed);
    // Through single precision, so that the kernels get the same numbers.
    const auto numbers = [&](size_t n, double scale) {
        std::uniform_real_distribution<float> uniform(-scale, scale);
        Numbers to(n);
        for (double& x : to) x = uniform(random);
        return to;
    };
    const size_t h = hidden, n_rows = problem.rows(), n_gates = problem.gates();
    problem.w_hh = numbers(n_gates * h * h, 1 / std::sqrt(hidden));
    problem.b_ih = numbers(n_gates * h, 0.5);
    problem.b_hh = numbers(n_gates * h, 0.5);
    problem.inputs = numbers(n_rows * n_gates * h, input_scale);
    problem.initial = numbers(problem.lengths.size() * problem.states() * h, 0.9);
    problem.output_gradients = numbers(n_rows * h, 1);
    problem.memory_gradients = numbers(is_lstm ? n_rows * h : 0, 1);
    return problem;
}

// The sequences that have steps, the longest first, in groups of `places` dealt to the slots in turn.
std::vector<unsigned> schedule(const std::vector<int>& lengths, int blocks, int slots, int places, int extra) {
    std::vector<unsigned> order, begins;
    unsigned n_rows = 0;
    for (size_t sequence = 0; sequence < lengths.size(); ++sequence) {
        begins.push_back(n_rows);
        n_rows += lengths[sequence];
        if (lengths[sequence] > 0) order.push_back(sequence);
    }
    std::stable_sort(order.begin(), order.end(), [&](unsigned a, unsigned b) { return lengths[a] > lengths[b]; });
    const int n_groups = (order.size() + places - 1) / places;
    std::vector<unsigned> steps(blocks), firsts, entries;
    for (int slot = 0; slot < blocks * slots; ++slot) {
        firsts.push_back(entries.size() / 3 / places);
        unsigned sum = 0;
        for (int group = slot; group < n_groups; group += blocks * slots) {
            sum += lengths[order[group * places]] + extra;
            for (int place = group * places; place < (group + 1) * places; ++place) {
                const bool is_there = place < static_cast<int>(order.size());
                entries.push_back(is_there ? order[place] : NONE);
                entries.push_back(is_there ? begins[order[place]] : 0);
                entries.push_back(is_there ? lengths[order[place]] : 0);
            }
        }
        steps[slot / slots] = max(steps[slot / slots], sum);
    }
    firsts.push_back(entries.size() / 3 / places);
    steps.insert(steps.end(), firsts.begin(), firsts.end());
    steps.insert(steps.end(), entries.begin(), entries.end());
    return steps;
}

struct Outcome {
    Floats outputs, memories, slots, before, initial, biases;
    int parts;
};

template <class Rule> unsigned threads(int hidden, int slots) {
    return (Layout<Rule>(hidden, 0).threads * slots + 31) / 32 * 32;
}

template <class Rule> size_t shared_bytes(int hidden, int slots, int places) {
    return (Layout<Rule>(hidden, 0).n_weights() + 2 * slots * places * Rule::WIDTH) * sizeof(float);
}

// A forward kernel: its grid and its arguments.
struct ForwardKernel {
    int places;
    unsigned (*threads)(int hidden, int slots);
    size_t (*shared_bytes)(int hidden, int slots);
    void (*kernel)(const float*, const float*, const float*, float*, const float*, float*, float*, const unsigned*, int, int, int, int);
};

// Outputs and memories of both ways to run it, for inference and for training; `gates` is what the latter keeps.
Outcome run_forward(const ForwardKernel& forward, const Problem& problem, int blocks, int slots, unsigned seed, Floats& gates) {
    const int h = problem.hidden;
    const size_t n_rows = problem.rows(), n_gates = problem.gates();
    const Floats w_hh = narrow(problem.w_hh), b_ih = narrow(problem.b_ih), b_hh = narrow(problem.b_hh);
    const Floats initial = narrow(problem.initial);
    Outcome to;
    to.outputs.assign(n_rows * h, NAN32);
    to.memories.assign(problem.is_lstm ? n_rows * h : 0, NAN32);

    const auto work = schedule(problem.lengths, blocks, slots, forward.places, 0);
    float* memories = problem.is_lstm ? to.memories.data() : nullptr;
    const auto launch = [&](Floats& gates, unsigned seed, int stride, int keep) {
        emulation::launch(blocks, RANKS, forward.threads(h, slots), forward.shared_bytes(h, slots), seed, [&] {
            forward.kernel(w_hh.data(), b_ih.data(), b_hh.data(), gates.data(), initial.data(), to.outputs.data(), memories,
                           work.data(), h, slots, stride, keep);
        });
    };
    Floats inference = narrow(problem.inputs);
    launch(inference, seed, n_gates * h, 0);
    const Floats inferred = to.outputs;

    // For training: rows wide enough for what is kept.
    gates.assign(n_rows * KEPT * h, NAN32);
    for (size_t row = 0; row < n_rows; ++row)
        std::copy_n(problem.inputs.begin() + row * n_gates * h, n_gates * h, gates.begin() + row * KEPT * h);
    std::fill(to.outputs.begin(), to.outputs.end(), NAN32);
    launch(gates, seed + 1, KEPT * h, 1);
    expect(std::equal(inferred.begin(), inferred.end(), to.outputs.begin(),
                      [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }),
           "what is kept changes the outputs", "forward twice");
    return to;
}

// Adds to what a forward pass gave what a backward pass makes of it.
template <class B, int S, auto KERNEL>
void run_backward(const Problem& problem, int blocks, int slots, unsigned seed, const Floats& gates, Outcome& to) {
    const int h = problem.hidden;
    const size_t n_rows = problem.rows();
    const Floats w_hh = narrow(problem.w_hh), initial = narrow(problem.initial);
    const auto work = schedule(problem.lengths, blocks, slots, S, B::EXTRA_STEPS);
    const Floats output_gradients = narrow(problem.output_gradients), memory_gradients = narrow(problem.memory_gradients);
    to.slots.assign(n_rows * KEPT * h, NAN32);
    to.before.assign(n_rows * h, NAN32);
    to.initial.assign(problem.initial.size(), 0.0f);
    to.parts = blocks * slots * (B::LANES / B::UNITS);
    to.biases.assign(static_cast<size_t>(to.parts) * KEPT * h, NAN32);
    emulation::launch(blocks, RANKS, threads<B>(h, slots), shared_bytes<B>(h, slots, S), seed, [&] {
        KERNEL(w_hh.data(), gates.data(), initial.data(), to.outputs.data(), problem.is_lstm ? to.memories.data() : nullptr,
               output_gradients.data(), problem.is_lstm ? memory_gradients.data() : nullptr, to.slots.data(), to.before.data(),
               to.initial.data(), to.biases.data(), work.data(), h, slots);
    });
}

template <class F, int S, class B, int T, auto FORWARD_KERNEL, auto BACKWARD_KERNEL>
Outcome run_kernels(const Problem& problem, int blocks, int slots, unsigned seed) {
    const auto bytes = [](int hidden, int slots) { return shared_bytes<F>(hidden, slots, S); };
    Floats gates;
    Outcome to = run_forward({S, threads<F>, bytes, FORWARD_KERNEL}, problem, blocks, slots, seed, gates);
    run_backward<B, T, BACKWARD_KERNEL>(problem, blocks, slots, seed + 2, gates, to);
    return to;
}

// A forward and a backward kernel of each cell.
struct Kernels {
    int lanes, places;  // of the forward kernels
    Outcome (*gru)(const Problem&, int blocks, int slots, unsigned seed);
    Outcome (*lstm)(const Problem&, int blocks, int slots, unsigned seed);

    Outcome run(const Problem& problem, int blocks, int slots, unsigned seed) const {
        return (problem.is_lstm ? lstm : gru)(problem, blocks, slots, seed);
    }
};

#define RUN(NAME, CELL, L, S, B, T)                                                                                \
    run_kernels<Forward<CELL, RANKS, L>, S, Backward<CELL, RANKS, B>, T, NAME##_forward_##L##x##S, \
                NAME##_backward_##B##x##T>
// A forward kernel, and the backward kernel that goes on with what it keeps.
#define KERNELS_OF(L, S, B, T) \
    Kernels { L, S, RUN(gru, GRU, L, S, B, T), RUN(lstm, LSTM, L, S, B, T) }

#ifdef CLUSTERS
const Kernels ALL_KERNELS[] = {KERNELS_OF(8, 4, 16, 4), KERNELS_OF(8, 8, 16, 8)};
#else
const Kernels ALL_KERNELS[] = {KERNELS_OF(4, 2, 8, 2), KERNELS_OF(4, 4, 8, 4), KERNELS_OF(2, 4, 8, 8)};
#endif

// The largest difference, as a part of the largest number.
template <class A> double distance(const A& found, const Numbers& expected) {
    double largest = 1e-30, difference = found.size() == expected.size() ? 0 : INFINITY;
    for (size_t index = 0; index < min(found.size(), expected.size()); ++index) {
        largest = max(largest, std::abs(expected[index]));
        const double here = std::abs(found[index] - expected[index]);
        difference = here <= difference ? difference : here;  // NaN stays
        if (std::isnan(here)) return INFINITY;
    }
    return difference / largest;
}

// The gradients of inputs, recurrent weights and biases, from what the kernels give.
Gradients gather(const Problem& problem, const Outcome& outcome) {
    const int h = problem.hidden, n_gates = problem.gates();
    const size_t n_rows = problem.rows();
    // Slots: the recurrent sums are the first, in an order of their own; the input's sums are the last, in order.
    const std::vector<int> recurrent_slots = problem.is_lstm ? std::vector<int>{0, 1, 2, 3} : std::vector<int>{1, 2, 0};
    Gradients to;
    to.w_hh.resize(n_gates * h * h);
    for (size_t row = 0; row < n_rows; ++row) {
        const float* slots = &outcome.slots[row * KEPT * h];
        for (int k = 0; k < n_gates * h; ++k) {
            to.inputs.push_back(slots[(KEPT - n_gates) * h + k]);
            const float recurrent = slots[recurrent_slots[k / h] * h + k % h];
            to.recurrent.push_back(recurrent);
            for (int j = 0; j < h; ++j) to.w_hh[static_cast<size_t>(k) * h + j] += recurrent * outcome.before[row * h + j];
        }
    }
    Floats b_ih(n_gates * h, NAN32), b_hh(n_gates * h, NAN32);
    emulation::launch((KEPT * h + 63) / 64, 1, 64, 0, 3, [&] {
        sum_parts(outcome.biases.data(), outcome.parts, n_gates, h, b_ih.data(), b_hh.data());
    });
    to.b_ih.assign(b_ih.begin(), b_ih.end());
    to.b_hh.assign(b_hh.begin(), b_hh.end());
    to.initial = Numbers(outcome.initial.begin(), outcome.initial.end());
    return to;
}

struct Case {
    bool is_lstm;
    int hidden;
    std::vector<int> lengths;
    Kernels kernels;
    int blocks, slots;
    double input_scale;

    std::string name() const {
        char text[128];
        std::snprintf(text, sizeof text, "%s %d, %zu sequences, %dx%d, %d x %d slots, inputs to %g", is_lstm ? "LSTM" : "GRU",
                      hidden, lengths.size(), kernels.lanes, kernels.places, blocks, slots, input_scale);
        return text;
    }
};

void check(const Case& c) {
    const std::string name = c.name();
    const Problem problem = draw(c.is_lstm, c.hidden, c.lengths, c.input_scale, 7 * c.hidden + c.kernels.places);
    const Forwarded passed = forward(problem);
    const Gradients expected = backward(problem, passed);
    const Outcome outcome = c.kernels.run(problem, c.blocks, c.slots, 1);
    const Gradients found = gather(problem, outcome);
    const double errors[] = {distance(outcome.outputs, passed.outputs), distance(outcome.memories, passed.memories),
                             distance(found.inputs, expected.inputs),   distance(found.recurrent, expected.recurrent),
                             distance(found.w_hh, expected.w_hh),       distance(found.b_ih, expected.b_ih),
                             distance(found.b_hh, expected.b_hh),       distance(found.initial, expected.initial)};
    std::printf("%s:", name.c_str());
    for (double error : errors) std::printf(" %.0e", error);
    std::printf("\n");
    for (int index = 0; index < 8; ++index)
        expect(errors[index] < (index < 2 ? 2e-6 : 1e-5), index < 2 ? "forward" : "gradients", name);
    // In another order of the threads: a number that changes was read before it was there.
    const Outcome again = c.kernels.run(problem, c.blocks, c.slots, 99);
    expect(again.outputs == outcome.outputs && again.slots == outcome.slots && again.biases == outcome.biases &&
               again.initial == outcome.initial,
           "depends on the order of the threads", name);
}

// NaN in one sequence reaches all that follows there, and nothing else.
void check_nan(bool is_lstm, int hidden, const Kernels& kernels) {
    Problem problem = draw(is_lstm, hidden, {3, 5, 4, 2, 6}, 1, 3);
    const Outcome clean = kernels.run(problem, 1, 2, 5);
    const int h = hidden, row = 3 + 2;  // the second sequence's third
    problem.inputs[static_cast<size_t>(row) * problem.gates() * h + (problem.gates() - 1) * h] = NAN;
    const Outcome found = kernels.run(problem, 1, 2, 5);
    bool holds = true;
    for (int index = 0; index < problem.rows(); ++index)
        for (int u = 0; u < h; ++u) {
            const float x = found.outputs[index * h + u];
            const bool behind = index > row && index < 8, here = index == row && u == 0;
            if (behind || here) holds &= std::isnan(x);
            else holds &= x == clean.outputs[index * h + u];
        }
    for (int index = 0; index < problem.rows(); ++index)
        if (index < 3 || index >= 8)
            for (int k = 0; k < KEPT * h; ++k) {
                const size_t at = static_cast<size_t>(index) * KEPT * h + k;
                holds &= found.slots[at] == clean.slots[at];
            }
    expect(holds, "NaN stays in its sequence", is_lstm ? "LSTM" : "GRU");
}

#include "rounded.h"

double loss(const Problem& problem) {
    const Forwarded passed = forward(problem);
    double sum = 0;
    for (size_t index = 0; index < passed.outputs.size(); ++index)
        sum += problem.output_gradients[index] * passed.outputs[index];
    for (size_t index = 0; index < passed.memories.size(); ++index)
        sum += problem.memory_gradients[index] * passed.memories[index];
    return sum;
}

void check_reference(bool is_lstm) {
    Problem problem = draw(is_lstm, 3, {4, 0, 1, 2}, 1.5, 11);
    const Gradients gradients = backward(problem, forward(problem));
    const auto differences = [&](Numbers& parameters) {
        Numbers to;
        for (double& x : parameters) {
            const double middle = x;
            x = middle + 1e-5;
            const double above = loss(problem);
            x = middle - 1e-5;
            to.push_back((above - loss(problem)) / 2e-5);
            x = middle;
        }
        return to;
    };
    const bool holds = distance(gradients.w_hh, differences(problem.w_hh)) < 1e-8 &&
                       distance(gradients.b_ih, differences(problem.b_ih)) < 1e-8 &&
                       distance(gradients.b_hh, differences(problem.b_hh)) < 1e-8 &&
                       distance(gradients.inputs, differences(problem.inputs)) < 1e-8 &&
                       distance(gradients.initial, differences(problem.initial)) < 1e-8;
    expect(holds, "the plain gradients are not the finite differences", is_lstm ? "LSTM" : "GRU");
}

}  // namespace

// For the test of the host's plan, which has to count as the kernels do.
template <class Rule> void print_size(const char* name, int hidden, int places) {
    const Layout<Rule> layout(hidden, 0);
    std::printf("%s %d, %dx%d: %d threads, %zu bytes of weights, %zu of a slot\n", name, hidden, Rule::LANES, places,
                layout.threads, layout.n_weights() * sizeof(float), 2 * places * Rule::WIDTH * sizeof(float));
}

void print_sizes() {
#ifdef CLUSTERS
    print_size<Forward<LSTM, RANKS, 8>>("LSTM forward", 256, 8);
    print_size<Backward<LSTM, RANKS, 16>>("LSTM backward", 256, 4);
    print_size<Forward<GRU, RANKS, 8>>("GRU forward", 201, 8);
    print_size<Backward<GRU, RANKS, 16>>("GRU backward", 201, 8);
#else
    print_size<Forward<GRU, RANKS, 4>>("GRU forward", 100, 4);
    print_size<Forward<GRU, RANKS, 2>>("GRU forward", 101, 4);
    print_size<Backward<GRU, RANKS, 8>>("GRU backward", 100, 8);
    print_size<Forward<LSTM, RANKS, 4>>("LSTM forward", 67, 2);
    print_size<Backward<LSTM, RANKS, 8>>("LSTM backward", 67, 2);
#endif
}

int main() {
    print_sizes();
    print_rounded_sizes();
    check_conversions();
    // All outputs and gradients in this order: outputs, memories, both sums, w_hh, b_ih, b_hh, initial states.
    const std::vector<int> mixed = {3, 0, 7, 1, 5, 5, 2, 9, 0, 1, 4, 6, 8, 2, 3, 3, 1};
    for (bool is_lstm : {false, true}) {
        check_reference(is_lstm);
        for (const Kernels& kernels : ALL_KERNELS) check_nan(is_lstm, 20, kernels);
        for (const RoundedKernel& kernel : ROUNDED_KERNELS)
            if (kernel.is_lstm == is_lstm) check_rounded(kernel);
#ifdef CLUSTERS
        for (const Kernels& kernels : ALL_KERNELS) check({is_lstm, 13, mixed, kernels, 1, 1, 1});
        const auto [by_four, by_eight] = ALL_KERNELS;
        check({is_lstm, 13, mixed, by_four, 2, 3, 1});
        check({is_lstm, 160, {3, 2, 3, 0, 1}, by_four, 1, 1, 50});
        check({is_lstm, 256, {2, 2, 2, 0, 2, 1, 2, 2, 1, 1}, by_eight, 1, is_lstm ? 1 : 2, 1});
#else
        for (const Kernels& kernels : ALL_KERNELS) {
            for (int hidden : {1, 5, 32}) check({is_lstm, hidden, mixed, kernels, 1, 3, 1});
            check({is_lstm, 32, mixed, kernels, 2, 1, 50});
        }
        const auto [by_two, by_four, wide] = ALL_KERNELS;
        check({is_lstm, 100, mixed, by_two, 2, is_lstm ? 1 : 2, 5});
        check({is_lstm, 100, mixed, wide, 1, is_lstm ? 1 : 2, 1});
        check({is_lstm, 101, {3, 2, 4, 0, 1}, by_four, 1, 1, 1});
        check({is_lstm, is_lstm ? 112 : 128, {3, 2, 4, 0, 1}, wide, 2, 1, 1});
        check({is_lstm, 7, std::vector<int>(40, 2), by_two, 3, 5, 1});
#endif
    }
    std::printf("%d checks, %d faults\n", n_checks, n_faults);
    return n_faults == 0 ? 0 : 1;
}
