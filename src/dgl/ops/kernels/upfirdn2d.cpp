#include "dgl/ops/upfirdn2d.h"

#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/parallel.h"
#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/element.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"
#include "dgl/ops/saved_resample.h"
#include "dgl/ops/upfirdn2d_lines.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr int64_t kMaxTaps = 16;

int64_t output_size(int64_t size, const Resample& r) {
  return (size * r.up + r.pad0 + r.pad1 - static_cast<int64_t>(r.taps.size())) / r.down + 1;
}

/// Keeps tensors that are made from a filter, each once for a type and device, since a GPU would wait for every copy.
/// Objects must never be destroyed, because a GPU's driver ends before static objects do.
template <class Key>
class KeptTensors {
 public:
  template <class Make>
  Tensor get(const Key& key, const Tensor& x, const Make& make) {
    const std::lock_guard lock(mutex_);
    Tensor& tensor = kept_[{key, x.scalar_type(), x.device().str()}];
    if (!tensor.defined()) tensor = make().to(x.device(), x.scalar_type());
    return tensor;
  }

 private:
  std::mutex mutex_;
  std::map<std::tuple<Key, torch::ScalarType, std::string>, Tensor> kept_;
};

/// Computes zero insertion, padding (or cropping) and a depthwise convolution with a stride, all by stock ATen.
Tensor reference_upfirdn2d(const Tensor& x, const Resample& r) {
  static auto& kept = *new KeptTensors<std::pair<std::vector<double>, double>>;
  const Tensor kernel = kept.get({r.taps, r.gain}, x, [&] {
    const Tensor taps = torch::tensor(std::vector<double>(r.taps.rbegin(), r.taps.rend()), torch::kDouble);
    return at::outer(taps, taps) * r.gain;
  });
  const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  Tensor y = x;
  if (r.up > 1) {
    y = y.reshape({n, c, h, 1, w, 1});
    y = at::constant_pad_nd(y, {0, r.up - 1, 0, 0, 0, r.up - 1});
    y = y.reshape({n, c, h * r.up, w * r.up});
  }
  const bool even = r.pad0 == r.pad1 && r.pad0 >= 0;
  if (!even) y = at::constant_pad_nd(y, {r.pad0, r.pad1, r.pad0, r.pad1});
  const int64_t padding = even ? r.pad0 : 0;
  return at::conv2d(y, kernel.expand({c, 1, -1, -1}).contiguous(), {}, at::IntArrayRef{r.down, r.down},
                    at::IntArrayRef{padding, padding}, at::IntArrayRef{1, 1}, c);
}

/// A filter tap that meets a sample: the sample's index and the tap's weight.
template <class T>
struct Hit {
  int64_t index;
  T weight;
};

/// Finds the samples of a line of `size` that contribute to output position `at`. Returns their number, at most
/// kMaxTaps.
template <class T>
int64_t find_hits(int64_t at, int64_t size, const Resample& r, const T* taps, std::array<Hit<T>, kMaxTaps>& hits) {
  int64_t count = 0;
  for (int64_t k = 0; k < static_cast<int64_t>(r.taps.size()); ++k) {
    int64_t position = at * r.down + k - r.pad0;
    if (position < 0 || position % r.up != 0) continue;
    position /= r.up;
    if (position < size) hits[count++] = {position, taps[k]};
  }
  return count;
}

