#include "dgl/nn/patch_discriminator.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/nn/settings.h"
#include "dgl/ops/bias_act.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv2d.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kKernel = 4, kMostLayers = 10, kMostMaps = 16384, kWidest = 8;
constexpr double kSlope = 0.2, kBatchNormEpsilon = 1e-5, kBatchNormMomentum = 0.1;

/// Side of the feature maps behind a convolution.
int64_t side_behind(int64_t side, int64_t stride) { return (side + 2 - kKernel) / stride + 1; }

/// Place of convolution `i` in the reference's list: a norm, if any, and a leaky ReLU follow each but the last.
int64_t place(int64_t i) { return i == 0 ? 0 : 3 * i - 1; }

std::string name_of(int64_t i) { return fmt::format("main.{}", place(i)); }

}  // namespace

int64_t PatchDiscriminatorShape::maps(int64_t i) const { return channels * std::min(int64_t{1} << i, kWidest); }

PatchDiscriminatorShape PatchDiscriminatorShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  PatchDiscriminatorShape shape;
  shape.resolution = settings.integer("resolution", 1, 4096);
  shape.img_channels = settings.integer("img_channels", 1, 16);
  shape.channels = settings.integer("channels", 1, kMostMaps);
  shape.layers = settings.integer("layers", 1, kMostLayers);
  shape.norm = settings.required_text("norm");
  if (shape.norm != "batch" && shape.norm != "instance" && shape.norm != "none") {
    fail("{}: network setting norm = \"{}\": expected batch, instance or none", origin, shape.norm);
  }
  int64_t side = shape.resolution;
  for (int64_t i = 0; i < shape.layers; ++i) side = side_behind(side, 2);
  // Two convolutions of stride 1 take one pixel each, and an instance norm has no deviation of a single one.
  const int64_t least = shape.norm == "instance" ? 3 : 2;
  if (side_behind(side, 1) < least) {
    fail("{}: a patch discriminator of {} layers leaves no patch of images of {} pixels; expected fewer layers", origin,
         shape.layers, shape.resolution);
  }
  return shape;
}

nlohmann::json PatchDiscriminatorShape::to_json(const std::string& family) const {
  return {{"family", family},
          {"architecture", "patch"},
          {"resolution", resolution},
          {"img_channels", img_channels},
          {"channels", channels},
          {"layers", layers},
          {"norm", norm}};
}

Cost PatchDiscriminatorShape::cost() const {
  CostCounter counter;
  int64_t in = img_channels, side = resolution;
  for (int64_t i = 0; i <= layers; ++i) {
    side = side_behind(side, i < layers ? 2 : 1);
    const bool batch_norm = i > 0 && norm == "batch";
    counter.conv(in, maps(i), kKernel, side * side, !batch_norm);
    if (batch_norm) counter.cost.params += 2 * maps(i);
    in = maps(i);
  }
  side = side_behind(side, 1);
  counter.conv(in, 1, kKernel, side * side, true);
  return counter.cost;
}

PatchDiscriminatorShape patch_discriminator_shape(const NamedTensors& tensors, int64_t resolution,
                                                  const std::string& origin) {
  const TensorSizes size(tensors, origin);
  PatchDiscriminatorShape shape;
  shape.resolution = resolution;
  shape.img_channels = size("main.0.weight", 4, 1);
  shape.channels = size("main.0.weight", 4, 0);
  shape.norm = size.has("main.3.running_mean") ? "batch" : "instance";  // which has no tensors
  shape.layers = 0;
  while (shape.layers < kMostLayers && size.has(name_of(shape.layers + 2) + ".weight")) ++shape.layers;
  return PatchDiscriminatorShape::from_json(shape.to_json(""), origin);
}

