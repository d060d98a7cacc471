#include "dgl/ops/pointwise.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "dgl/base/parallel.h"
#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/element.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"
#include "dgl/ops/matmul.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr int64_t kFew = 4;      // channels of an image at most, which need kernels of their own
constexpr int64_t kChunk = 384;  // pixels at a time
static_assert(kChunk % kRows == 0);

bool fills_registers(int64_t channels) { return channels % kVecSize == 0; }

/// Returns true if the kernels below support `in` to `out` channels.
bool pointwise_supports(const Tensor& x, int64_t in, int64_t out) {
  if (use_reference()) return false;
  if (gpu::runs(x)) return std::min(in, out) <= gpu::kFewChannels;
  if (!vec_supports(x)) return false;
  return (fills_registers(in) && (fills_registers(out) || out <= kFew)) || (in <= kFew && fills_registers(out));
}

/// Returns true if `expand` computes `in` to `out` channels. If a register has four numbers, the channels of an image
/// can also fill one.
bool few_to_many(int64_t in, int64_t out) { return in <= kFew && fills_registers(out); }

/// Maps few channels to many: y [pixels, n] = x [pixels, few] . w [few, n], + added [pixels, n] if that is given.
template <class T>
void expand(const T* x, const float* w, const T* added, T* y, int64_t pixels, int64_t few, int64_t n) {
  for (int64_t c = 0; c < n; c += kVecSize) {
    Vec rows[kFew];
    for (int64_t k = 0; k < few; ++k) rows[k] = load(w + k * n + c);
    for (int64_t p = 0; p < pixels; ++p) {
      Vec sum = rows[0] * to_float(x[p * few]);
      for (int64_t k = 1; k < few; ++k) sum += rows[k] * to_float(x[p * few + k]);
      if (added) {
        // Rounded first, as if it were stored before.
        store(y + p * n + c, sum);
        sum = load(y + p * n + c) + load(added + p * n + c);
      }
      store(y + p * n + c, sum);
    }
  }
}

