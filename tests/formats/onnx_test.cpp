#include "dgl/formats/onnx.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace dgl::test
