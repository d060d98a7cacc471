#include "dgl/recipe/labels.h"

#include "dgl/base/torch.h"
#include "dgl/data/packed.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

/// A set of 8 x 8 images with these labels of {"cat", "dog", "emu"}; without any, an unlabeled one.
Dataset set_of(const TemporaryFolder& folder, const std::vector<int32_t>& labels) {
  DatasetInfo info;
  info.count = std::max<int64_t>(1, static_cast<int64_t>(labels.size()));
  info.resolution = 8;
  info.channels = 1;
  if (!labels.empty()) info.classes = {"cat", "dog", "emu"};
  PackedWriter writer(folder / "d", info);
  const std::vector<uint8_t> pixels(64);
  for (int64_t i = 0; i < info.count; ++i)
    writer.add(pixels.data(), labels.empty() ? 0 : labels[static_cast<size_t>(i)]);
  writer.finish();
  return Dataset(folder / "d");
}

Recipe recipe_of(bool conditional, int64_t classes = 0) {
  Recipe recipe;
  recipe.network->conditional = conditional;
  recipe.network->classes = classes;
  return recipe;
}

TEST(Labels, AreCountedInTheData) {
  const TemporaryFolder folder;
  const Dataset set = set_of(folder, {0, 2, 1, 2});
  EXPECT_EQ(with_labels_of(set, recipe_of(true)).network->labels(), 3);
  EXPECT_EQ(with_labels_of(set, recipe_of(true, 3)).network->labels(), 3);
  EXPECT_EQ(with_labels_of(set, recipe_of(false)).network->labels(), 0);
  EXPECT_TRUE(label_shares(set).equal(torch::tensor({0.25f, 0.25f, 0.5f})));
}

TEST(Labels, ThatDoNotFitAreErrors) {
  const TemporaryFolder folder;
  expect_error(
      [&] {
        with_labels_of(set_of(folder, {0, 1, 2}), recipe_of(true, 4));
      },
      {"d: 3 labels", "network.classes = 4"});
  expect_error([&] { with_labels_of(set_of(folder, {0, 2}), recipe_of(true)); }, {"d: label 1 (dog) has no images"});
  expect_error([&] { with_labels_of(set_of(folder, {}), recipe_of(true)); }, {"d: the set has no labels", "--labels"});
  EXPECT_NO_THROW(with_labels_of(set_of(folder, {}), recipe_of(false)));
  expect_error([] { require_labels(recipe_of(true), "r.toml"); }, {"r.toml", "network.classes = 0"});
  EXPECT_NO_THROW(require_labels(recipe_of(true, 2), "r.toml"));
}

}  // namespace
}  // namespace dgl::test
