#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dgl/formats/safetensors.h"
#include "dgl/metrics/features.h"

namespace dgl {

/// The shape of a classifier whose last hidden layer serves as features.
struct ClassifierShape {
  std::string distance = "fd";  ///< name of the Fréchet distance on its features: a-z, 0-9, _; not "fid"
  int64_t resolution = 32;      ///< a power of two, 8 or more
  int64_t channels = 1;
  int64_t features = 64;
  int64_t classes = 10;
};

/// A small convolutional classifier: 3x3 convolutions with 32 and 64 maps, stride 2 down to 4 x 4, a hidden layer of
/// `features` units, and leaky ReLUs between them.
class Classifier : public FeatureNetwork, public torch::nn::Module {
 public:
  /// Throws Error if `shape.distance` is not a valid name.
  explicit Classifier(const ClassifierShape& shape);

  std::string distance_name() const override { return shape_.distance; }
  int64_t dimensions() const override { return shape_.features; }
  int64_t classes() const override { return shape_.classes; }
  torch::Tensor features(const torch::Tensor& images_u8) override;
  Activations activations(const torch::Tensor& images_u8) override;
  void to(torch::Device device) override { torch::nn::Module::to(device); }

  const ClassifierShape& shape() const { return shape_; }
  /// embed() maps images [N, C, R, R] in -1 … 1 to the hidden layer [N, features], with gradients. classify() maps the
  /// hidden layer to class scores.
  torch::Tensor embed(const torch::Tensor& images);
  torch::Tensor classify(const torch::Tensor& hidden);

 private:
  void check_images(const torch::Tensor& images) const;

  ClassifierShape shape_;
  std::vector<torch::nn::Conv2d> convolutions_;
  torch::nn::Linear hidden_{nullptr}, output_{nullptr};
};

/// Writes a classifier as safetensors that load_classifier() reads. The metadata hold its shape as JSON under "dgl".
void save_classifier(const std::filesystem::path& path, const Classifier& classifier, double held_out_accuracy);
/// Reads a classifier. Throws Error, naming `origin`, if the file holds none.
std::shared_ptr<Classifier> load_classifier(const TensorFile& file, const std::string& origin);

}  // namespace dgl
