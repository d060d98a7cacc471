#include "dgl/nn/onnx_runtime.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/nn/onnx_runtime_api.h"

namespace dgl {

namespace api = onnx_runtime_api;

namespace {

constexpr const char* kLibraryName = "libonnxruntime.so";
constexpr int kNewestMinor = 60;  // of the names that "auto" tries: Debian's library is libonnxruntime.so.1.21

void* open_library(const std::string& library) {
  const auto open = [](const std::string& name) { return ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL); };
  if (library != "auto") {
    void* handle = open(library);
    if (!handle) fail_file("--onnxruntime {}: not a library that can be loaded: {}", library, first_line(::dlerror()));
    return handle;
  }
  for (const std::string suffix : {"", ".1"}) {
    if (void* handle = open(kLibraryName + suffix)) return handle;
  }
  for (int minor = kNewestMinor; minor > 0; --minor) {
    if (void* handle = open(fmt::format("{}.1.{}", kLibraryName, minor))) return handle;
  }
  fail_file("--onnxruntime auto: the system finds no {}; expected the path of one", kLibraryName);
}

}  // namespace

struct OnnxRuntime::Library {
  const api::Api* table = nullptr;
  api::Env* env = nullptr;  // kept, as the library is

  template <class T>
  T* function(api::Function place) const {
    return reinterpret_cast<T*>(table->functions[place]);
  }
  /// Throws Error, which names `origin`, if a call failed.
  void check(api::Status* status, const std::string& origin) const {
    if (!status) return;
    const std::string message = function<api::GetErrorMessage>(api::kGetErrorMessage)(status);
    function<api::Release<api::Status>>(api::kReleaseStatus)(status);
    fail("{}: ONNX Runtime: {}", origin, first_line(message));
  }
};

OnnxRuntime::OnnxRuntime(const std::string& library) {
  void* handle = open_library(library);
  const auto get_base = reinterpret_cast<api::GetBase*>(::dlsym(handle, "OrtGetApiBase"));
  const api::Base* base = get_base ? get_base() : nullptr;
  if (!base) fail_file("--onnxruntime {}: not ONNX Runtime: it has no OrtGetApiBase", library);
  version_ = base->version();
  Library loaded;
  loaded.table = base->get_api(api::kVersion);
  if (!loaded.table) {
    fail_file("--onnxruntime {}: ONNX Runtime {} is too old: expected 1.{} or later", library, version_, api::kVersion);
  }
  loaded.check(loaded.function<api::CreateEnv>(api::kCreateEnv)(api::kFatal, "dgl", &loaded.env),
               "--onnxruntime " + library);
  library_ = std::make_shared<const Library>(loaded);
}

struct OnnxSession::Loaded {
  std::shared_ptr<const OnnxRuntime::Library> library;
  std::string origin;
  api::Owned<api::MemoryInfo> memory;
  api::Owned<api::Session> session;

  Loaded(std::shared_ptr<const OnnxRuntime::Library> from, std::string name)
      : library(std::move(from)),
        origin(std::move(name)),
        memory(library->function<api::Release<api::MemoryInfo>>(api::kReleaseMemoryInfo)),
        session(library->function<api::Release<api::Session>>(api::kReleaseSession)) {}
  template <class T, class... Args>
  void call(api::Function place, Args... args) const {
    library->check(library->function<T>(place)(args...), origin);
  }
};

OnnxSession::OnnxSession(const OnnxRuntime& runtime, const std::string& file, int threads, const std::string& origin)
    : loaded_(std::make_unique<Loaded>(runtime.library_, origin)) {
  const auto& library = *runtime.library_;
  api::Owned<api::SessionOptions> options(
      library.function<api::Release<api::SessionOptions>>(api::kReleaseSessionOptions));
  loaded_->call<api::CreateSessionOptions>(api::kCreateSessionOptions, options.out());
  loaded_->call<api::SetThreads>(api::kSetIntraOpNumThreads, options.get(), threads);
  loaded_->call<api::SetThreads>(api::kSetInterOpNumThreads, options.get(), 1);
  loaded_->call<api::CreateCpuMemoryInfo>(api::kCreateCpuMemoryInfo, api::kArena, api::kDefaultMemory,
                                          loaded_->memory.out());
  loaded_->call<api::CreateSessionFromArray>(api::kCreateSessionFromArray, library.env, file.data(), file.size(),
                                             options.get(), loaded_->session.out());
}

OnnxSession::OnnxSession(OnnxSession&&) noexcept = default;
OnnxSession::~OnnxSession() = default;

std::vector<torch::Tensor> OnnxSession::run(const TensorMap& inputs, const std::vector<std::string>& outputs) const {
  const auto& library = *loaded_->library;
  const auto release_value = library.function<api::Release<api::Value>>(api::kReleaseValue);
  std::vector<torch::Tensor> kept;  // whose memory the library reads
  std::vector<std::unique_ptr<api::Owned<api::Value>>> values, results;
  std::vector<const char*> input_names, output_names;
  std::vector<const api::Value*> given;
  for (const auto& [name, tensor] : inputs) {
    kept.push_back(tensor.contiguous());
    const torch::Tensor& t = kept.back();
    values.push_back(std::make_unique<api::Owned<api::Value>>(release_value));
    loaded_->call<api::CreateTensorWithData>(
        api::kCreateTensorWithData, loaded_->memory.get(), t.data_ptr(), t.nbytes(), t.sizes().data(), t.sizes().size(),
        t.scalar_type() == torch::kLong ? api::kInt64 : api::kFloat, values.back()->out());
    input_names.push_back(name.c_str());
    given.push_back(values.back()->get());
  }
  for (const std::string& name : outputs) output_names.push_back(name.c_str());
  std::vector<api::Value*> found(outputs.size(), nullptr);
  loaded_->call<api::Run>(api::kRun, loaded_->session.get(), nullptr, input_names.data(), given.data(), given.size(),
                          output_names.data(), output_names.size(), found.data());
  for (api::Value* value : found) {
    results.push_back(std::make_unique<api::Owned<api::Value>>(release_value));
    *results.back()->out() = value;
  }
  std::vector<torch::Tensor> tensors;
  for (api::Value* value : found) {
    api::Owned<api::TensorInfo> info(library.function<api::Release<api::TensorInfo>>(api::kReleaseTensorInfo));
    loaded_->call<api::GetTensorTypeAndShape>(api::kGetTensorTypeAndShape, value, info.out());
    size_t dimensions = 0;
    loaded_->call<api::GetDimensionsCount>(api::kGetDimensionsCount, info.get(), &dimensions);
    std::vector<int64_t> sizes(dimensions);
    loaded_->call<api::GetDimensions>(api::kGetDimensions, info.get(), sizes.data(), dimensions);
    void* data = nullptr;
    loaded_->call<api::GetTensorMutableData>(api::kGetTensorMutableData, value, &data);
    tensors.push_back(torch::empty(sizes));
    std::memcpy(tensors.back().data_ptr(), data, tensors.back().nbytes());
  }
  return tensors;
}

TensorMap onnx_example_inputs(const OnnxGraph& graph, int64_t batch, int64_t side) {
  TensorMap inputs;
  for (const auto& [name, type, sizes] : graph.inputs()) {
    std::vector<int64_t> all{batch};
    for (const int64_t size : sizes) all.push_back(size == OnnxGraph::kAnySize ? side : size);
    inputs[name] = type == torch::kLong ? torch::zeros(all, torch::kLong) : torch::rand(all);
  }
  return inputs;
}

}  // namespace dgl
