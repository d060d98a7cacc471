#include "dgl/ops/gpu/cuda_backend.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/hash.h"
#include "dgl/ops/gpu/cuda_stream.h"
#include "dgl/ops/gpu/kernel_sources.h"
#include "dgl/ops/gpu/nvrtc.h"
#include "dgl/ops/gpu/shared_library.h"

namespace dgl::ops::gpu {

namespace {

// What is used of cuda.h: results are 0 for success, handles are opaque.
using CudaContext = void*;
using CudaModule = void*;
using CudaFunction = void*;
constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*

struct DriverFunctions {
  int (*get_device)(int*, int);
  int (*get_attribute)(int*, int, int);
  int (*retain_context)(CudaContext*, int);
  int (*get_context)(CudaContext*);
  int (*set_context)(CudaContext);
  int (*load_module)(CudaModule*, const void*);
  int (*get_function)(CudaFunction*, CudaModule, const char*);
  int (*launch)(CudaFunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
                void**);
  int (*error_text)(int, const char**);
};

const DriverFunctions* driver_functions(std::string& error) {
  static SharedLibrary library({"libcuda.so.1", "libcuda.so"});
  static DriverFunctions f{};
  static const bool complete =
      library.get("cuDeviceGet", f.get_device) && library.get("cuDeviceGetAttribute", f.get_attribute) &&
      library.get("cuDevicePrimaryCtxRetain", f.retain_context) && library.get("cuCtxGetCurrent", f.get_context) &&
      library.get("cuCtxSetCurrent", f.set_context) && library.get("cuModuleLoadData", f.load_module) &&
      library.get("cuModuleGetFunction", f.get_function) && library.get("cuLaunchKernel", f.launch) &&
      library.get("cuGetErrorString", f.error_text);
  if (!complete) error = "the driver: " + library.error();
  return complete ? &f : nullptr;
}

/// The folder in which compiled kernels are kept; empty if neither variable names one.
fs::path cache_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache == '/') return fs::path(cache) / "dgl/kernels";
  if (const char* home = std::getenv("HOME"); home && *home == '/') return fs::path(home) / ".cache/dgl/kernels";
  return {};
}

class CudaBackend : public Backend {
 public:
  CudaBackend(torch::Device device, const DriverFunctions& driver, const Nvrtc& compiler)
      : device_(device), driver_(driver), compiler_(compiler) {
    int handle = 0;
    check(driver.get_device(&handle, device.index()), "cuDeviceGet");
    check(driver.retain_context(&context_, handle), "cuDevicePrimaryCtxRetain");  // libtorch's own
    architecture_ = compute_capability(device);
  }

  void run(const Launch& launch, const Arguments& arguments) override {
    const CurrentContext current(*this);
    const auto [x, y, z] = launch.grid;
    check(driver_.launch(function(launch), x, y, z, kThreads, 1, 1, 0, current_stream(device_), arguments.values,
                         nullptr),
          launch.kernel);
  }

 private:
  void check(int status, const char* what) const {
    if (status == 0) return;
    const char* text = nullptr;
    driver_.error_text(status, &text);
    fail("{}: {}: {}", device_.str(), what, text ? text : "an error that the driver does not know");
  }

  /// While an object lives, this GPU is the thread's: one of libtorch's threads may not have used it before, and may go
  /// on with another one.
  class CurrentContext {
   public:
    explicit CurrentContext(const CudaBackend& gpu) : gpu_(gpu) {
      gpu.check(gpu.driver_.get_context(&before_), "cuCtxGetCurrent");
      if (before_ != gpu.context_) gpu.check(gpu.driver_.set_context(gpu.context_), "cuCtxSetCurrent");
    }
    ~CurrentContext() {
      if (before_ && before_ != gpu_.context_) gpu_.driver_.set_context(before_);
    }
    CurrentContext(const CurrentContext&) = delete;
    CurrentContext& operator=(const CurrentContext&) = delete;

