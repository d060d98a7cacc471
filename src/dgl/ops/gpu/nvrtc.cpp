#include "dgl/ops/gpu/nvrtc.h"

#include <algorithm>
#include <cstdint>

#include "dgl/base/error.h"
#include "dgl/ops/gpu/kernel_sources.h"
#include "dgl/ops/gpu/shared_library.h"

namespace dgl::ops::gpu {

namespace {

// What is used of nvrtc.h: results are 0 for success, programs are opaque.
using NvrtcProgram = void*;

struct NvrtcFunctions {
  int (*version)(int*, int*);
  int (*architecture_count)(int*);
  int (*architectures)(int*);
  int (*create)(NvrtcProgram*, const char*, const char*, int, const char* const*, const char* const*);
  int (*destroy)(NvrtcProgram*);
  int (*compile)(NvrtcProgram, int, const char* const*);
  int (*log_size)(NvrtcProgram, size_t*);
  int (*log)(NvrtcProgram, char*);
  int (*cubin_size)(NvrtcProgram, size_t*);
  int (*cubin)(NvrtcProgram, char*);
  int (*ptx_size)(NvrtcProgram, size_t*);
  int (*ptx)(NvrtcProgram, char*);
};

/// libtorch's own library of the two comes first, since it finds the NVRTC that libtorch was delivered with.
const std::vector<std::string> kNvrtcLibraries{"libcaffe2_nvrtc.so", "libnvrtc.so",
                                               "libnvrtc.so.13",     "libnvrtc.so.12",
                                               "libnvrtc.so.11.2",   "/usr/local/cuda/lib64/libnvrtc.so"};

const NvrtcFunctions* nvrtc_functions(std::string& error) {
  static SharedLibrary library(kNvrtcLibraries);
  static NvrtcFunctions f{};
  static const bool complete =
      library.get("nvrtcVersion", f.version) && library.get("nvrtcGetNumSupportedArchs", f.architecture_count) &&
      library.get("nvrtcGetSupportedArchs", f.architectures) && library.get("nvrtcCreateProgram", f.create) &&
      library.get("nvrtcDestroyProgram", f.destroy) && library.get("nvrtcCompileProgram", f.compile) &&
      library.get("nvrtcGetProgramLogSize", f.log_size) && library.get("nvrtcGetProgramLog", f.log) &&
      library.get("nvrtcGetCUBINSize", f.cubin_size) && library.get("nvrtcGetCUBIN", f.cubin) &&
      library.get("nvrtcGetPTXSize", f.ptx_size) && library.get("nvrtcGetPTX", f.ptx);
  if (!complete) error = "NVRTC: " + library.error();
  return complete ? &f : nullptr;
}

/// Text of a program by a function for its size, which counts a final zero for text, and one for its bytes.
template <class Size, class Get>
std::string content(NvrtcProgram program, const Size& size_of, const Get& get) {
  size_t size = 0;
  if (size_of(program, &size) != 0 || size == 0) return {};
  std::string bytes(size, '\0');
  return get(program, bytes.data()) == 0 ? bytes : std::string();
}

}  // namespace

const Nvrtc* Nvrtc::find(std::string* why_not) {
  static std::string error;
  static const Nvrtc* found = [] {
    const NvrtcFunctions* f = nvrtc_functions(error);
    if (!f) return static_cast<Nvrtc*>(nullptr);
    auto* nvrtc = new Nvrtc;  // never destroyed: a driver ends before static objects do
    int major = 0, minor = 0, count = 0;
    if (f->version(&major, &minor) == 0) nvrtc->version_ = major * 1000 + minor * 10;
    if (f->architecture_count(&count) == 0 && count > 0) {
      nvrtc->architectures_.resize(static_cast<size_t>(count));
      f->architectures(nvrtc->architectures_.data());
      std::sort(nvrtc->architectures_.begin(), nvrtc->architectures_.end());
    }
    return nvrtc;
  }();
  if (!found && why_not) *why_not = error;
  return found;
}

Nvrtc::Program Nvrtc::compile(const std::string& source, const Variant& variant, int architecture,
                              const std::vector<std::string>& more_options) const {
  std::string ignored;
  const NvrtcFunctions& f = *nvrtc_functions(ignored);
  const std::string name = source + ".cu", text = kernel_source(source, variant);
  const auto above = std::upper_bound(architectures_.begin(), architectures_.end(), architecture);
  if (above == architectures_.begin()) {
    fail("{}: this NVRTC ({}) compiles for no GPU of compute capability {}.{}", name, version_, architecture / 10,
         architecture % 10);
  }
  const int target = *(above - 1);
  const bool exact = target == architecture;
  std::vector<std::string> options{fmt::format("--gpu-architecture={}_{}", exact ? "sm" : "compute", target),
                                   "--std=c++17"};
  options.insert(options.end(), more_options.begin(), more_options.end());
  std::vector<const char*> pointers;
  for (const std::string& option : options) pointers.push_back(option.c_str());

  NvrtcProgram program = nullptr;
  if (f.create(&program, text.c_str(), name.c_str(), 0, nullptr, nullptr) != 0)
    fail("{}: NVRTC does not take it", name);
  const int status = f.compile(program, static_cast<int>(pointers.size()), pointers.data());
  Program result;
  result.log = content(program, f.log_size, f.log);
  if (status == 0) {
    result.image = exact ? content(program, f.cubin_size, f.cubin) : content(program, f.ptx_size, f.ptx);
  }
  f.destroy(&program);
  if (status != 0 || result.image.empty()) {
    const size_t at = result.log.find("error");
    const std::string line =
        first_line(at == std::string::npos ? result.log : result.log.substr(result.log.rfind('\n', at) + 1));
    fail("{}: does not compile for compute capability {}.{} ({}): {}", name, architecture / 10, architecture % 10,
         variant.text(), line);
  }
  return result;
}

}  // namespace dgl::ops::gpu
