#include "dgl/families/biggan/networks.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/nn/init.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv2d.h"
#include "dgl/ops/conv_act.h"
#include "dgl/ops/norm_relu.h"
#include "dgl/ops/residual.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kStandingBatches = 16, kStandingImages = 64;
constexpr ops::Activation kRelu{0, 1};

Tensor with_bias(const Tensor& maps, const Tensor& bias) {
  return maps + bias.to(maps.scalar_type()).view({1, -1, 1, 1});
}

/// Converts feature maps to the type they are kept in.
Tensor kept_in(torch::ScalarType type, const Tensor& maps) { return maps.scalar_type() == type ? maps : maps.to(type); }

/// Reshapes feature maps [N, C, H, W] to [N, H * W, C], without a copy if they are channels-last.
Tensor as_pixels(const Tensor& x) { return x.permute({0, 2, 3, 1}).reshape({x.size(0), -1, x.size(1)}); }

void check_labels(const Tensor& labels, int64_t classes) {
  if (!labels.defined()) fail("the network has {} labels and needs one for every image", classes);
}

/// Registers the blocks' modules as "blocks.PLACE.0" and "blocks.PLACE.1".
class BlockList {
 public:
  explicit BlockList(torch::nn::Module& network)
      : list_(network.register_module("blocks", std::make_shared<torch::nn::Module>())) {}

  template <class Block>
  void add(std::shared_ptr<Block> block, std::shared_ptr<SelfAttention> attention) {
    auto place =
        list_->register_module(std::to_string(list_->children().size()), std::make_shared<torch::nn::Module>());
    place->register_module("0", std::move(block));
    if (attention) place->register_module("1", std::move(attention));
  }

 private:
  std::shared_ptr<torch::nn::Module> list_;
};

std::shared_ptr<SelfAttention> attention_at(const std::vector<int64_t>& places, size_t i, int64_t channels) {
  const bool attends = std::find(places.begin(), places.end(), static_cast<int64_t>(i)) != places.end();
  return attends ? std::make_shared<SelfAttention>(channels) : nullptr;
}

}  // namespace

void initialize_biggan(torch::nn::Module& network, const std::string& how) {
  torch::NoGradGuard no_grad;
  if (how != "orthogonal" && how != "normal") fail("network.init = \"{}\": expected orthogonal or normal", how);
  for (const auto& module : network.modules(/*include_self=*/true)) {
    const auto parameters = module->named_parameters(/*recurse=*/false);
    const Tensor* weight = parameters.find("weight");
    if (!weight) continue;
    if (how == "orthogonal") {
      torch::nn::init::orthogonal_(*weight);
    } else {
      torch::nn::init::normal_(*weight, 0, 0.02);
    }
    const double bound = 1 / std::sqrt(static_cast<double>(weight->numel() / weight->size(0)));
    if (const Tensor* bias = parameters.find("bias")) torch::nn::init::uniform_(*bias, -bound, bound);
    const auto buffers = module->named_buffers(/*recurse=*/false);
    if (const Tensor* u0 = buffers.find("u0")) torch::nn::init::normal_(*u0);
  }
}

SpectralConv::SpectralConv(int64_t in, int64_t out, int64_t kernel, bool has_bias)
    : SpectralWeight({out, in, kernel, kernel}, has_bias), kernel_(kernel) {}

Tensor SpectralConv::convolve(const Tensor& x, const Pass& pass) {
  return ops::conv2d(x, normalized(pass), 1, kernel_ / 2);
}

BatchNorm::BatchNorm(int64_t channels) {
  mean_ = register_buffer("stored_mean", torch::zeros({channels}));
  var_ = register_buffer("stored_var", torch::ones({channels}));
}

Tensor BatchNorm::norm_relu(const Tensor& x, const Tensor& shift, const Tensor& gain, const Tensor& bias,
                            const Pass& pass, bool upsample) {
  // The statistics are of this process's batch. Synchronizing them across processes would belong here.
  return ops::norm_relu(x, shift, gain, bias, {mean_, var_, pass.momentum}, upsample);
}

ConditionalBatchNorm::ConditionalBatchNorm(int64_t channels, int64_t condition_dim, int64_t classes)
    : BatchNorm(channels) {
  if (condition_dim > 0) {
    gain_ = register_module("gain", std::make_shared<SpectralWeight>(at::IntArrayRef{channels, condition_dim}, false));
    bias_ = register_module("bias", std::make_shared<SpectralWeight>(at::IntArrayRef{channels, condition_dim}, false));
    return;
  }
  const auto table = [&](const char* name) {
    auto module = register_module(name, std::make_shared<torch::nn::Module>());
    return module->register_parameter("weight", torch::zeros({classes, channels}));
  };
  gain_table_ = table("gain");
  bias_table_ = table("bias");
}

