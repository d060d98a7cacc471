#include "dgl/families/cyclegan/samplers.h"

#include <utility>

#include "dgl/base/torch.h"
#include "dgl/nn/onnx_graph.h"

namespace dgl {

Translation::Translation(std::shared_ptr<TranslationGenerator> generator, std::shared_ptr<TranslationGenerator> back)
    : generator_(std::move(generator)), back_(std::move(back)) {}

SampleSpec Translation::spec() const {
  const ImageShape image{generator_->img_channels(), generator_->resolution(), generator_->resolution()};
  return {{}, 0, image, image};
}

torch::Tensor Translation::sample(const Condition& condition, const SampleOptions&) {
  return generator_->forward(condition.images);
}

std::string Translation::to_onnx(OnnxGraph& graph, const ConditionNames& condition, double) const {
  return generator_->to_onnx(graph, condition.images);
}

}  // namespace dgl
