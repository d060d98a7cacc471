#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

using torch::Tensor;

namespace {

/// The step between the noises of two images.
int noise_step(const Tensor& noise, const Maps& maps) { return noise.defined() && noise.size(0) > 1 ? maps.pixels : 0; }

}  // namespace

Tensor act(const Tensor& x_any, const Tensor& scale_any, const Tensor& bias_any, const Tensor& noise_any,
           const Tensor& strength, Activation a) {
  const Tensor x = working_layout(x_any), scale = contiguous_or_undefined(scale_any), bias = bias_any.contiguous(),
               noise = contiguous_or_undefined(noise_any);
  const Tensor y = at::empty_like(x);
  const Maps maps(x);
  const Variant variant = maps.variant({x.data_ptr(), y.data_ptr()});
  run(maps.packs("act", "act", variant, x), x.data_ptr(), floats_of(scale), floats_of(bias), floats_of(noise),
      noise_step(noise, maps), noise.defined() ? floats_of(strength) : nullptr, y.data_ptr(), maps.images,
      maps.channels, maps.pixels, static_cast<float>(a.alpha), static_cast<float>(a.gain));
  return y;
}

Tensor act_slope(const Tensor& g_any, const Tensor& y_any, Activation a) {
  const Tensor g = working_layout(g_any), y = working_layout(y_any), out = at::empty_like(y);
  Maps maps(y);
  // Where a number lies does not matter here.
  maps.channels = static_cast<int>(y.numel());
  maps.images = maps.pixels = 1;
  maps.channels_last = true;
  const Variant variant = maps.variant({g.data_ptr(), y.data_ptr(), out.data_ptr()});
  run(maps.packs("act", "act_slope", variant, y), g.data_ptr(), y.data_ptr(), out.data_ptr(),
      maps.channels / variant.width, static_cast<float>(a.alpha), static_cast<float>(a.gain));
  return out;
}

ActivationGradient act_gradient(const Tensor& dy_any, const Tensor& y_any, const Tensor& noise_any,
                                const Tensor& scale_any, bool want_dot_t, Activation a) {
  const Tensor dy = working_layout(dy_any), y = working_layout(y_any), noise = contiguous_or_undefined(noise_any),
               scale = contiguous_or_undefined(scale_any);
  const Maps maps(y);
  ActivationGradient result{at::empty_like(y), {}, {}, {}};
  const Variant variant = maps.variant({dy.data_ptr(), y.data_ptr(), result.dx.data_ptr()});
  const Sweep sweep(maps, variant);
  const Tensor sums = sweep.sums(y), dots_t = want_dot_t ? sweep.sums(y) : Tensor(),
               dots_z = noise.defined() ? sweep.sums(y) : Tensor();
  run(sweep.launch("act", "act_gradient", y), dy.data_ptr(), y.data_ptr(), floats_of(scale), floats_of(noise),
      noise_step(noise, maps), result.dx.data_ptr(), floats_of(sums), floats_of(dots_t), floats_of(dots_z),
      maps.channels, maps.pixels, sweep.tile(), static_cast<float>(a.alpha), static_cast<float>(a.gain));
  result.sum = Sweep::total(sums);
  if (want_dot_t) result.dot_t = Sweep::total(dots_t);
  if (noise.defined()) result.dot_z = Sweep::total(dots_z);
  return result;
}

}  // namespace dgl::ops::gpu