Tensor ConditionalBatchNorm::forward(const Tensor& x, const Tensor& shift, const Tensor& condition, const Pass& pass,
                                     bool upsample) {
  const auto of_condition = [&](const std::shared_ptr<SpectralWeight>& linear, const Tensor& table) {
    return linear ? at::mm(condition, linear->normalized(pass).t()) : table.index_select(0, condition);
  };
  const Tensor gain = 1 + of_condition(gain_, gain_table_), bias = of_condition(bias_, bias_table_);
  return norm_relu(x, shift, gain, bias, pass, upsample);
}

SelfAttention::SelfAttention(int64_t channels) {
  const auto conv = [&](const char* name, int64_t in, int64_t out) {
    return register_module(name, std::make_shared<SpectralConv>(in, out, 1, false));
  };
  theta_ = conv("theta", channels, channels / 8);
  phi_ = conv("phi", channels, channels / 8);
  g_ = conv("g", channels, channels / 2);
  o_ = conv("o", channels / 2, channels);
  gamma_ = register_parameter("gamma", torch::zeros({}));
}

Tensor SelfAttention::forward(const Tensor& x, const Pass& pass) {
  const auto pooled = [](const Tensor& maps) { return as_pixels(at::max_pool2d(maps, {2, 2})); };
  const Tensor query = as_pixels(theta_->convolve(x, pass)), key = pooled(phi_->convolve(x, pass)),
               value = pooled(g_->convolve(x, pass));
  const Tensor weights = ops::softmax(at::bmm(query, key.transpose(1, 2)));
  const Tensor attended = at::bmm(weights, value).view({x.size(0), x.size(2), x.size(3), -1}).permute({0, 3, 1, 2});
  return x + o_->convolve(attended, pass) * gamma_;
}

GeneratorBlock::GeneratorBlock(int64_t in, int64_t out, int64_t condition_dim, int64_t classes) {
  conv1_ = register_module("conv1", std::make_shared<SpectralConv>(in, out, 3));
  conv2_ = register_module("conv2", std::make_shared<SpectralConv>(out, out, 3));
  shortcut_ = register_module("conv_sc", std::make_shared<SpectralConv>(in, out, 1));
  bn1_ = register_module("bn1", std::make_shared<ConditionalBatchNorm>(in, condition_dim, classes));
  bn2_ = register_module("bn2", std::make_shared<ConditionalBatchNorm>(out, condition_dim, classes));
}

Tensor GeneratorBlock::forward(const Tensor& x, const Tensor& condition, const Pass& pass) {
  Tensor y = conv1_->convolve(bn1_->forward(x, {}, condition, pass, /*upsample=*/true), pass);
  y = conv2_->convolve(bn2_->forward(y, conv1_->bias(), condition, pass), pass);
  // A pointwise convolution commutes with nearest upsampling. Before it, it costs a quarter.
  return ops::add_upsampled(y, with_bias(shortcut_->convolve(x, pass), conv2_->bias() + shortcut_->bias()));
}

DiscriminatorBlock::DiscriminatorBlock(int64_t in, int64_t out, bool first, bool down) : first_(first), down_(down) {
  conv1_ = register_module("conv1", std::make_shared<SpectralConv>(in, out, 3));
  conv2_ = register_module("conv2", std::make_shared<SpectralConv>(out, out, 3));
  if (down || in != out) shortcut_ = register_module("conv_sc", std::make_shared<SpectralConv>(in, out, 1));
}

Tensor DiscriminatorBlock::forward(const Tensor& x, const Pass& pass) {
  Tensor y = ops::conv_act(first_ ? x : at::relu(x), conv1_->normalized(pass), conv1_->bias(), kRelu);
  y = conv2_->convolve(y, pass);
  if (!shortcut_) return with_bias(y + x, conv2_->bias());
  // A pointwise convolution commutes with pooling. After it, it costs a quarter.
  const Tensor short_way =
      with_bias(shortcut_->convolve(down_ ? ops::average_pool(x) : x, pass), conv2_->bias() + shortcut_->bias());
  return down_ ? ops::add_pooled(y, short_way) : y + short_way;
}

BigGanGenerator::BigGanGenerator(const BigGanGeneratorShape& shape) : shape_(shape) {
  if (shape.shared_dim > 0) {
    auto shared = register_module("shared", std::make_shared<torch::nn::Module>());
    shared_ = shared->register_parameter("weight", torch::zeros({shape.classes, shape.shared_dim}));
  }
  linear_ = register_module(
      "linear", std::make_shared<SpectralWeight>(at::IntArrayRef{shape.first_channels * 16, shape.chunk()}, true));
  BlockList list(*this);
  int64_t in = shape.first_channels;
  for (size_t i = 0; i < shape.channels.size(); ++i) {
    const int64_t out = shape.channels[i];
    blocks_.push_back(std::make_shared<GeneratorBlock>(in, out, shape.condition_dim(), shape.classes));
    attention_.push_back(attention_at(shape.attention, i, out));
    list.add(blocks_.back(), attention_.back());
    in = out;
  }
  auto last = register_module("output_layer", std::make_shared<torch::nn::Module>());
  last_norm_ = last->register_module("0", std::make_shared<BatchNorm>(in));
  last_gain_ = last_norm_->register_parameter("gain", torch::ones({in}));
  last_bias_ = last_norm_->register_parameter("bias", torch::zeros({in}));
  last_conv_ = last->register_module("2", std::make_shared<SpectralConv>(in, shape.img_channels, 3));
}