   private:
    const CudaBackend& gpu_;
    CudaContext before_ = nullptr;
  };

  CudaFunction function(const Launch& launch) {
    const std::lock_guard lock(mutex_);
    CudaFunction& function = functions_[{launch.kernel, launch.variant}];
    if (!function) {
      CudaModule& module = modules_[{launch.source, launch.variant}];
      if (!module) module = load(launch.source, launch.variant);
      check(driver_.get_function(&function, module, launch.kernel), launch.kernel);
    }
    return function;
  }

  /// Loads a compiled file of kernels: from the cache, or compiled now and put there. A file in the cache that the
  /// driver does not take is compiled again.
  CudaModule load(const char* source, const Variant& variant) const {
    const std::string key =
        fmt::format("{} {}\n{}", compiler_.version(), architecture_, kernel_source(source, variant));
    const fs::path folder = cache_folder(),
                   file = folder / fmt::format("{}-{}.bin", source, hex64(xxh64(key.data(), key.size())));
    CudaModule module = nullptr;
    std::error_code ignored;
    if (!folder.empty() && fs::is_regular_file(file, ignored)) {
      const std::string image = read_file(file);
      if (driver_.load_module(&module, image.c_str()) == 0) return module;
    }
    const std::string image = compiler_.compile(source, variant, architecture_).image;
    check(driver_.load_module(&module, image.c_str()), source);
    try {  // a cache that cannot be written costs a second at the next start
      fs::create_directories(folder);
      write_file(file, image);
    } catch (const std::exception&) {
    }
    return module;
  }

  const torch::Device device_;
  const DriverFunctions& driver_;
  const Nvrtc& compiler_;
  CudaContext context_ = nullptr;
  int architecture_ = 0;
  std::mutex mutex_;
  std::map<std::pair<std::string, Variant>, CudaModule> modules_;
  std::map<std::pair<std::string_view, Variant>, CudaFunction> functions_;
};

Backend* make_backend(torch::Device device) {
  if (!knows_streams()) return nullptr;
  if (const char* wanted = std::getenv("DGL_GPU_KERNELS"); wanted && std::string_view(wanted) == "off") return nullptr;
  std::string missing;
  const DriverFunctions* driver = driver_functions(missing);
  const Nvrtc* compiler = driver ? Nvrtc::find(&missing) : nullptr;
  if (compiler) {
    try {
      return new CudaBackend(device, *driver, *compiler);
    } catch (const Error& error) {
      missing = error.what();
    }
  }
  std::fprintf(stderr, "dgl: operations on %s are composed of libtorch's, which is slower: %s\n", device.str().c_str(),
               missing.c_str());
  return nullptr;
}

}  // namespace

int compute_capability(torch::Device device) {
  std::string ignored;
  const DriverFunctions* driver = device.is_cuda() ? driver_functions(ignored) : nullptr;
  int handle = 0, major = 0, minor = 0;
  const bool known = driver && driver->get_device(&handle, std::max<int>(0, device.index())) == 0 &&
                     driver->get_attribute(&major, kCapabilityMajor, handle) == 0 &&
                     driver->get_attribute(&minor, kCapabilityMinor, handle) == 0;
  return known ? 10 * major + minor : 0;
}

void check_bfloat16(const torch::Device& device, int capability) {
  if (capability == 0 || capability >= 80) return;
  fail(
      "training.precision = \"bf16\": {} is of compute capability {}.{}, which has no units for bfloat16; expected 8.0 "
      "or newer, or fp32",
      device.str(), capability / 10, capability % 10);
}

Backend* cuda_backend(torch::Device device) {
  if (!device.is_cuda()) return nullptr;
  static std::mutex mutex;
  static auto& backends = *new std::map<int, Backend*>;  // never destroyed: a driver ends before static objects do
  const std::lock_guard lock(mutex);
  const auto [entry, added] = backends.try_emplace(device.index(), nullptr);
  if (added) entry->second = make_backend(device);
  return entry->second;
}

}  // namespace dgl::ops::gpu
