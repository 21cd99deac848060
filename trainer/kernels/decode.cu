// Attention of single tokens to all that stand before them in their texts, whose keys and values are kept in slots. What
// it costs is reading the keys and values once, so a text is split into chunks that blocks read side by side, and what
// they find is joined (Dao, Haziza, Massa and Sizov, "Flash-Decoding for long-context inference", 2023). A chunk has the
// same places whatever is computed beside it, so that a token's numbers do not depend on its company.
#include "common.cuh"

constexpr int THREADS = 128;
// Positions that a block reads.
constexpr int CHUNK = 256;
// Positions that a thread reads at a time.
constexpr int AHEAD = 4;

// qkv: (tokens, pitch): the heads of queries and keys turn, in place, by the angle of the token's position; keys and
// values go to the cache. keys, values: (slots, kv_heads, capacity, 2 * half); cosines, sines: (positions, half). A
// thread takes eight pairs.
extern "C" __global__ void decode_put(bf16* qkv, const int* slots, const int* positions, const float* cosines,
                                      const float* sines, bf16* keys, bf16* values, int tokens, int queries,
                                      int kv_heads, int half, int pitch, int capacity) {
    int heads = queries + 2 * kv_heads, per_head = half / 8, per_token = heads * per_head;
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    int token = index / per_token, head = index % per_token / per_head, pair = index % per_head * 8;
    if (token >= tokens) return;
    int position = positions[token];
    bf16* first = qkv + static_cast<size_t>(token) * pitch + head * 2 * half + pair;
    Eight a = Eight::load(first), b = Eight::load(first + half);
    if (head < queries + kv_heads) {
        size_t angle = static_cast<size_t>(position) * half + pair;
        Eight cosine = Eight::load(cosines + angle), sine = Eight::load(sines + angle);
#pragma unroll
        for (int i = 0; i < 8; i++) {
            float x = a.at[i], y = b.at[i];
            a.at[i] = x * cosine.at[i] - y * sine.at[i];
            b.at[i] = y * cosine.at[i] + x * sine.at[i];
        }
        a.store(first);
        b.store(first + half);
    }
    if (head < queries) return;
    int kept = head - queries;
    bf16* cache = kept < kv_heads ? keys : values;
    size_t row = (static_cast<size_t>(slots[token]) * kv_heads + kept % kv_heads) * capacity + position;
    a.store(cache + row * 2 * half + pair);
    b.store(cache + row * 2 * half + half + pair);
}

// A sum of values in their shares, while it is added up: `sum` of exponentials less `greatest`.
template <int N>
struct Share {
    float greatest[N], sum[N];
};

