#include "dgl/metrics/classifier.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>

#include "dgl/base/error.h"
#include "dgl/base/json.h"
#include "dgl/base/table_reader.h"
#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "dgl/nn/network_set.h"
#include "dgl/ops/common.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr double kSlope = 0.2;
constexpr const char* kKey = "dgl";

/// The name becomes a JSON key and appears in messages. "fid" is reserved for the Inception network.
void check_distance(const std::string& name, const std::string& what) {
  const auto allowed = [](unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || name.size() > 32 || !std::all_of(name.begin(), name.end(), allowed) || name == "fid") {
    fail("{} = {}: expected at most 32 of a-z, 0-9 and _, and not fid", what,
         nlohmann::json(name.substr(0, 40)).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
  }
}

ClassifierShape read_shape(const TensorFile& file, const std::string& origin) {
  const auto found = file.metadata.find(kKey);
  const auto json = found == file.metadata.end() ? nlohmann::json() : parse_json(found->second);
  if (!json.is_object() || json.value("family", nlohmann::json()) != "classifier") {
    fail("{}: expected a feature network (family classifier)", origin);
  }
  ClassifierShape shape;
  const TableReader settings(json, origin, "metadata: ");
  shape.distance = settings.required_text("distance");
  check_distance(shape.distance, origin + ": metadata: distance");
  shape.resolution = settings.integer("resolution", 8, 1024);
  shape.channels = settings.integer("channels", 1, 3);
  shape.features = settings.integer("features", 2, 4096);
  shape.classes = settings.integer("classes", 2, 100000);
  if (!std::has_single_bit(static_cast<uint64_t>(shape.resolution))) {
    fail("{}: metadata: resolution = {}: expected a power of two", origin, shape.resolution);
  }
  return shape;
}

}  // namespace

Classifier::Classifier(const ClassifierShape& shape) : shape_(shape) {
  check_distance(shape.distance, "network.distance");
  const auto add = [&](int64_t in, int64_t out, int64_t stride) {
    convolutions_.push_back(
        register_module("conv" + std::to_string(convolutions_.size()),
                        torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).stride(stride).padding(1))));
  };
  add(shape.channels, 32, 1);
  add(32, 64, 2);
  add(64, 64, 1);
  for (int64_t r = shape.resolution / 2; r > 4; r /= 2) add(64, 64, 2);
  hidden_ = register_module("hidden", torch::nn::Linear(64 * 16, shape.features));
  output_ = register_module("output", torch::nn::Linear(shape.features, shape.classes));
}

void Classifier::check_images(const Tensor& images) const {
  const int64_t c = shape_.channels, r = shape_.resolution;
  if (images.dim() != 4 || images.size(1) != c || images.size(2) != r || images.size(3) != r) {
    const auto sizes = images.sizes().slice(std::min<size_t>(1, images.sizes().size()));
    fail("{}: its feature network takes images of {} x {} x {}, got {}", shape_.distance, c, r, r,
         fmt::join(sizes.begin(), sizes.end(), " x "));
  }
  if (images.scalar_type() != torch::kByte) {
    fail("{}: its feature network takes images of 0 to 255 (uint8), got {}", shape_.distance,
         c10::toString(images.scalar_type()));
  }
}

Tensor Classifier::embed(const Tensor& images) {
  Tensor x = ops::working_layout(images);
  for (auto& convolution : convolutions_) x = at::leaky_relu(convolution->forward(x), kSlope);
  return at::leaky_relu(hidden_->forward(x.flatten(1)), kSlope);
}

Tensor Classifier::classify(const Tensor& hidden) { return output_->forward(hidden); }

Tensor Classifier::features(const Tensor& images_u8) {
  check_images(images_u8);
  torch::NoGradGuard no_grad;
  return embed(to_unit_range(images_u8));
}

Activations Classifier::activations(const Tensor& images_u8) {
  torch::NoGradGuard no_grad;
  const Tensor hidden = features(images_u8);
  return {hidden, classify(hidden)};
}

void save_classifier(const std::filesystem::path& path, const Classifier& classifier, double held_out_accuracy) {
  const ClassifierShape& s = classifier.shape();
  TensorFile file;
  put_module(file, "", classifier);
  file.metadata[kKey] = nlohmann::json({{"family", "classifier"},
                                        {"distance", s.distance},
                                        {"resolution", s.resolution},
                                        {"channels", s.channels},
                                        {"features", s.features},
                                        {"classes", s.classes},
                                        {"held_out_accuracy", held_out_accuracy}})
                            .dump();
  save_safetensors(path, file);
}

std::shared_ptr<Classifier> load_classifier(const TensorFile& file, const std::string& origin) {
  const ClassifierShape shape = read_shape(file, origin);
  int64_t numbers = 0;
  for (const auto& [name, tensor] : file.tensors) numbers += tensor.numel();
  // Checks the two layers whose size the metadata determine, before allocating anything.
  if ((shape.features * (64 * 16 + shape.classes)) > numbers) {
    fail("{}: the metadata describe a larger network than the file holds", origin);
  }
  auto network = std::make_shared<Classifier>(shape);
  get_module(file, "", *network, origin);
  network->eval();
  return network;
}

}  // namespace dgl
