#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

using torch::Tensor;

namespace {

/// Returns the sums of a * b, and writes a * s to `y` unless that is undefined.
Tensor dot(const Tensor& a, const Tensor& b, const Tensor& s, const Tensor& y) {
  const Maps maps(a);
  void* to = y.defined() ? y.data_ptr() : nullptr;
  const Variant variant = maps.variant({a.data_ptr(), b.data_ptr(), to});
  const Sweep sweep(maps, variant);
  const Tensor sums = sweep.sums(a);
  run(sweep.launch("modulate", "channel_dot", a), a.data_ptr(), b.data_ptr(), floats_of(s), to, floats_of(sums),
      maps.channels, maps.pixels, sweep.tile());
  return Sweep::total(sums);
}

}  // namespace

Tensor channel_scale(const Tensor& x_any, const Tensor& s_any) {
  const Tensor x = working_layout(x_any), s = s_any.contiguous(), y = at::empty_like(x);
  const Maps maps(x);
  const Variant variant = maps.variant({x.data_ptr(), y.data_ptr()});
  run(maps.packs("modulate", "channel_scale", variant, x), x.data_ptr(), floats_of(s), y.data_ptr(), maps.images,
      maps.channels, maps.pixels);
  return y;
}

Tensor channel_dot(const Tensor& a, const Tensor& b) { return dot(working_layout(a), working_layout(b), {}, {}); }

std::pair<Tensor, Tensor> scale_and_dot(const Tensor& g_any, const Tensor& s, const Tensor& x) {
  const Tensor g = working_layout(g_any), y = at::empty_like(g);
  const Tensor sums = dot(g, working_layout(x), s.contiguous(), y);
  return {y, sums};
}

}  // namespace dgl::ops::gpu
