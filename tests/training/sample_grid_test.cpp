#include "dgl/training/sample_grid.h"

#include "dgl/base/torch.h"
#include "dgl/families/stylegan2/networks.h"
#include "drawn_set.h"

namespace dgl::test {
namespace {

TEST(SampleGrid, HasARowForEachLabel) {
  EXPECT_EQ(SampleGrid::of(0).rows, 8);
  EXPECT_TRUE(SampleGrid::of(0).row_labels.empty());
  EXPECT_EQ(SampleGrid::of(3).row_labels, (std::vector<int64_t>{0, 1, 2}));
  const SampleGrid many = SampleGrid::of(1000);
  EXPECT_EQ(many.rows, 16);
  EXPECT_EQ(many.row_labels.back(), 937);
}

TEST(SampleGrid, DrawsTheRowsLabels) {
  torch::NoGradGuard no_grad;
  StyleGan2Settings settings;
  settings.resolution = 8;
  settings.channel_max = 4;
  settings.z_dim = settings.w_dim = 4;
  settings.classes = 2;
  StyleGan2Generator generator(StyleGan2GeneratorShape::make(settings, {}, false));
  const SampleGrid grid = SampleGrid::of(2);
  const torch::Tensor images = grid.draw(generator, 5, torch::kCPU);
  EXPECT_EQ(images.sizes(), (std::vector<int64_t>{16, 3, 8, 8}));
  generator.named_parameters()["mapping.embed.weight"].select(1, 1).add_(1);
  const torch::Tensor changed = grid.draw(generator, 5, torch::kCPU);
  EXPECT_TRUE(changed.slice(0, 0, 8).equal(images.slice(0, 0, 8)));
  EXPECT_FALSE(changed.slice(0, 8).equal(images.slice(0, 8)));
}

TEST(SampleGrid, PicksRealImagesOfTheRowsLabels) {
  const TemporaryFolder folder;
  const Dataset bars(make_bars(folder, "bars", 13));  // labels 0 x 5, 1 x 5, 0 x 3
  const auto index_of = [&](const torch::Tensor& image) {
    for (int64_t i = 0; i < 13; ++i) {
      if (bars.images({i})[0].equal(image)) return i;
    }
    return int64_t{-1};
  };
  std::vector<int64_t> found;
  for (const torch::Tensor& image : SampleGrid::of(2).pick(bars).unbind(0)) found.push_back(index_of(image));
  EXPECT_EQ(found, (std::vector<int64_t>{0, 1, 2, 3, 4, 10, 11, 12, 5, 6, 7, 8, 9, 5, 6, 7}));
  EXPECT_EQ(SampleGrid::of(0).pick(bars).size(0), 64);
}

}  // namespace
}  // namespace dgl::test