float sum_of(const Vec& v) {
  typedef float Four __attribute__((vector_size(16)));
  Four parts[kVecSize / 4];
  std::memcpy(parts, &v, sizeof(v));
  Four sum = parts[0];
  for (int64_t i = 1; i < kVecSize / 4; ++i) sum += parts[i];
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/// Maps many channels to few: y [pixels, few] = x [pixels, n] . w [few, n]^T.
template <class T>
void contract(const T* x, const float* w, T* y, int64_t pixels, int64_t few, int64_t n) {
  for (int64_t p = 0; p < pixels; ++p) {
    Vec sums[kFew] = {};
    for (int64_t c = 0; c < n; c += kVecSize) {
      const Vec v = load(x + p * n + c);
      for (int64_t k = 0; k < few; ++k) sums[k] += v * load(w + k * n + c);
    }
    for (int64_t k = 0; k < few; ++k) y[p * few + k] = from_float<T>(sum_of(sums[k]));
  }
}

/// Computes sums [few, n] += a [pixels, few]^T . b [pixels, n].
template <class T>
void outer(const T* a, const T* b, float* sums, int64_t pixels, int64_t few, int64_t n) {
  for (int64_t c = 0; c < n; c += kVecSize) {
    Vec rows[kFew] = {};
    for (int64_t p = 0; p < pixels; ++p) {
      const Vec v = load(b + p * n + c);
      for (int64_t k = 0; k < few; ++k) rows[k] += v * to_float(a[p * few + k]);
    }
    for (int64_t k = 0; k < few; ++k) store(sums + k * n + c, load(sums + k * n + c) + rows[k]);
  }
}

/// Returns `n` numbers as float32: `p` itself, or a copy in `scratch`.
const float* as_floats(const float* p, int64_t, float*) { return p; }
const float* as_floats(const at::BFloat16* p, int64_t n, float* scratch) {
  for (int64_t i = 0; i < n; i += kVecSize) store(scratch + i, load(p + i));
  return scratch;
}

/// Computes y [pixels, out] = x [pixels, in] . w [in, out] for at most kChunk pixels.
template <class T>
void product(const T* x, const float* w, T* y, int64_t pixels, int64_t in, int64_t out, float* in_scratch,
             float* out_scratch) {
  const float* from = as_floats(x, pixels * in, in_scratch);
  float* to = out_scratch;
  if constexpr (std::is_same_v<T, float>) to = y;
  const int64_t whole = pixels / kRows * kRows;
  multiply<kRows>(from, in, 1, w, to, whole, out, in, false);
  multiply<1>(from + whole * in, in, 1, w, to + whole * out, pixels - whole, out, in, false);
  if constexpr (!std::is_same_v<T, float>) {
    for (int64_t i = 0; i < pixels * out; i += kVecSize) store(y + i, load(to + i));
  }
}

template <class T>
void run_pixels(const T* x, const float* w, const T* added, T* y, int64_t pixels, int64_t in, int64_t out) {
  if (few_to_many(in, out)) return expand(x, w, added, y, pixels, in, out);
  if (out <= kFew) return contract(x, w, y, pixels, out, in);
  std::vector<float> in_scratch, out_scratch;
  if constexpr (!std::is_same_v<T, float>) {
    in_scratch.resize(static_cast<size_t>(kChunk * in));
    out_scratch.resize(static_cast<size_t>(kChunk * out));
  }
  for (int64_t p = 0; p < pixels; p += kChunk) {
    product(x + p * in, w, y + p * out, std::min(kChunk, pixels - p), in, out, in_scratch.data(), out_scratch.data());
  }
}

/// Returns the products, + `added` if that is defined, which only few_to_many() takes.
Tensor fast_pointwise(const Tensor& x_any, const Tensor& w, const Tensor& added_any = {}) {
  if (gpu::runs(x_any)) return gpu::pointwise(x_any, w, added_any);
  const Tensor added = added_any.defined() ? working_layout(added_any) : added_any;
  const Tensor x = working_layout(x_any);
  const int64_t n = x.size(0), in = x.size(1), pixels = x.size(2) * x.size(3), out = w.size(1);
  // [few, many] if one side is few, else [in, out].
  const Tensor weights = few_to_many(in, out) || out > kFew ? w.transpose(1, 2).contiguous() : w.contiguous();
  Tensor y = at::empty({n, out, x.size(2), x.size(3)}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
  dispatch_vec(x, [&](auto element) {
    using T = decltype(element);
    const T* from = x.data_ptr<T>();
    T* to = y.data_ptr<T>();
    const T* sum = added.defined() ? added.data_ptr<T>() : nullptr;
    const float* wp = weights.data_ptr<float>();
    const int64_t step = w.size(0) == 1 ? 0 : in * out;
    const int64_t chunks = (pixels + kChunk - 1) / kChunk;
    parallel_for(0, n * chunks, 1 + 32768 / (kChunk * (in + out)), [=](int64_t first, int64_t last) {
      while (first < last) {
        const int64_t image = first / chunks, begin = first % chunks * kChunk;
        const int64_t more = std::min(last - first, chunks - first % chunks);
        const int64_t count = std::min(more * kChunk, pixels - begin);
        const int64_t place = (image * pixels + begin) * out;
        run_pixels(from + (image * pixels + begin) * in, wp + image * step, sum ? sum + place : nullptr, to + place,
                   count, in, out);
        first += more;
      }
    });
  });
  return y;
}

/// Computes sums [rows, n] += a [pixels, rows]^T . b [pixels, n]. Both fill whole registers.
template <class T>
void add_product(const T* a, const T* b, float* sums, int64_t pixels, int64_t rows, int64_t n) {
  std::vector<float> a_scratch, b_scratch;
  if constexpr (!std::is_same_v<T, float>) {
    a_scratch.resize(static_cast<size_t>(kChunk * rows));
    b_scratch.resize(static_cast<size_t>(kChunk * n));
  }
  for (int64_t p = 0; p < pixels; p += kChunk) {
    const int64_t count = std::min(kChunk, pixels - p);
    multiply<kSumRows>(as_floats(a + p * rows, count * rows, a_scratch.data()), 1, rows,
                       as_floats(b + p * n, count * n, b_scratch.data()), sums, rows, n, count, true);
  }
}

Tensor fast_weight_gradient(const Tensor& x_any, const Tensor& g_any, bool per_image) {
  if (gpu::runs(x_any)) return gpu::pointwise_weight_gradient(x_any, g_any, per_image);
  const Tensor x = working_layout(x_any), g = working_layout(g_any);
  const int64_t n = x.size(0), in = x.size(1), out = g.size(1), pixels = x.size(2) * x.size(3);
  // One row of sums for each image, or for each thread's share of the pixels. Rows are added in order.
  const int64_t shares = per_image ? n : std::clamp<int64_t>(n * pixels * (in + out) / 32768, 1, at::get_num_threads());
  const int64_t each = per_image ? pixels : (n * pixels + shares - 1) / shares;
  const bool few_in = few_to_many(in, out);
  Tensor sums = at::zeros({shares, few_in ? in : out, few_in ? out : in},
                          x.options().dtype(torch::kFloat).memory_format(at::MemoryFormat::Contiguous));
  dispatch_vec(x, [&](auto element) {
    using T = decltype(element);
    const T *xp = x.data_ptr<T>(), *gp = g.data_ptr<T>();
    float* to = sums.data_ptr<float>();
    parallel_for(0, shares, 1, [=](int64_t first, int64_t last) {
      for (int64_t share = first; share < last; ++share) {
        const int64_t begin = share * each, count = std::min(each, n * pixels - begin);
        float* here = to + share * in * out;
        if (few_in) {
          outer(xp + begin * in, gp + begin * out, here, count, in, out);
        } else if (out <= kFew) {
          outer(gp + begin * out, xp + begin * in, here, count, out, in);
        } else {
          add_product(gp + begin * out, xp + begin * in, here, count, out, in);
        }
      }
    });
  });
  if (few_in) sums = sums.transpose(1, 2);
  return per_image || shares == 1 ? sums : sums.sum(0, /*keepdim=*/true);
}

/// Returns `t` in the type that the reference computes in: float32 for bfloat16 on a CPU. There libtorch would sum
/// products in bfloat16.
Tensor for_products(const Tensor& t) { return t.device().is_cpu() ? to_float32(t) : t; }

Tensor reference_pointwise(const Tensor& x, const Tensor& w) {
  const Tensor rows = for_products(x.permute({0, 2, 3, 1}).reshape({x.size(0), -1, x.size(1)}));
  const Tensor y = at::matmul(rows, for_products(w.to(x.scalar_type())).transpose(1, 2)).to(x.scalar_type());
  return y.view({x.size(0), x.size(2), x.size(3), w.size(1)}).permute({0, 3, 1, 2});
}

Tensor reference_weight_gradient(const Tensor& x, const Tensor& g, bool per_image) {
  const Tensor all = at::matmul(for_products(g.flatten(2)), for_products(x.flatten(2)).transpose(1, 2));
  return to_float32(per_image ? all : all.sum(0, /*keepdim=*/true));
}

struct PointwiseForward : Function<PointwiseForward> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& w) {
    context->save_for_backward({x, w});
    return fast_pointwise(x, w);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    Tensor gx, gw;
    if (context->needs_input_grad(0)) gx = pointwise(gradients[0], saved[1].transpose(1, 2));
    if (context->needs_input_grad(1)) gw = pointwise_weight_gradient(saved[0], gradients[0], saved[1].size(0) > 1);
    return {gx, gw};
  }
};

