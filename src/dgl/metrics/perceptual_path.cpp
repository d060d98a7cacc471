#include "dgl/metrics/perceptual_path.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/nn/style_sampler.h"

namespace dgl {

using torch::Tensor;

double mean_path_length(const Tensor& lengths) {
  const Tensor sorted = std::get<0>(lengths.to(torch::kDouble).flatten().sort());
  const double last = static_cast<double>(sorted.numel() - 1);
  const double low = sorted[static_cast<int64_t>(std::floor(0.01 * last))].item<double>();
  const double high = sorted[static_cast<int64_t>(std::ceil(0.99 * last))].item<double>();
  return sorted.masked_select(sorted.ge(low).logical_and(sorted.le(high))).mean().item<double>();
}

double perceptual_path_length(Sampler& sampler, const Lpips& lpips, const DrawOptions& options) {
  constexpr double kStep = 1e-4;
  constexpr int64_t kBatch = 16;
  StyleSampler* styles = sampler.styles();
  if (!styles) fail("the perceptual path length needs styles to go between, which this model has not");
  const torch::NoGradGuard no_grad;
  const SampleSpec spec = sampler.spec();
  const Tensor z = draw_latents(spec, 2 * options.count, options.seed);
  const Tensor labels = draw_labels(spec, options.count, options.seed, options.label_shares);
  std::vector<Tensor> lengths;
  for (int64_t first = 0; first < options.count; first += kBatch) {
    const int64_t last = std::min(first + kBatch, options.count);
    const Tensor label = labels.defined() ? labels.slice(0, first, last).to(options.device) : Tensor();
    const Tensor from = styles->map(z.slice(0, first, last).to(options.device), label);
    const Tensor to = styles->map(z.slice(0, options.count + first, options.count + last).to(options.device), label);
    const Tensor w = at::cat({from, from.lerp(to, kStep)});
    const auto ends =
        shrink_for_lpips(styles->synthesize(w.unsqueeze(1).expand({-1, styles->num_ws(), -1}), {})).chunk(2);
    lengths.push_back(lpips(ends[0], ends[1]).to(torch::kDouble).cpu() / (kStep * kStep));
  }
  return mean_path_length(at::cat(lengths));
}

}  // namespace dgl
