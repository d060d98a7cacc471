#include "dgl/metrics/translation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dgl/base/torch.h"
#include "dgl/metrics/reconstruction.h"
#include "dgl/nn/network.h"

namespace dgl::test {
namespace {

/// Adds as many steps of a byte to each pixel.
class Shift : public Sampler {
 public:
  explicit Shift(double bytes) : bytes_(bytes) {}
  SampleSpec spec() const override { return {{}, 0, kImage, kImage}; }
  torch::Tensor sample(const Condition& condition, const SampleOptions&) override {
    return condition.images + bytes_ / 127.5;
  }
  std::string to_onnx(OnnxGraph&, const ConditionNames&, double) const override { return ""; }
  Network& network() override { throw std::logic_error("a shift has no network"); }

 private:
  static constexpr ImageShape kImage{1, 12, 12};
  double bytes_;
};

/// The mean byte of an image as its only feature; a bright image is of label 1.
class Brightness : public FeatureNetwork {
 public:
  std::string distance_name() const override { return "fd_bright"; }
  int64_t dimensions() const override { return 1; }
  int64_t classes() const override { return 2; }
  torch::Tensor features(const torch::Tensor& images) override {
    return images.to(torch::kFloat).mean({1, 2, 3}).unsqueeze(1);
  }
  Activations activations(const torch::Tensor& images) override {
    const torch::Tensor mean = features(images);
    return {mean, at::cat({100 - mean, mean - 100}, 1)};
  }
  void to(torch::Device) override {}
};

/// Flat images of these bytes, [N, 1, side, side].
torch::Tensor flat(const std::vector<int>& bytes, int64_t side = 12) {
  return torch::tensor(bytes).to(torch::kByte).view({-1, 1, 1, 1}).expand({-1, 1, side, side}).contiguous();
}

double decibels(double difference) { return 20 * std::log10(255 / difference); }

TEST(Translation, MeasuresWhatComesBackAndPartners) {
  Shift there(10), back(-7);
  Brightness features;
  // Translations are 60, 90 and 120.
  TranslationInput input{
      .there = &there, .back = &back, .images = flat({50, 80, 110}), .partners = flat({62, 94, 113})};
  const TranslationMeasures plain = measure_translations(input);
  EXPECT_NEAR(*plain.cycle_psnr, decibels(3), 1e-9);
  EXPECT_NEAR(*plain.cycle_l1, 3 / 127.5, 1e-7);
  EXPECT_NEAR(*plain.paired_psnr, (decibels(2) + decibels(4) + decibels(7)) / 3, 1e-9);
  EXPECT_NEAR(*plain.paired_ssim, structural_similarity(flat({60, 90, 120}), input.partners).mean().item<double>(),
              1e-12);
  EXPECT_FALSE(plain.partner_top1);
  EXPECT_FALSE(plain.style_accuracy);

  input.features = input.styles = &features;
  input.style = 1;
  const TranslationMeasures all = measure_translations(input);
  EXPECT_EQ(all.cycle_psnr, plain.cycle_psnr);
  EXPECT_EQ(*all.partner_top1, 1);
  EXPECT_NEAR(*all.style_accuracy, 1.0 / 3, 1e-12);  // 120 alone is bright
  input.style = 0;
  EXPECT_NEAR(*measure_translations(input).style_accuracy, 2.0 / 3, 1e-12);
}

TEST(Translation, LeavesOutWhatCannotBeMeasured) {
  Shift there(10);
  Brightness features;
  TranslationInput input{.there = &there, .images = flat({50, 80}, 8), .features = &features};
  const TranslationMeasures alone = measure_translations(input);
  EXPECT_FALSE(alone.cycle_psnr || alone.cycle_l1 || alone.paired_psnr || alone.partner_top1 || alone.style_accuracy);
  input.partners = flat({60, 90}, 8);
  const TranslationMeasures small = measure_translations(input);
  EXPECT_EQ(*small.paired_psnr, 100);
  EXPECT_FALSE(small.paired_ssim);  // of fewer than 11 pixels
}

TEST(Translation, LooksForPartnersAmongAll) {
  Shift there(0);
  Brightness features;
  // Before the partner of 102, which is 110, there are 100 and 101; and so on.
  const TranslationInput input{.there = &there,
                               .images = flat({100, 102, 0, 0, 0, 0, 255}),
                               .partners = flat({100, 110, 200, 201, 202, 101, 60}),
                               .features = &features};
  const torch::Tensor ranks = partner_ranks(features.features(input.images), features.features(input.partners));
  EXPECT_TRUE(ranks.equal(torch::tensor({0, 2, 4, 5, 6, 2, 6}, torch::kLong))) << ranks;
  const TranslationMeasures found = measure_translations(input);
  EXPECT_NEAR(*found.partner_top1, 1.0 / 7, 1e-12);
  EXPECT_NEAR(*found.partner_top5, 4.0 / 7, 1e-12);
}

// A network whose features do not tell images apart finds no partner.
TEST(Translation, ATieIsNoHit) {
  const torch::Tensor same = torch::ones({600, 2});
  EXPECT_TRUE(partner_ranks(same, same).eq(599).all().item<bool>());
  const torch::Tensor own = torch::arange(600, torch::kFloat).view({-1, 1});
  EXPECT_TRUE(partner_ranks(own, own + 0.25).eq(0).all().item<bool>());
}

}  // namespace
}  // namespace dgl::test
