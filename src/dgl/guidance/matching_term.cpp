#include "dgl/guidance/matching_term.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "dgl/base/torch.h"
#include "dgl/guidance/frozen_teacher.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Share of a batch in the running moments: the last hundred batches or so count, and all of the first hundred.
constexpr double kMomentum = 0.01;
double share_of_batch(const Tensor& steps) { return std::max(kMomentum, 1 / (1 + steps.item<double>())); }

/// Added to the variances of real images, as a share of their mean over channels: features that these hardly move would
/// count beyond measure in images unlike them.
constexpr double kVarianceFloor = 0.1;
/// Added to the eigenvalues of a covariance before their roots, whose derivative is infinite at 0. Variances are
/// about 1.
constexpr double kEpsilon = 1e-3;
/// Exponents of the kernel.
constexpr double kExponents[] = {0.2, 0.5, 1, 2, 5};

/// Mean over pairs of different rows of a kernel matrix.
Tensor mean_within(const Tensor& kernel) {
  const auto n = static_cast<double>(kernel.size(0));
  return (kernel.sum() - kernel.diagonal().sum()) / (n * (n - 1));
}

Tensor kernel(const Tensor& x, const Tensor& y) {
  const Tensor distance =
      (x.unsqueeze(1) - y.unsqueeze(0)).square().sum(2) / static_cast<double>(x.size(1));  // squared, by dimension
  Tensor sum = torch::zeros_like(distance);
  for (const double exponent : kExponents) sum = sum + (1 + distance / (2 * exponent)).pow(-exponent);
  return sum / static_cast<double>(std::size(kExponents));
}

/// Unbiased estimate of the squared discrepancy; 0 in expectation for batches of one distribution.
Tensor mmd(const Tensor& fake, const Tensor& real) {
  return mean_within(kernel(fake, fake)) + mean_within(kernel(real, real)) - 2 * kernel(fake, real).mean();
}

Tensor covariance(const Tensor& mean, const Tensor& square) { return square - at::outer(mean, mean); }

/// Frechet distance of Gaussians, differentiable in the first.
Tensor frechet(const Tensor& mean, const Tensor& cov, const Tensor& real_mean, const Tensor& real_cov) {
  const auto [values, vectors] = at::linalg_eigh(real_cov);
  const Tensor root = at::mm(vectors * values.clamp_min(0).sqrt(), vectors.t());
  const Tensor product = at::mm(at::mm(root, cov), root);
  const Tensor roots = (at::linalg_eigvalsh((product + product.t()) / 2).clamp_min(0) + kEpsilon).sqrt();
  return (mean - real_mean).square().sum() + cov.diagonal().sum() + real_cov.diagonal().sum() - 2 * roots.sum();
}

Tensor outer_mean(const Tensor& x) { return at::mm(x.t(), x) / static_cast<double>(x.size(0)); }

std::string name_of(size_t layer, const char* what) { return "layer" + std::to_string(layer) + "." + what; }

}  // namespace

std::vector<std::string> matching_distance_names() { return {"mmd", "frechet"}; }

MatchingTerm::MatchingTerm(MatchingTeacher teacher) : teacher_(std::move(teacher)) {
  Discriminator& d = *teacher_.discriminator;
  freeze_teacher(d);
  const torch::NoGradGuard no_grad;
  const auto options = d.parameters()[0].options().requires_grad(false);
  const Tensor label = torch::zeros({1}, options.dtype(torch::kLong));
  for (const Tensor& x : vectors(torch::zeros({1, d.channels(), d.resolution(), d.resolution()}, options), label)) {
    const int64_t size = x.size(1);
    const auto zeros = [&](at::IntArrayRef sizes) { return torch::zeros(sizes, options); };
    layers_.push_back({zeros({size}), zeros({size, size}), zeros({size}), zeros({size, size}), zeros({})});
  }
}

