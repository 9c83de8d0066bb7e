// GRU and LSTM layers over ragged sequences, forward and backward, in single precision; forward also with products on tensor
// cores, of numbers rounded to TF32 or bfloat16.
//
//     cargo xtask ptx           makes the PTX beside this file: with nvcc 13.0,
//         nvcc -std=c++17 -O3 -ptx -arch compute_80 kernels.cu -o kernels_80.ptx               one block for a layer
//         nvcc -std=c++17 -O3 -ptx -arch compute_90 -DCLUSTERS kernels.cu -o kernels_90.ptx    a cluster of eight
//     cargo xtask cuda-check    compiles it again, counts registers, and runs the kernels on the CPU (emulation/)
//
// cuBLAS has made the input's products W_i x of all steps; cells.cuh has the equations of one step. forward.cuh and
// backward.cuh say what is read and written, sequence.cuh how the recurrent product is shared by threads, tensor_cores.cuh how it
// is made on tensor cores.
//
// What there is to do for one row (one step of one sequence) of a layer with G gates, H units and I inputs, and the least
// time that an H100 takes for it (67 TFLOP/s, 3.35 TB/s; all 132 multiprocessors). The first line of a pass is its kernel,
// the second its matrix products; each number is read or written once, the weights not counted.
//
//                             FLOP             bytes / 4                      GRU, H = I = 100        LSTM, H = I = 256
//     inference               2 G H²           (G + 1) H                      0.90 ns   0.48 ns       7.8 ns    1.5 ns
//                             2 G H I          G H + I                        0.90 ns   0.48 ns       7.8 ns    1.5 ns
//     forward with gates kept 2 G H²           (G + 5) H, LSTM (G + 6) H      0.90 ns   0.96 ns       7.8 ns    3.1 ns
//                             2 G H I          G H + I                        0.90 ns   0.48 ns       7.8 ns    1.5 ns
//     backward                2 G H²           11 H, LSTM 14 H                0.90 ns   1.3 ns        7.8 ns    4.3 ns
//                             2 G H (H + 2 I)  (3 G + 1) H + 2 I              2.7 ns    1.4 ns        23 ns     4.6 ns
//
// So every kernel is bound by its multiplications. A multiprocessor makes 128 of them in a cycle: 234 cycles for one row of
// the GRU. By the machine code for sm_90, gru_forward_2x4 with its five slots in 16 warps takes about 400. Shared memory gives
// 128 bytes in a cycle; the weights alone are 120 KB for each slot and step, 940 cycles, which is why a slot of two sequences is
// bound by them. (Counted, not measured. A slot of eight sequences by four lanes was counted too: faster by 14 % at most, for some
// widths that are multiples of 16, and its registers went into memory.)
//
// On tensor cores a multiprocessor of an A100 makes 512 multiplications of TF32 in a cycle, and twice as many of bfloat16: 74 and 42
// cycles for the products of a row of the GRU, which are padded to 112 x 112 and 112 x 128. What is left is as much: about 85
// instructions for a unit's gates, 66 cycles for a row. (Counted, not measured.)
#include "backward.cuh"
#include "forward.cuh"
#include "tensor_cores.cuh"

#ifdef CLUSTERS
#define RANKS 8
#define ON_CLUSTERS __cluster_dims__(RANKS, 1, 1)
#else
#define RANKS 1
#define ON_CLUSTERS
#endif

// The most threads of a block: what the registers of a multiprocessor are enough for. `Shape` in plan.rs has the same.
#define GRU_THREADS 512
#define LSTM_THREADS 384

// CELL_forward_LxS: L lanes share two units, a slot has S sequences.
#define FORWARD(NAME, CELL, L, S)                                                                                        \
    extern "C" __global__ void ON_CLUSTERS __launch_bounds__(CELL##_THREADS, 1)                                          \
        NAME##_forward_##L##x##S(const float* w_hh, const float* b_ih, const float* b_hh, float* gates,                  \
                                 const float* initial, float* outputs, float* memories, const unsigned* schedule,        \
                                 int hidden, int slots, int stride, int keep) {                                          \
        run<Forward<CELL, RANKS, L>, S>(                                                                                 \
            {w_hh, b_ih, b_hh, gates, initial, outputs, memories, stride, keep != 0}, schedule, hidden, slots);          \
    }

