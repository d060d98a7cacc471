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

SampleSpec VaeReconstruction::spec() const { return {{}, 0, encoder_->sizes().image, decoder_->sizes().image}; }

int64_t VaeReconstruction::input_multiple() const { return encoder_->sizes().factor; }

Tensor VaeReconstruction::sample(const Condition& condition, const SampleOptions&) {
  return decoder_->decode(encoder_->posterior(condition.images).mean);
}

std::string VaeReconstruction::to_onnx(OnnxGraph& graph, const ConditionNames& condition, double) const {
  const std::string latents = encoder_->mean_to_onnx(graph, condition.images);
  const OnnxGraph::Scope scope(graph, "decoder");
  return decoder_->to_onnx(graph, latents);
}

VaePrior::VaePrior(std::shared_ptr<VaeDecoder> decoder) : decoder_(std::move(decoder)) {}

SampleSpec VaePrior::spec() const {
  const VaeSizes sizes = decoder_->sizes();
  return {{sizes.latent_channels, sizes.side(), sizes.side()}, 0, std::nullopt, sizes.image};
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
