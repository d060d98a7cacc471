#pragma once

#include <torch/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace dgl {

/// What a weight is computed from: one teacher and one batch of generated images.
struct WeightInput {
  torch::Tensor fake;      ///< [N, C, R, R], a node of the graph that the losses hang on
  torch::Tensor scores;    ///< [N], the teacher's of the fake images
  torch::Tensor loss;      ///< scalar, the teacher's loss of them, unweighted
  torch::Tensor own_loss;  ///< scalar, what the student's own discriminator makes its generator minimize on them
  std::function<torch::Tensor()> real_scores;  ///< computes the teacher's scores [N] of real images, detached
  torch::Tensor last_weight;  ///< of the last layer of the network that made the images; undefined if it tells none
};

/// A per-image multiplier on a teacher's loss, excluded from gradients. Its state changes only in update_statistics(),
/// so evaluate() is safe to call concurrently from shards.
class Weight {
 public:
  virtual ~Weight() = default;
  /// Returns the factor of each image's loss [N], or one for all []. Adds the scalars that it tracks to `statistics`.
  virtual torch::Tensor evaluate(const WeightInput& input, std::map<std::string, torch::Tensor>& statistics) const = 0;
  /// Takes one step's statistics, averaged over shards.
  virtual void update_statistics(const std::map<std::string, torch::Tensor>& statistics) {}
  /// Tensors that a resumed run needs, shared with the weight.
  virtual std::map<std::string, torch::Tensor> state() const { return {}; }
};

/// A weight by name:
///
///     uniform                       1: null, since nothing is multiplied (arXiv 2112.06502, section 3)
///     score                         -s if s < 0, else 0 (guidance/score_weight.h)
///     gradient[:DECAY[,BOUND]]      balances the gradients on the image (guidance/gradient_weight.h)
///     last_layer[:DECAY[,BOUND]]    balances the gradients on the weight of the generator's last layer (the same file)
///     below_real[:DECAY]            1 for images that look less real than real ones do, else 0
///                                   (guidance/below_real_weight.h)
///     confidence[:DECAY]            how well the teacher tells real from fake (guidance/confidence_weight.h)
///
/// Throws Error that names `key` for another name or numbers out of range.
std::shared_ptr<Weight> make_weight(const std::string& text, const std::string& key);

}  // namespace dgl
