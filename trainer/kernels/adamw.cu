// The norm of the gradients, what it means for the update, and the update: AdamW (Loshchilov and Hutter, 2019).
#include "common.cuh"

constexpr int THREADS = 256;

// What an update is made with; on the device, so that nothing has to wait for the host.
struct State {
    float norm;       // of the mean gradient
    float scale;      // what a summed gradient is multiplied by: 1 / targets, and the clipping
    float is_finite;  // 1, or 0: then nothing is changed
    float squares;    // of the summed gradients
};

template <typename T>
__device__ void squares(const T* gradient, size_t count, double* partial) {
    __shared__ double sums[THREADS];
    size_t span = (count / 8 + gridDim.x - 1) / gridDim.x, end = min(count / 8, (blockIdx.x + 1) * span);
    double sum = 0.0;
    for (size_t at = blockIdx.x * span + threadIdx.x; at < end; at += blockDim.x) {
        Eight g = Eight::load(gradient + at * 8);
        float part = 0.0f;
#pragma unroll
        for (int i = 0; i < 8; i++) part += g.at[i] * g.at[i];
        sum += part;
    }
    if (blockIdx.x == 0 && threadIdx.x == 0)
        for (size_t at = count / 8 * 8; at < count; at++) sum += static_cast<float>(gradient[at]) * static_cast<float>(gradient[at]);
    sums[threadIdx.x] = sum;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) partial[blockIdx.x] += sums[0];
}

extern "C" __global__ void adamw_squares_single(const float* gradient, double* partial, unsigned long long count) {
    squares(gradient, count, partial);
}

extern "C" __global__ void adamw_squares_half(const bf16* gradient, double* partial, unsigned long long count) {
    squares(gradient, count, partial);
}

// One thread: few numbers, and always added in the same order.
extern "C" __global__ void adamw_total(const double* partial, int num_partials, float* squares) {
    double sum = 0.0;
    for (int at = 0; at < num_partials; at++) sum += partial[at];
    *squares = static_cast<float>(sum);
}

extern "C" __global__ void adamw_decide(State* state, float mean, float clip) {
    float norm = sqrtf(state->squares) * mean;
    state->norm = norm;
    state->is_finite = isfinite(norm) ? 1.0f : 0.0f;
    state->scale = mean * (clip > 0.0f ? fminf(clip / (norm + 1e-6f), 1.0f) : 1.0f);
}

struct Update {
    float size, beta1, beta2, rise, epsilon, keep;  // rise: 1 / sqrt(1 - beta2^t); keep: 1 - rate * decay

    __device__ void apply(float gradient, float& value, float& first, float& second) const {
        first = beta1 * first + (1.0f - beta1) * gradient;
        second = beta2 * second + (1.0f - beta2) * gradient * gradient;
        value = value * keep - size * __fdividef(first, sqrtf(second) * rise + epsilon);
    }
};

// Masters and moments in f32; `value` is what is computed with.
extern "C" __global__ void adamw_single(const float* gradient, float* master, float* first, float* second, bf16* value,
                                        unsigned long long count, const State* state, float size, float beta1,
                                        float beta2, float rise, float epsilon, float keep) {
    if (state->is_finite == 0.0f) return;
    Update update = {size, beta1, beta2, rise, epsilon, keep};
    float scale = state->scale;
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t at = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; at < count / 8; at += stride) {
        Eight g = Eight::load(gradient + at * 8), p = Eight::load(master + at * 8);
        Eight m = Eight::load(first + at * 8), v = Eight::load(second + at * 8);
#pragma unroll
        for (int i = 0; i < 8; i++) update.apply(g.at[i] * scale, p.at[i], m.at[i], v.at[i]);
        p.store(master + at * 8);
        m.store(first + at * 8);
        v.store(second + at * 8);
        p.store(value + at * 8);
    }
    if (blockIdx.x == 0 && threadIdx.x == 0)
        for (size_t at = count / 8 * 8; at < count; at++) {
            update.apply(gradient[at] * scale, master[at], first[at], second[at]);
            value[at] = master[at];
        }
}

// Up or down to bf16, so that the mean is the number: small updates are not lost (Gupta et al., "Deep learning with
// limited numerical precision", 2015).
__device__ inline bf16 round_by_chance(float value, unsigned chance) {
    unsigned bits = __float_as_uint(value);
    if ((bits & 0x7f800000u) != 0x7f800000u) bits += chance & 0xffffu;
    __nv_bfloat16_raw raw;
    raw.x = static_cast<unsigned short>(bits >> 16);
    return raw;
}

// Everything in bf16, rounded by chance: 8 bytes a number in place of 18.
extern "C" __global__ void adamw_half(const bf16* gradient, bf16* first, bf16* second, bf16* value,
                                      unsigned long long count, const State* state, float size, float beta1, float beta2,
                                      float rise, float epsilon, float keep, unsigned long long seed,
                                      unsigned long long first_place) {
    if (state->is_finite == 0.0f) return;
    Update update = {size, beta1, beta2, rise, epsilon, keep};
    float scale = state->scale;
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t at = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; at < (count + 7) / 8; at += stride) {
        bool is_whole = at * 8 + 8 <= count;
        // One number by place for eight, and a linear congruential step (Knuth's MMIX) from each to the next.
        unsigned long long chance = noise(seed, first_place + at);
        Eight g = {}, p = {}, m = {}, v = {};
        if (is_whole) {
            g = Eight::load(gradient + at * 8);
            p = Eight::load(value + at * 8);
            m = Eight::load(first + at * 8);
            v = Eight::load(second + at * 8);
        } else {
#pragma unroll  // an index that is not known would put the numbers into memory
            for (int i = 0; i < 8; i++)
                if (at * 8 + i < count) {
                    g.at[i] = gradient[at * 8 + i];
                    p.at[i] = value[at * 8 + i];
                    m.at[i] = first[at * 8 + i];
                    v.at[i] = second[at * 8 + i];
                }
        }
        __align__(16) bf16 new_p[8], new_m[8], new_v[8];
#pragma unroll
        for (int i = 0; i < 8; i++) {
            update.apply(g.at[i] * scale, p.at[i], m.at[i], v.at[i]);
            new_p[i] = round_by_chance(p.at[i], chance >> 48);
            new_m[i] = round_by_chance(m.at[i], chance >> 32);
            new_v[i] = round_by_chance(v.at[i], chance >> 16);
            chance = chance * 6364136223846793005ull + 1442695040888963407ull;
        }
        if (is_whole) {
            *reinterpret_cast<uint4*>(value + at * 8) = *reinterpret_cast<uint4*>(new_p);
            *reinterpret_cast<uint4*>(first + at * 8) = *reinterpret_cast<uint4*>(new_m);
            *reinterpret_cast<uint4*>(second + at * 8) = *reinterpret_cast<uint4*>(new_v);
        } else {
#pragma unroll
            for (int i = 0; i < 8; i++)
                if (at * 8 + i < count) {
                    value[at * 8 + i] = new_p[i];
                    first[at * 8 + i] = new_m[i];
                    second[at * 8 + i] = new_v[i];
                }
        }
    }
}

// b: (rows, rank) f32 → to: (rows, rank) in rows of `pitch`, bf16: an adapter's second half beside its base.
extern "C" __global__ void adamw_place(const float* b, bf16* to, int rows, int rank, int pitch, float scale) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= rows * rank) return;
    to[static_cast<size_t>(index / rank) * pitch + index % rank] = b[index] * scale;
}