// Grid: (tokens * splits, kv_heads * group / GROUP). SIZE / 8 threads read a position, each eight numbers of it, for
// GROUP heads of queries that share it. partial: (tokens, heads, splits, SIZE), lse: (tokens, heads, splits).
template <int SIZE, int GROUP>
__device__ void attend(const bf16* qkv, const bf16* keys, const bf16* values, const int* slots, const int* positions,
                       float* partial, float* lse, int queries, int kv_heads, int pitch, int capacity, int splits,
                       float scale) {
    constexpr int LANES = SIZE / 8, TEAMS = THREADS / LANES;
    int token = blockIdx.x / splits, split = blockIdx.x % splits, length = positions[token] + 1;
    int from = split * CHUNK, to = min(from + CHUNK, length);
    if (from >= to) return;
    int first_head = blockIdx.y * GROUP, kept = first_head / (queries / kv_heads);
    int team = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    size_t row = (static_cast<size_t>(slots[token]) * kv_heads + kept) * capacity;
    const bf16 *key = keys + row * SIZE + lane * 8, *value = values + row * SIZE + lane * 8;
    float query[GROUP][8], out[GROUP][8];
    Share<GROUP> share;
#pragma unroll
    for (int g = 0; g < GROUP; g++) {
        Eight q = Eight::load(qkv + static_cast<size_t>(token) * pitch + (first_head + g) * SIZE + lane * 8);
#pragma unroll
        for (int i = 0; i < 8; i++) {
            query[g][i] = q.at[i] * scale;  // scale includes log2(e)
            out[g][i] = 0.0f;
        }
        share.greatest[g] = -INFINITY;
        share.sum[g] = 0.0f;
    }
    for (int start = from; start < to; start += TEAMS * AHEAD) {
        uint4 k[AHEAD], v[AHEAD];
#pragma unroll
        for (int a = 0; a < AHEAD; a++) {
            // Beyond the end the last position is read again, and counts for nothing.
            size_t at = static_cast<size_t>(min(start + a * TEAMS + team, to - 1)) * SIZE;
            k[a] = __ldcs(reinterpret_cast<const uint4*>(key + at));
            v[a] = __ldcs(reinterpret_cast<const uint4*>(value + at));
        }
#pragma unroll
        for (int g = 0; g < GROUP; g++) {
            float score[AHEAD], greatest = share.greatest[g];
#pragma unroll
            for (int a = 0; a < AHEAD; a++) {
                Eight numbers = Eight::load(reinterpret_cast<const bf16*>(&k[a]));
                score[a] = 0.0f;
#pragma unroll
                for (int i = 0; i < 8; i++) score[a] += query[g][i] * numbers.at[i];
#pragma unroll
                for (int lanes = LANES / 2; lanes > 0; lanes /= 2)
                    score[a] += __shfl_xor_sync(0xffffffffu, score[a], lanes);
                if (start + a * TEAMS + team >= to) score[a] = -INFINITY;
                greatest = fmaxf(greatest, score[a]);
            }
            // A team may have seen no position yet.
            float base = greatest == -INFINITY ? 0.0f : greatest, shrink = exp2f(share.greatest[g] - base);
            share.greatest[g] = greatest;
            share.sum[g] *= shrink;
#pragma unroll
            for (int i = 0; i < 8; i++) out[g][i] *= shrink;
#pragma unroll
            for (int a = 0; a < AHEAD; a++) {
                float weight = exp2f(score[a] - base);
                share.sum[g] += weight;
                Eight numbers = Eight::load(reinterpret_cast<const bf16*>(&v[a]));
#pragma unroll
                for (int i = 0; i < 8; i++) out[g][i] += weight * numbers.at[i];
            }
        }
    }
    // The teams' sums become the block's.
    __shared__ float sums[TEAMS][SIZE + 2];
#pragma unroll
    for (int g = 0; g < GROUP; g++) {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < 8; i++) sums[team][lane * 8 + i] = out[g][i];
        if (lane == 0) {
            sums[team][SIZE] = share.greatest[g];
            sums[team][SIZE + 1] = share.sum[g];
        }
        __syncthreads();
        float greatest = -INFINITY;
#pragma unroll
        for (int t = 0; t < TEAMS; t++) greatest = fmaxf(greatest, sums[t][SIZE]);
        float total = 0.0f, mixed = 0.0f;
        if (threadIdx.x < SIZE) {
#pragma unroll
            for (int t = 0; t < TEAMS; t++) {
                float weight = exp2f(sums[t][SIZE] - greatest);
                total += weight * sums[t][SIZE + 1];
                mixed += weight * sums[t][threadIdx.x];
            }
            size_t to_row = (static_cast<size_t>(token) * queries + first_head + g) * splits + split;
            partial[to_row * SIZE + threadIdx.x] = mixed / total;
            if (threadIdx.x == 0) lse[to_row] = greatest + log2f(total);
        }
    }
}

#define ATTEND(SIZE, GROUP)                                                                                            \
    extern "C" __global__ void __launch_bounds__(THREADS) decode_attend_##SIZE##_##GROUP(                              \
        const bf16* qkv, const bf16* keys, const bf16* values, const int* slots, const int* positions, float* partial, \
        float* lse, int queries, int kv_heads, int pitch, int capacity, int splits, float scale) {                     \
        attend<SIZE, GROUP>(qkv, keys, values, slots, positions, partial, lse, queries, kv_heads, pitch, capacity,     \
                            splits, scale);                                                                            \
    }
ATTEND(64, 1)
ATTEND(64, 2)
ATTEND(64, 4)
ATTEND(64, 8)
ATTEND(128, 1)
ATTEND(128, 2)
ATTEND(128, 4)
ATTEND(128, 8)

// Grid: (tokens, heads), a thread for each number of a head. out: (tokens, out_pitch)
extern "C" __global__ void decode_join(const float* partial, const float* lse, const int* positions, bf16* out,
                                       int splits, int out_pitch) {
    int token = blockIdx.x, head = blockIdx.y, size = blockDim.x, count = positions[token] / CHUNK + 1;
    size_t row = (static_cast<size_t>(token) * gridDim.y + head) * splits;
    float greatest = -INFINITY;
    for (int split = 0; split < count; split++) greatest = fmaxf(greatest, lse[row + split]);
    float total = 0.0f, mixed = 0.0f;
    for (int split = 0; split < count; split++) {
        float weight = exp2f(lse[row + split] - greatest);
        total += weight;
        mixed += weight * partial[(row + split) * size + threadIdx.x];
    }
    out[static_cast<size_t>(token) * out_pitch + head * size + threadIdx.x] = __float2bfloat16(mixed / total);
}