struct BranchPointwise : Function<BranchPointwise> {
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& w) {
    context->save_for_backward({x, w});
    context->set_materialize_grads(false);
    return {x.view_as(x), fast_pointwise(x, w)};
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1], &own = gradients[0], &g = gradients[1];
    if (!g.defined()) return {own, Tensor()};
    Tensor gx, gw;
    if (context->needs_input_grad(0)) {
      const Tensor back = w.transpose(1, 2);
      const bool together = own.defined() && !torch::GradMode::is_enabled() && few_to_many(w.size(1), w.size(2));
      if (together) {
        gx = fast_pointwise(g, back, own);
      } else {
        gx = own.defined() ? own + pointwise(g, back) : pointwise(g, back);
      }
    }
    if (context->needs_input_grad(1)) gw = pointwise_weight_gradient(x, g, w.size(0) > 1);
    return {gx, gw};
  }
};

struct PointwiseWeightGradient : Function<PointwiseWeightGradient> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& g, bool per_image) {
    context->save_for_backward({x, g});
    return fast_weight_gradient(x, g, per_image);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor& v = gradients[0];
    Tensor gx, gg;
    if (context->needs_input_grad(0)) gx = pointwise(saved[1], v.transpose(1, 2));
    if (context->needs_input_grad(1)) gg = pointwise(saved[0], v);
    return {gx, gg, Tensor()};
  }
};

}  // namespace

Tensor pointwise(const Tensor& x, const Tensor& w) {
  return pointwise_supports(x, w.size(2), w.size(1)) ? PointwiseForward::apply(x, w) : reference_pointwise(x, w);
}

std::pair<Tensor, Tensor> branch_pointwise(const Tensor& x, const Tensor& w) {
  if (!pointwise_supports(x, w.size(2), w.size(1))) return {x, reference_pointwise(x, w)};
  auto both = BranchPointwise::apply(x, w);
  return {both[0], both[1]};
}

Tensor pointwise_weight_gradient(const Tensor& x, const Tensor& g, bool per_image) {
  return pointwise_supports(x, x.size(1), g.size(1)) ? PointwiseWeightGradient::apply(x, g, per_image)
                                                     : reference_weight_gradient(x, g, per_image);
}

}  // namespace dgl::ops
