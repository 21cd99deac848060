// Defines what the kernels share: 16-byte accesses, sums over a block, conversions, and numbers by place.
#pragma once
#include <cuda_bf16.h>

typedef __nv_bfloat16 bf16;

// Eight numbers, read from and written to memory in 16-byte accesses, computed with in f32.
struct Eight {
    float at[8];

    __device__ static Eight load(const bf16* from) {
        Eight eight;
        uint4 bits = *reinterpret_cast<const uint4*>(from);
        const __nv_bfloat162* pairs = reinterpret_cast<const __nv_bfloat162*>(&bits);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            float2 pair = __bfloat1622float2(pairs[i]);
            eight.at[2 * i] = pair.x;
            eight.at[2 * i + 1] = pair.y;
        }
        return eight;
    }

    __device__ static Eight load(const float* from) {
        Eight eight;
#pragma unroll
        for (int i = 0; i < 2; i++) *reinterpret_cast<float4*>(eight.at + 4 * i) = reinterpret_cast<const float4*>(from)[i];
        return eight;
    }

    __device__ void store(bf16* to) const {
        uint4 bits;
        __nv_bfloat162* pairs = reinterpret_cast<__nv_bfloat162*>(&bits);
#pragma unroll
        for (int i = 0; i < 4; i++) pairs[i] = __floats2bfloat162_rn(at[2 * i], at[2 * i + 1]);
        *reinterpret_cast<uint4*>(to) = bits;
    }

    __device__ void store(float* to) const {
#pragma unroll
        for (int i = 0; i < 2; i++) reinterpret_cast<float4*>(to)[i] = *reinterpret_cast<const float4*>(at + 4 * i);
    }
};

__device__ inline float warp_sum(float value) {
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(0xffffffffu, value, lanes);
    return value;
}

// The sum over all threads of a block of at most 1024, in every thread; always added in the same order.
__device__ inline float block_sum(float value) {
    __shared__ float sums[32];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, num_warps = (blockDim.x + 31) / 32;
    value = warp_sum(value);
    __syncthreads();
    if (lane == 0) sums[warp] = value;
    __syncthreads();
    return warp_sum(lane < num_warps ? sums[lane] : 0.0f);
}

// 64 bits that follow from a seed and a place alone, so that they do not depend on how a kernel is launched: two
// rounds of multiply-xorshift over both words (the finaliser of MurmurHash3, Appleby 2008, on 64 bits).
__device__ inline unsigned long long noise(unsigned long long seed, unsigned long long place) {
    unsigned long long x = place + seed * 0x9e3779b97f4a7c15ull;
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    x ^= x >> 33;
    return x;
}
