#include "dgl/metrics/mmd.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>

#include "dgl/base/torch.h"
#include "dgl/metrics/checks.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr double kScale = 1000;
constexpr int64_t kKernels = int64_t{1} << 20;  // held at once

/// The mean of the kernel over all pairs of rows.
double mean_kernel(const Tensor& x, const Tensor& y, double sigma) {
  const Tensor y_squares = y.square().sum(1);
  const int64_t rows = std::max<int64_t>(1, kKernels / y.size(0));
  double sum = 0;
  for (int64_t first = 0; first < x.size(0); first += rows) {
    const Tensor part = x.slice(0, first, std::min(x.size(0), first + rows));
    const Tensor squared = part.square().sum(1, /*keepdim=*/true) + y_squares - 2 * at::mm(part, y.t());
    sum += squared.clamp_min_(0).mul_(-1 / (2 * sigma * sigma)).exp_().sum().item<double>();
  }
  return sum / (static_cast<double>(x.size(0)) * static_cast<double>(y.size(0)));
}

}  // namespace

double rbf_mmd(const Tensor& real, const Tensor& fake, double sigma) {
  check_pair(real, fake, "mmd");
  // Distances do not depend on a common shift, but their precision does.
  const Tensor center = real.detach().mean(0, /*keepdim=*/false, torch::kDouble).cpu();
  const auto moved = [&](const Tensor& rows) { return rows.detach().to(torch::kCPU, torch::kDouble) - center; };
  const Tensor x = moved(real), y = moved(fake);
  return kScale * (mean_kernel(x, x, sigma) + mean_kernel(y, y, sigma) - 2 * mean_kernel(x, y, sigma));
}

}  // namespace dgl
