#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dgl {

/// A graph of ONNX operators (https://onnx.ai, IR version 7, operator set 13) that is built in the order in which it
/// computes, and written as an .onnx file. Tensors in it are known by their names. The file format is protobuf's wire
/// format (onnx/onnx.proto, https://protobuf.dev/programming-guides/encoding), written here: libtorch's wheels carry a
/// protobuf of their own, and two in one program do not get along.
class OnnxGraph {
 public:
  using Attribute = std::variant<int64_t, double, std::string, std::vector<int64_t>>;
  using Attributes = std::vector<std::pair<std::string, Attribute>>;

  /// While one lives, names are prefixed by `name` and a dot.
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

  /// An input [N, sizes…] of kFloat or kLong, where N is free; the scope does not touch its name.
  std::string input(const std::string& name, torch::ScalarType type, at::IntArrayRef sizes);
  /// A tensor that the file holds, as float32, or int64 where it is kLong.
  std::string constant(const std::string& name, const torch::Tensor& value);
  /// An operator of one output: the output's name.
  std::string node(const std::string& op, const std::vector<std::string>& inputs, const Attributes& attributes = {});
  /// An operator of `count` outputs.
  std::vector<std::string> node(const std::string& op, const std::vector<std::string>& inputs,
                                const Attributes& attributes, int64_t count);
  /// Makes a float32 tensor [N, sizes…] an output of the graph under `name`.
  void output(const std::string& value, const std::string& name, at::IntArrayRef sizes);

  /// A property of the model, as other programs show it.
  void describe(const std::string& key, const std::string& value) { properties_[key] = value; }
  /// What the model is, in a sentence.
  void describe(const std::string& text) { text_ = text; }

  /// The file's bytes. The same graph gives the same ones.
  std::string bytes() const;
  /// Writes them whole or not at all. Error (naming the file) for more than protobuf can hold, 2^31 - 1 bytes.
  void save(const std::filesystem::path& path) const;

 private:
  std::string unique(const std::string& name);

  std::string scope_, text_;
  std::map<std::string, std::string> properties_;
  std::set<std::string> names_;
  std::string inputs_, constants_, nodes_, outputs_;  // fields of the graph's message, encoded
};

}  // namespace dgl
