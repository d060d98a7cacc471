#include "dgl/metrics/translation.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"
#include "dgl/metrics/reconstruction.h"
#include "dgl/nn/sampling.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kPartners = 5;  // of partner_top5
constexpr int64_t kBatch = 64;
constexpr double kHalfRange = 127.5;  // bytes for a difference of 1 in -1 … 1

/// A mean of one value for each image, batch by batch.
class Mean {
 public:
  void add(const Tensor& values) {
    sum_ += values.to(torch::kDouble).sum().item<double>();
    count_ += values.numel();
  }
  /// Nothing before the first value.
  std::optional<double> value() const {
    return count_ > 0 ? std::optional<double>(sum_ / static_cast<double>(count_)) : std::nullopt;
  }

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

/// Collects what is measured of translations over batches.
class Collector {
 public:
  explicit Collector(const TranslationInput& input) : input_(input) { draw_.device = input.device; }

  void add(const Tensor& images, const Tensor& partners) {
    const Tensor made = sample_images(*input_.there, {{}, {}, images}, draw_), translations = to_bytes(made);
    if (input_.back) {
      const Tensor returned = to_bytes(sample_images(*input_.back, {{}, {}, made}, draw_));
      cycle_psnr_.add(peak_signal_to_noise(returned, images));
      cycle_l1_.add((returned.to(torch::kFloat) - images.to(torch::kFloat)).abs().mean({1, 2, 3}) / kHalfRange);
    }
    if (partners.defined()) compare(translations, partners);
    if (input_.styles) {
      const Tensor found = input_.styles->activations(translations.to(input_.device)).logits.argmax(1);
      style_.add(found.eq(input_.style).cpu());
    }
  }

  TranslationMeasures measures() const {
    TranslationMeasures all{.cycle_psnr = cycle_psnr_.value(),
                            .cycle_l1 = cycle_l1_.value(),
                            .paired_psnr = psnr_.value(),
                            .paired_ssim = ssim_.value(),
                            .style_accuracy = style_.value()};
    if (features_.empty()) return all;
    const Tensor ranks = partner_ranks(at::cat(features_), at::cat(partner_features_));
    Mean first, five;
    first.add(ranks.eq(0));
    five.add(ranks.lt(kPartners));
    all.partner_top1 = first.value();
    all.partner_top5 = five.value();
    return all;
  }

 private:
  void compare(const Tensor& translations, const Tensor& partners) {
    psnr_.add(peak_signal_to_noise(translations, partners));
    if (std::min(translations.size(2), translations.size(3)) >= kSimilarityWindow) {
      ssim_.add(structural_similarity(translations, partners));
    }
    if (!input_.features) return;
    features_.push_back(input_.features->features(translations.to(input_.device)).cpu());
    partner_features_.push_back(input_.features->features(partners.to(input_.device)).cpu());
  }

  const TranslationInput& input_;
  DrawOptions draw_;
  Mean cycle_psnr_, cycle_l1_, psnr_, ssim_, style_;
  std::vector<Tensor> features_, partner_features_;
};

}  // namespace

TranslationMeasures measure_translations(const TranslationInput& input) {
  const torch::NoGradGuard no_grad;
  Collector collector(input);
  for (int64_t first = 0; first < input.images.size(0); first += kBatch) {
    const auto part = [&](const Tensor& all) { return all.defined() ? all.slice(0, first, first + kBatch) : all; };
    collector.add(part(input.images), part(input.partners));
  }
  return collector.measures();
}

Tensor partner_ranks(const Tensor& features, const Tensor& others) {
  constexpr int64_t kRows = 256;  // bounds the memory of their distances
  const Tensor x = features.to(torch::kDouble), y = others.to(torch::kDouble);
  std::vector<Tensor> ranks;
  for (int64_t first = 0; first < x.size(0); first += kRows) {
    const int64_t last = std::min(first + kRows, x.size(0));
    // Computed from differences, so that equal rows are at a distance of exactly 0.
    const Tensor distances = at::cdist(x.slice(0, first, last), y, 2, /*compute_mode=*/2);
    const Tensor to_partner = distances.diagonal(first).unsqueeze(1);
    ranks.push_back(distances.le(to_partner).sum(1) - 1);
  }
  return at::cat(ranks);
}

}  // namespace dgl
