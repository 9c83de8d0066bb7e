// The kernels whose products are on tensor cores, beside the plain layer: with its operands rounded as theirs, and without.
// A part of check.cpp.

// Rounded to so many binary digits, as arithmetic says it.
template <int DIGITS, double (*TO_INTEGER)(double)> double to_digits(double x) {
    if (x == 0 || !std::isfinite(x)) return x;
    int exponent;
    const double mantissa = std::frexp(x, &exponent);
    return std::ldexp(TO_INTEGER(std::ldexp(mantissa, DIGITS)), exponent - DIGITS);
}

constexpr Rounding TO_TF32 = to_digits<11, std::round>, TO_BF16 = to_digits<8, std::nearbyint>;

struct RoundedKernel {
    const char* name;
    bool is_lstm;
    Rounding rounded;
    double allowed;  // what rounding may do to outputs and to gradients, as a part of the largest
    int hidden;  // the most
    ForwardKernel forward;
};

template <class T> unsigned rounded_threads(int hidden, int) { return T::threads(hidden); }
template <class T> size_t rounded_shared_bytes(int hidden, int) { return T::shared_words(hidden) * sizeof(float); }

#define ROUNDED_KERNEL(NAME, CELL, OPERAND, OPERAND_TYPE, S, PARTS, RUNS, ALLOWED, HIDDEN)                                       \
    RoundedKernel {                                                                                                              \
        #NAME "_forward_" #OPERAND "x" #S, CELL::HAS_MEMORY, TO_##OPERAND_TYPE, ALLOWED, HIDDEN, {                               \
            S, rounded_threads<Tiling<Forward<CELL, RANKS, 1>, OPERAND_TYPE, PARTS, RUNS, S / 8>>,                               \
                rounded_shared_bytes<Tiling<Forward<CELL, RANKS, 1>, OPERAND_TYPE, PARTS, RUNS, S / 8>>,                         \
                NAME##_forward_##OPERAND##x##S                                                                                   \
        }                                                                                                                        \
    }

#ifdef CLUSTERS
const RoundedKernel ROUNDED_KERNELS[] = {
    ROUNDED_KERNEL(lstm, LSTM, tf32, TF32, 8, 4, 8, 2e-3, 256), ROUNDED_KERNEL(lstm, LSTM, tf32, TF32, 16, 4, 8, 2e-3, 256),
    ROUNDED_KERNEL(lstm, LSTM, bf16, BF16, 8, 4, 4, 2e-2, 256), ROUNDED_KERNEL(lstm, LSTM, bf16, BF16, 16, 4, 4, 2e-2, 256)};
#else
const RoundedKernel ROUNDED_KERNELS[] = {
    ROUNDED_KERNEL(gru, GRU, tf32, TF32, 8, 2, 7, 2e-3, 112),  ROUNDED_KERNEL(gru, GRU, bf16, BF16, 8, 2, 4, 2e-2, 128),
    ROUNDED_KERNEL(gru, GRU, bf16, BF16, 16, 2, 4, 2e-2, 128), ROUNDED_KERNEL(lstm, LSTM, tf32, TF32, 8, 2, 6, 2e-3, 96),
    ROUNDED_KERNEL(lstm, LSTM, bf16, BF16, 8, 2, 4, 2e-2, 128)};
#endif

// The same steps, each a sequence of its own that begins with the states that came before it.
Problem step_by_step(const Problem& problem, const Outcome& outcome) {
    Problem steps = problem;
    steps.lengths.assign(problem.rows(), 1);
    steps.initial.clear();
    const int h = problem.hidden, n_states = problem.states();
    size_t row = 0;
    for (size_t sequence = 0; sequence < problem.lengths.size(); ++sequence)
        for (int step = 0; step < problem.lengths[sequence]; ++step, ++row) {
            const auto add = [&](auto from) { steps.initial.insert(steps.initial.end(), from, from + h); };
            if (step == 0) {
                for (int state = 0; state < n_states; ++state) add(problem.initial.begin() + (sequence * n_states + state) * h);
            } else {
                add(outcome.outputs.begin() + (row - 1) * h);
                if (problem.is_lstm) add(outcome.memories.begin() + (row - 1) * h);
            }
        }
    return steps;
}

void check_rounded(const RoundedKernel& kernel, int hidden, std::vector<int> lengths, int blocks, double input_scale) {
    const Problem problem = draw(kernel.is_lstm, hidden, std::move(lengths), input_scale, 13 * hidden + kernel.forward.places);
    const std::string name = std::string(kernel.name) + ", " + std::to_string(hidden) + " units";
    Floats gates;
    Outcome outcome = run_forward(kernel.forward, problem, blocks, 1, 1, gates);
    const Forwarded same = forward(step_by_step(problem, outcome), kernel.rounded), exact = forward(problem);
    const double of_step = max(distance(outcome.outputs, same.outputs), distance(outcome.memories, same.memories));
    const double of_rounding = max(distance(outcome.outputs, exact.outputs), distance(outcome.memories, exact.memories));
    std::printf("%s, inputs to %g: a step %.0e, outputs %.1e", name.c_str(), input_scale, of_step, of_rounding);
    expect(of_step < 2e-6, "a step of rounded operands", name);
    expect(of_rounding < kernel.allowed, "outputs", name);

    if (hidden < 32) {
        Floats kept_again;
        const Outcome again = run_forward(kernel.forward, problem, blocks, 1, 77, kept_again);
        expect(again.outputs == outcome.outputs && again.memories == outcome.memories && kept_again == gates,
               "depends on the order of the threads", name);
    }

    // What a training makes of it: bfloat16 is not for that, and the backward pass is in single precision.
    using Back = void (*)(const Problem&, int, int, unsigned, const Floats&, Outcome&);
#ifdef CLUSTERS
    const Back back = run_backward<Backward<LSTM, RANKS, 16>, 4, lstm_backward_16x4>;
#else
    const Back back = kernel.is_lstm ? run_backward<Backward<LSTM, RANKS, 8>, 2, lstm_backward_8x2>
                                     : Back(run_backward<Backward<GRU, RANKS, 8>, 2, gru_backward_8x2>);
#endif
    if (kernel.rounded == TO_TF32) {
        const Gradients expected = backward(problem, exact);
        back(problem, 1, 1, 5, gates, outcome);
        const Gradients found = gather(problem, outcome);
        double worst = 0;
        for (auto of : {&Gradients::inputs, &Gradients::recurrent, &Gradients::w_hh, &Gradients::b_ih, &Gradients::b_hh,
                        &Gradients::initial})
            worst = max(worst, distance(found.*of, expected.*of));
        std::printf(", gradients %.1e", worst);
        expect(worst < kernel.allowed, "gradients", name);
    }
    std::printf("\n");
}

