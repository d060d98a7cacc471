#include "dgl/metrics/inception.h"

#include <cstdint>
#include <set>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/metrics/resized_images.h"
#include "dgl/ops/common.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr double kEpsilon = 1e-3;
constexpr int64_t kSide = 299;
constexpr const char* kFirst = "Conv2d_1a_3x3.conv.weight";

/// One convolution: its name, its kernel, and whether zero padding preserves the size.
struct LayerShape {
  std::string name;
  int64_t in, out, height, width, stride;
  bool padded;
};

/// Returns all 94 convolutions of the network.
std::vector<LayerShape> layer_shapes() {
  std::vector<LayerShape> layers = {{"Conv2d_1a_3x3", 3, 32, 3, 3, 2, false},
                                    {"Conv2d_2a_3x3", 32, 32, 3, 3, 1, false},
                                    {"Conv2d_2b_3x3", 32, 64, 3, 3, 1, true},
                                    {"Conv2d_3b_1x1", 64, 80, 1, 1, 1, false},
                                    {"Conv2d_4a_3x3", 80, 192, 3, 3, 1, false}};
  std::string block;
  const auto add = [&](const char* name, int64_t in, int64_t out, int64_t height, int64_t width) {
    layers.push_back({block + "." + name, in, out, height, width, 1, true});
  };
  const auto reduce = [&](const char* name, int64_t in, int64_t out) {
    layers.push_back({block + "." + name, in, out, 3, 3, 2, false});
  };
  const auto a = [&](const char* name, int64_t in, int64_t pool) {
    block = name;
    add("branch1x1", in, 64, 1, 1);
    add("branch5x5_1", in, 48, 1, 1);
    add("branch5x5_2", 48, 64, 5, 5);
    add("branch3x3dbl_1", in, 64, 1, 1);
    add("branch3x3dbl_2", 64, 96, 3, 3);
    add("branch3x3dbl_3", 96, 96, 3, 3);
    add("branch_pool", in, pool, 1, 1);
  };
  const auto c = [&](const char* name, int64_t n) {
    block = name;
    add("branch1x1", 768, 192, 1, 1);
    add("branch7x7_1", 768, n, 1, 1);
    add("branch7x7_2", n, n, 1, 7);
    add("branch7x7_3", n, 192, 7, 1);
    add("branch7x7dbl_1", 768, n, 1, 1);
    add("branch7x7dbl_2", n, n, 7, 1);
    add("branch7x7dbl_3", n, n, 1, 7);
    add("branch7x7dbl_4", n, n, 7, 1);
    add("branch7x7dbl_5", n, 192, 1, 7);
    add("branch_pool", 768, 192, 1, 1);
  };
  const auto e = [&](const char* name, int64_t in) {
    block = name;
    add("branch1x1", in, 320, 1, 1);
    add("branch3x3_1", in, 384, 1, 1);
    add("branch3x3_2a", 384, 384, 1, 3);
    add("branch3x3_2b", 384, 384, 3, 1);
    add("branch3x3dbl_1", in, 448, 1, 1);
    add("branch3x3dbl_2", 448, 384, 3, 3);
    add("branch3x3dbl_3a", 384, 384, 1, 3);
    add("branch3x3dbl_3b", 384, 384, 3, 1);
    add("branch_pool", in, 192, 1, 1);
  };
  a("Mixed_5b", 192, 32);
  a("Mixed_5c", 256, 64);
  a("Mixed_5d", 288, 64);
  block = "Mixed_6a";
  reduce("branch3x3", 288, 384);
  add("branch3x3dbl_1", 288, 64, 1, 1);
  add("branch3x3dbl_2", 64, 96, 3, 3);
  reduce("branch3x3dbl_3", 96, 96);
  c("Mixed_6b", 128);
  c("Mixed_6c", 160);
  c("Mixed_6d", 160);
  c("Mixed_6e", 192);
  block = "Mixed_7a";
  add("branch3x3_1", 768, 192, 1, 1);
  reduce("branch3x3_2", 192, 320);
  add("branch7x7x3_1", 768, 192, 1, 1);
  add("branch7x7x3_2", 192, 192, 1, 7);
  add("branch7x7x3_3", 192, 192, 7, 1);
  reduce("branch7x7x3_4", 192, 192);
  e("Mixed_7b", 1280);
  e("Mixed_7c", 2048);
  return layers;
}

