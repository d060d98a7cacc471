#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/formats/onnx.h"
#include "dgl/nn/network.h"

namespace dgl {

/// ONNX Runtime as a shared library of the user's, which is loaded when it is asked for: neither building nor running
/// this program needs one. It stays loaded until the process ends.
class OnnxRuntime {
 public:
  /// Loads the file `library`, or for "auto" the one that the system finds by its usual name. Throws Error, which names
  /// the option --onnxruntime, if there is none, if it is another library, or if it is older than 1.7.
  explicit OnnxRuntime(const std::string& library);

  /// "1.17.3"
  const std::string& version() const { return version_; }

 private:
  friend class OnnxSession;
  struct Library;
  std::shared_ptr<const Library> library_;
  std::string version_;
};

/// An ONNX file that ONNX Runtime has loaded, to be run on the processor.
class OnnxSession {
 public:
  /// Loads the bytes of an ONNX file for a number of threads. Throws Error, which names `origin`, if ONNX Runtime does
  /// not take it.
  OnnxSession(const OnnxRuntime& runtime, const std::string& file, int threads, const std::string& origin);
  OnnxSession(OnnxSession&&) noexcept;
  OnnxSession& operator=(OnnxSession&&) = delete;
  ~OnnxSession();

  /// Runs the file on its inputs by name, float32 or int64 on the CPU. Returns the float32 tensors called `outputs`.
  /// Throws Error if ONNX Runtime fails.
  std::vector<torch::Tensor> run(const TensorMap& inputs, const std::vector<std::string>& outputs) const;

 private:
  struct Loaded;
  std::unique_ptr<Loaded> loaded_;
};

/// Inputs of a graph to time it with: uniform random numbers from 0 to 1, and labels of 0. Sizes that may be any are
/// `side`.
TensorMap onnx_example_inputs(const OnnxGraph& graph, int64_t batch, int64_t side);

}  // namespace dgl
