// The loss of each row of logits in nats and, in the logits' place, the gradient of their sum (softmax minus one at the
// target). A block computes a row: once over it for the greatest and the sum (Milakov and Gimelshein, "Online normalizer
// calculation for softmax", 2018), once more, out of the cache, for the gradient.
#include "common.cuh"

struct Sum {
    float greatest, sum;  // of exp(x - greatest)
};

__device__ inline Sum join(Sum a, Sum b) {
    if (a.greatest < b.greatest) {
        Sum other = a;
        a = b;
        b = other;
    }
    // -inf - -inf is no number; a part without numbers has nothing to add.
    if (b.sum > 0.0f) a.sum += b.sum * __expf(b.greatest - a.greatest);
    return a;
}

__device__ inline Sum warp_join(Sum sum) {
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2) {
        Sum other = {__shfl_xor_sync(0xffffffffu, sum.greatest, lanes), __shfl_xor_sync(0xffffffffu, sum.sum, lanes)};
        sum = join(sum, other);
    }
    return sum;
}

// logits: (rows, columns), targets: (num_targets); rows beyond num_targets get a gradient of 0. losses: (num_targets)
extern "C" __global__ void cross_entropy(bf16* logits, const int* targets, float* losses, int num_targets, int columns,
                                         int has_gradient) {
    __shared__ Sum sums[32];
    size_t row = blockIdx.x;
    bf16* line = logits + row * columns;
    if (row >= num_targets) {
        Eight zero = {};
        if (has_gradient)
            for (int column = threadIdx.x * 8; column < columns; column += blockDim.x * 8) zero.store(line + column);
        return;
    }
    Sum sum = {-INFINITY, 0.0f};
    for (int column = threadIdx.x * 8; column < columns; column += blockDim.x * 8) {
        Eight x = Eight::load(line + column);
        float greatest = x.at[0];
#pragma unroll
        for (int i = 1; i < 8; i++) greatest = fmaxf(greatest, x.at[i]);
        Sum part = {greatest, 0.0f};
#pragma unroll
        for (int i = 0; i < 8; i++) part.sum += __expf(x.at[i] - greatest);
        sum = join(sum, part);
    }
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, num_warps = blockDim.x / 32;
    sum = warp_join(sum);
    if (lane == 0) sums[warp] = sum;
    __syncthreads();
    sum = warp_join(lane < num_warps ? sums[lane] : Sum{-INFINITY, 0.0f});
    int target = targets[row];
    if (threadIdx.x == 0)
        losses[row] = logf(sum.sum) + sum.greatest - __bfloat162float(line[target]);
    if (!has_gradient) return;
    __syncthreads();  // the target's logit is read before it is overwritten
    float scale = 1.0f / sum.sum;
    for (int column = threadIdx.x * 8; column < columns; column += blockDim.x * 8) {
        Eight x = Eight::load(line + column);
#pragma unroll
        for (int i = 0; i < 8; i++)
            x.at[i] = __expf(x.at[i] - sum.greatest) * scale - (column + i == target ? 1.0f : 0.0f);
        x.store(line + column);
    }
}

// Losses alone, of logits in singles. logits: (rows, pitch), of which the first `columns` count; targets, losses: (rows)
extern "C" __global__ void cross_entropy_losses(const float* logits, const int* targets, float* losses, int columns,
                                                int pitch) {
    __shared__ Sum sums[32];
    const float* line = logits + static_cast<size_t>(blockIdx.x) * pitch;
    Sum sum = {-INFINITY, 0.0f};
    for (int column = threadIdx.x * 8; column < columns; column += blockDim.x * 8) {
        Eight x = Eight::load(line + column);
        float greatest = -INFINITY;
#pragma unroll
        for (int i = 0; i < 8; i++) {
            if (column + i >= columns) x.at[i] = -INFINITY;
            greatest = fmaxf(greatest, x.at[i]);
        }
        Sum part = {greatest, 0.0f};
#pragma unroll
        for (int i = 0; i < 8; i++) part.sum += __expf(x.at[i] - greatest);
        sum = join(sum, part);
    }
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, num_warps = blockDim.x / 32;
    sum = warp_join(sum);
    if (lane == 0) sums[warp] = sum;
    __syncthreads();
    sum = warp_join(lane < num_warps ? sums[lane] : Sum{-INFINITY, 0.0f});
    if (threadIdx.x == 0) losses[blockIdx.x] = logf(sum.sum) + sum.greatest - line[targets[blockIdx.x]];
}

// losses: (count), added to the one number at `total` in double precision, always in the same order.
extern "C" __global__ void cross_entropy_total(const float* losses, double* total, int count) {
    __shared__ double sums[256];
    double sum = 0.0;
    for (int at = threadIdx.x; at < count; at += blockDim.x) sum += losses[at];
    sums[threadIdx.x] = sum;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) *total += sums[0];
}
