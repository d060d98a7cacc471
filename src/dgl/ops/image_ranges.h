#pragma once

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cstdint>

#include "dgl/base/parallel.h"

namespace dgl::ops {

// Divides sweeps over feature maps that sum by image and channel. Private to this library.

/// The pixels of a batch in ranges of one image each. An image is cut only if there are fewer images than threads.
struct ImageRanges {
  explicit ImageRanges(const torch::Tensor& x)
      : images(x.size(0)),
        channels(x.size(1)),
        pixels(x.size(2) * x.size(3)),
        pieces(std::clamp<int64_t>(at::get_num_threads() / std::max<int64_t>(1, images), 1,
                                   std::max<int64_t>(1, pixels))) {}

  /// Calls work(run, image, first, last) for every range. Its pixels are [first, last) of the batch.
  template <class Work>
  void for_each(const Work& work) const {
    parallel_for(0, images * pieces, 1 + 16384 * pieces / std::max<int64_t>(1, pixels * channels),
                 [&](int64_t from, int64_t to) {
                   for (int64_t run = from; run < to; ++run) {
                     const int64_t image = run / pieces, piece = run % pieces;
                     work(run, image, image * pixels + piece * pixels / pieces,
                          image * pixels + (piece + 1) * pixels / pieces);
                   }
                 });
  }
  /// Returns zeros for sums, one row for every range: [images, pieces, channels].
  torch::Tensor sums(const torch::Tensor& x) const {
    const auto type = x.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat;
    return at::zeros({images, pieces, channels}, x.options().dtype(type).memory_format(at::MemoryFormat::Contiguous));
  }
  static torch::Tensor total(const torch::Tensor& sums) { return sums.size(1) == 1 ? sums.squeeze(1) : sums.sum(1); }

  int64_t images, channels, pixels, pieces;
};

}  // namespace dgl::ops
