// Causal attention inside documents packed into one sequence, forward and backward: bf16 in and
// out, f32 scores, softmax and accumulators, head sizes D = 64 and 128, grouped-query. The method
// is Dao, "FlashAttention-2" (2023); here each gradient has a kernel that owns its rows, so no
// kernel needs atomics and every result is the same in every run.
//
// Query i sees key j if starts[i] <= j <= i, which is the same as j <= i < ends[j]. Probabilities of
// unseen pairs are exactly 0 and rows past the end are zeros, so no finite value reaches another
// document. (A NaN, or a product that overflows, can, where two documents share a tile: 0 * NaN.)
//
//   qkv, dqkv       bf16 (tokens, qkv_pitch): heads x D query, kv_heads x D key, the same of value
//   out, dout       bf16 (tokens, out_pitch): heads x D
//   lse, delta      f32 (tokens, heads): log-sum-exp of the scaled scores, row sum of dout * out
//   starts, ends    int32 (tokens): first token of a token's document, one past its last
//
// Pitches count elements and are multiples of 8; base pointers are aligned to 16 bytes; scale > 0.
// Every kernel takes its pointers, then: tokens, heads, kv_heads, qkv_pitch, out_pitch, scale.
//
// A block of 4 warps owns ROWS = 64 rows, each warp 16, and walks over tiles of N other rows:
//
//   kernel                      N, D = 64  128   grid                          dynamic shared bytes
//   attention_forward_D                64   64   (heads,    ceil(tokens/64))    40,960     81,920
//   attention_delta_D, 256 threads      -    -   ceil(tokens * heads * D/2048)       0          0
//   attention_backward_queries_D       64   32   (heads,    ceil(tokens/64))    49,152     65,536
//   attention_backward_keys_D          64   32   (kv_heads, ceil(tokens/64))    50,176     66,048
//
// All but delta run blocks of 128 threads. More than 49,152 bytes need the function attribute. The
// grid's second dimension limits tokens to 64 * 65,535.
#include <cuda_bf16.h>

typedef __nv_bfloat16 bf16;

constexpr int ROWS = 64, THREADS = 128;
constexpr float LOG2E = 1.4426950408889634f;

// ---- Instructions ----