Tensor average_pool(const Tensor& x) {
  return at::avg_pool2d(x, 3, 1, 1, /*ceil_mode=*/false, /*count_include_pad=*/false);
}

Tensor mean_over_pixels(const Tensor& x) { return x.mean(at::IntArrayRef{2, 3}); }

}  // namespace

bool is_inception(const TensorFile& weights) { return weights.contains(kFirst); }

Tensor resize_bilinear_tf1(const Tensor& x, int64_t size) {
  struct Axis {
    Tensor low, high, share;
  };
  // Uses float32 positions, like TensorFlow and torch-fidelity.
  const auto axis = [&](int64_t length) {
    const auto step = static_cast<float>(static_cast<double>(length) / static_cast<double>(size));
    const Tensor at = torch::arange(size, torch::dtype(torch::kFloat).device(x.device())) * step;
    const Tensor low = at.to(torch::kLong);
    return Axis{low, (low + 1).clamp_max(length - 1), at - low};
  };
  const auto between = [](const Tensor& low, const Tensor& high, const Tensor& share) {
    return low + (high - low) * share;
  };
  const Axis rows = axis(x.size(2)), columns = axis(x.size(3));
  const Tensor wide = between(x.index_select(3, columns.low), x.index_select(3, columns.high), columns.share);
  return between(wide.index_select(2, rows.low), wide.index_select(2, rows.high), rows.share.unsqueeze(1));
}

Inception::Inception(const TensorFile& weights, const std::string& origin) {
  std::set<std::string> known;
  const auto take = [&](const std::string& name, const std::vector<int64_t>& sizes) {
    const Tensor& tensor = weights.at(name, origin);
    if (tensor.sizes() != at::IntArrayRef(sizes)) {
      fail("{}: tensor {} has shape [{}], the FID Inception network's has [{}]", origin, name,
           fmt::join(tensor.sizes().begin(), tensor.sizes().end(), ", "), fmt::join(sizes, ", "));
    }
    if (!tensor.is_floating_point() || !tensor.isfinite().all().item<bool>()) {
      fail("{}: tensor {}: expected finite floating-point numbers", origin, name);
    }
    known.insert(name);
    return tensor.to(torch::kDouble);
  };
  for (const LayerShape& shape : layer_shapes()) {
    const Tensor weight = take(shape.name + ".conv.weight", {shape.out, shape.in, shape.height, shape.width});
    const auto of_norm = [&](const char* name) { return take(shape.name + ".bn." + name, {shape.out}); };
    const Tensor variance = of_norm("running_var");
    if (variance.lt(0).any().item<bool>())
      fail("{}: tensor {}.bn.running_var: a variance below zero", origin, shape.name);
    const Tensor scale = of_norm("weight") / (variance + kEpsilon).sqrt();
    const Tensor bias = of_norm("bias") - of_norm("running_mean") * scale;
    known.insert(shape.name + ".bn.num_batches_tracked");
    layers_[shape.name] = {(weight * scale.view({-1, 1, 1, 1})).to(torch::kFloat),
                           bias.to(torch::kFloat),
                           shape.stride,
                           {shape.padded ? shape.height / 2 : 0, shape.padded ? shape.width / 2 : 0}};
  }
  fc_weight_ = take("fc.weight", {1008, 2048}).to(torch::kFloat);
  fc_bias_ = take("fc.bias", {1008}).to(torch::kFloat);
  for (const auto& [name, tensor] : weights.tensors) {
    if (!known.count(name)) fail("{}: tensor {} is not known to the FID Inception network", origin, name);
  }
}

void Inception::to(torch::Device device) {
  for (auto& [name, layer] : layers_) {
    layer.weight = layer.weight.to(device);
    layer.bias = layer.bias.to(device);
  }
  fc_weight_ = fc_weight_.to(device);
  fc_bias_ = fc_bias_.to(device);
}

Tensor Inception::run(const std::string& name, const Tensor& x) const {
  const Layer& layer = layers_.at(name);
  return at::conv2d(x, layer.weight, layer.bias, {layer.stride, layer.stride}, layer.padding).relu_();
}

Tensor Inception::chain(const std::string& prefix, const std::vector<std::string>& names, Tensor x) const {
  for (const std::string& name : names) x = run(prefix + name, x);
  return x;
}