std::vector<Tensor> MatchingTerm::vectors(const Tensor& images, const Tensor& labels) const {
  std::vector<Tensor> all;
  const Judgement judgement =
      judge_as_teacher(*teacher_.discriminator, images, labels, /*chunks=*/1, /*features=*/true);
  for (const Tensor& maps : judgement.features) {
    all.push_back(maps.to(torch::kFloat).mean({2, 3}));
  }
  return all;
}

Tensor MatchingTerm::distance(const Layer& layer, const Tensor& fake, const Tensor& real) const {
  // The share of this batch, as update_statistics() will take it.
  const double share = share_of_batch(layer.steps);
  const auto running = [&](const Tensor& before, const Tensor& now) { return before.lerp(now, share); };
  const Tensor mean = running(layer.real_mean, real.mean(0)), square = running(layer.real_square, outer_mean(real));
  const Tensor real_cov = covariance(mean, square), variances = real_cov.diagonal().clamp_min(0);
  const Tensor scale = (variances + kVarianceFloor * variances.mean()).rsqrt();
  if (teacher_.distance == "mmd") return mmd((fake - mean) * scale, (real - mean) * scale);
  const Tensor fake_mean = running(layer.fake_mean, fake.mean(0)),
               fake_cov = covariance(fake_mean, running(layer.fake_square, outer_mean(fake)));
  const Tensor both = at::outer(scale, scale);
  const Tensor value = frechet(fake_mean * scale, fake_cov * both, mean * scale, real_cov * both);
  // The gradient of a running moment in a batch is `share` of that in the moment itself: it is scaled, the value is
  // not.
  const Tensor scaled = value / share;
  return scaled + (value - scaled).detach();
}

GuidanceResult MatchingTerm::evaluate(const GuidanceInput& input) const {
  const double weight = teacher_.weight(input.progress);
  if (weight == 0 || !input.fake.defined()) return {};
  std::vector<Tensor> real;
  {
    const torch::NoGradGuard no_grad;
    real = vectors(input.real(/*augmented=*/false), input.real_labels);
  }
  const auto fake = vectors(input.fake, input.labels);
  GuidanceResult result;
  Tensor sum;
  for (size_t i = 0; i < fake.size(); ++i) {
    const Tensor term = distance(layers_[i], fake[i], real[i]);
    sum = sum.defined() ? sum + term : term;
    const Tensor detached = fake[i].detach();
    result.statistics[name_of(i, "real_mean")] = real[i].mean(0);
    result.statistics[name_of(i, "real_square")] = outer_mean(real[i]);
    result.statistics[name_of(i, "fake_mean")] = detached.mean(0);
    result.statistics[name_of(i, "fake_square")] = outer_mean(detached);
  }
  result.loss = weight * sum / static_cast<double>(fake.size());
  result.losses["g_match"] = result.loss.detach();
  return result;
}

void MatchingTerm::update_statistics(const Scalars& statistics) {
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    const auto found = statistics.find(name_of(i, "real_mean"));
    if (found == statistics.end()) return;
    const double share = share_of_batch(layer.steps);
    const auto update = [&](Tensor& running, const char* what) {
      running.copy_(running.lerp(statistics.at(name_of(i, what)), share));
    };
    update(layer.real_mean, "real_mean");
    update(layer.real_square, "real_square");
    update(layer.fake_mean, "fake_mean");
    update(layer.fake_square, "fake_square");
    layer.steps += 1;
  }
}

std::map<std::string, Tensor> MatchingTerm::state() const {
  std::map<std::string, Tensor> all;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    all[name_of(i, "real_mean")] = layer.real_mean;
    all[name_of(i, "real_square")] = layer.real_square;
    all[name_of(i, "fake_mean")] = layer.fake_mean;
    all[name_of(i, "fake_square")] = layer.fake_square;
    all[name_of(i, "steps")] = layer.steps;
  }
  return all;
}

}  // namespace dgl
