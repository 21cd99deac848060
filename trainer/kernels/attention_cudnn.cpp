// Causal attention inside packed documents by cuDNN, forward with statistics and backward: bf16 in and out, f32
// arithmetic, grouped-query heads of 64 or 128. A thin C interface for Rust over cudnn-frontend's graphs.
//
// cuDNN and the CUDA runtime are opened when the program runs, so the program starts on a machine without them.
// A handle belongs to one device, and one thread at a time uses it. Rows of no document are never written:
// whoever leaves some clears out, lse and dqkv there.

#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#define CUDNN_FRONTEND_SKIP_JSON_LIB
#include <cudnn_frontend.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_map>

// A token is a row of heads, rows are a pitch apart (in elements):
//   qkv and dqkv, bf16 (tokens, qkv_pitch): query heads, then key heads, then value heads. Both share one pitch on
//                 purpose: with any other pitch for packed gradients cuDNN writes out of bounds, without an error;
//   out and dout, bf16 (tokens, out_pitch);
//   lse,          f32 (tokens, heads), the natural logarithm of the sum of exponentials.
// A slot is a document: lengths[slot] tokens from the element offsets[slot] of each tensor; unused slots have length 0.
struct AttentionShape {
  int64_t heads, kv_heads, head_size;
  int64_t tokens;   // in all
  int64_t slots;    // documents, empty ones included
  int64_t longest;  // an upper bound of a document's length
  int64_t qkv_pitch, out_pitch;
  float scale;
  int32_t deterministic;
};

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;  // where the frontend looks up every cuDNN function
}

namespace {

namespace fe = cudnn_frontend;
using fe::graph::Graph;
using fe::graph::Tensor_attributes;
using Tensor = std::shared_ptr<Tensor_attributes>;
using Pointers = std::unordered_map<int64_t, void*>;

// Names of a graph's tensors. Queries, keys and values follow one another, so do their gradients. Lengths and offsets
// of queries, keys and values are separate tensors, as cuDNN's patterns have them, though they share their memory.
enum Name : int64_t {
  Q = 1, K, V, DQ, DK, DV, OUT, DOUT, LSE,
  Q_LENGTHS, KV_LENGTHS, Q_OFFSETS, K_OFFSETS, V_OFFSETS, OUT_OFFSETS, LSE_OFFSETS
};

constexpr int64_t TILE = 128;
int64_t round_up(int64_t n) { return (n + TILE - 1) / TILE * TILE; }

[[noreturn]] void fail(const std::string& why) { throw std::runtime_error(why); }
void require(bool holds, const char* otherwise) {
  if (!holds) fail(otherwise);
}
void check(fe::error_t status) {
  if (status.is_bad()) fail("cuDNN attention: " + status.get_message());
}
void check(cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS) fail(std::string("cuDNN: ") + fe::detail::get_error_string(status));
}

void check(const AttentionShape& a) {
  require(a.head_size == 64 || a.head_size == 128, "cuDNN attention: the head size is neither 64 nor 128");
  require(a.heads > 0 && a.kv_heads > 0 && a.heads % a.kv_heads == 0,
          "cuDNN attention: the query heads are no multiple of the key heads");
  require(a.tokens > 0 && a.slots > 0 && a.longest > 0, "cuDNN attention: no tokens, no slots or no length");
  require(a.qkv_pitch >= (a.heads + 2 * a.kv_heads) * a.head_size && a.out_pitch >= a.heads * a.head_size,
          "cuDNN attention: a pitch is smaller than its row");
  require(a.qkv_pitch % 8 == 0 && a.out_pitch % 8 == 0, "cuDNN attention: a pitch is no multiple of 8");
  // Offsets are int32. With grouped queries the backward pass multiplies those of keys and values by the group's size,
  // for its copies of the key and value gradients of each query head.
  const int64_t pitch = std::max(a.qkv_pitch * (a.heads / a.kv_heads), a.out_pitch);
  require(round_up(std::max(a.tokens, a.longest)) <= INT32_MAX / pitch,
          "cuDNN attention: too many tokens for offsets of 32 bits");
}

