// Root-mean-square norm (Zhang and Sennrich, 2019), forward and backward. A block computes a row, which it keeps in
// registers: columns are a multiple of 8 and at most 8 * THREADS * VECTORS.
//
// `rows`, where it is not null, names the row of x that each row of out is computed from; the backward pass writes to
// those rows of x's gradient.
#include "common.cuh"

constexpr int THREADS = 256;
constexpr int VECTORS = 4;

// x: (any, columns), out: (rows, out_pitch), rstd: (rows)   out = x * rstd * weight
extern "C" __global__ void rms_norm_forward(const bf16* x, const bf16* weight, const int* rows, bf16* out, float* rstd,
                                            int columns, int out_pitch, float epsilon) {
    size_t row = blockIdx.x;
    x += static_cast<size_t>(rows ? rows[row] : row) * columns;
    Eight values[VECTORS];
    float squares = 0.0f;
#pragma unroll
    for (int v = 0; v < VECTORS; v++) {
        int column = (v * THREADS + threadIdx.x) * 8;
        if (column < columns) {
            values[v] = Eight::load(x + column);
#pragma unroll
            for (int i = 0; i < 8; i++) squares += values[v].at[i] * values[v].at[i];
        }
    }
    float scale = rsqrtf(block_sum(squares) / columns + epsilon);
    if (threadIdx.x == 0) rstd[row] = scale;
#pragma unroll
    for (int v = 0; v < VECTORS; v++) {
        int column = (v * THREADS + threadIdx.x) * 8;
        if (column < columns) {
            Eight w = Eight::load(weight + column);
#pragma unroll
            for (int i = 0; i < 8; i++) w.at[i] *= values[v].at[i] * scale;
            w.store(out + row * out_pitch + column);
        }
    }
}

// dout: (rows, dout_pitch), x: (any, columns)   dx = rstd * (dout * weight - x * rstd^2 * mean(dout * weight * x)),
// added to what dx holds where `is_added` says so: the gradient that went past the norm.
extern "C" __global__ void rms_norm_backward(const bf16* dout, const bf16* x, const bf16* weight, const int* rows,
                                             const float* rstd, bf16* dx, int columns, int dout_pitch, int is_added) {
    size_t row = blockIdx.x, place = rows ? rows[row] : row;
    x += place * columns;
    dx += place * columns;
    Eight values[VECTORS], gradients[VECTORS];
    float products = 0.0f;
#pragma unroll
    for (int v = 0; v < VECTORS; v++) {
        int column = (v * THREADS + threadIdx.x) * 8;
        if (column < columns) {
            values[v] = Eight::load(x + column);
            gradients[v] = Eight::load(dout + row * dout_pitch + column);
            Eight w = Eight::load(weight + column);
#pragma unroll
            for (int i = 0; i < 8; i++) {
                gradients[v].at[i] *= w.at[i];
                products += gradients[v].at[i] * values[v].at[i];
            }
        }
    }
    float scale = rstd[row], shrink = scale * scale * block_sum(products) / columns;
#pragma unroll
    for (int v = 0; v < VECTORS; v++) {
        int column = (v * THREADS + threadIdx.x) * 8;
        if (column < columns) {
            Eight sum = {};
            if (is_added) sum = Eight::load(dx + column);
#pragma unroll
            for (int i = 0; i < 8; i++) sum.at[i] += scale * (gradients[v].at[i] - values[v].at[i] * shrink);
            sum.store(dx + column);
        }
    }
}

// The weight's gradient, in two steps that add up in the same order every time. First each block takes 8 * 32 columns of
// `span` rows. partial: (blocks of rows, columns)
extern "C" __global__ void rms_norm_weight_partial(const bf16* dout, const bf16* x, const int* rows, const float* rstd,
                                                   float* partial, int num_rows, int columns, int dout_pitch, int span) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, column = (blockIdx.x * 32 + lane) * 8;
    __shared__ Eight sums[8][32];
    Eight sum = {};
    int end = min(num_rows, (static_cast<int>(blockIdx.y) + 1) * span);
    if (column < columns) {
        for (int row = blockIdx.y * span + warp; row < end; row += 8) {
            Eight value = Eight::load(x + static_cast<size_t>(rows ? rows[row] : row) * columns + column);
            Eight gradient = Eight::load(dout + static_cast<size_t>(row) * dout_pitch + column);
#pragma unroll
            for (int i = 0; i < 8; i++) sum.at[i] += gradient.at[i] * value.at[i] * rstd[row];
        }
    }
    sums[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && column < columns) {
        for (int other = 1; other < 8; other++)
#pragma unroll
            for (int i = 0; i < 8; i++) sum.at[i] += sums[other][lane].at[i];
        sum.store(partial + static_cast<size_t>(blockIdx.y) * columns + column);
    }
}

template <typename T>
__device__ void weight_sum(const float* partial, T* dweight, int num_partials, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= columns) return;
    float sum = dweight[column];
    for (int row = 0; row < num_partials; row++) sum += partial[static_cast<size_t>(row) * columns + column];
    dweight[column] = sum;
}

extern "C" __global__ void rms_norm_weight_sum_single(const float* partial, float* dweight, int num_partials, int columns) {
    weight_sum(partial, dweight, num_partials, columns);
}

extern "C" __global__ void rms_norm_weight_sum_half(const float* partial, bf16* dweight, int num_partials, int columns) {
    weight_sum(partial, dweight, num_partials, columns);
}
