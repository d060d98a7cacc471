#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

using torch::Tensor;

namespace {

/// The sources' Affine, on contiguous tensors that it keeps.
class Affine {
 public:
  struct Pointers {
    const float *mean, *a, *b;
    int mean_step, a_step, b_step;
  };
  explicit Affine(const NormMap& map) : mean_(map.mean.contiguous()), a_(map.a.contiguous()), b_(map.b.contiguous()) {}
  Pointers pointers() const {
    return {floats_of(mean_), floats_of(a_), floats_of(b_), image_step(mean_), image_step(a_), image_step(b_)};
  }
  /// The step between the numbers of two images in `t` [N or 1, C].
  static int image_step(const Tensor& t) { return t.size(0) > 1 ? static_cast<int>(t.size(1)) : 0; }

 private:
  Tensor mean_, a_, b_;
};

/// The sources' numbers of activations.
int curve_of(const NormMap& map) {
  switch (map.curve) {
    case NormActivation::relu: return 1;
    case NormActivation::silu: return 2;
    default: return 0;
  }
}

}  // namespace

std::pair<Tensor, Tensor> norm_statistics(const Tensor& x_any, const Tensor& origin_any) {
  const Tensor x = working_layout(x_any), origin = origin_any.contiguous();
  const Maps maps(x);
  const Variant variant = maps.variant({x.data_ptr()});
  const Sweep sweep(maps, variant);
  const Tensor sums = sweep.sums(x), squares = sweep.sums(x);
  run(sweep.launch("norm", "norm_statistics", x), x.data_ptr(), floats_of(origin), Affine::image_step(origin),
      floats_of(sums), floats_of(squares), maps.channels, maps.pixels, sweep.tile());
  return {Sweep::total(sums), Sweep::total(squares)};
}

Tensor norm_apply(const Tensor& x_any, const NormMap& map) {
  const Tensor x = working_layout(x_any);
  const int64_t scale = map.upsample ? 2 : 1;
  const Tensor y = at::empty({x.size(0), x.size(1), scale * x.size(2), scale * x.size(3)},
                             x.options().memory_format(working_format(x)));
  const Maps maps(y);
  const Affine affine(map);
  const Variant variant = maps.variant({x.data_ptr(), y.data_ptr()});
  run(maps.packs("norm", "norm_apply", variant, x), x.data_ptr(), affine.pointers(), y.data_ptr(), maps.images,
      maps.channels, maps.pixels, maps.width, map.upsample ? 1 : 0, curve_of(map));
  return y;
}

std::pair<Tensor, Tensor> norm_gradient_sums(const Tensor& dy_any, const Tensor& x_any, const NormMap& map) {
  const Tensor x = working_layout(x_any), dy = working_layout(dy_any);
  const Maps maps(x);
  const Affine affine(map);
  const Variant variant = maps.variant({x.data_ptr(), dy.data_ptr()});
  const Sweep sweep(maps, variant);
  const Tensor sums = sweep.sums(x), dots = sweep.sums(x);
  run(sweep.launch("norm", "norm_gradient_sums", x), dy.data_ptr(), x.data_ptr(), affine.pointers(), floats_of(sums),
      floats_of(dots), maps.channels, maps.pixels, maps.width, map.upsample ? 1 : 0, curve_of(map), sweep.tile());
  return {Sweep::total(sums), Sweep::total(dots)};
}

Tensor norm_input_gradient(const Tensor& dy_any, const Tensor& x_any, const NormMap& map, const Tensor& p_any,
                           const Tensor& q_any) {
  const Tensor x = working_layout(x_any), dy = working_layout(dy_any), p = p_any.contiguous(), q = q_any.contiguous(),
               dx = at::empty_like(x);
  const Maps maps(x);
  const Affine affine(map);
  const Variant variant = maps.variant({x.data_ptr(), dy.data_ptr(), dx.data_ptr()});
  run(maps.packs("norm", "norm_input_gradient", variant, x), dy.data_ptr(), x.data_ptr(), affine.pointers(),
      floats_of(p), floats_of(q), Affine::image_step(p), dx.data_ptr(), maps.images, maps.channels, maps.pixels,
      maps.width, map.upsample ? 1 : 0, curve_of(map));
  return dx;
}

}  // namespace dgl::ops::gpu
