#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

using torch::Tensor;

namespace {

/// Runs `kernel` from `x_any` to maps of height x width, which are `edge` pixels wider, or narrower if that is < 0.
Tensor move_edges(const char* kernel, const Tensor& x_any, int64_t edge) {
  const Tensor x = working_layout(x_any);
  const Tensor y = at::empty({x.size(0), x.size(1), x.size(2) + 2 * edge, x.size(3) + 2 * edge},
                             x.options().memory_format(working_format(x)));
  const Maps maps(y), inner(edge > 0 ? x : y);
  const Variant variant = maps.variant({x.data_ptr(), y.data_ptr()});
  run(maps.packs("reflect", kernel, variant, x), x.data_ptr(), y.data_ptr(), maps.images, maps.channels, inner.height,
      inner.width, static_cast<int>(std::abs(edge)));
  return y;
}

}  // namespace

Tensor reflect(const Tensor& x, int64_t edge) { return move_edges("reflect", x, edge); }

Tensor reflect_adjoint(const Tensor& g, int64_t edge) { return move_edges("fold", g, -edge); }

}  // namespace dgl::ops::gpu