// CELL_backward_LxS: L lanes share four units, a slot has S sequences.
#define BACKWARD(NAME, CELL, L, S)                                                                                       \
    extern "C" __global__ void ON_CLUSTERS __launch_bounds__(CELL##_THREADS, 1)                                          \
        NAME##_backward_##L##x##S(const float* w_hh, const float* kept, const float* initial, const float* outputs,      \
                                  const float* memories, const float* output_gradients, const float* memory_gradients,   \
                                  float* slot_gradients, float* before, float* initial_gradients,                        \
                                  float* bias_gradients, const unsigned* schedule, int hidden, int slots) {              \
        run<Backward<CELL, RANKS, L>, S>({w_hh, kept, initial, outputs, memories, output_gradients, memory_gradients,    \
                                          slot_gradients, before, initial_gradients, bias_gradients},                    \
                                         schedule, hidden, slots);                                                       \
    }

// CELL_forward_OPERANDxS: a slot has S sequences, PARTS warps share 16 units, and each multiplies RUNS runs of k. Registers are
// enough for so many threads. `ON_TENSOR_CORES` in plan.rs has the same.
#define ROUNDED(NAME, CELL, OPERAND, OPERAND_TYPE, S, PARTS, RUNS, THREADS)                                              \
    extern "C" __global__ void ON_CLUSTERS __launch_bounds__(THREADS, 1)                                                 \
        NAME##_forward_##OPERAND##x##S(const float* w_hh, const float* b_ih, const float* b_hh, float* gates,            \
                                       const float* initial, float* outputs, float* memories, const unsigned* schedule,  \
                                       int hidden, int, int stride, int keep) {                                          \
        run_on_tensor_cores<Tiling<Forward<CELL, RANKS, 1>, OPERAND_TYPE, PARTS, RUNS, S / 8>>(                          \
            {w_hh, b_ih, b_hh, gates, initial, outputs, memories, stride, keep != 0}, schedule, hidden);                 \
    }

#ifdef CLUSTERS
#define KERNELS(NAME, CELL)    \
    FORWARD(NAME, CELL, 8, 4)  \
    FORWARD(NAME, CELL, 8, 8)  \
    BACKWARD(NAME, CELL, 16, 4) \
    BACKWARD(NAME, CELL, 16, 8)
#else
#define KERNELS(NAME, CELL)   \
    FORWARD(NAME, CELL, 4, 2) \
    FORWARD(NAME, CELL, 4, 4) \
    FORWARD(NAME, CELL, 2, 4) \
    BACKWARD(NAME, CELL, 8, 2) \
    BACKWARD(NAME, CELL, 8, 4) \
    BACKWARD(NAME, CELL, 8, 8)
#endif

KERNELS(gru, GRU)
KERNELS(lstm, LSTM)

#ifdef CLUSTERS
ROUNDED(lstm, LSTM, tf32, TF32, 8, 4, 8, 256)
ROUNDED(lstm, LSTM, tf32, TF32, 16, 4, 8, 256)
ROUNDED(lstm, LSTM, bf16, BF16, 8, 4, 4, 256)
ROUNDED(lstm, LSTM, bf16, BF16, 16, 4, 4, 256)
#else
ROUNDED(gru, GRU, tf32, TF32, 8, 2, 7, 448)
ROUNDED(gru, GRU, bf16, BF16, 8, 2, 4, 512)
ROUNDED(gru, GRU, bf16, BF16, 16, 2, 4, 512)
ROUNDED(lstm, LSTM, tf32, TF32, 8, 2, 6, 384)
ROUNDED(lstm, LSTM, bf16, BF16, 8, 2, 4, 512)
#endif

// The gradients of both biases from the sums that the parts of a backward pass left, [part, KEPT, hidden]. One thread for each
// unit of each slot, in double precision: what is left over of many large terms is to be right.
extern "C" __global__ void sum_parts(const float* parts, int n_parts, int gates, int hidden, float* b_ih, float* b_hh) {
    const int n_sums = KEPT * hidden, index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (index >= n_sums) return;
    double sum = 0.0;
    for (int part = 0; part < n_parts; ++part) sum += parts[static_cast<size_t>(part) * n_sums + index];
    const int slot = index / hidden, unit = index % hidden, first_of_input = KEPT - gates;
    const float rounded = static_cast<float>(sum);
    if (slot >= first_of_input) b_ih[(slot - first_of_input) * hidden + unit] = rounded;
    // The recurrent sums are the first slots; the GRU's last gate comes first.
    if (slot < gates) b_hh[(slot + gates - first_of_input) % gates * hidden + unit] = rounded;
}
