#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dgl/formats/quantize.h"

namespace dgl {

/// The smallest and the largest value of feature maps, by their names in a graph.
using OnnxRanges = std::map<std::string, std::pair<float, float>>;

/// How a graph stores its weights, and what its convolutions compute in.
struct OnnxPrecision {
  WeightPrecision weights = WeightPrecision::fp32;
  /// If given, with int8 weights: convolutions whose weights are rounded (is_rounded_weight()) take and give whole
  /// numbers from 0 to 255, with one step for all of a tensor. Holds every tensor of OnnxGraph::convolved() of the same
  /// graph in float32.
  std::shared_ptr<const OnnxRanges> ranges{};
};

/// A graph of ONNX operators (https://onnx.ai, IR version 7, operator set 13). It is built in the order of execution
/// and written as an .onnx file. Tensors are identified by their names. The file is a protobuf message
/// (onnx/onnx.proto, formats/protobuf.h).
class OnnxGraph {
 public:
  using Attribute = std::variant<int64_t, double, std::string, std::vector<int64_t>>;
  using Attributes = std::vector<std::pair<std::string, Attribute>>;
  static constexpr int64_t kAnySize = -1;
  /// A tensor [N, sizes…] that the graph takes.
  struct Input {
    std::string name;
    torch::ScalarType type;
    std::vector<int64_t> sizes;
  };

  /// A graph whose weights (is_rounded_weight()) are stored in this precision, each with an operator that expands it.
  /// With ranges, operators that round and expand stand before and behind convolutions too, and biases of these are
  /// whole numbers of 32 bits. A runtime that knows such groups of operators computes them in whole numbers ("QDQ").
  explicit OnnxGraph(OnnxPrecision precision = {}) : precision_(std::move(precision)) {}

  /// While an object lives, names are prefixed by `name` and a dot.
  class Scope {
   public:
    Scope(OnnxGraph& graph, const std::string& name) : graph_(graph), before_(graph.scope_) {
      graph.scope_ += name + ".";
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { graph_.scope_ = before_; }

   private:
    OnnxGraph& graph_;
    const std::string before_;
  };

  /// Adds an input [N, sizes…] of kFloat or kLong with any N. A size of kAnySize may be any too. The scope does not
  /// change its name.
  std::string input(const std::string& name, torch::ScalarType type, at::IntArrayRef sizes);
  /// Stores a tensor in the file, as int64 if it is kLong and else as float32, or in the graph's precision of weights.
  /// Returns the name of its values, which is that of an
  /// earlier call if the tensor shares all its memory with that call's: weights that are used twice are stored once.
  std::string constant(const std::string& name, const torch::Tensor& value);
  /// Adds an operator with one output. Returns the output's name.
  std::string node(const std::string& op, const std::vector<std::string>& inputs, const Attributes& attributes = {});
  /// Adds an operator with `count` outputs. Returns their names.
  std::vector<std::string> node(const std::string& op, const std::vector<std::string>& inputs,
                                const Attributes& attributes, int64_t count);
  /// Makes the float32 tensor `value` [N, sizes…] an output of the graph under `name`.
  void output(const std::string& value, const std::string& name, at::IntArrayRef sizes);

  /// The feature maps, in and out, of the convolutions that ranges are needed for.
  const std::set<std::string>& convolved() const { return convolved_; }
  /// Makes each of them an output under its own name, of any shape, for ranges to be found.
  void output_convolved();

  const std::vector<Input>& inputs() const { return given_; }
  /// The names that output() was called with.
  const std::vector<std::string>& outputs() const { return made_; }

  /// Sets a property of the model, which other programs show.
  void describe(const std::string& key, const std::string& value) { properties_[key] = value; }
  /// Sets the description of the model, a sentence.
  void describe(const std::string& text) { text_ = text; }

  /// Returns the file's bytes. The same graph gives the same bytes.
  std::string bytes() const;
  /// Writes the file completely or not at all. Throws Error, naming the file, if it exceeds protobuf's limit of 2^31 -
  /// 1 bytes.
  void save(const std::filesystem::path& path) const;

 private:
  std::string unique(const std::string& name);
  /// Encodes an operator whose outputs have names already.
  void add(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
           const Attributes& attributes);
  /// Stores a tensor under `values`, in int8 with operators that expand it if it is a weight.
  void emit(const std::string& values, const torch::Tensor& plain);
  /// Stores whole numbers with an operator that tells a runtime their steps.
  void emit_quantized(const std::string& values, const QuantizedTensor& quantized, int64_t type);
  /// Emits the constants among the inputs of an operator that wait for it.
  void emit_waiting(const std::vector<std::string>& inputs);
  /// Whether an operator is a convolution that ranges are for.
  bool is_convolution(const std::string& op, const std::vector<std::string>& inputs,
                      const Attributes& attributes) const;
  /// Adds operators that round feature maps to their range and expand them. Returns the result's name.
  std::string rounded_maps(const std::string& maps);
  /// Adds a convolution between such operators. Returns the result's name.
  std::string rounded_convolution(const std::vector<std::string>& inputs, const Attributes& attributes);
  std::pair<double, int64_t> step_and_zero(const std::string& maps) const;
  /// Adds an initializer. `type` is that of TensorProto.DataType. Returns its name.
  std::string store(const std::string& name, const torch::Tensor& contiguous, int64_t type);
  void store_as(const std::string& free, const torch::Tensor& contiguous, int64_t type);

  OnnxPrecision precision_;
  std::set<std::string> convolved_;
  std::map<std::string, torch::Tensor> values_;      // constants by name
  std::set<std::string> waiting_;                    // those of them that are not stored yet
  std::map<std::string, std::string> rounded_maps_;  // the result of rounded_maps() by what it rounds
  std::vector<Input> given_;
  std::vector<std::string> made_;
  std::string scope_, text_;
  std::map<std::string, std::string> properties_;
  std::set<std::string> names_;
  std::multimap<const void*, std::pair<torch::Tensor, std::string>> stored_;  // constants by their memory
  std::string inputs_, constants_, nodes_, outputs_;                          // encoded fields of the graph's message
};

}  // namespace dgl
