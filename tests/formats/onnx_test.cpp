#include "dgl/formats/onnx.h"

#include <gtest/gtest.h>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

// A graph of every kind of field. tests/golden/formats/small.onnx is what the Python package onnx 1.12 wrote of the
// same one: helper.make_node and so on, ModelProto.SerializeToString(deterministic=True).
OnnxGraph small() {
  OnnxGraph graph;
  const std::string z = graph.input("z", torch::kFloat, {4}), labels = graph.input("labels", torch::kLong, {});
  const auto chunks = graph.node("Split", {z}, {{"axis", int64_t{1}}}, 2);
  std::string x;
  std::string table;
  {
    const OnnxGraph::Scope scope(graph, "fc0");
    const std::string w = graph.constant("weight", torch::arange(6, torch::kFloat).view({3, 2}) - 2.5);
    const std::string b = graph.constant("bias", torch::tensor({1, 2, 3}, torch::kDouble));
    x = graph.node("LeakyRelu", {graph.node("Gemm", {chunks[0], w, b}, {{"transB", int64_t{1}}})}, {{"alpha", 0.2}});
    table = graph.constant("weight", torch::tensor({1., 2., 0.5, 2., -1., 2.}).view({3, 2}).t());  // not contiguous
  }
  x = graph.node("Mul", {x, graph.node("Gather", {table, labels})});
  x = graph.node("Unsqueeze", {x, graph.constant("axes", torch::tensor({2, -1}, torch::kLong))});
  x = graph.node("Resize", {x, "", graph.constant("scales", torch::tensor({1., 1., 2., 2.}))},
                 {{"mode", "nearest"}, {"nearest_mode", "floor"}});
  graph.node("MaxPool", {x}, {{"kernel_shape", std::vector<int64_t>{1, 300}}});
  graph.output(x, "images", {3, 2, 2});
  graph.describe("Small.");
  graph.describe("info", "{}");
  return graph;
}

TEST(OnnxGraph, WritesTheBytesThatTheFormatsOwnProgramWrites) {
  TemporaryFolder folder;
  small().save(folder / "small.onnx");
  EXPECT_TRUE(read_file(folder / "small.onnx") == read_file(DGL_SOURCE_DIR "/tests/golden/formats/small.onnx"));
}

// Two convolutions with a bias, one of them of few weights, and a product of matrices.
OnnxGraph convolutions(OnnxPrecision precision) {
  OnnxGraph graph(std::move(precision));
  torch::manual_seed(1);
  std::string x = graph.input("images", torch::kFloat, {16, 8, 8});
  const auto pads = OnnxGraph::Attributes{{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
  const auto constant = [&](const char* name, at::IntArrayRef sizes) {
    return graph.constant(name, torch::randn(sizes));
  };
  x = graph.node("Conv", {x, constant("weight", {16, 16, 3, 3}), constant("bias", {16})}, pads);
  x = graph.node("Conv", {x, constant("weight", {1, 16, 1, 1}), constant("bias", {1})});
  graph.output(graph.node("MatMul", {x, constant("weight", {8, 128})}), "output", {1, 8, 128});
  return graph;
}

size_t count(const std::string& text, const std::string& word) {
  size_t found = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

TEST(OnnxGraph, ConvolutionsOfManyWeightsAreRoundedToTheirRanges) {
  const OnnxGraph plain = convolutions({});
  EXPECT_EQ(plain.convolved(), (std::set<std::string>{"images", "Conv"}));
  const auto ranges = std::make_shared<OnnxRanges>(OnnxRanges{{"images", {-1, 1}}, {"Conv", {0, 3}}});
  const std::string rounded = convolutions({.weights = WeightPrecision::int8, .ranges = ranges}).bytes();
  // Each operator is a field of its type. Maps: in and out of the first convolution.
  const auto operators = [&](const std::string& type) {
    return count(rounded, std::string{'"', static_cast<char>(type.size())} + type);
  };
  EXPECT_EQ(operators("QuantizeLinear"), 2u);
  // The same two, the convolution's weights and its bias.
  EXPECT_EQ(operators("DequantizeLinear"), 4u);
  // The weights of the product are expanded once.
  EXPECT_EQ(operators("Cast"), 1u);
  EXPECT_LT(rounded.size(), plain.bytes().size() / 2);
  ranges->erase("Conv");
  EXPECT_THROW(convolutions({.weights = WeightPrecision::int8, .ranges = ranges}), InternalError);
}

}  // namespace
}  // namespace dgl::test
