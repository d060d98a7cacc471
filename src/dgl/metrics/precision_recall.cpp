#include "dgl/metrics/precision_recall.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/metrics/checks.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kBlock = int64_t{1} << 19;  // distances held at once; few enough to stay in the cache
constexpr double kRounding = 1e-12;  // tolerance of squared distances, relative to the squared lengths they come from

/// Samples with their squared lengths.
struct Points {
  explicit Points(const Tensor& rows) : x(rows), squares(rows.square().sum(1)) {}
  Tensor x, squares;
};

/// Calls `use` with the squared distances [rows, m] from blocks of rows of `a` to all rows of `b`.
void for_each_block(const Points& a, const Points& b, const std::function<void(const Tensor& squared)>& use) {
  const int64_t rows = std::max<int64_t>(1, kBlock / b.x.size(0));
  for (int64_t first = 0; first < a.x.size(0); first += rows) {
    const int64_t last = std::min(a.x.size(0), first + rows);
    const Tensor inner = at::mm(a.x.slice(0, first, last), b.x.t());
    use((a.squares.slice(0, first, last).unsqueeze(1) + b.squares - 2 * inner).clamp_min_(0));
  }
}

/// Returns the k-th smallest value [n] of each row of `rows` [n, m] in float64, k from 1 to m. One pass with a sorted
/// list of the smallest so far takes a small part of the time of at::kthvalue.
Tensor kth_smallest(const Tensor& rows, int64_t k) {
  const Tensor values = rows.contiguous(), result = at::empty({rows.size(0)}, torch::kDouble);
  const auto last = static_cast<size_t>(k - 1);
  std::vector<double> smallest(last + 1);  // ascending
  for (int64_t row = 0; row < rows.size(0); ++row) {
    std::fill(smallest.begin(), smallest.end(), std::numeric_limits<double>::infinity());
    const double* value = values.data_ptr<double>() + row * rows.size(1);
    for (int64_t i = 0; i < rows.size(1); ++i) {
      if (!(value[i] < smallest[last])) continue;
      size_t at = last;
      for (; at > 0 && smallest[at - 1] > value[i]; --at) smallest[at] = smallest[at - 1];
      smallest[at] = value[i];
    }
    result.data_ptr<double>()[row] = smallest[last];
  }
  return result;
}

/// Returns the squared distance [n] of each point to its k-th nearest neighbor. The nearest point is the point itself.
Tensor squared_radii(const Points& points, int64_t k) {
  std::vector<Tensor> parts;
  for_each_block(points, points, [&](const Tensor& squared) { parts.push_back(kth_smallest(squared, k + 1)); });
  return at::cat(parts);
}

/// Returns the share of `points` inside the manifold of `centers`.
double share_inside(const Points& points, const Points& centers, int64_t k) {
  // Rounding alone can separate copies of one sample, both in radii and in distances.
  const Tensor reach = squared_radii(centers, k) + kRounding * (centers.squares + centers.squares.max());
  int64_t inside = 0;
  for_each_block(points, centers,
                 [&](const Tensor& squared) { inside += squared.le(reach).any(1).sum().item<int64_t>(); });
  return static_cast<double>(inside) / static_cast<double>(points.x.size(0));
}

/// Points of both sets, moved so that the real ones are about zero: distances do not depend on a common shift, but
/// their precision does. Throws Error for sets that do not fit, or that have no more than k.
struct Sets {
  Sets(const Tensor& real, const Tensor& fake, int64_t k, const char* what)
      : center((check_pair(real, fake, what), real.detach().mean(0, /*keepdim=*/false, torch::kDouble).cpu())),
        real(moved(real)),
        fake(moved(fake)) {
    if (k >= 1 && std::min(real.size(0), fake.size(0)) > k) return;
    fail("{}: {} real and {} fake features, expected more than k = {} of each", what, real.size(0), fake.size(0), k);
  }
  Tensor moved(const Tensor& rows) const { return rows.detach().to(torch::kCPU, torch::kDouble) - center; }

  Tensor center;
  Points real, fake;
};

}  // namespace

PrecisionRecall precision_recall(const Tensor& real, const Tensor& fake, int64_t k) {
  const Sets sets(real, fake, k, "precision and recall");
  return {share_inside(sets.fake, sets.real, k), share_inside(sets.real, sets.fake, k)};
}

DensityCoverage density_coverage(const Tensor& real, const Tensor& fake, int64_t k) {
  const Sets sets(real, fake, k, "density and coverage");
  const Points& centers = sets.real;
  const Tensor reach = squared_radii(centers, k) - kRounding * (centers.squares + centers.squares.max());
  int64_t inside = 0;
  Tensor covered = at::zeros({centers.x.size(0)}, torch::kBool);
  for_each_block(sets.fake, centers, [&](const Tensor& squared) {
    const Tensor within = squared.lt(reach);
    inside += within.sum().item<int64_t>();
    covered.logical_or_(within.any(0));
  });
  return {static_cast<double>(inside) / static_cast<double>(k * sets.fake.x.size(0)),
          covered.to(torch::kDouble).mean().item<double>()};
}

double authentic_percentage(const Tensor& real, const Tensor& fake) {
  const Sets sets(real, fake, 1, "authenticity");
  const Points& centers = sets.real;
  const Tensor reach = squared_radii(centers, 1) + kRounding * (centers.squares + centers.squares.max());
  int64_t authentic = 0;
  for_each_block(sets.fake, centers, [&](const Tensor& squared) {
    const auto [distance, nearest] = squared.min(1);
    authentic += distance.gt(reach.index_select(0, nearest)).sum().item<int64_t>();
  });
  return 100 * static_cast<double>(authentic) / static_cast<double>(sets.fake.x.size(0));
}

}  // namespace dgl