__device__ inline unsigned shared_address(const void* pointer) {
    return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

// Copies BYTES to shared memory without waiting, or zeros, reading nothing, if not `inside`.
template <int BYTES>
__device__ inline void copy_async(unsigned to, const void* from, bool inside) {
    if constexpr (BYTES == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                     :: "r"(to), "l"(from), "r"(inside ? 16 : 0) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;"
                     :: "r"(to), "l"(from), "r"(inside ? 4 : 0) : "memory");
}

__device__ inline void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

// Four 8 x 8 matrices; lane l points to row l % 8 of matrix l / 8. Of each matrix a lane gets
// elements 2 * (l % 4) and the next of row l / 4, or, TRANSPOSED, of column l / 4.
template <bool TRANSPOSED>
__device__ inline void load_matrices(unsigned (&r)[4], unsigned address) {
    if constexpr (TRANSPOSED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}

// c (16 x 8) += a (16 x 16) b (16 x 8). Of c a lane holds, in rows l / 4 and l / 4 + 8, columns
// 2 * (l % 4) and the next.
__device__ inline void mma(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// ---- Tiles ----

__device__ inline unsigned pack(float low, float high) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return reinterpret_cast<const unsigned&>(pair);
}

// Byte offset of 16-byte chunk `chunk` of row `row` in a tile of D columns. Chunks are exchanged
// inside each group of 8, so that a column of chunks in 8 rows touches all banks once.
template <int D>
__device__ inline unsigned chunk_offset(unsigned row, unsigned chunk) {
    return row * (D * 2) + (chunk ^ row % 8) * 16;
}

// Where this lane points when a 16 x 16 piece at row and column 0 of a tile is loaded: its four
// matrices by columns, or BY_ROWS. For column c, a multiple of 16, take `^ c * 2`: that flips bits of
// the chunk only.
template <int D, bool BY_ROWS>
__device__ inline unsigned lane_offset() {
    const unsigned lane = threadIdx.x % 32, second = lane / 8 % 2, third = lane / 16;
    return chunk_offset<D>(lane % 8 + (BY_ROWS ? third : second) * 8, BY_ROWS ? second : third);
}

// Starts copying rows first .. first + COUNT - 1 to a tile; zeros from row `end` on.
template <int D, int COUNT>
__device__ inline void load_tile(unsigned tile, const bf16* from, int pitch, int first, int end) {
    constexpr int CHUNKS = D / 8, STEP = THREADS / CHUNKS;
    const int chunk = threadIdx.x % CHUNKS, row = threadIdx.x / CHUNKS;
    tile += chunk_offset<D>(row, chunk);
    first += row;
#pragma unroll
    for (int i = 0; i < COUNT; i += STEP) {
        const bf16* source = from + static_cast<size_t>(min(first + i, end - 1)) * pitch + chunk * 8;
        copy_async<16>(tile + i * D * 2, source, first + i < end);
    }
}

// c (16 x N) += a (16 x D) times the transpose of b (N x D); a and b are in shared memory.
template <int D, int N>
__device__ inline void multiply_transposed(float (&c)[N / 8][4], unsigned a, unsigned b) {
    const unsigned lane_a = lane_offset<D, false>(), lane_b = lane_offset<D, true>();
#pragma unroll
    for (int k = 0; k < D; k += 16) {
        unsigned x[4], y[4];
        load_matrices<false>(x, a + (lane_a ^ k * 2));
#pragma unroll
        for (int n = 0; n < N; n += 16) {
            load_matrices<false>(y, b + n * D * 2 + (lane_b ^ k * 2));
            mma(c[n / 8], x, y[0], y[1]);
            mma(c[n / 8 + 1], x, y[2], y[3]);
        }
    }
}

// c (16 x D) += a (16 x N, rounded to bf16) times b (N x D) in shared memory. Two neighbouring
// 16 x 8 results are laid out over the lanes just as one 16 x 16 operand.
template <int D, int N>
__device__ inline void multiply(float (&c)[D / 8][4], const float (&a)[N / 8][4], unsigned b) {
    const unsigned lane = lane_offset<D, false>();
#pragma unroll
    for (int k = 0; k < N; k += 16) {
        const float(&left)[4] = a[k / 8], (&right)[4] = a[k / 8 + 1];
        const unsigned x[4] = {pack(left[0], left[1]), pack(left[2], left[3]),
                               pack(right[0], right[1]), pack(right[2], right[3])};
#pragma unroll
        for (int n = 0; n < D; n += 16) {
            unsigned y[4];
            load_matrices<true>(y, b + k * D * 2 + (lane ^ n * 2));
            mma(c[n / 8], x, y[0], y[1]);
            mma(c[n / 8 + 1], x, y[2], y[3]);
        }
    }
}

// Writes a warp's 16 rows times a factor, as bf16, to rows first .. of `to`. `rows` are the warp's
// own 16 rows of a tile that it no longer needs: through them it writes 16 bytes at a time.
template <int D>
__device__ inline void store_rows(
        bf16* to, int pitch, int first, int tokens, char* rows,
        const float (&c)[D / 8][4], float factor0, float factor1) {
    const int lane = threadIdx.x % 32, row0 = lane / 4, row1 = row0 + 8, byte = lane % 4 * 4;
    __syncwarp();
#pragma unroll
    for (int n = 0; n < D / 8; n++) {
        char *upper = rows + chunk_offset<D>(row0, n) + byte, *lower = rows + chunk_offset<D>(row1, n) + byte;
        *reinterpret_cast<unsigned*>(upper) = pack(c[n][0] * factor0, c[n][1] * factor0);
        *reinterpret_cast<unsigned*>(lower) = pack(c[n][2] * factor1, c[n][3] * factor1);
    }
    __syncwarp();
#pragma unroll
    for (int i = lane; i < 16 * D / 8; i += 32) {
        const int row = i / (D / 8), chunk = i % (D / 8);
        if (first + row < tokens)
            *reinterpret_cast<uint4*>(to + static_cast<size_t>(first + row) * pitch + chunk * 8) =
                *reinterpret_cast<const uint4*>(rows + chunk_offset<D>(row, chunk));
    }
}

// The columns from .. to - 1 that each of a thread's two rows sees. Both bounds never fall from one
// row to the next, so the warp's first and last rows bound those of all.
struct Window {
    int from[2], to[2];

    __device__ bool misses(int column, int count) const {
        const int first = __shfl_sync(~0u, from[0], 0), end = __shfl_sync(~0u, to[1], 31);
        return column >= end || column + count <= first;
    }

    __device__ bool covers(int column, int count) const {
        const int first = __shfl_sync(~0u, from[1], 31), end = __shfl_sync(~0u, to[0], 0);
        return column >= first && column + count <= end;
    }
};

// Scores of unseen pairs become minus infinity, whatever they were.
template <int N>
__device__ inline void mask(float (&s)[N / 8][4], const Window& window, int column) {
    column += threadIdx.x % 4 * 2;
#pragma unroll
    for (int n = 0; n < N / 8; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int at = column + n * 8 + i % 2;
            if (at < window.from[i / 2] || at >= window.to[i / 2]) s[n][i] = __int_as_float(0xff800000);
        }
}

// Query rows see keys from starts[row] to themselves, key rows are seen by queries from themselves to
// ends[row] - 1; `bounds` are starts or ends. Rows past the end see nothing.
template <bool QUERIES>
__device__ inline Window window_of(const int* bounds, int row, int tokens) {
    Window window;
    for (int r = 0; r < 2; r++, row += 8) {
        const int bound = row < tokens ? bounds[row] : tokens;
        window.from[r] = QUERIES ? bound : min(row, tokens);
        window.to[r] = QUERIES ? min(row + 1, tokens) : bound;
    }
    return window;
}

// ---- Kernels ----
//
// All three loops keep two stages of tiles. At the top of a turn a thread waits for its own copies;
// the barrier then says that everyone's have come and that the other stage is no longer read.
// Query tiles run last to first, key tiles first to last: those with the most to see start first.

template <int D, int N>
__device__ inline void forward(
        const bf16* qkv, const int* starts, bf16* out, float* lse,
        int tokens, int heads, int kv_heads, int qkv_pitch, int out_pitch, float scale) {
    constexpr int TILE = N * D * 2;
    extern __shared__ __align__(128) char memory[];
    const unsigned queries = shared_address(memory), stages = queries + ROWS * D * 2;
    const int warp_row = threadIdx.x / 32 * 16, lane = threadIdx.x % 32;
    const int first = (gridDim.y - 1 - blockIdx.y) * ROWS, row = first + warp_row + lane / 4;
    const int begin = starts[first], end = min(first + ROWS, tokens);
    const int head = blockIdx.x, kv_head = head / (heads / kv_heads);
    const bf16 *keys = qkv + (heads + kv_head) * D, *values = keys + kv_heads * D;
    const auto load = [&](int column, int stage) {
        load_tile<D, N>(stages + stage * 2 * TILE, keys, qkv_pitch, column, end);
        load_tile<D, N>(stages + stage * 2 * TILE + TILE, values, qkv_pitch, column, end);
    };
    load_tile<D, ROWS>(queries, qkv + head * D, qkv_pitch, first, end);
    load(begin, 0);

    const Window window = window_of<true>(starts, row, tokens);
    const float scale2 = scale * LOG2E;
    // The maximum starts finite: a row that has seen nothing yet then makes no infinity - infinity.
    float o[D / 8][4] = {}, maximum[2] = {-1e30f, -1e30f}, sum[2] = {};
    for (int column = begin, stage = 0; column < end; column += N, stage ^= 1) {
        wait_for_copies();
        __syncthreads();
        if (column + N < end) load(column + N, stage ^ 1);
        if (window.misses(column, N)) continue;

        const unsigned k = stages + stage * 2 * TILE, v = k + TILE;
        float s[N / 8][4] = {};
        multiply_transposed<D, N>(s, queries + warp_row * D * 2, k);
        if (!window.covers(column, N)) mask<N>(s, window, column);
#pragma unroll
        for (int r = 0; r < 2; r++) {
            float top = maximum[r];
#pragma unroll
            for (int n = 0; n < N / 8; n++) top = fmaxf(top, fmaxf(s[n][2 * r], s[n][2 * r + 1]));
            top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
            top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
            const float shrink = exp2f((maximum[r] - top) * scale2);
            maximum[r] = top;
            sum[r] *= shrink;
#pragma unroll
            for (int n = 0; n < D / 8; n++) o[n][2 * r] *= shrink, o[n][2 * r + 1] *= shrink;
#pragma unroll
            for (int n = 0; n < N / 8; n++)
#pragma unroll
                for (int i = 2 * r; i < 2 * r + 2; i++) {
                    s[n][i] = exp2f(s[n][i] * scale2 - top * scale2);
                    sum[r] += s[n][i];
                }
        }
        multiply<D, N>(o, s, v);
    }

    for (int r = 0; r < 2; r++) {
        sum[r] += __shfl_xor_sync(~0u, sum[r], 1);
        sum[r] += __shfl_xor_sync(~0u, sum[r], 2);
        if (lane % 4 == 0 && row + r * 8 < tokens)
            lse[static_cast<size_t>(row + r * 8) * heads + head] = maximum[r] * scale + logf(sum[r]);
    }
    char* rows = memory + warp_row * D * 2;
    store_rows<D>(out + head * D, out_pitch, first + warp_row, tokens, rows, o, 1 / sum[0], 1 / sum[1]);
}

// D / 8 threads, a part of one warp, for each token and head.
template <int D>
__device__ inline void delta_rows(
        const bf16* out, const bf16* dout, float* delta, int tokens, int heads, int out_pitch) {
    const int index = blockIdx.x * blockDim.x + threadIdx.x, item = index / (D / 8), chunk = index % (D / 8);
    const bool inside = item < tokens * heads;
    float sum = 0;
    if (inside) {
        const size_t at = static_cast<size_t>(item / heads) * out_pitch + item % heads * D + chunk * 8;
        const uint4 x = *reinterpret_cast<const uint4*>(out + at);
        const uint4 y = *reinterpret_cast<const uint4*>(dout + at);
        const bf16 *a = reinterpret_cast<const bf16*>(&x), *b = reinterpret_cast<const bf16*>(&y);
#pragma unroll
        for (int i = 0; i < 8; i++) sum += __bfloat162float(a[i]) * __bfloat162float(b[i]);
    }
#pragma unroll
    for (int step = D / 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
    if (inside && chunk == 0) delta[item] = sum;
}

// With p = exp(scores - lse), dp = dout v and ds = p * (dp - delta): dq = scale ds k.
template <int D, int N>
__device__ inline void backward_queries(
        const bf16* qkv, const bf16* dout, const float* lse, const float* delta, const int* starts, bf16* dqkv,
        int tokens, int heads, int kv_heads, int qkv_pitch, int out_pitch, float scale) {
    constexpr int TILE = N * D * 2;
    extern __shared__ __align__(128) char memory[];
    const unsigned queries = shared_address(memory), douts = queries + ROWS * D * 2;
    const unsigned stages = douts + ROWS * D * 2;
    const int warp_row = threadIdx.x / 32 * 16, lane = threadIdx.x % 32;
    const int first = (gridDim.y - 1 - blockIdx.y) * ROWS, row = first + warp_row + lane / 4;
    const int begin = starts[first], end = min(first + ROWS, tokens);
    const int head = blockIdx.x, kv_head = head / (heads / kv_heads);
    const bf16 *keys = qkv + (heads + kv_head) * D, *values = keys + kv_heads * D;
    const auto load = [&](int column, int stage) {
        load_tile<D, N>(stages + stage * 2 * TILE, keys, qkv_pitch, column, end);
        load_tile<D, N>(stages + stage * 2 * TILE + TILE, values, qkv_pitch, column, end);
    };
    load_tile<D, ROWS>(queries, qkv + head * D, qkv_pitch, first, end);
    load_tile<D, ROWS>(douts, dout + head * D, out_pitch, first, end);
    load(begin, 0);

    const Window window = window_of<true>(starts, row, tokens);
    const float scale2 = scale * LOG2E;
    float row_lse2[2], row_delta[2], dq[D / 8][4] = {};
    for (int r = 0; r < 2; r++) {
        const size_t at = static_cast<size_t>(min(row + r * 8, tokens - 1)) * heads + head;
        row_lse2[r] = lse[at] * LOG2E;
        row_delta[r] = delta[at];
    }
    for (int column = begin, stage = 0; column < end; column += N, stage ^= 1) {
        wait_for_copies();
        __syncthreads();
        if (column + N < end) load(column + N, stage ^ 1);
        if (window.misses(column, N)) continue;

        const unsigned k = stages + stage * 2 * TILE, v = k + TILE;
        float s[N / 8][4] = {}, dp[N / 8][4] = {};
        multiply_transposed<D, N>(s, queries + warp_row * D * 2, k);
        if (!window.covers(column, N)) mask<N>(s, window, column);
        multiply_transposed<D, N>(dp, douts + warp_row * D * 2, v);
#pragma unroll
        for (int n = 0; n < N / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++)
                s[n][i] = exp2f(s[n][i] * scale2 - row_lse2[i / 2]) * (dp[n][i] - row_delta[i / 2]);
        multiply<D, N>(dq, s, k);
    }
    char* rows = memory + warp_row * D * 2;
    store_rows<D>(dqkv + head * D, qkv_pitch, first + warp_row, tokens, rows, dq, scale, scale);
}

// The same with keys as rows and queries as columns, over all query heads of a key head:
// dv = p^T dout, dk = scale ds^T q.
template <int D, int N>
__device__ inline void backward_keys(
        const bf16* qkv, const bf16* dout, const float* lse, const float* delta, const int* ends, bf16* dqkv,
        int tokens, int heads, int kv_heads, int qkv_pitch, int out_pitch, float scale) {
    constexpr int TILE = N * D * 2, STAGE = 2 * TILE + 2 * N * sizeof(float);
    extern __shared__ __align__(128) char memory[];
    const unsigned keys = shared_address(memory), values = keys + ROWS * D * 2;
    const unsigned stages = values + ROWS * D * 2;
    const int warp_row = threadIdx.x / 32 * 16, lane = threadIdx.x % 32;
    const int first = blockIdx.y * ROWS, row = first + warp_row + lane / 4;
    const int end = ends[min(first + ROWS, tokens) - 1], tiles = (end - first + N - 1) / N;
    const int kv_head = blockIdx.x, group = heads / kv_heads;
    const int key_column = (heads + kv_head) * D, value_column = key_column + kv_heads * D;
    // Stages hold a tile of queries, one of dout, N lse and N delta.
    const auto load = [&](int turn, int stage) {
        const int head = kv_head * group + turn / tiles, column = first + turn % tiles * N;
        const unsigned to = stages + stage * STAGE;
        load_tile<D, N>(to, qkv + head * D, qkv_pitch, column, end);
        load_tile<D, N>(to + TILE, dout + head * D, out_pitch, column, end);
        const int query = column + threadIdx.x % N;
        const size_t at = static_cast<size_t>(min(query, end - 1)) * heads + head;
        const float* statistic = threadIdx.x < N ? lse : delta;
        if (threadIdx.x < 2 * N)
            copy_async<4>(to + 2 * TILE + threadIdx.x * 4, statistic + at, query < end);
    };
    load_tile<D, ROWS>(keys, qkv + key_column, qkv_pitch, first, tokens);
    load_tile<D, ROWS>(values, qkv + value_column, qkv_pitch, first, tokens);
    load(0, 0);

    const Window window = window_of<false>(ends, row, tokens);
    const float scale2 = scale * LOG2E;
    float dk[D / 8][4] = {}, dv[D / 8][4] = {};
    for (int turn = 0, stage = 0; turn < group * tiles; turn++, stage ^= 1) {
        wait_for_copies();
        __syncthreads();
        if (turn + 1 < group * tiles) load(turn + 1, stage ^ 1);
        const int column = first + turn % tiles * N;
        if (window.misses(column, N)) continue;

        const unsigned q = stages + stage * STAGE, dout_tile = q + TILE;
        const float* statistics = reinterpret_cast<const float*>(memory + (q - keys) + 2 * TILE) + lane % 4 * 2;
        float p[N / 8][4] = {}, dp[N / 8][4] = {};
        multiply_transposed<D, N>(p, keys + warp_row * D * 2, q);
        if (!window.covers(column, N)) mask<N>(p, window, column);
#pragma unroll
        for (int n = 0; n < N / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++)
                p[n][i] = exp2f(p[n][i] * scale2 - statistics[n * 8 + i % 2] * LOG2E);
        multiply<D, N>(dv, p, dout_tile);
        multiply_transposed<D, N>(dp, values + warp_row * D * 2, dout_tile);
#pragma unroll
        for (int n = 0; n < N / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) p[n][i] *= dp[n][i] - statistics[N + n * 8 + i % 2];
        multiply<D, N>(dk, p, q);
    }
    char *key_rows = memory + warp_row * D * 2, *value_rows = key_rows + ROWS * D * 2;
    store_rows<D>(dqkv + key_column, qkv_pitch, first + warp_row, tokens, key_rows, dk, scale, scale);
    store_rows<D>(dqkv + value_column, qkv_pitch, first + warp_row, tokens, value_rows, dv, 1, 1);
}

#define ATTENTION(D, N)                                                                                               \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) attention_forward_##D(                                   \
            const bf16* qkv, const int* starts, bf16* out, float* lse,                                                \
            int tokens, int heads, int kv_heads, int qkv_pitch, int out_pitch, float scale) {                         \
        forward<D, 64>(qkv, starts, out, lse, tokens, heads, kv_heads, qkv_pitch, out_pitch, scale);                  \
    }                                                                                                                 \
    extern "C" __global__ void attention_delta_##D(                                                                   \
            const bf16* out, const bf16* dout, float* delta,                                                          \
            int tokens, int heads, int, int, int out_pitch, float) {                                                  \
        delta_rows<D>(out, dout, delta, tokens, heads, out_pitch);                                                    \
    }                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(THREADS, 3) attention_backward_queries_##D(                          \
            const bf16* qkv, const bf16* dout, const float* lse, const float* delta, const int* starts, bf16* dqkv,   \
            int tokens, int heads, int kv_heads, int qkv_pitch, int out_pitch, float scale) {                         \
        backward_queries<D, N>(qkv, dout, lse, delta, starts, dqkv,                                                   \
                               tokens, heads, kv_heads, qkv_pitch, out_pitch, scale);                                 \
    }                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) attention_backward_keys_##D(                             \
            const bf16* qkv, const bf16* dout, const float* lse, const float* delta, const int* ends, bf16* dqkv,     \
            int tokens, int heads, int kv_heads, int qkv_pitch, int out_pitch, float scale) {                         \
        backward_keys<D, N>(qkv, dout, lse, delta, ends, dqkv,                                                        \
                            tokens, heads, kv_heads, qkv_pitch, out_pitch, scale);                                    \
    }

ATTENTION(64, 64)
ATTENTION(128, 32)
