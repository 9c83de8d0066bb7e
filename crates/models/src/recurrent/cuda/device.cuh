// What a kernel takes from the device: the one place that differs between nvcc and the emulation on a CPU.
#pragma once

#ifdef __CUDACC__

// Dynamic shared memory of a block.
__device__ __forceinline__ float* shared_numbers() {
    extern __shared__ float4 shared_memory[];
    return reinterpret_cast<float*>(shared_memory);
}

// 1 / x for x of at least 1, to the last digit but one; 0 for infinity.
__device__ __forceinline__ float reciprocal(float x) {
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// A number with a short mantissa, as tensor cores take it: the nearest one, of two the one away from zero for TF32, the even one
// for bfloat16.
__device__ __forceinline__ unsigned to_tf32(float x) {
    unsigned y;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
    return y;
}

__device__ __forceinline__ unsigned short to_bf16(float x) {
    unsigned short y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}

// c += a b by the 32 lanes of a warp; c is 16 x 8, a is 16 x k, b is k x 8. With g = lane / 4 and t = lane % 4, a lane has c in
// rows g, g, g + 8, g + 8 and columns 2 t, 2 t + 1, 2 t, 2 t + 1, and one word after the other
//
//     TF32, k = 8         a[g][t]   a[g + 8][t]   a[g][t + 4]   a[g + 8][t + 4]                b[t][g]   b[t + 4][g]
//     bfloat16, k = 16    the same with two neighbouring k in each word: 2 t and 2 t + 1 for t, 2 t + 8 and 2 t + 9 for t + 4
__device__ __forceinline__ void multiply_tf32(float (&c)[4], const unsigned (&a)[4], uint2 b) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
}

__device__ __forceinline__ void multiply_bf16(float (&c)[4], const unsigned (&a)[4], uint2 b) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
}

// Blocks of a cluster, which read no memory but their own and write into each other's.
#ifdef CLUSTERS

__device__ __forceinline__ int cluster_rank() {
    unsigned rank;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return static_cast<int>(rank);
}

__device__ __forceinline__ void cluster_sync() {
    asm volatile("barrier.cluster.arrive.release;\n\tbarrier.cluster.wait.acquire;" ::: "memory");
}

// The address of a block's own shared number in the shared memory of another block of its cluster.
__device__ __forceinline__ unsigned in_block(const void* own, int rank) {
    unsigned address;
    const unsigned here = static_cast<unsigned>(__cvta_generic_to_shared(own));
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(address) : "r"(here), "r"(rank));
    return address;
}

__device__ __forceinline__ void store_in_block(float* own, int rank, float x) {
    asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(in_block(own, rank)), "f"(x) : "memory");
}

__device__ __forceinline__ void store_in_block(unsigned* own, int rank, unsigned x) {
    asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(in_block(own, rank)), "r"(x) : "memory");
}

__device__ __forceinline__ void store_in_block(unsigned short* own, int rank, unsigned short x) {
    asm volatile("st.shared::cluster.u16 [%0], %1;" ::"r"(in_block(own, rank)), "h"(x) : "memory");
}

__device__ __forceinline__ void store_in_block(float4* own, int rank, float4 x) {
    const unsigned address = in_block(own, rank);
    asm volatile("st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(address), "f"(x.x), "f"(x.y), "f"(x.z), "f"(x.w)
                 : "memory");
}

#else

__device__ __forceinline__ int cluster_rank() { return 0; }
__device__ __forceinline__ void cluster_sync() {}
template <class T> __device__ __forceinline__ void store_in_block(T*, int, T) {}

#endif

#else
#include "emulation/device.h"
#endif
