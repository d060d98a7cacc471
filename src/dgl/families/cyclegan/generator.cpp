#include "dgl/families/cyclegan/generator.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/families/cyclegan/networks.h"
#include "dgl/families/cyclegan/unet_generator.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/nn/settings.h"

namespace dgl {

using torch::Tensor;

namespace {

/// A kind of generator: the values of "architecture" in its settings, and how it is built of them.
struct GeneratorKind {
  std::vector<std::string> architectures;
  Cost (*cost)(const nlohmann::json& shape, const std::string& origin);
  std::shared_ptr<TranslationGenerator> (*make)(const nlohmann::json& shape, const std::string& origin);
};

template <class Shape, class Generator>
GeneratorKind kind_of(std::vector<std::string> architectures) {
  return {std::move(architectures),
          [](const nlohmann::json& shape, const std::string& origin) { return Shape::from_json(shape, origin).cost(); },
          [](const nlohmann::json& shape, const std::string& origin) -> std::shared_ptr<TranslationGenerator> {
            return std::make_shared<Generator>(Shape::from_json(shape, origin));
          }};
}

/// All kinds. A new one is a line here.
std::vector<GeneratorKind> generator_kinds() {
  return {kind_of<ResnetShape, ResnetGenerator>(resnet_architectures()),
          kind_of<UnetShape, UnetGenerator>({UnetShape::kArchitecture})};
}

GeneratorKind find_kind(const nlohmann::json& shape, const std::string& origin) {
  const std::string name = network_settings(shape, origin).required_text("architecture");
  std::vector<std::string> known;
  for (const GeneratorKind& kind : generator_kinds()) {
    if (std::find(kind.architectures.begin(), kind.architectures.end(), name) != kind.architectures.end()) return kind;
    known.insert(known.end(), kind.architectures.begin(), kind.architectures.end());
  }
  fail("{}: network setting architecture = \"{}\": expected {}", origin, name, fmt::join(known, " or "));
}

}  // namespace

std::shared_ptr<TranslationGenerator> make_translation_generator(const nlohmann::json& shape, const std::string& origin,
                                                                 int64_t max_params) {
  const GeneratorKind kind = find_kind(shape, origin);
  check_size(kind.cost(shape, origin), max_params, origin);
  return kind.make(shape, origin);
}

Cost translation_generator_cost(const nlohmann::json& shape, const std::string& origin) {
  return find_kind(shape, origin).cost(shape, origin);
}

Tensor TranslationGenerator::forward(const Tensor& images) {
  for (const int64_t dim : {2, 3}) {
    const int64_t side = images.size(dim);
    if (side % multiple() == 0 && side >= smallest_side()) continue;
    fail("images of {} x {} pixels, expected multiples of {} from {} on", images.size(3), images.size(2), multiple(),
         smallest_side());
  }
  return translate(images);
}

std::function<void()> TranslationGenerator::example_pass(int64_t batch, torch::Device device) {
  const Tensor images = torch::randn({batch, img_channels(), resolution(), resolution()}, device);
  return [this, images] { forward(images); };
}

TensorMap TranslationGenerator::apply(const TensorMap& inputs, const std::string& origin) {
  const Tensor& images = input_tensor(inputs, "images", {-1, img_channels(), -1, -1}, origin);
  try {
    return {{"images", forward(images.to(torch::kFloat))}};
  } catch (const Error& error) {
    fail("{}: tensor {}", origin, error.what());
  }
}

bool TranslationGenerator::apply_to_onnx(OnnxGraph& graph) const {
  const std::vector<int64_t> sizes{img_channels(), OnnxGraph::kAnySize, OnnxGraph::kAnySize};
  const std::string images = graph.input("images", torch::kFloat, sizes);
  // An input and an output of one graph have different names.
  graph.output(to_onnx(graph, images), "output", sizes);
  return true;
}

}  // namespace dgl
