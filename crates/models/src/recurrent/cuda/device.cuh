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
__device__ __forceinline__ unsigned in_block(const float* own, int rank) {
    unsigned address;
    const unsigned here = static_cast<unsigned>(__cvta_generic_to_shared(own));
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(address) : "r"(here), "r"(rank));
    return address;
}

__device__ __forceinline__ void store_in_block(float* own, int rank, float x) {
    asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(in_block(own, rank)), "f"(x) : "memory");
}

__device__ __forceinline__ void store_in_block(float4* own, int rank, float4 x) {
    const unsigned address = in_block(reinterpret_cast<float*>(own), rank);
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
