#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dgl/families/cyclegan/generator.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// Translates images by a generator.
class Translation : public Sampler {
 public:
  /// `back` is the generator of the other direction, or null.
  explicit Translation(std::shared_ptr<TranslationGenerator> generator,
                       std::shared_ptr<TranslationGenerator> back = nullptr);

  SampleSpec spec() const override;
  int64_t input_multiple() const override { return generator_->multiple(); }
  int64_t smallest_input() const override { return generator_->smallest_side(); }
  bool onnx_takes_any_size() const override { return true; }
  torch::Tensor sample(const Condition& condition, const SampleOptions& options = {}) override;
  std::string to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const override;
  Network& network() override { return *generator_; }
  TranslationGenerator& generator() const { return *generator_; }
  /// The generator of the other direction; null if the model has none.
  TranslationGenerator* back() const { return back_.get(); }

 private:
  std::shared_ptr<TranslationGenerator> generator_, back_;
};

}  // namespace dgl
