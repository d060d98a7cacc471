#include "dgl/nn/onnx_graph.h"

namespace dgl {

OnnxGraph onnx_graph(const Generator& generator, double psi, const nlohmann::json& info) {
  torch::NoGradGuard no_grad;
  OnnxGraph graph;
  const std::string z = graph.input("z", torch::kFloat, {generator.z_dim()});
  const std::string labels = generator.classes() > 0 ? graph.input("labels", torch::kLong, {}) : "";
  const std::string images = generator.to_onnx(graph, z, labels, psi);
  graph.output(images, "images", {generator.channels(), generator.resolution(), generator.resolution()});
  graph.describe(
      fmt::format("A generator: latents z of a normal distribution{} to images [N, C, R, R], about -1 to 1 and not "
                  "clamped; psi {:g}.",
                  labels.empty() ? "" : fmt::format(", labels 0 to {}", generator.classes() - 1), psi));
  graph.describe("settings", generator.settings().dump());
  graph.describe("info", info.dump());
  return graph;
}

std::string onnx_as_maps(OnnxGraph& graph, const std::string& x) {
  return graph.node("Unsqueeze", {x, graph.constant("axes", torch::tensor({2, 3}, torch::kLong))});
}

std::string onnx_linear(OnnxGraph& graph, const std::string& x, const torch::Tensor& weight,
                        const torch::Tensor& bias) {
  return graph.node("Gemm", {x, graph.constant("weight", weight), graph.constant("bias", bias)},
                    {{"transB", int64_t{1}}});
}

}  // namespace dgl
