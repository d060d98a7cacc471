#include "dgl/losses/lpips.h"

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/formats/checkpoint.h"
#include "dgl/losses/pair_distance.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv_act.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kSmallest = 16;  // which the four poolings leave one pixel of
constexpr const char* kFirst = "net.slice1.0.weight";

/// A resolution of VGG16: its convolutions' places in torchvision's list of layers, and their channels.
struct SliceShape {
  std::vector<int64_t> layers;
  int64_t in, out;
};
const std::vector<SliceShape>& slice_shapes() {
  static const std::vector<SliceShape> shapes{
      {{0, 2}, 3, 64}, {{5, 7}, 64, 128}, {{10, 12, 14}, 128, 256}, {{17, 19, 21}, 256, 512}, {{24, 26, 28}, 512, 512}};
  return shapes;
}

/// What stands before the names.
std::string find_prefix(const TensorFile& file, const std::string& origin) {
  std::vector<std::string> prefixes;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.ends_with(kFirst)) prefixes.push_back(name.substr(0, name.size() - std::string(kFirst).size()));
  }
  if (prefixes.empty()) {
    fail("{}: no tensor {}; expected the weights of LPIPS on VGG16, or a checkpoint that holds them", origin, kFirst);
  }
  if (prefixes.size() > 1) {
    fail("{}: the weights of LPIPS stand there twice, behind \"{}\" and \"{}\"", origin, prefixes[0], prefixes[1]);
  }
  return prefixes[0];
}

/// A copy, since the file's tensors may be views of it.
Tensor take(const TensorFile& file, const std::string& name, const std::vector<int64_t>& sizes,
            const std::string& origin) {
  const Tensor& tensor = file.at(name, origin);
  if (tensor.sizes() != at::IntArrayRef(sizes)) {
    fail("{}: tensor {} has shape [{}], that of LPIPS has [{}]", origin, name,
         fmt::join(tensor.sizes().begin(), tensor.sizes().end(), ", "), fmt::join(sizes, ", "));
  }
  if (!tensor.is_floating_point() || !tensor.isfinite().all().item<bool>()) {
    fail("{}: tensor {}: expected finite floating-point numbers", origin, name);
  }
  return tensor.to(torch::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
}

}  // namespace

Lpips::Lpips(const TensorFile& file, const std::string& origin) {
  const std::string prefix = find_prefix(file, origin);
  const auto get = [&](const std::string& name, const std::vector<int64_t>& sizes) {
    return take(file, prefix + name, sizes, origin);
  };
  shift_ = get("scaling_layer.shift", {1, 3, 1, 1});
  scale_ = get("scaling_layer.scale", {1, 3, 1, 1});
  for (const SliceShape& shape : slice_shapes()) {
    const size_t number = slices_.size();
    int64_t in = shape.in;
    std::vector<Layer>& layers = slices_.emplace_back();
    for (const int64_t place : shape.layers) {
      const std::string name = fmt::format("net.slice{}.{}.", number + 1, place);
      layers.push_back({get(name + "weight", {shape.out, in, 3, 3}), get(name + "bias", {shape.out})});
      in = shape.out;
    }
    weights_.push_back(get(fmt::format("lin{}.model.1.weight", number), {1, shape.out, 1, 1}));
  }
}

void Lpips::to(torch::Device device) {
  shift_ = shift_.to(device);
  scale_ = scale_.to(device);
  for (auto& layers : slices_) {
    for (Layer& layer : layers) layer = {layer.weight.to(device), layer.bias.to(device)};
  }
  for (Tensor& weight : weights_) weight = weight.to(device);
}

std::vector<Tensor> Lpips::features(const Tensor& images) const {
  constexpr ops::Activation kReLU{.alpha = 0, .gain = 1};
  const Tensor rgb = images.to(torch::kFloat).expand({-1, 3, -1, -1});
  Tensor x = ops::working_layout((rgb - shift_) / scale_);
  std::vector<Tensor> maps;
  for (const std::vector<Layer>& layers : slices_) {
    if (!maps.empty()) x = at::max_pool2d(x, {2, 2}, {2, 2});
    for (const Layer& layer : layers) x = ops::conv_act(x, layer.weight, layer.bias, kReLU);
    maps.push_back(unit_length(x));
  }
  return maps;
}

Tensor Lpips::operator()(const Tensor& x, const Tensor& y) const {
  if (x.size(2) < kSmallest || x.size(3) < kSmallest) {
    fail("lpips: images of {} x {} pixels, expected {} or more a side", x.size(3), x.size(2), kSmallest);
  }
  const std::vector<Tensor> of_x = features(x), of_y = features(y);
  Tensor sum = torch::zeros({x.size(0)}, shift_.options());
  for (size_t i = 0; i < of_x.size(); ++i) {
    sum = sum + (weights_[i] * (of_x[i] - of_y[i]).square()).sum(1).mean({1, 2});
  }
  return sum;
}

torch::Tensor shrink_for_lpips(const torch::Tensor& images) {
  constexpr int64_t kLargest = 256;
  const int64_t factor = images.size(2) / kLargest;
  return factor > 1 ? at::avg_pool2d(images, {factor, factor}) : images;
}

Lpips load_lpips(const std::filesystem::path& path) { return Lpips(load_tensors(path), path.string()); }

}  // namespace dgl
