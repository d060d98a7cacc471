#include "ops/common.h"

#include <atomic>

namespace dgl::ops {

namespace {
std::atomic<bool> reference{false};
}

thread_local int TwiceDifferentiable::depth_ = 0;

bool use_reference() { return reference.load(std::memory_order_relaxed); }
void set_use_reference(bool on) { reference = on; }

bool has_fast_kernel(const torch::Tensor& t) {
  return t.device().is_cpu() && (t.scalar_type() == torch::kFloat || t.scalar_type() == torch::kDouble ||
                                t.scalar_type() == torch::kBFloat16);
}

bool is_half(const torch::Tensor& t) { return t.scalar_type() == torch::kBFloat16 || t.scalar_type() == torch::kHalf; }

at::MemoryFormat working_format(const torch::Tensor& t) {
  return t.device().is_cpu() || is_half(t) ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

torch::Tensor working_layout(const torch::Tensor& t) { return t.dim() == 4 ? t.contiguous(working_format(t)) : t.contiguous(); }

torch::Tensor upsample_nearest(const torch::Tensor& t, int64_t height, int64_t width) {
  // In float32: libtorch enlarges bfloat16 on a GPU from 2.1 on only.
  const torch::Tensor wide = t.scalar_type() == torch::kBFloat16 ? t.to(torch::kFloat) : t;
  return at::upsample_nearest2d(wide, at::IntArrayRef{height, width}).to(t.scalar_type());
}

torch::Tensor plain(const torch::Tensor& t) { return t.defined() ? t.contiguous() : t; }
torch::Tensor or_empty(const torch::Tensor& t) { return t.defined() ? t : at::empty({0}); }
torch::Tensor or_undefined(const torch::Tensor& t) { return t.numel() == 0 ? torch::Tensor() : t; }

}  // namespace dgl::ops
