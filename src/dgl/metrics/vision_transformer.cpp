#include "dgl/metrics/vision_transformer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/metrics/resized_images.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kHead = 64, kMostBlocks = 64, kMostWidth = 4096;
constexpr const char *kDinoPositions = "pos_embed", *kDinoScale = "blocks.0.ls1.gamma",
                     *kClipPositions = "vision_model.embeddings.position_embedding.weight";

/// Takes tensors out of a file, each checked against the shape that it has to have.
class WeightReader {
 public:
  WeightReader(const TensorFile& file, const std::string& origin, std::string prefix)
      : file_(file), origin_(origin), prefix_(std::move(prefix)) {}

  bool has(const std::string& name) const { return file_.contains(prefix_ + name); }
  /// The size of a tensor along a dimension, at most `most`.
  int64_t size(const std::string& name, int64_t dimensions, int64_t which, int64_t most) const {
    const Tensor& tensor = file_.at(prefix_ + name, origin_);
    if (tensor.dim() != dimensions || tensor.size(which) < 1 || tensor.size(which) > most) {
      fail("{}: tensor {}: expected {} dimensions, of which number {} is from 1 to {}", origin_, prefix_ + name,
           dimensions, which, most);
    }
    return tensor.size(which);
  }
  Tensor operator()(const std::string& name, const std::vector<int64_t>& sizes) {
    const std::string whole = prefix_ + name;
    const Tensor& tensor = file_.at(whole, origin_);
    if (!tensor.is_floating_point() || tensor.sizes() != at::IntArrayRef(sizes)) {
      fail("{}: tensor {}: expected floating-point numbers [{}]", origin_, whole, fmt::join(sizes, ", "));
    }
    taken_.insert(whole);
    return tensor.to(torch::kFloat);
  }
  /// Throws Error for a tensor that was not taken, unless `ignored` has it.
  void finish(const std::set<std::string>& ignored) const {
    for (const auto& [name, tensor] : file_.tensors) {
      if (!taken_.count(name) && !ignored.count(name)) {
        fail("{}: tensor {}: not of this network", origin_, name);
      }
    }
  }

 private:
  const TensorFile& file_;
  const std::string& origin_;
  const std::string prefix_;
  std::set<std::string> taken_;
};

/// The side of a grid of this many patches. Throws Error if they make no square.
int64_t grid_of(int64_t patches, const std::string& origin) {
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(patches))));
  if (side < 1 || side * side != patches) fail("{}: positions of {} patches, which make no square", origin, patches);
  return side;
}

/// How many blocks a network has: numbers for which `has` is true, from 0 on.
template <class Has>
size_t count_blocks(const Has& has) {
  int64_t count = 0;
  while (count < kMostBlocks && has(count)) ++count;
  return static_cast<size_t>(count);
}

/// [N, 1 or 3, H, W] with three channels.
Tensor in_color(const Tensor& images) {
  if (images.size(1) != 1 && images.size(1) != 3) {
    fail("images of {} channels; the feature network takes 1 or 3", images.size(1));
  }
  return images.expand({-1, 3, -1, -1});
}

}  // namespace

VisionTransformer::VisionTransformer(Parts parts) : parts_(std::move(parts)) {
  dimensions_ = parts_.projection.defined() ? parts_.projection.size(0) : parts_.class_token.size(0);
  if (parts_.class_token.size(0) % kHead != 0) {
    fail("a vision transformer of {} channels; expected a multiple of {}", parts_.class_token.size(0), kHead);
  }
}

Tensor VisionTransformer::norm(const Tensor& x, const Norm& norm) const {
  return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, parts_.epsilon);
}

Tensor VisionTransformer::features(const Tensor& images_u8) {
  const torch::NoGradGuard no_grad;
  const auto per_channel = [&](const double(&values)[3]) {
    return torch::tensor({values[0], values[1], values[2]}, torch::kFloat).view({3, 1, 1}).to(images_u8.device());
  };
  const Tensor pixels = (resized(in_color(images_u8)) - per_channel(parts_.mean)) / per_channel(parts_.deviation);
  const int64_t count = pixels.size(0), width = parts_.class_token.size(0), patch = parts_.patch_weight.size(2);
  Tensor x = at::conv2d(pixels, parts_.patch_weight, parts_.patch_bias, patch).flatten(2).transpose(1, 2);
  x = at::cat({parts_.class_token.expand({count, 1, width}), x}, 1) + parts_.positions;
  if (parts_.first.weight.defined()) x = norm(x, parts_.first);
  const auto linear = [](const Tensor& in, const Linear& layer) { return at::linear(in, layer.weight, layer.bias); };
  const auto scaled = [](const Tensor& in, const Tensor& scale) { return scale.defined() ? in * scale : in; };
  const double sharpness = 1 / std::sqrt(static_cast<double>(kHead));
  for (const Block& block : parts_.blocks) {
    const auto qkv = linear(norm(x, block.norm1), block.qkv).view({count, x.size(1), 3, -1, kHead}).unbind(2);
    const Tensor query = qkv[0].transpose(1, 2), key = qkv[1].transpose(1, 2), value = qkv[2].transpose(1, 2);
    const Tensor weights = at::softmax(at::matmul(query * sharpness, key.transpose(2, 3)), -1);
    const Tensor attended = at::matmul(weights, value).transpose(1, 2).reshape({count, x.size(1), width});
    x = x + scaled(linear(attended, block.out), block.scale1);
    Tensor h = linear(norm(x, block.norm2), block.fc1);
    h = parts_.quick_gelu ? h * at::sigmoid(1.702 * h) : at::gelu(h);
    x = x + scaled(linear(h, block.fc2), block.scale2);
  }
  Tensor token = norm(x.select(1, 0), parts_.last);
  if (parts_.projection.defined()) token = at::linear(token, parts_.projection);
  return parts_.unit ? token / token.norm(2, {1}, /*keepdim=*/true) : token;
}