Tensor BigGanGenerator::generate(const Tensor& z, const Tensor& labels, const Pass& pass) {
  const ops::ReferenceScope scope(reference());
  check_labels(labels, shape_.classes);
  const Tensor label = shared_.defined() ? shared_.index_select(0, labels) : labels;
  const std::vector<Tensor> chunks = z.split(shape_.chunk(), 1);
  Tensor x = at::addmm(linear_->bias(), chunks[0], linear_->normalized(pass).t());
  x = kept_in(activations_, x.view({z.size(0), shape_.first_channels, 4, 4}));
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Tensor condition = shape_.hierarchical ? at::cat({label, chunks[i + 1]}, 1) : label;
    x = blocks_[i]->forward(x, condition, pass);
    if (attention_[i]) x = attention_[i]->forward(x, pass);
  }
  x = last_norm_->norm_relu(x, {}, last_gain_.unsqueeze(0), last_bias_.unsqueeze(0), pass);
  return at::tanh(with_bias(kept_in(torch::kFloat, last_conv_->convolve(x, pass)), last_conv_->bias()));
}

Tensor BigGanGenerator::sample(const Condition& condition, const SampleOptions& options) {
  const Tensor& z = condition.latents;
  return generate(options.psi == 1 ? z : z * options.psi, condition.labels, Pass::evaluation());
}

std::vector<Tensor> BigGanGenerator::matrices() const {
  std::vector<Tensor> weights;
  for (const auto& module : modules()) {
    if (const auto* spectral = dynamic_cast<const SpectralWeight*>(module.get())) weights.push_back(spectral->weight());
  }
  return weights;
}

void BigGanGenerator::recalibrate_batch_norm(uint64_t seed, const Tensor& label_shares) {
  torch::NoGradGuard no_grad;
  const auto random = at::detail::createCPUGenerator(seed);
  const auto device = last_gain_.device();
  for (int64_t k = 1; k <= kStandingBatches; ++k) {
    const Tensor z = torch::randn({kStandingImages, shape_.z_dim}, random, torch::kFloat);
    const Tensor labels = label_shares.defined()
                              ? at::multinomial(label_shares.cpu(), kStandingImages, /*replacement=*/true, random)
                              : torch::randint(shape_.classes, {kStandingImages}, random, torch::kLong);
    generate(z.to(device), labels.to(device), {false, 1 / static_cast<double>(k)});
  }
}

BigGanDiscriminator::BigGanDiscriminator(const BigGanDiscriminatorShape& shape) : shape_(shape) {
  BlockList list(*this);
  int64_t in = shape.img_channels;
  for (size_t i = 0; i < shape.channels.size(); ++i) {
    const int64_t out = shape.channels[i];
    blocks_.push_back(std::make_shared<DiscriminatorBlock>(in, out, i == 0, static_cast<int64_t>(i) < shape.downs));
    attention_.push_back(attention_at(shape.attention, i, out));
    list.add(blocks_.back(), attention_.back());
    in = out;
  }
  linear_ = register_module("linear", std::make_shared<SpectralWeight>(at::IntArrayRef{1, in}, true));
  embed_ = register_module("embed", std::make_shared<SpectralWeight>(at::IntArrayRef{shape.classes, in}, false));
}

std::vector<std::string> BigGanDiscriminator::blocks() const {
  std::vector<std::string> prefixes;
  for (size_t i = 0; i < blocks_.size(); ++i) prefixes.push_back("blocks." + std::to_string(i) + ".");
  return prefixes;
}

Judgement BigGanDiscriminator::judge(const Tensor& images, const Tensor& labels, int64_t /*chunks*/, bool features) {
  const ops::ReferenceScope scope(reference());
  Judgement judgement;
  check_labels(labels, shape_.classes);
  const Pass pass = is_training() ? Pass::training() : Pass::evaluation();
  Tensor x = kept_in(activations_, images);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = blocks_[i]->forward(x, pass);
    if (attention_[i]) x = attention_[i]->forward(x, pass);
    if (features) judgement.features.push_back(x);
  }
  x = kept_in(torch::kFloat, at::relu(x)).sum({2, 3});
  const Tensor projected = (embed_->normalized(pass).index_select(0, labels) * x).sum(1);
  judgement.scores = at::mv(x, linear_->normalized(pass).view(-1)) + linear_->bias() + projected;
  return judgement;
}

}  // namespace dgl
