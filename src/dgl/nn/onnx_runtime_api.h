#pragma once

#include <cstddef>
#include <cstdint>

namespace dgl {

/// What this program uses of ONNX Runtime's C interface, declared here so that building needs none of its files. The
/// library gives a table of functions, OrtApi of include/onnxruntime/core/session/onnxruntime_c_api.h
/// (github.com/microsoft/onnxruntime, MIT License), to which versions only append; its first 101 entries are those of
/// version 1. A function that fails returns a status, which must be released, and else null.
namespace onnx_runtime_api {

struct Env;
struct Status;
struct MemoryInfo;
struct Session;
struct Value;
struct TensorInfo;
struct SessionOptions;

/// The version of the interface that is asked for, that of ONNX Runtime 1.7: the first one that runs all of operator
/// set 13.
constexpr uint32_t kVersion = 7;
constexpr int kFatal = 4;                      // OrtLoggingLevel: problems come back as statuses
constexpr int kFloat = 1, kInt64 = 7;          // ONNXTensorElementDataType
constexpr int kArena = 1, kDefaultMemory = 0;  // OrtAllocatorType, OrtMemType
constexpr size_t kFunctions = 101;

/// Places in the table.
enum Function : size_t {
  kGetErrorMessage = 2,
  kCreateEnv = 3,
  kCreateSessionFromArray = 8,
  kRun = 9,
  kCreateSessionOptions = 10,
  kSetIntraOpNumThreads = 24,
  kSetInterOpNumThreads = 25,
  kCreateTensorWithData = 49,
  kGetTensorMutableData = 51,
  kGetDimensionsCount = 61,
  kGetDimensions = 62,
  kGetTensorTypeAndShape = 65,
  kCreateCpuMemoryInfo = 69,
  kReleaseStatus = 93,
  kReleaseMemoryInfo = 94,
  kReleaseSession = 95,
  kReleaseValue = 96,
  kReleaseTensorInfo = 99,
  kReleaseSessionOptions = 100,
};

/// OrtApi: the table.
struct Api {
  void (*functions[kFunctions])();
};

/// OrtApiBase, which OrtGetApiBase() returns.
struct Base {
  const Api* (*get_api)(uint32_t version);  ///< null for a version later than the library's
  const char* (*version)();                 ///< "1.17.3"
};

using GetBase = const Base*();
using GetErrorMessage = const char*(const Status*);
using CreateEnv = Status*(int severity, const char* name, Env** out);
using CreateSessionFromArray = Status*(const Env*, const void* file, size_t bytes, const SessionOptions*, Session**);
using Run = Status*(Session*, const void* options, const char* const* input_names, const Value* const* inputs,
                    size_t input_count, const char* const* output_names, size_t output_count, Value** outputs);
using CreateSessionOptions = Status*(SessionOptions**);
using SetThreads = Status*(SessionOptions*, int);
using CreateTensorWithData = Status*(const MemoryInfo*, void* data, size_t bytes, const int64_t* sizes,
                                     size_t dimensions, int type, Value**);
using GetTensorMutableData = Status*(Value*, void**);
using GetDimensionsCount = Status*(const TensorInfo*, size_t*);
using GetDimensions = Status*(const TensorInfo*, int64_t* sizes, size_t dimensions);
using GetTensorTypeAndShape = Status*(const Value*, TensorInfo**);
using CreateCpuMemoryInfo = Status*(int allocator, int memory, MemoryInfo**);
template <class T>
using Release = void(T*);

/// Releases an object of the library when it goes out of scope.
template <class T>
class Owned {
 public:
  explicit Owned(Release<T>* release) : release_(release) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (object_) release_(object_);
  }
  T** out() { return &object_; }
  T* get() const { return object_; }

 private:
  Release<T>* release_;
  T* object_ = nullptr;
};

}  // namespace onnx_runtime_api

}  // namespace dgl
