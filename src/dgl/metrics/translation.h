#pragma once

#include <cstdint>
#include <optional>

#include "dgl/base/torch.h"
#include "dgl/metrics/features.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// Translations that are to be measured, and what they can be measured with.
struct TranslationInput {
  Sampler* there = nullptr;            ///< translates
  Sampler* back = nullptr;             ///< translates back; null if there is none
  torch::Tensor images{};              ///< [N, C, H, W] uint8, which are translated
  torch::Tensor partners{};            ///< [N, C, H, W] uint8, the right translation of each; undefined if not known
  FeatureNetwork* features = nullptr;  ///< by which the partner of a translation is looked for; null: it is not
  FeatureNetwork* styles = nullptr;    ///< a classifier that tells the domains apart; null if there is none
  int64_t style = 0;                   ///< its label of the domain that is translated into
  torch::Device device = torch::kCPU;
};

/// What is measured of them; absent where the input lacks what it takes.
struct TranslationMeasures {
  /// Of what comes back of a translation, with the image that it began with: mean peak signal-to-noise ratio in
  /// decibels, and mean absolute difference of values in -1 … 1. The translation goes back as it is, not rounded.
  std::optional<double> cycle_psnr{}, cycle_l1{};
  /// Of translations and partners: mean peak signal-to-noise ratio, and mean structural similarity, which takes images
  /// of 11 pixels a side or more.
  std::optional<double> paired_psnr{}, paired_ssim{};
  /// Share of the translations whose partner is the nearest of all partners by the features, and one of the nearest
  /// five.
  std::optional<double> partner_top1{}, partner_top5{};
  /// Share of the translations that the classifier takes for images of their new domain.
  std::optional<double> style_accuracy{};
};

/// Translates all images and measures that, on bytes as they would be written to files.
TranslationMeasures measure_translations(const TranslationInput& input);

/// Of each row of features [N, d], how many rows of `others` [N, d] but its partner, which is in the same place, are as
/// near to it as its partner or nearer: [N] int64, 0 if its partner alone is the nearest.
torch::Tensor partner_ranks(const torch::Tensor& features, const torch::Tensor& others);

}  // namespace dgl
