#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/guidance/training_step.h"

namespace dgl {

/// Generated images of earlier steps, which a discriminator sees beside new ones (Shrivastava et al. 2017, arXiv
/// 1612.07828, section 2.3). As in CycleGAN, each image is kept until the pool is full; from then on it passes, or,
/// half the time, takes the place of one that is there, which passes instead.
class ImagePool {
 public:
  /// Of `size` images; 0 lets all pass.
  ImagePool(int64_t size, const ImageShape& image);

  int64_t size() const { return images_.size(0); }

  /// What passes when images come in, and what update() then has to know.
  struct Query {
    torch::Tensor images;    ///< [N, C, R, R]
    torch::Tensor incoming;  ///< [N, C, R, R], as they came
    torch::Tensor places;    ///< [N] float64: where each is kept, or -1
  };
  /// Lets images [N, C, R, R] pass one after the other. `chances` [N, 2], in 0 … 1, decide once the pool is full: an
  /// image is exchanged if its first is above 1/2, with the one whose place is its second times the size. Modifies
  /// nothing.
  Query query(const torch::Tensor& images, const torch::Tensor& chances) const;
  /// Keeps images of a query.
  void update(const torch::Tensor& incoming, const torch::Tensor& places);

  /// Tensors of the state by `name`, shared with the pool.
  std::map<std::string, torch::Tensor> state(const std::string& name) const;

 private:
  torch::Tensor images_;  // [size, C, R, R]; those from count_ on are not there yet
  torch::Tensor count_;   // [] float64
};

}  // namespace dgl