// Makes the device current for this thread: cuDNN and the frontend take the current one.
void use_device(int device) {
  static const auto set_device = reinterpret_cast<decltype(&cudaSetDevice)>(
      fe::detail::get_cuda_symbol(fe::detail::CudaLibrary::CUDART, "cudaSetDevice"));
  const cudaError_t status = set_device(device);
  if (status != cudaSuccess) fail(std::string("CUDA: ") + fe::detail::cuda_get_error_string(status));
}

// Opens cuDNN once a process: a later call's library is ignored. Nothing is ever closed, for the frontend keeps
// function addresses for good.
void load(const char* library) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (fe::cudnn_dlhandle) return;
  std::string tried;
  for (const char* name : {library, "libcudnn.so.9"}) {
    if (!name || !*name) continue;
    fe::cudnn_dlhandle = dlopen(name, RTLD_NOW);
    if (fe::cudnn_dlhandle) break;
    tried += std::string(tried.empty() ? "" : "; ") + dlerror();
  }
  if (!fe::cudnn_dlhandle) fail("no cuDNN: " + tried);
  // The frontend opens the CUDA runtime by its bare name, cuDNN its compiler and cuBLASLt. Where the loader does not
  // know them, copies already loaded serve: from beside cuDNN as Python's wheels lie, or from the usual folder.
  Dl_info self{};
  dladdr(dlsym(fe::cudnn_dlhandle, "cudnnGetVersion"), &self);
  const std::string path = self.dli_fname ? self.dli_fname : "";
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  for (const std::string name : {"libcudart.so.13", "libnvrtc.so.13", "libcublasLt.so.13"}) {
    dlopen(name.c_str(), RTLD_NOW) || dlopen((folder + "../../cu13/lib/" + name).c_str(), RTLD_NOW) ||
        dlopen(("/usr/local/cuda/lib64/" + name).c_str(), RTLD_NOW);
  }
}

std::unique_ptr<Graph> build(const AttentionShape& a, bool backward, cudnnHandle_t handle) {
  auto graph = std::make_unique<Graph>();
  graph->set_io_data_type(fe::DataType_t::BFLOAT16)
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  const int64_t d = a.head_size;
  const int64_t s = round_up(a.longest);  // an upper bound may grow; a length of 1 has no backward plan

  auto input = [&] { return graph->tensor(Tensor_attributes()); };
  auto numbers = [&](Name name, int64_t count) {
    auto tensor = input();
    tensor->set_uid(name).set_data_type(fe::DataType_t::INT32).set_dim({count, 1, 1, 1}).set_stride({1, 1, 1, 1});
    return tensor;
  };
  auto rows = [&](const Tensor& tensor, Name name, int64_t heads, int64_t pitch, const Tensor& offsets) {
    tensor->set_uid(name).set_data_type(fe::DataType_t::BFLOAT16).set_is_virtual(false).set_ragged_offset(offsets);
    tensor->set_dim({a.slots, heads, s, d}).set_stride({s * pitch, d, pitch, 1});
    return tensor;
  };
  auto statistics = [&](const Tensor& tensor) {
    tensor->set_uid(LSE).set_data_type(fe::DataType_t::FLOAT).set_is_virtual(false);
    tensor->set_ragged_offset(numbers(LSE_OFFSETS, a.slots + 1));
    tensor->set_dim({a.slots, a.heads, s, 1}).set_stride({s * a.heads, 1, a.heads, 1});
    return tensor;
  };

  const Tensor q_offsets = numbers(Q_OFFSETS, a.slots + 1);
  const Tensor k_offsets = numbers(K_OFFSETS, a.slots + 1);
  const Tensor v_offsets = numbers(V_OFFSETS, a.slots + 1);
  const Tensor out_offsets = numbers(OUT_OFFSETS, a.slots + 1);
  const Tensor q = rows(input(), Q, a.heads, a.qkv_pitch, q_offsets);
  const Tensor k = rows(input(), K, a.kv_heads, a.qkv_pitch, k_offsets);
  const Tensor v = rows(input(), V, a.kv_heads, a.qkv_pitch, v_offsets);

  // The totals bound the backward workspace, which otherwise grows with slots x longest; where that is little the
  // backward pass is faster without them. Rounded up they also keep its parts aligned.
  const bool is_bounded = a.slots * s > 2 * round_up(a.tokens);
  auto causal_in_documents = [&](auto attributes) {
    if (is_bounded) attributes.set_max_total_seq_len_q(round_up(a.tokens)).set_max_total_seq_len_kv(round_up(a.tokens));
    return attributes.set_name("attention")
        .set_attn_scale(a.scale)
        .set_padding_mask(true)
        .set_seq_len_q(numbers(Q_LENGTHS, a.slots))
        .set_seq_len_kv(numbers(KV_LENGTHS, a.slots))
        .set_diagonal_alignment(fe::DiagonalAlignment_t::TOP_LEFT)
        .set_diagonal_band_right_bound(0);
  };
  if (backward) {
    auto options = causal_in_documents(fe::graph::SDPA_backward_attributes())
                       .set_deterministic_algorithm(a.deterministic != 0);
    const Tensor out = rows(input(), OUT, a.heads, a.out_pitch, out_offsets);
    const Tensor dout = rows(input(), DOUT, a.heads, a.out_pitch, out_offsets);
    auto [dq, dk, dv] = graph->sdpa_backward(q, k, v, out, dout, statistics(input()), options);
    rows(dq, DQ, a.heads, a.qkv_pitch, q_offsets);
    rows(dk, DK, a.kv_heads, a.qkv_pitch, k_offsets);
    rows(dv, DV, a.kv_heads, a.qkv_pitch, v_offsets);
  } else {
    auto options = causal_in_documents(fe::graph::SDPA_attributes()).set_generate_stats(true);
    auto [out, lse] = graph->sdpa(q, k, v, options);
    rows(out, OUT, a.heads, a.out_pitch, out_offsets);
    statistics(lse);
  }
  check(graph->build(handle, {fe::HeurMode_t::A}));
  return graph;
}

