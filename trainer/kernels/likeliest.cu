// The first of the greatest numbers of each row.
#include "common.cuh"

struct Best {
    float value;
    int place;
};

__device__ inline Best better(Best a, Best b) {
    bool is_a = a.value > b.value || (a.value == b.value && a.place < b.place);
    return is_a ? a : b;
}

__device__ inline Best warp_best(Best best) {
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2)
        best = better(best, {__shfl_xor_sync(0xffffffffu, best.value, lanes),
                             __shfl_xor_sync(0xffffffffu, best.place, lanes)});
    return best;
}

// Grid: (rows). rows: (rows, pitch), of which the first `columns` are looked at; out: (rows), -1 where there is no
// number.
extern "C" __global__ void likeliest(const float* rows, int* out, int columns, int pitch) {
    __shared__ Best bests[32];
    const float* row = rows + static_cast<size_t>(blockIdx.x) * pitch;
    Best best = {-INFINITY, 0};
    for (int column = threadIdx.x; column < columns; column += blockDim.x)
        if (row[column] > best.value) best = {row[column], column};
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, num_warps = blockDim.x / 32;
    best = warp_best(best);
    if (lane == 0) bests[warp] = best;
    __syncthreads();
    best = warp_best(lane < num_warps ? bests[lane] : Best{-INFINITY, 0x7fffffff});
    if (threadIdx.x == 0) out[blockIdx.x] = best.value > -INFINITY ? best.place : -1;
}