/// Computes out[0 … n) = sum over the hits of weight * base[index * stride + …]. The inner loops are vectorized.
template <class S, class In, class Out>
void combine(const std::array<Hit<S>, kMaxTaps>& hits, int64_t count, const In* base, int64_t stride, int64_t n,
             Out* __restrict out) {
  const auto line = [&](int64_t i) { return base + hits[i].index * stride; };
  switch (count) {
    case 0: std::memset(static_cast<void*>(out), 0, sizeof(Out) * static_cast<size_t>(n)); return;
    case 1: {
      const In* __restrict a = line(0);
      const S f = hits[0].weight;
      for (int64_t k = 0; k < n; ++k) out[k] = from_float<Out>(f * to_float(a[k]));
      return;
    }
    case 2: {
      const In* __restrict a = line(0), * __restrict b = line(1);
      const S f = hits[0].weight, g = hits[1].weight;
      for (int64_t k = 0; k < n; ++k) out[k] = from_float<Out>(f * to_float(a[k]) + g * to_float(b[k]));
      return;
    }
    case 3: {
      const In* __restrict a = line(0), * __restrict b = line(1), * __restrict c = line(2);
      const S f = hits[0].weight, g = hits[1].weight, h = hits[2].weight;
      for (int64_t k = 0; k < n; ++k)
        out[k] = from_float<Out>((f * to_float(a[k]) + g * to_float(b[k])) + h * to_float(c[k]));
      return;
    }
    case 4: {
      const In* __restrict a = line(0), * __restrict b = line(1), * __restrict c = line(2), * __restrict d = line(3);
      const S f = hits[0].weight, g = hits[1].weight, h = hits[2].weight, i = hits[3].weight;
      for (int64_t k = 0; k < n; ++k) {
        out[k] = from_float<Out>((f * to_float(a[k]) + g * to_float(b[k])) + (h * to_float(c[k]) + i * to_float(d[k])));
      }
      return;
    }
    default:
      for (int64_t k = 0; k < n; ++k) {
        S sum = 0;
        for (int64_t i = 0; i < count; ++i) sum += hits[i].weight * to_float(line(i)[k]);
        out[k] = from_float<Out>(sum);
      }
  }
}

/// Computes one image row after another: the vertical pass over whole rows into a scratch line, then the horizontal
/// pass. If neither direction resamples, the interior of the horizontal pass is one long loop over pixels and channels.
/// Rows go to `out`, or if that is null to `finish`.
template <class T, class S>
void run_rows(const T* in, T* out, int64_t first, int64_t last, int64_t channels, int64_t height, int64_t width,
              int64_t out_height, int64_t out_width, const Resample& r, const S* taps, const FinishLine& finish) {
  const int64_t row = width * channels, count = static_cast<int64_t>(r.taps.size());
  std::vector<S> scratch(static_cast<size_t>(row));
  std::vector<T> finished(static_cast<size_t>(out ? 0 : out_width * channels));
  std::array<Hit<S>, kMaxTaps> hits;
  // Output columns whose taps are all inside the row, if up = down = 1.
  int64_t inner0 = 0, inner1 = 0;
  if (r.up == 1 && r.down == 1) {
    inner0 = std::clamp<int64_t>(r.pad0, 0, out_width);
    inner1 = std::clamp<int64_t>(width - count + r.pad0 + 1, inner0, out_width);
  }
  for (int64_t i = first; i < last; ++i) {
    const int64_t image = i / out_height, y = i % out_height;
    const int64_t rows = find_hits(y, height, r, taps, hits);
    T* line = out ? out + i * out_width * channels : finished.data();
    if (rows == 0) std::memset(static_cast<void*>(line), 0, sizeof(T) * static_cast<size_t>(out_width * channels));
    if (rows > 0) combine(hits, rows, in + image * height * row, row, row, scratch.data());
    for (int64_t x = 0; x < out_width && rows > 0; ++x) {
      const bool inner = x == inner0 && inner1 > inner0;
      const int64_t seen = find_hits(x, width, r, taps, hits);
      const int64_t pixels = inner ? inner1 - inner0 : 1;
      combine(hits, seen, scratch.data(), channels, pixels * channels, line + x * channels);
      x += pixels - 1;
    }
    if (!out) finish(i * out_width, line);
  }
}

