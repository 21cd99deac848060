// What takes the place of attention_cudnn.cpp where cuDNN's headers were absent when the program was built: there is no
// cuDNN, and nothing else is ever asked.
#include <cstddef>
#include <cstdint>
#include <cstdio>

extern "C" void* attention_cudnn_open(int, const char*, char* error, size_t error_len) {
  snprintf(error, error_len, "the program was built without cuDNN's headers");
  return nullptr;
}

extern "C" int attention_cudnn_prepare(...) { return 1; }
extern "C" int attention_cudnn_forward(...) { return 1; }
extern "C" int attention_cudnn_backward(...) { return 1; }
extern "C" int64_t attention_cudnn_version(void*) { return 0; }
extern "C" void attention_cudnn_close(void*) {}