PatchDiscriminator::PatchDiscriminator(const PatchDiscriminatorShape& shape, const std::string& family)
    : shape_(shape), family_(family) {
  auto main = register_module("main", std::make_shared<torch::nn::Module>());
  int64_t in = shape.img_channels;
  // As the reference draws them: N(0, 0.02) for convolutions, N(1, 0.02) for the factors of batch norms.
  const auto normal = [](at::IntArrayRef sizes, double mean) { return torch::randn(sizes) * 0.02 + mean; };
  for (int64_t i = 0; i <= shape.layers + 1; ++i) {
    const bool last = i > shape.layers;
    const int64_t out = last ? 1 : shape.maps(i);
    Layer layer;
    layer.name = name_of(i);
    layer.stride = i < shape.layers ? 2 : 1;
    layer.normalized = i > 0 && !last && shape.norm != "none";
    auto conv = main->register_module(layer.name.substr(5), std::make_shared<torch::nn::Module>());
    layer.weight = conv->register_parameter("weight", normal({out, in, kKernel, kKernel}, 0));
    if (layer.normalized && shape.norm == "batch") {
      auto norm = main->register_module(std::to_string(place(i) + 1), std::make_shared<torch::nn::Module>());
      layer.gain = norm->register_parameter("weight", normal({out}, 1));
      layer.shift = norm->register_parameter("bias", torch::zeros({out}));
      layer.mean = norm->register_buffer("running_mean", torch::zeros({out}));
      layer.var = norm->register_buffer("running_var", torch::ones({out}));
    } else {
      layer.bias = conv->register_parameter("bias", torch::zeros({out}));
    }
    layers_.push_back(layer);
    in = out;
  }
}

Tensor PatchDiscriminator::normalize(const Tensor& x, Layer& layer) {
  const Tensor wide = ops::to_float32(x);
  if (!layer.gain.defined()) {
    return at::instance_norm(wide, {}, {}, {}, {}, /*use_input_stats=*/true, 0, kBatchNormEpsilon, false);
  }
  return at::batch_norm(wide, layer.gain, layer.shift, layer.mean, layer.var, is_training(), kBatchNormMomentum,
                        kBatchNormEpsilon, false);
}

Judgement PatchDiscriminator::judge_batch(const Tensor& images, bool features) {
  Judgement judgement;
  Tensor x = images.to(activations_);
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    const bool last = i + 1 == layers_.size();
    if (last) x = ops::to_float32(x);
    x = ops::conv2d(x, layer.weight, layer.stride, 1);
    if (last) {
      judgement.scores = (x + layer.bias.view({1, -1, 1, 1})).flatten(1);
      break;
    }
    if (layer.normalized) {
      if (layer.bias.defined()) x = x + layer.bias.view({1, -1, 1, 1}).to(x.scalar_type());
      x = at::leaky_relu(normalize(x, layer), kSlope).to(activations_);
    } else {
      x = ops::bias_act(x, layer.bias, {kSlope, 1});
    }
    if (features) judgement.features.push_back(x);
  }
  return judgement;
}

Judgement PatchDiscriminator::judge(const Tensor& images, const Tensor&, int64_t chunks, bool features) {
  const ops::ReferenceScope scope(reference());
  const Tensor x = ops::working_layout(images);
  if (chunks == 1 || !is_training() || shape_.norm != "batch") return judge_batch(x, features);
  std::vector<Judgement> parts;
  for (const Tensor& part : x.chunk(chunks)) parts.push_back(judge_batch(part, features));
  Judgement whole;
  std::vector<Tensor> scores;
  for (const Judgement& part : parts) scores.push_back(part.scores);
  whole.scores = at::cat(scores);
  for (size_t i = 0; i < parts[0].features.size(); ++i) {
    std::vector<Tensor> maps;
    for (const Judgement& part : parts) maps.push_back(part.features[i]);
    whole.features.push_back(at::cat(maps));
  }
  return whole;
}

std::vector<std::string> PatchDiscriminator::blocks() const {
  std::vector<std::string> names;
  for (size_t i = 0; i + 1 < layers_.size(); ++i) names.push_back(layers_[i].name + ".");
  return names;
}

ChannelLayout PatchDiscriminator::channel_layout() const {
  ChannelLayout layout;
  std::string in;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const std::string out = i + 1 < layers_.size() ? layer.name : "";
    layout[layer.name + ".weight"] = {{.group = out}, {.group = in, .input = !in.empty()}, {}, {}};
    if (layer.bias.defined()) layout[layer.name + ".bias"] = {{.group = out}};
    if (layer.gain.defined()) {
      const std::string norm = fmt::format("main.{}", place(static_cast<int64_t>(i)) + 1);
      for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) {
        layout[norm + part] = {{.group = out}};
      }
    }
    in = out;
  }
  return layout;
}

}  // namespace dgl
