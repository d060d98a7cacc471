#include "dgl/nn/onnx_graph.h"

#include <fmt/format.h>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/byte_text.h"
#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/nn/network.h"

namespace dgl {

OnnxGraph onnx_graph(const Sampler& sampler, double psi, const nlohmann::json& info, OnnxPrecision precision) {
  torch::NoGradGuard no_grad;
  const SampleSpec spec = sampler.spec();
  OnnxGraph graph(std::move(precision));
  Sampler::ConditionNames names;
  if (!spec.latent_shape.empty()) names.latents = graph.input("z", torch::kFloat, spec.latent_shape);
  if (spec.classes > 0) names.labels = graph.input("labels", torch::kLong, {});
  const auto sizes = [&](const ImageShape& image) -> std::vector<int64_t> {
    if (sampler.onnx_takes_any_size()) return {image.channels, OnnxGraph::kAnySize, OnnxGraph::kAnySize};
    return {image.channels, image.height, image.width};
  };
  if (spec.input) names.images = graph.input("images", torch::kFloat, sizes(*spec.input));
  const std::string images = sampler.to_onnx(graph, names, psi);
  graph.output(images, spec.input ? "output" : "images", sizes(spec.output));
  graph.describe(fmt::format("A generator: {}{} to images [N, C, R, R], about -1 to 1 and not clamped; psi {:g}.",
                             spec.input ? "images" : "latents z of a normal distribution",
                             spec.classes > 0 ? fmt::format(", labels 0 to {}", spec.classes - 1) : "", psi));
  graph.describe("settings", json_text(sampler.network().settings()));
  graph.describe("info", json_text(info));
  return graph;
}

OnnxGraph onnx_graph(const Network& network, const std::string& origin, const nlohmann::json& info,
                     OnnxPrecision precision) {
  torch::NoGradGuard no_grad;
  OnnxGraph graph(std::move(precision));
  if (!network.apply_to_onnx(graph)) {
    const std::string family = network.settings().value("family", "");
    fail("{}: that network of a {} is not written as ONNX by itself", origin, family);
  }
  graph.describe("One network of a model; images are about -1 to 1 and not clamped.");
  graph.describe("settings", json_text(network.settings()));
  graph.describe("info", json_text(info));
  return graph;
}

std::string onnx_as_maps(OnnxGraph& graph, const std::string& x) {
  return graph.node("Unsqueeze", {x, graph.constant("axes", torch::tensor({2, 3}, torch::kLong))});
}

std::string onnx_upsampled(OnnxGraph& graph, const std::string& x) {
  const std::string scales = graph.constant("scales", torch::tensor({1, 1, 2, 2}, torch::kFloat));
  return graph.node("Resize", {x, "", scales},
                    {{"mode", "nearest"}, {"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}});
}

std::string onnx_linear(OnnxGraph& graph, const std::string& x, const torch::Tensor& weight,
                        const torch::Tensor& bias) {
  return graph.node("Gemm", {x, graph.constant("weight", weight), graph.constant("bias", bias)},
                    {{"transB", int64_t{1}}});
}

}  // namespace dgl
