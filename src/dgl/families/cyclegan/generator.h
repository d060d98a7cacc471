#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/nn/network.h"

namespace dgl {

/// A generator that translates images, of any architecture.
class TranslationGenerator : public Network {
 public:
  /// Side of the images that it is trained with; it takes others.
  virtual int64_t resolution() const = 0;
  virtual int64_t img_channels() const = 0;
  /// Feature maps of its first convolution, and residual blocks, 0 without any.
  virtual int64_t first_channels() const = 0;
  virtual int64_t blocks() const = 0;
  /// What sides of images are multiples of, from smallest_side() on.
  virtual int64_t multiple() const = 0;
  virtual int64_t smallest_side() const = 0;

  /// Translates images [N, C, H, W], about -1 … 1; the result is float32 in -1 … 1. Throws Error for sides that it
  /// cannot take.
  torch::Tensor forward(const torch::Tensor& images);
  virtual std::string to_onnx(OnnxGraph& graph, const std::string& images) const = 0;
  /// The weight of the last convolution.
  virtual const torch::Tensor& last_weight() const = 0;

  std::function<void()> example_pass(int64_t batch, torch::Device device) override;
  /// `images` to `images`.
  TensorMap apply(const TensorMap& inputs, const std::string& origin) override;
  bool apply_to_onnx(OnnxGraph& graph) const override;

 private:
  virtual torch::Tensor translate(const torch::Tensor& images) = 0;
};

/// Builds a generator of these settings(). Throws Error, naming `origin`, for an architecture that is not known, a
/// setting out of its range or more than `max_params` parameters.
std::shared_ptr<TranslationGenerator> make_translation_generator(const nlohmann::json& shape, const std::string& origin,
                                                                 int64_t max_params);
/// Its cost. Throws Error as make_translation_generator().
Cost translation_generator_cost(const nlohmann::json& shape, const std::string& origin);

}  // namespace dgl
