#include "dgl/families/vae/networks.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/nn/onnx_graph.h"

namespace dgl {

using torch::Tensor;

Posterior::Posterior(const Tensor& moments) {
  const auto halves = moments.chunk(2, 1);
  mean = halves[0];
  log_variance = halves[1].clamp(-30, 20);
}

Posterior Posterior::point(const Tensor& mean) {
  Posterior all_there;
  all_there.mean = mean;
  return all_there;
}

Tensor Posterior::sample(const at::Generator& random) const {
  if (!log_variance.defined()) return mean;
  return mean + at::exp(log_variance / 2) * at::randn(mean.sizes(), random, mean.options().requires_grad(false));
}

Posterior Posterior::scaled(double factor) const {
  Posterior scaled;
  scaled.mean = mean * factor;
  if (log_variance.defined()) scaled.log_variance = log_variance + 2 * std::log(factor);
  return scaled;
}

Tensor Posterior::kl() const {
  if (!log_variance.defined()) return at::zeros({mean.size(0)}, mean.options().requires_grad(false));
  return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum({1, 2, 3});
}

Posterior VaeEncoder::posterior(const Tensor& images) {
  const Tensor moments = encode(images);
  return has_variance() ? Posterior(moments) : Posterior::point(moments);
}

std::function<void()> VaeEncoder::example_pass(int64_t batch, torch::Device device) {
  const ImageShape image = sizes().image;
  const Tensor images = torch::randn({batch, image.channels, image.height, image.width}, device);
  return [this, images] { encode(images); };
}

TensorMap VaeEncoder::apply(const TensorMap& inputs, const std::string& origin) {
  const Tensor& images = input_tensor(inputs, "images", {-1, sizes().image.channels, -1, -1}, origin);
  if (const int64_t factor = sizes().factor; images.size(2) % factor != 0 || images.size(3) % factor != 0) {
    fail("{}: tensor images: {} x {} pixels, expected multiples of {}", origin, images.size(3), images.size(2), factor);
  }
  return {{has_variance() ? "moments" : "z", encode(images.to(torch::kFloat))}};
}

bool VaeEncoder::apply_to_onnx(OnnxGraph& graph) const {
  const auto [image, channels, factor] = sizes();
  const int64_t side = sizes().side();
  const std::string images = graph.input("images", torch::kFloat, {image.channels, image.height, image.width});
  graph.output(to_onnx(graph, images), has_variance() ? "moments" : "z",
               {has_variance() ? 2 * channels : channels, side, side});
  return true;
}

std::string VaeEncoder::mean_to_onnx(OnnxGraph& graph, const std::string& images) const {
  std::string encoded;
  {
    const OnnxGraph::Scope scope(graph, "encoder");
    encoded = to_onnx(graph, images);
  }
  return has_variance() ? graph.node("Split", {encoded}, {{"axis", int64_t{1}}}, 2)[0] : encoded;
}

std::function<void()> VaeDecoder::example_pass(int64_t batch, torch::Device device) {
  const VaeSizes s = sizes();
  const Tensor latents = torch::randn({batch, s.latent_channels, s.side(), s.side()}, device);
  return [this, latents] { decode(latents); };
}

TensorMap VaeDecoder::apply(const TensorMap& inputs, const std::string& origin) {
  const Tensor& latents = input_tensor(inputs, "z", {-1, sizes().latent_channels, -1, -1}, origin);
  return {{"images", decode(latents.to(torch::kFloat))}};
}

bool VaeDecoder::apply_to_onnx(OnnxGraph& graph) const {
  const VaeSizes s = sizes();
  const std::string latents = graph.input("z", torch::kFloat, {s.latent_channels, s.side(), s.side()});
  graph.output(to_onnx(graph, latents), "images", {s.image.channels, s.image.height, s.image.width});
  return true;
}

}  // namespace dgl