// What a plan depends on: all of the shape as build uses it. Determinism means nothing to the forward pass.
auto key_of(const AttentionShape& a, bool backward) {
  return std::make_tuple(backward, a.heads, a.kv_heads, a.head_size, round_up(a.tokens), a.slots, round_up(a.longest),
                         a.qkv_pitch, a.out_pitch, a.scale, backward && a.deterministic);
}

struct Attention {
  const int device;
  cudnnHandle_t handle = nullptr;
  std::map<decltype(key_of(AttentionShape(), false)), std::unique_ptr<Graph>> plans;

  explicit Attention(int device) : device(device) {
    if (fe::detail::get_backend_version() < 91400) {
      fail("cuDNN " + fe::detail::get_backend_version_string() + " is older than 9.14");
    }
    use_device(device);
    check(fe::detail::create_handle(&handle));
  }
  ~Attention() {
    plans.clear();  // before the handle that built them
    fe::detail::destroy_handle(handle);
  }

  const Graph& prepare(const AttentionShape& a, bool backward) {
    check(a);
    use_device(device);
    auto& plan = plans[key_of(a, backward)];
    if (!plan) plan = build(a, backward, handle);
    return *plan;
  }

  void run(const AttentionShape& a, bool backward, void* stream, Pointers& pointers, void* workspace) {
    const auto plan = plans.find(key_of(a, backward));
    require(plan != plans.end() && plan->second, "cuDNN attention: no plan was prepared for this shape");
    auto aligned = [](const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; };
    for (const auto& [name, pointer] : pointers) {
      require(pointer && aligned(pointer), "cuDNN attention: a pointer is null or not aligned to 16 bytes");
    }
    require(aligned(workspace), "cuDNN attention: the workspace is not aligned to 16 bytes");
    use_device(device);
    check(fe::detail::set_stream(handle, static_cast<cudaStream_t>(stream)));
    check(plan->second->execute(handle, pointers, workspace));
  }
};

// The three parts of rows like qkv; first is Q or DQ.
void put_heads(Pointers& pointers, const AttentionShape& a, Name first, const void* rows) {
  char* const base = static_cast<char*>(const_cast<void*>(rows));
  const int64_t bytes = a.head_size * 2;
  pointers[first] = base;
  pointers[first + 1] = base ? base + a.heads * bytes : nullptr;
  pointers[first + 2] = base ? base + (a.heads + a.kv_heads) * bytes : nullptr;
}

