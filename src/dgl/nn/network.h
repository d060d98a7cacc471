#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/channels.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// What a network costs, counted from its shape alone. MACs per image: convolutions, linear layers and attention
/// products; a stride-2 up-convolution counts its input pixels; FIR filters and noise are not counted.
struct Cost {
  int64_t params = 0;
  int64_t macs = 0;
};

class OnnxGraph;

/// Tensors by name.
using TensorMap = std::map<std::string, torch::Tensor>;

/// The tensor called `name`, checked against `sizes`, of which -1 stands for any size above 0. Throws Error as
/// Network::apply() does.
const torch::Tensor& input_tensor(const TensorMap& inputs, const std::string& name, const std::vector<int64_t>& sizes,
                                  const std::string& origin);

/// The tensor `labels` [count] as int64, each below `classes`; undefined if there are none to be taken (`classes` 0).
/// Throws Error as input_tensor() does.
torch::Tensor input_labels(const TensorMap& inputs, int64_t classes, int64_t count, const std::string& origin);

/// What networks of every kind share. A network knows nothing of training.
class Network : public torch::nn::Module {
 public:
  /// The network's shape as JSON, from which its family's make_network() builds an equal one. "family" names the
  /// family.
  virtual nlohmann::json settings() const = 0;
  virtual Cost cost() const = 0;
  /// Which sizes of its tensors depend on the width. Empty for networks that are not narrowed.
  virtual ChannelLayout channel_layout() const { return {}; }
  /// One forward pass on random inputs of `batch` images on `device`, to be timed. Runs without gradients.
  virtual std::function<void()> example_pass(int64_t batch, torch::Device device) = 0;
  /// One forward pass on tensors by name: what `dgl apply` runs, without random numbers. Throws Error, which names
  /// `origin`, the tensor and the shape that was expected, for inputs that are missing or do not fit.
  virtual TensorMap apply(const TensorMap& inputs, const std::string& origin) = 0;
  /// Adds what apply() computes to an empty ONNX graph, with its inputs and outputs by the same names. Returns false,
  /// and adds nothing, if that is not written for this kind of network.
  virtual bool apply_to_onnx(OnnxGraph& graph) const { return false; }

  /// Sets the type that feature maps are kept and convolved in: float32 (the default) or bfloat16. Weights, styles,
  /// statistics, images and scores stay float32.
  virtual void set_activations(torch::ScalarType type) = 0;
  /// Computes with plain reference operations in place of the fast ones (recipe key ops.reference).
  void set_reference(bool on) { reference_ = on; }
  bool reference() const { return reference_; }

  /// Keeps the parameters whose names begin with one of `prefixes` as they are in training: set_requires_grad() then
  /// leaves them without gradients.
  void freeze(std::vector<std::string> prefixes) { frozen_ = std::move(prefixes); }
  /// Whether training may change the parameter of this name.
  bool trains(const std::string& parameter) const;

 private:
  bool reference_ = false;
  std::vector<std::string> frozen_;
};

/// "fp32" or "bf16" as a type of feature maps. Throws Error that names `key` for another word.
torch::ScalarType parse_precision(const std::string& text, const std::string& key);

/// A generator of images from latents.
class Generator : public Network, public Sampler {
 public:
  virtual int64_t z_dim() const = 0;
  /// Number of labels; 0 for an unconditional generator.
  virtual int64_t classes() const { return 0; }
  virtual int64_t resolution() const = 0;
  virtual int64_t channels() const = 0;

  Network& network() override { return *this; }
  SampleSpec spec() const override;
  /// `z` [N, z_dim] and, if it has labels, `labels` [N] to `images`.
  TensorMap apply(const TensorMap& inputs, const std::string& origin) override;
  std::function<void()> example_pass(int64_t batch, torch::Device device) override;
};

/// What a discriminator finds in a batch of images.
struct Judgement {
  torch::Tensor scores;  ///< [N], or [N, P] of P patches; unbounded, higher for images taken to be real
  std::vector<torch::Tensor>
      features;  ///< feature maps [N, C, H, W] from the first block to the last; empty unless asked for
};

/// A discriminator of any family.
class Discriminator : public Network {
 public:
  virtual int64_t classes() const { return 0; }
  virtual int64_t resolution() const = 0;
  virtual int64_t channels() const = 0;

  /// Judges images [N, C, R, R] in -1 … 1 with labels [N] (undefined for an unconditional discriminator) in one pass.
  /// `chunks` batches laid one behind the other are scored as if each came alone, which matters to batch statistics.
  virtual Judgement judge(const torch::Tensor& images, const torch::Tensor& labels, int64_t chunks, bool features) = 0;
  /// The scores of judge() alone.
  torch::Tensor forward(const torch::Tensor& images, const torch::Tensor& labels, int64_t chunks = 1) {
    return judge(images, labels, chunks, /*features=*/false).scores;
  }

  /// `images` and, if it knows labels, `labels` [N] to `scores`, the batch scored as one.
  TensorMap apply(const TensorMap& inputs, const std::string& origin) override;

  /// How many images of a batch are scored together, as minibatch statistics do; 1 if each is scored alone.
  virtual int64_t group() const { return 1; }

  /// Prefixes of the parameters of its blocks, from the image on; the last layers, which all scores need, are in none.
  virtual std::vector<std::string> blocks() const { return {}; }

  std::function<void()> example_pass(int64_t batch, torch::Device device) override;
};

/// Throws Error (naming `origin`) for a network of more than `max_params` parameters, as many as the file at hand
/// holds.
void check_size(const Cost& cost, int64_t max_params, const std::string& origin);

/// Throws Error (naming `origin`) unless generator and discriminator agree on the size, channels and labels of images.
void check_pair(const Generator& generator, const Discriminator& discriminator, const std::string& origin);

/// Copies parameters and buffers from `source` to `target`, networks of the same shape.
void copy_weights(const torch::nn::Module& source, torch::nn::Module& target);

/// Sets requires_grad of every parameter that training may change; the frozen ones never require it.
void set_requires_grad(Network& network, bool on);

}  // namespace dgl
