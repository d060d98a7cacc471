#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/torch.h"

namespace dgl {

class Network;
class OnnxGraph;
class StyleSampler;

/// The shape of images.
struct ImageShape {
  int64_t channels = 0, height = 0, width = 0;
  bool operator==(const ImageShape&) const = default;
};

/// What N images are made from. A tensor that a sampler does not take is undefined.
struct Condition {
  torch::Tensor latents{};  ///< [N, ...] float32 of SampleSpec::latent_shape
  torch::Tensor labels{};   ///< [N] int64, each below SampleSpec::classes
  torch::Tensor images{};   ///< [N, C, H, W] float32 in -1 … 1 of SampleSpec::input
};

/// What a sampler takes and gives.
struct SampleSpec {
  std::vector<int64_t> latent_shape;  ///< of one image's latents; empty if it takes none
  int64_t classes = 0;                ///< number of labels; 0 if it takes none
  std::optional<ImageShape> input;    ///< images that it translates, if it takes any
  ImageShape output;
};

/// How a sampler draws.
struct SampleOptions {
  double psi = 1;  ///< truncation: the distance of latents from their mean; 1 for none
  /// Draws noise within the network anew for every image; undefined: the stored noise, so that images are a pure
  /// function of the condition.
  at::Generator noise{};
};

/// How a sampler of several steps solves them.
struct SolverChoice {
  std::string name{};              ///< "heun", …; empty: as the model's settings say
  std::optional<int64_t> steps{};  ///< absent: as the model's settings say
};

/// Images of a family's model: all that grids, metrics, ONNX files and `dgl sample` know of it.
class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual SampleSpec spec() const = 0;
  /// Images that it takes may have sides of any multiples of this; 0: only those of the spec.
  virtual int64_t input_multiple() const { return 0; }
  /// The smallest side of images that it takes, where input_multiple() is above 0.
  virtual int64_t smallest_input() const { return input_multiple(); }
  /// Whether its ONNX graph takes images of those sides too, and not only of the spec's.
  virtual bool onnx_takes_any_size() const { return false; }
  /// Takes another solver than the one of the model's settings. Throws Error, which names `origin`, for a sampler that
  /// has no steps, or for an unknown solver.
  virtual void choose_solver(const SolverChoice& choice, const std::string& origin);
  /// Solvers from few calls of the network to many, by which a finished model is measured; none for a sampler without
  /// steps.
  virtual std::vector<SolverChoice> measured_solvers() const { return {}; }
  /// The same sampler as one whose images are made of styles (nn/style_sampler.h); null if they are not.
  virtual StyleSampler* styles() { return nullptr; }
  const StyleSampler* styles() const { return const_cast<Sampler*>(this)->styles(); }
  /// Calls of the network for an image.
  virtual int64_t calls() const { return 1; }
  /// Images [N, C, H, W], about -1 … 1 and not clamped, of a condition that fits the spec.
  virtual torch::Tensor sample(const Condition& condition, const SampleOptions& options = {}) = 0;

  /// The names of a condition's tensors in an ONNX graph; empty for one that the sampler does not take.
  struct ConditionNames {
    std::string latents, labels, images;
  };
  /// Adds what sample() computes with the stored noise to an ONNX graph (nn/onnx_graph.h). Returns the images' name
  /// there.
  virtual std::string to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const = 0;

  /// Whether truncation is a product of latents and psi.
  virtual bool psi_scales_latents() const { return false; }

  /// Recomputes what sampling needs beside the weights, which training leaves behind: batch-norm statistics, from
  /// random images drawn with `seed`, whose labels are drawn as often as `label_shares` [classes] says (undefined:
  /// uniformly). Most families have nothing to do.
  virtual void recalibrate_batch_norm(uint64_t seed, const torch::Tensor& label_shares = {}) {}

  /// The network that samples.
  virtual Network& network() = 0;
  const Network& network() const { return const_cast<Sampler*>(this)->network(); }
};

}  // namespace dgl
