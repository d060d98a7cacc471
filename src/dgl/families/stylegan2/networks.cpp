#include "dgl/families/stylegan2/networks.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/ops/bias_act.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv2d.h"
#include "dgl/ops/conv_act.h"
#include "dgl/ops/frozen_weights.h"
#include "dgl/ops/modulate.h"
#include "dgl/ops/pointwise.h"
#include "dgl/ops/upfirdn2d.h"

namespace dgl {

using torch::Tensor;

namespace {

const double kSqrt2 = std::sqrt(2.0), kSqrtHalf = std::sqrt(0.5);
constexpr double kMappingLr = 0.01, kMeanLatentBeta = 0.995;

/// The blur after a stride-2 up-convolution, whose output is one pixel longer. Its gain compensates for the inserted
/// zeros.
const ops::Resample kBlurAfterUp{ops::fir_1331(), 1, 1, 1, 1, 4};
const ops::Resample kUpsampleImage{ops::fir_1331(), 2, 1, 2, 1, 4};
const ops::Resample kBlurBeforeDown{ops::fir_1331(), 1, 1, 2, 2, 1};
const ops::Resample kDownsample{ops::fir_1331(), 1, 2, 1, 1, 1};

}  // namespace

EqualLinear::EqualLinear(int64_t in, int64_t out, bool activate, double lr_multiplier, double bias_init)
    : weight_gain_(lr_multiplier / std::sqrt(static_cast<double>(in))), bias_gain_(lr_multiplier), activate_(activate) {
  weight_ = register_parameter("weight", torch::randn({out, in}) / lr_multiplier);
  bias_ = register_parameter("bias", torch::full({out}, bias_init));
}

Tensor EqualLinear::forward(const Tensor& x) {
  const Tensor bias = bias_gain_ == 1 ? bias_ : bias_ * bias_gain_;
  if (!activate_) return at::addmm(bias, x, weight_.t(), 1, weight_gain_);
  return ops::bias_act(at::mm(x, weight_.t() * weight_gain_), bias);
}

Tensor EqualLinear::embed(const Tensor& places) {
  return weight_.t().index_select(0, places) * weight_gain_ + bias_ * bias_gain_;
}

StyleGan2Mapping::StyleGan2Mapping(const StyleGan2MappingShape& shape, bool keeps_mean) : shape_(shape) {
  if (shape.classes > 0) {
    embed_ = register_module("embed", std::make_shared<EqualLinear>(shape.classes, shape.embed_dim, false));
  }
  int64_t in = shape.z_dim + (shape.classes > 0 ? shape.embed_dim : 0);
  for (size_t i = 0; i < shape.widths.size(); ++i) {
    layers_.push_back(register_module("fc" + std::to_string(i),
                                      std::make_shared<EqualLinear>(in, shape.widths[i], true, kMappingLr)));
    in = shape.widths[i];
  }
  if (keeps_mean) w_avg_ = register_buffer("w_avg", torch::zeros({shape.w_dim()}));
}

Tensor StyleGan2Mapping::forward(const Tensor& z, const Tensor& labels) {
  const auto normalized = [](const Tensor& x) {
    return x * at::rsqrt(x.square().mean({1}, /*keepdim=*/true) + kStyleGan2Epsilon);
  };
  std::vector<Tensor> parts;
  if (shape_.z_dim > 0) parts.push_back(normalized(z));
  if (embed_) {
    if (!labels.defined()) fail("the network has {} labels and needs one for every image", shape_.classes);
    parts.push_back(normalized(embed_->embed(labels)));
  }
  Tensor w = parts.size() == 1 ? parts[0] : at::cat(parts, 1);
  for (auto& layer : layers_) w = layer->forward(w);
  return w;
}

void StyleGan2Mapping::track_mean(const Tensor& batch_mean) {
  torch::NoGradGuard no_grad;
  w_avg_.copy_(batch_mean.lerp(w_avg_, kMeanLatentBeta));
}

SynthesisLayer::SynthesisLayer(int64_t in, int64_t out, int64_t w_dim, int64_t resolution, bool up)
    : resolution_(resolution), up_(up) {
  affine_ = register_module("affine", std::make_shared<EqualLinear>(w_dim, in, false, 1, 1));
  weight_ = register_parameter("weight", torch::randn({out, in, 3, 3}));
  bias_ = register_parameter("bias", torch::zeros({out}));
  noise_strength_ = register_parameter("noise_strength", torch::zeros({}));
  noise_const_ = register_buffer("noise_const", torch::randn({resolution, resolution}));
}

Tensor SynthesisLayer::forward(const Tensor& x, const Tensor& w, const at::Generator& random) {
  const Tensor styles = affine_->forward(w);
  // Modulating the input and demodulating the output around one dense convolution equals a convolution with per-sample
  // weights: sum over [in, k, k] of (weight * style)^2 = style^2 . sum over [k, k] of weight^2.
  const Tensor squares = ops::FrozenWeights::derived(weight_, "squares", [&] {
    return weight_.square().sum({2, 3}).t();
  });
  const Tensor demodulation = at::rsqrt(at::mm(styles.square(), squares) + kStyleGan2Epsilon);
  const Tensor noise = random.defined()
                           ? at::randn({x.size(0), 1, resolution_, resolution_}, random, noise_const_.options())
                           : noise_const_.view({1, 1, resolution_, resolution_});
  if (!up_) return ops::modulated_conv_act(x, weight_, styles, demodulation, noise, noise_strength_, bias_);
  const int64_t size = 2 * x.size(2) + 1;
  const Tensor y = ops::conv2d_transpose(ops::channel_scale(x, styles), weight_.transpose(0, 1), size, size, 2, 0);
  return ops::resample_scale_noise_bias_act(y, kBlurAfterUp, demodulation, noise, noise_strength_, bias_);
}

ToRgb::ToRgb(int64_t in, int64_t img_channels, int64_t w_dim) : weight_gain_(1 / std::sqrt(static_cast<double>(in))) {
  affine_ = register_module("affine", std::make_shared<EqualLinear>(w_dim, in, false, 1, 1));
  weight_ = register_parameter("weight", torch::randn({img_channels, in, 1, 1}));
  bias_ = register_parameter("bias", torch::zeros({img_channels}));
}

std::pair<Tensor, Tensor> ToRgb::branch(const Tensor& x, const Tensor& w) {
  // Per-image modulated weights are small here.
  const Tensor styles = affine_->forward(w) * weight_gain_;
  const auto [same, rgb] = ops::branch_pointwise(x, weight_.view({1, weight_.size(0), -1}) * styles.unsqueeze(1));
  return {same, rgb + bias_.view({1, -1, 1, 1})};
}

StyleGan2Generator::StyleGan2Generator(const StyleGan2GeneratorShape& shape) : shape_(shape) {
  mapping_ = register_module("mapping", std::make_shared<StyleGan2Mapping>(shape.mapping, /*keeps_mean=*/true));
  auto synthesis = register_module("synthesis", std::make_shared<torch::nn::Module>());
  const_ = synthesis->register_parameter("const", torch::randn({shape.const_channels, 4, 4}));
  int64_t in = shape.const_channels;
  const int64_t w_dim = shape.mapping.w_dim();
  for (const auto& [r, out] : shape.channels) {
    auto block = synthesis->register_module("b" + std::to_string(r), std::make_shared<torch::nn::Module>());
    if (r > 4) {
      const int64_t up = shape.up_channels.at(r);
      up_layers_.push_back(block->register_module("conv0", std::make_shared<SynthesisLayer>(in, up, w_dim, r, true)));
      in = up;
    } else {
      up_layers_.emplace_back();
    }
    layers_.push_back(block->register_module("conv1", std::make_shared<SynthesisLayer>(in, out, w_dim, r, false)));
    in = out;
    to_rgb_.push_back(block->register_module("torgb", std::make_shared<ToRgb>(out, shape.img_channels, w_dim)));
  }
}

Tensor StyleGan2Generator::synthesize(const Tensor& ws, const at::Generator& noise) {
  const ops::ReferenceScope scope(reference());
  const auto w = ws.unbind(1);
  Tensor x = const_.unsqueeze(0).expand({ws.size(0), -1, -1, -1}), image;
  size_t next = 0;
  for (size_t block = 0; block < layers_.size(); ++block) {
    if (block == 1 && activations_ != torch::kFloat) x = x.to(activations_);
    if (up_layers_[block]) x = up_layers_[block]->forward(x, w[next++], noise);
    x = layers_[block]->forward(x, w[next++], noise);
    Tensor rgb;
    std::tie(x, rgb) = to_rgb_[block]->branch(x, w[next]);
    image = image.defined() ? ops::upfirdn2d(image, kUpsampleImage) + rgb : rgb;
  }
  return image;
}

Tensor StyleGan2Generator::map(const Tensor& z, const Tensor& labels) {
  const ops::ReferenceScope scope(reference());
  return mapping_->forward(z, labels);
}

Tensor StyleGan2Generator::sample(const Condition& condition, const SampleOptions& options) {
  Tensor w = map(condition.latents, condition.labels);
  if (options.psi != 1) w = mapping_->mean_latent().lerp(w, options.psi);
  return synthesize(w.unsqueeze(1).expand({-1, num_ws(), -1}), options.noise);
}

DiscriminatorConv::DiscriminatorConv(int64_t in, int64_t out, int64_t kernel, bool down, bool activate)
    : kernel_(kernel),
      down_(down),
      activate_(activate),
      weight_gain_(1 / std::sqrt(static_cast<double>(in * kernel * kernel))) {
  weight_ = register_parameter("weight", torch::randn({out, in, kernel, kernel}));
  if (activate) bias_ = register_parameter("bias", torch::zeros({out}));
}

Tensor DiscriminatorConv::project(const Tensor& x, double gain) {
  return ops::conv2d(x, weight_ * (weight_gain_ * gain), 1, 0);
}

Tensor DiscriminatorConv::forward(const Tensor& x, double gain) {
  const Tensor weight = weight_ * (activate_ ? weight_gain_ : weight_gain_ * gain);
  if (kernel_ == 3 && !down_ && activate_) return ops::conv_act(x, weight, bias_, {0.2, kSqrt2 * gain});
  const Tensor y =
      down_ ? ops::conv2d(ops::upfirdn2d(x, kBlurBeforeDown), weight, 2, 0) : ops::conv2d(x, weight, 1, kernel_ / 2);
  return activate_ ? ops::bias_act(y, bias_, {0.2, kSqrt2 * gain}) : y;
}

Tensor minibatch_std(const Tensor& x, int64_t group, int64_t features) {
  const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  int64_t members = std::min(group, n);
  while (n % members != 0) --members;
  Tensor y = x.reshape({members, n / members, features, c / features, h, w});
  y = y - y.mean(0, /*keepdim=*/true);
  y = (y.square().mean(0) + kStyleGan2Epsilon).sqrt().mean({2, 3, 4});
  y = y.view({-1, features, 1, 1}).repeat({members, 1, h, w});
  return at::cat({x, y}, 1);
}

StyleGan2Discriminator::StyleGan2Discriminator(const StyleGan2DiscriminatorShape& shape) : shape_(shape) {
  for (int64_t r = shape.resolution; r > 4; r /= 2) {
    const int64_t c = shape.channels.at(r), middle = shape.hidden.at(r), out = shape.channels.at(r / 2);
    auto block = register_module("b" + std::to_string(r), std::make_shared<torch::nn::Module>());
    if (r == shape.resolution) {
      from_rgb_ =
          block->register_module("fromrgb", std::make_shared<DiscriminatorConv>(shape.img_channels, c, 1, false, true));
    }
    Block layers;
    layers.conv0 = block->register_module("conv0", std::make_shared<DiscriminatorConv>(c, middle, 3, false, true));
    layers.conv1 = block->register_module("conv1", std::make_shared<DiscriminatorConv>(middle, out, 3, true, true));
    if (shape.residual) {
      layers.skip = block->register_module("skip", std::make_shared<DiscriminatorConv>(c, out, 1, true, false));
    }
    blocks_.push_back(layers);
  }
  if (shape.mapping.classes > 0) {
    mapping_ = register_module("mapping", std::make_shared<StyleGan2Mapping>(shape.mapping, /*keeps_mean=*/false));
  }
  const int64_t c = shape.hidden.at(4), in = shape.channels.at(4) + shape.minibatch_std_channels;
  auto last = register_module("b4", std::make_shared<torch::nn::Module>());
  last_conv_ = last->register_module("conv", std::make_shared<DiscriminatorConv>(in, c, 3, false, true));
  fc_ = last->register_module("fc", std::make_shared<EqualLinear>(c * 16, shape.fc_features, true));
  out_ = last->register_module(
      "out", std::make_shared<EqualLinear>(shape.fc_features, mapping_ ? shape.mapping.w_dim() : 1, false));
}

std::vector<std::string> StyleGan2Discriminator::blocks() const {
  std::vector<std::string> prefixes;
  for (int64_t r = shape_.resolution; r > 4; r /= 2) prefixes.push_back("b" + std::to_string(r) + ".");
  return prefixes;
}

Judgement StyleGan2Discriminator::judge(const Tensor& images, const Tensor& labels, int64_t chunks, bool features) {
  const ops::ReferenceScope scope(reference());
  Judgement judgement;
  Tensor x = from_rgb_->forward(activations_ == torch::kFloat ? images : images.to(activations_));
  for (auto& block : blocks_) {
    if (block.skip) {
      const auto [same, small] = ops::branch_upfirdn2d(x, kDownsample);
      const Tensor main = block.conv1->forward(block.conv0->forward(same), kSqrtHalf);
      x = block.skip->project(small, kSqrtHalf) + main;
    } else {
      x = block.conv1->forward(block.conv0->forward(x));
    }
    if (features) judgement.features.push_back(x);
  }
  if (activations_ != torch::kFloat) x = x.to(torch::kFloat);
  if (shape_.minibatch_std_channels > 0) {
    std::vector<Tensor> with_std;
    for (const Tensor& part : x.chunk(chunks, 0)) {
      with_std.push_back(minibatch_std(part, shape_.minibatch_std_group, shape_.minibatch_std_channels));
    }
    x = chunks == 1 ? with_std[0] : at::cat(with_std, 0);
  }
  x = out_->forward(fc_->forward(last_conv_->forward(x).flatten(1)));
  if (!mapping_) {
    judgement.scores = x.squeeze(1);
    return judgement;
  }
  // Projection on the mapped label (Miyato and Koyama 2018, arXiv 1802.05637), scaled as in StyleGAN2-ADA.
  const Tensor projected = x * mapping_->forward(Tensor(), labels);
  judgement.scores = projected.sum(1) * (1 / std::sqrt(static_cast<double>(shape_.mapping.w_dim())));
  return judgement;
}

}  // namespace dgl
