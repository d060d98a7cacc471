#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/cyclegan/generator.h"
#include "dgl/nn/network.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

/// The shape of a U-Net generator (Isola et al. 2017, arXiv 1611.07004, section 6.1.1): convolutions of stride 2 down
/// to a pixel at the usual side, transposed ones back up, each of which also sees what the convolution of its size
/// made.
struct UnetShape {
  int64_t resolution = 256;
  int64_t img_channels = 3;
  std::vector<int64_t> channels{64, 128, 256, 512, 512, 512, 512, 512};  ///< feature maps behind each halving
  std::string norm = "batch";                                            ///< batch, with stored statistics; or instance

  /// Throws Error, naming `origin`, for a missing setting or one out of its range, or a resolution that is no multiple
  /// of multiple().
  static UnetShape from_json(const nlohmann::json& json, const std::string& origin);
  /// From the sizes of its tensors, by the names of pytorch-CycleGAN-and-pix2pix. Throws Error as from_json().
  static UnetShape from_tensors(const NamedTensors& tensors, int64_t resolution, const std::string& origin);
  nlohmann::json to_json() const;
  /// Of a translation of an image of the resolution.
  Cost cost() const;
  int64_t levels() const { return static_cast<int64_t>(channels.size()); }
  int64_t multiple() const { return int64_t{1} << levels(); }
  int64_t smallest_side() const { return multiple(); }
  bool batch_norm() const { return norm == "batch"; }
  /// Feature maps in front of a level's halving, and behind its doubling.
  int64_t outer(int64_t level) const;
  /// Feature maps in front of its doubling.
  int64_t doubled_from(int64_t level) const;

  static constexpr const char* kArchitecture = "unet";
  static constexpr int64_t kFewestLevels = 2, kMostLevels = 12, kMostMaps = 16384;
};

/// A U-Net generator as junyanz/pytorch-CycleGAN-and-pix2pix builds it ("unet_256"), for translation alone: batch norms
/// use the statistics that they stored in training, and there is no dropout, as with that program's --eval. Parameters
/// have that program's names ("model.model.1.model.2.weight"). Fresh weights are N(0, 0.02), biases 0.
class UnetGenerator : public TranslationGenerator {
 public:
  explicit UnetGenerator(const UnetShape& shape);

  const UnetShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.cost(); }
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t img_channels() const override { return shape_.img_channels; }
  int64_t first_channels() const override { return shape_.channels.front(); }
  int64_t blocks() const override { return 0; }
  int64_t multiple() const override { return shape_.multiple(); }
  int64_t smallest_side() const override { return shape_.smallest_side(); }
  std::string to_onnx(OnnxGraph& graph, const std::string& images) const override;
  const torch::Tensor& last_weight() const override { return levels_.front().up.weight; }

 private:
  struct Norm {
    torch::Tensor gain, shift, mean, var;  // undefined for an instance norm
  };
  struct Layer {
    std::string name;
    torch::Tensor weight, bias;  // bias is undefined in front of a batch norm; [in, out, 4, 4] where it doubles
    bool normalized = false;
    Norm norm;
  };
  struct Level {
    Layer down, up;
  };
  Layer make_layer(const std::string& name, const std::vector<int64_t>& sizes, int64_t out, bool bias,
                   const std::string& norm);
  torch::Tensor translate(const torch::Tensor& images) override;
  torch::Tensor normalize(const torch::Tensor& x, const Layer& layer) const;
  std::string layer_to_onnx(OnnxGraph& graph, const Layer& layer, const std::string& x, bool doubles) const;

  UnetShape shape_;
  std::vector<Level> levels_;  // from the image inward
  torch::ScalarType activations_ = torch::kFloat;
};

}  // namespace dgl
