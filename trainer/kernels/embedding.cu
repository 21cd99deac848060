// Rows by token, and their gradient: tokens come sorted, so that one block adds up all places of a token in their order.
#include "common.cuh"

// table: (ids, columns), out: (tokens, columns)
extern "C" __global__ void embedding_forward(const bf16* table, const int* tokens, bf16* out, int columns) {
    size_t from = tokens[blockIdx.x], to = blockIdx.x;
    for (int column = threadIdx.x * 8; column < columns; column += blockDim.x * 8)
        Eight::load(table + from * columns + column).store(out + to * columns + column);
}

// order: places sorted by token; segment s covers order[starts[s]..starts[s + 1]]; dout: (tokens, columns)
template <typename T>
__device__ void backward(const bf16* dout, const int* tokens, const int* order, const int* starts, T* dtable, int columns) {
    int first = starts[blockIdx.x], end = starts[blockIdx.x + 1];
    T* row = dtable + static_cast<size_t>(tokens[order[first]]) * columns;
    for (int column = threadIdx.x * 8; column < columns; column += blockDim.x * 8) {
        Eight sum = Eight::load(row + column);
        for (int at = first; at < end; at++) {
            Eight gradient = Eight::load(dout + static_cast<size_t>(order[at]) * columns + column);
#pragma unroll
            for (int i = 0; i < 8; i++) sum.at[i] += gradient.at[i];
        }
        sum.store(row + column);
    }
}

extern "C" __global__ void embedding_backward_single(const bf16* dout, const int* tokens, const int* order,
                                                     const int* starts, float* dtable, int columns) {
    backward(dout, tokens, order, starts, dtable, columns);
}

extern "C" __global__ void embedding_backward_half(const bf16* dout, const int* tokens, const int* order,
                                                   const int* starts, bf16* dtable, int columns) {
    backward(dout, tokens, order, starts, dtable, columns);
}
