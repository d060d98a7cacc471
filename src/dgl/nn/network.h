#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "dgl/base/torch.h"

namespace dgl {

class OnnxGraph;

/// What a network costs, counted from its shape alone. MACs per image: convolutions, linear layers and attention
/// products; a stride-2 up-convolution counts its input pixels; FIR filters and noise are not counted.
struct Cost {
  int64_t params = 0;
  int64_t macs = 0;
};

/// What both kinds of network share.
class Network : public torch::nn::Module {
 public:
  /// The type that feature maps are kept and convolved in: float32 (from the start), or bfloat16. Weights, styles,
  /// statistics, images and scores stay float32.
  virtual void set_activations(torch::ScalarType type) = 0;
};

/// "fp32" | "bf16" as a type of feature maps. Error that names `key` for another word.
torch::ScalarType parse_precision(const std::string& text, const std::string& key);

/// A generator of any family. It knows nothing of training.
class Generator : public Network {
 public:
  /// The network's shape, from which make_generator builds an equal one.
  virtual nlohmann::json settings() const = 0;
  virtual int64_t z_dim() const = 0;
  /// Number of labels; 0 for an unconditional generator.
  virtual int64_t classes() const { return 0; }
  virtual int64_t resolution() const = 0;
  virtual int64_t channels() const = 0;
  virtual Cost cost() const = 0;

  /// Images [N, C, R, R], about -1 … 1 and not clamped, of latents z [N, z_dim] and labels [N] int64 (undefined for an
  /// unconditional generator). `psi` pulls the latents towards the stored mean (1: not at all; the truncation trick).
  /// With the stored constant noise, and so a pure function of its arguments and the weights, unless `noise` is given
  /// to draw it from.
  virtual torch::Tensor sample(const torch::Tensor& z, const torch::Tensor& labels, double psi = 1,
                               const at::Generator& noise = {}) = 0;

  /// Adds what sample() computes with the stored noise to an ONNX graph (nets/onnx.h): the name of the images there, of
  /// those of latents and labels ("" for an unconditional generator).
  virtual std::string to_onnx(OnnxGraph& graph, const std::string& z, const std::string& labels, double psi) const = 0;

  /// Makes what sampling needs beside the weights fit them, where training leaves it behind: the standing statistics of
  /// batch norms over random images of `seed`. Nothing for most families.
  virtual void recalibrate_batch_norm(uint64_t seed) {}
};

/// A discriminator of any family.
class Discriminator : public Network {
 public:
  virtual nlohmann::json settings() const = 0;
  virtual int64_t classes() const { return 0; }
  virtual int64_t resolution() const = 0;
  virtual int64_t channels() const = 0;
  virtual Cost cost() const = 0;

  /// Scores [N], unbounded, higher for images taken to be real, of images [N, C, R, R] in -1 … 1 and labels [N].
  /// `parts` batches laid one behind the other are scored as if each came alone, where batch statistics matter.
  virtual torch::Tensor forward(const torch::Tensor& images, const torch::Tensor& labels, int64_t parts = 1) = 0;
};

/// Builds a network from settings() of one, its weights to be filled in; its "family" key says which. Error for a
/// family that is not known, a missing key, a value out of range, or a network of more than `max_params` parameters
/// (what the file at hand can hold), before anything is allocated; `origin` names the file or recipe in the message.
std::shared_ptr<Generator> make_generator(const nlohmann::json& settings, const std::string& origin,
                                          int64_t max_params = INT64_MAX);
std::shared_ptr<Discriminator> make_discriminator(const nlohmann::json& settings, const std::string& origin,
                                                  int64_t max_params = INT64_MAX);

/// Error (naming `origin`) for a network of more than `max_params` parameters, as many as the file at hand holds.
void check_size(const Cost& cost, int64_t max_params, const std::string& origin);

/// Error (naming `origin`) unless generator and discriminator agree on the size, channels and labels of images.
void check_pair(const Generator& generator, const Discriminator& discriminator, const std::string& origin);

/// Copies parameters and buffers from `source` to `target`, networks of the same shape.
void copy_weights(const torch::nn::Module& source, torch::nn::Module& target);

/// Sets requires_grad of every parameter.
void set_requires_grad(torch::nn::Module& module, bool on);

}  // namespace dgl