// What forward and backward share.
Pointers pointers_of(const AttentionShape& a, const void* qkv, const void* out, const float* lse,
                     const int32_t* lengths, const int32_t* qkv_offsets, const int32_t* out_offsets,
                     const int32_t* lse_offsets) {
  Pointers pointers;
  put_heads(pointers, a, Q, qkv);
  pointers[OUT] = const_cast<void*>(out);
  pointers[LSE] = const_cast<float*>(lse);
  for (Name name : {Q_LENGTHS, KV_LENGTHS}) pointers[name] = const_cast<int32_t*>(lengths);
  for (Name name : {Q_OFFSETS, K_OFFSETS, V_OFFSETS}) pointers[name] = const_cast<int32_t*>(qkv_offsets);
  pointers[OUT_OFFSETS] = const_cast<int32_t*>(out_offsets);
  pointers[LSE_OFFSETS] = const_cast<int32_t*>(lse_offsets);
  return pointers;
}

// No exception crosses the C border: it becomes a text and a status other than 0.
template <typename Body>
int guarded(char* error, size_t error_len, Body body) noexcept {
  const auto report = [&](const char* text) {
    if (error && error_len) std::snprintf(error, error_len, "%s", text);
    return 1;
  };
  try {
    body();
    return 0;
  } catch (const std::exception& exception) {
    return report(exception.what());
  } catch (...) {
    return report("cuDNN attention: unknown exception");
  }
}

}  // namespace

extern "C" void* attention_cudnn_open(int device, const char* library, char* error, size_t error_len) {
  Attention* opened = nullptr;
  guarded(error, error_len, [&] {
    load(library);
    opened = new Attention(device);
  });
  return opened;
}

extern "C" int attention_cudnn_prepare(void* opened, const AttentionShape* shape, int backward,
                                       int64_t* workspace_bytes, char* error, size_t error_len) {
  return guarded(error, error_len, [&] {
    const Graph& plan = static_cast<Attention*>(opened)->prepare(*shape, backward != 0);
    check(plan.get_workspace_size(*workspace_bytes));
  });
}

extern "C" int attention_cudnn_forward(void* opened, const AttentionShape* shape, void* stream, const void* qkv,
                                       void* out, float* lse, const int32_t* lengths, const int32_t* qkv_offsets,
                                       const int32_t* out_offsets, const int32_t* lse_offsets, void* workspace,
                                       char* error, size_t error_len) {
  return guarded(error, error_len, [&] {
    Pointers pointers = pointers_of(*shape, qkv, out, lse, lengths, qkv_offsets, out_offsets, lse_offsets);
    static_cast<Attention*>(opened)->run(*shape, false, stream, pointers, workspace);
  });
}

extern "C" int attention_cudnn_backward(void* opened, const AttentionShape* shape, void* stream, const void* qkv,
                                        const void* out, const float* lse, const void* dout, void* dqkv,
                                        const int32_t* lengths, const int32_t* qkv_offsets, const int32_t* out_offsets,
                                        const int32_t* lse_offsets, void* workspace, char* error, size_t error_len) {
  return guarded(error, error_len, [&] {
    Pointers pointers = pointers_of(*shape, qkv, out, lse, lengths, qkv_offsets, out_offsets, lse_offsets);
    pointers[DOUT] = const_cast<void*>(dout);
    put_heads(pointers, *shape, DQ, dqkv);
    static_cast<Attention*>(opened)->run(*shape, true, stream, pointers, workspace);
  });
}

// As cuDNN counts: 91400 is 9.14.0. An open handle has already asked once, so this cannot fail.
extern "C" int64_t attention_cudnn_version(void* opened) {
  return opened ? static_cast<int64_t>(fe::detail::get_backend_version()) : 0;
}

extern "C" void attention_cudnn_close(void* opened) {
  guarded(nullptr, 0, [&] {
    auto* attention = static_cast<Attention*>(opened);
    if (attention) use_device(attention->device);
    delete attention;
  });
}
