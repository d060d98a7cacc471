#include "dgl/nn/network.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/ops/frozen_weights.h"

namespace dgl {

namespace {

torch::Tensor example_labels(int64_t classes, int64_t batch, torch::Device device) {
  return classes > 0 ? torch::zeros({batch}, torch::dtype(torch::kLong).device(device)) : torch::Tensor();
}

}  // namespace

SampleSpec Generator::spec() const {
  return {{z_dim()}, classes(), std::nullopt, {channels(), resolution(), resolution()}};
}

const torch::Tensor& input_tensor(const TensorMap& inputs, const std::string& name, const std::vector<int64_t>& sizes,
                                  const std::string& origin) {
  std::vector<std::string> words;
  for (const int64_t size : sizes) words.push_back(size < 0 ? "any" : std::to_string(size));
  const auto found = inputs.find(name);
  if (found == inputs.end()) {
    fail("{}: has no tensor {}; expected [{}]", origin, name, fmt::join(words, ", "));
  }
  const torch::Tensor& tensor = found->second;
  bool fits = tensor.dim() == static_cast<int64_t>(sizes.size()) && tensor.numel() > 0;
  for (size_t i = 0; fits && i < sizes.size(); ++i) {
    fits = sizes[i] < 0 || tensor.size(static_cast<int64_t>(i)) == sizes[i];
  }
  if (!fits) {
    fail("{}: tensor {} is [{}], expected [{}]", origin, name, fmt::join(tensor.sizes(), ", "), fmt::join(words, ", "));
  }
  return tensor;
}

torch::Tensor input_labels(const TensorMap& inputs, int64_t classes, int64_t count, const std::string& origin) {
  if (classes == 0) return {};
  const torch::Tensor labels = input_tensor(inputs, "labels", {count}, origin).to(torch::kLong);
  if (labels.min().item<int64_t>() < 0 || labels.max().item<int64_t>() >= classes) {
    fail("{}: tensor labels: expected 0 to {}", origin, classes - 1);
  }
  return labels;
}

TensorMap Generator::apply(const TensorMap& inputs, const std::string& origin) {
  const torch::Tensor z = input_tensor(inputs, "z", {-1, z_dim()}, origin).to(torch::kFloat);
  return {{"images", sample({z, input_labels(inputs, classes(), z.size(0), origin), {}})}};
}

TensorMap Discriminator::apply(const TensorMap& inputs, const std::string& origin) {
  const torch::Tensor images =
      input_tensor(inputs, "images", {-1, channels(), resolution(), resolution()}, origin).to(torch::kFloat);
  return {{"scores", forward(images, input_labels(inputs, classes(), images.size(0), origin))}};
}

std::function<void()> Generator::example_pass(int64_t batch, torch::Device device) {
  const Condition condition{torch::randn({batch, z_dim()}, device), example_labels(classes(), batch, device), {}};
  const auto frozen = std::make_shared<ops::FrozenWeights>();
  return [this, condition, frozen] { sample(condition); };
}

std::function<void()> Discriminator::example_pass(int64_t batch, torch::Device device) {
  const auto images = torch::randn({batch, channels(), resolution(), resolution()}, device);
  const auto labels = example_labels(classes(), batch, device);
  return [this, images, labels] { forward(images, labels); };
}

void check_size(const Cost& cost, int64_t max_params, const std::string& origin) {
  if (cost.params > max_params) {
    fail("{}: it describes a network of {} parameters, but holds {}", origin, cost.params, max_params);
  }
}

torch::ScalarType parse_precision(const std::string& text, const std::string& key) {
  if (text == "fp32") return torch::kFloat;
  if (text == "bf16") return torch::kBFloat16;
  fail("{} = \"{}\": expected fp32 or bf16", key, text);
}

void check_pair(const Generator& g, const Discriminator& d, const std::string& origin) {
  if (g.resolution() == d.resolution() && g.channels() == d.channels() && g.classes() == d.classes()) return;
  fail(
      "{}: generator and discriminator do not belong together: {} x {} x {} images of {} labels against {} x {} x {} "
      "of {}",
      origin, g.channels(), g.resolution(), g.resolution(), g.classes(), d.channels(), d.resolution(), d.resolution(),
      d.classes());
}

void copy_weights(const torch::nn::Module& source, torch::nn::Module& target) {
  torch::NoGradGuard no_grad;
  const auto copy = [](const auto& from, auto&& to) {
    for (auto& item : to) item.value().copy_(from[item.key()]);
  };
  copy(source.named_parameters(), target.named_parameters());
  copy(source.named_buffers(), target.named_buffers());
}

bool Network::trains(const std::string& parameter) const {
  return std::none_of(frozen_.begin(), frozen_.end(),
                      [&](const std::string& prefix) { return parameter.starts_with(prefix); });
}

void set_requires_grad(Network& network, bool on) {
  for (auto& item : network.named_parameters()) item.value().set_requires_grad(on && network.trains(item.key()));
}

}  // namespace dgl
