#include "dgl/ops/common.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "dgl/base/parallel.h"
#include "dgl/base/torch.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops {

thread_local int ReferenceScope::depth_ = 0;
thread_local int TwiceDifferentiable::depth_ = 0;
std::atomic<int> FastProducts::count_ = 0;

bool has_fast_kernel(const torch::Tensor& t) {
  if (!t.device().is_cpu() || gpu::emulated()) return gpu::runs(t);
  return t.scalar_type() == torch::kFloat || t.scalar_type() == torch::kDouble || t.scalar_type() == torch::kBFloat16;
}

bool is_half(const torch::Tensor& t) { return t.scalar_type() == torch::kBFloat16 || t.scalar_type() == torch::kHalf; }

at::MemoryFormat working_format(const torch::Tensor& t) {
  return (t.device().is_cpu() && !gpu::emulated()) || is_half(t) ? at::MemoryFormat::ChannelsLast
                                                                 : at::MemoryFormat::Contiguous;
}

torch::Tensor working_layout(const torch::Tensor& t) {
  return t.dim() == 4 ? t.contiguous(working_format(t)) : t.contiguous();
}

torch::Tensor upsample_nearest(const torch::Tensor& t, int64_t height, int64_t width) {
  // Computes in float32, since libtorch supports bfloat16 here on a GPU only from 2.1 on.
  return at::upsample_nearest2d(to_float32(t), at::IntArrayRef{height, width}).to(t.scalar_type());
}

torch::Tensor to_float32(const torch::Tensor& t) {
  return t.scalar_type() == torch::kBFloat16 ? t.to(torch::kFloat) : t;
}

torch::Tensor softmax(const torch::Tensor& scores) {
  // On a GPU libtorch computes 16-bit types in float32 by itself; a copy in that type would cost three more sweeps.
  if (scores.is_cuda()) return at::softmax(scores, -1);
  return at::softmax(scores, -1, torch::kFloat).to(scores.scalar_type());
}

torch::Tensor weight_of_taps(const torch::Tensor& taps_any) {
  constexpr int64_t kTaps = 9, kOut = 16, kIn = 32;  // one cache line of each row read, a few of each row written
  const torch::Tensor taps = taps_any.contiguous();
  const int64_t in = taps.size(2), out = taps.size(3), across = (in + kIn - 1) / kIn;
  torch::Tensor weight = at::empty({out, in, 3, 3}, taps.options());
  const float* from = taps.data_ptr<float>();
  float* to = weight.data_ptr<float>();
  parallel_for(0, (out + kOut - 1) / kOut * across, 8, [=](int64_t first, int64_t last) {
    float block[kOut][kIn * kTaps];
    for (int64_t i = first; i < last; ++i) {
      const int64_t o = i / across * kOut, c = i % across * kIn, outs = std::min(kOut, out - o),
                    ins = std::min(kIn, in - c);
      for (int64_t tap = 0; tap < kTaps; ++tap) {
        for (int64_t j = 0; j < ins; ++j) {
          const float* row = from + (tap * in + c + j) * out + o;
          for (int64_t k = 0; k < outs; ++k) block[k][j * kTaps + tap] = row[k];
        }
      }
      for (int64_t k = 0; k < outs; ++k) std::copy(block[k], block[k] + ins * kTaps, to + ((o + k) * in + c) * kTaps);
    }
  });
  return weight;
}

torch::Tensor contiguous_or_undefined(const torch::Tensor& t) { return t.defined() ? t.contiguous() : t; }
torch::Tensor wrap_undefined(const torch::Tensor& t) { return t.defined() ? t : at::empty({0}); }
torch::Tensor unwrap_undefined(const torch::Tensor& t) { return t.numel() == 0 ? torch::Tensor() : t; }

}  // namespace dgl::ops
