#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/ddpm_denoiser.h"
#include "dgl/nn/onnx_graph.h"

namespace dgl {

std::string DdpmDenoiser::embed_to_onnx(OnnxGraph& graph, const std::string& times, const std::string& labels) const {
  const auto silu = [&](const std::string& x) { return graph.node("Mul", {x, graph.node("Sigmoid", {x})}); };
  const std::string waves = waves_to_onnx(graph, times, frequencies_);
  const std::string hidden = silu(add_to_graph(graph, "temb.dense.0", *embedding1_, waves));
  std::string embedding = add_to_graph(graph, "temb.dense.1", *embedding2_, hidden);
  if (label_embedding_.defined()) {
    const std::string rows = graph.node("Gather", {graph.constant("label_emb.weight", label_embedding_), labels});
    embedding = graph.node("Add", {embedding, rows});
  }
  return silu(embedding);
}

std::string DdpmDenoiser::to_onnx(OnnxGraph& graph, const std::string& x, const std::string& times,
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

}  // namespace dgl