Tensor Inception::block_a(const std::string& name, const Tensor& x) const {
  return at::cat({run(name + ".branch1x1", x), chain(name + ".branch5x5_", {"1", "2"}, x),
                  chain(name + ".branch3x3dbl_", {"1", "2", "3"}, x), run(name + ".branch_pool", average_pool(x))},
                 1);
}

Tensor Inception::block_b(const std::string& name, const Tensor& x) const {
  return at::cat(
      {run(name + ".branch3x3", x), chain(name + ".branch3x3dbl_", {"1", "2", "3"}, x), at::max_pool2d(x, 3, 2)}, 1);
}

Tensor Inception::block_c(const std::string& name, const Tensor& x) const {
  return at::cat(
      {run(name + ".branch1x1", x), chain(name + ".branch7x7_", {"1", "2", "3"}, x),
       chain(name + ".branch7x7dbl_", {"1", "2", "3", "4", "5"}, x), run(name + ".branch_pool", average_pool(x))},
      1);
}

Tensor Inception::block_d(const std::string& name, const Tensor& x) const {
  return at::cat({chain(name + ".branch3x3_", {"1", "2"}, x), chain(name + ".branch7x7x3_", {"1", "2", "3", "4"}, x),
                  at::max_pool2d(x, 3, 2)},
                 1);
}

Tensor Inception::block_e(const std::string& name, const Tensor& x, bool max_pool) const {
  const Tensor single = run(name + ".branch3x3_1", x);
  const Tensor twice = chain(name + ".branch3x3dbl_", {"1", "2"}, x);
  const Tensor pooled = max_pool ? at::max_pool2d(x, 3, 1, 1) : average_pool(x);
  return at::cat({run(name + ".branch1x1", x), run(name + ".branch3x3_2a", single), run(name + ".branch3x3_2b", single),
                  run(name + ".branch3x3dbl_3a", twice), run(name + ".branch3x3dbl_3b", twice),
                  run(name + ".branch_pool", pooled)},
                 1);
}

Tensor Inception::resized(const Tensor& images_u8) const {
  if (!clean_) return resize_bilinear_tf1(images_u8.to(torch::kFloat), kSide);
  return each_resized(images_u8, [](const SourceImage& image) {
    const std::vector<float> made = resize_exactly(image, kSide, ResizeFilter::bicubic);
    return torch::tensor(at::ArrayRef<float>(made)).view({kSide, kSide, image.channels}).clamp(0, 255);
  });
}

InceptionOutputs Inception::outputs(const Tensor& images_u8) {
  if (images_u8.scalar_type() != torch::kByte || images_u8.dim() != 4 || images_u8.numel() == 0 ||
      (images_u8.size(1) != 1 && images_u8.size(1) != 3)) {
    fail("fid: the Inception network takes images [N, 3, H, W] or [N, 1, H, W] of 0 to 255 (uint8), got {} [{}]",
         c10::toString(images_u8.scalar_type()), fmt::join(images_u8.sizes().begin(), images_u8.sizes().end(), ", "));
  }
  torch::NoGradGuard no_grad;
  InceptionOutputs outputs;
  Tensor x = resized(images_u8).sub_(128).div_(128);
  x = ops::working_layout(x.expand({-1, 3, -1, -1}));
  x = chain("Conv2d_", {"1a_3x3", "2a_3x3", "2b_3x3"}, x);
  x = at::max_pool2d(x, 3, 2);
  outputs.pool64 = mean_over_pixels(x);
  x = at::max_pool2d(chain("Conv2d_", {"3b_1x1", "4a_3x3"}, x), 3, 2);
  outputs.pool192 = mean_over_pixels(x);
  for (const char* name : {"Mixed_5b", "Mixed_5c", "Mixed_5d"}) x = block_a(name, x);
  x = block_b("Mixed_6a", x);
  for (const char* name : {"Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"}) x = block_c(name, x);
  outputs.pool768 = mean_over_pixels(x);
  x = block_d("Mixed_7a", x);
  x = block_e("Mixed_7b", x, /*max_pool=*/false);
  x = block_e("Mixed_7c", x, /*max_pool=*/true);
  outputs.pool2048 = mean_over_pixels(x);
  outputs.logits_unbiased = at::mm(outputs.pool2048, fc_weight_.t());
  outputs.logits = outputs.logits_unbiased + fc_bias_;
  return outputs;
}

Activations Inception::activations(const Tensor& images_u8) {
  const InceptionOutputs all = outputs(images_u8);
  return {all.pool2048, all.logits_unbiased};
}

}  // namespace dgl
