#include "dgl/data/sampler.h"

#include <gtest/gtest.h>

#include <map>

#include "dgl/data/packed.h"
#include "temporary_folder.h"

namespace dgl {
namespace {

/// `count` images of 8 x 8 whose pixel [y, x] of image i is 8 * i + x, labeled with i modulo 3.
std::shared_ptr<const Dataset> make_set(const test::TemporaryFolder& folder, int64_t count, bool labeled = true) {
  DatasetInfo info;
  info.count = count;
  info.resolution = 8;
  info.channels = 1;
  if (labeled) info.classes = {"a", "b", "c"};
  PackedWriter writer(folder / "s.dgldata", info);
  for (int64_t i = 0; i < count; ++i) {
    std::vector<uint8_t> pixels(64);
    for (size_t k = 0; k < 64; ++k) pixels[k] = static_cast<uint8_t>(8 * i + static_cast<int64_t>(k % 8));
    writer.add(pixels.data(), static_cast<int32_t>(i % 3));
  }
  writer.finish();
  return std::make_shared<Dataset>(folder / "s.dgldata");
}

/// The numbers of a batch's images.
std::vector<int64_t> numbers(const Batch& batch) {
  const torch::Tensor bytes = to_bytes(batch.images);
  std::vector<int64_t> found;
  for (int64_t i = 0; i < bytes.size(0); ++i) found.push_back(bytes[i].min().item<int64_t>() / 8);
  return found;
}

TEST(BatchSampler, EveryEpochIsANewPermutation) {
  const test::TemporaryFolder folder;
  BatchSampler sampler(make_set(folder, 10), 4, 1, false);
  std::vector<int64_t> seen;
  for (int64_t k = 0; k < 15; ++k) {
    const Batch batch = sampler.batch(k);
    ASSERT_EQ(batch.images.sizes(), (std::vector<int64_t>{4, 1, 8, 8}));
    ASSERT_EQ(batch.images.scalar_type(), torch::kFloat);
    const auto found = numbers(batch);
    for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(batch.labels[i].item<int64_t>(), found[static_cast<size_t>(i)] % 3);
    seen.insert(seen.end(), found.begin(), found.end());
  }
  std::vector<std::vector<int64_t>> epochs;
  for (auto at = seen.begin(); at != seen.end(); at += 10) {
    epochs.emplace_back(at, at + 10);
    std::vector<int64_t> sorted = epochs.back();
    std::sort(sorted.begin(), sorted.end());
    for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(sorted[static_cast<size_t>(i)], i);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
}

TEST(BatchSampler, AnyBatchIsTheSameInAnyOrder) {
  const test::TemporaryFolder folder;
  const auto set = make_set(folder, 10);
  BatchSampler straight(set, 3, 7, true);
  std::map<int64_t, Batch> batches;
  for (int64_t k = 0; k < 20; ++k) batches[k] = straight.batch(k);
  BatchSampler jumping(set, 3, 7, true);
  for (const int64_t k : {19, 3, 3, 4, 0, 12, 13, 11, 19}) {
    const Batch batch = jumping.batch(k);
    EXPECT_TRUE(batch.images.equal(batches[k].images)) << k;
    EXPECT_TRUE(batch.labels.equal(batches[k].labels)) << k;
  }
  BatchSampler other(set, 3, 8, true);
  EXPECT_FALSE(other.batch(3).images.equal(batches[3].images) && other.batch(4).images.equal(batches[4].images));
}

TEST(BatchSampler, FarBatchesAreQuick) {
  const test::TemporaryFolder folder;
  const auto set = make_set(folder, 10);
  BatchSampler one(set, 5, 7, false), two(set, 5, 7, false);
  const int64_t far = 1'000'000'000'000;
  const auto first = numbers(one.batch(far));
  EXPECT_EQ(numbers(two.batch(far + 1)).size(), 5u);
  EXPECT_EQ(numbers(two.batch(far)), first);
}

/// The permutation is part of what makes a run repeatable, on any standard library: it must not change unnoticed.
TEST(BatchSampler, ThePermutationStaysAsItIs) {
  const test::TemporaryFolder folder;
  BatchSampler sampler(make_set(folder, 10), 10, 0, false);
  EXPECT_EQ(numbers(sampler.batch(0)), (std::vector<int64_t>{3, 8, 2, 9, 5, 4, 0, 7, 6, 1}));
  EXPECT_EQ(numbers(sampler.batch(1)), (std::vector<int64_t>{9, 5, 4, 1, 2, 8, 7, 3, 6, 0}));
}

TEST(BatchSampler, ABatchMayBeLargerThanTheSet) {
  const test::TemporaryFolder folder;
  BatchSampler sampler(make_set(folder, 3, false), 8, 5, false);
  for (int64_t k = 0; k < 3; ++k) {
    const Batch batch = sampler.batch(k);
    EXPECT_EQ(batch.images.size(0), 8);
    EXPECT_FALSE(batch.labels.defined());
    std::map<int64_t, int> times;
    for (const int64_t i : numbers(batch)) ++times[i];
    EXPECT_EQ(times.size(), 3u);
    for (const auto& [image, count] : times) EXPECT_GE(count, 2);
  }
  BatchSampler single(make_set(folder, 1, false), 2, 5, false);
  EXPECT_EQ(numbers(single.batch(9)), (std::vector<int64_t>{0, 0}));
}

TEST(BatchSampler, MirrorFlipsAboutHalfTheImagesLeftToRight) {
  const test::TemporaryFolder folder;
  const auto set = make_set(folder, 10);
  BatchSampler plain(set, 50, 3, false), mirrored(set, 50, 3, true);
  int flipped = 0;
  for (int64_t k = 0; k < 8; ++k) {
    const torch::Tensor a = plain.batch(k).images, b = mirrored.batch(k).images;
    for (int64_t i = 0; i < 50; ++i) {
      const bool flip = !a[i].equal(b[i]);
      flipped += flip;
      EXPECT_TRUE(b[i].equal(flip ? a[i].flip({2}) : a[i]));
    }
  }
  EXPECT_GT(flipped, 150);
  EXPECT_LT(flipped, 250);
}

TEST(BatchSampler, SharesOfABatchAreTheBatch) {
  const test::TemporaryFolder folder;
  const auto set = make_set(folder, 10);
  BatchSampler whole(set, 12, 3, true);
  for (const int64_t shares : {2, 3, 12}) {
    for (const int64_t k : {0, 1, 4}) {
      std::vector<torch::Tensor> images, labels;
      for (int64_t share = 0; share < shares; ++share) {
        const Batch batch = BatchSampler(set, 12, 3, true, share, shares).batch(k);
        images.push_back(batch.images);
        labels.push_back(batch.labels);
      }
      const Batch all = whole.batch(k);
      EXPECT_TRUE(torch::cat(images).equal(all.images)) << k << " in " << shares;
      EXPECT_TRUE(torch::cat(labels).equal(all.labels)) << k << " in " << shares;
    }
  }
  test::expect_error([&] { BatchSampler(set, 12, 3, true, 0, 5); }, {"share 0 of 5", "12 images"});
  test::expect_error([&] { BatchSampler(set, 12, 3, true, 2, 2); }, {"share 2 of 2"});
}

TEST(BatchSampler, ValuesAreThoseOfToUnitRange) {
  const test::TemporaryFolder folder;
  const auto set = make_set(folder, 1, false);
  BatchSampler sampler(set, 1, 3, false);
  EXPECT_TRUE(sampler.batch(0).images.equal(to_unit_range(set->images({0}))));
}

TEST(BatchSampler, RefusesAnEmptyBatchAndANegativeNumber) {
  const test::TemporaryFolder folder;
  const auto set = make_set(folder, 3);
  test::expect_error([&] { BatchSampler(set, 0, 1, false); }, {"batch of 0"});
  BatchSampler sampler(set, 1, 1, false);
  test::expect_error([&] { sampler.batch(-1); }, {"-1"});
}

}  // namespace
}  // namespace dgl
