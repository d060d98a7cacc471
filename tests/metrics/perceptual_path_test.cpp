#include "dgl/metrics/perceptual_path.h"

#include "dgl/base/error.h"
#include "dgl/families/stylegan2/networks.h"
#include "dgl/metrics/measure.h"
#include "dgl/nn/style_sampler.h"
#include "drawn_set.h"
#include "hashed_lpips.h"

namespace dgl::test {
namespace {

using torch::Tensor;

TEST(PerceptualPath, LengthsOutsideOfThePercentilesDoNotCount) {
  // numpy: lo = np.percentile(d, 1, method="lower"), hi = np.percentile(d, 99, method="higher"), and the mean of those
  // from lo to hi.
  Tensor lengths = torch::arange(250, torch::kDouble);
  lengths = (lengths * 37).remainder(101).square() / 7;
  EXPECT_NEAR(mean_path_length(lengths), 475.9782857142857, 1e-9);
  EXPECT_EQ(mean_path_length(torch::ones({1})), 1);
}

TEST(PerceptualPath, IsTheSquaredSpeedBetweenStyles) {
  torch::manual_seed(4);
  StyleGan2Settings settings;
  settings.resolution = 16;
  settings.img_channels = 3;
  settings.channel_base = 64;
  settings.channel_max = 8;
  settings.z_dim = settings.w_dim = 8;
  settings.mapping_layers = 2;
  StyleGan2Generator generator(StyleGan2GeneratorShape::make(settings, {}, false));
  const Lpips lpips(hashed_lpips(), "hashed");
  const DrawOptions options{.count = 20, .seed = 3};
  const double found = perceptual_path_length(generator, lpips, options);
  EXPECT_EQ(perceptual_path_length(generator, lpips, options), found);

  // By steps that are ten times as long, which measure the same speed of a smooth path.
  const torch::NoGradGuard no_grad;
  StyleSampler& styles = *generator.styles();
  const Tensor w = styles.map(draw_latents(generator.spec(), 40, 3), {});
  const Tensor from = w.slice(0, 0, 20), to = from.lerp(w.slice(0, 20), 1e-3);
  const auto images = [&](const Tensor& of) {
    return styles.synthesize(of.unsqueeze(1).expand({-1, styles.num_ws(), -1}), {});
  };
  const double rough = mean_path_length(lpips(images(from), images(to)).to(torch::kDouble) / 1e-6);
  EXPECT_GT(found, 0);
  EXPECT_NEAR(found, rough, 0.1 * rough);
}

}  // namespace
}  // namespace dgl::test
