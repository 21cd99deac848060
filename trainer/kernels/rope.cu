// Rotary position embedding (Su et al., 2021), in place: the halves of each head turn against each other by the angle of
// the token's position. A thread turns eight pairs. The backward pass turns back.
#include "common.cuh"

// x: (tokens, pitch) with heads * 2 * half columns to turn; cosines, sines: (positions, half)
extern "C" __global__ void rope(bf16* x, const int* positions, const float* cosines, const float* sines, int tokens,
                                int heads, int half, int pitch, float direction) {
    int per_head = half / 8, per_token = heads * per_head;
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    int token = index / per_token, head = index % per_token / per_head, pair = index % per_head * 8;
    if (token >= tokens) return;
    bf16* first = x + static_cast<size_t>(token) * pitch + head * 2 * half + pair;
    size_t angle = static_cast<size_t>(positions[token]) * half + pair;
    Eight a = Eight::load(first), b = Eight::load(first + half);
    Eight cosine = Eight::load(cosines + angle), sine = Eight::load(sines + angle);
    Eight turned_a, turned_b;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        float s = sine.at[i] * direction;
        turned_a.at[i] = a.at[i] * cosine.at[i] - b.at[i] * s;
        turned_b.at[i] = b.at[i] * cosine.at[i] + a.at[i] * s;
    }
    turned_a.store(first);
    turned_b.store(first + half);
}
