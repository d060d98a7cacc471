#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

using torch::Tensor;

Tensor pointwise(const Tensor& x_any, const Tensor& w, const Tensor& added_any) {
  const Tensor x = working_layout(x_any);
  const auto in = static_cast<int>(x.size(1)), out = static_cast<int>(w.size(1));
  const Tensor y = at::empty({x.size(0), out, x.size(2), x.size(3)}, x.options().memory_format(working_format(x)));
  const bool expands = in <= kFewChannels;
  // [few, many] for each image
  const Tensor weights = (expands ? w.transpose(1, 2) : w).contiguous();
  const Maps maps(expands ? y : x);
  const Tensor added = added_any.defined() ? working_layout(added_any) : added_any;
  TORCH_CHECK(expands || !added.defined(), "pointwise: adds from few channels only");
  void* more = added.defined() ? added.data_ptr() : nullptr;
  const Variant variant = maps.variant({x.data_ptr(), more, y.data_ptr()});
  const int step = w.size(0) == 1 ? 0 : in * out;
  Maps threads = maps;
  if (!expands) threads.channels = maps.channels_last ? variant.width : 1;  // one takes all channels of its pixels
  run(threads.packs("pointwise", expands ? "expand" : "contract", variant, x), x.data_ptr(), floats_of(weights), step,
      more, y.data_ptr(), maps.images, expands ? in : out, maps.channels, maps.pixels);
  return y;
}

Tensor pointwise_weight_gradient(const Tensor& x_any, const Tensor& g_any, bool per_image) {
  const Tensor x = working_layout(x_any), g = working_layout(g_any);
  const bool few_in = x.size(1) <= kFewChannels;
  const Tensor &few = few_in ? x : g, &many = few_in ? g : x;
  const Maps maps(many);
  const Variant variant = maps.variant({many.data_ptr()});
  const Sweep sweep(maps, variant);
  const auto count = static_cast<int>(few.size(1));
  const Tensor sums = at::empty({count, maps.images, sweep.slices(), maps.channels},
                                many.options().dtype(torch::kFloat).memory_format(at::MemoryFormat::Contiguous));
  run(sweep.launch("pointwise", "outer", many), few.data_ptr(), many.data_ptr(), floats_of(sums), maps.images, count,
      maps.channels, maps.pixels, sweep.tile());
  // [N or 1, few, many]; a weight's gradient is [N or 1, out, in]
  const Tensor each = per_image ? sums.sum(2).transpose(0, 1) : sums.sum(at::IntArrayRef{1, 2}).unsqueeze(0);
  return few_in ? each.transpose(1, 2) : each;
}

}  // namespace dgl::ops::gpu
