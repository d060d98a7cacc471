#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

using torch::Tensor;

namespace {

/// Runs `kernel` on `from`, which gives maps of height x width, to which those of `added` are added if defined.
Tensor resize(const char* kernel, const Tensor& from_any, float factor, const Tensor& added_any, int64_t height,
              int64_t width) {
  const Tensor from = working_layout(from_any), added = added_any.defined() ? working_layout(added_any) : added_any;
  const Tensor out =
      at::empty({from.size(0), from.size(1), height, width}, from.options().memory_format(working_format(from)));
  const Maps maps(out);
  void* more = added.defined() ? added.data_ptr() : nullptr;
  const Variant variant = maps.variant({from.data_ptr(), more, out.data_ptr()});
  run(maps.packs("residual", kernel, variant, from), from.data_ptr(), more, out.data_ptr(), maps.images, maps.channels,
      maps.pixels, maps.width, factor);
  return out;
}

}  // namespace

Tensor spread(const Tensor& s, float factor, const Tensor& y) {
  return resize("spread", s, factor, y, 2 * s.size(2), 2 * s.size(3));
}

Tensor gather(const Tensor& y, float factor, const Tensor& s) {
  return resize("gather", y, factor, s, y.size(2) / 2, y.size(3) / 2);
}

}  // namespace dgl::ops::gpu
