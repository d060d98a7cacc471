#include "dgl/families/vae/samplers.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

VaeReconstruction::VaeReconstruction(std::shared_ptr<VaeEncoder> encoder, std::shared_ptr<VaeDecoder> decoder)
    : encoder_(std::move(encoder)), decoder_(std::move(decoder)) {}

SampleSpec VaeReconstruction::spec() const { return {{}, 0, encoder_->shape().image(), decoder_->shape().image()}; }

int64_t VaeReconstruction::input_multiple() const { return int64_t{1} << (encoder_->shape().levels() - 1); }

Tensor VaeReconstruction::sample(const Condition& condition, const SampleOptions&) {
  return decoder_->decode(Posterior(encoder_->encode(condition.images)).mean);
}

std::string VaeReconstruction::to_onnx(OnnxGraph& graph, const ConditionNames& condition, double) const {
  std::string moments;
  {
    const OnnxGraph::Scope scope(graph, "encoder");
    moments = encoder_->to_onnx(graph, condition.images);
  }
  const OnnxGraph::Scope scope(graph, "decoder");
  return decoder_->to_onnx(graph, graph.node("Split", {moments}, {{"axis", int64_t{1}}}, 2)[0]);
}

VaePrior::VaePrior(std::shared_ptr<VaeDecoder> decoder) : decoder_(std::move(decoder)) {}

SampleSpec VaePrior::spec() const {
  const VaeShape& shape = decoder_->shape();
  return {{shape.embed_dim, shape.side(), shape.side()}, 0, std::nullopt, shape.image()};
}

Tensor VaePrior::sample(const Condition& condition, const SampleOptions& options) {
  return decoder_->decode(options.psi == 1 ? condition.latents : condition.latents * options.psi);
}

std::string VaePrior::to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const {
  const std::string latents =
      psi == 1 ? condition.latents
               : graph.node("Mul", {condition.latents, graph.constant("psi", torch::tensor(psi, torch::kFloat))});
  const OnnxGraph::Scope scope(graph, "decoder");
  return decoder_->to_onnx(graph, latents);
}

}  // namespace dgl
