#pragma once

#include <memory>
#include <string>

#include "dgl/families/vae/networks.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// Decodes the means of images' latents.
class VaeReconstruction : public Sampler {
 public:
  VaeReconstruction(std::shared_ptr<VaeEncoder> encoder, std::shared_ptr<VaeDecoder> decoder);

  SampleSpec spec() const override;
  int64_t input_multiple() const override;
  torch::Tensor sample(const Condition& condition, const SampleOptions& options = {}) override;
  std::string to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const override;
  Network& network() override { return *decoder_; }
  VaeEncoder& encoder() const { return *encoder_; }

 private:
  std::shared_ptr<VaeEncoder> encoder_;
  std::shared_ptr<VaeDecoder> decoder_;
};

/// Decodes latents of a standard normal distribution, times psi.
class VaePrior : public Sampler {
 public:
  explicit VaePrior(std::shared_ptr<VaeDecoder> decoder);

  SampleSpec spec() const override;
  torch::Tensor sample(const Condition& condition, const SampleOptions& options = {}) override;
  std::string to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const override;
  bool psi_scales_latents() const override { return true; }
  Network& network() override { return *decoder_; }

 private:
  std::shared_ptr<VaeDecoder> decoder_;
};

}  // namespace dgl
