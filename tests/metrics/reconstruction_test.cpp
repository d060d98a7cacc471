#include "dgl/metrics/reconstruction.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dgl/base/torch.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

TEST(Reconstruction, PeakSignalToNoise) {
  const auto x = torch::full({2, 3, 12, 12}, 100, torch::kByte);
  auto y = x.clone();
  y[1] += 5;
  const auto found = peak_signal_to_noise(x, y);
  EXPECT_EQ(found[0].item<double>(), 100);
  EXPECT_NEAR(found[1].item<double>(), 20 * std::log10(255.0 / 5), 1e-12);
}

TEST(Reconstruction, StructuralSimilarity) {
  const auto i = torch::arange(16 * 16, torch::kLong);
  const auto image = [&](int64_t factor, int64_t shift) {
    return (i * factor + shift).remainder(256).to(torch::kByte).view({1, 1, 16, 16});
  };
  const auto x = image(7, 0), y = image(7, 30);
  const auto all = at::cat({x, x}), others = at::cat({x, y});
  const auto found = structural_similarity(all, others);
  EXPECT_NEAR(found[0].item<double>(), 1, 1e-12);
  // By the definition, in loops.
  double weights[11], sum = 0;
  for (int k = 0; k < 11; ++k) sum += weights[k] = std::exp(-(k - 5) * (k - 5) / 4.5);
  double total = 0;
  for (int64_t row = 0; row < 6; ++row) {
    for (int64_t column = 0; column < 6; ++column) {
      double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
      for (int64_t a = 0; a < 11; ++a) {
        for (int64_t b = 0; b < 11; ++b) {
          const double w = weights[a] * weights[b] / (sum * sum);
          const double p = x[0][0][row + a][column + b].item<int64_t>(),
                       q = y[0][0][row + a][column + b].item<int64_t>();
          mx += w * p, my += w * q, xx += w * p * p, yy += w * q * q, xy += w * p * q;
        }
      }
      const double c1 = 2.55 * 2.55, c2 = 7.65 * 7.65;
      total += (2 * mx * my + c1) * (2 * (xy - mx * my) + c2) /
               ((mx * mx + my * my + c1) * (xx - mx * mx + yy - my * my + c2));
    }
  }
  EXPECT_NEAR(found[1].item<double>(), total / 36, 1e-9);
  EXPECT_LT(found[1].item<double>(), 0.9);
  // Channels are averaged.
  EXPECT_NEAR(structural_similarity(at::cat({x, x}, 1), at::cat({x, y}, 1)).item<double>(), (1 + total / 36) / 2, 1e-9);
  expect_error([&] { structural_similarity(x.slice(2, 0, 10), x.slice(2, 0, 10)); }, {"16 x 10", "11"});
}

TEST(Reconstruction, MeansOverBatches) {
  const auto x = torch::full({4, 1, 12, 12}, 100, torch::kByte),
             y = x + torch::arange(4).view({4, 1, 1, 1}).to(torch::kByte);
  ReconstructionMeasures whole, parts;
  whole.add(x, y);
  for (const int64_t first : {0, 1}) parts.add(x.slice(0, first, first ? 4 : 1), y.slice(0, first, first ? 4 : 1));
  EXPECT_EQ(parts.count(), 4);
  EXPECT_DOUBLE_EQ(whole.psnr(), parts.psnr());
  EXPECT_DOUBLE_EQ(whole.ssim(), parts.ssim());
  EXPECT_LT(whole.psnr(), 100);
}

}  // namespace
}  // namespace dgl::test
