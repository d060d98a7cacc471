#pragma once

#include <atomic>
#include <cstdint>

#include <torch/types.h>

namespace dgl::ops {

/// While an object with `on` lives, the operations of its thread take their plain reference path (stock ATen) instead
/// of the fast one. So do the derivatives of operations recorded meanwhile. It is for tests, and for networks of a
/// recipe with ops.reference = true.
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

/// Returns true if a ReferenceScope is active on this thread.
inline bool use_reference() { return ReferenceScope::active(); }

/// While an object lives, operations of its thread are recorded in the form that is fastest to differentiate twice (R1,
/// path lengths). Results are the same without it.
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

/// While an object with `on` lives, Winograd's algorithm multiplies bfloat16 data as such on processors that have
/// instructions for it, in place of float32 numbers (training.cpu = "fast"). It concerns all threads. A convolution's
/// error is then 1 % of its results' standard deviation, six times that of direct convolution in bfloat16.
class FastProducts {
 public:
  explicit FastProducts(bool on) : on_(on) { count_ += on ? 1 : 0; }
  ~FastProducts() { count_ -= on_ ? 1 : 0; }
  FastProducts(const FastProducts&) = delete;
  FastProducts& operator=(const FastProducts&) = delete;
  static bool wanted() { return count_ > 0; }

 private:
  static std::atomic<int> count_;
  const bool on_;
};

/// Returns true if the kernels for every type (bias_act, modulate, upfirdn2d, reflect) support `t`: on the CPU,
/// float32, float64 or bfloat16; on a GPU, what gpu::runs() takes.
bool has_fast_kernel(const torch::Tensor& t);

/// Returns true if `t` has a 16-bit floating-point type.
bool is_half(const torch::Tensor& t);

/// Returns the preferred memory format for tensors [N, C, H, W] like `t`. It is channels-last, except that float32 on a
/// GPU is contiguous. cuDNN's convolutions are then faster, by a tenth to a factor of four.
at::MemoryFormat working_format(const torch::Tensor& t);

/// Returns `t` in that layout, or contiguous if it does not have four dimensions.
torch::Tensor working_layout(const torch::Tensor& t);

/// Resizes `t` [N, C, H, W] by nearest neighbor. Keeps the type.
torch::Tensor upsample_nearest(const torch::Tensor& t, int64_t height, int64_t width);

/// Returns the weight [O, C, 3, 3] of float32 taps [3, 3, C, O], contiguous as parameters are. Libtorch's own copy
/// takes several times as long. With 512 channels it takes as long as the products that made the taps.
torch::Tensor weight_of_taps(const torch::Tensor& taps);

/// Returns `t` in float32 if it is bfloat16, else unchanged.
torch::Tensor to_float32(const torch::Tensor& t);

/// Returns the softmax over the last dimension in `scores`' type, computed in float32.
torch::Tensor softmax(const torch::Tensor& scores);

/// Returns t.contiguous(), or undefined if t is.
torch::Tensor contiguous_or_undefined(const torch::Tensor& t);

/// Custom autograd functions cannot take undefined tensors. wrap_undefined() replaces one by an empty tensor, and
/// unwrap_undefined() turns it back.
torch::Tensor wrap_undefined(const torch::Tensor& t);
torch::Tensor unwrap_undefined(const torch::Tensor& t);

}  // namespace dgl::ops