/// Computes all rows, to `y` if that is defined, else to `finish`.
void sweep(const Tensor& x_any, const Resample& r, const Tensor& y, const FinishLine& finish) {
  const Tensor x = working_layout(x_any);
  const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  const int64_t oh = output_size(h, r), ow = output_size(w, r);
  dispatch(x, [&](auto element) {
    using T = decltype(element);
    using S = real_t<T>;
    // A true convolution reverses the taps. The two passes share the gain.
    std::array<S, kMaxTaps> taps{};
    const double gain = std::sqrt(r.gain);
    for (size_t k = 0; k < r.taps.size(); ++k) taps[k] = static_cast<S>(r.taps[r.taps.size() - 1 - k] * gain);
    const T* in = x.data_ptr<T>();
    T* out = y.defined() ? y.data_ptr<T>() : nullptr;
    parallel_for(0, n * oh, 1 + 16384 / std::max<int64_t>(1, ow * c), [&](int64_t first, int64_t last) {
      run_rows(in, out, first, last, c, h, w, oh, ow, r, taps.data(), finish);
    });
  });
}

/// Returns upfirdn2d(x, r), + `added` if that is defined.
Tensor fast_upfirdn2d(const Tensor& x, const Resample& r, const Tensor& added_any = {}) {
  if (gpu::runs(x)) return gpu::upfirdn2d(x, r, added_any);
  const Tensor y = at::empty(upfirdn2d_sizes(x, r), x.options().memory_format(at::MemoryFormat::ChannelsLast));
  if (!added_any.defined()) {
    sweep(x, r, y, {});
    return y;
  }
  const Tensor added = working_layout(added_any);
  const int64_t channels = y.size(1), count = y.size(3) * channels;
  dispatch(x, [&](auto element) {
    using T = decltype(element);
    const T* more = added.data_ptr<T>();
    T* to = y.data_ptr<T>();
    sweep(x, r, {}, [=](int64_t first, const void* line) {
      const T* __restrict a = static_cast<const T*>(line), * __restrict b = more + first * channels;
      T* __restrict out = to + first * channels;
      for (int64_t k = 0; k < count; ++k) out[k] = from_float<T>(to_float(a[k]) + to_float(b[k]));
    });
  });
  return y;
}

/// Returns the resampling of a line of `size`, times `gain`, as a matrix [output, size].
Tensor line_matrix(const Resample& r, int64_t size, double gain, const Tensor& x) {
  static auto& kept = *new KeptTensors<std::tuple<std::vector<double>, std::array<int64_t, 5>, double>>;
  return kept.get({r.taps, {size, r.up, r.down, r.pad0, r.pad1}, gain}, x, [&] {
    const std::vector<double> taps(r.taps.rbegin(), r.taps.rend());
    Tensor rows = torch::zeros({output_size(size, r), size}, torch::kDouble);
    auto at = rows.accessor<double, 2>();
    std::array<Hit<double>, kMaxTaps> hits;
    for (int64_t i = 0; i < rows.size(0); ++i) {
      const int64_t count = find_hits(i, size, r, taps.data(), hits);
      for (int64_t k = 0; k < count; ++k) {
        const auto& hit = hits[static_cast<size_t>(k)];
        at[i][hit.index] += hit.weight * gain;
      }
    }
    return rows;
  });
}

struct UpFirDn : Function<UpFirDn> {
  static Tensor forward(AutogradContext* context, const Tensor& x, std::vector<double> taps, std::vector<int64_t> shape,
                        double gain) {
    const Resample r = SavedResample::of(std::move(taps), shape, gain);
    SavedResample{r, x.size(2), x.size(3)}.save(context);
    if (has_fast_kernel(x)) return fast_upfirdn2d(x, r);
    return is_half(x) ? upfirdn2d_by_products(x, r) : reference_upfirdn2d(working_layout(x), r);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto [r, height, width] = *SavedResample::load(context);
    return {upfirdn2d_adjoint(gradients[0], r, height, width), Tensor(), Tensor(), Tensor()};
  }
};

/// The resampling that takes gradients [.., H', W'] back to height x width. The sides of an image that is not square,
/// which only tests have, may need different padding: the result is then larger and has to be cropped.
struct Adjoint {
  Resample resample;
  bool crops;
};

