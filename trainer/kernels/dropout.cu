// Inverted dropout (Srivastava et al., 2014): what is left out follows from a seed and the place alone.
#include "common.cuh"

// x: (rows, x_pitch), out: (rows, out_pitch); out = x where kept, scaled, plus what out holds where `is_added`.
extern "C" __global__ void dropout(const bf16* x, bf16* out, int columns, int x_pitch, int out_pitch, int is_added,
                                   unsigned threshold, float scale, unsigned long long seed) {
    int column = (blockIdx.y * blockDim.x + threadIdx.x) * 8;
    size_t row = blockIdx.x;
    if (column >= columns) return;
    Eight value = Eight::load(x + row * x_pitch + column), sum = {};
    if (is_added) sum = Eight::load(out + row * out_pitch + column);
#pragma unroll
    for (int i = 0; i < 8; i++)
        if (static_cast<unsigned>(noise(seed, row * columns + column + i)) >= threshold) sum.at[i] += value.at[i] * scale;
    sum.store(out + row * out_pitch + column);
}
