// The gated activation (Shazeer, "GLU variants improve Transformer", 2020): silu(gate) * up. A thread computes eight.
#include "common.cuh"

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

// gate_up: (rows, 2 * columns), out: (rows, out_pitch)
extern "C" __global__ void swiglu_forward(const bf16* gate_up, bf16* out, int columns, int out_pitch) {
    int column = (blockIdx.y * blockDim.x + threadIdx.x) * 8;
    size_t row = blockIdx.x;
    if (column >= columns) return;
    Eight gate = Eight::load(gate_up + row * 2 * columns + column);
    Eight up = Eight::load(gate_up + row * 2 * columns + columns + column);
#pragma unroll
    for (int i = 0; i < 8; i++) up.at[i] *= gate.at[i] * sigmoid(gate.at[i]);
    up.store(out + row * out_pitch + column);
}

// dout: (rows, dout_pitch); gate_up is replaced by its gradient.
extern "C" __global__ void swiglu_backward(const bf16* dout, bf16* gate_up, int columns, int dout_pitch) {
    int column = (blockIdx.y * blockDim.x + threadIdx.x) * 8;
    size_t row = blockIdx.x;
    if (column >= columns) return;
    bf16* at = gate_up + row * 2 * columns + column;
    Eight gradient = Eight::load(dout + row * dout_pitch + column);
    Eight gate = Eight::load(at), up = Eight::load(at + columns);
#pragma unroll
    for (int i = 0; i < 8; i++) {
        float s = sigmoid(gate.at[i]), silu = gate.at[i] * s;
        float of_gate = gradient.at[i] * up.at[i] * (s + silu * (1.0f - s));
        up.at[i] = gradient.at[i] * silu;
        gate.at[i] = of_gate;
    }
    gate.store(at);
    up.store(at + columns);
}
