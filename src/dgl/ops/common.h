#pragma once

#include <torch/types.h>

namespace dgl::ops {

/// While one with `on` lives, the operations of its thread take their plain reference path (stock ATen) in place of the
/// fast one; so do the derivatives of what they record. For tests, and for networks of a recipe with ops.reference =
/// true.
class ReferenceScope {
 public:
  explicit ReferenceScope(bool on = true) : on_(on) { depth_ += on ? 1 : 0; }
  ~ReferenceScope() { depth_ -= on_ ? 1 : 0; }
  ReferenceScope(const ReferenceScope&) = delete;
  ReferenceScope& operator=(const ReferenceScope&) = delete;
  static bool active() { return depth_ > 0; }

 private:
  static thread_local int depth_;
  const bool on_;
};

/// Whether a ReferenceScope is active on this thread.
inline bool use_reference() { return ReferenceScope::active(); }

/// While one lives, operations of its thread that are about to be differentiated twice (R1, path lengths) are recorded
/// in the form that is quickest so. Results are the same without it.
class TwiceDifferentiable {
 public:
  TwiceDifferentiable() { ++depth_; }
  ~TwiceDifferentiable() { --depth_; }
  TwiceDifferentiable(const TwiceDifferentiable&) = delete;
  TwiceDifferentiable& operator=(const TwiceDifferentiable&) = delete;
  static bool wanted() { return depth_ > 0; }

 private:
  static thread_local int depth_;
};

/// Whether the kernels that take every type (bias_act, modulate, upfirdn2d) can work on `t`: on the CPU, float32,
/// float64 or bfloat16.
bool has_fast_kernel(const torch::Tensor& t);

/// Whether `t` is of a 16-bit type.
bool is_half(const torch::Tensor& t);

/// The layout of [N, C, H, W] that is quickest for tensors like `t`: channels-last, but on a GPU contiguous for
/// float32, for which cuDNN's convolutions are quicker then, by a tenth to a factor of four.
at::MemoryFormat working_format(const torch::Tensor& t);

/// `t` in that layout; contiguous where it has not four dimensions.
torch::Tensor working_layout(const torch::Tensor& t);

/// `t` [N, C, H, W] at another size, each pixel that of the nearest; of t's type.
torch::Tensor upsample_nearest(const torch::Tensor& t, int64_t height, int64_t width);

/// The weight [O, C, 3, 3], contiguous as parameters are, whose taps [3, 3, C, O] float32 are given. (libtorch's own
/// copy takes several times as long: of 512 channels as long as the products that made them.)
torch::Tensor weight_of_taps(const torch::Tensor& taps);

/// `t` in float32 where it is bfloat16.
torch::Tensor to_float32(const torch::Tensor& t);

/// `t` contiguous; undefined where it is.
torch::Tensor contiguous_or_undefined(const torch::Tensor& t);

/// Autograd's functions take no undefined tensors: one of no elements stands for one, and is turned back.
torch::Tensor wrap_undefined(const torch::Tensor& t);
torch::Tensor unwrap_undefined(const torch::Tensor& t);

}  // namespace dgl::ops