Adjoint adjoint_of(const Resample& r, const Tensor& g, int64_t height, int64_t width) {
  const auto pad_after = [&](int64_t size, int64_t out) { return size * r.up - out * r.down + r.pad0 - r.up + 1; };
  const int64_t below = pad_after(height, g.size(2)), right = pad_after(width, g.size(3)),
                before = static_cast<int64_t>(r.taps.size()) - 1 - r.pad0;
  return {{std::vector<double>(r.taps.rbegin(), r.taps.rend()), r.down, r.up, before, std::max(below, right), r.gain},
          below != right};
}

struct BranchUpFirDn : Function<BranchUpFirDn> {
  static variable_list forward(AutogradContext* context, const Tensor& x, std::vector<double> taps,
                               std::vector<int64_t> shape, double gain) {
    const Resample r = SavedResample::of(std::move(taps), shape, gain);
    SavedResample{r, x.size(2), x.size(3)}.save(context);
    context->set_materialize_grads(false);
    return {x.view_as(x), fast_upfirdn2d(x, r)};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto [r, height, width] = *SavedResample::load(context);
    const Tensor &own = gradients[0], &g = gradients[1];
    Tensor sum = own;
    if (g.defined()) {
      const Adjoint back = adjoint_of(r, g, height, width);
      if (own.defined() && !back.crops && !torch::GradMode::is_enabled()) {
        sum = fast_upfirdn2d(g, back.resample, own);
      } else {
        const Tensor resampled = upfirdn2d_adjoint(g, r, height, width);
        sum = own.defined() ? own + resampled : resampled;
      }
    }
    return {sum, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

std::vector<int64_t> upfirdn2d_sizes(const Tensor& x, const Resample& r) {
  return {x.size(0), x.size(1), output_size(x.size(2), r), output_size(x.size(3), r)};
}

void upfirdn2d_lines(const Tensor& x, const Resample& r, const FinishLine& finish) { sweep(x, r, {}, finish); }

Tensor upfirdn2d_adjoint(const Tensor& g, const Resample& r, int64_t height, int64_t width) {
  const Adjoint back = adjoint_of(r, g, height, width);
  const Tensor y = upfirdn2d(g, back.resample);
  return back.crops ? y.slice(2, 0, height).slice(3, 0, width) : y;
}

std::pair<Tensor, Tensor> branch_upfirdn2d(const Tensor& x, const Resample& r) {
  if (use_reference() || !has_fast_kernel(x)) return {x, upfirdn2d(x, r)};
  auto both = BranchUpFirDn::apply(x, r.taps, SavedResample::shape(r), r.gain);
  return {both[0], both[1]};
}

Tensor upfirdn2d(const Tensor& x, const Resample& r) {
  if (r.taps.empty() || static_cast<int64_t>(r.taps.size()) > kMaxTaps || r.gain <= 0) {
    fail("upfirdn2d: {} taps with gain {}, expected 1 to {} taps and a positive gain", r.taps.size(), r.gain, kMaxTaps);
  }
  if (use_reference()) return reference_upfirdn2d(x, r);
  // It is its own gradient on every device. Libtorch would differentiate a depthwise convolution twice by its kernel's
  // gradient, which is a convolution with the whole image for every map.
  return UpFirDn::apply(x, r.taps, SavedResample::shape(r), r.gain);
}

Tensor upfirdn2d_by_products(const Tensor& x, const Resample& r) {
  const Tensor rows = line_matrix(r, x.size(2), r.gain, x), columns = line_matrix(r, x.size(3), 1, x);
  if (!x.is_contiguous(at::MemoryFormat::ChannelsLast)) return at::matmul(rows, at::matmul(x, columns.t()));
  const int64_t n = x.size(0), c = x.size(1), h = x.size(2), oh = rows.size(0), ow = columns.size(0);
  const Tensor narrowed = at::matmul(columns, x.permute({0, 2, 3, 1}));  // [N, H, W', C]
  return at::matmul(rows, narrowed.reshape({n, h, ow * c})).view({n, oh, ow, c}).permute({0, 3, 1, 2});
}

const std::vector<double>& fir_1331() {
  static const std::vector<double> taps{0.125, 0.375, 0.375, 0.125};
  return taps;
}

}  // namespace dgl::ops