void VisionTransformer::to(torch::Device device) {
  const auto move = [&](Tensor& tensor) {
    if (tensor.defined()) tensor = tensor.to(device);
  };
  for (Tensor* tensor :
       {&parts_.patch_weight, &parts_.patch_bias, &parts_.class_token, &parts_.positions, &parts_.projection,
        &parts_.first.weight, &parts_.first.bias, &parts_.last.weight, &parts_.last.bias}) {
    move(*tensor);
  }
  for (Block& block : parts_.blocks) {
    for (Norm* norm : {&block.norm1, &block.norm2}) {
      move(norm->weight);
      move(norm->bias);
    }
    for (Linear* linear : {&block.qkv, &block.out, &block.fc1, &block.fc2}) {
      move(linear->weight);
      move(linear->bias);
    }
    move(block.scale1);
    move(block.scale2);
  }
}

namespace {

/// Reads layers of both kinds of names.
struct PartReader {
  WeightReader& read;
  int64_t width;

  auto norm(const std::string& name) const {
    return std::pair{read(name + ".weight", {width}), read(name + ".bias", {width})};
  }
  auto linear(const std::string& name, int64_t in, int64_t out) const {
    return std::pair{read(name + ".weight", {out, in}), read(name + ".bias", {out})};
  }
};

}  // namespace

DinoV2::DinoV2(const TensorFile& weights, const std::string& origin)
    : VisionTransformer([&] {
        WeightReader read(weights, origin, "");
        if (read.has("register_tokens")) fail("{}: DINOv2 with register tokens; expected one without", origin);
        if (!read.has("blocks.0.mlp.fc1.weight")) {
          fail("{}: no tensor blocks.0.mlp.fc1.weight; expected DINOv2's ViT-S/14, B/14 or L/14", origin);
        }
        const int64_t d = read.size("cls_token", 3, 2, kMostWidth),
                      patch = read.size("patch_embed.proj.weight", 4, 2, 64);
        const PartReader part{read, d};
        Parts parts;
        parts.side = 224;
        if (parts.side % patch != 0) fail("{}: patches of {} pixels, expected a divisor of 224", origin, patch);
        parts.patch_weight = read("patch_embed.proj.weight", {d, 3, patch, patch});
        parts.patch_bias = read("patch_embed.proj.bias", {d});
        parts.class_token = read("cls_token", {1, 1, d}).view({d});
        const int64_t tokens = read.size(kDinoPositions, 3, 1, 1 << 16);
        const Tensor positions = read(kDinoPositions, {1, tokens, d})[0];
        const int64_t grid = grid_of(tokens - 1, origin), wanted = parts.side / patch;
        // Positions are stretched as the authors do: the factor is that of a tenth of a patch more.
        const double factor = (static_cast<double>(wanted) + 0.1) / static_cast<double>(grid);
        const Tensor maps = positions.slice(0, 1).view({1, grid, grid, d}).permute({0, 3, 1, 2});
        const Tensor stretched =
            grid == wanted ? maps
                           : at::upsample_bicubic2d(maps, {wanted, wanted}, /*align_corners=*/false, factor, factor);
        parts.positions = at::cat({positions.slice(0, 0, 1), stretched.flatten(2)[0].t()});
        const size_t count =
            count_blocks([&](int64_t i) { return read.has(fmt::format("blocks.{}.norm1.weight", i)); });
        for (size_t i = 0; i < count; ++i) {
          const std::string name = fmt::format("blocks.{}.", i);
          const int64_t hidden = read.size(name + "mlp.fc1.weight", 2, 0, 8 * kMostWidth);
          Block block;
          std::tie(block.norm1.weight, block.norm1.bias) = part.norm(name + "norm1");
          std::tie(block.norm2.weight, block.norm2.bias) = part.norm(name + "norm2");
          std::tie(block.qkv.weight, block.qkv.bias) = part.linear(name + "attn.qkv", d, 3 * d);
          std::tie(block.out.weight, block.out.bias) = part.linear(name + "attn.proj", d, d);
          std::tie(block.fc1.weight, block.fc1.bias) = part.linear(name + "mlp.fc1", d, hidden);
          std::tie(block.fc2.weight, block.fc2.bias) = part.linear(name + "mlp.fc2", hidden, d);
          block.scale1 = read(name + "ls1.gamma", {d});
          block.scale2 = read(name + "ls2.gamma", {d});
          parts.blocks.push_back(block);
        }
        std::tie(parts.last.weight, parts.last.bias) = part.norm("norm");
        read.finish({"mask_token"});
        const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};  // ImageNet's
        std::copy(std::begin(mean), std::end(mean), parts.mean);
        std::copy(std::begin(deviation), std::end(deviation), parts.deviation);
        return parts;
      }()) {}