// NaN in one sequence reaches all that follows there, and nothing else.
void check_rounded_nan(const RoundedKernel& kernel) {
    Problem problem = draw(kernel.is_lstm, 20, {3, 5, 4, 2, 6}, 1, 3);
    Floats gates;
    const Outcome clean = run_forward(kernel.forward, problem, 1, 1, 5, gates);
    const int h = problem.hidden, row = 3 + 2;  // the second sequence's third
    problem.inputs[static_cast<size_t>(row) * problem.gates() * h + (problem.gates() - 1) * h] = NAN;
    const Outcome found = run_forward(kernel.forward, problem, 1, 1, 5, gates);
    bool holds = true;
    for (int index = 0; index < problem.rows(); ++index)
        for (int u = 0; u < h; ++u) {
            const float x = found.outputs[index * h + u];
            const bool is_nan = (index > row && index < 8) || (index == row && u == 0);
            holds &= is_nan ? std::isnan(x) : x == clean.outputs[index * h + u];
        }
    expect(holds, "NaN stays in its sequence", kernel.name);
}

void check_rounded(const RoundedKernel& kernel) {
    const std::vector<int> mixed = {3, 0, 7, 1, 5, 5, 2, 9, 0, 1, 4, 6, 8, 2, 3, 3, 1, 2, 2, 4, 5};
#ifdef CLUSTERS
    // Many threads: what the two sizes of a slot have in common is run for one of them.
    if (kernel.forward.places == 16) {
        check_rounded_nan(kernel);
        check_rounded(kernel, 13, mixed, 1, 1);
        check_rounded(kernel, 160, {3, 2, 1}, 1, 1);
    } else {
        check_rounded(kernel, 160, {3, 2, 3, 0, 1, 2, 1, 1, 2, 1}, 1, 50);
        check_rounded(kernel, 256, {2, 3, 1}, 1, 1);
    }
#else
    check_rounded_nan(kernel);
    check_rounded(kernel, 13, mixed, 1, 1);
    check_rounded(kernel, 33, {3, 2, 3, 0, 1, 2, 4, 1, 1, 5, 2}, 2, 50);
    check_rounded(kernel, kernel.hidden, {4, 3, 2, 0, 5, 1, 2, 2, 3, 1}, 1, 1);
    if (!kernel.is_lstm) check_rounded(kernel, 100, {30, 12, 25, 17, 30, 9, 3, 28}, 1, 2);
#endif
}

// The conversions of the emulation against arithmetic, at ties and at what is no number.
void check_conversions() {
    bool holds = true;
    std::mt19937 random(17);
    for (int index = 0; index < 200000; ++index) {
        // Every third one lies between two numbers of a short mantissa.
        unsigned bits = random();
        if (index % 3 == 0) bits = (bits & 0xffffe000) | 0x1000;
        if (index % 3 == 1) bits = (bits & 0xffff0000) | 0x8000;
        if ((bits >> 23 & 255) == 0 || (bits >> 23 & 255) >= 254) continue;
        const float x = std::bit_cast<float>(bits);
        holds &= std::bit_cast<float>(to_tf32(x)) == TO_TF32(x);
        holds &= std::bit_cast<float>(static_cast<unsigned>(to_bf16(x)) << 16) == TO_BF16(x);
    }
    for (float x : {INFINITY, -INFINITY, 0.0f, -0.0f})
        holds &= std::bit_cast<float>(to_tf32(x)) == x && std::bit_cast<float>(static_cast<unsigned>(to_bf16(x)) << 16) == x;
    for (float x : {NAN, -NAN, std::bit_cast<float>(0x7f800001u)})
        holds &= std::isnan(std::bit_cast<float>(to_tf32(x))) &&
                 std::isnan(std::bit_cast<float>(static_cast<unsigned>(to_bf16(x)) << 16));
    expect(holds, "rounding", "conversions");
}

// For the test of the host's plan.
void print_rounded_sizes() {
    for (const RoundedKernel& kernel : ROUNDED_KERNELS)
        std::printf("%s, %d units: %u threads, %zu bytes\n", kernel.name, kernel.hidden, kernel.forward.threads(kernel.hidden, 1),
                    kernel.forward.shared_bytes(kernel.hidden, 1));
}
