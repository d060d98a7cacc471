// A library with ONNX Runtime's entry of a version that is too old for `dgl profile --onnxruntime`.
#include <cstdint>

namespace {

struct Base {
  const void* (*get_api)(uint32_t version);
  const char* (*version)();
};

constexpr Base kBase{[](uint32_t) -> const void* { return nullptr; }, [] { return "1.2.0"; }};

}  // namespace

extern "C" const Base* OrtGetApiBase() { return &kBase; }