Tensor DinoV2::resized(const Tensor& images_u8) const {
  const int64_t side = parts_.side;
  return each_resized(images_u8,
                      [side](const SourceImage& image) {
                        const SourceImage small = resize(image, side, ResizeFilter::bicubic);
                        return torch::tensor(at::ArrayRef<uint8_t>(small.pixels), torch::kUInt8)
                            .view({side, side, image.channels});
                      }) /
         255;
}

Clip::Clip(const TensorFile& weights, const std::string& origin)
    : VisionTransformer([&] {
        WeightReader read(weights, origin, "vision_model."), top(weights, origin, "");
        const int64_t tokens = read.size("embeddings.position_embedding.weight", 2, 0, 1 << 16),
                      d = read.size("embeddings.position_embedding.weight", 2, 1, kMostWidth),
                      patch = read.size("embeddings.patch_embedding.weight", 4, 2, 64);
        const PartReader part{read, d};
        Parts parts;
        parts.side = grid_of(tokens - 1, origin) * patch;
        parts.epsilon = 1e-5;
        parts.quick_gelu = parts.unit = true;
        parts.patch_weight = read("embeddings.patch_embedding.weight", {d, 3, patch, patch});
        parts.class_token = read("embeddings.class_embedding", {d});
        parts.positions = read("embeddings.position_embedding.weight", {tokens, d});
        std::tie(parts.first.weight, parts.first.bias) = part.norm("pre_layrnorm");  // so it is spelled
        const size_t count =
            count_blocks([&](int64_t i) { return read.has(fmt::format("encoder.layers.{}.layer_norm1.weight", i)); });
        for (size_t i = 0; i < count; ++i) {
          const std::string name = fmt::format("encoder.layers.{}.", i), attention = name + "self_attn.";
          const int64_t hidden = read.size(name + "mlp.fc1.weight", 2, 0, 8 * kMostWidth);
          Block block;
          std::tie(block.norm1.weight, block.norm1.bias) = part.norm(name + "layer_norm1");
          std::tie(block.norm2.weight, block.norm2.bias) = part.norm(name + "layer_norm2");
          std::vector<Tensor> matrices, biases;
          for (const char* which : {"q_proj", "k_proj", "v_proj"}) {
            const auto [weight, bias] = part.linear(attention + which, d, d);
            matrices.push_back(weight);
            biases.push_back(bias);
          }
          block.qkv = {at::cat(matrices), at::cat(biases)};
          std::tie(block.out.weight, block.out.bias) = part.linear(attention + "out_proj", d, d);
          std::tie(block.fc1.weight, block.fc1.bias) = part.linear(name + "mlp.fc1", d, hidden);
          std::tie(block.fc2.weight, block.fc2.bias) = part.linear(name + "mlp.fc2", hidden, d);
          parts.blocks.push_back(block);
        }
        std::tie(parts.last.weight, parts.last.bias) = part.norm("post_layernorm");
        parts.projection = top("visual_projection.weight", {top.size("visual_projection.weight", 2, 0, kMostWidth), d});
        const double mean[] = {0.48145466, 0.4578275, 0.40821073}, deviation[] = {0.26862954, 0.26130258, 0.27577711};
        std::copy(std::begin(mean), std::end(mean), parts.mean);
        std::copy(std::begin(deviation), std::end(deviation), parts.deviation);
        return parts;
      }()) {}

Tensor Clip::resized(const Tensor& images_u8) const {
  return at::upsample_bicubic2d(images_u8.to(torch::kFloat) / 255, {parts_.side, parts_.side}, /*align_corners=*/false);
}

bool is_dinov2(const TensorFile& weights) { return weights.contains(kDinoPositions) && weights.contains(kDinoScale); }

bool is_clip(const TensorFile& weights) { return weights.contains(kClipPositions); }

}  // namespace dgl
