#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/networks.h"
#include "dgl/nn/onnx_graph.h"

namespace dgl {

std::string Denoiser::embed_to_onnx(OnnxGraph& graph, const std::string& times, const std::string& labels) const {
  const auto silu = [&](const std::string& x) { return graph.node("Mul", {x, graph.node("Sigmoid", {x})}); };
  const std::string column = graph.node("Unsqueeze", {times, graph.constant("axes", torch::tensor({1}, torch::kLong))});
  const std::string angles = graph.node("Mul", {column, graph.constant("frequencies", frequencies_.unsqueeze(0))});
  const std::string waves =
      graph.node("Concat", {graph.node("Sin", {angles}), graph.node("Cos", {angles})}, {{"axis", int64_t{1}}});
  const std::string hidden = silu(add_to_graph(graph, "temb.dense.0", *embedding1_, waves));
  std::string embedding = add_to_graph(graph, "temb.dense.1", *embedding2_, hidden);
  if (label_embedding_.defined()) {
    const std::string rows = graph.node("Gather", {graph.constant("label_emb.weight", label_embedding_), labels});
    embedding = graph.node("Add", {embedding, rows});
  }
  return silu(embedding);
}

std::string Denoiser::to_onnx(OnnxGraph& graph, const std::string& x, const std::string& times,
                              const std::string& labels) const {
  const std::string embedding = embed_to_onnx(graph, times, labels);
  int64_t side = shape_.resolution;
  const auto add_block = [&](const std::string& name, const Level& level, size_t i, const std::string& input) {
    const OnnxGraph::Scope scope(graph, name);
    const std::string number = std::to_string(i);
    const std::string h = add_to_graph(graph, "block." + number, *level.blocks[i], input, embedding);
    return level.attention.empty() ? h : add_to_graph(graph, "attn." + number, *level.attention[i], h, side, side);
  };
  std::vector<std::string> skips{add_to_graph(graph, "conv_in", *conv_in_, x)};
  for (size_t at = 0; at < down_.size(); ++at) {
    const std::string name = "down." + std::to_string(at);
    for (size_t i = 0; i < down_[at].blocks.size(); ++i) skips.push_back(add_block(name, down_[at], i, skips.back()));
    if (!down_[at].resampling) continue;
    skips.push_back(add_to_graph(graph, name + ".downsample", *down_[at].resampling, skips.back()));
    side /= 2;
  }
  std::string h = add_to_graph(graph, "mid", *middle_, skips.back(), side, embedding);
  for (size_t at = up_.size(); at-- > 0;) {
    const std::string name = "up." + std::to_string(at);
    for (size_t i = 0; i < up_[at].blocks.size(); ++i) {
      const std::string both = graph.node("Concat", {h, skips.back()}, {{"axis", int64_t{1}}});
      skips.pop_back();
      h = add_block(name, up_[at], i, both);
    }
    if (!up_[at].resampling) continue;
    h = add_to_graph(graph, name + ".upsample", *up_[at].resampling, h);
    side *= 2;
  }
  return add_to_graph(graph, "conv_out", *conv_out_, add_to_graph(graph, "norm_out", *norm_out_, h));
}

bool Denoiser::apply_to_onnx(OnnxGraph& graph) const {
  const std::string x = graph.input("x", torch::kFloat, {shape_.img_channels, shape_.resolution, shape_.resolution});
  const std::string sigma = graph.input("sigma", torch::kFloat, {});
  const std::string labels = shape_.classes > 0 ? graph.input("labels", torch::kLong, {}) : "";
  const auto number = [&](const char* name, double value) {
    return graph.constant(name, torch::tensor(value, torch::kFloat));
  };
  const auto maps = [&](const std::string& factors) {  // [N] as [N, 1, 1, 1]
    return graph.node("Unsqueeze", {factors, graph.constant("axes", torch::tensor({1, 2, 3}, torch::kLong))});
  };
  const auto product = [&](const std::string& a, const std::string& b) { return graph.node("Mul", {a, b}); };
  const bool eps = shape_.precondition == Precondition::eps;
  const double variance = eps ? 1 : kDataDeviation * kDataDeviation;
  const std::string deviation =
      graph.node("Sqrt", {graph.node("Add", {product(sigma, sigma), number("variance", variance)})});
  std::string noise;
  if (eps) {
    const auto& levels = ddpm_noise_levels();
    const std::string table = graph.constant("levels", torch::tensor(levels, torch::kFloat).view({1, -1}));
    const std::string column =
        graph.node("Unsqueeze", {sigma, graph.constant("axes", torch::tensor({1}, torch::kLong))});
    const std::string distance = graph.node("Abs", {graph.node("Sub", {column, table})});
    const std::string nearest = graph.node("ArgMin", {distance}, {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}});
    noise = graph.node("Cast", {nearest}, {{"to", int64_t{1}}});  // TensorProto.FLOAT
  } else {
    noise = product(graph.node("Log", {sigma}), number("noise_factor", kNoiseFactor));
  }
  const std::string output = to_onnx(graph, graph.node("Div", {x, maps(deviation)}), noise, labels);
  std::string kept = x, given = product(output, maps(sigma));
  if (eps) {
    kept = x;
    given = graph.node("Neg", {given});
  } else {
    const std::string square = product(deviation, deviation);
    kept = product(x, maps(graph.node("Div", {number("variance", variance), square})));
    given = graph.node("Div", {product(given, number("deviation", kDataDeviation)), maps(deviation)});
  }
  graph.output(graph.node("Add", {kept, given}), "denoised",
               {shape_.img_channels, shape_.resolution, shape_.resolution});
  return true;
}

}  // namespace dgl
